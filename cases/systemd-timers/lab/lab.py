"""Boots real service managers with wrong clocks, and writes beside the evidence what really happened."""
import argparse
import concurrent.futures
import os
import signal
import sys
import threading

import kernel as kernels
import machine
import play
from boot import Dead, stop_all
from scenario import ALL
from scenarios import *  # noqa: F401,F403  (the scenarios register themselves)

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Boots real systemd in user-mode Linux with virtual time, breaks its clock, and "
        "keeps evidence and truth in DIR/VERSION/SCENARIO.",
        epilog="exit status: 0 it happened as told; 1 it did not; 2 it cannot run here")
    parser.add_argument("-o", dest="out", default="casebook-lab-systemd-timers", metavar="DIR",
                        help="where the evidence goes (default: %(default)s)")
    parser.add_argument("--versions", default="252,257,262", metavar="V[,V]", help="of systemd (default: %(default)s)")
    parser.add_argument("--scenario", nargs="+", default=[], metavar="NAME", help="these scenarios only")
    parser.add_argument("--cache", default=None, metavar="DIR", help="roots, images and kernel, made once (default: "
                        "casebook-lab in XDG_CACHE_HOME or ~/.cache)")
    parser.add_argument("--kernel", choices=("time-travel", "stock"), default="time-travel",
                        help="stock: Debian 12's user-mode-linux, no virtual time, seconds-long scenarios on 252 only")
    parser.add_argument("-j", type=int, default=1, metavar="N", help="machines at a time (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--prepare", action="store_true", help="fill the cache and end")
    return parser.parse_args()


def cannot(why):
    print("cannot run: " + why, file=sys.stderr)
    return 2


def chosen(wanted):
    """The scenarios to play: by name, or all that the kernel can play."""
    unknown = [name for name in wanted.scenario if name not in ALL]
    if unknown:
        raise machine.CannotRun("there is no scenario " + unknown[0])
    some = [ALL[name] for name in wanted.scenario] or list(ALL.values())
    if wanted.kernel == "stock":
        some = [scenario for scenario in some if scenario["stock"]]
    return some


def one(scenario, version, kernel, image, out, virtual):
    """Plays and reports one run; returns whether it happened as told."""
    label = "%s %-30s" % (version, scenario["name"])
    try:
        truth = play.play(scenario, version, kernel, image, out, virtual)
    except Dead as error:
        return False, "%s FAILED: %s" % (label, error)
    ran = ", ".join("%s %d" % (name.replace(".service", ""), count) for name, count in sorted(truth["counts"].items()))
    return truth["as_told"], "%s ran: %s  (%.0f s)%s" % (
        label, ran, truth["wall_seconds"],
        "" if truth["as_told"] else "  NOT AS TOLD: " + "; ".join(truth["differences"]))


def stop(number, _):
    stop_all()
    os._exit(128 + number)


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    wanted = arguments()
    if wanted.list:
        for scenario in ALL.values():
            print("%-30s %s" % (scenario["name"], scenario["about"]))
        return 0
    cache = os.path.abspath(wanted.cache or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "casebook-lab"))
    versions = wanted.versions.split(",") if wanted.kernel == "time-travel" else ["252"]
    try:
        if sys.platform != "linux" or os.uname().machine != "x86_64":
            raise machine.CannotRun("needs Linux on x86_64")
        if os.geteuid() != 0:
            raise machine.CannotRun("needs root: debootstrap makes device nodes and files of other users")
        unknown = [version for version in versions if version not in machine.SUITES]
        if unknown:
            raise machine.CannotRun("knows no version %s, only %s" % (unknown[0], ", ".join(machine.SUITES)))
        scenarios = chosen(wanted)
        os.makedirs(cache, exist_ok=True)
        images = {version: machine.image(cache, version, HERE) for version in versions}
        virtual = wanted.kernel == "time-travel"
        kernel = kernels.time_travel(cache) if virtual else kernels.stock(cache)
    except machine.CannotRun as error:
        return cannot(str(error))
    if wanted.prepare:
        return 0
    bad, lock = [], threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(max_workers=wanted.j) as pool:
        def task(scenario, version):
            out = os.path.join(os.path.abspath(wanted.out), version, scenario["name"])
            fine, line = one(scenario, version, kernel, images[version], out, virtual)
            with lock:
                print(line, flush=True)
                if not fine:
                    bad.append("%s on %s" % (scenario["name"], version))
        for future in [pool.submit(task, scenario, version) for scenario in scenarios for version in versions
                       if version in scenario["versions"]]:
            future.result()
    if bad:
        print("not as told: " + ", ".join(bad))
        return 1
    return 0


sys.exit(main())
