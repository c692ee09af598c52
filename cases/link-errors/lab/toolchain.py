"""The compilers and linkers of this machine, and how a driver is told to use a certain one."""
import glob
import os
import re
import shutil
import subprocess

# The names links to a linker get, so that a driver finds it with -B.
LINKS = {"bfd": ("ld.bfd",), "gold": ("ld.gold",), "lld": ("ld.lld",), "mold": ("ld.mold",), "wild": ("ld", "ld.wild")}
FAMILY = {"bfd": "ld.bfd", "gold": "gold", "lld": "lld", "mold": "mold", "wild": "wild"}
# Those gcc finds by itself.
USUAL = ("bfd", "gold", "mold")


class CannotRun(Exception):
    """Something is missing on this machine."""


def environment(**more):
    """What commands run with: one language, and none of the variables that add folders or libraries."""
    drop = ("LIBRARY_PATH", "LD_LIBRARY_PATH", "LD_RUN_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LDFLAGS", "CFLAGS",
            "CPATH", "RUSTFLAGS", "LD_PRELOAD", "LANGUAGE", "MAKEFLAGS")
    kept = {key: value for key, value in os.environ.items() if key not in drop}
    kept.update(LC_ALL="C", **more)
    return kept


def run(command, folder, timeout=120, **more):
    """Runs a shell command; returns its status and all it said."""
    try:
        done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment(**more), timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        return 124, b"the command took longer than %d s\n" % timeout
    return done.returncode, done.stdout


def said_by(command, folder="/"):
    """What a command says, as text; empty when it fails."""
    status, said = run(command, folder)
    return said.decode(errors="replace").strip() if status == 0 else ""


def number_in(text):
    """`2.40` of `GNU ld (GNU Binutils for Debian) 2.40`, and of gold, which has a number of its own behind it."""
    plain = re.sub(r"\(.*?\)", "", text)
    found = re.search(r"Binutils[^)]*? (\d+\.\d+)", text) or re.search(r"(\d+\.\d+(?:\.\d+)*)", plain)
    return found.group(1) if found else ""


class Linker:
    """A linker that is here: how the driver is told to use it, and what calls it."""

    def __init__(self, name, family, program, folder):
        self.name, self.family, self.program = name, family, program
        place = os.path.join(folder, name)
        os.makedirs(place, exist_ok=True)
        for link in LINKS[family]:
            path = os.path.join(place, link)
            if os.path.lexists(path):
                os.remove(path)
            os.symlink(os.path.realpath(program), path)
        self.says = (said_by("'%s' --version" % os.path.join(place, LINKS[family][-1])).splitlines() or [""])[0]
        self.version = number_in(self.says)
        self.major = int((self.version or "0").split(".")[0])
        beside = "../../linkers/" + name
        if family in USUAL:
            self.flags, self.ld = "-fuse-ld=" + family, "ld." + family
        elif family == "wild":
            self.flags, self.ld = "-B" + beside, beside + "/ld"
        else:
            self.flags, self.ld = "-B%s -fuse-ld=lld" % beside, beside + "/ld.lld"

    def typed(self, command):
        """A command with its `{gcc}` and the like replaced."""
        rust = "rustc -C linker=gcc " + " ".join("-C link-arg=" + flag for flag in self.flags.split())
        words = {word: word for word in ("gcc", "g++", "gfortran")}
        words.update((word, clang(word)) for word in ("clang", "clang++"))
        for word, driver in words.items():
            command = command.replace("{%s}" % word, "%s %s" % (driver, self.flags))
        return command.replace("{rustc}", rust).replace("{ld}", self.ld)


def clang(word):
    """The newest clang that is here, or the plain name."""
    folders = os.environ.get("PATH", "").split(":")
    found = [os.path.basename(path) for folder in folders for path in glob.glob("%s/%s-[0-9]*" % (folder, word))]
    numbers = [name for name in found if re.fullmatch(re.escape(word) + r"-\d+", name)]
    return max(numbers, key=lambda name: int(name.rsplit("-", 1)[1]), default=word)


def programs(wild):
    """Linkers by name: family and program. rust-lld comes with the Rust toolchain."""
    found = {}
    for family in ("bfd", "gold", "mold"):
        program = shutil.which("ld." + family) or shutil.which(family)
        if program:
            found[family] = (family, program)
    folders = os.environ.get("PATH", "").split(":")
    for program in sorted(path for folder in folders for path in glob.glob(folder + "/ld.lld*")):
        major = number_in(said_by("'%s' --version" % program)).split(".")[0]
        found.setdefault("lld-" + major, ("lld", program))
    sysroot = said_by("rustc --print sysroot") if shutil.which("rustc") else ""
    rust = os.path.join(sysroot, "lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld")
    if sysroot and os.path.exists(rust):
        found["rust-lld"] = ("lld", rust)
    wild = wild or shutil.which("wild")
    if wild:
        found["wild"] = ("wild", wild)
    return found


def find(wanted, out, wild=None):
    """The linkers that are here. Links to them are kept in DIR/linkers, so that what was typed can be typed again."""
    found = [Linker(name, family, program, os.path.join(out, "linkers"))
             for name, (family, program) in programs(wild).items() if not wanted or {name, family} & set(wanted)]
    return found


def is_here(need):
    """Whether a command, or a library for the linker (`-lz`), is here."""
    if need == "clang":
        return bool(shutil.which(clang("clang")))
    if not need.startswith("-l"):
        return bool(shutil.which(need))
    names = ["lib%s.%s" % (need[2:], end) for end in ("so", "a")]
    return any("/" in said_by("gcc -print-file-name=" + name) for name in names)
