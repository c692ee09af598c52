"""Lets real compilers and linkers fail, and writes beside the evidence what really happened."""
import argparse
import json
import os
import re
import shutil
import signal
import sys

import named  # noqa: F401  (the scenarios register themselves)
import libraries  # noqa: F401
import micro  # noqa: F401
import objects  # noqa: F401
import rust  # noqa: F401
import story  # noqa: F401
import toolchain
import truth
import verdict
from scenario import ALL, applies
from toolchain import CannotRun


def arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Links small programs that do not link, and keeps evidence and truth in "
        "DIR/SCENARIO/LINKER.", epilog="exit status: 0 it happened as told; 1 it did not; 2 it cannot run here")
    parser.add_argument("-o", dest="out", default="casebook-lab-link-errors", metavar="DIR",
                        help="where the evidence goes (default: %(default)s)")
    parser.add_argument("--scenario", nargs="+", default=[], metavar="NAME", help="these scenarios only")
    parser.add_argument("--sets", nargs="+", default=[], metavar="SET", choices=["story", "micro", "named"],
                        help="story, micro (what linkers differ in), named (other causes); default: all")
    parser.add_argument("--linkers", default="", metavar="L[,L]", help="of bfd gold lld mold wild, or as --list says "
                        "(default: all that are here)")
    parser.add_argument("--wild", default=None, metavar="PATH", help="the linker wild, where it is not in PATH")
    parser.add_argument("--casebook", default=None, metavar="PATH",
                        help="check each folder, and compare with the truth")
    parser.add_argument("--list", action="store_true", help="name linkers and scenarios and end")
    return parser.parse_args()


def build(scenario, folder):
    """Makes objects and libraries. Sources get a path that is the same on every machine."""
    os.makedirs(folder)
    for path, text in scenario["files"].items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)
    same = "-ffile-prefix-map=%s=/src/%s" % (folder, scenario["name"])
    for command in scenario["build"]:
        full = command.replace("{clang}", toolchain.clang("clang"))
        full = re.sub(r"^(gcc|g\+\+|gfortran|clang\S*)(?=.* -c )", lambda match: match.group(1) + " " + same, full)
        full = re.sub(r"^rustc ", "rustc --remap-path-prefix=%s=/src/%s " % (folder, scenario["name"]), full)
        status, said = toolchain.run(full, folder)
        if status:
            raise CannotRun("%s: %s fails: %s" % (scenario["name"], command, said.decode(errors="replace").strip()))


def play(scenario, linkers, out, versions, program):
    """One scenario with each linker; returns runs and faults."""
    place = os.path.join(out, scenario["name"])
    shutil.rmtree(place, ignore_errors=True)
    built = os.path.join(place, ".built")
    build(scenario, built)
    runs = faults = 0
    for linker in linkers:
        if not applies(scenario["only"], linker.family, linker.major):
            continue
        folder = os.path.join(place, linker.name)
        shutil.copytree(built, folder, symlinks=True, copy_function=os.link)
        found = truth.write(scenario, linker, folder, versions)
        with open(os.path.join(folder, "truth.json"), "w") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
        wrong = found["differences"] + (verdict.differences(program, folder, found) if program else [])
        runs, faults = runs + 1, faults + bool(wrong)
        print("%-28s %-8s %s%s" % (scenario["name"], linker.name, found["cause"] or "links",
                                   "  NOT AS TOLD: " + "; ".join(wrong) if wrong else ""), flush=True)
    shutil.rmtree(built)
    return runs, faults


def main():
    wanted = arguments()
    out = os.path.abspath(wanted.out)
    if wanted.list:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        print("linkers: " + " ".join(sorted(toolchain.programs(wanted.wild))))
        for one in ALL.values():
            print("%-28s %-6s %s" % (one["name"], one["sets"], one["about"]))
        return 0
    try:
        if sys.platform != "linux" or os.uname().machine != "x86_64":
            raise CannotRun("needs Linux on x86_64")
        missing = [name for name in ("gcc", "nm", "readelf", "ar", "c++filt") if not shutil.which(name)]
        if missing:
            raise CannotRun("needs the command " + missing[0])
        unknown = [name for name in wanted.scenario if name not in ALL]
        if unknown:
            raise CannotRun("there is no scenario " + unknown[0])
        linkers = toolchain.find([name for name in wanted.linkers.split(",") if name], out, wanted.wild)
        if not linkers:
            raise CannotRun("none of these linkers is here")
    except CannotRun as error:
        print("cannot run: %s" % error, file=sys.stderr)
        return 2
    commands = ("gcc", "g++", "gfortran", toolchain.clang("clang"), "rustc")
    versions = {name: (toolchain.said_by(name + " --version").splitlines() or [""])[0] for name in commands
                if shutil.which(name)}
    runs = faults = skipped = 0
    for scenario in ALL.values():
        if wanted.scenario and scenario["name"] not in wanted.scenario:
            continue
        if wanted.sets and scenario["sets"] not in wanted.sets:
            continue
        lacks = [need for need in scenario["needs"] if not toolchain.is_here(need)]
        if lacks:
            skipped += 1
            print("%-28s skipped: needs %s" % (scenario["name"], lacks[0]))
            continue
        try:
            more, wrong = play(scenario, linkers, out, versions, wanted.casebook)
        except CannotRun as error:
            print("cannot run: %s" % error, file=sys.stderr)
            return 2
        runs, faults = runs + more, faults + wrong
    print("%d runs, %d not as told, %d scenarios skipped" % (runs, faults, skipped))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
