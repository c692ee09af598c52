//! Random connections: two stacks that speak, make mistakes, and aim at the edges of what conntrack believes.

use case_tcp_rst::facts::flow::{Flags, Side};
use case_tcp_rst::model::conntrack::{Entry, Host, packet};

use super::random::Random;
use super::wire::{Fault, Fields, Shot, Tuple};

const S: u8 = Flags::SYN;
const A: u8 = Flags::ACK;
const F: u8 = Flags::FIN;
const R: u8 = Flags::RST;

/// One stack.
#[derive(Clone)]
struct Stack {
    next: u32,
    window: u16,
    options: Vec<u8>,
    last: Option<Fields>,
}

pub struct Talk<'a> {
    random: &'a mut Random,
    host: Host,
    tuple: Tuple,
    stacks: [Stack; 2],
    entry: Option<Entry>,
    shots: Vec<Shot>,
    /// Give entries odd timeouts before packets, so that a refresh shows.
    retime: bool,
}

impl<'a> Talk<'a> {
    pub fn new(random: &'a mut Random, host: Host, tuple: Tuple, retime: bool) -> Self {
        let mut stack = || {
            let near_wrap = random.chance(20);
            let next = random.next() as u32;
            Stack {
                next: if near_wrap { 0u32.wrapping_sub(next % 3000) } else { next },
                window: random.pick(&[65535, 64240, 29200, 1000, 501, 1, 0, 100]),
                options: syn_options(random),
                last: None,
            }
        };
        let stacks = [stack(), stack()];
        Self { random, host, tuple, stacks, entry: None, shots: Vec::new(), retime }
    }

    /// A connection of about `length` packets.
    pub fn run(mut self, length: usize) -> Vec<Shot> {
        match self.random.below(10) {
            0..=5 => self.handshake(Side::Client),
            6 => self.simultaneous(),
            7 => self.data(Side::Client),
            8 => self.data(Side::Server),
            _ => {}
        }
        while self.shots.len() < length {
            self.act();
        }
        self.shots
    }

    fn side(&mut self) -> Side {
        self.random.pick(&[Side::Client, Side::Server])
    }

    fn fields(&mut self, from: Side, flags: u8) -> Fields {
        let (me, peer) = (self.stacks[from as usize].clone(), self.stacks[from.other() as usize].next);
        let options = match self.random.below(6) {
            0 | 1 => vec![],
            2 => vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
            3 if self.random.chance(20) => (0..self.random.below(40)).map(|_| self.random.next() as u8 % 12).collect(),
            4 => self.sack(peer),
            _ => vec![1, 1, 1, 1],
        };
        let ack = if flags & A != 0 || self.random.chance(10) { peer } else { 0 };
        Fields { from, flags, seq: me.next, ack, window: me.window, payload: 0, options, fault: Fault::None }
    }

    fn sack(&mut self, near: u32) -> Vec<u8> {
        let blocks = 1 + self.random.below(4) as usize;
        let mut out = vec![1, 1, 5, 2 + 8 * blocks as u8];
        for _ in 0..blocks {
            let left = near.wrapping_add(self.random.below(5000) as u32).wrapping_sub(1000);
            let right = left.wrapping_add(self.random.below(3000) as u32);
            out.extend_from_slice(&left.to_be_bytes());
            out.extend_from_slice(&right.to_be_bytes());
        }
        out
    }

    fn send(&mut self, mut fields: Fields) {
        if fields.flags & S != 0 && self.random.chance(90) {
            fields.options = self.stacks[fields.from as usize].options.clone();
        }
        let mut shot = fields.shot(self.tuple);
        if self.retime && self.entry.is_some() && self.random.chance(75) {
            shot.timeout = self.random.pick(&[41, 117, 130, 350, 7777, 55_555, 123_456, 999_999]);
        }
        if let Some(entry) = self.entry.as_mut().filter(|_| shot.timeout != 0) {
            entry.expires_us = u64::from(shot.timeout) * 1_000_000;
        }
        packet(&self.host, &mut self.entry, &shot.packet, 0);
        let from = fields.from as usize;
        self.stacks[from].last = Some(fields);
        self.shots.push(shot);
    }

    fn handshake(&mut self, from: Side) {
        let syn = self.fields(from, S);
        self.send(syn);
        self.stacks[from as usize].next = self.stacks[from as usize].next.wrapping_add(1);
        if self.random.chance(10) {
            self.repeat(from);
        }
        let answer = self.fields(from.other(), S | A);
        self.send(answer);
        let to = &mut self.stacks[from.other() as usize];
        to.next = to.next.wrapping_add(1);
        if self.random.chance(90) {
            let ack = self.fields(from, A);
            self.send(ack);
        }
    }

    fn simultaneous(&mut self) {
        for from in [Side::Client, Side::Server] {
            let syn = self.fields(from, S);
            self.send(syn);
        }
        for from in [Side::Client, Side::Server] {
            self.stacks[from as usize].next = self.stacks[from as usize].next.wrapping_add(1);
        }
        let flags = self.random.pick(&[S | A, A]);
        for from in [Side::Client, Side::Server] {
            let mut answer = self.fields(from, flags);
            if flags & S != 0 {
                answer.seq = answer.seq.wrapping_sub(1);
            }
            self.send(answer);
        }
    }

    fn data(&mut self, from: Side) {
        let mut fields = self.fields(from, A | Flags::PSH);
        fields.payload = self.random.pick(&[1, 10, 536, 1200]);
        let end = fields.seq.wrapping_add(fields.payload);
        self.send(fields);
        if self.random.chance(90) {
            self.stacks[from as usize].next = end;
        }
    }

    fn repeat(&mut self, from: Side) {
        if let Some(mut last) = self.stacks[from as usize].last.clone() {
            if self.random.chance(15) {
                last.options = syn_options(self.random);
            }
            if self.random.chance(10) {
                last.seq = last.seq.wrapping_add(1 + self.random.below(1000) as u32);
            }
            self.send(last);
        }
    }

    fn act(&mut self) {
        let from = self.side();
        match self.random.below(100) {
            0..=21 => self.data(from),
            22..=39 => {
                let ack = self.fields(from, A);
                self.send(ack);
            }
            40..=47 => self.repeat(from),
            48..=50 => (0..4).for_each(|_| self.repeat(from)),
            51..=56 => self.close(from),
            57..=60 => self.reset(from),
            61..=64 => {
                // A keepalive, and mostly its answer.
                let mut probe = self.fields(from, A);
                probe.seq = probe.seq.wrapping_sub(1);
                probe.payload = self.random.below(2) as u32;
                self.send(probe);
                let answer = self.fields(from.other(), A);
                self.send(answer);
            }
            65..=67 => {
                let mut zero = self.fields(from, A);
                zero.window = 0;
                self.send(zero);
            }
            68..=70 => {
                // A new connection on the same ports.
                if self.random.chance(70) {
                    let next = &mut self.stacks[from as usize].next;
                    *next = next.wrapping_add(self.random.pick(&[1, 100_000, 0x7000_0000, 0x9000_0000]));
                }
                self.handshake(from);
            }
            71..=73 => {
                let mut syn = self.fields(from, S);
                syn.seq = syn.seq.wrapping_add(self.random.pick(&[0, 0, 1, 5000, 0u32.wrapping_sub(1)]));
                let end = syn.seq.wrapping_add(1);
                self.send(syn);
                if self.random.chance(15) {
                    // A RST that says it answers the SYN, from the side that sent it.
                    let mut reset = self.fields(from, R | A);
                    reset.ack = end;
                    self.send(reset);
                }
                // A challenge ACK, or the RST it brings.
                let challenge = self.fields(from.other(), A);
                let ack = challenge.ack;
                self.send(challenge);
                if self.random.chance(50) {
                    let mut reset = self.fields(from, R);
                    reset.seq = ack;
                    self.send(reset);
                }
            }
            74..=75 => {
                let mut answer = self.fields(from, S | A);
                answer.ack = answer.ack.wrapping_add(self.random.below(2) as u32);
                self.send(answer);
            }
            76..=78 => self.broken(from),
            79..=94 => self.edge(from),
            _ => self.noise(from),
        }
    }

    fn close(&mut self, from: Side) {
        let fin = self.fields(from, F | A);
        self.send(fin);
        let next = &mut self.stacks[from as usize].next;
        *next = next.wrapping_add(1);
        for step in [A, F | A, A] {
            if !self.random.chance(80) {
                return;
            }
            let from = if step == A && self.shots.len().is_multiple_of(2) { from } else { from.other() };
            let fields = self.fields(from, step);
            self.send(fields);
            if step & F != 0 {
                let next = &mut self.stacks[from as usize].next;
                *next = next.wrapping_add(1);
            }
        }
    }

    fn reset(&mut self, from: Side) {
        let flags = self.random.pick(&[R, R | A]);
        let mut reset = self.fields(from, flags);
        reset.seq = match self.random.below(6) {
            0 | 1 => reset.seq,
            2 => self.stacks[from.other() as usize].last.as_ref().map_or(0, |last| last.ack),
            3 => 0,
            4 => reset.seq.wrapping_add(self.random.below(300) as u32),
            _ => reset.seq.wrapping_sub(self.random.below(300) as u32),
        };
        if self.random.chance(10) {
            reset.ack = 0;
        }
        self.send(reset);
    }

    fn broken(&mut self, from: Side) {
        let flags = self.random.pick(&[A, S, F | A, R]);
        let mut fields = self.fields(from, flags);
        match self.random.below(4) {
            0 => fields.fault = Fault::Sum,
            1 => fields.fault = Fault::Short,
            2 => fields.fault = Fault::Offset,
            _ => fields.flags = self.random.next() as u8,
        }
        self.send(fields);
    }

    /// A segment at a bound of what the entry believes.
    fn edge(&mut self, from: Side) {
        let flags = self.random.pick(&[A, A, A, A | Flags::PSH, F | A, R, R | A, S, S | A, A | Flags::URG]);
        let mut fields = self.fields(from, flags);
        let Some(entry) = self.entry else { return self.send(fields) };
        let reply = entry.original != from;
        let (sender, receiver) = (entry.seen[usize::from(reply)], entry.seen[usize::from(!reply)]);
        fields.payload = self.random.pick(&[0, 0, 0, 1, 100]);
        let by = self.random.below(5) as u32;
        let nudge = |value: u32| value.wrapping_add(by).wrapping_sub(2);
        let max_ack_window = sender.max_window.max(66_000);
        if self.random.chance(60) {
            fields.seq = nudge(self.random.pick(&[
                sender.end,
                sender.max_end,
                sender.max_end.wrapping_add(receiver.max_window),
                sender.end.wrapping_sub(receiver.max_window).wrapping_sub(fields.payload),
                receiver.max_ack,
                entry.last.end,
                entry.last.ack,
                0,
            ]));
        }
        if self.random.chance(60) {
            fields.ack = nudge(self.random.pick(&[
                receiver.end,
                receiver.end.wrapping_sub(max_ack_window),
                receiver.max_end,
                entry.last.end,
                sender.max_ack,
            ]));
        }
        if self.random.chance(20) {
            fields.options = self.sack(receiver.end.wrapping_sub(1500));
        }
        self.send(fields);
    }

    fn noise(&mut self, from: Side) {
        let flags = if self.random.chance(50) {
            self.random.next() as u8
        } else {
            self.random.pick(&[A, S, S | A, F | A, R, R | A])
        };
        let mut fields = self.fields(from, flags);
        fields.seq = fields.seq.wrapping_add(self.random.next() as u32 % 200_000).wrapping_sub(100_000);
        if self.random.chance(50) {
            fields.ack = self.random.next() as u32;
        }
        fields.window = self.random.next() as u16;
        fields.payload = self.random.below(60) as u32;
        self.send(fields);
    }
}

fn syn_options(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    if random.chance(80) {
        out.extend_from_slice(&[2, 4, 5, 180]);
    }
    if random.chance(60) {
        out.extend_from_slice(&[4, 2]);
    }
    if random.chance(20) {
        out.extend_from_slice(&[8, 10, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
    if random.chance(60) {
        out.extend_from_slice(&[1, 3, 3, random.pick(&[0, 1, 7, 10, 14, 15, 255])]);
    }
    out
}
