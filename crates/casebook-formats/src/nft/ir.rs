//! The ruleset as the kernel would run it: what all front ends lower to.
//!
//! Modelled on the nft virtual machine (net/netfilter/nf_tables_core.c and the `nft_*` expressions): a rule is a
//! list of operations; each loads, masks, compares, looks up or acts, and each can break the rule. Registers are
//! left out: an operation holds the expression it reads. Numbers are integers in their natural byte order.

mod ruleset;

use casebook_core::Span;

pub use crate::nft::ast::{Direction, DrawKind, NatKind, SetOp};
pub use ruleset::{
    BaseChain, Chain, ChainId, ChainKind, Data, Elem, Join, JoinChange, Placement, Policy, Problem, ProblemKind, Rule,
    RuleRef, Ruleset, Set, SetId, Table, TableId, Timeout, TimeoutState,
};

/// Table family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4
    Ip,
    /// IPv6
    Ip6,
    /// IPv4 and IPv6
    Inet,
    /// ARP
    Arp,
    /// Frames that cross a bridge
    Bridge,
    /// Frames at a device
    Netdev,
}

impl Family {
    /// As nft writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Ip => "ip",
            Family::Ip6 => "ip6",
            Family::Inet => "inet",
            Family::Arp => "arp",
            Family::Bridge => "bridge",
            Family::Netdev => "netdev",
        }
    }

    /// The family of this name.
    pub fn parse(name: &str) -> Option<Self> {
        use Family::{Arp, Bridge, Inet, Ip, Ip6, Netdev};
        [Ip, Ip6, Inet, Arp, Bridge, Netdev].into_iter().find(|family| family.as_str() == name)
    }
}

/// A netfilter hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// At the device, on the way in.
    Ingress,
    /// Before routing.
    Prerouting,
    /// To this host.
    Input,
    /// Through this host.
    Forward,
    /// From this host.
    Output,
    /// After routing.
    Postrouting,
    /// At the device, on the way out.
    Egress,
}

impl Hook {
    /// As nft writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Hook::Ingress => "ingress",
            Hook::Prerouting => "prerouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Output => "output",
            Hook::Postrouting => "postrouting",
            Hook::Egress => "egress",
        }
    }

    /// The hook of this name.
    pub fn parse(name: &str) -> Option<Self> {
        use Hook::{Egress, Forward, Ingress, Input, Output, Postrouting, Prerouting};
        let all = [Ingress, Prerouting, Input, Forward, Output, Postrouting, Egress];
        all.into_iter().find(|hook| hook.as_str() == name)
    }
}

/// Where an operation was written, and where the define it uses was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loc {
    /// The statement or value, where it is used.
    pub span: Span,
    /// The define its value came from.
    pub define: Option<Span>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Op {
    /// What it does.
    pub kind: OpKind,
    /// Where it comes from.
    pub loc: Loc,
    /// True for a dependency nft inserts (`tcp dport` brings `meta l4proto tcp`).
    pub implicit: bool,
}

/// Kinds of operations.
#[derive(Clone, Debug)]
pub enum OpKind {
    /// Loads and compares; breaks when the field is absent or the comparison fails.
    Match(Expr, Test),
    /// Looks a verdict up; breaks when nothing is found.
    Vmap(Expr, SetId),
    /// Ends the rule with a verdict.
    Verdict(Verdict),
    /// Writes a value.
    Assign(Target, Expr),
    /// Translates addresses, then accepts.
    Nat(Box<Nat>),
    /// Hands the packet to a local socket.
    Tproxy(Option<Expr>, Option<Expr>),
    /// Exempts the packet from connection tracking.
    Notrack,
    /// Sends a refusal, then drops.
    Reject(Option<String>),
    /// Asks a program.
    Queue(String),
    /// Sends a copy elsewhere.
    Dup(String),
    /// Sends the packet to another device; ends like a drop for the chains after.
    Fwd(String),
    /// Answers the handshake itself; ends like a drop.
    Synproxy,
    /// Offloads the flow.
    Flow(String),
    /// Counts.
    Counter(Option<String>),
    /// Logs.
    Log {
        /// Prefix of the line.
        prefix: Option<String>,
        /// Netlink group, if it is not the kernel's log.
        group: Option<u32>,
    },
    /// Adds to or deletes from a set.
    SetUpdate {
        /// What.
        op: SetOp,
        /// The set; `None` for a meter.
        set: Option<SetId>,
        /// Name of the set or meter.
        name: String,
        /// The key.
        key: Expr,
        /// Conditions that run with the update and can break: each is one unknown.
        conditions: Vec<String>,
    },
    /// A condition the packet does not decide: a rate limit, a quota, a count of connections.
    Condition(Condition, String),
    /// Attaches a helper, timeout or expectation to the connection.
    CtObject(CtObject),
    /// Carried as unknown.
    Opaque(Opaque),
}

/// A statement the model does not cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// What it is.
    pub what: String,
    /// It can break the rule.
    pub may_break: bool,
    /// It can end the rule with accept or drop.
    pub may_end: bool,
}

impl Opaque {
    /// True for a statement that does something to the packet: a target of iptables, or one that tests nothing.
    pub fn acts(&self) -> bool {
        !self.may_break || self.what.starts_with("xt target")
    }

    /// True for what switches connection tracking on: the targets and matches of iptables that need it
    /// (`nf_ct_netns_get` in net/netfilter/xt_*.c).
    pub fn tracks(&self) -> bool {
        const NAMES: &[&str] = &[
            "DNAT",
            "SNAT",
            "MASQUERADE",
            "REDIRECT",
            "NETMAP",
            "CT",
            "CONNMARK",
            "CONNSECMARK",
            "conntrack",
            "state",
            "connmark",
            "connbytes",
            "connlabel",
            "connlimit",
            "helper",
            "cluster",
        ];
        let name = self.what.strip_prefix("xt target ").or_else(|| self.what.strip_prefix("xt match "));
        name.is_some_and(|name| NAMES.iter().any(|known| name.split(' ').next() == Some(known)))
    }
}

/// `ct timeout set "slow"`: an object of the table, given to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtObject {
    /// `helper`, `timeout` or `expectation`.
    pub kind: String,
    /// Name of the object; `None` when a map gives it.
    pub name: Option<String>,
    /// As written.
    pub text: String,
}

/// Conditions that depend on time or on other packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `limit`
    Limit,
    /// `quota`
    Quota,
    /// `ct count`
    Connections,
}

/// Address translation.
#[derive(Clone, Debug)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// Family named in an inet table: packets of the other one pass by (`nft_nat_inet_eval`).
    pub family: Option<Family>,
    /// Address, or a map that gives address and port.
    pub addr: Option<Expr>,
    /// Last address of a range.
    pub addr_max: Option<Expr>,
    /// Port.
    pub port: Option<Expr>,
    /// Last port of a range.
    pub port_max: Option<Expr>,
    /// How address and port are chosen.
    pub flags: NatFlags,
    /// As written.
    pub text: String,
}

/// Flags of an address translation (nft(8), "NAT STATEMENTS").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NatFlags {
    /// `random`: the port is chosen by a hash with a secret (`NF_NAT_RANGE_PROTO_RANDOM`).
    pub random: bool,
    /// `fully-random`: the port is chosen anew each time (`NF_NAT_RANGE_PROTO_RANDOM_FULLY`).
    pub fully_random: bool,
    /// `persistent`: of a range, a client always gets the same address (`NF_NAT_RANGE_PERSISTENT`).
    pub persistent: bool,
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Ends this base chain; the next one runs.
    Accept,
    /// Ends the packet.
    Drop,
    /// Next rule.
    Continue,
    /// Back to the caller; in a base chain, the policy.
    Return,
    /// Calls a chain.
    Jump(ChainId),
    /// Goes to a chain and does not come back to this one.
    Goto(ChainId),
    /// A chain that does not exist: nft refuses the ruleset.
    Missing,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// `meta KEY set`.
    Meta(MetaKey),
    /// `ct KEY set`.
    Ct(CtKey),
    /// A header field.
    Payload(PayloadField),
    /// A TCP option's field: kind, bit offset, bits. Breaks without a TCP header.
    TcpOption(u8, u16, u16),
    /// Something else, unread by the model.
    Other,
}

/// An expression: a value of the packet, a constant, or what is computed from them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A field.
    Load(Field),
    /// A constant.
    Const(u128),
    /// `(base & and) ^ xor` (net/netfilter/nft_bitwise.c).
    Bits {
        /// What is masked.
        base: Box<Expr>,
        /// Mask.
        and: u128,
        /// Flipped after masking.
        xor: u128,
    },
    /// A shift; the result keeps 32 bits.
    Shift {
        /// What is shifted.
        base: Box<Expr>,
        /// Left or right.
        left: bool,
        /// By how many bits.
        by: u32,
    },
    /// Several values, for concatenations.
    Concat(Vec<Expr>),
    /// What a map gives for a key; breaks on a miss.
    Map(Box<Expr>, SetId),
    /// A value nothing here decides.
    Unknown {
        /// What it is.
        what: String,
        /// Loading it can break the rule.
        may_break: bool,
        /// What is known of it, when it is a number the kernel draws.
        draw: Option<Box<Draw>>,
    },
}

/// A number the kernel draws: one of `offset` to `offset + modulus - 1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// How.
    pub how: DrawKind,
    /// How many numbers there are; at least 1.
    pub modulus: u32,
    /// The lowest of them.
    pub offset: u32,
    /// What `jhash` hashes; breaks the rule where a part of it is absent.
    pub key: Option<Expr>,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Against a constant, or constants for a concatenation.
    Cmp(Cmp, Value),
    /// `low <= x <= high`, or not.
    Range {
        /// Low end.
        low: u128,
        /// High end.
        high: u128,
        /// True for `!=`.
        negate: bool,
    },
    /// Membership, or not.
    Lookup {
        /// The set.
        set: SetId,
        /// True for `!=`.
        negate: bool,
    },
    /// A test on something the model does not cover.
    Unknown,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// A constant: one number, or one for each part of a concatenation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A number.
    One(u128),
    /// Parts of a concatenation.
    Many(Box<[u128]>),
}

/// A field of the packet or of what the kernel knows about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Bytes of a header.
    Payload(PayloadField),
    /// `meta`
    Meta(MetaKey),
    /// `ct`
    Ct(CtKey, Option<Direction>),
    /// A TCP option: kind, bit offset, bits; no bits asks whether it is there.
    TcpOption(u8, u16, u16),
    /// An IPv6 extension header: type, bit offset, bits; no bits asks whether it is there.
    Exthdr(u8, u16, u16),
}

/// Where a header begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Link layer.
    Link,
    /// Network layer.
    Network,
    /// Transport layer.
    Transport,
    /// After the transport header.
    Inner,
}

/// Bits of a header, counted from its beginning, most significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadField {
    /// Header.
    pub base: Base,
    /// First bit.
    pub offset: u16,
    /// Number of bits.
    pub bits: u16,
    /// Name as nft writes it (`tcp dport`), or empty for a raw load.
    pub name: &'static str,
}

/// `meta` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetaKey {
    /// Length of the packet.
    Length,
    /// EtherType.
    Protocol,
    /// IPv4 or IPv6.
    Nfproto,
    /// Transport protocol.
    L4proto,
    /// Packet priority.
    Priority,
    /// Packet mark.
    Mark,
    /// Index of the input device, 0 without.
    Iif,
    /// Name of the input device, empty without.
    Iifname,
    /// Type of the input device; breaks without.
    Iiftype,
    /// Index of the output device, 0 without.
    Oif,
    /// Name of the output device, empty without.
    Oifname,
    /// Type of the output device; breaks without.
    Oiftype,
    /// Group of the input device; breaks without.
    Iifgroup,
    /// Group of the output device; breaks without.
    Oifgroup,
    /// Packet type.
    Pkttype,
    /// Trace flag.
    Nftrace,
    /// User of the socket; breaks without one.
    Skuid,
    /// Group of the socket; breaks without one.
    Skgid,
}

/// `ct` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CtKey {
    /// State, one bit.
    State,
    /// Direction of this packet.
    Direction,
    /// Status bits.
    Status,
    /// Mark.
    Mark,
    /// Zone.
    Zone,
    /// Labels.
    Label,
    /// L3 protocol of the tuple.
    L3proto,
    /// L4 protocol of the tuple.
    Protocol,
    /// Source address; true for the forms that name a family.
    Saddr(Option<Family>),
    /// Destination address.
    Daddr(Option<Family>),
    /// Source port.
    ProtoSrc,
    /// Destination port.
    ProtoDst,
}
