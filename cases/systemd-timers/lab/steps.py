"""The clock steps: back and forward, in every state that a timer can be in."""
from scenario import DAY, HOUR, MINUTE, at, end, scenario, systemctl, timer, utc

DAILY, EXACT = "OnCalendar=*-*-* 02:00:00", "AccuracySec=1us"
KEEP = "Persistent=true"
# The kinds of daily timers; one machine carries them all, each with a service of its own.
KINDS = {"plain": [DAILY, EXACT], "keep": [DAILY, EXACT, KEEP], "random": [DAILY, KEEP, "RandomizedDelaySec=30m"],
         "fixed": [DAILY, EXACT, "RandomizedDelaySec=30m", "FixedRandomDelay=true"],
         "offset": [DAILY, EXACT, "RandomizedOffsetSec=2h"]}


def kinds(*names, service=("Type=oneshot",)):
    files = {}
    for name in names or KINDS:
        files.update(timer(name, *KINDS[name], service=service))
    return files


def long_first_run(names, seconds=600):
    return {"/var/lib/lab/control-%s.service" % name: '{"seconds": %d, "times": 1}' % seconds for name in names}


def each(names, count):
    return {name + ".service": count for name in names}


FAST, STUCK, FINE = 9 * DAY, [8.9 * 24, 10.1 * 24], [0, 26.1]
OLD_STUCK = {"252": STUCK, "257": STUCK, "262": FINE}

scenario("back-never-triggered", """Clock nine days fast at boot, stepped back before any timer triggered.""",
         kinds(), rtc_error=FAST, start="2027-01-10 12:00",
         actions=[at(8 * MINUTE, "correct"), end(12 * DAY)],
         checks=[dict(when="action 0", unit=name + ".timer", next_in=OLD_STUCK) for name in KINDS],
         runs=each(KINDS, {"252": 3, "257": 3, "262": 12}))

scenario("back-triggered", """Clock nine days fast, the timers trigger at 02:00 of the wrong day, then the clock is
         stepped back while they wait.""", kinds(), rtc_error=FAST, start="2027-01-09 23:55",
         actions=[at(5 * HOUR, "correct"), end(3 * DAY)],
         checks=[dict(when="action 0", unit=name + ".timer", next_in=FINE) for name in KINDS])

scenario("back-running", """Clock nine days fast, the timers trigger, and the clock is stepped back while the services
         run.""", kinds("plain", "keep", service=("Type=simple",)), long_first_run(("plain", "keep")), rtc_error=FAST,
         start="2027-01-10 01:55", actions=[at(8 * MINUTE, "correct"), at(HOUR, "snapshot"), end(12 * DAY)],
         checks=[dict(when="action 1", unit=name + ".timer", next_in=OLD_STUCK) for name in ("plain", "keep")])

scenario("back-catch-up-pending", """Two nights were missed, the catch-up waits under a random delay, and the clock,
         nine days fast, is stepped back.""", timer("keep", DAILY, KEEP, "RandomizedDelaySec=12h"),
         stamps={"keep.timer": utc("2027-01-08 02:00")}, rtc_error=FAST, start="2027-01-10 12:00",
         actions=[at(1 * MINUTE, "correct"), end(3 * DAY)],
         checks=[dict(when="action 0", unit="keep.timer", next_in=[0, 24])])

scenario("back-small-after-run", """Clock 211 s fast, stepped back just after the timers triggered at 02:00: they
         trigger again at 02:00.""", kinds(), rtc_error=211, start="2027-01-10 01:55",
         actions=[at(2 * MINUTE, "correct"), end(1 * HOUR)],
         runs={"plain.service": 2, "keep.service": 2})

scenario("back-small-before-run", """Clock 211 s fast, stepped back just before 02:00: one run, a little later.""",
         kinds(), rtc_error=211, start="2027-01-10 01:55", actions=[at(1 * MINUTE, "correct"), end(1 * HOUR)],
         runs={"plain.service": 1, "keep.service": 1})

scenario("back-one-hour-running", """A step back by one hour while the services run, over the trigger time.""",
         kinds("plain", "keep", service=("Type=simple",)), long_first_run(("plain", "keep")),
         start="2027-01-10 01:55", actions=[at(8 * MINUTE, "step", seconds=-3600), end(26 * HOUR)],
         runs={"plain.service": {"252": 2, "257": 2, "262": 3}, "keep.service": {"252": 2, "257": 2, "262": 3}})

scenario("forward-never-triggered", """Clock nine days slow at boot, stepped forward: what was passed over triggers
         at once.""", kinds(), rtc_error=-FAST, start="2027-01-10 12:00",
         actions=[at(8 * MINUTE, "correct"), end(2 * DAY)],
         runs={"plain.service": 3, "keep.service": 3})

scenario("forward-stamp-recent", """Clock nine days slow at boot, so that stamps ten minutes old look like the future;
         stepped forward: a second run.""", kinds("keep", "random"),
         stamps={name + ".timer": utc("2027-01-10 11:50") for name in ("keep", "random")}, rtc_error=-FAST,
         start="2027-01-10 12:00", actions=[at(8 * MINUTE, "correct"), end(2 * HOUR)],
         runs={"keep.service": 1, "random.service": 1})

scenario("forward-random-6h", """The same under RandomizedDelaySec=6h, and a machine that was simply off.""",
         timer("herd", DAILY, KEEP, "RandomizedDelaySec=6h"), timer("lone", DAILY, "RandomizedDelaySec=6h"),
         stamps={"herd.timer": utc("2027-01-10 11:50")}, rtc_error=-FAST, start="2027-01-10 12:00",
         actions=[at(8 * MINUTE, "correct"), end(7 * HOUR)], runs={"herd.service": 1, "lone.service": 1})

scenario("forward-triggered", """The clock is right, the timers ran at 02:00, then it is stepped forward by three days:
         one run for all that was passed over.""", kinds(), start="2027-01-10 01:00",
         actions=[at(3 * HOUR, "step", seconds=3 * DAY), at(4 * HOUR, "snapshot"), end(5 * HOUR)],
         runs={"plain.service": 2, "keep.service": 2})

scenario("forward-running", """The clock is stepped forward by three days while the services run.""",
         kinds("plain", "keep", service=("Type=simple",)), long_first_run(("plain", "keep")),
         start="2027-01-10 01:55", actions=[at(8 * MINUTE, "step", seconds=3 * DAY), end(2 * HOUR)],
         runs=each(("plain", "keep"), 2))

scenario("forward-and-back", """A step forward by nine days and back a minute later, as one wrong time server does
         it.""", kinds(), start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "step", seconds=FAST), at(1 * HOUR + 60, "step", seconds=-FAST), end(3 * DAY)],
         runs=each(KINDS, 4))

scenario("back-and-forward", """A step back by nine days and forward a minute later.""", kinds(),
         start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "step", seconds=-FAST), at(1 * HOUR + 60, "step", seconds=FAST), end(3 * DAY)],
         checks=[dict(when="action 0", unit=name + ".timer", next_in=OLD_STUCK) for name in KINDS],
         runs=each(KINDS, 3))

scenario("step-small-many", """Forty steps of half a second, as a bad oscillator gets them: random delays are drawn
         again each time.""", kinds(), start="2027-01-10 12:00",
         actions=[at((k + 1) * 10 * MINUTE, "step", seconds=-0.5) for k in range(40)] + [end(1 * DAY)],
         runs={"plain.service": 1, "keep.service": 1})

scenario("clock-set-to-now", """`date -s` with the time of now is a step too, though of less than a second.""",
         kinds(), start="2027-01-10 12:00",
         actions=[at(10 * MINUTE, "set"), at(20 * MINUTE, "set"), end(1 * DAY)],
         runs={"plain.service": 1, "keep.service": 1})

scenario("on-clock-change", """OnClockChange and OnTimezoneChange, each alone and beside OnCalendar.""",
         timer("clock", "OnClockChange=true"), timer("zone", "OnTimezoneChange=true"),
         timer("both", DAILY, EXACT, "OnClockChange=true", "OnTimezoneChange=true"), start="2027-01-10 12:00",
         actions=[at(10 * MINUTE, "step", seconds=100), at(20 * MINUTE, "zone", name="Asia/Tokyo"),
                  at(30 * MINUTE, "step", seconds=-100), at(40 * MINUTE, "set"), end(1 * DAY)],
         runs={"clock.service": 3, "zone.service": 1, "both.service": 5})

scenario("stop-and-start", """Nine days fast, started while fast, stopped, clock corrected, started: as a deployment
         does it.""", kinds(), enable=[], rtc_error=FAST, start="2027-01-10 12:00",
         actions=[systemctl(60, "start", *[name + ".timer" for name in KINDS]),
                  systemctl(120, "stop", *[name + ".timer" for name in KINDS]), at(180, "correct"),
                  systemctl(240, "start", *[name + ".timer" for name in KINDS]), end(2 * DAY)],
         checks=[dict(when="action 3", unit=name + ".timer", next_in=FINE) for name in KINDS], runs=each(KINDS, 2))

scenario("quick-step", """Ten seconds, also for a kernel without virtual time: nine days fast, stepped back.""",
         kinds(), rtc_error=FAST, start="2027-01-10 12:00", stock=True,
         actions=[at(15, "step", seconds=-FAST), end(18)],
         checks=[dict(when="action 0", unit=name + ".timer", next_in=OLD_STUCK) for name in KINDS],
         runs=each(KINDS, 0))

