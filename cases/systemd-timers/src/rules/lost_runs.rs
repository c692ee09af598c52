//! TMR202 runs-lost
//!
//! Speaks on: fixtures/nine-nights-after. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, Span, rule};
use serde_json::json;

use super::figures::{life, nights};
use super::words::{advice, at, calendars, commands, context, count, primary, version, watch};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::account::{Replay, What};
use crate::model::timer::{Cause, Loss, about};

rule! {
    /// Times of the calendar went by without a run, and the journal tells why.
    ///
    /// The journal is read as a life of the timer: boots, steps of the clock (realtime less monotonic is constant within a boot but for
    /// those), starts, reloads, runs. The model goes through it, follows every course the random delays leave open, and gives up those the
    /// runs contradict. What is left says for each lost time which mechanism lost it.
    ///
    /// Mechanism: `timer_enter_waiting`, `timer_trigger_notify`, `timer_time_change` (src/core/timer.c).
    ///
    /// Fix: by cause.
    pub RUNS_LOST = "TMR202" "runs-lost" of "systemd-timers", Warning, since "0.1.0",
    "times of the calendar went by without a run, and the journal tells why",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.replay.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for account in &facts.accounts.timers {
        let Some(replay) = &account.replay else { continue };
        // Where the runs contradict the model, it explains nothing.
        if !replay.missing.is_empty() {
            continue;
        }
        let mut causes: Vec<Cause> = replay.ledger.losses.iter().map(|loss| loss.cause).collect();
        causes.sort_unstable();
        causes.dedup();
        // What a timer that is stuck still loses is told by the rule about that.
        causes.retain(|cause| *cause != Cause::FutureBase || account.stuck.is_none());
        out.extend(causes.into_iter().filter_map(|cause| finding(rule, facts, account, replay, cause, evidence)));
    }
    out
}

fn severity(account: &Account, cause: Cause, lost: u64) -> Severity {
    match cause {
        Cause::FutureBase => Severity::Error,
        // A machine that is off or asleep runs nothing; Persistent= makes up for it once.
        Cause::Off | Cause::Asleep => {
            if account.unit.timer.persistent || lost == 1 {
                Severity::Note
            } else {
                Severity::Warning
            }
        }
        Cause::Inactive | Cause::Skipped => Severity::Note,
        Cause::StillRunning | Cause::Delay | Cause::Redrawn => Severity::Warning,
    }
}

fn finding(
    rule: &'static Rule,
    facts: &Facts,
    account: &Account,
    replay: &Replay,
    cause: Cause,
    evidence: &EvidenceSet,
) -> Option<Finding> {
    let losses: Vec<&Loss> = replay.ledger.losses.iter().filter(|loss| loss.cause == cause).collect();
    let lost: u64 = losses.iter().map(|loss| u64::from(loss.count)).sum();
    let (first, last) = (losses.first()?, losses.last()?);
    let line = calendars(account).next()?;
    let range = if lost == 1 {
        at(facts, first.first)
    } else {
        format!("{} to {}", at(facts, first.first), at(facts, last.last))
    };
    let title = format!("{} lost {}, {range}: {}", account.name, count(lost, "run"), first.why());
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, line, "what should have run"))
        .severity(severity(account, cause, lost))
        .witness(
            json!({ "timer": account.name, "cause": cause.name(), "lost": lost, "first_us": first.first.0, "last_us": last.last.0, "ahead_us": first.ahead_us, "systemd": facts.accounts.setting.host.version.to_string() }),
            format!("{} in {}", count(lost, "lost time"), count(losses.len() as u64, "place")),
        )
        .key(&account.name)
        .key(cause.name());
    for (span, label) in places(account, cause).into_iter().take(5) {
        builder = builder.place(context(evidence, span, label));
    }
    builder = explain(builder, facts, account, cause, first);
    for loss in losses.iter().take(20) {
        let times = if loss.count == 1 {
            at(facts, loss.first)
        } else {
            format!("{} times, {} to {}", loss.count, at(facts, loss.first), at(facts, loss.last))
        };
        builder = builder.step(format!("{times}: {}", loss.why()), None);
    }
    if let Some(longest) = losses.iter().max_by_key(|loss| loss.count).filter(|loss| losses.len() > 1 && loss.count > 1)
    {
        let sentence = format!("Most in a row are {}, from {} on.", longest.count, at(facts, longest.first));
        builder = builder.because(sentence);
    }
    if !replay.by_hand.is_empty() {
        builder = builder.because(format!(
            "{} no timer can have started; somebody else did.",
            count(replay.by_hand.len() as u64, "run")
        ));
    }
    builder = builder.fix(watch(account));
    for figure in [nights(facts, account), life(facts, account)].into_iter().flatten() {
        builder = builder.figure(figure);
    }
    Some(builder.build(evidence))
}

/// The records that show it.
fn places(account: &Account, cause: Cause) -> Vec<(Span, String)> {
    let mut out: Vec<(Span, String)> = Vec::new();
    let started = account.life.happenings().filter(|(_, one)| one.what == What::Started);
    match cause {
        Cause::FutureBase => {
            let steps = account.life.happenings().filter_map(|(boot, one)| match one.what {
                What::Set(by) if by < 0 => Some((by.unsigned_abs(), boot, one)),
                _ => None,
            });
            if let Some((by, boot, step)) = steps.max_by_key(|(by, ..)| *by) {
                // What came last before the clock went back is the base.
                let bases = account.life.happenings().filter(|(of, one)| *of == boot && one.at_us < step.at_us);
                let base = bases.filter(|(_, one)| matches!(one.what, What::Started | What::Run(_))).last();
                out.extend(base.map(|(_, one)| (one.span, "the timer counts from here".to_owned())));
                out.push((step.span, format!("before this entry the clock was set back by {}", about(by))));
            }
        }
        Cause::Redrawn => {
            let draws = account
                .life
                .happenings()
                .filter(|(_, one)| matches!(one.what, What::Started | What::Reload | What::Set(_)));
            out.extend(draws.map(|(_, one)| {
                (
                    one.span,
                    match one.what {
                        What::Reload => "units are read again: the delay is drawn again",
                        What::Set(_) => "the clock is set: the delay is drawn again",
                        _ => "the timer starts: the delay is drawn again",
                    }
                    .to_owned(),
                )
            }));
        }
        Cause::StillRunning => {
            let long = account.life.runs().filter_map(|(_, one, run)| Some((run.ended_us? - one.at_us, one.span)));
            if let Some((us, span)) = long.max_by_key(|(us, _)| *us) {
                out.push((span, format!("this run took {}", about(us))));
            }
        }
        Cause::Asleep => out.extend(account.life.happenings().filter_map(|(_, one)| match one.what {
            What::Slept(us) => Some((one.span, format!("asleep for {}", about(us)))),
            _ => None,
        })),
        Cause::Skipped => out.extend(account.life.happenings().filter_map(|(_, one)| match one.what {
            What::Set(by) if by > 0 => {
                Some((one.span, format!("the clock was set forward by {}", about(by.unsigned_abs()))))
            }
            _ => None,
        })),
        Cause::Off | Cause::Inactive | Cause::Delay => {
            out.extend(started.map(|(_, one)| (one.span, "the timer starts here".to_owned())))
        }
    }
    out
}

fn explain(builder: FindingBuilder, facts: &Facts, account: &Account, cause: Cause, first: &Loss) -> FindingBuilder {
    let version = version(facts);
    match cause {
        Cause::FutureBase => builder
            .because(format!("The timer looked its next time up from an instant that lay {} ahead once the clock had been set back, and {version} leaves it so (timer_enter_waiting). Until the clock came there it waited, and looked well.", about(first.ahead_us)))
            .because(if account.unit.timer.persistent { "Persistent=yes did not help: the stamp is read only when a timer starts, and one in the future is not used." } else { "No reload computes from anything else." })
            .fix(commands("keep timers from starting before the clock is right: the target they wait for exists, and something has to wait in it", FixClass::Display, vec!["systemctl enable systemd-time-wait-sync.service    # with chrony: chrony-wait.service".to_owned()]))
            .fix(advice("systemd 262 and later take a base in the future for now")),
        Cause::StillRunning => builder
            .because("A timer elapses again only when its service is inactive; elapses while it runs are one (timer_trigger_notify).")
            .fix(advice("let the service take less time than lies between two elapses, or the timer elapse less often")),
        Cause::Delay => builder
            .because("The next time is looked up from the run, so what passes during the delay is lost (timer_enter_waiting).")
            .fix(advice("a delay shorter than the time between two elapses")),
        Cause::Redrawn => {
            let builder = builder.because(
                "Every start of the timer draws the delay again; a start that comes before the delay ends begins it anew \
                 (add_random; systemd issue 21166).",
            );
            let name = &account.name;
            if account.unit.timer.persistent {
                let edit = format!("systemctl edit {name}    # [Timer] FixedRandomDelay=yes");
                builder.fix(commands("draw the delay once for this machine", FixClass::Display, vec![edit]))
            } else {
                let edit = format!("systemctl edit {name}    # [Timer] Persistent=true");
                builder
                    .because(
                        "Without Persistent=yes a boot forgets the time whose delay had not ended: the timer counts from its \
                         new start.",
                    )
                    .fix(commands("remember the last run over boots", FixClass::Display, vec![edit]))
            }
        }
        Cause::Off | Cause::Asleep => {
            let builder = builder.because(if account.unit.timer.persistent { "Persistent=yes catches up once, however many times were missed." } else { "Without Persistent=yes nothing is caught up after a boot." });
            if account.unit.timer.persistent { builder } else { builder.fix(commands("catch up once after a boot", FixClass::Display, vec![format!("systemctl edit {}    # [Timer] Persistent=true", account.name)])) }
        }
        Cause::Inactive => builder.because("A timer that is not active looks at no value."),
        Cause::Skipped => builder.because("The clock was set past it: of the times that were jumped over the timer makes up one, at once."),
    }
}
