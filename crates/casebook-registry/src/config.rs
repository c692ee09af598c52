//! `casebook.toml`: what its text says. Finding the file is the binary's work.

use std::collections::BTreeMap;
use std::fmt;

use casebook_core::{Case, Severity};
use globset::{Glob, GlobMatcher};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::select::{Selection, Selector, distance};

/// A calendar date; the registry is told which one is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day, from 1.
    pub day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        let date = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        let leap = date.year.is_multiple_of(4) && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
        let days = match date.month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            _ => 31,
        };
        ((1..=12).contains(&date.month) && (1..=days).contains(&date.day)).then_some(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// One `[[ignore]]`.
#[derive(Clone, Debug)]
pub struct IgnoreEntry {
    /// Which rules.
    pub code: Selector,
    /// Which evidence, relative to the configuration's folder; all when absent.
    pub path: Option<GlobMatcher>,
    /// Why.
    pub reason: String,
    /// Last day it holds.
    pub expires: Option<Date>,
    /// Line of `casebook.toml` it begins on.
    pub line: u32,
}

/// What one `casebook.toml` says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Path it was read from, as messages name it; empty for the built-in one.
    pub source: String,
    /// `[check] select` and `ignore`.
    pub selection: Selection,
    /// `[check] fail-on`; the inner `None` is `never`.
    pub fail_on: Option<Option<Severity>>,
    /// `[case.NAME]` tables, already checked by the case.
    pub settings: BTreeMap<String, BTreeMap<String, Value>>,
    /// `[[ignore]]` entries.
    pub ignores: Vec<IgnoreEntry>,
}

/// What is wrong with a `casebook.toml`, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Path of the file.
    pub source: String,
    /// Line, from 1.
    pub line: u32,
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.source, self.line, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// The severity `--fail-on` and `fail-on` name; `never` is `None`.
pub fn parse_fail_on(word: &str) -> Result<Option<Severity>, String> {
    match word {
        "error" => Ok(Some(Severity::Error)),
        "warning" => Ok(Some(Severity::Warning)),
        "note" => Ok(Some(Severity::Note)),
        "never" => Ok(None),
        _ => Err(format!("\"{word}\" is none of error, warning, note, never")),
    }
}

struct Reader<'a> {
    source: &'a str,
    text: &'a str,
    cases: &'a [&'static Case],
}

type Checked<T> = Result<T, ConfigError>;

impl Config {
    /// Reads the text of the file at `source`.
    pub fn parse(source: &str, text: &str, cases: &[&'static Case]) -> Result<Self, ConfigError> {
        let reader = Reader { source, text, cases };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.error(at, error.message().trim().to_owned(), None)
        })?;
        let mut config = Config { source: source.to_owned(), ..Config::default() };
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                "check" => reader.check(value, &mut config)?,
                "case" => reader.settings(value, &mut config)?,
                "ignore" => reader.ignores(value, &mut config)?,
                other => return Err(reader.unknown(key.span().start, other, &["check", "case", "ignore"])),
            }
        }
        Ok(config)
    }
}

impl Reader<'_> {
    fn error(&self, at: usize, message: String, hint: Option<String>) -> ConfigError {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
        ConfigError { source: self.source.to_owned(), line, message, hint }
    }

    fn unknown(&self, at: usize, key: &str, known: &[&str]) -> ConfigError {
        let near = known.iter().map(|name| (distance(key, name), *name)).filter(|(d, _)| *d <= 2).min();
        let hint = match near {
            Some((_, name)) => format!("did you mean \"{name}\"?"),
            None if known.is_empty() => "there are no keys here".to_owned(),
            None => format!("the keys here are {}", known.join(", ")),
        };
        self.error(at, format!("unknown key \"{key}\""), Some(hint))
    }

    fn table<'v>(&self, value: &'v Spanned<DeValue<'v>>, what: &str) -> Checked<&'v DeTable<'v>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.error(value.span().start, format!("{what} is a table"), None)),
        }
    }

    fn string<'v>(&self, value: &'v Spanned<DeValue<'v>>, what: &str) -> Checked<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.error(value.span().start, format!("{what} is a string"), None)),
        }
    }

    fn selector(&self, value: &Spanned<DeValue<'_>>, what: &str) -> Checked<Selector> {
        let word = self.string(value, what)?;
        Selector::parse(word, self.cases).map_err(|message| self.error(value.span().start, message, None))
    }

    fn selectors(&self, value: &Spanned<DeValue<'_>>, what: &str) -> Checked<Vec<Selector>> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.selector(item, what)).collect(),
            _ => Err(self.error(value.span().start, format!("{what} is a list of strings"), None)),
        }
    }

    fn check(&self, value: &Spanned<DeValue<'_>>, config: &mut Config) -> Checked<()> {
        for (key, value) in self.table(value, "check")? {
            match key.get_ref().as_ref() {
                "select" => config.selection.select = self.selectors(value, "select")?,
                "ignore" => config.selection.ignore = self.selectors(value, "ignore")?,
                "fail-on" => {
                    let word = self.string(value, "fail-on")?;
                    let severity =
                        parse_fail_on(word).map_err(|message| self.error(value.span().start, message, None))?;
                    config.fail_on = Some(severity);
                }
                other => return Err(self.unknown(key.span().start, other, &["select", "ignore", "fail-on"])),
            }
        }
        Ok(())
    }

    fn settings(&self, value: &Spanned<DeValue<'_>>, config: &mut Config) -> Checked<()> {
        for (key, value) in self.table(value, "case")? {
            let name = key.get_ref().as_ref();
            let Some(case) = self.cases.iter().find(|case| case.name == name) else {
                let names: Vec<&str> = self.cases.iter().map(|case| case.name).collect();
                return Err(self.unknown(key.span().start, name, &names));
            };
            let mut settings = BTreeMap::new();
            for (key, value) in self.table(value, &format!("case.{name}"))? {
                let word = key.get_ref().as_ref();
                let Some(setting) = case.settings.iter().find(|setting| setting.name == word) else {
                    let names: Vec<&str> = case.settings.iter().map(|setting| setting.name).collect();
                    return Err(self.unknown(key.span().start, word, &names));
                };
                let at = value.span().start;
                let json = self.json(value)?;
                (setting.check)(&json)
                    .map_err(|message| self.error(at, format!("{word}: {message}"), Some(setting.help.to_owned())))?;
                settings.insert(word.to_owned(), json);
            }
            config.settings.insert(name.to_owned(), settings);
        }
        Ok(())
    }

    fn ignores(&self, value: &Spanned<DeValue<'_>>, config: &mut Config) -> Checked<()> {
        let DeValue::Array(entries) = value.get_ref() else {
            let hint = Some("write [[ignore]] with two brackets".to_owned());
            return Err(self.error(value.span().start, "ignore is a list of tables".to_owned(), hint));
        };
        for entry in entries.iter() {
            let at = entry.span().start;
            let (mut code, mut path, mut reason, mut expires) = (None, None, None, None);
            for (key, value) in self.table(entry, "ignore")? {
                let bad = |message| self.error(value.span().start, message, None);
                match key.get_ref().as_ref() {
                    "code" => code = Some(self.selector(value, "code")?),
                    "path" => {
                        let pattern = self.string(value, "path")?;
                        let glob = Glob::new(pattern).map_err(|error| bad(format!("path: {error}")))?;
                        path = Some(glob.compile_matcher());
                    }
                    "reason" => reason = Some(self.string(value, "reason")?.trim().to_owned()),
                    "expires" => expires = Some(self.date(value)?),
                    other => {
                        let known = ["code", "path", "reason", "expires"];
                        return Err(self.unknown(key.span().start, other, &known));
                    }
                }
            }
            let missing = |what: &str| self.error(at, format!("this [[ignore]] has no {what}"), None);
            let code = code.ok_or_else(|| missing("code"))?;
            let reason = reason.filter(|reason| !reason.is_empty()).ok_or_else(|| missing("reason"))?;
            let line = self.error(at, String::new(), None).line;
            config.ignores.push(IgnoreEntry { code, path, reason, expires, line });
        }
        Ok(())
    }

    fn date(&self, value: &Spanned<DeValue<'_>>) -> Checked<Date> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            _ => String::new(),
        };
        Date::parse(&text)
            .ok_or_else(|| self.error(value.span().start, "expires is a date, YYYY-MM-DD".to_owned(), None))
    }

    fn json(&self, value: &Spanned<DeValue<'_>>) -> Checked<Value> {
        let bad = || self.error(value.span().start, "this number cannot be represented".to_owned(), None);
        Ok(match value.get_ref() {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Integer(number) => {
                Value::from(i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| bad())?)
            }
            DeValue::Float(number) => Value::from(number.as_str().parse::<f64>().map_err(|_| bad())?),
            DeValue::Datetime(date) => Value::from(date.to_string()),
            DeValue::Array(items) => Value::Array(items.iter().map(|item| self.json(item)).collect::<Checked<_>>()?),
            DeValue::Table(table) => {
                let pairs = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), self.json(value)?)));
                Value::Object(pairs.collect::<Checked<_>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse("casebook.toml", text, &[]).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        assert_eq!(error("[check]\nselct = []\n"), "casebook.toml:2: unknown key \"selct\"");
        assert_eq!(error("\n\nchek = 1\n"), "casebook.toml:3: unknown key \"chek\"");
    }

    #[test]
    fn an_unknown_case_is_named_with_its_line() {
        assert_eq!(error("[case.nope]\nx = 1\n"), "casebook.toml:1: unknown key \"nope\"");
    }

    #[test]
    fn text_that_is_no_toml_is_named_with_its_line() {
        assert!(error("[check]\nfail-on = \n").starts_with("casebook.toml:2: "));
    }

    #[test]
    fn an_ignore_without_reason_is_an_error() {
        let text = "[[ignore]]\ncode = \"all\"\nreason = \" \"\n";
        assert_eq!(error(text), "casebook.toml:1: this [[ignore]] has no reason");
    }

    #[test]
    fn expires_takes_a_date_and_a_string() {
        for date in ["2026-02-28", "\"2026-02-28\""] {
            let text = format!("[[ignore]]\ncode = \"all\"\nreason = \"r\"\nexpires = {date}\n");
            let config = Config::parse("casebook.toml", &text, &[]).unwrap();
            assert_eq!(config.ignores[0].expires, Date::parse("2026-02-28"));
        }
        assert_eq!(Date::parse("2026-02-29"), None);
    }

    #[test]
    fn fail_on_never_is_no_severity() {
        let config = Config::parse("casebook.toml", "[check]\nfail-on = \"never\"\n", &[]).unwrap();
        assert_eq!(config.fail_on, Some(None));
    }
}
