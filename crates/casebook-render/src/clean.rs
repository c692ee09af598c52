//! Evidence is not trusted with the reader's terminal, page or XML parser: what is printed of it is cleaned.

/// Text for one place in a terminal line: control characters, which could move the cursor or recolour the
/// screen, bidirectional overrides, which could reorder the line, and the marks of drawings are made visible.
pub(crate) fn line(text: &str) -> String {
    annotate_snippets::normalize_untrusted_str(&text.replace('\n', " ")).replace(is_unsafe, "\u{fffd}")
}

/// Like [`line`], with line breaks kept.
pub(crate) fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Control characters above ASCII, which terminals obey as well, and the marks `full` draws headers with.
pub(crate) fn is_unsafe(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | crate::full::MARK_OPEN | crate::full::MARK_CLOSE)
}

/// `text` with the five markup characters escaped and what XML 1.0 cannot hold replaced; good for attributes
/// and content of XML and HTML.
pub(crate) fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// Bytes as a reader reads them: `1.4 MB`, `812 bytes`. Powers of ten.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Wraps prose at word ends; a word wider than `limit` stays whole.
pub(crate) fn wrap(prose: &str, limit: usize) -> String {
    let mut out = String::with_capacity(prose.len() + 8);
    let mut column = 0;
    for (index, line) in prose.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            column = 0;
        }
        for word in line.split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > limit {
                out.push('\n');
                column = 0;
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_line_holds_no_control_characters() {
        let all: String = ('\0'..='\u{a0}').chain(['\u{202e}', '\u{2066}']).collect();
        let cleaned = line(&all);
        assert!(!cleaned.chars().any(|c| c.is_control() || ('\u{2066}'..='\u{2069}').contains(&c)), "{cleaned:?}");
        assert!(!cleaned.contains('\u{202e}'));
    }

    #[test]
    fn markup_escapes_and_keeps_nothing_xml_forbids() {
        assert_eq!(markup("<a b='c'>&\"\u{1b}"), "&lt;a b=&#39;c&#39;&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn sizes_are_read_in_powers_of_ten() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_450_000), "1.4 MB");
    }
}
