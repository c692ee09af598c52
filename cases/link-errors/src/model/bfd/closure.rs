//! Shared objects that shared objects need: they are looked for, and read, but are no part of the output (`ldelf_handle_dt_needed` and
//! `ldelf_try_needed`, ld/ldelf.c). A reference of an object that only such a library satisfies ends the link: "DSO missing".

use super::link::{Class, Fatal, Link, Load, LoadId, reports};
use crate::model::input::{FileId, Output};
use crate::model::names::Name;
use crate::model::outcome::Event;

impl Link<'_> {
    /// Reads the libraries of the growing list of `DT_NEEDED` entries.
    pub(super) fn close_over(&mut self) -> Result<(), Fatal> {
        if self.program.options.output == Output::Relocatable {
            return Ok(());
        }
        let (_, in_shared) = reports(&self.program.options);
        let mut at = 0;
        while at < self.needed.len() {
            let (name, by) = self.needed[at];
            at += 1;
            let by_class = self.loads[by.0 as usize].class;
            if by_class.as_needed || (!in_shared && by_class.no_add_needed) {
                continue;
            }
            let seen = self.needed[..at - 1]
                .iter()
                .any(|(other, by)| *other == name && !self.loads[by.0 as usize].class.as_needed);
            if seen {
                continue;
            }
            let on_line = self.on_line(name);
            match on_line {
                Some((_, false)) => continue,
                Some((file, true)) => {
                    self.try_needed(name, file, by)?;
                    continue;
                }
                None => {}
            }
            if let Some(file) = self.program.closure.get(&(self.loads[by.0 as usize].file, name)) {
                self.try_needed(name, *file, by)?;
            }
        }
        Ok(())
    }

    /// A library of the line that answers to the name; true when it was tried and dropped (`ldelf_check_needed`).
    fn on_line(&self, name: Name) -> Option<(FileId, bool)> {
        let mut found: Option<(FileId, bool)> = None;
        for load in self.loads.iter().filter(|load| load.input.is_some()) {
            if found.is_some_and(|(_, dropped)| !dropped) {
                break;
            }
            if found.is_some() && load.class.as_needed {
                continue;
            }
            let file = &self.program.files[load.file.0 as usize];
            let by_library = load.input.is_some_and(|input| self.program.inputs[input].by_library);
            let wanted = self.program.names.bytes(name);
            let path = file.name.as_bytes();
            let base = path.rsplit(|byte| *byte == b'/').next();
            if path == wanted || (by_library && base == Some(wanted)) || load.soname == Some(name) {
                found = Some((load.file, load.class.as_needed));
            }
        }
        found
    }

    fn try_needed(&mut self, name: Name, file: FileId, by: LoadId) -> Result<(), Fatal> {
        let Some(shared) = self.shared(file) else { return Ok(()) };
        let soname = shared.soname.or(Some(name));
        let same = |load: &Load| load.input.is_some() && !load.class.as_needed && load.file == file;
        if self.loads.iter().any(same) {
            return Ok(());
        }
        let from = self.loads[by.0 as usize];
        let quiet = from.class.no_add_needed;
        let class = Class { as_needed: false, dt_needed: true, no_needed: quiet, no_add_needed: quiet };
        let load = self.load(file, soname, class, None);
        self.trace.push(Event::Closure(file, from.file));
        self.shared_object(load)
    }
}
