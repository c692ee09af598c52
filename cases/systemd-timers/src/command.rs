//! The case's own verbs: facts in, report out.

use std::io::Write;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::json;

use crate::facts::parse;
use crate::model::refused;

/// `casebook tmr show FILE`.
pub const SHOW: Verb = Verb {
    name: "show",
    about: "Say whether a load is refused",
    long: "Example:\n  casebook tmr show evidence.tmr",
    args: &[Arg {
        name: "file",
        kind: ArgKind::Evidence,
        value_name: "FILE",
        help: "A limit and a load",
        required: true,
        many: false,
    }],
    run: show,
};

fn show(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let file = input.file("file").and_then(|id| input.evidence.get(id));
    let file = file.ok_or_else(|| VerbError::usage("no file was given"))?;
    let (limits, _) = parse(file);
    let (Some(limit), Some(load)) = (limits.limit, limits.load) else {
        return Err(VerbError::usage(format!("{} states no limit or no load", file.path)));
    };
    let refused = refused(limit.value, load.value);
    match input.format {
        OutputFormat::Json => {
            writeln!(out, "{}", json!({ "limit": limit.value, "load": load.value, "refused": refused }))?;
        }
        OutputFormat::Text if refused => writeln!(out, "refused: {} is over {}", load.value, limit.value)?,
        OutputFormat::Text => writeln!(out, "taken: {} is not over {}", load.value, limit.value)?,
    }
    Ok(0)
}
