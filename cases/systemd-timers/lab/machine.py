"""The machines: a Debian root and a disk image for each version of systemd, made once and kept in the cache.

Packages come from the mirror that this machine's own apt uses.
"""
import glob
import os
import re
import shutil
import subprocess

SUITES = {"252": "bookworm", "257": "trixie", "262": "sid"}
PACKAGES = ("systemd,systemd-sysv,systemd-timesyncd,dbus,udev,kmod,procps,util-linux,util-linux-extra,tzdata,"
            "python3-minimal,libpython3-stdlib")
IMAGE_SIZE = "1200M"
# What would only spend virtual time, or ask for hardware and networks that are not there.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
          "e2scrub_reap.service", "systemd-udevd.service", "systemd-udevd-control.socket",
          "systemd-udevd-kernel.socket", "systemd-udevd-varlink.socket", "systemd-udev-trigger.service",
          "systemd-udev-settle.service", "systemd-hwdb-update.service", "getty@tty1.service", "console-getty.service",
          "serial-getty@ttyS0.service", "getty.target", "systemd-logind.service", "systemd-firstboot.service",
          "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "sys-kernel-config.mount", "sys-fs-fuse-connections.mount", "systemd-networkd.service",
          "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service", "systemd-ask-password-wall.path",
          "systemd-ask-password-console.path", "remote-fs.target")
SERVICE = """[Unit]
Description=Plays the scenario
After=basic.target timers.target
[Service]
Type=exec
ExecStart=/usr/bin/python3 -B /lab/driver.py
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
TimeoutStopSec=5
[Install]
WantedBy=multi-user.target
"""


class CannotRun(Exception):
    """The laboratory lacks something; the message says what."""


def say(text):
    print(text, flush=True)


def command(name, package):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise CannotRun("needs the command %s (package %s)" % (name, package))


def run(log, *arguments, **more):
    """Runs a long step, its words in a log file; a failure names the log."""
    with open(log, "ab") as file:
        done = subprocess.run(arguments, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise CannotRun("%s failed with %d, see %s" % (os.path.basename(arguments[0]), done.returncode, log))


def mirror():
    """The first Debian archive in this machine's apt configuration that is not the security one."""
    if os.environ.get("CASEBOOK_MIRROR"):
        return os.environ["CASEBOOK_MIRROR"]
    names = SUITES.values()
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        with open(path) as file:
            text = re.sub(r"(?m)^#.*\n", "", file.read())
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza))
            suites = fields.get("Suites", "").split()
            if any(name in suites for name in names) and fields.get("URIs"):
                return fields["URIs"].split()[0]
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        if os.path.exists(path):
            with open(path) as file:
                for line in file:
                    found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s", line)
                    if found and found.group(2) in names:
                        return found.group(1)
    raise CannotRun("finds no Debian archive in this machine's apt configuration; set CASEBOOK_MIRROR")


def apt(cache, suites):
    """An apt configuration of our own for these suites; returns the environment that selects it."""
    folder = os.path.join(cache, "apt")
    for sub in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, sub), exist_ok=True)
    uri = mirror()
    with open(os.path.join(folder, "sources.list"), "w") as file:
        file.writelines("deb %s %s main\n" % (uri, suite) for suite in suites)
    config = os.path.join(folder, "apt.conf")
    with open(config, "w") as file:
        file.write('Dir::Etc::sourcelist "%s/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
                   'Dir::State::lists "%s/lists";\nDir::Cache "%s/cache";\nAPT::Sandbox::User "root";\n'
                   % (folder, folder, folder))
    environment = dict(os.environ, APT_CONFIG=config)
    run(os.path.join(folder, "log"), command("apt-get", "apt"), "-q", "update", env=environment)
    return environment


def package(cache, suite, name):
    """Downloads one package of a suite and unpacks it; returns the folder."""
    folder = os.path.join(cache, "packages", "%s-%s" % (name, suite))
    if not os.path.isdir(folder):
        environment = apt(cache, [suite])
        made = folder + ".new"
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
        log = os.path.join(cache, "packages", name + ".log")
        run(log, command("apt-get", "apt"), "-q", "download", "%s/%s" % (name, suite), env=environment, cwd=made)
        run(log, command("dpkg-deb", "dpkg"), "-x", glob.glob(made + "/*.deb")[0], made)
        os.rename(made, folder)
    return folder


def root(cache, suite):
    """A minimal Debian root of the suite."""
    folder = os.path.join(cache, "root", suite)
    if not os.path.isdir(folder):
        say("making the %s root (debootstrap, about a minute)" % suite)
        made, debs = folder + ".new", os.path.join(cache, "debs")
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(debs, exist_ok=True)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        run(folder + ".log", "nice", command("debootstrap", "debootstrap"), "--variant=minbase",
            "--include=" + PACKAGES, "--cache-dir=" + debs, suite, made, mirror())
        os.rename(made, folder)
    return folder


def put(base, path, text, mode=0o644):
    target = os.path.join(base, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w") as file:
        file.write(text)
    os.chmod(target, mode)


def dress(base, suite, here):
    """Turns a root into a machine of the laboratory."""
    put(base, "etc/hostname", "lab-%s\n" % suite)
    put(base, "etc/fstab", "")
    put(base, "etc/systemd/system/lab.service", SERVICE)
    for name, target in (("init.sh", "lab/init"), ("job.py", "usr/local/bin/job")):
        with open(os.path.join(here, name)) as file:
            put(base, target, file.read(), 0o755)
    for name in ("driver.py", "bus.py", "evidence.sh"):
        with open(os.path.join(here, name)) as file:
            put(base, "lab/" + name, file.read())
    # A ping every minute and a half would be most of what a quiet machine does, and most of what a day costs here.
    put(base, "etc/systemd/system/systemd-journald.service.d/quiet.conf", "[Service]\nWatchdogSec=0\n")
    units = os.path.join(base, "etc/systemd/system")
    links = [(name, "/dev/null") for name in MASKED]
    links += [("multi-user.target.wants/lab.service", "../lab.service"),
              ("default.target", "/usr/lib/systemd/system/multi-user.target")]
    for name, target in links:
        path = os.path.join(units, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
    for name in ("var/log/journal", "var/lib/lab"):
        os.makedirs(os.path.join(base, name), exist_ok=True)
    shutil.rmtree(os.path.join(base, "var/cache/apt"), ignore_errors=True)
    shutil.rmtree(os.path.join(base, "var/lib/apt/lists"), ignore_errors=True)


def image(cache, version, here):
    """The disk of one version; made again when a file that goes into it changed."""
    suite = SUITES[version]
    base = root(cache, suite)
    path = os.path.join(cache, "image", suite + ".ext4")
    inside = [os.path.join(here, name) for name in
              ("init.sh", "job.py", "driver.py", "bus.py", "evidence.sh", "machine.py")]
    if os.path.exists(path) and os.path.getmtime(path) >= max(os.path.getmtime(name) for name in inside):
        return path
    say("making the %s image" % suite)
    dress(base, suite, here)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    made, log = path + ".new", path + ".log"
    if os.path.exists(made):
        os.unlink(made)
    run(log, command("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", base, made,
        IMAGE_SIZE)
    os.rename(made, path)
    return path
