//! Archives made here; tests/binutils.rs has those of the machine.

use proptest::prelude::*;

use super::*;

fn member(name: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, data.len()).into_bytes();
    out.extend(data);
    if !out.len().is_multiple_of(2) {
        out.push(b'\n');
    }
    out
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [&MAGIC[..], &members.concat()].concat()
}

fn read(bytes: &[u8]) -> (Archive<'_>, Gaps) {
    let mut gaps = Gaps::default();
    let archive = Archive::read(bytes, &mut gaps).unwrap();
    (archive, gaps)
}

fn members<'a>(archive: &Archive<'a>, gaps: &mut Gaps) -> Vec<Member<'a>> {
    let mut walk = archive.members();
    std::iter::from_fn(|| walk.next(gaps)).collect()
}

fn names(archive: &Archive<'_>, gaps: &mut Gaps) -> Vec<String> {
    members(archive, gaps).iter().map(|member| String::from_utf8_lossy(member.name).into_owned()).collect()
}

fn inside<'a>(member: &Member<'a>) -> &'a [u8] {
    match member.contents {
        Contents::Inside { bytes, .. } => bytes,
        other => panic!("{other:?}"),
    }
}

/// A GNU index: each name with the offset of its member.
fn index(entries: &[(&str, u32)], count: u32) -> Vec<u8> {
    let mut out = count.to_be_bytes().to_vec();
    entries.iter().for_each(|(_, offset)| out.extend(offset.to_be_bytes()));
    entries.iter().for_each(|(name, _)| out.extend([name.as_bytes(), &[0]].concat()));
    out
}

#[test]
fn short_and_long_names_of_gnu() {
    let bytes = archive(&[
        member("//", b"a_very_long_name_of_an_object.o/\nwith blanks in it/x.o/\n"),
        member("a.o/", b"one"),
        member("/0", b"two"),
        member("/33", b""),
        member("old name", b"x"),
        member("/99", b"lost"),
    ]);
    let (archive, mut gaps) = read(&bytes);
    assert!(gaps.is_empty() && archive.index().is_none() && !archive.is_thin());
    let expected = ["a.o", "a_very_long_name_of_an_object.o", "with blanks in it/x.o", "old", ""];
    assert_eq!(names(&archive, &mut gaps), expected);
    assert_eq!(gaps.list().len(), 1, "{:?}", gaps.list());
    assert_eq!(inside(&members(&archive, &mut gaps)[1]), b"two");
}

#[test]
fn the_index_names_members_by_their_headers() {
    let first = member("/", &index(&[("one", 0), ("two", 0), ("uno", 0)], 3));
    let start = (8 + first.len()) as u32;
    let a = member("a.o/", b"aaa");
    let second = start + a.len() as u32;
    let bytes = archive(&[
        member("/", &index(&[("one", start), ("two", second), ("uno", start)], 3)),
        a,
        member("b.o/", b"bb"),
    ]);
    let (archive, mut gaps) = read(&bytes);
    let found = archive.index().unwrap();
    assert_eq!((found.form, found.count), (IndexForm::Gnu, 3));
    let found: Vec<(String, String)> = found
        .iter()
        .map(|(name, offset)| {
            let member = archive.member_at(offset, &mut gaps).unwrap();
            (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(member.name).into_owned())
        })
        .collect();
    let expected = [("one", "a.o"), ("two", "b.o"), ("uno", "a.o")];
    assert_eq!(found, expected.map(|(name, member)| (name.to_owned(), member.to_owned())));
    assert_eq!(archive.member_at(8, &mut gaps), None);
    assert_eq!(archive.member_at(u64::MAX, &mut gaps), None);
    assert!(gaps.is_empty());
}

#[test]
fn an_index_of_64_bits() {
    let mut data = 2u64.to_be_bytes().to_vec();
    data.extend([0x1_0000_0008u64, 8].iter().flat_map(|offset| offset.to_be_bytes()));
    data.extend(b"far\0near\0\0\0");
    let bytes = archive(&[member("/SYM64/", &data), member("a.o/", b"")]);
    let (archive, gaps) = read(&bytes);
    let found: Vec<(&[u8], u64)> = archive.index().unwrap().iter().collect();
    assert_eq!(found, [(&b"far"[..], 0x1_0000_0008), (b"near", 8)]);
    assert!(gaps.is_empty());
}

#[test]
fn names_and_index_of_bsd_in_both_orders() {
    for big in [false, true] {
        let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut data = b"__.SYMDEF SORTED\0\0\0\0".to_vec();
        // Two entries that share one name.
        for value in [16, 1, 96, 0, 8, 5] {
            data.extend(word(value));
        }
        data.extend(b"abcd\0");
        let long = b"a name of 24 bytes.o\0\0\0\0contents".to_vec();
        let bytes = archive(&[member("#1/20", &data), member("#1/24", &long), member("plain.o", b"x")]);
        let (archive, mut gaps) = read(&bytes);
        let found = archive.index().unwrap();
        assert_eq!(found.form, IndexForm::Bsd);
        assert_eq!(found.iter().collect::<Vec<_>>(), [(&b"bcd"[..], 96), (b"abcd", 8)]);
        assert_eq!(names(&archive, &mut gaps), ["a name of 24 bytes.o", "plain.o"]);
        let first = members(&archive, &mut gaps)[0];
        assert_eq!((inside(&first), first.size), (&b"contents"[..], 8));
        assert!(gaps.is_empty(), "{:?}", gaps.list());
    }
}

#[test]
fn members_of_a_thin_archive_are_elsewhere() {
    let header = |name: &str, size: usize| member(name, &vec![0; size])[..60].to_vec();
    let bytes = [
        &THIN[..],
        &member("//", b"sub/a.o/\nother.a/\n"),
        &header("/0", 4000),
        &header("/9:68", 70),
        &header("b.o/", 1 << 20),
    ]
    .concat();
    let (archive, mut gaps) = read(&bytes);
    assert!(archive.is_thin());
    let found: Vec<(&[u8], u64, Contents<'_>)> =
        members(&archive, &mut gaps).iter().map(|found| (found.name, found.size, found.contents)).collect();
    let expected = [
        (&b"sub/a.o"[..], 4000, Contents::Outside),
        (b"other.a", 70, Contents::Nested(68)),
        (b"b.o", 1 << 20, Contents::Outside),
    ];
    assert_eq!(found, expected);
    assert!(gaps.is_empty(), "{:?}", gaps.list());
}

#[test]
fn an_archive_in_an_archive_is_a_member() {
    let inner = archive(&[member("a.o/", b"x")]);
    let bytes = archive(&[member("inner.a/", &inner), member("b.o/", b"y")]);
    let (archive, mut gaps) = read(&bytes);
    assert_eq!(names(&archive, &mut gaps), ["inner.a", "b.o"]);
    assert!(is_archive(inside(&members(&archive, &mut gaps)[0])));
    assert!(gaps.is_empty());
}

#[test]
fn an_index_that_lies_is_said() {
    for data in [index(&[("a", 8)], 9), index(&[("a", 8)], u32::MAX), vec![0, 0]] {
        let bytes = archive(&[member("/", &data), member("a.o/", b"")]);
        let (archive, gaps) = read(&bytes);
        assert!(archive.index().unwrap().iter().count() <= 1);
        assert_eq!(gaps.list()[0].why, "the symbol index is damaged");
    }
    // A name that does not end.
    let bytes = archive(&[member("/", b"\0\0\0\x01\0\0\0\x08abc")]);
    let (archive, _) = read(&bytes);
    let index = archive.index().unwrap();
    assert_eq!((index.count, index.iter().count()), (1, 0));
}

#[test]
fn the_walk_ends_where_a_header_is_damaged() {
    let mut bytes = archive(&[member("a.o/", b"one"), member("b.o/", b"two"), member("c.o/", b"three")]);
    let second = 8 + 64;
    bytes[second + 58] = b'x';
    let (archive, mut gaps) = read(&bytes);
    assert_eq!(names(&archive, &mut gaps), ["a.o"]);
    assert_eq!((gaps.list()[0].start, gaps.list()[0].end), (second, bytes.len()));
}

#[test]
fn a_member_that_is_cut_has_what_is_left() {
    let bytes = archive(&[member("a.o/", b"one"), member("b.o/", b"twotwotwo")]);
    let (archive, mut gaps) = read(&bytes[..bytes.len() - 5]);
    let all = members(&archive, &mut gaps);
    assert_eq!((inside(&all[1]), all[1].size), (&b"twotw"[..], 9));
    assert_eq!(gaps.list()[0].why, "the archive ends inside of a member");
}

/// Reads all there is, and holds every place against the file.
fn everything(bytes: &[u8]) {
    let mut gaps = Gaps::default();
    if let Some(archive) = Archive::read(bytes, &mut gaps) {
        for member in members(&archive, &mut gaps) {
            assert!(member.at < bytes.len());
            if let Contents::Inside { start, bytes: inside } = member.contents {
                assert_eq!(bytes.get(start..start + inside.len()), Some(inside));
            }
            assert_eq!(archive.member_at(member.at as u64, &mut gaps), Some(member));
        }
        for (_, offset) in archive.index().into_iter().flat_map(|index| index.iter()) {
            archive.member_at(offset, &mut gaps);
        }
    }
    for gap in gaps.list() {
        assert!(gap.start <= gap.end && gap.end <= bytes.len(), "{gap:?} of {} bytes", bytes.len());
    }
}

fn rich() -> Vec<u8> {
    archive(&[
        member("/", &index(&[("one", 70), ("two", 8)], 2)),
        member("//", b"a_very_long_name_of_an_object.o/\n"),
        member("/0", b"contents"),
        member("#1/8", b"name.o\0\0x"),
        member("b.o/", b"odd"),
    ])
}

#[test]
fn every_cut_of_an_archive_is_read() {
    let bytes = rich();
    (0..=bytes.len()).for_each(|length| everything(&bytes[..length]));
}

proptest! {
    #[test]
    fn any_bytes_are_read(thin in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        everything(&bytes);
        everything(&[if thin { &THIN[..] } else { MAGIC }, &bytes].concat());
    }

    #[test]
    fn an_archive_with_some_bytes_changed_is_read(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"0189/# `\n\xff\0".to_vec())), 1..8),
        thin in any::<bool>(),
    ) {
        let mut bytes = rich();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if thin {
            bytes[..8].copy_from_slice(THIN);
        }
        everything(&bytes);
    }
}
