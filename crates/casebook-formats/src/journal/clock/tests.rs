//! The expected values are those the points were made with. The steps are of the size measured in the laboratory with
//! systemd 252 and 257: nine days forward and back.

use casebook_core::EvidenceId;
use proptest::prelude::*;

use super::*;

const NINE_DAYS: i64 = 777_600_000_000;

fn point(boot: u128, monotonic_s: f64, offset_us: i64, number: u64) -> Point {
    let monotonic = (monotonic_s * 1e6) as u64;
    Point {
        boot: BootId(boot),
        realtime: RealtimeUs((monotonic as i64 + offset_us) as u64),
        monotonic: MonotonicUs(monotonic),
        seqnum: Some(Seqnum { id: 7, number }),
        span: Span::new(EvidenceId(0), number as usize, number as usize + 1),
        suspend: false,
    }
}

const BASE: i64 = 1_795_600_000_000_000;

fn history(points: impl IntoIterator<Item = Point>) -> History {
    let mut clock = Clock::default();
    points.into_iter().for_each(|point| clock.add(point));
    clock.finish()
}

/// An hour of entries, one a second, with nine days forward at 1000 s and back at 2000 s.
fn stepped() -> Vec<Point> {
    (0..3600)
        .map(|second| {
            let ahead = if (1000..2000).contains(&second) { NINE_DAYS } else { 0 };
            let noise = i64::from((second * 7919) % 13) * 3;
            point(1, f64::from(second), BASE + ahead + noise, second as u64 + 1)
        })
        .collect()
}

fn sizes(boot: &Boot) -> Vec<(i64, u64, u64)> {
    let rounded = |by: i64| (by as f64 / 1e6).round() as i64;
    boot.steps
        .iter()
        .map(|step| (rounded(step.by_us), step.before.monotonic.0 / 1_000_000, step.after.monotonic.0 / 1_000_000))
        .collect()
}

#[test]
fn steps_have_sign_size_and_the_two_entries() {
    let history = history(stepped());
    let boot = &history.boots[0];
    assert_eq!(sizes(boot), [(777_600, 999, 1000), (-777_600, 1999, 2000)]);
    assert!(boot.steps.iter().all(|step| step.change == Change::Set));
    assert_eq!(boot.segments.iter().map(|segment| segment.entries).collect::<Vec<_>>(), [1000, 1000, 1600]);
    assert!(boot.segments.iter().all(|segment| segment.slope_ppm.unwrap().abs() < 1.0));
    assert_eq!((boot.first().monotonic.0, boot.last().monotonic.0), (0, 3_599_000_000));
}

#[test]
fn files_that_overlap_and_come_in_any_order_tell_the_same() {
    let points = stepped();
    let mut doubled: Vec<Point> = points.iter().copied().filter(|point| point.span.start % 3 != 0).collect();
    doubled.extend(points.iter().rev());
    doubled.extend(points.iter().skip(500).step_by(2));
    let boot = &history(doubled).boots[0].clone();
    assert_eq!(sizes(boot), [(777_600, 999, 1000), (-777_600, 1999, 2000)]);
}

#[test]
fn a_step_and_one_back_between_two_entries_of_the_first_file_is_found() {
    let sparse: Vec<Point> =
        stepped().into_iter().filter(|point| !(900..2100).contains(&(point.monotonic.0 / 1_000_000))).collect();
    assert!(history(sparse.clone()).boots[0].steps.is_empty());
    let both = history(sparse.into_iter().chain(stepped()));
    assert_eq!(sizes(&both.boots[0]), [(777_600, 999, 1000), (-777_600, 1999, 2000)]);
}

#[test]
fn slewing_is_a_slope_and_no_step() {
    let points = (0..7200).map(|second| point(1, f64::from(second), BASE - i64::from(second) * 100, second as u64));
    let boot = &history(points).boots[0].clone();
    assert!(boot.steps.is_empty());
    assert!((boot.segments[0].slope_ppm.unwrap() + 100.0).abs() < 0.01, "{:?}", boot.segments[0].slope_ppm);
}

#[test]
fn a_step_in_a_long_silence_is_told_from_drift_by_what_lies_around() {
    // Ten seconds within nine hours: 309 ppm, less than the kernel slews.
    let points = (0..600).chain(33_000..33_600).map(|second| {
        let ahead = if second > 10_000 { 10_000_000 } else { 0 };
        point(1, f64::from(second), BASE + ahead, second as u64)
    });
    let boot = &history(points).boots[0].clone();
    assert_eq!(sizes(boot), [(10, 599, 33_000)]);
    assert_eq!(boot.steps[0].change, Change::SetOrSlewed);
}

#[test]
fn a_suspend_is_no_setting_of_the_clock() {
    let points = (0..200).map(|second| {
        let slept = if second >= 100 { 3_600_000_000 } else { 0 };
        Point { suspend: second == 99, ..point(1, f64::from(second), BASE + slept, second as u64) }
    });
    let boot = &history(points).boots[0].clone();
    assert_eq!((sizes(boot), boot.steps[0].change), (vec![(3600, 99, 100)], Change::Suspended));
}

#[test]
fn boots_of_one_journald_are_in_the_order_of_their_numbers() {
    // The first boot ran nine days ahead, so by the clock it is the later one.
    let first = (0..10).map(|second| point(2, f64::from(second), BASE + NINE_DAYS, second as u64 + 1));
    let second = (0..10).map(|second| point(1, f64::from(second), BASE, second as u64 + 100));
    let history = history(second.chain(first));
    assert_eq!(history.boots.iter().map(|boot| boot.id.0).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn one_wrong_entry_is_a_segment_of_one() {
    let mut points = stepped();
    points[300].realtime.0 += 5_000_000_000;
    let boot = &history(points).boots[0].clone();
    assert_eq!(boot.steps.len(), 4);
    assert_eq!(boot.segments[1].entries, 1);
    assert_eq!(sizes(boot)[2], (777_600, 999, 1000));
}

/// The laboratory's machines, booting under load: one entry 70 ms off (257.13), two 200 ms off.
#[test]
fn entries_that_are_off_by_a_little_are_noise() {
    let points = (0..300).map(|second| {
        let off = match second {
            50 => -70_000,
            100 | 101 => 200_000,
            _ => 0,
        };
        point(1, f64::from(second), BASE + off, second as u64 + 1)
    });
    let boot = &history(points).boots[0].clone();
    assert_eq!((boot.steps.len(), boot.segments[0].entries), (0, 300));
    assert!(boot.segments[0].slope_ppm.unwrap().abs() < 1.0);
}

#[test]
fn memory_is_bounded() {
    // Every entry steps.
    let points = (0..20_000).map(|second| point(1, second as f64, BASE + (second % 2) * 10_000_000, second as u64));
    let points = points.map(|point| Point { boot: BootId(1), ..point });
    let history = history(points);
    assert!(history.boots[0].segments.len() <= MOST_RUNS && history.boots[0].lost > 0);
    assert_eq!(history.limits().len(), 1);
    let boots = (0..5000u32).map(|boot| point(u128::from(boot), 1.0, BASE, 1));
    assert_eq!(self::history(boots).boots.len(), MOST_BOOTS);
}

proptest! {
    #[test]
    fn any_points_give_segments_in_order(points in prop::collection::vec((0u128..3, 0u64..1000, -50i64..50, any::<bool>()), 0..80)) {
        let points = points.into_iter().map(|(boot, second, ahead, suspend)| {
            Point { suspend, ..point(boot, second as f64, BASE + ahead * 5_000, second) }
        });
        let history = history(points);
        for boot in &history.boots {
            prop_assert_eq!(boot.steps.len() + 1, boot.segments.len());
            for segment in &boot.segments {
                prop_assert!(segment.first.monotonic <= segment.last.monotonic && segment.entries > 0);
            }
            for pair in boot.segments.windows(2) {
                prop_assert!(pair[0].last.monotonic <= pair[1].first.monotonic);
            }
        }
    }

    #[test]
    fn wild_points_do_no_harm(points in prop::collection::vec((any::<u64>(), any::<u64>()), 0..60)) {
        let history = history(points.into_iter().map(|(realtime, monotonic)| Point {
            realtime: RealtimeUs(realtime), monotonic: MonotonicUs(monotonic), ..point(1, 0.0, 1, 1)
        }));
        prop_assert!(history.boots.len() <= 1);
    }
}
