//! Streams: what comes through a pipe, and what is packed, goes to a temporary file first.

use std::io::Read;
use std::path::Path;

use casebook_core::{Bytes, EvidenceId};

use super::{Found, Loader};
use crate::source::{Disk, Refusal, Source, explain};
use crate::spool::{Ended, spool};
use crate::{HEAD, bundle};

/// Bytes as a cursor wants them.
struct Slice(Bytes);

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl Loader<'_> {
    pub(super) fn stream(&mut self, name: &str, stream: &mut dyn Read) -> Vec<EvidenceId> {
        let most = self.options.max_evidence_bytes.max(self.options.max_mapped_bytes);
        let (bytes, ended) = match spool(stream, most) {
            Ok(spooled) => spooled,
            Err(error) => {
                self.refuse(name, Refusal::new(0, format!("it cannot be kept in a temporary file: {error}")));
                return Vec::new();
            }
        };
        let size = bytes.as_slice().len() as u64;
        if let Ended::Broken(error) = &ended {
            self.refuse(name, Refusal::new(size, explain(error)));
            return Vec::new();
        }
        let head = &bytes.as_slice()[..bytes.as_slice().len().min(HEAD)];
        if let Some(form) = bundle::form(head) {
            if matches!(ended, Ended::Cut) {
                self.ended(name, Ended::Cut, most);
            }
            let packed = || Ok(std::io::Cursor::new(Slice(bytes.clone())));
            if let Some(ids) = self.packed(name, None, form, packed) {
                return ids;
            }
            return match packed() {
                Ok(packed) => self.members(name, bundle::open(name, packed, form, self.options)),
                Err(_) => Vec::new(),
            };
        }
        let limit = self.limit(self.kind(name, head, head.len() as u64 == size));
        if size > limit || (matches!(ended, Ended::Cut) && limit < most) {
            let why = format!("more than {limit} bytes; raise the limit with --max-evidence-bytes");
            self.refuse(name, Refusal::new(limit, why));
            return Vec::new();
        }
        self.ended(name, ended, limit);
        self.offer(name, bytes, Found::Named, None).into_iter().collect()
    }

    /// One packed file that is no archive (`capture.pcap.gz`): its content goes to a temporary file and is the evidence.
    /// `None` for archives, and for what no case reads.
    pub(super) fn packed<R: Read>(
        &mut self,
        name: &str,
        disk: Option<&Path>,
        form: bundle::Form,
        open: impl Fn() -> std::io::Result<R>,
    ) -> Option<Vec<EvidenceId>> {
        if form == bundle::Form::Plain {
            return None;
        }
        let mut head = Vec::new();
        let stream = bundle::unpacked(open().ok()?, form).ok()?;
        // What can be unpacked of a damaged file is looked at all the same.
        let _ = stream.take(HEAD as u64).read_to_end(&mut head);
        if head.is_empty() || bundle::is_archive(&head) {
            return None;
        }
        let inner = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
        let kind = self.kind(inner, &head, head.len() < HEAD)?;
        let limit = self.limit(Some(kind));
        let spooled = bundle::unpacked(open().ok()?, form).and_then(|stream| spool(stream, limit));
        let (bytes, ended) = match spooled {
            Ok(spooled) => spooled,
            Err(error) => {
                self.refuse(name, Refusal::new(0, format!("it cannot be unpacked to a temporary file: {error}")));
                return Some(Vec::new());
            }
        };
        self.ended(name, ended, limit);
        let identity = Disk.identity(name);
        if let Some(id) = self.seen.get(&identity) {
            return Some(vec![*id]);
        }
        let id = self.add(name, Some(kind), bytes, identity);
        if let Some(disk) = disk {
            self.out.files.insert(id, disk.to_path_buf());
        }
        Some(vec![id])
    }

    fn ended(&mut self, name: &str, ended: Ended, limit: u64) {
        match ended {
            Ended::Whole => {}
            Ended::Cut => self.out.notices.push(format!(
                "{name}: only the first {limit} bytes were read; raise the limit with --max-evidence-bytes"
            )),
            Ended::Broken(error) => {
                self.out
                    .notices
                    .push(format!("{name}: what comes before a fault of the packed file was read: {error}"));
            }
        }
    }
}
