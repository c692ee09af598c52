//! The expected values are what `systemd-analyze verify` of systemd 252.39 says of such files, or the source named in the
//! reader.

use casebook_core::Sniff;
use proptest::prelude::*;

use super::*;

/// Section, key, value, line.
fn rows(text: &[u8]) -> Vec<(String, String, String, u32)> {
    let file = read(text);
    let row = |item: &Assignment<'_>| {
        (file.section(item).to_owned(), item.key.to_string(), item.value.to_string(), item.line)
    };
    file.assignments.iter().map(row).collect()
}

fn row(section: &str, key: &str, value: &str, line: u32) -> (String, String, String, u32) {
    (section.into(), key.into(), value.into(), line)
}

#[test]
fn assignments_have_sections_and_places() {
    let text = "[Unit]\nDescription = Nightly backup  \n\n[Timer]\nOnCalendar=\n  OnCalendar=daily\n";
    assert_eq!(
        rows(text.as_bytes()),
        [
            row("Unit", "Description", "Nightly backup", 2),
            row("Timer", "OnCalendar", "", 5),
            row("Timer", "OnCalendar", "daily", 6),
        ]
    );
    let file = read(text.as_bytes());
    let last = &file.assignments[2];
    assert_eq!(&text[last.value_span.0..last.value_span.1], "daily");
    assert_eq!(&text[last.span.0..last.span.1], "OnCalendar=daily");
    assert_eq!(file.assignments[1].value_span, (58, 58));
}

/// systemd.syntax(7): comments between lines that continue each other are left out; the backslash becomes a blank.
#[test]
fn lines_are_continued_past_comments() {
    let text = "[Service]\nExecStart=/bin/a \\\n# no\n   b \\\n; no\n  c\nUser=x\n";
    let file = read(text.as_bytes());
    assert_eq!(file.assignments[0].value, "/bin/a     b    c");
    assert_eq!((file.assignments[0].line, file.assignments[1].line), (6, 7));
    let (start, end) = file.assignments[0].value_span;
    assert_eq!(&text[start..end], "/bin/a \\\n# no\n   b \\\n; no\n  c");
}

#[test]
fn an_even_number_of_backslashes_continues_nothing() {
    let read = rows(b"[A]\na=x\\\\\nb=y\\\\\\\nz\nc=1\\");
    assert_eq!(read, [row("A", "a", "x\\\\", 2), row("A", "b", "y\\\\ z", 4), row("A", "c", "1", 6)]);
}

#[test]
fn ends_of_lines_are_those_of_read_line() {
    for text in ["[A]\na=1\nb=2\n", "[A]\r\na=1\r\nb=2\r\n", "[A]\ra=1\rb=2\r", "[A]\n\ra=1\n\rb=2", "[A]\0a=1\0b=2"] {
        assert_eq!(rows(text.as_bytes()), [row("A", "a", "1", 2), row("A", "b", "2", 3)], "{text:?}");
    }
    assert_eq!(rows(b"[A]\n\n\na=1")[0].3, 4);
}

#[test]
fn what_systemd_leaves_out_is_listed() {
    let kinds =
        |text: &[u8]| read(text).problems.iter().map(|problem| (problem.kind, problem.line)).collect::<Vec<_>>();
    assert_eq!(
        kinds(b"a=1\n[A]\nb\n=2\n"),
        [(ProblemKind::OutsideSection, 1), (ProblemKind::MissingEquals, 3), (ProblemKind::MissingKey, 4),]
    );
    for (text, kind) in [
        (&b"[A]\na=1\n[B\nb=2\n"[..], ProblemKind::BadHeader),
        (b"[A]\na=1\n[B\"]\nb=2\n", ProblemKind::BadName),
        (b"[A]\na=1\nb=\xff\nc=2\n", ProblemKind::NotUtf8),
    ] {
        let file = read(text);
        assert_eq!((file.assignments.len(), file.problems[0].kind, file.problems[0].span.1), (1, kind, text.len()));
        assert!(file.is_cut());
    }
    let mut long = b"[A]\na=".to_vec();
    long.extend(std::iter::repeat_n(b'x', LONGEST_LINE));
    assert_eq!(kinds(&long), [(ProblemKind::TooLong, 2)]);
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    assert_eq!(rows(b"\xef\xbb\xbf[A]\na=1\n"), [row("A", "a", "1", 2)]);
    assert_eq!(rows(b"# c\n\xef\xbb\xbf[A]\na=1\n"), [row("A", "a", "1", 3)]);
}

#[test]
fn units_are_told_by_content_and_name() {
    let is = |path: &str, text: &str| (UNIT_FILE.sniff)(&Sniff { path, head: text.as_bytes(), whole: true });
    assert!(is("x", "# a\n[Unit]\nDescription=x\n[Timer]\nOnCalendar=daily\n"));
    assert!(is("a/b.timer.d/10.conf", "[Timer]\nOnCalendar=\n"));
    assert!(is("a/b.timer", "") && is("a/timer.d/x.conf", ""));
    assert!(!is("a/x.conf", "") && !is("x", "[package]\nname = \"x\"\n"));
    assert!(!is("x.toml", "[Unit]\nname = \"x\"\n[other]\ny = 1\n"));
    assert!(!is("x", "a=1\n[Unit]\nDescription=x\n") && !is("x.desktop", "[Desktop Entry]\nName=x\n"));
    assert!(
        is_unit_name("a@b.timer")
            && is_unit_name("dev-sda\\x2d1.swap")
            && !is_unit_name(".timer")
            && !is_unit_name("a b.timer")
    );
}

proptest! {
    #[test]
    fn every_place_is_inside_and_in_order(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(b'='), Just(b'\n'), Just(b'\r'), Just(b'\\'), Just(b'['), Just(b']'), Just(b'a'), Just(b' '), Just(b'#')],
        0..120,
    )) {
        let file = read(&bytes);
        let mut last = 0;
        for item in &file.assignments {
            prop_assert!(last <= item.span.0 && item.span.0 <= item.span.1 && item.span.1 <= bytes.len());
            prop_assert!(item.span.0 <= item.key_span.0 && item.key_span.1 <= item.value_span.0.max(item.key_span.1));
            prop_assert!(item.value_span.1 <= bytes.len() && item.section < file.sections.len());
            last = item.span.1;
        }
        for problem in &file.problems {
            prop_assert!(problem.span.0 <= problem.span.1 && problem.span.1 <= bytes.len());
        }
        for section in &file.sections {
            prop_assert_eq!(&bytes[section.span.0 + 1..section.span.1 - 1], section.name.as_bytes());
        }
    }

    #[test]
    fn a_cut_leaves_the_lines_before(cut in 0usize..60) {
        let text = b"[Unit]\nDescription=x \\\n y\n[Timer]\nOnCalendar=daily\n# c\nA=1\n";
        let cut = cut.min(text.len());
        let whole = read(text);
        let part = read(&text[..cut]);
        let before = whole.assignments.iter().filter(|item| item.span.1 < cut).count();
        prop_assert!(part.assignments.len() >= before);
    }
}
