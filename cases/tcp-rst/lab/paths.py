"""Scenarios of the router: conntrack, DNAT, masquerade, reject. Every row of what a forgotten flow's packet meets."""
import socket
import time

from peers import Ear, ask, hear, keepalive, segment, send_raw
from scenario import conntrack, scenario, timer
from stage import BEHIND, CLIENT, VIP

B1 = BEHIND["b1"]
GAP = 6


def forward(rules=""):
    lines = "".join("\t\t%s\n" % rule for rule in rules.split(";") if rule)
    return ("table ip filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
            "%s\t}\n}\n" % lines)


def dnat(to, extra=""):
    return ("table ip nat {\n\tchain prerouting {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
            "\t\tip daddr %s tcp dport 80 dnat to %s\n\t}\n}\n" % (VIP, to)) + extra


def masquerade(how=""):
    return ("table ip nat {\n\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
            "\t\toifname \"br0\" masquerade%s\n\t}\n}\n" % how)


ONE = dnat(B1)
TURNS = dnat("numgen inc mod 2 map { 0 : %s, 1 : %s }" % (B1, BEHIND["b2"]))
RANDOM = TURNS.replace("inc", "random")
DROP_INVALID = "ct state invalid counter drop;ct state established,related counter accept"


def client_first(stage, host=VIP, gap=GAP):
    """One question, silence, one more question."""
    sock = stage.connect(host)
    stage.idle(gap)
    return {"client": ask(sock)}


def server_first(stage, host=VIP, gap=GAP):
    """One question, silence, the server speaks, then the client does."""
    sock = stage.connect(host)
    stage.idle(gap)
    served = stage.push()
    heard = hear(sock, 1)
    return {"client": ask(sock) if heard == "silence" else heard, "client_heard_of_push": heard,
            "server": served.broken()}


# ---- forwarding --------------------------------------------------------------------------------------------------

@scenario("fwd-no-ct", "Plain forwarding without any rule: there is no entry that could expire.",
          "none", "none", "healthy", False)
def fwd_no_ct(stage):
    stage.build()
    stage.serve()
    return client_first(stage, B1)


@scenario("fwd-loose1-invalid-drop", """Forwarding with `ct state invalid drop`, tcp_loose 1: the entry expires in the
          silence, the next packet is picked up as a new ESTABLISHED flow.""",
          "none", "none", "expired-and-picked-up", False, conntrack())
def fwd_loose1(stage):
    stage.build(rules=forward(DROP_INVALID))
    stage.serve()
    return client_first(stage, B1)


@scenario("fwd-loose0-invalid-drop", """Forwarding with `ct state invalid drop`, tcp_loose 0: the packet after the
          silence is INVALID and dropped; retransmissions too. A black hole: nobody sends a RST.""",
          "none", "none", "expired-black-hole", True, conntrack())
def fwd_loose0(stage):
    stage.build(rules=forward(DROP_INVALID), loose=0)
    stage.serve()
    return client_first(stage, B1)


@scenario("fwd-loose0-no-invalid-rule", """Forwarding with conntrack but no rule against INVALID, tcp_loose 0: the
          entry expires and the flow goes on untracked.""",
          "none", "none", "expired-untracked", False, conntrack())
def fwd_loose0_untracked(stage):
    stage.build(rules=forward("ct state established,related counter accept"), loose=0)
    stage.serve()
    return client_first(stage, B1)


@scenario("fwd-reject-new", """Forwarding which rejects with a RST what is not established and not a SYN: after the
          entry expired the client's packet is new (tcp_loose 1), and the router resets it in the server's name.""",
          "router", "stateless", "expired-reject", True, conntrack())
def fwd_reject(stage):
    stage.build(rules=forward("ct state new,invalid tcp flags & (syn | rst) == 0x0 counter reject with tcp reset"))
    stage.serve()
    return client_first(stage, B1)


@scenario("reject-established", """A rule `reject with tcp reset` inserted while the connection lives: no timer at
          all, the next packet is reset by the router.""", "router", "stateless", "reject-rule-inserted", True)
def reject_established(stage):
    stage.build(rules=forward("ct state established,related counter accept"), established=1000)
    stage.serve()
    sock = stage.connect(B1)
    stage.idle(1)
    stage.write("ruleset-before.nft", stage.router.run("nft", "list", "table", "ip", "filter"))
    stage.router.run("nft", "insert", "rule", "ip", "filter", "forward", "tcp", "dport", "80", "counter", "reject",
                     "with", "tcp", "reset")
    stage.write("history.txt", "nft insert rule ip filter forward tcp dport 80 counter reject with tcp reset\n")
    return {"client": ask(sock)}


# ---- DNAT --------------------------------------------------------------------------------------------------------

@scenario("dnat1-loose1", "DNAT to one backend, tcp_loose 1: the entry expires, the next packet is sent there again.",
          "none", "none", "expired-and-picked-up", False, conntrack())
def dnat1_loose1(stage):
    stage.build(vip=True, rules=ONE)
    stage.serve()
    return client_first(stage)


@scenario("dnat1-loose0", """DNAT to one backend, tcp_loose 0: after expiry the packet is INVALID, is not translated,
          and reaches the address of the VIP on the router itself, which has no such socket.""",
          "router", "stateless", "expired-local-delivery", True, conntrack())
def dnat1_loose0(stage):
    stage.build(vip=True, rules=ONE, loose=0)
    stage.serve()
    return client_first(stage)


@scenario("dnat2-turns", """DNAT to two backends in turn (numgen inc), tcp_loose 1: after expiry the packet opens a
          new entry, which names the other backend; that host has no such socket.""",
          "wrong-backend", "stateless", "expired-other-backend", True, conntrack())
def dnat2_turns(stage):
    stage.build(behind=("b1", "b2"), vip=True, rules=TURNS, any_device=True)
    stage.serve("b1", "b2")
    return client_first(stage)


@scenario("dnat2-random", """DNAT to two backends by numgen random, tcp_loose 1, 24 connections: each dies with
          probability 1/2.""", "wrong-backend", "stateless", "expired-other-backend", 0.5, conntrack(), seconds=14)
def dnat2_random(stage):
    stage.build(behind=("b1", "b2"), vip=True, rules=RANDOM)
    stage.serve("b1", "b2")
    socks = [stage.connect() for _ in range(24)]
    stage.idle(GAP)
    return {"client": [ask(sock) for sock in socks]}


@scenario("dnat2-turns-loose0", """DNAT to two backends, tcp_loose 0: INVALID, so the router itself resets, every
          time.""",
          "router", "stateless", "expired-local-delivery", True, conntrack())
def dnat2_loose0(stage):
    stage.build(behind=("b1", "b2"), vip=True, rules=TURNS, loose=0)
    stage.serve("b1", "b2")
    return client_first(stage)


@scenario("dnat1-server-first", """DNAT, the server speaks first after expiry: its segment is not translated back, the
          client's kernel knows no connection with the backend's address and resets the server.""",
          "client", "stateless", "expired-unnated-push", True, conntrack(), seconds=12)
def dnat1_server_first(stage):
    stage.build(vip=True, rules=ONE)
    stage.serve()
    return server_first(stage)


@scenario("dnat1-server-first-loose0", "The same with tcp_loose 0.",
          "client", "stateless", "expired-unnated-push", True, conntrack(), seconds=12)
def dnat1_server_first_loose0(stage):
    stage.build(vip=True, rules=ONE, loose=0)
    stage.serve()
    return server_first(stage)


def out_of_window(stage):
    """A segment 50 MB ahead of the server's window, sent by the server's host."""
    stage.serve()
    ear = Ear(stage.b1, "eth0")
    sock = stage.connect()
    stage.idle(1)
    mine = ear.last[B1]
    send_raw(stage.b1, segment(B1, CLIENT, 80, mine["dport"], mine["next"] + 50_000_000, mine["ack"], 0x18,
                               ident=4242, payload=b"late"))
    time.sleep(0.5)
    return {"client": ask(sock), "server": stage.served().broken()}


@scenario("dnat-out-of-window", """DNAT, INVALID not dropped: a segment from the server outside the window is INVALID,
          leaves with the backend's own address, and the client's RST for it kills the server's connection.""",
          "client", "stateless", "invalid-unnated-leak", True)
def dnat_out_of_window(stage):
    stage.build(vip=True, rules=ONE, established=1000)
    return out_of_window(stage)


@scenario("dnat-out-of-window-drop", "The same segment, but `ct state invalid drop` keeps it from leaking.",
          "none", "none", "healthy", False)
def dnat_out_of_window_drop(stage):
    stage.build(vip=True, rules=dnat(B1, forward(DROP_INVALID)), established=1000)
    return out_of_window(stage)


# ---- masquerade --------------------------------------------------------------------------------------------------

@scenario("masq-port-kept", "Masquerade which keeps the source port, tcp_loose 1: the new entry looks like the old.",
          "none", "none", "expired-and-picked-up", False, conntrack())
def masq_kept(stage):
    stage.build(rules=masquerade())
    stage.serve()
    return client_first(stage, B1)


@scenario("masq-fully-random", """Masquerade with fully-random, tcp_loose 1: the new entry gets another source port,
          for which the server has no socket.""", "server", "stateless", "expired-other-source-port", True, conntrack())
def masq_random(stage):
    stage.build(rules=masquerade(" fully-random"))
    stage.serve()
    return client_first(stage, B1)


@scenario("masq-loose0", """Masquerade, tcp_loose 0: the packet after expiry is INVALID and leaves with the client's
          own address; the server knows no such connection and can answer.""",
          "server", "stateless", "expired-unnated-request", True, conntrack())
def masq_loose0(stage):
    stage.build(rules=masquerade(), loose=0)
    stage.serve()
    return client_first(stage, B1)


@scenario("masq-loose0-no-route", """The same, but the server has no route to the client's own address: nobody can
          answer.""", "none", "none", "expired-unnated-request-black-hole", True, conntrack())
def masq_loose0_no_route(stage):
    stage.build(rules=masquerade(), loose=0, default_route=False)
    stage.serve()
    return client_first(stage, B1)


@scenario("masq-server-first", """Masquerade, the server speaks first after expiry: the segment is for the router's
          own address, the router resets the server; the client learns it when it speaks.""",
          "router", "stateless", "expired-local-delivery", True, conntrack(), seconds=12)
def masq_server_first(stage):
    stage.build(rules=masquerade())
    stage.serve()
    return server_first(stage, B1)


@scenario("masq-port-taken", """Masquerade, tcp_loose 1: after expiry another client (10.0.1.3) connects from the same
          source port and is given it. The server still has the old connection there and answers the SYN with a
          challenge ACK; the newcomer's kernel resets it. The old client then gets another port and a RST from the
          server.""",
          "server", "stateless", "expired-port-taken", True, conntrack(), seconds=12, judged="received")
def masq_taken(stage):
    stage.build(rules=masquerade())
    stage.client.run("ip", "addr", "add", "10.0.1.3/24", "dev", "eth0")
    stage.serve()
    sock = stage.connect(B1)
    stage.idle(GAP)
    newcomer = stage.client.socket()
    stage.sockets.append(newcomer)
    newcomer.bind(("10.0.1.3", sock.getsockname()[1]))
    newcomer.settimeout(5)
    newcomer.connect((B1, 80))
    heard = ask(newcomer)
    return {"client": ask(sock), "newcomer": heard}


# ---- the timer itself --------------------------------------------------------------------------------------------

@scenario("ct-timeout-policy", """A `ct timeout` object of 4 s overrides the sysctl, which says 1000 s.""",
          "router", "stateless", "expired-local-delivery", True,
          timer("nft ct timeout object \"short\", established", 4))
def timeout_policy(stage):
    stage.build(vip=True, loose=0, established=1000, rules=ONE + """table ip timeouts {
	ct timeout short {
		protocol tcp
		l3proto ip
		policy = { established : 4 }
	}
	chain prerouting {
		type filter hook prerouting priority -150; policy accept;
		tcp dport 80 ct timeout set "short"
	}
}
""")
    stage.serve()
    return client_first(stage)


@scenario("half-close-close-wait", """DNAT; the client has sent its request and FIN and waits for a long answer: the
          entry is in CLOSE_WAIT, whose timeout (4 s) is not that of ESTABLISHED (1000 s). The answer is not
          translated back.""",
          "client", "stateless", "expired-unnated-push", True,
          timer("sysctl net.netfilter.nf_conntrack_tcp_timeout_close_wait", 4))
def half_close(stage):
    stage.build(vip=True, rules=ONE, established=1000,
                sysctls={"net.netfilter.nf_conntrack_tcp_timeout_close_wait": 4})
    stage.serve(closes=False)
    sock = stage.connect()
    sock.shutdown(socket.SHUT_WR)
    stage.idle(GAP)
    stage.push()
    heard = hear(sock, 2)
    return {"client": heard, "server": stage.served().broken()}


@scenario("outage-max-retrans", """DNAT, tcp_loose 0; a firewall of the server drops everything for 9 s while the
          client asks. From the third retransmission on the entry's timeout is max_retrans (4 s), not that of
          ESTABLISHED (1000 s); the pauses between retransmissions outgrow it, and the first packet after the longest
          pause is reset by the router.""",
          "router", "stateless", "expired-local-delivery", True,
          timer("sysctl net.netfilter.nf_conntrack_tcp_timeout_max_retrans", 4), seconds=18)
def outage(stage):
    stage.build(vip=True, rules=ONE, loose=0, established=1000,
                sysctls={"net.netfilter.nf_conntrack_tcp_timeout_max_retrans": 4})
    stage.serve()
    sock = stage.connect()
    stage.idle(1)
    # Not the link: with that down the router answers ICMP unreachable, and RFC 6069 takes the backoff back.
    stage.load("b1", "table ip outage {\n\tchain in {\n\t\ttype filter hook prerouting priority raw; policy accept;\n"
               "\t\ttcp dport 80 drop\n\t}\n}\n")
    sock.sendall(b"b")
    time.sleep(9)
    stage.snapshot("-outage")
    stage.b1.run("nft", "delete", "table", "ip", "outage")
    return {"client": hear(sock, 8)}


@scenario("sysctl-mid-flow", """The sysctl is lowered from 1000 s to 4 s while the connection is silent: the entry
          keeps its old deadline until the next packet; only the second silence kills.""",
          "router", "stateless", "expired-local-delivery", True, conntrack(), seconds=16)
def sysctl_mid_flow(stage):
    stage.build(vip=True, rules=ONE, loose=0, established=1000)
    stage.serve()
    sock = stage.connect()
    stage.router.set("net.netfilter.nf_conntrack_tcp_timeout_established", 4)
    stage.write("history.txt", "sysctl net.netfilter.nf_conntrack_tcp_timeout_established: 1000 -> 4\n")
    stage.idle(GAP)
    first = ask(sock)
    stage.idle(GAP, snapshot=False)
    return {"client": ask(sock), "first_question": first,
            "faults": [] if first == "answer" else ["the first silence must be survived, it was: " + first]}


@scenario("conntrack-delete", "`conntrack -D` on the router, then a packet; DNAT to one backend, tcp_loose 0.",
          "router", "stateless", "entry-deleted", True)
def conntrack_delete(stage):
    stage.build(vip=True, rules=ONE, loose=0, established=1000)
    stage.serve()
    return deleted(stage)


@scenario("conntrack-delete-dnat2", "`conntrack -D`, then a packet; DNAT to two backends in turn, tcp_loose 1.",
          "wrong-backend", "stateless", "entry-deleted", True)
def conntrack_delete_dnat2(stage):
    stage.build(behind=("b1", "b2"), vip=True, rules=TURNS, established=1000)
    stage.serve("b1", "b2")
    return deleted(stage)


def deleted(stage):
    sock = stage.connect()
    stage.idle(1)
    stage.router.run("conntrack", "-D", "-p", "tcp", "--dport", "80")
    stage.write("history.txt", "conntrack -D -p tcp --dport 80\n")
    time.sleep(0.3)
    return {"client": ask(sock)}


# ---- near misses -------------------------------------------------------------------------------------------------

@scenario("dnat1-server-reboot", """DNAT to one backend whose host forgot everything: the RST has the TTL of the true
          backend, exactly as from a wrong one, but the entry never expired.""",
          "server", "stateless", "server-lost-state", True)
def dnat1_reboot(stage):
    stage.build(vip=True, rules=ONE, established=1000)
    stage.serve()
    sock = stage.connect()
    stage.idle(2)
    stage.servers["b1"].restart("silent")
    return {"client": ask(sock)}


@scenario("healthy-keepalive", """T = 4 s, DNAT, tcp_loose 0, but keepalive every 2 s refreshes the entry: 9 s
          survive.""",
          "none", "none", "healthy", False, conntrack(), seconds=13)
def healthy_keepalive(stage):
    stage.build(vip=True, rules=ONE, loose=0)
    stage.serve()
    sock = stage.connect()
    keepalive(sock, 2, 2, 5)
    stage.idle(9)
    return {"client": ask(sock)}


@scenario("healthy-traffic", "T = 4 s, DNAT, tcp_loose 0, and a question every 2 s: nothing happens.",
          "none", "none", "healthy", False, conntrack(), seconds=12)
def healthy_traffic(stage):
    stage.build(vip=True, rules=ONE, loose=0)
    stage.serve()
    sock = stage.connect()
    seen = []
    for turn in range(4):
        stage.idle(2, snapshot=turn == 0)
        seen.append(ask(sock))
    return {"client": next((end for end in seen if end != "answer"), "answer")}


@scenario("healthy-fin", "A connection that both ends close with FIN, through DNAT; nothing is reset.",
          "none", "none", "healthy", False)
def healthy_fin(stage):
    stage.build(vip=True, rules=ONE, established=1000)
    stage.serve()
    sock = stage.connect()
    stage.idle(2)
    answer = ask(sock)
    sock.close()
    time.sleep(0.5)
    return {"client": "fin" if answer == "answer" else answer}
