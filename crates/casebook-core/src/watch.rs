//! A tree of control groups that is read again and again, a file that grows and a terminal, as data: a case says which files
//! it wants and what the screen shows, the binary reads and waits. So a case stays pure and can still record and show.
//!
//! Times are microseconds. Nothing of the machine is changed.

/// Which interface a tree of control groups has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hierarchy {
    /// The unified one (Documentation/admin-guide/cgroup-v2.rst).
    V2,
    /// The memory controller's own (Documentation/admin-guide/cgroup-v1/memory.rst).
    V1,
}

/// One instant by three clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// CLOCK_REALTIME since 1970; it is set, and steps.
    pub realtime_us: u64,
    /// CLOCK_MONOTONIC; it stands still while the machine sleeps.
    pub monotonic_us: u64,
    /// CLOCK_BOOTTIME; it goes on while the machine sleeps.
    pub boottime_us: u64,
}

/// What stays the same while a machine is up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Release of the kernel: `6.12.48`.
    pub kernel: String,
    /// Id of the boot (/proc/sys/kernel/random/boot_id); empty when it is not known.
    pub boot_id: String,
    /// Size of a page.
    pub page_bytes: u64,
    /// Processors that are online.
    pub cpus: u64,
}

/// Which groups and files are read.
#[derive(Clone, Copy, Debug)]
pub struct TreeRequest<'a> {
    /// Folder of a group, or of a copy of one, which becomes the root; `None` for the machine's own tree.
    pub root: Option<&'a str>,
    /// Only these groups and what is below them: `/system.slice`, or a folder below the root. Empty for all.
    pub groups: &'a [String],
    /// Names of files in each group, for the interface that is found. Those a group does not have are passed by.
    pub files: fn(Hierarchy) -> &'static [&'static str],
    /// Files of the machine, absolute; they are read as group 0.
    pub machine: &'static [&'static str],
    /// Groups watched at once at most; what is beyond is counted by [`WatchedTree::passed_over`].
    pub max_groups: usize,
}

/// Hears one reading of a tree.
pub trait Visit {
    /// A group is there that was not at the last reading. `path` is `/` for the root, else `/a/b`. Numbers go from 1 up and
    /// stand for one group for ever: a group that is made anew under an old name has a new one.
    fn appeared(&mut self, group: u32, path: &str);

    /// A group is gone.
    fn vanished(&mut self, group: u32);

    /// True when this file of the group is to be read now. Asked in the order of the request, after what is before it.
    fn wants(&mut self, group: u32, file: usize) -> bool;

    /// The content of a file.
    fn read(&mut self, group: u32, file: usize, bytes: &[u8]);
}

/// A tree that was opened.
pub trait WatchedTree {
    /// Its interface.
    fn hierarchy(&self) -> Hierarchy;

    /// The folder of its root.
    fn root(&self) -> &str;

    /// Groups that are not watched because there are too many.
    fn passed_over(&self) -> usize;

    /// Reads everything once, parents first; the moment is from before the first file.
    fn sample(&mut self, visit: &mut dyn Visit) -> Moment;
}

/// A file that only grows.
pub trait Append {
    /// What it begins with, 64 KiB at most, as it was when it was opened; empty for a new one.
    fn head(&self) -> &[u8];

    /// Adds bytes in one write. The error says why they are not there.
    fn append(&mut self, bytes: &[u8]) -> Result<(), String>;
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A letter, digit or sign.
    Char(char),
    /// Return.
    Enter,
    /// Escape alone.
    Escape,
    /// Backspace.
    Backspace,
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// The arrow left.
    Left,
    /// The arrow right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// One that has no name here.
    Other,
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time has come.
    Tick,
    /// A key.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// The user ended it (SIGINT, SIGTERM, SIGHUP, Ctrl-C).
    Stop,
}

/// What a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// True when it takes colours.
    pub color: bool,
    /// True when it shows more than ASCII.
    pub unicode: bool,
}

/// Waiting, with or without the whole screen; what it changed of the terminal is undone when it is dropped.
pub trait Session {
    /// The terminal; `None` when standard output is none or the whole of it was not asked for.
    fn screen(&self) -> Option<Screen>;

    /// Shows a frame, a row a line. Rows are cut by who made them.
    fn draw(&mut self, frame: &str);

    /// Replaces the line of progress on standard error, where that is a terminal.
    fn say(&mut self, line: &str);

    /// The clocks now.
    fn now(&self) -> Moment;

    /// Waits until CLOCK_MONOTONIC has this value, or for what comes before.
    fn wait(&mut self, until_monotonic_us: u64) -> Result<Woken, String>;
}

/// Reads the machine again and again.
pub trait Watch {
    /// What stays the same.
    fn machine(&self) -> Machine;

    /// Opens a tree. The error says why there is none, and what to name instead.
    fn tree(&self, request: &TreeRequest<'_>) -> Result<Box<dyn WatchedTree>, String>;

    /// Opens a file to grow, and makes it where there is none.
    fn append(&self, path: &str) -> Result<Box<dyn Append>, String>;

    /// Begins to wait. With `full_screen`, a terminal is taken over until the session is dropped.
    fn session(&self, full_screen: bool) -> Result<Box<dyn Session>, String>;
}
