"""Holds what casebook says of a folder against the truth."""
import json
import os
import shutil
import subprocess
import tempfile

from toolchain import environment, said_by

# Causes by the rules that name them. Where a cause is not listed, a proved finding has to name the symbol.
RULES = {}


def report(program, folder):
    """What `casebook check` finds in the evidence, from which the truth is left out."""
    with tempfile.TemporaryDirectory(prefix="casebook-lab-") as place:
        place = os.path.join(place, "evidence")
        shutil.copytree(folder, place, symlinks=True, ignore=shutil.ignore_patterns("truth.json"))
        command = [os.path.abspath(program), "check", "--format", "json", "."]
        done = subprocess.run(command, cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(done.stdout) if done.stdout else {"findings": []}


def differences(program, folder, truth):
    """What casebook misses or says wrongly, in words."""
    findings = [one for one in report(program, folder)["findings"] if one["status"] == "proved"]
    if truth["linked"]:
        return ["it links, and casebook says " + one["title"] for one in findings if one["severity"] == "error"]
    codes = {one["code"] for one in findings}
    wanted = RULES.get(truth["cause"])
    if wanted and not codes & set(wanted):
        return ["casebook names %s, not %s" % (sorted(codes) or "nothing", wanted)]
    words = json.dumps(findings, ensure_ascii=False)
    forms = [(symbol, said_by("c++filt '%s'" % symbol)) for symbol in truth["symbols"]]
    missing = [symbol for symbol, readable in forms if symbol not in words and readable not in words]
    return ["casebook does not name " + symbol for symbol in missing]
