//! Specifications, bases and zones, drawn at random: valid ones, ones that are nearly valid, and bases around changes of the clock.

use case_systemd_timers::model::time::{Realtime, Zone};

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// True once in `of`.
    pub(crate) fn once(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// Zones with every sort of change: an hour, half an hour, at midnight, with negative daylight saving, none, and of the past.
pub(crate) const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Gaza",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Santiago",
    "America/Havana",
    "Antarctica/Troll",
    "Europe/Moscow",
    "Asia/Kathmandu",
    "America/Caracas",
    "Etc/GMT+5",
];

/// An instant from 1970 on, half the time within two days of a change of the zone.
pub(crate) fn base(random: &mut Random, zone: &Zone) -> Realtime {
    let years = if random.once(4) { 229 } else { 30 };
    let first = if years == 30 { 30 } else { 0 };
    let mut at_s = (first * 31_557_600 + random.below(years * 31_557_600)) as i64;
    if random.once(2) {
        let changes = zone.changes(at_s, at_s + 400 * 86_400);
        if !changes.is_empty() {
            at_s = random.pick(&changes).0 + random.below(4 * 86_400) as i64 - 2 * 86_400;
        }
    }
    let micros = if random.once(2) { 0 } else { random.below(1_000_000) };
    Realtime(at_s.max(0) as u64 * 1_000_000 + micros)
}

/// One element of a list whose values are `from..=to`.
fn element(random: &mut Random, from: u64, to: u64) -> String {
    // Now and then a value past the end.
    let value =
        |random: &mut Random| from + random.below(to - from + 1) + if random.once(60) { random.below(80) } else { 0 };
    let start = value(random);
    let width = if random.once(3) { 2 } else { 1 };
    match random.below(8) {
        0 => format!("{start}/{}", random.below(to - from + 2)),
        1 => format!("{start}..{}", value(random)),
        2 => format!("{start}..{}/{}", start + random.below((to.saturating_sub(start)) + 2), 1 + random.below(7)),
        3 => format!("{from}/{}", 1 + random.below(to - from + 1)),
        _ => format!("{start:0width$}"),
    }
}

fn list(random: &mut Random, from: u64, to: u64, star: u64) -> String {
    if random.below(10) < star {
        return "*".to_owned();
    }
    let count = 1 + if random.once(4) { random.below(4) } else { 0 };
    (0..count).map(|_| element(random, from, to)).collect::<Vec<_>>().join(",")
}

fn seconds(random: &mut Random) -> String {
    match random.below(6) {
        0 => "*".to_owned(),
        1 => format!("{}.{}", random.below(60), random.below(10_000_000)),
        2 => format!("{}/{}.{}", random.below(30), random.below(30), random.below(1000)),
        3 => format!("{}.5..{}/2.25", random.below(30), 30 + random.below(30)),
        _ => list(random, 0, 59, 0),
    }
}

fn weekdays(random: &mut Random) -> String {
    const DAYS: [&str; 10] = ["Mon", "tuesday", "Wed", "THU", "Fri", "Saturday", "Sun", "Mon", "wed", "Sun"];
    let count = 1 + random.below(3);
    let one = |random: &mut Random| match random.below(4) {
        0 => format!("{}..{}", random.pick(&DAYS), random.pick(&DAYS)),
        1 if random.once(4) => format!("{}-{}", random.pick(&DAYS), random.pick(&DAYS)),
        _ => (*random.pick(&DAYS)).to_owned(),
    };
    let mut text = (0..count).map(|_| one(random)).collect::<Vec<_>>().join(",");
    if random.once(10) {
        text.push(',');
    }
    text
}

fn date(random: &mut Random, year: u64) -> String {
    let day_sign = if random.once(5) { '~' } else { '-' };
    let day = if day_sign == '~' { list(random, 1, 28, 2) } else { list(random, 1, 31, 4) };
    let month = list(random, 1, 12, 7);
    if random.once(3) {
        return format!("{month}{day_sign}{day}");
    }
    let years = match random.below(10) {
        0 => list(random, 1970, 2199, 0),
        1 => format!("{:02}", random.below(100)),
        2 | 3 => format!("{}", year + random.below(3)),
        4 => format!("{}..{}/{}", year, year + 1 + random.below(20), 1 + random.below(5)),
        _ => "*".to_owned(),
    };
    format!("{years}-{month}{day_sign}{day}")
}

fn time(random: &mut Random) -> String {
    let (hour, minute) = (list(random, 0, 23, 2), list(random, 0, 59, 2));
    match random.once(2) {
        true => format!("{hour}:{minute}"),
        false => format!("{hour}:{minute}:{}", seconds(random)),
    }
}

/// A specification for a machine whose zone has these names, with years around `base`.
pub(crate) fn specification(random: &mut Random, names: [&str; 2], base: Realtime) -> String {
    const SHORT: [&str; 14] = [
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "biannually",
        "bi-annually",
        "semiannually",
        "semi-annually",
        "annually",
        "yearly",
        "anually",
        "Daily",
    ];
    const TAILS: &[&str] = &[" CET", " utc", " Nowhere/Land", " ", " Europe/", "x", ":", "/2"];
    let year = 1970 + base.0 / 31_557_600_000_000;
    let mut text = match random.below(20) {
        0 => (*random.pick(&SHORT)).to_owned(),
        1 => format!("@{}", random.below(1 << 33)),
        _ => {
            let mut parts = Vec::new();
            if random.once(3) {
                parts.push(weekdays(random));
            }
            if random.once(2) {
                parts.push(date(random, year));
            }
            if parts.is_empty() || random.below(4) > 0 {
                parts.push(time(random));
            }
            parts.join(if random.once(20) { "  " } else { " " })
        }
    };
    match random.below(16) {
        0 => text.push_str(" UTC"),
        1 => {
            text = format!("{text} {}", random.pick(&names));
        }
        2 | 3 if random.once(4) => text = format!("{text} {}", random.pick(ZONES)),
        4 if random.once(4) => {
            text.push_str(random.pick::<&str>(TAILS));
        }
        // One character lost or doubled.
        5 if random.once(2) && text.len() > 1 => {
            let at = random.below(text.len() as u64) as usize;
            if random.once(2) {
                text.remove(at);
            } else {
                let c = text.as_bytes()[at] as char;
                text.insert(at, c);
            }
        }
        _ => {}
    }
    text
}
