#!/usr/bin/env python3
"""Plays what killed again, with the limit that `casebook check` proposes, on a real kernel.

    proposed.py --casebook BIN --truth DIR [--kernel um-6.1] [--cache DIR] [SCENARIO...]

DIR is what lab/run.sh -o DIR left. For every run in which a group's limit killed, the fix is taken from the report, the limit of that group
in the workload is replaced, and the laboratory plays it. Nothing may be killed then. Prints `N played, D killed`; exit status 0, 1 when
something was killed, 2 when there is nothing to play.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "..", "..", "lab", "run.sh")
LIMIT = re.compile(r"echo (\d+) > /sys/fs/cgroup(\S+)/memory\.max")
# What is told of these is not a limit that is too low.
NOT = re.compile(r"report-|dirty-|r\d+-")


def proposed(casebook, folder):
    """Path of the group and the limit that is proposed for it; None where the report proposes none."""
    command = [casebook, "check", os.path.join(folder, "evidence"), "--select", "MEM201,MEM202", "--format", "json"]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE).stdout)
    for finding in report["findings"]:
        for fix in finding["fixes"] if finding["code"] in ("MEM201", "MEM202") else []:
            for line in fix["commands"]:
                found = LIMIT.match(line)
                if found:
                    return found.group(2), int(found.group(1))
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--truth", required=True)
    parser.add_argument("--kernel", default="um-6.1")
    parser.add_argument("--cache", default=None)
    parser.add_argument("scenario", nargs="*")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        files = []
        source = os.path.join(args.truth, args.kernel)
        for name in sorted(os.listdir(source)):
            folder = os.path.join(source, name)
            if (args.scenario and name not in args.scenario) or NOT.match(name) or not os.path.exists(folder + "/truth.json"):
                continue
            with open(folder + "/truth.json") as file:
                if not json.load(file)["oom"]:
                    continue
            found = proposed(args.casebook, folder)
            if found is None:
                print("%s: no limit is proposed" % name)
                continue
            path, limit = found
            with open(folder + "/workload.txt") as file:
                text = file.read()
            text, count = re.subn(r"(?m)^(group %s (?:.* )?max=)\S+" % re.escape(path), lambda m: m.group(1) + str(limit), text)
            if count != 1 or re.search(r"(?m)^set ", text):
                print("%s: its limit is not one of the workload's" % name)
                continue
            files.append(os.path.join(work, name + ".txt"))
            with open(files[-1], "w") as file:
                file.write(text)
        if not files:
            print("nothing to play")
            return 2
        out = os.path.join(work, "out")
        command = ["bash", LAB, "-o", out, "--kernels", args.kernel, "--workload", *files]
        subprocess.run(command + (["--cache", args.cache] if args.cache else []), stdout=subprocess.DEVNULL)
        killed = 0
        for path in files:
            name = os.path.basename(path)[:-4]
            with open(os.path.join(out, args.kernel, name, "truth.json")) as file:
                truth = json.load(file)
            print("%-32s %s" % (name, "killed" if truth["oom"] else "lives"))
            killed += truth["oom"]
        print("%d played, %d killed" % (len(files), killed))
        return int(killed > 0)


if __name__ == "__main__":
    sys.exit(main())
