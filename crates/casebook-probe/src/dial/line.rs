//! What a probe and `casebook rst respond` say to each other: short lines of ASCII, so that a capture can be read.
//!
//! ```text
//! probe       casebook 1 KEY client|server GAP_US     which connection this is, who speaks when
//! responder   ok INSTANCE
//! probe       ping            responder   pong        to keep a connection busy
//! first       now WAITED_US   other       got         after the gap
//! probe       casebook 1 report KEY                   on another connection: what became of that one
//! responder   report INSTANCE END WAITED_US  |  waiting INSTANCE  |  unknown INSTANCE
//! ```

use casebook_core::dial::{End, FarReport, First, When};

/// Longest line; a longer one is not of a probe.
pub(crate) const LONGEST_LINE: usize = 160;

/// Longest name of a connection.
const LONGEST_KEY: usize = 48;

/// What a probe says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// A connection that waits.
    Probe { key: String, first: First, gap_ns: u64 },
    /// A question about another connection.
    Report { key: String },
}

/// What a responder answers to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Report { instance: String, report: FarReport },
    Waiting { instance: String },
    Unknown { instance: String },
}

fn is_key(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= LONGEST_KEY
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// Reads a greeting; `None` when it is none.
pub(crate) fn greeting(line: &str) -> Option<Greeting> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["casebook", "1", "report", key] if is_key(key) => Some(Greeting::Report { key: (*key).to_owned() }),
        ["casebook", "1", key, first, gap_us] if is_key(key) => {
            let first = match *first {
                "client" => First::Client,
                "server" => First::Server,
                _ => return None,
            };
            let gap_ns = gap_us.parse::<u64>().ok()?.checked_mul(1000)?;
            Some(Greeting::Probe { key: (*key).to_owned(), first, gap_ns })
        }
        _ => None,
    }
}

/// Writes a greeting.
pub(crate) fn greet(greeting: &Greeting) -> String {
    match greeting {
        Greeting::Report { key } => format!("casebook 1 report {key}\n"),
        Greeting::Probe { key, first, gap_ns } => {
            let first = if *first == First::Client { "client" } else { "server" };
            format!("casebook 1 {key} {first} {}\n", gap_ns / 1000)
        }
    }
}

const ENDS: [(&str, End); 11] = [
    ("alive", End::Alive),
    ("reset-waiting", End::Reset(When::Waiting)),
    ("reset-spoken", End::Reset(When::Spoken)),
    ("closed-waiting", End::Closed(When::Waiting)),
    ("closed-spoken", End::Closed(When::Spoken)),
    ("timed-out-waiting", End::TimedOut(When::Waiting)),
    ("timed-out-spoken", End::TimedOut(When::Spoken)),
    ("failed-waiting", End::Failed(When::Waiting)),
    ("failed-spoken", End::Failed(When::Spoken)),
    ("vanished", End::Vanished),
    ("unanswered", End::Unanswered),
];

/// Writes an answer.
pub(crate) fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Waiting { instance } => format!("waiting {instance}\n"),
        Answer::Unknown { instance } => format!("unknown {instance}\n"),
        Answer::Report { instance, report } => {
            let end = ENDS.iter().find(|(_, end)| *end == report.end).map_or("failed-spoken", |(name, _)| name);
            format!("report {instance} {end} {}\n", report.waited_ns / 1000)
        }
    }
}

/// Reads an answer; `None` when it is none.
pub(crate) fn answered(line: &str) -> Option<Answer> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["waiting", instance] if is_key(instance) => Some(Answer::Waiting { instance: (*instance).to_owned() }),
        ["unknown", instance] if is_key(instance) => Some(Answer::Unknown { instance: (*instance).to_owned() }),
        ["report", instance, end, waited_us] if is_key(instance) => {
            let end = ENDS.iter().find(|(name, _)| name == end)?.1.clone();
            let waited_ns = waited_us.parse::<u64>().ok()?.checked_mul(1000)?;
            Some(Answer::Report { instance: (*instance).to_owned(), report: FarReport { end, waited_ns } })
        }
        _ => None,
    }
}

/// The instance of `ok INSTANCE`.
pub(crate) fn accepted(line: &str) -> Option<&str> {
    line.strip_prefix("ok ").filter(|instance| is_key(instance))
}

/// The wait of `now WAITED_US`, in nanoseconds.
pub(crate) fn spoken(line: &str) -> Option<u64> {
    line.strip_prefix("now ")?.parse::<u64>().ok()?.checked_mul(1000)
}

/// Takes whole lines out of what was received; the error is a line that is too long or not of ASCII.
pub(crate) fn lines(buffer: &mut Vec<u8>) -> Result<Vec<String>, &'static str> {
    let mut out = Vec::new();
    while let Some(at) = buffer.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = buffer.drain(..=at).collect();
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if line.len() > LONGEST_LINE {
            return Err("a line that is too long");
        }
        if !line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Err("bytes that are no text");
        }
        out.push(String::from_utf8_lossy(line).into_owned());
    }
    if buffer.len() > LONGEST_LINE { Err("a line that is too long") } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for first in [First::Client, First::Server] {
            let said = Greeting::Probe { key: "a1.7".into(), first, gap_ns: 4_800_000_000 };
            assert_eq!(greeting(greet(&said).trim_end()), Some(said));
        }
        let said = Greeting::Report { key: "a1.7".into() };
        assert_eq!(greeting(greet(&said).trim_end()), Some(said));
        for (_, end) in ENDS {
            let said = Answer::Report { instance: "ff".into(), report: FarReport { end, waited_ns: 5_000_000 } };
            assert_eq!(answered(answer(&said).trim_end()), Some(said));
        }
    }

    #[test]
    fn what_no_probe_says_is_refused() {
        for line in [
            "",
            "GET / HTTP/1.1",
            "casebook 1 a client -1",
            "casebook 1 a client 99999999999999999999",
            "casebook 2 a client 1",
            "casebook 1 a nobody 1",
            "casebook 1 a/b client 1",
            "casebook 1 report ",
            "casebook 1  client 1",
        ] {
            assert_eq!(greeting(line), None, "{line:?}");
        }
        assert!(lines(&mut vec![b'a'; LONGEST_LINE + 1]).is_err());
        assert!(lines(&mut b"\x16\x03\x01\n".to_vec()).is_err());
        assert_eq!(lines(&mut b"a\nb\nc".to_vec()), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }
}
