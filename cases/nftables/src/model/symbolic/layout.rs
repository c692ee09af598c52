//! The atoms of a comparison: the stretches of bits that every rule reads, masks and writes as a whole.
//!
//! Each atom is one variable. Cutting at the edges of masks makes a masked test exact without listing the values that
//! meet it: of `mark & 0xff` the low byte is tested and the other three are not looked at.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use casebook_formats::nft::ir::{
    Base, CtKey, Expr, Field, Hook, MetaKey, Nat, NatKind, OpKind, PayloadField, Ruleset, Target,
};

use super::diagram::Var;
use super::space::{At, Class, HAS_LINK, Located, Piece, Run, Space, TRANSPORT_LEN};

/// The variables of a class.
#[derive(Debug)]
pub struct Layout {
    /// Class.
    pub class: Class,
    atoms: BTreeMap<Space, Vec<(Run, Var)>>,
    runs: Vec<Run>,
}

/// Positions at which a space is cut.
#[derive(Default)]
struct Cuts {
    /// Cut positions by space.
    at: BTreeMap<Space, BTreeSet<u16>>,
    /// What is read or written at all.
    used: Vec<Run>,
    /// Bits that are copied from one place to another: both are cut alike.
    copies: Vec<(Run, Run)>,
}

/// What rulesets read and write, each kind of operation once: the same for all classes.
#[derive(Debug, Default)]
pub struct Uses<'r> {
    /// Fields, and fields under masks, that are compared or looked up.
    reads: HashSet<&'r Expr>,
    /// What is written where.
    writes: HashSet<(Target, &'r Expr)>,
    /// Translations.
    nats: Vec<&'r Nat>,
}

impl<'r> Uses<'r> {
    /// What these rulesets read and write.
    pub fn of(rulesets: &[&'r Ruleset]) -> Self {
        let mut out = Self::default();
        for op in rulesets.iter().flat_map(|ruleset| ruleset.rules()).flat_map(|(_, rule)| &rule.ops) {
            match &op.kind {
                OpKind::Match(expr, _) | OpKind::Vmap(expr, _) | OpKind::SetUpdate { key: expr, .. } => {
                    out.reads.insert(expr);
                }
                OpKind::Assign(target, value) => {
                    out.writes.insert((*target, value));
                }
                OpKind::Nat(nat) => {
                    out.nats.push(nat);
                    out.reads.extend([&nat.addr, &nat.port].into_iter().flatten());
                }
                _ => {}
            }
        }
        out
    }

    /// The fields that some rule writes, in a class of packets.
    pub(super) fn written(&self, ip6: bool) -> impl Iterator<Item = Field> {
        let assigned = self.writes.iter().filter_map(|(target, _)| target_field(*target));
        let translated = self.nats.iter().flat_map(move |nat| nat_fields(nat.kind, ip6).map(Field::Payload));
        assigned.chain(translated)
    }
}

impl Layout {
    /// The variables that these rulesets need in a class.
    pub fn of(class: Class, rulesets: &[&Ruleset]) -> Self {
        Self::for_uses(class, &Uses::of(rulesets))
    }

    /// The variables that are needed in a class for what is read and written.
    pub fn for_uses(class: Class, uses: &Uses<'_>) -> Self {
        let mut cuts = Cuts::default();
        uses.reads.iter().for_each(|expr| {
            cuts.expr(class, expr);
        });
        uses.writes.iter().for_each(|(target, value)| cuts.assign(class, *target, value));
        let translated = uses.nats.iter().map(|nat| nat.kind).collect::<HashSet<_>>();
        for field in translated.into_iter().flat_map(|kind| nat_fields(kind, class.ip6)) {
            cuts.field(class, Field::Payload(field));
        }
        // What the constraints of a class and the hooks themselves look at.
        for (space, count) in [(Space::L4proto, 8), (Space::CtState, 32), (Space::Iif, 128), (Space::Oif, 128)] {
            cuts.cut(Run { space, first: 0, count });
        }
        cuts.cut(Run { space: Space::Meta(MetaKey::Pkttype), first: 0, count: 8 });
        // The hop limit, which forwarding lowers.
        cuts.cut(Run { space: Space::Network, first: if class.ip6 { 56 } else { 64 }, count: 8 });
        // Bits that say what kind of packet it is, where a rule reads them among others.
        let kinds: &[(u16, u16)] = if class.ip6 { &[(48, 8)] } else { &[(4, 4), (50, 1), (51, 13)] };
        for (first, count) in kinds {
            let run = Run { space: Space::Network, first: *first, count: *count };
            let whole = class.later || *first != 51;
            if whole
                && cuts
                    .used
                    .iter()
                    .any(|used| used.space == run.space && used.first < run.end() && run.first < used.end())
            {
                cuts.cut(run);
            }
        }
        if cuts.at.contains_key(&Space::CtMark) {
            cuts.cut(Run { space: Space::CtMark, first: 0, count: 32 });
        }
        let mut runs = cuts.runs();
        runs.sort_by_key(|run| run.rank(class.ip6));
        let mut atoms: BTreeMap<Space, Vec<(Run, Var)>> = BTreeMap::new();
        for (number, run) in runs.iter().enumerate() {
            atoms.entry(run.space).or_default().push((*run, Var(number as u16)));
        }
        atoms.values_mut().for_each(|list| list.sort_unstable());
        Self { class, atoms, runs }
    }

    /// Greatest value of each variable.
    pub fn greatest(&self) -> Vec<u128> {
        self.runs.iter().map(|run| ones(run.count)).collect()
    }

    /// The bits of all variables, in their order.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().copied()
    }

    /// The bits of a variable; `None` for one that was added later, for something unknown.
    pub fn run(&self, var: Var) -> Option<Run> {
        self.runs.get(usize::from(var.0)).copied()
    }

    /// The variables of a run of bits, most significant first.
    pub fn atoms(&self, run: Run) -> Vec<(u16, Var)> {
        let list = self.atoms.get(&run.space).map_or(&[][..], Vec::as_slice);
        let inside = list.iter().filter(|(atom, _)| run.first <= atom.first && atom.end() <= run.end());
        inside.map(|(atom, var)| (atom.count, *var)).collect()
    }
}

/// The greatest number of so many bits.
pub fn ones(count: u16) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

impl Cuts {
    fn cut(&mut self, run: Run) {
        self.used.push(run);
        let cuts = self.at.entry(run.space).or_default();
        cuts.insert(run.first);
        cuts.insert(run.end());
    }

    /// The runs a field is made of anywhere on the path.
    fn field(&mut self, class: Class, field: Field) -> Option<Vec<Piece>> {
        // Where it is absent at one hook it may be there at another; the bits are the same.
        let hooks = [Hook::Forward, Hook::Input, Hook::Output, Hook::Prerouting, Hook::Postrouting];
        let at = |hook: &Hook| class.locate(field, At { hook: *hook, looked_up: true });
        let (pieces, needs) = hooks.iter().find_map(|hook| match at(hook) {
            Located::Bits { pieces, needs } if pieces.iter().any(|piece| matches!(piece, Piece::Run(_))) => {
                Some((pieces, needs))
            }
            _ => None,
        })?;
        if needs.bytes > 0 {
            self.cut(TRANSPORT_LEN);
        }
        if needs.link {
            self.cut(HAS_LINK);
        }
        if let Some(kind) = needs.option {
            self.cut(Run { space: Space::HasOption(kind), first: 0, count: 1 });
        }
        for piece in &pieces {
            if let Piece::Run(run) = piece {
                self.cut(*run);
            }
        }
        Some(pieces)
    }

    /// Cuts for an expression; the runs its bits come from, when it is a field, masked or not.
    fn expr(&mut self, class: Class, expr: &Expr) -> Option<Vec<Piece>> {
        match expr {
            Expr::Load(field) => self.field(class, *field),
            Expr::Bits { base, and, .. } => {
                let pieces = self.expr(class, base)?;
                self.mask(&pieces, *and);
                Some(pieces)
            }
            Expr::Shift { base, .. } => {
                self.expr(class, base);
                None
            }
            Expr::Concat(parts) => {
                for part in parts {
                    self.expr(class, part);
                }
                None
            }
            Expr::Map(key, _) => {
                self.expr(class, key);
                None
            }
            Expr::Const(_) | Expr::Unknown { .. } => None,
        }
    }

    /// Cuts where a mask changes between 0 and 1.
    fn mask(&mut self, pieces: &[Piece], mask: u128) {
        let mut left: u16 = pieces.iter().map(|piece| width(*piece)).sum();
        for piece in pieces {
            let count = width(*piece);
            left -= count;
            let Piece::Run(run) = piece else { continue };
            for bit in 1..count {
                let of = |bit: u16| mask.checked_shr(u32::from(left + count - 1 - bit)).unwrap_or(0) & 1;
                if of(bit) != of(bit - 1) {
                    self.at.entry(run.space).or_default().insert(run.first + bit);
                }
            }
        }
    }

    fn assign(&mut self, class: Class, target: Target, value: &Expr) {
        let from = self.expr(class, value);
        if let Target::TcpOption(kind, offset, bits) = target {
            self.field(class, Field::TcpOption(kind, 0, 0));
            self.field(class, Field::TcpOption(kind, offset, bits));
            self.cut(TRANSPORT_LEN);
        }
        if let Expr::Bits { and, xor, .. } = value
            && let Some(from) = &from
        {
            self.mask(from, *and);
            self.mask(from, *xor);
        }
        let to = target_field(target).and_then(|field| self.field(class, field));
        if let (Some(from), Some(to)) = (from, to) {
            self.copy(&from, &to);
        }
    }

    /// Remembers that bits are copied, the least significant ones aligned.
    fn copy(&mut self, from: &[Piece], to: &[Piece]) {
        if let ([Piece::Run(from)], [Piece::Run(to)]) = (from, to) {
            let count = from.count.min(to.count);
            let low = |run: &Run| Run { first: run.end() - count, count, ..*run };
            self.cut(low(from));
            self.cut(low(to));
            self.copies.push((low(from), low(to)));
        }
    }

    fn runs(mut self) -> Vec<Run> {
        loop {
            let mut more: Vec<(Space, u16)> = Vec::new();
            for (a, b) in self.copies.iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
                let cuts = self.at.get(&a.space).into_iter().flatten().filter(|at| (a.first..=a.end()).contains(at));
                let there = self.at.get(&b.space);
                let moved = cuts.map(|at| at - a.first + b.first);
                more.extend(moved.filter(|at| !there.is_some_and(|there| there.contains(at))).map(|at| (b.space, at)));
            }
            if more.is_empty() {
                break;
            }
            for (space, at) in more {
                self.at.entry(space).or_default().insert(at);
            }
        }
        let mut runs = Vec::new();
        for (space, cuts) in &self.at {
            let list: Vec<u16> = cuts.iter().copied().collect();
            runs.extend(list.windows(2).map(|pair| Run { space: *space, first: pair[0], count: pair[1] - pair[0] }));
        }
        // What lies between two fields is read by nobody.
        self.used.sort_unstable();
        self.used.dedup();
        let inside = |run: &Run, used: &Run| used.first <= run.first && run.end() <= used.end();
        let of = |run: &Run| self.used.iter().any(|used| used.space == run.space && inside(run, used));
        runs.into_iter().filter(of).collect()
    }
}

fn width(piece: Piece) -> u16 {
    match piece {
        Piece::Run(run) => run.count,
        Piece::Known(count, _) => count,
    }
}

/// The field an assignment writes, when rules can read it back.
pub fn target_field(target: Target) -> Option<Field> {
    match target {
        Target::Meta(key) => Some(Field::Meta(key)),
        Target::Ct(key @ (CtKey::Mark | CtKey::Label)) => Some(Field::Ct(key, None)),
        Target::Payload(field) => Some(Field::Payload(field)),
        Target::Ct(_) | Target::TcpOption(..) | Target::Other => None,
    }
}

/// Address and port that a translation writes.
pub fn nat_fields(kind: NatKind, ip6: bool) -> [PayloadField; 2] {
    let source = matches!(kind, NatKind::Snat | NatKind::Masquerade);
    let (offset, bits) = match (ip6, source) {
        (false, true) => (96, 32),
        (false, false) => (128, 32),
        (true, true) => (64, 128),
        (true, false) => (192, 128),
    };
    let port = if source { 0 } else { 16 };
    [
        PayloadField { base: Base::Network, offset, bits, name: "" },
        PayloadField { base: Base::Transport, offset: port, bits: 16, name: "" },
    ]
}
