//! A filter as words with their places; what stands in braces, brackets or parentheses is one word.

use std::ops::Range;

use super::FilterError;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// Its text.
    pub(super) text: &'t str,
    /// Bytes it takes.
    pub(super) at: Range<usize>,
}

/// Operators that end a word, longest first.
const OPERATORS: &[&str] = &["->", "<<", ">>", "<=", ">=", "==", "!=", ">", "<"];

/// Splits at spaces, commas around words and operators.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() || first == ',' {
            at += first.len_utf8();
            continue;
        }
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            let shown = if *operator == "->" { ">" } else { &rest[..operator.len()] };
            out.push(Token { text: shown, at: at..at + operator.len() });
            at += operator.len();
            continue;
        }
        let end = word(rest).map_err(|message| FilterError::new(message, &(at..text.len())))?;
        let shown = rest[..end].trim_end_matches(',');
        out.push(Token { text: shown, at: at..at + shown.len() });
        at += end;
    }
    Ok(out)
}

/// Length of the word a text begins with.
fn word(rest: &str) -> Result<usize, String> {
    let mut closers: Vec<char> = Vec::new();
    let mut quoted = false;
    for (at, c) in rest.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '\n' | '\r' | ';' | '#' | '\\' | '$' => {
                return Err(format!("`{}` has no meaning in a filter", c.escape_default()));
            }
            _ if quoted => {}
            '{' => closers.push('}'),
            '(' => closers.push(')'),
            '[' => closers.push(']'),
            '}' | ')' | ']' if closers.pop() != Some(c) => return Err(format!("`{c}` closes nothing")),
            _ if !closers.is_empty() => {}
            _ if c.is_whitespace() => return Ok(at),
            _ if at > 0 && OPERATORS.iter().any(|operator| rest[at..].starts_with(operator)) => return Ok(at),
            _ => {}
        }
    }
    match closers.last() {
        _ if quoted => Err("the quote is not closed".into()),
        Some(closer) => Err(format!("`{closer}` is missing")),
        None => Ok(rest.len()),
    }
}
