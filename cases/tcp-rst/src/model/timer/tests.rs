use super::*;

fn log(ends_s: &[f64], precision_s: f64) -> Series {
    let death = |end: &f64| Death {
        begin_us: None,
        last_us: None,
        end_us: (end * 1e6) as i64,
        precision_us: (precision_s * 1e6) as i64,
        provoked: None,
    };
    Series { deaths: ends_s.iter().map(death).collect(), longest_survived_us: None }
}

fn of(series: &Series, class: Class) -> Fit {
    fit(series).into_iter().find(|one| one.class == class).map(|one| one.fit).unwrap()
}

#[test]
fn the_storys_three_ends_decide_nothing_between_the_classes() {
    // 03:14:22, 15:14:23, 03:14:23: gaps of 43201 s and 43200 s.
    let series = log(&[11_662.0, 54_863.0, 98_063.0], 1.0);
    assert!(
        matches!(of(&series, Class::IdleSilent), Fit::Fits(fit) if fit.above_us == 0 && fit.at_most_us >= 43_200_000_000)
    );
    assert!(matches!(of(&series, Class::Lifetime), Fit::Fits(_)));
    assert!(matches!(of(&series, Class::WallClock), Fit::Undecided(_)));
    assert!(matches!(of(&series, Class::IdleAtOnce), Fit::Undecided(_)));
    assert_eq!(cycle(&series).unwrap().round_s, 43_200);
}

#[test]
fn a_steady_drift_refutes_the_clock_and_keeps_the_lifetime() {
    let ends: Vec<f64> = (0..20).map(|n| f64::from(n) * 43_201.5).collect();
    let series = log(&ends, 1.0);
    assert!(matches!(of(&series, Class::WallClock), Fit::Refuted(_)));
    assert!(matches!(of(&series, Class::Lifetime), Fit::Fits(fit) if fit.at_most_us >= 43_200_000_000));
}

#[test]
fn ends_without_drift_keep_the_clock() {
    let ends: Vec<f64> = (0..20).map(|n| f64::from(n) * 3_600.0 + f64::from(n % 2)).collect();
    assert!(matches!(of(&log(&ends, 1.0), Class::WallClock), Fit::Fits(_)));
}

#[test]
fn a_silent_timer_is_only_a_bracket() {
    let mut series = log(&[7.0, 20.0, 33.0], 0.0);
    for death in &mut series.deaths {
        death.last_us = Some(death.end_us - 7_000_000);
        death.begin_us = Some(death.end_us - 9_000_000);
    }
    series.longest_survived_us = Some(3_000_000);
    assert!(
        matches!(of(&series, Class::IdleSilent), Fit::Fits(fit) if (fit.above_us, fit.at_most_us) == (3_000_000, 7_000_000))
    );
    series.longest_survived_us = Some(8_000_000);
    assert!(matches!(of(&series, Class::IdleSilent), Fit::Refuted(_)));
    assert!(matches!(of(&series, Class::IdleAtOnce), Fit::Refuted(_)));
}

#[test]
fn ages_that_differ_refute_a_lifetime() {
    let mut series = log(&[10.0, 30.0], 0.0);
    series.deaths[0].begin_us = Some(0);
    series.deaths[1].begin_us = Some(12_000_000);
    assert!(matches!(of(&series, Class::Lifetime), Fit::Refuted(_)));
}

#[test]
fn connections_that_end_as_they_begin_have_no_lifetime() {
    // A server that closes one connection in a hundred hard: seven ends 0.3 s apart, each within 100 µs of its begin.
    let mut series = log(&[1.0, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8], 0.0);
    for death in &mut series.deaths {
        (death.begin_us, death.last_us, death.provoked) =
            (Some(death.end_us - 100), Some(death.end_us - 20), Some(false));
    }
    assert!(matches!(of(&series, Class::Lifetime), Fit::Refuted(_)));
    assert!(matches!(of(&series, Class::IdleSilent), Fit::Refuted(_)));
}
