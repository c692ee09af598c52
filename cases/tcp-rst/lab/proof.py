"""Who sent each RST, measured: tcpdump's text of every capture, and the kernel's own counters in every namespace.

Nothing here comes from casebook: the laboratory's truth must not depend on what it is used to test.
"""
import json
import re

from spaces import run

HEAD = re.compile(r"^ *(\d+)  (\d+\.\d+) IP \(tos \S+?, ttl (\d+), id (\d+), .*?proto (\w+) \(\d+\), length (\d+)")
TAIL = re.compile(r"^ +(\d+\.\d+\.\d+\.\d+)\.(\d+) > (\d+\.\d+\.\d+\.\d+)\.(\d+): Flags \[([^\]]*)\], "
                  r"(?:cksum (0x[0-9a-f]+) \((correct|incorrect)[^)]*\), )?(.*)$")
ORDER = {"client": 0, "c0": 1, "br0": 2, "b1": 3, "b2": 3, "proxy": 3}  # along the path
ABORTS = re.compile(r"^TCPAbort|^TCPTimeouts$|^TCPChallengeACK$|^TCPKeepAlive$")


def packets(path):
    """The TCP segments of a capture as `tcpdump -vv` prints them."""
    text = run("tcpdump", "-nn", "-#", "-tt", "-vv", "-S", "-r", path)
    found, head = [], None
    for line in text.splitlines():
        match = HEAD.match(line)
        if match:
            head = match
            continue
        match = TAIL.match(line)
        if not match or not head or head.group(5) != "TCP":
            continue
        src, sport, dst, dport, flags, cksum, sum_state, rest = match.groups()
        field = {name: int(value) for name, value in re.findall(r"\b(seq|ack|win|length) (\d+)", rest)}
        found.append({
            "number": int(head.group(1)), "time": float(head.group(2)), "ttl": int(head.group(3)),
            "ip_id": int(head.group(4)), "src": src, "sport": int(sport), "dst": dst, "dport": int(dport),
            "flags": flags, "seq": field.get("seq", 0), "ack": field.get("ack", 0), "win": field.get("win", 0),
            "len": field.get("length", 0), "options": "options [" in rest, "sum": sum_state, "cksum": cksum})
        head = None
    return found


def counters(space):
    """RSTs that passed the output hook, and what the TCP of this namespace says of itself."""
    seen = {"output_hook_rst": 0}
    listing = json.loads(space.run("nft", "-j", "list", "table", "inet", "casebook_proof"))
    for item in listing["nftables"]:
        for expression in item.get("rule", {}).get("expr", []):
            if "counter" in expression:
                seen["output_hook_rst"] += expression["counter"]["packets"]
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        rows = [line.split() for line in (space.read(path) or "").splitlines()]
        for names, values in zip(rows[::2], rows[1::2]):
            for name, value in zip(names[1:], values[1:]):
                if names[0] == "Tcp:" and name in ("OutRsts", "InCsumErrors", "EstabResets"):
                    seen[name] = int(value)
                elif names[0] == "TcpExt:" and ABORTS.match(name):
                    seen[name] = int(value)
    return seen


def growth(before, after):
    return {name: after[name] - before.get(name, 0) for name in after
            if name == "output_hook_rst" or after[name] != before.get(name, 0)}


def form(packet):
    """Linux: `tcp_v4_send_reset` and nf_reject send no options and window 0; `tcp_send_active_reset` sends the
    socket's own window and, where negotiated, timestamps."""
    return "stateful" if packet["options"] or packet["win"] else "stateless"


def resets(captures, space_of):
    """The RSTs of all captures, each joined over the places it passed; the first place names the emitter.

    A packet keeps flags, sequence, acknowledgement and window through NAT; the k-th with the same of these in one
    capture is the k-th in every other.
    """
    joined = {}
    for key, (path, seen) in captures.items():
        times = {}
        for packet in seen:
            if "R" not in packet["flags"]:
                continue
            same = (packet["flags"], packet["seq"], packet["ack"], packet["win"])
            times[same] = times.get(same, 0) + 1
            joined.setdefault(same + (times[same],), []).append((packet["time"], key, path, packet))
    found = []
    for places in joined.values():
        # Neighbours can share a microsecond: then the direction it travels orders them.
        to_client = any(place[3]["dst"] == "10.0.1.2" for place in places)
        places.sort(key=lambda place: (place[0], -ORDER[place[1]] if to_client else ORDER[place[1]]))
        first, last = places[0], places[-1]
        at_client = next((p for p in places if p[1] == "client"), first)[3]
        found.append({
            "time": first[0], "emitter": space_of[first[1]], "received_by": space_of[last[1]],
            "form": form(first[3]), "src": at_client["src"], "sport": at_client["sport"],
            "dst": at_client["dst"], "dport": at_client["dport"], "ttl": at_client["ttl"], "ip_id": first[3]["ip_id"],
            "flags": first[3]["flags"], "seq": first[3]["seq"], "ack": first[3]["ack"], "win": first[3]["win"],
            "options": first[3]["options"],
            "seen_at": [{"capture": place[2].rsplit("/", 1)[-1], "packet": place[3]["number"],
                         "time": place[0], "ttl": place[3]["ttl"]} for place in places]})
    found.sort(key=lambda reset: reset["time"])
    return found


def longest_gap(seen, until):
    """The longest silence between neighbouring packets of one flow up to `until`: (seconds, number before, after)."""
    last, best = {}, (0.0, None, None)
    for packet in seen:
        if until is not None and packet["time"] > until:
            break
        flow = frozenset([(packet["src"], packet["sport"]), (packet["dst"], packet["dport"])])
        # An un-NATed segment belongs to the same conversation: the client's port names it.
        flow = next((p for _, p in flow if p > 1024), flow)
        if flow in last and packet["time"] - last[flow]["time"] > best[0]:
            best = (round(packet["time"] - last[flow]["time"], 6), last[flow]["number"], packet["number"])
        last[flow] = packet
    return best
