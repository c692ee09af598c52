"""Makes connections die in every known way, for real, and writes beside the evidence who killed them.

Each scenario is a process with namespaces of its own, so that many wait for their timers at the same time.
"""
import argparse
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import damage  # noqa: F401  (the scenarios register themselves)
import ends  # noqa: F401
import paths  # noqa: F401
import proxies  # noqa: F401
import series  # noqa: F401
from scenario import ALL, play
from spaces import CannotRun, Failed, remove, run, tool

NEEDS = {"ip": "iproute2", "ss": "iproute2", "nft": "nftables", "conntrack": "conntrack", "tcpdump": "tcpdump"}
SKIPPED, NOT_AS_TOLD = 3, 4  # of a scenario's own process; 1 is Python's for a mistake


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description="Makes TCP connections die for real and keeps the "
                                     "evidence, one folder a scenario, each with its truth.json.",
                                     epilog="exit status: 0 it happened as told; 1 it did not; 2 it cannot run here")
    parser.add_argument("-o", dest="out", default="casebook-lab-tcp-rst", metavar="DIR",
                        help="where the evidence goes (default: %(default)s); must not hold an earlier run")
    parser.add_argument("--only", metavar="SLUG[,SLUG]", help="these scenarios only")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--keep", action="store_true", help="leave the namespaces for looking around")
    parser.add_argument("-j", type=int, default=24, metavar="N", help="scenarios at a time (default: %(default)s)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--prefix", help=argparse.SUPPRESS)
    return parser.parse_args()


def on_signals(numbers):
    """The first of these signals ends the program through its `finally` blocks; later ones must not disturb that."""
    stopping = []

    def stop(number, _):
        if not stopping:
            stopping.append(number)
            sys.exit(128 + number)
    for number in numbers:
        signal.signal(number, stop)


def one(slug, out, prefix, keep):
    """In a process of its own. Its parent's death ends it, and ending it cleans up."""
    on_signals([signal.SIGTERM])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent passes it on once
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != int(prefix.split("-")[1]):
        sys.exit(143)
    try:
        truth = play(slug, out, prefix, keep)
    except CannotRun as error:
        print(str(error))
        sys.stdout.flush()
        os._exit(SKIPPED)
    print(json.dumps(truth["differences"]))
    sys.stdout.flush()
    os._exit(0 if truth["as_told"] else NOT_AS_TOLD)  # threads that still serve end with the process


def cannot(why):
    print("cannot run: " + why, file=sys.stderr)
    return 2


def missing():
    """Why nothing can run here, or None."""
    if os.geteuid() != 0:
        return "needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN) to create network namespaces"
    for name, package in NEEDS.items():
        try:
            tool(name)
        except CannotRun:
            return "needs the command %s (package %s)" % (name, package)
    probe = "casebook-%d-probe" % os.getpid()
    try:
        run("ip", "netns", "add", probe)
        run("ip", "netns", "delete", probe)
    except Failed as error:
        return "%s; needs a kernel with network namespaces and the right to mount" % error
    return None


class Run:
    def __init__(self, out, keep, slugs, jobs):
        self.out, self.keep, self.jobs = out, keep, jobs
        self.waiting = sorted(slugs, key=lambda slug: -ALL[slug]["seconds"])
        self.playing, self.results, self.begun = {}, {}, time.monotonic()

    def start(self, slug):
        folder = os.path.join(self.out, slug)
        os.makedirs(folder)
        prefix = "casebook-%d-%s" % (os.getpid(), slug)
        command = [sys.executable, "-B", os.path.abspath(__file__), "--one", slug, "-o", folder, "--prefix", prefix]
        self.playing[slug] = subprocess.Popen(command + (["--keep"] if self.keep else []), stdout=subprocess.PIPE,
                                              stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)

    def gather(self):
        for slug, child in list(self.playing.items()):
            if child.poll() is None:
                continue
            said, errors = child.communicate()
            del self.playing[slug]
            self.results[slug] = child.returncode
            self.report(slug, child.returncode, said.strip(), errors)

    def report(self, slug, status, said, errors):
        folder = os.path.join(self.out, slug)
        if status == SKIPPED:
            print("%-28s skipped: %s" % (slug, said.splitlines()[-1] if said else "no reason given"))
            shutil.rmtree(folder, ignore_errors=True)
        elif status in (0, NOT_AS_TOLD):
            with open(os.path.join(folder, "truth.json")) as file:
                truth = json.load(file)
            print("%-28s RST by %-13s %-9s dies: %-5s gap %.2f s%s" % (
                slug, truth["who_sent_rst"], truth["rst_form"], truth["dies"], truth["first_seen_gap_s"],
                "" if status == 0 else "   NOT AS TOLD: " + "; ".join(truth["differences"])))
            for line in said.splitlines()[:-1]:
                print("    " + line)
        else:
            last = (errors.strip() or said or "no message").splitlines()[-1]
            print("%-28s FAILED with %s: %s" % (slug, status, last))
            with open(os.path.join(self.out, slug, "failure.txt"), "w") as file:
                file.write(errors)
        sys.stdout.flush()

    def all(self):
        try:
            while self.waiting or self.playing:
                while self.waiting and len(self.playing) < self.jobs:
                    self.start(self.waiting.pop(0))
                self.gather()
                time.sleep(0.05)
        finally:
            self.stop()

    def stop(self):
        """Every scenario removes its own namespaces; what a killed one left is removed here."""
        for child in self.playing.values():
            child.terminate()
        for child in self.playing.values():
            try:
                child.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
        if self.keep:
            return
        for name in os.listdir("/run/netns"):
            if name.startswith("casebook-%d-" % os.getpid()):
                for pid in run("ip", "netns", "pids", name).split():
                    with contextlib.suppress(OSError):
                        os.kill(int(pid), signal.SIGKILL)
                remove(name)


def main():
    args = arguments()
    if args.one:
        return one(args.one, args.out, args.prefix, args.keep)
    if args.list:
        for slug, told in ALL.items():
            print("%-28s %s" % (slug, told["description"]))
        return 0
    slugs = args.only.split(",") if args.only else list(ALL)
    unknown = [slug for slug in slugs if slug not in ALL]
    if unknown:
        return cannot("no scenario is called %s; --list names them" % ", ".join(unknown))
    why = missing()
    if why:
        return cannot(why)
    if any(os.path.exists(os.path.join(args.out, slug)) for slug in slugs):
        return cannot("%s already holds a run; name an empty folder with -o" % args.out)
    os.makedirs(args.out, exist_ok=True)

    on_signals([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    played = Run(os.path.abspath(args.out), args.keep, slugs, args.j)
    played.all()
    skipped = sum(1 for status in played.results.values() if status == SKIPPED)
    wrong = [slug for slug, status in played.results.items() if status not in (0, SKIPPED)]
    print("%d scenarios in %.0f s: %d as told, %d skipped, %d not as told%s" % (
        len(slugs), time.monotonic() - played.begun, len(slugs) - skipped - len(wrong), skipped, len(wrong),
        " (%s)" % ", ".join(sorted(wrong)) if wrong else ""))
    if wrong:
        return 1
    return cannot("every scenario was skipped") if skipped == len(slugs) else 0


if __name__ == "__main__":
    sys.exit(main())
