//! `systemctl cat`: files one after the other, each behind a line `# /PATH` (src/shared/pretty-print.c, `cat_file`).

use casebook_core::Evidence;

use super::path::locate;

/// A file inside of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) path: String,
    /// Its first byte.
    pub(super) start: usize,
    /// One past its last byte; the empty line before the next file is not of it.
    pub(super) end: usize,
}

/// The files of a text that `systemctl cat` printed; none for a file that only begins with a comment.
pub(super) fn parts(item: &Evidence) -> Vec<Part> {
    let bytes = item.as_bytes();
    let mut out: Vec<Part> = Vec::new();
    let mut at = 0;
    let mut after_blank = true;
    let mut first = true;
    for line in bytes.split(|byte| *byte == b'\n') {
        let next = at + line.len() + 1;
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(path) = header(text).filter(|_| after_blank) {
            if let Some(last) = out.last_mut() {
                last.end = at.saturating_sub(1).max(last.start);
            }
            out.push(Part { path, start: next.min(bytes.len()), end: bytes.len() });
        } else if first && !text.is_empty() {
            return Vec::new();
        }
        first &= text.is_empty();
        after_blank = text.is_empty();
        at = next;
    }
    out
}

/// `# /etc/systemd/system/backup.timer`
fn header(line: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(line.strip_prefix(b"# ")?).ok()?.trim_end();
    let name = path.rsplit('/').next().unwrap_or("");
    let known = casebook_formats::unit::is_unit_name(name) || name.ends_with(".conf");
    (path.starts_with('/') && known && !path.contains(' ') && !locate(path).is_bare).then(|| path.to_owned())
}
