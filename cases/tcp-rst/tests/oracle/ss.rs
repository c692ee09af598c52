//! What ss prints here and now: every line is read, and the sockets of this test are found as they are.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use case_tcp_rst::facts::ss::{Listing, SS, parse};
use casebook_core::{Bytes, EvidenceSet};

fn listing(options: &str) -> Option<Listing> {
    let output = Command::new("ss").arg(options).output().ok().filter(|output| output.status.success())?;
    let mut set = EvidenceSet::new();
    let id = set.add("ss", Some(SS.name), Bytes::new(output.stdout));
    set.get(id).map(parse)
}

#[test]
fn what_ss_prints_is_read() {
    if listing("-tn").is_none() {
        return eprintln!("skipped: ss is not installed");
    }
    let homes = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
    let mut held = Vec::new();
    for home in homes {
        let Ok(listener) = TcpListener::bind(home) else {
            eprintln!("skipped: {home} is not there");
            continue;
        };
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"abc").unwrap();
        server.read_exact(&mut [0; 2]).unwrap();
        held.push((client, server));
    }
    // Of a socket that sent or received in this millisecond ss says nothing of when.
    std::thread::sleep(Duration::from_millis(50));
    let (mut compared, mut wrong) = (0, Vec::new());
    for options in ["-tinoe", "-tnop", "-tano", "-tinoeO", "-Htinoe", "-tinoem", "-Htn", "-tanoie", "-antp"] {
        let read = listing(options).unwrap();
        if let Some(gap) = read.unmodelled.first() {
            wrong.push(format!("ss {options}: {}", gap.why));
        }
        for (client, server) in &held {
            compared += 1;
            let (near, far) = (server.local_addr().unwrap(), client.local_addr().unwrap());
            let found = read.sockets.iter().find(|socket| {
                (socket.local.host.as_str(), socket.local.port) == (near.ip().to_string().as_str(), Some(near.port()))
                    && socket.peer.port == Some(far.port())
            });
            let Some(socket) = found else {
                wrong.push(format!("ss {options}: {near} is missing"));
                continue;
            };
            // One byte of three was left unread.
            if socket.state.as_deref() != Some("ESTAB") || socket.recv_queue != 1 || socket.send_queue != 0 {
                wrong.push(format!("ss {options}: {near} is {:?} {}", socket.state, socket.recv_queue));
            }
            let info = options.contains('i');
            if socket.idle().is_some() != info
                || info && socket.info.as_ref().unwrap().bytes_received.unwrap().value != 3
            {
                wrong.push(format!("ss {options}: {near} has other information: {:?}", socket.info));
            }
            if options.contains('p') && !socket.users.iter().any(|user| user.pid == std::process::id()) {
                wrong.push(format!("ss {options}: {near} is not ours: {:?}", socket.users));
            }
        }
    }
    eprintln!("ss: {compared} compared, {} disagreed", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
