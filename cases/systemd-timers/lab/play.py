"""Plays one scenario on one version: the boots in turn, then truth.json beside the evidence."""
import json
import os
import shutil
import time

from boot import Machine

NS = 10**9
NEVER = 2**64 - 1


def units_of(scenario):
    """The scenario's own timers and services, in the order of their names."""
    names = {os.path.basename(path) for path in scenario["files"]
             if path.startswith("/etc/systemd/system/") and path.count("/") == 4}
    return sorted(name for name in names | set(scenario.get("also_watch", ())) if name.endswith((".timer", ".service")))


def first_files(scenario, version):
    """Everything that is on the disk before the first boot, beside Debian's own."""
    files = {"/etc/machine-id": scenario["machine_id"] + "\n", "/etc/timezone": scenario["zone"] + "\n",
             "/etc/localtime": ("link", "../usr/share/zoneinfo/" + scenario["zone"])}
    if not scenario.get("timesyncd"):
        files["/etc/systemd/system/systemd-timesyncd.service"] = ("link", "/dev/null")
    files.update(scenario["files"])
    for name in scenario["enable"]:
        files["/etc/systemd/system/timers.target.wants/" + name] = ("link", "/etc/systemd/system/" + name)
    for name, seconds in scenario.get("stamps", {}).items():
        files["/var/lib/systemd/timers/stamp-" + name] = ("", int(seconds * NS))
    for key, path in (("timesync_clock", "/var/lib/systemd/timesync/clock"), ("clock_epoch", "/usr/lib/clock-epoch")):
        if key in scenario:
            files[path] = ("", int(scenario[key] * NS))
    return files


def boots_of(scenario):
    """Splits the actions at reboots: each boot has its true start, the error of its RTC, and what it does."""
    first = int(scenario["start"] * NS)
    boot = {"boot": 0, "true_ns": first, "rtc_error": scenario["rtc_error"], "actions": []}
    boots = [boot]
    for index, action in enumerate(scenario["actions"]):
        boot["actions"].append(dict(action, index=index))
        boot["power"] = "cut" if action.get("cut") else "down"
        if action["do"] == "reboot":
            boot = {"boot": len(boots), "actions": [], "power": "down",
                    "true_ns": first + int((action["at"] + action["downtime"]) * NS),
                    "rtc_error": action.get("rtc_error", boot["rtc_error"])}
            boots.append(boot)
    for boot in boots:
        boot.update(first_true_ns=first, watch=units_of(scenario))
    return boots


def play(scenario, version, kernel, image, out, virtual=True):
    begun, boots = time.time(), boots_of(scenario)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else out
    folder = os.path.join(memory, "casebook-%d-%s-%s" % (os.getpid(), version, scenario["name"]))
    with Machine(kernel, image, folder) as machine:
        try:
            for boot in boots:
                files = first_files(scenario, version) if boot["boot"] == 0 else {}
                files["/lab/boot.json"] = json.dumps(boot)
                rtc = boot["rtc_ns"] = boot["true_ns"] + int(boot["rtc_error"] * NS)
                arguments = scenario.get("cmdline", "").split()
                arguments += ["time-travel", "time-travel-start=%d" % rtc] if virtual else [
                    "systemd.clock_usec=%d" % (rtc // 1000)]
                machine.boot(files, arguments, out)
        finally:
            with open(os.path.join(out, "console.txt"), "w") as file:
                file.write("\n".join(machine.consoles))
    truth = truth_of(scenario, version, boots, os.path.join(out, "truth.jsonl"))
    truth["wall_seconds"] = round(time.time() - begun, 1)
    with open(os.path.join(out, "truth.json"), "w") as file:
        json.dump(truth, file, indent=1)
        file.write("\n")
    os.unlink(os.path.join(out, "truth.jsonl"))
    return truth


def truth_of(scenario, version, boots, log):
    with open(log) as file:
        records = [json.loads(line) for line in file]
    number = {record["boot_id"]: record["boot"] for record in records if record["kind"] == "boot"}
    ends = {(record["boot_id"], record["pid"], record["unit"]): record["end"]
            for record in records if record["kind"] == "run-end"}
    kept = {"boot": [], "action": [], "run": [], "snapshot": []}
    for record in records:
        kind = record.pop("kind")
        if kind == "run-end":
            continue
        boot = record["boot"] = number[record["boot_id"]]
        if kind == "boot":
            record.update({name: boots[boot][name] for name in ("true_ns", "rtc_ns", "rtc_error", "power")})
        if kind == "action":
            record.update({name: value for name, value in scenario["actions"][record["index"]].items()
                           if name not in record})
        if kind == "run":
            record["end"] = ends.get((record["boot_id"], record["pid"], record["unit"]))
            for clocks in (record["start"], record["end"]):
                if clocks:
                    clocks["true_ns"] = (boots[boot]["true_ns"] + clocks["raw_ns"] + clocks["boottime_ns"]
                                         - clocks["monotonic_ns"])
        kept[kind].append(record)
    counts = {name: 0 for name in units_of(scenario) if name.endswith(".service")}
    for run in kept["run"]:
        counts[run["unit"]] = counts.get(run["unit"], 0) + 1
    truth = {"scenario": scenario["name"], "about": scenario["about"], "version": version,
             "systemd": next((s["manager"]["Version"] for s in kept["snapshot"] if "manager" in s), None),
             "machine_id": scenario["machine_id"], "zone": scenario["zone"], "start_ns": int(scenario["start"] * NS),
             "counts": counts, "boots": kept["boot"], "actions": kept["action"], "runs": kept["run"],
             "snapshots": kept["snapshot"], "recipe": scenario}
    truth["differences"] = differences(scenario, version, truth)
    truth["as_told"] = not truth["differences"]
    return truth


def within(value, bounds):
    low, high = bounds if isinstance(bounds, (list, tuple)) else (bounds, bounds)
    return low <= value <= high


def told(expect, version):
    """An expectation may be the same for every version or one for each."""
    return expect[version] if isinstance(expect, dict) and version in expect else expect


def differences(scenario, version, truth):
    found = []
    for unit, expect in scenario.get("runs", {}).items():
        expect = told(expect, version)
        if expect is not None and not within(truth["counts"].get(unit, 0), expect):
            found.append("%s ran %d times, not %s" % (unit, truth["counts"].get(unit, 0), expect))
    for check in scenario.get("checks", ()):
        found += failed(check, version, truth)
    if len(truth["actions"]) != len(scenario["actions"]):
        found.append("%d of %d actions played" % (len(truth["actions"]), len(scenario["actions"])))
    for action in truth["actions"]:
        if "error" in action and not action.get("may_fail"):
            found.append("action %d %s: %s" % (action["index"], action["do"], action["error"]))
    return found


def failed(check, version, truth):
    """A check names a snapshot, a unit, and what must hold there: `next_in` hours from now, or property values."""
    snapshot = next((s for s in truth["snapshots"] if s["why"] == check["when"] and "error" not in s), None)
    if snapshot is None:
        return ["there is no snapshot %s" % check["when"]]
    unit, where = snapshot["units"][check["unit"]], "%s at %s: " % (check["unit"], check["when"])
    found = []
    if "next_in" in check:
        bounds, elapse = told(check["next_in"], version), unit["NextElapseUSecRealtime"]
        hours = (elapse * 1000 - snapshot["clocks"]["realtime_ns"]) / 3.6e12
        if elapse in (0, NEVER):
            found.append(where + "there is no next elapse")
        elif not within(hours, bounds):
            found.append("%snext elapse in %.3f h, not within %s" % (where, hours, bounds))
    for name, value in check.get("is", {}).items():
        if unit.get(name) != told(value, version):
            found.append("%s%s is %r, not %r" % (where, name, unit.get(name), told(value, version)))
    return found
