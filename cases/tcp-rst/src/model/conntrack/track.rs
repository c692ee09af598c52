//! One packet through conntrack: `nf_conntrack_in`, `tcp_error`, `tcp_new`, `nf_conntrack_tcp_packet`.

use super::entry::{Entry, Seen, flag};
use super::release::Switch;
use super::segment::{Packet, before};
use super::settings::{Host, PolicyFrom, Settings};
use super::step::{Step, TimeoutReason};
use super::table::{Index, Next, State, next, valid_flags};
use super::window::{Action, in_window, read_options};
use crate::facts::flow::{Flags, Sum};
use crate::facts::timer::Micros;

/// What `ct state` says of a packet, and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// `new`: nothing was seen in reply direction.
    New,
    /// `established`, in original direction.
    Established,
    /// `established`, in reply direction.
    Reply,
    /// `invalid`: the packet has no entry; NAT does not touch it.
    Invalid,
}

/// What became of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handled {
    /// It was made. It lives only if the packet is not dropped later on its way (`__nf_conntrack_confirm`).
    Created,
    /// It lives for its new timeout from now on.
    Refreshed,
    /// The packet belongs to it and changed neither state nor time.
    Kept,
    /// It was deleted.
    Deleted,
    /// The packet is invalid; an entry that exists stays, but for `nf_tcp_handle_invalid` as it was.
    Invalid,
}

/// What a packet met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it is to rules.
    pub class: Class,
    /// What became of the entry.
    pub handled: Handled,
    /// The timeout that was set.
    pub timeout: Option<(Micros, TimeoutReason)>,
    /// The decisions, in order.
    pub steps: Vec<Step>,
    /// Switches of the kernel that decided something here and are unsettled for its release: with one of them, what came
    /// out is one of two possible answers.
    pub unsettled: Vec<Switch>,
    /// A checksum that could not be verified was taken for good.
    pub sum_assumed: bool,
}

/// The run of one packet.
pub(super) struct Run<'a> {
    host: &'a Host,
    out: Outcome,
}

impl Run<'_> {
    /// Whether the kernel has a change; remembers that it was asked where that is unsettled.
    pub(super) fn on(&mut self, switch: Switch) -> bool {
        if self.host.behaviour.is_unsettled(switch) && !self.out.unsettled.contains(&switch) {
            self.out.unsettled.push(switch);
        }
        self.host.behaviour.is_on(switch)
    }

    pub(super) fn step(&mut self, step: Step) {
        self.out.steps.push(step);
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.host.settings
    }
}

/// Return values of `nf_conntrack_tcp_packet`.
enum Verdict {
    /// `NF_ACCEPT`, nothing refreshed.
    Kept,
    /// `NF_ACCEPT`, refreshed.
    Refreshed,
    /// `NF_ACCEPT`, the entry is deleted.
    Killed,
    /// `-NF_ACCEPT`.
    Invalid,
    /// `-NF_REPEAT`, the entry is deleted.
    Repeat,
}

/// One packet through `nf_conntrack_in`. `slot` is the entry of its tuple; `now_us` is on the clock of
/// [`Entry::expires_us`].
pub fn packet(host: &Host, slot: &mut Option<Entry>, packet: &Packet, now_us: u64) -> Outcome {
    let mut run = Run {
        host,
        out: Outcome {
            class: Class::Invalid,
            handled: Handled::Invalid,
            timeout: None,
            steps: Vec::new(),
            unsettled: Vec::new(),
            sum_assumed: false,
        },
    };
    if let Some(expired) = slot.take_if(|entry| entry.is_expired(now_us)) {
        run.step(Step::Expired(Micros(now_us - expired.expires_us)));
    }
    loop {
        let fresh = slot.is_none();
        let mut entry = slot.unwrap_or_else(|| Entry::blank(packet.from, host.policy));
        let reply = entry.original != packet.from;
        let class = match (reply, entry.seen_reply) {
            (true, _) => Class::Reply,
            (false, true) => Class::Established,
            (false, false) => Class::New,
        };
        match tcp_packet(&mut run, &mut entry, fresh, packet, reply, now_us) {
            Verdict::Repeat => {
                *slot = None;
                continue;
            }
            Verdict::Invalid => {
                run.out.class = Class::Invalid;
                run.out.handled = Handled::Invalid;
                if !fresh {
                    *slot = Some(entry);
                }
            }
            Verdict::Killed => {
                run.out.class = class;
                run.out.handled = Handled::Deleted;
                *slot = None;
            }
            verdict => {
                run.out.class = class;
                let refreshed = matches!(verdict, Verdict::Refreshed);
                run.out.handled = match (fresh, refreshed) {
                    (true, _) => Handled::Created,
                    (false, true) => Handled::Refreshed,
                    (false, false) => Handled::Kept,
                };
                // `test_and_set_bit(IPS_SEEN_REPLY_BIT)`, after the protocol.
                entry.seen_reply |= reply;
                *slot = Some(entry);
            }
        }
        return run.out;
    }
}

/// `tcp_error`: true when the packet is broken.
fn is_broken(run: &mut Run<'_>, packet: &Packet) -> bool {
    if packet.truncated {
        run.step(Step::Truncated);
        return true;
    }
    if run.settings().checksum && packet.arrives {
        match packet.sum {
            Sum::Bad => {
                run.step(Step::BadChecksum);
                return true;
            }
            Sum::Unverifiable => run.out.sum_assumed = true,
            Sum::Good | Sum::Offloaded => {}
        }
    }
    if !valid_flags(packet.flags) {
        run.step(Step::FlagCombination);
        return true;
    }
    false
}

/// `tcp_new`: false when no entry is made.
fn begin(run: &mut Run<'_>, entry: &mut Entry, packet: &Packet, index: Index) -> bool {
    let Next::To(state) = next(false, index, State::None) else {
        run.step(Step::InvalidNew(index));
        return false;
    };
    let picked_up = state != State::SynSent;
    if picked_up && !run.settings().loose {
        run.step(Step::NotPickedUp);
        return false;
    }
    let window = u32::from(packet.window).max(1);
    let mut seen = Seen { end: packet.end(), max_end: packet.end(), max_window: window, ..Seen::default() };
    if picked_up {
        run.step(Step::PickedUp);
        seen.max_end = seen.end.wrapping_add(window);
        seen.flags = flag::SACK_PERM | flag::BE_LIBERAL;
        entry.seen[1].flags = seen.flags;
    } else {
        run.step(Step::New);
        read_options(run, packet, &mut seen);
    }
    entry.seen[0] = seen;
    true
}

/// `nf_conntrack_tcp_packet`.
fn tcp_packet(run: &mut Run<'_>, entry: &mut Entry, fresh: bool, packet: &Packet, reply: bool, now_us: u64) -> Verdict {
    let index = Index::of(packet.flags);
    if is_broken(run, packet) || (fresh && !begin(run, entry, packet, index)) {
        return Verdict::Invalid;
    }
    let old = entry.state;
    let mut to = match next(reply, index, old) {
        Next::Invalid => {
            run.step(Step::InvalidState(old, index, reply));
            return Verdict::Invalid;
        }
        Next::To(State::SynSent) if matches!(old, State::TimeWait | State::Close | State::SynSent2) => {
            let closed = (entry.seen[0].flags | entry.seen[1].flags) & flag::CLOSE_INIT != 0;
            if closed || (entry.last.reply == reply && entry.last.index == Index::Rst) {
                run.step(Step::Reopened);
                return Verdict::Repeat;
            }
            None
        }
        Next::Ignore => None,
        Next::To(to) => Some(to),
    };
    let mut from = old;
    let mut skip_window = false;
    match to {
        None => {
            if !back_in_sync(run, entry, packet, reply, index) {
                run.step(Step::Ignored(old, index, reply));
                remember_ignored(run, entry, packet, reply, index);
                return Verdict::Kept;
            }
            run.step(Step::BackInSync);
            from = State::SynSent;
            to = Some(State::SynRecv);
        }
        Some(State::TimeWait)
            if old == State::LastAck
                && index == Index::Ack
                && entry.last.reply != reply
                && entry.last.index == Index::Syn
                && entry.last.flags & flag::EXP_CHALLENGE_ACK != 0 =>
        {
            entry.last.flags &= !flag::EXP_CHALLENGE_ACK;
            run.step(Step::ChallengeAck);
            return Verdict::Kept;
        }
        Some(State::SynSent2) if run.on(Switch::SimultaneousOpen) => entry.last.flags |= flag::SIMULTANEOUS_OPEN,
        Some(State::SynRecv) if reply && index == Index::Ack && entry.last.flags & flag::SIMULTANEOUS_OPEN != 0 => {
            to = Some(State::Established);
        }
        Some(State::Close) if index == Index::Rst => match reset(run, entry, packet, reply) {
            Reset::Invalid => return Verdict::Invalid,
            Reset::Check(state) => to = Some(state),
            Reset::Accept(state) => {
                to = Some(state);
                skip_window = true;
            }
        },
        Some(_) => {}
    }
    let to = to.unwrap_or(old);
    if !skip_window {
        match in_window(run, entry, packet, reply, index) {
            Action::Ignore => return Verdict::Kept,
            Action::Invalid => {
                handle_invalid(run, entry, reply, index, now_us);
                return Verdict::Invalid;
            }
            Action::Accept => {}
        }
    }
    run.step(Step::Moved(from, index, reply, to));
    accept(run, entry, packet, Change { fresh, reply, index, from, to }, now_us)
}

/// What the state table said of a packet in the window.
struct Change {
    fresh: bool,
    reply: bool,
    index: Index,
    from: State,
    to: State,
}

/// From `in_window:` on.
fn accept(run: &mut Run<'_>, entry: &mut Entry, packet: &Packet, change: Change, now_us: u64) -> Verdict {
    let Change { fresh, reply, index, from, to } = change;
    entry.last.index = index;
    entry.last.reply = reply;
    entry.state = to;
    if from != to && to == State::FinWait {
        entry.seen[usize::from(reply)].flags |= flag::CLOSE_INIT;
    }
    let (mut timeout, mut reason) = choose_timeout(run, entry, index);
    if !entry.seen_reply {
        if packet.flags.has(Flags::RST) {
            run.step(Step::KilledByRst);
            return Verdict::Killed;
        }
        if index == Index::Syn && from == State::SynSent && run.on(Switch::SynKeepsTimeout) {
            run.step(Step::SynRepeated);
            return Verdict::Kept;
        }
        let cap = entry.timeouts(&run.host.settings.timeouts).unacknowledged;
        if to == State::Established && timeout > cap {
            (timeout, reason) = (cap, TimeoutReason::NoReply);
        }
    } else if !entry.assured && matches!(from, State::SynRecv | State::Established) && to == State::Established {
        entry.assured = true;
        run.step(Step::Assured);
    }
    if let Some(policy) = entry.policy.filter(|policy| fresh && policy.from == PolicyFrom::Nft) {
        (timeout, reason) = (policy.timeouts.of(State::None), TimeoutReason::Policy);
    }
    if entry.fixed_timeout {
        return Verdict::Kept;
    }
    entry.expires_us = now_us.saturating_add(timeout.0);
    run.step(Step::Timeout(timeout, reason));
    run.out.timeout = Some((timeout, reason));
    Verdict::Refreshed
}

/// Which timeout: first match.
fn choose_timeout(run: &mut Run<'_>, entry: &Entry, index: Index) -> (Micros, TimeoutReason) {
    let host = run.host;
    let timeouts = entry.timeouts(&host.settings.timeouts);
    let own = timeouts.of(entry.state);
    if entry.retrans >= host.settings.max_retrans && own > timeouts.max_retrans {
        return (timeouts.max_retrans, TimeoutReason::Retransmissions);
    }
    // By either rule a RST that closes leaves the timeout of CLOSE, unless that is longer than others.
    let plain = entry.state == State::Close && own <= timeouts.unacknowledged && own <= timeouts.max_retrans;
    if index == Index::Rst && !plain && run.on(Switch::ExactRst) {
        if !run.on(Switch::RstUnacknowledged) {
            return (timeouts.of(State::Close), TimeoutReason::Rst);
        }
        if entry.state == State::Established && own > timeouts.unacknowledged {
            return (timeouts.unacknowledged, TimeoutReason::Rst);
        }
    }
    let unacknowledged = (entry.seen[0].flags | entry.seen[1].flags) & flag::DATA_UNACKNOWLEDGED != 0;
    if unacknowledged && own > timeouts.unacknowledged {
        return (timeouts.unacknowledged, TimeoutReason::Unacknowledged);
    }
    if entry.last.window == 0 && own > timeouts.max_retrans && run.on(Switch::ZeroWindowTimeout) {
        return (timeouts.max_retrans, TimeoutReason::ZeroWindow);
    }
    (own, TimeoutReason::State)
}

/// A SYN-ACK that answers a SYN which was ignored: the entry takes over what was kept of it.
fn back_in_sync(run: &mut Run<'_>, entry: &mut Entry, packet: &Packet, reply: bool, index: Index) -> bool {
    let last = entry.last;
    let answers = index == Index::SynAck && last.index == Index::Syn && last.reply != reply && packet.ack == last.end;
    if !answers {
        return false;
    }
    entry.last.flags &= !flag::EXP_CHALLENGE_ACK;
    let syn = &mut entry.seen[usize::from(last.reply)];
    syn.end = last.end;
    syn.max_end = last.end;
    syn.max_window = u32::from(last.window).max(1);
    syn.scale = last.scale;
    syn.flags = entry.last.flags;
    // `nf_ct_tcp_state_reset`, before 5.18 a `memset`.
    let answer = &mut entry.seen[usize::from(reply)];
    let liberal = answer.is(flag::BE_LIBERAL) && run.on(Switch::KeepLiberal);
    *answer = Seen { flags: if liberal { flag::BE_LIBERAL } else { 0 }, ..Seen::default() };
    true
}

/// Keeps what an ignored packet says (`last_*`).
fn remember_ignored(run: &mut Run<'_>, entry: &mut Entry, packet: &Packet, reply: bool, index: Index) {
    entry.last.index = index;
    entry.last.reply = reply;
    entry.last.seq = packet.seq;
    entry.last.end = packet.end();
    entry.last.window = packet.window;
    if index == Index::Syn && !reply {
        let mut seen = Seen::default();
        read_options(run, packet, &mut seen);
        entry.last.scale = if seen.is(flag::WINDOW_SCALE) { seen.scale } else { 0 };
        entry.last.flags = seen.flags & (flag::WINDOW_SCALE | flag::SACK_PERM);
        if entry.state == State::LastAck {
            entry.last.flags |= flag::EXP_CHALLENGE_ACK;
        }
    }
    if entry.state == State::SynSent && index == Index::Ack && reply && run.on(Switch::ChallengeAck) {
        entry.last.ack = packet.ack;
    }
}

/// What a RST is before the window is looked at.
enum Reset {
    /// `-NF_ACCEPT`.
    Invalid,
    /// The window decides.
    Check(State),
    /// The window does not count.
    Accept(State),
}

/// The case `TCP_CONNTRACK_CLOSE` with RST.
fn reset(run: &mut Run<'_>, entry: &Entry, packet: &Packet, reply: bool) -> Reset {
    let old = entry.state;
    let established = old == State::Established && entry.assured;
    let peer = &entry.seen[usize::from(!reply)];
    let mut to = State::Close;
    if old.is_closing() && run.on(Switch::RstReuse) {
        return Reset::Accept(to);
    }
    let max_ack = peer.max_ack;
    if peer.is(flag::MAXACK_SET) && !(entry.last.index == Index::Syn && run.on(Switch::RstReuse)) {
        if packet.seq == 0 && !established && run.on(Switch::RstReuse) {
            return Reset::Check(to);
        }
        if before(packet.seq, max_ack) && !(run.settings().ignore_invalid_rst && run.on(Switch::IgnoreInvalidRst)) {
            run.step(Step::InvalidRst { seq: packet.seq, max_ack });
            return Reset::Invalid;
        }
        // Until 5.0 any other RST goes on to the last two checks, in every state.
        let exact = run.on(Switch::ExactRst);
        if exact {
            let in_train = entry.last.index == Index::Ack && entry.last.reply == reply && packet.seq == entry.last.end;
            if !established || packet.seq == max_ack || in_train {
                return Reset::Check(to);
            }
            run.step(Step::InexactRst { seq: packet.seq, max_ack });
            to = old;
        }
    }
    if packet.ack == entry.last.end && answers_ignored(run, entry, reply) {
        return Reset::Accept(to);
    }
    let answers_challenge =
        old == State::SynSent && entry.last.index == Index::Ack && entry.last.reply && packet.seq == entry.last.ack;
    if answers_challenge && run.on(Switch::ChallengeAck) {
        return Reset::Accept(to);
    }
    Reset::Check(to)
}

/// A RST that answers a SYN or an ACK which was ignored before.
fn answers_ignored(run: &mut Run<'_>, entry: &Entry, reply: bool) -> bool {
    if !entry.assured && entry.last.index == Index::Ack {
        return true;
    }
    entry.seen_reply && entry.last.index == Index::Syn && (entry.last.reply != reply || !run.on(Switch::RstOtherSide))
}

/// `nf_tcp_handle_invalid`: an invalid FIN or RST after one of the other side shortens the time that is left.
fn handle_invalid(run: &mut Run<'_>, entry: &mut Entry, reply: bool, index: Index, now_us: u64) {
    let closes = |index| matches!(index, Index::Fin | Index::Rst);
    if !entry.assured || entry.fixed_timeout || !closes(index) || !run.on(Switch::LowerBoundIgnored) {
        return;
    }
    if entry.last.reply == reply || !closes(entry.last.index) {
        entry.last.index = index;
        entry.last.reply = reply;
        return;
    }
    let remaining = entry.remaining(now_us);
    let timeout = entry.timeouts(&run.host.settings.timeouts).unacknowledged;
    if remaining >= Micros::seconds(120) && remaining > timeout {
        entry.expires_us = now_us.saturating_add(timeout.0);
        run.step(Step::Timeout(timeout, TimeoutReason::InvalidClose));
        run.out.timeout = Some((timeout, TimeoutReason::InvalidClose));
    }
}
