"""Reboots and what the clock is afterwards: downtime, stamps, epoch files, dead batteries, suspend."""
from scenario import DAY, HOUR, MINUTE, SYSTEM, at, end, scenario, systemctl, timer, utc
from steps import DAILY, EXACT, FAST, FINE, KEEP, KINDS, STUCK, kinds

scenario("reboot-over-the-run", """Off from 01:00 to 09:00: without Persistent the night is lost, with it the run is
         made up for.""", kinds(), start="2027-01-10 12:00",
         actions=[at(37 * HOUR, "reboot", downtime=8 * HOUR), at(46 * HOUR, "snapshot"), end(3 * DAY)],
         runs={"plain.service": 2, "keep.service": 3})

scenario("reboot-short", """A reboot at noon of thirty seconds: nothing is due, nothing runs.""", kinds(),
         start="2027-01-10 12:00", actions=[at(1 * DAY, "reboot", downtime=30), end(2 * DAY)],
         runs={"plain.service": 2, "keep.service": 2})

scenario("reboot-during-delay", """Off for a minute at 02:10 while a random delay of up to six hours runs: without
         Persistent the night is lost.""",
         timer("plain", DAILY, "RandomizedDelaySec=6h", "FixedRandomDelay=true"),
         timer("keep", DAILY, "RandomizedDelaySec=6h", "FixedRandomDelay=true", KEEP),
         timer("again", DAILY, "RandomizedDelaySec=6h", KEEP), start="2027-01-10 12:00",
         actions=[at(k * DAY + 14 * HOUR + 10 * MINUTE, "reboot", downtime=60) for k in range(2)] + [end(3 * DAY)],
         runs={"plain.service": 1, "keep.service": 3, "again.service": [2, 4]})

scenario("power-cut", """The power fails at 01:00 and is back at 03:00; the RTC is right.""", kinds(),
         start="2027-01-10 12:00", actions=[at(13 * HOUR, "reboot", downtime=2 * HOUR, cut=True), end(2 * DAY)],
         runs={"plain.service": 1, "keep.service": 2})

scenario("rtc-fast-at-second-boot", """A healthy first boot; at the second the RTC is nine days fast, corrected ten
         minutes later: with Persistent there is a catch-up in the wrong time, which counts as a run, and no night is
         lost; without, 252 and 257 lose nine.""", kinds(),
         start="2027-01-10 12:00",
         actions=[at(1 * DAY, "reboot", downtime=60, rtc_error=FAST), at(1 * DAY + 11 * MINUTE, "correct"),
                  end(4 * DAY)],
         runs={"plain.service": {"252": 1, "257": 1, "262": 4}, "keep.service": 5, "random.service": [4, 5]})

scenario("rtc-slow-at-second-boot", """A healthy first boot; at the second the RTC is nine days slow, so that stamps
         lie in the future; corrected ten minutes later.""", kinds(), start="2027-01-10 12:00",
         actions=[at(1 * DAY, "reboot", downtime=60, rtc_error=-FAST), at(1 * DAY + 11 * MINUTE, "correct"),
                  end(3 * DAY)], runs={name + ".service": 4 for name in KINDS})

scenario("rtc-dead", """No battery: the RTC says 1970, systemd raises the clock to its build time, the time daemon
         corrects it a minute later.""", kinds(), start="2027-01-10 12:00", rtc_error=1000 - utc("2027-01-10 12:00"),
         stamps={"keep.timer": utc("2027-01-10 02:00")},
         actions=[at(1 * MINUTE, "correct"), end(1 * DAY)], runs={name + ".service": 2 for name in KINDS})

scenario("rtc-far-future", """The RTC says 2060, more than fifteen years after the build.""", kinds(),
         start="2027-01-10 12:00", rtc_error=utc("2060-01-01 00:00") - utc("2027-01-10 12:00"),
         actions=[at(1 * MINUTE, "correct"), end(1 * DAY)], runs={name + ".service": 2 for name in KINDS})

scenario("rtc-local-time", """The RTC holds local time and /etc/adjtime says so: warped once at boot.""", kinds(),
         {"/etc/adjtime": "0.0 0 0.0\n0\nLOCAL\n"}, start="2027-01-10 12:00", rtc_error=3600, zone="Europe/Berlin",
         actions=[at(1 * MINUTE, "snapshot"), end(1 * DAY)], runs={"plain.service": 1, "keep.service": 1})

scenario("rtc-local-time-unsaid", """The RTC holds local time, an hour ahead, and nobody says so; corrected five
         minutes later.""", kinds(), start="2027-01-10 12:00", rtc_error=3600, zone="Europe/Berlin",
         actions=[at(5 * MINUTE, "correct"), end(1 * DAY)], runs={"plain.service": 1, "keep.service": 1})

scenario("stamp-in-future", """Stamps nine days ahead from an earlier time, the clock right from the start.""",
         kinds("keep", "random"), stamps={name + ".timer": utc("2027-01-19 02:00") for name in ("keep", "random")},
         start="2027-01-10 12:00", actions=[at(2 * MINUTE, "snapshot"), end(2 * DAY)],
         runs={"keep.service": 2, "random.service": 2})

scenario("timesync-clock-in-future", """timesyncd's clock file is nine days ahead: 257 and 262 take it at boot, and so
         infect a right RTC; 252 leaves it to timesyncd, which does not run here.""", kinds(),
         timesync_clock=utc("2027-01-19 12:00"), start="2027-01-10 12:00",
         actions=[at(2 * MINUTE, "snapshot"), at(10 * MINUTE, "correct"), at(20 * MINUTE, "snapshot"), end(2 * DAY)],
         checks=[dict(when="action 2", unit="keep.timer", next_in={"252": FINE, "257": STUCK, "262": FINE})])

scenario("timesyncd-runs", """The same with timesyncd running, without a network.""", kinds(), timesyncd=True,
         timesync_clock=utc("2027-01-19 12:00"), start="2027-01-10 12:00",
         actions=[at(2 * MINUTE, "snapshot"), at(10 * MINUTE, "correct"), end(1 * HOUR)])

scenario("clock-epoch-in-future", """/usr/lib/clock-epoch is nine days ahead of a right RTC.""", kinds(),
         clock_epoch=utc("2027-01-19 12:00"), start="2027-01-10 12:00",
         actions=[at(2 * MINUTE, "snapshot"), at(10 * MINUTE, "correct"), at(20 * MINUTE, "snapshot"), end(2 * DAY)],
         checks=[dict(when="action 2", unit="keep.timer", next_in={"252": STUCK, "257": STUCK, "262": FINE})])

scenario("suspend-over-the-run", """Suspended from 01:00 to 09:00: what was due runs at resume.""",
         kinds(), timer("mono", "OnBootSec=20h", EXACT), timer("active", "OnActiveSec=14h", EXACT),
         start="2027-01-10 12:00", actions=[at(13 * HOUR, "suspend", seconds=8 * HOUR), at(22 * HOUR, "snapshot"),
                                            end(2 * DAY)],
         runs={"plain.service": 2, "keep.service": 2})

scenario("suspend-wake-system", """WakeSystem=true ends the suspend at 02:00; the alarm for 09:00 is not needed.""",
         timer("wake", DAILY, EXACT, "WakeSystem=true"), timer("sleep", DAILY, EXACT),
         start="2027-01-10 12:00", actions=[at(13 * HOUR, "suspend", seconds=8 * HOUR), at(22 * HOUR, "snapshot"),
                                            end(1 * DAY)],
         runs={"wake.service": 1, "sleep.service": 1})

scenario("suspend-clock-fast", """Nine days fast at boot, suspended for a night, corrected after resume.""", kinds(),
         rtc_error=FAST, start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "suspend", seconds=8 * HOUR), at(10 * HOUR, "correct"), end(2 * DAY)],
         checks=[dict(when="action 1", unit="plain.timer", next_in={"252": STUCK, "257": STUCK, "262": FINE})])

scenario("started-late", """Enabled but never started; then started by hand on the second day.""", kinds(),
         enable=[], start="2027-01-10 12:00",
         actions=[systemctl(30 * HOUR, "start", *[name + ".timer" for name in KINDS]), end(2 * DAY)],
         runs={"plain.service": 1, "keep.service": 1})

scenario("edited-without-reload", """OnCalendar is edited on disk; only daemon-reload takes it up, and since 05:00 of
         that day has passed after the last run at 02:00, it runs at once.""",
         timer("plain", DAILY, EXACT), start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "write", path=SYSTEM + "plain.timer",
                     text=timer("plain", "OnCalendar=*-*-* 05:00:00", EXACT)[SYSTEM + "plain.timer"]),
                  at(2 * HOUR, "snapshot"), at(20 * HOUR, "collect", name="before-reload"),
                  systemctl(21 * HOUR, "daemon-reload"), end(2 * DAY)], runs={"plain.service": 3})

scenario("dropin-empties-the-list", """A drop-in with an empty OnCalendar= takes the only line away.""",
         timer("plain", DAILY, EXACT), timer("moved", DAILY, EXACT), timer("added", DAILY, EXACT),
         {SYSTEM + "plain.timer.d/10-off.conf": "[Timer]\nOnCalendar=\n",
          SYSTEM + "moved.timer.d/10-moved.conf": "[Timer]\nOnCalendar=\nOnCalendar=*-*-* 03:00:00\n",
          SYSTEM + "added.timer.d/10-added.conf": "[Timer]\nOnCalendar=*-*-* 03:00:00\n"}, start="2027-01-10 12:00",
         actions=[at(1 * MINUTE, "snapshot"), end(1 * DAY)],
         runs={"plain.service": 0, "moved.service": 1, "added.service": 2})
