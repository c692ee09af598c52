//! The kernel, through `kernel.py`.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::wire::{Shot, Tuple};

/// A running `kernel.py`.
pub struct Kernel {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// What the kernel made of a packet.
pub struct Seen {
    /// Microseconds before and after the packet.
    pub before_us: u64,
    pub after_us: u64,
    /// 1 invalid, 2 new, 3 established, 4 reply.
    pub class: u8,
    pub entry: Option<Row>,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub original: [u8; 12],
    pub timeout_s: u32,
    pub status: u32,
    pub state: u8,
    pub flags: [u8; 2],
    pub scales: [u8; 2],
}

const RESULT_BYTES: usize = 45;

impl Kernel {
    /// Starts it; the error says why it cannot run here.
    pub fn start() -> Result<Self, String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/kernel.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("python3: {error}"))?;
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut kernel = Kernel { child, input, output };
        match kernel.read().as_slice() {
            b"ready" => Ok(kernel),
            other => Err(String::from_utf8_lossy(other).into_owned()),
        }
    }

    fn read(&mut self) -> Vec<u8> {
        let mut head = [0; 4];
        if self.output.read_exact(&mut head).is_err() {
            return Vec::new();
        }
        let mut data = vec![0; u32::from_le_bytes(head) as usize];
        self.output.read_exact(&mut data).unwrap();
        data
    }

    fn ask(&mut self, kind: u8, data: &[u8]) -> Vec<u8> {
        self.input.write_all(&(data.len() as u32 + 1).to_le_bytes()).unwrap();
        self.input.write_all(&[kind]).unwrap();
        self.input.write_all(data).unwrap();
        self.input.flush().unwrap();
        self.read()
    }

    /// Sets `net.netfilter.KEY`; false when the kernel refuses.
    pub fn set(&mut self, key: &str, value: u64) -> bool {
        self.ask(b'W', format!("{key} {value}").as_bytes()) == [0; 4]
    }

    /// Loads a ruleset.
    pub fn nft(&mut self, text: &str) -> bool {
        self.ask(b'N', text.as_bytes()) == [0; 4]
    }

    /// Runs packets, each with the tuple it belongs to.
    pub fn run<'a>(&mut self, shots: impl Iterator<Item = (Tuple, &'a Shot)>) -> Vec<Seen> {
        let mut data = Vec::new();
        let mut count = 0;
        for (tuple, shot) in shots {
            data.extend_from_slice(&(shot.raw.len() as u16).to_le_bytes());
            data.extend_from_slice(&shot.raw);
            data.extend_from_slice(&tuple.0);
            data.extend_from_slice(&shot.timeout.to_le_bytes());
            data.extend_from_slice(&shot.sleep_us.to_le_bytes());
            count += 1;
        }
        let answer = self.ask(b'B', &data);
        assert_eq!(answer.len(), count * RESULT_BYTES, "kernel.py gave up");
        answer.chunks_exact(RESULT_BYTES).map(result).collect()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn result(bytes: &[u8]) -> Seen {
    let time = |at: usize| (f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) * 1e6) as u64;
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let entry = (bytes[17] == 1).then(|| Row {
        original: bytes[18..30].try_into().unwrap(),
        timeout_s: number(30),
        status: number(34),
        state: bytes[38],
        flags: [bytes[39], bytes[40]],
        scales: [bytes[41], bytes[42]],
    });
    Seen { before_us: time(0), after_us: time(8), class: bytes[16], entry }
}
