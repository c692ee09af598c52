//! How often each of several translations is chosen, where the ruleset decides that.

use casebook_core::Span;

use super::{Answer, Branch, Translation, What};
use crate::nft::ir::DrawKind;

/// A probability, as a fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chance {
    /// Numerator.
    pub part: u64,
    /// Denominator, at least 1.
    pub whole: u64,
}

impl Chance {
    /// It never happens.
    pub const NEVER: Chance = Chance { part: 0, whole: 1 };
    /// It always happens.
    pub const ALWAYS: Chance = Chance { part: 1, whole: 1 };

    /// The fraction in lowest terms; `None` when it does not fit.
    fn new(part: u128, whole: u128) -> Option<Self> {
        let (mut a, mut b) = (part, whole);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        let common = a.max(1);
        Some(Self { part: u64::try_from(part / common).ok()?, whole: u64::try_from(whole / common).ok()? })
    }

    /// Both, one after the other.
    pub fn times(self, other: Self) -> Option<Self> {
        let part = u128::from(self.part).checked_mul(u128::from(other.part))?;
        Self::new(part, u128::from(self.whole).checked_mul(u128::from(other.whole))?)
    }

    /// Either, when they exclude each other.
    pub fn plus(self, other: Self) -> Option<Self> {
        let left = u128::from(self.part).checked_mul(u128::from(other.whole))?;
        let right = u128::from(other.part).checked_mul(u128::from(self.whole))?;
        Self::new(left.checked_add(right)?, u128::from(self.whole).checked_mul(u128::from(other.whole))?)
    }
}

/// One of the translations there can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The translation and the statement that makes it; `None` where the packet keeps what it has.
    pub to: Option<(Translation, Span)>,
    /// How often: of packets that meet a counter (`numgen inc`) one after the other, or by a random number each time
    /// (`numgen random`), which are the same while nobody knows where the counter stands; `None` when the ruleset does not decide that: a hash does not change its mind for one flow, and a
    /// condition that depends on time has no probability.
    pub chance: Option<Chance>,
}

type To = Option<(Translation, Span)>;

/// What each outcome's probability is; `None` when that is not decided.
type Spread = Option<Vec<(To, Chance)>>;

/// The last translation that `counts` of each way, with how often it is chosen.
pub(super) fn shares(answer: &Answer, counts: impl Fn(&Translation) -> bool) -> Vec<Share> {
    let to: Vec<To> = answer
        .ways
        .iter()
        .map(|way| {
            way.met.iter().rev().find_map(|met| match &met.what {
                What::Nat(translation) if counts(translation) => Some((*translation, met.span)),
                _ => None,
            })
        })
        .collect();
    let spread = if answer.whole { spread(&answer.ways, &to, 0, false) } else { None };
    let mut shares: Vec<Share> = Vec::new();
    for one in to {
        if !shares.iter().any(|known| known.to == one) {
            let found = |list: &Vec<(To, Chance)>| {
                list.iter().find(|(to, _)| *to == one).map_or(Chance::NEVER, |(_, chance)| *chance)
            };
            shares.push(Share { to: one, chance: spread.as_ref().map(found) });
        }
    }
    shares
}

/// Ways that agree in their first `depth` answers come one after the other, and their next answer is to one question.
/// What is drawn is weighed; any other answer must make no difference. Two counters (`numgen inc`) on one way are
/// not independent, so that their chances do not multiply.
fn spread(ways: &[Branch], to: &[To], depth: usize, counted: bool) -> Spread {
    let mut depth = depth;
    // Questions with one answer split nothing.
    let next = loop {
        match ways.first().and_then(|way| way.assumed.get(depth)) {
            Some(assumed) if assumed.of > 1 => break assumed,
            Some(_) => depth += 1,
            None => return to.first().map(|to| vec![(*to, Chance::ALWAYS)]),
        }
    };
    let counts = next.drawn.is_some_and(|drawn| drawn.how == DrawKind::Inc);
    if counts && counted {
        return None;
    }
    let mut sum: Vec<(To, Chance)> = Vec::new();
    let mut same: Option<Vec<(To, Chance)>> = None;
    let mut begin = 0;
    for group in ways.chunk_by(|a, b| answer_at(a, depth) == answer_at(b, depth)) {
        let inner = spread(group, &to[begin..begin + group.len()], depth + 1, counted || counts)?;
        begin += group.len();
        match group.first().and_then(|way| way.assumed.get(depth)).and_then(|assumed| assumed.drawn) {
            Some(drawn) if matches!(drawn.how, DrawKind::Inc | DrawKind::Random) => {
                let weight = Chance::new(u128::from(drawn.weight), u128::from(drawn.modulus))?;
                for (to, chance) in inner {
                    add(&mut sum, to, chance.times(weight)?)?;
                }
            }
            _ => match &same {
                Some(known) if !alike(known, &inner) => return None,
                Some(_) => {}
                None => same = Some(inner),
            },
        }
    }
    Some(same.unwrap_or(sum))
}

fn answer_at(way: &Branch, depth: usize) -> Option<u32> {
    way.assumed.get(depth).map(|assumed| assumed.answer)
}

fn add(sum: &mut Vec<(To, Chance)>, to: To, chance: Chance) -> Option<()> {
    match sum.iter_mut().find(|(known, _)| *known == to) {
        Some((_, known)) => *known = known.plus(chance)?,
        None => sum.push((to, chance)),
    }
    Some(())
}

fn alike(left: &[(To, Chance)], right: &[(To, Chance)]) -> bool {
    left.len() == right.len() && left.iter().all(|entry| right.contains(entry))
}
