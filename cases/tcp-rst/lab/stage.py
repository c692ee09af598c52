"""The network of a scenario, its captures, and the evidence it leaves.

    client 10.0.1.2 -- 10.0.1.1 (c0) router (br0) 10.0.2.1 --+-- b1 10.0.2.2
                       10.0.1.100 (VIP)                      +-- b2 10.0.2.3
                                                             +-- proxy 10.0.2.10
"""
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import time

import peers
import proof
from spaces import CannotRun, Failed, Space, end, link, run

CLIENT, ROUTER, VIP, BACK = "10.0.1.2", "10.0.1.1", "10.0.1.100", "10.0.2.1"
BEHIND = {"b1": "10.0.2.2", "b2": "10.0.2.3", "proxy": "10.0.2.10"}
CAPTURE = {"client": "client", "b1": "server", "b2": "server2", "proxy": "proxy",
           "c0": "router-in", "br0": "router-out", "any": "router-any"}
COUNT_RST = """table inet casebook_proof {
	chain out {
		type filter hook output priority 400; policy accept;
		tcp flags & rst == rst counter
	}
}
"""
SYSCTLS = ["kernel.osrelease", "net.ipv4.ip_default_ttl", "net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter",
           "net.ipv4.conf.default.rp_filter", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
           "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_orphan_retries",
           "net.ipv4.tcp_retries1", "net.ipv4.tcp_retries2", "net.ipv4.tcp_timestamps", "net.nf_conntrack_max"]


class Stage:
    def __init__(self, slug, out, prefix, keep=False):
        self.slug, self.out, self.prefix, self.keep = slug, out, prefix, keep
        self.spaces, self.captures, self.started, self.homes = {}, {}, [], []
        self.servers, self.sockets, self.events, self.notes, self.lost = {}, [], None, {}, []
        self.silences, self.broken_by = [], "client"

    # ---- building ------------------------------------------------------------------------------------------------

    def space(self, name):
        self.spaces[name] = Space("%s-%s" % (self.prefix, name), name)
        return self.spaces[name]

    def __getattr__(self, name):
        if name in self.__dict__.get("spaces", {}):
            return self.spaces[name]
        raise AttributeError(name)

    def build(self, behind=("b1",), vip=False, rules="", loose=1, established=4, forward=True, offload=False,
              sysctls=None, default_route=True, snaplen=None, switch=False,
              any_device=False):
        """Namespaces, links, addresses, the router's ruleset and sysctls, captures; `behind` are the hosts at br0.
        With `switch` a bridge stands between client and router; no capture is made on it. With `any_device` the router
        is also captured with `tcpdump -i any`, which shows a forwarded packet once per device."""
        client, router = self.space("client"), self.space("router")
        if switch:
            wire = self.space("switch")
            link(wire, "to-client", "02:00:0a:00:01:82", client, "eth0", "02:00:0a:00:01:02")
            link(wire, "to-router", "02:00:0a:00:01:81", router, "c0", "02:00:0a:00:01:01")
            wire.run("ip", "-batch", "-", stdin="link add sw0 type bridge\nlink set sw0 up\n"
                     "link set to-client master sw0\nlink set to-router master sw0\n")
        else:
            link(router, "c0", "02:00:0a:00:01:01", client, "eth0", "02:00:0a:00:01:02")
        router.run("ip", "link", "add", "br0", "address", "02:00:0a:00:02:01", "type", "bridge")
        router.run("ip", "-batch", "-", stdin="link set br0 up\naddr add %s/24 dev c0\naddr add %s/24 dev br0\n%s" % (
            ROUTER, BACK, "addr add %s/24 dev c0\n" % VIP if vip else ""))
        client.run("ip", "-batch", "-", stdin="addr add %s/24 dev eth0\nroute add default via %s\n" % (CLIENT, ROUTER))
        client.offload("eth0", offload)
        router.offload("c0", offload)
        for name in behind:
            host, last = self.space(name), int(BEHIND[name].split(".")[3])
            link(router, name, "02:00:0a:00:02:%02x" % (0x80 + last), host, "eth0", "02:00:0a:00:02:%02x" % last)
            router.run("ip", "link", "set", name, "master", "br0")
            host.run("ip", "addr", "add", BEHIND[name] + "/24", "dev", "eth0")
            if default_route:
                host.run("ip", "route", "add", "default", "via", BACK)
            host.offload("eth0", offload)
            router.offload(name, offload)
        if forward:
            router.set("net.ipv4.ip_forward", 1)
        if rules:
            self.load("router", rules)
        if loose is not None:
            router.set("net.netfilter.nf_conntrack_tcp_loose", loose)
            router.set("net.netfilter.nf_conntrack_tcp_timeout_established", established)
        for key, value in (sysctls or {}).items():
            router.set(key, value)
        for space in self.spaces.values():
            space.run("nft", "-f", "-", stdin=COUNT_RST)
        self.counters = {name: proof.counters(space) for name, space in self.spaces.items()}
        self.capture(client, "eth0", "client", snaplen)
        self.capture(router, "c0", "c0", snaplen)
        self.capture(router, "br0", "br0", snaplen)
        for name in behind:
            self.capture(self.spaces[name], "eth0", name, snaplen)
        if any_device:
            self.capture(router, "any", "any", snaplen)
        path = os.path.join(self.out, "conntrack-events.txt")
        self.events = router.start(["conntrack", "-E", "-o", "timestamp,id", "-p", "tcp"], stdout=open(path, "w"),
                                   stderr=subprocess.DEVNULL)
        self.started.append(self.events)
        time.sleep(0.15)

    def load(self, name, rules):
        """Loads a ruleset. What the kernel refuses is missing here; what nft cannot read is our mistake."""
        try:
            self.spaces[name].run("nft", "-f", "-", stdin=rules)
        except Failed as error:
            if "Could not process rule" in str(error):
                raise CannotRun("this kernel refuses the ruleset: %s" % error)
            raise

    def capture(self, space, device, key, snaplen):
        """Starts tcpdump and waits until it listens. No packet here is longer than 2048 bytes, and the kernel's buffer
        of 1 MiB holds as many packets as fit at the snapshot length."""
        path = os.path.join(self.out, CAPTURE[key] + ".pcap")
        child = space.start(["tcpdump", "--immediate-mode", "-U", "-n", "-B", "1024", "-Z", "root", "-i", device,
                             "-s", snaplen or 2048, "-w", path, "tcp or icmp"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.started.append(child)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if select.select([child.stderr], [], [], 0.1)[0]:
                line = child.stderr.readline()
                if b"listening on" in line:
                    break
                if not line:
                    raise Failed("tcpdump ended at once on %s of %s" % (device, space.name))
        self.captures[key] = (child, path)

    def child(self, space, command, log):
        """Starts a program of the scenario; its output is kept as evidence."""
        made = self.spaces[space].start(command, stdout=open(os.path.join(self.out, log), "w"),
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.out)
        self.started.append(made)
        return made

    # ---- playing -------------------------------------------------------------------------------------------------

    def serve(self, *names, port=80, **how):
        for name in names or ("b1",):
            self.servers[name] = peers.Server(self.spaces[name], port, **how)

    def connect(self, host=VIP, port=80, first=b"a", space="client"):
        """A connection with one question answered on it."""
        sock = self.spaces[space].socket()
        self.sockets.append(sock)
        sock.settimeout(4)
        sock.connect((host, port))
        if first:
            sock.sendall(first)
            if not sock.recv(65536):
                raise Failed("the first question got no answer")
        return sock

    def wait_for_port(self, space, port, seconds=5):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.spaces[space].here():
                if ":%d " % port in run("ss", "-Htln") + " ":
                    return
            time.sleep(0.05)
        raise Failed("nothing listens on port %d in %s" % (port, space))

    def served(self, name="b1"):
        return self.servers[name].last()

    def idle(self, seconds, snapshot=True):
        """Silence on the wire; sockets and conntrack entries are looked at half a second into it."""
        begin = time.monotonic()
        if snapshot:
            time.sleep(min(0.5, seconds / 4))
            self.snapshot()
        time.sleep(max(0, seconds - (time.monotonic() - begin)))
        self.silences.append(round(time.monotonic() - begin, 3))

    def push(self, name="b1"):
        """The server ends a silence."""
        self.broken_by = "server"
        connection = self.served(name)
        connection.push()
        return connection

    def snapshot(self, suffix=""):
        for name, space in self.spaces.items():
            if name == "switch":
                continue
            label = {"b1": "server", "b2": "server2"}.get(name, name)
            self.write("ss-%s%s.txt" % (label, suffix), space.run("ss", "-tinoe"))
        self.write("conntrack-list%s.txt" % suffix, self.router.run("conntrack", "-L", "-o", "extended,id"))

    def ruleset(self, suffix=""):
        """The router's ruleset, without the counters of this laboratory."""
        self.router.run("nft", "delete", "table", "inet", "casebook_proof")
        self.write("ruleset%s.nft" % suffix, self.router.run("nft", "list", "ruleset"))
        self.write("ruleset%s.json" % suffix, self.router.run("nft", "-j", "-a", "list", "ruleset"))

    def write(self, name, text):
        with open(os.path.join(self.out, name), "w") as file:
            file.write(text)

    def sysctls(self, name, path):
        lines, space = [], self.spaces[name]
        keys = list(SYSCTLS)
        if name == "router":
            with space.here(), contextlib.suppress(OSError):
                keys += ["net.netfilter." + key for key in os.listdir("/proc/sys/net/netfilter")
                         if key.startswith("nf_conntrack_")]
        for key in sorted(set(keys)):
            text = space.read("/proc/sys/" + key.replace(".", "/"))
            if text is not None:
                lines.append("%s = %s\n" % (key, text.strip()))
        self.write(path, "".join(lines))

    # ---- ending --------------------------------------------------------------------------------------------------

    def finish(self):
        """Stops the captures while every socket is still open, and writes what is left to write."""
        time.sleep(0.3)
        for child, _ in self.captures.values():
            child.send_signal(signal.SIGINT)
        for child, path in self.captures.values():
            _, said = child.communicate(timeout=10)
            dropped = re.search(rb"(\d+) packets? dropped by kernel", said)
            if not dropped or int(dropped.group(1)):
                self.lost.append("%s: tcpdump lost packets: %s" % (os.path.basename(path), said.decode().split("\n")))
        after = {name: proof.counters(space) for name, space in self.spaces.items()}
        self.grown = {name: proof.growth(self.counters[name], after[name]) for name in after}
        if self.router.read("/proc/thread-self/net/nf_conntrack") is not None:
            self.write("conntrack-list-after.txt", self.router.run("conntrack", "-L", "-o", "extended,id"))
        self.events.send_signal(signal.SIGINT)
        self.events.wait(timeout=10)
        self.ruleset()
        self.sysctls("router", "sysctl.txt")
        self.sysctls("client", "sysctl-client.txt")
        if "b1" in self.spaces:
            self.sysctls("b1", "sysctl-server.txt")
        for name, server in self.servers.items():
            for connection in server.connections:
                self.homes.append((connection.peer[1], name))
            self.notes.setdefault("servers", {})[name] = [
                {"peer": "%s:%d" % c.peer, "events": c.log} for c in server.connections]

    def close(self):
        """Ends every process and removes every namespace of the scenario, whatever happened before."""
        for child in self.started:
            end(child)
        if self.keep:
            print("kept: namespaces %s" % " ".join(space.full for space in self.spaces.values()))
            return
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.close()
        for space in self.spaces.values():
            space.delete()


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
