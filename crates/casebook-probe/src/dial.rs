//! Connections that wait: what `casebook_core::dial` asks for, done. One thread, sockets that do not block, poll(2).

mod connection;
mod line;
mod responder;
mod sys;

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use casebook_core::dial::{FarReport, Next, Outcome, Stopped, Target};

use connection::{Connection, Step};
use line::{Answer, Greeting};
pub use responder::respond;
use sys::Got;
pub use sys::Interrupt;

/// `next` is called at least so often.
const SECOND_NS: u64 = 1_000_000_000;

/// A question about a connection goes to whichever responder the path picks; so often it is asked for the right one.
const QUESTIONS: u32 = 12;

/// A wait that is over sooner did not wait.
const AT_ONCE_NS: u64 = 200_000;

/// Time between two questions.
const AGAIN_NS: u64 = 300_000_000;

/// A clock that only goes forward, from the moment it was made.
#[derive(Clone, Copy, Debug)]
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Clock(Instant::now())
    }

    fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(0))
}

/// A name no other run has: time and process.
fn instance() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    format!("{:x}", (nanos as u64) ^ (u64::from(std::process::id()) << 40))
}

fn resolve(address: &str) -> Result<SocketAddr, String> {
    let mut found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?;
    found.next().ok_or_else(|| format!("{address} has no address"))
}

/// A question to the far end about a connection that got no word from it; the connection stays open until then.
struct Question {
    about: Connection,
    outcome: Outcome,
    asked: u32,
    /// The connection the question is asked on.
    on: Option<std::net::TcpStream>,
    connected: bool,
    buffer: Vec<u8>,
    due_ns: u64,
}

/// Opens what `next` asks for; see [`casebook_core::dial::Dialer::dial`].
pub fn dial(
    target: &Target,
    interrupt: &Interrupt,
    next: &mut dyn FnMut(&[Outcome], u64) -> Next,
) -> Result<Stopped, String> {
    let to = resolve(&target.address)?;
    let mut run = Run {
        target,
        to,
        clock: Clock::start(),
        session: instance(),
        // A question takes a second socket.
        room: sys::room(target.max_open.saturating_mul(2)) / 2,
        open: BTreeMap::new(),
        questions: Vec::new(),
        queue: Vec::new(),
        ended: Vec::new(),
        looked_ns: 0,
    };
    run.run(interrupt, next)
}

struct Run<'a> {
    target: &'a Target,
    to: SocketAddr,
    clock: Clock,
    session: String,
    room: usize,
    open: BTreeMap<u64, Connection>,
    questions: Vec<Question>,
    queue: Vec<casebook_core::dial::Trial>,
    ended: Vec<Outcome>,
    /// Sockets were last found ready, or not, at this time.
    looked_ns: u64,
}

impl Run<'_> {
    fn run(&mut self, interrupt: &Interrupt, next: &mut dyn FnMut(&[Outcome], u64) -> Next) -> Result<Stopped, String> {
        let mut told_ns = 0;
        let mut first = true;
        loop {
            let now_ns = self.clock.now_ns();
            if first || !self.ended.is_empty() || now_ns >= told_ns + SECOND_NS {
                first = false;
                told_ns = now_ns;
                let ended = std::mem::take(&mut self.ended);
                let asked = next(&ended, now_ns);
                for id in asked.cancel {
                    self.open.remove(&id);
                    self.queue.retain(|trial| trial.id != id);
                    self.questions.retain(|question| question.about.trial.id != id);
                }
                self.queue.extend(asked.start);
                self.start();
            }
            if !self.ended.is_empty() {
                continue;
            }
            if self.open.is_empty() && self.questions.is_empty() && self.queue.is_empty() {
                return Ok(Stopped::Done);
            }
            if now_ns >= self.target.max_time_ns {
                return Ok(Stopped::TimeUp);
            }
            self.wait(interrupt, told_ns + SECOND_NS).map_err(|error| format!("waiting for sockets: {error}"))?;
            if interrupt.came() {
                if !self.ended.is_empty() {
                    next(&std::mem::take(&mut self.ended), self.clock.now_ns());
                }
                return Ok(Stopped::Interrupted);
            }
        }
    }

    fn start(&mut self) {
        while self.open.len() + self.questions.len() < self.room && !self.queue.is_empty() {
            let trial = self.queue.remove(0);
            let key = format!("{}.{}", self.session, trial.id);
            match Connection::open(trial, self.to, self.target, key, self.clock.now_ns(), unix_ms()) {
                Ok(connection) => {
                    self.open.insert(trial.id, connection);
                }
                Err(outcome) => self.ended.push(*outcome),
            }
        }
    }

    /// Waits for the first thing to happen, and lets everything happen that is due.
    fn wait(&mut self, interrupt: &Interrupt, until_ns: u64) -> std::io::Result<()> {
        let ids: Vec<u64> = self.open.keys().copied().collect();
        let mut sockets: Vec<_> =
            self.open.values().map(|connection| (connection.stream.as_fd(), connection.writes())).collect();
        let asking: Vec<usize> = (0..self.questions.len()).filter(|at| self.questions[*at].on.is_some()).collect();
        sockets.extend(self.questions.iter().filter_map(|one| one.on.as_ref().map(|on| (on.as_fd(), !one.connected))));
        let due_ns = self.open.values().map(Connection::due_ns);
        let due_ns = due_ns.chain(self.questions.iter().map(|question| question.due_ns)).min().unwrap_or(u64::MAX);
        let within_ns = due_ns.min(until_ns).min(self.target.max_time_ns).saturating_sub(self.clock.now_ns());
        let waits_ns = self.clock.now_ns();
        let ready = sys::wait(&sockets, interrupt, within_ns)?;
        drop(sockets);
        let found_ns = self.clock.now_ns();
        // What was there at once may have come at any time since the last look.
        let came_ns = if found_ns < waits_ns + AT_ONCE_NS { self.looked_ns } else { found_ns };
        self.looked_ns = found_ns;
        for (at, id) in ids.iter().enumerate() {
            let Some(connection) = self.open.get_mut(id) else { continue };
            let mut step = Step::Goes;
            let now_ns = self.clock.now_ns();
            if ready.get(at) == Some(&true) {
                step = connection.ready(self.target, now_ns, now_ns.saturating_sub(came_ns));
            }
            if matches!(step, Step::Goes) {
                step = connection.tick(self.target, now_ns);
            }
            match step {
                Step::Goes => {}
                Step::Over(outcome) => {
                    self.open.remove(id);
                    self.ended.push(outcome);
                }
                Step::Ask(outcome) => {
                    if let Some(about) = self.open.remove(id) {
                        let (on, buffer) = (None, Vec::new());
                        self.questions.push(Question {
                            about,
                            outcome,
                            asked: 0,
                            on,
                            connected: false,
                            buffer,
                            due_ns: now_ns,
                        });
                    }
                }
            }
        }
        let now_ns = self.clock.now_ns();
        let mut done = Vec::new();
        for at in 0..self.questions.len() {
            let ready =
                asking.iter().position(|known| *known == at).and_then(|i| ready.get(ids.len() + i)) == Some(&true);
            if self.ask(at, ready, now_ns) {
                done.push(at);
            }
        }
        for at in done.into_iter().rev() {
            let question = self.questions.remove(at);
            self.ended.push(question.outcome);
        }
        Ok(())
    }

    /// A step of a question; true when it is over.
    fn ask(&mut self, at: usize, ready: bool, now_ns: u64) -> bool {
        let (to, within_ns) = (self.to, self.target.connect_within_ns);
        let Some(question) = self.questions.get_mut(at) else { return true };
        match &mut question.on {
            None if now_ns < question.due_ns => return false,
            None if question.asked >= QUESTIONS => return true,
            None => {
                question.asked += 1;
                question.buffer.clear();
                question.connected = false;
                question.on = sys::begin(to).ok();
                question.due_ns = now_ns + if question.on.is_some() { within_ns } else { AGAIN_NS };
                return false;
            }
            Some(_) if now_ns >= question.due_ns => {}
            Some(_) if !ready => return false,
            Some(on) if !question.connected => {
                question.connected = true;
                let greeting = line::greet(&Greeting::Report { key: question.about.key.clone() });
                if sys::put(on, greeting.as_bytes()).is_ok() {
                    return false;
                }
            }
            Some(on) => match sys::take(on) {
                Got::Nothing => return false,
                Got::End | Got::Broken(_) => {}
                Got::Bytes(bytes) => {
                    question.buffer.extend_from_slice(&bytes);
                    let lines = line::lines(&mut question.buffer).unwrap_or_default();
                    match lines.first().and_then(|said| line::answered(said)) {
                        Some(Answer::Report { report, .. }) => {
                            question.outcome.waited_ns = report.waited_ns;
                            question.outcome.far = Some(report);
                            return true;
                        }
                        // The right one, and it does not know yet; or another backend.
                        Some(Answer::Waiting { .. } | Answer::Unknown { .. }) => {}
                        None if lines.is_empty() => return false,
                        None => {}
                    }
                }
            },
        }
        question.on = None;
        question.due_ns = now_ns + AGAIN_NS;
        false
    }
}

/// What the far end saw, with the wait it measured.
fn report(end: casebook_core::dial::End, waited_ns: u64) -> FarReport {
    FarReport { end, waited_ns }
}

#[cfg(test)]
mod tests;
