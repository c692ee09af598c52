//! One connection of a probe, from its opening to its end: a machine of few states, driven by bytes and by time.

use std::net::{SocketAddr, TcpStream};

use casebook_core::dial::{End, FarEnd, First, Meanwhile, Outcome, Target, Trial, When};
use nix::libc;

use super::line::{self, Greeting};
use super::sys::{self, Got};

/// An answer is over when nothing more came for this long.
const SETTLED_NS: u64 = 200_000_000;

/// After bytes nobody asked for, a close that belongs to them comes within this time.
const UNASKED_NS: u64 = 1_000_000_000;

/// A far end that speaks late is late by its own machine's load; it is waited for this much longer.
const LATE_NS: u64 = 500_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// The first exchange; `answered` when some of the answer is there.
    Greeting {
        answered: bool,
    },
    Waiting,
    /// Bytes came that nobody had asked for.
    Unasked,
    Spoken,
}

/// How a step ended the connection: not yet, with an outcome, or with a question to the far end first.
pub(crate) enum Step {
    Goes,
    Over(Outcome),
    /// The far end was to speak and did not; it knows more.
    Ask(Outcome),
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) trial: Trial,
    pub(crate) stream: TcpStream,
    /// Its name at the far end.
    pub(crate) key: String,
    /// What the far end calls itself.
    pub(crate) instance: String,
    stage: Stage,
    /// The stage ends then.
    due_ns: u64,
    opened_unix_ms: u64,
    /// Silence, or the busy time, began then.
    since_ns: u64,
    /// It began up to this much earlier: the machine was busy when the last byte came.
    late_ns: u64,
    spoken_ns: u64,
    waited_ns: u64,
    /// The service answers.
    answers: bool,
    /// An answer takes no longer.
    answer_due_ns: u64,
    next_message_ns: u64,
    message_since_ns: Option<u64>,
    buffer: Vec<u8>,
    sent_bytes: u64,
    received_bytes: u64,
    errno: Option<i32>,
}

impl Connection {
    /// Opens it.
    pub(crate) fn open(
        trial: Trial,
        to: SocketAddr,
        target: &Target,
        key: String,
        now_ns: u64,
        opened_unix_ms: u64,
    ) -> Result<Self, Box<Outcome>> {
        let failed = |why: String| Outcome {
            trial,
            opened_unix_ms,
            waited_ns: 0,
            end: End::NotOpened(why),
            ended_after_ns: 0,
            errno: None,
            retransmits: None,
            sent_bytes: 0,
            received_bytes: 0,
            far: None,
        };
        let stream = sys::begin(to).map_err(|error| Box::new(failed(error.to_string())))?;
        if let Meanwhile::Keepalive { interval_ns } = trial.meanwhile {
            let seconds = u32::try_from(interval_ns / 1_000_000_000).unwrap_or(u32::MAX).max(1);
            sys::keepalive(&stream, seconds).map_err(|error| Box::new(failed(format!("keepalive: {error}"))))?;
        }
        Ok(Self {
            trial,
            stream,
            key,
            instance: String::new(),
            stage: Stage::Connecting,
            due_ns: now_ns + target.connect_within_ns,
            opened_unix_ms,
            since_ns: now_ns,
            late_ns: 0,
            spoken_ns: 0,
            waited_ns: 0,
            answers: false,
            answer_due_ns: target.answer_within_ns,
            next_message_ns: 0,
            message_since_ns: None,
            buffer: Vec::new(),
            sent_bytes: 0,
            received_bytes: 0,
            errno: None,
        })
    }

    /// True while it waits to be writable.
    pub(crate) fn writes(&self) -> bool {
        self.stage == Stage::Connecting
    }

    /// When it wants to be called, whatever comes.
    pub(crate) fn due_ns(&self) -> u64 {
        match (self.stage, self.message_since_ns) {
            (Stage::Waiting, None) if self.messages_ns().is_some() => self.due_ns.min(self.next_message_ns),
            (Stage::Waiting, Some(since_ns)) => self.due_ns.min(since_ns + self.answer_due_ns),
            _ => self.due_ns,
        }
    }

    fn messages_ns(&self) -> Option<u64> {
        match self.trial.meanwhile {
            Meanwhile::Messages { interval_ns } => Some(interval_ns),
            _ => None,
        }
    }

    fn outcome(&self, end: End, now_ns: u64) -> Outcome {
        let unacknowledged = sys::unacknowledged(&self.stream);
        // Whoever died waited this long at most, whoever lived at least.
        let late_ns = if matches!(end, End::Alive | End::Unasked | End::NotOpened(_)) { 0 } else { self.late_ns };
        Outcome {
            trial: self.trial,
            opened_unix_ms: self.opened_unix_ms,
            waited_ns: self.waited_ns + late_ns,
            end,
            ended_after_ns: if self.spoken_ns == 0 { 0 } else { now_ns.saturating_sub(self.spoken_ns) },
            errno: self.errno,
            retransmits: unacknowledged.map(|seen| seen.retransmits),
            sent_bytes: self.sent_bytes,
            received_bytes: self.received_bytes,
            far: None,
        }
    }

    fn over(&mut self, end: End, now_ns: u64) -> Step {
        if matches!(self.stage, Stage::Waiting) {
            self.waited_ns = now_ns.saturating_sub(self.since_ns);
        }
        Step::Over(self.outcome(end, now_ns))
    }

    /// A broken connection, told by its error.
    fn broken(&mut self, errno: i32, now_ns: u64) -> Step {
        self.errno = Some(errno);
        let when = match self.stage {
            Stage::Connecting | Stage::Greeting { .. } => {
                return self.over(End::NotOpened(sys::said(errno)), now_ns);
            }
            Stage::Waiting | Stage::Unasked => When::Waiting,
            Stage::Spoken => When::Spoken,
        };
        let end = match errno {
            libc::ECONNRESET | libc::EPIPE => End::Reset(when),
            libc::ETIMEDOUT => End::TimedOut(when),
            _ => End::Failed(when),
        };
        self.over(end, now_ns)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), i32> {
        sys::put(&mut self.stream, bytes)?;
        self.sent_bytes += bytes.len() as u64;
        Ok(())
    }

    /// What is sent at the beginning and after the wait.
    fn message(&self, target: &Target, responder: &str) -> Vec<u8> {
        match &target.far_end {
            FarEnd::Responder => responder.as_bytes().to_vec(),
            FarEnd::Service(payload) => payload.clone(),
        }
    }

    /// The socket is ready; what is there came `late_ns` ago at most.
    pub(crate) fn ready(&mut self, target: &Target, now_ns: u64, late_ns: u64) -> Step {
        if matches!(self.stage, Stage::Greeting { .. }) {
            self.late_ns = late_ns;
        }
        if self.stage == Stage::Connecting {
            return match self.stream.take_error() {
                Ok(None) => self.connected(target, now_ns),
                Ok(Some(error)) | Err(error) => self.broken(error.raw_os_error().unwrap_or(0), now_ns),
            };
        }
        match sys::take(&mut self.stream) {
            Got::Nothing => Step::Goes,
            Got::Broken(errno) => self.broken(errno, now_ns),
            Got::End => match self.stage {
                Stage::Connecting | Stage::Greeting { .. } => {
                    let why = "the far end closes during the first exchange: it is not to keep connections, or not so";
                    self.over(End::NotOpened(why.into()), now_ns)
                }
                Stage::Waiting | Stage::Unasked => self.over(End::Closed(When::Waiting), now_ns),
                Stage::Spoken => self.over(End::Closed(When::Spoken), now_ns),
            },
            Got::Bytes(bytes) => {
                self.received_bytes += bytes.len() as u64;
                self.bytes(&bytes, target, now_ns)
            }
        }
    }

    fn connected(&mut self, target: &Target, now_ns: u64) -> Step {
        let greeting = Greeting::Probe { key: self.key.clone(), first: self.trial.first, gap_ns: self.trial.gap_ns };
        self.stage = Stage::Greeting { answered: false };
        let message = self.message(target, &line::greet(&greeting));
        if let Err(errno) = self.send(&message) {
            return self.broken(errno, now_ns);
        }
        self.since_ns = now_ns;
        self.due_ns = now_ns + target.answer_within_ns;
        Step::Goes
    }

    fn bytes(&mut self, bytes: &[u8], target: &Target, now_ns: u64) -> Step {
        let responder = target.far_end == FarEnd::Responder;
        match self.stage {
            Stage::Connecting => Step::Goes,
            Stage::Greeting { .. } if responder => {
                self.buffer.extend_from_slice(bytes);
                let Ok(lines) = line::lines(&mut self.buffer) else { return self.no_responder(now_ns) };
                let Some(said) = lines.first() else { return Step::Goes };
                let Some(instance) = line::accepted(said) else {
                    return match said.strip_prefix("refused ") {
                        Some(why) => self.over(End::NotOpened(format!("the responder refuses: {why}")), now_ns),
                        None => self.no_responder(now_ns),
                    };
                };
                self.instance = instance.to_owned();
                self.waits(now_ns);
                Step::Goes
            }
            Stage::Greeting { .. } => {
                self.answers = true;
                self.stage = Stage::Greeting { answered: true };
                self.since_ns = now_ns;
                self.due_ns = now_ns + SETTLED_NS;
                Step::Goes
            }
            Stage::Waiting if responder && self.trial.first == First::Server => self.pushed(bytes, now_ns),
            Stage::Waiting if self.message_since_ns.is_some() => {
                self.message_since_ns = None;
                Step::Goes
            }
            // The rest of a long answer to a message.
            Stage::Waiting if self.messages_ns().is_some() => Step::Goes,
            Stage::Waiting => {
                self.waited_ns = now_ns.saturating_sub(self.since_ns);
                self.stage = Stage::Unasked;
                self.due_ns = now_ns + UNASKED_NS;
                Step::Goes
            }
            Stage::Unasked => Step::Goes,
            Stage::Spoken => self.over(End::Alive, now_ns),
        }
    }

    fn no_responder(&mut self, now_ns: u64) -> Step {
        let why = "the far end does not answer as `casebook rst respond` does";
        self.over(End::NotOpened(why.into()), now_ns)
    }

    /// The far end of a server-first trial says something: the answer to a message, or what it was to say.
    fn pushed(&mut self, bytes: &[u8], now_ns: u64) -> Step {
        self.buffer.extend_from_slice(bytes);
        let lines = line::lines(&mut self.buffer).unwrap_or_default();
        for said in lines {
            if let Some(waited_ns) = line::spoken(&said) {
                // Best effort: the far end learns that it arrived.
                let _ = self.send(b"got\n");
                self.waited_ns = waited_ns;
                return Step::Over(self.outcome(End::Alive, now_ns));
            }
            self.message_since_ns = None;
        }
        Step::Goes
    }

    /// The wait begins.
    fn waits(&mut self, now_ns: u64) {
        self.stage = Stage::Waiting;
        self.since_ns = now_ns;
        self.due_ns = now_ns + self.trial.gap_ns;
        if self.trial.first == First::Server {
            self.due_ns += self.answer_due_ns + LATE_NS;
        }
        self.next_message_ns = now_ns + self.messages_ns().unwrap_or(u64::MAX / 4);
    }

    /// Time passed.
    pub(crate) fn tick(&mut self, target: &Target, now_ns: u64) -> Step {
        if now_ns < self.due_ns() {
            return Step::Goes;
        }
        match self.stage {
            Stage::Connecting => self.over(End::NotOpened("no answer to the SYN".into()), now_ns),
            Stage::Greeting { .. } if target.far_end == FarEnd::Responder => {
                self.over(End::NotOpened("the responder does not answer".into()), now_ns)
            }
            Stage::Greeting { answered } => {
                if !answered && sys::unacknowledged(&self.stream).is_some_and(|seen| seen.segments > 0) {
                    let why = "what was sent first was not acknowledged";
                    return self.over(End::NotOpened(why.into()), now_ns);
                }
                // The silence began with the last byte, not when it was clear that it was the last.
                let since_ns = self.since_ns;
                self.waits(now_ns);
                self.since_ns = since_ns;
                self.due_ns = since_ns + self.trial.gap_ns;
                self.due_ns = self.due_ns.max(now_ns);
                Step::Goes
            }
            Stage::Unasked => self.over(End::Unasked, now_ns),
            Stage::Waiting if self.message_since_ns.is_some_and(|since_ns| now_ns >= since_ns + self.answer_due_ns) => {
                let end = self.silent_end();
                self.over(end, now_ns)
            }
            Stage::Waiting if now_ns < self.due_ns => self.busy(target, now_ns),
            Stage::Waiting if self.trial.first == First::Server => {
                self.waited_ns = self.trial.gap_ns;
                Step::Ask(self.outcome(End::Vanished, now_ns))
            }
            Stage::Waiting => self.speak(target, now_ns),
            Stage::Spoken => {
                let end = self.silent_end();
                // A service that never answers has acknowledged: the connection is there.
                let end = if end == End::Unanswered && !self.answers && target.far_end != FarEnd::Responder {
                    End::Alive
                } else {
                    end
                };
                self.over(end, now_ns)
            }
        }
    }

    /// Nobody answered: nobody at all, or a kernel without its program.
    fn silent_end(&self) -> End {
        match sys::unacknowledged(&self.stream) {
            Some(seen) if seen.segments == 0 => End::Unanswered,
            _ => End::Vanished,
        }
    }

    fn busy(&mut self, target: &Target, now_ns: u64) -> Step {
        let message = self.message(target, "ping\n");
        if let Err(errno) = self.send(&message) {
            return self.broken(errno, now_ns);
        }
        let interval_ns = self.messages_ns().unwrap_or(u64::MAX / 4);
        self.next_message_ns = now_ns + interval_ns;
        self.message_since_ns = (self.answers || target.far_end == FarEnd::Responder).then_some(now_ns);
        Step::Goes
    }

    fn speak(&mut self, target: &Target, now_ns: u64) -> Step {
        // What came in the meantime is looked at first: a RST that was there before is no answer to what is sent now.
        match self.ready(target, now_ns, 0) {
            Step::Goes if self.stage == Stage::Waiting => {}
            other => return other,
        }
        self.waited_ns = now_ns.saturating_sub(self.since_ns);
        self.spoken_ns = now_ns;
        self.stage = Stage::Spoken;
        self.due_ns = now_ns + target.answer_within_ns;
        let message = self.message(target, &format!("now {}\n", self.waited_ns / 1000));
        match self.send(&message) {
            Ok(()) => Step::Goes,
            Err(errno) => self.broken(errno, now_ns),
        }
    }
}
