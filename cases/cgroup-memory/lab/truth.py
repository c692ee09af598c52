"""From what the guest wrote of one scenario: truth.json, evidence/ and before/."""
import json
import os
import re
import shutil

from scenario import differences

CGROUPS = "/sys/fs/cgroup"
NOT_EVIDENCE = ("/proc/uptime",)
LOG_MOST = 44 * 1024  # bytes of kernel log kept in the evidence: the last of it
KILL = re.compile(r"oom-kill:(\S+)")
KILLED = re.compile(r"Killed process (\d+) \((.*?)\),? ")
CALLED = {"memory.current": "current", "memory.peak": "peak", "memory.swap.current": "swap_current",
          "memory.swap.peak": "swap_peak", "memory.max": "max", "memory.high": "high", "memory.min": "min",
          "memory.low": "low", "memory.swap.max": "swap_max", "memory.oom.group": "oom_group",
          "memory.zswap.current": "zswap_current"}
TABLES = {"memory.stat": "stat", "memory.events": "events", "memory.events.local": "events_local",
          "memory.swap.events": "swap_events", "cgroup.stat": "cgroup_stat"}


def by_step(entries):
    """Entries of one scenario as a list of {path: text}, one for each step, from 0."""
    steps = {}
    for name, data in entries:
        number, _, path = name.partition("/")
        if number.isdigit():
            steps.setdefault(int(number), {})["/" + path] = data
    return [steps[number] for number in sorted(steps)]


def value(text):
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def table(data):
    pairs = (line.split(" ", 1) for line in data.decode().splitlines() if " " in line)
    return {key: value(rest) for key, rest in pairs}


def bytes_of(data):
    """Lines `Key:  123 kB` in bytes, and plain counts as they are."""
    found = {}
    for line in data.decode(errors="replace").splitlines():
        match = re.fullmatch(r"(\w+(?:\(\w+\))?):\s+(\d+)( kB)?", line)
        if match:
            found[match.group(1)] = int(match.group(2)) * (1024 if match.group(3) else 1)
    return found


def group_of(files, group):
    """What is known of one group."""
    found = {}
    for path, data in files.items():
        folder, _, name = path.rpartition("/")
        if folder != CGROUPS + group:
            continue
        if name in CALLED:
            found[CALLED[name]] = value(data.decode())
        elif name in TABLES:
            found[TABLES[name]] = table(data)
        elif name == "cgroup.procs":
            found["procs"] = [int(pid) for pid in data.split()]
        elif name == "memory.pressure" and b"total=" in data:
            found["pressure_total_us"] = {line.split()[0]: int(line.split("total=")[1])
                                          for line in data.decode().splitlines()}
    return found


def process(files, pid):
    """What is known of one process; sizes in bytes."""
    folder = "/proc/%d/" % pid
    status = bytes_of(files.get(folder + "status", b""))
    keys = ("VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem", "VmData", "VmPTE",
            "VmSwap", "Threads")
    found = {"pid": pid, "status": {key: status[key] for key in keys if key in status}}
    for name in ("oom_score", "oom_score_adj"):
        if folder + name in files:
            found[name] = value(files[folder + name].decode())
    if folder + "smaps_rollup" in files:
        found["smaps_rollup"] = bytes_of(files[folder + "smaps_rollup"])
    if folder + "cgroup" in files:
        found["group"] = files[folder + "cgroup"].decode().strip().rpartition("::")[2]
    return found


def children(files, known):
    """Processes of fork steps: those of the groups that are no actors."""
    pids = {int(found.group(1)) for path in files for found in [re.match(r"/proc/(\d+)/status$", path)] if found}
    return [dict(process(files, pid)["status"], pid=pid) for pid in sorted(pids - known)]


def kills(log, names):
    """Kills that the kernel's records of one step tell, in order, each process once."""
    found, whose = {}, {}
    for record in log.decode(errors="replace").splitlines():
        kill = KILL.search(record)
        if kill:
            fields = dict(re.findall(r"([a-z_]+)=((?:\([^)]*\)|[^,])*)", kill.group(1)))
            whose[int(fields.get("pid", 0))] = fields
        killed = KILLED.search(record)
        if killed:
            pid = int(killed.group(1))
            fields = whose.get(pid, {})
            found.setdefault(pid, {
                "pid": pid, "name": names.get(pid, killed.group(2)), "actor": pid in names,
                "constraint": fields.get("constraint"), "task_memcg": fields.get("task_memcg"),
                "oom_memcg": fields.get("oom_memcg"), "line": record.partition(";")[2]})
    return list(found.values())


def dmesg(log):
    """Raw records as dmesg(1) prints them."""
    lines = []
    for record in log.decode(errors="replace").splitlines():
        found = re.match(r"\d+,\d+,(\d+),[^;]*;(.*)", record)
        if found:
            text = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code.group(1), 16)), found.group(2))
            micros = int(found.group(1))
            lines.append("[%5d.%06d] %s" % (micros // 1000000, micros % 1000000, text))
    return "".join(line + "\n" for line in lines)


def meta(data):
    return dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)


def truth_of(steps, scenario, kernel):
    first = steps[0]
    release = re.search(r"version (\S+)", first["/proc/version"].decode()).group(1)
    pids = {}
    for pair in meta(first["/step"])["pids"].split():
        name, _, pid = pair.rpartition(":")
        pids[int(pid)] = name
    cpus = first.get("/sys/devices/system/cpu/online", b"0").decode().strip()
    count = 2 if "-" in cpus else 1
    number = tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", release).groups())
    swap = re.search(r"(?m)^swap (\S+)", scenario["text"])
    swaps = first["/proc/swaps"].decode().splitlines()[1:]
    built = re.search(r"#.* Debian (\d\S+)", first["/proc/version"].decode())
    truth = {
        "scenario": scenario["name"], "about": scenario["about"], "kernel": release, "machine": kernel,
        "debian": built.group(1) if built else None,
        "arch": "um" if kernel.startswith("um") else "x86_64", "cpus": count, "page_bytes": 4096,
        "mem_total_bytes": bytes_of(first["/proc/meminfo"])["MemTotal"],
        "lru_gen": first.get("/sys/kernel/mm/lru_gen/enabled", b"").decode().strip() or None,
        "swap_bytes": sum(int(line.split()[2]) * 1024 for line in swaps) if swap else 0,
        "thp": first.get("/sys/kernel/mm/transparent_hugepage/enabled", b"").decode().strip() or None,
        "slow_disk": scenario["slow"],
        # How far a number may be from what is charged: memory.current counts what a CPU holds in stock as used,
        # each key of memory.stat lacks what the CPUs have not handed up (nothing where it was flushed before).
        "bounds": {"stock_bytes": (32 if number < (6, 0) else 64) * 4096 * count,
                   "stat_bytes": 32 * 4096 * count if number < (5, 13) else 0},
        "steps": [], "kills": [], "oom": False}
    for index, files in enumerate(steps):
        told = meta(files["/step"])
        groups = sorted({path[len(CGROUPS):].rpartition("/")[0] for path in files
                         if re.match(CGROUPS + "/.*/memory.current$", path)})
        alive = told["alive"].split()
        logged = kills(files.get("/kmsg", b""), pids)
        truth["kills"] += [dict(kill, step=index) for kill in logged]
        truth["steps"].append({
            "line": int(told["line"]), "text": told["text"], "outcome": told["outcome"],
            "milliseconds": int(told["milliseconds"]), "alive": alive, "killed": told["killed"].split(),
            "ended": told["ended"].split(), "groups": {group: group_of(files, group) for group in groups},
            "processes": {name: process(files, pid) for pid, name in pids.items() if name in alive},
            "children": children(files, set(pids)), "root": table(files.get(CGROUPS + "/memory.stat", b"")),
            "meminfo": {key: size for key, size in bytes_of(files["/proc/meminfo"]).items()
                        if not key.startswith(("Huge", "DirectMap", "Vmalloc"))}})
    truth["oom"] = bool(truth["kills"])
    return truth


def put(folder, path, data):
    target = os.path.join(folder, path.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(data)


def put_tree(folder, files, known):
    """The files of one look, as they were on the machine; of the children of fork steps only a few."""
    others = 0
    for path, data in files.items():
        child = re.match(r"/proc/(\d+)/status$", path)
        if child and int(child.group(1)) not in known:
            others += 1
            if others > 10:
                continue
        if path.startswith(("/proc/", "/sys/")) and path not in NOT_EVIDENCE:
            put(folder, path, data)


def text_of(truth):
    """The truth as JSON, one line for each step and kill."""
    text = json.dumps({key: part for key, part in truth.items() if key not in ("steps", "kills")}, indent=1)[:-2]
    for key in ("kills", "steps"):
        rows = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in truth[key])
        text += ',\n "%s": [%s]' % (key, "\n" + rows + "\n " if rows else "")
    return text + "\n}\n"


def write(entries, scenario, kernel, out):
    """Writes the folder of one run; returns the truth."""
    steps = by_step(entries)
    truth = truth_of(steps, scenario, kernel)
    truth["differences"] = differences(scenario, truth, kernel)
    truth["as_told"] = not truth["differences"]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    put(out, "workload.txt", scenario["text"].encode())
    log = b"".join(files.get("/kmsg", b"") for files in steps)
    if len(log) > LOG_MOST:
        log = log[-LOG_MOST:]
        log = log[log.find(b"\n") + 1:]
    known = {int(pair.rpartition(":")[2]) for pair in meta(steps[0]["/step"])["pids"].split()}
    put(out, "evidence/kmsg.txt", log)
    put(out, "evidence/dmesg.txt", dmesg(log).encode())
    put_tree(out + "/evidence", steps[-1], known)
    if truth["kills"] and truth["kills"][0]["step"] > 0:
        put_tree(out + "/before", steps[truth["kills"][0]["step"] - 1], known)
    put(out, "truth.json", text_of(truth).encode())
    return truth
