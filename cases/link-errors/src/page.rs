//! Request to view, both JSON, for the page of the post: a few files and a line, and what each linker makes of them.

use serde_json::{Value, json};

use crate::model::input::{
    Archive, Binding, Content, Definition, DynamicSymbol, File, FileId, Input, Object, Program, Reference, Section,
    Shared, Symbol, SymbolType, Uses, Visibility,
};
use crate::model::liveness::ALLOC;
use crate::model::outcome::{Linker, LinkerKind, Outcome, Verdict};
use crate::model::simulate;

/// The story: the archive stands before the object that needs it.
const STORY: &str = r#"{"files": [
    {"name": "main.o", "defines": ["main"], "needs": ["sqrt"]},
    {"name": "libm.a", "members": [{"name": "sqrt.o", "defines": ["sqrt"], "needs": []}]}],
  "line": ["libm.a", "main.o"]}"#;

/// `{"files": [{"name": "main.o", "defines": ["main"], "needs": ["sqrt"]}, {"name": "libm.a", "members": […]}, {"name": "libz.so", "shared":
/// true, "defines": […], "needs": […]}], "line": ["libm.a", "main.o"], "as_needed": true}` to `{"linkers": [{"linker": "ld.bfd 2.40", "verdict":
/// "fails", "undefined": ["sqrt"], "duplicates": [], "taken": [], "needed": []}]}`. Without files the story is linked.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let request = if request["files"].is_array() { request } else { serde_json::from_str(STORY).unwrap_or_default() };
    let Some(program) = program(&request) else {
        return json!({ "error": "a file has a name, and `defines` and `needs`, or `members`" }).to_string();
    };
    let linkers = [
        (LinkerKind::Bfd, (2, 40)),
        (LinkerKind::Gold, (2, 40)),
        (LinkerKind::Lld, (19, 1)),
        (LinkerKind::Mold, (1, 10)),
    ];
    let list: Vec<Value> = linkers
        .into_iter()
        .map(|(kind, version)| value(&program, &simulate(&program, Linker { kind, version })))
        .collect();
    json!({ "linkers": list }).to_string()
}

fn value(program: &Program, outcome: &Outcome) -> Value {
    let verdict = match outcome.verdict {
        Verdict::Links => "links",
        Verdict::Fails => "fails",
        Verdict::Unknown => "unknown",
    };
    let name = |name| program.names.text(name).into_owned();
    let file = |file: FileId| program.files[file.0 as usize].name.clone();
    json!({
        "linker": outcome.linker.to_string(),
        "verdict": verdict,
        "undefined": outcome.undefined.iter().map(|one| name(one.name)).collect::<Vec<_>>(),
        "duplicates": outcome.duplicates.iter().map(|one| name(one.name)).collect::<Vec<_>>(),
        "taken": outcome.extracted.iter().map(|one| file(one.member)).collect::<Vec<_>>(),
        "needed": outcome.needed.iter().map(|one| name(one.soname)).collect::<Vec<_>>(),
    })
}

fn program(request: &Value) -> Option<Program> {
    let mut program = Program::default();
    let mut by_name = Vec::new();
    for file in request["files"].as_array()? {
        let name = file["name"].as_str()?;
        let id = add(&mut program, file, name, None)?;
        by_name.push((name.to_owned(), id));
    }
    let as_needed = request["as_needed"].as_bool().unwrap_or(false);
    for (argument, word) in request["line"].as_array()?.iter().enumerate() {
        let word = word.as_str()?;
        let (_, id) = by_name.iter().find(|(name, _)| name == word)?;
        program.inputs.push(Input { as_needed, ..Input::plain(*id, argument as u32) });
    }
    program.options.entry = Some(program.names.intern(b"main"));
    Some(program)
}

fn words<'v>(file: &'v Value, key: &str) -> Vec<&'v str> {
    file[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn add(program: &mut Program, file: &Value, name: &str, archive: Option<FileId>) -> Option<FileId> {
    let id = FileId(program.files.len() as u32);
    if let Some(members) = file["members"].as_array() {
        program.files.push(File { name: name.to_owned(), content: Content::Archive(Archive::default()), archive });
        let (mut ids, mut index) = (Vec::new(), Vec::new());
        for (number, member) in members.iter().enumerate() {
            let full = format!("{name}({})", member["name"].as_str()?);
            ids.push(add(program, member, &full, Some(id))?);
            for symbol in words(member, "defines") {
                index.push((program.names.intern(symbol.as_bytes()), number as u32));
            }
        }
        program.files[id.0 as usize].content =
            Content::Archive(Archive { members: ids, index: Some(index), ..Archive::default() });
        return Some(id);
    }
    let content =
        if file["shared"].as_bool() == Some(true) { shared(program, file, name) } else { object(program, file) };
    program.files.push(File { name: name.to_owned(), content, archive });
    Some(id)
}

fn object(program: &mut Program, file: &Value) -> Content {
    let text = program.names.intern(b".text");
    let nothing = program.names.intern(b"");
    let section = |name, flags| Section { name, kind: 1, flags, size: 16, link: 0, group: None };
    let symbol = |name, definition| Symbol {
        name,
        version: None,
        binding: if name == nothing { Binding::Local } else { Binding::Global },
        kind: SymbolType::None,
        visibility: Visibility::Default,
        definition,
        value: 0,
        size: 0,
    };
    let mut object = Object {
        symbols: vec![symbol(nothing, Definition::Undefined)],
        first_global: 1,
        sections: vec![section(nothing, 0), section(text, ALLOC)],
        ..Object::default()
    };
    for name in words(file, "defines") {
        object.symbols.push(symbol(program.names.intern(name.as_bytes()), Definition::Section(1)));
    }
    for name in words(file, "needs") {
        let index = object.symbols.len() as u32;
        object.symbols.push(symbol(program.names.intern(name.as_bytes()), Definition::Undefined));
        object.references.push(Reference { section: 1, symbol: index, offset: u64::from(index), uses: Uses::CALL });
    }
    Content::Object(object)
}

fn shared(program: &mut Program, file: &Value, name: &str) -> Content {
    let mut shared = Shared { soname: Some(program.names.intern(name.as_bytes())), ..Shared::default() };
    for (key, defined) in [("defines", true), ("needs", false)] {
        for name in words(file, key) {
            shared.symbols.push(DynamicSymbol {
                name: program.names.intern(name.as_bytes()),
                version: None,
                base_version: false,
                version_local: false,
                binding: Binding::Global,
                kind: SymbolType::Function,
                visibility: Visibility::Default,
                defined,
                in_code: defined,
                in_bss: false,
                absolute: false,
                value: 0,
                size: 0,
            });
        }
    }
    Content::Shared(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_the_model() {
        let story: Value = serde_json::from_str(&view("{}")).unwrap();
        assert_eq!(story["linkers"][0]["verdict"], "fails");
        assert_eq!(story["linkers"][0]["undefined"][0], "sqrt");
        assert_eq!(story["linkers"][2]["verdict"], "links");
        assert_eq!(story["linkers"][2]["taken"][0], "libm.a(sqrt.o)");
        let dropped = view(
            r#"{"files": [{"name": "main.o", "defines": ["main"], "needs": ["f"]}, {"name": "libf.so", "shared": true, "defines": ["f"]}],
                "line": ["libf.so", "main.o"], "as_needed": true}"#,
        );
        let dropped: Value = serde_json::from_str(&dropped).unwrap();
        assert_eq!(dropped["linkers"][0]["verdict"], "fails");
        assert_eq!(dropped["linkers"][3]["verdict"], "links");
        assert!(view(r#"{"files": [{}], "line": []}"#).contains("error"));
        assert!(view("x").contains("sqrt"));
    }
}
