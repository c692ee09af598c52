//! `--clock SCENARIO`: what happens to the machine, one event a line (or between `;`).
//!
//! ```text
//! boot 2027-01-10 13:00 ahead 9d      # the true time, and how far the clock is ahead of it (behind: -9d)
//! stamp 2027-01-09 02:31              # time of the stamp file
//! +5min      step -9d
//! +2d 3h     reboot down 10min ahead 211s
//! ```
//! Times with `+` count from the first boot. `drift 50ppm sync 1d` stands for a clock that gains 50 µs a second and is set right
//! once a day.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::model::calendar::ZoneSource;
use crate::model::time::{MINUTE_US, Realtime, SECOND_US, Zone, parse_span, parse_stamp};
use crate::model::timer::{Action, Boot, Job, Lasts, Scenario, Starts, Window};

/// Why a scenario cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClockError {
    /// Line, from 1.
    pub line: usize,
    /// Bytes of the line.
    pub at: Range<usize>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.at.start + 1, self.why)
    }
}

/// What a scenario needs besides its text.
pub(crate) struct Context<'a> {
    pub zone: &'a Zone,
    pub zones: &'a dyn ZoneSource,
    /// The true time of the first boot where the text does not say.
    pub now: Realtime,
    /// Where it ends, in microseconds from the first boot.
    pub end: u64,
    /// What the service does until the text says otherwise.
    pub job: Job,
}

/// After how long PID 1 starts, and the timers, on a machine that boots.
const USERSPACE_US: u64 = SECOND_US;
const TIMERS_US: Window = Window { lo: 2 * SECOND_US, hi: MINUTE_US };

fn boot(realtime: Realtime) -> Boot {
    Boot { realtime, userspace_us: USERSPACE_US, timers_us: TIMERS_US }
}

/// Reads a scenario. Actions come in the order of their times.
pub(crate) fn parse(text: &str, context: &Context<'_>) -> Result<Scenario, ClockError> {
    let mut reader = Reader { context, start: context.now, ahead_us: 0, stamp: None, actions: Vec::new() };
    for (index, line) in text.split(['\n', ';']).enumerate() {
        let body = line.split('#').next().unwrap_or_default();
        let words = words(body);
        if let Err((at, why)) = reader.line(body, &words) {
            return Err(ClockError { line: index + 1, at, why });
        }
    }
    let (start, ahead_us) = (reader.start, reader.ahead_us);
    let mut actions = reader.actions;
    actions.sort_by_key(|(at, _)| *at);
    actions.retain(|(at, _)| *at < context.end);
    Ok(Scenario { boot: boot(start.shift(ahead_us)), stamp: reader.stamp, actions, end: context.end })
}

type Fault = (Range<usize>, String);

/// Words with their places.
fn words(line: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut at = 0;
    for part in line.split_inclusive(char::is_whitespace) {
        let word = part.trim();
        if !word.is_empty() {
            out.push((at + part.find(word).unwrap_or(0), word));
        }
        at += part.len();
    }
    out
}

struct Reader<'a> {
    context: &'a Context<'a>,
    start: Realtime,
    ahead_us: i64,
    stamp: Option<Realtime>,
    actions: Vec<(u64, Action)>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, words: &[(usize, &str)]) -> Result<(), Fault> {
        let Some((at, first)) = words.first().copied() else { return Ok(()) };
        let rest = |from: usize| words.get(from).map_or("", |(at, _)| line[*at..].trim_end());
        match first {
            "boot" => {
                let (time, ahead) = split_word(rest(1), "ahead");
                if !time.is_empty() {
                    self.start = self.time(line, time)?;
                }
                self.ahead_us = ahead.map_or(Ok(0), |ahead| signed(line, ahead))?;
                Ok(())
            }
            "stamp" => {
                self.stamp = Some(self.time(line, rest(1))?);
                Ok(())
            }
            "drift" => self.drift(line, rest(1)),
            _ if first.starts_with('+') => {
                // The span goes up to the first word that is no part of one.
                let verb = words
                    .iter()
                    .skip(1)
                    .find(|(_, word)| !word.starts_with(|c: char| c.is_ascii_digit()) && !is_unit(word));
                let Some((verb_at, verb)) = verb.copied() else {
                    return Err((
                        at..line.trim_end().len(),
                        "what happens is missing: step, reboot, suspend, reload, …".to_owned(),
                    ));
                };
                let when = span(line, line[at + 1..verb_at].trim())?;
                let rest = line[verb_at + verb.len()..].trim();
                self.action(line, when, verb, verb_at, rest)
            }
            _ => Err((at..at + first.len(), format!("`{first}` is none of boot, stamp, drift, or a time as +5min"))),
        }
    }

    fn action(&mut self, line: &str, when: u64, verb: &str, verb_at: usize, rest: &str) -> Result<(), Fault> {
        let action = match verb {
            "step" => Action::Step(signed(line, rest)?),
            "set" => Action::Step(0),
            "suspend" => Action::Suspend(span(line, rest)?),
            "reboot" => {
                let (down, ahead) = split_word(rest, "ahead");
                let down = down.strip_prefix("down").unwrap_or(down).trim();
                let down_us = if down.is_empty() { MINUTE_US } else { span(line, down)? };
                let ahead_us = ahead.map_or(Ok(0), |ahead| signed(line, ahead))?;
                Action::Reboot { down_us, boot: boot(self.start.shift((when + down_us) as i64 + ahead_us)) }
            }
            "reload" | "reexec" => Action::Reload,
            "start" => Action::Start,
            "stop" => Action::Stop,
            "restart" => Action::Restart,
            "touch" => Action::Touch(self.time(line, rest)?),
            "clean" => Action::Clean,
            "run" => Action::RunJob,
            "zone" => {
                let zone = self.context.zones.zone(rest).or_else(|| Zone::bundled(rest).map(Arc::new));
                Action::Zone(
                    zone.ok_or_else(|| (place(line, rest), format!("the zone `{rest}` is not in the database")))?,
                )
            }
            "job" => Action::Job(match rest {
                "forever" => Job { starts: Starts::Runs, lasts: Lasts::Forever },
                "idle" => Job { starts: Starts::Idle, ..self.context.job },
                "refused" => Job { starts: Starts::Refused, ..self.context.job },
                _ => {
                    let lasts = span(line, rest)?;
                    Job::runs(lasts, lasts)
                }
            }),
            _ => {
                let known = "step, set, suspend, reboot, reload, start, stop, restart, touch, clean, zone, run, job";
                return Err((verb_at..verb_at + verb.len(), format!("`{verb}` is none of {known}")));
            }
        };
        self.actions.push((when, action));
        Ok(())
    }

    /// `drift 50ppm sync 1d`: what the clock has gained is taken off at every synchronisation.
    fn drift(&mut self, line: &str, rest: &str) -> Result<(), Fault> {
        let (rate, sync) = split_word(rest, "sync");
        let ppm = rate
            .strip_suffix("ppm")
            .and_then(|rate| rate.trim().parse::<f64>().ok())
            .filter(|rate| rate.abs() <= 100_000.0);
        let ppm = ppm.ok_or_else(|| (place(line, rate), "a rate is expected, as 50ppm or -50ppm".to_owned()))?;
        let every_us = span(line, sync.unwrap_or("1d"))?;
        if every_us < MINUTE_US {
            return Err((
                place(line, sync.unwrap_or("")),
                "at least a minute lies between two synchronisations".to_owned(),
            ));
        }
        let gained_us = (every_us as f64 * ppm / 1e6).round() as i64;
        let mut at = every_us;
        while at < self.context.end {
            self.actions.push((at, Action::Step(-gained_us)));
            at += every_us;
        }
        Ok(())
    }

    fn time(&self, line: &str, text: &str) -> Result<Realtime, Fault> {
        parse_stamp(text, self.context.zone)
            .ok_or_else(|| (place(line, text), format!("`{text}` is no time, as 2027-01-31 12:00")))
    }
}

fn is_unit(word: &str) -> bool {
    parse_span(&format!("1{word}"), SECOND_US).is_ok()
}

fn place(line: &str, part: &str) -> Range<usize> {
    let at = if part.is_empty() { line.trim_end().len() } else { line.find(part).unwrap_or(0) };
    at..at + part.len()
}

/// `text` before a word, and what follows it.
fn split_word<'t>(text: &'t str, word: &str) -> (&'t str, Option<&'t str>) {
    match text.find(word) {
        Some(at) => (text[..at].trim(), Some(text[at + word.len()..].trim())),
        None => (text.trim(), None),
    }
}

fn span(line: &str, text: &str) -> Result<u64, Fault> {
    // Ten thousand years leave room for every sum.
    const MOST: u64 = 316_224_000_000_000_000;
    let base = place(line, text).start;
    let us = parse_span(text, SECOND_US)
        .map_err(|error| (base + error.at.start..base + error.at.end, error.why.to_owned()))?;
    if us > MOST { Err((place(line, text), "the time span is too long".to_owned())) } else { Ok(us) }
}

fn signed(line: &str, text: &str) -> Result<i64, Fault> {
    match text.strip_prefix('-') {
        Some(rest) => Ok(-(span(line, rest.trim())? as i64)),
        None => Ok(span(line, text.strip_prefix('+').unwrap_or(text).trim())? as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{DAY_US, HOUR_US};

    struct NoZones;

    impl ZoneSource for NoZones {
        fn zone(&self, _: &str) -> Option<Arc<Zone>> {
            None
        }
    }

    fn read(text: &str) -> Result<Scenario, ClockError> {
        let context = Context {
            zone: Zone::utc_ref(),
            zones: &NoZones,
            now: Realtime(1_799_586_000_000_000),
            end: 30 * DAY_US,
            job: Job::runs(0, 0),
        };
        parse(text, &context)
    }

    #[test]
    fn the_story_in_three_lines() {
        let scenario = read("boot 2027-01-10 13:00 ahead 9d  # RTC\n+5min step -9d; +2d 3h reboot down 10min ahead 211s\nstamp 2027-01-09 02:31\n").unwrap();
        assert_eq!(scenario.boot.realtime.0, 1_799_586_000_000_000 + 9 * DAY_US);
        assert!(
            matches!(scenario.actions[0], (at, Action::Step(us)) if at == 5 * MINUTE_US && us == -9 * DAY_US as i64)
        );
        let (at, Action::Reboot { down_us, boot }) = &scenario.actions[1] else { panic!("{:?}", scenario.actions) };
        assert_eq!((*at, *down_us), (2 * DAY_US + 3 * HOUR_US, 10 * MINUTE_US));
        assert_eq!(boot.realtime.0, 1_799_586_000_000_000 + at + down_us + 211 * SECOND_US);
        assert!(scenario.stamp.is_some());
    }

    #[test]
    fn drift_is_steps() {
        let steps = read("drift 50ppm sync 1d").unwrap().actions;
        assert_eq!(steps.len(), 29);
        assert!(steps.iter().all(|(_, action)| matches!(action, Action::Step(-4_320_000))));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, line, at) in [
            ("boot yesterday", 1, 5),
            ("+5min", 1, 0),
            ("\n+5min leap 3s", 2, 6),
            ("+1d suspend x", 1, 12),
            ("hello", 1, 0),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!((error.line, error.at.start), (line, at), "{text}: {error}");
        }
    }
}
