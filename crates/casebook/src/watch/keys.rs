//! What a terminal sends for a key: characters, and sequences that begin with ESC (ECMA-48, xterm's ctlseqs).

use casebook_core::watch::Key;

/// Ctrl-C, which a raw terminal sends as a byte.
pub(super) const INTERRUPT: u8 = 3;

/// The keys in `bytes`, which hold whole sequences. `None` stands for Ctrl-C.
pub(super) fn keys(bytes: &[u8]) -> Vec<Option<Key>> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let (key, length) = match first {
            &INTERRUPT => (None, 1),
            0x1b => {
                let (key, length) = escape(tail);
                (Some(key), length + 1)
            }
            b'\r' | b'\n' => (Some(Key::Enter), 1),
            0x7f | 0x08 => (Some(Key::Backspace), 1),
            0x20..0x7f => (Some(Key::Char(char::from(*first))), 1),
            0..0x20 => (Some(Key::Other), 1),
            _ => character(rest),
        };
        keys.push(key);
        rest = rest.get(length..).unwrap_or_default();
    }
    keys
}

/// A character of more than one byte.
fn character(bytes: &[u8]) -> (Option<Key>, usize) {
    let valid = match std::str::from_utf8(&bytes[..bytes.len().min(4)]) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(char) => (Some(Key::Char(char)), char.len_utf8()),
        None => (Some(Key::Other), 1),
    }
}

/// What follows ESC: the key, and how many bytes it has.
fn escape(bytes: &[u8]) -> (Key, usize) {
    let Some((b'[' | b'O', tail)) = bytes.split_first() else {
        // Alt with a key sends ESC before it.
        return (if bytes.is_empty() { Key::Escape } else { Key::Other }, bytes.len().min(1));
    };
    let Some(end) = tail.iter().position(|byte| matches!(byte, 0x40..=0x7e)) else { return (Key::Other, bytes.len()) };
    let key = match (&tail[..end], tail[end]) {
        ([], b'A') => Key::Up,
        ([], b'B') => Key::Down,
        ([], b'C') => Key::Right,
        ([], b'D') => Key::Left,
        ([], b'H') | (b"1" | b"7", b'~') => Key::Home,
        ([], b'F') | (b"4" | b"8", b'~') => Key::End,
        (b"5", b'~') => Key::PageUp,
        (b"6", b'~') => Key::PageDown,
        _ => Key::Other,
    };
    (key, end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(keys(b"q\x1b[A\x1b[5~\x7f"), [Key::Char('q'), Key::Up, Key::PageUp, Key::Backspace].map(Some));
        assert_eq!(keys("é\x03".as_bytes()), [Some(Key::Char('é')), None]);
        assert_eq!(keys(b"\x1b"), [Some(Key::Escape)]);
        assert_eq!(keys(b"\x1b[1;5C\x1bx\xff"), [Key::Other, Key::Other, Key::Other].map(Some));
        assert_eq!(keys(b"\x1b[12"), [Some(Key::Other)], "a sequence that is cut off");
    }
}
