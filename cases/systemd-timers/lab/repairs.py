"""What helps a stuck timer and what does not. K1 never triggered, K2 was stepped back while its service ran."""
from scenario import DAY, HOUR, MINUTE, at, end, scenario, systemctl, timer, utc
from steps import DAILY, EXACT, FAST, FINE, KEEP, OLD_STUCK, STUCK, long_first_run

TIMERS = ("plain.timer", "keep.timer")
NEVER = dict(start="2027-01-10 12:00")
RUNNING = dict(start="2027-01-10 01:55")


def stuck(kind):
    service = ("Type=oneshot",) if kind == "k1" else ("Type=simple",)
    files = dict(timer("plain", DAILY, EXACT, service=service))
    files.update(timer("keep", DAILY, EXACT, KEEP, service=service))
    if kind == "k2":
        files.update(long_first_run(("plain", "keep")))
    return files


def repair(name, about, *actions, told=()):
    """The same repair on both kinds. The clock is corrected at 8 minutes (action 0); the repair begins at 30.

    `told` says what holds after an action: (kind or both, number of the action, timer or both, next elapse).
    """
    for kind, when in (("k1", NEVER), ("k2", RUNNING)):
        checks = [dict(when="action %d" % number, unit=timer_name, next_in=next_in)
                  for which, number, timers, next_in in told if kind in which for timer_name in TIMERS
                  if timer_name in timers]
        scenario("%s-%s" % (name, kind), about + (" Never triggered." if kind == "k1" else " Stepped while running."),
                 stuck(kind), rtc_error=FAST, actions=[at(8 * MINUTE, "correct"), *actions, end(2 * HOUR)],
                 checks=checks, **when)


BOTH = ("k1", "k2")
ONLY_257 = {"252": FINE, "257": STUCK, "262": FINE}

repair("repair-restart", """Stuck; restarted once, a second time, a third time.""",
       *[systemctl(t * MINUTE, "restart", *TIMERS) for t in (30, 40, 50)],
       told=[(BOTH, 1, TIMERS, OLD_STUCK), ("k1", 2, TIMERS, FINE), ("k2", 3, TIMERS, ONLY_257)])
repair("repair-reload", """Stuck; daemon-reload, then daemon-reexec.""",
       systemctl(30 * MINUTE, "daemon-reload"), systemctl(40 * MINUTE, "daemon-reexec"), at(45 * MINUTE, "snapshot"),
       told=[(BOTH, 1, TIMERS, OLD_STUCK), (BOTH, 3, TIMERS, OLD_STUCK)])
repair("repair-set-now", """Stuck; the clock is set to the time it shows.""",
       at(30 * MINUTE, "set"), at(40 * MINUTE, "set"),
       told=[("k1", 2, TIMERS, OLD_STUCK), ("k2", 1, TIMERS, FINE)])
repair("repair-touch", """Stuck; the stamp is given the time of the last good run, two days ago, and the timer is
       restarted.""",
       at(30 * MINUTE, "touch", path="/var/lib/systemd/timers/stamp-keep.timer", seconds=-2 * DAY),
       systemctl(40 * MINUTE, "restart", *TIMERS), at(50 * MINUTE, "snapshot"),
       told=[(BOTH, 2, ("keep.timer",), FINE), (BOTH, 2, ("plain.timer",), OLD_STUCK)])
repair("repair-clean", """Stuck; stop, clean --what=state, start; then stop and start again.""",
       systemctl(30 * MINUTE, "stop", *TIMERS), systemctl(31 * MINUTE, "clean", "--what=state", "keep.timer"),
       systemctl(32 * MINUTE, "start", *TIMERS), systemctl(40 * MINUTE, "stop", *TIMERS),
       systemctl(41 * MINUTE, "start", *TIMERS),
       told=[(BOTH, 3, TIMERS, OLD_STUCK), (BOTH, 5, ("keep.timer",), FINE), ("k1", 5, ("plain.timer",), FINE),
             ("k2", 5, ("plain.timer",), ONLY_257)])
repair("repair-start-service", """Stuck; the service is started by hand, as people do to get a backup at all.""",
       systemctl(30 * MINUTE, "start", "plain.service", "keep.service"), at(32 * MINUTE, "snapshot"),
       systemctl(40 * MINUTE, "daemon-reload"), told=[(BOTH, 2, TIMERS, OLD_STUCK), (BOTH, 3, TIMERS, OLD_STUCK)])
repair("repair-reboot", """Stuck; rebooted, the RTC being right by then.""",
       at(30 * MINUTE, "reboot", downtime=30, rtc_error=0), at(40 * MINUTE, "snapshot"),
       told=[(BOTH, 2, TIMERS, FINE)])

scenario("reload-draws-again", """daemon-reload, daemon-reexec and restart draw RandomizedDelaySec again, but not with
         FixedRandomDelay.""", timer("random", "OnCalendar=*-*-* 02:00:00", "RandomizedDelaySec=6h"),
         timer("fixed", "OnCalendar=*-*-* 02:00:00", "RandomizedDelaySec=6h", "FixedRandomDelay=true"),
         start="2027-01-10 12:00",
         actions=[systemctl(t * MINUTE, what) for t, what in
                  ((10, "daemon-reload"), (20, "daemon-reload"), (30, "daemon-reexec"), (40, "daemon-reload"))]
         + [systemctl(50 * MINUTE, "restart", "random.timer", "fixed.timer"), end(1 * DAY)],
         runs={"random.service": 1, "fixed.service": 1})

scenario("reload-past-the-run", """A nightly daemon-reload at 02:20, inside the random delay of six hours: runs may be
         put off again, but not lost.""", timer("random", "OnCalendar=*-*-* 02:00:00", "RandomizedDelaySec=6h"),
         start="2027-01-10 12:00",
         actions=[systemctl(k * DAY + 14 * HOUR + 20 * MINUTE + 20 * MINUTE * j, "daemon-reload")
                  for k in range(3) for j in range(6)] + [end(3 * DAY + 20 * HOUR)])

scenario("stamp-two-nights-old", """Persistent, the stamp two nights old at boot: one catch-up run.""",
         timer("keep", DAILY, KEEP, EXACT), timer("late", DAILY, KEEP, "RandomizedDelaySec=1h"),
         stamps={"keep.timer": utc("2027-01-08 02:00"), "late.timer": utc("2027-01-08 02:00")},
         start="2027-01-10 12:00", actions=[at(2 * MINUTE, "snapshot"), end(1 * DAY)],
         runs={"keep.service": 2, "late.service": 2})
