#!/usr/bin/env python3
"""The fixes `casebook check` proposes for the laboratory's failing links, run with the linkers the links are of.

    confirm.py --casebook PATH --truth DIR [--scenario NAME…] [--linker NAME…] [-v]

Of each link that failed, the commands of every fix are run in a copy of its folder, and its edits of `link.txt` are held against them. A fix that
does not link is wrong; so is silence where the laboratory's own fix is another command line and nothing else. Fixes that only the sources or
another build can bring are counted as such.

Ends with the figures of each linker and of all; exit 1 when something is wrong.
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

FIGURES = ("failed", "proposed", "confirmed", "in the source", "silent")


def check(casebook, folder):
    done = subprocess.run([casebook, "check", str(folder), "--format", "json"], capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{folder}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else {"findings": []}


def fixes(report):
    """Fixes of errors, each once: title, commands, edits."""
    found = {}
    for one in report["findings"]:
        if one["severity"] != "error" or one["status"] == "exonerated":
            continue
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


def only_a_line(truth):
    """The laboratory's own fix is another link command: no source, no library was built anew."""
    fix = truth.get("fix")
    return bool(fix) and not fix["edits"] and len(fix["commands"]) == 1


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--casebook", required=True)
    ask.add_argument("--truth", required=True, type=pathlib.Path)
    ask.add_argument("--scenario", nargs="*")
    ask.add_argument("--linker", nargs="*")
    ask.add_argument("-v", action="store_true")
    args = ask.parse_args()
    figures = collections.defaultdict(collections.Counter)
    wrong = 0
    for truth_file in sorted(args.truth.glob("*/*/truth.json")):
        folder = truth_file.parent
        truth = json.loads(truth_file.read_text())
        if args.scenario and truth["scenario"] not in args.scenario or args.linker and folder.name not in args.linker:
            continue
        if truth["linked"]:
            continue
        figure = figures[folder.name]
        figure["failed"] += 1
        name = f"{truth['scenario']}/{folder.name}"
        told = fixes(check(args.casebook, folder))
        playable = [fix for fix in told if fix["commands"]]
        for fix in playable:
            figure["proposed"] += 1
            why = run(fix["commands"], folder, args.truth)
            edited = {pathlib.Path(edit["evidence"]).name for edit in fix["edits"]}
            if not why and edited == {"link.txt"}:
                line = applied((folder / "link.txt").read_bytes(), fix["edits"]).strip()
                why = None if line == fix["commands"][-1] else f"the edits make `{line}`, the command is `{fix['commands'][-1]}`"
            if why:
                wrong += 1
                print(f"{name}: \"{fix['title']}\" does not link: {why}")
            else:
                figure["confirmed"] += 1
                if args.v:
                    print(f"{name}: \"{fix['title']}\" links: {' && '.join(fix['commands'])}")
        if playable:
            continue
        if only_a_line(truth):
            wrong += 1
            figure["silent"] += 1
            print(f"{name}: {truth['cause']}: no command is proposed; this links: {truth['fix']['commands'][0]}")
        else:
            figure["in the source"] += 1
            if args.v:
                what = truth["fix"]["what"] if truth.get("fix") else "nothing that is here would make it link"
                print(f"{name}: {truth['cause']}: in the source ({what}); check says: {[fix['title'] for fix in told]}")
    total = collections.Counter()
    for linker, figure in sorted(figures.items()):
        total.update(figure)
        print(f"{linker}: " + ", ".join(f"{figure[what]} {what}" for what in FIGURES))
    print(f"{total['failed']} failed links: {total['proposed']} fixes proposed, {total['confirmed']} confirmed; "
          f"{total['in the source']} only in the source, {total['silent']} without a fix")
    return 1 if wrong or not total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
