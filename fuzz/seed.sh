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
    unit)
        line timer $'[Unit]\nDescription=x\n[Timer]\nOnCalendar=\nOnCalendar=Mon..Fri 02:00\nPersistent=true\n# c\n'
        line continued $'\xef\xbb\xbf[Service]\r\nExecStart=/bin/a \\\r\n; c\r\n b \\\\\r\nx\r\n=1\r\n'
        ;;
    journal_export)
        line text $'__CURSOR=s=81a2bf427ae94ffaa22985569b60e878;i=1f3;b=6c7c6013a26343b29e964691ff25d04c\n__REALTIME_TIMESTAMP=1795600125500000\n__MONOTONIC_TIMESTAMP=125500000\n_BOOT_ID=6c7c6013a26343b29e964691ff25d04c\nUNIT=a.timer\nMESSAGE=x\n\n'
        printf '__CURSOR=s=1\nMESSAGE\n\3\0\0\0\0\0\0\0a\nb\n_PID=1\n\n' >"$folder/seed-line-binary"
        ;;
    journal_json)
        line one '{"__REALTIME_TIMESTAMP":"1795600125750000","__MONOTONIC_TIMESTAMP":"125750000","_BOOT_ID":"6c7c6013a26343b29e964691ff25d04c","__SEQNUM":"500","MESSAGE":[116,10,255],"_PID":["7","8"],"UNIT":null,"_COMM":"a\"\u0041\n"}'
        line pretty $'{\n\t"__CURSOR" : "s=1;i=2",\n\t"MESSAGE" : "x"\n}\n\x1e{"MESSAGE":[[1,2],"x"]}\ndata: {}\n'
        ;;
    journal_file)
        # What the target puts before its input is left out: the signature. One entry with a message, in an array.
        python3 - "$folder" <<'END'
import struct, sys
for compact in (0, 1):
    data = bytearray(272)
    def thing(kind, body, flags=0):
        while len(data) % 8:
            data.append(0)
        at = len(data)
        data.extend(struct.pack("<BB6xQ", kind, flags, 16 + len(body)) + body)
        return at
    number = (lambda at: struct.pack("<I", at)) if compact else (lambda at: struct.pack("<Q", at))
    message = thing(1, bytes(56 if compact else 48) + b"MESSAGE=Started a.timer.")
    item = number(message) if compact else number(message) + bytes(8)
    entry = thing(3, struct.pack("<QQQ", 1, 1795600125500000, 125500000) + bytes(16) + bytes(8) + item)
    array = thing(6, bytes(8) + number(entry) + number(0))
    struct.pack_into("<8sII", data, 0, b"LPKSHHRH", 0, 0x1E if compact else 0x0E)
    struct.pack_into("<QQ", data, 88, 272, len(data) - 272)
    struct.pack_into("<Q", data, 176, array)
    open(f"{sys.argv[1]}/seed-line-{compact}", "wb").write(data[8:])
END
        ;;
    journal_text)
        line forms $'-- Boot 6c7c6013a26343b29e964691ff25d04c --\nWed 2026-11-25 09:48:45 UTC h systemd[1]: Started a.timer.\n2026-11-25T09:48:45.499979+0000 h kernel: x\nNov 25 09:48:45 h (a)[17]: two\n                lines\n[  125.750000 <    0.250000 >] h systemd[1]: x\n1795600125.499979 h systemd[1]: [1.1K blob data]\n'
        ;;
    timers_facts)
        line show $'\x0bId=a.timer\nTimersCalendar={ OnCalendar=*-*-* 02:00:00 ; next_elapse=Wed 2027-01-20 02:00:00 UTC }\nNextElapseUSecRealtime=n/a\n\nId=a.service\n'
        line status $'\x0c● a.timer - x\n     Loaded: loaded (/etc/systemd/system/a.timer; enabled; preset: enabled)\n    Drop-In: /etc/systemd/system/a.timer.d\n             └─b.conf\n     Active: active (waiting) since Tue 2027-01-19 12:00:03 UTC; 1 week left\n    Trigger: n/a\n   Triggers: ● a.service\n\nJan 19 12:00:03 h systemd[1]: x\n'
        line timers $'\x05NEXT LEFT LAST PASSED UNIT ACTIVATES\nWed 2027-01-20 02:00:00 UTC 1 week left - - a.timer a.service\n'
        line stamps $'\x13/var/lib/systemd/timers/stamp-a.timer 1800360003.47\n  File: /usr/lib/clock-epoch\nModify: 2027-01-19 12:00:03.470038016 +0000\n'
        line clock $'\x0d               Local time: Sun 2027-01-10 13:00:19 CET\n           Universal time: Sun 2027-01-10 12:00:19 UTC\n                Time zone: Europe/Berlin (CET, +0100)\n'
        line cat $'\x1a# /etc/systemd/system/a.timer\n[Timer]\nOnCalendar=daily\nUnit=%p.service\n\n# /etc/systemd/system/a.timer.d/x.conf\n[Timer]\nOnCalendar=\n'
        line json '{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795600125750000","__MONOTONIC_TIMESTAMP":"125750000","_BOOT_ID":"6c7c6013a26343b29e964691ff25d04c","SYSLOG_IDENTIFIER":"systemd","MESSAGE":"a.service - x skipped, unmet condition check ConditionPathExists=/x"}'
        ;;
    kernel_log | oom_report)
        # One byte of form stands before the text: lines, /dev/kmsg, JSON, two journals.
        line group $'\x05[   30.100001][  T77] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n[   30.1] x\n[   30.100002] CPU: 1 UID: 0 PID: 77 Comm: hog Not tainted 6.12.57 #1\n[   30.100003]  dump_stack+0x1/0x2\n[   30.100004] memory: usage 65536kB, limit 65536kB, failcnt 18\n[   30.100005] Memory cgroup stats for /a:\n[   30.100006] anon 1\nfile 2\n[   30.100007] Tasks state (memory values in pages):\n[   30.100008] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n[   30.100009] [     77]     0    77      100       50    36864        0             0 hog\n[   30.100010] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=hog,pid=77,uid=0\n[   30.100011] Memory cgroup out of memory: Killed process 77 (hog) total-vm:4kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0\n[   30.100012] Tasks in /a are going to be killed due to memory.oom.group set\n[   30.100013] oom_reaper: reaped process 77 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n'
        line old $'\x05Nov 26 03:20:50 h kernel: hog invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0\nNov 26 03:20:50 h kernel: hog cpuset=/ mems_allowed=0\nNov 26 03:20:50 h kernel: Task in \nNov 26 03:20:50 h kernel: /a/b\nNov 26 03:20:50 h kernel: killed as a result of limit of /a\nNov 26 03:20:50 h kernel: Memory cgroup stats for /a: cache:4KB rss:980KB\nNov 26 03:20:50 h kernel: Mem-Info:#012active_anon:1 free:2#012 mapped:3\nNov 26 03:20:50 h kernel: Node 0 DMA free:4kB min:1kB all_unreclaimable? yes\nNov 26 03:20:50 h kernel: Node 0 DMA: 1*4kB (UM) = 4kB\nNov 26 03:20:50 h kernel: [ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name\nNov 26 03:20:50 h kernel: [   77]     0    77      100       50       9        0             0 h g\nNov 26 03:20:50 h kernel: Out of memory: Kill process 77 (h g) score 9 or sacrifice child\nNov 26 03:20:50 h kernel: Killed process 77 (h g) total-vm:4kB, anon-rss:4kB, file-rss:0kB\n'
        line services $'\x05Nov 26 03:20:50 h systemd[1]: a.service: A process of this unit has been killed by the OOM killer.\nNov 26 03:20:50 h systemd[1]: a.service: Consumed 5ms CPU time, 1.2M memory peak, 0B memory swap peak.\nNov 26 03:20:50 h systemd-oomd[6]: Considered 2 cgroups for killing, top candidates were:\n        Path: /a\n                Swap Usage: 1M\nNov 26 03:20:50 h systemd-oomd[6]: Killed /a due to memory pressure for / being 51.07% > 50.00% for > 20s with reclaim activity\n[    1.000000] ** 12 printk messages dropped **\n[    0.000000] Linux version 6.12.57 x\n'
        line kmsg $'\x016,339,5140900,-,caller=T1;Memory cgroup stats for /a\\x5cb:\n6,340,5140901,-;anon 1\\x0afile 2\n SUBSYSTEM=x\n30,341,5140902,-;systemd[1]: a.service: Failed with result \'oom-kill\'.\n'
        line json $'\x02{"dmesg":[{"pri":6,"time":    1.000002,"caller":"T7","msg":"Memory cgroup stats for /\\u00e9:\\nanon 1"}]}'
        line export $'\x03__REALTIME_TIMESTAMP=1795663250000000\n_TRANSPORT=kernel\nMESSAGE=memory: usage 1kB, limit 1kB, failcnt 2\n\n'
        line journal $'\x04{"__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"kernel","MESSAGE":[97,110,111,110,32,49]}\n'
        ;;
    memory_recording)
        # One byte says which kind. A key block of two samples: the machine and two groups, one of which goes.
        printf '\x01\x02\x00\x01\x80\x80\x04\x05\x06\x00\x00\x00\x00\x02\x01\x00\x00\x02/a\x07\x01\x00\x01\x01b\x01\x01\x01\x01\x00\x41\x30\x02\x02\x02\x00\x01\x01\x01\x01\x00' >"$folder/seed-line-block"
        printf '\x00\xc5MRH\x02\0\0\0\0\0\0\0{}' >"$folder/seed-line-header"
        line below $'\x02[{"Timestamp":"1795600800","Full Path":"","Mem Total":"?","children":[{"Timestamp":"1795600800","Full Path":"/a","Mem Total":"4096","Mem Max":"-1","children":[]}]}]'
        line table $'\x02Timestamp,Full Path,Mem Total,\n1795600800,/a,1,\n1795600801,/a,?,\n'
        line scrape $'\x03container_memory_usage_bytes{id="/a",image="x,}\\""} 1.5e+08 1795600800123\ncontainer_spec_memory_limit_bytes{container="a",pod="p"} 0\n'
        line matrix $'\x03{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"container_oom_events_total","id":"/a"},"values":[[1795600800,"3"],[1795600815.5,"1"]]}]}}'
        line summary $'\x04{"node":{"nodeName":"n","memory":{"time":"2026-11-25T10:00:00Z","availableBytes":90,"workingSetBytes":10,"rssBytes":5}},"pods":[{"podRef":{"name":"p","namespace":"n"},"containers":[{"name":"c","memory":{"rssBytes":2}}]}]}'
        ;;
    elf | archive)
        # What the targets put before their input is left out: the magic, and of an ELF file class and byte order too. One object of each
        # class and order, and what a compiler makes where there is one.
        python3 - "$target" "$folder" <<'END'
import os, struct, subprocess, sys, tempfile
target, folder = sys.argv[1:]

def elf(wide, big):
    order = ">" if big else "<"
    address = "Q" if wide else "I"
    pack = lambda form, *values: struct.pack(order + form, *values)
    def symbol(name, info, section, value, size):
        if wide:
            return pack("IBBHQQ", name, info, 0, section, value, size)
        return pack("IIIBBH", name, value, size, info, 0, section)
    info = (lambda sym, kind: sym << 32 | kind) if wide else (lambda sym, kind: sym << 8 | kind)
    names = b"\0.text\0.symtab\0.strtab\0.rela\0.group\0.dynamic\0.v\0.d\0.r\0.note\0"
    strings = b"\0main\0need@V\0libc.so\0V1\0"
    at = lambda name: names.index(b"\0" + name + b"\0") + 1
    symbols = symbol(0, 0, 0, 0, 0) + symbol(1, 0x12, 1, 0, 8) + symbol(6, 0x10, 0, 0, 0) + symbol(6, 0x11, 0xFFF2, 4, 4)
    sections = [
        (0, 0, 0, 0, 0, b""),
        (at(b".text"), 1, 6, 0, 0, b"\x90" * 16),
        (at(b".symtab"), 2, 0, 3, 1, symbols),
        (at(b".strtab"), 3, 0, 0, 0, strings),
        (at(b".rela"), 4, 0, 2, 1, pack(address * 3, 4, info(2, 2), 0)),
        (at(b".group"), 17, 0, 2, 1, pack("III", 1, 1, 4)),
        (at(b".dynamic"), 6, 0, 3, 0, pack(address * 6, 1, 13, 14, 13, 0, 0)),
        (at(b".symtab"), 11, 2, 3, 1, symbols),
        (at(b".v"), 0x6FFFFFFF, 2, 7, 0, pack("HHHH", 0, 2, 3, 0x8002)),
        (at(b".d"), 0x6FFFFFFD, 2, 3, 1, pack("HHHHIIIII", 1, 0, 2, 1, 0, 20, 0, 21, 0)),
        (at(b".r"), 0x6FFFFFFE, 2, 3, 1, pack("HHIIIIHHII", 1, 1, 13, 16, 0, 0, 0, 3, 21, 0)),
        (at(b".note"), 7, 0, 0, 0, pack("III", 4, 4, 3) + b"GNU\0abcd"),
        (0, 3, 0, 0, 0, names),
    ]
    head = 64 if wide else 52
    body, headers = b"", b""
    for name, kind, flags, link, about, data in sections:
        headers += pack("II" + address * 4 + "II" + address * 2, name, kind, flags, 0, head + len(body), len(data), link, about, 1, 0)
        body += data
    out = b"\x7fELF" + bytes([1 + wide, 1 + big, 1]) + bytes(9) + pack("HHI" + address * 3, 1, 62, 1, 0, 0, head + len(body))
    out += pack("IHHHHHH", 0, head, 0, 0, 64 if wide else 40, len(sections), len(sections) - 1)
    return out + body + headers

def member(name, data):
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(data):<10}`\n".encode()
    return head + data + b"\n" * (len(data) % 2)

objects = [elf(wide, big) for wide in (0, 1) for big in (0, 1)]
with tempfile.TemporaryDirectory() as work:
    source = os.path.join(work, "a.cc")
    with open(source, "w") as file:
        file.write("inline int twice(int a) { return 2 * a; } extern int need; int use() { return twice(need); }\n")
    for options in (["-g"], ["-gdwarf-4", "-gz"]):
        try:
            subprocess.run(["c++", *options, "-c", "-o", work + "/a.o", source], check=True, stderr=subprocess.DEVNULL)
            objects.append(open(work + "/a.o", "rb").read())
        except (OSError, subprocess.CalledProcessError):
            pass
if target == "elf":
    seeds = [bytes([data[4] - 1 | data[5] - 1 << 1]) + data[8:] for data in objects]
else:
    index = struct.pack(">III", 2, 8 + 82, 8 + 82) + b"main\0need\0"
    bsd = b"__.SYMDEF SORTED\0\0\0\0" + struct.pack("<IIIIII", 16, 0, 8, 5, 8, 10) + b"main\0need\0"
    seeds = [
        b"\0" + member("/", index) + member("//", b"a_very_long_name_of_an_object.o/\n") + member("/0", objects[2]) + member("b.o/", b"x"),
        b"\0" + member("#1/20", bsd) + member("#1/8", b"name.o\0\0" + objects[0]),
        b"\0" + member("/SYM64/", struct.pack(">QQ", 1, 8) + b"main\0") + member("in.a/", b"!<arch>\n" + member("a.o/", b"x")),
        b"\1" + member("//", b"sub/a.o/\nin.a/\n") + member("/0", b"")[:60] + member("/9:68", b"")[:60],
    ]
for number, data in enumerate(seeds):
    open(f"{folder}/seed-line-{number}", "wb").write(data)
END
        ;;
    linker_log)
        add cases/link-errors/tests/logs/*.log
        line bfd $'/usr/bin/ld: main.o: in function `main\':\nmain.c:(.text+0xa): undefined reference to `f\'\nb.o:(.bss+0x0): multiple definition of `x\'; a.o:(.bss+0x0): first defined here\ncollect2: error: ld returned 1 exit status\n'
        line lld $'\x1b[1mld.lld: \x1b[0merror: undefined symbol: f(int)\n>>> referenced by a.cc:1 (/a.cc:1)\n>>>               a.o:(main) in archive liba.a\n>>> referenced 3 more times\n>>> did you mean: extern "C" f\n>>> defined in: libb.a(f.o)\n'
        line wild $'wild: error: Failed to parse object file `part.o`\n  Caused by:\n    `part.o` has incompatible architecture: aarch64, expecting x86_64\n'
        line rustc $'error: linking with `cc` failed: exit status: 1\n  |\n  = note: mold: error: undefined symbol: f\n          >>> referenced by a.rs\n          >>>               a.o:(a)>>> referenced 2 more times\n'
        ;;
    linker_script)
        line libc $'/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/libc.so.6 /usr/lib/libc_nonshared.a AS_NEEDED ( /lib64/ld.so.2 ) )\n'
        line inputs 'INPUT(-ltinfo =/lib/x.a $SYSROOT/y.a "a b.o", AS_NEEDED(AS_NEEDED(-lm) z.so)) SEARCH_DIR(/x) ENTRY(f) EXTERN(g h) INCLUDE i'
        line layout 'SECTIONS { . = 0x1000; .text : { *(.text .text.*) a = .; PROVIDE_HIDDEN(h = SIZEOF(.text)); } > ram b <<= ALIGN(8) + c; } MEMORY { ram : ORIGIN = 0 }'
        line versions $'V1 { global: f; "g*"; extern "C++" { ns::*; "ns::h(int)"; }; local:*; };\nV2 { h; } V1 ; { x; local: *; };'
        ;;
    link_line)
        find cases/link-errors/fixtures -name 'link.txt' -size -16k 2>/dev/null | while read -r file; do add "$file"; done
        line gcc $'gcc -o x "1" -Wl,--as-needed,-lz -Wl,-rpath -Wl,/a -L2 -l3 @4 -static-libgcc\x1e\x7fELF\x1eINPUT(1 AS_NEEDED(-l5))\x1e!<arch>\n\x1ea1 "b 2" @4\n'
        line ninja $'[3/4] : && /usr/bin/c++ -O2 1 -o x -Lq -lz1 && :\nmake[1]: Entering directory \'/s\'\ncd sub && cc 1 -o y -lgfortran; FAILED: x\n'
        line rustc $'  = note:  "cc" "-m64" "<2 object files omitted>" "<sysroot>/lib/{libstd-*,libcore-*}.rlib" "-B<sysroot>/gcc-ld" "-fuse-ld=lld" "-l1"\n'
        line ld $'ld --push-state -Bstatic -lz1 --pop-state --start-group 1 2 --end-group --start-lib 1 --end-lib -T 3 --version-script=4 --defsym a=b+1\x1eGROUP(-l2)\x1eINPUT(3)\x1eSECTIONS{a=.;}\x1e{x;local:*;};'
        line verbose $'Target: x86_64-linux-gnu\ngcc version 12.2.0 (Debian 12.2.0-14)\n /usr/lib/collect2 -plugin p "-plugin-opt=-x" --as-needed -pie -o a 1 -lc\n'
        ;;
    kinds) add "${text[@]}" "${json[@]}" ;;
    *) echo "seed.sh: no target $target" >&2; exit 2 ;;
esac
