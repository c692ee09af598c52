//! Places as linkers print them: objects and members, sections with offsets, functions, source lines.

use casebook_formats::text::Told;

use super::line::Line;
use super::message::{Name, Place, Role};

/// A file as it is printed: `main.o`, `libz.a(deflate.o)`, wild's `libz.a @ deflate.o` and `libz.so (513 (2/1))`.
pub(super) fn file(line: &Line<'_>, text: &str, role: Role) -> Place {
    let mut place = Place::new(role, line.part(text));
    set_file(line, text, &mut place);
    place
}

fn set_file(line: &Line<'_>, text: &str, place: &mut Place) {
    let text = without_number(text);
    if let Some((archive, member)) = text.split_once(" @ ") {
        (place.file, place.member) = (Some(line.told(archive)), Some(line.told(member)));
        return;
    }
    match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        // A folder may have brackets in its name; a member has no folder behind it.
        Some((archive, member)) if !archive.is_empty() && !member.is_empty() => {
            (place.file, place.member) = (Some(line.told(archive)), Some(line.told(member)));
        }
        _ => place.file = Some(line.told(text)),
    }
}

/// wild puts the number of a file behind it (`FileId` of libwild's input_data.rs).
fn without_number(text: &str) -> &str {
    let number =
        |text: &str| text.contains('/') && text.bytes().all(|byte| byte.is_ascii_digit() || b" (/)".contains(&byte));
    match text.match_indices(" (").find(|(at, _)| number(&text[*at..])) {
        Some((at, _)) if text.ends_with(')') => &text[..at],
        _ => text,
    }
}

/// A place as ld.bfd and gold print it: an object, or a source file, or both, and a line, or a section with an offset
/// (`%C`, `%D`, `%G` and `%H` of vfinfo in ld/ldmisc.c, `Relocate_info::location` in gold/object.cc).
///
/// Where only one name stands, what it looks like says whether it is an object or a source file.
pub(super) fn gnu(line: &Line<'_>, text: &str, role: Role) -> Place {
    let mut place = Place::new(role, line.part(text));
    let mut rest = text;
    if let Some((before, inner)) = rest.strip_suffix(')').and_then(|text| text.rsplit_once('('))
        && let Some((section, offset)) = section_offset(inner)
        && (before.is_empty() || before.ends_with(':') || looks_like_object(before))
    {
        place.section = Some(line.told(without_group(section)));
        place.offset = Some(offset);
        rest = before.strip_suffix(':').unwrap_or(before);
    }
    // gold: `main.o:main.c:function f` and `main.o:main.c:table`
    if let Some((before, function)) = rest.split_once(":function ") {
        place.function = Some(Name::new(function, line.part(function)));
        rest = before;
    }
    if let Some((before, number)) = rest.rsplit_once(':')
        && let Ok(number) = number.parse::<u32>()
    {
        place.line = Some(number);
        rest = before;
        // gold's scripts have a column behind the line.
        if let Some((before, number)) = rest.rsplit_once(':')
            && let Ok(number) = number.parse::<u32>()
        {
            place.line = Some(number);
            rest = before;
        }
    }
    // What other tools put before it and was not known as such.
    rest = rest.rsplit_once(": ").map_or(rest, |(_, last)| last);
    if rest.is_empty() {
        return place;
    }
    match object_before(rest) {
        Some((object, "")) => set_file(line, object, &mut place),
        Some((object, source)) => {
            set_file(line, object, &mut place);
            match source.split_once(':') {
                // gold names the variable around the place behind its source file.
                Some((source, symbol)) if place.function.is_none() && !symbol.is_empty() => {
                    place.source = Some(line.told(source));
                    place.function = Some(Name::new(symbol, line.part(symbol)));
                }
                _ => place.source = Some(line.told(source)),
            }
        }
        None if place.section.is_some() && place.line.is_none() && !looks_like_source(rest) => {
            set_file(line, rest, &mut place)
        }
        None if looks_like_source(rest) || place.line.is_some() => place.source = Some(line.told(rest)),
        None => set_file(line, rest, &mut place),
    }
    place
}

/// A source place of lld, mold and wild: `main.c:5 (/src/main.c:5)`, `main.c`, `/src/main.c:5` (`createFileLineMsg` in
/// lld/ELF/InputFiles.cpp). The longer path is kept.
pub(super) fn source(line: &Line<'_>, text: &str, place: &mut Place) {
    let long = text.strip_suffix(')').and_then(|text| text.split_once(" (")).map_or(text, |(_, long)| long);
    let (file, number) = match long.rsplit_once(':') {
        Some((file, number)) if !file.is_empty() => match number.parse::<u32>() {
            Ok(number) => (file, Some(number)),
            Err(_) => (long, None),
        },
        _ => (long, None),
    };
    place.source = Some(line.told(file));
    place.line = number;
}

/// An object place of lld and mold: `main.o:(main)`, `main.o:(.text+0x1)`, `f.o:(f) in archive libf.a`, `libf.a(f.o):(f)`
/// (`InputSectionBase::getObjMsg` in lld/ELF/InputSection.cpp).
pub(super) fn object(line: &Line<'_>, text: &str, place: &mut Place) {
    let (text, archive) = match text.rsplit_once(" in archive ") {
        Some((text, archive)) => (text, Some(archive)),
        None => (text, None),
    };
    let (name, inner) = match text.split_once(":(") {
        Some((name, inner)) => (name, inner.strip_suffix(')').unwrap_or(inner)),
        None => (text, ""),
    };
    match archive {
        Some(archive) => (place.file, place.member) = (Some(line.told(archive)), Some(line.told(name))),
        None => set_file(line, name, place),
    }
    within(line, inner, place);
}

/// What stands in the brackets behind an object: a section with an offset, a section, or a symbol; lld's places of errors have
/// `function NAME: SECTION+OFFSET` (`InputSectionBase::getLocation`).
fn within(line: &Line<'_>, inner: &str, place: &mut Place) {
    let inner = match inner.strip_prefix("function ").and_then(|inner| inner.rsplit_once(": ")) {
        Some((function, rest)) => {
            place.function = Some(Name::new(function, line.part(function)));
            rest
        }
        None => inner,
    };
    if let Some((section, offset)) = section_offset(inner) {
        place.section = Some(line.told(without_group(section)));
        place.offset = Some(offset);
    } else if inner.starts_with('.') {
        place.section = Some(line.told(inner));
    } else if !inner.is_empty() {
        place.function = Some(Name::new(inner, line.part(inner)));
    }
}

/// An error place of lld: `other.o:(function get: .text+0xf)`.
pub(super) fn lld(line: &Line<'_>, text: &str, role: Role) -> Place {
    let mut place = Place::new(role, line.part(text));
    object(line, text, &mut place);
    place
}

/// `.text+0x1b`
fn section_offset(text: &str) -> Option<(&str, u64)> {
    let (section, offset) = text.rsplit_once("+0x")?;
    let offset = u64::from_str_radix(offset, 16).ok()?;
    (!section.is_empty()).then_some((section, offset))
}

/// A section without the signature of its group, which ld.bfd puts behind it: `.text._Z1fv[_Z1fv]`.
pub(super) fn without_group(section: &str) -> &str {
    match section.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((section, _)) if !section.is_empty() => section,
        _ => section,
    }
}

/// The object at the beginning of `OBJECT:SOURCE`, and the source; the source is empty where there is none.
fn object_before(text: &str) -> Option<(&str, &str)> {
    let ends = text.match_indices(':').map(|(at, _)| at).chain([text.len()]);
    for end in ends {
        if looks_like_object(&text[..end]) {
            return Some((&text[..end], text.get(end + 1..).unwrap_or_default()));
        }
    }
    None
}

/// A file that a linker reads: an object, an archive with or without a member, a shared object with or without a version.
pub(super) fn looks_like_object(text: &str) -> bool {
    if let Some((archive, member)) = text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        let archives = [".a", ".lib", ".rlib"].iter().any(|ending| archive.ends_with(ending));
        return archives || !archive.is_empty() && !member.ends_with(')') && looks_like_object(member);
    }
    let base = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let Some((stem, extension)) = base.rsplit_once('.') else { return false };
    let versioned = base.contains(".so.") && extension.bytes().all(|byte| byte.is_ascii_digit());
    let known = ["o", "a", "so", "lo", "obj", "rlib", "bc", "lib", "dll", "ko", "os", "pico", "dylib"];
    !stem.is_empty() && (versioned || known.contains(&extension))
}

/// A file that a compiler reads, or what a compiler calls code of its own.
fn looks_like_source(text: &str) -> bool {
    const KNOWN: [&str; 32] = [
        "c", "cc", "cpp", "cxx", "c++", "C", "h", "hh", "hpp", "hxx", "inc", "inl", "ipp", "tcc", "m", "mm", "s", "S",
        "asm", "f", "F", "f90", "F90", "f95", "f03", "f08", "rs", "go", "d", "zig", "cu", "adb",
    ];
    let base = text.rsplit(['/', '\\']).next().unwrap_or(text);
    text.starts_with('<') || base.rsplit_once('.').is_some_and(|(_, extension)| KNOWN.contains(&extension))
}

/// A symbol and its version, if it is printed with one: `sqrt@@GLIBC_2.2.5`.
pub(super) fn symbol(line: &Line<'_>, text: &str) -> (Name, Option<Told<String>>) {
    let version = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match text.rsplit_once('@') {
        Some((name, tail))
            if !name.trim_end_matches('@').is_empty() && !tail.is_empty() && tail.bytes().all(version) =>
        {
            let name = name.trim_end_matches('@');
            (Name::new(name, line.part(name)), Some(line.told(tail)))
        }
        _ => (Name::new(text, line.part(text)), None),
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::EvidenceId;

    use super::*;

    /// Every part of a place in one line of text.
    fn told(place: &Place) -> String {
        let text = |told: &Option<Told<String>>| told.as_ref().map_or("-".into(), |told| told.value.clone());
        let function = place.function.as_ref().map_or("-", |name| name.text.as_str());
        let number = place.line.map_or("-".into(), |line| line.to_string());
        let offset = place.offset.map_or("-".into(), |offset| format!("{offset:#x}"));
        let (file, member, section) = (text(&place.file), text(&place.member), text(&place.section));
        format!("{file} {member} {section} {offset} {function} {} {number}", text(&place.source))
    }

    fn with(text: &str, read: impl Fn(&Line<'_>, &str) -> Place) -> String {
        let line = Line::new(EvidenceId(0), 0, text.as_bytes());
        told(&read(&line, line.message()))
    }

    #[test]
    fn places_of_gnu_linkers() {
        let gnu = |text: &str| with(text, |line, text| gnu(line, text, Role::Reference));
        assert_eq!(gnu("/src/main.c:5"), "- - - - - /src/main.c 5");
        assert_eq!(gnu("main.c:(.text+0xa)"), "- - .text 0xa - main.c -");
        assert_eq!(gnu("(.text+0x17)"), "- - .text 0x17 - - -");
        assert_eq!(gnu("main.o"), "main.o - - - - - -");
        assert_eq!(gnu("main.o:(.data+0x0)"), "main.o - .data 0x0 - - -");
        assert_eq!(gnu("main.o(.text+0x1)"), "main.o - .text 0x1 - - -");
        assert_eq!(gnu("main.o:main.c:(.data+0x8)"), "main.o - .data 0x8 - main.c -");
        assert_eq!(gnu("libf.a(f.o):/src/f.c:3"), "libf.a f.o - - - /src/f.c 3");
        assert_eq!(gnu("a.o:(.text._Z1fv[_Z1fv]+0x2)"), "a.o - .text._Z1fv 0x2 - - -");
        assert_eq!(gnu("/lib/libm.so.6"), "/lib/libm.so.6 - - - - - -");
        assert_eq!(gnu("/usr/lib/Scrt1.o:function _start"), "/usr/lib/Scrt1.o - - - _start - -");
        assert_eq!(gnu("a.o:main.235e-cgu.0:function main::main"), "a.o - - - main::main main.235e-cgu.0 -");
        assert_eq!(gnu("main.o:main.c:table"), "main.o - - - table main.c -");
        assert_eq!(gnu("call.ada7-cgu.0:(.text.call+0x3)"), "call.ada7-cgu.0 - .text.call 0x3 - - -");
        assert_eq!(gnu("worker: main.c:(.text+0xa)"), "- - .text 0xa - main.c -");
        assert_eq!(gnu("<artificial>:(.text+0x5)"), "- - .text 0x5 - <artificial> -");
        assert_eq!(gnu("C:/src (1)/main.c:7"), "- - - - - C:/src (1)/main.c 7");
        assert_eq!(gnu("part.o:1:3"), "part.o - - - - - 1");
    }

    #[test]
    fn places_of_lld_and_mold() {
        let read = |text: &str| with(text, |line, text| lld(line, text, Role::Reference));
        assert_eq!(read("main.o:(main)"), "main.o - - - main - -");
        assert_eq!(read("f.o:(.text+0x1F) in archive libf.a"), "libf.a f.o .text 0x1f - - -");
        assert_eq!(read("libf.a(f.o):(f)"), "libf.a f.o - - f - -");
        assert_eq!(read("a.o:(void f<int>(A<(B)1>))"), "a.o - - - void f<int>(A<(B)1>) - -");
        assert_eq!(read("crt1.o:(.text)"), "crt1.o - .text - - - -");
        assert_eq!(read("other.o:(function get: .text+0xf)"), "other.o - .text 0xf get - -");
        let source = |text: &str| {
            with(text, |line, text| {
                let mut place = Place::new(Role::Reference, line.part(text));
                source(line, text, &mut place);
                place
            })
        };
        assert_eq!(source("main.c:5 (/src/main.c:5)"), "- - - - - /src/main.c 5");
        assert_eq!(source("main.c"), "- - - - - main.c -");
    }

    #[test]
    fn files_with_members() {
        let file = |text: &str| with(text, |line, text| file(line, text, Role::Subject));
        assert_eq!(file("libf.a(f.o)"), "libf.a f.o - - - - -");
        assert_eq!(file("libf.a @ f.o"), "libf.a f.o - - - - -");
        assert_eq!(file("libd.so (513 (2/1))"), "libd.so - - - - - -");
        assert_eq!(file("/opt/x (86)/main.o"), "/opt/x (86)/main.o - - - - - -");
    }

    #[test]
    fn a_version_is_no_part_of_the_name() {
        let line = Line::new(EvidenceId(0), 0, b"sqrt@@GLIBC_2.2.5");
        let (name, version) = symbol(&line, line.message());
        assert_eq!((name.text.as_str(), name.spelling), ("sqrt", super::super::message::Spelling::Plain));
        assert_eq!(version.map(|version| version.value).as_deref(), Some("GLIBC_2.2.5"));
    }
}
