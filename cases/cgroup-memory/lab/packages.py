"""Debian packages, from the archive that this machine's own apt uses, each downloaded and unpacked once."""
import glob
import os
import re
import shutil
import subprocess
import urllib.request


class CannotRun(Exception):
    """The laboratory lacks something; the message says what."""


def command(name, package):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise CannotRun("needs the command %s (package %s)" % (name, package))


def run(log, *arguments, **more):
    """Runs a step, its words in a log file; a failure names the log."""
    with open(log, "ab") as file:
        done = subprocess.run(arguments, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise CannotRun("%s failed with %d, see %s" % (os.path.basename(arguments[0]), done.returncode, log))


def archive():
    """The first Debian archive in this machine's apt configuration that is not the security one."""
    if os.environ.get("CASEBOOK_MIRROR"):
        return os.environ["CASEBOOK_MIRROR"]
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        with open(path) as file:
            for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n", "", file.read())):
                fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza))
                if fields.get("URIs", "").rstrip("/").endswith("/debian"):
                    return fields["URIs"].split()[0]
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        if os.path.exists(path):
            with open(path) as file:
                found = re.search(r"(?m)^deb\s+(?:\[[^]]*\]\s+)?(\S+/debian/?)\s", file.read())
            if found:
                return found.group(1)
    raise CannotRun("finds no Debian archive in this machine's apt configuration; set CASEBOOK_MIRROR")


def apt(cache, suite):
    """An apt configuration of our own for one suite, its lists fetched once; returns the environment for it."""
    folder = os.path.join(cache, "apt", suite)
    config = os.path.join(folder, "apt.conf")
    environment = dict(os.environ, APT_CONFIG=config)
    if not os.path.exists(os.path.join(folder, "fetched")):
        for sub in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(folder, sub), exist_ok=True)
        with open(os.path.join(folder, "sources.list"), "w") as file:
            file.write("deb %s %s main\n" % (archive(), suite))
        with open(config, "w") as file:
            file.write('Dir::Etc::sourcelist "%s/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
                       'Dir::State::lists "%s/lists";\nDir::Cache "%s/cache";\nAPT::Sandbox::User "";\n'
                       'Acquire::Languages "none";\nAcquire::Check-Valid-Until "false";\n' % ((folder,) * 3))
        run(os.path.join(folder, "log"), command("apt-get", "apt"), "-q", "update", env=environment)
        open(os.path.join(folder, "fetched"), "w").close()
    return environment


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def newest(cache, suite, pattern):
    """The name of the newest package of a suite whose name matches the pattern."""
    shown = subprocess.run([command("apt-cache", "apt"), "pkgnames", "linux-image"], env=apt(cache, suite),
                           stdout=subprocess.PIPE, check=True).stdout.decode().split()
    found = [name for name in shown if re.fullmatch(pattern, name)]
    if not found:
        raise CannotRun("finds no package %s in %s" % (pattern, suite))
    return max(found, key=numbers)


def package(cache, suite, name):
    """Downloads one package of a suite and unpacks it; returns the folder."""
    folder = os.path.join(cache, "packages", "%s+%s" % (suite, name))
    if not os.path.isdir(folder):
        environment = apt(cache, suite)
        made = folder + ".new"
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
        log = os.path.join(cache, "packages", name + ".log")
        try:
            run(log, command("apt-get", "apt"), "-q", "download", "%s/%s" % (name, suite), env=environment, cwd=made)
        except CannotRun:
            if not name.startswith("linux-modules-"):
                raise
            from_pool(environment, name, made)
        deb = glob.glob(made + "/*.deb")[0]
        run(log, command("dpkg-deb", "dpkg"), "-x", deb, made)
        os.unlink(deb)
        os.rename(made, folder)
    return folder


def from_pool(environment, name, folder):
    """Modules of a kernel that the suite's index no longer lists, though it lists the kernel: they are in the pool."""
    shown = subprocess.run([command("apt-cache", "apt"), "show", name.replace("modules", "binary")], env=environment,
                           stdout=subprocess.PIPE, check=True).stdout.decode()
    version = re.search(r"(?m)^Version: (\S+)", shown).group(1)
    deb = "%s_%s_amd64.deb" % (name, version)
    try:
        urllib.request.urlretrieve("%s/pool/main/l/linux/%s" % (archive(), deb), os.path.join(folder, deb))
    except OSError as error:
        raise CannotRun("cannot fetch %s: %s" % (deb, error)) from error


def kernel(cache, suite, pattern):
    """Folders with the newest kernel of a suite whose package matches, and its modules.

    Until 6.18 Debian has them in one package; since then an image is an empty package that needs two others."""
    kept = os.path.join(cache, "packages", "%s+%s" % (suite, re.sub(r"[^a-z0-9.]", "", pattern)))
    if not os.path.exists(kept):
        with open(kept + ".new", "w") as file:
            file.write(newest(cache, suite, pattern))
        os.rename(kept + ".new", kept)
    with open(kept) as file:
        name = file.read()
    folder = package(cache, suite, name)
    if glob.glob(folder + "/boot/vmlinuz-*"):
        return [folder]
    return [package(cache, suite, name.replace("-image-", part)) for part in ("-binary-", "-modules-")]
