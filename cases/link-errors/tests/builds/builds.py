"""Real builds of Debian's source packages and of crates, each broken in one way. See README.md."""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lab")
sys.path.insert(0, LAB)
import toolchain  # noqa: E402
import truth  # noqa: E402
from catalogue import BUILDS  # noqa: E402


def run(command, folder, timeout=1500, **more):
    return toolchain.run(command, folder, timeout, **more)


def apt(cache):
    """Options that keep apt to a list, an index and a cache of its own."""
    os.makedirs(os.path.join(cache, "lists/partial"), exist_ok=True)
    os.makedirs(os.path.join(cache, "archives/partial"), exist_ok=True)
    sources = os.path.join(cache, "sources.list")
    options = [
        "-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=/dev/null", "-o",
        "Dir::State::Lists=" + os.path.join(cache, "lists"), "-o", "Dir::Cache=" + os.path.join(cache, "archives")
    ]
    if not os.path.exists(sources):
        # The machine's own archive, with its sources.
        said = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True,
                              text=True).stdout.split()
        mirror = os.environ.get("CASEBOOK_MIRROR") or next((site for site in said if site.startswith("http")), None)
        if not mirror:
            raise toolchain.CannotRun("apt knows no archive")
        with open("/etc/os-release") as file:
            suite = re.search(r"VERSION_CODENAME=(\S+)", file.read()).group(1)
        with open(sources, "w") as file:
            file.write("deb-src %s %s main\n" % (mirror.rstrip("/"), suite))
        subprocess.run(["apt-get", "-qq"] + options + ["update"], check=True)
    return options


def fetch(package, cache):
    """Downloads a source package; gives its upstream archive and version."""
    folder = os.path.join(cache, "packages", package)
    os.makedirs(folder, exist_ok=True)
    if not os.listdir(folder):
        subprocess.run(["apt-get", "-qq"] + apt(cache) + ["source", "--download-only", package],
                       cwd=folder,
                       check=True,
                       stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    names = os.listdir(folder)
    version = next(name for name in names if name.endswith(".dsc"))[:-4].partition("_")[2]
    return os.path.join(folder, next(name for name in names if re.search(r"\.orig\.tar\.\w+$", name))), version


def unpack(build, place, cache):
    """The sources in `place`/source; those of a crate are written, and cargo fetches what they need."""
    source = os.path.join(place, "source")
    os.makedirs(source)
    version = None
    if "package" in build:
        archive, version = fetch(build["package"], cache)
        subprocess.run(["tar", "xf", archive, "--strip-components=1", "-C", source], check=True)
    for path, text in build.get("files", {}).items():
        os.makedirs(os.path.dirname(os.path.join(source, path)), exist_ok=True)
        with open(os.path.join(source, path), "w") as file:
            file.write(text)
    return source, version


def edit(source, edits):
    for path, changes in edits.items():
        with open(os.path.join(source, path)) as file:
            text = file.read()
        for before, after in changes:
            if before not in text:
                raise SystemExit("%s has no %r" % (path, before))
            text = text.replace(before, after)
        with open(os.path.join(source, path), "w") as file:
            file.write(text)


def linked_by(log, pattern):
    """The last command of the log that links what failed to link."""
    found = None
    for line in log.splitlines():
        match = re.search(pattern, line)
        if match:
            found = match.group(1)
    if not found:
        raise SystemExit("the log shows no command like " + pattern)
    return found.strip()


def play(build, out, cache):
    place = os.path.join(out, build["name"])
    shutil.rmtree(place, ignore_errors=True)
    source, version = unpack(build, place, cache)
    for command in build.get("prepare", []):
        status, said = run(command, source)
        if status:
            raise SystemExit("%s: %s: %s" % (build["name"], command, said.decode(errors="replace")[-2000:]))
    edit(source, build.get("broken", {}))
    log, status = b"", 0
    for command in build["build"]:
        log += ("$ %s\n" % command).encode()
        status, said = run(command, source)
        log += said
        if status:
            break
    with open(os.path.join(place, "build.log"), "wb") as file:
        file.write(log)
    text = log.decode(errors="replace")
    typed = linked_by(text, build["link"])
    folder = os.path.join(source, build.get("folder", "."))
    with open(os.path.join(place, "link.txt"), "w") as file:
        file.write("cd %s\n%s\n" % (os.path.relpath(folder, place), typed))
    with open(os.path.join(place, "driver.txt"), "wb") as file:
        file.write(run(typed + " -###", folder)[1])
    faults = [] if status else ["it links"]
    where = []
    for symbol, at in build["where"].items():
        # A folder of cargo has a hash in its name.
        found = glob.glob(os.path.join(folder, at)) if at and "*" in at else []
        entry, fault = truth.definition(symbol, os.path.relpath(found[0], folder) if found else at, folder)
        where.append(entry) if entry else faults.append(fault)
    faults += ["the log does not name " + symbol for symbol in build["where"] if not truth.named(symbol, text)]
    # The fix is an edit of the very command that failed, and it is run; then the folder is again as the failed build left it.
    failed = os.path.join(place, "failed")
    shutil.copytree(source, failed, symlinks=True)
    mended = typed
    for before, after in build["fix"].get("edits", []):
        if before not in mended:
            faults.append("the command has no %r" % before)
        mended = mended.replace(before, after, 1)
    commands = build["fix"].get("before", []) + [mended]
    for command in commands:
        status, said = run(command, folder)
        if status:
            faults.append("the fix does not link: " + said.decode(errors="replace").strip()[-400:])
            break
    shutil.rmtree(source)
    os.rename(failed, source)
    found = {
        "build": build["name"],
        "about": build["about"],
        "package": build.get("package"),
        "version": version,
        "linker": build["linker"],
        "linked": False,
        "cause": build["cause"],
        "kind": build.get("kind", "undefined"),
        "symbols": list(build["where"]),
        "definitions": where,
        "command": typed,
        "folder": os.path.relpath(folder, place),
        "fix": {"what": build["fix"]["what"], "commands": commands, "linked": status == 0},
        "as_told": not faults,
        "differences": faults,
    }
    with open(os.path.join(place, "truth.json"), "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
    return faults


def main():
    parser = argparse.ArgumentParser(prog="builds.py",
                                     epilog="exit status: 0 all failed as told; 1 some did not; 2 it "
                                     "cannot run here")
    parser.add_argument("-o", dest="out", required=True, metavar="DIR")
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/casebook-builds"), metavar="DIR")
    parser.add_argument("--build", nargs="+", default=[], metavar="NAME")
    wanted = parser.parse_args()
    missing = [name for name in ("apt-get", "gcc", "g++", "make", "nm", "tar") if not shutil.which(name)]
    if missing:
        print("cannot run: needs the command " + missing[0], file=sys.stderr)
        return 2
    out, cache, wrong, ran = os.path.abspath(wanted.out), os.path.abspath(wanted.cache), 0, 0
    for build in BUILDS:
        if wanted.build and build["name"] not in wanted.build:
            continue
        lacks = [need for need in build.get("needs", []) if not toolchain.is_here(need)]
        if lacks:
            print("%-20s skipped: needs %s" % (build["name"], lacks[0]), flush=True)
            continue
        faults = play(build, out, cache)
        ran, wrong = ran + 1, wrong + bool(faults)
        print("%-20s %s%s" % (build["name"], build["cause"], "  NOT AS TOLD: " + "; ".join(faults) if faults else ""),
              flush=True)
    print("%d builds, %d not as told" % (ran, wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
