//! `casebook config --show`.

use std::fs;
use std::io::Write as _;

use casebook_registry::CASES;

use crate::args::Config;
use crate::configs::Configs;
use crate::failure::Failure;
use crate::screen;

pub(crate) fn run(args: &Config) -> Result<u8, Failure> {
    let here = std::env::current_dir()?;
    let path = fs::canonicalize(&args.path)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.path.display()), None))?;
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&here) };
    let mut configs = Configs::default();
    let found = configs.above(folder, &here)?;
    let mut out = screen::stdout();
    let Some(config) = found.and_then(|index| configs.configs.get(index)) else {
        writeln!(out, "no casebook.toml above {}; the defaults hold", args.path.display())?;
        writeln!(out, "check.fail-on = \"error\"    (default)")?;
        out.flush()?;
        return Ok(0);
    };
    let source = &config.source;
    let list = |words: &[casebook_registry::Selector]| {
        let words: Vec<String> = words.iter().map(|word| format!("\"{}\"", word.as_str())).collect();
        format!("[{}]", words.join(", "))
    };
    let origin = |set: bool| if set { source.as_str() } else { "default" };
    let selection = &config.selection;
    let select = if selection.select.is_empty() { "[\"all\"]".to_owned() } else { list(&selection.select) };
    writeln!(out, "check.select = {select}    ({})", origin(!selection.select.is_empty()))?;
    writeln!(out, "check.ignore = {}    ({})", list(&selection.ignore), origin(!selection.ignore.is_empty()))?;
    let fail_on = match config.fail_on {
        Some(severity) => severity.map_or("never", casebook_core::Severity::as_str),
        None => "error",
    };
    writeln!(out, "check.fail-on = \"{fail_on}\"    ({})", origin(config.fail_on.is_some()))?;
    for case in CASES {
        let given = config.settings.get(case.name);
        for setting in case.settings {
            match given.and_then(|given| given.get(setting.name)) {
                Some(value) => writeln!(out, "case.{}.{} = {value}    ({source})", case.name, setting.name)?,
                None => writeln!(out, "case.{}.{}    (default) {}", case.name, setting.name, setting.help)?,
            }
        }
    }
    for entry in &config.ignores {
        let path = entry.path.as_ref().map(|glob| format!(" in {}", glob.glob())).unwrap_or_default();
        let until = entry.expires.map(|date| format!(" until {date}")).unwrap_or_default();
        writeln!(out, "ignore {}{path}{until}: {}    ({source}:{})", entry.code.as_str(), entry.reason, entry.line)?;
    }
    out.flush()?;
    Ok(0)
}
