"""Holds the witnesses of `casebook nft diff` against the nftables of the running kernel.

    witnesses.py --casebook PATH --witnesses N --seed S [--keep DIR]

Random rulesets are changed a little; `casebook nft diff --confirm` names what the change changes and runs a witness of
each change through the kernel under both rulesets. None may disagree.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

import generate
from oracle import Lab, unavailable

# Pairs whose diff takes longer are counted and left out.
LONGEST = 120


def edited(rng, ruleset):
    """The text of the ruleset, and of the same with one to three changes."""
    old = ruleset.plain()
    before = set(ruleset.removed)
    numbers = [rule.number for rule in ruleset.alive()]
    ruleset.removed |= set(rng.sample(numbers, min(len(numbers), rng.choice((0, 1, 1, 1, 2)))))
    new = ruleset.plain()
    ruleset.removed = before
    places = list(re.finditer(r"policy (accept|drop)", new))
    if places and rng.random() < 0.3:
        place = rng.choice(places)
        other = "policy drop" if place.group(1) == "accept" else "policy accept"
        new = new[: place.start()] + other + new[place.end():]
    verdicts = list(re.finditer(r"(?m) (accept|drop)$", new))
    if verdicts and rng.random() < 0.5:
        place = rng.choice(verdicts)
        other = rng.choice(("drop" if place.group(1) == "accept" else "accept", "counter"))
        new = f"{new[:place.start()]} {other}{new[place.end():]}"
    marks = list(re.finditer(r"mark set (0x[0-9a-f]+)", new))
    if marks and rng.random() < 0.3:
        place = rng.choice(marks)
        new = new[: place.start(1)] + hex(int(place.group(1), 16) ^ 0x40) + new[place.end(1):]
    return (old, new) if rng.random() < 0.5 else (new, old)


class Count:
    """What came out so far."""

    def __init__(self):
        self.pairs = self.confirmed = self.disagreed = self.left_out = 0
        self.reasons, self.kinds, self.first = Counter(), Counter(), []


def diff(casebook, folder, old, new):
    """The changes of a pair with what the kernel says; None when there is no answer."""
    paths = [os.path.join(folder, name) for name in ("old.nft", "new.nft")]
    for path, text in zip(paths, (old, new)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    command = [casebook, "nft", "diff", "--confirm", "--format", "json", *paths]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
        return json.loads(done.stdout)["changes"]
    except (subprocess.TimeoutExpired, ValueError):
        return None


def run(options, count):
    """Pairs until as many witnesses are confirmed as were asked for."""
    lab, number = Lab(), options.seed
    with tempfile.TemporaryDirectory() as folder:
        while count.confirmed < options.witnesses and count.pairs < options.most:
            ruleset = generate.Ruleset(number)
            rng = random.Random(number ^ 0x5EED)
            number += 1
            if not ruleset.alive() or not lab.settle(ruleset, []):
                continue
            old, new = edited(rng, ruleset)
            count.pairs += 1
            changes = diff(options.casebook, folder, old, new)
            if changes is None:
                count.left_out += 1
                continue
            for change in changes:
                status, text = change["kernel"]["status"], change["kernel"]["text"]
                if status == "confirmed":
                    count.confirmed += 1
                    count.kinds[change["kind"]] += 1
                elif status == "disagrees":
                    count.disagreed += 1
                    count.first.append((number - 1, text, change["witness"]))
                    if options.keep:
                        keep(options.keep, number - 1, old, new, change)
                else:
                    count.reasons[re.sub(r"\(.*\)|`.*`|: .*", "…", text)] += 1
    lab.close()


def keep(folder, number, old, new, change):
    """Leaves what differs in a folder."""
    os.makedirs(folder, exist_ok=True)
    for name, text in (("old.nft", old), ("new.nft", new), ("change.json", json.dumps(change, indent=1))):
        with open(os.path.join(folder, f"{number}-{name}"), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    """The command."""
    parser = argparse.ArgumentParser(description="the witnesses of casebook nft diff against the running kernel")
    parser.add_argument("--casebook", required=True, help="the binary")
    parser.add_argument("--witnesses", type=int, default=60, help="witnesses to confirm")
    parser.add_argument("--most", type=int, default=2000, help="pairs at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="folder for disagreements")
    parser.add_argument("--require", action="store_true", help="exit 2 where this cannot run")
    options = parser.parse_args()
    reason = unavailable() or (None if shutil.which(options.casebook) else "no casebook binary")
    if reason:
        print(f"kernel witnesses: skipped: {reason}")
        return 2 if options.require else 0
    count = Count()
    run(options, count)
    for reason, times in count.reasons.most_common():
        print(f"{times:6} not confirmed: {reason}")
    for number, text, witness in count.first[:5]:
        print(f"disagreed, pair {number}: {text}: {json.dumps(witness)}")
    kinds = ", ".join(f"{times} {kind}" for kind, times in sorted(count.kinds.items()))
    print(f"kernel witnesses: {count.confirmed} confirmed by the kernel ({kinds}) over {count.pairs} pairs, "
          f"{count.disagreed} disagreed, {sum(count.reasons.values())} not confirmed, {count.left_out} pairs without an "
          f"answer (seed {options.seed})")
    return 1 if count.disagreed or count.confirmed < options.witnesses else 0


if __name__ == "__main__":
    sys.exit(main())
