//! A responder, a path that forgets, and a probe, all on the loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use casebook_core::dial::{End, FarEnd, First, Meanwhile, Respond, Served, Trial, When};
use nix::sys::socket::{setsockopt, sockopt};

use super::*;

const MS: u64 = 1_000_000;

/// A responder for some seconds; where it listens.
fn responder(max_open: usize) -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let asked =
            Respond { listen: "127.0.0.1:0".into(), max_open, max_gap_ns: 10_000 * MS, max_time_ns: Some(30_000 * MS) };
        respond(&asked, &Interrupt::default(), &mut |served| {
            if let Served::Listening(at) = served {
                sender.send(at).unwrap();
            }
        })
    });
    receiver.recv().unwrap()
}

/// What a relay does with a connection that was silent for too long.
#[derive(Clone, Copy, PartialEq)]
enum Forgets {
    /// It resets both ends at once.
    Resets,
    /// It says nothing and passes nothing any more.
    Silently,
}

/// A relay to `to` that forgets connections after 800 ms of silence.
fn relay(to: String, how: Forgets) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
            thread::spawn(move || {
                client.set_nonblocking(true).unwrap();
                server.set_nonblocking(true).unwrap();
                let mut last = Instant::now();
                while last.elapsed() < Duration::from_millis(800) {
                    for (mut from, mut to) in [(&client, &server), (&server, &client)] {
                        let mut buffer = [0; 4096];
                        match from.read(&mut buffer) {
                            Ok(0) => return,
                            Ok(length) => {
                                last = Instant::now();
                                to.write_all(&buffer[..length]).unwrap();
                            }
                            Err(_) => {}
                        }
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                match how {
                    Forgets::Silently => thread::sleep(Duration::from_secs(20)),
                    Forgets::Resets => {
                        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                        setsockopt(&client, sockopt::Linger, &at_once).unwrap();
                        setsockopt(&server, sockopt::Linger, &at_once).unwrap();
                    }
                }
            });
        }
    });
    at
}

fn target(address: String, far_end: FarEnd) -> Target {
    Target {
        address,
        far_end,
        connect_within_ns: 5_000 * MS,
        answer_within_ns: 1_500 * MS,
        max_open: 32,
        max_time_ns: 25_000 * MS,
    }
}

/// Dials all of these at once.
fn run(target: &Target, trials: &[Trial]) -> (Stopped, Vec<Outcome>) {
    let (mut all, mut asked) = (Vec::new(), false);
    let stopped = dial(target, &Interrupt::default(), &mut |ended, _| {
        all.extend_from_slice(ended);
        let start = if asked { Vec::new() } else { trials.to_vec() };
        asked = true;
        Next { start, ..Next::default() }
    });
    all.sort_by_key(|outcome| outcome.trial.id);
    (stopped.unwrap(), all)
}

fn trials(gaps_ms: &[u64], first: First, meanwhile: Meanwhile) -> Vec<Trial> {
    gaps_ms.iter().zip(1..).map(|(gap, id)| Trial { id, gap_ns: gap * MS, first, meanwhile }).collect()
}

#[test]
fn a_path_that_forgets_nothing_lets_all_live() {
    let target = target(responder(64), FarEnd::Responder);
    for first in [First::Client, First::Server] {
        for meanwhile in [Meanwhile::Silence, Meanwhile::Messages { interval_ns: 100 * MS }] {
            let (stopped, outcomes) = run(&target, &trials(&[100, 400, 400, 700], first, meanwhile));
            assert_eq!((stopped, outcomes.len()), (Stopped::Done, 4));
            for outcome in outcomes {
                assert_eq!(outcome.end, End::Alive, "{outcome:?}");
                assert!(outcome.waited_ns >= outcome.trial.gap_ns, "{outcome:?}");
            }
        }
    }
}

#[test]
fn a_reset_at_the_timer_is_seen_while_waiting() {
    let target = target(relay(responder(64), Forgets::Resets), FarEnd::Responder);
    for first in [First::Client, First::Server] {
        let (_, outcomes) = run(&target, &trials(&[200, 400, 2000, 3000], first, Meanwhile::Silence));
        let ends: Vec<&End> = outcomes.iter().map(|outcome| &outcome.end).collect();
        let reset = &End::Reset(When::Waiting);
        assert_eq!(ends, [&End::Alive, &End::Alive, reset, reset]);
        assert!(outcomes[3].waited_ns >= 800 * MS && outcomes[3].waited_ns < 2000 * MS, "{:?}", outcomes[3]);
    }
}

#[test]
fn messages_keep_a_connection_that_silence_loses() {
    let target = target(relay(responder(64), Forgets::Resets), FarEnd::Responder);
    let busy = Meanwhile::Messages { interval_ns: 200 * MS };
    for first in [First::Client, First::Server] {
        let (_, outcomes) = run(&target, &trials(&[2000, 2000], first, busy));
        assert!(outcomes.iter().all(|outcome| outcome.end == End::Alive), "{outcomes:?}");
    }
}

#[test]
fn a_relay_that_says_nothing_leaves_what_is_acknowledged_unanswered() {
    let target = target(relay(responder(64), Forgets::Silently), FarEnd::Responder);
    let (_, outcomes) = run(&target, &trials(&[200, 1600], First::Client, Meanwhile::Silence));
    assert_eq!([&outcomes[0].end, &outcomes[1].end], [&End::Alive, &End::Unanswered]);
    // The far end spoke into the void, and says so when asked over another connection.
    let (_, outcomes) = run(&target, &trials(&[1600], First::Server, Meanwhile::Silence));
    assert_eq!(outcomes[0].end, End::Vanished);
    let far = outcomes[0].far.as_ref().map(|far| (&far.end, far.waited_ns >= 1600 * MS));
    assert_eq!(far, Some((&End::Unanswered, true)));
}

#[test]
fn a_service_without_a_responder_is_spoken_to_as_the_user_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 64];
                // The first answers, the second never does, the third closes.
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    match count {
                        0 => stream.write_all(&buffer[..length]).unwrap(),
                        1 => {}
                        _ => return,
                    }
                }
            });
        }
    });
    let target = target(at, FarEnd::Service(b"PING\r\n".to_vec()));
    let mut ends = Vec::new();
    for _ in 0..3 {
        ends.extend(run(&target, &trials(&[300], First::Client, Meanwhile::Silence)).1.into_iter().map(|one| one.end));
    }
    assert_eq!(ends[..2], [End::Alive, End::Alive]);
    assert!(matches!(&ends[2], End::NotOpened(why) if why.contains("closes")), "{ends:?}");
}

#[test]
fn what_is_no_responder_and_what_does_not_listen_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"220 mail ready\r\n").unwrap();
        }
    });
    let (_, outcomes) = run(&target(at, FarEnd::Responder), &trials(&[300], First::Client, Meanwhile::Silence));
    assert!(matches!(&outcomes[0].end, End::NotOpened(_)), "{outcomes:?}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (_, outcomes) = run(&target(closed, FarEnd::Responder), &trials(&[300], First::Client, Meanwhile::Silence));
    assert!(matches!(&outcomes[0].end, End::NotOpened(why) if why.contains("refused")), "{outcomes:?}");
    assert!(resolve("no port").is_err());
}

#[test]
fn a_responder_turns_away_who_is_no_probe() {
    let at = responder(2);
    let ask = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&at).unwrap();
        stream.write_all(bytes).unwrap();
        let mut said = Vec::new();
        // It may close with a RST behind its answer, as it did not read all.
        let _ = stream.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    };
    assert!(ask(b"GET / HTTP/1.1\r\n").starts_with("refused "));
    assert!(ask(&[b'a'; 4096]).starts_with("refused ") || ask(&[b'a'; 200]).starts_with("refused "));
    assert!(ask(b"casebook 1 k client 99000000000\n").starts_with("refused a longer gap"));
    // Two are taken, the third is not.
    let _held = [TcpStream::connect(&at).unwrap(), TcpStream::connect(&at).unwrap()];
    thread::sleep(Duration::from_millis(200));
    assert!(ask(b"").starts_with("refused too many"));
}

#[test]
fn trials_can_be_cancelled_and_time_is_bounded() {
    let mut target = target(responder(64), FarEnd::Responder);
    let mut calls = 0;
    let stopped = dial(&target, &Interrupt::default(), &mut |ended, _| {
        calls += 1;
        assert!(ended.is_empty());
        let start = if calls == 1 { trials(&[9000, 9000], First::Client, Meanwhile::Silence) } else { Vec::new() };
        Next { start, cancel: if calls == 2 { vec![1, 2] } else { Vec::new() }, say: String::new() }
    });
    assert_eq!(stopped, Ok(Stopped::Done));
    target.max_time_ns = 500 * MS;
    let (stopped, outcomes) = run(&target, &trials(&[9000], First::Client, Meanwhile::Silence));
    assert_eq!((stopped, outcomes), (Stopped::TimeUp, Vec::new()));
}
