//! `path.toml`: the hops of a path and the facts that no file of a machine tells, declared by the user.
//!
//! ```toml
//! [path]
//! to = "10.0.1.100:80"              # what clients connect to
//!
//! [traffic]
//! quiet = "12 h"                    # the longest silence
//! speaks_first = "client"           # who ends it
//!
//! [client]
//! keepalive = "7200 s"              # "off", a time, or { time, interval, probes }
//!
//! [[hop]]
//! name = "balancer"
//! device = "aws-nlb"                # a known device: casebook rst devices
//! idle = "350 s"                    # where it is set to another value
//!
//! [[hop]]
//! name = "edge"
//! evidence = "edge/"                # its sysctl and ruleset, by the beginning of their paths
//! ```

use casebook_core::{Evidence, Kind, Sniff, Span, Unmodelled};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::flow::Side;
use super::span_of_time;
use super::timer::{Ending, Measures, Micros, Refresh};
use crate::model::devices::{self, Device};
use crate::model::path::Keepalive;

/// A declared path.
pub static PATH: Kind = Kind {
    name: "path-toml",
    what: "`path.toml`: the hops of a path and their timers, declared by hand",
    sniff,
    refers: None,
    comment: Some("#"),
};

fn sniff(sniff: &Sniff<'_>) -> bool {
    let text = String::from_utf8_lossy(&sniff.head[..sniff.head.len().min(4096)]);
    let begins = |word: &str| text.lines().any(|line| line.trim_start().starts_with(word));
    sniff.path.ends_with(".toml") && begins("[[hop]]") && (begins("[path]") || begins("[traffic]"))
}

/// What one `path.toml` declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFile {
    /// `[path] to`.
    pub to: Option<(String, Span)>,
    /// `[traffic] quiet`.
    pub quiet: Option<(Micros, Span)>,
    /// `[traffic] speaks_first`.
    pub speaks_first: Option<Side>,
    /// `[client] keepalive`.
    pub client: Option<Declared>,
    /// `[server] keepalive`.
    pub server: Option<Declared>,
    /// The hops, from the client to the server.
    pub hops: Vec<DeclaredHop>,
}

/// Keepalive as declared; `None` inside is `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The probes.
    pub keepalive: Option<Keepalive>,
    /// Where.
    pub span: Span,
}

/// A declared hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredHop {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: What,
    /// `idle` or `lifetime`.
    pub limit: Option<(Micros, Span)>,
    /// The whole table's first key.
    pub span: Span,
}

/// What a declared hop is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A known device.
    Device(&'static Device),
    /// A machine whose configuration is among the evidence, under this beginning of a path.
    Evidence(String),
    /// A device nobody knows: its own timer.
    Custom {
        /// What the timer measures.
        measures: Measures,
        /// What starts it anew.
        refresh: Refresh,
        /// How it ends a connection.
        ending: Ending,
    },
}

struct Reader<'a> {
    item: &'a Evidence,
    unmodelled: Vec<Unmodelled>,
}

/// What `item` declares, and what of it was not understood.
pub fn read(item: &Evidence) -> (PathFile, Vec<Unmodelled>) {
    let mut reader = Reader { item, unmodelled: Vec::new() };
    let empty = PathFile { to: None, quiet: None, speaks_first: None, client: None, server: None, hops: Vec::new() };
    let text = match item.as_text() {
        Ok(text) => text,
        Err(valid) => {
            reader.note(valid.len()..item.as_bytes().len(), "not UTF-8");
            return (empty, reader.unmodelled);
        }
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().unwrap_or(0..text.len());
        reader.note(at, error.message().to_owned());
    }
    let mut file = empty;
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "path" => reader.table(value, |reader, key, value| match key {
                "to" => reader.text(value).map(|to| file.to = Some(to)).is_some(),
                _ => false,
            }),
            "traffic" => reader.table(value, |reader, key, value| match key {
                "quiet" => reader.time(value).map(|quiet| file.quiet = Some(quiet)).is_some(),
                "speaks_first" => match reader.text(value) {
                    Some((word, _)) if word == "client" => file.speaks_first.replace(Side::Client).is_none(),
                    Some((word, _)) if word == "server" => file.speaks_first.replace(Side::Server).is_none(),
                    _ => false,
                },
                _ => false,
            }),
            "client" => reader.table(value, |reader, key, value| {
                key == "keepalive" && reader.keepalive(value).map(|keepalive| file.client = Some(keepalive)).is_some()
            }),
            "server" => reader.table(value, |reader, key, value| {
                key == "keepalive" && reader.keepalive(value).map(|keepalive| file.server = Some(keepalive)).is_some()
            }),
            "hop" => match value.get_ref() {
                DeValue::Array(hops) => hops.iter().for_each(|hop| file.hops.extend(reader.hop(hop))),
                _ => reader.note(value.span(), "hop is a list of tables, [[hop]]"),
            },
            other => reader.note(key.span(), format!("unknown table {other:?}")),
        }
    }
    (file, reader.unmodelled)
}

impl Reader<'_> {
    fn note(&mut self, at: std::ops::Range<usize>, why: impl Into<String>) {
        let end = at.end.min(self.item.as_bytes().len());
        self.unmodelled.push(Unmodelled::new(Span::new(self.item.id, at.start.min(end), end), why));
    }

    fn span(&self, value: &Spanned<DeValue<'_>>) -> Span {
        Span::new(self.item.id, value.span().start, value.span().end)
    }

    /// Gives each key to `take`, which says whether it knew it and could read its value.
    fn table(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        mut take: impl FnMut(&mut Self, &str, &Spanned<DeValue<'_>>) -> bool,
    ) {
        let DeValue::Table(table) = value.get_ref() else { return self.note(value.span(), "not a table") };
        for (key, value) in table {
            let before = self.unmodelled.len();
            if !take(self, key.get_ref(), value) && self.unmodelled.len() == before {
                self.note(
                    key.span().start..value.span().end,
                    format!("{:?} is not known, or its value is not", key.get_ref()),
                );
            }
        }
    }

    fn text(&mut self, value: &Spanned<DeValue<'_>>) -> Option<(String, Span)> {
        match value.get_ref() {
            DeValue::String(text) => Some((text.to_string(), self.span(value))),
            _ => {
                self.note(value.span(), "not a text in quotes");
                None
            }
        }
    }

    fn time(&mut self, value: &Spanned<DeValue<'_>>) -> Option<(Micros, Span)> {
        let (text, span) = match value.get_ref() {
            DeValue::Integer(number) => (number.as_str().to_owned(), self.span(value)),
            _ => self.text(value)?,
        };
        match span_of_time::parse(&text) {
            Ok(time) => Some((time, span)),
            Err(why) => {
                self.note(value.span(), why);
                None
            }
        }
    }

    fn keepalive(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Declared> {
        let span = self.span(value);
        match value.get_ref() {
            DeValue::String(word) if word == "off" => Some(Declared { keepalive: None, span }),
            DeValue::Table(_) => {
                let mut keepalive = Keepalive::LINUX;
                self.table(value, |reader, key, value| match (key, value.get_ref()) {
                    ("time", _) => reader.time(value).map(|(time, _)| keepalive.time = time).is_some(),
                    ("interval", _) => reader.time(value).map(|(time, _)| keepalive.interval = time).is_some(),
                    ("probes", DeValue::Integer(probes)) => {
                        probes.as_str().parse().map(|probes| keepalive.probes = probes).is_ok()
                    }
                    _ => false,
                });
                Some(Declared { keepalive: Some(keepalive), span })
            }
            _ => {
                let (time, span) = self.time(value)?;
                Some(Declared { keepalive: Some(Keepalive { time, ..Keepalive::LINUX }), span })
            }
        }
    }

    fn hop(&mut self, value: &Spanned<DeValue<'_>>) -> Option<DeclaredHop> {
        let (mut name, mut what, mut limit) = (None, None, None);
        let (mut measures, mut refresh, mut ending) = (Measures::Idle, Refresh::Segment, Ending::Silent);
        let mut known = true;
        self.table(value, |reader, key, value| match key {
            "name" => reader.text(value).map(|(text, _)| name = Some(text)).is_some(),
            "device" => match reader.text(value) {
                Some((device, _)) => {
                    what = devices::find(&device).map(What::Device);
                    known = what.is_some();
                    if !known {
                        reader.note(
                            value.span(),
                            format!("no known device {device:?}; `casebook rst devices` lists them"),
                        );
                    }
                    known
                }
                None => false,
            },
            "evidence" => reader.text(value).map(|(text, _)| what = Some(What::Evidence(text))).is_some(),
            "idle" => reader.time(value).map(|time| limit = Some(time)).is_some(),
            "lifetime" => {
                measures = Measures::Lifetime;
                reader.time(value).map(|time| limit = Some(time)).is_some()
            }
            "refreshed_by" => {
                let word = reader.text(value).map(|(word, _)| word);
                let read = match word.as_deref() {
                    Some("segment") => Some(Refresh::Segment),
                    Some("payload") => Some(Refresh::Payload),
                    Some("message") => Some(Refresh::Message),
                    _ => None,
                };
                read.map(|read| refresh = read).is_some()
            }
            "ends" => {
                let word = reader.text(value).map(|(word, _)| word);
                let read = match word.as_deref() {
                    Some("silently") => Some(Ending::Silent),
                    Some("fin") => Some(Ending::Fin),
                    Some("rst") => Some(Ending::Rst),
                    _ => None,
                };
                read.map(|read| ending = read).is_some()
            }
            _ => false,
        });
        let what = match what {
            Some(what) => what,
            None if limit.is_some() => What::Custom { measures, refresh, ending },
            None => {
                if known {
                    self.note(value.span(), "a hop needs `device`, `evidence`, `idle` or `lifetime`");
                }
                return None;
            }
        };
        let fallback = match &what {
            What::Device(device) => device.name.to_owned(),
            What::Evidence(prefix) => prefix.clone(),
            What::Custom { .. } => "hop".to_owned(),
        };
        Some(DeclaredHop { name: name.unwrap_or(fallback), what, limit, span: self.span(value) })
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};

    use super::*;

    fn parse(text: &str) -> (PathFile, Vec<String>) {
        let mut set = EvidenceSet::new();
        let id = set.add("path.toml", Some(PATH.name), Bytes::new(text.as_bytes().to_vec()));
        let (file, unmodelled) = read(set.get(id).unwrap());
        let said = unmodelled.iter().map(|one| format!("{}: {}", set.text(one.span).unwrap(), one.why)).collect();
        (file, said)
    }

    #[test]
    fn a_path_is_read_with_its_hops_in_order() {
        let (file, said) = parse(
            "[path]\nto = \"10.0.1.100:80\"\n[traffic]\nquiet = \"12 h\"\nspeaks_first = \"server\"\n\
             [client]\nkeepalive = { time = \"60 s\", probes = 3 }\n[server]\nkeepalive = \"off\"\n\
             [[hop]]\nname = \"nlb\"\ndevice = \"aws-nlb\"\n[[hop]]\nevidence = \"edge/\"\n\
             [[hop]]\nlifetime = \"1 h\"\nends = \"rst\"\n",
        );
        assert_eq!(said, Vec::<String>::new());
        assert_eq!(file.quiet.unwrap().0, Micros::seconds(43_200));
        assert_eq!(file.speaks_first, Some(Side::Server));
        assert_eq!(
            file.client.unwrap().keepalive.map(|keepalive| (keepalive.time, keepalive.probes)),
            Some((Micros::seconds(60), 3))
        );
        assert_eq!(file.server.unwrap().keepalive, None);
        assert!(matches!(file.hops[0].what, What::Device(device) if device.name == "aws-nlb"));
        assert_eq!(file.hops[1].what, What::Evidence("edge/".to_owned()));
        assert!(matches!(file.hops[2].what, What::Custom { measures: Measures::Lifetime, ending: Ending::Rst, .. }));
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_place() {
        let (file, said) = parse(
            "[traffic]\nquiet = 350\n[[hop]]\ndevice = \"aws-nbl\"\n[[hop]]\nidle = \"5 parsecs\"\n[weather]\nx = 1\n",
        );
        assert!(file.hops.is_empty());
        let has = |part: &str| assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
        has("has no unit");
        has("no known device");
        has("is no unit of time");
        has("unknown table");
    }

    #[test]
    fn broken_text_is_reported_and_the_rest_read() {
        let (file, said) = parse("[traffic]\nquiet = \"1 h\"\n[[hop]]\nidle = \n");
        assert!(!said.is_empty());
        assert_eq!(file.quiet.map(|quiet| quiet.0), Some(Micros::seconds(3_600)));
    }
}
