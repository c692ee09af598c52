"""Zones: the nights of the change of time, changes of the zone, and clocks that drift."""
from scenario import DAY, HOUR, MINUTE, at, end, scenario, systemctl, timer
from steps import EXACT, KEEP, kinds

WALL = {"two": "02:30:00", "one": "01:30:00", "three": "03:00:00", "half": "*:0/30", "odd": "0/2:30:00",
        "utc": "02:30:00 UTC", "tokyo": "10:00:00 Asia/Tokyo"}


def wall():
    files = {}
    for name, spec in WALL.items():
        files.update(timer(name, "OnCalendar=" + spec, EXACT))
    files.update(timer("random", "OnCalendar=02:30", "RandomizedDelaySec=2h", "FixedRandomDelay=true", EXACT))
    return files


scenario("dst-gap", """The night of 28 March 2027 in Berlin, which has no 02:30.""", wall(), zone="Europe/Berlin",
         start="2027-03-27 20:00", actions=[end(1 * DAY)],
         runs={"two.service": 0, "three.service": 1, "utc.service": 1})

scenario("dst-fold", """The night of 31 October 2027 in Berlin, which has 02:30 twice.""", wall(),
         zone="Europe/Berlin", start="2027-10-30 20:00", actions=[end(1 * DAY)],
         runs={"two.service": 1, "three.service": 1, "utc.service": 1})

scenario("dst-fold-dublin", """The same night in Dublin, where winter time is the daylight saving, negative.""",
         wall(), zone="Europe/Dublin", start="2027-10-30 20:00", actions=[end(1 * DAY)])

scenario("dst-gap-lord-howe", """Half an hour of change, on Lord Howe Island, 3 October 2027.""", wall(),
         zone="Australia/Lord_Howe", start="2027-10-02 10:00", actions=[end(1 * DAY)])

scenario("dst-gap-step", """The gap night, with the clock an hour fast until 03:10 of the wrong time.""", wall(),
         zone="Europe/Berlin", start="2027-03-27 23:00", rtc_error=HOUR,
         actions=[at(1 * HOUR + 10 * MINUTE, "correct"), end(6 * HOUR)])

scenario("zone-change", """The zone is changed under running timers: calendar times follow at once.""", wall(),
         start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "zone", name="Europe/Berlin"), at(6 * HOUR, "zone", name="America/New_York"),
                  at(7 * HOUR, "zone", name="UTC"), end(1 * DAY)])

scenario("zone-change-triggered", """The zone is changed to the west just after the run: the same wall time comes
         again.""", timer("plain", "OnCalendar=12:30", EXACT), timer("keep", "OnCalendar=12:30", EXACT, KEEP),
         start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "zone", name="America/New_York"), at(2 * HOUR, "zone", name="Asia/Tokyo"), end(1 * DAY)])

scenario("slew-fast", """The clock runs 500 ppm fast for three days.""", kinds(), timer("mono", "OnActiveSec=1d",
         "OnUnitActiveSec=1d", EXACT), start="2027-01-10 12:00",
         actions=[at(1 * MINUTE, "slew", ppm=500), end(3 * DAY)], runs={"plain.service": 3, "keep.service": 3})

scenario("slew-slow", """The clock runs 500 ppm slow for three days, is stepped, and runs right.""", kinds(),
         timer("mono", "OnActiveSec=1d", "OnUnitActiveSec=1d", EXACT), start="2027-01-10 12:00",
         actions=[at(1 * MINUTE, "slew", ppm=-500), at(3 * DAY, "slew", ppm=0), at(3 * DAY + 60, "correct"),
                  end(4 * DAY)], runs={"plain.service": 4, "keep.service": 4})

scenario("slew-away-an-error", """Two minutes fast, slewed away at the kernel's limit instead of stepped: no timer is
         woken by it.""", kinds(), rtc_error=120, start="2027-01-10 12:00",
         actions=[at(1 * MINUTE, "slew", ppm=-50000), at(1 * MINUTE + 2400, "slew", ppm=0), end(1 * DAY)],
         runs={"plain.service": 1, "keep.service": 1})

scenario("fixed-delays", """Delays that follow from machine-id and unit name, on a second machine-id.""",
         timer("fx", "OnCalendar=*-*-* 00:00:00", "RandomizedDelaySec=6h", "FixedRandomDelay=true", EXACT),
         timer("rd", "OnCalendar=*-*-* 00:00:00", "RandomizedDelaySec=6h", "FixedRandomDelay=true", EXACT, KEEP),
         timer("ro", "OnCalendar=*-*-* 00:00:00", "RandomizedOffsetSec=6h", EXACT),
         timer("rw", "OnCalendar=Mon *-*-* 00:00:00", "RandomizedOffsetSec=6h", "RandomizedDelaySec=1h", EXACT),
         machine_id="6f1d2c3b4a5968778695a4b3c2d1e0f9", start="2027-01-10 12:00",
         actions=[systemctl(1 * HOUR, "daemon-reload"), end(2 * DAY)], runs={"fx.service": 2, "rd.service": 2})
