//! The arguments. Help, man pages and completions are views of this; the verbs of a case come from its table.

use std::path::PathBuf;

use casebook_core::{ArgKind, Case, Verb};
use casebook_registry::CASES;
use casebook_render::Format;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};

#[derive(Debug, Parser)]
#[command(
    name = "casebook",
    version,
    about = "Names the culprit behind backend failures that take a week to find",
    long_about = "Casebook reads the evidence a machine or a repository already holds, runs an exact model of the \
                  mechanism behind it, and reports what went wrong, where that stands in the evidence, why it \
                  follows, a proof that can be replayed, and the fix.\n\nIt only reads. Nothing is connected to but the peer you name (`rst probe`, `rst respond`).",
    after_help = "Exit codes:\n  0  nothing at or above --fail-on\n  1  findings\n  2  wrong usage or configuration, or \
                  an internal error\n  3  no evidence recognised",
    after_long_help = "Examples:\n  casebook check /etc/nftables.conf\n  nft -j list ruleset | casebook check -\n  \
                       casebook collect -o edge.tar.zst && casebook check edge.tar.zst\n  casebook explain nftables\n\n\
                       Exit codes:\n  0  nothing at or above --fail-on\n  1  findings\n  2  wrong usage or \
                       configuration, or an internal error\n  3  no evidence recognised",
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Arguments every command takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Global {
    /// Colours; NO_COLOR and CLICOLOR_FORCE are respected
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Say on standard error what is being done; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find out what the evidence is, run every case it fits, report
    Check(Check),
    /// List the cases and what evidence each reads
    Cases(List),
    /// Print the post of a case, or the page of a rule
    Explain(Explain),
    /// Run the proofs of a report again, step by step
    Replay(Replay),
    /// Read this machine into a bundle that `check` reads
    Collect(Collect),
    /// Make a case's failure happen here, for real, and check the evidence
    Lab(Lab),
    /// List every rule
    Rules(List),
    /// Show the configuration that holds for a path
    Config(Config),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  casebook check edge.nft\n  casebook check before/ after/\n  \
    nft -j list ruleset | casebook check -\n  casebook check --live\n  casebook check . --format full --format \
    sarif -o casebook.sarif\n  casebook check . --write-baseline known.txt\n  casebook check . --baseline known.txt\n\n\
    A finding is suppressed with a comment at the end of its line or on the line before:\n  \
    # casebook: ignore[NFT101] reason\n\nor, where evidence takes no comments, in casebook.toml:\n  \
    [[ignore]]\n  code = \"NFT101\"\n  path = \"captures/*.json\"\n  reason = \"known, see the runbook\"\n  \
    expires = 2027-01-31")]
pub(crate) struct Check {
    /// Files, folders, bundles, or - for standard input [default: .]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<String>,
    /// Check this machine: read what the cases ask for, write nothing
    #[arg(long)]
    pub(crate) live: bool,
    /// Format of the report, and the file it goes to; can be given several times
    #[arg(long, short = 'f', value_name = "FORMAT[=FILE]", long_help = format!(
        "Format of the report: {}. With =FILE, or with -o FILE after it, the report goes to that file. It can be \
         given several times; one format at most goes to standard output. [default: full]", Format::names().join(", ")))]
    pub(crate) format: Vec<String>,
    /// File for the --format it stands beside
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Vec<String>,
    /// Run these rules only: a code, a prefix, a name or a case
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Do not run these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// Exit with 1 from this severity on: error, warning, note, never [default: error]
    #[arg(long, value_name = "SEVERITY", value_parser = PossibleValuesParser::new(["error", "warning", "note", "never"]))]
    pub(crate) fail_on: Option<String>,
    /// Read every input as this kind, whatever it looks like (see `casebook cases`)
    #[arg(long = "as", value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Findings in this file are known and not counted
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the findings of this run as a baseline
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Report suppressed findings too
    #[arg(long)]
    pub(crate) no_ignore: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
    /// Threads; 0 for one per processor
    #[arg(long, short, value_name = "N", default_value_t = 0)]
    pub(crate) jobs: usize,
}

/// Limits on what is read.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Limits {
    /// Larger files are reported and not read; K, M and G are understood [default: 256M]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) max_evidence_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// How to print
    #[arg(long, short = 'f', value_enum, default_value_t = Listing::Text)]
    pub(crate) format: Listing,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  casebook explain nftables\n  casebook explain NFT101")]
pub(crate) struct Explain {
    /// A case, or a rule's code or name
    #[arg(value_name = "CODE|CASE")]
    pub(crate) subject: String,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = "The file is a finding or a report, as `casebook check --format json` writes them. The \
    evidence they name is read again, its digests are compared, and the rule is run again on it.\n\nExit codes: 0 \
    every proof holds, 1 one does not, 2 wrong usage, 3 the evidence cannot be read.\n\nExamples:\n  casebook check \
    edge.nft --format json=report.json\n  casebook replay report.json\n  casebook replay report.json --code NFT101")]
pub(crate) struct Replay {
    /// A finding or a report in JSON, or - for standard input
    #[arg(value_name = "FINDING.json", value_hint = ValueHint::FilePath)]
    pub(crate) file: String,
    /// Only findings of this rule
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// Folder the paths in the report start from [default: the current one]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// How to print
    #[arg(long, short = 'f', value_enum, default_value_t = Listing::Text)]
    pub(crate) format: Listing,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "It runs only commands that read, and lists what it read and what it could not.\n\nExamples:\n  \
    casebook collect --list\n  sudo casebook collect -o edge.tar.zst\n  casebook check edge.tar.zst"
)]
pub(crate) struct Collect {
    /// File (.tar.zst, .tar.gz, .tar) or folder to write; it must not exist
    #[arg(long, short, value_name = "FILE|DIR", required_unless_present = "list", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,
    /// Collect for these cases only
    #[arg(long = "case", value_name = "CASE", value_delimiter = ',')]
    pub(crate) cases: Vec<String>,
    /// Replace addresses, host and user names by tokens; the mapping is written beside the bundle
    #[arg(long)]
    pub(crate) redact: bool,
    /// List what would be read, and read nothing
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The laboratory works in namespaces and folders of its own; most need root.\n\nExamples:\n  \
    sudo casebook lab nftables\n  sudo casebook lab nftables -o evidence -- --variant add"
)]
pub(crate) struct Lab {
    /// The case
    #[arg(value_name = "CASE")]
    pub(crate) case: String,
    /// Folder for the evidence [default: casebook-lab-CASE]
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
    /// Arguments of the laboratory's script
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  casebook config --show etc/")]
pub(crate) struct Config {
    /// Print the values and the file each comes from
    #[arg(long, required = true)]
    pub(crate) show: bool,
    /// Path the configuration is looked for from
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
}

/// Reads `512K`, `256M`, `1G` or plain bytes.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let upper = text.to_ascii_uppercase();
    let upper = upper.trim_end_matches("IB").trim_end_matches('B');
    let (digits, shift) = match upper.chars().last() {
        Some('K') => (&upper[..upper.len() - 1], 10),
        Some('M') => (&upper[..upper.len() - 1], 20),
        Some('G') => (&upper[..upper.len() - 1], 30),
        _ => (upper, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a size such as 64M".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "the size is too large".to_owned())
}

/// The whole command line, with the verbs of every case.
pub(crate) fn command() -> clap::Command {
    let mut command = Args::command();
    for case in CASES.iter().filter(|case| !case.verbs.is_empty()) {
        command = command.subcommand(case_command(case));
    }
    command
}

fn case_command(case: &'static Case) -> clap::Command {
    let command = clap::Command::new(case.command)
        .about(format!("Tools of the case {}: {}", case.name, case.summary))
        .arg_required_else_help(true);
    // A verb of the command's own name is what the command does without one; its required arguments are those of that only.
    let command = match case.default_verb() {
        Some(verb) => verb_arguments(command, verb).args_conflicts_with_subcommands(true).subcommand_negates_reqs(true),
        None => command.subcommand_required(true),
    };
    case.named_verbs().fold(command, |command, verb| command.subcommand(verb_command(verb)))
}

fn verb_command(verb: &'static Verb) -> clap::Command {
    verb_arguments(clap::Command::new(verb.name), verb)
}

fn verb_arguments(mut command: clap::Command, verb: &'static Verb) -> clap::Command {
    if !verb.long.trim().is_empty() {
        command = command.after_long_help(verb.long.trim());
    }
    for arg in verb.args {
        let built = Arg::new(arg.name).help(arg.help).required(arg.required);
        let built = match arg.kind {
            ArgKind::Flag => built.long(arg.name).action(ArgAction::SetTrue).required(false),
            ArgKind::Evidence => built.value_name(arg.value_name).value_hint(ValueHint::AnyPath),
            ArgKind::Text => built.value_name(arg.value_name),
            ArgKind::Value => {
                let built = built.long(arg.name).value_name(arg.value_name).allow_hyphen_values(true);
                // As with the other commands.
                if arg.name == "output" { built.short('o') } else { built }
            }
            ArgKind::Command => built.value_name(arg.value_name).last(true),
            ArgKind::EvidenceOption => built.long(arg.name).value_name(arg.value_name).value_hint(ValueHint::AnyPath),
        };
        let built = match arg.kind {
            ArgKind::Evidence | ArgKind::Text | ArgKind::Command if arg.many => built.num_args(1..),
            ArgKind::Value | ArgKind::EvidenceOption if arg.many => built.action(ArgAction::Append),
            _ => built,
        };
        command = command.arg(built);
    }
    // A verb may bring its own --format; the common one is for those that print text or JSON.
    if !verb.args.iter().any(|arg| arg.name == "format") {
        let format = Arg::new("format").long("format").short('f').value_name("FORMAT").help("How to print");
        command = command.arg(format.value_parser(["text", "json"]).default_value("text"));
    }
    // Augmenting sets the description of the arguments' struct; the verb's own is put back.
    <Limits as clap::Args>::augment_args(command).about(verb.about).long_about(None)
}

/// The verb a subcommand stands for.
pub(crate) fn verb<'m>(name: &str, matches: &'m ArgMatches) -> Option<(&'static Case, &'static Verb, &'m ArgMatches)> {
    let case = CASES.iter().copied().find(|case| case.command == name && !case.verbs.is_empty())?;
    match matches.subcommand() {
        Some((name, matches)) => Some((case, case.named_verbs().find(|verb| verb.name == name)?, matches)),
        None => Some((case, case.default_verb()?, matches)),
    }
}

/// The global arguments, wherever they were given.
pub(crate) fn global(matches: &ArgMatches) -> Global {
    let mut deepest = matches;
    while let Some((_, sub)) = deepest.subcommand() {
        deepest = sub;
    }
    let color = deepest.get_one::<Color>("color").copied().unwrap_or(Color::Auto);
    Global { color, verbose: deepest.get_count("verbose") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_verb_of_the_commands_own_name_runs_where_none_is_named() {
        let named = |line: &[&str]| {
            let matches = command().try_get_matches_from(line).unwrap();
            let (name, sub) = matches.subcommand().unwrap();
            verb(name, sub).map(|(case, verb, _)| (case.name, verb.name))
        };
        assert_eq!(named(&["casebook", "checksum", "a.pcap"]), Some(("simd-checksum", "checksum")));
        assert_eq!(named(&["casebook", "checksum", "bench"]), Some(("simd-checksum", "bench")));
        assert_eq!(named(&["casebook", "nft", "show", "a.nft"]), Some(("nftables", "show")));
        // Behind an argument of its own a word is no verb, and without either there is help.
        assert_eq!(named(&["casebook", "checksum", "a.pcap", "bench"]), Some(("simd-checksum", "checksum")));
        for line in [&["casebook", "checksum"], &["casebook", "nft"]] {
            assert!(command().try_get_matches_from(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn sizes_take_a_unit() {
        assert_eq!(parse_bytes("64M"), Ok(64 << 20));
        assert_eq!(parse_bytes("1GiB"), Ok(1 << 30));
        assert_eq!(parse_bytes("12"), Ok(12));
        assert!(parse_bytes("x").is_err());
        assert!(parse_bytes("99999999999G").is_err());
    }
}
