//! Samples are outputs of systemd 252.39 (`journalctl --file … -o FORM`), shortened; files are written by hand after
//! docs/JOURNAL_FILE_FORMAT.md.

use casebook_core::Sniff;
use proptest::prelude::*;

use super::*;
use crate::stamp::{Moment, MonotonicUs, RealtimeUs};

mod craft;

const BOOT: u128 = 0x6c7c_6013_a263_43b2_9e96_4691_ff25_d04c;
const STARTED: u128 = 0x39f5_3479_d3a0_45ac_8e11_7862_4823_1fbf;

fn export() -> Vec<u8> {
    let mut out = b"__CURSOR=s=81a2bf427ae94ffaa22985569b60e878;i=1f3;b=6c7c6013a26343b29e964691ff25d04c;m=77afa60;t=66116bba39a60;x=6c2f\n\
        __REALTIME_TIMESTAMP=1795600125500000\n__MONOTONIC_TIMESTAMP=125500000\n_BOOT_ID=6c7c6013a26343b29e964691ff25d04c\n\
        PRIORITY=6\nMESSAGE_ID=39f53479d3a045ac8e11786248231fbf\nUNIT=backup.service\nJOB_TYPE=start\n\
        MESSAGE=Started backup.service - Nightly backup.\n_PID=1\n_SYSTEMD_UNIT=init.scope\n\n"
        .to_vec();
    out.extend(b"__CURSOR=s=81a2bf427ae94ffaa22985569b60e878;i=1f4;b=6c7c6013a26343b29e964691ff25d04c\n");
    out.extend(b"__REALTIME_TIMESTAMP=1795600125750000\n__MONOTONIC_TIMESTAMP=125750000\n");
    out.extend(b"_BOOT_ID=6c7c6013a26343b29e964691ff25d04c\nMESSAGE\n\x07\0\0\0\0\0\0\0two\n\n\xff!\n_PID=7\n\n");
    out
}

const JSON: &str = r#"{"_BOOT_ID":"6c7c6013a26343b29e964691ff25d04c","UNIT":"backup.service","__CURSOR":"s=81a2bf427ae94ffaa22985569b60e878;i=1f3;b=6c","MESSAGE":"Started backup.service - Nightly backup.","PRIORITY":"6","__REALTIME_TIMESTAMP":"1795600125500000","MESSAGE_ID":"39f53479d3a045ac8e11786248231fbf","__MONOTONIC_TIMESTAMP":"125500000","_PID":"1","_SYSTEMD_UNIT":"init.scope","JOB_TYPE":"start"}
{"__REALTIME_TIMESTAMP":"1795600125750000","__MONOTONIC_TIMESTAMP":"125750000","_BOOT_ID":"6c7c6013a26343b29e964691ff25d04c","__SEQNUM":"500","MESSAGE":[116,119,111,10,10,255,33],"_PID":["7","8"],"UNIT":null,"_COMM":"a\"\u0041\n"}
"#;

/// What the tests compare: number, times, boot, seqnum, unit, message.
type Row = (u64, Option<u64>, Option<u64>, Option<u128>, Option<u64>, Option<String>, Option<Vec<u8>>);

fn rows(bytes: &[u8], form: Form) -> (Vec<Row>, Gaps) {
    let mut all = entries(bytes, form);
    let mut out = Vec::new();
    while let Some(entry) = all.next() {
        out.push((
            entry.number,
            entry.realtime.map(|at| at.0),
            entry.monotonic.map(|at| at.0),
            entry.boot.map(|boot| boot.0),
            entry.seqnum().map(|seqnum| seqnum.number),
            entry.text(Field::Unit).map(|unit| unit.into_owned()),
            entry.bytes(Field::Message).map(<[u8]>::to_vec),
        ));
    }
    (out, all.gaps)
}

fn expected() -> Vec<Row> {
    vec![
        (
            0,
            Some(1_795_600_125_500_000),
            Some(125_500_000),
            Some(BOOT),
            Some(499),
            Some("backup.service".into()),
            Some(b"Started backup.service - Nightly backup.".to_vec()),
        ),
        (
            1,
            Some(1_795_600_125_750_000),
            Some(125_750_000),
            Some(BOOT),
            Some(500),
            None,
            Some(b"two\n\n\xff!".to_vec()),
        ),
    ]
}

#[test]
fn export_and_json_say_the_same() {
    assert_eq!(rows(&export(), Form::Export), (expected(), Gaps::default()));
    assert_eq!(rows(JSON.as_bytes(), Form::Json), (expected(), Gaps::default()));
}

#[test]
fn places_are_those_of_the_entry_and_its_message() {
    let bytes = export();
    let mut all = entries(&bytes, Form::Export);
    let entry = all.next().unwrap();
    let (start, end) = entry.message_range();
    assert_eq!(&bytes[start..end], b"Started backup.service - Nightly backup.");
    assert!(
        bytes[entry.start..entry.end].starts_with(b"__CURSOR=")
            && bytes[entry.start..entry.end].ends_with(b"init.scope\n")
    );
    assert_eq!((entry.message_id(), entry.text(Field::Pid).as_deref()), (Some(STARTED), Some("1")));
    let mut all = entries(JSON.as_bytes(), Form::Json);
    let (start, end) = all.next().unwrap().message_range();
    assert_eq!(&JSON[start..end], "Started backup.service - Nightly backup.");
    let entry = all.next().unwrap();
    // Of several values the first holds; `null` is a value that was left out.
    assert_eq!(entry.text(Field::Pid).as_deref(), Some("7"));
    assert!(entry.value(Field::Unit).unwrap().omitted && entry.bytes(Field::Unit).is_none());
}

#[test]
fn the_other_forms_of_json_are_read_too() {
    let pretty = JSON
        .replace("\",\"", "\",\n\t\"")
        .replace("\":\"", "\" : \"")
        .replace("{\"", "{\n\t\"")
        .replace("\"}", "\"\n}");
    assert_eq!(rows(pretty.as_bytes(), Form::Json), (expected(), Gaps::default()));
    let seq: String = JSON.lines().map(|line| format!("\u{1e}{line}\n")).collect();
    assert_eq!(rows(seq.as_bytes(), Form::Json), (expected(), Gaps::default()));
    let sse: String = JSON.lines().map(|line| format!("data: {line}\n\n")).collect();
    assert_eq!(rows(sse.as_bytes(), Form::Json), (expected(), Gaps::default()));
    let list = format!("[{}]", JSON.trim_end().replace("}\n{", "},\n{"));
    assert_eq!(rows(list.as_bytes(), Form::Json), (expected(), Gaps::default()));
}

#[test]
fn a_broken_entry_does_not_take_the_next_one_with_it() {
    let broken = JSON.replacen("\"UNIT\":\"backup.service\"", "\"UNIT\":{}", 1);
    let (read, gaps) = rows(broken.as_bytes(), Form::Json);
    assert_eq!((read.len(), read[0].1, gaps.list().len()), (1, Some(1_795_600_125_750_000), 1));
    // A length that is not true.
    let mut bytes = export();
    let at = memchr::memmem::find(&bytes, b"\x07\0\0\0\0\0\0\0").unwrap();
    bytes[at + 1] = 1;
    bytes.extend(export());
    let (read, gaps) = rows(&bytes, Form::Export);
    assert_eq!((read.len(), gaps.list().len()), (4, 1));
    assert_eq!(read[2].6, expected()[0].6);
}

#[test]
fn text_gives_the_time_as_far_as_it_says() {
    let text = "-- Boot 6c7c6013a26343b29e964691ff25d04c --\n\
        Wed 2026-11-25 09:48:45 UTC epsilon systemd[1]: Started backup.service - Nightly backup.\n\
        2026-11-25T09:48:45.499979+0000 epsilon kernel: PM: suspend entry (deep)\n\
        Nov 25 09:48:45 epsilon (backup)[17]: two\n                              lines\n\
        [  125.500000] epsilon systemd[1]: x\n\
        [  125.750000 <    0.250000 >] epsilon systemd[1]: x\n\
        1795600125.499979 epsilon systemd[1]: [1.1K blob data]\n\
        -- Reboot --\n\
        Wed 2026-11-25 10:48:45 CET systemd[1]: no host\n";
    let mut all = entries(text.as_bytes(), Form::Text);
    let entry = all.next().unwrap();
    assert_eq!((entry.realtime, entry.boot), (Some(RealtimeUs(1_795_600_125_000_000)), Some(BootId(BOOT))));
    assert_eq!(
        (entry.message().as_deref(), entry.text(Field::Pid).as_deref()),
        (Some("Started backup.service - Nightly backup."), Some("1"))
    );
    assert_eq!(entry.text(Field::Hostname).as_deref(), Some("epsilon"));
    let entry = all.next().unwrap();
    assert_eq!(
        (entry.realtime, entry.text(Field::SyslogIdentifier).as_deref()),
        (Some(RealtimeUs(1_795_600_125_499_979)), Some("kernel"))
    );
    let entry = all.next().unwrap();
    assert!(entry.realtime.is_none() && matches!(entry.written, Some(Moment::Local { .. })));
    assert_eq!(
        (entry.message().as_deref(), entry.text(Field::SyslogIdentifier).as_deref()),
        (Some("two"), Some("(backup)"))
    );
    assert_eq!(all.next().unwrap().monotonic, Some(MonotonicUs(125_500_000)));
    assert_eq!(all.next().unwrap().monotonic, Some(MonotonicUs(125_750_000)));
    let entry = all.next().unwrap();
    assert!(entry.realtime.is_some() && entry.value(Field::Message).unwrap().omitted && !entry.after_reboot);
    let entry = all.next().unwrap();
    assert!(entry.realtime.is_none() && entry.after_reboot && entry.boot.is_none());
    assert_eq!(entry.text(Field::SyslogIdentifier).as_deref(), Some("systemd"));
    assert!(all.next().is_none() && all.gaps().is_empty());
}

#[test]
fn files_are_read_in_both_modes_with_packed_data() {
    for compact in [false, true] {
        let bytes = craft::Writer::new(compact).sample();
        let (read, gaps) = rows(&bytes, Form::File);
        assert_eq!(gaps, Gaps::default(), "compact {compact}");
        assert_eq!(read.iter().map(|row| row.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(&read[..2], &expected()[..2]);
        let long = "x".repeat(600).into_bytes();
        assert_eq!((read[2].6.as_ref(), read[3].6.as_ref()), (Some(&long), Some(&long)));
    }
}

#[test]
fn a_damaged_chain_is_walked_object_by_object() {
    for compact in [false, true] {
        let writer = craft::Writer::new(compact);
        let mut bytes = writer.sample();
        let whole = rows(&bytes, Form::File).0;
        // The first array: its second item leads elsewhere.
        let array = object::word(&bytes, 176).unwrap() as usize;
        let item = array + 24 + if compact { 4 } else { 8 };
        bytes[item] ^= 0xf8;
        let (read, gaps) = rows(&bytes, Form::File);
        assert_eq!((read, gaps.list().len()), (whole.clone(), 1), "compact {compact}");
        // No array at all, as after a kill: the objects are there.
        let mut bytes = writer.sample();
        bytes[176..184].fill(0);
        assert_eq!(rows(&bytes, Form::File), (whole, Gaps::default()));
    }
}

#[test]
fn flags_that_are_not_known_end_the_reading() {
    let mut bytes = craft::Writer::new(false).sample();
    bytes[12] |= 0x20;
    let (read, gaps) = rows(&bytes, Form::File);
    assert_eq!((read.len(), gaps.list()[0].why.as_ref()), (0, "incompatible flags 0x20 are not known"));
}

use super::file::object;

#[test]
fn each_form_is_told_by_its_content() {
    let is = |bytes: &[u8]| form_of(&Sniff { path: "x", head: bytes, whole: true });
    assert_eq!(is(&export()), Some(Form::Export));
    assert_eq!(is(JSON.as_bytes()), Some(Form::Json));
    assert_eq!(is(&craft::Writer::new(true).sample()), Some(Form::File));
    assert_eq!(is(b"Nov 25 09:48:45 epsilon systemd[1]: Started x.\n"), Some(Form::Text));
    assert_eq!(is(b"-- Boot 6c7c6013a26343b29e964691ff25d04c --\nNov 25 09:48:45 epsilon a[1]: x\n"), Some(Form::Text));
    for other in [
        &b""[..],
        b"{\"a\": 1}",
        b"2026-11-24 03:14:22 RST\n2026-11-24 15:14:23 RST\n",
        b"[Unit]\nDescription=x\n",
        b"Nov 25 09:48:45 epsilon app[1]: Connection reset\n",
        b"[    0.000000] Linux version 6.1.0\n",
        b"[{\"next\":1,\"unit\":\"a.timer\"}]",
    ] {
        assert_eq!(is(other), None, "{}", String::from_utf8_lossy(other));
    }
}

/// Places are inside, entries follow each other.
fn check(bytes: &[u8], form: Form) -> usize {
    let mut all = entries(bytes, form);
    let mut count = 0;
    while let Some(entry) = all.next() {
        assert!(entry.start <= entry.end && entry.end <= bytes.len());
        for field in Field::ALL {
            if let Some(value) = entry.value(*field) {
                assert!(value.start <= value.end && value.end <= bytes.len(), "{field:?}");
            }
        }
        count += 1;
    }
    for gap in all.gaps().list() {
        assert!(gap.start <= gap.end && gap.end <= bytes.len(), "{gap:?}");
    }
    count
}

#[test]
fn a_cut_at_any_byte_leaves_what_is_before() {
    let text = "Nov 25 09:48:45 epsilon systemd[1]: Started x.\nNov 25 09:48:46 epsilon systemd[1]: Started y.\n";
    let file = craft::Writer::new(true).sample();
    for (bytes, form) in
        [(export(), Form::Export), (JSON.into(), Form::Json), (text.into(), Form::Text), (file, Form::File)]
    {
        let mut ends = Vec::new();
        let mut all = entries(&bytes, form);
        while let Some(entry) = all.next() {
            ends.push(entry.end);
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let count = check(&bytes[..cut], form);
            assert!(count >= whole, "{form:?} cut at {cut}: {count} of {whole}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(b'\n'), Just(b'='), Just(b'"'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','),
            Just(b':'), Just(b'A'), Just(b'0'), Just(b'\\'), Just(b' ')], 0..200,
    )) {
        for form in [Form::Export, Form::Json, Form::Text, Form::File] {
            check(&bytes, form);
        }
    }

    #[test]
    fn damage_stays_where_it_is(at in 0usize..4000, flip in 1u8..=255, form in 0usize..4) {
        let (mut bytes, form) = match form {
            0 => (export(), Form::Export),
            1 => (JSON.as_bytes().to_vec(), Form::Json),
            2 => (craft::Writer::new(false).sample(), Form::File),
            _ => (craft::Writer::new(true).sample(), Form::File),
        };
        let at = at % bytes.len();
        bytes[at] ^= flip;
        check(&bytes, form);
    }
}
