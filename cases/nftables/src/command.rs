//! The case's verbs: `casebook nft trace`, `eval`, `show`, `diff`, `check`, `query`, `test`, `insert`, `optimize-check`.

mod asked;
mod check;
mod confirm;
mod diff;
pub(crate) mod eval;
mod expect;
mod insert;
mod optimize;
mod query;
mod show;
pub(crate) mod trace;

use casebook_core::{Arg, ArgKind, EvidenceId, Verb, VerbError, VerbInput};
use casebook_formats::nft::release::{Host, Release};

use crate::facts::{self, RulesetFacts};

const RULESET: Arg = Arg {
    name: "ruleset",
    kind: ArgKind::Evidence,
    value_name: "RULESET",
    help: "an nftables file or its folder, `nft -a list ruleset`, `nft -j -a list ruleset`, `-`, or REV:path of git",
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
    Verb {
        name: "check",
        about: "say which rules do nothing: those no packet reaches, with the rules that cover them, and redundant ones",
        long: check::LONG,
        args: &[
            RULESET,
            Arg {
                name: "redundant",
                kind: ArgKind::Flag,
                value_name: "",
                help: "look for rules too that packets reach and that change nothing",
                required: false,
                many: false,
            },
            Arg {
                name: "correlated",
                kind: ArgKind::Flag,
                value_name: "",
                help: "name pairs of rules too whose order counts: some packets in common, and different ends",
                required: false,
                many: false,
            },
            NFT,
            KERNEL,
        ],
        run: check::run,
    },
    Verb {
        name: "query",
        about: "say which packets of a filter have which outcome, each with a witness",
        long: query::LONG,
        args: &[
            RULESET,
            Arg {
                name: "filter",
                kind: ArgKind::Text,
                value_name: "FILTER",
                help: "which packets: `tcp 10.0.0.0/8 > any:5432, path input`, or matches of nft",
                required: true,
                many: false,
            },
            Arg {
                name: "expect",
                kind: ArgKind::Value,
                value_name: "END",
                help: "check that every packet ends this way: accept, drop or reject",
                required: false,
                many: false,
            },
            NFT,
            KERNEL,
        ],
        run: query::run,
    },
    Verb {
        name: "test",
        about: "prove a file of expectations, or show the packets that break them",
        long: expect::LONG,
        args: &[
            RULESET,
            Arg {
                name: "expect",
                kind: ArgKind::Evidence,
                value_name: "EXPECT.toml",
                help: "the expectations",
                required: true,
                many: false,
            },
            NFT,
            KERNEL,
        ],
        run: expect::run,
    },
    Verb {
        name: "insert",
        about: "say where in a chain a new rule belongs, and what it costs at every other place",
        long: insert::LONG,
        args: &[
            RULESET,
            Arg {
                name: "rule",
                kind: ArgKind::Text,
                value_name: "RULE",
                help: "the rule alone, as in the ruleset: 'tcp dport 9100 accept'",
                required: true,
                many: false,
            },
            Arg {
                name: "chain",
                kind: ArgKind::Value,
                value_name: "CHAIN",
                help: "family, table and chain: 'inet filter input'",
                required: true,
                many: false,
            },
            NFT,
            KERNEL,
        ],
        run: insert::run,
    },
    Verb {
        name: "optimize-check",
        about: "prove that a rewritten ruleset (`nft -o`) does the same, or show packets for which it does not",
        long: optimize::LONG,
        args: &[
            Arg { name: "old", value_name: "OLD", help: "the ruleset as it was", ..RULESET },
            Arg { name: "new", value_name: "NEW", help: "what was made of it", ..RULESET },
            NFT,
            KERNEL,
        ],
        run: optimize::run,
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
    let id = root(input, name)?;
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

/// The ruleset an argument names: the file, or of a folder the one file that begins a ruleset.
fn root(input: &VerbInput<'_>, name: &str) -> Result<EvidenceId, VerbError> {
    let ids = input.files.get(name).map_or(&[][..], Vec::as_slice);
    let known = |id: &&EvidenceId| {
        let item = input.evidence.get(**id);
        item.is_some_and(|item| !item.referred && matches!(item.kind, Some("nft-text" | "nft-json")))
    };
    let (first, roots) = match ids {
        [] => return Err(VerbError::usage("no ruleset was given")),
        [only] => return Ok(*only),
        [first, ..] => (*first, ids.iter().filter(known).copied().collect::<Vec<_>>()),
    };
    let base = |id: &EvidenceId| input.evidence.path(*id).rsplit(['/', ':']).next().unwrap_or("").to_owned();
    let main: Vec<EvidenceId> = roots.iter().filter(|id| base(id) == "nftables.conf").copied().collect();
    match (main.as_slice(), roots.as_slice()) {
        ([only], _) | (_, [only]) => Ok(*only),
        (_, []) => Err(VerbError::with_hint(
            format!("the folder of {} holds no ruleset that no other file includes", input.evidence.path(first)),
            "name the file that is loaded",
        )),
        (_, many) => {
            let shown: Vec<&str> = many.iter().take(6).map(|id| input.evidence.path(*id)).collect();
            let more = if many.len() > shown.len() { " and others" } else { "" };
            let message = format!("the folder holds {} rulesets: {}{more}", many.len(), shown.join(", "));
            Err(VerbError::with_hint(message, "name the one that is loaded"))
        }
    }
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
