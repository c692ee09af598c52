//! Window tracking: `tcp_in_window`.

use super::entry::{Entry, Seen, flag};
use super::release::Switch;
use super::segment::{Packet, after, before};
use super::step::Step;
use super::table::{Index, State};
use super::track::Run;
use crate::facts::flow::Flags;

/// `enum nf_ct_tcp_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Let through, nothing believed.
    Ignore,
    /// Not of this connection.
    Invalid,
    /// In the window.
    Accept,
}

/// `MAXACKWINDOW`.
fn max_ack_window(sender: &Seen) -> u32 {
    sender.max_window.max(66_000)
}

/// `tcp_options`: only a header with options changes anything.
pub(super) fn read_options(run: &mut Run<'_>, packet: &Packet, seen: &mut Seen) {
    let options = &packet.options;
    if !options.present {
        return;
    }
    seen.scale = 0;
    seen.flags &= match seen.flags & flag::BE_LIBERAL != 0 && run.on(Switch::KeepLiberal) {
        true => flag::BE_LIBERAL,
        false => 0,
    };
    if options.sack_permitted {
        seen.flags |= flag::SACK_PERM;
    }
    if let Some(scale) = options.window_scale {
        seen.scale = scale;
        seen.flags |= flag::WINDOW_SCALE;
    }
}

/// `tcp_init_sender`.
fn init_sender(run: &mut Run<'_>, pair: (&mut Seen, &mut Seen), packet: &Packet, reply: bool) {
    let (sender, receiver) = pair;
    restart(run, sender, packet);
    let both = sender.is(flag::WINDOW_SCALE) && receiver.is(flag::WINDOW_SCALE);
    if !both && (sender.scale | receiver.scale) != 0 && (reply || !run.on(Switch::ScaleByReply)) {
        sender.scale = 0;
        receiver.scale = 0;
    }
}

fn restart(run: &mut Run<'_>, sender: &mut Seen, packet: &Packet) {
    sender.end = packet.end();
    sender.max_end = packet.end();
    sender.max_window = u32::from(packet.window).max(1);
    read_options(run, packet, sender);
}

/// `tcp_in_window`.
pub(super) fn in_window(run: &mut Run<'_>, entry: &mut Entry, packet: &Packet, reply: bool, index: Index) -> Action {
    let (original, other) = entry.seen.split_at_mut(1);
    let (sender, receiver) = match reply {
        false => (&mut original[0], &mut other[0]),
        true => (&mut other[0], &mut original[0]),
    };
    let (mut seq, mut ack, mut end) = (packet.seq, packet.ack, packet.end());
    let mut window = u32::from(packet.window);
    let mut sack = ack;
    if receiver.is(flag::SACK_PERM) {
        for right in packet.options.sack_right() {
            if after(*right, sack) {
                sack = *right;
            }
        }
    }
    let (syn, has_ack) = (packet.flags.has(Flags::SYN), packet.flags.has(Flags::ACK));
    if sender.max_window == 0 {
        if syn {
            init_sender(run, (sender, receiver), packet, reply);
            if !has_ack {
                return Action::Accept;
            }
        } else {
            pick_up(run, (sender, receiver), window, end, sack);
        }
    } else if reinitialise(run, entry.state, packet, reply, (sender, receiver)) {
        return Action::Accept;
    }
    // A segment without ACK, and the broken RST with ACK of 0, acknowledge what is expected.
    if !has_ack || (packet.flags.has(Flags::RST) && ack == 0) {
        ack = receiver.end;
        sack = receiver.end;
    }
    if packet.flags.has(Flags::RST) && seq == 0 && entry.state == State::SynSent {
        seq = sender.end;
        end = sender.end;
    }
    if let Some(action) = bounds(run, (sender, receiver), (seq, end, sack)) {
        return action;
    }
    if !syn {
        window = window.wrapping_shl(u32::from(sender.scale));
    }
    update((sender, receiver), (ack, sack, end, window), has_ack);
    if index == Index::Ack {
        count_retransmission(run, entry, packet, reply, (seq, ack, end, window));
    }
    Action::Accept
}

/// The first segment of a direction whose handshake was not seen.
fn pick_up(run: &mut Run<'_>, pair: (&mut Seen, &mut Seen), window: u32, end: u32, sack: u32) {
    let (sender, receiver) = pair;
    sender.end = end;
    sender.max_window = window.wrapping_shl(u32::from(sender.scale)).max(1);
    sender.max_end = end.wrapping_add(sender.max_window);
    if receiver.max_window == 0 {
        receiver.end = sack;
        receiver.max_end = sack;
    } else if sack == receiver.end.wrapping_add(1) && run.on(Switch::KeepaliveReply) {
        receiver.end = receiver.end.wrapping_add(1);
    }
}

/// A segment in SYN_SENT or SYN_RECV beyond what its side sent starts the side anew. True when that ends the check.
fn reinitialise(run: &mut Run<'_>, state: State, packet: &Packet, reply: bool, pair: (&mut Seen, &mut Seen)) -> bool {
    if !matches!(state, State::SynSent | State::SynRecv) {
        return false;
    }
    let (sender, receiver) = pair;
    let beyond = after(packet.end(), sender.end);
    let (syn, has_ack) = (packet.flags.has(Flags::SYN), packet.flags.has(Flags::ACK));
    let own_state = if reply { State::SynRecv } else { State::SynSent };
    let syn_of_reply = syn && reply && state == State::SynSent;
    // What the three generations do with this segment; they are asked for only where it matters.
    if !(beyond && (syn || state == own_state)) && !syn_of_reply {
        return false;
    }
    if run.on(Switch::SynOnlyReinit) {
        if !(syn && beyond) {
            return false;
        }
        init_sender(run, (sender, receiver), packet, reply);
        return reply && !has_ack;
    }
    if state == own_state && beyond {
        restart(run, sender, packet);
        return false;
    }
    if syn_of_reply && run.on(Switch::SynAckReinit) {
        init_sender(run, (sender, receiver), packet, reply);
        return !has_ack;
    }
    false
}

/// The four bounds; `None` when all hold.
fn bounds(run: &mut Run<'_>, pair: (&mut Seen, &mut Seen), numbers: (u32, u32, u32)) -> Option<Action> {
    let (sender, receiver) = pair;
    let (seq, end, sack) = numbers;
    let lowest_end = sender.end.wrapping_sub(receiver.max_window).wrapping_sub(1);
    let lowest_ack = receiver.end.wrapping_sub(max_ack_window(sender)).wrapping_sub(1);
    let seq_low = receiver.max_window != 0 && !after(end, lowest_end);
    let ack_low = !after(sack, lowest_ack);
    let ack_high = !before(sack, receiver.end.wrapping_add(1));
    let seq_high = !before(seq, sender.max_end.wrapping_add(1));
    if !(seq_high || ack_high || seq_low || ack_low) {
        return None;
    }
    let liberal = sender.is(flag::BE_LIBERAL) || run.settings().be_liberal;
    // Since 6.1 the lower bounds only ignore. Before, the order of the checks decides nothing but the message.
    let low = match !seq_high && !ack_high && !liberal && !run.on(Switch::LowerBoundIgnored) {
        true => Action::Invalid,
        false => Action::Ignore,
    };
    let overshoot = end.wrapping_sub(sender.max_end).wrapping_add(1);
    let (step, action) = if seq_high {
        let little = !ack_low && !ack_high && !seq_low && overshoot <= receiver.max_window;
        if little && overshot(run, sender, receiver, liberal, end) {
            let ignored = run.on(Switch::LowerBoundIgnored);
            (Step::Overshoot(overshoot), if ignored { Action::Ignore } else { Action::Invalid })
        } else {
            (Step::SeqAbove { seq, bound: sender.max_end.wrapping_add(1) }, Action::Invalid)
        }
    } else if ack_high {
        (Step::AckAbove { ack: sack, bound: receiver.end.wrapping_add(1) }, Action::Invalid)
    } else if seq_low {
        (Step::SeqBelow { end, bound: lowest_end }, low)
    } else {
        (Step::AckBelow { ack: sack, bound: lowest_ack }, low)
    };
    run.step(step);
    if liberal {
        run.step(Step::Liberal);
        return Some(Action::Accept);
    }
    Some(action)
}

/// A sender a little over its window: its end is believed, so that the acknowledgement can be. In 6.0 liberal connections
/// do not come here.
fn overshot(run: &mut Run<'_>, sender: &mut Seen, receiver: &Seen, liberal: bool, end: u32) -> bool {
    let asked = receiver.max_window != 0 && run.on(Switch::Overshoot);
    if !asked || (liberal && !run.on(Switch::LowerBoundIgnored)) {
        return false;
    }
    sender.end = end;
    sender.flags |= flag::DATA_UNACKNOWLEDGED;
    true
}

/// What a segment in the window teaches.
fn update(pair: (&mut Seen, &mut Seen), numbers: (u32, u32, u32, u32), has_ack: bool) {
    let (sender, receiver) = pair;
    let (ack, sack, end, window) = numbers;
    sender.max_window = sender.max_window.max(window.wrapping_add(sack.wrapping_sub(ack)));
    if after(end, sender.end) {
        sender.end = end;
        sender.flags |= flag::DATA_UNACKNOWLEDGED;
    }
    if has_ack {
        if !sender.is(flag::MAXACK_SET) {
            sender.max_ack = ack;
            sender.flags |= flag::MAXACK_SET;
        } else if after(ack, sender.max_ack) {
            sender.max_ack = ack;
        }
    }
    if receiver.max_window != 0 && after(end, sender.max_end) {
        receiver.max_window = receiver.max_window.wrapping_add(end.wrapping_sub(sender.max_end));
    }
    let allowed = sack.wrapping_add(window);
    if after(allowed, receiver.max_end.wrapping_sub(1)) {
        receiver.max_end = allowed.wrapping_add(u32::from(window == 0));
    }
    if ack == receiver.end {
        receiver.flags &= !flag::DATA_UNACKNOWLEDGED;
    }
}

/// Identical ACKs in a row are retransmissions.
fn count_retransmission(
    run: &mut Run<'_>,
    entry: &mut Entry,
    packet: &Packet,
    reply: bool,
    numbers: (u32, u32, u32, u32),
) {
    let (seq, ack, end, window) = numbers;
    // Before 5.3 the window is kept scaled, cut to 16 bits, but compared whole.
    let differ = window != u32::from(packet.window);
    let (kept, compared) = match !differ || run.on(Switch::RawWindow) {
        true => (packet.window, u32::from(packet.window)),
        false => (window as u16, window),
    };
    let last = &mut entry.last;
    let same = last.reply == reply
        && last.seq == seq
        && last.ack == ack
        && last.end == end
        && u32::from(last.window) == compared;
    if same {
        entry.retrans = entry.retrans.wrapping_add(1);
        return;
    }
    (last.reply, last.seq, last.ack, last.end, last.window) = (reply, seq, ack, end, kept);
    entry.retrans = 0;
}
