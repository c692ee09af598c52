#!/usr/bin/env python3
"""The patient prober against real paths whose timer is known: network namespaces, conntrack with
nf_conntrack_tcp_timeout_established = 5 s, a proxy with `timeout client 5s`.

    paths.py --casebook target/debug/casebook [--only NAME]...

Each path is client - router - backends. The prober has to find T = 5 s within 0.5 s in every direction in which the
path's mechanism kills, and no death in the others. Exit status: 0 as expected, 1 not, 2 it cannot run here.
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

T = 5.0
TOLERANCE = 0.5
PORT = 7000

DNAT2 = """
table ip nat {
  chain pre {
    type nat hook prerouting priority -100;
    ip daddr 10.0.1.100 tcp dport 7000 dnat to numgen random mod 2 map { 0 : 10.0.2.2, 1 : 10.0.2.3 }
  }
}
"""
DNAT1 = """
table ip nat {
  chain pre {
    type nat hook prerouting priority -100;
    ip daddr 10.0.1.100 tcp dport 7000 dnat to 10.0.2.2
  }
}
"""
MASQUERADE = """
table ip nat {
  chain post {
    type nat hook postrouting priority 100;
    oifname "br0" masquerade
  }
}
"""
FORWARD_DROP = """
table ip filter {
  chain forward {
    type filter hook forward priority 0;
    ct state invalid drop
  }
}
"""
HAPROXY = """
global
  log stderr local0 emerg
defaults
  mode tcp
  timeout connect 2s
  timeout client 5s
  timeout server 60s
frontend f
  bind 10.0.1.100:7000
  default_backend b
backend b
  server s 10.0.2.2:7000
"""

# name: (nft rules, loose, target, haproxy?, the client's direction dies, the server's dies)
PATHS = {
    "two backends at random, loose 1": (DNAT2, 1, "10.0.1.100", False, True, True),
    "two backends at random, loose 0": (DNAT2, 0, "10.0.1.100", False, True, True),
    "one backend, loose 1": (DNAT1, 1, "10.0.1.100", False, False, True),
    "masquerade, loose 1": (MASQUERADE, 1, "10.0.2.2", False, False, True),
    "forward, invalid drop, loose 0": (FORWARD_DROP, 0, "10.0.2.2", False, True, True),
    "haproxy, timeout client 5s": (None, 1, "10.0.1.100", True, True, True),
}


def sh(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True)


class Path:
    """Namespaces of one path; they end with it."""

    def __init__(self, prefix, nft, loose, haproxy):
        self.names = [f"{prefix}-{n}" for n in ("c", "r", "b1", "b2")]
        self.c, self.r, self.b1, self.b2 = self.names
        self.processes = []
        self.folder = tempfile.mkdtemp()
        for name in self.names:
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "lo", "up")
        link = lambda ns, *words: sh("ip", "-n", ns, *words)
        link(self.r, "link", "add", "c0", "type", "veth", "peer", "name", "eth0", "netns", self.c)
        link(self.r, "link", "add", "br0", "type", "bridge")
        link(self.r, "link", "set", "br0", "up")
        for n, backend in ((1, self.b1), (2, self.b2)):
            link(self.r, "link", "add", f"b{n}", "type", "veth", "peer", "name", "eth0", "netns", backend)
            link(self.r, "link", "set", f"b{n}", "master", "br0", "up")
            link(backend, "link", "set", "eth0", "up")
            link(backend, "addr", "add", f"10.0.2.{n + 1}/24", "dev", "eth0")
            link(backend, "route", "add", "default", "via", "10.0.2.1")
        link(self.r, "link", "set", "c0", "up")
        link(self.c, "link", "set", "eth0", "up")
        link(self.r, "addr", "add", "10.0.1.1/24", "dev", "c0")
        link(self.r, "addr", "add", "10.0.1.100/24", "dev", "c0")
        link(self.r, "addr", "add", "10.0.2.1/24", "dev", "br0")
        link(self.c, "addr", "add", "10.0.1.2/24", "dev", "eth0")
        link(self.c, "route", "add", "default", "via", "10.0.1.1")
        self.run(self.r, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        if nft:
            rules = os.path.join(self.folder, "rules.nft")
            with open(rules, "w") as file:
                file.write(nft)
            self.run(self.r, "nft", "-f", rules)
            self.run(self.r, "sysctl", "-qw", f"net.netfilter.nf_conntrack_tcp_loose={loose}",
                     f"net.netfilter.nf_conntrack_tcp_timeout_established={int(T)}")
        if haproxy:
            config = os.path.join(self.folder, "haproxy.cfg")
            with open(config, "w") as file:
                file.write(HAPROXY)
            self.start(self.r, "haproxy", "-db", "-f", config)

    def run(self, ns, *words, check=True):
        return sh("ip", "netns", "exec", ns, *words, check=check)

    def start(self, ns, *words):
        process = subprocess.Popen(["ip", "netns", "exec", ns, *words], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.processes.append(process)

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for name in self.names:
            sh("ip", "netns", "del", name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def cannot_run():
    if os.geteuid() != 0:
        return "it needs root for network namespaces"
    for command in ("ip", "nft", "sysctl"):
        if not shutil.which(command):
            return f"{command} is not installed"
    if sh("unshare", "--net", "true", check=False).returncode != 0:
        return "network namespaces are not allowed here"
    return None


def probe(number, name, casebook, asked_json=None):
    nft, loose, target, haproxy, client_dies, server_dies = PATHS[name]
    if haproxy and not shutil.which("haproxy"):
        return name, None, "skipped: haproxy is not installed"
    path = Path(f"cbp{os.getpid() % 10000}{number}", nft, loose, haproxy)
    try:
        for backend in (path.b1, path.b2):
            path.start(backend, casebook, "rst", "respond", "--listen", f"0.0.0.0:{PORT}")
        time.sleep(1.0)
        began = time.monotonic()
        ran = path.run(path.c, casebook, "rst", "probe", f"{target}:{PORT}", "--responder", "--max-gap", "20s",
                       "--format", "json", check=False)
        took = time.monotonic() - began
    finally:
        path.end()
    if ran.returncode not in (0, 1):
        return name, False, f"exit {ran.returncode}: {ran.stderr.strip()}"
    if asked_json:
        with open(f"{asked_json}.{number}.json", "w") as file:
            file.write(ran.stdout)
    report = json.loads(ran.stdout)
    rows, right = [], True
    for first, dies in (("client", client_dies), ("server", server_dies)):
        group = next(g for g in report["groups"] if g["first"] == first and g["meanwhile"] == "silence")
        timer = group["timer"]
        if timer["found"] == "bracket":
            low, high = timer["lower_ns"] / 1e9, timer["upper_ns"] / 1e9
            # T is found when the whole bracket is within the tolerance, and it is inside but for the way there.
            ok = dies and abs(low - T) <= TOLERANCE and abs(high - T) <= TOLERANCE and low <= T <= high + 0.05
            beyond = timer["beyond"]
            words = f"{low:.3f} to {high:.3f} s, {beyond['died']} of {beyond['of']} died"
        else:
            ok = not dies and timer["found"] == "no-death"
            words = timer["found"]
        right = right and ok
        rows.append(f"{first:<6} {words:<44} {'ok' if ok else 'WRONG'}")
    for group in report["groups"]:
        if group["meanwhile"] != "silence" and group["counted"]:
            rows.append(f"  {group['first']} first, {group['meanwhile']}: {group['deaths']} of {group['counted']} died")
    rows.extend(f"  = {sentence}" for sentence in report["conclusions"])
    rows.append(f"  {len(report['trials'])} connections in {took:.1f} s")
    return name, right, "\n".join(rows)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--casebook", default="target/debug/casebook")
    arguments.add_argument("--only", action="append")
    arguments.add_argument("--keep", metavar="PREFIX", help="keep the reports as PREFIX.N.json")
    asked = arguments.parse_args()
    why = cannot_run()
    if why:
        print(f"skipped: prober against real paths: {why}")
        return 2
    casebook = os.path.realpath(asked.casebook)
    names = [name for name in PATHS if not asked.only or any(word in name for word in asked.only)]
    compared = disagreed = 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for name, right, words in pool.map(lambda one: probe(one[0], one[1], casebook, asked.keep), enumerate(names)):
            print(f"{name}\n  " + words.replace("\n", "\n  "), flush=True)
            if right is not None:
                compared += 1
                disagreed += not right
    print(f"{compared} paths compared, {disagreed} disagreed (T = {T} s, tolerance {TOLERANCE} s)")
    return 1 if disagreed or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
