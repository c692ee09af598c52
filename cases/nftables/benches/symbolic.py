#!/usr/bin/env python3
"""Time and memory of the verbs over all packets, beside nft where it can do a part.

    python3 cases/nftables/benches/symbolic.py target/release/casebook [--runs 5]

Each line is the median of the runs, in seconds of processor time (user and system), with the largest resident size. The
rulesets are made by this file: `dense` is a list of five-tuple rules over a pool of prefixes from /14 to /32; `host` has a
host's address and a port in most rules; `set` has 100 000 addresses; the last are made to be slow.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

HEAD = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n"
TAIL = " }\n}\n"


def address(value):
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def dense(count, seed=1):
    draw = random.Random(seed)

    def prefix():
        length = draw.choice((14, 16, 18, 20, 22, 24, 24, 26, 28, 30, 32))
        base = (10 << 24 | draw.randrange(1 << 24)) & ~((1 << (32 - length)) - 1)
        return f"{address(base)}/{length}"

    pool = [prefix() for _ in range(600)]
    ports = [str(draw.randrange(1, 65535)) for _ in range(150)]
    ports += [f"{low}-{low + draw.randrange(1, 400)}" for low in (draw.randrange(1, 60000) for _ in range(50))]
    for _ in range(count):
        proto = draw.choice(("tcp", "tcp", "udp"))
        sport = f"{proto} sport {draw.choice(ports)} " if draw.random() < 0.1 else ""
        source = f"ip saddr {draw.choice(pool)} " if draw.random() < 0.99 else ""
        target = f"ip daddr {draw.choice(pool)} " if draw.random() < 0.97 else ""
        yield f"{source}{target}{sport}{proto} dport {draw.choice(ports)} {draw.choice(('accept', 'drop'))}"


def host(count, seed=1):
    draw = random.Random(seed)
    for _ in range(count):
        length = draw.choices((32, 24, 16), (90, 8, 2))[0]
        base = (10 << 24 | draw.randrange(1 << 24)) & ~((1 << (32 - length)) - 1)
        source = f"ip saddr {address(base)}" + (f"/{length}" if length < 32 else "")
        port = draw.choice((22, 80, 443, 5432, 6379, 8080, 9100, draw.randrange(1, 65535)))
        if draw.random() < 0.92:
            yield f"{source} tcp dport {port} {draw.choice(('accept', 'drop'))}"
        else:
            target = f"192.168.{draw.randrange(256)}.{draw.randrange(256)}"
            yield f"{source} ip daddr {target} udp dport {draw.randrange(1, 65535)} {draw.choice(('accept', 'drop'))}"


def listed(rules):
    return HEAD + "".join(f"  {rule}\n" for rule in rules) + TAIL


def with_set(count, seed=1):
    draw = random.Random(seed)
    addresses = sorted(draw.sample(range(10 << 24, 11 << 24), count))
    elements = ", ".join(map(address, addresses))
    return (f"table inet filter {{\n set blocked {{\n  type ipv4_addr\n  elements = {{ {elements} }}\n }}\n chain input {{\n"
            "  type filter hook input priority 0; policy accept;\n  ip saddr @blocked drop\n }\n}\n")


def paths(last):
    text = "table inet t {\n"
    for level in range(14, -1, -1):
        text += f" chain c{level} {{\n  tcp dport {level + 1} meta mark set meta mark & 0xffff | {1 << level}\n"
        if level < 14:
            text += f"  jump c{level + 1}\n  udp sport {level + 100} meta mark set {level}\n  jump c{level + 1}\n"
        else:
            text += "  tcp sport 7 counter\n"
        text += " }\n"
    return text + f" chain in {{\n  type filter hook input priority 0; policy drop;\n  jump c0\n  {last}\n }}\n}}\n"


def correlated(last):
    pairs = ", ".join(f"10.{at >> 8}.{at & 255}.0/24 . {at}" for at in range(1, 20000))
    ports = ", ".join(f"{at} . {at}" for at in range(1, 65535))
    return HEAD + f"  ip saddr . tcp dport {{ {pairs} }} accept\n  tcp sport . tcp dport {{ {ports} }} drop\n  {last}\n" + TAIL


def masks(last):
    draw = random.Random(5)
    text = HEAD
    for at in range(400):
        mask, other = 0x55555555 if at % 2 else 0xAAAAAAAA, draw.getrandbits(32)
        text += (f"  ip saddr & {mask:#x} == {draw.getrandbits(32) & mask:#x} ip daddr & {other:#x} == "
                 f"{draw.getrandbits(32) & other:#x} {'accept' if at % 3 else 'drop'}\n")
    return text + f"  {last}\n" + TAIL


def once(command):
    """(processor seconds, MiB, exit code, last line of the output) of one run."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode, lines[-1] if lines else ""


def line(name, commands, runs):
    results = [once(command) for command in commands for _ in range(runs)]
    times = [result[0] for result in results]
    said = results[-1][3][:60]
    print(f"{name:58} median {statistics.median(times):7.3f} s  worst {max(times):7.3f} s  "
          f"{max(result[1] for result in results):6.0f} MiB  exit {results[-1][2]}  {said}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("casebook")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    begin = time.time()
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            return path

        def diff(old, new):
            return [args.casebook, "nft", "diff", old, new]

        for kind, count in ((dense, 10_000), (host, 10_000), (host, 50_000)):
            rules = list(kind(count))
            old = write(f"{kind.__name__}{count}.nft", listed(rules))
            draw = random.Random(7)
            changed = []
            for number in range(5):
                rest = list(rules)
                rest.insert(draw.randrange(count), next(kind(1, 1000 + number)))
                changed.append(write(f"{kind.__name__}{count}-{number}.nft", listed(rest)))
            name = f"{kind.__name__}, {count} rules"
            line(f"diff, {name}, one rule more", [diff(old, new) for new in changed], args.runs)
            wide = [(count // 2, "tcp dport 1024-65535 accept"), (0, "meta l4proto tcp drop")]
            for at, rule in wide:
                rest = list(rules)
                rest.insert(at, rule)
                line(f"diff, {name}, `{rule}` at {at}", [diff(old, write("wide.nft", listed(rest)))], 1)
            line(f"check, {name}", [[args.casebook, "nft", "check", old]], args.runs)
            nft = ["unshare", "--net", "nft", "-c", "-o", "-f", old]
            if os.geteuid() == 0 and count <= 10_000:
                line(f"nft -c -o, {name}", [nft], 1)
        text = with_set(100_000)
        old = write("set.nft", text)
        new = write("set-1.nft", text.replace(text.split("{ ")[1].split(", ")[5], "10.255.255.254", 1))
        line("diff, a set of 100000 addresses, one changed", [diff(old, new)], args.runs)
        line("check, a set of 100000 addresses", [[args.casebook, "nft", "check", old]], args.runs)
        ports, marks = ("counter", "tcp dport 1-60000 accept"), ("meta mark 5 accept", "meta mark 6 accept")
        for name, make, lasts in (("2^15 ways through jumps that set marks", paths, ports),
                                  ("the same, a last rule reads the mark", paths, marks),
                                  ("65534 correlated ports", correlated, ports), ("alternating masks", masks, ports)):
            pair = [write(f"slow-{at}.nft", make(last)) for at, last in enumerate(lasts)]
            line(f"diff, {name}", [diff(*pair)], 1)
            line(f"check, {name}", [[args.casebook, "nft", "check", pair[0]]], 1)
    print(f"{time.time() - begin:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
