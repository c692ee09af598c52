//! What was found about a packet, as JSON: the witness of the rules and the output of the verb are the same objects.

use casebook_core::{EvidenceId, EvidenceSet};
use serde_json::{Value, json};

use super::words::{arrow, value};
use crate::facts::direction::PacketRef;
use crate::model::forensics::{Cause, Examined};
use crate::model::mistake::Mistake;

/// A bad packet and why.
pub fn packet(one: &Examined<'_>, evidence: &EvidenceSet) -> Value {
    let kept = one.kept;
    let protocol = kept.way.protocol;
    json!({
        "number": kept.site.packet.number,
        "flow": arrow(&kept.way),
        "protocol": protocol.name(),
        "stored": value(protocol, kept.stored),
        "computed": value(protocol, kept.computed),
        "cause": cause(&one.cause, evidence),
    })
}

/// A cause.
pub fn cause(cause: &Cause, evidence: &EvidenceSet) -> Value {
    let at = |id: EvidenceId, packet: PacketRef| json!({ "evidence": evidence.path(id), "number": packet.number });
    match cause {
        Cause::Changed { changes, copy } => json!({
            "kind": "changed",
            "copy": at(copy.0, copy.1.packet),
            "bytes": changes.iter().take(16)
                .map(|change| json!({ "at": change.at, "was": change.was, "is": change.is })).collect::<Vec<_>>(),
            "more_bytes": changes.len().saturating_sub(16),
        }),
        Cause::CrcBit(bit) => json!({ "kind": "crc-bit", "at": bit.at, "mask": bit.mask }),
        Cause::Bit { flip, or } => json!({
            "kind": "bit", "bit": flip.bit, "now_set": flip.now_set, "candidates": flip.candidates, "words": flip.words,
            "or": or.map(name),
        }),
        Cause::Made(mistake) => {
            json!({ "kind": "made-otherwise", "how": name(*mistake), "trailer_bytes": trailer(*mistake) })
        }
        Cause::Translated(translation) | Cause::TranslatedOffload(translation) => json!({
            "kind": "translated",
            "old": arrow(&translation.old),
            "shown_by": at(translation.shown_by.0, translation.shown_by.1),
            "backwards": translation.backwards,
            "tried": translation.tried,
            "left_to_card": matches!(cause, Cause::TranslatedOffload(_)),
        }),
        Cause::Rewritten => json!({ "kind": "rewritten" }),
        Cause::Lowered { hops } => json!({ "kind": "ttl-lowered", "hops": hops }),
        Cause::Damaged => json!({ "kind": "damaged" }),
    }
}

fn trailer(mistake: Mistake) -> Option<usize> {
    if let Mistake::Trailer { bytes } = mistake { Some(bytes) } else { None }
}

/// The stable name of a way to make a sum.
pub fn name(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::Swapped => "swapped",
        Mistake::NotComplemented => "not-complemented",
        Mistake::Empty => "empty",
        Mistake::NoPseudoHeader => "no-pseudo-header",
        Mistake::Trailer { .. } => "trailer",
        Mistake::OddByteLow => "odd-byte-low",
        Mistake::OddByteMissing => "odd-byte-missing",
        Mistake::HeaderOnly => "header-only",
        Mistake::PayloadLength => "payload-length",
        Mistake::PacketLength => "packet-length",
        Mistake::SwappedLength => "swapped-length",
        Mistake::Adler32 => "adler-32",
    }
}
