"""Monotonic timers, accuracy, and services that do not end as the timer expects."""
from scenario import DAY, HOUR, MINUTE, SYSTEM, at, end, scenario, systemctl, timer
from steps import DAILY, EXACT, KEEP

scenario("monotonic", """Every kind of monotonic timer, alone and mixed, with a step back and forward between.""",
         timer("boot", "OnBootSec=30min", EXACT), timer("startup", "OnStartupSec=30min", EXACT),
         timer("active", "OnActiveSec=30min", EXACT), timer("seedless", "OnUnitActiveSec=1h", EXACT),
         timer("seeded", "OnActiveSec=10min", "OnUnitActiveSec=1h", EXACT),
         timer("inactive", "OnActiveSec=10min", "OnUnitInactiveSec=1h", EXACT),
         timer("mixed", "OnBootSec=5min", "OnUnitActiveSec=2h", DAILY, EXACT),
         timer("random", "OnActiveSec=10min", "OnUnitActiveSec=1h", "RandomizedDelaySec=10min"),
         start="2027-01-10 12:00",
         actions=[at(3 * HOUR + 5 * MINUTE, "step", seconds=-9 * DAY),
                  at(5 * HOUR + 5 * MINUTE, "step", seconds=9 * DAY),
                  systemctl(6 * HOUR + 5 * MINUTE, "daemon-reload"),
                  systemctl(7 * HOUR + 5 * MINUTE, "restart", "active.timer", "boot.timer", "seedless.timer"),
                  end(10 * HOUR)],
         runs={"boot.service": {"252": 2, "257": 1, "262": 1}, "startup.service": 1, "active.service": 2,
               "seedless.service": 0, "mixed.service": 6})

scenario("monotonic-reboot", """Monotonic timers forget at a reboot; Persistent changes nothing for them.""",
         timer("seeded", "OnBootSec=10min", "OnUnitActiveSec=1d", EXACT, KEEP),
         timer("weekly", "OnBootSec=2d", "OnUnitActiveSec=7d", EXACT, KEEP), start="2027-01-10 12:00",
         actions=[at(k * DAY, "reboot", downtime=60) for k in range(1, 4)] + [end(4 * DAY)],
         runs={"weekly.service": 0})

scenario("unit-inactive-long", """OnUnitActiveSec and OnUnitInactiveSec around a service that takes ten minutes.""",
         timer("active", "OnActiveSec=10min", "OnUnitActiveSec=1h", EXACT, service=("Type=simple",)),
         timer("inactive", "OnActiveSec=10min", "OnUnitInactiveSec=1h", EXACT, service=("Type=simple",)),
         {"/var/lib/lab/control-%s.service" % name: '{"seconds": 600}' for name in ("active", "inactive")},
         start="2027-01-10 12:00", actions=[end(6 * HOUR)])

scenario("accuracy", """The same second asked for with accuracies from a microsecond to an hour.""",
         timer("us", "OnCalendar=*:07:11.25", EXACT), timer("s", "OnCalendar=*:07:11", "AccuracySec=1s"),
         timer("min", "OnCalendar=*:07:11"), timer("ten", "OnCalendar=*:07:11", "AccuracySec=10min"),
         timer("hour", "OnCalendar=0/3:07:11", "AccuracySec=1h"), timer("day", "OnCalendar=*:07:11", "AccuracySec=1d"),
         start="2027-01-10 12:00", actions=[end(9 * HOUR)], runs={"us.service": 9})

scenario("longer-than-period", """A service that takes 25 minutes, asked for every ten: what elapses meanwhile is lost.
         The same in oneshot, where the timer waits for the end too.""",
         timer("simple", "OnCalendar=*:0/10", EXACT, service=("Type=simple",)),
         timer("defer", "OnCalendar=*:0/10", EXACT, "DeferReactivation=true", service=("Type=simple",)),
         {"/var/lib/lab/control-simple.service": '{"seconds": 1500}',
          "/var/lib/lab/control-defer.service": '{"seconds": 1500}'},
         start="2027-01-10 12:02", actions=[end(4 * HOUR)])

scenario("oneshot-stuck", """A oneshot service that does not end: the timer is `running` and has no next.""",
         timer("plain", "OnCalendar=*:0/10", EXACT),
         {"/var/lib/lab/control-plain.service": '{"seconds": 3600, "times": 1}'},
         start="2027-01-10 12:02", actions=[at(30 * MINUTE, "snapshot"), at(30 * MINUTE + 5, "collect", name="stuck"),
                                            end(90 * MINUTE)])

scenario("remain-after-exit", """RemainAfterExit=yes: it runs once and never again, until somebody stops it.""",
         timer("plain", "OnCalendar=*:0/10", EXACT, service=("Type=oneshot", "RemainAfterExit=yes")),
         start="2027-01-10 12:02",
         actions=[at(1 * HOUR, "snapshot"), at(1 * HOUR + 5, "collect", name="stuck"),
                  systemctl(2 * HOUR + 5 * MINUTE, "stop", "plain.service"), end(3 * HOUR)],
         runs={"plain.service": 2})

scenario("remain-after-elapse", """RemainAfterElapse=no on a timer that elapses once, and on one that does not.""",
         timer("once", "OnCalendar=2027-01-10 12:30:00", EXACT, "RemainAfterElapse=no"),
         timer("stays", "OnCalendar=2027-01-10 12:30:00", EXACT),
         timer("past", "OnCalendar=2026-01-10 12:30:00", EXACT),
         timer("never", "OnCalendar=*-02-30 12:30:00", EXACT), start="2027-01-10 12:00",
         actions=[at(1 * HOUR, "snapshot"), end(2 * HOUR)],
         runs={"once.service": 1, "stays.service": 1, "past.service": 0, "never.service": 0})

scenario("fails", """Failing services: always, for a while, with Restart=on-failure, and an ExecStart that is not
         there. The timers look the same in all.""",
         timer("always", "OnCalendar=*:0/10", EXACT), timer("transient", "OnCalendar=*:0/10", EXACT),
         timer("retry", "OnCalendar=*:0/10", EXACT, service=("Type=simple", "Restart=on-failure", "RestartSec=30")),
         timer("absent", "OnCalendar=*:0/10", EXACT, service=("Type=oneshot", "ExecStart=/nonexistent")),
         {"/var/lib/lab/control-always.service": '{"exit": 1}',
          "/var/lib/lab/control-transient.service": '{"exit": 3, "times": 2}',
          "/var/lib/lab/control-retry.service": '{"exit": 1, "times": 2}'},
         start="2027-01-10 12:02", actions=[at(15 * MINUTE, "snapshot"), end(1 * HOUR)],
         runs={"always.service": 6, "transient.service": 6, "retry.service": 8, "absent.service": 0})

scenario("start-limit", """Services that are asked for more often than their start limit allows.""",
         timer("often", "OnCalendar=*:*:0/1", EXACT, "RemainAfterElapse=yes",
               service_unit=("StartLimitIntervalSec=1h", "StartLimitBurst=5")),
         timer("calm", "OnCalendar=*:0/10", EXACT, service_unit=("StartLimitIntervalSec=1h", "StartLimitBurst=2")),
         start="2027-01-10 12:02", actions=[at(2 * MINUTE, "snapshot"), end(25 * MINUTE)])

scenario("condition-false", """Conditions and assertions that do not hold: LAST and NEXT look perfect, nothing runs.""",
         timer("condition", "OnCalendar=*:0/10", EXACT, service_unit=("ConditionPathExists=/nonexistent",)),
         timer("exec", "OnCalendar=*:0/10", EXACT, service=("Type=oneshot", "ExecCondition=/bin/false")),
         timer("assert", "OnCalendar=*:0/10", EXACT, service_unit=("AssertPathExists=/nonexistent",)),
         timer("own", "OnCalendar=*:0/10", EXACT, unit=("ConditionPathExists=/nonexistent",)),
         start="2027-01-10 12:02", actions=[at(15 * MINUTE, "snapshot"), end(1 * HOUR)],
         runs={name + ".service": 0 for name in ("condition", "exec", "assert", "own")})

scenario("masked", """The service is masked at boot; another is masked while its timer waits; the third has no
         service at all.""",
         timer("before", "OnCalendar=*:0/10", EXACT), timer("while", "OnCalendar=*:0/10", EXACT),
         timer("absent", "OnCalendar=*:0/10", EXACT, "Unit=nothing.service"),
         {SYSTEM + "before.service": ("link", "/dev/null")}, start="2027-01-10 12:02",
         actions=[at(15 * MINUTE, "remove", path=SYSTEM + "while.service"),
                  systemctl(15 * MINUTE + 5, "mask", "while.service"), systemctl(15 * MINUTE + 10, "daemon-reload"),
                  at(40 * MINUTE, "snapshot"), end(1 * HOUR)],
         runs={"before.service": 0, "while.service": 1})

scenario("syntax", """Lines that systemd does not take: crontab syntax, a misspelt key, two good lines of three.""",
         timer("cron", "OnCalendar=30 2 * * *"), timer("key", "OnCalender=*:0/10", "OnActiveSec=10min", EXACT),
         timer("partly", "OnCalendar=*:0/10", "OnCalendar=25:00", EXACT), timer("unit", "OnBootSec=10 minuets", EXACT),
         start="2027-01-10 12:02", actions=[end(1 * HOUR)],
         runs={"cron.service": 0, "key.service": 1, "partly.service": 6, "unit.service": 0})

scenario("started-by-hand", """The service is started by hand in between: a calendar timer does not care, but is
         `running` meanwhile.""",
         timer("plain", "OnCalendar=*:0/10", EXACT, service=("Type=simple",)),
         timer("mono", "OnActiveSec=10min", "OnUnitActiveSec=10min", EXACT, service=("Type=simple",)),
         start="2027-01-10 12:02",
         actions=[at(11 * MINUTE, "control", unit="plain.service", seconds=900, times=1),
                  systemctl(13 * MINUTE, "start", "plain.service", "mono.service"), at(14 * MINUTE, "snapshot"),
                  end(1 * HOUR)])

scenario("on-success", """A timer that drives a chain: two timers with one service.""",
         {SYSTEM + "one.timer": "[Timer]\nOnCalendar=*:0/20\nAccuracySec=1us\nUnit=shared.service\n",
          SYSTEM + "two.timer": "[Timer]\nOnCalendar=*:10/20\nAccuracySec=1us\nUnit=shared.service\n",
          SYSTEM + "shared.service": "[Service]\nType=simple\nExecStart=/usr/local/bin/job %n\n",
          "/var/lib/lab/control-shared.service": '{"seconds": 900, "times": 1}'}, start="2027-01-10 12:02",
         actions=[end(2 * HOUR)])
