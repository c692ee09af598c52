"""What `rst predict` must say from configuration alone, against what happened.

Captures and logs are not given to it. The silence is the one that was; whether a side had closed or data was without an
answer is the connection's state, which no configuration holds, so it is asked about as it was.
"""
import json
import math

FILES = ["sysctl.txt", "ruleset.nft", "haproxy.cfg", "nginx.conf"]
CONFIGURATION = ("sysctl ", "nft ", "haproxy ", "nginx ")
STATE = {"nf_conntrack_tcp_timeout_close_wait": "half-closed", "nf_conntrack_tcp_timeout_max_retrans": "repeating"}


def binomial(count, of, chance, level=0.99):
    """True when `count` of `of` lies in the central interval of the binomial distribution."""
    mass = [math.comb(of, k) * chance ** k * (1 - chance) ** (of - k) for k in range(of + 1)]
    tail = (1 - level) / 2
    return sum(mass[:count + 1]) > tail and sum(mass[count:]) > tail


def what_happened(truth):
    """(what, by, to) as `predict` calls it; None for a connection that lives."""
    if truth["dies"] is False:
        return None
    if truth["cause"] == "proxy-half-close":
        return "answer-lost", None, None
    if truth["who_sent_rst"] == "none":
        return "black-hole", None, None
    by = {"wrong-backend": "a backend that never had the connection", "router": "the router", "server": "the server",
          "client": "the client"}.get(truth["who_sent_rst"])
    to = {"client": "the client", "b1": "the server", "b2": "the server"}.get(truth["received_by"])
    return "reset", by, to


def fits(fate, happened):
    what, by, to = happened
    return fate["what"] == what and (by is None or fate["by"] == by) and (to is None or fate["to"] == to)


def timer_of(where):
    if where.startswith("sysctl "):
        return where.split(".")[-1]
    if where.startswith("nft "):
        return "ct timeout short, established"
    return where.split(" ", 1)[1]


def compare(one):
    """Differences and what was said, or None where the folder holds no configuration."""
    files = [one.path(name) for name in FILES if one.has(name)]
    if not files:
        return None
    truth = one.truth
    timer = truth["timer"] if truth["timer"] and truth["timer"]["where"].startswith(CONFIGURATION) else None
    proxy = timer is not None and timer["where"].startswith(("haproxy ", "nginx "))
    # A proxy's FIN cuts the wire's silence short; keepalive probes cut the programs'.
    quiet = truth["silence"]["seconds"] if proxy else truth["first_seen_gap_s"]
    asked = ["rst", "predict", *files, "--format", "json", "--quiet", "%g ms" % (quiet * 1000),
             "--speaks-first", truth["silence"]["broken_by"]]
    state = STATE.get(timer_of(timer["where"])) if timer else None
    if state:
        asked += ["--state", state]
    status, out, err = one.run(*asked)
    if status == 2:
        said = err.strip().splitlines()[:1]
        if "no path was found" in err and timer is None:
            return [], said
        return ["predict cannot answer"], said
    answer = json.loads(out)
    said = [json.dumps(answer)[:1500]]
    deaths = [a["dies"] for path in answer["paths"] for a in path["answers"] if a["dies"]]
    happened = what_happened(truth)
    if any(a["undecided"] for path in answer["paths"] for a in path["answers"]):
        return ["an answer is undecided"], said
    if (status == 1) != bool(deaths):
        return ["exit status %d" % status], said
    if timer is None or happened is None:
        # No silence killed it: an operator did, an end did, or nothing.
        return (["a silence of %g s is said to kill, and it did not" % quiet] if deaths else []), said
    if truth["cause"] == "expired-port-taken":
        # What another connection does meanwhile is in no file: it lives, except if, and that must be the one.
        rest = [e for path in answer["paths"] for a in path["answers"] for e in a["exceptions"]]
        named = [e for e in rest if all("port" in (fate["if"] or "") for fate in e["fates"])]
        if deaths or not named:
            return ["the taken port is not named as the exception"], said
        return differences(truth, timer, happened, named, excepted=True), said
    if not deaths:
        return ["lives, and it died by %s" % timer["where"]], said
    return differences(truth, timer, happened, deaths), said


def differences(truth, timer, happened, deaths, excepted=False):
    out = []
    death = deaths[0]
    if len(deaths) > 1:
        out.append("%d deaths foretold" % len(deaths))
    if death["after_us"] != timer["seconds"] * 1_000_000:
        out.append("after %d us, it was %g s" % (death["after_us"], timer["seconds"]))
    if death["timer"] != timer_of(timer["where"]):
        out.append("timer %r, it was %r" % (death["timer"], timer["where"]))
    fate = next((fate for fate in death["fates"] if fits(fate, happened)), None)
    if fate is None:
        return out + ["foretold %s, it was %s" % (
            [(fate["what"], fate["by"], fate["to"]) for fate in death["fates"]], happened)]
    proxy = truth["who_sent_rst"] == "proxy"
    if proxy and timer["where"].split(" ")[0] not in (fate["by"] or ""):
        out.append("RST by %r, it was the proxy" % fate["by"])
    if fate["if"] is not None:
        # Left open on a fact no file holds: then it must be the only way out beside the other one, both said.
        if not excepted and (len(death["fates"]) != 2 or any(other["if"] is None for other in death["fates"])):
            out.append("conditional, and the other way is not said")
        return out
    ends = truth["outcomes"]["client"]
    ends = ends if isinstance(ends, list) else [ends]
    dead = sum(1 for end in ends if end not in ("answer", "fin"))
    if "series" in truth or len(ends) == 1:
        dead, ends = 1, [0]
    if not binomial(dead, len(ends), fate["chance"]):
        out.append("chance %g, %d of %d died" % (fate["chance"], dead, len(ends)))
    return out
