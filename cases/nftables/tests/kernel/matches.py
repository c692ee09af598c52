"""The vocabulary of the generator: random match expressions and effects in nft syntax.

Each function takes a `Scope` (see generate.py) and returns the text of one match or effect. They draw constants from
the same pool as the packets, so that about half of the matches of a rule hold.
"""

import ipaddress

from packets import ICMP_TYPES, ICMPV6_TYPES

FLAG_NAMES = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"]
STATES = ["new", "established", "related", "invalid", "untracked"]
ICMP_NAMES = ["echo-request", "echo-reply", "destination-unreachable", "time-exceeded", "redirect", "timestamp-request"]
ICMPV6_NAMES = ["echo-request", "echo-reply", "destination-unreachable", "packet-too-big", "nd-neighbor-solicit",
                "nd-neighbor-advert", "nd-router-solicit", "mld2-listener-report"]
PROTOCOLS = ["tcp", "udp", "icmp", "ipv6-icmp", "sctp", "udplite", "esp", "ah", "47", "253", "gre"]
DSCP_NAMES = ["cs0", "cs1", "af11", "af12", "ef", "0x3f", "46", "10"]
DEVICES = ["in0", "out0", "lo", "eth9"]


class Values:
    """A kind of value: how to write one, and what may be done with it."""

    def __init__(self, draw, set_type=None, top=None, prefix=None):
        self.draw, self.set_type, self.top, self.prefix = draw, set_type, top, prefix

    def one(self, scope):
        """A single value, as text; sometimes through a `define`."""
        return scope.named(self.text(self.draw(scope)))

    def text(self, value):
        """The value as nft writes it."""
        return str(value)

    def range(self, scope):
        """A range `low-high` of two values of the pool."""
        pair = [self.draw(scope) for _ in range(2)]
        if self.prefix:
            pair.sort(key=ipaddress.ip_address)
            if pair[0] == pair[1]:
                pair[1] = str(ipaddress.ip_address(pair[1]) + scope.rng.choice((1, 5)))
        else:
            pair.sort()
            pair[1] = max(pair[1], pair[0] + 1)
            if pair[1] > self.top:
                pair = [pair[0] - 1, pair[0]]
        return f"{self.text(pair[0])}-{self.text(pair[1])}"

    def cidr(self, scope):
        """A prefix that covers a value of the pool, host bits left in place now and then."""
        bits = scope.rng.choice(self.prefix)
        value = self.draw(scope)
        if scope.rng.random() < 0.8:
            value = str(ipaddress.ip_network(f"{value}/{bits}", strict=False).network_address)
        return f"{value}/{bits}"

    def element(self, scope, interval):
        """An element of a set."""
        form = scope.rng.choice(("one", "one", "range", "prefix" if self.prefix else "one")) if interval else "one"
        if form == "range" and self.top is not None:
            return self.range(scope)
        return self.cidr(scope) if form == "prefix" else self.text(self.draw(scope))


def _number(values, set_type=None, top=65535):
    return Values(lambda scope: scope.near(scope.rng.choice(values(scope.pool)), top), set_type, top)


class _Hex(Values):
    def text(self, value):
        return hex(value)


V4_BITS, V6_BITS = (8, 9, 15, 16, 24, 24, 30, 31, 32), (16, 32, 47, 48, 64, 64, 112, 127, 128)
SADDR4 = Values(lambda s: s.rng.choice(s.pool.sources_4), "ipv4_addr", 1, V4_BITS)
SADDR6 = Values(lambda s: s.rng.choice(s.pool.sources_6), "ipv6_addr", 1, V6_BITS)
DADDR4 = Values(lambda s: s.rng.choice(s.pool.remote_4 + s.pool.local_4), "ipv4_addr", 1, V4_BITS)
DADDR6 = Values(lambda s: s.rng.choice(s.pool.remote_6 + s.pool.local_6), "ipv6_addr", 1, V6_BITS)
PORT = _number(lambda pool: pool.ports, "inet_service")
TTL = _number(lambda pool: pool.ttls, None, 255)
LENGTH = _number(lambda pool: [20, 28, 32, 40, 44, 60, 64, 68])
WINDOW = _number(lambda pool: [0, 1024, 8192, 65535])
SEQUENCE = _number(lambda pool: [0, 1, 1000, 0xFFFFFFFF], None, 0xFFFFFFFF)
SMALL = _number(lambda pool: [0, 1, 2, 3, 5, 7, 9], None, 15)
ICMP_ID = _number(lambda pool: [0, 1, 7, 0x1234])
CODE = _number(lambda pool: [0, 1, 3, 4], "icmp_code", 255)
TAGS = _number(lambda pool: [10, 100, 500, 1000])
PROTO = Values(lambda s: s.rng.choice(PROTOCOLS), "inet_proto")
# nft 1.0.6 shifts the two bytes around `ip6 dscp` in host order before it looks in a named set: no set type
DSCP6 = Values(lambda s: s.rng.choice(DSCP_NAMES))
DSCP = Values(lambda s: s.rng.choice(DSCP_NAMES), "dscp")
ICMP_TYPE = Values(lambda s: s.rng.choice(ICMP_NAMES + [str(t) for t in ICMP_TYPES]), "icmp_type")
ICMPV6_TYPE = Values(lambda s: s.rng.choice(ICMPV6_NAMES + [str(t) for t in ICMPV6_TYPES]), "icmpv6_type")
DEVICE = Values(lambda s: s.rng.choice(DEVICES), "ifname")
NFPROTO = Values(lambda s: s.rng.choice(("ipv4", "ipv6")), "nf_proto")
ETHERTYPE = Values(lambda s: s.rng.choice(("ip", "ip6", "arp")), "ether_type")
MARK = _Hex(lambda s: s.near(s.rng.choice(s.pool.marks), 0xFFFFFFFF), "mark", 0xFFFFFFFF)
LABEL = _Hex(lambda s: s.rng.choice((0, 0x10000, 0x50000, 0xF0000, 0x10064, 0xFFFFF)), None, 0xFFFFF)


def relation(scope, expression, values):
    """`expression` compared in one of the ways its values allow."""
    rng = scope.rng
    forms = ["eq"] * 4 + ["ne"] * 2 + ["set"] * 3 + ["nset"]
    if values.top is not None:
        forms += ["range", "range", "nrange"]
        forms += [] if values.prefix else ["order", "order"]
    forms += ["prefix"] * 3 + ["nprefix", "masked"] if values.prefix else []
    forms += ["named", "named", "nnamed"] if values.set_type and "sets" not in scope.without else []
    form = rng.choice(forms)
    negate = "!= " if form.startswith("n") and form != "named" else ""
    if form in ("eq", "ne"):
        return f"{expression} {negate or rng.choice(('', '== '))}{values.one(scope)}"
    if form == "order":
        return f"{expression} {rng.choice(('<', '>', '<=', '>='))} {values.one(scope)}"
    if form in ("range", "nrange"):
        return f"{expression} {negate}{values.range(scope)}"
    if form in ("prefix", "nprefix"):
        return f"{expression} {negate}{values.cidr(scope)}"
    if form == "masked":
        mask, value = scope.mask(values.draw(scope))
        return f"{expression} & {mask} {rng.choice(('==', '!='))} {value}"
    if form in ("named", "nnamed"):
        return f"{expression} {negate}@{scope.named_set(values)}"
    elements = {values.element(scope, values.top is not None) for _ in range(rng.randint(1, 4))}
    return f"{expression} {negate}" + scope.named("{ " + ", ".join(sorted(elements)) + " }")


def _simple(*pairs):
    return lambda scope: relation(scope, *scope.rng.choice(pairs))


def tcp_flags(scope):
    """Every form of a flag test: any-of, exact, negated, masked, membership."""
    rng = scope.rng
    some = ",".join(rng.sample(FLAG_NAMES, rng.randint(1, 3)))
    full = rng.sample(["fin", "syn", "rst", "ack"], rng.randint(2, 4))
    part = ",".join(rng.sample(full, rng.randint(1, len(full))))
    full_pipe, full = "|".join(full), ",".join(full)
    return "tcp flags " + rng.choice((
        some, some, f"== {some.split(',')[0]}", f"!= {some.split(',')[0]}", f"! {some}", f"== {some}", f"!= {some}",
        "{ " + some.replace(",", ", ") + " }", "!= { " + some.replace(",", ", ") + " }", f"{part} / {full}",
        f"!= {part} / {full}", f"& ({full_pipe}) == {part.replace(',', '|')}", f"& ({full_pipe}) != 0",
        f"& ({full_pipe}) == 0", "& syn == syn", f"& ({full_pipe}) != {part.split(',')[0]}", "0x12", "== 0x0",
        "{ syn, syn | ack }", f"& {rng.choice(('0x3f', '0x12', '0xff'))} == {rng.choice(('0x2', '0x12', '0x0'))}",
    ))


def ct_state(scope):
    """A connection state test."""
    rng = scope.rng
    some = rng.sample(STATES, rng.randint(1, 3))
    return "ct state " + rng.choice((
        ",".join(some), ",".join(some), "{ " + ", ".join(some) + " }", f"!= {some[0]}", f"!= {','.join(some)}",
        f"! {','.join(some)}", f"== {some[0]}", "!= { " + ", ".join(some) + " }", some[0],
    ))


def ct_status(scope):
    """A connection status test."""
    rng = scope.rng
    some = rng.sample(["seen-reply", "assured", "confirmed", "expected", "snat", "dnat"], rng.randint(1, 2))
    return "ct status " + rng.choice((",".join(some), f"! {some[0]}", f"!= {some[0]}", f"== {some[0]}", some[0]))


def ct_other(scope):
    """The rarer keys of an entry."""
    rng = scope.rng
    forms = ["ct direction " + rng.choice(("original", "reply", "!= reply")), "ct zone 0", "ct zone != 0",
             "ct l3proto " + rng.choice(("ipv4", "ipv6")), "ct protocol " + rng.choice(("tcp", "udp", "!= tcp")),
             f"ct original proto-dst {PORT.one(scope)}", f"ct reply proto-src != {PORT.one(scope)}"]
    forms.append(relation(scope, "ct original ip saddr", SADDR4) if scope.family != "ip6"
                 else f"ct original ip6 saddr {SADDR6.cidr(scope)}")
    return rng.choice(forms)


def masked_mark(scope, key):
    """A mark test through a mask."""
    rng = scope.rng
    mask = rng.choice((0x1, 0x3, 0xFF, 0xF0, 0x80000000, 0xFFFFFF00))
    value = rng.choice(scope.pool.marks) & mask
    return rng.choice((f"{key} & {mask:#x} {rng.choice(('==', '!='))} {value:#x}", f"{key} and {mask:#x} == {value:#x}",
                       f"{key} & {mask:#x} {{ {value:#x}, {mask:#x} }}", f"{key} ^ {mask:#x} == {value:#x}",
                       f"{key} | {mask:#x} == {value | mask:#x}"))


def raw_payload(scope):
    """A raw payload load: byte-aligned (fast and slow path of the kernel) and bit fields."""
    rng = scope.rng
    port = rng.choice(scope.pool.ports)
    high = port >> 8
    return rng.choice((
        f"@th,16,16 {port}", f"@th,0,16 != {port}", f"@th,16,8 {high}", f"@th,16,16 {{ {port}, 53 }}", "@nh,0,4 4",
        "@nh,0,4 != 6", f"@nh,64,8 {rng.choice(scope.pool.ttls)}", "@nh,72,8 { 6, 17 }", "@nh,72,8 != 6",
        "@nh,56,8 64", f"@th,104,8 {rng.choice((2, 16, 18))}", "@th,107,1 1", "@th,100,4 0", f"@th,0,24 != {port << 8}",
        f"@th,0,64 != {port}", f"@th,16,16 {port}-65535", f"@th,16,16 & 0xff00 == {high << 8:#x}", "@nh,96,8 10",
        "@th,0,128 != 1", "@th,160,16 != 0", "@nh,0,8 & 0xf == 5",
    ))


def extension(scope):
    """Extension headers and TCP options."""
    rng = scope.rng
    forms = ["tcp option maxseg exists", "tcp option maxseg missing", "tcp option maxseg size 1460",
             "tcp option maxseg size != 512", "tcp option maxseg size < 1461", "tcp option sack-perm exists",
             "tcp option window exists", "tcp option window count 7", "tcp option timestamp exists",
             "tcp option timestamp tsval 0", "tcp option nop exists"]
    if scope.family != "ip":
        forms += ["exthdr frag exists", "exthdr frag missing", "exthdr hbh exists", "exthdr dst missing",
                  "frag more-fragments 1", "frag frag-off 0", "frag frag-off != 0", "frag nexthdr tcp", "frag id 7",
                  "hbh nexthdr tcp", "dst nexthdr != udp", "frag frag-off > 0"]
    return rng.choice(forms)


def bit_fields(scope):
    """Header fields that share bytes."""
    rng = scope.rng
    four = ["ip frag-off & 0x1fff != 0", "ip frag-off & 0x2000 != 0", "ip frag-off 0x4000", "ip version 4",
            "ip frag-off != 0", "ip frag-off { 0, 0x4000 }", "ip hdrlength 5", "ip hdrlength != 5", "ip hdrlength > 5",
            "ip ecn not-ect", "ip ecn ce", "ip ecn != ect1", "ip frag-off & 0x3fff == 0"]
    six = ["ip6 version 6", "ip6 ecn ce", "ip6 ecn != not-ect", relation(scope, "ip6 flowlabel", LABEL)]
    return rng.choice({"ip": four, "ip6": six, "inet": four + six}[scope.family])


def concatenation(scope):
    """A lookup of several fields at once."""
    rng = scope.rng
    v4 = scope.family == "ip" or scope.family == "inet" and rng.random() < 0.6
    addresses = [("ip saddr", SADDR4), ("ip daddr", DADDR4)] if v4 else [("ip6 saddr", SADDR6), ("ip6 daddr", DADDR6)]
    rest = [("tcp dport", PORT), ("meta l4proto", PROTO), ("iifname", DEVICE), ("meta mark", MARK), ("th dport", PORT),
            ("udp sport", PORT)]
    rng.shuffle(rest)
    fields = rng.sample(addresses, rng.randint(0, 2)) + rest[: rng.randint(1, 2)]
    if len(fields) < 2:
        fields.append(rest[2])
    if {"udp sport"} & {name for name, _ in fields} and "tcp dport" in {name for name, _ in fields}:
        fields = [item for item in fields if item[0] != "udp sport"] + [("meta l4proto", PROTO)]
    rng.shuffle(fields)
    named = rng.random() < 0.4
    interval = rng.random() < 0.5
    elements = {" . ".join(values.element(scope, interval and values not in (DEVICE, PROTO)) for _, values in fields)
                for _ in range(rng.randint(1, 4))}
    expression = " . ".join(name for name, _ in fields)
    negate = "!= " if rng.random() < 0.15 else ""
    if named:
        kind = " . ".join(values.set_type for _, values in fields)
        name = scope.declare_set(f"type {kind}", interval, sorted(elements), False)
        return f"{expression} {negate}@{name}"
    return f"{expression} {negate}{{ {', '.join(sorted(elements))} }}"


def device(scope):
    """A device by name, wildcard or index."""
    rng = scope.rng
    side = rng.choice(("iif", "iif", "oif"))
    return rng.choice((
        relation(scope, f"{side}name", DEVICE), f'{side}name "{rng.choice(("in", "out", "eth", "i"))}*"',
        f'{side}name != "{rng.choice(("in", "out"))}*"', f'{side} {rng.choice(("in0", "out0", "lo"))}',
        f'{side} != {rng.choice(("in0", "out0", "lo"))}', f'{side} {{ lo, in0 }}',
    ))


MATCHES = {
    "l3": [
        (6, "ip", _simple(("ip saddr", SADDR4), ("ip daddr", DADDR4))),
        (6, "ip6", _simple(("ip6 saddr", SADDR6), ("ip6 daddr", DADDR6))),
        (2, "ip", _simple(("ip protocol", PROTO), ("ip ttl", TTL), ("ip dscp", DSCP), ("ip length", LENGTH))),
        (2, "ip6", _simple(("ip6 nexthdr", PROTO), ("ip6 hoplimit", TTL), ("ip6 dscp", DSCP6), ("ip6 length", LENGTH))),
        (1, "", bit_fields), (0.3, "ip", _simple(("ip id", TAGS))),
    ],
    "l4": [
        (8, "", _simple(("tcp dport", PORT), ("tcp dport", PORT), ("tcp sport", PORT))),
        (4, "", _simple(("udp dport", PORT), ("udp sport", PORT), ("udp length", LENGTH))),
        (1, "", _simple(("tcp window", WINDOW), ("tcp sequence", SEQUENCE), ("tcp doff", SMALL), ("tcp urgptr", SMALL))),
        (2, "", _simple(("th dport", PORT), ("th sport", PORT))),
        (2, "", _simple(("icmp type", ICMP_TYPE), ("icmp type", ICMP_TYPE), ("icmp code", CODE), ("icmp id", ICMP_ID),
                        ("icmp sequence", SMALL))),
        (2, "", _simple(("icmpv6 type", ICMPV6_TYPE), ("icmpv6 type", ICMPV6_TYPE), ("icmpv6 code", SMALL),
                        ("icmpv6 id", ICMP_ID), ("icmpv6 sequence", SMALL))),
        (0.5, "", _simple(("sctp dport", PORT), ("udplite sport", PORT), ("dccp dport", PORT), ("esp spi", SMALL),
                          ("ah spi", SMALL), ("sctp vtag", SMALL))),
    ],
    "flags": [(4, "", tcp_flags)],
    "meta": [
        (2, "", _simple(("meta l4proto", PROTO), ("meta nfproto", NFPROTO), ("meta protocol", ETHERTYPE),
                        ("meta length", LENGTH))),
        (3, "", device),
        (0.5, "", lambda s: s.rng.choice(("meta pkttype host", "meta pkttype != host", "meta pkttype broadcast",
                                          "meta iiftype 65534", "meta oiftype != ether", "meta iiftype ether",
                                          "meta iiftype loopback", "meta oiftype none"))),
    ],
    "marks": [(3, "", _simple(("meta mark", MARK))), (2, "", lambda s: masked_mark(s, "meta mark"))],
    "ct": [
        (6, "ct", ct_state), (2, "ct", _simple(("ct mark", MARK))), (1, "ct", lambda s: masked_mark(s, "ct mark")),
        (2, "ct", ct_status), (1, "ct", ct_other),
    ],
    "concat": [(4, "", concatenation)],
    "raw": [(2, "", raw_payload)],
    "extension": [(1, "", extension)],
}


def effects(scope):
    """A statement that changes something later matches can see, or nothing at all."""
    rng = scope.rng
    mark, port = MARK.one(scope), rng.choice(scope.pool.ports)
    mask = rng.choice(("0xff", "0x1", "0xfffffff0", "0x100"))
    plain = [f"meta mark set {mark}", f"meta mark set {mark}", f"meta mark set meta mark and {mask}",
             f"meta mark set meta mark or {mask}", f"meta mark set mark xor {mask}", f"mark set {mark}",
             f"meta mark set meta mark & {mask} | 0x2", f"meta mark set (meta mark | 0x10) & {mask}"]
    forms = plain * 2 + ["counter", "counter", "log", 'log prefix "x "', "log flags all", "counter packets 3 bytes 100"]
    forms += [f"meta mark set {data_map(scope)}"] * 4
    if scope.conntrack_allowed:
        forms += [f"ct mark set {mark}", f"ct mark set {mark}", "ct mark set meta mark", "meta mark set ct mark",
                  f"ct mark set ct mark or {mask}", f"ct mark set ct mark and {mask}", f"ct mark set {data_map(scope)}",
                  f"ct mark set meta mark & {mask}", f"meta mark set ct mark & {mask}"]
    if "mutate" in scope.groups:
        four = ["ip ttl set 9", f"ip dscp set {rng.choice(DSCP_NAMES)}", "ip ecn set ce"]
        six = ["ip6 hoplimit set 9", f"ip6 dscp set {rng.choice(DSCP_NAMES)}"]
        forms += [f"tcp dport set {port}", f"udp sport set {port}", "meta priority set 1:2", "tcp window set 1024"]
        forms += {"ip": four, "ip6": six, "inet": four + six}[scope.family] + ["tcp option maxseg size set 512"]
    return rng.choice(forms)


def map_key(scope):
    """(expression, values) that a map can be looked up with."""
    pairs = [("tcp dport", PORT), ("udp dport", PORT), ("th dport", PORT), ("meta l4proto", PROTO), ("tcp sport", PORT),
             ("iifname", DEVICE), ("meta mark", MARK)]
    pairs += [("ip saddr", SADDR4), ("ip daddr", DADDR4)] * 2 if scope.family != "ip6" else []
    pairs += [("ip6 saddr", SADDR6), ("ip6 daddr", DADDR6)] * 2 if scope.family != "ip" else []
    pairs += [("icmp type", ICMP_TYPE)] if scope.family != "ip6" else [("icmpv6 type", ICMPV6_TYPE)]
    return scope.rng.choice(pairs)


def map_elements(scope, values, draw, interval):
    """Distinct keys with what they map to, a catch-all now and then."""
    rng = scope.rng
    keys = sorted({values.element(scope, interval) for _ in range(rng.randint(1, 4))})
    pairs = [(key, draw()) for key in keys]
    if rng.random() < 0.25:
        pairs.append(("*", draw()))
    return pairs


def data_map(scope):
    """A lookup that yields a mark."""
    rng = scope.rng
    expression, values = map_key(scope)
    interval = rng.random() < 0.5
    pairs = map_elements(scope, values, lambda: hex(rng.choice(scope.pool.marks)), interval)
    if rng.random() < 0.3 and values.set_type:
        return f"{expression} map @{scope.declare_map(f'type {values.set_type} : mark', interval, pairs)}"
    return f"{expression} map {{ {', '.join(f'{key} : {data}' for key, data in pairs)} }}"
