//! What the kernel gives: sockets that do not block, what it knows of a connection, signals as something to wait for.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt};
use nix::sys::time::TimeSpec;

/// Begins a connection; it is there, or has failed, when the socket can be written.
pub(crate) fn begin(to: SocketAddr) -> Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(fd);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Lets the kernel send keepalive probes, every so many seconds (tcp(7)).
pub(crate) fn keepalive(stream: &TcpStream, seconds: u32) -> Result<()> {
    setsockopt(stream, sockopt::TcpKeepIdle, &seconds)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &seconds)?;
    setsockopt(stream, sockopt::TcpKeepCount, &9)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    Ok(())
}

/// What the kernel knows of a connection: segments nobody acknowledged, and retransmissions of the oldest of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unacknowledged {
    pub(crate) segments: u32,
    pub(crate) retransmits: u32,
}

/// TCP_INFO (tcp(7), include/uapi/linux/tcp.h).
#[allow(unsafe_code, reason = "no safe wrapper gives TCP_INFO")]
pub(crate) fn unacknowledged(stream: &TcpStream) -> Option<Unacknowledged> {
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: tcp_info holds integers only, for which all zeroes is a value. The kernel writes at most `length` bytes,
    // which is the size of `info`, and a shorter answer of an older kernel leaves the rest zero. Both pointers are to
    // locals that outlive the call.
    let (info, answer) = unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        let at = (&raw mut info).cast::<libc::c_void>();
        let answer = libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, at, &raw mut length);
        (info, answer)
    };
    (answer == 0)
        .then_some(Unacknowledged { segments: info.tcpi_unacked, retransmits: u32::from(info.tcpi_retransmits) })
}

/// What reading gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// Nothing yet.
    Nothing,
    /// Bytes.
    Bytes(Vec<u8>),
    /// FIN.
    End,
    /// An error of the connection.
    Broken(i32),
}

/// Reads what is there, 64 KiB at most.
pub(crate) fn take(stream: &mut TcpStream) -> Got {
    let mut buffer = vec![0; 16 << 10];
    let mut bytes = Vec::new();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) if bytes.is_empty() => return Got::End,
            Ok(0) => return Got::Bytes(bytes),
            Ok(length) => bytes.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) if !bytes.is_empty() => return Got::Bytes(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Got::Nothing,
            Err(error) => return Got::Broken(error.raw_os_error().unwrap_or(0)),
        }
        if bytes.len() >= 64 << 10 {
            return Got::Bytes(bytes);
        }
    }
}

/// Writes all of a short message. A socket whose buffer is full has a peer that does not read: the connection is broken
/// for what it is needed for.
pub(crate) fn put(stream: &mut TcpStream, bytes: &[u8]) -> std::result::Result<(), i32> {
    stream.write_all(bytes).map_err(|error| error.raw_os_error().unwrap_or(libc::EPIPE))
}

/// What the user's interruption (SIGINT, SIGTERM) becomes: something to wait for. It must be made before the program
/// starts other threads, which would take the signal otherwise.
#[derive(Debug, Default)]
pub struct Interrupt {
    signals: Option<(SignalFd, SigSet)>,
}

impl Interrupt {
    /// Takes the signals until it is dropped.
    pub fn take() -> Result<Self> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        set.add(Signal::SIGTERM);
        let before = SigSet::thread_get_mask()?;
        set.thread_block()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals: Some((fd, before)) })
    }

    /// True when one came.
    pub(crate) fn came(&self) -> bool {
        self.signals.as_ref().is_some_and(|(fd, _)| matches!(fd.read_signal(), Ok(Some(_))))
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.signals.as_ref().map(|(fd, _)| fd.as_fd())
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some((_, before)) = &self.signals {
            // There is nothing else to do with a mask that cannot be set again.
            let _ = before.thread_set_mask();
        }
    }
}

/// Waits until one of the sockets is ready, a signal came or the time is over. Gives which are.
pub(crate) fn wait(sockets: &[(BorrowedFd<'_>, bool)], interrupt: &Interrupt, within_ns: u64) -> Result<Vec<bool>> {
    let flags = |write: bool| if write { PollFlags::POLLOUT } else { PollFlags::POLLIN };
    let mut fds: Vec<PollFd<'_>> = sockets.iter().map(|(fd, write)| PollFd::new(*fd, flags(*write))).collect();
    fds.extend(interrupt.fd().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    let seconds = libc::time_t::try_from(within_ns / 1_000_000_000).unwrap_or(libc::time_t::MAX);
    let timeout = TimeSpec::new(seconds, (within_ns % 1_000_000_000) as libc::c_long);
    match ppoll(&mut fds, Some(timeout), None) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(fds.iter().take(sockets.len()).map(|fd| fd.any().unwrap_or(true)).collect())
}

/// Sockets that may be open at once when `wanted` are asked for: the limit on open files is raised as far as it goes.
pub(crate) fn room(wanted: usize) -> usize {
    const OTHERS: u64 = 32;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted.min(64) };
    let needed = (wanted as u64).saturating_add(OTHERS);
    let mut limit = soft;
    if soft < needed {
        let raised = needed.min(hard);
        if setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() {
            limit = raised;
        }
    }
    wanted.min(usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX)).max(1)
}

/// The name of an error number.
pub(crate) fn said(errno: i32) -> String {
    Error::from_raw_os_error(errno).to_string()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_in_which_all_is_acknowledged_has_nothing_outstanding() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(unacknowledged(&stream), Some(Unacknowledged::default()));
    }

    #[test]
    fn connecting_does_not_block() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = begin(listener.local_addr().unwrap()).unwrap();
        let ready = wait(&[(stream.as_fd(), true)], &Interrupt::default(), 5_000_000_000).unwrap();
        assert_eq!(ready, [true]);
        assert!(stream.take_error().unwrap().is_none());
        keepalive(&stream, 3).unwrap();
    }
}
