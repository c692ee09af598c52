"""Random packets whose fields come from the pool of constants that the ruleset was made of."""

import ipaddress
import struct
from dataclasses import dataclass, field

TCP, UDP, ICMP, ICMPV6, GRE = 6, 17, 1, 58, 47
SOURCES_4 = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.5", "10.0.1.255", "10.1.0.0", "10.9.0.5", "10.128.0.1"]
REMOTE_4 = ["172.16.0.1", "172.16.0.2", "172.16.1.1", "172.16.255.255", "203.0.113.7", "100.64.0.1"]
LOCAL_4 = ["192.168.77.1", "192.168.77.2", "192.168.77.130"]
SOURCES_6 = ["fd00:a::1", "fd00:a::2", "fd00:a::3", "fd00:a:0:1::5", "fd00:a:ffff::1", "fd00:a::ffff"]
REMOTE_6 = ["fd00:b::1", "fd00:b::2", "fd00:b:1::1", "2001:db8::7", "fd00:b::ffff:ffff"]
LOCAL_6 = ["fd00:c::1", "fd00:c::2", "fd00:c:0:1::1"]
PORTS = [22, 53, 80, 81, 443, 1024, 2048, 8080, 9100, 65535]
MARKS = [0, 1, 2, 3, 5, 7, 0x10, 0x51, 0xFF, 0x100, 0x80000001]
FLAGS = [0x02, 0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x01, 0x00, 0x03, 0x29, 0x3F, 0x42, 0xC2, 0xFF]
TTLS = [2, 3, 63, 64, 65, 128, 255]
DSCPS = [0, 8, 10, 12, 46, 63]
ICMP_TYPES = [0, 3, 5, 8, 8, 11, 12, 13, 17]
ICMPV6_TYPES = [1, 2, 3, 4, 128, 128, 129, 133, 135, 136, 143]
LABELS = [0x00000, 0x10000, 0x50000, 0xF0000]
TCP_OPTIONS = [b"", b"\x02\x04\x05\xb4", b"\x01\x01\x04\x02", b"\x02\x04\x02\x00\x01\x03\x03\x07",
               b"\x08\x0a" + bytes(8) + b"\x01\x01"]


@dataclass
class Packet:
    """A packet on its way: `flow` is the conntrack entry that must exist before it is sent."""

    raw: bytes
    path: str
    tag: int
    flow: str | None = None
    ct: dict = field(default_factory=dict)


@dataclass
class Wanted:
    """What the ruleset lets the packet generator do."""

    paths: tuple = ("input", "forward", "output")
    conntrack: frozenset = frozenset()
    fragments: bool = True
    flows: float = 0.25
    kinds: dict = field(default_factory=dict)


def checksum(data):
    """The internet checksum of `data`."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def address(text):
    """The bytes of an address."""
    return ipaddress.ip_address(text).packed


def near(rng, value, low=0, high=65535):
    """A value or one of its neighbours: constants of rules are boundaries."""
    return min(high, max(low, value + rng.choice((0, 0, 0, 0, -1, 1))))


def ipv4(tag, source, target, protocol, payload, ttl=64, tos=0, fragment=0, options=b""):
    """An IPv4 packet with a right header checksum."""
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | words, tos, words * 4 + len(payload), tag, fragment, ttl, protocol, 0)
    head += address(source) + address(target) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(tag, source, target, protocol, payload, hops=64, traffic=0, label=0):
    """An IPv6 packet; the tag is the low half of the flow label."""
    first = 0x60000000 | traffic << 20 | label | tag
    return struct.pack("!IHBB", first, len(payload), protocol, hops) + address(source) + address(target) + payload


def _with_checksum(source, target, protocol, data, offset):
    """Writes the transport checksum at `offset` (pseudo header included where the protocol has one)."""
    pseudo = b""
    if protocol != ICMP:
        if ":" in source:
            pseudo = address(source) + address(target) + struct.pack("!II", len(data), protocol)
        else:
            pseudo = address(source) + address(target) + struct.pack("!HH", protocol, len(data))
    value = checksum(pseudo + data)
    return data[:offset] + struct.pack("!H", value or 0xFFFF) + data[offset + 2:]


def tcp(rng, source, target, sport, dport, flags=None):
    """A TCP segment, now and then with options or a strange header length."""
    options = rng.choice(TCP_OPTIONS) if rng.random() < 0.3 else b""
    sequence = rng.choice((0, 1, 1000, 0xFFFFFFFF))
    window = rng.choice((0, 1024, 8192, 65535))
    flags = rng.choice(FLAGS) if flags is None else flags
    ack = rng.choice((0, 1)) if flags & 0x10 else 0
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", sport, dport, sequence, ack, offset, flags, window, 0, rng.choice((0, 0, 5)))
    return _with_checksum(source, target, TCP, head + options + rng.choice((b"", b"data")), 16)


def udp(rng, source, target, sport, dport):
    """A UDP datagram."""
    payload = rng.choice((b"", b"abcd", b"longer payload"))
    data = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return _with_checksum(source, target, UDP, data, 6)


def icmp(rng, source, target, protocol):
    """An ICMP or ICMPv6 message that is not part of a known flow."""
    kind = rng.choice(ICMP_TYPES if protocol == ICMP else ICMPV6_TYPES)
    code = rng.choice((0, 0, 0, 1, 3, 4))
    data = struct.pack("!BBHHH", kind, code, 0, rng.choice((0, 1, 7, 0x1234)), rng.choice((0, 1, 9))) + bytes(24)
    return _with_checksum(source, target, protocol, data, 2)


def _transport(rng, source, target, six, pool):
    """(protocol, bytes) of a transport header."""
    sport, dport = near(rng, rng.choice(pool.ports)), near(rng, rng.choice(pool.ports))
    kind = rng.choices(("tcp", "udp", "icmp", "other", "wrong"), (50, 25, 14, 9, 2))[0]
    if kind == "tcp":
        return TCP, tcp(rng, source, target, sport, dport)
    if kind == "udp":
        return UDP, udp(rng, source, target, sport, dport)
    if kind == "icmp":
        protocol = ICMPV6 if six else ICMP
        return protocol, icmp(rng, source, target, protocol)
    if kind == "wrong":  # the other family's ICMP
        protocol = ICMP if six else ICMPV6
        return protocol, icmp(rng, source, target, protocol)
    protocol = rng.choice((132, 136, GRE, 33, 50, 51, 253, 253))
    ports = struct.pack("!HH", sport, dport)
    if protocol == 132:  # sctp: an INIT chunk
        return protocol, ports + struct.pack("!IIBBHIIHHI", 0, 0, 1, 0, 20, 1, 1500, 1, 1, 1)
    if protocol in (50, 51):
        return protocol, struct.pack("!II", rng.choice((1, 0x100)), 1) + bytes(16)
    # at least 8 bytes: nat drops a GRE packet that is too short for its key
    return protocol, ports + bytes(rng.choice((4, 4, 20)))


def _fragment_4(rng):
    """The fragment word of an IPv4 header."""
    return rng.choice((0x2000, 0x2000, 0x0001, 0x2003, 0x00B9, 0x1FFF))


def _plain_4(rng, tag, path, source, target, pool, fragments):
    protocol, data = _transport(rng, source, target, False, pool)
    fragment = rng.choice((0, 0, 0, 0x4000))
    # the host reassembles before its input hook: such a fragment meets no chain
    if fragments and path != "input" and rng.random() < 0.15:
        fragment = _fragment_4(rng)
    elif protocol != GRE and rng.random() < 0.06:
        data = data[: rng.randrange(0, 20)]
    options = rng.choice((b"\x01\x01\x01\x00", b"\x9e\x04\x00\x00\x01\x01\x01\x01")) if rng.random() < 0.05 else b""
    tos = rng.choice(pool.dscps) << 2 | rng.choice((0, 0, 1, 3))
    return ipv4(tag, source, target, protocol, data, rng.choice(pool.ttls), tos, fragment, options)


def _plain_6(rng, tag, source, target, pool, fragments):
    protocol, data = _transport(rng, source, target, True, pool)
    if fragments and rng.random() < 0.12:
        offset = rng.choice((0x0001, 0x0001, 0x0008, 0x0009, 0x0028))
        data = struct.pack("!BBHI", protocol, 0, offset, 7) + data
        protocol = 44
    elif protocol != GRE and rng.random() < 0.06:
        data = data[: rng.randrange(0, 20)]
    if rng.random() < 0.05:
        data = struct.pack("!BBBB4x", protocol, 0, 1, 4) + data
        protocol = rng.choice((0, 60))
    traffic = rng.choice(pool.dscps) << 2 | rng.choice((0, 0, 1, 3))
    return ipv6(tag, source, target, protocol, data, rng.choice(pool.ttls), traffic, rng.choice(LABELS))


def _flow_packet(rng, tag, source, target, pool, path):
    """A packet of a flow that conntrack already knows, or an ICMP error about one (`related`)."""
    six = ":" in source
    protocol = rng.choice(("tcp", "udp"))
    far, near_port = rng.choice(pool.ports), 20000 + tag % 40000
    status = rng.choice(("SEEN_REPLY,ASSURED", "SEEN_REPLY,ASSURED", "SEEN_REPLY"))
    mark = rng.choice(pool.marks)
    kind = rng.choice(("original", "reply", "related"))
    if kind == "original":
        first, second, sport, dport = source, target, near_port, far
    else:
        first, second, sport, dport = target, source, near_port, far
    flow = f"-p {protocol} -s {first} -d {second} --sport {sport} --dport {dport}"
    flow += f" -t 600 -u {status} -m {mark}" + (" --state ESTABLISHED" if protocol == "tcp" else "")
    number = TCP if protocol == "tcp" else UDP
    make = ipv6 if six else ipv4

    def segment(a, b, s, d):
        return tcp(rng, a, b, s, d, rng.choice((0x10, 0x18, 0x11))) if protocol == "tcp" else udp(rng, a, b, s, d)

    if kind == "original":
        raw = make(tag, source, target, number, segment(source, target, sport, dport))
    elif kind == "reply":
        raw = make(tag, source, target, number, segment(source, target, dport, sport))
    else:
        inner = make(1, first, second, number, segment(first, second, sport, dport))
        icmp_number, error = (ICMPV6, 1) if six else (ICMP, 3)
        reporter = rng.choice(pool.sources_6 if six else pool.sources_4)
        message = struct.pack("!BBHI", error, rng.choice((0, 1, 3)), 0, 0) + inner
        raw = make(tag, reporter, target, icmp_number, _with_checksum(reporter, target, icmp_number, message, 2))
    return Packet(raw, path, tag, flow)


def packets(rng, count, pool, wanted):
    """`count` packets with the tags 1, 2, 3 …; their keys differ from one another and from that of a reset."""
    # the kernel's own resets of IPv4 have 40 bytes and the id 0, which reads as tag 40 of an empty IPv6 packet
    result, keys = [], {struct.pack("!HH", 40, 0)}
    while len(result) < count:
        tag = len(result) + 1
        path = rng.choice(wanted.paths)
        six = rng.random() < pool.six
        family = "ip6" if six else "ip"
        source = rng.choice(pool.sources_6 if six else pool.sources_4)
        if path == "input":
            target = rng.choice(pool.local_6 if six else pool.local_4)
        else:
            target = rng.choice(pool.remote_6 if six else pool.remote_4)
        tracked = family in wanted.conntrack
        if tracked and rng.random() < wanted.flows:
            packet = _flow_packet(rng, tag, source, target, pool, path)
        else:
            fragments = wanted.fragments and not tracked  # conntrack's defrag keeps a lone fragment
            if six:
                raw = _plain_6(rng, tag, source, target, pool, fragments)
            else:
                raw = _plain_4(rng, tag, path, source, target, pool, fragments)
            packet = Packet(raw, path, tag)
        if packet.raw[2:6] not in keys:
            keys.add(packet.raw[2:6])
            result.append(packet)
    return result


class Pool:
    """The constants of one ruleset and its packets: few, so that they meet."""

    def __init__(self, rng):
        def some(values, low, high):
            return rng.sample(values, min(len(values), rng.randint(low, high)))

        self.sources_4, self.sources_6 = some(SOURCES_4, 2, 4), some(SOURCES_6, 2, 4)
        self.remote_4, self.remote_6 = some(REMOTE_4, 2, 3), some(REMOTE_6, 2, 3)
        self.local_4, self.local_6 = some(LOCAL_4, 1, 2), some(LOCAL_6, 1, 2)
        self.ports = some(PORTS, 3, 5)
        self.marks = some(MARKS, 3, 5)
        self.ttls, self.dscps = some(TTLS, 2, 4), some(DSCPS, 2, 3)
        self.six = rng.choice((0.1, 0.3, 0.5, 0.9))
