//! Help of the packet language.

/// The packet language, as `casebook nft trace --help` shows it.
pub const HELP: &str = "\
A packet is one line of words in nft's own terms, in any order. Commas between words are optional.

  tcp 10.9.0.5:40000 > 172.16.0.1:9100 syn
  udp [2001:db8::1]:5353 > [2001:db8::2]:domain, oif eth0
  icmp 10.0.0.1 > 10.0.0.2 echo-request, iif eth0, path input
  icmpv6 2001:db8::1 > 2001:db8::2 type 128 code 0
  ip 10.0.0.1 > 10.0.0.2 proto 47 payload 0x00000800
  arp 10.0.0.1 > 10.0.0.2 request
  ip saddr 10.9.0.5 ip daddr 172.16.0.1 tcp sport 40000 tcp dport 9100 tcp flags syn
  tcp 10.0.0.1 > 10.0.0.2:https ack, iif eth0 oif eth1, ct established, ct mark 0x51

Headers
  PROTOCOL A[:PORT] > B[:PORT]   tcp udp udplite sctp dccp icmp icmpv6 igmp esp ah comp, ip, ip6, arp;
                                 the source port is 40000 when not given
  PROTOCOL FIELD VALUE           any header field of nft: ip ttl 1, ip dscp ef, ip6 hoplimit 255, tcp window 0,
                                 icmp code 3, ether saddr 02:00:00:00:00:01, vlan id 7, arp operation reply;
                                 after its protocol the field alone is enough: tcp … ttl 1
  proto N                        transport protocol by name or number
  syn  syn,ack  flags syn|ack    TCP flags; syn when not given
  mss 1460, tcp option 0xHEX, ip option ra|rr|lsrr|ssrr|0xHEX
  hbh, dst, rt, frag             IPv6 extension headers, in order; with fields (frag id 7) or bytes after the
                                 first (hbh 0x00050200000100)
  fragment first|later           a part of a datagram; a later one has no transport header
  payload N|0xHEX                N zero bytes, or these bytes
  link ether|none                with or without an Ethernet header; there is one if an ether or vlan field is
                                 given, or on the bridge, ingress and egress paths
  raw HEX                        all bytes of the packet, instead of fields

Lengths and checksums are right unless their field is set.

Around the packet
  iif NAME, oif NAME             devices (also iifname, oifname), with iifindex N, iiftype N, iifgroup N
  ct new|established|related|untracked|invalid
                                 what connection tracking says; when not given it decides as for a first packet
  ct mark N, ct zone N, ct status seen-reply,assured, ct direction original|reply, ct label N
  mark N, priority N, pkttype host|broadcast|multicast|other, skuid N, skgid N
  path input|forward|output|bridge-input|bridge-forward|bridge-output|arp-input|arp-output|ingress|egress
                                 also `at input`; when not given: both devices forward, only oif output, else input
";
