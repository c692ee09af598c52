"""Lets real kernels account and kill in cgroup v2, and writes beside the evidence what really happened."""
import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import sys
import tempfile
import threading

import chance
import machine
import truth
from packages import CannotRun
from scenario import ALL, scenario
import dirty  # noqa: F401  (the scenarios register themselves)
import reports  # noqa: F401
import scenarios  # noqa: F401
import story  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
SAYING = threading.Lock()


def say(text):
    with SAYING:
        print(text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Plays workloads in cgroup v2 on real kernels, and keeps evidence and truth in "
        "DIR/KERNEL/SCENARIO.", epilog="exit status: 0 it happened as told; 1 it did not; 2 it cannot run here")
    parser.add_argument("-o", dest="out", default="casebook-lab-cgroup-memory", metavar="DIR",
                        help="where the evidence goes (default: %(default)s)")
    parser.add_argument("--kernels", default="um-6.1", metavar="K[,K]",
                        help="of --list, or `all` (default: %(default)s)")
    parser.add_argument("--scenario", nargs="+", default=[], metavar="NAME", help="these scenarios only")
    parser.add_argument("--workload", nargs="+", default=[], metavar="FILE", help="workloads of your own, by file name")
    parser.add_argument("--reports", action="store_true", help="the scenarios that make OOM reports of many forms")
    parser.add_argument("--dirty", action="store_true", help="the scenarios of dirty cache under tight limits")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="so many scenarios by chance")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of chance (default: %(default)s)")
    parser.add_argument("--cache", default=None, metavar="DIR", help="kernels, unpacked once (default: casebook-lab in "
                        "XDG_CACHE_HOME or ~/.cache)")
    parser.add_argument("-j", type=int, default=1, metavar="N", help="machines at a time (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="name kernels and scenarios and end")
    parser.add_argument("--prepare", action="store_true", help="fill the cache and end")
    return parser.parse_args()


def chosen(wanted):
    unknown = [name for name in wanted.scenario if name not in ALL]
    if unknown:
        raise CannotRun("there is no scenario " + unknown[0])
    if wanted.workload:
        return [given(path) for path in wanted.workload]
    if wanted.scenario:
        return [ALL[name] for name in wanted.scenario]
    if wanted.random:
        return chance.scenarios(wanted.random, wanted.seed)
    sets = [name for name in ("reports", "dirty") if getattr(wanted, name)] or ["named"]
    return [one for one in ALL.values() if one["sets"] in sets]


def given(path):
    """A workload that was written elsewhere, as a scenario with the name of its file."""
    name = re.sub(r"[^a-z0-9-]", "-", os.path.basename(path).rsplit(".", 1)[0].lower())[:40]
    ALL.pop(name, None)  # it may be one of ours, changed
    try:
        with open(path) as file:
            scenario(name, "A workload that was given.", file.read())
    except OSError as error:
        raise CannotRun("%s: %s" % (path, error.strerror)) from None
    return ALL[name]


def archive(scenarios_):
    parts = []
    for one in scenarios_:
        text = one["text"].encode()
        parts.append(("%s %d\n" % (one["name"], len(text))).encode() + text)
    return b"".join(parts)


def split(entries):
    """Entries by scenario, only those that were played to their end."""
    runs, ended = {}, set()
    for name, data in entries:
        scenario_, _, rest = name.partition("/")
        if rest == "end":
            ended.add(scenario_)
        runs.setdefault(scenario_, []).append((rest, data))
    return {name: runs[name] for name in runs if name in ended}


def play(kernel, slow, some, machine_, out, places):
    """Plays scenarios on one kernel, boots again after a crash; returns how many were not as told."""
    faults, left, tried = 0, list(some), {}
    while left:
        begun = []
        work = tempfile.mkdtemp(prefix="casebook-lab-", dir=places)
        try:
            entries, why = machine_.boot(work, archive(left), slow, lambda word: begun.append(word))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        runs = split(entries)
        for one in [one for one in left if one["name"] in runs]:
            seen = truth.write(runs[one["name"]], one, kernel, os.path.join(out, kernel, one["name"]))
            wrong = seen["differences"]
            faults += bool(wrong)
            killed = " ".join("%s@%d" % (kill["name"], kill["step"]) for kill in seen["kills"])
            say("%-16s %-32s %s%s" % (kernel, one["name"], "killed " + killed if killed else "lives",
                                      "  NOT AS TOLD: " + "; ".join(wrong) if wrong else ""))
        left = [one for one in left if one["name"] not in runs]
        if not left:
            break
        # What was being played when the guest fell silent is tried once more; the rest is not to blame.
        at = [word.split()[1] for word in begun if word.startswith("begin ")]
        culprit = next((one for one in left if at and one["name"] == at[-1]), None)
        name = culprit["name"] if culprit else "boot"
        tried[name] = tried.get(name, 0) + 1
        say("%-16s %-32s %s" % (kernel, name, why or "has no result"))
        if tried[name] > 1:
            faults += 1
            say("%-16s %-32s FAILED twice" % (kernel, name))
            if culprit is None:
                return faults + len(left)
            left.remove(culprit)
        elif culprit:
            left = [culprit] + [one for one in left if one is not culprit]
    return faults


def in_memory(machines):
    """The folder for what machines need while they run: /dev/shm where it is large enough, else the usual one."""
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return None
    fits = found.f_bavail * found.f_frsize > machines * (2 << 30) and not found.f_flag & os.ST_NOEXEC
    return "/dev/shm" if fits and os.access("/dev/shm", os.W_OK | os.X_OK) else None


def stop(number, _):
    machine.stop_all()
    os._exit(128 + number)


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    wanted = arguments()
    if wanted.list:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        print("kernels: " + " ".join(list(machine.KERNELS) + list(machine.OTHER)))
        for one in ALL.values():
            print("%-32s %-8s %s" % (one["name"], one["sets"], one["about"]))
        return 0
    cache = os.path.abspath(wanted.cache or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "casebook-lab"))
    every = list(machine.KERNELS) + list(machine.OTHER)
    kernels = every if wanted.kernels == "all" else wanted.kernels.split(",")
    try:
        if sys.platform != "linux" or os.uname().machine != "x86_64":
            raise CannotRun("needs Linux on x86_64")
        unknown = [name for name in kernels if name not in every]
        if unknown:
            raise CannotRun("knows no kernel %s, only %s" % (unknown[0], " ".join(every)))
        some = chosen(wanted)
        os.makedirs(os.path.join(cache, "packages"), exist_ok=True)
        machines = {kernel: machine.Machine(kernel, cache, HERE) for kernel in kernels}
    except CannotRun as error:
        print("cannot run: %s" % error, file=sys.stderr)
        return 2
    if wanted.prepare:
        return 0
    places = in_memory(max(1, wanted.j))
    jobs = []
    for kernel in kernels:
        for slow in (False, True):
            mine = [one for one in some if re.fullmatch(one["kernels"], kernel) and one["slow"] == slow]
            if slow and machines[kernel].user_mode:
                continue
            if mine:
                jobs.append((kernel, slow, mine, machines[kernel], wanted.out, places))
    with concurrent.futures.ThreadPoolExecutor(max(1, wanted.j)) as pool:
        faults = sum(pool.map(lambda job: play(*job), jobs))
    say("%d runs, %d not as told" % (sum(len(job[2]) for job in jobs), faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
