//! What a program is by its name: a compiler driver, a linker, something that runs another.

use crate::model::outcome::LinkerKind;

/// The compiler a driver belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// GCC.
    Gcc,
    /// clang.
    Clang,
    /// `cc`, `c++`: whatever the system has.
    System,
}

/// The language whose libraries a driver adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `gcc`, `clang`, `cc`
    C,
    /// `g++`, `clang++`, `c++`
    Cxx,
    /// `gfortran`
    Fortran,
}

/// A program that links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A compiler driver.
    Driver {
        /// Whose.
        driver: Driver,
        /// For which language.
        language: Language,
        /// `x86_64-linux-gnu` of `x86_64-linux-gnu-gcc-12`.
        target: Option<String>,
        /// 12 of `gcc-12`.
        version: Option<u16>,
    },
    /// A linker; `None` when the name does not tell which (`ld`, `collect2`).
    Linker {
        /// Which.
        kind: Option<LinkerKind>,
        /// 19 of `ld.lld-19`.
        version: Option<u16>,
    },
}

/// The program of this name or path, if it is one that links.
pub fn program(name: &str) -> Option<Program> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let (base, version) = split_version(base);
    let linker = |kind| Some(Program::Linker { kind, version });
    match base {
        "ld" | "collect2" | "real-ld" => return linker(None),
        "ld.bfd" => return linker(Some(LinkerKind::Bfd)),
        "ld.gold" | "gold" => return linker(Some(LinkerKind::Gold)),
        "ld.lld" | "lld" | "rust-lld" | "gcc-ld" => return linker(Some(LinkerKind::Lld)),
        "mold" | "ld.mold" | "sold" => return linker(Some(LinkerKind::Mold)),
        "wild" | "ld.wild" => return linker(Some(LinkerKind::Wild)),
        _ => {}
    }
    const DRIVERS: &[(&str, Driver, Language)] = &[
        ("gcc", Driver::Gcc, Language::C),
        ("g++", Driver::Gcc, Language::Cxx),
        ("gfortran", Driver::Gcc, Language::Fortran),
        ("clang", Driver::Clang, Language::C),
        ("clang++", Driver::Clang, Language::Cxx),
        ("cc", Driver::System, Language::C),
        ("c++", Driver::System, Language::Cxx),
    ];
    for (known, driver, language) in DRIVERS {
        let Some(prefix) = base.strip_suffix(known) else { continue };
        let target = match prefix.strip_suffix('-') {
            None if prefix.is_empty() => None,
            // `x86_64-linux-gnu-`; something like `my-gcc` is no target.
            Some(target) if target.contains('-') => Some(target.to_owned()),
            _ => continue,
        };
        return Some(Program::Driver { driver: *driver, language: *language, target, version });
    }
    // `x86_64-linux-gnu-ld.bfd`
    match base.rsplit_once('-') {
        Some((target, rest)) if target.contains('-') && rest.starts_with("ld") => match program(rest)? {
            Program::Linker { kind, .. } => linker(kind),
            other => Some(other),
        },
        _ => None,
    }
}

/// `gcc-12` is `gcc` and 12, `clang-14.0` is `clang` and 14.
fn split_version(base: &str) -> (&str, Option<u16>) {
    let Some((name, number)) = base.rsplit_once('-') else { return (base, None) };
    let digits = number.split('.').next().unwrap_or(number);
    match digits.parse() {
        Ok(version) if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => (name, Some(version)),
        _ => (base, None),
    }
}

/// Programs that run the program behind them, with the options of theirs that take a value.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("ccache", &[]),
    ("sccache", &[]),
    ("distcc", &[]),
    ("icecc", &[]),
    ("time", &["-f", "-o"]),
    ("nice", &["-n"]),
    ("ionice", &["-c", "-n"]),
    ("env", &["-u", "-C"]),
    ("exec", &[]),
    ("command", &[]),
    ("stdbuf", &[]),
    ("taskset", &["-c"]),
    ("timeout", &["-s", "-k"]),
];

/// How many words of a command stand before the program that does the work.
pub(super) fn wrapped(words: &[&str]) -> usize {
    let mut at = 0;
    // Wrappers can wrap each other; nobody has more than a few.
    for _ in 0..8 {
        let Some(word) = words.get(at) else { break };
        let base = word.rsplit('/').next().unwrap_or(word);
        let Some((name, valued)) = WRAPPERS.iter().find(|(name, _)| *name == base) else { break };
        at += 1;
        while let Some(word) = words.get(at) {
            if valued.contains(word) {
                at += 2;
            } else if word.starts_with('-') || (*name == "env" && is_assignment(word)) {
                at += 1;
            } else {
                break;
            }
        }
        if *name == "timeout" {
            at += 1;
        }
    }
    at.min(words.len())
}

/// `NAME=value`
pub(super) fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_driver_language_target_and_version() {
        let driver = |driver, language, target: Option<&str>, version| {
            Some(Program::Driver { driver, language, target: target.map(str::to_owned), version })
        };
        assert_eq!(program("/usr/bin/gcc-12"), driver(Driver::Gcc, Language::C, None, Some(12)));
        assert_eq!(program("x86_64-linux-gnu-g++"), driver(Driver::Gcc, Language::Cxx, Some("x86_64-linux-gnu"), None));
        assert_eq!(program("clang++-19"), driver(Driver::Clang, Language::Cxx, None, Some(19)));
        assert_eq!(program("c++"), driver(Driver::System, Language::Cxx, None, None));
        assert_eq!(
            program("x86_64-w64-mingw32-ld.bfd"),
            Some(Program::Linker { kind: Some(LinkerKind::Bfd), version: None })
        );
        assert_eq!(program("ld.lld-14"), Some(Program::Linker { kind: Some(LinkerKind::Lld), version: Some(14) }));
        assert_eq!(program("collect2"), Some(Program::Linker { kind: None, version: None }));
        assert_eq!(program("ld:"), None);
        assert_eq!(program("build-cc"), None);
    }

    #[test]
    fn wrappers_are_passed() {
        assert_eq!(wrapped(&["env", "-u", "A", "B=1", "ccache", "cc"]), 5);
        assert_eq!(wrapped(&["timeout", "-k", "3", "5", "cc"]), 4);
        assert_eq!(wrapped(&["cc"]), 0);
    }
}
