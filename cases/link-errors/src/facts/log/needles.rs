//! Where the next line is that can begin a linker's message. Most of a build's log is no linker's, and is passed without looking at
//! its lines.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::language;

/// Every line that can begin a message has one of these in it. A test holds them against the forms.
const NEEDLES: [&str; 44] = [
    // Names of linkers: `ld: `, `ld.gold: `, `mold: `, `wild: `, `/usr/bin/ld:x.ld:1`
    "ld:",
    "bfd:",
    "lld-",
    "ld-",
    "ld.exe",
    "ld.real",
    "/ld\u{a0}",
    // ld.bfd and gold without a name
    "reference to ",
    "references to ",
    "efinition of ",
    "first defined here",
    "n function ",
    "relocation",
    "reloc ",
    "in discarded section",
    "not recognized",
    "could not read symbols",
    "error adding symbols",
    "so try adding it",
    "plugin",
    "dangerous",
    "statically linked",
    "not implemented",
    "assertion fail",
    "internal error",
    "Supported emulations",
    "removing unused",
    // Drivers and build tools
    "collect2",
    "linker",
    "linking with",
    "unable to execute",
    "no such file or directory: ",
    "lto1: ",
    "lto-wrapper: ",
    "native static library",
    "to link",
    "extern` functions",
    "use the `cargo:",
    "are omitted",
    "could not compile",
    "aborting due to",
    ": running ",
    "*** [",
    "FAILED: ",
];

/// Those of a few forms more.
const MORE: [&str; 3] = ["`Linker'", "gnatlink", "ninja: "];

static FINDERS: LazyLock<Vec<Finder<'static>>> = LazyLock::new(|| {
    let plain = NEEDLES.iter().chain(&MORE).map(|needle| Finder::new(needle.as_bytes()));
    plain.chain(language::phrases().map(|phrase| Finder::new(phrase.as_bytes()))).collect()
});

/// How many of the finders are of needles that logs in English have.
const PLAIN: usize = NEEDLES.len() + MORE.len();

/// Bytes that are searched at a time: they stay in the cache while each needle is looked for.
const WINDOW: usize = 256 << 10;

/// No needle is longer.
const LONGEST: usize = 128;

/// The needles of one log.
pub(super) struct Needles<'a> {
    all: &'a [u8],
    /// The part that is searched.
    from: usize,
    to: usize,
    /// Where each needle is next, in that part.
    next: Vec<usize>,
}

impl<'a> Needles<'a> {
    pub fn new(all: &'a [u8]) -> Self {
        Self { all, from: 0, to: 0, next: Vec::new() }
    }

    /// The first needle at `from` or behind it; the end of the log where there is none.
    pub fn next(&mut self, from: usize) -> usize {
        let mut from = from;
        while from < self.all.len() {
            if from >= self.to || from < self.from {
                self.open(from);
            }
            // A needle may begin in this part and end in the next.
            let end = (self.to + LONGEST).min(self.all.len());
            let mut first = usize::MAX;
            for (finder, at) in FINDERS.iter().zip(&mut self.next) {
                if *at < from {
                    *at = finder.find(&self.all[from..end]).map_or(usize::MAX, |found| from + found);
                }
                first = first.min(*at);
            }
            if first < self.to {
                return first;
            }
            from = self.to;
        }
        self.all.len()
    }

    /// Begins a part at `from`.
    fn open(&mut self, from: usize) {
        (self.from, self.to) = (from, (from + WINDOW).min(self.all.len()));
        let end = (self.to + LONGEST).min(self.all.len());
        // Phrases of other languages that are ASCII are few, and their logs have other letters too.
        let count = if self.all[from..end].is_ascii() { PLAIN } else { FINDERS.len() };
        self.next.clear();
        // What is not looked for yet lies before the part; so each part begins behind the first byte at the earliest.
        self.next.extend(
            FINDERS[..count]
                .iter()
                .map(|finder| finder.find(&self.all[from..end]).map_or(usize::MAX, |found| from + found)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::forms::{BFD_BARE, DRIVER, GOLD_BARE, Then};
    use super::*;

    #[test]
    fn every_form_that_begins_a_message_has_a_needle() {
        for form in BFD_BARE.iter().chain(GOLD_BARE).chain(DRIVER).filter(|form| form.then != Then::Continues) {
            let literals = form.text.split(['{', '}']).step_by(2);
            // A symbol may be quoted in either way; so no needle has a quote that forms have.
            let has = |literal: &str| NEEDLES.iter().chain(&MORE).any(|needle| literal.contains(needle));
            assert!(literals.clone().any(has), "{}", form.text);
        }
        assert!(NEEDLES.iter().chain(&MORE).all(|needle| needle.len() < LONGEST));
        assert!(language::phrases().all(|phrase| phrase.len() < LONGEST));
    }

    #[test]
    fn needles_are_found_in_order() {
        let text = "x".repeat(WINDOW - 4) + "/usr/bin/ld: a\n" + &"y\n".repeat(WINDOW) + "collect2: b\n";
        let mut needles = Needles::new(text.as_bytes());
        let first = needles.next(0);
        assert_eq!(&text[first..first + 3], "ld:");
        let second = needles.next(first + 3);
        assert_eq!(&text[second..second + 8], "collect2");
        assert_eq!(needles.next(second + 8), text.len());
    }
}
