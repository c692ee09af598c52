"""Scenarios of checksums: damage that is real, and captures that only look damaged."""
import socket
import struct
import time

from paths import dnat
from peers import ask, hear, ones_sum
from scenario import scenario
from spaces import thread
from stage import BEHIND, VIP

B1 = BEHIND["b1"]
TEXT = b"a question of sixty-four bytes, so that a flipped bit has a place"[:64]
BYTE, BIT = 20, 0x08


def flip(device, port):
    """Flips one bit of payload byte 20 of every 64-byte message where it enters `device`; the checksum stays.

    The TCP header is 32 bytes (timestamps), the packet 116.
    """
    return ("table netdev fault {\n\tchain in {\n"
            "\t\ttype filter hook ingress device \"%s\" priority 0; policy accept;\n"
            "\t\tip length 116 tcp %s 80 @th,%d,8 set @th,%d,8 ^ 0x%02x\n\t}\n}\n" % (
                device, port, 256 + 8 * BYTE, 256 + 8 * BYTE, BIT))


def ask_through_damage(stage, host, space, device, port, seconds, message=TEXT):
    """Asks while the fault is there; it goes away after `seconds`, and retransmission repairs."""
    sock = stage.connect(host)
    stage.idle(1)
    stage.load(space, flip(device, port))
    stage.write("ruleset-fault.nft", stage.spaces[space].run("nft", "list", "table", "netdev", "fault"))
    sock.sendall(message)
    time.sleep(seconds)
    stage.spaces[space].run("nft", "delete", "table", "netdev", "fault")
    heard = hear(sock, 6)
    return {"client": heard, "truth": {"damage": {
        "what": "one bit", "payload_byte": BYTE, "mask": BIT,
        "where": "%s, where the packet enters %s" % (space, device)}}}


@scenario("bit-flip", """One bit of a payload byte flips in a switch between client and router; the server drops the
          segment for its checksum, and the retransmission a moment later is whole.""",
          "none", "none", "corrupted-in-transit", False,
          wrong_sums=("router-in", "router-out", "server"))
def bit_flip(stage):
    stage.build(switch=True)
    stage.serve()
    return ask_through_damage(stage, B1, "switch", "to-client", "dport", 0.1)


@scenario("bit-flip-before-dnat", """The same flip in front of DNAT: conntrack calls the segment INVALID for its
          checksum, so it is not translated and ends at the router's own address, which drops it without a RST.""",
          "none", "none", "corrupted-in-transit", False, wrong_sums=("router-in",))
def bit_flip_dnat(stage):
    stage.build(vip=True, rules=dnat(B1), established=1000, switch=True)
    stage.serve()
    return ask_through_damage(stage, VIP, "switch", "to-client", "dport", 0.5)


@scenario("bit-flip-reply-leak", """The flip in the server's answer behind DNAT: INVALID, so it reaches the client
          with the backend's own address; its checksum is wrong, so the client's kernel sends no RST.""",
          "none", "none", "corrupted-in-transit", False,
          wrong_sums=("router-out", "router-in", "client"))
def bit_flip_reply(stage):
    stage.build(vip=True, rules=dnat(B1), established=1000)
    stage.serve(reply=TEXT)
    return ask_through_damage(stage, VIP, "router", "b1", "sport", 0.5, b"b")


class ForgetfulNat:
    """A NAT in user space: client -> VIP becomes client -> b1 and back. Once `broken` it updates the IP header's
    checksum but leaves the TCP checksum as it was."""

    def __init__(self, stage):
        self.broken = False
        self.macs = {"c0": mac("02:00:0a:00:01:01"), "br0": mac("02:00:0a:00:02:01")}
        self.peers = {"c0": mac("02:00:0a:00:01:02"), "br0": mac("02:00:0a:00:02:02")}
        self.socks = {}
        for device in ("c0", "br0"):
            self.socks[device] = stage.router.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socks[device].bind((device, 0x0800))
        thread(self.pump, "c0", "br0", 16, socket.inet_aton(VIP), socket.inet_aton(B1))
        thread(self.pump, "br0", "c0", 12, socket.inet_aton(B1), socket.inet_aton(VIP))

    def pump(self, source, target, at, old, new):
        while True:
            frame, where = self.socks[source].recvfrom(65536)
            packet = frame[14:]
            if where[2] == 4 or packet[9] != 6 or packet[at:at + 4] != old:  # 4: PACKET_OUTGOING
                continue
            packet = bytearray(packet[:struct.unpack("!H", packet[2:4])[0]])
            packet[at:at + 4] = new
            packet[8] -= 1
            packet[10:12] = b"\0\0"
            packet[10:12] = struct.pack("!H", ones_sum(bytes(packet[:20])) ^ 0xFFFF)
            if not self.broken:
                total = struct.unpack("!H", packet[36:38])[0] ^ 0xFFFF
                change = struct.pack("!H", total) + bytes(byte ^ 0xFF for byte in old) + new
                packet[36:38] = struct.pack("!H", ones_sum(change) ^ 0xFFFF)  # RFC 1624
            self.socks[target].send(self.peers[target] + self.macs[target] + b"\x08\x00" + bytes(packet))


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


@scenario("nat-no-checksum", """A NAT which stops updating the TCP checksum (as a faulty fast path does): every
          segment arrives with the sum of the old address and is dropped; nobody sends a RST.""",
          "none", "none", "nat-checksum-not-updated", True, wrong_sums=("router-out", "server"))
def nat_no_checksum(stage):
    stage.build(forward=False, loose=None)
    # The VIP belongs to no kernel here: the client is told where it lives.
    stage.client.run("ip", "neigh", "add", VIP, "lladdr", "02:00:0a:00:01:01", "dev", "eth0")
    nat = ForgetfulNat(stage)
    stage.serve()
    sock = stage.connect()
    stage.idle(1)
    nat.broken = True
    heard = ask(sock, TEXT, 2)
    return {"client": heard, "truth": {"damage": {
        "what": "TCP checksum not updated for the changed address", "from": VIP, "to": B1, "where": "router"}}}


@scenario("offload-on", """Checksum offload left on: what each host sends is captured before the sum is filled in, and
          on veth arrives that way too. Every sum looks wrong; nothing is.""", "none", "none", "healthy", False,
          wrong_sums=("client", "router-in", "router-out", "server"))
def offload_on(stage):
    stage.build(offload=True)
    stage.serve(reply=TEXT)
    sock = stage.connect(B1)
    stage.idle(1)
    return {"client": [ask(sock, TEXT) for _ in range(3)]}


@scenario("snaplen-cut", """Captures cut at 80 bytes a packet: sums cannot be verified, and nothing is wrong.""",
          "none", "none", "healthy", False)
def snaplen_cut(stage):
    stage.build(snaplen=80)
    stage.serve(reply=TEXT * 8)
    sock = stage.connect(B1)
    stage.idle(1)
    return {"client": [ask(sock, TEXT * 8) for _ in range(3)]}
