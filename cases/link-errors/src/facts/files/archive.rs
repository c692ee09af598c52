//! Archives: their members, which become files, and their symbol index.

use std::collections::HashMap;

use casebook_core::Bytes;
use casebook_formats::ar::{self, Contents, Member};
use casebook_formats::gap::Gaps;

use super::{Adding, Held, Outside, damaged};
use crate::model::input::{Archive, Content, File, FileId, Unusable};

/// Most members that are read of one archive; more are a fault.
const MOST_MEMBERS: usize = 1 << 20;
/// How often a thin archive can name the same file, or the same member of one. Each time it is another member, to
/// linkers too.
const MOST_TIMES: u32 = 16;

/// How often each file a thin archive names was read: by its path, and by where in it a member is.
type Times = HashMap<(Vec<u8>, u64), u32>;

impl Adding<'_> {
    /// An archive, and behind it its members.
    pub(super) fn archive(&mut self, name: &str, bytes: &[u8], outside: &mut Outside<'_>) -> FileId {
        let mut gaps = Gaps::default();
        let held = Held::Here(0..bytes.len() as u64);
        // Its content is known when its members are.
        let id = self.push(
            File { name: name.to_owned(), content: Content::Archive(Archive::default()), archive: None },
            Some(held),
            None,
        );
        let content = match ar::Archive::read(bytes, &mut gaps) {
            Some(archive) => Content::Archive(self.members(name, id, &archive, outside, &mut gaps)),
            None => damaged("no archive"),
        };
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            file.content = content;
        }
        self.faults_of(id, 0, &gaps);
        id
    }

    fn members(
        &mut self,
        name: &str,
        id: FileId,
        archive: &ar::Archive<'_>,
        outside: &mut Outside<'_>,
        gaps: &mut Gaps,
    ) -> Archive {
        let mut model = Archive { thin: archive.is_thin(), ..Archive::default() };
        let mut places = Vec::new();
        let mut times = Times::new();
        // Members can share a long name.
        let mut left = archive.size().saturating_mul(16);
        let mut members = archive.members();
        while let Some(mut member) = members.next(gaps) {
            if model.members.len() == MOST_MEMBERS {
                gaps.add(member.at, member.at, format!("more than {MOST_MEMBERS} members; the rest is not read"));
                break;
            }
            match left.checked_sub(member.name.len()) {
                Some(rest) => left = rest,
                None => {
                    gaps.add(member.at, member.at + 16, "names of members lie over each other; this one is left empty");
                    member.name = &[];
                }
            }
            places.push(member.at as u64);
            model.members.push(self.member(name, id, &member, &mut times, outside));
        }
        model.index = archive.index().map(|index| {
            let mut lost = 0usize;
            let mut entries = Vec::with_capacity(index.count.min(1 << 16));
            // Entries of one member follow each other.
            let mut last = None;
            for (symbol, offset) in index.iter() {
                let member = match last {
                    Some((at, member)) if at == offset => member,
                    _ => match places.binary_search(&offset) {
                        Ok(member) => member as u32,
                        Err(_) => {
                            lost += 1;
                            continue;
                        }
                    },
                };
                last = Some((offset, member));
                entries.push((self.names.intern(symbol), member));
            }
            if lost > 0 {
                gaps.add(0, 0, format!("{lost} entries of the symbol index lead to no member"));
            }
            if entries.len() + lost < index.count {
                gaps.add(0, 0, format!("the symbol index has {} of {} names", entries.len() + lost, index.count));
            }
            entries.shrink_to_fit();
            entries
        });
        model
    }

    fn member(
        &mut self,
        name: &str,
        archive: FileId,
        member: &Member<'_>,
        times: &mut Times,
        outside: &mut Outside<'_>,
    ) -> FileId {
        let own = String::from_utf8_lossy(member.name);
        let full = format!("{name}({own})");
        let origin = match member.contents {
            Contents::Inside { .. } => None,
            Contents::Outside => Some(0),
            Contents::Nested(origin) => Some(origin),
        };
        if let Some(origin) = origin {
            let times = times.entry((member.name.to_vec(), origin)).or_default();
            *times += 1;
            if *times > MOST_TIMES {
                let content = damaged(format!("the archive names it more than {MOST_TIMES} times"));
                return self.push(File { name: full, content, archive: Some(archive) }, None, None);
            }
        }
        match member.contents {
            Contents::Inside { start, bytes } => {
                let range = start as u64..(start as u64).saturating_add(bytes.len() as u64);
                self.single(full, Some(archive), bytes, Held::Here(range))
            }
            Contents::Outside => match outside(&own) {
                Some(bytes) => {
                    let bytes: Bytes = bytes;
                    let held = Held::Outside(own.into_owned(), 0..bytes.as_slice().len() as u64);
                    self.single(full, Some(archive), bytes.as_slice(), held)
                }
                None => self.missing(full, archive),
            },
            Contents::Nested(origin) => {
                let Some(holder) = outside(&own) else { return self.missing(full, archive) };
                let mut gaps = Gaps::default();
                let inner = ar::Archive::read(holder.as_slice(), &mut gaps)
                    .and_then(|inner| inner.member_at(origin, &mut gaps))
                    .map(|member| (String::from_utf8_lossy(member.name).into_owned(), member.contents));
                match inner {
                    Some((inner, Contents::Inside { start, bytes })) => {
                        let range = start as u64..(start as u64).saturating_add(bytes.len() as u64);
                        let full = format!("{own}({inner})");
                        self.single(full, Some(archive), bytes, Held::Outside(own.into_owned(), range))
                    }
                    _ => {
                        let content = damaged(format!("{own} has no member at {origin}"));
                        self.push(File { name: full, content, archive: Some(archive) }, None, None)
                    }
                }
            }
        }
    }

    fn missing(&mut self, name: String, archive: FileId) -> FileId {
        let content = Content::Unusable(Unusable::Missing);
        self.push(File { name, content, archive: Some(archive) }, None, None)
    }
}
