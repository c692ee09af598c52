//! A packet of a connection that a hop has forgotten: what becomes of it, who answers whom.
//!
//! Linux, `nf_conntrack_proto_tcp.c` `tcp_new`: a packet without SYN begins an entry, directly in ESTABLISHED, when
//! `nf_conntrack_tcp_loose` is set and is invalid otherwise. NAT acts on packets with an entry alone (`nf_nat_inet_fn` returns
//! NF_ACCEPT without one), so an invalid packet leaves with the addresses it came with. Every row is shown by the laboratory.

use super::{Choice, Tracker, Translation, Treatment, Who};
use crate::facts::flow::Side;

/// One thing that can happen, and how likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Fate {
    /// Chance, from 0 to 1; `None` when the model cannot tell.
    pub chance: Option<f64>,
    /// What happens.
    pub outcome: Outcome,
    /// The fact it depends on that no configuration holds: `its own address is routed back`. `None` where there is none.
    pub only_if: Option<&'static str>,
    /// Why, full sentences in order.
    pub because: Vec<String>,
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It goes on; nobody notices.
    Survives,
    /// It is reset.
    Reset {
        /// Who sends the RST.
        by: Who,
        /// Who gets it.
        to: Who,
        /// True when the other end learns of it only when it sends something itself.
        other_end_later: bool,
    },
    /// Packets vanish; the speaker repeats them until it gives up.
    BlackHole {
        /// Who drops them; `None` where nobody answers and no device is known to drop them.
        by: Option<Who>,
    },
    /// What is sent still arrives, and the answer is lost: the device has closed the other direction with FIN.
    AnswerLost,
    /// The model cannot tell.
    Unknown,
}

/// What becomes of a packet that `speaker` sends into hop `index` after the hop has forgotten the connection.
pub fn forgotten(tracker: &Tracker, index: usize, speaker: Side) -> Vec<Fate> {
    let loose = tracker.loose.value;
    let treatment = match (speaker, loose) {
        (Side::Client, true) => tracker.client_new.value,
        (Side::Client, false) => tracker.client_invalid.value,
        (Side::Server, true) => tracker.server_new.value,
        (Side::Server, false) => tracker.server_invalid.value,
    };
    let mut because = Vec::new();
    if let Translation::Ipvs { choice, sloppy } = tracker.translation.value {
        return ipvs(choice, sloppy, index, speaker);
    }
    because.push(if loose {
        "The packet begins a new entry, in ESTABLISHED (nf_conntrack_tcp_loose is 1).".to_owned()
    } else {
        "The packet belongs to no entry and begins none (nf_conntrack_tcp_loose is 0): it is invalid, and NAT leaves it alone."
            .to_owned()
    });
    match treatment {
        Treatment::Accept => translated(tracker.translation.value, loose, index, speaker, because),
        Treatment::Drop => {
            because.push("The ruleset drops it.".to_owned());
            vec![black_hole(index, because)]
        }
        Treatment::Reset => {
            because.push("The ruleset rejects it with a RST.".to_owned());
            vec![reset(1.0, Who::Hop(index), Who::end(speaker), true, because)]
        }
        Treatment::Unreachable => {
            because.push(
                "The ruleset answers with an ICMP error, which an established connection takes as a hint only."
                    .to_owned(),
            );
            vec![black_hole(index, because)]
        }
        Treatment::Unknown => vec![unknown(because, "What the ruleset does with it is not modelled.")],
    }
}

fn translated(
    translation: Translation,
    loose: bool,
    index: usize,
    speaker: Side,
    mut because: Vec<String>,
) -> Vec<Fate> {
    match (translation, speaker) {
        (Translation::None | Translation::Ipvs { .. }, _) => vec![survives(1.0, because)],
        (Translation::Unknown, _) => vec![unknown(because, "How its addresses are translated is not modelled.")],
        (Translation::Server { choice, .. }, Side::Client) if loose => chosen(choice, because),
        (Translation::Server { own_address, .. }, Side::Client) => match own_address {
            Some(true) | None => {
                because.push("It keeps the address of the hop itself, whose kernel has no socket for it.".to_owned());
                vec![reset(1.0, Who::Hop(index), Who::Client, true, because)]
            }
            Some(false) => {
                because.push("It goes on to the address as written, where no host is known to be.".to_owned());
                vec![black_hole(index, because)]
            }
        },
        (Translation::Server { .. }, Side::Server) => {
            because.push(
                "Its source is not translated back: the client gets a packet from the backend's own address, knows no such \
                 connection and answers the backend with a RST."
                    .to_owned(),
            );
            vec![reset(1.0, Who::Client, Who::Server, true, because)]
        }
        (Translation::Client { new_port: false }, Side::Client) if loose => {
            let mut taken = because.clone();
            taken.push(
                "The translator keeps the port as long as it is free; another port is one for which the server has no socket."
                    .to_owned(),
            );
            let reset = reset(1.0, Who::Server, Who::Client, true, taken);
            let only_if = Some("its port was given to another connection meanwhile");
            vec![survives(1.0, because), Fate { chance: None, only_if, ..reset }]
        }
        (Translation::Client { new_port: true }, Side::Client) if loose => {
            because.push("The new entry gets a new source port, for which the server has no socket.".to_owned());
            vec![reset(1.0, Who::Server, Who::Client, true, because)]
        }
        (Translation::Client { .. }, Side::Client) => {
            because.push("It leaves with the client's own address, for which the server has no socket.".to_owned());
            let mut lost = because.clone();
            lost.push("The server's RST finds no way back, or the packet is dropped on its way.".to_owned());
            let reset = reset(1.0, Who::Server, Who::Client, true, because);
            let lost = Fate {
                chance: None,
                outcome: Outcome::BlackHole { by: None },
                only_if: Some("it is not, or a filter of source addresses drops the packet"),
                because: lost,
            };
            vec![Fate { chance: None, only_if: Some("the client's own address is routed back to it"), ..reset }, lost]
        }
        (Translation::Client { .. }, Side::Server) => {
            because.push("It is addressed to the hop itself, whose kernel has no socket for it.".to_owned());
            vec![reset(1.0, Who::Hop(index), Who::Server, true, because)]
        }
    }
}

fn chosen(choice: Choice, mut because: Vec<String>) -> Vec<Fate> {
    match choice {
        Choice::Same => {
            because.push("The new entry is translated to the same backend.".to_owned());
            vec![survives(1.0, because)]
        }
        Choice::Anew { backends, same_ppm } if backends > 1 => {
            because.push(format!("The new entry gets a backend chosen anew among {backends}."));
            let other = 1.0 - f64::from(same_ppm) / 1e6;
            let mut same = because.clone();
            same.push("It happens to be the same one.".to_owned());
            because.push("It is another one, which has no socket for the connection.".to_owned());
            vec![reset(other, Who::OtherBackend, Who::Client, true, because), survives(1.0 - other, same)]
        }
        Choice::Anew { .. } => vec![survives(1.0, because)],
        Choice::Unknown => vec![unknown(because, "How the backend is chosen is not modelled.")],
    }
}

/// `net/netfilter/ipvs/ip_vs_proto_tcp.c`, `tcp_conn_schedule`: only a SYN is scheduled, unless `sloppy_tcp` is set.
fn ipvs(choice: Choice, sloppy: bool, index: usize, speaker: Side) -> Vec<Fate> {
    match (speaker, sloppy) {
        (Side::Client, false) => {
            let because = vec![
                "IPVS schedules no packet without SYN (net.ipv4.vs.sloppy_tcp is 0): it is delivered to the director itself, \
                 which has no socket for it."
                    .to_owned(),
            ];
            vec![reset(1.0, Who::Hop(index), Who::Client, true, because)]
        }
        (Side::Client, true) => {
            chosen(choice, vec!["IPVS schedules it as a new connection (net.ipv4.vs.sloppy_tcp is 1).".to_owned()])
        }
        (Side::Server, _) => {
            vec![unknown(Vec::new(), "What IPVS does with a packet of a server it has forgotten is not modelled.")]
        }
    }
}

fn reset(chance: f64, by: Who, to: Who, other_end_later: bool, because: Vec<String>) -> Fate {
    Fate { chance: Some(chance), outcome: Outcome::Reset { by, to, other_end_later }, only_if: None, because }
}

fn black_hole(index: usize, because: Vec<String>) -> Fate {
    Fate { chance: Some(1.0), outcome: Outcome::BlackHole { by: Some(Who::Hop(index)) }, only_if: None, because }
}

fn survives(chance: f64, because: Vec<String>) -> Fate {
    Fate { chance: Some(chance), outcome: Outcome::Survives, only_if: None, because }
}

fn unknown(mut because: Vec<String>, why: &str) -> Fate {
    because.push(why.to_owned());
    Fate { chance: None, outcome: Outcome::Unknown, only_if: None, because }
}
