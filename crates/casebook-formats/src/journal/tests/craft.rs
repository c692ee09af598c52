//! A writer of small journal files.

pub(super) struct Writer {
    compact: bool,
    out: Vec<u8>,
    entries: Vec<u64>,
}

const ZSTD: u8 = 4;
const LZ4: u8 = 2;

impl Writer {
    pub(super) fn new(compact: bool) -> Self {
        Self { compact, out: vec![0; 272], entries: Vec::new() }
    }

    fn object(&mut self, kind: u8, flags: u8, body: &[u8]) -> u64 {
        self.out.resize(self.out.len().next_multiple_of(8), 0);
        let offset = self.out.len() as u64;
        self.out.extend([kind, flags, 0, 0, 0, 0, 0, 0]);
        self.out.extend((16 + body.len() as u64).to_le_bytes());
        self.out.extend(body);
        offset
    }

    fn data(&mut self, flags: u8, payload: &[u8]) -> u64 {
        let mut body = vec![0; if self.compact { 56 } else { 48 }];
        body.extend(payload);
        self.object(1, flags, &body)
    }

    fn entry(&mut self, seqnum: u64, realtime: u64, monotonic: u64, items: &[u64]) {
        let mut body = Vec::new();
        for word in [seqnum, realtime, monotonic] {
            body.extend(word.to_le_bytes());
        }
        body.extend(super::BOOT.to_be_bytes());
        body.extend([0; 8]);
        for item in items {
            if self.compact {
                body.extend((*item as u32).to_le_bytes());
            } else {
                body.extend(item.to_le_bytes());
                body.extend([0; 8]);
            }
        }
        let offset = self.object(3, 0, &body);
        self.entries.push(offset);
    }

    fn array(&mut self, from: usize, to: usize, room: usize) -> u64 {
        let mut body = vec![0; 8];
        let offsets: Vec<u64> = self.entries[from..to].to_vec();
        for at in 0..room {
            let offset = offsets.get(at).copied().unwrap_or(0);
            if self.compact {
                body.extend((offset as u32).to_le_bytes());
            } else {
                body.extend(offset.to_le_bytes());
            }
        }
        self.object(6, 0, &body)
    }

    /// Four entries in two arrays: the two of the other samples, one with ZSTD, one with LZ4.
    pub(super) fn sample(&self) -> Vec<u8> {
        let mut writer = Self::new(self.compact);
        let unit = writer.data(0, b"UNIT=backup.service");
        let other = writer.data(0, b"_COMM=systemd");
        let message = writer.data(0, b"MESSAGE=Started backup.service - Nightly backup.");
        writer.entry(499, 1_795_600_125_500_000, 125_500_000, &[unit, other, message]);
        let message = writer.data(0, b"MESSAGE=two\n\n\xff!");
        writer.entry(500, 1_795_600_125_750_000, 125_750_000, &[message, other]);
        let first = writer.array(0, 2, 2);
        let long = format!("MESSAGE={}", "x".repeat(600));
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let message = writer.data(ZSTD, &ruzstd::encoding::compress_to_vec(long.as_bytes(), level));
        writer.entry(501, 1_795_600_126_000_000, 126_000_000, &[message]);
        // A block of LZ4 that is one run of literals: a token, the length in bytes of 255, the bytes.
        let mut block = (long.len() as u64).to_le_bytes().to_vec();
        block.push(0xf0);
        let mut rest = long.len() - 15;
        while rest >= 255 {
            block.push(255);
            rest -= 255;
        }
        block.push(rest as u8);
        block.extend(long.as_bytes());
        let message = writer.data(LZ4, &block);
        writer.entry(502, 1_795_600_126_250_000, 126_250_000, &[message]);
        let second = writer.array(2, 4, 4);
        writer.finish(first, second)
    }

    fn finish(mut self, first: u64, second: u64) -> Vec<u8> {
        self.out.resize(self.out.len().next_multiple_of(8), 0);
        let arena = self.out.len() as u64 - 272;
        let out = &mut self.out;
        out[..8].copy_from_slice(b"LPKSHHRH");
        // Keyed hash, ZSTD and LZ4 data.
        out[12] = 0x0e | if self.compact { 0x10 } else { 0 };
        out[88..96].copy_from_slice(&272u64.to_le_bytes());
        out[96..104].copy_from_slice(&arena.to_le_bytes());
        out[176..184].copy_from_slice(&first.to_le_bytes());
        let next = first as usize + 16;
        out[next..next + 8].copy_from_slice(&second.to_le_bytes());
        self.out
    }
}
