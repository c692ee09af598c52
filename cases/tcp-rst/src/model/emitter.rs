//! Who sent a RST: the candidates, what the capture holds for and against each, and who is left.
//!
//! The source address says nothing: a router, a balancer's kernel or a backend that never had the connection all write the
//! server's address. What they cannot all imitate is the form, the distance, the IP-ID, the clock in the timestamp and the
//! speed of the answer.

use crate::facts::flow::{Flow, Reset, Side, SideState};
use crate::model::distance::{Relation, distance, relation};
use crate::model::form::{Answer, Form, form};

#[cfg(test)]
mod tests;

/// Who can have sent a RST that carries a side's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Emitter {
    /// The side's own socket, which ended the connection.
    Socket,
    /// The side's own kernel, after its program had closed the connection.
    ClosedSocket,
    /// The side's own host, which no longer has the connection: restarted, or its state was removed.
    LostSocket,
    /// Another host as far away, which never had the connection: a backend chosen anew.
    OtherBackend,
    /// A device nearer to the receiver: router, firewall, balancer.
    Nearer,
    /// Something that watches the connection and forges.
    Injector,
}

/// All candidates.
pub const EMITTERS: [Emitter; 6] = [
    Emitter::Socket,
    Emitter::ClosedSocket,
    Emitter::LostSocket,
    Emitter::OtherBackend,
    Emitter::Nearer,
    Emitter::Injector,
];

/// One thing seen, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clue {
    /// What was seen and why it matters, a full sentence.
    pub says: String,
    /// The candidates it does not fit.
    pub refutes: Vec<Emitter>,
    /// What would make the clue worthless, if something would.
    pub unless: Option<&'static str>,
}

/// The verdict on one RST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its form.
    pub form: Form,
    /// How its TTL stands to the side's own; `None` when that side sent nothing else.
    pub relation: Option<Relation>,
    /// What was seen.
    pub clues: Vec<Clue>,
    /// The candidates nothing refutes.
    pub left: Vec<Emitter>,
    /// True when the connection was refused while it began.
    pub refused: bool,
    /// Why the sender gave up, for a RST of its own socket.
    pub gave_up: Option<GaveUp>,
}

/// Why a socket ended the connection by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Its keepalive probes had no answer (`tcp_keepalive_timer`).
    Keepalive {
        /// Probes without an answer.
        probes: u32,
    },
    /// Its retransmissions had no answer (`tcp_write_timeout`).
    Retransmission {
        /// Retransmissions without an answer.
        count: u32,
    },
    /// Its program closed it with `SO_LINGER` 0 or with unread data, or somebody removed the socket (`tcp_close`,
    /// `tcp_disconnect`, `tcp_abort`).
    Aborted,
}

/// Milliseconds below which the speed of an answer says nothing: scheduling noise is as large.
const USEFUL_RTT_NS: i64 = 1_000_000;

/// The verdict on `reset` of `flow`.
pub fn judge(flow: &Flow, reset: &Reset) -> Verdict {
    let form = form(reset);
    let mut clues = Vec::new();
    let refused = form == Form::Stateless(Answer::Syn);
    clues.extend(by_form(reset, form));
    let usual = reset.sender.ttl_range.or(reset.sender.ttl_handshake.map(|ttl| (ttl, ttl)));
    let relation = usual.map(|usual| relation(reset.ttl, usual));
    clues.extend(usual.zip(relation).map(|(usual, relation)| by_ttl(reset.ttl, usual, relation)));
    clues.extend(by_fin(reset, form));
    // A socket that waits for the answer to its SYN makes the form of no socket: IP-ID and timestamps tell nothing there.
    if form != Form::Stateless(Answer::OlderConnection) {
        clues.extend(by_ip_id(reset, form));
        clues.extend(by_timestamp(reset));
    }
    clues.extend(by_speed(flow, reset, form));
    // A perfect forger leaves no clue, so it would always be left; it is named when something speaks for it.
    let forged = suspect(reset, relation);
    let left = EMITTERS.into_iter().filter(|one| forged || *one != Emitter::Injector).collect();
    let gave_up = (form == Form::Stateful).then(|| gave_up(&reset.sender));
    let mut verdict = Verdict { form, relation, clues: Vec::new(), left, refused, gave_up };
    clues.into_iter().for_each(|clue| verdict.add(clue));
    // Nobody who knows the connection fits: what is left is somebody who does not belong to it.
    if verdict.left.is_empty() {
        verdict.left.push(Emitter::Injector);
    }
    verdict
}

impl Verdict {
    /// Adds a clue, and strikes out whom it refutes.
    pub fn add(&mut self, clue: Clue) {
        self.left.retain(|emitter| !clue.refutes.contains(emitter));
        self.clues.push(clue);
    }
}

/// True when something speaks for a forger: a copied IP-ID, several RSTs in one flow, a stack that is not the side's.
fn suspect(reset: &Reset, relation: Option<Relation>) -> bool {
    let trigger = reset.trigger.and_then(|trigger| trigger.ip_id);
    let copied = reset.ip_id.is_some_and(|id| id != 0 && trigger == Some(id));
    copied || relation == Some(Relation::OtherStack) || matches!(form(reset), Form::Unusual(_))
}

fn by_form(reset: &Reset, form: Form) -> Option<Clue> {
    use Emitter::{ClosedSocket, LostSocket, OtherBackend, Socket};
    let clue = match form {
        Form::Stateless(Answer::Trigger) => Clue {
            says: format!(
                "It is made from the packet it answers, as a kernel without a socket makes it: no ACK, window 0, sequence \
                 number {} is that packet's acknowledgement.",
                reset.seq
            ),
            refutes: vec![Socket],
            unless: None,
        },
        Form::Stateless(Answer::NotSeen) => Clue {
            says: format!(
                "It is made without a socket (no ACK, window 0), and what it answers, a packet that acknowledges {}, is not \
                 the last one of the capture.",
                reset.seq
            ),
            refutes: vec![Socket],
            unless: None,
        },
        Form::Stateless(Answer::Syn) => Clue {
            says: "It answers the SYN: the connection was refused, nobody listens there or a rule rejects it."
                .to_owned(),
            refutes: vec![Socket, ClosedSocket],
            unless: None,
        },
        Form::Stateless(Answer::OlderConnection) => Clue {
            says: format!(
                "It answers an acknowledgement of {}, which is no answer to the SYN that side had sent: a socket that waits for \
                 one refuses it (RFC 9293, 3.10.7.3).",
                reset.seq
            ),
            refutes: vec![ClosedSocket, LostSocket, OtherBackend],
            unless: None,
        },
        Form::Stateful => Clue {
            says: format!(
                "A socket made it: ACK is set, sequence number {} and window {} are a connection's own.",
                reset.seq, reset.window
            ),
            refutes: vec![ClosedSocket, LostSocket, OtherBackend],
            unless: None,
        },
        Form::Alone => Clue {
            says: format!(
                "ACK is set and its sequence number is {}, as a socket sends it; a firewall that has followed the connection \
                 can do so too, and the capture holds no other packet of that side to compare with.",
                reset.seq
            ),
            refutes: vec![ClosedSocket, LostSocket, OtherBackend],
            unless: None,
        },
        Form::Unusual(why) => {
            Clue { says: format!("It is not as Linux makes one: {why}."), refutes: Vec::new(), unless: None }
        }
    };
    Some(clue)
}

fn by_ttl(ttl: u8, usual: (u8, u8), relation: Relation) -> Clue {
    use Emitter::{ClosedSocket, LostSocket, Nearer, OtherBackend, Socket};
    let (low, high) = usual;
    let seen = if low == high { format!("TTL {low}") } else { format!("TTLs {low} to {high}") };
    let unless = Some("the program sets a TTL of its own (IP_TTL), which a kernel's answer does not carry");
    match relation {
        Relation::Same => Clue {
            says: format!(
                "Its TTL {ttl} is that of the side's other packets ({seen}): whoever sent it is as many routers away."
            ),
            refutes: vec![Nearer],
            unless: None,
        },
        Relation::Nearer => Clue {
            says: format!(
                "Its TTL is {ttl}, the side's own packets come with {seen}: it passed {} on its way, they passed {}.",
                routers(distance(ttl).hops),
                routers(distance(high).hops)
            ),
            refutes: vec![Socket, ClosedSocket, LostSocket, OtherBackend],
            unless,
        },
        Relation::Farther => Clue {
            says: format!("Its TTL is {ttl}, the side's own packets come with {seen}: it came a longer way."),
            refutes: vec![Socket, ClosedSocket, LostSocket, Nearer],
            unless: Some("the route changed in between"),
        },
        Relation::OtherStack => Clue {
            says: format!(
                "Its TTL {ttl} began at {}, the side's own packets ({seen}) at {}: another kind of stack sent it.",
                distance(ttl).initial,
                distance(high).initial
            ),
            refutes: vec![Socket, ClosedSocket, LostSocket],
            unless,
        },
    }
}

fn by_fin(reset: &Reset, form: Form) -> Option<Clue> {
    use Emitter::{ClosedSocket, LostSocket, OtherBackend};
    match form {
        Form::Stateless(Answer::Trigger | Answer::NotSeen) if reset.sender.fin_seen => Some(Clue {
            says: "The same side had sent FIN before; a kernel whose program has closed refuses what is written afterwards."
                .to_owned(),
            refutes: vec![LostSocket, OtherBackend],
            unless: Some(
                "it had closed its own direction only, and something on the path forgot the connection before the other one wrote",
            ),
        }),
        Form::Stateless(Answer::Trigger | Answer::NotSeen) => Some(Clue {
            says: "That side never sent FIN: no program closed the connection in an orderly way before.".to_owned(),
            refutes: vec![ClosedSocket],
            unless: Some("the FIN was lost before it came to the capture"),
        }),
        _ => None,
    }
}

fn by_ip_id(reset: &Reset, form: Form) -> Option<Clue> {
    use Emitter::{ClosedSocket, Injector, LostSocket, Nearer, OtherBackend, Socket};
    let id = reset.ip_id?;
    let trigger = reset.trigger.and_then(|trigger| trigger.ip_id);
    if id != 0 && trigger == Some(id) {
        return Some(Clue {
            says: format!(
                "Its IP-ID {id} is copied from the packet it answers: no kernel does that, devices that forge do."
            ),
            refutes: vec![Socket, ClosedSocket, LostSocket, OtherBackend],
            unless: None,
        });
    }
    let running = reset.sender.ip_id_last.filter(|_| !reset.sender.ip_id_all_zero)?;
    let step = id.wrapping_sub(running);
    match form {
        Form::Stateful if (1..=64).contains(&step) => Some(Clue {
            says: format!(
                "Its IP-ID {id} continues the connection's own ({running} before): the same socket counted it."
            ),
            refutes: vec![Injector, Nearer, OtherBackend],
            unless: None,
        }),
        Form::Stateful if id == 0 => Some(Clue {
            says: format!("Its IP-ID is 0 while the connection's own runs ({running} before): another sender."),
            refutes: vec![Socket],
            unless: None,
        }),
        Form::Stateless(_) if id == 0 => Some(Clue {
            says: format!(
                "Its IP-ID is 0 while the side's own packets count ({running} before): it belongs to no socket (Linux)."
            ),
            refutes: vec![Socket],
            unless: None,
        }),
        _ => None,
    }
}

fn by_timestamp(reset: &Reset) -> Option<Clue> {
    use Emitter::{ClosedSocket, Injector, LostSocket, Nearer, OtherBackend, Socket};
    let (last, seen_ns) = reset.sender.ts_last?;
    match reset.timestamps {
        None if reset.receiver.ts_last.is_some() => Some(Clue {
            says: "It has no timestamp option, although every packet of the connection has one.".to_owned(),
            refutes: vec![Socket],
            unless: None,
        }),
        Some((value, _)) => {
            let forward = value.wrapping_sub(last) as i32;
            let passed_ms = reset.packet.time_ns.zip(seen_ns).map(|(now, then)| (now - then) / 1_000_000);
            // Linux counts milliseconds; others as fast as 1 MHz or as slow as 1 Hz (RFC 7323, 5.4). A clock that stands or
            // runs back is not the side's own.
            let fits =
                forward >= 0 && passed_ms.is_none_or(|ms| i64::from(forward) <= ms.saturating_mul(1_000) + 1_000);
            Some(if fits {
                Clue {
                    says: format!("Its timestamp {value} continues the side's own clock ({last} before)."),
                    refutes: vec![Injector, OtherBackend, LostSocket, ClosedSocket, Nearer],
                    unless: None,
                }
            } else {
                Clue {
                    says: format!("Its timestamp {value} does not continue the side's own clock ({last} before)."),
                    refutes: vec![Socket],
                    unless: None,
                }
            })
        }
        None => None,
    }
}

fn by_speed(flow: &Flow, reset: &Reset, form: Form) -> Option<Clue> {
    use Emitter::{ClosedSocket, LostSocket, OtherBackend, Socket};
    if form != Form::Stateless(Answer::Trigger) {
        return None;
    }
    let trigger = reset.trigger?;
    let gap = reset.packet.time_ns? - trigger.packet.time_ns?;
    let rtt = match reset.side {
        Side::Server => flow.rtt_server_ns?,
        Side::Client => flow.rtt_client_ns?,
    };
    if rtt < USEFUL_RTT_NS || gap < 0 {
        return None;
    }
    let (gap_ms, rtt_ms) = (gap as f64 / 1e6, rtt as f64 / 1e6);
    Some(if gap < rtt / 2 {
        Clue {
            says: format!(
                "It came {gap_ms:.3} ms after the packet it answers; nothing ever came back from that side in less than \
                 {rtt_ms:.3} ms: the sender is nearer."
            ),
            refutes: vec![Socket, ClosedSocket, LostSocket, OtherBackend],
            unless: None,
        }
    } else {
        Clue {
            says: format!(
                "It came {gap_ms:.3} ms after the packet it answers, and the fastest answer of that side took {rtt_ms:.3} ms: \
                 the speed fits the side's distance, and proves nothing."
            ),
            refutes: Vec::new(),
            unless: None,
        }
    })
}

fn gave_up(sender: &SideState) -> GaveUp {
    if sender.retransmissions_unanswered > 0 {
        GaveUp::Retransmission { count: sender.retransmissions_unanswered }
    } else if sender.probes_unanswered > 0 {
        GaveUp::Keepalive { probes: sender.probes_unanswered }
    } else {
        GaveUp::Aborted
    }
}

/// `no router`, `1 router`, `2 routers`.
fn routers(hops: u8) -> String {
    match hops {
        0 => "no router".to_owned(),
        hops => format!("{hops} {}", plural(hops, "router")),
    }
}

/// `word`, in the plural unless `count` is one.
pub fn plural(count: impl Into<u64>, word: &str) -> String {
    if count.into() == 1 { word.to_owned() } else { format!("{word}s") }
}

/// Name of a candidate for machines.
pub fn word(emitter: Emitter) -> &'static str {
    match emitter {
        Emitter::Socket => "socket",
        Emitter::ClosedSocket => "closed-socket",
        Emitter::LostSocket => "lost-socket",
        Emitter::OtherBackend => "other-backend",
        Emitter::Nearer => "nearer-device",
        Emitter::Injector => "injector",
    }
}
