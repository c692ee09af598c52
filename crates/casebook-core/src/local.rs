//! What a machine knows of the time where it stands, for verbs that ask for it: nothing but the binary reads a clock or a
//! zone database.

/// The machine's own time.
pub trait LocalTime {
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    fn now_us(&self) -> u64;

    /// The zone programs are started in: its name (`Europe/Berlin`) and its TZif data; UTC has none.
    fn zone(&self) -> (String, Option<Vec<u8>>);

    /// TZif data of a zone of the database; `None` when it has none of this name.
    fn tzif(&self, name: &str) -> Option<Vec<u8>>;
}
