#!/usr/bin/env python3
"""What `casebook check` says of the broken builds, from the log alone and from the files, held against what was broken.

    check.py --casebook PATH --builds DIR [-v]

DIR is what builds.py made. Of each build `check` reads the log in an empty folder, where nothing of the build can be found, then the link
command beside the build's files. Each time it must name the cause: the rule that stands for it, and a symbol that is told of.
Ends with `N compared, D disagreed`, and 1 when something disagreed.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

# The rules that stand for a cause: what a log alone lets one say, and what the files do.
CODES = {
    "order-archive": ("LNK101", "LNK101"),
    "missing-library": ("LNK103", "LNK103"),
    "hidden": ("LNK105", "LNK105"),
    "version-script-local": ("LNK105", "LNK105"),
    "abi-cxx11": ("LNK107", "LNK107"),
    # The log shows of which objects the archive was made; the object itself is a file.
    "object-left-out": ("LNK111", "LNK103"),
    "two-mains": ("LNK203", "LNK203"),
    # That both come from one file is in the files.
    "duplicate-library": ("LNK203", "LNK202"),
    "library-path": ("LNK301", "LNK301"),
    "not-pic": ("LNK304", "LNK304"),
}


def check(casebook, what, folder):
    done = subprocess.run([casebook, "check", "--format", "json", *what], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{folder}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)["findings"]


def readable(symbols):
    if not symbols or not shutil.which("c++filt"):
        return symbols
    done = subprocess.run(["c++filt", *symbols], capture_output=True, text=True, check=True)
    return symbols + done.stdout.split("\n")


def disagreement(findings, code, symbols):
    """What is wrong with what was found; none where it is as it should be."""
    errors = [one for one in findings if one["severity"] != "note"]
    fitting = [one for one in errors if one["code"] == code]
    if not fitting:
        return "said: " + ("; ".join(f"{one['rule']} {one['title']}" for one in errors) or "nothing")
    told = json.dumps(fitting)
    if symbols and not any(symbol and json.dumps(symbol)[1:-1] in told for symbol in symbols):
        return f"{code} does not name {symbols[0]}"
    return None


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--casebook", required=True, type=pathlib.Path)
    ask.add_argument("--builds", required=True, type=pathlib.Path)
    ask.add_argument("-v", action="store_true")
    given = ask.parse_args()
    casebook = given.casebook.resolve()
    compared = disagreed = 0
    for truth in sorted(given.builds.resolve().glob("*/truth.json")):
        told = json.loads(truth.read_text())
        symbols = readable(told["symbols"])
        with tempfile.TemporaryDirectory() as empty:
            shutil.copy(truth.parent / "build.log", empty)
            # Paths of the build that a log names would be found from anywhere on the machine it ran on.
            hidden = truth.parent / "source"
            away = hidden.rename(truth.parent / "source.away")
            try:
                alone = check(casebook, ["build.log"], empty)
            finally:
                away.rename(hidden)
        files = check(casebook, ["link.txt", *(["build.log"] if told["cause"] == "not-pic" else [])], truth.parent)
        for how, found, code in zip(("log alone", "files"), (alone, files), CODES[told["cause"]]):
            compared += 1
            wrong = disagreement(found, code, symbols)
            disagreed += wrong is not None
            if wrong or given.v:
                print(f"{told['build']:20} {how:10} {told['cause']:20} {'wrong: ' + wrong if wrong else code}")
    print(f"{compared} compared, {disagreed} disagreed")
    return 1 if disagreed or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
