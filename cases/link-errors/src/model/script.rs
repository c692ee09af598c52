//! What a version script says of a name (`bfd_find_version_for_sym`, bfd/linker.c).

use super::input::{Pattern, VersionScript};

/// What is said of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says<'s> {
    /// It is local to the output.
    Local,
    /// It belongs to the node of this name; `None` is the anonymous node.
    Global(Option<&'s str>),
}

/// The verdict of a version script on a name, `None` where no pattern matches: a name stands before a glob, a glob before `*`, and
/// `global:` before `local:`. `extern "C++"` patterns are left out: they are held against demangled names by the caller's side.
pub fn find<'s>(script: &'s VersionScript, name: &[u8]) -> Option<Says<'s>> {
    let mut best: Option<(u8, Says<'s>)> = None;
    for node in &script.nodes {
        let sides = [(&node.global, Says::Global(node.name.as_deref())), (&node.local, Says::Local)];
        for (patterns, says) in sides {
            for pattern in patterns.iter().filter(|pattern| !pattern.cxx && matches(pattern, name)) {
                let rank = if pattern.literal || !is_glob(&pattern.text) {
                    3
                } else if pattern.text == "*" {
                    1
                } else {
                    2
                };
                if best.is_none_or(|(known, _)| rank > known) {
                    best = Some((rank, says));
                }
            }
        }
    }
    best.map(|(_, says)| says)
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn matches(pattern: &Pattern, name: &[u8]) -> bool {
    if pattern.literal { pattern.text.as_bytes() == name } else { glob(pattern.text.as_bytes(), name) }
}

/// fnmatch(3) without flags: `*`, `?`, `[…]` and `\`.
pub fn glob(pattern: &[u8], name: &[u8]) -> bool {
    // Where the last `*` was, to come back to: linear in both but for that.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some(p + 1),
            Some(b'[') => class(pattern, p, name[n]),
            Some(b'\\') if p + 1 < pattern.len() => (pattern[p + 1] == name[n]).then_some(p + 2),
            Some(byte) => (*byte == name[n]).then_some(p + 1),
            None => None,
        };
        match (step, star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((at, from))) => {
                p = at + 1;
                n = from + 1;
                star = Some((at, n));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Where a bracket expression that holds `byte` ends; a bracket without end is a plain character.
fn class(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    let mut p = at + 1;
    let negated = matches!(pattern.get(p), Some(b'!' | b'^'));
    p += usize::from(negated);
    let first = p;
    let mut found = false;
    loop {
        match pattern.get(p) {
            None => return (byte == b'[').then_some(at + 1),
            Some(b']') if p > first => break,
            Some(low) => {
                if pattern.get(p + 1) == Some(&b'-') && pattern.get(p + 2).is_some_and(|high| *high != b']') {
                    found |= (*low..=pattern[p + 2]).contains(&byte);
                    p += 3;
                } else {
                    found |= *low == byte;
                    p += 1;
                }
            }
        }
    }
    (found != negated).then_some(p + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::input::VersionNode;

    #[test]
    fn globs_match_as_fnmatch_does() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("?x", "ax", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_stands_before_a_glob() {
        let pattern = |text: &str| Pattern { text: text.to_owned(), literal: false, cxx: false };
        let node = VersionNode { name: Some("V1".into()), global: vec![pattern("f")], local: vec![pattern("*")] };
        let script = VersionScript { nodes: vec![node] };
        assert_eq!(find(&script, b"f"), Some(Says::Global(Some("V1"))));
        assert_eq!(find(&script, b"g"), Some(Says::Local));
    }
}
