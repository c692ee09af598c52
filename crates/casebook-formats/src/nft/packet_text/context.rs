//! Devices, marks, connection and path.

use super::{
    CT_STATES, CtState, Device, Direction, Fault, FaultWord, PATHS, PacketError, Parser, Path, Type, Word, nearest,
};
use crate::nft::craft::{number, suggest};

/// Keys of `ct` that can be said of a packet.
const CT_KEYS: &[&str] = &["state", "mark", "status", "direction", "zone", "label"];

impl<'a> Parser<'a> {
    pub(super) fn device(&mut self, word: &Word<'_>) -> Result<(), PacketError> {
        let value = self.value(word)?;
        let name = value.text;
        if name.is_empty() || name.len() > 15 || name.contains(['/', '*', '{']) {
            return Err(value.error(format!("`{name}` is not the name of one interface")));
        }
        let incoming = word.text.starts_with('i');
        let slot = if incoming { &mut self.context.iif } else { &mut self.context.oif };
        match slot {
            Some(device) if device.name.is_empty() => {
                // Keys of the device came first.
                let named = Device::named(name);
                device.index = device.index.or(named.index);
                device.kind = device.kind.or(named.kind);
                device.name = named.name;
            }
            Some(device) if device.name != name => {
                return Err(value.error(format!("a second {} device", if incoming { "input" } else { "output" })));
            }
            Some(_) => {}
            None => *slot = Some(Device::named(name)),
        }
        Ok(())
    }

    /// `iifindex 2` and its like. A device without a name is refused when all is read.
    pub(super) fn device_key(&mut self, word: &'a Word<'a>) -> Result<(), PacketError> {
        let (side, key) = word.text.split_at(3);
        let value = self.value(word)?;
        let ty = match key {
            "type" => Type::IfType,
            "group" => Type::DevGroup,
            _ => Type::IfIndex,
        };
        let read = match value.text {
            "unknown" => None,
            text => Some(number(ty, text).map_err(|fault| fault.at(value.at.clone()))? as u32),
        };
        let slot = if side == "iif" { &mut self.context.iif } else { &mut self.context.oif };
        let named = self
            .words
            .iter()
            .any(|word| !word.quoted && (word.text == side || word.text.strip_suffix("name") == Some(side)));
        if !named {
            let fault = Fault::new(FaultWord::Whole, format!("`{}` is said of a device without a name", word.text));
            return Err(fault.hint(format!("write `{side} NAME` too")).at(word.at.clone()));
        }
        let device = slot.get_or_insert_with(Device::default);
        match key {
            "type" => device.kind = read.map(|kind| kind as u16),
            "group" => device.group = read,
            _ => device.index = read,
        }
        Ok(())
    }

    pub(super) fn meta(&mut self, word: &Word<'_>) -> Result<(), PacketError> {
        const KEYS: &[&str] = &[
            "iif", "iifname", "iiftype", "iifgroup", "oif", "oifname", "oiftype", "oifgroup", "mark", "priority",
            "pkttype", "skuid", "skgid", "l4proto",
        ];
        let key = self.value(word)?;
        if KEYS.contains(&key.text) {
            return self.word(key);
        }
        let fault = Fault::new(FaultWord::Field, format!("`meta {}` cannot be set in a packet", key.text));
        let fault = match nearest(key.text, KEYS.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(format!("known are {}", KEYS.join(", "))),
        };
        Err(fault.at(key.at.clone()))
    }

    /// `mark`, `priority`, `pkttype`, `skuid`, `skgid`.
    pub(super) fn key(&mut self, word: &Word<'_>) -> Result<(), PacketError> {
        if word.text == "mark" {
            self.context.mark = self.number(word, u32::MAX.into())? as u32;
            return Ok(());
        }
        let value = self.value(word)?;
        let ty = match word.text {
            "priority" => Type::Priority,
            "pkttype" => Type::PktType,
            "skuid" => Type::Uid,
            _ => Type::Gid,
        };
        let read = number(ty, value.text).map_err(|fault| fault.at(value.at.clone()))? as u32;
        match word.text {
            "priority" => self.context.priority = read,
            "pkttype" => self.context.pkttype = Some(read as u8),
            "skuid" => self.context.skuid = Some(read),
            _ => self.context.skgid = Some(read),
        }
        Ok(())
    }

    pub(super) fn path(&mut self, word: &Word<'_>) -> Result<(), PacketError> {
        let value = self.value(word)?;
        let Some(path) = Path::parse(value.text) else {
            let fault = Fault::new(FaultWord::Value, format!("expected a path, not `{}`", value.text));
            let paths: Vec<&str> = PATHS.iter().map(|(_, name)| *name).collect();
            let fault = match nearest(value.text, paths.iter().copied()) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint(format!("paths are {}", paths.join(", "))),
            };
            return Err(fault.at(value.at.clone()));
        };
        self.context.path = Some(path);
        Ok(())
    }

    pub(super) fn ct(&mut self, word: &Word<'_>) -> Result<(), PacketError> {
        let key = self.value(word)?;
        if let Some(state) = CtState::parse(key.text) {
            self.context.ct.state = Some(state);
            return Ok(());
        }
        let ct = |parser: &mut Self| -> Result<&'a Word<'a>, PacketError> { parser.value(key) };
        match key.text {
            "state" => {
                let value = ct(self)?;
                let Some(state) = CtState::parse(value.text) else {
                    let fault = Fault::new(FaultWord::Value, format!("expected a state, not `{}`", value.text));
                    let fault = match value.text.contains([',', '|', '{']) {
                        true => fault.hint("a packet has one state"),
                        false => suggest(fault, value.text, CT_STATES.iter().map(|(_, name, _)| *name)),
                    };
                    return Err(fault.at(value.at.clone()));
                };
                self.context.ct.state = Some(state);
            }
            "direction" => {
                let value = ct(self)?;
                self.context.ct.direction = Some(match value.text {
                    "original" => Direction::Original,
                    "reply" => Direction::Reply,
                    other => return Err(value.error(format!("expected `original` or `reply`, not `{other}`"))),
                });
            }
            "status" => {
                let value = ct(self)?;
                let read = number(Type::CtStatus, value.text).map_err(|fault| fault.at(value.at.clone()))?;
                self.context.ct.status = Some(read as u32);
            }
            "mark" => self.context.ct.mark = self.number(key, u32::MAX.into())? as u32,
            "zone" => self.context.ct.zone = self.number(key, u16::MAX.into())? as u16,
            "label" => self.context.ct.label = self.number(key, u128::MAX)?,
            other => {
                let fault = Fault::new(FaultWord::Field, format!("`ct {other}` cannot be set in a packet"));
                let states = CT_STATES.iter().map(|(_, name, _)| *name);
                let fault = match nearest(other, CT_KEYS.iter().copied().chain(states)) {
                    Some(near) => fault.hint(format!("did you mean `ct {near}`?")),
                    None => fault.hint(format!("known are a state, {}", CT_KEYS.join(", "))),
                };
                return Err(fault.at(key.at.clone()));
            }
        }
        Ok(())
    }
}
