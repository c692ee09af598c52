#!/usr/bin/env python3
"""The fixes `casebook check` proposes for the laboratory's failing links, run with the linkers the links are of.

    confirm.py --casebook PATH --truth DIR [--scenario NAME…] [--linker NAME…] [-v]

The commands of each fix are run in a copy of the link's folder, and its edits of `link.txt` are held against them. A fix that does not link has
failed; so has silence where another command line alone would do. Where only the source, or another build of a file, makes it link, there is no
mechanical fix: these are counted by what would have to change.

Ends with `N confirmed, N failed, N without a mechanical fix`, and 1 when something failed.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from truth import check

# A line makes these link that is not proposed, and why.
HELD_BACK = {
    "duplicate-library": "--allow-multiple-definition would hide it: two libraries define other things under one name",
}


def fixes(report):
    """Fixes of errors, each once."""
    found = {}
    for one in report["findings"]:
        if one["severity"] == "error" and one["status"] != "exonerated":
            for fix in one["fixes"]:
                found.setdefault((fix["title"], tuple(fix["commands"])), fix)
    return list(found.values())


def applied(text, edits):
    """The text with the edits, which are byte ranges of it."""
    for edit in sorted(edits, key=lambda edit: (edit["start"], edit["end"]), reverse=True):
        text = text[:edit["start"]] + edit["text"].encode() + text[edit["end"]:]
    return text.decode()


def run(commands, folder, root):
    """Runs the commands in a copy of the folder, beside the laboratory's links to linkers; the words of the first that fails."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch, folder.parent.name, folder.name)
        shutil.copytree(folder, copy, symlinks=True)
        os.symlink(root.resolve() / "linkers", pathlib.Path(scratch, "linkers"))
        environment = {key: value for key, value in os.environ.items() if not key.endswith("FLAGS")}
        environment["LC_ALL"] = "C"
        for command in commands:
            done = subprocess.run(["sh", "-c", command], cwd=copy, env=environment, capture_output=True, timeout=120)
            if done.returncode:
                said = (done.stderr + done.stdout).decode(errors="replace").strip().splitlines()
                return f"`{command}`: {said[0] if said else done.returncode}"
    return None


def refused(fix, folder, root):
    """Why a fix is wrong, or None."""
    why = run(fix["commands"], folder, root)
    edited = {pathlib.Path(edit["evidence"]).name for edit in fix["edits"]}
    if why or edited != {"link.txt"}:
        return why
    line = applied((folder / "link.txt").read_bytes(), fix["edits"]).strip()
    return None if line == fix["commands"][-1] else f"the edits make `{line}`, the command is `{fix['commands'][-1]}`"


def why_none(truth):
    """Why no command makes it link; None where one does, and the laboratory knows it."""
    fix = truth.get("fix")
    if not fix:
        return "nothing here has what is missing"
    if fix["edits"]:
        return "the source has to change"
    if len(fix["commands"]) > 1:
        return "a file has to be built anew"
    if truth["command"].startswith("rustc "):
        return "the command is rustc's, whose own the log shows in part"
    return HELD_BACK.get(truth["cause"])


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--casebook", required=True)
    ask.add_argument("--truth", required=True, type=pathlib.Path)
    ask.add_argument("--scenario", nargs="*")
    ask.add_argument("--linker", nargs="*")
    ask.add_argument("-v", action="store_true")
    args = ask.parse_args()
    confirmed = failed = 0
    reasons = collections.Counter()
    for truth_file in sorted(args.truth.glob("*/*/truth.json")):
        folder = truth_file.parent
        truth = json.loads(truth_file.read_text())
        if args.scenario and truth["scenario"] not in args.scenario or args.linker and folder.name not in args.linker:
            continue
        if truth["linked"]:
            continue
        name = f"{truth['scenario']}/{folder.name}"
        playable = [fix for fix in fixes(check(args.casebook, folder)) if fix["commands"]]
        for fix in playable:
            why = refused(fix, folder, args.truth)
            if why:
                failed += 1
                print(f"{name}: \"{fix['title']}\" does not link: {why}", flush=True)
            else:
                confirmed += 1
                if args.v:
                    print(f"{name}: \"{fix['title']}\" links: {' && '.join(fix['commands'])}", flush=True)
        if playable:
            continue
        why = why_none(truth)
        if why:
            reasons[why] += 1
            if args.v:
                print(f"{name}: {truth['cause']}: {why}", flush=True)
        else:
            failed += 1
            print(f"{name}: {truth['cause']}: no command is proposed; this links: {truth['fix']['commands'][0]}", flush=True)
    for why, count in reasons.most_common():
        print(f"without a mechanical fix: {count}: {why}")
    print(f"{confirmed} confirmed, {failed} failed, {sum(reasons.values())} without a mechanical fix")
    return 1 if failed or not confirmed else 0


if __name__ == "__main__":
    sys.exit(main())
