"""What a report must say of a scenario, written once from the laboratory's words and packet numbers.

A RST is recognised by the number of its packet in a capture, never by what a finding says of it. Addresses of a namespace
are the laboratory's network.
"""
import os
import re

OWN = {"client": {"10.0.1.2", "10.0.1.3"}, "router": {"10.0.1.1", "10.0.1.100", "10.0.2.1"},
       "b1": {"10.0.2.2"}, "b2": {"10.0.2.3"}, "proxy": {"10.0.2.10"}}
OF_RESET = {"RST101", "RST102", "RST103", "RST104", "RST105", "RST106", "RST107", "RST108", "RST109"}
END = {"socket", "closed-socket", "lost-socket"}
LOUD = ("error", "warning")
CONFIGURATION = ("sysctl ", "nft ", "haproxy ", "nginx ")


# ---- reading a report --------------------------------------------------------------------------------------------

def said(report):
    return ["%s[%s] %s %s" % (f["severity"], f["code"], "" if f["status"] == "proved" else "(%s)" % f["status"], f["title"])
            for f in report["findings"]]


def is_loud(finding):
    """What a run without options prints as an error or a warning."""
    return finding["severity"] in LOUD and finding["status"] != "exonerated"


def witness(finding):
    return finding.get("witness") or {}


def base(place):
    return os.path.basename(place["evidence"])


def primary(finding):
    """Capture and packet number a finding is about, or None."""
    for place in finding["places"]:
        if place.get("primary") and place["at"]["kind"] == "packet":
            return base(place), place["at"]["number"]
    return None


def packets(finding):
    return {(base(place), place["at"]["number"]) for place in finding["places"] if place["at"]["kind"] == "packet"}


def text_of(finding):
    return " ".join([finding["title"]] + finding["because"] + finding.get("missing", []))


def at(reset):
    return {(seen["capture"], seen["packet"]) for seen in reset["seen_at"]}


def find(truth, where, finding):
    """The RST the truth saw at (capture, number); None also where it is beyond those that were written down.

    `tcpdump -i any` shows each packet several times, and the laboratory numbers none of them: there the sequence number
    names it."""
    if where[0] == "router-any.pcap":
        return next((reset for reset in truth["rsts"] if reset["seq"] == witness(finding).get("seq")), None)
    return next((reset for reset in truth["rsts"] if where in at(reset)), None)


def host(peer):
    return peer.rsplit(":", 1)[0]


# ---- who ---------------------------------------------------------------------------------------------------------

def contradicts(truth, finding, where):
    """What a finding about one RST says that cannot be, given who sent it."""
    reset = find(truth, where, finding)
    if reset is None:
        return [] if truth["rsts_total"] > len(truth["rsts"]) else ["no RST was seen at packet %d of %s" % where[::-1]]
    emitter, left, out = reset["emitter"], set(witness(finding).get("left", [])), []
    own, carried = OWN[emitter], host(witness(finding).get("carries") or "")
    if not left:
        return ["the finding about packet %d of %s names no candidate" % where[::-1]]
    if truth["cause"].startswith("forged"):
        allowed = {"injector"}
    elif reset["who"] == "router":
        allowed = {"nearer-device"} | (END if carried in own else set())
    elif reset["who"] == "wrong-backend":
        allowed = {"other-backend"} | ({"lost-socket"} if carried in own else set())
    elif reset["form"] == "stateful":
        allowed = {"socket"}
    else:
        allowed = END
    if not left & allowed:
        out.append("packet %d of %s was sent by %s, which is not among %s" % (where[1], where[0], emitter, sorted(left)))
    if finding["status"] == "proved" and len(left) == 1 and not left <= allowed:
        out.append("proved for %s, the sender was %s" % (sorted(left), emitter))
    by = witness(finding).get("sent_by")
    if by is not None and finding["status"] == "proved" and host(by) not in own:
        out.append("sent by %s, the sender was %s" % (by, emitter))
    form = witness(finding).get("form")
    if truth["cause"].startswith("forged"):
        # Without options and with ACK it is neither of the two; the laboratory calls it by the first.
        form = "stateless" if form == "unusual" else form
    if form in ("stateless", "stateful") and form != reset["form"]:
        out.append("form %s, it was %s" % (form, reset["form"]))
    return out


def sender(truth, report):
    """Differences in the sender of the RST the truth is about: proved, by packet, with the host where it is one."""
    same = [r for r in truth["rsts"] if r["who"] == truth["who_sent_rst"] and r["form"] == truth["rst_form"]]
    told = truth["rst_at_client"]
    # Where the client got one of them, it is that one (a proxy resets its other leg too).
    first = next((r for r in same if told and ("client.pcap", told["packet"]) in at(r)), same[0] if same else None)
    if first is None:
        return ["the truth holds no RST of %s" % truth["who_sent_rst"]], None
    about = [f for f in report["findings"] if f["code"] in OF_RESET and primary(f) in at(first)]
    if not about:
        return ["no finding is about the RST of %s (%s)" % (first["emitter"], sorted(at(first)))], None
    finding, out = about[0], []
    if finding["status"] != "proved":
        out.append("%s is %s, not proved" % (finding["code"], finding["status"]))
    if not is_loud(finding):
        out.append("%s is only a %s" % (finding["code"], finding["severity"]))
    out += contradicts(truth, finding, primary(finding))
    if len(set(witness(finding).get("left", []))) != 1:
        out.append("left %s: the sender is not named" % witness(finding).get("left"))
    if truth["cause"].startswith("forged"):
        # Who forges says nothing of itself: the captures on its two sides do, where the far one holds packets after the RST.
        codes = {"RST106"}
        between = {"router": "router-out.pcap"}.get(first["emitter"])
        if truth["dies"] is False and not any(base(place) == between and "without the RST" in place["label"] for place in finding["places"]):
            out.append("that it was made at the %s is not shown" % first["emitter"])
    else:
        codes = {"router": {"RST102"}, "wrong-backend": {"RST101"}, "proxy": {"RST103", "RST105"},
                 "client": {"RST104", "RST108"}, "server": {"RST101", "RST103", "RST105", "RST108"}}[truth["who_sent_rst"]]
        if truth["who_sent_rst"] != "router":
            by = witness(finding).get("sent_by") or ""
            if host(by) not in OWN[first["emitter"]] or host(by) not in finding["title"]:
                out.append("its host is not named: sent_by %r" % by)
    if finding["code"] not in codes:
        out.append("told by %s, not by %s" % (finding["code"], sorted(codes)))
    if told and not any(("client.pcap", told["packet"]) in packets(f) for f in report["findings"]):
        out.append("no finding shows the client's RST, packet %d of client.pcap" % told["packet"])
    return out, finding


# ---- why ---------------------------------------------------------------------------------------------------------

def names_timer(truth, finding):
    """Differences in the timer: its name and seconds in the title, and the line that sets it as a place."""
    where, seconds = truth["timer"]["where"], truth["timer"]["seconds"]
    if where.startswith("sysctl "):
        name = key = where.split(".")[-1]
    elif where.startswith("nft ct timeout object"):
        name, key = re.search('object "(.*)"', where).group(1), "established"
    else:
        name = key = where.split(" ", 1)[1]
    out = []
    if name not in finding["title"] or "(%g s)" % seconds not in finding["title"]:
        out.append("the title does not name %s and %g s" % (name, seconds))
    files = {"sysctl": ["sysctl.txt"], "nft": ["ruleset.nft", "ruleset.json"], "haproxy": ["haproxy.cfg"],
             "nginx": ["nginx.conf"]}[where.split(" ")[0]]
    lines = [place.get("text", "") for place in finding["places"] if base(place) in files]
    if not any(key in line and re.search(r"\b%g" % seconds, line) for line in lines):
        out.append("no place is the line of %s that sets %s" % (files[0], key))
    return out


def has(finding, *wanted):
    text = text_of(finding)
    return ["nothing says %r" % want for want in wanted if not re.search(want, text)]


def deleted(finding):
    lines = [place.get("text", "") for place in finding["places"] if base(place) == "conntrack-events.txt"]
    shown = any("[DESTROY]" in line and "[USERSPACE]" in line for line in lines)
    return [] if "deleted" in finding["title"] and shown else ["the deletion is not named with its [DESTROY] line"]


def rejected(finding):
    lines = [place.get("text", "") for place in finding["places"] if base(place).startswith("ruleset")]
    shown = any("reject" in line and "tcp reset" in line for line in lines)
    return [] if "rule rejects" in finding["title"] and shown else ["the rule that rejects is not named with its place"]


def cause(one, finding):
    """Differences in the cause. What no evidence of the folder tells must be among what the finding leaves open."""
    truth = one.truth
    kind = truth["cause"]
    if truth["timer"] and truth["timer"]["where"].startswith(CONFIGURATION):
        return names_timer(truth, finding)
    return {
        "entry-deleted": lambda: deleted(finding),
        "reject-rule-inserted": lambda: rejected(finding),
        "invalid-unnated-leak": lambda: has(finding, "invalid", "untranslated", "window"),
        "server-lost-state": lambda: has(finding, "no longer has the connection"),
        "written-after-fin": lambda: has(finding, r"wrote .* after .*FIN"),
        # The same packet, whether the program asked for it or an operator did: both must be said.
        "linger-0": lambda: has(finding, "SO_LINGER 0"),
        "killed-by-operator": lambda: has(finding, "ss -K"),
        "close-with-unread-data": lambda: has(finding, r"10 bytes .*not read"),
        # A program's own socket options are in no file; the probes tell their times.
        "keepalive-death": lambda: has(finding, r"3 keepalive probes", r"TCP_KEEPIDLE 1 s", r"TCP_KEEPINTVL 1 s",
                                       r"TCP_KEEPCNT 3", r"after 4\.\d+ s"),
        "user-timeout": lambda: has(finding, r"2 keepalive probes", r"TCP_USER_TIMEOUT", r"after 3\.\d+ s"),
        "forged": lambda: has(finding, "something else on the path"),
        "forged-and-refused": lambda: has(finding, "something else on the path", "went on"),
        "lifetime": lambda: [],  # RST110 must name it: series()
    }[kind]()


# What would be false, though sender and timer are right.
FALSE = {
    "expired-other-source-port": "no longer has the connection",
    "expired-port-taken": "no longer has the connection|became (.+) instead of \\1",
    "expired-unnated-request-black-hole": "they are absent|dropped between",
    "nat-checksum-not-updated": "they are absent|dropped between",
    "expired-unnated-push": "program had closed",
    "written-after-fin": "no longer has the connection",
}


def false(truth, report):
    """Sentences that the truth contradicts."""
    wrong = FALSE.get(truth["cause"])
    texts = [text_of(f) for f in report["findings"] if f["status"] != "exonerated"]
    return ["says %r, which is false" % found.group(0) for text in texts for found in
            [re.search(wrong, text)] if found] if wrong else []


# ---- without a RST -----------------------------------------------------------------------------------------------

def silent_death(one, report):
    """Differences of a scenario whose connection died, or lost its answer, without a RST."""
    truth = one.truth
    loud = [f for f in report["findings"] if is_loud(f)]
    if any(f["code"] in OF_RESET - {"RST105"} for f in loud):
        return ["a RST is told of, and there was none"]
    code = "RST105" if truth["cause"] == "proxy-half-close" else "RST112"
    found = [f for f in loud if f["code"] == code]
    if not found:
        return ["%s says nothing" % code]
    finding, out = found[0], []
    if truth["timer"] and truth["timer"]["where"].startswith(CONFIGURATION):
        out += names_timer(truth, finding)
    elif truth["cause"] == "nat-checksum-not-updated":
        out += has(finding, "wrong checksum", "router-out.pcap|server.pcap")
    elif truth["cause"] == "user-timeout":
        # The end's own timer is in no file, and the silence looks the same for tcp_retries2: open, and both named.
        out += has(finding, "TCP_USER_TIMEOUT", "tcp_retries2")
        if "had run out" in finding["title"]:
            out.append("a timer is called the cause, and nothing in the evidence tells the socket's option")
    else:
        out.append("no rule for the cause " + truth["cause"])
    return out


# ---- series ------------------------------------------------------------------------------------------------------

CLASS = {"idle": "an idle timer that forgets in silence", "lifetime": "a lifetime", "wall-clock": "a wall clock"}


def series(one, report):
    """Differences in what RST110 makes of the reconnects: the true class fits with the true value, and is never alone
    against another one."""
    kind, seconds = one.truth["timer"]["kind"], one.truth["timer"]["seconds"]
    found = [f for f in report["findings"] if f["code"] == "RST110"]
    out = [] if any(primary(f) for f in found) else ["RST110 says nothing of the captures"]
    for finding in found:
        classes = {c["class"]: c for c in witness(finding)["classes"]}
        mine = classes[CLASS[kind]]
        if mine["fits"] is False:
            out.append("refutes %s: %s" % (CLASS[kind], mine["why"]))
            continue
        if mine["fits"] and kind in ("idle", "lifetime") and not mine["above_us"] < seconds * 1e6 <= mine["at_most_us"]:
            out.append("%s of %d to %d us, it was %g s" % (CLASS[kind], mine["above_us"], mine["at_most_us"], seconds))
        if finding["status"] == "proved" and [c for c, v in classes.items() if v["fits"]] != [CLASS[kind]]:
            out.append("proved for another class")
        if finding["status"] == "proved" and not primary(finding):
            out.append("a log of reconnects alone proves nothing")
    # What else fits is for the series to say; that the true class does, with every packet in the captures, is not.
    if not any(c["class"] == CLASS[kind] and c["fits"] for f in found if primary(f) for c in witness(f)["classes"]):
        out.append("%s does not fit the captures" % CLASS[kind])
    return out


# ---- a whole scenario, and a capture alone -----------------------------------------------------------------------

def whole(one, report):
    truth, out = one.truth, []
    loud = [f for f in report["findings"] if is_loud(f)]
    if truth["who_sent_rst"] == "none" and truth["dies"] is False:
        return ["%s: nothing was wrong" % f["code"] for f in loud]
    if truth["who_sent_rst"] == "none":
        out += silent_death(one, report)
    else:
        differences, finding = sender(truth, report)
        out += differences
        if finding is not None:
            out += cause(one, finding)
    for other in report["findings"]:
        if other["code"] in OF_RESET and primary(other) and other["status"] != "exonerated":
            if truth["rsts"]:
                out += contradicts(truth, other, primary(other))
    if truth["timer"] and truth["timer"]["where"].startswith("haproxy "):
        # The RST to the server is the same timer's.
        for other in report["findings"]:
            if other["code"] == "RST103" and is_loud(other):
                out += names_timer(truth, other)
    if "series" in truth:
        out += series(one, report)
    out += false(truth, report)
    # A forecast beside a death must not be louder than what happened.
    out += ["RST111 beside the death is a %s" % f["severity"] for f in loud if f["code"] == "RST111"]
    return sorted(set(out), key=out.index)


def alone(one, capture, report):
    """A capture alone: what is said of its RSTs must not contradict the truth, and every RST must be told of."""
    truth, out, told = one.truth, [], set()
    for finding in report["findings"]:
        where = primary(finding)
        if is_loud(finding) and truth["who_sent_rst"] == "none" and truth["dies"] is False:
            out.append("%s: nothing was wrong" % finding["code"])
        if finding["code"] not in OF_RESET or where is None:
            continue
        told.add(where)
        told |= packets(finding)
        if truth["rsts"]:
            out += contradicts(truth, finding, where)
        elif finding["code"] != "RST105":
            out.append("%s tells of a RST, and there was none" % finding["code"])
        if re.search("had run out|deleted|rule rejects", finding["title"]):
            out.append("%s names a cause that no capture shows" % finding["code"])
    out += false(truth, report)
    name = capture + ".pcap"
    first = [reset for reset in truth["rsts"] if any(where[0] == name for where in at(reset))][:1]
    for reset in first:
        if not any(where in told for where in at(reset)):
            out.append("nothing is said of the RST at packet %s" % sorted(w[1] for w in at(reset) if w[0] == name))
    return sorted(set(out), key=out.index)
