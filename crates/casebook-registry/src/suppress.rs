//! Suppressions written into evidence: `# casebook: ignore[NFT101] reason`, at the end of a line or on the
//! line before.
//!
//! They are looked for after the rules have run and laid over the findings, never handed to a parser: a
//! parser that knew them could be silenced by a mistake in one.

use casebook_core::{Case, Evidence, EvidenceId, Finding, Kind, LineIndex};

use crate::select::nearest;

const MARK: &str = "casebook:";

/// One suppression found in evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The evidence it is in.
    pub evidence: EvidenceId,
    /// The line it is written on.
    pub line: u32,
    /// The line it speaks of.
    pub target: u32,
    /// Code or name, as written.
    pub code: String,
    /// Why.
    pub reason: String,
    /// True once a finding was suppressed by it.
    pub used: bool,
}

/// The suppressions of one piece of evidence, and notices of malformed ones.
pub fn find(item: &Evidence, kind: &Kind, cases: &[&'static Case]) -> (Vec<Comment>, Vec<String>) {
    let (mut found, mut notices) = (Vec::new(), Vec::new());
    let Some(leader) = kind.comment else { return (found, notices) };
    // Most evidence has none; one search over the bytes decides that without splitting lines.
    if !contains(item.as_bytes(), MARK.as_bytes()) {
        return (found, notices);
    }
    let text = String::from_utf8_lossy(item.as_bytes());
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((before, after)) = comment(line, leader) else { continue };
        let number = index as u32 + 1;
        let (codes, reason) = match parse(after) {
            Ok(parsed) => parsed,
            Err(why) => {
                notices.push(format!("{}:{number}: {why}; nothing is suppressed", item.path));
                continue;
            }
        };
        let target = if before.trim().is_empty() { next_line(&lines, index, leader) } else { number };
        for code in codes {
            if crate::find_rule(cases, &code).is_none() {
                let near = nearest(&code, cases).map(|near| format!(", the nearest is {near}")).unwrap_or_default();
                notices
                    .push(format!("{}:{number}: no rule is called \"{code}\"{near}; nothing is suppressed", item.path));
                continue;
            }
            let reason = reason.clone();
            found.push(Comment { evidence: item.id, line: number, target, code, reason, used: false });
        }
    }
    (found, notices)
}

/// The comment that suppresses `finding`, marked as used.
pub fn take<'c>(comments: &'c mut [Comment], finding: &Finding, lines: &LineIndex) -> Option<&'c Comment> {
    let span = finding.primary()?.at.span()?;
    let first = lines.line_column(span.start).line;
    let last = lines.line_column(span.end.saturating_sub(1).max(span.start)).line;
    let comment = comments.iter_mut().find(|comment| {
        comment.evidence == span.evidence
            && (comment.target == first || comment.target == last)
            && (comment.code.eq_ignore_ascii_case(finding.code) || comment.code == finding.name)
    })?;
    comment.used = true;
    Some(comment)
}

/// What stands before the leader and after `casebook:`, when the line has such a comment.
fn comment<'l>(line: &'l str, leader: &str) -> Option<(&'l str, &'l str)> {
    let at = line.find(MARK)?;
    let before = line[..at].trim_end().strip_suffix(leader)?;
    // Inside a string the mark is data.
    (before.matches('"').count() % 2 == 0).then_some((before, &line[at + MARK.len()..]))
}

fn parse(text: &str) -> Result<(Vec<String>, String), String> {
    let form = "a suppression is written \"casebook: ignore[CODE] reason\"";
    let rest = text.trim_start().strip_prefix("ignore").ok_or(form)?.trim_start();
    let (codes, reason) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or(form)?;
    let codes: Vec<String> =
        codes.split(',').map(|code| code.trim().to_owned()).filter(|code| !code.is_empty()).collect();
    if codes.is_empty() {
        return Err("the suppression names no code".to_owned());
    }
    let reason = reason.trim().trim_start_matches([':', '-']).trim();
    if reason.is_empty() {
        return Err(format!("the suppression of {} gives no reason", codes.join(", ")));
    }
    Ok((codes, reason.to_owned()))
}

/// Number of the first line after `index` that is neither blank nor a comment.
fn next_line(lines: &[&str], index: usize, leader: &str) -> u32 {
    let rest = lines.iter().enumerate().skip(index + 1);
    rest.map(|(at, line)| (at, line.trim()))
        .find(|(_, line)| !line.is_empty() && !line.starts_with(leader))
        .map_or(index as u32 + 2, |(at, _)| at as u32 + 1)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    // A two-step search keeps a 256 MiB capture cheap: the first byte is found by the standard library's scan.
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == word[0]) {
        if rest[at..].starts_with(word) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reason_are_read() {
        let (codes, reason) = parse(" ignore[NFT101, NFT102] known, see runbook").unwrap();
        assert_eq!(codes, ["NFT101", "NFT102"]);
        assert_eq!(reason, "known, see runbook");
    }

    #[test]
    fn a_reason_is_required() {
        assert!(parse(" ignore[NFT101]  ").unwrap_err().contains("gives no reason"));
        assert!(parse(" ignroe[NFT101] x").unwrap_err().contains("is written"));
    }

    #[test]
    fn a_mark_inside_a_string_is_no_comment() {
        assert_eq!(comment("accept comment \"# casebook: ignore[X1] y\"", "#"), None);
        assert_eq!(comment("accept # casebook: x", "#"), Some(("accept ", " x")));
    }

    #[test]
    fn a_comment_of_its_own_speaks_of_the_next_statement() {
        let lines = ["# casebook: a", "# other", "", "accept"];
        assert_eq!(next_line(&lines, 0, "#"), 4);
    }
}
