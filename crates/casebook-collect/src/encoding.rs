//! What the first bytes say of evidence that no case recognised.

/// `LE` or `BE` when the bytes are UTF-16 text: a byte order mark, or zeros in every other byte.
pub(crate) fn utf16(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, rest @ ..] if !rest.starts_with(&[0, 0]) => return Some("LE"),
        [0xfe, 0xff, ..] => return Some("BE"),
        _ => {}
    }
    let sample = &head[..head.len().min(512) & !1];
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = sample.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, odd) if pairs >= 8 && odd * 10 >= pairs * 9 => Some("LE"),
        (even, 0) if pairs >= 8 && even * 10 >= pairs * 9 => Some("BE"),
        _ => None,
    }
}

/// Why no reader takes these bytes, when their encoding says so.
pub(crate) fn encoding(head: &[u8]) -> Option<String> {
    if head.is_empty() {
        return Some("empty".to_owned());
    }
    if let Some(order) = utf16(head) {
        return Some(format!(
            "UTF-16{order} text; convert it first: iconv -f UTF-16{} -t UTF-8",
            if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) { "" } else { order }
        ));
    }
    let compressed = [(&b"\xfd7zXZ\0"[..], "xz"), (&b"BZh"[..], "bzip2"), (&b"PK\x03\x04"[..], "zip")];
    if let Some((_, name)) = compressed.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(format!("{name}-compressed; unpack it first and give the folder"));
    }
    head.contains(&0).then(|| "binary, of no kind that a case reads".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_told_from_binary() {
        let text: Vec<u8> = "table inet filter {".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(utf16(&text), Some("LE"));
        assert!(encoding(&text).unwrap().contains("iconv -f UTF-16LE"));
        let with_mark: Vec<u8> = [0xff, 0xfe].into_iter().chain(text).collect();
        assert!(encoding(&with_mark).unwrap().ends_with("iconv -f UTF-16 -t UTF-8"));
        assert!(encoding(b"\x7fELF\0\0\0\0\x01\x02").unwrap().starts_with("binary"));
        assert_eq!(encoding(b"table"), None);
    }
}
