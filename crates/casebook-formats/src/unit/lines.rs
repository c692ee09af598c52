//! Lines as systemd's `read_line_full` cuts them (src/basic/fileio.c): at `\n`, `\r`, NUL, or at a run of them in which none
//! comes twice and nothing follows a NUL.

/// A line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let start = at;
        let end = start + memchr::memchr3(b'\n', b'\r', 0, &bytes[start..]).unwrap_or(bytes.len() - start);
        at = end;
        let mut seen = 0u8;
        while let Some(mark) = bytes.get(at).and_then(|byte| mark(*byte)) {
            if seen & (mark | ZERO) != 0 {
                break;
            }
            seen |= mark;
            at += 1;
        }
        Some(Line { start, end })
    })
}

const ZERO: u8 = 4;

fn mark(byte: u8) -> Option<u8> {
    match byte {
        b'\n' => Some(1),
        b'\r' => Some(2),
        0 => Some(ZERO),
        _ => None,
    }
}
