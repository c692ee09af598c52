"""Namespaces, captures and the wire between them."""
import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SIOCETHTOOL = 0x8946
PREFIX = "casebook-sum-%d-" % os.getpid()
CLIENT, SERVER, ROUTER, VIP = "10.1.0.2", "10.1.0.3", "10.1.0.1", "10.1.0.100"
CLIENT6, SERVER6 = "fd00:1::2", "fd00:1::3"


class CannotRun(Exception):
    """Something this machine lacks."""


class NotAsTold(Exception):
    """A step went another way than the scenario says."""


def tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if not path:
        raise CannotRun("needs the command %s" % name)
    return path


def run(*command, stdin=None):
    done = subprocess.run([tool(command[0])] + list(command[1:]), input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotRun("%s failed: %s" % (" ".join(command), " ".join(done.stderr.split())))
    return done.stdout


class Space:
    """A network namespace."""

    def __init__(self, name):
        self.full = PREFIX + name
        run("ip", "netns", "add", self.full)
        self.run("ip", "link", "set", "lo", "up")

    @contextlib.contextmanager
    def here(self):
        back, to = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open("/run/netns/" + self.full, os.O_RDONLY)
        try:
            if LIBC.setns(to, CLONE_NEWNET) != 0:
                raise CannotRun("setns: " + os.strerror(ctypes.get_errno()))
            yield self
        finally:
            LIBC.setns(back, CLONE_NEWNET)
            os.close(back)
            os.close(to)

    def run(self, *command, stdin=None):
        with self.here():
            return run(*command, stdin=stdin)

    def socket(self, *kind):
        with self.here():
            return socket.socket(*kind)

    def set(self, key, value):
        with self.here():
            try:
                with open("/proc/sys/" + key.replace(".", "/"), "w") as file:
                    file.write(str(value))
            except OSError as error:
                raise CannotRun("sysctl %s: %s" % (key, error))

    def without_offload(self, device):
        """The kernel makes every sum itself: transmit checksum, scatter-gather and both kinds of segmentation off."""
        with self.here(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for command in (0x1F, 0x24, 0x19, 0x17):  # ETHTOOL_STSO, SGSO, SSG, STXCSUM
                value = ctypes.create_string_buffer(struct.pack("II", command, 0))
                request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
                with contextlib.suppress(OSError):  # a device that has no such offload
                    fcntl.ioctl(control, SIOCETHTOOL, request)


class Capture:
    """tcpdump on a device of a namespace, whose packets it has all when it has stopped."""

    def __init__(self, space, device, path, *options):
        with space.here():
            command = [tool("tcpdump"), "--immediate-mode", "-U", "-Z", "root", "-ni", device, "-w", path]
            self.child = subprocess.Popen(command + list(options), stderr=subprocess.PIPE, text=True, start_new_session=True)
        for line in self.child.stderr:
            if "listening on" in line:
                return
        raise CannotRun("tcpdump does not start on " + device)

    def stop(self):
        time.sleep(0.3)
        self.child.send_signal(signal.SIGINT)
        self.child.wait()


class Wire(threading.Thread):
    """Carries frames between two devices; `harm` gets each one and gives what goes on."""

    def __init__(self, space, left, right, harm):
        super().__init__(daemon=True)
        self.harm, self.done, self.counts = harm, threading.Event(), {}
        self.sockets = []
        for device in (left, right):
            one = space.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            one.bind((device, 3))
            self.sockets.append(one)

    def run(self):
        left, right = self.sockets
        while not self.done.is_set():
            for one in select.select(self.sockets, [], [], 0.05)[0]:
                frame, address = one.recvfrom(65536)
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                frame = self.harm(bytearray(frame), one is left, self.counts)
                if frame is not None:
                    with contextlib.suppress(OSError):
                        (right if one is left else left).send(frame)

    def stop(self):
        self.done.set()
        self.join()
        for one in self.sockets:
            one.close()


class Net:
    """Client and server, with a wire and a router between them when they are wanted."""

    def __init__(self, harm=None, router=False, offload=False):
        self.client, self.server = Space("client"), Space("server")
        self.wire = self.router = None
        if harm is None and not router:
            self.client.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.server.full)
        else:
            between = Space("wire")
            between.run("ip", "link", "add", "right", "type", "veth", "peer", "name", "eth0", "netns", self.server.full)
            if router:
                self.router = Space("router")
                self.router.run("ip", "link", "add", "near", "type", "veth", "peer", "name", "eth0", "netns", self.client.full)
                between.run("ip", "link", "add", "left", "type", "veth", "peer", "name", "far", "netns", self.router.full)
            else:
                between.run("ip", "link", "add", "left", "type", "veth", "peer", "name", "eth0", "netns", self.client.full)
            for device in ("left", "right"):
                between.run("ip", "link", "set", device, "promisc", "on", "up")
            self.wire = Wire(between, "left", "right", harm)
        for space, address, address6 in ((self.client, CLIENT, CLIENT6), (self.server, SERVER, SERVER6)):
            address = address.replace("10.1.0.3", "10.2.0.3") if router else address
            space.set("net.ipv6.conf.eth0.accept_dad", 0)
            space.run("ip", "addr", "add", address + "/24", "dev", "eth0")
            space.run("ip", "addr", "add", address6 + "/64", "dev", "eth0", "nodad")
            space.run("ip", "link", "set", "eth0", "up")
            if not offload:
                space.without_offload("eth0")
        if router:
            self.route()
        # Neighbours are known before a capture begins.
        if self.wire:
            self.wire.start()
        time.sleep(0.3)

    def route(self):
        router = self.router
        for device, address in (("near", ROUTER), ("far", "10.2.0.1")):
            router.run("ip", "addr", "add", address + "/24", "dev", device)
            router.run("ip", "link", "set", device, "up")
            router.without_offload(device)
        router.run("ip", "addr", "add", VIP + "/24", "dev", "near")
        router.set("net.ipv4.ip_forward", 1)
        self.client.run("ip", "route", "add", "default", "via", ROUTER)
        self.server.run("ip", "route", "add", "default", "via", "10.2.0.1")
        router.run("nft", "-f", "-", stdin="""table ip nat {
  chain pre {
    type nat hook prerouting priority -100;
    ip daddr %s tcp dport 80 dnat to 10.2.0.3
  }
}
""" % VIP)

    def close(self):
        if self.wire:
            self.wire.stop()
