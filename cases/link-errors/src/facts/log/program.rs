//! The name a linker prints before its messages, and the word behind it that says how bad it is.

use super::message::{Linkers, Severity};

/// What stands before a linker's message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program<'t> {
    /// The linker as it calls itself.
    pub name: &'t str,
    /// Which it can be.
    pub linkers: Linkers,
    /// The word behind the name.
    pub severity: Option<Severity>,
    /// What is behind both.
    pub message: &'t str,
}

/// The linker's name at the beginning of a message, or behind something that was not known as a prefix.
pub(super) fn find(text: &str) -> Option<Program<'_>> {
    for (number, (at, _)) in text.match_indices(": ").enumerate().take(4) {
        let before = &text[..at];
        // ld.bfd puts no blank between its name and a place in a script (`%P:%pS`).
        if number == 0
            && let Some((name, _)) = before.split_once(':')
            && let Some(linkers) = linkers(name)
        {
            return Some(Program { name, linkers, severity: None, message: &text[name.len() + 1..] });
        }
        // A path may have blanks; where it begins is only sure at the beginning of the text.
        let words = [before, before.rsplit([' ', '\t', '(', '"']).next().unwrap_or(before)];
        for (is_word, name) in words.into_iter().enumerate() {
            let Some(linkers) = linkers(name) else { continue };
            let (severity, message) = severity(&text[at + 2..]);
            // `ld` is a word of other tools too; inside of a line it takes a path or a severity to be a linker's name.
            let sure = number == 0 && is_word == 0 || name.contains(['/', '\\']) || severity.is_some();
            if sure {
                return Some(Program { name, linkers, severity, message });
            }
        }
    }
    None
}

/// Which linkers call themselves so: `/usr/bin/ld`, `ld.lld-19`, `x86_64-linux-gnu-ld.bfd`, `C:/mingw64/bin/ld.exe`.
fn linkers(path: &str) -> Option<Linkers> {
    let base = path.trim_end().rsplit(['/', '\\']).next().unwrap_or(path);
    if base.len() > 64 {
        return None;
    }
    let base = base.strip_suffix(".exe").unwrap_or(base);
    let base = without_version(base);
    // A name that other names end with: `aarch64-none-elf-ld`, `rust-lld`.
    let word = base.rsplit('-').next().unwrap_or(base);
    match word {
        "ld.bfd" => Some(Linkers::BFD),
        "ld.gold" | "gold" => Some(Linkers::GOLD),
        "ld.lld" | "lld" | "ld64.lld" | "ld" if base == "wasm-ld" || word.contains("lld") => Some(Linkers::LLD),
        "mold" | "ld.mold" => Some(Linkers::MOLD),
        "wild" | "ld.wild" => Some(Linkers::WILD),
        // Any linker can be installed under the plain name.
        "ld" | "ld.real" => Some(Linkers::BFD.or(Linkers::GOLD).or(Linkers::LLD)),
        "new" if base == "ld-new" => Some(Linkers::BFD),
        _ => None,
    }
}

/// `ld.lld-19` without its `-19`.
fn without_version(base: &str) -> &str {
    match base.rsplit_once('-') {
        Some((name, version)) if version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => name,
        _ => base,
    }
}

/// A word at the beginning that says how bad it is, and what is behind it.
fn severity(text: &str) -> (Option<Severity>, &str) {
    const WORDS: [(&str, Severity); 5] = [
        ("error: ", Severity::Error),
        ("fatal error: ", Severity::Error),
        ("fatal: ", Severity::Error),
        ("warning: ", Severity::Warning),
        ("note: ", Severity::Note),
    ];
    for (word, severity) in WORDS {
        if let Some(rest) = text.strip_prefix(word) {
            return (Some(severity), rest);
        }
    }
    (None, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linkers_are_known_by_their_names() {
        let of = |text: &str| find(text).map(|program| (program.linkers, program.severity, program.message.to_owned()));
        let any = Linkers::BFD.or(Linkers::GOLD).or(Linkers::LLD);
        assert_eq!(of("/usr/bin/ld: x"), Some((any, None, "x".into())));
        assert_eq!(of("ld: error: x"), Some((any, Some(Severity::Error), "x".into())));
        assert_eq!(of("/usr/bin/ld.bfd: warning: x"), Some((Linkers::BFD, Some(Severity::Warning), "x".into())));
        assert_eq!(of("ld.lld-19: error: x"), Some((Linkers::LLD, Some(Severity::Error), "x".into())));
        assert_eq!(of("rust-lld: error: x"), Some((Linkers::LLD, Some(Severity::Error), "x".into())));
        assert_eq!(of("wasm-ld: error: x"), Some((Linkers::LLD, Some(Severity::Error), "x".into())));
        assert_eq!(of("mold: fatal: x"), Some((Linkers::MOLD, Some(Severity::Error), "x".into())));
        assert_eq!(of("C:/Program Files/mingw64/bin/x86_64-w64-mingw32-ld.exe: x"), Some((any, None, "x".into())));
        assert_eq!(of("worker 3: /nix/store/abc-binutils-2.40/bin/ld: x"), Some((any, None, "x".into())));
        assert_eq!(of("/usr/bin/ld:x.ld:1: syntax error"), Some((any, None, "x.ld:1: syntax error".into())));
        assert_eq!(of("checking for ld: yes"), None);
        assert_eq!(of("build: failed"), None);
    }
}
