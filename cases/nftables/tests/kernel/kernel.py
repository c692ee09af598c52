"""Runs packets through the real nftables of this machine, inside private network namespaces.

A packet written to the TUN device `in0` runs prerouting and then forward+postrouting (or input) before write(2)
returns; a packet sent on a raw socket runs output+postrouting. Every packet carries a 16-bit tag in bytes that no
hook rewrites, so the dynamic sets that the instrumented rules fill (`add @hN { @nh,16,32 }`) say afterwards which
packet finished which rule.

`@nh,16,32` is the length and the id of an IPv4 header, and the low 16 bits of the flow label and the payload length of
an IPv6 header: one key that needs no dependency and therefore cannot break a rule of either family.

The last chain of the last hook records the packet with its final marks and, by default, drops it. Conntrack confirms
an entry only at INT_MAX, after that chain, so no flow is ever remembered and every packet starts a new one.
"""

import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
LAST_PRIORITY = 2147483646  # one before conntrack's confirm
TAG = "@nh,16,32"
CAPTURE = "zz_capture"
KEEP = "zz_keep"
PROBE = "zz_probe"
PROBED_BITS = ("direction reply", "status seen-reply", "status assured", "status confirmed")

# Addresses of the two sides. Everything in LOCAL_* is delivered to this host, the rest of the world is behind out0.
SOURCE_V4, SOURCE_V6 = "10.0.0.0/8", "fd00:a::/32"
LOCAL_V4, LOCAL_V6 = "192.168.77.0/24", "fd00:c::/32"

SETUP = f"""
link set lo up
addr add 192.0.2.1/32 dev in0
addr add 198.51.100.1/32 dev out0
addr add fd00:1::1/128 dev in0 nodad
addr add fd00:2::1/128 dev out0 nodad
link set in0 txqueuelen 70000 up
link set out0 txqueuelen 70000 up
route add {SOURCE_V4} dev in0
route add default dev out0
route add local {LOCAL_V4} dev lo
route add {SOURCE_V6} dev in0
route add ::/0 dev out0
route add local {LOCAL_V6} dev lo
"""

# Error replies of the host would pass the output hook and look like packets of ours: they are turned off, except TCP
# resets, which carry the id 0 that is never a tag (packets.py keeps clear of the one key that looks like theirs).
SYSCTLS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/in0/rp_filter": 0,
    "ipv4/conf/out0/rp_filter": 0,
    "ipv4/icmp_msgs_per_sec": 0,
    "ipv4/icmp_msgs_burst": 0,
    "ipv4/icmp_ratemask": 0x7FFFFFFE,
    "ipv4/icmp_echo_ignore_all": 1,
    "ipv6/conf/all/forwarding": 1,
    "ipv6/auto_flowlabels": 0,
    "ipv6/icmp/echo_ignore_all": 1,
    "netfilter/nf_conntrack_checksum": 0,
}


class Unavailable(Exception):
    """This machine cannot run the oracle: not root, no TUN, no nft."""


class Unlistable(Exception):
    """nft loaded the ruleset and cannot list it: 1.0.6 aborts on some, so what the kernel counted cannot be read."""


class Rejected(Exception):
    """nft refused a ruleset."""


class Measured:
    """What the kernel did with one batch: `passed` maps a key to the final mark, `hits` a rule to its keys."""

    def __init__(self):
        self.passed = {}
        self.ct_mark = {}
        self.ct_state = {}
        self.probed = {"mark": {}, "state": {}} | {bit: set() for bit in PROBED_BITS}
        self.hits = {}
        self.order = {}


def key_of(raw):
    """The tag key of a packet, as the sets show it."""
    return struct.unpack("!I", raw[2:6])[0]


def capture_table(family, conntrack, drop):
    """The table that records, at the end of the last hook, who arrived and with which marks."""
    sets = {"passed": "meta mark"}
    if conntrack:
        sets |= {"ct_state": "ct state", "ct_mark": "ct mark"}
    lines = [f"table {family} {CAPTURE} {{"]
    for name, key in sets.items():
        lines.append(f" set {name} {{ typeof {TAG} . {key}; size 65535; flags dynamic; }}")
    for hook in ("input", "postrouting"):
        lines.append(f" chain {hook} {{ type filter hook {hook} priority {LAST_PRIORITY}; policy accept;")
        # one rule each: `ct mark` breaks a rule when the packet has no entry
        lines += [f"  add @{name} {{ {TAG} . {key} }}" for name, key in sets.items()]
        lines += ["  drop"] if drop else []
        lines.append(" }")
    return "\n".join(lines + ["}", ""])


def probe_table(families):
    """A ruleset without verdicts that records what conntrack makes of each packet before any ruleset sees it."""
    lines = []
    for family in sorted(families):
        lines.append(f"table {family} {PROBE} {{")
        keys = ("mark", "state")
        lines += [f" set ct_{key} {{ typeof {TAG} . ct {key}; size 65535; flags dynamic; }}" for key in keys]
        # nft 1.0.6 aborts when it lists a concatenation with `ct direction` or `ct status`, hence sets of tags alone
        lines += [f" set bit{place} {{ typeof {TAG}; size 65535; flags dynamic; }}" for place in range(len(PROBED_BITS))]
        for hook in ("prerouting", "output"):
            lines.append(f" chain {hook} {{ type filter hook {hook} priority -199;")
            lines += [f"  ct {bit} add @bit{place} {{ {TAG} }}" for place, bit in enumerate(PROBED_BITS)]
            lines += [f"  add @ct_{key} {{ {TAG} . ct {key} }}" for key in keys] + [" }"]
        lines.append("}")
    return "\n".join(lines) + "\n"


def keep_table(family):
    """Holds conntrack on while rulesets come and go: entries and hooks are not taken down between two batches."""
    return f"table {family} {KEEP} {{\n chain c {{\n  ct mark 0\n }}\n}}\n"


class Kernel:
    """One namespace. `conntrack` names the families (ip, ip6) for which conntrack is on in it."""

    def __init__(self, conntrack=()):
        self.conntrack = frozenset(conntrack)
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            os.close(home)
            raise Unavailable(f"unshare: {os.strerror(ctypes.get_errno())}")
        self._libc = libc
        self._namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            self._build()
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"cannot build the namespace: {error}") from error
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)

    def _build(self):
        with open("/proc/sys/net/ipv6/conf/default/accept_dad", "w", encoding="ascii") as file:
            file.write("0")
        self._in = self._tun(b"in0")
        self._out = self._tun(b"out0")
        subprocess.run(["ip", "-batch", "-"], input=SETUP, text=True, check=True, capture_output=True)
        for name, value in SYSCTLS.items():
            try:
                with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
                    file.write(str(value))
            except FileNotFoundError:
                continue  # an older kernel without this knob; the control run shows whether it mattered
        self._raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.index = {name: socket.if_nametoindex(name) for name in ("lo", "in0", "out0")}

    def close(self):
        """Lets the namespace go: it ends with its last descriptor."""
        for handle in (self._in, self._out, self._namespace):
            os.close(handle)
        self._raw4.close()
        self._raw6.close()

    @staticmethod
    def _tun(name):
        handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH14x", name, IFF_TUN_NO_PI))
        return handle

    @contextmanager
    def inside(self):
        """Runs the block with this namespace as the process's own."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._libc.setns(self._namespace, CLONE_NEWNET)
        try:
            yield
        finally:
            self._libc.setns(home, CLONE_NEWNET)
            os.close(home)

    def _nft(self, *arguments, text=None):
        with self.inside():
            return subprocess.run(["nft", *arguments], input=text, text=True, capture_output=True, check=False)

    def load(self, text, drop=True):
        """Replaces the ruleset by `text` (from line 2 on) and the capture chains.

        The old ruleset goes in a transaction of its own: in one transaction its nat dispatcher would stay where it
        is, and at equal priority the order of registration decides who runs first.
        """
        keep = [keep_table(family) for family in sorted(self.conntrack)]
        self._nft("-f", "-", text="\n".join(["flush ruleset", *keep]))
        parts = ["", text] + [capture_table(family, family in self.conntrack, drop) for family in ("ip", "ip6")]
        done = self._nft("-f", "-", text="\n".join(parts))
        if done.returncode != 0:
            raise Rejected(done.stderr.strip())

    def check(self, text):
        """Raises Rejected when nft would not take `text` (from line 2 on). Nothing is loaded.

        Cheaper than a load, but no proof: the kernel checks jumps and hooks only when it commits.
        """
        done = self._nft("-c", "-f", "-", text="flush ruleset\n" + text)
        if done.returncode != 0:
            raise Rejected(done.stderr.strip())

    def inject(self, packets):
        """Sends packets (objects with `raw` and `path`) one after the other."""
        for packet in packets:
            if packet.path == "output":
                self._send(packet.raw)
            else:
                os.write(self._in, packet.raw)

    def _send(self, raw):
        try:
            if raw[0] >> 4 == 4:
                self._raw4.sendto(raw, (socket.inet_ntoa(raw[16:20]), 0))
            else:
                self._raw6.sendto(raw, (socket.inet_ntop(socket.AF_INET6, raw[24:40]), 0))
        except OSError as error:
            # a dropped packet reports EPERM, a rejected one also EHOSTUNREACH or ECONNREFUSED
            if error.errno not in (errno.EPERM, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EACCES, errno.ENETUNREACH):
                raise

    def drain(self):
        """The raw packets that left by out0 since the last call."""
        packets = []
        for device in (self._out, self._in):
            while True:
                try:
                    data = os.read(device, 65536)
                except BlockingIOError:
                    break
                if device == self._out:
                    packets.append(data)
        return packets

    def preload(self, flows):
        """Replaces the conntrack table by `flows`: lines of `conntrack` options, without the command."""
        with self.inside():
            subprocess.run(["conntrack", "-F"], capture_output=True, check=False)
            if flows:
                text = "".join(f"-I {flow}\n" for flow in flows)
                done = subprocess.run(["conntrack", "-R", "-"], input=text, text=True, capture_output=True, check=False)
                if done.returncode != 0:
                    raise OSError(f"conntrack -R: {done.stderr.strip()}")

    def dump(self):
        """Reads the sets and the order of the commented rules."""
        done = self._nft("-j", "list", "ruleset")
        if done.returncode != 0:
            raise Unlistable(f"nft list ruleset: {done.stderr.strip()}")
        measured = Measured()
        positions = {}
        for item in json.loads(done.stdout)["nftables"]:
            if "set" in item:
                self._read_set(item["set"], measured)
            elif "rule" in item:
                rule = item["rule"]
                place = f"{rule['family']} {rule['table']}/{rule['chain']}"
                index = positions.get(place, 0)
                positions[place] = index + 1
                comment = rule.get("comment", "")
                if comment.startswith("r") and comment[1:].isdigit():
                    measured.order[int(comment[1:])] = f"{place}/{index}"
        return measured

    @staticmethod
    def _read_set(item, measured):
        name, elements = item["name"], item.get("elem", [])
        if item["table"] == PROBE and name.startswith("bit"):
            measured.probed[PROBED_BITS[int(name[3:])]].update(elements)
        elif item["table"] in (CAPTURE, PROBE):
            into = getattr(measured, name) if item["table"] == CAPTURE else measured.probed[name.removeprefix("ct_")]
            for element in elements:
                key, value = element["concat"]
                into[key] = value
        elif name.startswith("hit") and name[3:].isdigit():
            measured.hits.setdefault(int(name[3:]), set()).update(elements)

    def measure(self, text, packets, flows=(), drop=True):
        """Loads, injects and reads back. Raises Rejected when nft refuses the text."""
        self.load(text, drop)
        return self.measure_loaded(packets, flows)

    def measure_loaded(self, packets, flows=()):
        """Injects the first batch after a load and reads back."""
        if self.conntrack:
            self.preload(flows)
        self.inject(packets)
        return self.dump()
