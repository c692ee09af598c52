//! Connections that wait, as data: a case says which connections are opened, how long each is silent and who speaks then;
//! the binary opens them and says how each ended. So a case stays pure and can still ask a real path for its timers.
//!
//! Times are nanoseconds of a monotonic clock unless a name says `unix`. Only the peer the user named is connected to.

/// Who speaks after the silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum First {
    /// The end that opened the connection.
    Client,
    /// The far end; it takes `casebook rst respond` there.
    Server,
}

/// What happens on the connection while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Meanwhile {
    /// Nothing.
    Silence,
    /// The client's kernel sends keepalive probes (SO_KEEPALIVE; the kernel counts whole seconds).
    Keepalive {
        /// Time between them.
        interval_ns: u64,
    },
    /// A message and its answer.
    Messages {
        /// Time between them.
        interval_ns: u64,
    },
}

/// One connection to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trial {
    /// Its number within a probe.
    pub id: u64,
    /// How long it waits: silent, or with what `meanwhile` says.
    pub gap_ns: u64,
    /// Who speaks then.
    pub first: First,
    /// What happens until then.
    pub meanwhile: Meanwhile,
}

/// What is at the far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FarEnd {
    /// `casebook rst respond`.
    Responder,
    /// Any service: these bytes are sent at the beginning and after the wait. Whether they are answered is learnt from
    /// the beginning.
    Service(Vec<u8>),
}

/// Where connections go to, and their bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `HOST:PORT` as the user wrote it.
    pub address: String,
    /// What is there.
    pub far_end: FarEnd,
    /// A connection that is not set up by then is given up.
    pub connect_within_ns: u64,
    /// A segment that is not answered by then is not going to be.
    pub answer_within_ns: u64,
    /// Connections open at the same time.
    pub max_open: usize,
    /// All of it ends after this long.
    pub max_time_ns: u64,
}

/// When an end came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// While the connection waited: nobody had spoken.
    Waiting,
    /// After somebody spoke.
    Spoken,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// It works: what was said after the wait arrived.
    Alive,
    /// A RST came.
    Reset(When),
    /// A FIN came.
    Closed(When),
    /// The own kernel gave up (ETIMEDOUT).
    TimedOut(When),
    /// ICMP or the own kernel ended it; the error is in [`Outcome::errno`].
    Failed(When),
    /// What was sent was not acknowledged by anybody, or what the far end was to send did not come.
    Vanished,
    /// What was sent was acknowledged, and not answered.
    Unanswered,
    /// Bytes came that nobody had asked for: the connection was not idle, the trial says nothing.
    Unasked,
    /// It could not be set up: why.
    NotOpened(String),
}

/// What the far end saw of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarReport {
    /// How it ended there.
    pub end: End,
    /// How long it had waited by the far end's clock.
    pub waited_ns: u64,
}

/// How a trial went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The trial.
    pub trial: Trial,
    /// When it was opened.
    pub opened_unix_ms: u64,
    /// How long it had really waited when somebody spoke, or when it ended before that.
    pub waited_ns: u64,
    /// How it ended, seen from here.
    pub end: End,
    /// From the moment somebody spoke to the end.
    pub ended_after_ns: u64,
    /// Error number of the system, if there was one.
    pub errno: Option<i32>,
    /// Retransmissions without an answer when it ended (TCP_INFO).
    pub retransmits: Option<u32>,
    /// Payload sent.
    pub sent_bytes: u64,
    /// Payload received.
    pub received_bytes: u64,
    /// What the far end says of it, where it was asked.
    pub far: Option<FarReport>,
}

/// What is to be done next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Trials to start; no more than there is room for.
    pub start: Vec<Trial>,
    /// Trials whose outcome is no longer needed: they are closed and have no outcome.
    pub cancel: Vec<u64>,
    /// What to show as progress.
    pub say: String,
}

/// Why dialling or responding came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There was nothing left to do.
    Done,
    /// The user stopped it.
    Interrupted,
    /// The time was up.
    TimeUp,
}

/// How a responder is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respond {
    /// `ADDR:PORT` to listen at.
    pub listen: String,
    /// Connections open at the same time; more are refused.
    pub max_open: usize,
    /// A longer gap is refused.
    pub max_gap_ns: u64,
    /// It stops after this long.
    pub max_time_ns: Option<u64>,
}

/// What a responder says while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// It listens at this address.
    Listening(String),
    /// A connection of a probe ended.
    Ended {
        /// Who connected.
        peer: String,
        /// Who was to speak.
        first: First,
        /// How it ended, seen from this end.
        report: FarReport,
    },
    /// Somebody who is no probe was turned away: who and why.
    Refused {
        /// Who connected.
        peer: String,
        /// Why.
        why: String,
    },
}

/// Opens connections and answers them.
pub trait Dialer {
    /// Opens the trials `next` asks for, until there are none open and it asks for none. It is called with the outcomes
    /// since the last call and the time since the beginning: first with none, then after each outcome and about once a
    /// second. The error says why nothing could be opened at all.
    fn dial(&self, target: &Target, next: &mut dyn FnMut(&[Outcome], u64) -> Next) -> Result<Stopped, String>;

    /// Answers probes until it is stopped.
    fn respond(&self, respond: &Respond, tell: &mut dyn FnMut(Served)) -> Result<Stopped, String>;
}

/// Keeps the state of a verb between runs, at the path the user gave for it.
pub trait Store {
    /// What is there; `None` when there is nothing.
    fn load(&self, path: &str) -> Result<Option<Vec<u8>>, String>;

    /// Replaces it; after a crash either the old or the new is there.
    fn save(&self, path: &str, bytes: &[u8]) -> Result<(), String>;
}
