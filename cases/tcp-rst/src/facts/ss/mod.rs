//! Sockets as `ss` prints them: `ss -tinoe`, `-tnop`, `-tano`, with and without headers, `-O`.
//!
//! The line of a socket begins in the first column; what `-i` tells of it follows on a line that begins with a blank, or
//! on the same line under `-O`. Source: iproute2, misc/ss.c (`sock_state_print`, `tcp_timer_print`, `tcp_stats_print`).

mod fields;

#[cfg(test)]
mod tests;

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};

pub use self::fields::{Address, Rounded, User};
use super::lines;
use super::timer::Micros;

/// Output of ss.
pub static SS: Kind =
    Kind { name: "ss", what: "output of `ss -tinoe`, with or without headers", sniff, refers: None, comment: None };

/// Sockets of one listing that are read.
const MAX_SOCKETS: usize = 4_000_000;

/// The timer of a socket (`tcp_diag`, net/ipv4/inet_diag.c: `inet_diag_msg_common_fill` and what follows it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// `on`: a retransmission, loss probe or delayed send is due.
    On,
    /// `keepalive`: the next probe.
    Keepalive,
    /// `timewait`: the end of TIME-WAIT.
    TimeWait,
    /// `persist`: the next probe of a closed window.
    Persist,
    /// Another word.
    Other,
}

/// `timer:(keepalive,119min,0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketTimer {
    /// Which.
    pub kind: TimerKind,
    /// Time until it runs out.
    pub remaining: Rounded,
    /// Retransmissions, or probes, that were not answered.
    pub retransmissions: u32,
    /// Where.
    pub span: Span,
}

/// A number of `-i` with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valued<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// What `-i` tells (`struct tcp_info`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Retransmission timeout.
    pub rto: Option<Valued<Micros>>,
    /// Smoothed round-trip time.
    pub rtt: Option<Valued<Micros>>,
    /// Its variation.
    pub rtt_variation: Option<Micros>,
    /// Time since it last sent data.
    pub last_sent: Option<Valued<Micros>>,
    /// Time since it last received data.
    pub last_received: Option<Valued<Micros>>,
    /// Time since it last received an acknowledgement.
    pub last_acknowledged: Option<Valued<Micros>>,
    /// Segments in flight.
    pub unacked: Option<Valued<u64>>,
    /// `retrans:NOW/ALL`: segments being retransmitted.
    pub retransmitting: Option<Valued<u64>>,
    /// Retransmissions of its whole life.
    pub retransmitted: Option<u64>,
    /// Doublings of the timeout.
    pub backoff: Option<Valued<u64>>,
    /// Bytes sent and received.
    pub bytes_sent: Option<Valued<u64>>,
    /// Bytes received.
    pub bytes_received: Option<Valued<u64>>,
    /// Bytes queued and not sent.
    pub not_sent: Option<Valued<u64>>,
    /// Window scales it sends and receives with.
    pub window_scale: Option<(u8, u8)>,
    /// Segment size it sends.
    pub mss: Option<u64>,
    /// True when timestamps are in use (`ts`).
    pub timestamps: bool,
    /// True when SACK is in use.
    pub sack: bool,
}

/// What is known of SO_KEEPALIVE on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// On; the next probe comes after this time without a segment.
    On(Rounded),
    /// Off: no timer runs, and timers were asked for.
    Off,
    /// Another timer runs and hides it, or timers were not asked for.
    Unknown,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// `tcp`, where the column is there.
    pub family: Option<String>,
    /// `ESTAB`, `TIME-WAIT`, …; `None` where ss leaves the column out (a filter on one state).
    pub state: Option<String>,
    /// Bytes received and not yet read by the program; of a listener: connections that wait for `accept`.
    pub recv_queue: u64,
    /// Bytes not yet acknowledged; of a listener: the most that may wait.
    pub send_queue: u64,
    /// This end.
    pub local: Address,
    /// The other end.
    pub peer: Address,
    /// Its timer.
    pub timer: Option<SocketTimer>,
    /// Processes.
    pub users: Vec<User>,
    /// User number (`-e`); ss leaves out 0.
    pub uid: Option<u32>,
    /// Inode (`-e`).
    pub inode: Option<u64>,
    /// Cookie (`sk:`).
    pub cookie: Option<u64>,
    /// Control group.
    pub cgroup: Option<String>,
    /// What `-i` tells; `None` where it was not asked.
    pub info: Option<Info>,
    /// Both lines.
    pub span: Span,
    /// The first line.
    pub line: Span,
}

impl Socket {
    /// Time since data last went either way.
    pub fn idle(&self) -> Option<Micros> {
        let info = self.info.as_ref()?;
        Some(info.last_sent?.value.min(info.last_received?.value))
    }
}

/// A listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sockets of TCP, in order.
    pub sockets: Vec<Socket>,
    /// Lines of other families, which are passed over.
    pub others: u64,
    /// True when a line has a timer, so that `-o` was given.
    pub timers_shown: bool,
    /// Lines the reader does not know.
    pub unmodelled: Vec<Unmodelled>,
}

impl Listing {
    /// What is known of keepalive on one of its sockets.
    pub fn keepalive(&self, socket: &Socket) -> Keepalive {
        match socket.timer {
            Some(SocketTimer { kind: TimerKind::Keepalive, remaining, .. }) => Keepalive::On(remaining),
            Some(_) => Keepalive::Unknown,
            None if self.timers_shown && socket.state.as_deref().is_none_or(|state| state == "ESTAB") => Keepalive::Off,
            None => Keepalive::Unknown,
        }
    }
}

const STATES: &[&str] = &[
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "UNCONN",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
    "CLOSED",
    "NEW-SYN-RECV",
    "BOUND-INACTIVE",
    "UNKNOWN",
];

const FAMILIES: &[&str] = &[
    "tcp", "udp", "raw", "u_str", "u_seq", "u_dgr", "nl", "p_raw", "p_dgr", "dccp", "sctp", "v_str", "v_dgr", "tipc",
    "xdp", "mptcp", "icmp6", "unix", "ti_st", "???",
];

/// Facts of one listing.
pub fn parse(item: &Evidence) -> Listing {
    let mut out = Listing::default();
    // False while the last line was none of a TCP socket, so that what follows it is passed over too.
    let mut open = false;
    for (start, line) in lines(item.as_bytes()) {
        let trimmed = line.trim_ascii();
        let place = start + (line.len() - line.trim_ascii_start().len());
        let span = Span::new(item.id, place, place + trimmed.len());
        let Ok(text) = std::str::from_utf8(trimmed) else {
            out.unmodelled.push(Unmodelled::new(span, "not text"));
            continue;
        };
        if text.is_empty() || is_header(text) {
            continue;
        }
        let words = fields::words(item.id, text, place);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            match out.sockets.last_mut().filter(|_| open) {
                Some(socket) => {
                    socket.span = socket.span.to(span);
                    details(socket, &words);
                }
                None if out.others > 0 => {}
                None => out.unmodelled.push(Unmodelled::new(span, "details of no socket")),
            }
            continue;
        }
        if out.sockets.len() >= MAX_SOCKETS {
            let rest = Span::new(item.id, start, item.as_bytes().len());
            out.unmodelled.push(Unmodelled::new(rest, "more sockets than are read"));
            break;
        }
        open = false;
        match socket(&words, span) {
            Line::Socket(socket) => {
                open = true;
                out.sockets.push(*socket);
            }
            Line::OtherFamily => out.others += 1,
            Line::Unknown(why) => out.unmodelled.push(Unmodelled::new(span, why)),
        }
    }
    out.timers_shown = out.sockets.iter().any(|socket| socket.timer.is_some());
    out
}

fn is_header(text: &str) -> bool {
    text.contains("Recv-Q") && text.contains("Send-Q")
}

enum Line {
    Socket(Box<Socket>),
    OtherFamily,
    Unknown(&'static str),
}

fn socket(words: &[(&str, Span)], line: Span) -> Line {
    let mut rest = words;
    let mut next = || {
        let (first, tail) = rest.split_first()?;
        rest = tail;
        Some(*first)
    };
    let Some(mut word) = next() else { return Line::Unknown("an empty line") };
    let mut family = None;
    if FAMILIES.contains(&word.0) {
        family = Some(word.0.to_owned());
        match next() {
            Some(second) => word = second,
            None => return Line::Unknown("a line that breaks off"),
        }
    }
    if family.as_deref().is_some_and(|family| family != "tcp") {
        return Line::OtherFamily;
    }
    let mut state = None;
    if STATES.contains(&word.0) {
        state = Some(word.0.to_owned());
        match next() {
            Some(second) => word = second,
            None => return Line::Unknown("a line that breaks off"),
        }
    }
    let Ok(recv_queue) = word.0.parse() else { return Line::Unknown("no line of a socket") };
    let (Some(send), Some(local), Some(peer)) = (next(), next(), next()) else {
        return Line::Unknown("a line that breaks off");
    };
    let Ok(send_queue) = send.0.parse() else { return Line::Unknown("no line of a socket") };
    let (Some(local), Some(peer)) = (fields::address(local.0, local.1), fields::address(peer.0, peer.1)) else {
        return Line::Unknown("addresses that are none of TCP");
    };
    let mut socket = Socket {
        family,
        state,
        recv_queue,
        send_queue,
        local,
        peer,
        timer: None,
        users: Vec::new(),
        uid: None,
        inode: None,
        cookie: None,
        cgroup: None,
        info: None,
        span: line,
        line,
    };
    details(&mut socket, rest);
    Line::Socket(Box::new(socket))
}

/// Everything behind the addresses, on whichever line.
fn details(socket: &mut Socket, words: &[(&str, Span)]) {
    for (word, span) in words {
        if let Some(info) = info_word(word) {
            let known = socket.info.get_or_insert_with(Info::default);
            info_field(known, info, *span);
            continue;
        }
        let Some((name, value)) = word.split_once(':') else { continue };
        match name {
            "timer" => socket.timer = timer(value, *span),
            "users" => socket.users = fields::users(value),
            "uid" => socket.uid = value.parse().ok(),
            "ino" => socket.inode = value.parse().ok(),
            "sk" => socket.cookie = u64::from_str_radix(value, 16).ok(),
            "cgroup" => socket.cgroup = Some(value.to_owned()),
            _ => {}
        }
    }
}

fn timer(value: &str, span: Span) -> Option<SocketTimer> {
    let inner = value.strip_prefix('(')?.strip_suffix(')')?;
    let mut parts = inner.split(',');
    let kind = match parts.next()? {
        "on" => TimerKind::On,
        "keepalive" => TimerKind::Keepalive,
        "timewait" => TimerKind::TimeWait,
        "persist" => TimerKind::Persist,
        _ => TimerKind::Other,
    };
    let remaining = fields::rounded(parts.next()?)?;
    let retransmissions = parts.next()?.parse().ok()?;
    Some(SocketTimer { kind, remaining, retransmissions, span })
}

/// Name and value of a field of `-i`; `ts` and `sack` have no value.
fn info_word(word: &str) -> Option<(&str, &str)> {
    if matches!(word, "ts" | "sack") {
        return Some((word, ""));
    }
    let (name, value) = word.split_once(':')?;
    let known = [
        "rto",
        "rtt",
        "lastsnd",
        "lastrcv",
        "lastack",
        "unacked",
        "retrans",
        "backoff",
        "bytes_sent",
        "bytes_received",
        "notsent",
        "wscale",
        "mss",
        "cwnd",
        "segs_out",
    ];
    known.contains(&name).then_some((name, value))
}

fn info_field(info: &mut Info, (name, value): (&str, &str), span: Span) {
    let count = || value.parse().ok().map(|value| Valued { value, span });
    let millis = || value.parse().ok().map(|value: u64| Valued { value: Micros::millis(value), span });
    match name {
        "ts" => info.timestamps = true,
        "sack" => info.sack = true,
        "rto" => info.rto = fraction(value).map(|value| Valued { value, span }),
        "rtt" => {
            let (rtt, variation) = value.split_once('/').unwrap_or((value, ""));
            info.rtt = fraction(rtt).map(|value| Valued { value, span });
            info.rtt_variation = fraction(variation);
        }
        "lastsnd" => info.last_sent = millis(),
        "lastrcv" => info.last_received = millis(),
        "lastack" => info.last_acknowledged = millis(),
        "unacked" => info.unacked = count(),
        "retrans" => {
            let (now, all) = value.split_once('/').unwrap_or((value, ""));
            info.retransmitting = now.parse().ok().map(|value| Valued { value, span });
            info.retransmitted = all.parse().ok();
        }
        "backoff" => info.backoff = count(),
        "bytes_sent" => info.bytes_sent = count(),
        "bytes_received" => info.bytes_received = count(),
        "notsent" => info.not_sent = count(),
        "wscale" => {
            info.window_scale =
                value.split_once(',').and_then(|(send, receive)| Some((send.parse().ok()?, receive.parse().ok()?)));
        }
        "mss" => info.mss = value.parse().ok(),
        _ => {}
    }
}

/// Milliseconds with a fraction, as `%g` prints them; more digits than microseconds are left out.
fn fraction(text: &str) -> Option<Micros> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{:0<3}", &part[..part.len().min(3)]).parse().ok()?;
    Some(Micros(whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(part)?))
}

/// A header of ss, or lines whose columns can be of no other tool: state, two numbers, two addresses.
fn sniff(sniff: &Sniff<'_>) -> bool {
    let Some((_, first)) = lines(sniff.head).find(|(_, line)| !line.trim_ascii().is_empty()) else { return false };
    let Ok(text) = std::str::from_utf8(first) else { return false };
    if is_header(text) {
        // netstat has `Proto` first and `Foreign Address`.
        return text.contains("Address:Port") && !text.contains("Foreign");
    }
    let words = fields::words(EvidenceId(0), text, 0);
    let begins = words.first().is_some_and(|(word, _)| STATES.contains(word) || *word == "tcp");
    begins
        && !text.starts_with([' ', '\t'])
        && matches!(socket(&words, Span::new(EvidenceId(0), 0, 0)), Line::Socket(_))
}
