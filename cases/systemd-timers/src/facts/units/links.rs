//! Links below systemd's folders, as a listing tells them: `find /etc/systemd -type l -printf '%p -> %l\n'`, or `ls -l` with the path
//! of the folder in front. A link in `X.wants` enables a unit, one to /dev/null masks it, one of another name is an alias.

use casebook_core::{Evidence, Kind, Sniff, Span, Unmodelled};

use super::path::{Place, locate};
use crate::facts::text::{Line, MOST_GAPS, Told, head_lines, lines};

/// A listing of links.
pub static LINKS: Kind = Kind {
    name: "systemd-links",
    what: "links below /etc/systemd: `find /etc/systemd -type l -printf '%p -> %l\\n'`",
    sniff,
    refers: None,
    comment: None,
};

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its path.
    pub path: Told<String>,
    /// What it points to, as written.
    pub target: Told<String>,
    /// Where systemd finds it.
    pub place: Place,
    /// The line.
    pub span: Span,
}

impl Link {
    /// True for a link to /dev/null.
    pub fn is_mask(&self) -> bool {
        self.target.value == "/dev/null"
    }

    /// Name of the file it points to.
    pub fn target_name(&self) -> &str {
        self.target.value.rsplit('/').next().unwrap_or("")
    }
}

/// Reads a listing.
pub fn read(item: &Evidence) -> (Vec<Link>, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = Vec::new();
    let mut folder = String::new();
    for line in lines(item, &mut unmodelled) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with("total ") {
            continue;
        }
        if let Some(path) = text.strip_suffix(':').filter(|path| path.starts_with('/')) {
            path.clone_into(&mut folder);
            continue;
        }
        match link(&line, &folder) {
            Some(link) => out.push(link),
            // `ls -l` lists files too.
            None if text.starts_with(['-', 'd', 'l']) && !text.contains(" -> ") => {}
            None if unmodelled.len() < MOST_GAPS => {
                unmodelled.push(line.unmodelled("no link below a folder of systemd"))
            }
            None => {}
        }
    }
    (out, unmodelled)
}

fn link(line: &Line<'_>, folder: &str) -> Option<Link> {
    let (left, target) = line.text.trim().split_once(" -> ")?;
    let written = left.rsplit(' ').next().unwrap_or(left).trim_matches(['\'', '"']);
    let target = target.trim().trim_matches(['\'', '"']);
    let path = if written.starts_with('/') { written.to_owned() } else { format!("{folder}/{written}") };
    let located = locate(&path);
    if located.is_bare {
        return None;
    }
    let span = line.part(written);
    Some(Link { path: Told::new(path, span), target: line.told(target), place: located.place, span: line.span() })
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    let lines = head_lines(sniff);
    let filled: Vec<&&str> = lines.iter().filter(|line| !line.trim().is_empty()).take(100).collect();
    let links = filled.iter().filter(|line| line.contains(" -> ") && line.contains("/systemd/")).count();
    links > 0 && links * 2 >= filled.len()
}
