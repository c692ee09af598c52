//! The state table: `tcp_conntracks` of `nf_conntrack_proto_tcp.c`, and what a segment is to it.

use crate::facts::flow::Flags;

/// `enum tcp_conntrack`; names as `conntrack -L` prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// No packet yet.
    None,
    /// SYN seen.
    SynSent,
    /// SYN-ACK seen.
    SynRecv,
    /// ACK seen.
    Established,
    /// FIN seen.
    FinWait,
    /// ACK after FIN seen.
    CloseWait,
    /// FIN after FIN seen.
    LastAck,
    /// Last ACK seen.
    TimeWait,
    /// Closed by RST.
    Close,
    /// SYN of the other side seen: simultaneous open.
    SynSent2,
}

/// All states, in the kernel's order.
pub const STATES: [State; 10] = [
    State::None,
    State::SynSent,
    State::SynRecv,
    State::Established,
    State::FinWait,
    State::CloseWait,
    State::LastAck,
    State::TimeWait,
    State::Close,
    State::SynSent2,
];

impl State {
    /// `tcp_conntrack_names`.
    pub const fn name(self) -> &'static str {
        match self {
            State::None => "NONE",
            State::SynSent => "SYN_SENT",
            State::SynRecv => "SYN_RECV",
            State::Established => "ESTABLISHED",
            State::FinWait => "FIN_WAIT",
            State::CloseWait => "CLOSE_WAIT",
            State::LastAck => "LAST_ACK",
            State::TimeWait => "TIME_WAIT",
            State::Close => "CLOSE",
            State::SynSent2 => "SYN_SENT2",
        }
    }

    /// The state of this name.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        STATES.into_iter().find(|state| state.name().as_bytes() == name)
    }

    /// `tcp_can_early_drop`: the connection is closing, and the entry can be evicted although it is assured.
    pub const fn is_closing(self) -> bool {
        matches!(self, State::FinWait | State::CloseWait | State::LastAck | State::TimeWait | State::Close)
    }
}

/// What a segment is to the table: `enum tcp_bit_set`, by `get_conntrack_index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// SYN alone.
    Syn,
    /// SYN and ACK.
    SynAck,
    /// FIN.
    Fin,
    /// ACK, with or without payload.
    Ack,
    /// RST.
    Rst,
    /// None of them.
    None,
}

impl Index {
    /// `get_conntrack_index`: RST before SYN before FIN before ACK.
    pub fn of(flags: Flags) -> Self {
        if flags.has(Flags::RST) {
            Index::Rst
        } else if flags.has(Flags::SYN | Flags::ACK) {
            Index::SynAck
        } else if flags.has(Flags::SYN) {
            Index::Syn
        } else if flags.has(Flags::FIN) {
            Index::Fin
        } else if flags.has(Flags::ACK) {
            Index::Ack
        } else {
            Index::None
        }
    }

    /// For messages.
    pub const fn name(self) -> &'static str {
        match self {
            Index::Syn => "SYN",
            Index::SynAck => "SYN-ACK",
            Index::Fin => "FIN",
            Index::Ack => "ACK",
            Index::Rst => "RST",
            Index::None => "segment without SYN, FIN, ACK and RST",
        }
    }
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// This state.
    To(State),
    /// `sIG`: let it through, believe nothing, refresh nothing.
    Ignore,
    /// `sIV`: no packet of this connection.
    Invalid,
}

/// `tcp_valid_flags`: the legal sets; PSH, ECE and CWR do not count.
pub fn valid_flags(flags: Flags) -> bool {
    const S: u8 = Flags::SYN;
    const A: u8 = Flags::ACK;
    const R: u8 = Flags::RST;
    const F: u8 = Flags::FIN;
    const U: u8 = Flags::URG;
    let set = flags.0 & (S | A | R | F | U);
    [S, S | U, S | A, R, R | A, F | A, F | A | U, A, A | U].contains(&set)
}

/// A row of the table, one letter pair a state, in the order of [`STATES`].
type Row = &'static [u8; 20];

/// The original direction: rows SYN, SYN-ACK, FIN, ACK, RST, none.
const ORIGINAL: [Row; 6] = [
    b"SSSSIGIGIGIGIGSSSSS2",
    b"IVIVSRIVIVIVIVIVIVSR",
    b"IVIVFWFWLALALATWCLIV",
    b"ESIVESESCWCWTWTWCLIV",
    b"IVCLCLCLCLCLCLCLCLCL",
    b"IVIVIVIVIVIVIVIVIVIV",
];

/// The reply direction.
const REPLY: [Row; 6] = [
    b"IVS2IVIVIVIVIVSSIVS2",
    b"IVSRIGIGIGIGIGIGIGSR",
    b"IVIVFWFWLALALATWCLIV",
    b"IVIGSRESCWCWTWTWCLIG",
    b"IVCLCLCLCLCLCLCLCLCL",
    b"IVIVIVIVIVIVIVIVIVIV",
];

/// `tcp_conntracks[dir][index][state]`. Rows as of Linux 4.4 to 7.1.
pub fn next(reply: bool, index: Index, state: State) -> Next {
    let row = match index {
        Index::Syn => 0,
        Index::SynAck => 1,
        Index::Fin => 2,
        Index::Ack => 3,
        Index::Rst => 4,
        Index::None => 5,
    };
    let row = if reply { REPLY[row] } else { ORIGINAL[row] };
    let at = state as usize * 2;
    match &row[at..at + 2] {
        b"SS" => Next::To(State::SynSent),
        b"SR" => Next::To(State::SynRecv),
        b"ES" => Next::To(State::Established),
        b"FW" => Next::To(State::FinWait),
        b"CW" => Next::To(State::CloseWait),
        b"LA" => Next::To(State::LastAck),
        b"TW" => Next::To(State::TimeWait),
        b"CL" => Next::To(State::Close),
        b"S2" => Next::To(State::SynSent2),
        b"IG" => Next::Ignore,
        _ => Next::Invalid,
    }
}
