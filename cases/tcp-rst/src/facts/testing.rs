//! What the tests of the readers share.

use casebook_core::{EvidenceSet, Span};

use super::timer::ProxyFacts;

/// Fails unless the span can be sliced.
pub fn span(set: &EvidenceSet, span: Span) {
    assert!(set.get(span.evidence).and_then(|item| item.slice(span)).is_some(), "{span:?} is outside");
}

/// Fails unless every place can be sliced.
pub fn inside(set: &EvidenceSet, facts: &ProxyFacts) {
    facts.unmodelled.iter().for_each(|gap| span(set, gap.span));
    facts.counts.iter().for_each(|count| span(set, count.span));
    facts.process.iter().filter_map(|timer| timer.span).for_each(|at| span(set, at));
    for proxy in facts.proxies.iter().chain(&facts.upgraded) {
        span(set, proxy.span);
        proxy.listens.iter().chain(&proxy.servers).for_each(|at| span(set, at.span));
        proxy.timers.iter().filter_map(|timer| timer.span).for_each(|at| span(set, at));
    }
}
