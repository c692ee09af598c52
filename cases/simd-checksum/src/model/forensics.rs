//! Why the checksums of a direction do not hold.

use casebook_checksum::ones;
use casebook_core::{EvidenceId, EvidenceSet};
use casebook_formats::packet::Protocol;

use super::crc::{self, Bit};
use super::flip::{self, Flip};
use super::mistake::{self, Mistake};
use super::sums::{self, Change};
use super::translation::{self, Ends, Translation};
use crate::facts::capture::{Differences, Order};
use crate::facts::direction::Way;
use crate::facts::specimen::{Kept, Site, Specimen};
use crate::facts::{Capture, Facts};

/// Why one packet's checksum does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Bytes were changed; an unharmed copy shows which.
    Changed {
        /// The bytes.
        changes: Vec<Change>,
        /// The capture of the copy, and where it is in it.
        copy: (EvidenceId, Site),
    },
    /// One bit, and the CRC says which.
    CrcBit(Bit),
    /// One bit, somewhere among the words that could hold it.
    Bit {
        /// Which bit of a word.
        flip: Flip,
        /// A way to make the sum that gives the same; one packet alone does not decide.
        or: Option<Mistake>,
    },
    /// The sum was made otherwise.
    Made(Mistake),
    /// An end was rewritten and the sum left; another flow shows the old one.
    Translated(Translation),
    /// The same, of a sum that was left to the network card.
    TranslatedOffload(Translation),
    /// Every packet of the direction differs by the same number, as after a rewriting; nothing shows the old words.
    Rewritten,
    /// The TTL was lowered and the header's sum left.
    Lowered {
        /// By how many hops.
        hops: u8,
    },
    /// More than one bit.
    Damaged,
}

impl Cause {
    /// Causes of one kind make one finding.
    pub fn group(&self) -> u8 {
        match self {
            Cause::Changed { .. } | Cause::CrcBit(_) | Cause::Bit { .. } | Cause::Damaged => 0,
            Cause::Made(mistake) => 1 + u8::from(mistake.is_length()),
            Cause::Translated(_) | Cause::TranslatedOffload(_) | Cause::Rewritten => 3,
            Cause::Lowered { .. } => 4,
        }
    }
}

/// A bad packet and why.
#[derive(Clone, Debug)]
pub struct Examined<'a> {
    /// The packet.
    pub kept: &'a Kept,
    /// What of it was taken out of the capture; `None` where that cannot be done again.
    pub specimen: Option<Specimen<'a>>,
    /// Why.
    pub cause: Cause,
}

/// The bad packets of one direction that have one kind of cause.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The capture.
    pub capture: &'a Capture,
    /// Who to whom.
    pub way: Way,
    /// Counts and differences of the whole direction.
    pub differences: Differences,
    /// Packets of the direction whose checksum holds or was left to the card.
    pub sound: u64,
    /// The packets that were examined; the first one is the finding's.
    pub packets: Vec<Examined<'a>>,
}

impl Judged<'_> {
    /// How many bad packets have this cause: all of the direction where those examined agree, else those examined.
    pub fn count(&self, all: bool) -> u64 {
        if all { self.differences.bad } else { self.packets.len() as u64 }
    }
}

/// Every bad packet that was kept, with its cause, by capture and direction.
pub fn judge<'a>(facts: &'a Facts, evidence: &'a EvidenceSet) -> Vec<Judged<'a>> {
    if facts.captures.iter().all(|capture| capture.bad.is_empty()) {
        return Vec::new();
    }
    let ends = Ends::of(&facts.captures);
    let mut out = Vec::new();
    for capture in &facts.captures {
        for (Order(_, way), differences) in &capture.differences {
            direction(capture, *way, *differences, &ends, evidence, &mut out);
        }
    }
    out
}

fn direction<'a>(
    capture: &'a Capture,
    way: Way,
    differences: Differences,
    ends: &Ends<'_>,
    evidence: &'a EvidenceSet,
    out: &mut Vec<Judged<'a>>,
) {
    let counts = capture.directions.get(&way).map(|direction| direction.counts).unwrap_or_default();
    let sound = if way.protocol == Protocol::Ipv4 {
        // Headers that hold are not counted by direction; a flow of theirs that holds is not what is asked here.
        0
    } else {
        counts.good + counts.offloaded()
    };
    let kept: Vec<(&Kept, Option<Specimen<'a>>)> =
        capture.bad_of(way).map(|kept| (kept, kept.specimen(evidence, capture.id()))).collect();
    let whole = throughout(way, differences, counts.good, counts.offloaded(), &kept, ends);
    let mut groups: Vec<Judged<'a>> = Vec::new();
    for (kept, specimen) in kept {
        let cause = match &whole {
            Some(cause) => cause.clone(),
            None => specimen
                .as_ref()
                .map_or(Cause::Damaged, |specimen| one(kept, specimen, (sound, differences.bad), evidence)),
        };
        let examined = Examined { kept, specimen, cause };
        match groups.iter_mut().find(|group| group.packets[0].cause.group() == examined.cause.group()) {
            Some(group) => group.packets.push(examined),
            None => groups.push(Judged { capture, way, differences, sound, packets: vec![examined] }),
        }
    }
    out.extend(groups);
}

/// A cause that all bad packets of a direction share.
fn throughout(
    way: Way,
    differences: Differences,
    good: u64,
    offloaded: u64,
    kept: &[(&Kept, Option<Specimen<'_>>)],
    ends: &Ends<'_>,
) -> Option<Cause> {
    // A rewriting leaves no packet of its direction as it was; a CRC has no pseudo header to rewrite.
    if good > 0 || way.protocol == Protocol::Sctp {
        return None;
    }
    let first = kept.first()?.1.as_ref()?;
    if way.protocol == Protocol::Ipv4 {
        if !differences.same {
            return None;
        }
        if differences.bad > 1
            && let Some(translation) = ends.translation(way, differences.first, differences.bad)
        {
            return Some(Cause::Translated(translation));
        }
        return translation::lowered(differences.first)
            .filter(|_| differences.bad > 1)
            .map(|hops| Cause::Lowered { hops });
    }
    first.pseudo.as_ref()?;
    // One packet that differs by one bit is a flipped bit, also where the bit is in an address or a port.
    let one_bit = |difference: u16| differences.bad == 1 && ones::single_flip(difference).is_some();
    if differences.same
        && offloaded == 0
        && !one_bit(differences.first)
        && let Some(translation) = ends.translation(way, differences.first, differences.bad)
    {
        return Some(Cause::Translated(translation));
    }
    // A sum left to the card is the pseudo header's, not its complement, so the field still has the old end in it.
    let left = |specimen: &Specimen<'_>| ones::sub(pseudo_of(specimen), specimen.stored as u16);
    let partial = left(first);
    if kept.len() > 1
        && kept.iter().all(|(_, one)| one.as_ref().is_some_and(|one| ones::same(left(one), partial)))
        && let Some(translation) = ends.translation(way, partial, differences.bad)
    {
        return Some(Cause::TranslatedOffload(translation));
    }
    // Without a flow that shows the old end, two packets with other content are the least that can show a rewriting.
    let differ = kept.iter().flat_map(|(_, specimen)| specimen).any(|other| other.covered != first.covered);
    let rewriting = differences.same && differ && ones::single_flip(differences.first).is_none();
    let made = kept.iter().flat_map(|(_, specimen)| specimen).any(|specimen| mistake::mistake(specimen).is_some());
    (rewriting && !made).then_some(Cause::Rewritten)
}

fn pseudo_of(specimen: &Specimen<'_>) -> u16 {
    specimen.pseudo.as_ref().map_or(0, |pseudo| sums::pseudo(pseudo).fold())
}

/// The cause of one packet by itself.
fn one(kept: &Kept, specimen: &Specimen<'_>, (sound, bad): (u64, u64), evidence: &EvidenceSet) -> Cause {
    if specimen.protocol == Protocol::Sctp {
        return match mistake::mistake(specimen) {
            Some(mistake) => Cause::Made(mistake),
            None => match crc::locate(specimen.stored, specimen.computed, specimen.covered.len()) {
                Some(bit) => Cause::CrcBit(bit),
                None => Cause::Damaged,
            },
        };
    }
    if let Some(copy) = kept.copy
        && let Some(unharmed) = copy.1.specimen(evidence, copy.0, specimen.protocol)
        && let Some(changes) = sums::repaired(specimen, &unharmed)
    {
        return Cause::Changed { changes, copy };
    }
    // A sender that makes its sums in another way makes many of them so; memory flips a bit once.
    match (mistake::mistake(specimen), flip::flip(specimen)) {
        (Some(mistake), None) => Cause::Made(mistake),
        (Some(mistake), Some(_)) if sound == 0 && bad > 1 => Cause::Made(mistake),
        (or, Some(flip)) => Cause::Bit { flip, or },
        (None, None) => Cause::Damaged,
    }
}
