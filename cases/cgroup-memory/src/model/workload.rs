//! What a machine is asked to do, step by step: groups with their settings, processes, and what these allocate. The laboratory plays
//! the same steps on a real kernel.

/// A setting of a group; `None` is `max` for limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `memory.max`
    Max(Option<u64>),
    /// `memory.high`
    High(Option<u64>),
    /// `memory.swap.max`
    SwapMax(Option<u64>),
    /// `memory.min`
    Min(Option<u64>),
    /// `memory.low`
    Low(Option<u64>),
    /// `memory.oom.group`
    OomGroup(bool),
}

/// A group and what it is set to at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Path below the mount: `/lab/a`.
    pub path: String,
    /// Settings.
    pub settings: Vec<Setting>,
}

/// A process that is there before the first step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Name.
    pub name: String,
    /// Path of its group.
    pub group: String,
    /// `oom_score_adj`
    pub adj: i64,
}

/// What a process does. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Private memory, every page touched; with huge pages or without.
    Anon {
        /// How much more.
        bytes: u64,
        /// `MADV_HUGEPAGE`
        huge: bool,
    },
    /// Gives the last of it back.
    Free(u64),
    /// `mlock` of its private memory, so much more.
    LockAnon(u64),
    /// Reads the beginning of a file, several times.
    Read(String, u64),
    /// Maps and touches the beginning of a file.
    Map(String, u64),
    /// The same, locked.
    Lock(String, u64),
    /// Writes a file: on disk, or below `/tmp/`, which is in memory.
    Write(String, u64),
    /// Through a shared mapping.
    MapWrite(String, u64),
    /// Writes back.
    Sync(String),
    /// An unnamed file in memory, filled, not mapped.
    Memfd(u64),
    /// Shared memory without a file, touched.
    ShmAnon(u64),
    /// Keeps a file open and removes its name.
    OpenUnlink(String),
    /// Removes a name.
    Unlink(String),
    /// Closes what it keeps open and unmaps what it mapped of files.
    Close,
    /// Children that wait.
    Fork(u64),
    /// Asks for names that do not exist.
    Names(u64),
    /// Data sent through sockets and not read.
    Sockets(u64),
    /// Data in pipes.
    Pipes(u64),
    /// Touches again what it has.
    Retouch,
    /// Moves to another group.
    Move(String),
    /// Ends.
    Exit,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A process does something.
    Process(String, Action),
    /// A group is removed.
    Remove(String),
    /// A setting is changed.
    Set(String, Vec<Setting>),
    /// Nothing happens for a while, or a reading is taken.
    Nothing,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Swap of the machine.
    pub swap_bytes: u64,
    /// Memory of the machine, if it is told.
    pub memory_bytes: Option<u64>,
    /// Processors.
    pub cpus: u64,
    /// How fast the disk writes, bytes a second, if it is told.
    pub disk_bytes_per_s: Option<u64>,
    /// Release of the kernel: 5.10.223.
    pub release: Option<(u32, u32, u32)>,
    /// Groups, parents first.
    pub groups: Vec<GroupSpec>,
    /// Files on disk, with their sizes.
    pub files: Vec<(String, u64)>,
    /// Processes.
    pub processes: Vec<ProcessSpec>,
    /// Steps, in order, each with its line in the text.
    pub steps: Vec<(u32, Step)>,
}
