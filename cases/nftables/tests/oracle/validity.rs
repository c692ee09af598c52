//! nft loads a ruleset exactly when we find nothing wrong with it.

use super::{nft, read};

/// Chain bodies in `table inet t`, which also holds the sets and chains of [`file`].
const BODIES: &[&str] = &[
    "counter",
    "counter; ",
    "counter }; chain x { drop",
    "tcp dport 22 accept",
    "tcp dport 22 accept drop",
    "accept; drop",
    "accept counter",
    "drop log prefix \"x\"",
    "reject counter",
    "continue counter",
    "jump d counter",
    "goto d",
    "jump nowhere",
    "goto nowhere",
    "jump c",
    "tcp dport vmap { 22 : jump d, 80 : accept }",
    "tcp dport vmap { 22 : jump nowhere }",
    "tcp dport vmap { 22 : accept, 22 : drop }",
    "tcp dport vmap { 22 : accept, 20-30 : drop }",
    "tcp dport vmap { 22 : accept, 22 : accept }",
    "tcp dport { 22, 22 }",
    "tcp dport { 20-30, 22 }",
    "tcp dport { 20-30, 25-40 }",
    "tcp dport 22-20",
    "tcp dport 70000",
    "tcp dport -1",
    "tcp dport nosuchservice",
    "tcp dport ssh",
    "tcp dport 22, 80",
    "tcp dport != { 22, 80 }",
    "tcp dport > { 22 }",
    "tcp dport ! 22",
    "tcp dport < 1024",
    "tcp dport >= 1-2",
    "tcp dport == 22",
    "tcp dport =!= 22",
    "tcp dport",
    "tcp dport 22 udp dport 53",
    "tcp dport 22 tcp sport 1",
    "ip saddr 10.0.0.1 ip6 saddr ::1",
    "ip saddr 10.0.0.1 meta nfproto ipv6",
    "meta nfproto ipv6 ip saddr 10.0.0.1",
    "meta l4proto udp tcp dport 22",
    "meta l4proto { tcp, udp } th dport 53",
    "ip protocol tcp tcp dport 22",
    "ip protocol udp tcp dport 22",
    "ip6 nexthdr tcp tcp dport 22",
    "icmp type echo-request",
    "icmp type nosuchtype",
    "icmpv6 type nd-neighbor-solicit",
    "icmp type echo-request ip6 saddr ::1",
    "ip saddr 10.0.0.0/8",
    "ip saddr 10.0.0.5/8",
    "ip saddr 10.0.0.0/33",
    "ip saddr 10.0.0",
    "ip saddr 300.0.0.1",
    "ip saddr ::1",
    "ip6 saddr 10.0.0.1",
    "ip6 saddr fe80::/10",
    "ip6 saddr fe80::/129",
    "ip saddr @s",
    "ip saddr @nosuchset",
    "tcp dport @s",
    "ip saddr @m",
    "ip saddr vmap @m",
    "ip saddr vmap @s",
    "ip saddr . tcp dport { 10.0.0.1 . 22 }",
    "ip saddr . tcp dport { 10.0.0.1 }",
    "ip saddr . tcp dport 10.0.0.1 . 22",
    "ip saddr . tcp dport { 10.0.0.1 . 22 . 3 }",
    "ip saddr { 10.0.0.1 . 22 }",
    "ct state new",
    "ct state new,established",
    "ct state { new, established }",
    "ct state nosuchstate",
    "ct state vmap { new : accept, established : drop }",
    "ct state != new",
    "ct state ! new",
    "ct mark 5",
    "ct mark set 5",
    "ct mark set mark",
    "meta mark set 0x1ffffffff",
    "meta mark set ct mark",
    "meta mark set meta mark and 0xff or 0x10",
    "meta mark 5-9",
    "meta mark != 5-9",
    "mark 5",
    "iifname eth0",
    "iifname \"eth*\"",
    "iifname { eth0, \"wg*\" }",
    "iifname averylongdevicename0",
    "oifname eth0 accept",
    "iif nosuchdevice",
    "iif lo",
    "tcp flags syn",
    "tcp flags syn,ack",
    "tcp flags syn / syn,ack",
    "tcp flags & (fin|syn|rst|ack) == syn",
    "tcp flags ! syn",
    "tcp flags { syn, ack }",
    "tcp flags nosuchflag",
    "reject with tcp reset",
    "udp dport 53 reject with tcp reset",
    "reject with icmp type host-unreachable",
    "reject with icmpv6 type no-route",
    "reject with icmpx type admin-prohibited",
    "ip6 saddr ::1 reject with icmp type host-unreachable",
    "log",
    "log prefix \"a\"",
    "log prefix a",
    "log prefix",
    "log level debug",
    "log group 5",
    "limit rate 10/second",
    "limit rate over 10/minute burst 5 packets",
    "limit rate 10",
    "limit rate 10 mbytes/second",
    "limit rate 10/fortnight",
    "quota over 10 mbytes",
    "counter packets 1 bytes 2",
    "counter name nosuchcounter",
    "ip dscp cs1",
    "ip dscp set cs1",
    "ip dscp 64",
    "ip ttl set 64",
    "ip ttl 256",
    "tcp option maxseg size set 1400",
    "tcp option maxseg size 1-500",
    "exthdr frag exists",
    "frag more-fragments 1",
    "@nh,96,32 0x0a000001",
    "@th,0,200 1",
    "add @s { ip saddr }",
    "update @dyn { ip saddr timeout 5s }",
    "add @nosuchset { ip saddr }",
    "add @dyn { tcp dport }",
    "notrack",
    "dnat to 10.0.0.1",
    "dnat ip to 10.0.0.1",
    "snat ip to 10.0.0.1",
    "masquerade",
    "redirect to :80",
    "jump { tcp dport 22 accept; }",
    "jump { tcp dport 22 accept }",
    "comment \"x\"",
    "counter comment \"x\"",
    "counter comment \"x\" drop",
    "accept comment \"why\"",
    "nosuchword",
    "ip nosuchfield 1",
    "meta nosuchkey 1",
    "ct nosuchkey 1",
    "$nosuch",
    "tcp dport $ports",
    "tcp dport { $ports, 99 }",
    "ip saddr $ports",
    "ether saddr aa:bb:cc:dd:ee:ff",
    "ether saddr aa:bb:cc:dd:ee",
    "vlan id 5",
    "vlan id 5000",
    "meta length < 100",
    "meta pkttype broadcast",
    "meta skuid 0",
    "meta hour \"08:00\"-\"17:00\"",
    "fib saddr type local",
    "fib saddr . iif oif missing",
    "socket transparent 1",
    "numgen random mod 2 0",
    "jhash ip saddr mod 2 0",
    "th dport 53",
    "meta l4proto tcp th dport 53",
    "(tcp dport 22)",
    "tcp dport (22)",
    "{",
    "tcp dport { 22",
    "tcp dport { }",
    "tcp dport {22,}",
    "ip saddr . ip daddr . tcp dport @s",
    "ct original ip saddr 10.0.0.1",
    "ct original saddr 10.0.0.1",
    "ct direction original",
    "ct zone set 5",
    "ct helper \"ftp\"",
    "queue drop",
];

/// Whole files: tables, chains and commands.
const FILES: &[&str] = &[
    "",
    "table t\n",
    "table inet t { }\n",
    "table inet t { chain c { } }\n",
    "table inet t { chain c { }; }\n",
    "table nosuch t { }\n",
    "table inet t {\n chain c {\n type filter hook input priority 0;\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input priority 0\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input priority 0; policy drop\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input priority 0; policy reject\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook nosuch priority 0\n }\n}\n",
    "table inet t {\n chain c {\n type nosuch hook input priority 0\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input priority nosuch\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input priority filter + 10\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input priority mangle - 5\n }\n}\n",
    "table inet t {\n chain c {\n type filter hook input\n }\n}\n",
    "table ip t {\n chain c {\n type nat hook prerouting priority dstnat\n dnat to 10.0.0.1:80\n }\n}\n",
    "table ip t {\n chain c {\n type nat hook postrouting priority srcnat\n masquerade\n }\n}\n",
    "table arp t {\n chain c {\n type filter hook prerouting priority 0\n }\n}\n",
    "table bridge t {\n chain c {\n type filter hook forward priority filter\n ether saddr aa:bb:cc:dd:ee:ff drop\n }\n}\n",
    "table netdev t {\n chain c {\n type filter hook ingress device lo priority 0\n }\n}\n",
    "table ip t {\n chain c {\n ip6 saddr ::1 drop\n }\n}\n",
    "table ip6 t {\n chain c {\n ip saddr 10.0.0.1 drop\n }\n}\n",
    "add rule inet t c drop\n",
    "add table inet t\nadd chain inet t c\nadd rule inet t c drop\n",
    "add table inet t\nadd chain inet t c\nadd rule inet t d drop\n",
    "add table inet t\nadd rule t c drop\n",
    "add table t\nadd chain t c\nadd rule t c index 0 drop\n",
    "add table t\nadd chain t c\nadd rule t c drop\nadd rule t c index 0 accept\n",
    "add table t\nadd chain t c\nadd rule t c drop\nadd rule t c index 1 accept\n",
    "add table t\nadd chain t c\nadd rule t c handle 99 drop\n",
    "create table t\ncreate table t\n",
    "add table t\nadd table t\n",
    "delete table t\n",
    "add table t\ndelete table t\n",
    "add table t\ndelete chain t c\n",
    "flush ruleset\n",
    "flush ruleset inet\n",
    "flush chain t c\n",
    "define a = 1\ndefine a = 2\n",
    "define a = 1\nredefine a = 2\n",
    "undefine a\n",
    "define a = { 1, 2 }\ntable t {\n chain c {\n tcp dport $a drop\n }\n}\n",
    "include \"nosuch.nft\"\n",
    "include \"nosuch/*.nft\"\n",
    "table t {\n set s {\n type ipv4_addr\n elements = { 10.0.0.1, 10.0.0.1 }\n }\n}\n",
    "table t {\n set s {\n type ipv4_addr\n elements = { 10.0.0.0/8 }\n }\n}\n",
    "table t {\n set s {\n type ipv4_addr\n flags interval\n elements = { 10.0.0.0/8, 10.1.0.0/16 }\n }\n}\n",
    "table t {\n set s {\n type ipv4_addr\n flags interval\n auto-merge\n elements = { 10.0.0.0/8, 10.1.0.0/16 }\n }\n}\n",
    "table t {\n set s {\n type ipv4_addr\n flags interval\n elements = { 10.0.0.0-10.0.0.9, 10.0.0.10-10.0.0.12 }\n }\n}\n",
    "table t {\n set s {\n type ipv4_addr\n elements = { ::1 }\n }\n}\n",
    "table t {\n set s {\n type nosuch_type\n }\n}\n",
    "table t {\n set s {\n elements = { 1 }\n }\n}\n",
    "table t {\n set s {\n typeof ip saddr . tcp dport\n elements = { 10.0.0.1 . 22 }\n }\n}\n",
    "table t {\n map m {\n type ipv4_addr : verdict\n elements = { 10.0.0.1 : drop, 10.0.0.1 : accept }\n }\n}\n",
    "table t {\n map m {\n type ipv4_addr : mark\n elements = { 10.0.0.1 : 1 }\n }\n chain c {\n meta mark set ip saddr map @m\n }\n}\n",
    "table t {\n map m {\n type ipv4_addr : verdict\n elements = { 10.0.0.1 : jump nowhere }\n }\n}\n",
    "add table t\nadd set t s { type inet_service; }\nadd element t s { 22, 80 }\n",
    "add table t\nadd element t s { 22 }\n",
    "table t {\n counter n {\n }\n chain c {\n counter name n\n }\n}\n",
    "table t {\n chain a {\n jump b\n }\n chain b {\n jump a\n }\n}\n",
    "table t {\n chain a {\n type filter hook input priority 0\n jump b\n }\n chain b {\n jump b\n }\n}\n",
    "table t {\n chain a {\n type filter hook input priority 0\n jump b\n }\n chain b {\n goto c\n }\n chain c {\n jump b\n }\n}\n",
];

/// Statements that only some hooks take: the chain's type and hook, and its rule; chain `n` translates.
const HOOKED: &[(&str, &str)] = &[
    ("nat hook prerouting priority 0", "snat ip to 10.0.0.1"),
    ("nat hook prerouting priority 0", "masquerade"),
    ("nat hook prerouting priority 0", "redirect"),
    ("nat hook prerouting priority 0", "dnat ip to 10.0.0.1"),
    ("nat hook prerouting priority 0", "redirect to :80"),
    ("nat hook prerouting priority 0", "tcp dport 22 redirect to :80"),
    ("nat hook prerouting priority 0", "meta l4proto { tcp, udp } redirect to :53"),
    ("nat hook prerouting priority 0", "ip protocol tcp redirect to :53"),
    ("nat hook prerouting priority 0", "th dport 22 redirect to :53"),
    ("nat hook prerouting priority 0", "dnat to 10.0.0.1"),
    ("nat hook prerouting priority 0", "tcp dport 80 dnat ip to 10.0.0.1:8080"),
    ("nat hook prerouting priority 0", "tcp dport 80 dnat ip to 10.0.0.1-10.0.0.9"),
    ("nat hook prerouting priority 0", "tcp sport 80 dnat ip to tcp dport map { 80 : 10.0.0.1 }"),
    ("nat hook prerouting priority 0", "dnat ip to 10.0.0.1 accept"),
    ("nat hook postrouting priority 100", "redirect"),
    ("nat hook postrouting priority 100", "dnat ip to 10.0.0.1"),
    ("nat hook postrouting priority 100", "snat ip to 10.0.0.1"),
    ("nat hook postrouting priority 100", "masquerade"),
    ("nat hook postrouting priority 100", "masquerade to :1024-2048"),
    ("nat hook postrouting priority 100", "udp dport 1 masquerade to :1024-2048 random"),
    ("nat hook input priority 100", "snat ip to 10.0.0.1"),
    ("nat hook output priority -100", "redirect"),
    ("filter hook postrouting priority 0", "reject"),
    ("filter hook prerouting priority 0", "tproxy ip to :80"),
    ("filter hook prerouting priority 0", "tcp dport 80 tproxy ip to :80"),
    ("filter hook input priority 0", "tcp dport 80 tproxy ip to :80"),
    ("nat hook prerouting priority -300", "accept"),
    ("nat hook prerouting priority -200", "accept"),
    ("nat hook prerouting priority -199", "accept"),
    ("nat hook forward priority 0", "accept"),
    ("route hook input priority 0", "accept"),
    ("route hook output priority 0", "accept"),
    ("filter hook postrouting priority 0", "jump { reject; }"),
    ("filter hook input priority 0", "jump n"),
    ("nat hook prerouting priority 0", "jump n"),
];

/// Left out is what depends on the kernel's modules (`queue`), on later versions of nft (`destroy`), and the renaming
/// of a chain made in the same batch, which kernels refuse for no reason of the ruleset.
fn file(body: &str) -> String {
    format!(
        "define ports = {{ 22, 80 }}\ntable inet t {{\n set s {{\n type ipv4_addr\n }}\n set dyn {{\n type ipv4_addr\n \
         flags dynamic,timeout\n }}\n map m {{\n type ipv4_addr : verdict\n }}\n chain d {{\n }}\n chain c {{\n type filter \
         hook prerouting priority 0\n {body}\n }}\n}}\n"
    )
}

/// A base chain and `jumps` chains behind it, one jumping to the next.
fn nested(jumps: usize) -> String {
    let chain = |at: usize| {
        let hook = if at == 0 { "type filter hook input priority 0\n" } else { "" };
        let jump = if at < jumps { format!("jump c{}\n", at + 1) } else { String::new() };
        format!("chain c{at} {{\n{hook}{jump}}}\n")
    };
    // The kernel takes chains in any order, nft too: all are made before the first rule.
    format!("table ip t {{\n{}}}\n", (0..=jumps).map(chain).collect::<String>())
}

#[test]
fn nft_refuses_exactly_what_we_refuse() {
    if let Some(why) = nft::missing() {
        eprintln!("validity oracle: skipped: {why}");
        return;
    }
    let mut texts: Vec<String> = BODIES.iter().map(|body| file(body)).collect();
    texts.extend(FILES.iter().map(|text| (*text).to_owned()));
    texts.extend(HOOKED.iter().map(|(hook, rule)| {
        format!("table inet t {{\n chain n {{\n tcp dport 80 redirect to :81\n }}\n chain c {{\n type {hook}\n {rule}\n }}\n}}\n")
    }));
    texts.extend([14, 15, 16, 17].map(nested));
    let said = nft::load_all(&texts, Clone::clone, &[]);
    let mut wrong = Vec::new();
    let mut unknown = 0;
    for (text, said) in texts.iter().zip(&said) {
        let (_, facts) = read(text);
        let ours = facts.ruleset.problems.first();
        // What is not covered by the model is said to be; then nothing is promised about it. Nor is anything about the
        // devices of the host.
        let elsewhere = !facts.ruleset.unmodelled.is_empty() || said.text.contains("Interface does not exist");
        if ours.is_none() && elsewhere && !said.accepted {
            unknown += 1;
            continue;
        }
        if said.accepted != ours.is_none() {
            let ours = ours.map_or("takes it", |problem| problem.message.as_str());
            let body = text.rsplit("priority 0\n").next().unwrap_or(text).trim();
            let theirs = if said.accepted { "takes it" } else { said.text.lines().next().unwrap_or("refuses") };
            wrong.push(format!("{body}\n    we: {ours}\n    nft: {theirs}"));
        }
    }
    eprintln!("validity oracle: {} rulesets compared, {} disagreed, {unknown} undecided", texts.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
