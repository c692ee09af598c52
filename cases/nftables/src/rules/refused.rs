//! NFT110, NFT113, NFT114, NFT115: what keeps a ruleset from loading.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, Severity, Span, rule};
use casebook_formats::nft::ir::{Problem, ProblemKind};
use casebook_formats::nft::text::NOT_CLOSED;

use super::common::span_place;
use crate::facts::{Form, NftFacts, RulesetFacts};

rule! {
    /// A statement Casebook cannot read as nft.
    ///
    /// nft refuses a file as a whole for one bad statement. The place is where reading stopped; the rest of the file
    /// was examined without it. What every version of nft refuses (an open block, a statement behind a verdict, a
    /// second `define`) is proved. Of other statements nft itself has the last word, later versions know more: those
    /// are reported as undecided, with the command that decides them.
    ///
    /// Speaks on: fixtures/statement-after-verdict, fixtures/block-not-closed. Silent on: fixtures/statement-before-verdict.
    pub SYNTAX = "NFT110" "unreadable-statement" of "nftables", Warning, since "0.1.0",
    "a statement does not read as nft; nft refuses the whole file for one bad statement",
    check_syntax(NftFacts)
}

rule! {
    /// Jumps that form a loop, or nest deeper than the kernel allows.
    ///
    /// The kernel refuses a ruleset in which a base chain leads into a loop, or to more than 15 nested jumps. Loops
    /// among chains that no base chain leads to are loaded and do nothing.
    ///
    /// Speaks on: fixtures/jump-loop, fixtures/jump-16-deep. Silent on: fixtures/jump-15-deep.
    ///
    /// Mechanism: `nft_chain_validate`, `NFT_JUMP_STACK_SIZE` (net/netfilter/nf_tables_api.c).
    pub NESTING = "NFT113" "jump-loop-or-depth" of "nftables", Error, since "0.1.0",
    "jumps form a loop or nest too deep: the kernel refuses the ruleset",
    check_nesting(NftFacts)
}

rule! {
    /// Elements of a set overlap.
    ///
    /// A set with intervals and without `auto-merge` refuses elements that overlap, and so does a verdict map, where
    /// the two verdicts would contradict each other. The whole file fails to load.
    ///
    /// Speaks on: fixtures/set-overlap. Silent on: fixtures/set-overlap-merged.
    ///
    /// Mechanism: src/intervals.c `setelem_overlap`: "conflicting intervals specified".
    pub OVERLAP = "NFT114" "set-overlap" of "nftables", Error, since "0.1.0",
    "elements of a set overlap: nft refuses the file",
    check_overlap(NftFacts)
}

rule! {
    /// A jump to a chain that is not there.
    ///
    /// nft refuses the whole file. In a listing it cannot happen; in a file it is a typing error, or the chain is
    /// declared in another file that is not included.
    ///
    /// Speaks on: fixtures/missing-chain. Silent on: fixtures/missing-chain-declared.
    pub MISSING_CHAIN = "NFT115" "missing-chain" of "nftables", Error, since "0.1.0",
    "a rule jumps to a chain that does not exist: nft refuses the file",
    check_missing(NftFacts)
}

fn check_syntax(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    findings(rule, facts, set, ProblemKind::Syntax)
}

fn check_nesting(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    findings(rule, facts, set, ProblemKind::Nesting)
}

fn check_overlap(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    findings(rule, facts, set, ProblemKind::Overlap)
}

fn check_missing(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    findings(rule, facts, set, ProblemKind::MissingChain)
}

/// Most findings of one kind for one ruleset: a file of another language has an error on every line.
const MOST: usize = 20;

/// The first line of a span: of a whole block it names it.
fn head(set: &EvidenceSet, span: Span) -> Span {
    let end = set.text(span).and_then(|text| text.find('\n')).map_or(span.end, |line| span.start + line as u64);
    Span { end, ..span }
}

/// What to do about it.
fn advice(facts: &RulesetFacts, problem: &Problem) -> Option<String> {
    match problem.kind {
        ProblemKind::Nesting => Some(
            "`nft -c -f` does not find this: the kernel follows the jumps when it commits, with \"Too many links\"."
                .into(),
        ),
        ProblemKind::Overlap if problem.message.contains("verdict map") => {
            Some("Two verdicts for one packet contradict each other: one of the elements has to go.".into())
        }
        ProblemKind::Overlap => {
            Some("`auto-merge` in the set joins such elements; or leave the smaller one out.".into())
        }
        ProblemKind::MissingChain => {
            let name = similar(facts, problem)?;
            Some(format!("There is a chain `{name}` in this ruleset."))
        }
        _ => None,
    }
}

/// A chain whose name differs from the missing one in case and punctuation only.
fn similar<'f>(facts: &'f RulesetFacts, problem: &Problem) -> Option<&'f str> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(problem.message.split('`').nth(1)?);
    facts.ruleset.chains().map(|(_, _, chain)| chain.name.as_str()).find(|name| plain(name) == wanted)
}

fn findings(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet, kind: ProblemKind) -> Vec<Finding> {
    let mut out = Vec::new();
    for known in &facts.rulesets {
        // What the kernel listed it has loaded: a problem there is a limit of the reader, told in coverage.
        if known.form != Form::Source {
            continue;
        }
        let all = &known.ruleset.problems;
        let unread = all.iter().any(is_include);
        let mut seen: Vec<(&str, Option<Span>)> = Vec::new();
        let problems = all.iter().filter(|problem| problem.kind == kind).filter(|problem| {
            // One bad rule, one variable, is told once; what a missing file would have defined is not told at all.
            let variable = problem.message.starts_with("unknown variable");
            let also = problem.also.as_ref().map(|(span, _)| *span);
            let key = (problem.message.as_str(), also.or((!variable).then_some(problem.span)));
            let new = !seen.contains(&key);
            seen.push(key);
            new && !(variable && unread)
        });
        out.extend(problems.take(MOST).map(|problem| finding(rule, known, set, problem)));
    }
    out
}

/// True for a file that is not among the evidence.
fn is_include(problem: &Problem) -> bool {
    problem.message.starts_with("the included file")
}

/// True for what every version of nft refuses. Of other statements a later nft may know more than this reader.
fn certain(problem: &Problem) -> bool {
    let messages = [NOT_CLOSED, "this statement comes after one that ends the rule"];
    messages.contains(&problem.message.as_str()) || problem.message.ends_with("is already defined here")
}

fn finding(rule: &'static Rule, facts: &RulesetFacts, set: &EvidenceSet, problem: &Problem) -> Finding {
    let mut builder = FindingBuilder::new(rule, problem.message.clone(), span_place(head(set, problem.span), "here"));
    if let Some((span, label)) = &problem.also {
        builder = builder.place(span_place(*span, label.clone()));
    }
    builder = builder.step(problem.message.clone(), Some(casebook_core::At::Text(problem.span)));
    if problem.kind == ProblemKind::Syntax && !certain(problem) {
        let path = set.path(problem.span.evidence);
        builder = builder.missing(match is_include(problem) {
            true => "that file: give it to `casebook check` with the rest".to_owned(),
            false => format!("`nft -c -f {path}` says whether nft takes it"),
        });
    } else {
        builder = builder.severity(Severity::Error).because(
            "nft loads a file as one transaction: with this in it, none of it is loaded and the old rules stay.",
        );
    }
    if let Some(advice) = advice(facts, problem) {
        builder = builder.because(advice);
    }
    builder.build(set)
}
