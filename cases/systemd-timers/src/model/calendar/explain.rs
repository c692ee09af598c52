//! A specification in words.

use super::{Component, Spec, SpecZone};
use crate::model::time::SECOND_US;

/// What each part says, one line a part: `days: Mon to Fri`, `hour: 2`.
pub fn explain(spec: &Spec) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let text = spec.to_string();
    match spec.weekdays {
        Some(_) => out.push(("weekday", text.split(' ').next().unwrap_or_default().replace("..", " to "))),
        None => out.push(("weekday", "any".to_owned())),
    }
    out.push(("year", list(&spec.years, 1, "any")));
    out.push(("month", list(&spec.months, 1, "any")));
    let day = list(&spec.days, 1, "any");
    out.push((
        "day",
        if spec.end_of_month { format!("{day}, counted from the month's end (1 is the last)") } else { day },
    ));
    out.push(("hour", list(&spec.hours, 1, "any")));
    out.push(("minute", list(&spec.minutes, 1, "any")));
    let every_second = Component { start: 0, stop: None, repeat: SECOND_US as i32 };
    let second = if spec.micros.contains(&every_second) {
        "any".to_owned()
    } else {
        list(&spec.micros, SECOND_US as i32, "any")
    };
    out.push(("second", second));
    out.push((
        "zone",
        match &spec.zone {
            SpecZone::Manager => "the machine's".to_owned(),
            SpecZone::ManagerDst(dst, name) => {
                format!("the machine's, {} daylight saving ({name})", if *dst { "with" } else { "without" })
            }
            SpecZone::Utc => "UTC".to_owned(),
            SpecZone::Named(zone) => zone.name().to_owned(),
        },
    ));
    out
}

fn list(list: &[Component], unit: i32, any: &str) -> String {
    if list.is_empty() {
        return any.to_owned();
    }
    let number = |value: i32| match value % unit {
        0 => (value / unit).to_string(),
        rest => format!("{}.{rest:06}", value / unit).trim_end_matches('0').to_owned(),
    };
    let words = list.iter().map(|one| match (one.stop, one.repeat) {
        (None, 0) => number(one.start),
        (None, repeat) => format!("every {} from {}", number(repeat), number(one.start)),
        (Some(stop), repeat) if repeat == unit => format!("{} to {}", number(one.start), number(stop)),
        (Some(stop), repeat) => format!("every {} from {} to {}", number(repeat), number(one.start), number(stop)),
    });
    words.collect::<Vec<_>>().join(", ")
}
