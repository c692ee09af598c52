//! The far end of a probe. It answers only what is said as a probe says it, keeps few bytes of each connection, and closes
//! what does not speak.

use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;

use casebook_core::dial::{End, FarReport, First, Respond, Served, Stopped, When};
use nix::libc;

use super::line::{self, Answer, Greeting};
use super::sys::{self, Got, Interrupt};
use super::{Clock, SECOND_NS, instance, report};

/// Who connects says who it is by then.
const GREETS_WITHIN_NS: u64 = 10 * SECOND_NS;

/// After it spoke, an answer is waited for this long; shorter than the probe's own patience, so that it can be asked.
const ANSWERED_WITHIN_NS: u64 = 2_500_000_000;

/// A connection whose end is known is kept open this long for the other side to close.
const CLOSES_WITHIN_NS: u64 = 30 * SECOND_NS;

/// Reports that are kept.
const REPORTS: usize = 8192;

#[derive(Debug)]
enum Stage {
    /// Nothing was said.
    Silent,
    /// It waits; the probe speaks, or this end does when it is due.
    Waiting { key: String, first: First },
    /// This end spoke.
    Spoken { key: String, waited_ns: u64 },
    /// All is known.
    Done,
}

struct Peer {
    stream: TcpStream,
    address: SocketAddr,
    stage: Stage,
    /// The wait began then.
    since_ns: u64,
    due_ns: u64,
    buffer: Vec<u8>,
}

/// Answers probes; see [`casebook_core::dial::Dialer::respond`].
pub fn respond(asked: &Respond, interrupt: &Interrupt, tell: &mut dyn FnMut(Served)) -> Result<Stopped, String> {
    let listener = TcpListener::bind(&asked.listen).map_err(|error| format!("{}: {error}", asked.listen))?;
    listener.set_nonblocking(true).map_err(|error| format!("{}: {error}", asked.listen))?;
    let at = listener.local_addr().map_err(|error| format!("{}: {error}", asked.listen))?;
    tell(Served::Listening(at.to_string()));
    let mut serving = Serving {
        asked,
        clock: Clock::start(),
        instance: instance(),
        room: sys::room(asked.max_open),
        peers: Vec::new(),
        reports: HashMap::new(),
        order: VecDeque::new(),
        tell,
    };
    serving.run(&listener, interrupt).map_err(|error| format!("waiting for sockets: {error}"))
}

struct Serving<'a> {
    asked: &'a Respond,
    clock: Clock,
    instance: String,
    room: usize,
    peers: Vec<Peer>,
    /// What became of connections; `None` while they wait.
    reports: HashMap<String, Option<FarReport>>,
    order: VecDeque<String>,
    tell: &'a mut dyn FnMut(Served),
}

impl Serving<'_> {
    fn run(&mut self, listener: &TcpListener, interrupt: &Interrupt) -> std::io::Result<Stopped> {
        loop {
            let now_ns = self.clock.now_ns();
            let end_ns = self.asked.max_time_ns.unwrap_or(u64::MAX);
            if now_ns >= end_ns {
                return Ok(Stopped::TimeUp);
            }
            let due_ns = self.peers.iter().map(|peer| peer.due_ns).min().unwrap_or(u64::MAX);
            let within_ns = due_ns.min(end_ns).saturating_sub(now_ns).min(60 * SECOND_NS);
            let mut sockets: Vec<_> = self.peers.iter().map(|peer| (peer.stream.as_fd(), false)).collect();
            sockets.push((listener.as_fd(), false));
            let ready = sys::wait(&sockets, interrupt, within_ns)?;
            drop(sockets);
            if interrupt.came() {
                return Ok(Stopped::Interrupted);
            }
            let now_ns = self.clock.now_ns();
            let mut peers = std::mem::take(&mut self.peers);
            let mut at = 0;
            peers.retain_mut(|peer| {
                let ready = ready.get(at) == Some(&true);
                at += 1;
                (!ready || self.ready(peer, now_ns)) && (now_ns < peer.due_ns || self.due(peer, now_ns))
            });
            self.peers = peers;
            if ready.last() == Some(&true) {
                self.accept(listener, now_ns);
            }
        }
    }

    fn accept(&mut self, listener: &TcpListener, now_ns: u64) {
        while let Ok((mut stream, address)) = listener.accept() {
            if stream.set_nonblocking(true).is_err() || stream.set_nodelay(true).is_err() {
                continue;
            }
            if self.peers.len() >= self.room {
                // Best effort: it is closed either way.
                let _ = sys::put(&mut stream, b"refused too many connections\n");
                self.refuse(address, "too many connections");
                continue;
            }
            self.peers.push(Peer {
                stream,
                address,
                stage: Stage::Silent,
                since_ns: now_ns,
                due_ns: now_ns + GREETS_WITHIN_NS,
                buffer: Vec::new(),
            });
        }
    }

    fn refuse(&mut self, peer: SocketAddr, why: &str) {
        (self.tell)(Served::Refused { peer: peer.to_string(), why: why.to_owned() });
    }

    /// What is known of a connection; the oldest reports make room.
    fn keep(&mut self, key: &str, known: Option<FarReport>) {
        if self.reports.insert(key.to_owned(), known).is_none() {
            self.order.push_back(key.to_owned());
        }
        while self.order.len() > REPORTS {
            if let Some(oldest) = self.order.pop_front() {
                self.reports.remove(&oldest);
            }
        }
    }

    /// The end of a connection is known.
    fn ends(&mut self, peer: &mut Peer, end: End, now_ns: u64) {
        let stage = std::mem::replace(&mut peer.stage, Stage::Done);
        peer.due_ns = now_ns + CLOSES_WITHIN_NS;
        let (key, first, waited_ns) = match stage {
            Stage::Waiting { key, first, .. } => (key, first, now_ns.saturating_sub(peer.since_ns)),
            Stage::Spoken { key, waited_ns } => (key, First::Server, waited_ns),
            Stage::Silent | Stage::Done => return,
        };
        let report = report(end, waited_ns);
        self.keep(&key, Some(report.clone()));
        (self.tell)(Served::Ended { peer: peer.address.to_string(), first, report });
    }

    /// Something arrived; false when the connection is to be closed.
    fn ready(&mut self, peer: &mut Peer, now_ns: u64) -> bool {
        let when = if matches!(peer.stage, Stage::Spoken { .. }) { When::Spoken } else { When::Waiting };
        match sys::take(&mut peer.stream) {
            Got::Nothing => true,
            Got::End => {
                self.ends(peer, End::Closed(when), now_ns);
                false
            }
            Got::Broken(errno) => {
                let end = match errno {
                    libc::ECONNRESET | libc::EPIPE => End::Reset(when),
                    libc::ETIMEDOUT => End::TimedOut(when),
                    _ => End::Failed(when),
                };
                self.ends(peer, end, now_ns);
                false
            }
            Got::Bytes(bytes) => {
                peer.buffer.extend_from_slice(&bytes);
                match line::lines(&mut peer.buffer) {
                    Ok(lines) => lines.iter().all(|said| self.said(peer, said, now_ns)),
                    Err(why) => self.garbage(peer, why),
                }
            }
        }
    }

    fn garbage(&mut self, peer: &mut Peer, why: &str) -> bool {
        // Best effort: it is closed either way.
        let _ = sys::put(&mut peer.stream, format!("refused {why}\n").as_bytes());
        self.refuse(peer.address, why);
        false
    }

    /// A line; false when the connection is to be closed.
    fn said(&mut self, peer: &mut Peer, said: &str, now_ns: u64) -> bool {
        match &peer.stage {
            Stage::Silent => match line::greeting(said) {
                Some(Greeting::Report { key }) => {
                    let instance = self.instance.clone();
                    let answer = match self.reports.get(&key) {
                        None => Answer::Unknown { instance },
                        Some(None) => Answer::Waiting { instance },
                        Some(Some(report)) => Answer::Report { instance, report: report.clone() },
                    };
                    // The one who asked closes; it asks again on another connection when this does not arrive.
                    let _ = sys::put(&mut peer.stream, line::answer(&answer).as_bytes());
                    peer.stage = Stage::Done;
                    peer.due_ns = now_ns + CLOSES_WITHIN_NS;
                    true
                }
                Some(Greeting::Probe { gap_ns, .. }) if gap_ns > self.asked.max_gap_ns => {
                    self.garbage(peer, "a longer gap than --max-gap of the responder")
                }
                Some(Greeting::Probe { key, .. }) if self.reports.contains_key(&key) => {
                    self.garbage(peer, "a connection of this name was here before")
                }
                Some(Greeting::Probe { key, first, gap_ns }) => {
                    self.keep(&key, None);
                    peer.stage = Stage::Waiting { key, first };
                    peer.since_ns = now_ns;
                    // A probe that was to speak and is late is given a minute, and half of its wait.
                    let patience_ns = if first == First::Server { 0 } else { gap_ns / 2 + 60 * SECOND_NS };
                    peer.due_ns = now_ns.saturating_add(gap_ns).saturating_add(patience_ns);
                    self.reply(peer, &format!("ok {}\n", self.instance), now_ns)
                }
                None => self.garbage(peer, "not what a probe says"),
            },
            Stage::Waiting { .. } if said == "ping" => self.reply(peer, "pong\n", now_ns),
            Stage::Waiting { first: First::Client, .. } if line::spoken(said).is_some() => {
                let goes = self.reply(peer, "got\n", now_ns);
                if goes {
                    self.ends(peer, End::Alive, now_ns);
                }
                goes
            }
            Stage::Spoken { .. } if said == "got" => {
                self.ends(peer, End::Alive, now_ns);
                true
            }
            Stage::Spoken { .. } if said == "ping" => true,
            Stage::Waiting { .. } | Stage::Spoken { .. } | Stage::Done => self.garbage(peer, "not what a probe says"),
        }
    }

    fn reply(&mut self, peer: &mut Peer, text: &str, now_ns: u64) -> bool {
        match sys::put(&mut peer.stream, text.as_bytes()) {
            Ok(()) => true,
            Err(_) => {
                self.ends(peer, End::Reset(When::Waiting), now_ns);
                false
            }
        }
    }

    /// Its time is over; false when the connection is to be closed.
    fn due(&mut self, peer: &mut Peer, now_ns: u64) -> bool {
        match &peer.stage {
            Stage::Silent => {
                self.refuse(peer.address, "it said nothing");
                false
            }
            Stage::Done => false,
            Stage::Waiting { key, first: First::Server, .. } => {
                let waited_ns = now_ns.saturating_sub(peer.since_ns);
                let key = key.clone();
                peer.stage = Stage::Spoken { key, waited_ns };
                peer.due_ns = now_ns + ANSWERED_WITHIN_NS;
                self.reply(peer, &format!("now {}\n", waited_ns / 1000), now_ns)
            }
            Stage::Waiting { .. } => {
                self.ends(peer, End::Vanished, now_ns);
                false
            }
            Stage::Spoken { .. } => {
                let acknowledged = sys::unacknowledged(&peer.stream).is_some_and(|seen| seen.segments == 0);
                self.ends(peer, if acknowledged { End::Unanswered } else { End::Vanished }, now_ns);
                true
            }
        }
    }
}
