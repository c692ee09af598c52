"""How a scenario is written: a dictionary, made by `scenario`, with helpers for its times, units and actions."""
import calendar
import time

ALL = {}
MACHINE = "0123456789abcdef0123456789abcdef"
MINUTE, HOUR, DAY = 60, 3600, 86400
SYSTEM = "/etc/systemd/system/"


def utc(text):
    """Seconds since 1970 of `2027-01-10 13:00` or `2027-01-10 13:00:00`, UTC."""
    return calendar.timegm(time.strptime(text + ":00" if text.count(":") == 1 else text, "%Y-%m-%d %H:%M:%S"))


def timer(name, *lines, service=("Type=oneshot",), unit=(), service_unit=(), **more):
    """The files of a timer and its service. `lines` are of [Timer], `service` of [Service]; the job is added."""
    head = ["[Unit]", "Description=%s" % name]
    command = [] if more.get("no_job") else ["ExecStart=/usr/local/bin/job %n"]
    texts = {name + ".timer": head + list(unit) + ["", "[Timer]"] + list(lines) + ["", "[Install]",
                                                                                  "WantedBy=timers.target"],
             name + ".service": head + list(service_unit) + ["", "[Service]"] + list(service) + command}
    return {SYSTEM + path: "\n".join(text) + "\n" for path, text in texts.items()}


def scenario(name, about, *files, actions, start="2027-01-10 13:00", rtc_error=0, zone="UTC", enable=None, runs=None,
             checks=(), versions=("252", "257", "262"), machine_id=MACHINE, stock=False, **more):
    """Registers a scenario.

    `start` is the true time of the first boot and `rtc_error` what the RTC is ahead of it. `actions` are
    (seconds since the first boot, name, arguments). `enable` are the timers started at boot (default: all). `runs`
    is what must happen: for each service how often it runs, a number, [low, high], or one of these per version.
    """
    every = {}
    for some in files:
        every.update(some)
    if enable is None:
        enable = [path[len(SYSTEM):] for path in every if path.endswith(".timer") and path.startswith(SYSTEM)]
    ALL[name] = dict(name=name, about=" ".join(about.split()), versions=list(versions), zone=zone,
                     machine_id=machine_id, start=utc(start), rtc_error=rtc_error, files=every, enable=sorted(enable),
                     actions=[dict(at=at, do=do, **rest) for at, do, rest in actions], runs=runs or {},
                     checks=list(checks), stock=stock, **more)


def at(when, do, **arguments):
    return when, do, arguments


def end(when):
    return at(when, "end")


def systemctl(when, *args, **more):
    return at(when, "systemctl", args=list(args), **more)
