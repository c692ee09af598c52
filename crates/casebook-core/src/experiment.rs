//! Experiments in a network namespace of their own, as data: a case says what is done, the binary does it, and the case
//! reads what came out. So a case stays pure and can still hold its model against the real mechanism.

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A TUN device of this name is made; it is there until the experiment ends.
    Tun(String),
    /// A setting below `/proc/sys/net` is written; one that this kernel does not have is passed by.
    Setting(&'static str, &'static str),
    /// A program of the machine is run.
    Run {
        /// Program, by name.
        program: &'static str,
        /// Arguments.
        arguments: Vec<String>,
        /// What it reads.
        input: Vec<u8>,
        /// The experiment goes on when it fails.
        optional: bool,
    },
    /// A packet arrives on a TUN device; its way through the hooks is over when the step is.
    Arrive {
        /// Device.
        device: String,
        /// Bytes from the network header on.
        packet: Vec<u8>,
    },
    /// A packet with its own IP header is sent from this host. That a rule stopped it is no failure.
    Send(Vec<u8>),
}

/// What a step gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Standard output of a program.
    pub output: Vec<u8>,
    /// Why the step failed.
    pub failed: Option<String>,
}

/// Runs experiments.
pub trait Experiments {
    /// Runs the steps in order in a new network namespace, up to the first that fails, and ends the namespace. The error
    /// says why this machine runs none.
    fn run(&self, steps: &[Action]) -> Result<Vec<Done>, String>;
}
