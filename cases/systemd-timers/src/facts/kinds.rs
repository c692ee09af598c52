//! The kinds of evidence the case reads, the most specific first.

use casebook_core::Kind;
use casebook_formats::journal::{JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON, JOURNAL_TEXT};
use casebook_formats::unit::UNIT_FILE;

use super::{clock, listed, machine, show, stamps, status, units};

/// All of them.
pub static KINDS: &[&Kind] = &[
    &JOURNAL_FILE,
    &JOURNAL_EXPORT,
    &JOURNAL_JSON,
    &machine::TZIF,
    &listed::timers::LIST_TIMERS_JSON,
    &listed::timers::LIST_TIMERS,
    &listed::unit_files::LIST_UNIT_FILES_JSON,
    &listed::unit_files::LIST_UNIT_FILES,
    &clock::LIST_BOOTS,
    &clock::TIMEDATECTL_SHOW,
    &clock::TIMESYNC,
    &show::SHOW,
    &status::STATUS,
    &clock::TIMEDATECTL,
    &clock::TRACKING,
    &clock::SOURCES,
    &clock::ADJTIMEX,
    &clock::ADJTIME,
    &clock::HWCLOCK,
    &stamps::STAMPS,
    &units::LINKS,
    &machine::MACHINE_ID,
    &machine::VERSION,
    &machine::OS_RELEASE,
    &machine::TIMEZONE,
    &clock::NOW,
    &UNIT_FILE,
    &JOURNAL_TEXT,
];
