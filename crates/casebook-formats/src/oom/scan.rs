//! Small steps over the bytes of a line.

use memchr::{memchr_iter, memrchr_iter};

/// The text of bytes; what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Index of a byte of a needle that is seldom in a log.
fn anchor(needle: &[u8]) -> usize {
    needle.iter().position(|byte| !b" aeionrstld0".contains(byte)).unwrap_or(0)
}

/// Where `needle` begins in `line`. Lines are short: building a searcher takes longer than the search.
pub(super) fn find(line: &[u8], needle: &[u8]) -> Option<usize> {
    let anchor = anchor(needle);
    let from = line.get(anchor..)?;
    memchr_iter(*needle.get(anchor)?, from).find(|at| line[*at..].starts_with(needle))
}

/// True when the line begins with one of these, none of which is empty.
pub(super) fn begins_with_any(line: &[u8], beginnings: &[&[u8]]) -> bool {
    let Some(first) = line.first() else { return false };
    // Most differ in the first byte, which needs no call.
    beginnings.iter().any(|beginning| beginning.first() == Some(first) && line.starts_with(beginning))
}

/// Where `needle` begins for the last time.
pub(super) fn rfind(line: &[u8], needle: &[u8]) -> Option<usize> {
    let anchor = anchor(needle);
    let from = line.get(anchor..)?;
    memrchr_iter(*needle.get(anchor)?, from).find(|at| line[*at..].starts_with(needle))
}

/// A decimal number at the beginning, and how many bytes it has; of more than 20 digits none.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 20 {
        return None;
    }
    let value = bytes[..digits]
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some((value, digits))
}

/// A decimal number with or without a minus.
pub(super) fn signed(bytes: &[u8]) -> Option<(i64, usize)> {
    let (minus, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (value, length) = number(rest)?;
    let value = i64::try_from(value).ok()?;
    Some((if minus { -value } else { value }, length + usize::from(minus)))
}

/// The number behind a mark, and the range of its digits in the line.
pub(super) fn number_after(line: &[u8], mark: &[u8]) -> Option<(u64, (usize, usize))> {
    let start = find(line, mark)? + mark.len();
    let (value, length) = number(&line[start..])?;
    Some((value, (start, start + length)))
}

/// The number behind a mark, with or without a minus.
pub(super) fn signed_after(line: &[u8], mark: &[u8]) -> Option<i64> {
    let start = find(line, mark)? + mark.len();
    signed(&line[start..]).map(|(value, _)| value)
}

/// Kibibytes as bytes. The kernel prints a limit that is none as 2^64 - 1024 or near it.
pub(super) fn kib(value: u64) -> u64 {
    value.saturating_mul(1024)
}

/// A number that fits in 32 bits.
pub(super) fn small(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

/// True when all of the bytes are hexadecimal digits, and there are any.
pub(super) fn is_hex(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_hexdigit)
}

/// Words between blanks, with where they begin.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let start = at;
        let length = line.get(at..)?.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        at += length;
        (length > 0).then(|| (start, &line[start..start + length]))
    })
}
