"""The machines: kernels of Debian, a first process of our own, disks; and one boot of them."""
import glob
import lzma
import os
import re
import shutil
import subprocess
import time

from packages import CannotRun, command, kernel, package, run

UML = "user-mode-linux"
CLOUD = r"linux-image-%s[0-9.+~a-z-]*-cloud-amd64"
# Name: suite, package, the suite whose C library it needs (user mode only), the C library of this machine is enough.
KERNELS = {
    "um-5.10": ("bullseye", UML, None),
    "um-6.1": ("bookworm", UML, None),
    "um-6.12": ("trixie", UML, "trixie"),
    "um-7.2": ("sid", UML, "sid"),
    "x86-5.10": ("bullseye", CLOUD % r"5\.10\.", None),
    "x86-6.1": ("bookworm", CLOUD % r"6\.1\.", None),
    "x86-6.12": ("trixie", CLOUD % r"6\.12\.", None),
    "x86-6.16": ("trixie-backports", CLOUD % r"6\.16\.", None),
    "x86-6.17": ("trixie-backports", CLOUD % r"6\.17\.", None),
    "x86-6.18": ("trixie-backports", CLOUD % r"6\.18\.", None),
    "x86-6.19": ("trixie-backports", CLOUD % r"6\.19\.", None),
    "x86-7.0": ("trixie-backports", CLOUD % r"7\.0\.", None),
    "x86-7.1": ("trixie-backports", CLOUD % r"7\.1\.", None),
    "x86-7.2": ("sid", CLOUD % r"7\.2\.", None),
    "x86-7.3": ("trixie-backports", CLOUD % r"7\.3\.", None),
}
# The same kernels with the lists of reclaim that Debian does not choose: 6.1 has the classic ones by default, later
# kernels generations (MGLRU), 5.10 knows only the classic ones.
OTHER = {"x86-6.1-generations": ("x86-6.1", 7)}
OTHER.update({name + "-classic": (name, 0) for name in KERNELS if name.startswith("x86") and name[4:] > "6.1"})
MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "libcrc32c", "ext4")
SOURCES = ("init.c", "play.c", "clean.c", "look.c", "actor.c")
MEMORY = "512M"
LIVE = {}  # process of a machine: its folder
QUIET = 180  # seconds without a word from the guest, then it hangs


def base(name):
    return OTHER[name][0] if name in OTHER else name


def version(name):
    return tuple(int(part) for part in re.search(r"(\d+)\.(\d+)", name).groups())


def guest(cache, here):
    """The first process, compiled when its sources are newer."""
    path = os.path.join(cache, "init")
    sources = [os.path.join(here, name) for name in SOURCES]
    if not os.path.exists(path) or os.path.getmtime(path) < max(
            os.path.getmtime(name) for name in sources + [os.path.join(here, "guest.h")]):
        run(os.path.join(cache, "gcc.log"), command("gcc", "gcc"), "-static", "-O1", "-s", "-Wall", "-Wextra",
            "-Wno-format-truncation", "-o", path + ".new", *sources)
        os.rename(path + ".new", path)
    return path


def module_files(folders):
    """The modules a machine needs, as (name, bytes), in the order in which they load."""
    found = {}
    for path in [path for folder in folders for path in glob.glob(folder + "/**/*.ko*", recursive=True)]:
        found[os.path.basename(path).split(".")[0].replace("-", "_")] = path
    order, seen = [], set()

    def add(name):
        if name in seen or name not in found:
            return
        seen.add(name)
        with open(found[name], "rb") as file:
            data = file.read()
        if found[name].endswith(".xz"):
            data = lzma.decompress(data)
        for kind in (rb"\0softdep=pre: ([^\0]*)", rb"\0depends=([^\0]*)"):
            for match in re.findall(kind, data):
                for other in re.split(r"[, ]+", match.decode()):
                    add(other.replace("-", "_"))
        order.append((name + ".ko", data))

    for name in MODULES:
        add(name)
    return order


def initramfs(path, init, modules):
    """Writes a cpio archive (newc) with the first process, its console and the modules; no root is needed for it."""
    entries = [("dev", 0o40755, b"", (0, 0)), ("dev/console", 0o20600, b"", (5, 1)), ("proc", 0o40755, b"", (0, 0)),
               ("sys", 0o40755, b"", (0, 0)), ("tmp", 0o41777, b"", (0, 0)), ("data", 0o40755, b"", (0, 0)),
               ("modules", 0o100644, "".join("/%s\n" % name for name, _ in modules).encode(), (0, 0))]
    with open(init, "rb") as file:
        entries.append(("init", 0o100755, file.read(), (0, 0)))
    entries += [(name, 0o100644, data, (0, 0)) for name, data in modules]
    with open(path + ".new", "wb") as file:
        for number, (name, mode, data, device) in enumerate(entries + [("TRAILER!!!", 0, b"", (0, 0))], 1):
            fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(name) + 1, 0)
            head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
            file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
    os.rename(path + ".new", path)


def patched(kernel, cache, name):
    """A copy of a user-mode kernel that takes its loader from the current folder, for a newer C library than ours."""
    path = os.path.join(cache, name)
    with open(kernel, "rb") as file:
        data = file.read()
    wanted = b"/lib64/ld-linux-x86-64.so.2\0"
    if data.count(wanted) != 1:
        raise CannotRun("finds not one loader in " + kernel)
    with open(path + ".new", "wb") as file:
        file.write(data.replace(wanted, b"ld.so".ljust(len(wanted), b"\0")))
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)
    return path


class Machine:
    """One kernel with all that a boot of it needs."""

    def __init__(self, name, cache, here):
        self.name, self.loader = name, None
        suite, wanted, libc = KERNELS[base(name)]
        self.user_mode = wanted == UML
        init = guest(cache, here)
        folders = [package(cache, suite, wanted)] if self.user_mode else kernel(cache, suite, wanted)
        self.initrd = os.path.join(cache, base(name) + ".cpio")
        initramfs(self.initrd, init, [] if self.user_mode else module_files(folders))
        if self.user_mode:
            unpacked = folders[0]
            self.kernel = [os.path.join(unpacked, "usr/bin/linux.uml")]
            if libc:
                root = package(cache, libc, "libc6")
                loader = glob.glob(root + "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
                if not loader:
                    raise CannotRun("finds no loader in libc6 of %s" % libc)
                self.kernel, self.loader = [patched(self.kernel[0], cache, name)], loader[0]
        else:
            self.kernel = [path for folder in folders for path in glob.glob(folder + "/**/vmlinuz*", recursive=True)]
            if not self.kernel:
                raise CannotRun("finds no kernel in " + folders[0])
            command("qemu-system-x86_64", "qemu-system-x86")
        self.disk = os.path.join(cache, "data.ext4")
        if not os.path.exists(self.disk):
            with open(self.disk + ".new", "wb") as file:
                file.truncate(800 << 20)
            run(os.path.join(cache, "mke2fs.log"), command("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-J",
                "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-N", "4096", self.disk + ".new")
            os.rename(self.disk + ".new", self.disk)

    def options(self):
        """What the kernel and the first process are told."""
        told = ["quiet", "loglevel=0", "cgroup_no_v1=all", "cgroup_enable=memory", "swapaccount=1", "psi=1",
                "log_buf_len=512K", "printk.devkmsg=on", "lab.step=%d" % (10 if self.user_mode else 12),
                "lab.flush=%d" % (2 if version(self.name) >= (6, 16) else 0)]
        if self.name in OTHER:
            told.append("lab.lru=%d" % OTHER[self.name][1])
        return told

    def arguments(self, work, slow):
        disks = [os.path.join(work, name) for name in ("data", "archive", "results", "swap")]
        if self.user_mode:
            return self.kernel + ["mem=" + MEMORY, "initrd=" + self.initrd, "con=null", "con0=fd:0,fd:1", "con1=null",
                                  "ssl=null"] + ["ubd%d=%s" % pair for pair in enumerate(disks)] + self.options()
        throttle = ",throttling.bps-write=%d" % (2 << 20) if slow else ""
        drives = ["file=%s,if=virtio,format=raw,cache=unsafe%s" % (disk, throttle if number == 0 else "")
                  for number, disk in enumerate(disks)]
        line = " ".join(["console=ttyS0", "panic=-1", "tsc=reliable", "mitigations=off"] + self.options())
        return [command("qemu-system-x86_64", "qemu-system-x86"), "-accel", "tcg,thread=multi", "-cpu", "max", "-m",
                MEMORY, "-smp", "2", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel",
                self.kernel[0], "-initrd", self.initrd, "-append", line] + [
                    word for drive in drives for word in ("-drive", drive)]

    def boot(self, work, archive, slow, told):
        """Boots once and plays the archive; returns the container of results. `told` gets each word of the guest.

        The return is (bytes, None), or (bytes, why) when the guest fell silent or ended before it was done."""
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        run(work + "/log", "cp", "--sparse=always", self.disk, work + "/data")
        with open(work + "/archive", "wb") as file:
            file.write(archive + b"\0" * (-len(archive) % 4096))
        for name, size in (("results", 2 << 30), ("swap", 256 << 20)):
            with open(work + "/" + name, "wb") as file:
                file.truncate(size)
        environment = dict(os.environ, TMPDIR=work)
        if self.loader:
            os.symlink(self.loader, work + "/ld.so")
            environment["LD_LIBRARY_PATH"] = os.path.dirname(self.loader)
        process = subprocess.Popen(self.arguments(work, slow), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=environment, bufsize=0, cwd=work,
                                   start_new_session=True)
        LIVE[process] = work
        try:
            why = self.listen(process, work, told)
        finally:
            end(process)
            del LIVE[process]
        with open(work + "/results", "rb") as file:
            data = read_until_zero(file)
        shutil.rmtree(work, ignore_errors=True)
        return data, why

    @staticmethod
    def listen(process, work, told):
        os.set_blocking(process.stdout.fileno(), False)
        heard, rest = time.monotonic(), b""
        with open(work + "/console", "wb") as console:
            while True:
                data = process.stdout.read()
                if data:
                    console.write(data)
                    console.flush()
                    heard = time.monotonic()
                    lines = (rest + data).split(b"\n")
                    rest = lines.pop()
                    for line in lines:
                        found = re.search(rb"lab: (.*\S)", line)
                        if found:
                            told(found.group(1).decode(errors="replace"))
                            if found.group(1) == b"done":
                                return None
                elif data == b"":
                    with open(work + "/console", "rb") as shown:
                        return "the guest ended: " + shown.read()[-300:].decode(errors="replace")
                elif time.monotonic() - heard > QUIET:
                    return "the guest was silent for %d s" % QUIET
                else:
                    time.sleep(0.05)


def end(process):
    """Waits a little for the machine to power off and ends it, with the helpers it started, if it does not."""
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
    process.wait()


def stop_all():
    """Ends all machines at once and removes their folders."""
    for process, work in list(LIVE.items()):
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        shutil.rmtree(work, ignore_errors=True)


def read_until_zero(file):
    """The container: entries `NAME LENGTH\\n` and so many bytes, until the zeros of the empty disk."""
    parts = []
    while True:
        line = file.readline(600)
        found = re.fullmatch(rb"(\S+) (\d+)\n", line)
        if not found:
            return parts
        parts.append((found.group(1).decode(), file.read(int(found.group(2)))))
