"""The story: nine nights without a backup, and what did not cause them."""
from scenario import DAY, MINUTE, at, end, scenario, timer, utc

BACKUP = timer("backup", "OnCalendar=*-*-* 02:30:00", "RandomizedDelaySec=45m", "Persistent=true")

scenario("nine-nights", """The RTC is nine days fast at boot; the time daemon steps the clock back eight minutes
         later. Nobody touches the machine for twelve days.""", BACKUP, rtc_error=9 * DAY, zone="Europe/Berlin",
         actions=[at(8 * MINUTE, "correct"), at(8 * MINUTE + 60, "snapshot"), at(4 * DAY, "collect", name="day-4"),
                  end(12 * DAY)],
         runs={"backup.service": {"252": [2, 3], "257": [2, 3], "262": 12}},
         checks=[dict(when="action 1", unit="backup.timer",
                      next_in={"252": [9 * 24, 10 * 24], "257": [9 * 24, 10 * 24], "262": [0, 24]})])

scenario("nine-nights-with-stamp", """The same on a machine whose backup ran last night: the next elapse counts from the
         stamp, whether the catch-up in the wrong time has run or still waits, and no night is lost.""", BACKUP, rtc_error=9 * DAY, zone="Europe/Berlin",
         stamps={"backup.timer": utc("2027-01-10 01:47")}, actions=[at(8 * MINUTE, "correct"), end(12 * DAY)],
         runs={"backup.service": [12, 14]})

scenario("nine-nights-not-persistent", """The same without Persistent.""",
         timer("backup", "OnCalendar=*-*-* 02:30:00", "RandomizedDelaySec=45m"), rtc_error=9 * DAY,
         zone="Europe/Berlin", actions=[at(8 * MINUTE, "correct"), end(12 * DAY)],
         runs={"backup.service": {"252": [2, 3], "257": [2, 3], "262": 12}})

scenario("rtc-211s", """The RTC is 211 seconds fast at boot, corrected eight minutes later: no night is lost.""",
         BACKUP, rtc_error=211, zone="Europe/Berlin",
         actions=[at(8 * MINUTE, "correct"), end(12 * DAY)], runs={"backup.service": 12})

scenario("healthy", """The clock is right and stays right.""", BACKUP, zone="Europe/Berlin",
         actions=[at(8 * MINUTE, "snapshot"), end(12 * DAY)], runs={"backup.service": 12})
