//! The messages that matter, by their id where they have one, else by their words.
//!
//! Ids are of src/systemd/sd-messages.h. Entries of the time before journald runs have none, nor has text; the words are the
//! same.

use casebook_formats::journal::{Entry, Field};
use casebook_formats::stamp::RealtimeUs;

use super::event::What;
use super::subject::Subject;
use crate::facts::machine::SystemdVersion;
use crate::facts::text::moment;

const STARTED: u128 = 0x39f5_3479_d3a0_45ac_8e11_7862_4823_1fbf;
const STARTING: u128 = 0x7d49_58e8_42da_4a75_8f6c_1cdc_7b36_dcc5;
const STOPPING: u128 = 0xde5b_426a_63be_47a7_b6ac_3eaa_c82e_2f6f;
const STOPPED: u128 = 0x9d1a_aa27_d601_40bd_9636_5438_aad2_0286;
const START_FAILED: u128 = 0xbe02_cf68_55d2_428b_a40d_f7e9_d022_f03d;
const SUCCESS: u128 = 0x7ad2_d189_f7e9_4e70_a38c_7813_5491_2448;
const FAILURE: u128 = 0xd9b3_73ed_55a6_4feb_8242_e02d_be79_a49c;
const SKIPPED: u128 = 0x0e42_84a0_caca_4bfc_81c0_bb67_8697_2673;
const PROCESS_EXIT: u128 = 0x98e3_2220_3f7a_4ed2_90d0_9fe0_3c09_fe15;
const TIME_CHANGE: u128 = 0xc7a7_8707_9b35_4eaa_a9e7_7b37_1893_cd27;
const TIME_BUMP: u128 = 0x7db7_3c8a_f0d9_4eeb_822a_e043_23fe_6ab6;
const ZONE_CHANGE: u128 = 0x45f8_2f4a_ef7a_4bbf_942c_e861_d1f2_0990;
const SLEEP_START: u128 = 0x6bbd_95ee_9779_41e4_97c4_8be2_7c25_4128;
const SLEEP_STOP: u128 = 0x8811_e6df_2a8e_40f5_8a94_cea2_6f8e_bf14;
const STARTUP_FINISHED: u128 = 0xb07a_249c_d024_414a_82dd_00cd_1813_78ff;

/// True when an entry tells of a suspend.
pub(super) fn is_suspend(entry: &Entry<'_>) -> bool {
    match entry.bytes(Field::SyslogIdentifier) {
        Some(b"kernel") => {
            entry.bytes(Field::Message).is_some_and(|text| text.starts_with(b"PM: ") && suspend(text).is_some())
        }
        Some(b"systemd-sleep") => matches!(entry.message_id(), Some(SLEEP_START | SLEEP_STOP)),
        _ => false,
    }
}

/// What an entry tells, and of which unit.
pub(super) fn classify(entry: &Entry<'_>) -> Option<(What, Option<Subject>)> {
    let sender = entry.bytes(Field::SyslogIdentifier).unwrap_or(&[]);
    match sender {
        b"systemd" | b"init.scope" => manager(entry),
        b"kernel" => kernel(entry.bytes(Field::Message)?).map(|what| (what, None)),
        b"systemd-journald" | b"systemd-timesyncd" | b"systemd-timedated" | b"systemd-sleep" | b"chronyd"
        | b"systemd-shutdown" => others(entry, sender).map(|what| (what, None)),
        _ if sender.starts_with(b"user@") => manager(entry),
        _ if sender.ends_with(b".service") => others(entry, sender).map(|what| (what, None)),
        _ => None,
    }
}

/// `PM: suspend entry (deep)`, `PM: suspend exit` (kernel/power/suspend.c), `PM: hibernation: hibernation entry` (hibernate.c).
fn suspend(text: &[u8]) -> Option<What> {
    let text = text.strip_prefix(b"PM: ")?;
    let begins = |prefix: &[u8]| text.starts_with(prefix);
    if begins(b"suspend entry") || begins(b"hibernation entry") || begins(b"hibernation: hibernation entry") {
        return Some(What::SuspendBegins);
    }
    let ended = begins(b"suspend exit") || begins(b"hibernation exit") || begins(b"hibernation: hibernation exit");
    ended.then_some(What::SuspendEnded)
}

fn kernel(text: &[u8]) -> Option<What> {
    if text.starts_with(b"PM: ") {
        return suspend(text);
    }
    // `rtc_cmos 00:01: setting system clock to 2027-01-19T12:00:00 UTC (1800360000)` (drivers/rtc/class.c)
    let text = std::str::from_utf8(text.get(..text.len().min(200))?).ok()?;
    let (_, rest) = text.split_once("setting system clock to ")?;
    let seconds: u64 = rest.rsplit_once('(')?.1.strip_suffix(')')?.parse().ok()?;
    Some(What::SetFromHardware(RealtimeUs(seconds.checked_mul(1_000_000)?)))
}

fn others(entry: &Entry<'_>, sender: &[u8]) -> Option<What> {
    match entry.message_id() {
        Some(TIME_CHANGE) => {
            let text = entry.message()?;
            return Some(What::TimeSet(moment(text.strip_prefix("Changed local time to ").unwrap_or(""))));
        }
        Some(ZONE_CHANGE) => return Some(What::ZoneChanged(entry.text(Field::Timezone).map(|zone| zone.into_owned()))),
        // systemd-timesyncd at its start (src/timesync/timesyncd.c, `advance_tstamp`).
        Some(TIME_BUMP) => return Some(What::TimeBumped(entry.message()?.into_owned())),
        Some(SLEEP_START) => return Some(What::SuspendBegins),
        Some(SLEEP_STOP) => return Some(What::SuspendEnded),
        _ => {}
    }
    let text = entry.message()?;
    let rest = |prefix: &str| text.strip_prefix(prefix).map(|rest| rest.trim_end_matches('.').to_owned());
    let seconds = |rest: String| rest.split(' ').next()?.parse::<f64>().ok();
    if sender == b"chronyd" || sender == b"chronyd.service" || sender == b"chrony.service" {
        let wrong = rest("System clock wrong by ").and_then(seconds).map(What::ChronyWrong);
        let stepped = || rest("System clock was stepped by ").and_then(seconds).map(What::ChronyStepped);
        let selected = || rest("Selected source ").map(What::ChronySelected);
        let lost = || text.starts_with("Can't synchronise: ").then_some(What::ChronyUnsynchronised);
        return wrong.or_else(stepped).or_else(selected).or_else(lost);
    }
    if text.starts_with("System clock time advanced to ")
        || text.starts_with("System clock time unset or jumped backwards")
    {
        return Some(What::TimeBumped(text.clone().into_owned()));
    }
    if text.starts_with("Time jumped backwards") {
        return Some(What::JumpedBackwards);
    }
    if let Some(server) =
        rest("Initial clock synchronization to ").or_else(|| rest("Initial synchronization to time server "))
    {
        return Some(What::TimesyncSynchronised(server));
    }
    if let Some(server) =
        rest("Contacted time server ").or_else(|| rest("Synchronized to time server for the first time "))
    {
        return Some(What::TimesyncContacted(server));
    }
    if let Some(server) = rest("Timed out waiting for reply from ") {
        return Some(What::TimesyncTimedOut(server));
    }
    if let Some(time) = text.strip_prefix("Changed local time to ") {
        return Some(What::TimeSet(moment(time)));
    }
    if let Some(zone) = text.strip_prefix("Changed time zone to ") {
        let name = zone.split(' ').next().unwrap_or(zone).trim_matches(['\'', '"']);
        return Some(What::ZoneChanged(Some(name.trim_end_matches('.').to_owned())));
    }
    if text.starts_with("Entering sleep state")
        || text.starts_with("Performing sleep operation")
        || text.starts_with("Suspending system")
    {
        return Some(What::SuspendBegins);
    }
    if text.starts_with("System returned from sleep") || text.starts_with("System resumed") {
        return Some(What::SuspendEnded);
    }
    None
}

/// Messages of PID 1 and of users' managers.
fn manager(entry: &Entry<'_>) -> Option<(What, Option<Subject>)> {
    let text = entry.message()?;
    let named =
        entry.text(Field::Unit).or_else(|| entry.text(Field::UserUnit)).map(|unit| Subject::Unit(unit.into_owned()));
    if let Some((what, subject)) = skipped(&text) {
        return Some((what, named.or(subject)));
    }
    let by_id = match entry.message_id() {
        Some(STARTED) => match text.starts_with("Finished ") {
            true => Some(What::Finished),
            false => Some(What::Started),
        },
        Some(STARTING) => Some(What::Starting),
        Some(STOPPING) => Some(What::Stopping),
        Some(STOPPED) => Some(What::Stopped),
        Some(START_FAILED) => Some(What::StartFailed(entry.text(Field::JobResult).unwrap_or_default().into_owned())),
        Some(SUCCESS) => Some(What::Deactivated),
        Some(FAILURE) => {
            let result = entry.text(Field::UnitResult).map(|result| result.into_owned()).or_else(|| quoted(&text));
            Some(What::Failed(result.unwrap_or_default()))
        }
        Some(SKIPPED) => Some(What::Skipped(quoted(&text).unwrap_or_default())),
        Some(PROCESS_EXIT) => process(&text).or_else(|| {
            let code = entry.text(Field::ExitCode)?.into_owned();
            Some(What::ProcessExited { code, status: entry.text(Field::ExitStatus)?.into_owned() })
        }),
        Some(TIME_CHANGE) => Some(What::TimeChanged),
        Some(TIME_BUMP) => Some(What::TimeBumped(text.clone().into_owned())),
        Some(ZONE_CHANGE) => Some(What::ZoneChanged(entry.text(Field::Timezone).map(|zone| zone.into_owned()))),
        Some(STARTUP_FINISHED) => Some(What::StartupFinished),
        _ => None,
    };
    if let Some(what) = by_id {
        let shown = named.is_none().then(|| {
            job(&text)
                .map(|(_, shown)| Subject::Shown(shown))
                .or_else(|| prefix(&text).map(|(unit, _)| Subject::Unit(unit.to_owned())))
        });
        return Some((what, named.or(shown.flatten())));
    }
    by_words(&text, named)
}

fn by_words(text: &str, named: Option<Subject>) -> Option<(What, Option<Subject>)> {
    if let Some((unit, rest)) = prefix(text)
        && let Some(what) = of_unit(rest)
    {
        return Some((what, named.or_else(|| Some(Subject::Unit(unit.to_owned())))));
    }
    if let Some((what, unit)) = of_file(text) {
        return Some((what, named.or(unit)));
    }
    if let Some(what) = of_manager(text) {
        return Some((what, None));
    }
    job(text).map(|(what, shown)| (what, named.or(Some(Subject::Shown(shown)))))
}

/// `UNIT: REST` (`LOG_UNIT_MESSAGE`).
fn prefix(text: &str) -> Option<(&str, &str)> {
    let (unit, rest) = text.split_once(": ")?;
    (casebook_formats::unit::unit_suffix(unit).is_some() && !unit.contains([' ', '/'])).then_some((unit, rest))
}

fn of_unit(rest: &str) -> Option<What> {
    if rest == "Deactivated successfully." || rest == "Succeeded." {
        return Some(What::Deactivated);
    }
    if rest.starts_with("Failed with result ") {
        return Some(What::Failed(quoted(rest)?));
    }
    if rest.starts_with("Skipped due to ") {
        return Some(What::Skipped(quoted(rest)?));
    }
    if rest.starts_with("Start request repeated too quickly") || rest.starts_with("start request repeated too quickly")
    {
        return Some(What::RepeatedTooQuickly);
    }
    if let Some(why) = rest.strip_prefix("Failed to queue unit startup job: ") {
        return Some(What::QueueFailed(why.to_owned()));
    }
    if let Some(rest) = rest.strip_prefix("Not using persistent file timestamp ") {
        let time = rest.split(" as it is in the future").next().unwrap_or(rest);
        return Some(What::StampInFuture(moment(time)));
    }
    if rest.starts_with("Timer unit lacks value setting") {
        return Some(What::LacksSetting);
    }
    rest.contains(" process exited, code=").then(|| process(rest)).flatten()
}

/// `Main process exited, code=exited, status=1/FAILURE`
fn process(text: &str) -> Option<What> {
    let (_, rest) = text.split_once("code=")?;
    let (code, rest) = rest.split_once(", status=")?;
    let status = rest.split([' ', ',']).next().unwrap_or(rest);
    Some(What::ProcessExited { code: code.to_owned(), status: status.to_owned() })
}

/// `FILE:LINE: …`, which the parser of unit files says (src/shared/log.c, `log_syntax`).
fn of_file(text: &str) -> Option<(What, Option<Subject>)> {
    let path = text.starts_with('/').then(|| text.split_once(": "))?;
    let (place, rest) = path?;
    let (file, line) = place.rsplit_once(':')?;
    if line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let name = file.rsplit('/').next().unwrap_or(file);
    let folder = file.rsplit('/').nth(1).and_then(|folder| folder.strip_suffix(".d"));
    let unit =
        [Some(name), folder].into_iter().flatten().find(|name| casebook_formats::unit::unit_suffix(name).is_some());
    let subject = unit.map(|unit| Subject::Unit(unit.to_owned()));
    if let Some(spec) = rest.strip_prefix("Failed to parse calendar specification, ignoring: ") {
        return Some((What::BadCalendar { place: place.to_owned(), spec: spec.to_owned() }, subject));
    }
    if let Some(value) = rest.strip_prefix("Failed to parse timer value, ignoring: ") {
        return Some((What::BadTimerValue { place: place.to_owned(), value: value.to_owned() }, subject));
    }
    if rest.starts_with("Unknown key ") || rest.starts_with("Unknown lvalue ") {
        return Some((What::UnknownKey { place: place.to_owned(), key: quoted(rest)? }, subject));
    }
    None
}

fn of_manager(text: &str) -> Option<What> {
    if let Some(rest) = text.strip_prefix("systemd ")
        && let Some((version, _)) = rest.split_once(" running in ")
    {
        return SystemdVersion::of(version).map(What::ManagerStarted);
    }
    if text.starts_with("Startup finished in ") {
        return Some(What::StartupFinished);
    }
    if text == "Reloading." || text == "Reloading..." {
        return Some(What::Reloading);
    }
    if let Some(who) =
        text.strip_prefix("Reload requested from ").or_else(|| text.strip_prefix("Reloading requested from "))
    {
        return Some(What::ReloadRequested(who.trim_end_matches('.').to_owned()));
    }
    if text.starts_with("Reexecuting")
        || text.starts_with("Reexecution requested")
        || text.starts_with("Reexecute requested")
    {
        return Some(What::Reexecuting);
    }
    if text == "Time has been changed" {
        return Some(What::TimeChanged);
    }
    let bumped = [
        "System time advanced to ",
        "System time before build time",
        "System time is further ahead",
        "System time was further ahead",
    ];
    if bumped.iter().any(|words| text.starts_with(words)) {
        return Some(What::TimeBumped(text.to_owned()));
    }
    (text == "Shutting down.").then_some(What::ShuttingDown)
}

/// `Started %s.` and its sisters (src/core/job.c); what stands for the unit.
fn job(text: &str) -> Option<(What, String)> {
    let plain = |prefix: &str| text.strip_prefix(prefix).map(|rest| rest.strip_suffix('.').unwrap_or(rest).to_owned());
    let going = |prefix: &str| {
        text.strip_prefix(prefix)?
            .strip_suffix("...")
            .or_else(|| text.strip_prefix(prefix)?.strip_suffix('…'))
            .map(str::to_owned)
    };
    if let Some(shown) = going("Starting ") {
        return Some((What::Starting, shown));
    }
    if let Some(shown) = going("Stopping ") {
        return Some((What::Stopping, shown));
    }
    if let Some(shown) = plain("Started ") {
        return Some((What::Started, shown));
    }
    if let Some(shown) = plain("Finished ") {
        return Some((What::Finished, shown));
    }
    if let Some(shown) = plain("Stopped ") {
        return Some((What::Stopped, shown));
    }
    let failed = [
        ("Failed to start ", "failed"),
        ("Dependency failed for ", "dependency"),
        ("Timed out starting ", "timeout"),
        ("Assertion failed for ", "assert"),
    ];
    failed.iter().find_map(|(words, result)| Some((What::StartFailed((*result).to_owned()), plain(words)?)))
}

/// A condition that was not met: `X was skipped because …` (249 to 256), `X skipped, unmet condition check …` (since 257),
/// `Condition check resulted in X being skipped.` (before).
fn skipped(text: &str) -> Option<(What, Option<Subject>)> {
    if let Some(rest) = text.strip_prefix("Condition check resulted in ")
        && let Some(shown) = rest.strip_suffix(" being skipped.")
    {
        return Some((What::ConditionUnmet(None), Some(Subject::Shown(shown.to_owned()))));
    }
    let (shown, why) = text.split_once(" was skipped because ").or_else(|| text.split_once(" skipped, "))?;
    if !(why.contains("condition")) {
        return None;
    }
    let condition = why
        .split_once('(')
        .map(|(_, rest)| rest.trim_end_matches(['.', ')']))
        .or_else(|| why.strip_prefix("unmet condition check "));
    Some((What::ConditionUnmet(condition.map(str::to_owned)), Some(Subject::Shown(shown.to_owned()))))
}

/// What stands between the first two quotes.
fn quoted(text: &str) -> Option<String> {
    let mut parts = text.split('\'');
    parts.next()?;
    parts.next().map(str::to_owned)
}
