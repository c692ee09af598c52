//! What the fuzz targets have in common: evidence from bytes, and the promises every parser keeps.
//!
//! A target fails when its code panics, when a span lies outside of its evidence, or when one input takes longer
//! than libFuzzer's `-timeout`.

pub mod objects;

use std::collections::BTreeMap;

use case_nftables::facts::{self, RulesetFacts};
use case_tcp_rst::facts::timer::ProxyFacts;
use casebook_core::{At, Bytes, Case, EvidenceId, EvidenceSet, Input, Span};
use casebook_formats::journal::clock::{Clock, Point};
use casebook_formats::journal::{self, Field, Form};
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::release::Host;
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::{ask, packet_text, show, witness};

/// Ends one file of a set and begins the next; the first is the root, number N is included as `"N"`.
const NEXT_FILE: u8 = 0x1e;

/// Evidence of one or more files, every one of which can include the others.
pub fn evidence(kind: &'static str, data: &[u8]) -> (EvidenceSet, EvidenceId) {
    let mut set = EvidenceSet::new();
    let ids: Vec<EvidenceId> = data
        .split(|byte| *byte == NEXT_FILE)
        .take(4)
        .enumerate()
        .map(|(number, part)| set.add(number.to_string(), Some(kind), Bytes::new(part.to_vec())))
        .collect();
    for from in &ids {
        for (number, to) in ids.iter().enumerate() {
            set.link(*from, number.to_string(), vec![*to]);
        }
        set.link(*from, "*", ids.clone());
    }
    let root = set.iter().next().map_or(EvidenceId(0), |item| item.id);
    (set, root)
}

/// Divides pieces of binary evidence.
const NEXT_PIECE: [u8; 4] = [NEXT_FILE; 4];

/// Reads pieces of evidence of these kinds, divided by four bytes 0x1e, and runs every rule of a case over them. A capture is raw IP
/// without a file header of its own, so that the fuzzer need not find one.
pub fn whole(case: &'static Case, kinds: &[&'static str], data: &[u8]) {
    let mut set = EvidenceSet::new();
    let mut rest = data;
    for kind in kinds {
        let at = rest.windows(NEXT_PIECE.len()).position(|window| window == NEXT_PIECE);
        let (part, after) = rest.split_at(at.unwrap_or(rest.len()));
        rest = after.get(NEXT_PIECE.len()..).unwrap_or_default();
        let bytes = match *kind {
            "capture" => records(part),
            _ => part.to_vec(),
        };
        set.add(*kind, Some(*kind), Bytes::new(bytes));
    }
    let settings = BTreeMap::new();
    let read = (case.read)(&Input { evidence: &set, settings: &settings });
    for line in &read.coverage {
        line.unmodelled.iter().for_each(|gap| inside(&set, gap.span));
    }
    for rule in case.rules {
        for finding in (rule.run)(rule, &*read.facts, &set) {
            finding.places.iter().for_each(|known| place(&set, &known.at));
            finding.trace.iter().filter_map(|step| step.at.as_ref()).for_each(|at| place(&set, at));
        }
    }
}

/// A pcap of raw IP packets: each record of the input is its length, the milliseconds since the one before, and the bytes.
fn records(mut data: &[u8]) -> Vec<u8> {
    let words = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101];
    let mut out: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let mut millis: u32 = 0;
    while let [length, waited, rest @ ..] = data {
        let (packet, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        millis = millis.wrapping_add(u32::from(*waited) * 100);
        let head = [millis / 1_000, millis % 1_000 * 1_000, packet.len() as u32, packet.len() as u32];
        out.extend(head.into_iter().flat_map(u32::to_le_bytes));
        out.extend(packet);
        data = rest;
    }
    out
}

/// Panics unless the span can be sliced.
pub fn inside(set: &EvidenceSet, span: Span) {
    let item = set.get(span.evidence).unwrap_or_else(|| panic!("{span:?} is of no evidence"));
    assert!(span.start <= span.end, "{span:?} ends before it begins");
    assert!(item.slice(span).is_some(), "{span:?} is outside of {} bytes", item.as_bytes().len());
}

/// Checks all places of a proxy's configuration.
pub fn proxies(set: &EvidenceSet, facts: &ProxyFacts) {
    facts.unmodelled.iter().for_each(|gap| inside(set, gap.span));
    facts.counts.iter().for_each(|count| inside(set, count.span));
    facts.process.iter().filter_map(|timer| timer.span).for_each(|span| inside(set, span));
    for proxy in facts.proxies.iter().chain(&facts.upgraded) {
        inside(set, proxy.span);
        proxy.listens.iter().chain(&proxy.servers).for_each(|at| inside(set, at.span));
        proxy.timers.iter().filter_map(|timer| timer.span).for_each(|span| inside(set, span));
    }
}

fn place(set: &EvidenceSet, at: &At) {
    if let Some(span) = at.span() {
        inside(set, span);
    }
}

/// Reads a ruleset, checks all its places, and sends a few packets through it.
pub fn ruleset(kind: &'static str, data: &[u8]) {
    let (set, root) = evidence(kind, data);
    let Some(item) = set.get(root) else { return };
    let read = facts::ruleset(&set, item, Host::default());
    places(&set, &read);
    evaluate(&read.ruleset);
    answers(&set, &read.ruleset);
}

/// What is said of a packet to other cases has its places, and its chances are no more than one.
fn answers(set: &EvidenceSet, ruleset: &Ruleset) {
    let mut evaluator = ask::evaluator(ruleset, &ask::Context::default());
    for packet in packets() {
        let answer = ask::ask(ruleset, &mut evaluator, &packet);
        assert!(!answer.ways.is_empty());
        for way in &answer.ways {
            way.met.iter().for_each(|met| inside(set, met.span));
            way.decided.iter().for_each(|decided| inside(set, decided.span));
        }
        for shares in [answer.destinations(), answer.sources()] {
            let chances = shares.iter().filter_map(|share| share.chance);
            assert!(chances.map(|chance| chance.part as f64 / chance.whole as f64).sum::<f64>() < 1.000_001);
        }
    }
}

fn places(set: &EvidenceSet, read: &RulesetFacts) {
    let ruleset = &read.ruleset;
    for problem in &ruleset.problems {
        inside(set, problem.span);
        problem.also.iter().for_each(|(span, _)| inside(set, *span));
    }
    ruleset.unmodelled.iter().for_each(|gap| inside(set, gap.span));
    for table in &ruleset.tables {
        inside(set, table.span);
        for known in &table.sets {
            inside(set, known.span);
            known.elems.iter().for_each(|elem| inside(set, elem.span));
        }
        for timeout in &table.timeouts {
            inside(set, timeout.span);
            timeout.policy.iter().for_each(|state| inside(set, state.span));
        }
        for chain in &table.chains {
            place(set, &chain.at);
            chain.base.iter().for_each(|base| inside(set, base.span));
        }
    }
    for (reference, rule) in ruleset.rules() {
        place(set, &rule.at);
        for op in &rule.ops {
            inside(set, op.loc.span);
            op.loc.define.iter().for_each(|span| inside(set, *span));
        }
        assert!(!ruleset.rule_key(reference).is_empty());
        show::rule(ruleset, reference.table, rule);
    }
}

/// Packets of every path and protocol the language has short words for.
fn packets() -> Vec<Packet> {
    const LINES: &[&str] = &[
        "iif eth0 tcp 10.9.0.5:40000 > 10.0.0.1:22 syn",
        "iif eth0 oif eth1 tcp 10.9.0.5:40000 > 172.16.0.1:9100 syn ct new",
        "iif eth0 oif eth1 udp [2001:db8::1]:53 > [2001:db8::2]:5353",
        "oif lo icmp 127.0.0.1 > 127.0.0.1",
    ];
    LINES.iter().filter_map(|line| packet_text::parse(line).ok()).collect()
}

fn evaluate(ruleset: &Ruleset) {
    let mut evaluator = Evaluator::new(ruleset);
    let mut list = packets();
    assert!(!list.is_empty());
    for (reference, _) in ruleset.rules().take(3) {
        if let Some((draft, _)) = witness::draft_for(ruleset, reference)
            && let Some(chain) = ruleset.chain(reference.table, reference.chain).base.as_ref()
        {
            list.extend(draft.packet(ruleset.table(reference.table).family, chain.hook));
        }
    }
    for packet in &list {
        let first = evaluator.run(packet);
        let (again, events) = evaluator.trace(packet);
        assert_eq!(first, again, "the same packet met another end");
        drop(events);
    }
}

/// Walks a journal: entries have their places inside, in the order of the file, and their clock is a history in order.
pub fn journal(form: Form, data: &[u8]) {
    let mut walk = journal::entries(data, form);
    let mut clock = Clock::default();
    let (mut at, mut number) = (0, 0);
    while let Some(entry) = walk.next() {
        assert!(at <= entry.start && entry.start <= entry.end && entry.end <= data.len());
        assert_eq!(entry.number, number);
        number += 1;
        at = entry.start;
        for field in Field::ALL {
            if let Some(value) = entry.value(*field) {
                assert!(value.start <= value.end && value.end <= data.len());
                assert!(entry.bytes(*field).is_some() != value.omitted);
            }
        }
        if let (Some(boot), Some(realtime), Some(monotonic)) = (entry.boot, entry.realtime, entry.monotonic) {
            let span = Span::new(EvidenceId(0), entry.start, entry.end);
            clock.add(Point { boot, realtime, monotonic, seqnum: entry.seqnum(), span, suspend: entry.number % 7 == 0 });
        }
    }
    for gap in walk.gaps().list() {
        assert!(gap.start <= gap.end && gap.end <= data.len(), "{gap:?}");
    }
    for boot in &clock.finish().boots {
        assert_eq!(boot.steps.len() + 1, boot.segments.len());
        for pair in boot.segments.windows(2) {
            assert!(pair[0].last.monotonic <= pair[1].first.monotonic);
        }
    }
}

/// Walks a capture, then reads its flows.
pub fn capture(file: &[u8]) {
    let mut walk = casebook_formats::capture::frames(file);
    let mut at = 0;
    for frame in walk.by_ref() {
        assert!(at <= frame.start && frame.start <= frame.data_start && frame.end <= file.len());
        assert_eq!(file.get(frame.data_start..frame.data_start + frame.data.len()), Some(frame.data));
        at = frame.end;
    }
    for problem in walk.problems() {
        assert!(problem.start <= problem.end && problem.end <= file.len(), "{problem:?}");
    }
    let bytes = Bytes::new(file.to_vec());
    let limits = case_tcp_rst::facts::capture::Limits { flows: 16, flows_with_resets: 4, summaries: 4 };
    let read = case_tcp_rst::facts::capture::read(EvidenceId(0), &bytes, limits);
    for flow in read.flows() {
        assert!(flow.first.span.end <= file.len() as u64 && flow.last.span.end <= file.len() as u64);
    }
}
