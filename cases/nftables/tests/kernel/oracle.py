"""Holds `casebook nft eval` against the nftables of the running kernel.

    oracle.py --casebook PATH --rulesets N --packets-per-ruleset M --seed S [--keep DIR]

Random rulesets and packets go through both; the verdict, the rules that were finished and the final marks must agree.
"""

import argparse
import functools
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor

import generate
import kernel as kernels
from packets import Packet, packets

SHOWN = 10
# the findings that say that nft will not load the file
UNLOADABLE = ("NFT110", "NFT113", "NFT114", "NFT115")


class Lab:
    """The namespaces: one to judge and one to probe, for each set of families with conntrack."""

    def __init__(self):
        self._judges, self._probes = {}, {}

    def judge(self, families):
        """The namespace in which rulesets with these conntrack families run."""
        return self._judges.get(families) or self._new(self._judges, families)

    @staticmethod
    def _new(table, families):
        table[families] = kernels.Kernel(families)
        return table[families]

    def close(self):
        """Ends all namespaces."""
        for judge in (*self._judges.values(), *self._probes.values()):
            judge.close()

    def settle(self, ruleset, refused, drop=True):
        """Removes the rules nft refuses; True when the rest is loaded. `refused` collects (rule, error, text)."""
        for _ in range(20):
            text, owners = ruleset.instrumented()
            try:
                judge = self.judge(ruleset.tracked())
                judge.check(text)
                judge.load(text, drop)
                return True
            except kernels.Rejected as error:
                bad = {}
                for line, message in re.findall(r"stdin:(\d+):[^ ]* (?:Error: )?(.*)", str(error)):
                    place = int(line) - 2
                    if 0 <= place < len(owners) and owners[place] is not None:
                        bad[owners[place]] = message
                if not bad:
                    return False
                refused += [(ruleset.rules[number].plain(), message, ruleset.alone(number)) for number, message in bad.items()]
                ruleset.removed |= set(bad)
        return False

    def control(self, sent, families):
        """Sends the packets through an empty, probing ruleset. Fills in their conntrack facts; returns the lost."""
        if families not in self._probes:
            self._new(self._probes, families)
        flows = [packet.flow for packet in sent if packet.flow]
        measured = self._probes[families].measure(kernels.probe_table(families), sent, flows)
        lost = []
        for packet in sent:
            key = kernels.key_of(packet.raw)
            if key not in measured.passed:
                lost.append(packet)
            packet.ct = conntrack_facts(measured, key)
        return lost


def conntrack_facts(measured, key):
    """The `ct` object of a packet line, as the probe saw it."""
    state = measured.probed["state"].get(key)
    if state is None:
        return {}
    facts = {"state": state}
    if key in measured.probed["mark"]:  # there is an entry
        facts["mark"] = measured.probed["mark"][key]
        facts["direction"] = "reply" if key in measured.probed["direction reply"] else "original"
    status = [bit.split()[1] for bit in kernels.PROBED_BITS if bit[:6] == "status" and key in measured.probed[bit]]
    if status:
        facts["status"] = ",".join(status)
    return facts


def packet_line(packet, index):
    """The JSON object that describes the packet to casebook."""
    def device(name):
        return {"name": name, "index": index[name], "type": 65534, "group": 0}

    line = {"id": packet.tag, "path": packet.path, "raw": packet.raw.hex()}
    if packet.path != "output":
        line["iif"] = device("in0")
    if packet.path != "input":
        line["oif"] = device("out0")
    # half of the plain new packets say nothing: the model must come to `new` by itself
    fresh = packet.ct.get("state") == "new" and not packet.flow
    if packet.ct and not (fresh and packet.tag % 2):
        line["ct"] = packet.ct
    return line


@functools.cache
def releases():
    """The options that tell casebook which nft and which kernel are here."""
    said = subprocess.run(["nft", "--version"], capture_output=True, text=True, check=True).stdout
    return "--nft", said.split()[1], "--kernel", platform.release()


def evaluate(casebook, text, lines):
    """(outcomes by id, error): what casebook makes of the packets."""
    with tempfile.TemporaryDirectory() as folder:
        rules, sent = os.path.join(folder, "rules.nft"), os.path.join(folder, "packets.jsonl")
        with open(rules, "w", encoding="utf-8") as file:
            file.write(text)
        with open(sent, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        try:
            done = subprocess.run([casebook, "nft", "eval", rules, "--packets", sent, *releases()], capture_output=True,
                                  text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return {}, "casebook did not end within 300 s"
    outcomes = {}
    for line in done.stdout.splitlines():
        try:
            outcome = json.loads(line)
            outcomes[outcome["id"]] = outcome
        except (ValueError, KeyError, TypeError):
            return {}, f"not an outcome line: {line[:200]}"
    if len(outcomes) != len(lines) or done.returncode != 0:
        said = done.stderr.strip()[-600:]
        return outcomes, f"refused: {len(outcomes)} outcomes for {len(lines)} packets, exit {done.returncode}: {said}"
    return outcomes, None


def differences(packet, outcome, measured):
    """None when casebook left the packet undecided, otherwise the list of what differs (empty: they agree)."""
    if outcome["verdict"] == "unknown" or outcome.get("depends") or outcome.get("mark") is None:
        return None
    key = kernels.key_of(packet.raw)
    passed = key in measured.passed
    found = []
    if passed != (outcome["verdict"] == "accept"):
        found.append(f"verdict: kernel {'passed' if passed else 'did not pass'}, casebook {outcome['verdict']}")
    real = {measured.order[number] for number, keys in measured.hits.items() if key in keys}
    model = set(outcome.get("hits", []))
    if real != model:
        found.append(f"hits: only kernel {sorted(real - model)}, only casebook {sorted(model - real)}")
    if passed and not found:
        if measured.passed[key] != outcome.get("mark", 0):
            found.append(f"meta mark: kernel {measured.passed[key]}, casebook {outcome.get('mark')}")
        ct = outcome.get("ct") or {}
        # null: the model says that it does not know the state of such a packet, and no rule asked
        if key in measured.ct_state and ct.get("state") and measured.ct_state[key] != ct["state"]:
            found.append(f"ct state: kernel {measured.ct_state[key]}, casebook {ct.get('state')}")
        if key in measured.ct_mark and ct.get("mark") is not None and measured.ct_mark[key] != ct["mark"]:
            found.append(f"ct mark: kernel {measured.ct_mark[key]}, casebook {ct.get('mark')}")
    return found


def kind(found):
    """What sort of difference it is, for comparing while rules are taken out."""
    return found[0].split(":")[0]


class Oracle:
    """One run: counts, and the first disagreements made small."""

    def __init__(self, options):
        self.options, self.lab = options, Lab()
        self.compared = self.rulesets = self.disagreed = self.undecided = self.lost = self.skipped = 0
        self.hit_rules = self.rules = 0
        self.signatures, self.refused, self.exits = Counter(), [], 0

    def prepare(self, seed):
        """The kernel's half of one ruleset: (ruleset, packets, measured), or None when nft takes none of it."""
        ruleset = generate.Ruleset(seed, self.options.field_group, self.options.merging)
        refused = []
        # conntrack would remember flows that leave, so only rulesets without it let packets go
        leave = seed % 8 == 0 and not ruleset.conntrack
        loads = self.lab.settle(ruleset, refused, drop=not leave)
        self.refused += refused
        if not loads or not ruleset.alive():
            self.skipped += 1
            return None
        families = ruleset.tracked()
        sent = packets(random.Random(seed ^ 0x5A5A), self.options.packets_per_ruleset, ruleset.pool, ruleset.wanted())
        if families or seed % 16 == 0:
            lost = self.lab.control(sent, families)
            self.lost += len(lost)
            gone = {packet.tag for packet in lost}
            sent = [packet for packet in sent if packet.tag not in gone]
        judge = self.lab.judge(families)
        judge.drain()
        try:
            measured = judge.measure_loaded(sent, [packet.flow for packet in sent if packet.flow])
        except kernels.Unlistable as error:
            print(f"seed {seed}: not compared: {error}", flush=True)
            self.skipped += 1
            return None
        if leave:
            self._check_exits(judge, sent, measured)
        self.rules += len(ruleset.alive())
        self.hit_rules += sum(1 for keys in measured.hits.values() if keys)
        return ruleset, sent, measured

    def _check_exits(self, judge, sent, measured):
        """The recorded packets must be those that really left by out0."""
        left = {kernels.key_of(raw) for raw in judge.drain()}
        for packet in sent:
            key = kernels.key_of(packet.raw)
            if packet.path != "input" and (key in left) != (key in measured.passed):
                raise AssertionError(f"the capture chain and out0 disagree on {packet.path} {packet.raw.hex()}")
            self.exits += packet.path != "input"

    def judge(self, seed, ruleset, sent, measured, outcomes, error):
        """Compares one ruleset; minimises and keeps what differs."""
        if error:
            self.disagreed += 1
            if len(self.signatures) < self.options.show:
                self._minimise(seed, ruleset, sent[0], [error])
            return
        self.rulesets += 1
        seen = set()
        for packet in sent:
            found = differences(packet, outcomes[packet.tag], measured)
            if found is None:
                self.undecided += 1
                continue
            self.compared += 1
            if found:
                self.disagreed += 1
                if len(self.signatures) < self.options.show and len(seen) < 3 and tuple(found) not in seen:
                    seen.add(tuple(found))
                    self._minimise(seed, ruleset, packet, found)

    def trial(self, ruleset, packet):
        """(differences, outcome) of one packet against a changed ruleset; None when nft refuses it."""
        families = ruleset.tracked()
        copy = Packet(packet.raw, packet.path, packet.tag, packet.flow)
        self.lab.control([copy], families)
        flows = [copy.flow] if copy.flow else []
        judge = self.lab.judge(families)
        try:
            measured = judge.measure(ruleset.instrumented()[0], [copy], flows)
        except (kernels.Rejected, kernels.Unlistable):
            return None, None, copy
        outcomes, error = evaluate(self.options.casebook, ruleset.plain(), [packet_line(copy, judge.index)])
        if error:
            return [error], None, copy
        return differences(copy, outcomes[copy.tag], measured), outcomes[copy.tag], copy

    def _minimise(self, seed, ruleset, packet, found):
        before, chains = set(ruleset.removed), [list(table.chains) for table in ruleset.tables]
        outcome, last = None, packet
        again, first, copy = self.trial(ruleset, packet)
        if again:
            found, outcome, last = again, first, copy
            for rule in list(ruleset.alive()):
                ruleset.removed.add(rule.number)
                smaller, result, copy = self.trial(ruleset, packet)
                if smaller and kind(smaller) == kind(found):
                    found, outcome, last = smaller, result, copy
                else:
                    ruleset.removed.discard(rule.number)
            for table in ruleset.tables:
                for chain in list(table.chains):
                    kept = list(table.chains)
                    if any(rule.chain is chain for rule in ruleset.alive()):
                        continue
                    table.chains.remove(chain)
                    smaller, result, copy = self.trial(ruleset, packet)
                    if smaller and kind(smaller) == kind(found):
                        found, outcome, last = smaller, result, copy
                    else:
                        table.chains = kept
        else:
            found = found + ["(only among the other packets of the batch: alone they agree)"]
        text = " / ".join(sorted(rule.plain() for rule in ruleset.alive()))
        signature = kind(found) + ": " + re.sub(r"\d[\w.:/-]*|\$\w+|@\w+", "N", text)
        self.signatures[signature] += 1
        if self.signatures[signature] == 1:
            self._keep(seed, "; ".join(found), ruleset, [last], json.dumps(outcome))
        ruleset.removed = before
        for table, kept in zip(ruleset.tables, chains):
            table.chains = kept

    def _keep(self, seed, reason, ruleset, sent, outcome):
        families = ruleset.tracked()
        index = self.lab.judge(families).index
        lines = [json.dumps(packet_line(packet, index)) for packet in sent]
        report = f"seed {seed}: {reason}\n{ruleset.plain()}" + "".join(
            f"packet {line}\nflow {packet.flow}\n" for line, packet in zip(lines, sent)) + f"casebook {outcome}\n"
        print(f"--- disagreement\n{report}", flush=True)
        if self.options.keep:
            os.makedirs(self.options.keep, exist_ok=True)
            stem = os.path.join(self.options.keep, f"seed{seed}-{sent[0].tag if sent else 0}")
            for suffix, text in ((".nft", ruleset.plain()), (".jsonl", "\n".join(lines) + "\n"), (".txt", report),
                                 (".instrumented.nft", ruleset.instrumented()[0])):
                with open(stem + suffix, "w", encoding="utf-8") as file:
                    file.write(text)

    def run(self):
        """Prepares rulesets in this thread while casebook evaluates earlier ones in others."""
        pending = deque()
        with ThreadPoolExecutor(self.options.jobs) as pool:
            for seed in range(self.options.seed, self.options.seed + self.options.rulesets):
                prepared = self.prepare(seed)
                if prepared is None:
                    continue
                ruleset, sent, measured = prepared
                if self.options.kernel_only:
                    self.rulesets += 1
                    continue
                lines = [packet_line(packet, self.lab.judge(ruleset.tracked()).index) for packet in sent]
                future = pool.submit(evaluate, self.options.casebook, ruleset.plain(), lines)
                pending.append((seed, ruleset, sent, measured, future))
                if len(pending) > self.options.jobs:
                    self._finish(pending.popleft())
            while pending:
                self._finish(pending.popleft())

    def _finish(self, item):
        seed, ruleset, sent, measured, future = item
        self.judge(seed, ruleset, sent, measured, *future.result())

    def validity(self):
        """Informative: how many of the rules that nft refused `casebook check` finds unloadable too."""
        flagged = 0
        for rule, error, text in self.refused:
            with tempfile.NamedTemporaryFile("w", suffix=".nft", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                command = [self.options.casebook, "check", file.name]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            flags = any(f"[{code}]" in done.stdout for code in UNLOADABLE)
            flagged += flags
            print(f"validity: nft refuses, casebook {'too' if flags else 'does not'}: {rule}   [{error}]")
        print(f"validity: nft refused {len(self.refused)} rules, casebook flags {flagged} of them")


def unavailable():
    """Why this machine cannot run the oracle, or None."""
    if os.geteuid() != 0:
        return "not root"
    for tool in ("nft", "ip", "conntrack"):
        if not shutil.which(tool):
            return f"no {tool} command"
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun"
    try:
        probe = kernels.Kernel()
        probe.load("")
        probe.close()
    except (kernels.Unavailable, kernels.Rejected) as error:
        return str(error).splitlines()[0]
    return None


def main():
    """The command."""
    parser = argparse.ArgumentParser(description="casebook nft eval against the running kernel")
    parser.add_argument("--casebook", help="the binary")
    parser.add_argument("--rulesets", type=int, default=100)
    parser.add_argument("--packets-per-ruleset", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="folder for minimised disagreements")
    parser.add_argument("--field-group", choices=generate.GROUPS, help="concentrate on one group of constructs")
    parser.add_argument("--show", type=int, default=SHOWN, help="different disagreements to minimise")
    parser.add_argument("--jobs", type=int, default=2, help="casebook processes at once")
    parser.add_argument("--require", action="store_true", help="exit 2 where the oracle cannot run")
    parser.add_argument("--merging", action="store_true", help="allow rules whose comparisons nft 1.0.6 merges")
    parser.add_argument("--validity", action="store_true", help="also list rules that nft refused")
    parser.add_argument("--kernel-only", action="store_true", help="run only the kernel's half")
    options = parser.parse_args()
    reason = unavailable()
    if reason is None and not options.kernel_only and not shutil.which(options.casebook or ""):
        reason = "no casebook binary"
    if reason:
        print(f"kernel oracle: skipped: {reason}")
        return 2 if options.require else 0
    oracle = Oracle(options)
    oracle.run()
    for signature, count in oracle.signatures.most_common():
        print(f"{count:6} minimised to: {signature}")
    print(f"{oracle.rules} rules, {oracle.hit_rules} finished by some packet; {len(oracle.refused)} refused by nft, "
          f"{oracle.skipped} rulesets skipped; {oracle.lost} packets lost by the control, {oracle.exits} exits checked")
    if options.validity and not options.kernel_only:
        oracle.validity()
    print(f"kernel oracle: {oracle.compared} packets over {oracle.rulesets} rulesets compared, "
          f"{oracle.disagreed} disagreed, {oracle.undecided} undecided (seed {options.seed})")
    return 1 if oracle.disagreed else 0


if __name__ == "__main__":
    sys.exit(main())
