//! `systemctl list-unit-files`: which units are enabled (src/systemctl/systemctl-list-unit-files.c).

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::json::Node;
use casebook_formats::unit::unit_suffix;

use crate::facts::text::{Told, head_lines, json, lines};

/// The table.
pub static LIST_UNIT_FILES: Kind = Kind {
    name: "list-unit-files",
    what: "output of `systemctl list-unit-files`",
    sniff: sniff_table,
    refers: None,
    comment: None,
};

/// As JSON.
pub static LIST_UNIT_FILES_JSON: Kind = Kind {
    name: "list-unit-files-json",
    what: "output of `systemctl list-unit-files --output=json`",
    sniff: sniff_json,
    refers: None,
    comment: None,
};

/// State of a unit file (src/basic/unit-file.h, `UnitFileState`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EnabledState {
    /// `enabled`
    Enabled,
    /// `enabled-runtime`: until the next boot.
    EnabledRuntime,
    /// `linked`, `linked-runtime`: made known, not enabled.
    Linked,
    /// `alias`: another name of a unit.
    Alias,
    /// `masked`, `masked-runtime`: cannot be started.
    Masked,
    /// `static`: has no `[Install]`; something else starts it.
    Static,
    /// `disabled`
    Disabled,
    /// `indirect`: not enabled itself, but another one that it names is.
    Indirect,
    /// `generated`
    Generated,
    /// `transient`
    Transient,
    /// `bad`, `not-found`
    Bad,
    /// Another word.
    Unknown(String),
}

impl EnabledState {
    /// The state of this word.
    pub fn of(word: &str) -> Self {
        match word {
            "enabled" => Self::Enabled,
            "enabled-runtime" => Self::EnabledRuntime,
            "linked" | "linked-runtime" => Self::Linked,
            "alias" => Self::Alias,
            "masked" | "masked-runtime" => Self::Masked,
            "static" => Self::Static,
            "disabled" => Self::Disabled,
            "indirect" => Self::Indirect,
            "generated" => Self::Generated,
            "transient" => Self::Transient,
            "bad" | "not-found" => Self::Bad,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUnitFile {
    /// The unit.
    pub unit: Told<String>,
    /// Its state.
    pub state: Told<EnabledState>,
    /// What the distribution presets, where the list says.
    pub preset: Option<Told<String>>,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFileList {
    /// Where.
    pub evidence: EvidenceId,
    /// One for each unit file.
    pub units: Vec<ListedUnitFile>,
}

/// Reads a table.
pub fn read_table(item: &Evidence) -> (UnitFileList, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut list = UnitFileList { evidence: item.id, units: Vec::new() };
    for line in lines(item, &mut unmodelled) {
        if line.is_blank() || is_header(line.text) || line.text.ends_with("unit files listed.") {
            continue;
        }
        let mut words = line.text.split_ascii_whitespace();
        match (words.next().filter(|unit| unit_suffix(unit).is_some()), words.next()) {
            (Some(unit), Some(state)) => list.units.push(ListedUnitFile {
                unit: line.told(unit),
                state: Told::new(EnabledState::of(state), line.part(state)),
                preset: words.next().filter(|preset| *preset != "-").map(|preset| line.told(preset)),
            }),
            _ if unmodelled.len() < crate::facts::text::MOST_GAPS => {
                unmodelled.push(line.unmodelled("no row of the table"))
            }
            _ => {}
        }
    }
    (list, unmodelled)
}

/// Reads JSON.
pub fn read_json(item: &Evidence) -> (UnitFileList, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut list = UnitFileList { evidence: item.id, units: Vec::new() };
    let document = json(item, &mut unmodelled);
    let rows: Vec<Node<'_, '_>> = document.root().map(|root| root.elements().collect()).unwrap_or_default();
    for row in rows {
        let told = |key: &str| {
            let node = row.get(key)?;
            Some(Told::new(node.as_str()?.into_owned(), Span::new(item.id, node.span().0, node.span().1)))
        };
        match (told("unit_file"), told("state")) {
            (Some(unit), Some(state)) => list.units.push(ListedUnitFile {
                unit,
                state: Told::new(EnabledState::of(&state.value), state.span),
                preset: told("preset").or_else(|| told("vendor_preset")),
            }),
            _ => unmodelled
                .push(Unmodelled::new(Span::new(item.id, row.span().0, row.span().1), "no unit file with a state")),
        }
    }
    (list, unmodelled)
}

fn is_header(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    (words.next(), words.next(), words.next()) == (Some("UNIT"), Some("FILE"), Some("STATE"))
}

fn sniff_table(sniff: &Sniff<'_>) -> bool {
    head_lines(sniff).into_iter().find(|line| !line.trim().is_empty()).is_some_and(is_header)
}

fn sniff_json(sniff: &Sniff<'_>) -> bool {
    let head = casebook_formats::sniff::head(sniff);
    let first = head.get(..head.len().min(1024)).unwrap_or(head);
    first.trim_start().starts_with('[') && first.contains("\"unit_file\"") && first.contains("\"state\"")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{evidence, text};
    use super::*;

    /// `systemctl list-unit-files` of systemd 252.39 in a folder (`--root`).
    #[test]
    fn states_are_read_from_both_forms() {
        let item = evidence(
            "UNIT FILE    STATE    PRESET\na.timer      enabled  enabled\nb@.service   static   -\nc.timer masked enabled\n\n3 unit files listed.\n",
        );
        let (list, unmodelled) = read_table(&item);
        assert_eq!((list.units.len(), unmodelled), (3, vec![]));
        assert_eq!((&list.units[0].state.value, &list.units[1].preset), (&EnabledState::Enabled, &None));
        assert_eq!(text(&item, list.units[2].state.span), "masked");
        let item = evidence("[{\"unit_file\":\"a.timer\",\"state\":\"disabled\",\"preset\":\"enabled\"}]");
        let (list, unmodelled) = read_json(&item);
        assert_eq!((list.units[0].state.value.clone(), unmodelled), (EnabledState::Disabled, vec![]));
    }
}
