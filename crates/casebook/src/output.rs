//! Which formats are written, and where.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use casebook_core::{EvidenceSet, Report, Rule};
use casebook_render::{Format, Options, render};

use crate::failure::Failure;
use crate::screen;

/// A format and its file; without one it goes to standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) format: Format,
    pub(crate) file: Option<String>,
}

/// Pairs `--format` with `-o` by their places on the command line: `-o` belongs to the format before it that
/// has no file yet, or else to the one after it.
pub(crate) fn pair(formats: &[(usize, String)], outputs: &[(usize, String)]) -> Result<Vec<Sink>, Failure> {
    let mut sinks = Vec::new();
    for (at, text) in formats {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(file.to_owned())),
            None => (text.as_str(), None),
        };
        let format = Format::from_str(name).map_err(|error| Failure::usage(error.to_string(), None))?;
        sinks.push((*at, Sink { format, file }));
    }
    for (at, file) in outputs {
        let free = |sink: &&mut (usize, Sink)| sink.1.file.is_none();
        let before = sinks.iter_mut().rev().filter(|sink| sink.0 < *at).find(free).map(|sink| &mut sink.1);
        if let Some(sink) = before {
            sink.file = Some(file.clone());
            continue;
        }
        match sinks.iter_mut().filter(|sink| sink.0 > *at).find(free) {
            Some(sink) => sink.1.file = Some(file.clone()),
            None => sinks.push((*at, Sink { format: by_extension(file)?, file: Some(file.clone()) })),
        }
    }
    let mut sinks: Vec<Sink> = sinks.into_iter().map(|(_, sink)| sink).collect();
    if sinks.is_empty() {
        sinks.push(Sink { format: Format::Full, file: None });
    }
    if let [first, second, ..] = sinks.iter().filter(|sink| sink.file.is_none()).collect::<Vec<_>>()[..] {
        let (first, second) = (first.format, second.format);
        let message = format!("{first} and {second} would both go to standard output");
        return Err(Failure::usage(message, Some(format!("give one a file: --format {second}=FILE"))));
    }
    Ok(sinks)
}

fn by_extension(file: &str) -> Result<Format, Failure> {
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "txt" => Ok(Format::Full),
        "json" => Ok(Format::Json),
        "jsonl" => Ok(Format::Jsonl),
        "sarif" => Ok(Format::Sarif),
        "xml" => Ok(Format::Junit),
        "html" | "htm" => Ok(Format::Html),
        _ => {
            let message = format!("-o {file} has no --format beside it");
            Err(Failure::usage(message, Some(format!("write --format FORMAT={file}"))))
        }
    }
}

/// Writes the report in every format asked for, files first: a reader that closes the pipe loses none.
pub(crate) fn write(sinks: &[Sink], report: &Report, evidence: &EvidenceSet, rules: &[&'static Rule]) -> Result<()> {
    let plain = |format| Options::new(format, env!("CARGO_PKG_VERSION"));
    for sink in sinks {
        let Some(path) = &sink.file else { continue };
        let cannot = || format!("cannot write {path}");
        let mut file = BufWriter::new(File::create(path).with_context(cannot)?);
        render(report, evidence, rules, &plain(sink.format), &mut file).with_context(cannot)?;
        file.flush().with_context(cannot)?;
    }
    for sink in sinks.iter().filter(|sink| sink.file.is_none()) {
        let options = Options {
            color: screen::color(),
            unicode: screen::unicode(),
            width: screen::width(),
            ..plain(sink.format)
        };
        let mut out = screen::stdout();
        render(report, evidence, rules, &options, &mut out)?;
        out.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[(usize, &str)]) -> Vec<(usize, String)> {
        words.iter().map(|(at, word)| (*at, (*word).to_owned())).collect()
    }

    fn sink(format: Format, file: Option<&str>) -> Sink {
        Sink { format, file: file.map(str::to_owned) }
    }

    #[test]
    fn an_output_belongs_to_the_format_before_it() {
        let got = pair(&args(&[(1, "full"), (2, "sarif")]), &args(&[(3, "o.sarif")])).unwrap();
        assert_eq!(got, [sink(Format::Full, None), sink(Format::Sarif, Some("o.sarif"))]);
    }

    #[test]
    fn an_output_before_any_format_belongs_to_the_next() {
        let got = pair(&args(&[(2, "json"), (4, "full")]), &args(&[(1, "a")])).unwrap();
        assert_eq!(got, [sink(Format::Json, Some("a")), sink(Format::Full, None)]);
    }

    #[test]
    fn an_output_alone_is_named_by_its_extension() {
        assert_eq!(pair(&[], &args(&[(1, "a.html")])).unwrap(), [sink(Format::Html, Some("a.html"))]);
        assert!(pair(&[], &args(&[(1, "a.foo")])).is_err());
    }

    #[test]
    fn two_formats_cannot_share_standard_output() {
        assert!(pair(&args(&[(1, "json"), (2, "full")]), &[]).is_err());
    }
}
