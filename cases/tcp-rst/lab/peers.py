"""What speaks TCP in the scenarios: a server that answers, a client that asks, a proxy with a lifetime, segments made
by hand."""
import errno
import queue
import select
import socket
import struct
import time

from spaces import thread

LINGER_0 = struct.pack("ii", 1, 0)
TCP_REPAIR = 19


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)


class Served:
    """A connection the server accepted. Its thread owns the socket: orders come through a queue, so that a close
    takes effect at once and never waits for a read in progress."""

    def __init__(self, server, sock, peer):
        self.server, self.sock, self.peer = server, sock, peer
        self.orders, self.log, self.reading = queue.Queue(), [], True
        self.bell, self.ring = socket.socketpair()
        thread(self.loop)

    def note(self, what):
        self.log.append([round(time.time(), 6), what])

    def loop(self):
        while self.sock:
            watch = [self.bell] + ([self.sock] if self.reading else [])
            ready = select.select(watch, [], [])[0]
            try:
                if self.bell in ready:
                    self.bell.recv(1)
                    work, done = self.orders.get()
                    try:
                        work()
                    finally:
                        done.put(None)
                elif self.sock in ready:
                    data = self.sock.recv(65536)
                    if data:
                        self.sock.sendall(self.server.reply)
                    else:
                        self.note("end of file")
                        self.reading = False
                        if self.server.closes:
                            self.sock.close()
                            self.sock = None
            except OSError as error:
                self.note(errno.errorcode.get(error.errno, str(error)))
                self.reading = False

    def order(self, work):
        done = queue.Queue()
        self.orders.put((work, done))
        self.ring.send(b"!")
        done.get(timeout=5)

    def push(self, data=b"push"):
        self.order(lambda: self.sock.sendall(data))

    def stop_reading(self):
        self.order(lambda: setattr(self, "reading", False))

    def close(self, how="fin"):
        """fin: close(). rst: SO_LINGER 0. silent: the host forgets the socket and sends nothing (TCP_REPAIR)."""
        def work():
            if how == "rst":
                reset_on_close(self.sock)
            elif how == "silent":
                self.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            self.sock.close()
            self.sock = None
            self.note("closed: " + how)
        self.order(work)

    def broken(self):
        return next((what for _, what in self.log if what.startswith("E")), None)


class Server:
    """Answers every message with `reply`."""

    def __init__(self, space, port=80, reply=b"k", closes=True):
        self.space, self.port, self.reply, self.closes = space, port, reply, closes
        self.connections = []
        self.listener = None
        self.listen()

    def listen(self):
        listener = self.space.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", self.port))
        listener.listen(64)
        self.listener = listener
        thread(self.accept, listener)

    def accept(self, listener):
        while self.listener is listener:
            if not select.select([listener], [], [], 0.05)[0]:
                continue
            try:
                sock, peer = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(Served(self, sock, peer))
        listener.close()

    def restart(self, how):
        """The process ends (`fin`) or its host forgets everything (`silent`), and a new one listens at once."""
        self.listener = None
        for connection in self.connections:
            if connection.sock:
                connection.close(how)
        time.sleep(0.2)
        self.listen()

    def last(self, wait=2):
        end = time.monotonic() + wait
        while not self.connections and time.monotonic() < end:
            time.sleep(0.01)
        return self.connections[-1]


def outcome(error):
    """What an application is told."""
    if isinstance(error, socket.timeout) and error.errno is None:
        return "silence"
    known = {errno.ECONNRESET: "reset", errno.EPIPE: "broken pipe", errno.ETIMEDOUT: "timed out",
             errno.EHOSTUNREACH: "no route", errno.ECONNREFUSED: "refused"}
    return known.get(error.errno, errno.errorcode.get(error.errno, str(error)))


def hear(sock, wait):
    """answer, closed (end of file), reset, timed out (the kernel gave up), silence (nothing in `wait` seconds)."""
    try:
        sock.settimeout(wait)
        return "answer" if sock.recv(65536) else "closed"
    except OSError as error:
        return outcome(error)


def ask(sock, data=b"b", wait=2.5):
    """Sends a message and says what came of it."""
    try:
        sock.settimeout(wait)
        sock.sendall(data)
    except OSError as error:
        return outcome(error)
    return hear(sock, wait)


def keepalive(sock, idle, interval, probes):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)


class LifetimeProxy:
    """Copies bytes, and ends every connection `seconds` after it began, or when told, with RST to both ends."""

    def __init__(self, space, port, target, seconds=None):
        self.space, self.target, self.seconds = space, target, seconds
        self.generation = 0
        self.listener = space.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("0.0.0.0", port))
        self.listener.listen(16)
        thread(self.accept)

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            thread(self.copy, client)

    def kill_all(self):
        self.generation += 1

    def copy(self, client):
        born, generation = time.monotonic(), self.generation
        server = self.space.socket()
        server.connect(self.target)
        ends = [client, server]
        while generation == self.generation:
            left = self.seconds - (time.monotonic() - born) if self.seconds else 0.05
            if left <= 0:
                break
            for source in select.select(ends, [], [], min(left, 0.05))[0]:
                data = source.recv(65536)
                if not data:
                    client.close()
                    server.close()
                    return
                ends[1 - ends.index(source)].sendall(data)
        for end in ends:
            reset_on_close(end)
            end.close()


# ---- segments made by hand ---------------------------------------------------------------------------------------

def ones_sum(data):
    """RFC 1071 sum, not complemented."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def tcp_sum(packet):
    """The TCP checksum an IPv4 packet without trailing bytes must carry, or 0 where it already carries it."""
    header = (packet[0] & 15) * 4
    pseudo = packet[12:20] + struct.pack("!HH", 6, len(packet) - header)
    return ones_sum(pseudo + packet[header:]) ^ 0xFFFF


def segment(source, target, sport, dport, seq, ack, flags, ttl=64, ident=0, window=502, payload=b"", options=b""):
    """An IPv4 packet with a TCP segment, both sums right."""
    size = 40 + len(options) + len(payload)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, ident, 0x4000, ttl, 6, 0,
                     socket.inet_aton(source), socket.inet_aton(target))
    ip = ip[:10] + struct.pack("!H", ones_sum(ip) ^ 0xFFFF) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32, (5 + len(options) // 4) << 4, flags,
                      window, 0, 0) + options + payload
    sum_ = tcp_sum(ip + tcp)
    return ip + tcp[:16] + struct.pack("!H", sum_) + tcp[18:]


def send_raw(space, packet):
    """Sends an IPv4 packet from a namespace through its routing and its output hooks."""
    raw = space.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
    raw.close()


class Ear:
    """Remembers the last TCP segment from each address that passes a device."""

    def __init__(self, space, device):
        self.sock = space.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.bind((device, 3))  # ETH_P_ALL: what leaves is heard too
        self.last = {}
        thread(self.loop)

    def loop(self):
        while True:
            try:
                frame = self.sock.recv(65536)
            except OSError:
                return
            data = frame[14:]
            if frame[12:14] != b"\x08\x00" or len(data) < 40 or data[9] != 6:
                continue
            size, ident = struct.unpack("!H H", data[2:6])
            tcp = data[20:]
            sport, dport, seq, ack = struct.unpack("!HHII", tcp[:12])
            offset = (tcp[12] >> 4) * 4
            length = size - 20 - offset + (1 if tcp[13] & 3 else 0)
            self.last[socket.inet_ntoa(data[12:16])] = {
                "ident": ident, "ttl": data[8], "sport": sport, "dport": dport, "seq": seq, "ack": ack,
                "next": (seq + length) % 2**32, "flags": tcp[13]}
