//! How far away a packet was sent, told by its TTL.
//!
//! A sender begins with one of a few values (Linux and macOS 64, Windows 128, routers and Solaris 255); every router takes one
//! away (RFC 791, section 3.2). So the difference to the next such value is the number of routers passed, unless the program
//! has set its own (`IP_TTL`), which is why a verdict compares within one flow.

/// Values a TTL begins with, smallest first.
const INITIAL: [u8; 3] = [64, 128, 255];

/// Where a packet began, as its TTL tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// The value it began with: the smallest usual one that is not below the TTL.
    pub initial: u8,
    /// Routers passed.
    pub hops: u8,
}

/// The distance a TTL tells.
pub fn distance(ttl: u8) -> Distance {
    let initial = INITIAL.into_iter().find(|initial| *initial >= ttl).unwrap_or(255);
    Distance { initial, hops: initial - ttl }
}

/// How the sender of one packet stands to the usual sender of a flow's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Same number of routers.
    Same,
    /// Fewer routers: nearer to the capture.
    Nearer,
    /// More routers.
    Farther,
    /// It began with another value: another kind of stack, or a program that sets its own.
    OtherStack,
}

/// Compares a packet's TTL with those of the side whose address it carries.
///
/// `usual` is the range of TTLs that side was seen with, RSTs left out.
pub fn relation(ttl: u8, usual: (u8, u8)) -> Relation {
    let (low, high) = usual;
    if (low..=high).contains(&ttl) {
        return Relation::Same;
    }
    let own = distance(ttl);
    if own.initial != distance(high).initial {
        return Relation::OtherStack;
    }
    if ttl > high { Relation::Nearer } else { Relation::Farther }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_next_to_the_client_is_nearer_than_the_server_behind_it() {
        // Laboratory, `forward-reject`: server 63, RST of the router 64.
        assert_eq!(relation(64, (63, 63)), Relation::Nearer);
        assert_eq!(relation(63, (63, 63)), Relation::Same);
        assert_eq!(relation(62, (63, 63)), Relation::Farther);
    }

    #[test]
    fn another_initial_value_is_another_stack() {
        assert_eq!(relation(254, (57, 57)), Relation::OtherStack);
        assert_eq!(distance(128), Distance { initial: 128, hops: 0 });
        assert_eq!(distance(0), Distance { initial: 64, hops: 64 });
    }
}
