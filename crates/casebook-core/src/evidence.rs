//! Evidence: bytes with an id, a path and a digest. It is never changed.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sha2::Digest as _;

use crate::lines::LineIndex;

/// Number of a piece of evidence within one run. Ids are dense and given in the order evidence was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EvidenceId(pub u32);

/// A byte range of one piece of evidence, `start..end`, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The evidence the range is in.
    pub evidence: EvidenceId,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Span {
    /// The span `start..end` of `evidence`.
    pub fn new(evidence: EvidenceId, start: usize, end: usize) -> Self {
        Self { evidence, start: start as u64, end: end.max(start) as u64 }
    }

    /// The smallest span that holds both. Spans of different evidence keep `self`.
    pub fn to(self, other: Span) -> Span {
        if self.evidence != other.evidence {
            return self;
        }
        Span { evidence: self.evidence, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The range as `usize`, for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Length in bytes.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// True for a span of no bytes, which marks the place where something is absent.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Bytes somebody else holds.
pub trait Content: Send + Sync {
    /// All of them, the same at every call.
    fn as_slice(&self) -> &[u8];

    /// The reader is done with this range for now. A memory map gives its pages back; they are read again when somebody
    /// looks again, so the bytes stay what they are.
    fn release(&self, _range: Range<usize>) {}
}

/// Anything that gives bytes and holds them in memory.
struct Held<T>(T);

impl<T: AsRef<[u8]> + Send + Sync> Content for Held<T> {
    fn as_slice(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// Shared, immutable bytes: owned, static or a memory map held by the collector.
#[derive(Clone)]
pub struct Bytes(Arc<dyn Content>);

impl Bytes {
    /// Wraps anything that gives bytes and can be shared.
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Held(bytes)))
    }

    /// Wraps bytes whose memory can be given back while they are read.
    pub fn of(content: impl Content + 'static) -> Self {
        Self(Arc::new(content))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Says that a reader is done with this range; a reader of large evidence does so every few MiB.
    pub fn release(&self, range: Range<usize>) {
        let end = range.end.min(self.as_slice().len());
        if range.start < end {
            self.0.release(range.start..end);
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.as_slice().len())
    }
}

/// SHA-256 of evidence, so that a replay can tell whether it reads the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One piece of evidence: a file, a member of a bundle, a stream or a live reading.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Its number in this run.
    pub id: EvidenceId,
    /// The path as the user would write it, or the name of the live reading (`live:nft ruleset`).
    pub path: String,
    /// Name of the [`crate::Kind`] it was recognised as; `None` when no case reads it.
    pub kind: Option<&'static str>,
    /// The bytes.
    pub bytes: Bytes,
    /// True when the walk found it because another file refers to it, not because the user gave it.
    pub referred: bool,
}

impl Evidence {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The bytes as text; invalid UTF-8 is cut off at the first bad byte, whose offset is the `Err` length.
    pub fn as_text(&self) -> Result<&str, &str> {
        std::str::from_utf8(self.as_bytes())
            .map_err(|error| std::str::from_utf8(&self.as_bytes()[..error.valid_up_to()]).unwrap_or(""))
    }

    /// Digest of the bytes. Reads all of them: callers that print many reports keep it.
    pub fn digest(&self) -> Digest {
        const STEP: usize = 4 << 20;
        let mut digest = sha2::Sha256::new();
        for (number, part) in self.as_bytes().chunks(STEP).enumerate() {
            digest.update(part);
            // Small evidence stays where it is.
            if self.as_bytes().len() > STEP {
                self.bytes.release(number * STEP..number * STEP + part.len());
            }
        }
        Digest(digest.finalize().into())
    }

    /// The span of the whole evidence.
    pub fn span(&self) -> Span {
        Span::new(self.id, 0, self.as_bytes().len())
    }

    /// The bytes of `span`, if it is inside this evidence.
    pub fn slice(&self, span: Span) -> Option<&[u8]> {
        (span.evidence == self.id).then(|| self.as_bytes().get(span.range())).flatten()
    }
}

/// All evidence of one run, and which name in which file led to which evidence.
#[derive(Clone, Debug, Default)]
pub struct EvidenceSet {
    items: Vec<Evidence>,
    links: Vec<Link>,
    /// The first link of each name of a file, an index of `links`: a link line refers to tens of thousands of files.
    by_name: HashMap<EvidenceId, HashMap<String, usize>>,
}

/// `name`, written in `from`, was resolved to `to` by whoever read the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The file that refers.
    pub from: EvidenceId,
    /// The name as written there (`./sets.nft`, `conf.d/*.nft`).
    pub name: String,
    /// What it stands for, in the order the mechanism reads them; empty when a glob matched nothing.
    pub to: Vec<EvidenceId>,
}

impl EvidenceSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds evidence and gives its id.
    pub fn add(&mut self, path: impl Into<String>, kind: Option<&'static str>, bytes: Bytes) -> EvidenceId {
        let id = EvidenceId(self.items.len() as u32);
        self.items.push(Evidence { id, path: path.into(), kind, bytes, referred: false });
        id
    }

    /// Marks evidence as found only because another file refers to it.
    pub fn mark_referred(&mut self, id: EvidenceId) {
        if let Some(item) = self.items.get_mut(id.0 as usize) {
            item.referred = true;
        }
    }

    /// Records that `name` in `from` stands for `to`.
    pub fn link(&mut self, from: EvidenceId, name: impl Into<String>, to: Vec<EvidenceId>) {
        let name = name.into();
        self.by_name.entry(from).or_default().entry(name.clone()).or_insert(self.links.len());
        self.links.push(Link { from, name, to });
    }

    /// What `name` in `from` stands for; `None` when nothing was found (a missing file).
    pub fn resolve(&self, from: EvidenceId, name: &str) -> Option<&[EvidenceId]> {
        let index = *self.by_name.get(&from)?.get(name)?;
        self.links.get(index).map(|link| link.to.as_slice())
    }

    /// All links, in the order they were recorded.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The evidence with this id.
    pub fn get(&self, id: EvidenceId) -> Option<&Evidence> {
        self.items.get(id.0 as usize)
    }

    /// The path of the evidence with this id, or `?`.
    pub fn path(&self, id: EvidenceId) -> &str {
        self.get(id).map_or("?", |item| item.path.as_str())
    }

    /// All evidence in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &Evidence> {
        self.items.iter()
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when nothing was read.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The text of `span`, with invalid UTF-8 replaced; `None` when the span is not inside the evidence.
    pub fn text(&self, span: Span) -> Option<String> {
        self.get(span.evidence)?.slice(span).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Line index of one piece of evidence.
    pub fn lines(&self, id: EvidenceId) -> LineIndex {
        self.get(id).map_or_else(|| LineIndex::new(&[]), |item| LineIndex::of(&item.bytes))
    }
}
