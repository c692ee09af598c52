"""A scenario: what it claims, how it is played, and the truth written beside its evidence."""
import os
import time

import proof
from stage import Stage, write_json

ALL = {}


def scenario(slug, description, who, form, cause, dies, timer=None, seconds=10, judged="first",
             wrong_sums=()):
    """Registers a scenario. `who`, `form` and `dies` are what it tells; they are compared with what happened.

    `dies` may be a probability. `judged` says which RST is meant where there are several: the "first" anywhere, the
    first at the "client", the first "received" by it. `wrong_sums` are the captures in which tcpdump must find wrong
    TCP checksums, and no others. `seconds` is how long it takes, so that the long ones start first.
    """
    def keep(play):
        ALL[slug] = {"slug": slug, "description": " ".join(description.split()), "who": who, "form": form,
                     "cause": cause, "dies": dies, "timer": timer, "seconds": seconds, "play": play,
                     "judged": judged, "wrong_sums": wrong_sums}
        return play
    return keep


def conntrack(seconds=4):
    return {"where": "sysctl net.netfilter.nf_conntrack_tcp_timeout_established", "seconds": seconds, "kind": "idle"}


def timer(where, seconds, kind="idle"):
    return {"where": where, "seconds": seconds, "kind": kind}


ALIVE = ("answer", "fin")


def play(slug, out, prefix, keep):
    """Plays one scenario and returns its truth. `play` of the scenario returns the outcomes its ends were told."""
    told = ALL[slug]
    stage = Stage(slug, out, prefix, keep)
    begun = time.time()
    try:
        outcomes = told["play"](stage)
        stage.finish()
        truth = judge(told, stage, outcomes, begun)
    finally:
        stage.close()
    write_json(os.path.join(out, "truth.json"), truth)
    return truth


def who_is(reset, stage):
    """The role of the emitter. A backend is the wrong one when it never accepted this connection."""
    name = reset["emitter"]
    if name not in ("b1", "b2"):
        return name
    ports = {reset["dport"], reset["sport"]}
    home = {space for port, space in stage.homes if port in ports}
    return "wrong-backend" if home and name not in home else "server"


def number_in(reset, capture):
    """Number of a RST in a capture, or None."""
    return next((seen["packet"] for seen in reset["seen_at"] if seen["capture"] == capture), None)


def silence(captures, until):
    """The longest silence before `until` and the capture that shows it: the client's, unless only another one does."""
    best = ("client.pcap", proof.longest_gap(captures["client"][1], until))
    for path, seen in captures.values():
        gap = proof.longest_gap(seen, until)
        if gap[0] > best[1][0] + 0.1:
            best = (os.path.basename(path), gap)
    return best


def sums(seen):
    """How many TCP checksums tcpdump calls right or wrong, and the first wrong ones."""
    wrong = [packet["number"] for packet in seen if packet["sum"] == "incorrect"]
    return {"correct": sum(1 for packet in seen if packet["sum"] == "correct"), "incorrect": len(wrong),
            "incorrect_packets": wrong[:20]}


def judge(told, stage, outcomes, begun):
    space_of = {"client": "client", "c0": "router", "br0": "router", "b1": "b1", "b2": "b2", "proxy": "proxy"}
    captures = {key: (path, proof.packets(path)) for key, (_, path) in stage.captures.items() if key != "any"}
    resets = proof.resets(captures, space_of)
    for reset in resets:
        reset["who"] = who_is(reset, stage)
    counted = {name: grown["output_hook_rst"] for name, grown in stage.grown.items()}
    attributed = {name: sum(1 for reset in resets if reset["emitter"] == name) for name in counted}

    at_client = [reset for reset in resets if number_in(reset, "client.pcap")]
    candidates = {"first": resets, "client": at_client,
                  "received": [reset for reset in resets if reset["received_by"] == "client"]}
    first = next(iter(candidates[told["judged"]]), None)
    ends = outcomes["client"] if isinstance(outcomes["client"], list) else [outcomes["client"]]
    dead = [end for end in ends if end not in ALIVE]
    dies = bool(dead) if len(dead) in (0, len(ends)) else round(len(dead) / len(ends), 3)
    gap_in, gap = silence(captures, first["time"] if first else None)
    who, form = (first["who"], first["form"]) if first else ("none", "none")

    faults = []
    if who != told["who"]:
        faults.append("RST sent by %s, told %s" % (who, told["who"]))
    if form != told["form"]:
        faults.append("RST is %s, told %s" % (form, told["form"]))
    if isinstance(told["dies"], bool) and dies is not told["dies"]:
        faults.append("dies: %s, told %s" % (dies, told["dies"]))
    if not isinstance(told["dies"], bool) and not 0 < dies < 1:
        faults.append("dies: %s, told a part of them (%s expected)" % (dies, told["dies"]))
    if counted != attributed:
        faults.append("RSTs counted at the output hooks %s, seen in the captures %s" % (counted, attributed))
    checksums = {os.path.basename(path): sums(seen) for path, seen in captures.values()}
    wrong_sums = {name[:-5] for name, count in checksums.items() if count["incorrect"]}
    if wrong_sums != set(told["wrong_sums"]):
        faults.append("wrong TCP checksums in %s, told in %s" % (sorted(wrong_sums), sorted(told["wrong_sums"])))
    faults += outcomes.pop("faults", []) + stage.lost

    truth = {
        "scenario": told["slug"], "description": told["description"], "timer": told["timer"],
        "who_sent_rst": who, "from_namespace": first["emitter"] if first else None,
        "received_by": first["received_by"] if first else None, "rst_form": form,
        "first_seen_gap_s": gap[0], "dies": dies, "cause": told["cause"],
        "rst_at_client": {"packet": number_in(at_client[0], "client.pcap"), "who": at_client[0]["who"],
                          "rst_form": at_client[0]["form"]} if at_client else None,
        "outcomes": outcomes,
        "silence": {"seconds": max(stage.silences, default=None), "broken_by": stage.broken_by},
        "packets": {
            "rst_in_client_pcap": [number_in(reset, "client.pcap") for reset in at_client],
            "gap_capture": gap_in, "before_gap": gap[1], "after_gap": gap[2],
            "checksums": checksums},
        "rsts": resets[:12], "rsts_total": len(resets),
        "proof": {
            "how": "nft counter of `tcp flags rst` at the output hook of each namespace; a RST's emitter is the "
                   "namespace whose interface it passed first; both must agree",
            "output_hook_rst": counted, "attributed_rst": attributed, "agree": counted == attributed,
            "kernel_counters": {name: {k: v for k, v in grown.items() if k != "output_hook_rst"}
                                for name, grown in stage.grown.items()}},
        "as_told": not faults, "differences": faults,
        "started": round(begun, 3), "seconds": round(time.time() - begun, 1)}
    truth.update(outcomes.pop("truth", {}))
    truth["peers"] = stage.notes
    return truth
