//! Where the next line stands that can begin a report or an event.
//!
//! Most of a log is about other things. Each needle is looked for once over the whole file, and its next place is kept.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Every line that begins something holds one of these.
///
/// `oom`: the first line of a report, `oom-kill:`, `oom_reaper`, `oom_score_adj` of a table's header, `memory.oom.group`, oomd.
/// `OOM`: messages of systemd and the kubelet. `ut of memory`: kills. `failcnt` and what stands around it: a
/// group's numbers, when the head is missing. `illed process`: kills to 5.2. `due to memory`, `due to swap`, `for killing`: oomd.
const NEEDLES: [&[u8]; 14] = [
    b"oom",
    b"OOM",
    b"ut of memory",
    b"illed process",
    b"failcnt",
    b"emory cgroup stats",
    b"memory peak",
    b"due to memory",
    b"due to swap",
    b"for killing",
    b"result of limit",
    b"messages dropped",
    b"kernel messages",
    b"Linux version ",
];

static FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| NEEDLES.iter().map(|needle| Finder::new(*needle)).collect());

/// True when the text holds any needle.
pub(super) fn any(text: &[u8]) -> bool {
    FINDERS.iter().any(|finder| finder.find(text).is_some())
}

/// Bytes that are looked through at a time: what is behind is let go of before more is touched.
const WINDOW: usize = 4 << 20;
/// No needle is longer.
const LONGEST: usize = 32;

/// The next place of each needle.
pub(super) struct Needles<'a> {
    bytes: &'a [u8],
    /// Where the present window ends.
    end: usize,
    /// The next place of each needle in it; its end for one that is not there.
    next: [Option<usize>; NEEDLES.len()],
}

impl<'a> Needles<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, end: 0, next: [None; NEEDLES.len()] }
    }

    /// The first place of any needle from byte `at` on, or where to ask again; the end of the file when there is none.
    pub(super) fn next(&mut self, at: usize) -> usize {
        if at >= self.end {
            self.end = at.saturating_add(WINDOW);
            self.next = [None; NEEDLES.len()];
        }
        let window = self.bytes.get(at..self.end.saturating_add(LONGEST).min(self.bytes.len())).unwrap_or(&[]);
        let mut first = self.end;
        for (finder, next) in FINDERS.iter().zip(&mut self.next) {
            let place = next
                .filter(|place| *place >= at)
                .unwrap_or_else(|| finder.find(window).map_or(self.end, |found| at + found));
            *next = Some(place);
            first = first.min(place);
        }
        first.min(self.bytes.len())
    }
}
