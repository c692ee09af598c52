//! A configuration with its includes in place.

use casebook_core::{Evidence, EvidenceId, EvidenceSet, Reference, Unmodelled};

use super::tokens::{self, Directive};

/// Files in files; deeper ones, and a file that includes itself, are unmodelled.
const MAX_INCLUDES: usize = 16;

/// Directives of one configuration; what comes after is unmodelled.
const MAX_DIRECTIVES: usize = 1 << 20;

/// Blocks whose content is no list of directives.
const DATA: &[&str] = &["types", "map", "geo", "split_clients", "charset_map", "js_shared_dict_zone"];

/// A configuration.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Directives of the first file, includes replaced by what they name.
    pub directives: Vec<Directive>,
    /// What nginx would refuse or the reader does not follow.
    pub unmodelled: Vec<Unmodelled>,
    /// Files read through an include.
    pub included: Vec<EvidenceId>,
}

/// Reads `root` and what it includes.
pub fn load(set: &EvidenceSet, root: &Evidence) -> Tree {
    let mut tree = Tree::default();
    let mut left = MAX_DIRECTIVES;
    let (list, gaps) = tokens::parse(root.id, root.as_bytes());
    tree.unmodelled = gaps;
    tree.directives = expand(set, list, &mut vec![root.id], &mut tree, &mut left);
    tree
}

fn expand(
    set: &EvidenceSet,
    list: Vec<Directive>,
    open: &mut Vec<EvidenceId>,
    tree: &mut Tree,
    left: &mut usize,
) -> Vec<Directive> {
    let mut out = Vec::with_capacity(list.len());
    for mut directive in list {
        if *left == 0 {
            tree.unmodelled.push(Unmodelled::new(directive.head(), "more directives than are read"));
            break;
        }
        *left -= 1;
        if directive.name() == "include" && directive.block.is_none() {
            include(set, &directive, open, tree, left, &mut out);
            continue;
        }
        if DATA.contains(&directive.name()) {
            directive.block = directive.block.map(|_| Vec::new());
        }
        directive.block = directive.block.map(|block| expand(set, block, open, tree, left));
        out.push(directive);
    }
    out
}

fn include(
    set: &EvidenceSet,
    directive: &Directive,
    open: &mut Vec<EvidenceId>,
    tree: &mut Tree,
    left: &mut usize,
    out: &mut Vec<Directive>,
) {
    let mut gap = |why: &str| tree.unmodelled.push(Unmodelled::new(directive.head(), why));
    let [name] = directive.args() else { return gap("an include has one argument") };
    let from = open.last().copied().unwrap_or(EvidenceId(0));
    // These come with nginx and hold no directives of time.
    if ["mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "proxy_params"]
        .iter()
        .any(|known| name.text.rsplit('/').next() == Some(known))
        && set.resolve(from, &name.text).is_none()
    {
        return;
    }
    let Some(files) = set.resolve(from, &name.text) else {
        return gap("the included file is not among the evidence");
    };
    for id in files {
        let Some(item) = set.get(*id) else { continue };
        if open.contains(id) || open.len() >= MAX_INCLUDES {
            tree.unmodelled.push(Unmodelled::new(directive.head(), "includes that do not end"));
            continue;
        }
        let (list, gaps) = tokens::parse(*id, item.as_bytes());
        if !tree.included.contains(id) {
            tree.included.push(*id);
            tree.unmodelled.extend(gaps);
        }
        open.push(*id);
        let list = expand(set, list, open, tree, left);
        open.pop();
        out.extend(list);
    }
}

/// The names a file includes, for whoever reads files.
pub fn references(item: &Evidence) -> Vec<Reference> {
    let (list, _) = tokens::parse(item.id, item.as_bytes());
    let mut out: Vec<Reference> = Vec::new();
    let mut stack: Vec<&Directive> = list.iter().rev().collect();
    while let Some(directive) = stack.pop() {
        if let Some(block) = &directive.block
            && !DATA.contains(&directive.name())
        {
            stack.extend(block.iter().rev());
        }
        if let ("include", [name]) = (directive.name(), directive.args())
            && !out.iter().any(|known| known.name == name.text)
        {
            out.push(Reference { name: name.text.clone(), patterns: patterns(&name.text) });
        }
    }
    out
}

/// nginx takes a name relative to the folder of nginx.conf (`ngx_conf_full_name` with the configuration prefix), also in
/// a file of a folder below. An absolute name of a collected tree is found beside the file by its last parts.
fn patterns(name: &str) -> Vec<String> {
    if !name.starts_with('/') {
        return vec![name.to_owned(), format!("../{name}"), format!("../../{name}")];
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    let tail = |count: usize| parts[parts.len().saturating_sub(count)..].join("/");
    let mut out = vec![name.to_owned()];
    for count in [2, 1] {
        let last = tail(count);
        // `*.conf` alone would match nginx.conf itself where the folder it was written with holds nothing.
        let alone = count == 1 && last.contains(['*', '?', '[']);
        if !last.is_empty() && !alone && !out.contains(&last) {
            out.push(last);
        }
    }
    // From a file of a folder below nginx.conf's own.
    if parts.len() >= 2 {
        out.push(format!("../{}", tail(2)));
    }
    out
}
