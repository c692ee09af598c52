//! Redaction of a bundle: addresses, the host name and user names become tokens, the same one for the same
//! original everywhere, so that the model still sees which addresses are equal.
//!
//! It substitutes bytes and knows no format. Addresses become addresses of documentation ranges with the
//! same bits per network where there is room, so that a ruleset or capture text still parses.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use casebook_core::Bytes;

use crate::Reading;

/// Originals and their tokens, in order of first sight.
#[derive(Debug, Default)]
pub struct Mapping {
    tokens: BTreeMap<String, String>,
    v4: u32,
    v6: u32,
}

impl Mapping {
    /// The mapping as text, one `TOKEN ORIGINAL` a line.
    pub fn text(&self) -> String {
        self.tokens.iter().map(|(original, token)| format!("{token} {original}\n")).collect()
    }

    fn address(&mut self, word: &str) -> Option<String> {
        if let Some(token) = self.tokens.get(word) {
            return Some(token.clone());
        }
        let token = if let Ok(address) = word.parse::<Ipv4Addr>() {
            if address.is_loopback() || address.is_unspecified() || address.is_broadcast() || address.is_multicast() {
                return None;
            }
            self.v4 += 1;
            // 198.18.0.0/15 is set aside for tests and holds 131072 addresses.
            Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() | (self.v4 & 0x1_ffff)).to_string()
        } else {
            let address = word.parse::<Ipv6Addr>().ok()?;
            if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
                return None;
            }
            self.v6 += 1;
            let base = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
            Ipv6Addr::from_bits(base | u128::from(self.v6)).to_string()
        };
        self.tokens.insert(word.to_owned(), token.clone());
        Some(token)
    }
}

/// Replaces addresses and `names` (host and user names, with the word their token begins with) in every
/// reading. The names of readings and their command lines are replaced too.
pub fn redact(readings: &mut [Reading], names: &[(String, &str)]) -> Mapping {
    let mut mapping = Mapping::default();
    for (number, (name, sort)) in names.iter().enumerate() {
        // Short names are common words; replacing them would garble the evidence.
        if name.len() >= 3 {
            mapping.tokens.entry(name.clone()).or_insert_with(|| format!("{sort}-{}", number + 1));
        }
    }
    let words: Vec<(String, String)> = mapping.tokens.clone().into_iter().collect();
    for reading in readings {
        if let Some(bytes) = &reading.bytes {
            let text = substitute(bytes.as_slice(), &words, &mut mapping);
            reading.entry.bytes = text.len() as u64;
            reading.bytes = Some(Bytes::new(text));
        }
        let text = substitute(reading.entry.stderr.as_bytes(), &words, &mut mapping);
        reading.entry.stderr = String::from_utf8_lossy(&text).into_owned();
    }
    mapping
}

fn substitute(bytes: &[u8], words: &[(String, String)], mapping: &mut Mapping) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let end = bytes[at..].iter().position(|byte| !is_word(*byte)).map_or(bytes.len(), |len| at + len);
        let word = String::from_utf8_lossy(&bytes[at..end]);
        // A trailing `:` or `.` belongs to the sentence, not to the address.
        let trimmed = word.trim_end_matches(['.', ':']);
        let token = words
            .iter()
            .find(|(name, _)| name == trimmed)
            .map(|(_, token)| token.clone())
            .or_else(|| if looks_like_address(trimmed) { mapping.address(trimmed) } else { None })
            .or_else(|| with_port(trimmed, mapping));
        match token {
            Some(token) => {
                out.extend_from_slice(token.as_bytes());
                out.extend_from_slice(&bytes[at + trimmed.len()..end]);
            }
            None => out.extend_from_slice(&bytes[at..end]),
        }
        at = end;
    }
    out
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_')
}

fn looks_like_address(word: &str) -> bool {
    word.contains('.') || word.matches(':').count() >= 2
}

/// `10.0.0.1:80`.
fn with_port(word: &str, mapping: &mut Mapping) -> Option<String> {
    let (host, port) = word.rsplit_once(':')?;
    host.parse::<Ipv4Addr>().ok()?;
    port.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| mapping.address(host))?
        .map(|token| format!("{token}:{port}"))
}

/// Originals that are still to be found in the redacted readings: none, or the bundle must not be written.
pub fn leaks(readings: &[Reading], mapping: &Mapping) -> Vec<String> {
    let mut leaks = Vec::new();
    for original in mapping.tokens.keys() {
        let holds = |bytes: &[u8]| words(bytes).any(|word| word == original.as_bytes());
        if readings.iter().filter_map(|reading| reading.bytes.as_ref()).any(|bytes| holds(bytes.as_slice())) {
            leaks.push(original.clone());
        }
    }
    leaks
}

fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_gets_the_same_token() {
        let mut mapping = Mapping::default();
        let text = b"ip saddr 10.0.0.1 dnat to 10.0.0.2:80, 10.0.0.1. version 1.0.6 ::1 fe80::1";
        let got = substitute(text, &[], &mut mapping);
        assert_eq!(
            String::from_utf8(got).unwrap(),
            "ip saddr 198.18.0.1 dnat to 198.18.0.2:80, 198.18.0.1. version 1.0.6 ::1 2001:db8::1"
        );
    }

    #[test]
    fn names_are_replaced_as_whole_words() {
        let words = [("edge1".to_owned(), "host-1".to_owned())];
        let got = substitute(b"edge1 edge10 edge1.", &words, &mut Mapping::default());
        assert_eq!(String::from_utf8(got).unwrap(), "host-1 edge10 host-1.");
    }
}
