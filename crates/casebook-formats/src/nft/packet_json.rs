//! Packets as JSON objects, one a line: `raw` hex or readable fields, with devices, marks and connection.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::craft::{Context, FIELDS, Fault, FaultWord, Network, PacketError, Spec, decode_hex, nearest, number};
use super::ir::Direction;
use super::packet::{CT_STATES, CtState, Device, PATHS, Packet, Path};
use super::types::{Type, integer};

#[cfg(test)]
mod tests;

/// Keys of a packet beside the protocols.
const KEYS: &[&str] = &[
    "id", "path", "raw", "link", "iif", "oif", "ct", "mark", "priority", "pkttype", "skuid", "skgid", "payload",
    "fragment", "proto",
];
const CT_KEYS: &[&str] = &["state", "mark", "direction", "status", "zone", "label"];
/// Keys of `ct` that the model takes from the packet itself.
const CT_TUPLE: &[&str] = &["l3proto", "protocol", "saddr", "daddr", "proto-src", "proto-dst"];
const DEVICE_KEYS: &[&str] = &["name", "index", "type", "group"];

/// A fault at a key of the object.
struct At {
    key: String,
    fault: Fault,
}

fn at(key: &str) -> impl Fn(Fault) -> At {
    let key = key.to_owned();
    move |fault| At { key: key.clone(), fault }
}

fn wrong(key: &str, message: impl Into<String>) -> At {
    At { key: key.to_owned(), fault: Fault::new(FaultWord::Value, message) }
}

/// Reads a packet line: its id (`null` when it has none) and the packet.
pub fn parse(line: &str) -> Result<(Value, Packet), PacketError> {
    let value: Value = serde_json::from_str(line).map_err(|error| {
        let start = offset(line, error.line(), error.column());
        let end = line[start..].chars().next().map_or(start, |c| start + c.len_utf8());
        PacketError { message: format!("not JSON: {error}"), at: start..end, hint: None }
    })?;
    let Value::Object(mut object) = value else {
        let message = "expected an object with the packet's fields".to_owned();
        return Err(PacketError { message, at: 0..line.len(), hint: None });
    };
    let id = object.get_mut("id").map_or(Value::Null, Value::take);
    match read(&object) {
        Ok(packet) => Ok((id, packet)),
        Err(At { key, fault }) => Err(fault.at(place(line, &key))),
    }
}

/// Byte of a line and column as serde_json counts them, both from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where a key stands in the line; serde_json keeps no places, so the text is searched for it.
fn place(line: &str, key: &str) -> Range<usize> {
    let quoted = format!("\"{key}\"");
    match line.find(&quoted) {
        Some(start) if !key.is_empty() => start..start + quoted.len(),
        _ => 0..line.len(),
    }
}

fn read(object: &Map<String, Value>) -> Result<Packet, At> {
    let mut context = Context::default();
    let mut spec = Spec::default();
    let mut raw = None;
    let mut link = None;
    for (key, value) in object {
        match key.as_str() {
            "id" => {}
            "raw" => {
                let text = value.as_str().ok_or_else(|| wrong(key, "`raw` is a string of hex"))?;
                let bytes = decode_hex(text)
                    .map_err(|(at, message)| wrong(key, format!("{message}, at digit {} of `raw`", at + 1)))?;
                if bytes.is_empty() {
                    return Err(wrong(key, "`raw` holds no bytes"));
                }
                raw = Some(bytes);
            }
            "link" => {
                link = Some(match value.as_str() {
                    Some("none") => false,
                    Some("ether") => true,
                    _ => return Err(wrong(key, "`link` is \"none\" or \"ether\"")),
                });
            }
            "path" => context.path = Some(path(key, value)?),
            "iif" => context.iif = device(key, value)?,
            "oif" => context.oif = device(key, value)?,
            "ct" => connection(&mut context, value)?,
            "mark" => context.mark = integer_of(key, value, u32::MAX.into())? as u32,
            "priority" => context.priority = typed(key, value, Type::Priority)? as u32,
            "pkttype" => context.pkttype = Some(typed(key, value, Type::PktType)? as u8),
            "skuid" if value.is_null() => {}
            "skgid" if value.is_null() => {}
            "skuid" => context.skuid = Some(typed(key, value, Type::Uid)? as u32),
            "skgid" => context.skgid = Some(typed(key, value, Type::Gid)? as u32),
            _ => {}
        }
    }
    if raw.is_some() {
        // Every key has been met above but the readable ones, which `raw` replaces.
        let extra = object.keys().find(|key| !KEYS[..12].contains(&key.as_str()));
        if let Some(key) = extra {
            return Err(match known(key) {
                true => wrong(key, format!("`{key}` beside `raw`, which gives all bytes")),
                false => unknown_key(key, KEYS.iter().copied().chain(FIELDS.iter().map(|(name, _)| *name))),
            });
        }
    }
    if let Some(bytes) = raw {
        return Ok(context.packet(bytes, link.unwrap_or(false)));
    }
    spec.link = link;
    readable(&mut spec, object)?;
    let arp = spec.network == Some(Network::Arp);
    match context.path(arp) {
        Path::Input if arp => context.path = Some(Path::ArpInput),
        Path::Output if arp => context.path = Some(Path::ArpOutput),
        _ => {}
    }
    let (bytes, link) = spec.build(context.path(arp)).map_err(at(""))?;
    Ok(context.packet(bytes, link))
}

fn known(key: &str) -> bool {
    KEYS.contains(&key) || FIELDS.iter().any(|(name, _)| *name == key)
}

fn unknown_key<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> At {
    let list: Vec<&str> = known.clone().collect();
    let near = nearest(key, known).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let fault = Fault::new(FaultWord::Field, format!("`{key}` is not a known key"));
    At { key: key.to_owned(), fault: fault.hint(format!("{near}known are {}", list.join(", "))) }
}

/// The readable fields. `proto` and protocols come first, so that `th` knows its protocol.
fn readable(spec: &mut Spec, object: &Map<String, Value>) -> Result<(), At> {
    for (key, value) in object {
        if KEYS.contains(&key.as_str()) {
            continue;
        }
        if !known(key) {
            return Err(unknown_key(key, KEYS.iter().copied().chain(FIELDS.iter().map(|(name, _)| *name))));
        }
        if key != "th" {
            protocol(spec, key, value)?;
        }
    }
    for key in ["proto", "fragment", "payload", "th"] {
        let Some(value) = object.get(key) else { continue };
        if key == "th" {
            protocol(spec, key, value)?;
            continue;
        }
        let text = text_of(key, value)?;
        match key {
            "proto" => spec.set_transport(&text),
            "fragment" => spec.set_fragment(&text),
            _ => match (value, text.strip_prefix("0x")) {
                // A string is hex with or without `0x`; a number is a length.
                (Value::String(_), None) => spec.set_payload(&format!("0x{text}")),
                _ => spec.set_payload(&text),
            },
        }
        .map_err(at(key))?;
    }
    Ok(())
}

fn protocol(spec: &mut Spec, name: &str, value: &Value) -> Result<(), At> {
    let Value::Object(fields) = value else {
        return match value {
            // `"hbh": "0x…"`: the bytes of an extension header.
            Value::String(body) if matches!(name, "hbh" | "dst" | "rt" | "frag") => {
                spec.add_extension(name, body).map_err(at(name))
            }
            _ => Err(wrong(name, format!("`{name}` is an object of fields"))),
        };
    };
    spec.claim(name).map_err(at(name))?;
    for (field, value) in fields {
        let text = text_of(field, value)?;
        spec.set(name, field, &text).map_err(at(field))?;
    }
    Ok(())
}

/// A value as the packet language writes it.
fn text_of(key: &str, value: &Value) -> Result<String, At> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bit) => u8::from(*bit).to_string(),
        Value::Array(parts) => {
            let parts: Result<Vec<String>, At> = parts
                .iter()
                .map(|part| match part {
                    Value::Array(_) | Value::Object(_) => Err(wrong(key, format!("`{key}` is a list of names"))),
                    part => text_of(key, part),
                })
                .collect();
            parts?.join(",")
        }
        _ => return Err(wrong(key, format!("`{key}` is a number or a string"))),
    })
}

fn typed(key: &str, value: &Value, ty: Type) -> Result<u128, At> {
    match value.as_u64().map(u128::from) {
        Some(number) if number <= ty.max() => Ok(number),
        _ => number(ty, &text_of(key, value)?).map_err(at(key)),
    }
}

fn integer_of(key: &str, value: &Value, most: u128) -> Result<u128, At> {
    let number = match value {
        Value::Number(number) => number.as_u64().map(u128::from),
        Value::String(text) => integer(text),
        _ => None,
    };
    match number {
        Some(number) if number <= most => Ok(number),
        _ => Err(wrong(key, format!("`{key}` is a number up to {most:#x}"))),
    }
}

fn path(key: &str, value: &Value) -> Result<Path, At> {
    let text = value.as_str().unwrap_or("");
    Path::parse(text).ok_or_else(|| {
        let paths: Vec<&str> = PATHS.iter().map(|(_, name)| *name).collect();
        let near =
            nearest(text, paths.iter().copied()).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        let fault = Fault::new(FaultWord::Value, format!("expected a path, not {value}"));
        at(key)(fault.hint(format!("{near}paths are {}", paths.join(", "))))
    })
}

fn device(key: &str, value: &Value) -> Result<Option<Device>, At> {
    match value {
        Value::Null => Ok(None),
        Value::String(name) => Ok(Some(Device::named(name))),
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str);
            let mut device = Device::named(name.ok_or_else(|| wrong(key, format!("`{key}` has no `name`")))?);
            for (field, value) in fields {
                let null = value.is_null();
                match field.as_str() {
                    "name" => {}
                    "index" if null => device.index = None,
                    "index" => device.index = Some(typed(field, value, Type::IfIndex)? as u32),
                    "type" if null => device.kind = None,
                    "type" => device.kind = Some(typed(field, value, Type::IfType)? as u16),
                    "group" if null => device.group = None,
                    "group" => device.group = Some(typed(field, value, Type::DevGroup)? as u32),
                    _ => return Err(unknown_key(field, DEVICE_KEYS.iter().copied())),
                }
            }
            Ok(Some(device))
        }
        _ => Err(wrong(key, format!("`{key}` is a device name or an object with `name`"))),
    }
}

fn connection(context: &mut Context, value: &Value) -> Result<(), At> {
    let state = |key: &str, value: &Value| match CtState::parse(value.as_str().unwrap_or("")) {
        Some(state) => Ok(state),
        None => {
            let names: Vec<&str> = CT_STATES.iter().map(|(_, name, _)| *name).collect();
            let fault = Fault::new(FaultWord::Value, format!("expected a state, not {value}"));
            Err(at(key)(fault.hint(format!("states are {}", names.join(", ")))))
        }
    };
    let ct = &mut context.ct;
    let fields = match value {
        Value::Null => return Ok(()),
        Value::String(_) => {
            ct.state = Some(state("ct", value)?);
            return Ok(());
        }
        Value::Object(fields) => fields,
        _ => return Err(wrong("ct", "`ct` is an object or a state")),
    };
    for (key, value) in fields {
        match key.as_str() {
            "state" => ct.state = Some(state(key, value)?),
            "mark" => ct.mark = integer_of(key, value, u32::MAX.into())? as u32,
            "zone" => ct.zone = integer_of(key, value, u16::MAX.into())? as u16,
            "label" => ct.label = integer_of(key, value, u128::MAX)?,
            "status" => ct.status = Some(typed(key, value, Type::CtStatus)? as u32),
            "direction" => {
                ct.direction = Some(match value.as_str() {
                    Some("original") => Direction::Original,
                    Some("reply") => Direction::Reply,
                    _ => return Err(wrong(key, "`direction` is \"original\" or \"reply\"")),
                });
            }
            key if CT_TUPLE.contains(&key) => {
                let message = format!("`{key}` of the connection cannot be set; it is taken from the packet");
                return Err(wrong(key, message));
            }
            key => return Err(unknown_key(key, CT_KEYS.iter().copied())),
        }
    }
    Ok(())
}

/// The packet as an object that [`parse`] reads back; it has no `id`.
pub fn to_json(packet: &Packet) -> Value {
    let mut object = Map::new();
    object.insert("path".to_owned(), packet.path.as_str().into());
    let mut raw = String::with_capacity(packet.bytes.len() * 2);
    for byte in &packet.bytes {
        raw.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
    }
    object.insert("raw".to_owned(), raw.into());
    object.insert("link".to_owned(), if packet.link { "ether" } else { "none" }.into());
    for (key, device) in [("iif", &packet.iif), ("oif", &packet.oif)] {
        let Some(device) = device else { continue };
        let value = match *device == Device::named(&device.name) {
            true => device.name.as_str().into(),
            false => json!({
                "name": device.name, "index": device.index, "type": device.kind, "group": device.group
            }),
        };
        object.insert(key.to_owned(), value);
    }
    let ct = connection_json(packet);
    if !ct.is_empty() {
        object.insert("ct".to_owned(), Value::Object(ct));
    }
    if packet.mark != 0 {
        object.insert("mark".to_owned(), packet.mark.into());
    }
    if packet.priority != 0 {
        object.insert("priority".to_owned(), packet.priority.into());
    }
    if packet.pkttype != super::craft::default_pkttype(&packet.bytes, packet.link, packet.path) {
        object.insert("pkttype".to_owned(), packet.pkttype.into());
    }
    for (key, value) in [("skuid", packet.skuid), ("skgid", packet.skgid)] {
        if let Some(value) = value {
            object.insert(key.to_owned(), value.into());
        }
    }
    Value::Object(object)
}

fn connection_json(packet: &Packet) -> Map<String, Value> {
    let ct = &packet.ct;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    if let Some(state) = ct.state {
        put("state", state.as_str().into());
    }
    if let Some(direction) = ct.direction {
        put("direction", if direction == Direction::Reply { "reply" } else { "original" }.into());
    }
    if let Some(status) = ct.status {
        put("status", status.into());
    }
    if ct.mark != 0 {
        put("mark", ct.mark.into());
    }
    if ct.zone != 0 {
        put("zone", ct.zone.into());
    }
    if ct.label != 0 {
        // Wider than a JSON number.
        put("label", format!("{:#x}", ct.label).into());
    }
    object
}
