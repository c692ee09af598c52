//! Words of a response file, as GNU tools split them: `buildargv` of libiberty/argv.c. A backslash takes the next byte as it is, in quotes
//! of both kinds too; quotes of one kind hold the other.

/// A word and the bytes it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GnuWord {
    pub text: String,
    pub start: usize,
    pub end: usize,
    /// As [`super::Word::quote`].
    pub quote: Option<u8>,
}

/// The words of a response file.
pub(super) fn split(bytes: &[u8]) -> Vec<GnuWord> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
            at += 1;
        }
        if at >= bytes.len() {
            return out;
        }
        let start = at;
        let (text, end) = word(bytes, start);
        at = end;
        let raw = &bytes[start..end];
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        let quote = if text == raw {
            Some(0)
        } else if raw.len() > 1 && text == inner && matches!(raw[0], b'"' | b'\'') {
            Some(1)
        } else {
            None
        };
        out.push(GnuWord { text: String::from_utf8_lossy(&text).into_owned(), start, end, quote });
    }
}

fn word(bytes: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    while let Some(byte) = bytes.get(at).copied() {
        match (escaped, quote) {
            (true, _) => {
                out.push(byte);
                escaped = false;
            }
            _ if byte == b'\\' => escaped = true,
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => out.push(byte),
            (_, None) if is_space(byte) => break,
            (_, None) if matches!(byte, b'\'' | b'"') => quote = Some(byte),
            (_, None) => out.push(byte),
        }
        at += 1;
    }
    (out, at)
}

/// `ISSPACE` of libiberty.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_buildargv_does() {
        let text = b"-o \"a b\"\n'c\"d' e\\ f \"g\\\"h\" ''\n";
        let words: Vec<String> = split(text).into_iter().map(|word| word.text).collect();
        assert_eq!(words, ["-o", "a b", "c\"d", "e f", "g\"h", ""]);
    }

    #[test]
    fn places_hold_the_quotes() {
        let text = b" x \"a b\" c\\d";
        let words = split(text);
        assert_eq!(&text[words[1].start..words[1].end], b"\"a b\"");
        assert_eq!(words.iter().map(|word| word.quote).collect::<Vec<_>>(), [Some(0), Some(1), None]);
    }
}
