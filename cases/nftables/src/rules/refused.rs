//! NFT110, NFT113, NFT114, NFT115: what keeps a ruleset from loading.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};

use super::common::span_place;
use crate::facts::{Form, NftFacts};
use crate::model::ir::{Problem, ProblemKind};

rule! {
    /// A statement Casebook cannot read as nft.
    ///
    /// nft refuses a file as a whole for one bad statement. The place is where reading stopped; the rest of the file
    /// was examined without it. Casebook's grammar is that of nft 1.0.6 and later; the last word has nft itself, which
    /// is why this is reported as undecided, with the command that decides it.
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

fn findings(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet, kind: ProblemKind) -> Vec<Finding> {
    let mut out = Vec::new();
    for known in &facts.rulesets {
        // What the kernel listed it has loaded: a problem there is a limit of the reader, told in coverage.
        if known.form != Form::Source {
            continue;
        }
        let problems = known.ruleset.problems.iter().filter(|problem| problem.kind == kind);
        out.extend(problems.take(MOST).map(|problem| finding(rule, set, problem)));
    }
    out
}

fn finding(rule: &'static Rule, set: &EvidenceSet, problem: &Problem) -> Finding {
    let mut builder = FindingBuilder::new(rule, problem.message.clone(), span_place(problem.span, "here"));
    if let Some((span, label)) = &problem.also {
        builder = builder.place(span_place(*span, label.clone()));
    }
    builder = builder.step(problem.message.clone(), Some(casebook_core::At::Text(problem.span)));
    if problem.kind == ProblemKind::Syntax {
        let path = set.path(problem.span.evidence);
        let check = format!("`nft -c -f {path}` says whether nft takes it");
        builder = builder.missing(check);
    } else {
        builder = builder.because(
            "nft loads a file as one transaction: with this in it, none of it is loaded and the old rules stay.",
        );
    }
    builder.build(set)
}
