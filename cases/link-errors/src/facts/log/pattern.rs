//! Forms of messages, written as they are printed, with the parts in braces.
//!
//! `{place}: undefined reference to `{symbol}'` matches a whole message. A part reaches to the first place where what stands behind it
//! is found; what stands at the end of the form has to be the end of the message. A backquote stands for either quote, because
//! linkers differ in it from version to version.

use memchr::{memchr, memchr2};

/// What a part of a form is. The names in braces are those of [`Part::named`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Where the symbol is needed.
    Place,
    /// Where the symbol is defined a second time.
    Again,
    /// Where it was defined first.
    First,
    /// A file that defines the symbol.
    Definer,
    /// A file that needs it.
    User,
    /// The file the message is about.
    File,
    /// A member of that file.
    Member,
    /// The symbol.
    Symbol,
    /// A version.
    Version,
    /// A library as it was asked for.
    Library,
    /// Name of a relocation.
    Relocation,
    /// A section of the place that is needed or is about.
    Section,
    /// A function the following messages are in.
    Function,
    /// A reason, or another text that says more.
    Detail,
    /// A number.
    Count,
    /// Nothing that is kept.
    Nothing,
}

impl Part {
    fn named(name: &str) -> Part {
        match name {
            "place" => Part::Place,
            "again" => Part::Again,
            "first" => Part::First,
            "definer" => Part::Definer,
            "user" => Part::User,
            "file" => Part::File,
            "member" => Part::Member,
            "symbol" => Part::Symbol,
            "version" => Part::Version,
            "library" => Part::Library,
            "relocation" => Part::Relocation,
            "section" => Part::Section,
            "function" => Part::Function,
            "detail" => Part::Detail,
            "count" => Part::Count,
            _ => Part::Nothing,
        }
    }
}

/// Parts of one form at most.
const MOST_PARTS: usize = 8;

/// What the parts of a form are in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'t> {
    found: [(Part, &'t str); MOST_PARTS],
    count: usize,
}

impl<'t> Parts<'t> {
    /// The parts, in the order of the form.
    pub fn iter(&self) -> impl Iterator<Item = (Part, &'t str)> + '_ {
        self.found[..self.count].iter().copied()
    }
}

/// Whether `text` has this form, and what its parts are.
pub(super) fn matches<'t>(form: &str, text: &'t str) -> Option<Parts<'t>> {
    let mut parts = Parts { found: [(Part::Nothing, ""); MOST_PARTS], count: 0 };
    let (mut form, mut at) = (form, 0);
    loop {
        let literal_end = form.find('{').unwrap_or(form.len());
        let (literal, rest) = form.split_at(literal_end);
        if rest.is_empty() {
            return same(literal, &text[at..]).then_some(parts);
        }
        if !starts(&text.as_bytes()[at..], literal.as_bytes()) {
            return None;
        }
        at += literal.len();
        let (name, behind) = rest[1..].split_once('}')?;
        let next_end = behind.find('{').unwrap_or(behind.len());
        let next = &behind[..next_end];
        let until = if next.is_empty() && behind.is_empty() {
            text.len()
        } else if behind.len() == next_end {
            // The end of the form is the end of the message.
            let end = text.len().checked_sub(next.len()).filter(|end| *end >= at)?;
            starts(&text.as_bytes()[end..], next.as_bytes()).then_some(end)?
        } else {
            at + find(&text.as_bytes()[at..], next.as_bytes())?
        };
        let slot = parts.found.get_mut(parts.count)?;
        *slot = (Part::named(name), text.get(at..until)?);
        parts.count += 1;
        (form, at) = (behind, until);
    }
}

fn same(literal: &str, text: &str) -> bool {
    literal.len() == text.len() && starts(text.as_bytes(), literal.as_bytes())
}

fn alike(want: u8, is: u8) -> bool {
    want == is || want == b'`' && is == b'\''
}

fn starts(text: &[u8], literal: &[u8]) -> bool {
    text.len() >= literal.len() && literal.iter().zip(text).all(|(want, is)| alike(*want, *is))
}

/// The first place where the literal is found.
fn find(text: &[u8], literal: &[u8]) -> Option<usize> {
    let first = *literal.first()?;
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let next = if first == b'`' { memchr2(b'`', b'\'', rest)? } else { memchr(first, rest)? };
        if starts(&rest[next..], literal) {
            return Some(from + next);
        }
        from += next + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(form: &str, text: &str) -> Option<Vec<String>> {
        matches(form, text).map(|parts| parts.iter().map(|(_, part)| part.to_owned()).collect())
    }

    #[test]
    fn a_form_is_a_whole_message() {
        let form = "{place}: undefined reference to `{symbol}'";
        assert_eq!(parts(form, "a.c:5: undefined reference to `f'"), Some(vec!["a.c:5".into(), "f".into()]));
        assert_eq!(parts(form, "a.c:5: undefined reference to 'f'"), Some(vec!["a.c:5".into(), "f".into()]));
        assert_eq!(parts(form, "a.c:5: undefined reference to `f' follow"), None);
        assert_eq!(parts(form, ": undefined reference to `"), None);
        assert_eq!(parts("a {file}", "a "), Some(vec![String::new()]));
        assert_eq!(parts("a", "ab"), None);
    }

    #[test]
    fn a_part_reaches_to_the_first_place_of_what_follows() {
        let form = "{again}: multiple definition of `{symbol}'; {first}: first defined here";
        let text = "b.o:(.bss+0x0): multiple definition of `operator\"\" _x'; a.o: first defined here";
        assert_eq!(parts(form, text), Some(vec!["b.o:(.bss+0x0)".into(), "operator\"\" _x".into(), "a.o".into()]));
    }
}
