//! What holds for every log, and forms that the real logs in `tests/logs` do not show.

use casebook_core::{Bytes, EvidenceId, EvidenceSet, Span};
use proptest::prelude::*;

use super::{Kind, Linkers, Log, MOST_MESSAGES, MOST_PLACES, Role, Spelling, is_likely, read};

fn log(bytes: &[u8]) -> (EvidenceSet, Log) {
    let mut set = EvidenceSet::new();
    let id = set.add("log", None, Bytes::new(bytes.to_vec()));
    let read = set.get(id).map(read).unwrap_or_default();
    (set, read)
}

fn messages(text: &str) -> Vec<super::Message> {
    log(text.as_bytes()).1.messages
}

/// Every place of every part is inside of the log, and messages come in order.
fn places_are_inside(length: usize, log: &Log) {
    let inside = |span: Span| {
        assert_eq!(span.evidence, EvidenceId(0));
        assert!(span.start <= span.end && span.end <= length as u64, "{span:?} of {length}");
    };
    log.unmodelled.iter().for_each(|gap| inside(gap.span));
    for message in &log.messages {
        inside(message.span);
        assert!(message.places.len() <= MOST_PLACES);
        let names = message.symbol.iter().chain(message.suggestion.iter().map(|suggestion| &suggestion.name));
        names.for_each(|name| inside(name.span));
        let told = [&message.program, &message.version, &message.library, &message.relocation, &message.detail];
        told.into_iter().flatten().for_each(|told| inside(told.span));
        for place in &message.places {
            inside(place.span);
            let told = [&place.file, &place.member, &place.section, &place.source];
            told.into_iter().flatten().for_each(|told| inside(told.span));
            place.function.iter().for_each(|name| inside(name.span));
        }
    }
}

#[test]
fn messages_in_a_function_know_its_object() {
    let read = messages(
        "/usr/bin/ld: a.o: in function `f':\na.c:(.text+0x5): undefined reference to `g'\n/usr/bin/ld: a.c:(.text+0x9): undefined reference to `h'\n/usr/bin/ld: b.o:(.data+0x0): undefined reference to `i'\n",
    );
    let told: Vec<_> = read
        .iter()
        .map(|message| {
            let place = &message.places[0];
            let function = place.function.as_ref().map(|name| name.text.as_str());
            (message.symbol.as_ref().map(|name| name.text.as_str()), message.file(), function, place.offset)
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("g"), Some("a.o"), Some("f"), Some(5)),
            (Some("h"), Some("a.o"), Some("f"), Some(9)),
            (Some("i"), Some("b.o"), None, Some(0)),
        ]
    );
    // The first message begins with the line that names the function.
    assert_eq!((read[0].span.start, read[1].span.start), (0, 79));
}

#[test]
fn links_are_counted_by_their_ends() {
    let text = "/usr/bin/ld: cannot find -la\n/usr/bin/ld: cannot find -lb\ncollect2: error: ld returned 1 exit status\n/usr/bin/ld: cannot find -lc\n";
    let links: Vec<u32> = messages(text).iter().map(|message| message.link).collect();
    assert_eq!(links, [1, 1, 1, 2]);
}

#[test]
fn a_step_is_told_only_where_a_linker_failed() {
    assert_eq!(messages("main.c:1:1: error: expected `;'\nmake: *** [Makefile:3: main.o] Error 1\n"), []);
    let failed =
        "FAILED: app\ncc main.o -o app\n/usr/bin/ld: cannot find -la\ncollect2: error: ld returned 1 exit status\n";
    let kinds: Vec<Kind> = messages(failed).iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [Kind::Step, Kind::LibraryMissing, Kind::LinkFailed]);
}

#[test]
fn who_printed_it_is_known_by_name_or_form() {
    let who = |text: &str| messages(text)[0].linkers;
    assert_eq!(who("ld: error: undefined symbol: f\n>>> referenced by a.o:(f)\n"), Linkers::LLD);
    assert_eq!(who("/usr/bin/ld: a.o: undefined reference to symbol 'f'\n"), Linkers::BFD);
    assert_eq!(who("a.c:1: error: undefined reference to 'f'\n"), Linkers::GOLD);
    assert_eq!(who("mold: error: undefined symbol: f\n"), Linkers::MOLD);
    assert_eq!(who("a.o: plugin needed to handle lto object\n"), Linkers::BFD.or(Linkers::GOLD));
}

#[test]
fn what_compilers_say_is_no_linkers_message() {
    let text = "main.cc:3:12: error: reference to 'part' is ambiguous\nmain.c:3:5: warning: unused variable 'x' [-Wunused-variable]\n\
                main.c: In function 'main':\nmain.c:3:5: error: 'x' undeclared\nchecking for ld... /usr/bin/ld\nerror: expected one of\n";
    assert_eq!(messages(text), []);
    assert!(!is_likely(text));
    assert!(is_likely("x\n/usr/bin/ld: cannot find -la\n"));
}

#[test]
fn a_log_of_any_length_is_kept_within_bounds() {
    let text = "ld.lld: error: undefined symbol: f\n".to_owned() + &">>> referenced by a.c:1 (/a.c:1)\n".repeat(1000);
    let (_, read) = log(text.as_bytes());
    assert_eq!((read.messages.len(), read.messages[0].places.len()), (1, MOST_PLACES));
    assert_eq!(read.messages[0].more_places, 1000 - MOST_PLACES as u64);
    let (_, read) = log("/usr/bin/ld: cannot find -la\n".repeat(MOST_MESSAGES + 7).as_bytes());
    assert_eq!((read.messages.len(), read.unlisted), (MOST_MESSAGES, 7));
}

/// Every line is looked at, where [`super::walk`] passes those that can begin no message.
fn every_line(bytes: &[u8]) -> Vec<super::Message> {
    let mut all = Vec::new();
    let mut reader = super::reader::Reader::new(EvidenceId(0), |message| all.push(message));
    let mut at = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        reader.line(at, line.strip_suffix(b"\r").unwrap_or(line));
        at += line.len() + 1;
    }
    reader.finish();
    all
}

#[test]
fn lines_that_are_passed_hold_no_message() {
    for text in [
        include_str!("../../../tests/logs/bfd.log"),
        include_str!("../../../tests/logs/gold.log"),
        include_str!("../../../tests/logs/lld-19.log"),
        include_str!("../../../tests/logs/mold.log"),
        include_str!("../../../tests/logs/wild.log"),
        include_str!("../../../tests/logs/old.log"),
        include_str!("../../../tests/logs/ci.log"),
        include_str!("../../../tests/logs/colours.log"),
        include_str!("../../../tests/logs/translated.log"),
        include_str!("../../../tests/logs/other-bfd.log"),
        include_str!("../../../tests/logs/build-jsoncpp-abi.log"),
    ] {
        assert_eq!(log(text.as_bytes()).1.messages, every_line(text.as_bytes()));
    }
}

/// A symbol as people read it, and as it is in the table.
fn symbol() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-zA-Z0-9_]{0,12}",
        "_ZN[0-9][a-z]{1,8}E[vijl]{1,3}",
        "[a-z]{1,6}::[a-z]{1,6}\\((int|char const\\*|std::vector<int, std::allocator<int> > const&)?\\)( const)?",
        "<[a-z]{1,5} as [a-z]{1,5}::[A-Z][a-z]{1,5}>::[a-z]{1,5}",
        "vtable for [A-Z][a-z]{1,8}",
    ]
}

fn file() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/]{0,8}[a-z]{1,6}\\.o", "(/usr/lib/)?lib[a-z]{1,6}\\.a\\([a-z]{1,6}\\.o\\)"]
}

/// An undefined symbol as each linker says it.
fn undefined(linker: usize, symbol: &str, file: &str, line: u32, offset: u64) -> String {
    match linker {
        0 => format!("/usr/bin/ld: {file}: in function `main':\n/src/m.c:{line}: undefined reference to `{symbol}'\n"),
        1 => format!("{file}:m.c:(.text+{offset:#x}): undefined reference to `{symbol}'\n"),
        2 => format!("{file}(.text+{offset:#x}): error: undefined reference to '{symbol}'\n"),
        3 => format!(
            "ld.lld: error: undefined symbol: {symbol}\n>>> referenced by m.c:{line} (/src/m.c:{line})\n>>>               {file}:(main)\n"
        ),
        4 => {
            format!("mold: error: undefined symbol: {symbol}\n>>> referenced by m.c\n>>>               {file}:(main)\n")
        }
        _ => format!("wild: error: Undefined symbol {symbol}, referenced by \n    /src/m.c:{line}\n    {file}\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (_, read) = log(&bytes);
        places_are_inside(bytes.len(), &read);
    }

    #[test]
    fn damaged_messages_are_read(
        linker in 0usize..6, name in symbol(), file in file(), at in 0usize..200, with in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let mut bytes = undefined(linker, &name, &file, 7, 0x1f).repeat(2).into_bytes();
        let at = at.min(bytes.len());
        bytes.splice(at..(at + 2).min(bytes.len()), with);
        let (_, read) = log(&bytes);
        places_are_inside(bytes.len(), &read);
    }

    #[test]
    fn an_undefined_symbol_is_read_as_it_was_printed(
        linker in 0usize..6, name in symbol(), file in file(), line in 1u32..9999, offset in 0u64..0xffff,
    ) {
        let text = undefined(linker, &name, &file, line, offset);
        let read = messages(&text);
        prop_assert_eq!(read.len(), 1, "{}", text);
        let message = &read[0];
        prop_assert_eq!(message.kind, Kind::Undefined);
        let symbol = message.symbol.as_ref().map(|name| (name.text.clone(), name.spelling));
        let spelling = match () {
            () if name.starts_with("_Z") => Spelling::Mangled,
            () if name.contains(['(', ' ', ':', '<']) => Spelling::Readable,
            () => Spelling::Plain,
        };
        prop_assert_eq!(symbol, Some((name, spelling)));
        let place = message.place(Role::Reference).cloned();
        let told = |told: &Option<casebook_formats::text::Told<String>>| told.as_ref().map(|told| told.value.clone());
        let (printed, member) = place.as_ref().map(|place| (told(&place.file), told(&place.member))).unwrap_or_default();
        let whole = member.map_or(printed.clone().unwrap_or_default(), |member| format!("{}({member})", printed.unwrap_or_default()));
        prop_assert_eq!(whole, file);
        let (told_line, told_offset) = place.map(|place| (place.line, place.offset)).unwrap_or_default();
        let wanted = match linker {
            0 | 3 | 5 => (Some(line), None),
            1 | 2 => (None, Some(offset)),
            _ => (None, None),
        };
        prop_assert_eq!((told_line, told_offset), wanted);
    }

    #[test]
    fn what_stands_before_a_message_changes_nothing(
        linker in 0usize..6, name in symbol(), file in file(),
        before in prop::sample::select(vec!["2024-05-01T10:00:00.1Z ", "#7 0.123 ", "[12/40] ", "build-1  | ", "[x 0.1.0] ", "10:00:00 "]),
    ) {
        let text = undefined(linker, &name, &file, 7, 0x1f);
        let with: String = text.lines().map(|line| format!("{before}{line}\n")).collect();
        let told = |text: &str| {
            let read = messages(text);
            read.iter().map(|message| {
                let places: Vec<_> = message.places.iter().map(|place| (place.role, place.line, place.offset, place.file.as_ref().map(|file| file.value.clone()))).collect();
                (message.kind, message.symbol.as_ref().map(|name| name.text.clone()), places)
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&with), told(&text));
    }
}
