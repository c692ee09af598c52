//! `nft --debug=netlink` to lines that leave out what means nothing: registers, byte order, how loads are merged.

use std::fmt::Write as _;

/// What a register holds.
#[derive(Clone, Debug)]
struct Held {
    /// `payload network 12`, `meta mark`; empty for a constant.
    source: String,
    /// Bytes as loaded.
    len: usize,
    and: Vec<u8>,
    xor: Vec<u8>,
    /// Memory holds the number least significant byte first.
    host: bool,
}

/// Bytes of `0x00001600 0x…` as they lie in memory.
fn bytes(words: &str) -> Vec<u8> {
    let word = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap().to_le_bytes();
    words.split_whitespace().filter(|text| text.starts_with("0x")).flat_map(word).collect()
}

/// Keys whose numbers lie in memory as the host writes them.
fn is_host(source: &str) -> bool {
    let network =
        ["protocol", "iifname", "oifname", "src_ip", "dst_ip", "src_ip6", "dst_ip6", "proto_src", "proto_dst"];
    let key = source.rsplit(' ').next().unwrap_or("");
    !source.starts_with("payload") && !source.starts_with("exthdr") && !network.contains(&key)
}

/// Length of what a `meta` or `ct` key loads.
fn len_of(source: &str) -> usize {
    if source == "ct protocol" {
        return 1;
    }
    match source.rsplit(' ').next().unwrap_or("") {
        "l4proto" | "nfproto" | "pkttype" | "direction" | "l3protocol" => 1,
        "protocol" | "iiftype" | "oiftype" | "zone" | "proto_src" | "proto_dst" => 2,
        "iifname" | "oifname" | "src_ip6" | "dst_ip6" | "label" => 16,
        _ => 4,
    }
}

fn number(bytes: &[u8], host: bool) -> u128 {
    let fold = |number, byte: &u8| number << 8 | u128::from(*byte);
    if host { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

/// One line for a comparison; equality of header bytes is a line for each byte, so that merged loads are the same.
pub fn compare(out: &mut Vec<String>, source: &str, cmp: &str, and: u128, xor: u128, len: usize, value: u128) {
    // What is flipped on the left can as well be flipped on the right; nft does.
    let (xor, value) = if matches!(cmp, "eq" | "neq") { (0, value ^ xor) } else { (xor, value) };
    let Some(place) = source.strip_prefix("payload ") else {
        let full = if len >= 16 { u128::MAX } else { (1 << (8 * len)) - 1 };
        let mut line = source.to_owned();
        if and != full || xor != 0 {
            let _ = write!(line, " & {and:#x} ^ {xor:#x}");
        }
        return out.push(format!("{line} {cmp} {value:#x}"));
    };
    let (base, offset) = place.split_once(' ').unwrap();
    let offset: usize = offset.parse().unwrap();
    let byte = |number: u128, at: usize| (number >> (8 * (len - 1 - at))) as u8;
    let each = (0..len).filter(|at| byte(and, *at) != 0 || byte(value, *at) != byte(xor, *at)).map(|at| {
        let want = byte(value, at) ^ byte(xor, at);
        format!("{base} {}: & {:#x} = {want:#x}", offset + at, byte(and, at))
    });
    match cmp {
        "eq" => out.extend(each),
        "neq" => out.push(format!("not all of {}", each.collect::<Vec<_>>().join("; "))),
        other => out.push(format!("{base} {offset} {len}b {other} {value:#x}")),
    }
}

/// `low <= x <= high` as the kernel has it: a masked comparison where the range is a block, else two.
pub fn range(out: &mut Vec<String>, source: &str, len: usize, low: u128, high: u128, negate: bool) {
    let full = if len >= 16 { u128::MAX } else { (1 << (8 * len)) - 1 };
    let size = high - low;
    if size & size.wrapping_add(1) == 0 && low & size == 0 {
        return compare(out, source, if negate { "neq" } else { "eq" }, full & !size, 0, len, low);
    }
    if negate {
        return out.push(format!("{source} outside {low:#x}-{high:#x}"));
    }
    out.push(format!("{source} inside {low:#x}-{high:#x}"));
}

/// The rules of `nft --debug=netlink`, each as its lines.
pub fn rules(text: &str) -> Vec<Vec<String>> {
    let mut rules = Vec::new();
    let mut open: Option<Reader> = None;
    for line in text.lines() {
        match line.strip_prefix("  [ ").and_then(|line| line.strip_suffix(" ]")) {
            Some(op) => open.get_or_insert_default().op(op),
            None => rules.extend(open.take().map(Reader::end)),
        }
    }
    rules.extend(open.take().map(Reader::end));
    rules
}

#[derive(Default)]
struct Reader {
    out: Vec<String>,
    held: Vec<(String, Held)>,
    /// A `gte` that may be the low end of a range.
    low: Option<(String, usize, u128)>,
}

impl Reader {
    fn end(mut self) -> Vec<String> {
        self.flush();
        self.out
    }

    fn flush(&mut self) {
        if let Some((source, len, value)) = self.low.take() {
            compare(&mut self.out, &source, "gte", u128::MAX, 0, len, value);
        }
    }

    fn hold(&mut self, register: &str, source: String, len: usize, host: bool) {
        let held = Held { source, len, and: vec![0xff; len], xor: vec![0; len], host };
        self.held.retain(|(known, _)| known != register);
        self.held.push((register.to_owned(), held));
    }

    fn take(&mut self, register: &str) -> Option<Held> {
        let at = self.held.iter().position(|(known, _)| known == register)?;
        Some(self.held.remove(at).1)
    }

    fn op(&mut self, op: &str) {
        let words: Vec<&str> = op.split_whitespace().collect();
        let register = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1).copied()
        };
        if words[0] != "cmp" {
            self.flush();
        }
        match words.as_slice() {
            ["payload", "load", len, "@", base, "header", "+", offset, ..] => {
                let len = len.trim_end_matches('b').parse().unwrap();
                self.hold(words.last().unwrap(), format!("payload {base} {offset}"), len, false);
            }
            ["exthdr", "load", kind, len, "@", number, "+", offset, rest @ ..] => {
                let present = if rest.contains(&"present") { " present" } else { "" };
                let len = len.trim_end_matches('b').parse().unwrap();
                self.hold(words.last().unwrap(), format!("exthdr {kind} {number} {offset}{present}"), len, false);
            }
            [kind @ ("meta" | "ct"), "load", key, "=>", "reg", to, rest @ ..] => {
                let direction = rest.last().map(|way| format!("{way} ")).unwrap_or_default();
                let source = format!("{kind} {direction}{key}");
                self.hold(to, source.clone(), len_of(&source), is_host(&source));
            }
            ["byteorder", "reg", to, ..] => {
                if let Some((_, held)) = self.held.iter_mut().find(|(known, _)| known == to) {
                    held.host = false;
                }
            }
            ["bitwise", "reg", to, "=", ..] => {
                let (and, xor) = op.split_once('^').unwrap();
                let (and, xor) = (bytes(and), bytes(xor));
                if let Some((_, held)) = self.held.iter_mut().find(|(known, _)| known == to) {
                    for at in 0..held.len {
                        held.and[at] &= and[at];
                        held.xor[at] = (held.xor[at] & and[at]) ^ xor[at];
                    }
                }
            }
            ["cmp", cmp, "reg", from, ..] => self.compared(cmp, from, op),
            ["range", cmp, "reg", from, ..] => {
                let held = self.take(from).unwrap();
                let ends = bytes(op);
                let half = ends.len() / 2;
                let low = number(&ends[..held.len], held.host);
                let high = number(&ends[half..half + held.len], held.host);
                range(&mut self.out, &held.source, held.len, low, high, *cmp == "neq");
            }
            ["lookup", "reg", _, "set", name, rest @ ..] => {
                let name = if name.starts_with("__") { "literal" } else { name };
                let key = self.held.drain(..).map(|(_, held)| describe(&held)).collect::<Vec<_>>().join(" . ");
                let negate = if rest.contains(&"0x1") { "not " } else { "" };
                match register("dreg") {
                    Some("0") => self.out.push(format!("vmap {key} in {name}")),
                    Some(to) => self.hold(to, format!("map {key} in {name}"), 4, true),
                    None => self.out.push(format!("{negate}{key} in {name}")),
                }
            }
            ["immediate", "reg", "0", verdict @ ..] => self.out.push(verdict.join(" ").replace("-> ", "")),
            ["immediate", "reg", to, ..] => {
                let value = bytes(op);
                let mut held = Held { source: String::new(), len: value.len(), and: vec![], xor: vec![], host: true };
                held.xor = value;
                self.held.retain(|(known, _)| known != to);
                self.held.push(((*to).to_owned(), held));
            }
            [kind @ ("meta" | "ct"), "set", key, "with", "reg", from] => {
                let mut held = self.take(from).unwrap();
                held.host = is_host(&format!("{kind} {key}"));
                self.out.push(format!("set {kind} {key} = {}", describe(&held)));
            }
            ["counter", ..] => self.out.push("counter".into()),
            ["log", ..] => self.out.push("log".into()),
            ["limit", ..] => self.out.push("limit".into()),
            ["quota", ..] => self.out.push("quota".into()),
            ["reject", ..] => self.out.push("reject".into()),
            ["notrack", ..] => self.out.push("notrack".into()),
            ["nat", kind, ..] => self.translated(kind),
            ["masq", ..] => self.translated("masq"),
            ["redir", ..] => self.translated("redir"),
            _ => self.out.push(format!("? {op}")),
        }
    }

    /// Values of translations are compared by the kernel oracle; here it is the operation and where it stands.
    fn translated(&mut self, kind: &str) {
        self.held.clear();
        self.out.push(format!("nat {kind}"));
    }

    fn compared(&mut self, cmp: &str, from: &str, op: &str) {
        let at = self.held.iter().position(|(known, _)| known == from).unwrap();
        let held = self.held[at].1.clone();
        let value = bytes(op);
        if held.source.ends_with("ifname") {
            // The whole name is four words; a wildcard compares only what stands before the `*`.
            let exact = value.len() == 16;
            let text: String = value.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
            self.out.push(format!("{} {cmp} {text}{}", held.source, if exact { "" } else { "*" }));
            return;
        }
        let len = held.len;
        let value = number(&value[..len], held.host);
        if cmp == "gte" && self.low.is_none() {
            self.low = Some((held.source, len, value));
            return;
        }
        if let (Some((source, _, low)), "lte") = (&self.low, cmp)
            && *source == held.source
        {
            let low = *low;
            self.low = None;
            return range(&mut self.out, &held.source, len, low, value, false);
        }
        self.flush();
        let (and, xor) = (number(&held.and, held.host), number(&held.xor, held.host));
        compare(&mut self.out, &held.source, cmp, and, xor, len, value);
    }
}

fn describe(held: &Held) -> String {
    let xor = number(&held.xor, held.host);
    if held.source.is_empty() {
        return format!("{xor:#x}");
    }
    let and = number(&held.and, held.host);
    let full = number(&vec![0xff; held.len], true);
    let source = match held.source.strip_prefix("payload ") {
        Some(place) => format!("{place} {}b", held.len),
        None => held.source.clone(),
    };
    if and == full && xor == 0 { source } else { format!("{source} & {and:#x} ^ {xor:#x}") }
}
