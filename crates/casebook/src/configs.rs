//! Finding `casebook.toml`: the nearest above each input.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use casebook_collect::Collected;
use casebook_core::{EvidenceId, Severity};
use casebook_registry::check::Scope;
use casebook_registry::{CASES, Config};

use crate::failure::Failure;

const NAME: &str = "casebook.toml";

/// Every configuration that governs some of the evidence.
#[derive(Default)]
pub(crate) struct Configs {
    pub(crate) configs: Vec<Config>,
    pub(crate) scopes: BTreeMap<EvidenceId, Scope>,
    /// Configuration of a folder, so that each is looked for once.
    folders: HashMap<PathBuf, Option<usize>>,
    roots: Vec<PathBuf>,
}

impl Configs {
    /// The configurations above the files of `collected`; streams and live readings have that of the
    /// working directory.
    pub(crate) fn of(collected: &Collected) -> Result<Self, Failure> {
        let mut found = Self::default();
        let here = std::env::current_dir()?;
        for item in collected.evidence.iter() {
            let file = collected.files.get(&item.id);
            let path = file.map_or_else(|| here.join("-"), |file| here.join(file));
            let folder = path.parent().map_or_else(|| here.clone(), Path::to_path_buf);
            let folder = fs::canonicalize(&folder).unwrap_or(folder);
            let Some(config) = found.above(&folder, &here)? else { continue };
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            let full = folder.join(name);
            let relative = full.strip_prefix(&found.roots[config]).unwrap_or(&full);
            let path = relative.to_string_lossy().into_owned();
            found.scopes.insert(item.id, Scope { config, path });
        }
        Ok(found)
    }

    /// Index of the configuration nearest above `folder`.
    pub(crate) fn above(&mut self, folder: &Path, here: &Path) -> Result<Option<usize>, Failure> {
        if let Some(known) = self.folders.get(folder) {
            return Ok(*known);
        }
        let path = folder.join(NAME);
        let index = if path.is_file() {
            let shown = path.strip_prefix(here).unwrap_or(&path).to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).map_err(|error| Failure::usage(format!("{shown}: {error}"), None))?;
            let config = Config::parse(&shown, &text, CASES)
                .map_err(|error| Failure::usage(error.to_string(), error.hint.clone()))?;
            self.configs.push(config);
            self.roots.push(folder.to_path_buf());
            Some(self.configs.len() - 1)
        } else {
            match folder.parent() {
                Some(parent) => self.above(parent, here)?,
                None => None,
            }
        };
        self.folders.insert(folder.to_path_buf(), index);
        Ok(index)
    }

    /// From which severity on the exit code is 1: the strictest the configurations ask for.
    pub(crate) fn fail_on(&self) -> Option<Severity> {
        let asked: Vec<Option<Severity>> = self.configs.iter().filter_map(|config| config.fail_on).collect();
        match asked.is_empty() {
            true => Some(Severity::Error),
            false => asked.into_iter().flatten().min(),
        }
    }
}
