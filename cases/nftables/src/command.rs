//! The case's verbs: `casebook nft trace`, `eval`, `show`, `diff`.

mod confirm;
mod diff;
pub(crate) mod eval;
mod show;
pub(crate) mod trace;

use casebook_core::{Arg, ArgKind, EvidenceId, Verb, VerbError, VerbInput};

use crate::facts::{self, RulesetFacts};
use crate::model::release::{Host, Release};

const RULESET: Arg = Arg {
    name: "ruleset",
    kind: ArgKind::Evidence,
    value_name: "RULESET",
    help: "an nftables file, `nft -a list ruleset` or `nft -j -a list ruleset`",
    required: true,
    many: false,
};

const NFT: Arg = Arg {
    name: "nft",
    kind: ArgKind::Value,
    value_name: "RELEASE",
    help: "release of nft that loads it [default: what a JSON listing says, else 1.0.6]",
    required: false,
    many: false,
};

const KERNEL: Arg = Arg {
    name: "kernel",
    kind: ArgKind::Value,
    value_name: "RELEASE",
    help: "release of the kernel that runs it [default: 6.18]",
    required: false,
    many: false,
};

const CONFIRM: Arg = Arg {
    name: "confirm",
    kind: ArgKind::Flag,
    value_name: "",
    help: "run every witness through this machine's kernel, in a network namespace of its own (needs root)",
    required: false,
    many: false,
};

/// The verbs.
pub static VERBS: &[Verb] = &[
    Verb {
        name: "trace",
        about: "show every chain and rule a packet meets, why each matched or broke, and what became of it",
        long: trace::LONG,
        args: &[
            RULESET,
            Arg {
                name: "packet",
                kind: ArgKind::Value,
                value_name: "PACKET",
                help: "the packet, in words or as a JSON object",
                required: false,
                many: false,
            },
            Arg {
                name: "pcap",
                kind: ArgKind::EvidenceOption,
                value_name: "FILE",
                help: "take the packet from a capture",
                required: false,
                many: false,
            },
            Arg {
                name: "number",
                kind: ArgKind::Value,
                value_name: "N",
                help: "number of the packet in the capture, from 1 [default: 1]",
                required: false,
                many: false,
            },
            NFT,
            KERNEL,
        ],
        run: trace::run,
    },
    Verb {
        name: "eval",
        about: "evaluate many packets: one outcome per line",
        long: eval::LONG,
        args: &[
            RULESET,
            Arg {
                name: "packets",
                kind: ArgKind::EvidenceOption,
                value_name: "FILE",
                help: "packets, one JSON object per line",
                required: true,
                many: false,
            },
            NFT,
            KERNEL,
        ],
        run: eval::run,
    },
    Verb {
        name: "show",
        about: "print the ruleset as the kernel runs it: chains of each hook in order, rules with the checks nft adds",
        long: show::LONG,
        args: &[RULESET, NFT, KERNEL],
        run: show::run,
    },
    Verb {
        name: "diff",
        about: "say which packets a change changes: verdicts first, then marks, translations, logs, limits, counters",
        long: diff::LONG,
        args: &[
            Arg { name: "old", value_name: "OLD", help: "the ruleset before", ..RULESET },
            Arg { name: "new", value_name: "NEW", help: "the ruleset after", ..RULESET },
            CONFIRM,
            NFT,
            KERNEL,
        ],
        run: diff::run,
    },
];

/// A release given on the command line.
fn release(input: &VerbInput<'_>, name: &str) -> Result<Option<Release>, VerbError> {
    let Some(text) = input.value(name) else { return Ok(None) };
    let wrong = || VerbError::usage(format!("--{name} {text} is not a release: write it as 1.0.6"));
    Release::parse(text).map(Some).ok_or_else(wrong)
}

/// The ruleset argument, read.
fn ruleset(input: &VerbInput<'_>) -> Result<(EvidenceId, RulesetFacts), VerbError> {
    named_ruleset(input, "ruleset")
}

/// A ruleset argument of this name, read.
fn named_ruleset(input: &VerbInput<'_>, name: &str) -> Result<(EvidenceId, RulesetFacts), VerbError> {
    let id = input.file(name).ok_or_else(|| VerbError::usage("no ruleset was given"))?;
    let item = input.evidence.get(id).ok_or_else(|| VerbError::usage("the ruleset could not be read"))?;
    let host = Host { nft: release(input, "nft")?, kernel: release(input, "kernel")? };
    let facts = facts::ruleset(input.evidence, item, host);
    if facts.ruleset.tables.is_empty() && !item.as_bytes().iter().all(u8::is_ascii_whitespace) {
        let first = facts.ruleset.problems.first().map(|problem| format!(": {}", problem.message)).unwrap_or_default();
        return Err(VerbError::with_hint(
            format!("{} holds no nftables table{first}", item.path),
            "give an nftables file, or the output of `nft -j -a list ruleset`",
        ));
    }
    Ok((id, facts))
}

/// `path:line:column` of a place.
fn position(input: &VerbInput<'_>, at: &casebook_core::At) -> String {
    match at {
        casebook_core::At::Record { pointer, span, .. } => format!("{}#{pointer}", input.evidence.path(span.evidence)),
        other => match other.span() {
            Some(span) => {
                let place = input.evidence.lines(span.evidence).line_column(span.start);
                format!("{}:{}:{}", input.evidence.path(span.evidence), place.line, place.column)
            }
            None => String::new(),
        },
    }
}
