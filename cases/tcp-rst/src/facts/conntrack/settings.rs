//! `net.netfilter.nf_conntrack_*` of `sysctl -a` or sysctl.d to the model's settings.

use casebook_core::{EvidenceId, Span, Unmodelled};
use casebook_formats::sysctl;

use crate::facts::timer::Micros;
use crate::model::conntrack::{Settings, State, Timeouts};

/// Settings of conntrack and where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// What holds; defaults where nothing is said.
    pub settings: Settings,
    /// `net.netfilter.nf_conntrack_max`, entries.
    pub max: Option<u64>,
    /// Key without its `net.netfilter.nf_conntrack_`, and the line that holds.
    pub lines: Vec<(String, Span)>,
    /// Values that are none.
    pub unmodelled: Vec<Unmodelled>,
}

impl Set {
    /// The line that sets a key (`tcp_timeout_established`).
    pub fn line(&self, key: &str) -> Option<Span> {
        self.lines.iter().rev().find(|(known, _)| known == key).map(|(_, span)| *span)
    }
}

const PREFIX: &str = "net.netfilter.nf_conntrack_";

/// Reads settings, later lines over earlier ones (Documentation/networking/nf_conntrack-sysctl.rst).
pub fn settings(evidence: EvidenceId, text: &sysctl::Settings<'_>) -> Set {
    let mut out = Set::default();
    for setting in &text.items {
        let Some(key) = setting.key.strip_prefix(PREFIX) else { continue };
        let span = Span::new(evidence, setting.span.0, setting.span.1);
        match apply(&mut out, key, setting.value) {
            Some(()) => out.lines.push((key.to_owned(), span)),
            None if is_known(key) => {
                out.unmodelled.push(Unmodelled::new(span, format!("no value for {PREFIX}{key}")));
            }
            None => {}
        }
    }
    out
}

/// Sets one key; `None` when it is another or its value is none the kernel takes.
fn apply(out: &mut Set, key: &str, value: &str) -> Option<()> {
    let settings = &mut out.settings;
    if let Some(name) = key.strip_prefix("tcp_timeout_") {
        // Whole seconds; they must fit jiffies in 31 bits (`proc_dointvec_jiffies`).
        let timeout = Micros::seconds(u64::from(value.parse::<u32>().ok()?));
        return set_timeout(&mut settings.timeouts, name, timeout);
    }
    let number: u64 = value.parse().ok()?;
    let flag = match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    };
    match key {
        "tcp_loose" => settings.loose = number != 0,
        "tcp_be_liberal" => settings.be_liberal = number != 0,
        "tcp_ignore_invalid_rst" => settings.ignore_invalid_rst = flag?,
        "tcp_max_retrans" => settings.max_retrans = u8::try_from(number).ok()?,
        "checksum" => settings.checksum = flag?,
        "max" => out.max = Some(number),
        _ => return None,
    }
    Some(())
}

fn is_known(key: &str) -> bool {
    key.strip_prefix("tcp_timeout_")
        .is_some_and(|name| set_timeout(&mut Timeouts::default(), name, Micros(0)).is_some())
        || matches!(
            key,
            "tcp_loose" | "tcp_be_liberal" | "tcp_ignore_invalid_rst" | "tcp_max_retrans" | "checksum" | "max"
        )
}

fn set_timeout(timeouts: &mut Timeouts, name: &str, timeout: Micros) -> Option<()> {
    let state = match name {
        "syn_sent" => State::SynSent,
        "syn_recv" => State::SynRecv,
        "established" => State::Established,
        "fin_wait" => State::FinWait,
        "close_wait" => State::CloseWait,
        "last_ack" => State::LastAck,
        "time_wait" => State::TimeWait,
        "close" => State::Close,
        "max_retrans" => {
            timeouts.max_retrans = timeout;
            return Some(());
        }
        "unacknowledged" => {
            timeouts.unacknowledged = timeout;
            return Some(());
        }
        _ => return None,
    };
    timeouts.set(state, timeout);
    Some(())
}
