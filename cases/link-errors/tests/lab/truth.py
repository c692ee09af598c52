#!/usr/bin/env python3
"""What `casebook check` says of the laboratory's evidence, held against the truth the laboratory wrote.

    truth.py --casebook PATH --truth DIR [--scenario NAME…] [--linker NAME…] [-v]

Of each link that failed, check must name the cause: the rule that stands for it, and the symbol; of one that linked it must say no error.
Ends with `N compared, D disagreed`, and 1 when something disagreed.
"""

import argparse
import json
import pathlib
import subprocess
import sys

# The rules that stand for a cause; several where the evidence of one linker shows less than that of another.
CODES = {
    "order-archive": {"LNK101"},
    "order-cycle": {"LNK101"},
    "order-as-needed": {"LNK102"},
    "missing-library": {"LNK103"},
    "transitive-only": {"LNK104"},
    "hidden": {"LNK105", "LNK305"},
    "version-script-local": {"LNK105"},
    "static": {"LNK105"},
    "hidden-reference": {"LNK105"},
    "c-linkage-missing": {"LNK106"},
    "fortran-underscore": {"LNK106"},
    "no-mangle-missing": {"LNK106"},
    "abi-cxx11": {"LNK107"},
    "rust-hash": {"LNK107"},
    "signature": {"LNK108"},
    "spelling": {"LNK108"},
    "version-missing": {"LNK109"},
    "dso-undefined": {"LNK110"},
    "needed-not-found": {"LNK110"},
    "nowhere": {"LNK111"},
    "key-function": {"LNK111"},
    "no-main": {"LNK111"},
    "not-instantiated": {"LNK111"},
    "inline-c99": {"LNK111"},
    "wrap": {"LNK111"},
    "dead-section": {"LNK111"},
    "discarded": {"LNK112"},
    "header-variable": {"LNK201"},
    "header-function": {"LNK201"},
    "object-twice": {"LNK202"},
    "duplicate-library": {"LNK202", "LNK203"},
    "two-mains": {"LNK203"},
    "staticlib-std": {"LNK204"},
    "library-path": {"LNK301"},
    "library-unversioned": {"LNK301"},
    "input-missing": {"LNK301"},
    "no-multilib": {"LNK301"},
    "no-such-output": {"LNK302"},
    "thin-member-missing": {"LNK301", "LNK302"},
    # -l passes a library for another machine over, and then finds none.
    "wrong-machine": {"LNK302", "LNK301"},
    "damaged": {"LNK302"},
    "no-index": {"LNK302"},
    "lto-no-plugin": {"LNK302"},
    # lld meets a relocation of one kind against a symbol of the other.
    "tls-mismatch": {"LNK303", "LNK304"},
    "not-pic": {"LNK304"},
    "out-of-range": {"LNK304"},
    "version-script-undefined": {"LNK306"},
}


def check(casebook, folder):
    done = subprocess.run([casebook, "check", str(folder), "--format", "json"], capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{folder}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else {"findings": []}


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--casebook", required=True)
    ask.add_argument("--truth", required=True, type=pathlib.Path)
    ask.add_argument("--scenario", nargs="*")
    ask.add_argument("--linker", nargs="*")
    ask.add_argument("-v", action="store_true")
    args = ask.parse_args()
    compared = disagreed = 0
    for truth_file in sorted(args.truth.glob("*/*/truth.json")):
        folder = truth_file.parent
        truth = json.loads(truth_file.read_text())
        if args.scenario and truth["scenario"] not in args.scenario or args.linker and folder.name not in args.linker:
            continue
        report = check(args.casebook, folder)
        loud = [one for one in report["findings"] if one["severity"] == "error" and one["status"] != "exonerated"]
        codes = {one["code"] for one in loud}
        compared += 1
        if truth["linked"]:
            wrong = f"linked, and check says {sorted(codes)}" if any(one["status"] == "proved" for one in loud) else None
        else:
            wanted = CODES.get(truth["cause"], set())
            wrong = None
            if not codes & wanted:
                wrong = f"{truth['cause']} ({', '.join(truth['symbols'][:2])}): wanted {sorted(wanted)}, check says {sorted(codes)}"
            # What the linker does not name, and no file tells: which symbol a relocation is against that cannot be made.
            elif set(truth["symbols"]) - set(truth["unnamed"]) and not wanted <= {"LNK301", "LNK302"}:
                told = " ".join(json.dumps(one) for one in loud if one["code"] in wanted)
                if not any(symbol in told for symbol in truth["symbols"]):
                    wrong = f"{truth['cause']}: no word of {truth['symbols']}"
        if wrong:
            disagreed += 1
            print(f"{truth['scenario']}/{folder.name}: {wrong}")
        elif args.v:
            print(f"{truth['scenario']}/{folder.name}: {sorted(codes)}")
    print(f"{compared} compared, {disagreed} disagreed")
    return 1 if disagreed or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
