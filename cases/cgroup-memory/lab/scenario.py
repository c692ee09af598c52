"""How a scenario is declared: the text the guest plays, and what must come of it."""
import re
import textwrap

ALL = {}


def scenario(name, about, text, sets="named", slow=False, kernels=r".*", **told):
    """Declares a scenario.

    text     the workload, see README.md; evidence too, so its comments give no verdict away
    sets     "named" (played by default), "reports" (with --reports), "dirty" (with --dirty)
    slow     on a data disk that writes 2 MB/s (QEMU only)
    kernels  a pattern of the kernels that can play it
    told     what must happen, each key once for all kernels, or a dictionary from pattern of kernel to value:
             oom      whether anything was killed for memory
             victims  names of the actors that were killed, sorted
             first    name of the first that was killed; where a second may be killed before the first is quite gone
             limit    the group whose limit was hit by the first kill; "global" for the machine
             outcomes outcomes of the steps, in order
             below    most bytes of memory.current of the first group after any step
    """
    assert name not in ALL and re.fullmatch(r"[a-z0-9-]{1,40}", name), name
    ALL[name] = {"name": name, "about": " ".join(about.split()), "text": textwrap.dedent(text).strip() + "\n",
                 "sets": sets, "slow": slow, "kernels": kernels, "told": told}


def told(scenario_, key, kernel):
    """What must happen on this kernel, or None where nothing is said."""
    value = scenario_["told"].get(key)
    if isinstance(value, dict):
        for pattern, one in value.items():
            if re.fullmatch(pattern, kernel):
                return one
        return None
    return value


def differences(scenario_, truth, kernel):
    """What was not as told, in words."""
    found = []
    first = truth["kills"][0] if truth["kills"] else {}
    seen = {
        "oom": truth["oom"],
        "victims": sorted({name for step in truth["steps"] for name in step["killed"]}),
        "first": first.get("name"),
        "limit": first.get("oom_memcg") or ("global" if first.get("constraint") == "CONSTRAINT_NONE" else None),
        "outcomes": [step["outcome"] for step in truth["steps"][1:]],
    }
    for key, value in seen.items():
        wanted = told(scenario_, key, kernel)
        if wanted is not None and wanted != value:
            found.append("%s is %s, not %s" % (key, value, wanted))
    below = told(scenario_, "below", kernel)
    group = next(iter(truth["steps"][0]["groups"]), None)
    if below is not None:
        most = max(step["groups"].get(group, {}).get("current", 0) for step in truth["steps"])
        if most > below:
            found.append("%s held %d bytes, more than %d" % (group, most, below))
    if truth["steps"][0]["outcome"] != "done":
        found.append("could not be set up: " + truth["steps"][0]["outcome"])
    return found
