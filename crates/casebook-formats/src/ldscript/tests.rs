use proptest::prelude::*;

use super::*;

/// What an INPUT names: name, kind, as-needed.
type Names<'a> = Vec<(&'a str, EntryKind, bool)>;

fn inputs(script: &Script) -> Vec<(bool, Names<'_>)> {
    let list = script.commands.iter().filter_map(|command| match command {
        Command::Inputs { group, list, .. } => Some((*group, list)),
        _ => None,
    });
    list.map(|(group, list)| {
        (group, list.iter().map(|entry| (entry.name.text.as_str(), entry.kind, entry.as_needed)).collect())
    })
    .collect()
}

// libc.so of Debian 12's libc6-dev.
const LIBC: &str = "/* GNU ld script\n   Use the shared library, but some functions are only in\n   the static library, so try that secondarily.  */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libc_nonshared.a  AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )\n";

#[test]
fn libc_is_read_whole() {
    let script = read(LIBC.as_bytes());
    assert!(script.unmodelled.is_empty());
    assert_eq!(script.output_format().map(|name| name.text.as_str()), Some("elf64-x86-64"));
    let file = EntryKind::File;
    let expected = vec![
        ("/lib/x86_64-linux-gnu/libc.so.6", file, false),
        ("/usr/lib/x86_64-linux-gnu/libc_nonshared.a", file, false),
        ("/lib64/ld-linux-x86-64.so.2", file, true),
    ];
    assert_eq!(inputs(&script), [(true, expected)]);
    assert!(is_script(LIBC.as_bytes()));
}

#[test]
fn names_of_inputs_are_files_libraries_or_below_the_sysroot() {
    let script =
        read(b"INPUT(libncurses.so.6 -ltinfo =/lib/x.a $SYSROOT/y.a \"a b.o\", AS_NEEDED(AS_NEEDED(-lm) z.so) w.o)");
    let expected = vec![
        ("libncurses.so.6", EntryKind::File, false),
        ("tinfo", EntryKind::Library, false),
        ("/lib/x.a", EntryKind::Sysroot, false),
        ("/y.a", EntryKind::Sysroot, false),
        ("a b.o", EntryKind::File, false),
        ("m", EntryKind::Library, true),
        ("z.so", EntryKind::File, true),
        ("w.o", EntryKind::File, false),
    ];
    assert_eq!(inputs(&script), [(false, expected)]);
}

#[test]
fn assignments_are_found_in_layout_too() {
    let text = b"ENTRY(_start) a = b + 4; PROVIDE(c = a); SECTIONS { . = 0x1000; .text : { *(.text .text.*) start = .; \
                 PROVIDE_HIDDEN(h = SIZEOF(.text)); } > ram end = ALIGN(8) + top; ASSERT(x == y, \"no\") last=.; } MEMORY { ram : ORIGIN = 0, LENGTH = 4k }";
    let script = read(text);
    let assigned: Vec<(&str, bool, bool, Vec<&str>)> = script
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Assign(assign) => Some((
                assign.name.text.as_str(),
                assign.provide,
                assign.in_layout,
                assign.reads.iter().map(String::as_str).collect(),
            )),
            _ => None,
        })
        .collect();
    let expected = [
        ("a", false, false, vec!["b"]),
        ("c", true, false, vec!["a"]),
        ("start", false, true, vec![]),
        ("h", true, true, vec![]),
        ("end", false, true, vec!["top"]),
        ("last", false, true, vec![]),
    ];
    assert_eq!(assigned, expected);
    assert_eq!(script.commands.iter().filter(|command| matches!(command, Command::Layout(_))).count(), 2);
}

#[test]
fn version_scripts_have_nodes_labels_languages_and_parents() {
    let text = b"V1 { global: f; \"g*\"; extern \"C++\" { ns::*; \"ns::h(int)\"; a::b(char*, int); }; local:*; };\nV2 { h; } V1 ; { x; local: *; };";
    let script = read_version_script(text);
    assert!(script.unmodelled.is_empty(), "{:?}", script.unmodelled);
    let [first, second, third] = script.nodes.as_slice() else { panic!("{:?}", script.nodes) };
    let globals: Vec<(&str, bool, Language)> = first
        .global
        .iter()
        .map(|pattern| (pattern.name.text.as_str(), pattern.name.quoted, pattern.language))
        .collect();
    let expected = [
        ("f", false, Language::C),
        ("g*", true, Language::C),
        ("ns::*", false, Language::Cxx),
        ("ns::h(int)", true, Language::Cxx),
        ("a::b(char*, int)", false, Language::Cxx),
    ];
    assert_eq!(globals, expected);
    assert_eq!(first.local.len(), 1);
    assert_eq!(second.parents.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(), ["V1"]);
    assert_eq!(third.name, None);
}

// `V1 { global: f; local:*; };` hides g with ld.bfd 2.40, gold and wild 0.10, and not with lld 14, lld 19 and mold 1.10.
#[test]
fn a_label_without_a_blank_is_no_label_for_lld_and_mold() {
    let text = b"V1 { global: f; local:*; g; local: h; };";
    let names = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.name.text.clone()).collect::<Vec<_>>();
    let joined = read_version_script(text);
    assert_eq!(
        (names(&joined.nodes[0].global), names(&joined.nodes[0].local)),
        (vec!["f".into()], vec!["*".into(), "g".into(), "h".into()])
    );
    let apart = read_version_script_apart(text);
    let globals = vec!["f".into(), "local:*".into(), "g".into()];
    assert_eq!((names(&apart.nodes[0].global), names(&apart.nodes[0].local)), (globals, vec!["h".into()]));
}

#[test]
fn what_is_no_script_is_said_with_its_place() {
    let script = read(b"garbage here INPUT(a.o");
    assert_eq!(script.unmodelled[0], ((0, 7), "not a command of a linker script"));
    assert_eq!(script.unmodelled.last(), Some(&((13, 22), "a bracket that is not closed")));
    assert!(!is_script(b"\x7fELF\x02\x01\x01\0"));
    assert!(!is_script(b"int main(void) { return 0; }"));
}

#[test]
fn brackets_in_each_other_need_no_stack() {
    let deep = "AS_NEEDED(".repeat(200_000);
    read(format!("INPUT({deep}").as_bytes());
    read(format!("SECTIONS {}", "{".repeat(500_000)).as_bytes());
    read_version_script("{ extern \"C\" {".repeat(100_000).as_bytes());
}

fn inside(span: Range, length: usize) {
    assert!(span.0 <= span.1 && span.1 <= length, "{span:?} of {length}");
}

/// Words scripts are made of, so that arbitrary texts get somewhere.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "INPUT",
        "GROUP",
        "AS_NEEDED",
        "(",
        ")",
        "{",
        "}",
        ";",
        "a.o",
        "-lz",
        "\"q r\"",
        "=",
        "SECTIONS",
        "PROVIDE",
        "VERSION",
        "extern",
        "\"C++\"",
        "global:",
        "local:",
        "*",
        "/*",
        "*/",
        "#",
        "\n",
        "INCLUDE",
        "a=b",
        ",",
        ":",
        "EXTERN",
        "<<=",
        "HIDDEN",
        "\"",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn places_are_inside(text in prop_oneof![words(), ".*"]) {
        let bytes = text.as_bytes();
        let script = read(bytes);
        script.unmodelled.iter().for_each(|(span, _)| inside(*span, bytes.len()));
        for command in &script.commands {
            match command {
                Command::Inputs { list, span, .. } => {
                    inside(*span, bytes.len());
                    list.iter().for_each(|entry| inside(entry.name.span, bytes.len()));
                }
                Command::Layout(span) => inside(*span, bytes.len()),
                Command::Assign(assign) => inside(assign.name.span, bytes.len()),
                _ => {}
            }
        }
        let versions = read_version_script(bytes);
        versions.unmodelled.iter().for_each(|(span, _)| inside(*span, bytes.len()));
        for node in &versions.nodes {
            node.global.iter().chain(&node.local).for_each(|pattern| inside(pattern.name.span, bytes.len()));
        }
    }
}
