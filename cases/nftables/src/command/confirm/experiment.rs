//! The steps of one run of a packet, and what they showed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use casebook_core::{Action, Done, Experiments};
use casebook_formats::nft::ir::Direction;
use casebook_formats::nft::packet::{CtState, Device, Headers, Packet, Path, be16};
use serde_json::Value;

use super::Loaded;

/// What the kernel did with a packet.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// The mark with which it came to the end; `None` when it did not.
    pub(super) mark: Option<u32>,
    /// The mark of its connection there; `None` without one.
    pub(super) ct_mark: Option<u32>,
    /// What connection tracking called it.
    pub(super) state: Option<String>,
    /// The host refused it with an answer.
    pub(super) answered: bool,
    /// It came from this host: an answer is not told from the packet.
    pub(super) local: bool,
    /// What each counter counted more; `None` when nft cannot list the ruleset.
    pub(super) counters: Option<BTreeMap<String, u64>>,
}

/// Table of the recording chains.
const TABLE: &str = "casebook_capture";

/// Table that stops the host's own packets, so that no rule counts them.
const QUIET: &str = "casebook_quiet";

/// The last place before connections are confirmed.
const LAST: i32 = i32::MAX - 1;

/// A place before all others.
const FIRST: i32 = -2_000_000_000;

/// ARPHRD_NONE, the type of a TUN device.
const TUN_TYPE: u16 = 65534;

/// Settings under which a packet of any address takes its way, and the host's own packets stay few.
const SETTINGS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/accept_local", "1"),
    ("ipv4/conf/all/route_localnet", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/auto_flowlabels", "0"),
];

/// Runs the packet under one ruleset, or none, and reads what was recorded. The error says why it cannot be run.
pub(super) fn observe(
    experiments: &dyn Experiments,
    loaded: Option<&Loaded<'_>>,
    all: &[Loaded<'_>],
    packet: &Packet,
    tracked: bool,
) -> Result<Observed, String> {
    let ip6 = packet.bytes.first().is_some_and(|byte| byte >> 4 == 6);
    possible(packet, tracked)?;
    if loaded.is_some_and(|loaded| loaded.includes) {
        return Err("the ruleset includes other files".into());
    }
    let mut actions: Vec<Action> = SETTINGS.iter().map(|(name, value)| Action::Setting(name, value)).collect();
    let devices = devices(packet, all);
    actions.extend(devices.iter().map(|device| Action::Tun(device.clone())));
    actions.push(run("ip", &["-batch", "-"], set_up(packet, &devices).into_bytes()));
    // As the kernel's oracle does: a checksum that a rule reads is not mended.
    actions.push(Action::Setting("netfilter/nf_conntrack_checksum", "0"));
    let load = actions.len();
    if let Some(loaded) = loaded {
        let arguments: &[&str] = if loaded.json { &["-j", "-f", "-"] } else { &["-f", "-"] };
        actions.push(run("nft", arguments, loaded.text.to_vec()));
    }
    actions.push(run("nft", &["-f", "-"], capture(packet, ip6, tracked, loaded.is_none()).into_bytes()));
    if tracked && packet.ct.state == Some(CtState::Established) {
        actions.push(run("conntrack", &flow(packet)?, Vec::new()));
    }
    let list = |optional| Action::Run {
        program: "nft",
        arguments: ["-j", "list", "ruleset"].map(str::to_owned).to_vec(),
        input: Vec::new(),
        optional,
    };
    let before = actions.len();
    actions.push(list(true));
    actions.push(match (packet.path, &packet.iif) {
        (Path::Output, _) => Action::Send(packet.bytes.clone()),
        (_, Some(device)) => Action::Arrive { device: device.name.clone(), packet: packet.bytes.clone() },
        _ => return Err("the packet names no input device".into()),
    });
    let family = if ip6 { "ip6" } else { "ip" };
    let after = actions.len();
    actions.push(run("nft", &["-j", "list", "table", family, TABLE], Vec::new()));
    actions.push(list(true));
    let done = experiments.run(&actions)?;
    if let Some((place, why)) = done.iter().enumerate().find_map(|(at, done)| Some((at, done.failed.as_ref()?)))
        && done.len() < actions.len()
    {
        let refused = loaded.is_some() && place == load;
        return Err(if refused {
            format!("nft refuses the ruleset here: {}", first_line(why))
        } else {
            first_line(why)
        });
    }
    let [before, recorded, after] = [before, after, after + 1].map(|at| done.get(at).and_then(read));
    let recorded = recorded.ok_or("nft does not list what was recorded")?;
    let mut out = recorded_in(&recorded);
    out.local = packet.path == Path::Output;
    out.counters = before.zip(after).map(|(before, after)| more(&counters(&before), &counters(&after)));
    Ok(out)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn run(program: &'static str, arguments: &[impl AsRef<str>], input: Vec<u8>) -> Action {
    let arguments = arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
    Action::Run { program, arguments, input, optional: false }
}

fn read(done: &Done) -> Option<Value> {
    if done.failed.is_some() { None } else { serde_json::from_slice(&done.output).ok() }
}

/// Why such a packet cannot be made here.
fn possible(packet: &Packet, tracked: bool) -> Result<(), String> {
    let no = |why: &str| Err(why.to_owned());
    if packet.link {
        return no("it has a link header, and TUN devices have none");
    }
    if !matches!(packet.path, Path::Input | Path::Forward | Path::Output) {
        return no("it takes no IP path");
    }
    for device in [&packet.iif, &packet.oif].into_iter().flatten() {
        if device.name == "lo" {
            return no("it goes over lo");
        }
        if device.index.is_some() || device.kind.is_some_and(|kind| kind != TUN_TYPE) {
            return Err(format!("a device {} of this index or type is not made here", device.name));
        }
    }
    if packet.pkttype != 0 {
        return no("on the link it is not for this host alone, and TUN devices have no link");
    }
    if packet.skuid.is_some_and(|user| user != 0) || packet.skgid.is_some_and(|group| group != 0) {
        return no("it comes from a socket of another user");
    }
    if !tracked {
        return Ok(());
    }
    if packet.ct.zone != 0 || packet.ct.label != 0 || packet.ct.status.is_some() {
        return no("its connection has a zone, labels or a status of its own");
    }
    match packet.ct.state {
        Some(CtState::Related) => no("a related connection is not made here"),
        Some(CtState::Untracked) => no("it comes in exempt from connection tracking"),
        _ => Ok(()),
    }
}

/// Devices of the packet, and those the rulesets know by index, which have to be there when nft loads them.
fn devices(packet: &Packet, all: &[Loaded<'_>]) -> Vec<String> {
    const MOST: usize = 32;
    let mut out: Vec<String> = Vec::new();
    let own = [&packet.iif, &packet.oif].into_iter().flatten().map(|device| device.name.clone());
    for name in own.chain(all.iter().flat_map(|loaded| by_index(loaded.text))) {
        if name != "lo" && !out.contains(&name) && out.len() < MOST {
            out.push(name);
        }
    }
    out
}

/// Names behind `iif` and `oif` in a ruleset's text.
pub(super) fn by_index(text: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(text);
    let mut out = BTreeSet::new();
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if !matches!(word, "iif" | "oif") {
            continue;
        }
        let mut inside = false;
        for name in words.by_ref() {
            match name {
                "==" | "!=" => continue,
                "{" => inside = true,
                "}" => break,
                name => {
                    let name = name.trim_matches('"');
                    let is_name =
                        name.len() < 16 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b));
                    if is_name && !name.bytes().all(|byte| byte.is_ascii_digit()) {
                        out.insert(name.to_owned());
                    }
                    if !inside {
                        break;
                    }
                }
            }
        }
    }
    out
}

/// Lines for `ip -batch`: everything is this host's for a packet to it, and everything is behind the output device for
/// all others.
fn set_up(packet: &Packet, devices: &[String]) -> String {
    let mut text =
        String::from("link set lo up\naddr add 100.127.77.1/32 dev lo\naddr add fd77:cb::1/128 dev lo nodad\n");
    for device in devices {
        text += &format!("link set {device} up\n");
    }
    // `redirect` takes an address of the input device, and drops the packet where there is none.
    if let Some(device) = &packet.iif {
        text += &format!("addr add 100.127.77.2/32 dev {0}\naddr add fd77:cb::2/128 dev {0} nodad\n", device.name);
    }
    for Device { name, group, .. } in [&packet.iif, &packet.oif].into_iter().flatten() {
        if let Some(group) = group {
            text += &format!("link set {name} group {group}\n");
        }
    }
    match (&packet.oif, packet.path) {
        (_, Path::Input) => text += "route add local 0.0.0.0/0 dev lo\nroute add local ::/0 dev lo\n",
        (Some(out), _) => text += &format!("route add default dev {0}\nroute add ::/0 dev {0}\n", out.name),
        (None, _) => {}
    }
    text
}

/// The recording table. It tells the packet from the host's own by the device it came in by or the socket that sent it.
fn capture(packet: &Packet, ip6: bool, tracked: bool, control: bool) -> String {
    let family = if ip6 { "ip6" } else { "ip" };
    let (first, last) = match packet.path {
        Path::Input => ("prerouting", "input"),
        Path::Forward => ("prerouting", "postrouting"),
        _ => ("output", "postrouting"),
    };
    let own = match (&packet.iif, packet.path) {
        (Some(device), Path::Input | Path::Forward) => format!("iifname \"{}\"", device.name),
        _ => "meta skuid 0".to_owned(),
    };
    let mut text = format!("table {family} {TABLE} {{\n");
    let mut sets = vec![("passed", "mark"), ("answered", "inet_proto")];
    if tracked {
        sets.push(("ct_mark", "mark"));
    }
    if tracked && control {
        sets.push(("state", "ct_state"));
    }
    for (name, kind) in &sets {
        text += &format!(" set {name} {{\n  type {kind}\n  size 64\n  flags dynamic\n }}\n");
    }
    let chain = |hook: &str, priority: i32| format!("  type filter hook {hook} priority {priority}; policy accept;\n");
    text += &format!(" chain first {{\n{}", chain(first, FIRST));
    if packet.mark != 0 {
        text += &format!("  {own} meta mark set {:#x}\n", packet.mark);
    }
    if packet.priority != 0 {
        text += &format!("  {own} meta priority set {:x}:{:x}\n", packet.priority >> 16, packet.priority & 0xffff);
    }
    text += " }\n";
    if tracked && control {
        text += &format!(" chain state {{\n{}  {own} add @state {{ ct state }}\n }}\n", chain(first, -199));
    }
    if packet.path != Path::Output {
        let refusals = match ip6 {
            true => "icmpv6 type destination-unreachable",
            false => "icmp type destination-unreachable",
        };
        text += &format!(" chain answers {{\n{}", chain("output", FIRST - 1));
        text += &format!("  {refusals} add @answered {{ meta l4proto }}\n");
        text += "  tcp flags rst add @answered { meta l4proto }\n }\n";
    }
    text += &format!(" chain last {{\n{}  {own} add @passed {{ meta mark }}\n", chain(last, LAST));
    if tracked {
        text += &format!("  {own} add @ct_mark {{ ct mark }}\n");
    }
    text += &format!("  {own} drop\n }}\n}}\n");
    text += &format!("table inet {QUIET} {{\n chain output {{\n{}", chain("output", FIRST));
    if packet.path == Path::Output {
        text += &format!("  {own} accept\n");
    }
    text + "  drop\n }\n}\n"
}

/// Arguments of `conntrack` that make the packet's connection.
fn flow(packet: &Packet) -> Result<Vec<String>, String> {
    let headers = Headers::of(packet, false);
    let bytes = &packet.bytes;
    let address = |at: usize| -> Option<String> {
        Some(match bytes.first()? >> 4 {
            6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(at + 8..at + 24)?).ok()?).to_string(),
            _ => Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at + 12..at + 16)?).ok()?).to_string(),
        })
    };
    let size = if bytes.first().is_some_and(|byte| byte >> 4 == 6) { 16 } else { 4 };
    let name = match headers.l4proto {
        Some(6) => "tcp",
        Some(17) => "udp",
        _ => return Err("a connection of this protocol is not made here".into()),
    };
    let port = |at: usize| be16(bytes, headers.transport + at).map(|port| port.to_string());
    let ends = address(0).zip(address(size)).zip(port(0).zip(port(2)));
    let Some(((mut source, mut target), (mut sport, mut dport))) = ends else {
        return Err("the packet ends before its ports".into());
    };
    if packet.ct.direction == Some(Direction::Reply) {
        std::mem::swap(&mut source, &mut target);
        std::mem::swap(&mut sport, &mut dport);
    }
    let mark = packet.ct.mark.to_string();
    let mut out: Vec<String> = ["-I", "-p", name, "-s", &source, "-d", &target, "--sport", &sport, "--dport", &dport]
        .map(str::to_owned)
        .to_vec();
    out.extend(["-t", "600", "-u", "SEEN_REPLY,ASSURED", "-m", &mark].map(str::to_owned));
    if name == "tcp" {
        out.extend(["--state", "ESTABLISHED"].map(str::to_owned));
    }
    Ok(out)
}

fn recorded_in(listing: &Value) -> Observed {
    let mut out = Observed::default();
    for set in items(listing).filter_map(|item| item.get("set")) {
        let Some(element) = set["elem"].as_array().and_then(|list| list.first()) else { continue };
        let number = || match element {
            Value::Number(number) => number.as_u64().map(|number| number as u32),
            Value::String(text) => {
                text.strip_prefix("0x").map_or(text.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        match set["name"].as_str() {
            Some("passed") => out.mark = number(),
            Some("ct_mark") => out.ct_mark = number(),
            Some("state") => out.state = element.as_str().map(str::to_owned),
            Some("answered") => out.answered = true,
            _ => {}
        }
    }
    out
}

fn items(listing: &Value) -> impl Iterator<Item = &Value> {
    listing["nftables"].as_array().into_iter().flatten()
}

/// What every counter of a listing has counted: rules by table, chain and place, named ones by name.
fn counters(listing: &Value) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for item in items(listing) {
        let text = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let owner = |object: &Value| format!("{} {}", text(object, "family"), text(object, "table"));
        if let Some(rule) = item.get("rule").filter(|rule| rule["table"] != TABLE && rule["table"] != QUIET) {
            let chain = format!("{} {}", owner(rule), text(rule, "chain"));
            let place = places.entry(chain.clone()).or_default();
            let counted =
                rule["expr"].as_array().into_iter().flatten().filter_map(|one| one["counter"]["packets"].as_u64());
            out.insert(format!("{chain} {place}"), counted.sum());
            *place += 1;
        }
        if let Some(counter) = item.get("counter") {
            let name = format!("{} counter {}", owner(counter), text(counter, "name"));
            out.insert(name, counter["packets"].as_u64().unwrap_or(0));
        }
    }
    out
}

fn more(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let rest = |(key, now): (&String, &u64)| now.checked_sub(before.get(key).copied().unwrap_or(0)).unwrap_or(*now);
    after.iter().map(|pair| (pair.0.clone(), rest(pair))).filter(|(_, count)| *count > 0).collect()
}
