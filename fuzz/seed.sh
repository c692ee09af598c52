#!/usr/bin/env bash
# Puts the first inputs of a fuzz target into its corpus, from the fixtures.
#
#   fuzz/seed.sh TARGET
set -eu
cd "$(dirname "$0")/.."
target=$1
folder=fuzz/corpus/$target
mkdir -p "$folder"

# add FILES…: each under a name made of its path; large ones only slow the fuzzer down.
add() {
    local file
    for file in "$@"; do
        [ "$(wc -c <"$file")" -le 65536 ] && cp "$file" "$folder/seed-$(echo "$file" | tr / _)"
    done
    return 0
}

# line NAME TEXT
line() { printf '%s' "$2" >"$folder/seed-line-$1"; }

mapfile -t text < <(find cases/nftables/fixtures cases/nftables/tests/data crates/casebook-formats/tests/data -name '*.nft')
mapfile -t json < <(find cases/nftables/fixtures cases/nftables/tests/data crates/casebook-formats/tests/data -name '*.json')
mapfile -t rulesets < <(printf '%s\n' "${json[@]}" | grep -E 'ruleset|/nft/')
mapfile -t routes < <(printf '%s\n' "${json[@]}" | grep -E 'ip-(rule|route|addr)')
mapfile -t sysctls < <(find cases/nftables/fixtures -name 'sysctl*')

case $target in
    json_document) add "${json[@]}"; line escape '{"a/b":["\u00e9~",1e5,-0.5,null]}' ;;
    sysctl) add "${sysctls[@]}"; line plain $'net.ipv4.ip_forward = 1\n# c\n-net.core.x=2\n' ;;
    nft_text)
        add "${text[@]}"
        line include $'include "1"\ntable ip t {\n}\n\x1edefine a = { 1, 2 }\nadd rule ip t c tcp dport $a drop\n'
        line draws $'table ip t {\n ct timeout x {\n protocol tcp; policy = { established : 7s }\n }\n chain a {\n type nat hook prerouting priority -100\n ct timeout set "x"\n numgen random mod 10 < 3 drop\n tcp dport 80 dnat to jhash ip saddr mod 3 map { 0 : 10.0.2.2, 1-2 : 10.0.2.3 } random\n }\n}\n'
        ;;
    nft_json) add "${rulesets[@]}" ;;
    routing) add "${routes[@]}" ;;
    filter)
        line packet 'tcp 10.0.0.0/8 > any:5432, path input'
        line set 'udp { 10.0.0.1, 10.9.0.0/16 } > 192.0.2.7:53-80 iif eth* ct new mark 0x51'
        line matches 'ip6 saddr fe80::/10 icmpv6 type nd-router-advert path forward'
        ;;
    packet_text)
        line tcp 'iif eth0 tcp 10.9.0.5:40000 > 172.16.0.1:9100 syn ct new mark 0x51'
        line udp6 'oif eth1 udp [2001:db8::1]:53 > [2001:db8::2]:5353 ttl 1 payload "x"'
        line icmp 'iif lo icmp 127.0.0.1 > 127.0.0.1 icmp type echo-request'
        ;;
    packet_json)
        line tcp '{"id":1,"ip":{"saddr":"10.9.0.5","daddr":"172.16.0.1"},"tcp":{"dport":9100},"iif":"eth0"}'
        line raw '{"raw":"4500001400000000400100007f0000017f000001","path":"input","ct":{"state":"new"}}'
        ;;
    pcap | pcapng | packet)
        # What the target puts before its input is left out: a magic, a section header.
        frame='\x00\x01\x02\x03\x04\x05\x00\x01\x02\x03\x04\x06\x08\x00\x45\x00\x00\x28\0\0\0\0\x40\x06\0\0\x7f\0\0\x01\x7f\0\0\x01\0\x50\x80\0\0\0\0\x01\0\0\0\x02\x50\x04\0\0\0\0\0\0'
        printf '\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0\x01\0\0\0\x02\0\0\0\x36\0\0\0\x36\0\0\0'"$frame" >"$folder/seed-line-pcap"
        printf '\x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\x04\0\x14\0\0\0\x06\0\0\0\x58\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x36\0\0\0\x36\0\0\0'"$frame"'\0\0\x58\0\0\0' >"$folder/seed-line-pcapng"
        printf '\x01\0\x36\0\0\0\0\0\0\0'"$frame" >"$folder/seed-line-packet"
        ;;
    resets | checksums)
        # Captures in the form the target reads: length, tenths of a second since the one before, the packet from its IP header on.
        find cases/*/fixtures -name '*.pcap' -size -16k | while read -r file; do
            python3 - "$file" "$folder/seed-$(echo "$file" | tr / _)" <<'END' || true
import struct, sys
data = open(sys.argv[1], "rb").read()
out, at, before = bytearray(), 24, None
if data[:4] == b"\xd4\xc3\xb2\xa1" and struct.unpack_from("<I", data, 20)[0] == 1:
    while at + 16 <= len(data) and len(out) < 16000:
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
        packet, at = data[at + 30 : at + 16 + length], at + 16 + length
        now = seconds * 10 + micros // 100000
        out += bytes([min(len(packet), 255), min(now - (before or now), 255)]) + packet[:255]
        before = now
    open(sys.argv[2], "wb").write(out)
END
        done
        ;;
    packet_pcap)
        # An empty IPv4 header behind an Ethernet header, in both byte orders.
        frame='\x00\x01\x02\x03\x04\x05\x00\x01\x02\x03\x04\x06\x08\x00\x45\x00\x00\x14\0\0\0\0\x40\x01\0\0\x7f\0\0\x01\x7f\0\0\x01'
        head='\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0'
        printf "$head"'\0\0\0\0\0\0\0\0\x22\0\0\0\x22\0\0\0'"$frame" >"$folder/seed-line-little"
        head='\xa1\xb2\xc3\xd4\0\x02\0\x04\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\x01'
        printf "$head"'\0\0\0\0\0\0\0\0\0\0\0\x22\0\0\0\x22'"$frame" >"$folder/seed-line-big"
        ;;
    conntrack)
        tuples='src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=58402'
        line list "ipv4     2 tcp      6 431999 ESTABLISHED $tuples [ASSURED] mark=0 zone=0 use=2"
        line event $'[100.000042]\t    [NEW]'" tcp      6 4 ESTABLISHED $tuples id=1"
        line destroy $'[107.1]\t[DESTROY]'" tcp      6 $tuples [USERSPACE] portid=5"
        line icmp 'icmp 1 29 src=::1 dst=::2 type=8 code=0 id=7 [UNREPLIED] src=::2 dst=::1 type=0 code=0 id=7 id=5'
        line gre 'gre 47 29 timeout=0, stream_timeout=0 src=1.2.3.4 dst=5.6.7.8 srckey=0xa dstkey=0x14 src=5.6.7.8 dst=1.2.3.4'
        line stats 'cpu=0 found=0 invalid=3 insert=1 insert_failed=2 drop=4 early_drop=5'
        ;;
    haproxy)
        line pair $'global\n hard-stop-after 5m\ndefaults a\n timeout client 50s\n mode tcp\nfrontend f\n bind :1\n use_backend b if x\nbackend b from a\n timeout tunnel "${T-1h}"\n server s 10.0.0.1:80\n'
        line conditions $'defaults\n.if defined(X)\n clitimeout 5000\n.endif\nlisten x\n option nolinger\n no option clitcpka\n'
        ;;
    nginx)
        line http $'events {}\nhttp { keepalive_timeout "1h 30m" 60s; upstream u { server a:1; keepalive 4; }\n server { listen 80 so_keepalive=1h::5; location / { proxy_pass http://u; proxy_set_header Upgrade $x; } } }\n'
        line include $'stream { include "1"; include *; }\n\x1eserver { listen 1; proxy_pass a:1; proxy_timeout 10m; }\n'
        ;;
    ss)
        line two $'State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nESTAB 0 0 127.0.0.1:1 [::1]%lo:2 users:(("a b",pid=1,fd=3)) timer:(keepalive,119min,0) ino:1 sk:d2 <->\n\t ts sack wscale:7,7 rto:204 rtt:0.03/0.01 unacked:1 retrans:1/2 lastsnd:8 lastrcv:9\n'
        line one 'tcp ESTAB 0 17 10.0.0.1:1 10.0.0.2:2 timer:(on,2.940ms,4) lastsnd:8 lastrcv:9'
        ;;
    yaml)
        line block $'a: &x {b: 5s}\nc:\n  <<: *x\n  d: |\n    text\n---\n- 1\n- "e\\n"\n'
        line json '{"a": [1, true, null, "x"]}'
        ;;
    envoy)
        line tcp $'static_resources:\n  listeners:\n  - name: l\n    filter_chains:\n    - filters:\n      - typed_config: {"@type": t/TcpProxy, cluster: c, idle_timeout: 350s}\n  clusters:\n  - {name: c, connect_timeout: 1s, upstream_connection_options: {tcp_keepalive: {keepalive_time: 5}}}\n'
        line http $'filter_chains: [{filters: [{typed_config: {"@type": t/HttpConnectionManager, upgrade_configs: [{}], common_http_protocol_options: {idle_timeout: {seconds: 5}}, route_config: {virtual_hosts: [{routes: [{route: {cluster: c, timeout: 0s}}]}]}}}]}]\n'
        ;;
    reconnects)
        line log $'2026-11-24T03:14:22.5Z a: Connection reset by peer\nNov 24 15:14:23 h a: ECONNRESET\n[25/Nov/2026:03:14:23 +0000] reconnect\n1795639086.5 RST\n'
        line list $'03:14:22\n15:14:23\n03:14:23\n'
        ;;
    kernel_settings)
        line sysctl $'net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\nnet/ipv4/ip_forward=1\n'
        line ipvs 'Timeout (tcp tcpfin udp): 900 120 300'
        line kube $'kind: KubeProxyConfiguration\nconntrack: {tcpEstablishedTimeout: 24h0m0s}\n---\nx: |\n  kind: KubeProxyConfiguration\n---\ncommand: [kube-proxy, --ipvs-tcp-timeout, 15m]\n'
        ;;
    calendar)
        # Four bytes of base and one of version stand before the text.
        for text in 'Mon..Fri *-*-1..7/2 02:30:15.5/2 Europe/Berlin' '*-*~3,1 0/8:00' 'quarterly UTC' '@1493187147' '0 2 * * 1-5' '5s 500ms'; do
            printf '%s\x01\x00\x00\x70\x01' "$text" >"$folder/seed-line-$(echo "$text" | tr -c 'a-zA-Z0-9' _)"
        done
        ;;
    kinds) add "${text[@]}" "${json[@]}" ;;
    *) echo "seed.sh: no target $target" >&2; exit 2 ;;
esac
