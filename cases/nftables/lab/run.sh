#!/usr/bin/env bash
# Makes the failure of the nftables case happen for real, and keeps the evidence a tired operator would have had.
#
# Five network namespaces; the host's own network, ruleset and sysctls are never touched:
#
#   scraper 10.9.0.5 --lan-- hub --pinned path, MTU 1500------------------ edge 172.16.0.1:9100
#                             \--MTU 1420-- transit --uplink, MTU 1500---/   \--monitoring-- newcomer 10.30.0.7
#
# The hub sends requests over the pinned path. The edge answers over it only while the connection carries ct mark
# 0x51; every other reply takes the default route through transit, where a full segment no longer fits and the ICMP
# error that would say so is dropped.
set -u
LC_ALL=C
export LC_ALL

usage() {
    cat <<'EOF'
usage: run.sh [-o DIR] [--variant insert|add]

  -o DIR             where the evidence goes (default: casebook-lab-nftables); must not hold an earlier run
  --variant insert   the runbook as it was typed: `nft insert rule`; large scrapes must die (default)
  --variant add      the same rule appended with `nft add rule`; everything must keep working

exit status: 0 it happened as told; 1 it did not (the last line says which step); 2 it cannot run here
EOF
}

out=casebook-lab-nftables
variant=insert
while [ $# -gt 0 ]; do
    case $1 in
        -o) [ $# -ge 2 ] || { usage >&2; exit 2; }; out=$2; shift 2 ;;
        --variant) [ $# -ge 2 ] || { usage >&2; exit 2; }; variant=$2; shift 2 ;;
        -h|--help) usage; exit 0 ;;
        *) echo "run.sh: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    esac
done
case $variant in
    insert|add) ;;
    *) echo "run.sh: --variant is insert or add, not $variant" >&2; exit 2 ;;
esac

SCRAPER=10.9.0.5
NEWCOMER=10.30.0.7
TARGET=172.16.0.1
PORT=9100
BODY=204800
RUNBOOK="nft $variant rule inet filter input tcp dport $PORT accept"

# ---- what it needs -----------------------------------------------------------------------------------------------

cannot() { echo "cannot run: $1" >&2; exit 2; }

[ "$(id -u)" = 0 ] || cannot "needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN) to create network namespaces"
PATH=$PATH:/usr/sbin:/sbin
for tool in ip nft python3; do
    command -v "$tool" >/dev/null 2>&1 || cannot "needs the command $tool (packages: iproute2, nftables, python3)"
done
python=$(python3 -c 'import sys; print(sys.executable)') || cannot "python3 does not start"
if [ -e "$out/before" ] || [ -e "$out/after" ]; then
    cannot "$out already holds a run; name an empty folder with -o"
fi
mkdir -p "$out" || cannot "cannot create $out"
out=$(cd "$out" && pwd)

work=$(mktemp -d) || cannot "mktemp failed"
prefix=casebook-$$
spaces=""
children=""

# Children first: a namespace lives as long as a process in it.
cleanup() {
    for child in $children; do kill "$child" 2>/dev/null; done
    for child in $children; do wait "$child" 2>/dev/null; done
    for space in $spaces; do ip netns delete "$space" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- numbered lines ----------------------------------------------------------------------------------------------

step=0
say() { step=$((step + 1)); echo "$step $1"; }
not_as_told() { echo "not as told at step $step: $1"; exit 1; }
setup_failed() { cannot "$1 failed: $(tr '\n' ' ' <"$work/error")"; }
try() { "$@" 2>"$work/error" || setup_failed "$*"; }

# ---- the network -------------------------------------------------------------------------------------------------

space() {
    ip netns add "$prefix-$1" 2>"$work/error" ||
        cannot "ip netns add failed ($(tr '\n' ' ' <"$work/error")); needs a kernel with network namespaces and the right to mount"
    spaces="$spaces $prefix-$1"
    # New namespaces inherit some defaults from the host; the story must not depend on them.
    inside "$1" sh -c '
        set -e
        echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
        echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
    ' 2>/dev/null || true # a kernel without IPv6 needs no switching off
    inside "$1" sh -c '
        set -e
        echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
        echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter
        echo 0 >/proc/sys/net/ipv4/tcp_mtu_probing
        echo 0 >/proc/sys/net/ipv4/ip_no_pmtu_disc
    ' 2>"$work/error" || setup_failed "setting sysctls in $1"
    in_space "$1" link set lo up
}

inside() { local where=$prefix-$1; shift; ip netns exec "$where" "$@" </dev/null; }
in_space() { local where=$prefix-$1; shift; try ip -n "$where" "$@"; }

# link A DEVICE-IN-A MAC B DEVICE-IN-B MAC MTU; both ends are born inside their namespaces.
link() {
    try ip -n "$prefix-$1" link add "$2" address "$3" mtu "$7" type veth \
        peer name "$5" address "$6" mtu "$7" netns "$prefix-$4"
    in_space "$1" link set "$2" up
    in_space "$4" link set "$5" up
}

build_network() {
    for name in scraper hub transit edge newcomer; do space "$name"; done

    link scraper eth0 02:00:0a:09:00:05 hub lan0 02:00:0a:09:00:01 1500
    link edge pin0 02:00:c0:00:02:0a hub pin0 02:00:c0:00:02:09 1500
    link edge wan0 02:00:c0:00:02:02 transit edge0 02:00:c0:00:02:01 1500
    link transit tun0 02:00:c6:33:64:02 hub tun0 02:00:c6:33:64:01 1420
    link newcomer eth0 02:00:0a:1e:00:07 edge mon0 02:00:0a:1e:00:01 1500

    in_space scraper addr add $SCRAPER/24 dev eth0
    in_space scraper route add default via 10.9.0.1

    in_space hub addr add 10.9.0.1/24 dev lan0
    in_space hub addr add 192.0.2.9/30 dev pin0
    in_space hub addr add 198.51.100.1/30 dev tun0
    in_space hub route add $TARGET via 192.0.2.10
    inside hub sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'

    in_space transit addr add 198.51.100.2/30 dev tun0
    in_space transit addr add 192.0.2.1/30 dev edge0
    in_space transit route add 10.9.0.0/24 via 198.51.100.1
    in_space transit route add $TARGET via 192.0.2.2
    inside transit sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'

    in_space edge addr add $TARGET/32 dev lo
    in_space edge addr add 192.0.2.2/30 dev wan0
    in_space edge addr add 192.0.2.10/30 dev pin0
    in_space edge addr add 10.30.0.1/24 dev mon0
    in_space edge route add default via 192.0.2.1
    in_space edge route add default via 192.0.2.9 table 81
    in_space edge rule add fwmark 0x51 lookup 81 pref 100

    in_space newcomer addr add $NEWCOMER/24 dev eth0
    in_space newcomer route add default via 10.30.0.1
}

load_rulesets() {
    # The filter that breaks path MTU discovery: somebody thought all ICMP errors were noise.
    cat >"$work/transit.nft" <<'EOF'
table inet filter {
	chain output {
		type filter hook output priority filter; policy accept;
		icmp type destination-unreachable counter drop
	}
}
EOF
    cat >"$out/edge.nft" <<'EOF'
#!/usr/sbin/nft -f
# edge: node metrics on 172.16.0.1:9100, scraped by 10.9.0.5

flush ruleset

table inet filter {
	# Replies to the scraper must leave over the pinned path (ip rule fwmark 0x51 lookup 81).
	chain mark-scraper-traffic {
		ip saddr 10.9.0.5 counter ct mark set 0x51
	}

	chain input {
		type filter hook input priority filter; policy drop;

		ct state established,related accept
		iifname "lo" accept
		jump mark-scraper-traffic
		tcp dport { 22, 80, 443 } accept
		ip saddr 10.9.0.0/24 tcp dport 9100 counter accept
	}

	# type route: a packet whose mark changes here is routed again.
	chain restore-mark {
		type route hook output priority mangle; policy accept;

		meta mark set ct mark
	}
}
EOF
    inside transit nft -f "$work/transit.nft" 2>"$work/error" ||
        cannot "nft cannot load a ruleset ($(tr '\n' ' ' <"$work/error")); needs a kernel with nf_tables"
    inside edge nft -f "$out/edge.nft" 2>"$work/error" ||
        cannot "nft cannot load edge.nft ($(tr '\n' ' ' <"$work/error")); needs nf_tables with inet, ct and route chains"
}

# ---- the program both ends run -----------------------------------------------------------------------------------

cat >"$work/peer.py" <<'PEER_PY'
"""serve ADDR PORT BYTES READY | scrape ADDR PORT PATH SECONDS OUT | hold ADDR PORT SECONDS OUT1 GO OUT2 | marks PORT
   | collect OUT KEY=FILE|KEY:=JSON..."""
import http.server, json, os, socket, socketserver, struct, sys, time


def serve(addr, port, size, ready):
    line = b"node_network_transmit_bytes_total{device=\"wan0\"} 1\n"
    metrics = (line * (int(size) // len(line) + 1))[: int(size)]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = {"/metrics": metrics, "/health": b"ok\n"}.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def server_bind(self):
            socketserver.TCPServer.server_bind(self)  # HTTPServer's own asks the DNS, which is not there

        def handle_error(self, request, client_address):
            pass  # clients that time out reset the connection; that is the point

    server = Server((addr, int(port)), Handler)
    open(ready, "w").close()
    server.serve_forever()


class Connection:
    """A plain HTTP/1.1 client which counts body bytes up to a deadline, whatever happens."""

    def __init__(self, addr, port, seconds):
        self.peer, self.seconds, self.sock, self.connect_s = (addr, int(port)), float(seconds), None, None
        start = time.monotonic()
        try:
            self.sock = socket.create_connection(self.peer, timeout=self.seconds)
            self.connect_s = round(time.monotonic() - start, 4)
        except OSError as error:
            self.error = str(error)

    def get(self, path):
        seen = {"path": path, "to": "%s:%d" % self.peer, "connect_s": self.connect_s, "timeout_s": self.seconds}
        if self.sock is None:
            seen.update(outcome="no connection", error=self.error, status=None, body_bytes=0, content_length=None)
            return seen
        seen["from"] = "%s:%d" % self.sock.getsockname()
        start, data, length, head = time.monotonic(), b"", None, None
        outcome = "timed out"
        try:
            self.sock.sendall(b"GET %s HTTP/1.1\r\nHost: edge\r\n\r\n" % path.encode())
            while head is None or len(data) - head < length:
                left = start + self.seconds - time.monotonic()
                if left <= 0:
                    break
                self.sock.settimeout(left)
                chunk = self.sock.recv(65536)
                if not chunk:
                    outcome = "closed early"
                    break
                data += chunk
                if head is None and b"\r\n\r\n" in data:
                    head = data.index(b"\r\n\r\n") + 4
                    fields = data[:head].decode().lower().split("\r\n")
                    length = [int(f.split(":")[1]) for f in fields if f.startswith("content-length")][0]
            else:
                outcome = "complete"
        except socket.timeout:
            pass
        except OSError as error:
            outcome, seen["error"] = "failed", str(error)
        seen.update(
            outcome=outcome,
            seconds=round(time.monotonic() - start, 3),
            status=int(data.split()[1]) if head else None,
            body_bytes=len(data) - head if head else 0,
            content_length=length,
        )
        return seen


def report(seen, path):
    with open(path + ".part", "w") as file:
        json.dump(seen, file)
    os.rename(path + ".part", path)


def sentence(seen):
    if seen["outcome"] == "no connection":
        return "no connection after %.1f s (%s)" % (seen["timeout_s"], seen["error"])
    text = "%d bytes in %.2f s" % (seen["body_bytes"], seen["seconds"])
    if seen["outcome"] == "complete":
        return "%s (HTTP %d, connected in %.4f s)" % (text, seen["status"], seen["connect_s"])
    return "%s: %d of %s body bytes after %.1f s (HTTP %s, connected in %.4f s)" % (
        seen["outcome"], seen["body_bytes"], seen["content_length"], seen["seconds"], seen["status"], seen["connect_s"])


def scrape(addr, port, path, seconds, out):
    seen = Connection(addr, port, seconds).get(path)
    report(seen, out)
    print(sentence(seen))
    sys.exit(0 if seen["outcome"] == "complete" else 3)


def hold(addr, port, seconds, first, go, second):
    """A keep-alive connection: one scrape now, one over the same connection once the file `go` exists."""
    connection = Connection(addr, port, seconds)
    report(connection.get("/metrics"), first)
    while not os.path.exists(go):
        time.sleep(0.02)
    report(connection.get("/metrics"), second)


def marks(port):
    """Prints {"source address:port": ct mark} of this namespace's connections to `port` (ctnetlink dump)."""
    def attributes(data):
        while len(data) >= 4:
            size, kind = struct.unpack("=HH", data[:4])
            if size < 4:
                return
            yield kind & 0x3FFF, data[4:size]
            data = data[(size + 3) & ~3:]

    found = {}
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
    netlink.settimeout(2)
    # IPCTNL_MSG_CT_GET of subsystem ctnetlink (1), NLM_F_REQUEST | NLM_F_DUMP, nfgenmsg AF_INET
    netlink.send(struct.pack("=IHHII4x", 20, 0x101, 0x301, 1, 0)[:16] + struct.pack("=BBH", 2, 0, 0))
    while True:
        data = netlink.recv(1 << 18)
        while data:
            size, kind = struct.unpack("=IH", data[:6])
            if kind == 3:  # NLMSG_DONE
                print(json.dumps(found, sort_keys=True))
                return
            if kind == 2:  # NLMSG_ERROR
                sys.exit(4)
            top = dict(attributes(data[20:size]))
            original = dict(attributes(top[1]))              # CTA_TUPLE_ORIG
            address, proto = dict(attributes(original[1])), dict(attributes(original[2]))
            if proto[1] == b"\x06" and struct.unpack("!H", proto[3])[0] == int(port):
                source = "%s:%d" % (socket.inet_ntoa(address[1]), struct.unpack("!H", proto[2])[0])
                found[source] = struct.unpack("!I", top.get(8, b"\0\0\0\0"))[0]   # CTA_MARK
            data = data[(size + 3) & ~3:]


def collect(out, *pairs):
    whole = {}
    for pair in pairs:
        key, value = pair.split("=", 1)
        if key.endswith(":"):
            key, value = key[:-1], json.loads(value)
        else:
            with open(value) as file:
                value = json.load(file)
        place, names = whole, key.split(".")
        for name in names[:-1]:
            place = place.setdefault(name, {})
        place[names[-1]] = value
    with open(out, "w") as file:
        json.dump(whole, file, indent=2)
        file.write("\n")


{"serve": serve, "scrape": scrape, "hold": hold, "marks": marks, "collect": collect}[sys.argv[1]](*sys.argv[2:])
PEER_PY

# ---- measuring ---------------------------------------------------------------------------------------------------

# scrape NAME SPACE PATH SECONDS: leaves $work/NAME.json and the sentence in $seen; true when the body arrived whole.
scrape() {
    seen=$(inside "$2" "$python" "$work/peer.py" scrape $TARGET $PORT "$3" "$4" "$work/$1.json" 2>&1)
}

# field FILE KEY: one value of a small JSON object, empty when it is null or absent.
field() {
    "$python" -c 'import json,sys; v=json.load(open(sys.argv[1])).get(sys.argv[2]); print("" if v is None else v)' "$1" "$2"
}

# The ct mark the edge keeps for the connection measured in FILE, in hex; empty when the kernel will not tell.
mark_of() {
    inside edge "$python" "$work/peer.py" marks $PORT >"$work/marks.json" 2>/dev/null || return 0
    local mark
    mark=$(field "$work/marks.json" "$(field "$1" from)")
    [ -z "$mark" ] || printf '0x%x' "$mark"
}

mark_counter() {
    inside edge nft list chain inet filter mark-scraper-traffic | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'
}
too_big() {
    # Ip: header line, then values; FragFails counts packets too large for the next link with "don't fragment" set.
    inside transit "$python" -c 'import sys
names, values = [l.split() for l in open("/proc/net/snmp") if l.startswith("Ip:")]
print(dict(zip(names, values))["FragFails"])'
}
icmp_dropped() {
    inside transit nft list chain inet filter output | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'
}
path_of() { # the device the edge would answer from, with and without the mark
    inside edge ip -o route get $SCRAPER from $TARGET ${1:+mark $1} 2>/dev/null | sed 's/ uid .*//; s/ *\\.*//; s/ *$//'
}

snapshot() {
    local to=$out/$1 key
    mkdir -p "$to"
    inside edge nft -j -a list ruleset >"$to/ruleset.json"
    inside edge nft -a list ruleset >"$to/ruleset.nft"
    # Kernels without CONFIG_NETFILTER_NETLINK_HOOK cannot list hooks; an empty file would be a lie.
    if ! inside edge nft list hooks >"$to/hooks.txt" 2>/dev/null || [ ! -s "$to/hooks.txt" ]; then
        rm -f "$to/hooks.txt"
    fi
    inside edge ip -j rule >"$to/ip-rule.json"
    inside edge ip -j route show table all >"$to/ip-route.json"
    inside edge ip -j addr >"$to/ip-addr.json"
    for key in kernel/osrelease net/ipv4/ip_forward net/ipv4/ip_no_pmtu_disc net/ipv4/tcp_mtu_probing \
        net/ipv4/fwmark_reflect net/ipv4/tcp_fwmark_accept net/ipv4/conf/all/rp_filter \
        net/ipv4/conf/all/src_valid_mark net/ipv4/conf/wan0/rp_filter net/ipv4/conf/pin0/rp_filter \
        net/ipv4/conf/mon0/rp_filter net/netfilter/nf_conntrack_tcp_loose net/netfilter/nf_conntrack_tcp_be_liberal \
        net/netfilter/nf_conntrack_tcp_timeout_established; do
        inside edge sh -c "[ -r /proc/sys/$key ] && echo \"$(echo "$key" | tr / .) = \$(cat /proc/sys/$key)\""
    done >"$to/sysctl.txt"
}

wait_for() { # FILE SECONDS
    local left=$(($2 * 20))
    while [ ! -e "$1" ] && [ $left -gt 0 ]; do sleep 0.05; left=$((left - 1)); done
    [ -e "$1" ]
}

# ---- the story ---------------------------------------------------------------------------------------------------

build_network
load_rulesets
say "namespaces $prefix-{scraper,hub,transit,edge,newcomer}; edge.nft loaded on the edge"

ip netns exec $prefix-edge "$python" "$work/peer.py" serve $TARGET $PORT $BODY "$work/ready" \
    </dev/null >/dev/null 2>"$work/error" &
children="$children $!"
wait_for "$work/ready" 5 || setup_failed "the scrape target"
say "edge serves $TARGET:$PORT: /metrics $BODY bytes, /health 3 bytes"
say "route of a reply with mark 0x51: $(path_of 0x51)"
say "route of a reply without it: $(path_of '')"

scrape before-health scraper /health 3
say "health before: $seen"
[ "$(field "$work/before-health.json" outcome)" = complete ] || not_as_told "the scraper cannot reach the edge at all"

scrape before-scrape scraper /metrics 3
say "scrape before: $seen"
[ "$(field "$work/before-scrape.json" outcome)" = complete ] || not_as_told "the large scrape must work over the pinned path"
[ "$(field "$work/before-scrape.json" body_bytes)" = $BODY ] || not_as_told "the body is not $BODY bytes"

before_mark=$(mark_of "$work/before-scrape.json")
say "ct mark of that connection: ${before_mark:-unreadable (no ctnetlink)}"
[ "${before_mark:-0x51}" = 0x51 ] || not_as_told "the connection must carry ct mark 0x51"

ip netns exec $prefix-scraper "$python" "$work/peer.py" hold $TARGET $PORT 3 \
    "$work/before-held.json" "$work/go" "$work/after-held.json" </dev/null >/dev/null 2>&1 &
children="$children $!"
wait_for "$work/before-held.json" 5 || not_as_told "the keep-alive connection gave no answer"
say "keep-alive connection before: $(field "$work/before-held.json" body_bytes) bytes, left open"
[ "$(field "$work/before-held.json" outcome)" = complete ] || not_as_told "the keep-alive scrape must work"

scrape before-newcomer newcomer /metrics 1
say "new monitoring host $NEWCOMER before: $seen"
[ "$(field "$work/before-newcomer.json" outcome)" = "no connection" ] || not_as_told "policy drop must keep the new host out"

before_count=$(mark_counter)
before_big=$(too_big)
before_icmp=$(icmp_dropped)
say "mark rule counted $before_count packets; transit refused $before_big packets as too big"
[ "$before_big" = 0 ] || not_as_told "nothing may have taken the default path yet"
snapshot before

say "runbook: $RUNBOOK"
# Word splitting is meant: what runs is the recorded line.
# shellcheck disable=SC2086
inside edge $RUNBOOK 2>"$work/error" || setup_failed "$RUNBOOK"
echo "$RUNBOOK" >"$out/history.txt"

scrape after-newcomer newcomer /metrics 3
say "new monitoring host $NEWCOMER after: $seen"
[ "$(field "$work/after-newcomer.json" outcome)" = complete ] || not_as_told "the new port must work: that is why nobody looked"

scrape after-health scraper /health 3
say "health after: $seen"
[ "$(field "$work/after-health.json" outcome)" = complete ] || not_as_told "port $PORT must still accept and small replies must pass"

touch "$work/go"
wait_for "$work/after-held.json" 5 || not_as_told "the keep-alive connection gave no answer"
say "keep-alive connection after: $(field "$work/after-held.json" body_bytes) bytes (its ct mark is $(mark_of "$work/after-held.json"))"
[ "$(field "$work/after-held.json" outcome)" = complete ] || not_as_told "a connection marked before the change must keep working"

scrape after-scrape scraper /metrics 3
say "scrape after: $seen"
after_outcome=$(field "$work/after-scrape.json" outcome)
after_connect=$(field "$work/after-scrape.json" connect_s)
if [ $variant = insert ]; then
    [ -n "$after_connect" ] || not_as_told "port $PORT must still accept the connection"
    [ "$after_outcome" = "timed out" ] || not_as_told "the large scrape must time out, it was: $after_outcome"
else
    [ "$after_outcome" = complete ] || not_as_told "the appended rule must leave the scrape alone, it was: $after_outcome"
fi

after_mark=$(mark_of "$work/after-scrape.json")
say "ct mark of that connection: ${after_mark:-unreadable (no ctnetlink)}"
want=0x51
[ $variant = add ] || want=0x0
[ "${after_mark:-$want}" = $want ] || not_as_told "its ct mark must be $want"

after_count=$(mark_counter)
say "mark rule counted $before_count packets before, $after_count after"
if [ $variant = insert ]; then
    [ "$after_count" = "$before_count" ] || not_as_told "the mark rule must have stopped counting"
else
    [ "$after_count" -gt "$before_count" ] || not_as_told "the mark rule must go on counting"
fi

after_big=$(too_big)
after_icmp=$(icmp_dropped)
say "transit refused $after_big packets as too big for 1420 and dropped $after_icmp ICMP errors about them"
if [ $variant = insert ]; then
    [ "$after_big" -gt 0 ] || not_as_told "large replies must have died at the 1420 link"
    [ "$after_icmp" -gt 0 ] || not_as_told "the ICMP errors must have been dropped"
else
    [ "$after_big" = 0 ] || not_as_told "no reply may take the default path"
fi
snapshot after

repaired=()
if [ $variant = insert ]; then
    handle=$(sed -n "s/.*tcp dport $PORT accept # handle \([0-9]*\)\$/\1/p" "$out/after/ruleset.nft" | head -n 1)
    inside edge nft delete rule inet filter input handle "${handle:-0}" 2>"$work/error" || setup_failed "nft delete rule handle $handle"
    inside edge nft add rule inet filter input tcp dport $PORT accept 2>"$work/error" || setup_failed "nft add rule"
    say "repair: nft delete rule inet filter input handle $handle; nft add rule inet filter input tcp dport $PORT accept"
    scrape repaired-scrape scraper /metrics 3
    say "scrape repaired: $seen"
    [ "$(field "$work/repaired-scrape.json" outcome)" = complete ] || not_as_told "appending the rule instead must repair the scrape"
    scrape repaired-newcomer newcomer /metrics 3
    say "new monitoring host $NEWCOMER repaired: $seen"
    [ "$(field "$work/repaired-newcomer.json" outcome)" = complete ] || not_as_told "the repair must keep the new host in"
    repaired=("repaired.scrape=$work/repaired-scrape.json" "repaired.newcomer=$work/repaired-newcomer.json")
fi

quoted() { if [ -n "$1" ]; then printf '"%s"' "$1"; else printf null; fi; }
# ${a[@]+…}: bash before 4.4 calls an empty array unset.
"$python" "$work/peer.py" collect "$out/observations.json" \
    "variant:=\"$variant\"" "command:=\"$RUNBOOK\"" \
    "versions.kernel:=\"$(uname -r)\"" "versions.nft:=\"$(nft --version)\"" "versions.ip:=\"$(ip -V)\"" \
    "before.health=$work/before-health.json" "before.scrape=$work/before-scrape.json" \
    "before.keep_alive=$work/before-held.json" "before.newcomer=$work/before-newcomer.json" \
    "before.scrape_ct_mark:=$(quoted "$before_mark")" "before.mark_rule_packets:=$before_count" \
    "before.transit_too_big:=$before_big" "before.transit_icmp_errors_dropped:=$before_icmp" \
    "after.health=$work/after-health.json" "after.scrape=$work/after-scrape.json" \
    "after.keep_alive=$work/after-held.json" "after.newcomer=$work/after-newcomer.json" \
    "after.scrape_ct_mark:=$(quoted "$after_mark")" "after.mark_rule_packets:=$after_count" \
    "after.transit_too_big:=$after_big" "after.transit_icmp_errors_dropped:=$after_icmp" \
    ${repaired[@]+"${repaired[@]}"} ||
    cannot "observations.json could not be written"

if [ $variant = insert ]; then
    say "as told: port $PORT accepts as before, new connections lost ct mark 0x51, and large scrapes die"
else
    say "as told: the appended rule lets the new host in and changes nothing for the scraper"
fi
