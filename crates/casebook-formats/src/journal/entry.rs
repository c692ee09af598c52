//! One entry of the journal, whatever form it came in.

use std::borrow::Cow;

use crate::stamp::{Moment, MonotonicUs, RealtimeUs};

/// The form a journal is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `journalctl -o export`.
    Export,
    /// `journalctl -o json`, `json-pretty`, `json-seq`, `json-sse`.
    Json,
    /// A `.journal` file.
    File,
    /// `journalctl -o short` and its sisters, or a file of syslog: no boot, seldom a monotonic time, often no zone.
    Text,
}

/// `_BOOT_ID`: 128 bits, as the kernel draws them at each boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootId(pub u128);

impl std::fmt::Display for BootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A 128-bit id as 32 hexadecimal digits, or with dashes as /proc writes it.
pub fn boot_id(text: &[u8]) -> Option<BootId> {
    id(text).map(BootId)
}

fn id(text: &[u8]) -> Option<u128> {
    let mut value: u128 = 0;
    let mut count = 0;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'-' if text.len() == 36 => continue,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
        count += 1;
    }
    (count == 32).then_some(value)
}

/// Number of an entry among all files that one journald has written (JOURNAL_FILE_FORMAT.md, "Sequence Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seqnum {
    /// Which journald; 0 when the form does not say.
    pub id: u128,
    /// Counted up from 1.
    pub number: u64,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A field of an entry that is kept; the others are passed over.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $($(#[$doc])* $variant),+ }

        impl Field {
            /// All of them.
            pub const ALL: &'static [Field] = &[$(Field::$variant),+];

            /// The name in the journal.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),+ }
            }

            /// The field of this name, if it is kept.
            #[inline]
            pub fn of(name: &[u8]) -> Option<Field> {
                $(const $variant: &[u8] = $name.as_bytes();)+
                #[allow(non_upper_case_globals, reason = "named after the variants")]
                match name { $($variant => Some(Field::$variant),)+ _ => None }
            }
        }

        const COUNT: usize = Field::ALL.len();
    };
}

#[allow(non_upper_case_globals, reason = "the constants of the macro are named after the variants")]
mod names {
    fields! {
        /// The text.
        Message = "MESSAGE",
        /// Which message of the catalogue it is: 32 hexadecimal digits.
        MessageId = "MESSAGE_ID",
        /// The unit a message of the system manager is about.
        Unit = "UNIT",
        /// The unit a message of a user's manager is about.
        UserUnit = "USER_UNIT",
        /// The unit the sender runs in.
        SystemdUnit = "_SYSTEMD_UNIT",
        /// The user's unit the sender runs in.
        SystemdUserUnit = "_SYSTEMD_USER_UNIT",
        /// What the sender calls itself.
        SyslogIdentifier = "SYSLOG_IDENTIFIER",
        /// Process that sent it.
        Pid = "_PID",
        /// User that sent it.
        Uid = "_UID",
        /// 0 (emergency) to 7 (debug).
        Priority = "PRIORITY",
        /// `start`, `stop`, `restart` …
        JobType = "JOB_TYPE",
        /// `done`, `failed`, `skipped`, `dependency` …
        JobResult = "JOB_RESULT",
        /// `UNIT_RESULT` of a unit that failed: `exit-code`, `timeout`.
        UnitResult = "UNIT_RESULT",
        /// How a process ended: `exited`, `killed`.
        ExitCode = "EXIT_CODE",
        /// With which status or signal.
        ExitStatus = "EXIT_STATUS",
        /// Function of the sender's source.
        CodeFunc = "CODE_FUNC",
        /// Which run of the unit a message is about: 32 hexadecimal digits.
        InvocationId = "INVOCATION_ID",
        /// Which run of a user's unit a message is about.
        UserInvocationId = "USER_INVOCATION_ID",
        /// Which run of its own unit the sender belongs to.
        SystemdInvocationId = "_SYSTEMD_INVOCATION_ID",
        /// `kernel`, `journal`, `stdout`, `syslog` …
        Transport = "_TRANSPORT",
        /// Machine.
        MachineId = "_MACHINE_ID",
        /// Name of the machine.
        Hostname = "_HOSTNAME",
        /// `TIMEZONE` of a change of the zone.
        Timezone = "TIMEZONE",
    }

    /// Slots of an entry.
    pub(super) const SLOTS: usize = COUNT;
}

pub use names::Field;
use names::SLOTS;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// First byte in the file: of the value, without quotes.
    pub start: usize,
    /// One past its last byte in the file.
    pub end: usize,
    /// The value where it is not what the file holds there: escapes of JSON, compressed data.
    pub(super) decoded: Option<Vec<u8>>,
    /// The form says that the field is there, and leaves its value out (`null` in JSON, `[… blob data]` in text), or it is
    /// larger than [`MAX_VALUE`](super::MAX_VALUE).
    pub omitted: bool,
}

impl Value {
    /// A value that is in the file as it is.
    pub(super) fn plain(start: usize, end: usize) -> Self {
        Self { start, end, decoded: None, omitted: end - start > super::MAX_VALUE }
    }
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    file: &'a [u8],
    /// The form it came in.
    pub form: Form,
    /// Number in its file, from 0.
    pub number: u64,
    /// First byte of it.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// When journald received it. Text prints the sender's time instead, where there is one (src/shared/logs-show.c,
    /// `parse_display_realtime`).
    pub realtime: Option<RealtimeUs>,
    /// The time as text prints it; `None` in the other forms.
    pub written: Option<Moment>,
    /// When journald received it, on the clock that is never set.
    pub monotonic: Option<MonotonicUs>,
    /// `_SOURCE_REALTIME_TIMESTAMP`: when the sender sent it.
    pub source_realtime: Option<RealtimeUs>,
    /// The boot.
    pub boot: Option<BootId>,
    /// Text says `-- Reboot --` before it, so it is of another boot than the entry before.
    pub after_reboot: bool,
    /// Its number in the journal, where the form has a field for it.
    pub(super) seqnum: Option<Seqnum>,
    pub(super) cursor: Option<(usize, usize)>,
    values: [Option<Value>; SLOTS],
    used: u32,
}

impl<'a> Entry<'a> {
    pub(super) fn new(file: &'a [u8], form: Form) -> Self {
        Self {
            file,
            form,
            number: 0,
            start: 0,
            end: 0,
            realtime: None,
            written: None,
            monotonic: None,
            source_realtime: None,
            boot: None,
            after_reboot: false,
            seqnum: None,
            cursor: None,
            values: [const { None }; SLOTS],
            used: 0,
        }
    }

    pub(super) fn clear(&mut self, number: u64) {
        let mut used = self.used;
        while used != 0 {
            if let Some(slot) = self.values.get_mut(used.trailing_zeros() as usize) {
                *slot = None;
            }
            used &= used - 1;
        }
        self.used = 0;
        self.number = number;
        (self.realtime, self.monotonic, self.source_realtime) = (None, None, None);
        (self.written, self.boot, self.seqnum, self.cursor) = (None, None, None, None);
        self.after_reboot = false;
    }

    /// True when no field was met since it was cleared.
    pub(super) fn is_empty(&self) -> bool {
        self.used == 0 && self.realtime.is_none() && self.cursor.is_none()
    }

    /// Sets a field; of a field that comes twice the first value holds.
    #[inline]
    pub(super) fn set(&mut self, field: Field, value: Value) {
        let slot = field as usize;
        if self.used & 1 << slot == 0 {
            self.used |= 1 << slot;
            self.values[slot] = Some(value);
        }
    }

    /// Takes a field by name and place; true when the name is one that is kept or understood.
    #[inline]
    pub(super) fn take(&mut self, name: &[u8], start: usize, end: usize) -> bool {
        if let Some(field) = Field::of(name) {
            self.set(field, Value::plain(start, end));
            return true;
        }
        self.take_meta(name, start, end)
    }

    /// Takes one of the fields that are no values but times and addresses.
    #[inline]
    pub(super) fn take_meta(&mut self, name: &[u8], start: usize, end: usize) -> bool {
        let value = self.file.get(start..end).unwrap_or(&[]);
        match name {
            b"__REALTIME_TIMESTAMP" => self.realtime = decimal(value).map(RealtimeUs),
            b"__MONOTONIC_TIMESTAMP" => self.monotonic = decimal(value).map(MonotonicUs),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.source_realtime = decimal(value).map(RealtimeUs),
            b"_BOOT_ID" => self.boot = boot_id(value),
            b"__CURSOR" => self.cursor = Some((start, end)),
            b"__SEQNUM" => {
                let id = self.seqnum.map_or(0, |seqnum| seqnum.id);
                self.seqnum = decimal(value).map(|number| Seqnum { id, number });
            }
            b"__SEQNUM_ID" => {
                let number = self.seqnum.map_or(0, |seqnum| seqnum.number);
                self.seqnum = id(value).map(|id| Seqnum { id, number });
            }
            _ => return false,
        }
        true
    }

    /// The value of a field, with its place.
    pub fn value(&self, field: Field) -> Option<&Value> {
        self.values[field as usize].as_ref()
    }

    /// The bytes of a field; `None` when it is absent or left out.
    pub fn bytes(&self, field: Field) -> Option<&[u8]> {
        let value = self.value(field).filter(|value| !value.omitted)?;
        match &value.decoded {
            Some(decoded) => Some(decoded),
            None => self.file.get(value.start..value.end),
        }
    }

    /// The text of a field; bytes that are no UTF-8 are replaced.
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        self.bytes(field).map(String::from_utf8_lossy)
    }

    /// `MESSAGE`.
    pub fn message(&self) -> Option<Cow<'_, str>> {
        self.text(Field::Message)
    }

    /// Byte range of `MESSAGE`, or of the entry where there is none.
    pub fn message_range(&self) -> (usize, usize) {
        self.value(Field::Message).map_or((self.start, self.end), |value| (value.start, value.end))
    }

    /// `MESSAGE_ID`.
    pub fn message_id(&self) -> Option<u128> {
        self.bytes(Field::MessageId).and_then(id)
    }

    /// Its number in the journal: `__SEQNUM` (since systemd 254), or `i=` of the cursor.
    pub fn seqnum(&self) -> Option<Seqnum> {
        self.seqnum.or_else(|| cursor(self.file.get(self.cursor?.0..self.cursor?.1)?))
    }
}

/// `s=ID;i=HEX;…` (src/libsystemd/sd-journal/sd-journal.c, `sd_journal_get_cursor`).
fn cursor(text: &[u8]) -> Option<Seqnum> {
    let mut seqnum = Seqnum { id: 0, number: 0 };
    for part in text.split(|byte| *byte == b';') {
        match part {
            [b's', b'=', value @ ..] => seqnum.id = id(value)?,
            [b'i', b'=', value @ ..] => seqnum.number = hexadecimal(value)?,
            _ => {}
        }
    }
    (seqnum.number > 0).then_some(seqnum)
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// A decimal number of up to twenty digits and nothing else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}
