"""Checks the harness itself against kernel behaviour that is known from other sources, without casebook.

Each case is a ruleset, packets, and for every packet the final mark, or None when it must not pass.
"""

import random
import struct
import sys
import unittest

import generate
import kernel as kernels
import oracle
from packets import Packet, Pool, Wanted, checksum, icmp, ipv4, ipv6, packets, tcp, udp

V4, V6 = ("10.0.0.1", "172.16.0.1"), ("fd00:a::1", "fd00:b::1")
RNG = random.Random(1)
BOTH = ("ip", "ip6")


def segment(tag, dport=80, flags=0x02, path="forward", fragment=0, pair=V4):
    """A TCP segment over IPv4, without options."""
    data = struct.pack("!HHIIBBHHH", 1000, dport, 1, 0, 0x50, flags, 8192, 0, 0)
    return Packet(ipv4(tag, *pair, 6, data, fragment=fragment), path, tag)


def segment6(tag, dport=80, path="forward"):
    """A TCP segment over IPv6."""
    return Packet(ipv6(tag, *V6, 6, tcp(RNG, *V6, 1000, dport, 2)), path, tag)


def datagram(tag, dport=80):
    """A UDP datagram over IPv4."""
    return Packet(ipv4(tag, *V4, 17, udp(RNG, *V4, 1000, dport)), "forward", tag)


def base(body, hook="forward", priority=0, policy="accept", family="inet", kind="filter", name="f"):
    """A table with one base chain."""
    return (f"table {family} t {{\n chain {name} {{\n  type {kind} hook {hook} priority {priority}; policy {policy};\n"
            f"  {body}\n }}\n}}\n")


def flow(options):
    """A segment of a flow that conntrack knows."""
    packet = segment(1, flags=0x10)
    packet.flow = f"-p tcp -s {V4[0]} -d {V4[1]} --sport 1000 --dport 80 -t 60 --state ESTABLISHED {options}"
    return packet


def message(tag, kind):
    """An ICMP message of this type."""
    return Packet(ipv4(tag, *V4, 1, struct.pack("!BBHHH", kind, 0, 0, 1, 1)), "forward", tag)


def port_unreachable(tag):
    """The error of another host about a datagram of a known flow."""
    inner = ipv4(1, V4[1], "10.0.0.9", 17, struct.pack("!HHHH", 53, 1000, 8, 0))
    error = struct.pack("!BBHI", 3, 3, 0, 0) + inner
    error = error[:2] + struct.pack("!H", checksum(error)) + error[4:]
    flow_line = f"-p udp -s {V4[1]} -d 10.0.0.9 --sport 53 --dport 1000 -t 60 -u SEEN_REPLY -m 3"
    return Packet(ipv4(tag, *V4, 1, error), "forward", tag, flow_line)


FLAG_TESTS = {"{ syn }": [0x02, 0x12], "!= { syn }": [0x12, 0x10], "syn": [0x02, 0x12], "== syn": [0x02], "!= syn": [0x12, 0x10], "! syn": [0x10],
              "{ syn, ack }": [0x02, 0x10], "syn / syn,ack": [0x02], "syn,ack": [0x02, 0x12, 0x10]}

# name, families with conntrack, ruleset, [(packet, final mark or None)]
CASES = [
    ("effects before a break stay", (), base("meta mark set 3 tcp dport 99 drop"), [(segment(1), 3), (datagram(2), 3)]),
    ("effects are visible in the same rule", (), base("meta mark set 1 meta mark 1 accept", policy="drop"),
     [(segment(1), 1)]),
    ("an absent field breaks `!=` too", (), base("tcp dport != 22 drop"),
     [(segment(1, 22), 0), (segment(2, 23), None), (datagram(3), 0), (segment6(4, 23), None)]),
    ("`ip` in inet never touches IPv6", (), base("ip saddr != 10.0.0.0/8 drop"), [(segment(1), 0), (segment6(2), 0)]),
    ("oifname is empty in prerouting", (), base('oifname != "eth0" drop', "prerouting"), [(segment(1), None)]),
    ("a later fragment matches without conntrack", (), base("tcp dport 9999 drop"),
     [(segment(1, 9999, fragment=100), None), (segment(2, 80, fragment=100), 0)]),
    ("a slow-path load breaks on a later fragment", (), base("@th,0,24 != 1 drop"),
     [(segment(1, fragment=100), 0), (segment(2), None)]),
    ("a map miss breaks", (), base("meta mark set tcp dport map { 22 : 1 } drop"),
     [(segment(1, 22), None), (segment(2, 80), 0)]),
    ("a vmap miss goes on, the catch-all does not", (),
     base("tcp dport vmap { 22 : drop }\n  tcp dport vmap { 23 : accept, * : drop }"),
     [(segment(1, 22), None), (segment(2, 23), 0), (segment(3, 24), None), (datagram(4), 0)]),
    ("goto from a base chain ends in the policy", (),
     "table inet t {\n chain c {\n }\n chain f {\n  type filter hook forward priority 0; policy drop;\n  goto c\n"
     "  accept\n }\n}\n", [(segment(1), None)]),
    ("a goto inside a jump returns to the jump", (),
     "table inet t {\n chain b {\n }\n chain a {\n  goto b\n  drop\n }\n chain f {\n"
     "  type filter hook forward priority 0; policy drop;\n  jump a\n  accept\n }\n}\n", [(segment(1), 0)]),
    ("return in a base chain is the policy", (), base("return\n  accept", policy="drop"), [(segment(1), None)]),
    ("accept is not final for the next base chain", (),
     base("accept", priority=0) + base("tcp dport 80 drop", priority=1, name="g"), [(segment(1), None)]),
    ("at equal priority the newest runs first", (),
     "".join(base(f"meta mark 0 meta mark set {n}", name=f"c{n}") for n in (1, 2, 3)), [(segment(1), 3)]),
    ("ttl is decremented in forward", (), base("ip ttl 63 meta mark set 9"), [(segment(1), 9)]),
    ("inserts come out reversed", (),
     base("counter") + "insert rule inet t f meta mark 0 meta mark set 1\ninsert rule inet t f meta mark 0 meta mark set 2\n",
     [(segment(1), 2)]),
    ("add index is after, insert index is before", (),
     base("meta mark 0 meta mark set 1\n  meta mark set mark or 0x10")
     + "add rule inet t f index 0 meta mark 1 meta mark set 2\ninsert rule inet t f index 0 meta mark 2 meta mark set 3\n",
     [(segment(1), 0x12)]),
    ("th needs no transport protocol", (), base("th dport != 1 drop"),
     [(Packet(ipv4(1, *V4, 1, icmp(RNG, *V4, 1)), "forward", 1), None), (datagram(2), None)]),
    ("reject does not pass", (), base("reject"), [(segment(1), None), (datagram(2), None), (segment6(3), None)]),
    ("input and output have hooks of their own", (), base("meta mark set 1", "input") + base("meta mark set 2", "output", name="o"),
     [(segment(1, path="input", pair=("10.0.0.1", "192.168.77.1")), 1), (segment(2, path="output"), 2),
      (segment(3), 0), (segment6(4, path="output"), 2)]),
    ("without an expression that needs it there is no conntrack and no nat chain is entered", (),
     base("drop", "prerouting", -100, kind="nat"), [(segment(1), 0)]),
    ("ct state", BOTH, base("ct state vmap { new : continue, invalid : drop }\n  ct state new meta mark set 1"),
     [(segment(1), 1), (segment(2, flags=0x03), None), (segment(3, flags=0x10), 1)]),
    ("ct state before conntrack is invalid", BOTH, base("ct state invalid drop", "prerouting", -300), [(segment(1), None)]),
    ("notrack", BOTH, base("notrack", "prerouting", -300) + base("ct state untracked meta mark set 4", name="g"),
     [(segment(1), 4)]),
    ("an established flow", BOTH, base("ct state established ct status assured meta mark set ct mark"),
     [(flow("-u SEEN_REPLY,ASSURED -m 7"), 7)]),
    ("ct mark breaks without an entry", BOTH,
     base("notrack", "prerouting", -300) + base("ct mark != 5 drop", name="g"), [(segment(1), 0)]),
    ("nat chains run at the dispatcher's place", BOTH,
     base("tcp dport 80 dnat ip to 172.16.0.2:81", "prerouting", 50, kind="nat", name="n")
     + base("tcp dport 80 meta mark set 1", "prerouting", -110, name="early")
     + base("tcp dport 81 meta mark set mark or 2", "prerouting", -90, name="late"), [(segment(1), 3)]),
    ("the dependency of an extension header stands first in the rule", (), base("meta mark set 5 frag frag-off != 0"),
     [(segment(1), 0), (segment6(2), 5)]),
    ("icmp id implies the type", (), base("icmp id != 7 drop"), [(message(1, 8), None), (message(2, 13), 0)]),
    ("a related error meets no nat chain", BOTH, base("counter", "postrouting", 100, "drop", kind="nat", name="n")
     + base("snat ip to 198.51.100.9", "postrouting", 110, kind="nat", name="m"), [(port_unreachable(1), 0), (segment(2), None)]),
    ("a write breaks on a later fragment", (), base("tcp dport set 99 drop"),
     [(segment(1, fragment=100), 0), (segment(2), None)]),
    *((f"tcp flags {test}", (), base(f"tcp flags {test} drop"),
       [(segment(n + 1, flags=bits), None if bits in hits else 0) for n, bits in enumerate((0x02, 0x12, 0x10))])
      for test, hits in FLAG_TESTS.items()),
]


class KernelTest(unittest.TestCase):
    """The cases, and the bookkeeping of the harness."""

    @classmethod
    def setUpClass(cls):
        cls.kernels = {}

    @classmethod
    def tearDownClass(cls):
        for judge in cls.kernels.values():
            judge.close()

    def kernel(self, families):
        """A namespace with conntrack for `families`, kept between tests."""
        families = frozenset(families)
        if families not in self.kernels:
            self.kernels[families] = kernels.Kernel(families)
        return self.kernels[families]

    def test_known_behaviour(self):
        for name, families, text, sent in CASES:
            with self.subTest(name):
                flows = [packet.flow for packet, _ in sent if packet.flow]
                measured = self.kernel(families).measure(text, [packet for packet, _ in sent], flows)
                marks = [measured.passed.get(kernels.key_of(packet.raw)) for packet, _ in sent]
                self.assertEqual(marks, [mark for _, mark in sent])

    def test_every_generated_packet_passes_an_empty_ruleset(self):
        for families in ((), ("ip",), ("ip6",), BOTH):
            rng = random.Random(7)
            sent = packets(rng, 3000, Pool(rng), Wanted(conntrack=frozenset(families)))
            measured = self.kernel(families).measure("", sent, [packet.flow for packet in sent if packet.flow])
            lost = [packet.raw.hex() for packet in sent if kernels.key_of(packet.raw) not in measured.passed]
            self.assertEqual(lost, [], families)

    def test_recorded_packets_are_those_that_leave(self):
        judge = self.kernel(())
        judge.drain()
        sent = [segment(1, 80), segment(2, 81), segment6(3), segment(4, 80, path="output")]
        measured = judge.measure(base("tcp dport 81 drop"), sent, drop=False)
        left = {kernels.key_of(raw) for raw in judge.drain()}
        keys = [kernels.key_of(packet.raw) for packet in sent]
        self.assertEqual([key in left for key in keys], [True, False, True, True])
        self.assertEqual([key in measured.passed for key in keys], [True, False, True, True])

    def test_flows_of_all_states_appear(self):
        rng = random.Random(3)
        sent = packets(rng, 400, Pool(rng), Wanted(conntrack=frozenset(BOTH)))
        lab = oracle.Lab()
        self.addCleanup(lab.close)
        self.assertEqual(lab.control(sent, frozenset(BOTH)), [])
        seen = {packet.ct["state"] for packet in sent}
        self.assertLessEqual({"new", "established", "related", "invalid"}, seen)
        self.assertIn("reply", {packet.ct.get("direction") for packet in sent})

    def test_helper_chains_record_the_rule_of_a_verdict_map(self):
        chain = generate.Chain(generate.Table("inet", "t"), "f", ("filter", "forward", 0, "drop"))
        vmap = ("tcp dport", "inet_service", False, False, [("22", "accept"), ("23", "continue"), ("24", "return")])
        rule = generate.Rule(0, chain, [], "", vmap, "block")
        helpers = "\n".join(f" chain {name} {{\n  {text}\n }}" for name, text in rule.helpers())
        text = (f"table inet t {{\n set hit0 {{ typeof {kernels.TAG}; size 9; flags dynamic; }}\n{helpers}\n"
                f" chain f {{\n  {chain.head()}\n  {rule.instrumented()}\n  tcp dport 23 accept\n }}\n}}\n")
        sent = [segment(n, port) for n, port in ((1, 22), (2, 23), (3, 24), (4, 25))]
        measured = self.kernel(()).measure(text, sent)
        keys = [kernels.key_of(packet.raw) for packet in sent]
        self.assertEqual([key in measured.hits[0] for key in keys], [True, True, True, False])
        self.assertEqual([key in measured.passed for key in keys], [True, True, False, False])
        self.assertEqual(measured.order, {0: "inet t/f/0"})

    def test_a_wrong_outcome_is_noticed(self):
        packet = segment(1)
        measured = self.kernel(()).measure(base("meta mark set 3"), [packet])
        agreed = {"verdict": "accept", "hits": [], "mark": 3}
        self.assertEqual(oracle.differences(packet, agreed, measured), [])
        for wrong in ({"verdict": "drop"}, {"mark": 2}, {"hits": ["inet t/f/0"]}):
            self.assertEqual(len(oracle.differences(packet, agreed | wrong, measured)), 1, wrong)
        self.assertIsNone(oracle.differences(packet, agreed | {"verdict": "unknown"}, measured))

    def test_checksum_of_a_known_header(self):
        # the worked example of RFC 1071, section 3
        self.assertEqual(checksum(bytes.fromhex("0001f203f4f5f6f7")), ~0xDDF2 & 0xFFFF)


if __name__ == "__main__":
    REASON = oracle.unavailable()
    if REASON:
        print(f"kernel oracle: skipped: {REASON}")
        sys.exit(2 if "--require" in sys.argv else 0)
    unittest.main(argv=[sys.argv[0]])
