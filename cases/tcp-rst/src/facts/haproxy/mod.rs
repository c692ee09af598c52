//! haproxy.cfg to proxies with their timers.
//!
//! Source of the rules: configuration.txt of haproxy 2.6 (2.2 to 2.5, 4.1, 4.2), `readcfgfile` (src/cfgparse.c),
//! `parse_line` and `parse_time_err` (src/tools.c). There is no line continuation.

mod directive;
mod proxy;
mod section;
mod time;
mod words;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};

use self::section::{Role, Section};
use self::words::Word;
use super::timer::{Ending, Layer, Leg, Limit, Measures, ProxyFacts, Refresh, Timer};
use super::{endpoint, lines};

/// Configuration of haproxy.
pub static HAPROXY: Kind = Kind {
    name: "haproxy-config",
    what: "a configuration of haproxy (haproxy.cfg)",
    sniff,
    refers: None,
    comment: Some("#"),
};

/// Sections of one file; what comes after is unmodelled.
const MAX_SECTIONS: usize = 65_536;

/// Conditions that lie in each other; haproxy takes 49 (`MAXNESTEDCONDS`).
const MAX_CONDITIONS: usize = 49;

/// A file is of haproxy when its first line of code opens a section and one of its lines is haproxy's alone.
fn sniff(sniff: &Sniff<'_>) -> bool {
    let mut opened = false;
    for (start, line) in lines(sniff.head) {
        let Ok(words) = words::cut(line, start) else { continue };
        let Some(first) = words.first().map(|word| word.text.as_str()) else { continue };
        if first.starts_with('.') {
            continue;
        }
        let second = words.get(1).map_or("", |word| word.text.as_str());
        if !opened {
            opened = match Role::of(first) {
                Some(Role::Global | Role::Defaults) => words.len() == 1 || second != "=",
                Some(_) => words.len() >= 2 && !second.ends_with(['{', ':', '=']),
                None => false,
            };
            if !opened {
                return false;
            }
            continue;
        }
        let own = match first {
            "timeout" => directive::TIMEOUTS.contains(&second),
            "bind" | "server" | "default_backend" | "use_backend" | "clitimeout" | "srvtimeout" | "contimeout" => {
                words.len() >= 2 && !line.trim_ascii_end().ends_with(b"{") && !line.trim_ascii_end().ends_with(b";")
            }
            "mode" => ["tcp", "http", "health", "log"].contains(&second),
            "option" | "stats" | "balance" | "hard-stop-after" => words.len() >= 2,
            _ => false,
        };
        if own {
            return true;
        }
    }
    false
}

pub(super) struct Reader {
    id: EvidenceId,
    unmodelled: Vec<Unmodelled>,
    /// Starts of the conditions that are open.
    conditions: Vec<usize>,
    last: usize,
}

/// Facts of one file.
pub fn parse(item: &Evidence) -> ProxyFacts {
    Reader { id: item.id, unmodelled: Vec::new(), conditions: Vec::new(), last: 0 }.read(item.as_bytes())
}

impl Reader {
    fn span(&self, (start, end): (usize, usize)) -> Span {
        Span::new(self.id, start, end)
    }

    /// From the first word to the last.
    fn line_span(&self, words: &[Word]) -> Span {
        let start = words.first().map_or(0, |word| word.span.0);
        self.span((start, words.last().map_or(start, |word| word.span.1)))
    }

    fn gap(&mut self, span: Span, why: impl Into<String>) {
        self.unmodelled.push(Unmodelled::new(span, why));
    }

    fn in_condition(&self) -> bool {
        !self.conditions.is_empty()
    }

    fn read(mut self, bytes: &[u8]) -> ProxyFacts {
        let (mut sections, mut process) = (Vec::<Section>::new(), Vec::new());
        let mut defaults: HashMap<String, usize> = HashMap::new();
        let mut current_defaults = None;
        let mut open: Option<Section> = None;
        for (start, line) in lines(bytes) {
            let words = match words::cut(line, start) {
                Ok(words) => words,
                Err((at, why)) => {
                    self.gap(self.span((at, start + line.len())), why);
                    continue;
                }
            };
            let Some(first) = words.first() else { continue };
            let line = self.line_span(&words);
            self.last = line.end as usize;
            if first.text.starts_with('.') {
                self.condition(&first.text, line);
                continue;
            }
            if let Some(role) = Role::of(&first.text) {
                sections.extend(open.take());
                if sections.len() >= MAX_SECTIONS {
                    self.gap(self.span((start, bytes.len())), "more sections than are read");
                    break;
                }
                open = Some(self.begin(role, &words, line, &sections, &mut defaults, &mut current_defaults));
                continue;
            }
            let Some(section) = open.as_mut() else {
                self.gap(line, "a line before the first section");
                continue;
            };
            section.span = section.span.to(line);
            match section.role {
                Role::Global => self.global(&words, line, &mut process),
                Role::Other if first.text == "timeout" => {
                    self.gap(line, "a timeout of a section through which no client's connection passes");
                }
                Role::Other => {}
                _ => self.directive(section, &words),
            }
        }
        sections.extend(open.take());
        if let Some(start) = self.conditions.first().copied() {
            self.gap(self.span((start, self.last)), "a condition that does not end; what it sets is unknown");
        }
        proxy::assemble(&sections, process, self)
    }

    /// `.if` to `.endif`: what stands there is unknown, once for the whole stretch.
    fn condition(&mut self, word: &str, line: Span) {
        match word {
            ".if" if self.conditions.len() < MAX_CONDITIONS => self.conditions.push(line.start as usize),
            ".endif" => match self.conditions.pop() {
                Some(start) if self.conditions.is_empty() => {
                    let span = self.span((start, line.end as usize));
                    self.gap(span, "a condition: what it sets is unknown");
                }
                Some(_) => {}
                None => self.gap(line, "`.endif` without `.if`"),
            },
            ".elif" | ".else" if self.in_condition() => {}
            ".notice" | ".warning" | ".diag" => {}
            _ => self.gap(line, "a directive of conditions out of place"),
        }
    }

    fn begin(
        &mut self,
        role: Role,
        words: &[Word],
        line: Span,
        sections: &[Section],
        defaults: &mut HashMap<String, usize>,
        current: &mut Option<usize>,
    ) -> Section {
        let word = |at: usize| words.get(at).filter(|word| !word.unknown).map(|word| word.text.as_str());
        let named = !(role == Role::Defaults && word(1) == Some("from"));
        let name = if named { word(1).unwrap_or_default() } else { "" };
        let mut section = Section::new(role, name, line);
        if role.carries() || role == Role::Defaults {
            let from = words.iter().skip(1).position(|word| word.text == "from").map(|at| at + 2);
            let base = match from {
                Some(at) => {
                    let found = word(at).and_then(|name| defaults.get(name)).copied();
                    if found.is_none() {
                        self.gap(line, "no `defaults` section of this name comes before");
                    }
                    found
                }
                None if role == Role::Defaults => None,
                None => *current,
            };
            if let Some(base) = base.and_then(|index| sections.get(index)) {
                section.inherit(base);
            }
            let expected = usize::from(named) + 1;
            if from.is_none() && words.len() > expected.max(2) {
                self.gap(line, "words behind a section's name");
            }
        }
        if role == Role::Defaults {
            *current = Some(sections.len());
            if !name.is_empty() {
                defaults.insert(name.to_owned(), sections.len());
            }
        }
        section
    }

    fn global(&mut self, words: &[Word], line: Span, process: &mut Vec<Timer>) {
        let name = words[0].text.as_str();
        if !["hard-stop-after", "grace", "close-spread-time"].contains(&name) {
            return;
        }
        let limit = match words.get(1) {
            Some(word) if word.unknown || self.in_condition() => Limit::Unknown,
            Some(word) => match time::length(&word.text) {
                Ok(length) => Limit::After(length.micros),
                Err(refused) => {
                    self.gap(line, refused.why());
                    Limit::Unknown
                }
            },
            None => {
                self.gap(line, "a time without a value");
                Limit::Unknown
            }
        };
        if name != "hard-stop-after" {
            let why = format!("`{}` changes when a reload closes connections", endpoint::shown(name));
            return self.gap(line, why);
        }
        process.push(Timer {
            name: name.to_owned(),
            limit,
            measures: Measures::Lifetime,
            refresh: Refresh::Nothing,
            leg: Leg::Both,
            ending: Ending::FinThenRst,
            span: Some(line),
            origin: "counted from a reload or a soft stop".to_owned(),
        });
    }
}

/// What a `mode` makes of a proxy.
fn layer(mode: Option<&str>) -> Layer {
    match mode {
        Some("http") => Layer::Http,
        Some("tcp") => Layer::Tcp,
        _ => Layer::Unknown,
    }
}
