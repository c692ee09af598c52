"""Packets through the conntrack of this machine's kernel, in a network namespace of its own.

Reads frames on stdin and answers on stdout, both with a length in front (u32, little endian):

  C LINE           a command to run, its words separated by blanks; the answer is its exit status (u32)
  W KEY VALUE      /proc/sys/net/netfilter/KEY is set; the answer is 0, or 1 where the kernel refuses
  N TEXT           `nft -f -`; the answer is its exit status
  B RECORD...      packets; the answer is as many results

A record: u16 length of the packet, the packet (IPv4), 12 bytes of the tuple it belongs to (source and destination
address, ports), u32 timeout in seconds to give the entry before (0: leave it), u32 microseconds to sleep before all.
A result: f64 before and f64 after all of it, seconds (monotonic), u8 class, u8 found, 12 bytes of the original tuple,
u32 timeout, u32 status, u8 state, u8 and u8 flags, u8 and u8 window scales of both directions.

A packet written to the TUN device `in0` is forwarded to `out0` before write(2) returns. The forward hook writes the class
conntrack gave it into the DSCP: 1 invalid, 2 new, 3 established, 4 established in reply direction; 0: nothing came out.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001

SETUP = """
link set lo up
addr add 192.0.2.1/32 dev in0
addr add 198.51.100.1/32 dev out0
link set in0 txqueuelen 1000 up
link set out0 txqueuelen 1000 up
route add default dev out0
"""

RULES = """
table ip classify {
 chain forward {
  type filter hook forward priority 0; policy accept;
  ct state invalid ip dscp set 1 accept
  ct state new ip dscp set 2 accept
  ct state established ct direction reply ip dscp set 4 accept
  ct state established ip dscp set 3 accept
 }
}
"""

# include/uapi/linux/netfilter/nfnetlink_conntrack.h
NLM_F_REQUEST, NLM_F_ACK = 1, 4
CT_NEW, CT_GET = 0x100, 0x101
TUPLE_ORIG, STATUS, PROTOINFO, TIMEOUT = 1, 3, 4, 7


def attribute(kind, payload, nested=False):
    head = struct.pack("=HH", 4 + len(payload), kind | (0x8000 if nested else 0))
    return head + payload + b"\0" * (-len(payload) % 4)


def attributes(data):
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + size]
        at += (size + 3) & ~3


def tuple_attribute(raw):
    address = attribute(1, attribute(1, raw[0:4]) + attribute(2, raw[4:8]), True)
    ports = attribute(2, attribute(1, b"\x06") + attribute(2, raw[8:10]) + attribute(3, raw[10:12]), True)
    return attribute(TUPLE_ORIG, address + ports, True)


def tuple_of(data):
    out = bytearray(12)
    for kind, value in attributes(data):
        for inner, part in attributes(value):
            if kind == 1 and inner in (1, 2):
                out[4 * (inner - 1) : 4 * inner] = part[:4]
            if kind == 2 and inner in (2, 3):
                out[4 + 2 * inner : 6 + 2 * inner] = part[:2]
    return bytes(out)


class Table:
    """The table through ctnetlink."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.socket.bind((0, 0))
        self.sequence = 0

    def ask(self, kind, payload, flags):
        self.sequence += 1
        body = struct.pack("!BBH", socket.AF_INET, 0, 0) + payload
        head = struct.pack("=IHHII", 16 + len(body), kind, flags, self.sequence, 0)
        self.socket.send(head + body)
        data = self.socket.recv(65536)
        return struct.unpack_from("=H", data, 4)[0], data

    def get(self, raw):
        kind, data = self.ask(CT_GET, tuple_attribute(raw), NLM_F_REQUEST)
        if kind == 2:
            return None
        timeout = status = state = 0
        flags, scales = [0, 0], [0, 0]
        original = b"\0" * 12
        for name, value in attributes(data[20 : struct.unpack_from("=I", data)[0]]):
            if name == TUPLE_ORIG:
                original = tuple_of(value)
            elif name == STATUS:
                status = struct.unpack("!I", value)[0]
            elif name == TIMEOUT:
                timeout = struct.unpack("!I", value)[0]
            elif name == PROTOINFO:
                for _, tcp in attributes(value):
                    for inner, part in attributes(tcp):
                        if inner == 1:
                            state = part[0]
                        elif inner in (2, 3):
                            scales[inner - 2] = part[0]
                        elif inner in (4, 5):
                            flags[inner - 4] = part[0]
        if kind != CT_NEW:
            raise OSError(f"ctnetlink answered with message {kind:#x}")
        return original, timeout, status, state, flags, scales

    def set_timeout(self, raw, seconds):
        payload = tuple_attribute(raw) + attribute(TIMEOUT, struct.pack("!I", seconds))
        self.ask(CT_NEW, payload, NLM_F_REQUEST | NLM_F_ACK)


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    return device


def sysctl(key, value):
    try:
        with open(f"/proc/sys/net/{key}", "w") as file:
            file.write(str(value))
        return 0
    except OSError:
        return 1


def run(words, text=None):
    done = subprocess.run(words, input=text, text=True, capture_output=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return done.returncode


class Kernel:
    """Two TUN devices and the table."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "no network namespace")
        self.enter, self.leave = tun("in0"), tun("out0")
        if run(["ip", "-batch", "-"], SETUP) or run(["nft", "-f", "-"], RULES):
            raise OSError("ip or nft failed")
        sysctl("ipv4/ip_forward", 1)
        for name in ("all", "default", "in0", "out0"):
            sysctl(f"ipv4/conf/{name}/rp_filter", 0)
        sysctl("netfilter/nf_conntrack_max", 1 << 20)
        self.table = Table()

    def drain(self):
        """The class of the last packet of TCP that came out."""
        found = 0
        while True:
            try:
                data = os.read(self.leave, 65536)
            except BlockingIOError:
                return found
            if data and data[0] >> 4 == 4 and data[9] == 6:
                found = data[1] >> 2

    def packet(self, raw, key, timeout, sleep_us):
        if sleep_us:
            time.sleep(sleep_us / 1e6)
        before = time.monotonic()
        if timeout:
            self.table.set_timeout(key, timeout)
        os.write(self.enter, raw)
        number = self.drain()
        entry = self.table.get(key)
        after = time.monotonic()
        if entry is None:
            return struct.pack("<ddBB27x", before, after, number, 0)
        original, left, status, state, flags, scales = entry
        return struct.pack("<ddBB12sIIBBBBB2x", before, after, number, 1, original, left, status, state, *flags, *scales)

    def batch(self, data):
        out, at = [], 0
        while at < len(data):
            size = struct.unpack_from("<H", data, at)[0]
            raw = data[at + 2 : at + 2 + size]
            at += 2 + size
            key = data[at : at + 12]
            timeout, sleep_us = struct.unpack_from("<II", data, at + 12)
            at += 20
            out.append(self.packet(raw, key, timeout, sleep_us))
        return b"".join(out)


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def answer(data):
        sink.write(struct.pack("<I", len(data)) + data)
        sink.flush()

    try:
        kernel = Kernel()
    except OSError as error:
        answer(f"no: {error}".encode())
        return
    answer(b"ready")
    while head := source.read(4):
        frame = source.read(struct.unpack("<I", head)[0])
        kind, rest = frame[:1], frame[1:]
        if kind == b"B":
            answer(kernel.batch(rest))
        elif kind == b"W":
            key, value = rest.decode().split()
            answer(struct.pack("<I", sysctl("netfilter/" + key, value)))
        elif kind == b"N":
            answer(struct.pack("<I", run(["nft", "-f", "-"], rest.decode())))
        else:
            answer(struct.pack("<I", run(rest.decode().split())))


main()
