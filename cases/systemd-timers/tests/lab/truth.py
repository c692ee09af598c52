#!/usr/bin/env python3
"""Holds `casebook check` against what the laboratory saw happen.

    python3 cases/systemd-timers/tests/lab/truth.py --casebook target/release/casebook --truth DIR [--only NAME,…]

DIR is what `cases/systemd-timers/lab/run.sh -o DIR` left. For each folder of evidence:

  report        the program ends with 0 or 1, and does not panic
  stuck         TMR201 names exactly the timers whose next elapse lies past the first time of their calendar after the clock,
                and how many times lie between
  repairs       what TMR201 tried and says of it is what the scenarios repair-* saw on that version
  lost          TMR202 counts the times of the calendar that had no run, and names the cause that the scenario made
  healthy       where nothing was lost or is stuck: no proved error, no TMR201, no TMR202, no TMR209
  false truths  the comparison itself: one run less, one run more, another version must differ

Times of the calendar are computed here from the recipe, by the clock of the machine as it was right at the end: true time and
the last offset. Specifications that this program does not read, and timers of other kinds, are skipped and counted.

Exit status: 0 nothing disagrees; 1 something does; 2 it cannot run here, and why.
"""
import argparse
import collections
import concurrent.futures
import copy
import datetime
import json
import os
import re
import subprocess
import sys
import zoneinfo

NEVER = 18446744073709551615
SECOND, MINUTE, DAY = 1_000_000, 60_000_000, 86_400_000_000
SYSTEM = "/etc/systemd/system/"
WORDS = {"daily": "00:00:00", "hourly": "*:00:00"}
# What the scenario did; where two are given, either is.
CAUSES = {
    "nine-nights": "future-base", "back-never-triggered": "future-base", "back-running": "future-base",
    "back-one-hour-running": "future-base", "rtc-fast-at-second-boot": "future-base",
    "timesync-clock-in-future": "future-base", "clock-epoch-in-future": "future-base",
    "suspend-clock-fast": "future-base", "reboot-over-the-run": "off", "power-cut": "off",
    "reboot-during-delay": "redrawn off", "longer-than-period": "still-running", "oneshot-stuck": "still-running",
    "remain-after-exit": "still-running", "started-late": "inactive", "start-limit": "inactive still-running",
    "started-by-hand": "still-running", "on-success": "still-running",
}
# The unit files are at fault there: errors are said of them.
FAULTS = {"syntax", "masked", "condition-false", "dropin-empties-the-list", "fails", "start-limit", "remain-after-exit",
          "remain-after-elapse", "edited-without-reload"}
# Faults that these scenarios make and that lose nothing up to then.
MADE = {"timesync-clock-in-future": ["TMR205"], "clock-epoch-in-future": ["TMR205"], "oneshot-stuck": ["TMR104"]}
TITLES = {"reload units": "reload", "restart the timer": "restart", "date the stamp file": "touch",
          "restart the timer twice": "twice", "set the clock to what it shows": "set"}


class CannotRun(Exception):
    pass


def span_us(text):
    """Microseconds of a time span, or None."""
    units = {"us": 1, "ms": 1000, "s": SECOND, "sec": SECOND, "m": MINUTE, "min": MINUTE, "h": 60 * MINUTE, "d": DAY, "": SECOND}
    if not re.fullmatch(r"(\s*\d+\s*[a-z]*)+", text):
        return None
    parts = re.findall(r"(\d+)\s*([a-z]*)", text)
    return sum(int(n) * units[u] for n, u in parts) if all(u in units for _, u in parts) else None


def field(text, most):
    """The values of one field of a time of day: `*`, `5`, `0/10`, `*/10`; None where it is something else."""
    found = re.fullmatch(r"(\*|\d+)(?:/(\d+))?", text)
    if not found:
        return None
    start, step = (0 if found[1] == "*" else int(found[1])), int(found[2] or 0)
    if found[1] == "*" and not step:
        step = 1
    return list(range(start, most, step)) if step else [start]


class Calendar:
    """A daily specification: a time of day, with a zone or without."""

    def __init__(self, text, zone):
        text = WORDS.get(text, text)
        found = re.fullmatch(r"(?:\*-\*-\* )?([*\d/]+):([*\d/]+)(?::([*\d/]+))?(?: ([A-Za-z_/]+))?", text)
        self.fields = found and [field(found[1], 24), field(found[2], 60), field(found[3] or "0", 60)]
        if not found or None in self.fields:
            raise ValueError(text)
        self.zone = zoneinfo.ZoneInfo(found[4] or zone)

    def between(self, low, high):
        """Times in low..high, microseconds; what the zone leaves out is not there, what it has twice is there once."""
        day = datetime.datetime.fromtimestamp(low / SECOND, self.zone).date() - datetime.timedelta(days=1)
        last = datetime.datetime.fromtimestamp(high / SECOND, self.zone).date()
        out, zero = [], datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        while day <= last:
            for hour in self.fields[0]:
                for minute in self.fields[1]:
                    for second in self.fields[2]:
                        local = datetime.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=self.zone)
                        utc = local.astimezone(datetime.timezone.utc)
                        if utc.astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
                            continue
                        at = (utc - zero) // datetime.timedelta(microseconds=1)
                        if low < at <= high:
                            out.append(at)
            day += datetime.timedelta(days=1)
        return sorted(out)


class Timer:
    """One timer of a recipe, its drop-ins taken in."""

    def __init__(self, name, recipe, version):
        paths = [SYSTEM + name] + sorted(p for p in recipe["files"] if p.startswith(SYSTEM + name + ".d/"))
        lines = [line for path in paths for line in recipe["files"][path].splitlines() if "=" in line]
        pairs = [line.split("=", 1) for line in lines]
        keys = {key for key, _ in pairs}
        calendars = []
        for key, value in pairs:
            if key == "OnCalendar":
                calendars = calendars + [value] if value else []
        last = dict(pairs)
        if len(calendars) != 1 or any(k.startswith("On") and k != "OnCalendar" for k in keys) or "Unit" in keys:
            raise ValueError("not one calendar alone")
        self.calendar = Calendar(calendars[0], recipe["zone"])
        self.name, self.service = name, name.replace(".timer", ".service")
        self.persistent = last.get("Persistent") in ("true", "yes")
        self.random = span_us(last.get("RandomizedDelaySec", "0"))
        self.offset = span_us(last.get("RandomizedOffsetSec", "0")) if int(version) >= 258 else 0
        if self.random is None or self.offset is None:
            raise ValueError("a time span")


class Scenario:
    def __init__(self, folder, truth):
        self.folder, self.truth = folder, truth
        self.name, self.version = truth["scenario"], truth["version"]
        self.timers, self.skipped = [], 0
        for path in truth["recipe"]["files"]:
            if re.fullmatch(SYSTEM + r"[^/]+\.timer", path):
                try:
                    self.timers.append(Timer(path[len(SYSTEM):], truth["recipe"], self.version))
                except ValueError:
                    self.skipped += 1
        if any(action["do"] in ("zone", "write", "remove") for action in truth["actions"]):
            self.skipped, self.timers = self.skipped + len(self.timers), []

    def where(self, folder=""):
        return "/".join([self.version, self.name] + ([folder] if folder else []))

    def folders(self):
        """Each folder of evidence with the snapshot taken then."""
        shots = {shot["why"]: shot for shot in self.truth["snapshots"]}
        for name in sorted(os.listdir(self.folder)):
            if name == "evidence":
                yield name, shots.get("end")
            elif name.startswith("evidence-"):
                of = [a for a in self.truth["actions"] if a["do"] == "collect" and "evidence-" + a["name"] == name]
                yield name, of and shots.get("action %d" % of[0]["index"])

    def lost(self, timer, shot):
        """The times of the calendar that had no run up to the snapshot; None where the machine's clock was not right then."""
        clocks = shot["clocks"]
        offset = (clocks["realtime_ns"] - clocks["true_ns"]) // 1000
        low = self.truth["boots"][0]["true_ns"] // 1000 + offset
        high = clocks["true_ns"] // 1000 + offset
        slots = timer.calendar.between(low, high)
        mine = [run for run in self.truth["runs"] if run["unit"] == timer.service]
        runs = [at for at in (run["start"]["true_ns"] // 1000 + offset for run in mine) if at <= high]
        state = shot["units"].get(timer.name, {}).get("SubState")
        out = []
        for slot, after in zip(slots, slots[1:] + [high + DAY]):
            if any(slot - 5 * SECOND <= run < after - 5 * SECOND for run in runs):
                continue
            # What is delayed or held back by a service that runs is not lost yet.
            waits = slot == slots[-1] and slot + timer.random + timer.offset + MINUTE > high
            held = state == "running" and runs and slot > max(runs)
            if not waits and not held:
                out.append(slot)
        return out

    def stuck(self, timer, shot):
        """How many times lie before the one a waiting timer waits for."""
        unit = shot["units"].get(timer.name, {})
        following = unit.get("NextElapseUSecRealtime", 0)
        if unit.get("SubState") != "waiting" or following in (0, NEVER):
            return 0
        now = shot["clocks"]["realtime_ns"] // 1000
        return sum(slot + timer.random + timer.offset < following for slot in timer.calendar.between(now, following))


def check(casebook, folder):
    done = subprocess.run([casebook, "check", folder, "--select", "TMR", "--format", "json"], capture_output=True, text=True)
    if done.returncode not in (0, 1) or "panicked" in done.stderr:
        return {"ended": done.returncode, "said": done.stderr.strip()[-300:], "findings": []}
    return json.loads(done.stdout)


def of_code(report, code):
    return [one for one in report["findings"] if one["code"] == code]


def said(report):
    return ["%s[%s] %s" % (one["severity"], one["code"], one["title"]) for one in report["findings"]
            if one["code"] in ("TMR201", "TMR202", "TMR209") or one["severity"] == "error"]


def judge(one, folder, shot, report, repairs):
    """What differs, by comparison."""
    out = collections.defaultdict(list)
    out["report"] = ["ended with %s: %s" % (report["ended"], report["said"])] if "ended" in report else []
    witnesses = {w["timer"]: w for w in (f["witness"] for f in of_code(report, "TMR201"))}
    lost = collections.defaultdict(lambda: collections.defaultdict(int))
    for finding in of_code(report, "TMR202"):
        lost[finding["witness"]["timer"]][finding["witness"]["cause"]] += finding["witness"]["lost"]
    quiet = bool(one.timers) and one.skipped == 0
    for timer in one.timers:
        waits = one.stuck(timer, shot)
        told = witnesses.get(timer.name, {}).get("lost", 0)
        if waits != told:
            out["stuck"].append("%s lets %d times pass, the report says %d" % (timer.name, waits, told))
        out["stuck"] += []
        if told:
            out["repairs"] += wrong_repairs(one, timer, shot, report, repairs)
        missing = len(one.lost(timer, shot))
        counted = lost[timer.name]
        # What a stuck timer lost so far is told by the rule about that.
        if not waits and one.name not in FAULTS and missing != sum(counted.values()):
            out["lost"].append("%s lost %d, the report says %s" % (timer.name, missing, dict(counted) or 0))
        if one.name in CAUSES and missing and not waits:
            for cause in counted:
                if cause not in CAUSES[one.name].split():
                    out["lost"].append("%s: cause %s, made was %s" % (timer.name, cause, CAUSES[one.name]))
        out["lost"] += []
        quiet = quiet and not waits and not missing
    if quiet and one.name not in FAULTS:
        bad = [f for f in report["findings"] if f["severity"] == "error" and f["status"] == "proved"
               and f["code"] not in MADE.get(one.name, ()) or f["code"] in ("TMR201", "TMR202", "TMR209")]
        out["healthy"] = ["nothing was lost, the report says %s: %s" % (f["code"], f["title"]) for f in bad]
    return out


def wrong_repairs(one, timer, shot, report, repairs):
    finding = [f for f in of_code(report, "TMR201") if f["witness"]["timer"] == timer.name][0]
    unit, now = shot["units"][timer.name], shot["clocks"]["realtime_ns"] // 1000
    kind = "k2" if unit.get("LastTriggerUSec", 0) > now else "k1"
    known = repairs.get((one.version, kind, timer.persistent), {})
    before = [a["args"][0] for a in one.truth["actions"] if a["do"] == "systemctl" and timer.name in a["args"]]
    if before == ["restart"] and kind == "k1":
        # It has been restarted once: the next is the second.
        known = {"restart": known.get("twice", True)}
    elif before:
        known = {}
    out = []
    for step in finding["trace"]:
        found = re.match(r"tried: ([^:]*?)(?:, then [^:]*)?(?: before [^:]*)?(?::.*)?: (works|of no use)", step["text"])
        if not found:
            continue
        name = TITLES.get(found[1]) or TITLES.get(" ".join(found[1].split()[:4]))
        if name in known and known[name] != (found[2] == "works"):
            out.append("%s (%s): %s %s, the laboratory saw otherwise" % (timer.name, kind, found[1], found[2]))
    commands = [" ".join(fix["commands"]) for fix in finding["fixes"] if fix["class"] == "safe"]
    if not commands and any(known.values()):
        out.append("%s (%s): no repair is proposed, and one works" % (timer.name, kind))
    return out


def measured(scenarios):
    """What helped in the scenarios repair-*: by version, kind and whether the timer is persistent."""
    out = collections.defaultdict(dict)
    look = {"repair-restart": [("restart", 1), ("twice", 2)], "repair-reload": [("reload", 1)], "repair-set-now": [("set", 1)],
            "repair-touch": [("touch", 2)]}
    for one in scenarios:
        name, _, kind = one.name.rpartition("-")
        for what, number in look.get(name, []):
            shots = [s for s in one.truth["snapshots"] if s["why"] == "action %d" % number]
            for timer in one.timers:
                # The first is of a timer that has a stamp.
                if shots and (what != "touch" or timer.persistent):
                    out[one.version, kind, timer.persistent][what] = one.stuck(timer, shots[0]) == 0
    return out


def tampered(one, shot):
    """The scenario with a false truth; only such whose falsity shows in what is compared."""
    def copied(change):
        other = Scenario(one.folder, copy.deepcopy(one.truth))
        return other if change(other) else None

    def less(other):
        """A run of a night is gone."""
        for timer in other.timers:
            before = len(other.lost(timer, shot))
            for index, run in enumerate(other.truth["runs"]):
                if run["unit"] == timer.service and not other.stuck(timer, shot):
                    gone = other.truth["runs"].pop(index)
                    if len(other.lost(timer, shot)) != before:
                        return True
                    other.truth["runs"].insert(index, gone)
        return False

    def more(other):
        """A night that had no run has one."""
        for timer in other.timers:
            lost = other.lost(timer, shot)
            if lost and not other.stuck(timer, shot):
                offset = (shot["clocks"]["realtime_ns"] - shot["clocks"]["true_ns"]) // 1000
                other.truth["runs"].append({"unit": timer.service, "start": {"true_ns": (lost[0] + SECOND - offset) * 1000}})
                return True
        return False
    return [(name, made) for name, made in (("one run less", copied(less)), ("one run more", copied(more))) if made]


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


def scenarios(folder, only):
    wanted = set(only.split(",")) if only else None
    found, half = [], 0
    for version in sorted(os.listdir(folder)):
        if not os.path.isdir(os.path.join(folder, version)):
            continue
        for name in sorted(os.listdir(os.path.join(folder, version))):
            path = os.path.join(folder, version, name)
            if wanted and name not in wanted and not name.startswith("repair-"):
                continue
            try:
                with open(os.path.join(path, "truth.json")) as file:
                    found.append(Scenario(path, json.load(file)))
            except (OSError, ValueError):
                half += 1
    if not found:
        raise CannotRun("no scenario with a truth.json in " + folder)
    return found, half


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", default="target/release/casebook", metavar="PROGRAM")
    parser.add_argument("--truth", required=True, metavar="DIR", help="what the laboratory left")
    parser.add_argument("--only", metavar="NAME[,NAME]", help="these scenarios only")
    args = parser.parse_args()
    try:
        if not os.access(args.casebook, os.X_OK):
            raise CannotRun("no program %s; cargo build --release -p casebook" % args.casebook)
        every, half = scenarios(args.truth, args.only)
    except CannotRun as why:
        print("cannot run: %s" % why, file=sys.stderr)
        return 2
    repairs = measured(every)
    names = ["report", "stuck", "repairs", "lost", "healthy", "false truths"]
    counts = {name: Count(name) for name in names}
    wanted = set(args.only.split(",")) if args.only else None
    jobs = [(one, folder, shot) for one in every if not wanted or one.name in wanted for folder, shot in one.folders() if shot]
    casebook = os.path.abspath(args.casebook)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda job: check(casebook, os.path.join(job[0].folder, job[1])), jobs))
    for (one, folder, shot), report in zip(jobs, reports):
        differences = judge(one, folder, shot, report, repairs)
        for name in names[:-1]:
            if name in differences:
                counts[name].add(one.where(folder), differences[name], said(report))
        if differences["lost"] or differences["stuck"] or one.name in FAULTS:
            continue
        for what, other in tampered(one, shot):
            agrees = not any(judge(other, folder, shot, report, repairs).values())
            counts["false truths"].add("%s, %s" % (one.where(folder), what), ["a false truth is agreed with"] * agrees, [])
    # Another version: the truth of 262 against the report of 257, where the two differ.
    by = {(one.version, one.name): one for one in every}
    for (one, folder, shot), report in zip(jobs, reports):
        other = by.get(("262", one.name))
        theirs = other and dict(other.folders()).get(folder)
        if one.version != "257" or not theirs or one.truth["counts"] == other.truth["counts"]:
            continue
        mine = [(len(one.lost(t, shot)), one.stuck(t, shot)) for t in one.timers]
        if mine != [(len(other.lost(t, theirs)), other.stuck(t, theirs)) for t in other.timers]:
            agrees = not any(judge(other, folder, theirs, report, {}).values())
            counts["false truths"].add(one.where(folder) + ", another version", ["a false truth is agreed with"] * agrees, [])
    for name in names:
        counts[name].show()
    skipped = sum(one.skipped for one in every)
    print("%d timers are not of one daily calendar and were not counted; %d scenarios are not finished" % (skipped, half))
    compared = sum(counts[name].compared for name in names[:-1])
    wrong = sum(len(one.wrong) for one in counts.values())
    print("%d compared, %d disagreed" % (compared, wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
