use casebook_core::{Bytes, Evidence, EvidenceId};

use super::super::range::Range;
use super::*;
use crate::facts::workload::read;

fn played(text: &str) -> Vec<Outcome> {
    let item = Evidence {
        id: EvidenceId(0),
        path: "w".into(),
        kind: None,
        bytes: Bytes::new(text.as_bytes().to_vec()),
        referred: false,
    };
    let mut unmodelled = Vec::new();
    let workload = read(&item, &mut unmodelled);
    assert!(unmodelled.is_empty(), "{unmodelled:?}");
    play(&workload).into_iter().map(|step| step.outcome).collect()
}

fn killed(outcome: &Outcome) -> Option<(&str, Vec<&str>)> {
    match outcome {
        Outcome::Killed(kill) => {
            let victims = kill.victims.as_ref()?;
            Some((kill.limit_of.as_str(), victims.iter().map(String::as_str).collect()))
        }
        _ => None,
    }
}

/// The story at 1/64 of its size: the file side decides, not the sum.
#[test]
fn clean_cache_makes_room_and_tmpfs_does_not() {
    let story = |side: &str| {
        played(&format!("group /lab max=64M\nfile /data/a 150M\nprocess p in /lab\n{side}\np: anon 27M\np: anon 9M\n"))
    };
    for side in ["p: read /data/a 33M x3", "p: read /data/a 150M x3", "p: map /data/a 33M", "p: write /data/new 100M"] {
        assert!(story(side).iter().all(|outcome| *outcome == Outcome::Done), "{side}");
    }
    for side in ["p: write /tmp/x 33M", "p: lock /data/a 33M", "p: memfd 33M"] {
        assert_eq!(killed(&story(side)[2]), Some(("/lab", vec!["p"])), "{side}");
    }
}

#[test]
fn what_a_removed_group_left_in_tmpfs_counts_above() {
    let outcomes = played(
        "group /p max=64M\ngroup /p/dead\ngroup /p/app max=200M\nprocess d in /p/dead\nprocess a in /p/app\nd: write /tmp/x 58M\nd: exit\n\
         rmdir /p/dead\na: anon 12M\n",
    );
    assert_eq!(killed(&outcomes[3]), Some(("/p", vec!["a"])));
}

#[test]
fn the_largest_is_killed_unless_its_adj_says_otherwise() {
    let two = |adj: i64| {
        played(&format!(
            "group /lab max=64M\nprocess small in /lab adj={adj}\nprocess large in /lab\nlarge: anon 40M\nsmall: anon 10M\nsmall: anon 20M\n"
        ))
    };
    assert_eq!(killed(&two(0)[2]), Some(("/lab", vec!["large"])));
    assert_eq!(killed(&two(900)[2]), Some(("/lab", vec!["small"])));
    let immortal = played("group /lab max=64M\nprocess p in /lab adj=-1000\np: write /tmp/x 100M\n");
    assert!(matches!(immortal[0], Outcome::Refused(_)), "{immortal:?}");
}

#[test]
fn a_group_is_killed_whole_up_to_the_limit_that_was_hit() {
    let outcomes = played(
        "group /lab max=64M oom.group=1\ngroup /lab/a\ngroup /lab/b\nprocess p in /lab/a\nprocess q in /lab/b\nprocess r in /lab/b adj=-1000\n\
         p: anon 30M\nq: anon 60M\n",
    );
    assert_eq!(killed(&outcomes[1]), Some(("/lab", vec!["p", "q"])));
}

#[test]
fn swap_holds_what_memory_does_not() {
    let with = |swap: &str| played(&format!("swap 100M\ngroup /lab max=64M {swap}\nprocess p in /lab\np: anon 100M\n"));
    assert_eq!(with("")[0], Outcome::Done);
    assert_eq!(killed(&with("swap.max=0")[0]), Some(("/lab", vec!["p"])));
}

/// What `memory.high` slows down does not reach `memory.max`.
#[test]
fn high_throttles_what_cannot_be_reclaimed() {
    let with = |high: &str| {
        played(&format!(
            "group /lab max=64M high={high}\nfile /data/a 90M\nprocess p in /lab\np: anon 36M\np: read /data/a 90M\np: anon 40M\n"
        ))
    };
    assert_eq!(with("40M"), [Outcome::Done, Outcome::Done, Outcome::Throttled]);
    assert!(killed(&with("max")[2]).is_some());
}

#[test]
fn a_file_system_in_memory_of_a_size_refuses_more() {
    let outcomes = played("group /lab max=64M\nprocess p in /lab\np: write /tmp/32m/x 40M\np: anon 20M\n");
    assert_eq!(outcomes, [Outcome::Refused(Refusal::Full), Outcome::Done]);
}

/// Too close to the limit is not decided.
#[test]
fn at_the_edge_the_answer_is_unknown() {
    let close = "group /lab max=64M\nprocess p in /lab\np: anon 65100K\n";
    assert!(matches!(played(close)[0], Outcome::Close(_)));
    // Whether it comes at the one step or at the next: it comes.
    assert_eq!(killed(&played(&format!("{close}p: anon 40M\n"))[1]), Some(("/lab", vec!["p"])));
}

#[test]
fn page_cache_belongs_to_who_read_it_first() {
    let text = "group /a\ngroup /b\nfile /data/x 40M\nprocess p in /a\nprocess q in /b\np: read /data/x 40M\nq: read /data/x 40M\n";
    let item = Evidence {
        id: EvidenceId(0),
        path: "w".into(),
        kind: None,
        bytes: Bytes::new(text.as_bytes().to_vec()),
        referred: false,
    };
    let steps = play(&read(&item, &mut Vec::new()));
    let last = &steps[1].groups;
    assert_eq!((last[0].cache, last[1].cache), (Range::exact(40 << 20), Range::ZERO));
}
