//! `systemctl show`: `Property=value` lines, a block for each unit, blank lines between (src/systemctl/systemctl-show.c,
//! src/shared/bus-print-properties.c). `timedatectl show` and `show-timesync` have the same form.
//!
//! Times are printed as text in the zone of whoever asked, or as `--timestamp=` says; a property whose name has `USec` and is
//! no time is printed as a length of time; `…TimestampMonotonic` are microseconds.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::stamp::{Moment, MonotonicUs, SpanUs};

use super::text::{Reading, Told, boolean, head_lines, lines, moment, time_span};

/// `systemctl show`.
pub static SHOW: Kind = Kind {
    name: "systemctl-show",
    what: "output of `systemctl show [UNIT…]`, also with `--property` or `--timestamp`",
    sniff,
    refers: None,
    comment: None,
};

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    /// Where.
    pub evidence: EvidenceId,
    /// A block for each unit; the manager's own has no `Id`.
    pub blocks: Vec<Block>,
}

impl Show {
    /// The block of a unit, by its `Id` or one of its `Names`.
    pub fn unit(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.is_of(name))
    }

    /// The block of the manager: no `Id`, but a `Version`.
    pub fn manager(&self) -> Option<&Block> {
        self.blocks.iter().find(|block| block.get("Id").is_none() && block.get("Version").is_some())
    }
}

/// The properties of one unit, or of the manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// In the order of the output.
    pub properties: Vec<Property>,
}

/// `Key=value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Name.
    pub key: String,
    /// Value, as printed.
    pub value: Told<String>,
    /// The line.
    pub line: Span,
}

/// One of `TimersCalendar`: `{ OnCalendar=*-*-* 02:00:00 ; next_elapse=Wed 2027-01-20 02:00:00 UTC }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCalendar {
    /// The expression, as systemd normalises it.
    pub spec: Told<String>,
    /// When it elapses next, before any random delay; cut off to what is printed.
    pub next_elapse: Told<Reading<Moment>>,
    /// The line.
    pub line: Span,
}

/// One of `TimersMonotonic`: `{ OnBootUSec=15min ; next_elapse=15min }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownMonotonic {
    /// `OnBootUSec`, `OnUnitActiveUSec` …
    pub base: Told<String>,
    /// The length that is set.
    pub value: Told<Reading<SpanUs>>,
    /// When it elapses next, since the start of the monotonic clock; 0 when it does not.
    pub next_elapse: Told<Reading<SpanUs>>,
    /// The line.
    pub line: Span,
}

impl Block {
    /// True for the block of a unit of this name.
    pub fn is_of(&self, name: &str) -> bool {
        self.text("Id") == Some(name) || self.words("Names").any(|known| known == name)
    }

    /// The first property of this name.
    pub fn get(&self, key: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.key == key)
    }

    /// All properties of this name (`TimersCalendar` comes once for each expression).
    pub fn all<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'b Property> {
        self.properties.iter().filter(move |property| property.key == key)
    }

    /// The text of a property.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|property| property.value.value.as_str())
    }

    /// The words of a property that is a list (`Triggers`, `After`, `DropInPaths`).
    pub fn words<'b>(&'b self, key: &str) -> impl Iterator<Item = &'b str> + use<'b> {
        self.get(key).into_iter().flat_map(|property| property.value.value.split_ascii_whitespace())
    }

    fn reading<T>(&self, key: &str, read: fn(&str) -> T) -> Option<Told<T>> {
        self.get(key).map(|property| Told::new(read(&property.value.value), property.value.span))
    }

    /// A point in time: `InactiveExitTimestamp`, `NextElapseUSecRealtime`, `LastTriggerUSec`.
    pub fn moment(&self, key: &str) -> Option<Told<Reading<Moment>>> {
        self.reading(key, moment)
    }

    /// A length of time: `RandomizedDelayUSec`, `AccuracyUSec`; also `NextElapseUSecMonotonic` and `LastTriggerUSecMonotonic`, since
    /// the start of the monotonic clock.
    pub fn time_span(&self, key: &str) -> Option<Told<Reading<SpanUs>>> {
        self.reading(key, time_span)
    }

    /// Microseconds of the monotonic clock: `…TimestampMonotonic`; 0 when it never happened.
    pub fn monotonic(&self, key: &str) -> Option<Told<MonotonicUs>> {
        let property = self.get(key)?;
        let value = property.value.value.trim().parse().ok()?;
        Some(Told::new(MonotonicUs(value), property.value.span))
    }

    /// `yes` or `no`: `Persistent`, `RemainAfterElapse`.
    pub fn boolean(&self, key: &str) -> Option<Told<Reading<bool>>> {
        self.reading(key, boolean)
    }

    /// The expressions of `TimersCalendar`.
    pub fn calendars(&self) -> Vec<ShownCalendar> {
        let read = |property: &Property| {
            let (left, right) = braces(&property.value)?;
            let (_, spec) = assignment(&left)?;
            let (_, next) = assignment(&right)?;
            Some(ShownCalendar { spec, next_elapse: Told::new(moment(&next.value), next.span), line: property.line })
        };
        self.all("TimersCalendar").filter_map(read).collect()
    }

    /// The lengths of `TimersMonotonic`.
    pub fn monotonics(&self) -> Vec<ShownMonotonic> {
        let read = |property: &Property| {
            let (left, right) = braces(&property.value)?;
            let (base, value) = assignment(&left)?;
            let (_, next) = assignment(&right)?;
            Some(ShownMonotonic {
                base,
                value: Told::new(time_span(&value.value), value.span),
                next_elapse: Told::new(time_span(&next.value), next.span),
                line: property.line,
            })
        };
        self.all("TimersMonotonic").filter_map(read).collect()
    }
}

/// `{ LEFT ; RIGHT }`
fn braces(value: &Told<String>) -> Option<(Told<String>, Told<String>)> {
    let inside = value.value.strip_prefix('{')?.strip_suffix('}')?;
    let (left, right) = inside.rsplit_once(';')?;
    Some((inner(value, left), inner(value, right)))
}

/// `KEY=VALUE`
fn assignment(part: &Told<String>) -> Option<(Told<String>, Told<String>)> {
    let (key, value) = part.value.split_once('=')?;
    Some((inner(part, key), inner(part, value)))
}

/// A slice of a value, without blanks around it.
fn inner(whole: &Told<String>, slice: &str) -> Told<String> {
    let slice = slice.trim();
    let from = (slice.as_ptr() as usize).wrapping_sub(whole.value.as_ptr() as usize);
    let start = whole.span.start as usize + from.min(whole.value.len());
    let end = (start + slice.len()).min(whole.span.end as usize);
    Told::new(slice.to_owned(), Span::new(whole.span.evidence, start.min(end), end))
}

/// Reads an output.
pub fn read(item: &Evidence) -> (Show, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut show = Show { evidence: item.id, blocks: Vec::new() };
    let mut block = Block::default();
    for line in lines(item, &mut unmodelled) {
        if line.is_blank() {
            if !block.properties.is_empty() {
                show.blocks.push(std::mem::take(&mut block));
            }
            continue;
        }
        match line.text.split_once('=').filter(|(key, _)| is_key(key)) {
            Some((key, value)) => block.properties.push(Property {
                key: key.to_owned(),
                value: Told::new(value.to_owned(), line.part(value)),
                line: line.span(),
            }),
            None if unmodelled.len() < super::text::MOST_GAPS => {
                unmodelled.push(line.unmodelled("no `Property=value`"))
            }
            None => {}
        }
    }
    if !block.properties.is_empty() {
        show.blocks.push(block);
    }
    (show, unmodelled)
}

/// D-Bus names of properties: letters and digits, a capital first.
pub(super) fn is_key(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_uppercase()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Properties that only units or the manager have.
const OWN: &[&str] = &[
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "FragmentPath",
    "TimersCalendar",
    "TimersMonotonic",
    "NextElapseUSecRealtime",
    "NextElapseUSecMonotonic",
    "LastTriggerUSec",
    "LastTriggerUSecMonotonic",
    "InactiveExitTimestamp",
    "InactiveExitTimestampMonotonic",
    "UserspaceTimestamp",
    "UserspaceTimestampMonotonic",
    "ExecMainStartTimestamp",
    "Triggers",
    "TriggeredBy",
];

fn sniff(sniff: &Sniff<'_>) -> bool {
    has_properties(sniff, OWN)
}

/// True when all lines are properties, and one of the first two hundred is one of these.
pub(super) fn has_properties(sniff: &Sniff<'_>, own: &[&str]) -> bool {
    fn key<'a>(line: &&'a str) -> Option<&'a str> {
        line.split_once('=').map(|(key, _)| key).filter(|key| is_key(key))
    }
    let lines = head_lines(sniff);
    let mut filled = lines.iter().filter(|line| !line.trim().is_empty()).take(400).peekable();
    if filled.peek().is_none_or(|first| key(first).is_none()) {
        return false;
    }
    let (mut known, mut bad, mut all) = (false, 0usize, 0usize);
    for line in filled {
        all += 1;
        match key(line) {
            Some(key) => known |= own.contains(&key),
            None => bad += 1,
        }
    }
    known && bad * 20 <= all
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, text};
    use super::*;

    /// Of systemd 252.39 in the laboratory, shortened.
    const OUTPUT: &str = "Unit=plain.service\n\
        TimersCalendar={ OnCalendar=*-*-* 02:00:00 ; next_elapse=Wed 2027-01-20 02:00:00 UTC }\n\
        TimersMonotonic={ OnBootUSec=15min ; next_elapse=15min }\n\
        NextElapseUSecRealtime=Wed 2027-01-20 02:00:00 CET\nLastTriggerUSec=n/a\nLastTriggerUSecMonotonic=0\nRandomizedDelayUSec=30min\n\
        Id=plain.timer\nNames=plain.timer other.timer\nInactiveExitTimestamp=Tue 2027-01-19 12:00:02 UTC\n\
        InactiveExitTimestampMonotonic=1890056\nPersistent=no\n\nId=a.service\nTriggeredBy=plain.timer\nodd line\n";

    #[test]
    fn blocks_have_typed_values_with_places() {
        let item = evidence(OUTPUT);
        let (show, unmodelled) = read(&item);
        assert_eq!((show.blocks.len(), unmodelled.len()), (2, 1));
        let timer = show.unit("other.timer").unwrap();
        let calendar = &timer.calendars()[0];
        assert_eq!(
            (calendar.spec.value.as_str(), text(&item, calendar.spec.span)),
            ("*-*-* 02:00:00", "*-*-* 02:00:00")
        );
        // `date -u -d '2027-01-20 02:00:00' +%s`
        assert_eq!(calendar.next_elapse.value.known().and_then(Moment::utc).unwrap().0, 1_800_410_400_000_000);
        assert_eq!(text(&item, calendar.next_elapse.span), "Wed 2027-01-20 02:00:00 UTC");
        let monotonic = &timer.monotonics()[0];
        assert_eq!(
            (monotonic.base.value.as_str(), monotonic.value.value.known().unwrap().0),
            ("OnBootUSec", 900_000_000)
        );
        let next = timer.moment("NextElapseUSecRealtime").unwrap();
        assert!(matches!(next.value, Reading::Is(Moment::Local { .. })));
        assert!(timer.moment("LastTriggerUSec").unwrap().value.is_unset());
        assert_eq!(timer.monotonic("InactiveExitTimestampMonotonic").unwrap().value, MonotonicUs(1_890_056));
        assert_eq!(timer.time_span("RandomizedDelayUSec").unwrap().value, Reading::Is(SpanUs(1_800_000_000)));
        assert_eq!(timer.boolean("Persistent").unwrap().value, Reading::Is(false));
        assert!(show.manager().is_none() && show.unit("a.service").is_some());
    }

    #[test]
    fn outputs_are_told_by_their_properties() {
        let is = |text: &str| (SHOW.sniff)(&Sniff { path: "x", head: text.as_bytes(), whole: true });
        assert!(
            is("Id=a.timer\nNames=a.timer\n")
                && is("Version=252\nUserspaceTimestamp=n/a\n")
                && is("LastTriggerUSec=\n")
        );
        assert!(
            !is("Timezone=UTC\nNTP=no\n") && !is("id=3\n") && !is("[Unit]\nId=1\n") && !is("PATH=/bin\nHome=/root\n")
        );
    }
}
