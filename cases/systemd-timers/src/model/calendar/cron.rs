//! Crontab lines, which people write into `OnCalendar=` and systemd ignores.

/// The calendar specification that elapses when a line of five crontab fields does (crontab(5)); `None` when it is no such line,
/// or when one specification cannot say it (a day of the month *or* a day of the week).
pub fn from_cron(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if let [word] = fields[..] {
        let name = match word {
            "@hourly" => "hourly",
            "@daily" | "@midnight" => "daily",
            "@weekly" => "weekly",
            "@monthly" => "monthly",
            "@yearly" | "@annually" => "yearly",
            _ => return None,
        };
        return Some(name.to_owned());
    }
    let [minute, hour, day, month, weekday] = fields[..] else { return None };
    let minute = list(minute, 0, 59, true)?;
    let hour = list(hour, 0, 23, true)?;
    let month = list(&named(month, &MONTHS, 1)?, 1, 12, false)?;
    let days = list(day, 1, 31, false)?;
    let weekdays = match weekday {
        "*" => String::new(),
        _ if day != "*" => return None,
        other => week(other)? + " ",
    };
    Some(format!("{weekdays}*-{month}-{days} {hour}:{minute}:00"))
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 8] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Names replaced by their numbers.
fn named(text: &str, names: &[&str], first: usize) -> Option<String> {
    let mut out = text.to_ascii_lowercase();
    for (index, name) in names.iter().enumerate() {
        out = out.replace(&name.to_ascii_lowercase(), &(index + first).to_string());
    }
    Some(out)
}

/// `*`, `*/5`, `1-5/2`, `1,3` as a list of a specification.
fn list(text: &str, from: u32, to: u32, two_digits: bool) -> Option<String> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|value| (from..=to).contains(value));
    let show = |value: u32| if two_digits { format!("{value:02}") } else { value.to_string() };
    let item = |item: &str| {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let step = match step {
            Some(step) => Some(step.parse::<u32>().ok().filter(|step| (1..=to - from).contains(step))?),
            None => None,
        };
        let range = match range.split_once('-') {
            _ if range == "*" => None,
            Some((low, high)) => Some((number(low)?, number(high)?)),
            None => Some((number(range)?, number(range)?)),
        };
        Some(match (range, step) {
            (None, None) => "*".to_owned(),
            (None, Some(1)) => "*".to_owned(),
            (None, Some(step)) => format!("{}/{step}", show(from)),
            (Some((low, high)), None) if low == high => show(low),
            (Some((low, high)), None) if low < high => format!("{}..{}", show(low), show(high)),
            (Some((low, high)), Some(step)) if low + step <= high => format!("{}..{}/{step}", show(low), show(high)),
            _ => return None,
        })
    };
    let items: Option<Vec<String>> = text.split(',').map(item).collect();
    let items = items?;
    if items.len() > 1 && items.iter().any(|item| item == "*") { None } else { Some(items.join(",")) }
}

/// Days of the week, 0 and 7 both for Sunday. A range ends where it begins or later (`get_range` of cron's entry.c); systemd's week begins on
/// Monday.
fn week(text: &str) -> Option<String> {
    let text = named(text, &DAYS[..7], 0)?;
    let number = |text: &str| text.parse::<usize>().ok().filter(|day| *day < DAYS.len());
    let item = |item: &str| {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        match (number(low)?, number(high)?) {
            (low, high) if low > high => None,
            (low, high) if low == high => Some(DAYS[low].to_owned()),
            (0, 1) => Some("Sun,Mon".to_owned()),
            // A range that begins on a Sunday goes on past the end of systemd's week.
            (0, high) => Some(format!("Sun,Mon..{}", DAYS[high])),
            (low, high) => Some(format!("{}..{}", DAYS[low], DAYS[high])),
        }
    };
    let items: Option<Vec<String>> = text.split(',').map(item).collect();
    Some(items?.join(","))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{ZoneSource, parse};
    use super::*;
    use crate::model::time::Zone;

    #[test]
    fn crontab_lines() {
        let table = [
            ("0 2 * * *", Some("*-*-* 02:00:00")),
            ("*/15 * * * *", Some("*-*-* *:00/15:00")),
            ("30 4 1,15 * *", Some("*-*-1,15 04:30:00")),
            ("0 22 * * 1-5", Some("Mon..Fri *-*-* 22:00:00")),
            ("5 4 * * sun", Some("Sun *-*-* 04:05:00")),
            ("0 0-8/2 * jan,Jul *", Some("*-1,7-* 00..08/2:00:00")),
            ("0 0 * * 0-6", Some("Sun,Mon..Sat *-*-* 00:00:00")),
            ("0 0 * * 0-1", Some("Sun,Mon *-*-* 00:00:00")),
            ("0 0 * * 5-7", Some("Fri..Sun *-*-* 00:00:00")),
            ("0 0 * * 3-3", Some("Wed *-*-* 00:00:00")),
            ("@daily", Some("daily")),
            ("0 2 1 * 1", None),
            ("60 2 * * *", None),
            // No crontab has a range that goes back.
            ("1 1 * * 2-1", None),
            ("1 1 * * 7-2", None),
            ("1 1 * * 8", None),
            ("0 2 * *", None),
            ("Mon 02:00", None),
        ];
        for (cron, spec) in table {
            assert_eq!(from_cron(cron).as_deref(), spec, "{cron}");
        }
    }

    #[test]
    fn what_comes_of_every_range_of_days_is_a_specification() {
        struct None;
        impl ZoneSource for None {
            fn zone(&self, _: &str) -> Option<Arc<Zone>> {
                Option::None
            }
        }
        for (low, high) in (0..=8).flat_map(|low| (0..=8).map(move |high| (low, high))) {
            let spec = from_cron(&format!("0 3 * * {low}-{high}"));
            assert_eq!(spec.is_some(), low <= high && high < 8, "{low}-{high}");
            assert!(spec.is_none_or(|spec| parse(&spec, &Zone::utc(), 0, &None).is_ok()), "{low}-{high}");
        }
    }
}
