//! The arguments of a probe.

use casebook_core::dial::First;
use casebook_core::{VerbError, VerbInput};

use crate::command::duration::{number, value};
use crate::model::ladder::file::{LONGEST_NS, MOST_OPEN, MOST_REPLICATES, first_named, kind_named};
use crate::model::ladder::{Kind, Options, SECOND_NS};

/// Largest payload: it has to fit the socket's buffer at once.
const LARGEST_PAYLOAD: usize = 4096;

pub(super) fn read(input: &VerbInput<'_>) -> Result<Options, VerbError> {
    let target = input.value("target").unwrap_or_default().to_owned();
    let host = host(&target)?;
    let responder = input.flag("responder");
    let firsts = match input.value("first") {
        Some(text) => list(text, "first", first_named, "client, server")?,
        None if responder => vec![First::Client, First::Server],
        None => vec![First::Client],
    };
    if firsts.contains(&First::Server) && !responder {
        let hint = "run `casebook rst respond --listen ADDR:PORT` there and give --responder";
        return Err(VerbError::with_hint("the server speaks first only when the far end is a responder", hint));
    }
    let mut kinds = match input.value("meanwhile") {
        Some(text) => list(text, "meanwhile", kind_named, "silence, keepalive, messages")?,
        None => vec![Kind::Keepalive, Kind::Messages],
    };
    // What refreshes a timer can be told only of a timer that silence has shown.
    kinds.push(Kind::Silence);
    kinds.sort_unstable();
    kinds.dedup();
    let payload = match input.value("send") {
        Some(_) if responder => return Err(VerbError::usage("--send is for a service; a responder has its own words")),
        Some(text) => unescape(text)?,
        None if responder => Vec::new(),
        None => format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n").into_bytes(),
    };
    let min_gap_ns = value(input, "min-gap")?.unwrap_or(SECOND_NS);
    let max_gap_ns = value(input, "max-gap")?.unwrap_or(7200 * SECOND_NS);
    if min_gap_ns >= max_gap_ns {
        return Err(VerbError::usage("--min-gap is not shorter than --max-gap"));
    }
    let max_time_ns = value(input, "max-time")?.unwrap_or(max_gap_ns.saturating_mul(3) + 300 * SECOND_NS);
    let max_open = number(input, "max-connections", 1, MOST_OPEN)?.unwrap_or(64);
    let replicates = number(input, "replicates", 1, MOST_REPLICATES)?.unwrap_or(8);
    Ok(Options {
        target,
        responder,
        payload,
        firsts,
        kinds,
        min_gap_ns,
        max_gap_ns,
        replicates: u32::try_from(replicates).unwrap_or(8),
        resolution_ns: value(input, "resolution")?,
        max_open: usize::try_from(max_open).unwrap_or(64),
        max_time_ns: max_time_ns.min(4 * LONGEST_NS),
        answer_within_ns: value(input, "answer-within")?.unwrap_or(3 * SECOND_NS).min(600 * SECOND_NS),
    })
}

/// The host of `HOST:PORT`.
fn host(target: &str) -> Result<&str, VerbError> {
    let wrong =
        || VerbError::with_hint(format!("`{target}` is no HOST:PORT"), "as in db.example:5432 or [2001:db8::1]:80");
    let (host, port) = target.rsplit_once(':').ok_or_else(wrong)?;
    let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    let sound = host.bytes().all(|byte| byte.is_ascii_graphic()) && !host.is_empty() && !bare_v6;
    if sound && port.parse::<u16>().is_ok_and(|port| port > 0) { Ok(host) } else { Err(wrong()) }
}

fn list<T: PartialEq>(text: &str, name: &str, known: fn(&str) -> Option<T>, all: &str) -> Result<Vec<T>, VerbError> {
    let mut out = Vec::new();
    for word in text.split(',').map(str::trim) {
        let one = known(word).ok_or_else(|| VerbError::usage(format!("--{name}: `{word}` is none of {all}")))?;
        if !out.contains(&one) {
            out.push(one);
        }
    }
    Ok(out)
}

fn unescape(text: &str) -> Result<Vec<u8>, VerbError> {
    let mut out = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                let byte = u8::from_str_radix(&digits, 16)
                    .ok()
                    .filter(|_| digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                out.push(byte.ok_or_else(|| VerbError::usage(format!("--send: `\\x{digits}` is no byte")))?);
            }
            other => {
                let after = other.map(String::from).unwrap_or_default();
                return Err(VerbError::with_hint(
                    format!("--send: `\\{after}` is no escape"),
                    "\\r \\n \\t \\0 \\\\ \\xHH",
                ));
            }
        }
    }
    if out.is_empty() || out.len() > LARGEST_PAYLOAD {
        return Err(VerbError::usage(format!("--send: it is empty or longer than {LARGEST_PAYLOAD} bytes")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        assert_eq!(host("db.example:5432").ok(), Some("db.example"));
        assert_eq!(host("[2001:db8::1]:80").ok(), Some("[2001:db8::1]"));
        for wrong in ["", "db.example", "db.example:", ":80", "a:b:80", "a b:80", "db:0", "db:70000", "a\n:80"] {
            assert!(host(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(unescape("PING\\r\\n\\x00\\\\é").ok(), Some(b"PING\r\n\0\\\xc3\xa9".to_vec()));
        for wrong in ["\\", "\\q", "\\x1", "\\xzz", "", "\\x+1"] {
            assert!(unescape(wrong).is_err(), "{wrong:?}");
        }
    }
}
