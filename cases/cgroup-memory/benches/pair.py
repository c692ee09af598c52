#!/usr/bin/env python3
"""casebook beside other readers on the same trees, in turn: pair.py --casebook BIN [--rounds N] [--live].

A tree of 1000 groups as text: casebook reads, judges and lists it; the peer is a Python program that reads the same lines into
dictionaries and adds up what cannot be reclaimed. With --live (root, cgroup v1 or v2 with the memory controller) 2000 groups are made below
`casebook-bench` and removed again; the peer is systemd-cgtop, which reads two files of each group where casebook reads all.
Prints the median CPU seconds of each, children included, the median of the ratios within a round, and the most memory casebook had.
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile

PEER = r"""
import sys
groups = {}
for line in open(sys.argv[1]):
    path, _, text = line.rstrip("\n").partition(":")
    folder, _, name = path.rpartition("/")
    if name == "memory.stat":
        key, value = text.split()
        groups.setdefault(folder, {})[key] = int(value)
    elif name in ("memory.current", "memory.max"):
        groups.setdefault(folder, {})[name] = text
for folder, stat in sorted(groups.items()):
    floor = stat["anon"] + stat["shmem"] + stat["unevictable"] + stat["kernel"] - stat["slab_reclaimable"] + stat["sock"]
    print(folder, stat["memory.current"], stat["memory.max"], floor)
"""
KEYS = ("anon file kernel kernel_stack pagetables sec_pagetables percpu sock vmalloc shmem zswap zswapped file_mapped file_dirty "
        "file_writeback swapcached anon_thp file_thp shmem_thp inactive_anon active_anon inactive_file active_file unevictable "
        "slab_reclaimable slab_unreclaimable slab workingset_refault_anon workingset_refault_file pgscan pgsteal pgfault "
        "pgmajfault").split()


def dump(file, groups):
    for number in range(groups):
        path = "/sys/fs/cgroup/kubepods.slice/pod%d/app%d" % (number // 4, number)
        for at, key in enumerate(KEYS):
            value = 0 if key in ("unevictable", "shmem", "sock") else 1000000 + number * 4096 + at
            file.write("%s/memory.stat:%s %d\n" % (path, key, value))
        for name, text in (("current", "90000000"), ("max", "268435456"), ("high", "max"), ("swap.max", "0"), ("peak", "99000000")):
            file.write("%s/memory.%s:%s\n" % (path, name, text))
        for event in ("low 0", "high 0", "max 0", "oom 0", "oom_kill 0"):
            file.write("%s/memory.events:%s\n" % (path, event))


def cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak(command):
    """The most memory the command had, in MiB."""
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.execvp(command[0], command)
    return os.wait4(pid, 0)[2].ru_maxrss / 1024


def pair(name, ours, theirs, rounds):
    pairs = [(cpu(ours), cpu(theirs)) for _ in range(rounds)]
    a, b = (statistics.median(side) for side in zip(*pairs))
    ratio = statistics.median(theirs / max(ours, 1e-9) for ours, theirs in pairs)
    print("%-28s casebook %7.1f ms   peer %7.1f ms   %5.1f times   %.0f MiB" % (name, a * 1e3, b * 1e3, ratio, peak(ours)))


def live(casebook, rounds):
    root = "/sys/fs/cgroup/memory" if os.path.exists("/sys/fs/cgroup/memory/memory.usage_in_bytes") else "/sys/fs/cgroup"
    top = os.path.join(root, "casebook-bench")
    parts = [os.path.join(top, "g%d" % number) for number in range(40)]
    leaves = [os.path.join(parts[number // 50], "c%d" % number) for number in range(2000)]
    made = [top] + parts + leaves
    try:
        for path in made:
            os.mkdir(path)
        pair("2000 live groups", [casebook, "memory", "explain", top], ["systemd-cgtop", "-m", "-b", "-n", "1", "--depth=9"], rounds)
    finally:
        for path in reversed(made):
            if os.path.isdir(path):
                os.rmdir(path)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--casebook", default="target/release/casebook")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--live", action="store_true")
    options = options.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        dump(file, 1000)
        file.flush()
        pair("a tree of 1000 groups", [options.casebook, "memory", "explain", file.name], [sys.executable, "-c", PEER, file.name], options.rounds)
    if options.live:
        live(options.casebook, options.rounds)


if __name__ == "__main__":
    main()
