//! The answers other cases get (`casebook_formats::nft::ask`) against the evaluator that the kernel oracle holds.

use std::collections::HashSet;

use casebook_formats::nft::ask::{Context, Verdict, ask, evaluator};
use casebook_formats::nft::ir::RuleRef;
use casebook_formats::nft::outcome::{Effect, End};
use casebook_formats::nft::packet_text;
use casebook_formats::nft::walk::Evaluator;

use super::symbolic::{Draw, ruleset};

const DEVICES: &[&str] = &["iif wan0", "iif lan0 oif wan0", "iif wan0 oif lan0", "oif lan0", "iif lo"];
const FLOWS: &[&str] = &[
    "tcp 10.1.2.3:40000 > 172.16.0.1:22 syn",
    "tcp 10.1.2.3:40000 > 172.16.0.1:80 ack",
    "tcp 192.0.2.7:1023 > 10.0.0.1:443 rst",
    "tcp 192.0.2.7:40000 > 10.0.0.1:8080 syn,ack",
    "udp 10.9.0.5:53 > 10.0.0.1:53",
    "tcp [fe80::1]:1 > [2001:db8::2]:80 syn",
    "icmp 10.1.2.3 > 172.16.0.1",
];
const STATES: &[&str] = &["", "ct new", "ct established", "ct invalid", "ct related", "mark 0x10", "mark 0x120"];

/// No rule here draws a number; where the type of a device is asked for, there are several ways, and the evaluator joins
/// them.
#[test]
fn an_answer_is_what_the_evaluator_says() {
    let seed = 11;
    let mut draw = Draw(seed);
    let (mut compared, mut disagreed, mut several) = (0, 0, 0);
    for number in 0..400 {
        let (text, ruleset) = ruleset(seed * 100_000 + number);
        let mut asked = evaluator(&ruleset, &Context::default());
        let mut evaluator = Evaluator::new(&ruleset);
        for _ in 0..25 {
            let line = format!("{} {} {}", draw.pick(DEVICES), draw.pick(FLOWS), draw.pick(STATES));
            let packet = packet_text::parse(&line).unwrap();
            let outcome = evaluator.run(&packet);
            let answer = ask(&ruleset, &mut asked, &packet);
            let end = match answer.verdict {
                Verdict::Accept => End::Accept,
                Verdict::Drop => End::Drop,
                Verdict::Reject(_) => End::Reject,
                Verdict::Stolen => End::Stolen,
                Verdict::Unknown => End::Unknown,
            };
            // What some way lacks is in neither list.
            let effects: HashSet<RuleRef> = outcome
                .effects
                .iter()
                .filter(|(_, effect)| !matches!(effect, Effect::Counter(_)))
                .map(|(rule, _)| *rule)
                .collect();
            let met: HashSet<RuleRef> =
                answer.met().iter().filter(|(_, always)| *always).map(|(met, _)| met.rule).collect();
            let alike = end == outcome.end
                && answer.decided.map(|decided| decided.by) == outcome.decided
                && answer.depends == outcome.depends
                && met == effects
                && (answer.ways.len() > 1 || answer.ways[0].ct_state == outcome.ct_state);
            several += usize::from(answer.ways.len() > 1);
            compared += 1;
            if !alike {
                disagreed += 1;
                println!("{line}\n{text}\n{outcome:?}\n{answer:?}");
            }
        }
    }
    println!("{compared} compared, {several} of several ways, {disagreed} disagreed (seed {seed})");
    assert_eq!(disagreed, 0);
}
