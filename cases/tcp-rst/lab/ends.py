"""Scenarios of the two ends: what a socket, a process or a host does, and what only looks like it."""
import time

from peers import Ear, ask, hear, keepalive, segment, send_raw
from scenario import scenario, timer
from spaces import CannotRun
from stage import BEHIND, CLIENT

B1 = BEHIND["b1"]
TCP_USER_TIMEOUT = 18


def plain(stage, **how):
    """Client and server with a router between them that has no rules; one question answered."""
    stage.build(**how)
    stage.serve()
    return stage.connect(B1)


# ---- the server --------------------------------------------------------------------------------------------------

@scenario("linger0-close", "The server closes with SO_LINGER 0: its own socket sends the RST, without any trigger.",
          "server", "stateful", "linger-0", True)
def linger0(stage):
    sock = plain(stage)
    stage.idle(2)
    stage.served().close("rst")
    return {"client": hear(sock, 2)}


@scenario("close-unread", "The server closes while bytes it never read wait in its socket: RST instead of FIN.",
          "server", "stateful", "close-with-unread-data", True)
def close_unread(stage):
    sock = plain(stage)
    stage.served().stop_reading()
    sock.sendall(b"never read")
    stage.idle(2)
    stage.served().close("fin")
    return {"client": hear(sock, 2)}


@scenario("late-write", "The server has closed with FIN; the client does not look and writes later.",
          "server", "stateless", "written-after-fin", True)
def late_write(stage):
    sock = plain(stage)
    stage.idle(1)
    stage.served().close("fin")
    stage.idle(2, snapshot=False)
    return {"client": ask(sock)}


@scenario("server-restart", """The server process ends (its kernel sends FIN) and a new one listens on the same
          address; the client writes afterwards.""", "server", "stateless", "written-after-fin", True)
def server_restart(stage):
    sock = plain(stage)
    stage.idle(1)
    stage.servers["b1"].restart("fin")
    stage.idle(1, snapshot=False)
    return {"client": ask(sock)}


@scenario("server-reboot", """The server's host forgets the socket without a word (a crash and reboot) and listens
          again: no FIN was seen, the true peer sends a stateless RST with its usual TTL.""",
          "server", "stateless", "server-lost-state", True)
def server_reboot(stage):
    sock = plain(stage)
    stage.idle(2)
    stage.servers["b1"].restart("silent")
    return {"client": ask(sock)}


@scenario("ss-kill", "An operator's `ss -K` on the server.", "server", "stateful", "killed-by-operator", True)
def ss_kill(stage):
    sock = plain(stage)
    stage.idle(2)
    stage.write("history.txt", stage.b1.run("ss", "-K", "dst", CLIENT))
    if stage.b1.run("ss", "-Htn", "dst", CLIENT).strip():
        raise CannotRun("`ss -K` does nothing: this kernel lacks INET_DIAG_DESTROY")
    return {"client": hear(sock, 2), "server": stage.served().broken()}


# ---- the client's own timers -------------------------------------------------------------------------------------

@scenario("keepalive-death", """The server's link goes down; keepalive on the client (1 s, then 3 probes 1 s apart)
          gives up, and the client's own socket sends the RST.""", "client", "stateful", "keepalive-death", True,
          timer("client TCP_KEEPIDLE 1 s + TCP_KEEPCNT 3 * TCP_KEEPINTVL 1 s", 4, "keepalive"))
def keepalive_death(stage):
    sock = plain(stage)
    keepalive(sock, 1, 1, 3)
    stage.b1.run("ip", "link", "set", "eth0", "down")
    begin = time.monotonic()
    stage.idle(1)
    return {"client": hear(sock, 9), "after_s": round(time.monotonic() - begin, 3)}


@scenario("user-timeout-idle", """TCP_USER_TIMEOUT 3 s replaces the count of probes: keepalive of 1 s with 30 probes
          gives up early.""", "client", "stateful", "user-timeout", True,
          timer("client TCP_USER_TIMEOUT", 3, "keepalive"))
def user_timeout_idle(stage):
    sock = plain(stage)
    keepalive(sock, 1, 1, 30)
    sock.setsockopt(6, TCP_USER_TIMEOUT, 3000)
    stage.b1.run("ip", "link", "set", "eth0", "down")
    begin = time.monotonic()
    stage.idle(1)
    return {"client": hear(sock, 9), "after_s": round(time.monotonic() - begin, 3)}


@scenario("user-timeout-data", """TCP_USER_TIMEOUT 3 s with data in flight: the retransmission timer gives up, the
          application gets ETIMEDOUT, and no RST is sent at all.""", "none", "none", "user-timeout", True,
          timer("client TCP_USER_TIMEOUT", 3, "retransmission"))
def user_timeout_data(stage):
    sock = plain(stage)
    sock.setsockopt(6, TCP_USER_TIMEOUT, 3000)
    stage.idle(1)
    stage.b1.run("ip", "link", "set", "eth0", "down")
    begin = time.monotonic()
    return {"client": ask(sock, wait=9), "after_s": round(time.monotonic() - begin, 3)}


# ---- a third party -----------------------------------------------------------------------------------------------

def inject(stage, past):
    """A RST in the server's name, `past` bytes beyond what the client expects; TTL 57 and the client's IP ID."""
    ear = Ear(stage.router, "c0")
    stage.serve()
    sock = stage.connect(B1)
    stage.idle(2)
    client, server = ear.last[CLIENT], ear.last[B1]
    for step in past:
        send_raw(stage.router, segment(B1, CLIENT, 80, client["sport"], server["next"] + step, client["next"], 0x14,
                                       ttl=57, ident=client["ident"], window=0))
        time.sleep(0.1)
    return sock


@scenario("injected-rst", """A RST forged on the path in the server's name: exact sequence number, TTL 57, IP ID
          copied from the client's last packet. The server knows nothing of it.""",
          "router", "stateless", "forged", True)
def injected(stage):
    stage.build()
    sock = inject(stage, [0])
    return {"client": hear(sock, 1), "server": stage.served().broken()}


@scenario("injected-rst-inexact", """Forged RSTs which miss the exact sequence number (10 bytes, 200 kB): the client's
          kernel answers with a challenge ACK or nothing, and the connection lives.""",
          "router", "stateless", "forged-and-refused", False)
def injected_inexact(stage):
    stage.build()
    sock = inject(stage, [10, 200_000])
    return {"client": ask(sock)}
