#!/usr/bin/env python3
"""What `casebook check` says of each run of the laboratory, against what happened there.

    truth.py --casebook BIN --truth DIR      DIR is what lab/run.sh -o DIR left

A run in which processes were killed has to be named: by whose limit, and one of the victims. A run without has no finding of a kill.
Then the same reports are held against truths that are wrong, which has to be noticed. Prints `N compared, D disagreed`; exit status 0, 1 when
something disagreed, 2 when there is nothing to compare.
"""
import argparse
import json
import os
import subprocess
import sys

KILLS = {"MEM201", "MEM202", "MEM205"}


def check(casebook, evidence):
    done = subprocess.run([casebook, "check", evidence, "--select", "MEM", "--format", "json"], stdout=subprocess.PIPE)
    return json.loads(done.stdout) if done.returncode in (0, 1) else {"findings": [], "error": done.returncode}


def kills(truth):
    """Path of the limit, and names of the victims, of every kill; `machine` for the machine's own memory."""
    out = []
    for kill in truth["kills"]:
        if kill.get("oom_memcg"):
            out.append((kill["oom_memcg"], kill["name"]))
        elif kill.get("constraint") == "CONSTRAINT_NONE":
            out.append(("machine", kill["name"]))
    return out


def differences(report, truth):
    found = []
    told = kills(truth)
    named = [finding for finding in report["findings"] if finding["code"] in KILLS and finding["status"] == "proved"]
    if report.get("error"):
        return ["casebook ended with %d" % report["error"]]
    if not told and named and not truth["kills"]:
        return ["says %s of a run without a kill" % named[0]["title"]]
    for limit in sorted({limit for limit, _ in told}):
        victims = {name for where, name in told if where == limit}
        of = [finding for finding in named
              if (finding["code"] == "MEM205") == (limit == "machine")
              and (limit == "machine" or finding["witness"].get("limit_of", finding["witness"].get("group")) == limit)]
        if not of:
            found.append("does not name the limit of %s" % limit)
        elif not any(name in finding["title"] for finding in of for name in victims):
            found.append("names none of %s: %s" % (sorted(victims), of[0]["title"]))
    for finding in named:
        limit = finding["witness"].get("limit_of")
        if limit and limit not in {where for where, _ in told}:
            found.append("names the limit of %s, which was not hit" % limit)
    return found


def lies(truth):
    """Truths that are wrong in one thing each."""
    told = kills(truth)
    if not told:
        yield dict(truth, kills=[{"pid": 1, "name": "nobody", "oom_memcg": "/nowhere", "task_memcg": "/nowhere"}])
        return
    yield dict(truth, kills=[])
    yield dict(truth, kills=[dict(kill, name="nobody") for kill in truth["kills"]])
    if told[0][0] != "machine":
        yield dict(truth, kills=[dict(kill, oom_memcg="/nowhere") for kill in truth["kills"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--truth", required=True)
    args = parser.parse_args()
    compared = disagreed = lied = believed = 0
    for machine in sorted(os.listdir(args.truth)):
        folder = os.path.join(args.truth, machine)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name, "truth.json")
            if not os.path.exists(path):
                continue
            with open(path) as file:
                truth = json.load(file)
            report = check(args.casebook, os.path.join(folder, name, "evidence"))
            wrong = differences(report, truth)
            compared += 1
            if wrong:
                disagreed += 1
                print("%s/%s: %s" % (machine, name, "; ".join(wrong)))
                continue
            for lie in lies(truth):
                lied += 1
                if not differences(report, lie):
                    believed += 1
                    print("%s/%s: a wrong truth is not noticed" % (machine, name))
    print("%d compared, %d disagreed; %d wrong truths, %d not noticed" % (compared, disagreed, lied, believed))
    if not compared:
        return 2
    return int(bool(disagreed or believed))


if __name__ == "__main__":
    sys.exit(main())
