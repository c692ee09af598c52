#!/usr/bin/env python3
"""Time and memory of the nftables case beside nft, in one run on one machine.

    sudo python3 cases/nftables/benches/run.py target/release/casebook [--rules 50000] [--runs 5]

Prints one line for each figure: the best of the runs, in seconds of processor time (user and system), with the
largest resident size. Where nft or root is missing, its lines say so and the JSON comes from our own printer.
"""

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time


def rules(count):
    """Rules as hosts have them: services, addresses, marks, limits, sets; about 60 bytes each."""
    draw = random.Random(1)
    shapes = [
        lambda: f"ip saddr 10.{draw.randrange(256)}.{draw.randrange(256)}.0/24 tcp dport {draw.randrange(1, 65535)} accept",
        lambda: f"iifname \"eth{draw.randrange(8)}\" udp dport {{ {draw.randrange(1, 999)}, {draw.randrange(1000, 9999)} }} counter drop",
        lambda: f"ct state established,related meta mark set {draw.randrange(1, 99):#x} counter",
        lambda: f"ip daddr 192.0.2.{draw.randrange(256)} tcp dport {draw.randrange(1, 999)}-{draw.randrange(1000, 65535)} jump web",
        lambda: f"ip6 saddr 2001:db8:{draw.randrange(65536):x}::/64 tcp dport {draw.randrange(1, 65535)} drop",
        lambda: f"tcp flags & (syn | ack) == syn ip saddr @blocked log prefix \"s{draw.randrange(99)} \" drop",
    ]
    return [draw.choice(shapes)() for _ in range(count)]


def text(count):
    """A file with one large chain."""
    body = "".join(f"        {rule}\n" for rule in rules(count))
    return (
        "table inet filter {\n"
        "    set blocked {\n        type ipv4_addr\n        elements = { 198.51.100.7, 198.51.100.9 }\n    }\n"
        "    chain web {\n        counter\n    }\n"
        "    chain input {\n        type filter hook input priority filter; policy accept;\n"
        f"{body}    }}\n}}\n"
    )


SMALL = "table inet filter {\n    set blocked {\n        type ipv4_addr\n        flags interval\n        elements = { 198.51.100.0/24 }\n    }\n    chain input {\n        type filter hook input priority filter; policy drop;\n"


def small():
    """A hundred rules with sets; packets meet about half of them."""
    body = "".join(
        f"        ip saddr {{ 10.{at}.0.1, 10.{at}.0.2, 10.{at}.0.3 }} tcp dport {{ {at + 1}, {at + 1000} }} accept\n" for at in range(98)
    )
    return SMALL + "        ip saddr @blocked drop\n" + body + "        ct state established accept\n    }\n}\n"


def packets(count):
    draw = random.Random(2)
    for at in range(count):
        pick = draw.randrange(98)
        yield json.dumps({"id": at, "path": "input", "iif": "eth0", "ip": {"saddr": f"10.{pick}.0.{draw.randrange(1, 5)}", "daddr": "10.200.0.1"}, "tcp": {"sport": 40000, "dport": pick + 1}, "ct": {"state": "new"}})


def measure(command, runs, stdin=None, ok=(0, 1)):
    """Best of the runs: (processor seconds, wall seconds, MiB)."""
    best = None
    for _ in range(runs):
        with open(os.devnull, "wb") as null, tempfile.TemporaryFile() as said:
            start = time.monotonic()
            child = subprocess.Popen(command, stdout=null, stderr=said, stdin=stdin and open(stdin, "rb"))
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode not in ok:
                said.seek(0)
                raise SystemExit(f"{' '.join(command)}: exit {child.returncode}: {said.read()[:300].decode()}")
        seen = (usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)
        best = seen if best is None else tuple(map(min, best, seen))
    return best


def line(name, seen, note=""):
    cpu, wall, size = seen
    print(f"{name:<44} {cpu:7.3f} s CPU  {wall:7.3f} s wall  {size:6.0f} MiB  {note}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("casebook")
    parser.add_argument("--rules", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--packets", type=int, default=200_000)
    parser.add_argument("--make", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        for name, content in (("big.nft", text(args.rules)), ("few.nft", small()), ("p.jsonl", "\n".join(packets(args.packets)) + "\n")):
            with open(os.path.join(args.make, name), "w") as out:
                out.write(content)
        return 0
    nft = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    real = nft and os.geteuid() == 0
    version = subprocess.run([nft, "--version"], capture_output=True, text=True).stdout.strip() if nft else "no nft"
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, {version}, casebook {os.path.getsize(args.casebook) / 2**20:.1f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        big, listing, few, lines = (os.path.join(folder, name) for name in ("big.nft", "big.json", "few.nft", "p.jsonl"))
        # Made by a process of its own: the size of a process counts what its parent held when it was started.
        subprocess.run([sys.executable, __file__, "--make", folder, "--rules", str(args.rules), "--packets", str(args.packets), "-"], check=True)
        none = os.path.join(folder, "none.jsonl")
        open(none, "w").write("\n")
        empty = os.path.join(folder, "empty.nft")
        open(empty, "w").write("table inet t {\n}\n")

        def ours(path):
            return [args.casebook, "nft", "eval", path, "--packets", none]

        size = os.path.getsize(big) / 2**20
        line(f"casebook, text ({size:.1f} MiB)", measure(ours(big), args.runs), f"{args.rules} rules read and lowered")
        line("casebook, nearly empty file", measure(ours(empty), args.runs))
        if real:
            # Loading is nft's and the kernel's work together; the listing is made in the same namespace.
            line("nft -c -f, text", measure(["unshare", "--net", nft, "-c", "-f", big], 1))
            script = f"{nft} -f {big} && {nft} -j -a list ruleset > {listing}"
            measure(["unshare", "--net", "sh", "-c", script], 1)
            timed = measure(["unshare", "--net", "sh", "-c", f"{nft} -f {big} && {nft} -j -a list ruleset"], 1)
            loaded = measure(["unshare", "--net", nft, "-f", big], 1)
            line("nft -j -a list ruleset", (timed[0] - loaded[0], timed[1] - loaded[1], timed[2]), "(load and list) - load")
            size = os.path.getsize(listing) / 2**20
            line(f"casebook, JSON ({size:.1f} MiB)", measure(ours(listing), args.runs), f"{args.rules} rules read and lowered")
        else:
            print("nft: skipped: needs nft and root")
        eval_all = measure([args.casebook, "nft", "eval", few, "--packets", lines], args.runs)
        line(f"casebook nft eval, {args.packets} JSON lines", eval_all, f"{args.packets / eval_all[0]:.0f} packets/s, JSON in and out")
        line("casebook check, 101 rules", measure([args.casebook, "check", few], args.runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
