#!/usr/bin/env python3
"""Holds `casebook check` and `casebook rst predict` against what the laboratory measured.

    python3 cases/tcp-rst/tests/lab/truth.py --casebook target/release/casebook [--evidence DIR] [--only SLUG,…]

Without --evidence the laboratory runs first (root, about a minute). Three comparisons, each with what must hold, and why:

  check        all evidence of a scenario: the sender of the RST, its packet and form, and the cause (verdicts.py)
  one capture  each capture alone: nothing said that the truth contradicts, the true sender never ruled out (verdicts.py)
  predict      sysctl, ruleset and proxy files alone: whether, when, by which timer, who resets whom (predictions.py)

  false truths  the comparison itself: the same reports against a truth with another sender, packet, second or end must differ

Exit status: 0 nothing disagrees; 1 something does; 2 it cannot run here, and why.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import predictions  # noqa: E402
import verdicts  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "..", "..", "lab", "run.sh")
CAPTURES = ["client", "server", "server2", "proxy", "router-in", "router-out", "router-any"]


class CannotRun(Exception):
    pass


class Scenario:
    def __init__(self, folder, casebook):
        self.folder, self.casebook = folder, casebook
        with open(os.path.join(folder, "truth.json")) as file:
            self.truth = json.load(file)
        self.name = self.truth["scenario"]

    def path(self, name):
        return os.path.join(self.folder, name)

    def has(self, name):
        return os.path.exists(self.path(name)) and os.path.getsize(self.path(name)) > 0

    def run(self, *arguments):
        done = subprocess.run([self.casebook, *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def check(self, path):
        """Report of `casebook check` on a file or folder."""
        status, out, err = self.run("check", path, "--select", "tcp-rst", "--format", "json")
        if status not in (0, 1):
            raise CannotRun("casebook check %s ended with %d: %s" % (path, status, err.strip()))
        return json.loads(out)


class Count:
    """One comparison: how many, and those that disagree with what was said."""

    def __init__(self, name):
        self.name, self.compared, self.wrong = name, 0, []

    def add(self, where, differences, said):
        self.compared += 1
        if differences:
            self.wrong.append((where, differences, said))

    def show(self):
        for where, differences, said in self.wrong:
            print("%s: %s" % (self.name, where))
            for line in differences:
                print("    differs: " + line)
            for line in said:
                print("    said:    " + line)
        print("%s: %d compared, %d disagreed" % (self.name, self.compared, len(self.wrong)))


OTHER = {"client": "router", "router": "client", "b1": "router", "b2": "b1", "proxy": "client"}
ROLE = {"client": "client", "router": "router", "b1": "server", "b2": "server", "proxy": "proxy"}


def tampered(one):
    """The scenario with a truth that is false: one time each, another sender, another second, another packet, another end."""
    def copy(change):
        other = Scenario(one.folder, one.casebook)
        return other if change(other.truth) else None

    def sender(truth):
        if truth["cause"] == "forged":
            return False  # no capture of it tells where on the path the forger is
        for reset in truth["rsts"]:
            reset["emitter"] = OTHER[reset["emitter"]]
            reset["who"] = ROLE[reset["emitter"]]
        if truth["rsts"]:
            truth["who_sent_rst"] = truth["rsts"][0]["who"]
        return bool(truth["rsts"])

    def second(truth):
        timer = truth["timer"]
        if not timer or not timer["where"].startswith(verdicts.CONFIGURATION) or truth["dies"] is False:
            return False
        timer["seconds"] += 1
        return True

    def packet(truth):
        for reset in truth["rsts"]:
            for seen in reset["seen_at"]:
                seen["packet"] += 100_000
        return bool(truth["rsts"])

    def end(truth):
        if truth["dies"] is not True or truth["rsts"]:
            return False
        truth["dies"] = False
        return True
    return [(name, made) for name, made in (("another sender", copy(sender)), ("a second more", copy(second)),
            ("another packet", copy(packet)), ("it lived", copy(end))) if made]


def play(out, only):
    """Runs the laboratory into `out`."""
    command = ["bash", LAB, "-o", out] + (["--only", only] if only else [])
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise CannotRun("needs the command bash") from None
    if done.returncode == 2:
        said = (done.stderr.strip() or done.stdout.strip() or "the laboratory gave no reason").splitlines()[-1]
        raise CannotRun(said[12:] if said.startswith("cannot run: ") else said)
    for line in done.stdout.splitlines():
        if " skipped: " in line:
            print(line)
    print((done.stdout.strip().splitlines() or ["the laboratory said nothing"])[-1])
    if done.returncode != 0:
        raise CannotRun("the laboratory itself was not as told; its evidence is no truth:\n" + done.stdout[-2000:])


def scenarios(folder, casebook, only):
    wanted = set(only.split(",")) if only else None
    names = sorted(name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name, "truth.json")))
    found = [Scenario(os.path.join(folder, name), casebook) for name in names if not wanted or name in wanted]
    if not found:
        raise CannotRun("no scenario with a truth.json in " + folder)
    return found


def compare(all_of_them):
    counts = [Count("check"), Count("one capture"), Count("predict"), Count("false truths")]
    checked, alone, predicted, fooled = counts
    for one in all_of_them:
        report = one.check(one.folder)
        for what, false in tampered(one):
            agrees = not verdicts.whole(false, report)
            if what == "a second more":
                agrees = agrees or not predictions.compare(false)[0]
            fooled.add("%s, %s" % (one.name, what), ["a false truth is agreed with"] if agrees else [], verdicts.said(report))
        checked.add(one.name, verdicts.whole(one, report), verdicts.said(report))
        for capture in CAPTURES:
            if one.has(capture + ".pcap"):
                report = one.check(one.path(capture + ".pcap"))
                where = "%s/%s.pcap" % (one.name, capture)
                alone.add(where, verdicts.alone(one, capture, report), verdicts.said(report))
        outcome = predictions.compare(one)
        if outcome is not None:
            predicted.add(one.name, *outcome)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", default="target/release/casebook", metavar="PROGRAM")
    parser.add_argument("--evidence", metavar="DIR", help="an earlier run of the laboratory")
    parser.add_argument("--only", metavar="SLUG[,SLUG]", help="these scenarios only")
    args = parser.parse_args()
    try:
        if not os.access(args.casebook, os.X_OK):
            raise CannotRun("no program %s; cargo build --release -p casebook" % args.casebook)
        casebook = os.path.abspath(args.casebook)
        with tempfile.TemporaryDirectory(prefix="casebook-truth-") as scratch:
            folder = args.evidence
            if folder is None:
                folder = os.path.join(scratch, "lab")
                play(folder, args.only)
            counts = compare(scenarios(folder, casebook, args.only))
    except CannotRun as why:
        print("cannot run: %s" % why, file=sys.stderr)
        return 2
    for count in counts:
        count.show()
    compared = sum(one.compared for one in counts[:3])
    wrong = sum(len(one.wrong) for one in counts)
    print("%d compared, %d disagreed" % (compared, wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
