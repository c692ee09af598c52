//! Network namespaces, TUN devices and raw packets, as far as experiments need them.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, sendto, socket,
};

/// Gives the calling thread a network namespace of its own, which ends with the last thread or process in it
/// (unshare(2), CLONE_NEWNET). Needs CAP_SYS_ADMIN.
pub fn isolate() -> Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}

/// A TUN device: it is there until this is dropped.
#[derive(Debug)]
pub struct Tun(File);

/// `struct ifreq` of TUNSETIFF: the name, the flags, and the rest of a union the kernel does not read here
/// (include/uapi/linux/if.h; 40 bytes on 64-bit machines, 32 on others, and never more than this).
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// IFF_TUN without packet information in front of each packet (include/uapi/linux/if_tun.h).
const TUN_WITHOUT_INFORMATION: u16 = 0x0001 | 0x1000;

mod request {
    nix::ioctl_write_ptr_bad!(
        /// TUNSETIFF (include/uapi/linux/if_tun.h).
        attach,
        nix::request_code_write!(b'T', 202, size_of::<i32>()),
        super::Request
    );
}

impl Tun {
    /// Makes a device of this name in the thread's network namespace (Documentation/networking/tuntap.rst).
    pub fn new(name: &str) -> Result<Self> {
        let wrong = name.is_empty()
            || name.len() > 15
            || matches!(name, "." | "..")
            || name.bytes().any(|byte| matches!(byte, 0 | b'%' | b'/' | b':') || byte.is_ascii_whitespace());
        if wrong {
            return Err(Error::new(ErrorKind::InvalidInput, "no device can have this name"));
        }
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
        let mut request = Request { name: [0; 16], flags: TUN_WITHOUT_INFORMATION, rest: [0; 22] };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        #[allow(unsafe_code, reason = "TUNSETIFF has no safe wrapper")]
        // SAFETY: `file` is open for the whole call, and `request` is a live, initialised `struct ifreq` of at least the
        // size the kernel copies in and out (tun.c `__tun_chr_ioctl`); it keeps no pointer to it.
        unsafe { request::attach(file.as_raw_fd(), &raw const request) }?;
        Ok(Self(file))
    }

    /// Lets a packet arrive on the device. Its way through the hooks is over when this returns (tun.c `tun_get_user`).
    pub fn arrive(&mut self, packet: &[u8]) -> Result<()> {
        self.0.write_all(packet)
    }
}

/// Sends a packet with its own IP header from this host. An error of kind `PermissionDenied` is a rule's.
pub fn send(packet: &[u8]) -> Result<()> {
    let short = || Error::new(ErrorKind::InvalidInput, "shorter than an IP header");
    let part = |from: usize, to: usize| packet.get(from..to).ok_or_else(short);
    let raw = |family| socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw);
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => {
            let to: [u8; 4] = part(16, 20)?.try_into().map_err(|_| short())?;
            let to = SockaddrIn::from(std::net::SocketAddrV4::new(Ipv4Addr::from(to), 0));
            let socket = raw(AddressFamily::Inet)?;
            sendto(socket.as_raw_fd(), packet, &to, MsgFlags::empty())?;
        }
        Some(6) => {
            let to: [u8; 16] = part(24, 40)?.try_into().map_err(|_| short())?;
            let to = SockaddrIn6::from(std::net::SocketAddrV6::new(Ipv6Addr::from(to), 0, 0, 0));
            let socket = raw(AddressFamily::Inet6)?;
            sendto(socket.as_raw_fd(), packet, &to, MsgFlags::empty())?;
        }
        _ => return Err(Error::new(ErrorKind::InvalidInput, "neither IPv4 nor IPv6")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_large_as_the_kernels() {
        // include/uapi/linux/if.h: 16 bytes of name, 24 of union on 64-bit machines.
        assert_eq!((size_of::<Request>(), std::mem::offset_of!(Request, flags)), (40, 16));
    }

    #[test]
    fn names_no_device_can_have_are_refused() {
        for name in ["", "sixteen-letters!", "tun%d", "a/b", "a b", "..", "a\0b"] {
            assert_eq!(Tun::new(name).err().map(|error| error.kind()), Some(ErrorKind::InvalidInput), "{name:?}");
        }
    }

    #[test]
    fn a_device_is_made_in_a_namespace_of_its_own() {
        let names = || {
            let list = nix::net::if_::if_nameindex()
                .map(|list| list.iter().map(|one| one.name().to_string_lossy().into_owned()).collect::<Vec<String>>());
            list.unwrap()
        };
        let made = std::thread::spawn(move || {
            isolate()?;
            let tun = Tun::new("casebook0")?;
            let there = names();
            drop(tun);
            Ok::<_, Error>((there, names()))
        });
        match made.join().unwrap() {
            Ok((there, after)) => {
                assert!(there.contains(&"casebook0".to_owned()), "{there:?}");
                assert!(!after.contains(&"casebook0".to_owned()), "{after:?}");
                assert!(!names().contains(&"casebook0".to_owned()));
            }
            Err(error) => println!("skipped: no network namespace or TUN device can be made here: {error}"),
        }
    }
}
