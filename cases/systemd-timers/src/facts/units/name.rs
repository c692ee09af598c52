//! Names of units, their parts, and the specifiers that stand for them (src/basic/unit-name.c, src/core/unit-printf.c).

use casebook_formats::unit::unit_suffix;

/// A name, taken apart: `PREFIX[@INSTANCE].TYPE`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnitName<'a> {
    /// All of it.
    pub full: &'a str,
    /// What stands before `@` or the type.
    pub prefix: &'a str,
    /// What stands between `@` and the type; empty for a template, absent without `@`.
    pub instance: Option<&'a str>,
    /// `timer`
    pub suffix: &'static str,
}

impl<'a> UnitName<'a> {
    /// Takes a name apart; `None` when it is none of a unit.
    pub fn of(full: &'a str) -> Option<Self> {
        let suffix = unit_suffix(full)?;
        let stem = full.strip_suffix(suffix)?.strip_suffix('.')?;
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance)),
            None => (stem, None),
        };
        (!prefix.is_empty()).then_some(Self { full, prefix, instance, suffix })
    }

    /// True for `x@.timer`.
    pub fn is_template(&self) -> bool {
        self.instance == Some("")
    }

    /// `x@.timer` of `x@a.timer`.
    pub fn template(&self) -> Option<String> {
        self.instance.filter(|instance| !instance.is_empty()).map(|_| format!("{}@.{}", self.prefix, self.suffix))
    }

    /// The name with another type: `x@a.service` of `x@a.timer`, which a timer triggers when `Unit=` is absent.
    pub fn with_suffix(&self, suffix: &str) -> String {
        match self.instance {
            Some(instance) => format!("{}@{instance}.{suffix}", self.prefix),
            None => format!("{}.{suffix}", self.prefix),
        }
    }

    /// The name without its type (`%N`).
    pub fn stem(&self) -> &'a str {
        self.full.strip_suffix(self.suffix).and_then(|stem| stem.strip_suffix('.')).unwrap_or(self.full)
    }
}

/// A value whose specifiers were replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expanded {
    /// All of them are known.
    Text(String),
    /// This one is not known from evidence (`%H`, `%m`, `%h` …): the letter.
    Unknown(char),
}

/// Replaces specifiers (`unit_full_printf`; systemd.unit(5), SPECIFIERS): those made of the unit's name. A `%` that begins none stays
/// as it is.
pub fn expand(text: &str, unit: &UnitName<'_>) -> Expanded {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let Some(specifier) = letters.next() else {
            out.push('%');
            break;
        };
        let instance = unit.instance.unwrap_or("");
        match specifier {
            '%' => out.push('%'),
            'n' => out.push_str(unit.full),
            'N' => out.push_str(unit.stem()),
            'p' => out.push_str(unit.prefix),
            'P' => out.push_str(&unescape(unit.prefix)),
            'i' => out.push_str(instance),
            'I' => out.push_str(&unescape(instance)),
            'j' => out.push_str(last_part(unit.prefix)),
            'J' => out.push_str(&unescape(last_part(unit.prefix))),
            'f' => {
                let path = if instance.is_empty() { unit.prefix } else { instance };
                out.push('/');
                out.push_str(unescape(path).trim_start_matches('/'));
            }
            known if known.is_ascii_alphabetic() => return Expanded::Unknown(known),
            other => {
                out.push('%');
                out.push(other);
            }
        }
    }
    Expanded::Text(out)
}

/// What stands behind the last dash of a prefix (`%j`).
fn last_part(prefix: &str) -> &str {
    prefix.rsplit_once('-').map_or(prefix, |(_, last)| last)
}

/// `unit_name_unescape`: `-` is `/`, `\xNN` is a byte. What is no escape stays.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = (*first == b'\\' && after.first() == Some(&b'x')).then(|| after.get(1..3)).flatten();
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = after.get(3..).unwrap_or(&[]);
            }
            None => {
                out.push(if *first == b'-' { b'/' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// True for `foo-.timer`, whose drop-ins are of all units that begin so.
pub(super) fn is_prefix(name: &str) -> bool {
    UnitName::of(name).is_some_and(|name| name.prefix.ends_with('-') && name.instance.is_none())
}

/// Names whose `.d` folders are of a unit, the most specific first (src/shared/dropin.c, `unit_file_find_dirs`): its own, its
/// template's, and those of its prefixes that end in a dash.
pub(super) fn drop_in_names(full: &str) -> Vec<String> {
    let mut out = Vec::new();
    collect(full, &mut out, 0);
    out
}

fn collect(full: &str, out: &mut Vec<String>, depth: usize) {
    // A name has 255 bytes at most, so no more dashes.
    if depth > 256 || out.iter().any(|known| known == full) {
        return;
    }
    out.push(full.to_owned());
    let Some(name) = UnitName::of(full) else { return };
    if let Some(template) = name.template() {
        collect(&template, out, depth + 1);
    }
    let mut prefix = name.prefix;
    let mut chopped = false;
    let shorter = loop {
        let Some(dash) = prefix.rfind('-').filter(|dash| *dash > 0) else { return };
        if dash + 1 < prefix.len() || chopped {
            break &prefix[..=dash];
        }
        // A dash at the end: what stands before it, once.
        prefix = &prefix[..dash];
        chopped = true;
    };
    let shorter = match name.instance {
        Some(instance) => format!("{shorter}@{instance}.{}", name.suffix),
        None => format!("{shorter}.{}", name.suffix),
    };
    collect(&shorter, out, depth + 1);
}
