//! Packed single files and long streams: their content is the evidence, and no limit is silent.

use std::fs;
use std::io::Write as _;

use casebook_collect::{Collected, Loader, Options};
use casebook_core::{Evidence, Kind};

use crate::{DEMO, load};

/// A kind whose reader walks its evidence (`casebook_collect::MAPPED_KINDS`).
static CAPTURE: Kind = Kind {
    name: "capture",
    what: "bytes that begin with capture",
    sniff: |sniff| sniff.head.starts_with(b"capture"),
    refers: None,
    comment: None,
};

fn options() -> Options {
    Options::new(vec![&DEMO, &CAPTURE])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Six million bytes that do not pack well.
fn long(head: &[u8]) -> Vec<u8> {
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    head.iter().copied().chain(noise).take(6_000_000).collect()
}

fn stdin(bytes: &[u8], options: &Options) -> Collected {
    let mut loader = Loader::new(options);
    loader.path("-", &mut &bytes[..]).unwrap();
    loader.finish()
}

fn only(got: &Collected) -> &Evidence {
    assert_eq!(got.evidence.len(), 1, "{:?} {:?}", got.coverage, got.notices);
    got.evidence.iter().next().unwrap()
}

#[test]
fn packed_single_files_are_their_content_by_name_walk_and_stream() {
    let dir = tempfile::tempdir().unwrap();
    let capture = long(b"capture");
    let two_frames = [zstd(&capture[..100_000]), zstd(&capture[100_000..])].concat();
    for (name, packed) in [("a.pcap.gz", gzip(&capture)), ("b.pcap.zst", zstd(&capture)), ("c.pcap.zst", two_frames)] {
        let path = dir.path().join(name);
        fs::write(&path, &packed).unwrap();
        for got in [load(&[&path], &options()), load(&[dir.path()], &options()), stdin(&packed, &options())] {
            let item = only(&got);
            assert!(item.as_bytes() == capture, "{name}");
            assert_eq!((item.kind, got.notices.len(), got.coverage.len()), (Some("capture"), 0, 0), "{name}");
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_packed_file_that_breaks_off_is_read_up_to_there_and_said() {
    let capture = long(b"capture");
    let packed = gzip(&capture);
    let got = stdin(&packed[..packed.len() / 2], &options());
    let item = only(&got);
    assert!(capture.starts_with(item.as_bytes()) && item.as_bytes().len() > 1_000_000);
    assert!(got.notices[0].contains("fault of the packed file"), "{:?}", got.notices);
}

#[test]
fn a_stream_over_the_limit_is_cut_where_that_is_said() {
    let capture = long(b"capture");
    let small = Options { max_evidence_bytes: 1000, max_mapped_bytes: 5_000_000, ..options() };
    let plain: Vec<u8> =
        b"capture".iter().copied().chain(b"packs well".iter().copied().cycle()).take(6_000_000).collect();
    for (stream, content) in [(capture.clone(), &capture), (gzip(&plain), &plain)] {
        let got = stdin(&stream, &small);
        assert!(only(&got).as_bytes() == &content[..5_000_000]);
        assert!(got.notices[0].contains("only the first 5000000 bytes"), "{:?}", got.notices);
    }
    let wide = Options { max_evidence_bytes: 1000, max_total_bytes: 1000, ..options() };
    assert!(only(&stdin(&capture, &wide)).as_bytes() == capture, "what is mapped takes no memory");
    let got = stdin(&long(b"demo"), &wide);
    assert!(
        got.evidence.is_empty()
            && got.coverage[0].note.as_deref().is_some_and(|why| why.contains("more than 1000 bytes"))
    );
}

#[test]
fn a_large_file_of_a_walked_kind_has_its_own_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let small = Options { max_evidence_bytes: 1000, ..options() };
    fs::write(&path, long(b"capture")).unwrap();
    assert_eq!(only(&load(&[&path], &small)).as_bytes().len(), 6_000_000);
    fs::write(&path, long(b"demo")).unwrap();
    let got = load(&[&path], &small);
    assert!(got.evidence.is_empty() && got.coverage.len() == 1);
}
