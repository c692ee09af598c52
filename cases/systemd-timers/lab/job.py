#!/usr/bin/python3 -ISB
"""What the services of a scenario run. It writes down when it ran, and does what its control file says."""
import json
import os
import sys
import time

STATE, WAKE = "/var/lib/lab", "/run/lab-wake"


def clocks():
    return {name: time.clock_gettime_ns(number) for name, number in
            (("realtime_ns", 0), ("monotonic_ns", 1), ("raw_ns", 4), ("boottime_ns", 7))}


def note(record):
    line = json.dumps(record) + "\n"
    file = os.open(STATE + "/truth.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, line.encode())
    os.close(file)
    try:
        wake = os.open(WAKE, os.O_WRONLY | os.O_NONBLOCK)
        os.write(wake, b".")
        os.close(wake)
    except OSError:
        pass


def main():
    unit = sys.argv[1]
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    record = {"kind": "run", "unit": unit, "boot_id": boot, "pid": os.getpid(), "start": clocks()}
    record["trigger"] = {name: os.environ[name] for name in
                         ("TRIGGER_UNIT", "TRIGGER_TIMER_REALTIME_USEC", "TRIGGER_TIMER_MONOTONIC_USEC")
                         if name in os.environ}
    control = {}
    try:
        with open(STATE + "/control-" + unit) as file:
            control = json.load(file)
    except OSError:
        pass
    if control.get("times", 1) > 0:
        if "times" in control:
            control["times"] -= 1
            with open(STATE + "/control-" + unit, "w") as file:
                json.dump(control, file)
    else:
        control = {}
    record.update(seconds=control.get("seconds", 0), exit=control.get("exit", 0))
    note(record)
    if record["seconds"]:
        time.sleep(record["seconds"])
        note({"kind": "run-end", "unit": unit, "boot_id": boot, "pid": os.getpid(), "end": clocks()})
    sys.exit(record["exit"])


main()
