"""Network namespaces, and entering them: a thread of this process can open a socket in any of them.

A socket belongs for ever to the namespace it was made in, so one program plays client, router and servers in order,
without talking between processes.
"""
import array
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
TOOLS = {}


class CannotRun(Exception):
    """Something this machine lacks: the scenario is skipped, or the laboratory ends with status 2."""


class Failed(Exception):
    """A step that must work did not: the scenario has failed."""


def tool(name):
    """Path of a command; /usr/sbin is looked at too."""
    if name not in TOOLS:
        TOOLS[name] = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if not TOOLS[name]:
        raise CannotRun("the command %s is not installed" % name)
    return TOOLS[name]


def run(*command, stdin=None):
    """Runs a command; what it printed. A failure names the command and its message."""
    command = [tool(command[0])] + [str(word) for word in command[1:]]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed("%s failed: %s" % (" ".join(command), " ".join(done.stderr.split())))
    return done.stdout


def end(child):
    """Ends a program and what it started (it leads a process group of its own)."""
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def enter(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, "setns: " + os.strerror(error))


class Space:
    """One named network namespace."""

    def __init__(self, full, name):
        self.full, self.name, self.fd = full, name, None
        try:
            run("ip", "netns", "add", full)
            self.fd = os.open("/run/netns/" + full, os.O_RDONLY | os.O_CLOEXEC)
            self.prepare()
        except BaseException:  # Ctrl-C too: nobody else knows of it yet
            self.delete()
            raise

    def prepare(self):
        with self.here():
            for key in ("all", "default"):
                self.set("net.ipv6.conf.%s.disable_ipv6" % key, 1, optional=True)
                self.set("net.ipv4.conf.%s.rp_filter" % key, 0)
                self.set("net.ipv4.conf.%s.send_redirects" % key, 0)
            # The host's own settings must not leak into the story.
            self.set("net.ipv4.ip_default_ttl", 64)
            self.set("net.ipv4.tcp_timestamps", 1)
            self.set("net.ipv4.tcp_retries2", 15)
            run("ip", "link", "set", "lo", "up")

    @contextlib.contextmanager
    def here(self):
        """The calling thread is in this namespace for a while; what it starts or opens stays there."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        enter(self.fd)
        try:
            yield self
        finally:
            enter(back)
            os.close(back)

    def set(self, key, value, optional=False):
        """sysctl of this namespace."""
        with self.here_if_needed():
            try:
                with open("/proc/sys/" + key.replace(".", "/"), "w") as file:
                    file.write(str(value))
            except OSError as error:
                if not optional:
                    raise CannotRun("sysctl %s cannot be set: %s" % (key, error))

    def here_if_needed(self):
        mine = os.stat("/proc/thread-self/ns/net").st_ino == os.fstat(self.fd).st_ino
        return contextlib.nullcontext() if mine else self.here()

    def run(self, *command, stdin=None):
        with self.here():
            return run(*command, stdin=stdin)

    def start(self, command, **how):
        with self.here():
            return subprocess.Popen([tool(command[0])] + [str(word) for word in command[1:]],
                                    start_new_session=True, **how)

    def read(self, path):
        """A file under /proc as this namespace shows it, or None."""
        path = path.replace("/proc/net/", "/proc/thread-self/net/")
        with self.here():
            try:
                with open(path) as file:
                    return file.read()
            except OSError:
                return None

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0):
        with self.here():
            return socket.socket(family, kind, proto)

    def offload(self, device, on):
        """Checksum and segmentation offload of a device (the ioctl behind `ethtool -K`)."""
        with self.here():
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for command in (0x17, 0x1F, 0x24, 0x2C):  # ETHTOOL_STXCSUM, STSO, SGSO, SGRO (linux/ethtool.h)
                value = array.array("B", struct.pack("=II", command, on))
                request = struct.pack("16sP16x", device.encode(), value.buffer_info()[0])
                try:
                    fcntl.ioctl(probe, 0x8946, request)  # SIOCETHTOOL
                except OSError as error:
                    if command == 0x17:
                        raise CannotRun("checksum offload of %s cannot be set: %s" % (device, error))
            probe.close()

    def delete(self):
        """Removes the name; the namespace itself goes with the last process and socket in it."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        remove(self.full)


def remove(full):
    """What `ip netns delete` does, without starting a program."""
    path = "/run/netns/" + full
    LIBC.umount2(path.encode(), 2)  # MNT_DETACH
    with contextlib.suppress(OSError):
        os.unlink(path)


def link(left, left_device, left_mac, right, right_device, right_mac):
    """A veth pair; both ends are born inside their namespaces."""
    with left.here():
        run("ip", "link", "add", left_device, "address", left_mac, "type", "veth",
            "peer", "name", right_device, "address", right_mac, "netns", right.full)
        run("ip", "link", "set", left_device, "up")
    right.run("ip", "link", "set", right_device, "up")


def thread(work, *arguments):
    made = threading.Thread(target=work, args=arguments, daemon=True)
    made.start()
    return made
