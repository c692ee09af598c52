//! Which file is a unit file.

use casebook_core::{Kind, Sniff};

use super::read;

/// A unit file or a drop-in.
pub static UNIT_FILE: Kind = Kind {
    name: "systemd-unit",
    what: "a unit file of systemd, a drop-in of one, or output of `systemctl cat`",
    sniff,
    refers: None,
    comment: Some("#"),
};

/// Types of units (src/basic/unit-def.c, `unit_type_table`).
pub const SUFFIXES: &[&str] =
    &["service", "timer", "socket", "target", "mount", "automount", "swap", "path", "slice", "scope", "device"];

/// Sections that some type of unit takes.
const SECTIONS: &[&str] =
    &["Unit", "Timer", "Service", "Install", "Socket", "Mount", "Automount", "Swap", "Path", "Slice", "Scope"];

/// The type of a unit of this name: `timer`.
pub fn unit_suffix(name: &str) -> Option<&'static str> {
    let (prefix, suffix) = name.rsplit_once('.')?;
    SUFFIXES.iter().copied().find(|known| !prefix.is_empty() && *known == suffix)
}

/// True for the name of a unit or a template (src/basic/unit-name.c, `unit_name_is_valid`): letters, digits, `:-_.\@`, a known
/// type, 255 bytes at most.
pub fn is_unit_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    name.len() < 256 && unit_suffix(name).is_some() && !name.starts_with('@') && name.bytes().all(plain)
}

/// True when the path is one that systemd reads units at: `X.timer`, `X.timer.d/10-a.conf`, `timer.d/a.conf`.
fn is_path(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or("");
    let folder = parts.next().unwrap_or("");
    let drop_in = folder.strip_suffix(".d").filter(|_| name.ends_with(".conf"));
    is_unit_name(name) || drop_in.is_some_and(|of| is_unit_name(of) || SUFFIXES.contains(&of))
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    let named = is_path(sniff.path);
    // An empty file is a mask.
    if sniff.whole && sniff.head.is_empty() {
        return named;
    }
    let file = read(sniff.head);
    let Some(first) = file.sections.first() else { return false };
    // The first section is one of systemd's, and nothing but comments stands before it.
    let begins = SECTIONS.contains(&first.name) && file.problems.iter().all(|problem| problem.span.0 > first.span.0);
    // Files of a foreign name must look like units throughout: other formats have a `[Unit]` or a `[Service]` too.
    let all = file.sections.iter().all(|section| SECTIONS.contains(&section.name) || section.name.starts_with("X-"));
    let keys =
        file.assignments.iter().take(8).all(|item| item.key.starts_with(|first: char| first.is_ascii_uppercase()));
    begins && (named || all && keys && !file.assignments.is_empty())
}
