#!/usr/bin/env python3
"""casebook and systemd-analyze on the same specifications, in turn: pair.py --casebook BIN [--rounds N].

Prints the median CPU seconds of each (user and system, children included), and the median of the ratios within a round.
"""
import argparse
import os
import resource
import statistics
import subprocess

CASES = [
    ("1 specification", ["Mon..Fri 02:30"], 1),
    ("1000 specifications", ["Mon..Fri *-*-%d %02d:%02d" % (i % 28 + 1, i % 24, i % 60) for i in range(1000)], 1),
    ("200 in a named zone", ["Mon..Fri *-*-%d %02d:%02d Europe/Berlin" % (i % 28 + 1, i % 24, i % 60) for i in range(200)], 1),
    ("1 specification, 100 000 times", ["*:*:0/5"], 100_000),
    ("1 in a named zone, 1000 times", ["02:30 Europe/Berlin"], 1000),
]
BASE = 1795651200


def cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=dict(os.environ, TZ=":UTC"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--casebook", default="target/release/casebook")
    options.add_argument("--rounds", type=int, default=7)
    options = options.parse_args()
    for name, specs, count in CASES:
        ours = [options.casebook, "timers", "calendar", "--from", "@%d" % BASE, "--count", str(count), "--tz", "UTC", *specs]
        theirs = ["systemd-analyze", "calendar", "--base-time=@%d" % BASE, "--iterations=%d" % count, *specs]
        pairs = [(cpu(ours), cpu(theirs)) for _ in range(options.rounds)]
        a, b = (statistics.median(side) for side in zip(*pairs))
        ratio = statistics.median(theirs / max(ours, 1e-9) for ours, theirs in pairs)
        print("%-32s casebook %8.1f ms   systemd-analyze %8.1f ms   %6.1f times" % (name, a * 1e3, b * 1e3, ratio))


if __name__ == "__main__":
    main()
