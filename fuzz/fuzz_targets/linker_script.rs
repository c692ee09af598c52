//! Linker scripts and version scripts: all places are inside, and names are what stands there.
#![no_main]

use casebook_formats::ldscript::{self, Command, Text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let inside = |span: (usize, usize)| assert!(span.0 <= span.1 && span.1 <= data.len());
    let script = ldscript::read(data);
    script.unmodelled.iter().for_each(|(span, _)| inside(*span));
    for command in &script.commands {
        match command {
            Command::Inputs { list, span, .. } => {
                inside(*span);
                list.iter().for_each(|entry| inside(entry.name.span));
            }
            Command::Layout(span) => inside(*span),
            Command::Assign(assign) => inside(assign.name.span),
            Command::Version(versions) => versions.unmodelled.iter().for_each(|(span, _)| inside(*span)),
            Command::OutputFormat(names) | Command::Extern(names) => names.iter().for_each(|name| inside(name.span)),
            Command::OutputArch(name)
            | Command::SearchDir(name)
            | Command::Entry(name)
            | Command::Include(name)
            | Command::Startup(name) => inside(name.span),
        }
    }
    let versions = ldscript::read_version_script(data);
    versions.unmodelled.iter().for_each(|(span, _)| inside(*span));
    let patterns = versions.nodes.iter().flat_map(|node| node.global.iter().chain(&node.local));
    let names: Vec<&Text> = patterns.map(|pattern| &pattern.name).collect();
    names.iter().for_each(|name| inside(name.span));
    // A quoted name stands there as it is.
    for name in names.iter().filter(|name| name.quoted) {
        assert_eq!(String::from_utf8_lossy(&data[name.span.0 + 1..name.span.1 - 1]), name.text);
    }
    ldscript::is_script(data);
});
