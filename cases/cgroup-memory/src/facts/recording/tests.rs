use std::collections::BTreeMap;

use casebook_core::watch::Moment;
use proptest::prelude::*;

use super::write::Writer;
use super::*;

const START: u64 = 1_795_600_000_000_000;

fn session() -> Session {
    Session {
        source: Source::Casebook,
        kernel: "6.12.48".to_owned(),
        boot_id: "6c7c6013-a263-43b2-9e96-4691ff25d04c".to_owned(),
        page_bytes: 4096,
        cpus: 2,
        interval_us: 1_000_000,
        v1: false,
        root: "/sys/fs/cgroup".to_owned(),
        tool: "casebook 0.1.0".to_owned(),
    }
}

fn moment(second: u64) -> Moment {
    let us = second * 1_000_000;
    Moment { realtime_us: START + us, monotonic_us: 5_000_000 + us, boottime_us: 9_000_000 + us }
}

/// Groups by number: path and fields.
type Groups = BTreeMap<u32, (String, Fields)>;

fn fields(numbers: &[(Field, u64)]) -> Fields {
    let mut fields = Fields::default();
    numbers.iter().for_each(|(field, value)| fields.set(*field, *value));
    fields
}

fn write(samples: &[(Moment, Fields, Groups)]) -> Vec<u8> {
    let mut writer = Writer::new(&session(), true);
    for (at, machine, groups) in samples {
        writer.sample(*at, machine, groups.iter().map(|(id, (path, fields))| (*id, path.as_str(), fields)));
    }
    writer.finish();
    writer.take()
}

fn known(sample: &Sample<'_>) -> Groups {
    sample.groups().map(|group| (group.id, (group.path.to_owned(), visible(group.fields)))).collect()
}

/// Without the numbers of fields that are not known.
fn visible(fields: &Fields) -> Fields {
    let known: Vec<_> = fields.iter().collect();
    self::fields(&known)
}

fn read_all(bytes: &[u8]) -> (Vec<(u64, Fields, Groups)>, Outcome) {
    let mut samples = Vec::new();
    let outcome = read_recording(bytes, &mut |sample| {
        samples.push((sample.at.realtime_us, visible(sample.machine()), known(sample)));
    });
    (samples, outcome)
}

fn a_group(current: u64) -> Groups {
    BTreeMap::from([(1, ("/a".to_owned(), fields(&[(Field::Current, current), (Field::EventMax, current)])))])
}

/// Numbers as they are found: pages, small counts, limits.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![(0_u64..5000).prop_map(|pages| pages * 4096), 0_u64..10, Just(NO_LIMIT), any::<u64>()]
}

fn some_fields() -> impl Strategy<Value = Fields> {
    proptest::collection::vec((0..Field::ALL.len(), number()), 0..6)
        .prop_map(|list| fields(&list.iter().map(|(at, value)| (Field::ALL[*at], *value)).collect::<Vec<_>>()))
}

/// What happens to a group: which, its path and its numbers.
type Happening = (u8, prop::sample::Index, String, Fields);

/// What becomes of each group, sample by sample. Numbers are given in order, as a tree that is watched gives them.
fn history() -> impl Strategy<Value = Vec<(Moment, Fields, Groups)>> {
    let event = (0_u8..8, any::<prop::sample::Index>(), "[a-c]{1,2}(/[a-c]){0,2}", some_fields());
    let steps = proptest::collection::vec((proptest::collection::vec(event, 0..3), some_fields(), 0_u64..2000), 1..80);
    steps.prop_map(|steps| {
        let (mut groups, mut next, mut now) = (Groups::new(), 1_u32, moment(0));
        let step = |(events, machine, late): (Vec<Happening>, Fields, u64)| {
            now.realtime_us += 1_000_000 + late;
            now.monotonic_us += 1_000_000 + late;
            now.boottime_us += 1_000_000 + late;
            for (what, which, path, fields) in events {
                let ids: Vec<u32> = groups.keys().copied().collect();
                match what {
                    0 => {
                        groups.insert(next, (format!("/{path}"), fields));
                        next += 1;
                    }
                    1 if !ids.is_empty() => {
                        groups.remove(which.get(&ids));
                    }
                    _ if !ids.is_empty() => {
                        if let Some(group) = groups.get_mut(which.get(&ids)) {
                            group.1 = fields;
                        }
                    }
                    _ => {}
                }
            }
            (now, machine, groups.clone())
        };
        steps.into_iter().map(step).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(samples in history()) {
        let (read, outcome) = read_all(&write(&samples));
        let written: Vec<_> =
            samples.iter().map(|(at, machine, groups)| (at.realtime_us, visible(machine), groups.clone())).collect();
        prop_assert_eq!(read, written);
        prop_assert!(outcome.gaps.is_empty());
        prop_assert_eq!(outcome.samples, samples.len() as u64);
    }

    #[test]
    fn of_a_file_that_breaks_off_the_beginning_is_read(samples in history(), cut in 0_usize..100_000) {
        let bytes = write(&samples);
        let cut = cut % (bytes.len() + 1);
        let (read, outcome) = read_all(&bytes[..cut]);
        let whole = read_all(&bytes).0;
        prop_assert_eq!(&read[..], &whole[..read.len()]);
        prop_assert!(outcome.gaps.list().iter().all(|gap| gap.end <= cut));
    }

    #[test]
    fn damage_costs_samples_and_never_makes_them_up(samples in history(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = write(&samples);
        let whole = read_all(&bytes).0;
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (read, outcome) = read_all(&bytes);
        prop_assert!(read.iter().all(|sample| whole.contains(sample)));
        prop_assert!(at < frame::MAGIC.len() || !outcome.gaps.is_empty());
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut file = frame::MAGIC.to_vec();
        frame::put(&mut file, frame::HEADER, br#"{"schema":"casebook.memory-recording/1","fields":["memory.current"]}"#);
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &bytes).unwrap();
        frame::put(&mut file, frame::BLOCK, &packed.finish().unwrap());
        let (_, outcome) = read_all(&file);
        prop_assert!(outcome.samples <= block::MAX_SAMPLES as u64);
    }
}

fn whats(outcome: &Outcome) -> Vec<&What> {
    outcome.notes.iter().map(|note| &note.what).collect()
}

#[test]
fn a_recorder_that_is_started_again_adds_a_run() {
    let mut file = write(&[(moment(0), Fields::default(), a_group(4096))]);
    let mut again = Writer::new(&Session { boot_id: "other".to_owned(), ..session() }, false);
    again.sample(moment(3600), &Fields::default(), [(1, "/a", &fields(&[(Field::Current, 1)]))].into_iter());
    again.flush();
    file.extend(again.take());
    let (samples, outcome) = read_all(&file);
    assert_eq!(samples.len(), 2);
    assert_eq!(outcome.sessions.len(), 2);
    assert_eq!(
        whats(&outcome),
        [&What::Resumed { ended: true, rebooted: true }, &What::TimeGap { us: 3_600_000_000, suspended_us: 0 }]
    );
}

#[test]
fn a_group_made_anew_and_a_counter_that_goes_back_are_told() {
    let anew: Groups = a_group(4096).into_values().map(|group| (2, group)).collect();
    let samples = [
        (moment(0), Fields::default(), a_group(8192)),
        (moment(1), Fields::default(), a_group(4096)),
        (moment(2), Fields::default(), Groups::new()),
        (moment(3), Fields::default(), anew),
    ];
    let (_, outcome) = read_all(&write(&samples));
    let back = What::WentBack { path: "/a".to_owned(), field: Field::EventMax, from: 8192, to: 4096 };
    assert_eq!(whats(&outcome), [&back, &What::Recreated { path: "/a".to_owned() }]);
}

#[test]
fn an_oom_is_in_the_file_at_once() {
    let group = |ooms: u64| fields(&[(Field::Current, 4096), (Field::EventOomKill, ooms)]);
    let mut writer = Writer::new(&session(), true);
    writer.sample(moment(0), &Fields::default(), [(1, "/a", &group(0))].into_iter());
    let begin = writer.take().len();
    assert_eq!(writer.take().len(), 0, "a block is not written for one quiet sample: {begin}");
    writer.sample(moment(1), &Fields::default(), [(1, "/a", &group(1))].into_iter());
    assert!(!writer.take().is_empty());
}

/// A hundred groups, of which twenty work: pages come and go, faults and pressure add up.
fn busy(second: u64, random: &mut u64) -> Groups {
    let mut next = |below: u64| {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) % below
    };
    let mut groups = Groups::new();
    for id in 1..=100_u32 {
        let path = format!("/system.slice/service-{id}.service");
        let base = u64::from(id) << 24;
        let mut numbers =
            vec![(Field::Max, NO_LIMIT), (Field::Anon, base), (Field::File, base * 2), (Field::Kernel, base / 16)];
        if id <= 20 {
            let wave = next(2000) * 4096;
            numbers = vec![
                (Field::Max, 1 << 30),
                (Field::Anon, base + wave),
                (Field::File, base * 2 + next(500) * 4096),
                (Field::Kernel, base / 16 + next(40) * 1024),
                (Field::FileDirty, next(100) * 4096),
                (Field::FileMapped, base / 4),
                (Field::InactiveAnon, base + wave),
                (Field::ActiveAnon, next(10) * 4096),
                (Field::InactiveFile, base + next(300) * 4096),
                (Field::ActiveFile, base + next(200) * 4096),
                (Field::SlabReclaimable, base / 32 + next(4000) * 8),
                (Field::SlabUnreclaimable, base / 64 + next(4000) * 8),
                (Field::Pgmajfault, second / 3),
                (Field::RefaultFile, second * 7 + next(5)),
                (Field::PressureSomeUs, second * 300 + next(300)),
            ];
        }
        let current = numbers.iter().filter(|(field, _)| matches!(field, Field::Anon | Field::File | Field::Kernel));
        numbers.push((Field::Current, current.map(|(_, value)| value).sum()));
        groups.insert(id, (path, fields(&numbers)));
    }
    groups
}

#[test]
fn an_hour_of_a_hundred_groups_fits_into_a_megabyte_and_a_half() {
    let (mut random, mut writer) = (1, Writer::new(&session(), true));
    for second in 0..600 {
        let groups = busy(second, &mut random);
        writer.sample(
            moment(second),
            &Fields::default(),
            groups.iter().map(|(id, (path, fields))| (*id, path.as_str(), fields)),
        );
    }
    writer.finish();
    let hour = writer.bytes() * 6;
    println!("{hour} bytes an hour");
    // Twenty groups whose every number is random in every second are the worst of what is real.
    assert!(hour < 3 << 19, "{hour}");
}
