//! Which driver and which linker, in which version: from names, options and what they print.

use super::program::{Driver, Program};
use crate::model::outcome::{Linker, LinkerKind};

/// The tools of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tool {
    /// The program of the command, as recognised by its name.
    pub program: Option<Program>,
    /// The linker, where something tells it.
    pub linker: Option<LinkerKind>,
    /// Its version, where something tells it: (2, 40) for binutils, (19, 1) for lld.
    pub version: Option<(u16, u16)>,
}

impl Tool {
    /// The linker with its version, when both are known.
    pub fn exact(&self) -> Option<Linker> {
        Some(Linker { kind: self.linker?, version: self.version? })
    }
}

/// What a text says of the tools that wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Banner {
    /// The linker that speaks in it.
    pub linker: Option<LinkerKind>,
    /// Its version.
    pub version: Option<(u16, u16)>,
    /// The driver that speaks in it.
    pub driver: Option<Driver>,
    /// The driver's version: 12 for GCC 12.2.0.
    pub driver_version: Option<u16>,
    /// `Target: x86_64-linux-gnu`
    pub target: Option<String>,
    /// `Debian` of `gcc version 12.2.0 (Debian 12.2.0-14)`, `Ubuntu`, `Red Hat`.
    pub vendor: Option<String>,
    /// `LIBRARY_PATH=` of `gcc -v`: where it looks for start files and libraries.
    pub library_path: Vec<String>,
    /// rustc's version, where it speaks: (1, 90).
    pub rustc: Option<(u16, u16)>,
}

impl Banner {
    /// What this one says, and where it is silent, what `other` says. The version of a linker is that of the linker.
    pub fn or(self, other: &Banner) -> Banner {
        let same = self.linker.is_none() || self.linker == other.linker;
        Banner {
            version: self.version.or(other.version.filter(|_| same)),
            linker: self.linker.or(other.linker),
            driver_version: self
                .driver_version
                .or(other.driver_version.filter(|_| self.driver.is_none() || self.driver == other.driver)),
            driver: self.driver.or(other.driver),
            target: self.target.or_else(|| other.target.clone()),
            vendor: self.vendor.or_else(|| other.vendor.clone()),
            library_path: if self.library_path.is_empty() { other.library_path.clone() } else { self.library_path },
            rustc: self.rustc.or(other.rustc),
        }
    }

    /// Takes what a line says. Lines that say nothing of tools change nothing.
    pub fn line(&mut self, line: &str) {
        let line = line.trim();
        if let Some((linker, version)) = linker_version(line) {
            self.linker = Some(linker);
            self.version = version.or(self.version);
            return;
        }
        if let Some(rest) = line.strip_prefix("gcc version ") {
            self.driver = Some(Driver::Gcc);
            self.driver_version = rest.split('.').next().and_then(|text| text.parse().ok());
            self.vendor = rest.split_once('(').map(|(_, vendor)| first_word(vendor));
        } else if let Some((before, rest)) = line.split_once("clang version ") {
            self.driver = Some(Driver::Clang);
            self.driver_version = rest.split('.').next().and_then(|text| text.parse().ok());
            let vendor = before.trim();
            self.vendor = (!vendor.is_empty()).then(|| first_word(vendor));
        } else if let Some(target) = line.strip_prefix("Target: ") {
            self.target = Some(target.trim().to_owned());
        } else if let Some(path) = line.strip_prefix("LIBRARY_PATH=") {
            self.library_path = path.split(':').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        } else if let Some(rest) = line.strip_prefix("rustc ") {
            self.rustc = version(rest).or(self.rustc);
        } else if self.linker.is_none() {
            self.linker = speaker(line);
        }
    }
}

fn first_word(text: &str) -> String {
    text.split([' ', ')', ',']).next().unwrap_or_default().to_owned()
}

/// `2.40` of `2.40-2`, `19.1` of `19.1.7`.
fn version(text: &str) -> Option<(u16, u16)> {
    let mut parts = text.trim().split(|letter: char| !letter.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

/// What `--version` and `-v` of linkers print: `ldversion` in ld/ldver.c, `print_version` in gold/version.cc, `getLLDVersion`, `mold_version`.
pub(in crate::facts) fn linker_version(line: &str) -> Option<(LinkerKind, Option<(u16, u16)>)> {
    let last = |text: &str| version(text.rsplit(' ').next().unwrap_or_default());
    if line.starts_with("GNU ld ") {
        // `GNU ld (GNU Binutils for Debian) 2.40`, `GNU ld version 2.35.2-42.el9`.
        return Some((LinkerKind::Bfd, last(line)));
    }
    if line.starts_with("GNU gold ") {
        // `GNU gold (GNU Binutils for Debian 2.40) 1.16`: the version of binutils is what counts.
        let binutils = line.split_once('(')?.1.split_once(')')?.0;
        return Some((LinkerKind::Gold, last(binutils)));
    }
    if let Some((_, rest)) = line.split_once("LLD ")
        && (line.starts_with("LLD ") || line.contains(" LLD "))
        && rest.starts_with(|letter: char| letter.is_ascii_digit())
    {
        return Some((LinkerKind::Lld, version(rest)));
    }
    if let Some(rest) =
        line.strip_prefix("mold ").filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
    {
        return Some((LinkerKind::Mold, version(rest)));
    }
    // `Wild 0.10.0 (compatible with GNU linkers)`: `print_version` in libwild/src/args.
    for prefix in ["Wild ", "Wild version ", "wild version ", "Wild linker version "] {
        let number = |rest: &&str| rest.starts_with(|letter: char| letter.is_ascii_digit());
        if let Some(rest) = line.strip_prefix(prefix).filter(number) {
            return Some((LinkerKind::Wild, version(rest)));
        }
    }
    None
}

/// The linker that writes such a line. `/usr/bin/ld:` can be any linker that was installed under this name: what it says decides.
fn speaker(line: &str) -> Option<LinkerKind> {
    // gold begins with the place: `main.c:3: error: undefined reference to 'f'` (gold/errors.cc).
    const OF_GOLD: &[&str] = &[
        ": error: undefined reference to '",
        ": error: multiple definition of '",
        ": error: relocation overflow: reference to '",
        ": error: relocation refers to local symbol \"",
        ": requires dynamic R_",
    ];
    if OF_GOLD.iter().any(|message| line.contains(message)) {
        return Some(LinkerKind::Gold);
    }
    // ld.bfd's name stands before some lines of a message only (`vfinfo` in ld/ldmisc.c).
    const OF_BFD: &[&str] = &[
        ": in function `",
        ": In function `",
        ": undefined reference to `",
        ": undefined reference to symbol '",
        ": more undefined references to `",
        ": multiple definition of `",
        ": defined in discarded section `",
        ": file not recognized: ",
        " can not be used when making a ",
    ];
    if OF_BFD.iter().any(|message| line.contains(message)) {
        return Some(LinkerKind::Bfd);
    }
    let (program, message) = line.split_once(": ")?;
    let base = program.rsplit('/').next().unwrap_or(program);
    match base {
        "ld.lld" | "rust-lld" | "lld" | "ld64.lld" => return Some(LinkerKind::Lld),
        "mold" | "ld.mold" => return Some(LinkerKind::Mold),
        "ld.gold" | "gold" => return Some(LinkerKind::Gold),
        "ld.bfd" => return Some(LinkerKind::Bfd),
        "wild" | "ld.wild" => return Some(LinkerKind::Wild),
        _ => {}
    }
    if base != "ld" && !base.ends_with("-ld") {
        return None;
    }
    if message.starts_with("error: undefined symbol: ") || message.starts_with("error: duplicate symbol: ") {
        return Some(LinkerKind::Lld);
    }
    // lld speaks of `unable to find library`, gold of `error:` and `fatal error:` after the place; mold writes `mold:` always.
    if message.starts_with("error: unable to find library") {
        return Some(LinkerKind::Lld);
    }
    if message.starts_with("error: cannot find -l") {
        return Some(LinkerKind::Gold);
    }
    if message.starts_with("cannot find ") || message.contains("DSO missing from command line") {
        return Some(LinkerKind::Bfd);
    }
    None
}

/// The tool of a line: what its words say goes before what the text around it says.
pub(super) fn tool(program: Option<Program>, words: &[super::Word], banner: &Banner) -> Tool {
    let mut tool = Tool { program: program.clone(), linker: banner.linker, version: banner.version };
    let mut by_words = None;
    match &program {
        Some(Program::Linker { kind, version }) => {
            by_words = *kind;
            if let (Some(LinkerKind::Lld), Some(major)) = (kind, version) {
                tool.version =
                    Some((*major, tool.version.filter(|known| known.0 == *major).map_or(0, |known| known.1)));
            }
        }
        Some(Program::Driver { .. }) => {}
        None => {}
    }
    for word in words.iter().skip(1) {
        let name = word.text.strip_prefix("-fuse-ld=").or_else(|| word.text.strip_prefix("--ld-path="));
        let Some(name) = name else { continue };
        // The last one counts, as all options of one name do.
        by_words = match super::program::program(name) {
            Some(Program::Linker { kind, .. }) => kind,
            _ => match name.rsplit('/').next().unwrap_or(name) {
                "bfd" => Some(LinkerKind::Bfd),
                "gold" => Some(LinkerKind::Gold),
                "lld" => Some(LinkerKind::Lld),
                "mold" => Some(LinkerKind::Mold),
                "wild" => Some(LinkerKind::Wild),
                _ => None,
            },
        };
    }
    // `-B…/gcc-ld` is how rustc makes a driver find rust-lld (compiler/rustc_codegen_ssa/src/back/link.rs).
    if words.iter().any(|word| word.text.starts_with("-B") && word.text.ends_with("/gcc-ld")) && by_words.is_none() {
        by_words = Some(LinkerKind::Lld);
    }
    if let Some(kind) = by_words {
        if tool.linker.is_some_and(|known| known != kind) {
            tool.version = None;
        }
        tool.linker = Some(kind);
    }
    tool
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(text: &str) -> Banner {
        let mut banner = Banner::default();
        text.lines().for_each(|line| banner.line(line));
        banner
    }

    // What the programs of Debian 12 print.
    #[test]
    fn versions_are_read_from_what_linkers_print() {
        let cases = [
            ("GNU ld (GNU Binutils for Debian) 2.40", LinkerKind::Bfd, (2, 40)),
            ("GNU ld version 2.35.2-42.el9", LinkerKind::Bfd, (2, 35)),
            ("GNU gold (GNU Binutils for Debian 2.40) 1.16", LinkerKind::Gold, (2, 40)),
            ("Debian LLD 19.1.7 (compatible with GNU linkers)", LinkerKind::Lld, (19, 1)),
            (
                "LLD 22.1.0 (/checkout/src/llvm-project/llvm abc) (compatible with GNU linkers)",
                LinkerKind::Lld,
                (22, 1),
            ),
            ("mold 1.10.1 (compatible with GNU ld)", LinkerKind::Mold, (1, 10)),
        ];
        for (line, kind, version) in cases {
            let read = banner(line);
            assert_eq!((read.linker, read.version), (Some(kind), Some(version)), "{line}");
        }
    }

    #[test]
    fn drivers_say_version_target_and_distribution() {
        let read = banner("Target: x86_64-linux-gnu\ngcc version 12.2.0 (Debian 12.2.0-14+deb12u1) \n");
        assert_eq!((read.driver, read.driver_version), (Some(Driver::Gcc), Some(12)));
        assert_eq!((read.target.as_deref(), read.vendor.as_deref()), (Some("x86_64-linux-gnu"), Some("Debian")));
        let read = banner("Ubuntu clang version 18.1.3 (1ubuntu1)\n");
        assert_eq!((read.driver_version, read.vendor.as_deref()), (Some(18), Some("Ubuntu")));
    }

    #[test]
    fn messages_tell_who_speaks() {
        let cases = [
            ("/usr/bin/ld: main.o: in function `main':", Some(LinkerKind::Bfd)),
            ("/usr/bin/ld: warning: x.o: missing .note.GNU-stack section implies executable stack", None),
            ("/usr/bin/ld: main.c:(.text+0x5): undefined reference to `f'", Some(LinkerKind::Bfd)),
            ("/usr/bin/ld: main.o: error: undefined reference to 'f'", Some(LinkerKind::Gold)),
            ("/usr/bin/ld: error: undefined symbol: f", Some(LinkerKind::Lld)),
            ("ld.lld: error: undefined symbol: f", Some(LinkerKind::Lld)),
            ("mold: error: undefined symbol: f", Some(LinkerKind::Mold)),
            ("/usr/bin/ld: cannot find -lfoo: No such file or directory", Some(LinkerKind::Bfd)),
        ];
        for (line, kind) in cases {
            assert_eq!(banner(line).linker, kind, "{line}");
        }
    }
}
