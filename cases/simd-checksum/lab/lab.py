"""Makes checksums go wrong for real, in network namespaces of its own, and keeps the evidence.

    client eth0 --- [ router ] --- wire --- eth0 server

The wire is a program between two devices that carries frames and, in some scenarios, harms or rewrites one: a card with a bad
memory cell, a forwarder that forgets the sum. Everything else is the kernel. Each scenario leaves a folder with its
captures and truth.json: what was done, which rules have to speak and which have to be silent.

    lab.py -o DIR [-s NAME]... [--casebook PROGRAM]

With --casebook the program checks each folder and the answer is compared with the truth.
Exit status: 0 it happened as told; 1 it did not, the last line says which scenario; 2 it cannot run here.
"""
import argparse
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from net import CLIENT, PREFIX, SERVER, SERVER6, VIP, CannotRun, Capture, Net, NotAsTold, tool


# ---- what is sent ------------------------------------------------------------------------------------------------


def tcp(net, to, requests=4, size=200):
    """Requests and answers over one connection; what the client got."""
    listener = net.server.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 80))
    listener.listen(4)
    listener.settimeout(10)

    def serve():
        with contextlib.suppress(OSError), listener.accept()[0] as peer:
            peer.settimeout(10)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(requests):
                if not peer.recv(4096):
                    return
                peer.sendall(text(b"answer", number, size))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    got = b""
    with contextlib.closing(listener), net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(4)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client.connect((to, 80))
            for number in range(requests):
                client.sendall(text(b"request", number, size))
                got += client.recv(4096)
        except OSError as error:
            return got, str(error)
    thread.join(2)
    return got, None


def text(word, number, size):
    return (b"%s %d " % (word, number) + bytes(range(33, 126)) * 9)[:size]


def udp(net, count=5, size=64, to=SERVER, family=socket.AF_INET, port=5000, options=()):
    """Datagrams one after the other; how many arrived."""
    receiver = net.server.socket(family, socket.SOCK_DGRAM)
    receiver.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    receiver.settimeout(0.3)
    arrived = 0
    with contextlib.closing(receiver), net.client.socket(family, socket.SOCK_DGRAM) as sender:
        for level, name, value in options:
            sender.setsockopt(level, name, value)
        sender.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 40000))
        for number in range(count):
            sender.sendto(text(b"datagram", number, size), (to, port))
            with contextlib.suppress(OSError):
                receiver.recv(4096)
                arrived += 1
    return arrived


def fold(*parts):
    """The sum of RFC 1071."""
    data = b"".join(parts)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data[:len(data) & ~1]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def ip_sum(frame):
    """Makes the header checksum of an IPv4 frame anew."""
    frame[24:26] = b"\0\0"
    frame[24:26] = struct.pack("!H", 0xFFFF ^ fold(bytes(frame[14:34])))


def own_datagram(net, payload, sum_of, padding):
    """A datagram whose frame a program of its own makes: `sum_of` gets its parts and gives the field."""
    link = json.loads(net.client.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    other = json.loads(net.server.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    source, destination = (bytes.fromhex(address.replace(":", "")) for address in (link, other))
    length = 8 + len(payload)
    addresses = socket.inet_aton(CLIENT) + socket.inet_aton(SERVER)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 7, 0x4000, 64, 17, 0) + addresses
    header = header[:10] + struct.pack("!H", 0xFFFF ^ fold(header)) + header[12:]
    ports = struct.pack("!HHH", 40000, 5000, length)
    pseudo = addresses + struct.pack("!HH", 17, length)
    field = sum_of(pseudo, ports, payload)
    frame = destination + source + b"\x08\0" + header + ports + struct.pack("!H", field) + payload + padding
    with net.client.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        sender.send(frame)


# ---- what the wire does ------------------------------------------------------------------------------------------


def is_ipv4(frame, protocol):
    return frame[12:14] == b"\x08\0" and frame[23] == protocol


def flip_once(counts, frame, at, mask):
    """Flips a bit of the first frame that is given, and keeps what was there."""
    if counts.get("flipped") is None and len(frame) > at:
        counts["flipped"] = {"at": at, "was": frame[at], "is": frame[at] ^ mask}
        frame[at] ^= mask
    return frame


def flips(protocol, from_left, payload_at, mask, after):
    """A wire that flips one bit, once, in the payload of the packet that comes after so many with payload."""

    def harm(frame, left, counts):
        if left == from_left and is_ipv4(frame, protocol):
            head = 34 + ((frame[46] >> 4) * 4 if protocol == 6 else 8 if protocol == 17 else 0)
            if struct.unpack("!H", frame[16:18])[0] - (head - 14) > payload_at:
                counts["seen"] = counts.get("seen", 0) + 1
                if counts["seen"] > after:
                    return flip_once(counts, frame, head + payload_at, mask)
        return frame

    return harm


def rewrites(update):
    """A wire that gives UDP another source address, and back; with or without the transport's sum."""
    outside, inside = socket.inet_aton("10.1.0.77"), socket.inet_aton(CLIENT)

    def harm(frame, left, counts):
        if is_ipv4(frame, 17):
            at, old, new = (26, inside, outside) if left else (30, outside, inside)
            if frame[at:at + 4] == old:
                frame[at:at + 4] = new
                ip_sum(frame)
                if update:
                    field = struct.unpack("!H", frame[40:42])[0]
                    change = fold(struct.pack("!H", 0xFFFF ^ field), bytes(byte ^ 0xFF for byte in old), new)
                    frame[40:42] = struct.pack("!H", 0xFFFF ^ change)
                counts["rewritten"] = counts.get("rewritten", 0) + 1
        return frame

    return harm


def lowers_ttl(frame, left, counts):
    if left and is_ipv4(frame, 17):
        frame[22] -= 1
        counts["rewritten"] = counts.get("rewritten", 0) + 1
    return frame


def carries(frame, left, counts):
    return frame


# ---- the scenarios -----------------------------------------------------------------------------------------------


def want(holds, what):
    if not holds:
        raise NotAsTold(what)


def offloaded(folder):
    net = Net(offload=True)
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "tcp")
    got, error = tcp(net, SERVER)
    capture.stop()
    want(error is None and len(got) == 800, "the connection works: %s" % error)
    return {"what": "veth leaves every TCP sum to a card that is not there", "speaks": ["SUM103"], "silent": ["SUM101"]}


def healthy(folder):
    net = Net()
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "tcp or udp")
    got, error = tcp(net, SERVER)
    arrived = udp(net)
    capture.stop()
    want(error is None and len(got) == 800 and arrived == 5, "everything arrives")
    return {"what": "the kernel makes every sum itself", "speaks": [],
            "silent": ["SUM101", "SUM102", "SUM103", "SUM104", "SUM105", "SUM106", "SUM107", "SUM108"]}


def bit_flip(folder):
    net = Net(flips(6, True, 57, 0x10, 2))
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "tcp")
    got, error = tcp(net, SERVER)
    capture.stop()
    flipped = net.wire.counts.get("flipped")
    net.close()
    want(flipped is not None, "the wire flips a bit")
    want(error is None and len(got) == 800, "the client sends it again and all arrives")
    return {"what": "one bit of a segment flips on the wire, the retransmission is whole", "speaks": ["SUM101"],
            "silent": ["SUM102", "SUM105"], "flipped": dict(flipped, payload_byte=57)}


def udp_bit(folder):
    net = Net(flips(17, True, 20, 0x02, 2))
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "udp")
    arrived = udp(net)
    capture.stop()
    flipped = net.wire.counts.get("flipped")
    net.close()
    want(flipped is not None and arrived == 4, "one datagram of five is dropped, not %d of them" % (5 - arrived))
    return {"what": "one bit of a datagram flips on the wire, nothing sends it again", "speaks": ["SUM101"],
            "silent": ["SUM102"], "flipped": dict(flipped, payload_byte=20)}


def sctp_bit(folder):
    net = Net(flips(132, True, 40, 0x80, 2))
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "ip proto 132")
    with net.client.socket(socket.AF_INET, socket.SOCK_RAW, 132) as sender:
        for number in range(5):
            data = text(b"chunk", number, 80)
            body = struct.pack("!BBHIHHI", 0, 3, 16 + len(data), number, 0, number, 0) + data
            head = struct.pack("!HHI", 40000, 5000, 0x5EED)
            crc = struct.pack("<I", crc32c(head + bytes(4) + body))
            sender.sendto(head + crc + body, (SERVER, 0))
            time.sleep(0.02)
    capture.stop()
    flipped = net.wire.counts.get("flipped")
    net.close()
    want(flipped is not None, "the wire flips a bit")
    return {"what": "one bit of an SCTP packet flips on the wire", "speaks": ["SUM101"], "silent": ["SUM108"],
            "flipped": dict(flipped, packet_byte=40)}


def nat_left_the_sum(folder):
    net = Net(rewrites(False))
    captures = [Capture(net.client, "eth0", folder + "/client.pcap", "udp"),
                Capture(net.server, "eth0", folder + "/server.pcap", "udp")]
    arrived = udp(net)
    for capture in captures:
        capture.stop()
    net.close()
    want(net.wire.counts.get("rewritten", 0) >= 5 and arrived == 0, "all are rewritten and none is taken")
    return {"what": "a forwarder gives datagrams another source and leaves their sum", "speaks": ["SUM102"],
            "silent": ["SUM101"], "old": CLIENT, "new": "10.1.0.77"}


def nat_updates_the_sum(folder):
    net = Net(rewrites(True))
    captures = [Capture(net.client, "eth0", folder + "/client.pcap", "udp"),
                Capture(net.server, "eth0", folder + "/server.pcap", "udp")]
    arrived = udp(net)
    for capture in captures:
        capture.stop()
    net.close()
    want(arrived == 5, "all arrive")
    return {"what": "the same forwarder with the update of RFC 1624", "speaks": [], "silent": ["SUM101", "SUM102"]}


def ttl_left_the_sum(folder):
    net = Net(lowers_ttl)
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "udp")
    arrived = udp(net)
    capture.stop()
    net.close()
    want(net.wire.counts.get("rewritten") == 5 and arrived == 0, "all are changed and none is taken")
    return {"what": "a forwarder lowers the TTL and leaves the header's sum", "speaks": ["SUM102"], "silent": ["SUM101"]}


def snaplen(folder):
    net = Net()
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "-s", "68", "tcp")
    got, error = tcp(net, SERVER, requests=8)
    capture.stop()
    want(error is None and len(got) == 1600, "the connection works")
    return {"what": "tcpdump keeps 68 bytes of each packet", "speaks": ["SUM107"], "silent": ["SUM101"]}


def udp6(folder, port, speaks, silent, what):
    net = Net(offload=True)
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "udp port %d" % port)
    # UDP_NO_CHECK6_TX
    arrived = udp(net, family=socket.AF_INET6, to=SERVER6, port=port, options=[(socket.IPPROTO_UDP, 101, 1)])
    capture.stop()
    want(arrived == 0, "a socket that did not ask for it takes none")
    return {"what": what, "speaks": speaks, "silent": silent}


def udp6_zero(folder):
    return udp6(folder, 5000, ["SUM106"], ["SUM101"], "a program sends UDP over IPv6 without a checksum")


def udp6_tunnel(folder):
    return udp6(folder, 4789, [], ["SUM106"], "the same to the port of VXLAN, whose ends can agree on it")


def padding_summed(folder):
    net = Net()
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "udp")
    padding = b"left over from before"[:16]
    for word in (b"one", b"two", b"three!"):
        fill = padding[:46 - 28 - len(word)]
        own_datagram(net, word, lambda pseudo, ports, payload: 0xFFFF ^ fold(pseudo, ports, payload + fill), fill)
        time.sleep(0.02)
    arrived = udp(net, count=3)
    capture.stop()
    want(arrived == 3, "only what the kernel itself sums is taken")
    return {"what": "a program sums the padding of the frame too", "speaks": ["SUM104"], "silent": ["SUM101", "SUM108"]}


def swapped_field(folder):
    net = Net()
    capture = Capture(net.server, "eth0", folder + "/server.pcap", "udp")
    for word in (b"a first datagram of twenty", b"and a second one", b"and the last"):
        own_datagram(net, word, lambda pseudo, ports, payload: struct.unpack(
            "<H", struct.pack(">H", 0xFFFF ^ fold(pseudo, ports, payload)))[0], b"")
        time.sleep(0.02)
    capture.stop()
    return {"what": "a program stores the sum in the byte order of its machine", "speaks": ["SUM108"],
            "silent": ["SUM101", "SUM104"]}


def leak(folder, on):
    net = Net(flips(6, False, 30, 0x04, 1), router=True)
    net.router.set("net.netfilter.nf_conntrack_checksum", on)
    capture = Capture(net.client, "eth0", folder + "/client.pcap", "tcp")
    got, error = tcp(net, VIP)
    capture.stop()
    with open(folder + "/router-sysctl.txt", "w") as file:
        file.write(net.router.run("sysctl", "net.netfilter.nf_conntrack_checksum"))
    flipped = net.wire.counts.get("flipped")
    net.close()
    want(flipped is not None, "the wire flips a bit of an answer")
    if on:
        return {"what": "an answer with a flipped bit is INVALID to the router and leaves with the backend's address",
                "speaks": ["SUM101", "SUM105"], "silent": ["SUM102"], "leaked": "10.2.0.3:80", "instead_of": VIP + ":80"}
    want(error is None and len(got) == 800, "the answer is translated, dropped by the client and sent again: %s" % error)
    return {"what": "the same with nf_conntrack_checksum=0: it is translated with the damage in it", "speaks": ["SUM101"],
            "silent": ["SUM102", "SUM105"]}


def leaked_untranslated(folder):
    return leak(folder, 1)


def leaked_untranslated_off(folder):
    return leak(folder, 0)


SCENARIOS = [offloaded, healthy, bit_flip, udp_bit, sctp_bit, nat_left_the_sum, nat_updates_the_sum, ttl_left_the_sum, snaplen,
             udp6_zero, udp6_tunnel, padding_summed, swapped_field, leaked_untranslated, leaked_untranslated_off]


def cleanup():
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        if name.startswith(PREFIX):
            pids = subprocess.run([tool("ip"), "netns", "pids", name], capture_output=True, text=True).stdout.split()
            for pid in pids:
                if int(pid) != os.getpid():
                    with contextlib.suppress(OSError):
                        os.kill(int(pid), signal.SIGKILL)
            subprocess.run([tool("ip"), "netns", "delete", name], capture_output=True)


def verdict(program, folder, truth):
    """Compares what the program proves with the truth; a sentence where they differ."""
    done = subprocess.run([program, "check", folder, "--format", "json"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    proved = {finding["code"] for finding in report["findings"] if finding["status"] == "proved"}
    missing, wrong = set(truth["speaks"]) - proved, set(truth["silent"]) & proved
    if missing or wrong:
        return "silent: %s; spoke: %s" % (sorted(missing), sorted(wrong))
    words = " ".join(finding["title"] for finding in report["findings"])
    named = [truth[key] for key in ("old", "new", "leaked", "instead_of") if key in truth]
    if "payload_byte" in truth.get("flipped", {}) and folder.endswith("bit-flip"):
        named.append("byte %d of the payload" % truth["flipped"]["payload_byte"])
    if "packet_byte" in truth.get("flipped", {}):
        named.append("byte %d of the packet" % truth["flipped"]["packet_byte"])
    unnamed = [word for word in named if word not in words]
    return "not named: %s in: %s" % (unnamed, words) if unnamed else None


def main():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("-o", default="casebook-lab-simd-checksum", metavar="DIR")
    parser.add_argument("-s", action="append", metavar="NAME", help="only these scenarios")
    parser.add_argument("--casebook", metavar="PROGRAM", help="compare what it finds with the truth")
    args = parser.parse_args()
    names = {one.__name__.replace("_", "-"): one for one in SCENARIOS}
    unknown = [name for name in args.s or [] if name not in names]
    if unknown:
        print("run.sh: no scenario is called %s; there are %s" % (unknown[0], ", ".join(names)), file=sys.stderr)
        return 2
    try:
        if os.geteuid() != 0:
            raise CannotRun("needs root to create network namespaces")
        for name in ("ip", "tcpdump", "nft", "sysctl"):
            tool(name)
        for name in args.s or names:
            folder = os.path.join(args.o, name)
            if os.path.exists(folder):
                raise CannotRun("%s already holds a run; name an empty folder with -o" % folder)
            os.makedirs(folder)
            try:
                truth = names[name](folder)
                with open(folder + "/truth.json", "w") as file:
                    json.dump(truth, file, indent=1)
                    file.write("\n")
                differs = verdict(args.casebook, folder, truth) if args.casebook else None
                if differs:
                    raise NotAsTold(differs)
                print("%s: %s" % (name, truth["what"]), flush=True)
            except NotAsTold as error:
                print("not as told: %s: %s" % (name, error))
                return 1
            finally:
                cleanup()
    except CannotRun as error:
        print("cannot run: %s" % error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    finally:
        cleanup()
