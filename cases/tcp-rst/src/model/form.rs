//! The two forms a RST has, and which of them one is.
//!
//! A host with no socket for a segment answers it from the segment alone (RFC 9293, 3.10.7.1; Linux `tcp_v4_send_reset`,
//! `nf_send_reset`): the sequence number is the segment's acknowledgement and there is no ACK, or, if the segment had
//! none, the number is 0 and the segment is acknowledged. It has no state, so it has no window, no options and, on Linux,
//! IP-ID 0. A socket that ends its connection (`tcp_send_active_reset`) knows its own numbers: ACK is set, the sequence
//! number is its next one, window and timestamp are its own.

use crate::facts::flow::{Flags, LastSegment, Reset};

/// The form of a RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Made from the segment it answers.
    Stateless(Answer),
    /// Made by a socket.
    Stateful,
    /// ACK is set and a number of its own, as a socket does it, and the capture holds nothing else of that side to compare with.
    Alone,
    /// Neither as Linux, BSD and Windows make them; the reason says what does not fit.
    Unusual(&'static str),
}

/// What a stateless RST answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The last segment of the other side in the capture.
    Trigger,
    /// A SYN: the connection was refused.
    Syn,
    /// An acknowledgement of something else than the SYN that was sent: the other end holds an older connection of the same
    /// ports (RFC 9293, 3.5.1). A socket in SYN-SENT makes the stateless form (Linux `tcp_rcv_synsent_state_process`).
    OlderConnection,
    /// A segment the capture does not hold, or not as the last one.
    NotSeen,
}

/// The form of `reset`.
pub fn form(reset: &Reset) -> Form {
    if reset.flags.0 & (Flags::SYN | Flags::FIN) != 0 {
        return Form::Unusual("it has SYN or FIN beside RST, which no stack sends");
    }
    // Seen on both sides, so agreed on, also where the capture began after the handshake.
    let negotiated = reset.sender.ts_last.is_some() && reset.receiver.ts_last.is_some();
    if !reset.flags.has(Flags::ACK) {
        if reset.timestamps.is_some() {
            return Form::Unusual("it has no ACK, as an answer without state, and a timestamp, as only a socket has");
        }
        if reset.window != 0 {
            return Form::Unusual("it has no ACK and a window that is not 0");
        }
        let answers = reset.trigger.is_some_and(|trigger| answers(reset, &trigger));
        if answers && older_connection(reset) {
            return Form::Stateless(Answer::OlderConnection);
        }
        return Form::Stateless(if answers { Answer::Trigger } else { Answer::NotSeen });
    }
    if reset.seq == 0 && reset.window == 0 && reset.timestamps.is_none() {
        let syn = reset.trigger.is_some_and(|trigger| !trigger.flags.has(Flags::ACK) && acknowledges(reset, &trigger));
        if syn {
            return Form::Stateless(Answer::Syn);
        }
    }
    if negotiated && reset.timestamps.is_none() {
        return Form::Unusual("it has ACK, as a socket sets it, and lacks the timestamp both sides agreed on");
    }
    // A device that has followed the connection knows its numbers as well: without anything to compare with, ACK proves nothing.
    if reset.sender.segments == 0 {
        return Form::Alone;
    }
    Form::Stateful
}

/// True when the RST is the answer to `trigger` that RFC 9293 asks for: its sequence number is what the trigger acknowledges.
fn answers(reset: &Reset, trigger: &LastSegment) -> bool {
    trigger.flags.has(Flags::ACK) && reset.seq == trigger.ack
}

/// True when the side the RST carries had sent a SYN alone, and what it got is neither an answer to it nor a refusal.
fn older_connection(reset: &Reset) -> bool {
    let (Some(own), Some(trigger)) = (reset.own_last, reset.trigger) else { return false };
    let waiting = own.flags.has(Flags::SYN) && !own.flags.has(Flags::ACK);
    waiting && !trigger.flags.has(Flags::SYN) && trigger.ack != own.seq.wrapping_add(1)
}

fn acknowledges(reset: &Reset, trigger: &LastSegment) -> bool {
    let syn = u32::from(trigger.flags.has(Flags::SYN));
    let fin = u32::from(trigger.flags.has(Flags::FIN));
    reset.ack == trigger.seq.wrapping_add(trigger.payload_bytes).wrapping_add(syn).wrapping_add(fin)
}
