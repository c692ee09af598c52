//! `casebook nft test`: a file of expectations, for review pipelines.

use std::io::Write;

use casebook_core::{Evidence, OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::craft;
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::types;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::asked::{ENDS, Status, verify, wrong};
use crate::model::filter::{self, Filter};
use crate::model::symbolic::query::Wanted;

pub(super) const LONG: &str = "\
Every expectation of the file is proved for all its packets, or has a packet that breaks it. EXPECT.toml:

  [[expect]]
  name = \"the scraper reaches the metrics and is marked\"
  packets = \"tcp 10.9.0.5 > any:9100, ct new, path input\"   # a filter: see `casebook nft query --help`
  outcome = \"accept\"                                         # accept, drop or reject
  ct_mark = \"0x51\"          # mark of the connection at the end; `mark` is that of the packet
  decided_by = \"dport 9100\" # a part of the rule or policy that decides

`name` and `packets` are required, and at least one of the others. Unknown keys are errors.

Exit status: 0 all hold, 1 one does not, 2 one is undecided or something could not be read.

Examples:
  casebook nft test edge.nft expect.toml
  git diff --name-only | grep -q edge.nft && casebook nft test edge.nft expect.toml --format json";

/// One expectation.
struct Expectation {
    name: String,
    filter: Filter,
    wanted: Wanted,
    line: usize,
}

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    let item = input.file("expect").and_then(|id| input.evidence.get(id));
    let item = item.ok_or_else(|| VerbError::usage("no expectations were given"))?;
    let list = read(item, &facts.ruleset)?;
    let (mut held, mut failed, mut undecided) = (0, 0, 0);
    let mut lines: Vec<Value> = Vec::new();
    for expectation in &list {
        let verdict = verify(&facts.ruleset, &expectation.filter, &expectation.wanted);
        match verdict.status {
            Status::Holds => held += 1,
            Status::Fails => failed += 1,
            Status::Undecided => undecided += 1,
        }
        if input.format == OutputFormat::Json {
            let mut value = verdict.json(&facts.ruleset);
            value["name"] = expectation.name.as_str().into();
            value["line"] = expectation.line.into();
            value["filter"] = expectation.filter.matches.as_str().into();
            lines.push(value);
            continue;
        }
        writeln!(out, "{:<9} {}", verdict.status.as_str(), expectation.name)?;
        if verdict.status != Status::Holds {
            verdict.print(&facts.ruleset, out)?;
        }
    }
    let code = match (failed, undecided) {
        (0, 0) => 0,
        (0, _) => 2,
        _ => 1,
    };
    if input.format == OutputFormat::Json {
        let value = json!({"expectations": lines, "held": held, "failed": failed, "undecided": undecided});
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{} expectations: {held} ok, {failed} failed, {undecided} undecided", list.len())?;
    }
    Ok(code)
}

/// Place of a byte: `expect.toml:3`.
struct File<'e> {
    path: &'e str,
    text: &'e str,
}

impl File<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    fn error(&self, at: usize, message: impl std::fmt::Display, hint: Option<String>) -> VerbError {
        VerbError::Usage { message: format!("{}:{}: {message}", self.path, self.line(at)), hint }
    }
}

const KEYS: [&str; 6] = ["name", "packets", "outcome", "mark", "ct_mark", "decided_by"];

fn read(item: &Evidence, ruleset: &Ruleset) -> Result<Vec<Expectation>, VerbError> {
    let Ok(text) = item.as_text() else {
        return Err(VerbError::usage(format!("{} is not text", item.path)));
    };
    let file = File { path: &item.path, text };
    let table = DeTable::parse(text)
        .map_err(|error| file.error(error.span().map_or(0, |span| span.start), error.message(), None))?;
    let mut out = Vec::new();
    for (key, value) in table.get_ref().iter() {
        let at = key.span().start;
        let (true, DeValue::Array(list)) = (key.get_ref() == "expect", value.get_ref()) else {
            let hint = "a file of expectations holds [[expect]] tables".to_owned();
            return Err(file.error(at, format!("unknown key \"{}\"", key.get_ref()), Some(hint)));
        };
        for entry in list.iter() {
            let DeValue::Table(table) = entry.get_ref() else {
                return Err(file.error(
                    entry.span().start,
                    "an expectation is a table",
                    Some("write [[expect]]".into()),
                ));
            };
            out.push(expectation(&file, entry.span().start, table, ruleset)?);
        }
    }
    if out.is_empty() {
        let hint = "write [[expect]] with name, packets and outcome".to_owned();
        return Err(VerbError::with_hint(format!("{} holds no expectation", item.path), hint));
    }
    Ok(out)
}

fn expectation(
    file: &File<'_>,
    start: usize,
    table: &DeTable<'_>,
    ruleset: &Ruleset,
) -> Result<Expectation, VerbError> {
    if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(&key.get_ref().as_ref())) {
        let hint = match craft::nearest(key.get_ref(), KEYS.into_iter()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known are {}", KEYS.join(", ")),
        };
        return Err(file.error(key.span().start, format!("unknown key \"{}\"", key.get_ref()), Some(hint)));
    }
    let get = |key: &str| table.iter().find(|(known, _)| known.get_ref() == key).map(|(_, value)| value);
    let text = |key: &str| match get(key) {
        None => Ok(None),
        Some(value) => match value.get_ref() {
            DeValue::String(text) => Ok(Some((text.as_ref(), value.span().start))),
            _ => Err(file.error(value.span().start, format!("\"{key}\" is a string"), None)),
        },
    };
    let required = |key: &str| {
        let missing = || file.error(start, format!("this [[expect]] has no \"{key}\""), None);
        text(key)?.ok_or_else(missing)
    };
    let (name, _) = required("name")?;
    let (packets, at) = required("packets")?;
    let mut wanted = Wanted {
        mark: mark(file, "mark", get("mark"))?,
        ct_mark: mark(file, "ct_mark", get("ct_mark"))?,
        by: text("decided_by")?.map(|(text, _)| text.to_owned()),
        ..Wanted::default()
    };
    if let Some((outcome, at)) = text("outcome")? {
        let Some((_, end)) = ENDS.into_iter().find(|(name, _)| *name == outcome) else {
            let hint = "write accept, drop or reject".to_owned();
            return Err(file.error(at, format!("\"{outcome}\" is not an end of packets"), Some(hint)));
        };
        wanted.end = Some(end);
    }
    if wanted == Wanted::default() {
        let hint = "write outcome = \"accept\", \"drop\" or \"reject\"".to_owned();
        return Err(file.error(start, "this [[expect]] expects nothing", Some(hint)));
    }
    let marks = wanted.mark.is_some() || wanted.ct_mark.is_some();
    let filter = filter::parse(packets, ruleset.host, marks).map_err(|error| {
        file.error(at, format!("the filter cannot be read{}", wrong(packets, &error)), error.hint.clone())
    })?;
    Ok(Expectation { name: name.to_owned(), filter, wanted, line: file.line(start) })
}

/// A mark: `"0x51"` or a number.
fn mark(file: &File<'_>, key: &str, value: Option<&Spanned<DeValue<'_>>>) -> Result<Option<u32>, VerbError> {
    let Some(value) = value else { return Ok(None) };
    let number = match value.get_ref() {
        DeValue::String(text) => types::integer(text),
        DeValue::Integer(number) => u128::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    let number = number.and_then(|number| u32::try_from(number).ok());
    let wrong = || {
        let hint = format!("write {key} = \"0x51\"");
        file.error(value.span().start, format!("\"{key}\" is no mark of 32 bits"), Some(hint))
    };
    number.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};

    use super::*;

    fn error(text: &str) -> String {
        let mut set = EvidenceSet::new();
        let id = set.add("expect.toml", None, Bytes::new(text.as_bytes().to_vec()));
        match read(set.get(id).unwrap(), &Ruleset::default()) {
            Ok(_) => "read".into(),
            Err(VerbError::Usage { message, .. }) => message,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let entry = "[[expect]]\nname = \"n\"\npackets = \"tcp\"\n";
        assert_eq!(error(&format!("{entry}outcome = \"drop\"\n")), "read");
        assert_eq!(error(&format!("{entry}outcom = \"drop\"\n")), "expect.toml:4: unknown key \"outcom\"");
        assert_eq!(error(&format!("{entry}outcome = \"gone\"\n")), "expect.toml:4: \"gone\" is not an end of packets");
        assert_eq!(error(&format!("{entry}mark = \"x\"\n")), "expect.toml:4: \"mark\" is no mark of 32 bits");
        assert_eq!(error(&format!("{entry}mark = 0x51\n")), "read");
        assert_eq!(error(entry), "expect.toml:1: this [[expect]] expects nothing");
        assert_eq!(error("\n[[expects]]\n"), "expect.toml:2: unknown key \"expects\"");
        assert_eq!(error(""), "expect.toml holds no expectation");
        assert!(error("[[expect]\n").starts_with("expect.toml:1: "));
        let filter = "[[expect]]\nname = \"n\"\noutcome = \"drop\"\npackets = \"tcp dprot 22\"\n";
        assert!(
            error(filter).starts_with("expect.toml:4: the filter cannot be read at `dprot`: "),
            "{}",
            error(filter)
        );
    }
}
