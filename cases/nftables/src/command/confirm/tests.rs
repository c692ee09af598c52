use casebook_core::{Action, Bytes, Done, EvidenceSet};
use casebook_formats::nft::packet_text::parse;
use casebook_formats::nft::release::Host;

use super::experiment::by_index;
use super::*;
use crate::facts;

/// A machine whose kernel gives packets this mark, or drops them, once a ruleset is there.
struct Kernel(Option<u32>);

impl Experiments for Kernel {
    fn run(&self, steps: &[Action]) -> Result<Vec<Done>, String> {
        let loads =
            steps.iter().filter(|step| matches!(step, Action::Run { program: "nft", input, .. } if !input.is_empty()));
        let mark = if loads.count() == 2 { self.0 } else { Some(0) };
        let answer = |step: &Action| match step {
            Action::Run { program: "nft", arguments, .. } if arguments.iter().any(|word| word == "table") => {
                let elements = mark.map_or_else(|| json!([]), |mark| json!([mark]));
                let listing = json!({"nftables": [{"set": {"name": "passed", "elem": elements}}]});
                Done { output: listing.to_string().into_bytes(), failed: None }
            }
            _ => Done::default(),
        };
        Ok(steps.iter().map(answer).collect())
    }
}

fn asked_of(kernel: Option<&dyn Experiments>, text: &str, packet: &str) -> Answer {
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.as_bytes().to_vec()));
    let ruleset = facts::ruleset(&set, set.get(id).unwrap(), Host::default()).ruleset;
    let loaded = Loaded { text: text.as_bytes(), json: false, includes: false, ruleset: &ruleset };
    confirm(kernel, &[loaded], &parse(packet).unwrap())
}

const MARKS: &str =
    "table ip t {\n chain c {\n  type filter hook input priority 0;\n  udp dport 53 meta mark set 0x10\n }\n}\n";
const PACKET: &str = "udp 10.0.0.1:40000 > 10.0.0.2:53, iif lan0, path input";

#[test]
fn what_the_kernel_does_is_held_against_the_model() {
    let asked = |mark| asked_of(Some(&Kernel(mark)), MARKS, PACKET);
    assert_eq!(asked(Some(0x10)), Answer::Confirmed("accept with mark 0x10".into()));
    assert_eq!(asked(Some(0x11)), Answer::Disagrees("mark 0x11 where the model says 0x10".into()));
    assert_eq!(asked(None), Answer::Disagrees("drop where the model says accept".into()));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let why = |kernel, packet| match asked_of(kernel, MARKS, packet) {
        Answer::Unconfirmed(why) => why,
        other => panic!("{other:?}"),
    };
    let kernel = Kernel(Some(0));
    assert_eq!(why(None, PACKET), "there is no machine to ask");
    assert_eq!(why(Some(&kernel), "udp 10.0.0.1:1 > 10.0.0.2:53, iif lo, path input"), "it goes over lo");
}

#[test]
fn devices_that_rules_know_by_index_are_made() {
    let text = b"iif lan0 accept; oif != { \"wan0\", wg0 } drop; iifname eth9 accept; iif 3 drop";
    assert_eq!(by_index(text).into_iter().collect::<Vec<_>>(), ["lan0", "wan0", "wg0"]);
}
