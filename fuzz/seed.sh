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

mapfile -t text < <(find cases/nftables/fixtures cases/nftables/tests/data -name '*.nft')
mapfile -t json < <(find cases/nftables/fixtures cases/nftables/tests/data -name '*.json')
mapfile -t rulesets < <(printf '%s\n' "${json[@]}" | grep ruleset)
mapfile -t routes < <(printf '%s\n' "${json[@]}" | grep -E 'ip-(rule|route|addr)')
mapfile -t sysctls < <(find cases/nftables/fixtures -name 'sysctl*')

case $target in
    json_document) add "${json[@]}"; line escape '{"a/b":["\u00e9~",1e5,-0.5,null]}' ;;
    sysctl) add "${sysctls[@]}"; line plain $'net.ipv4.ip_forward = 1\n# c\n-net.core.x=2\n' ;;
    nft_text)
        add "${text[@]}"
        line include $'include "1"\ntable ip t {\n}\n\x1edefine a = { 1, 2 }\nadd rule ip t c tcp dport $a drop\n'
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
    packet_pcap)
        # An empty IPv4 header behind an Ethernet header, in both byte orders.
        frame='\x00\x01\x02\x03\x04\x05\x00\x01\x02\x03\x04\x06\x08\x00\x45\x00\x00\x14\0\0\0\0\x40\x01\0\0\x7f\0\0\x01\x7f\0\0\x01'
        head='\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0'
        printf "$head"'\0\0\0\0\0\0\0\0\x22\0\0\0\x22\0\0\0'"$frame" >"$folder/seed-line-little"
        head='\xa1\xb2\xc3\xd4\0\x02\0\x04\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\x01'
        printf "$head"'\0\0\0\0\0\0\0\0\0\0\0\x22\0\0\0\x22'"$frame" >"$folder/seed-line-big"
        ;;
    kinds) add "${text[@]}" "${json[@]}" ;;
    *) echo "seed.sh: no target $target" >&2; exit 2 ;;
esac
