//! nginx.conf to proxies with their timers.
//!
//! Source of the rules: nginx.org documentation of the modules, `ngx_conf_read_token` and `ngx_parse_time`.

mod listen;
mod names;
mod scope;
mod server;
mod time;
mod tokens;
mod tree;

#[cfg(test)]
mod tests;

use casebook_core::{Evidence, EvidenceId, EvidenceSet, Kind, Sniff};

use self::scope::{Notes, Scope};
use self::time::{Unit, length};
use self::tokens::Directive;
use super::timer::{Limit, ProxyFacts};

/// Configuration of nginx.
pub static NGINX: Kind = Kind {
    name: "nginx-config",
    what: "a configuration of nginx (nginx.conf, or a file of conf.d)",
    sniff,
    refers: Some(tree::references),
    comment: Some("#"),
};

/// Facts of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NginxFacts {
    /// Its proxies.
    pub facts: ProxyFacts,
    /// Files it includes: they are no configurations of their own.
    pub included: Vec<EvidenceId>,
}

/// Reads `root` and what it includes.
pub fn parse(set: &EvidenceSet, root: &Evidence) -> NginxFacts {
    let tree = tree::load(set, root);
    let mut notes = Notes::new(tree.unmodelled);
    let mut facts = ProxyFacts::default();
    let list = &tree.directives;
    let whole = list.iter().any(|directive| ["http", "stream", "events"].contains(&directive.name()));
    let top = Scope::root(!whole);
    if whole {
        main(&top, list, &mut facts, &mut notes);
    } else {
        // A file of conf.d alone, as it would stand in `http`; a server with no URL in its passes is of `stream`.
        let scope = top.child(list, "http".to_owned(), &mut notes);
        block(&scope, list, is_http(list), &mut facts, &mut notes);
    }
    facts.unmodelled = notes.unmodelled;
    NginxFacts { facts, included: tree.included }
}

fn main(top: &Scope, list: &[Directive], facts: &mut ProxyFacts, notes: &mut Notes) {
    for directive in list {
        let inner = directive.block.as_deref().unwrap_or_default();
        match directive.name() {
            name @ ("http" | "stream") => {
                let scope = top.child(inner, name.to_owned(), notes);
                block(&scope, inner, name == "http", facts, notes);
            }
            "mail" => notes.gap(directive.head(), "the mail proxy is not modelled"),
            "worker_shutdown_timeout" => {
                let limit = match directive.args() {
                    [word] if !word.varies() => length(&word.text, Unit::Millis).map(Limit::After),
                    _ => None,
                };
                if limit.is_none() {
                    notes.gap(directive.head(), "nginx refuses this time");
                }
                facts.process.push(server::shutdown(top, directive, limit.unwrap_or(Limit::Unknown)));
            }
            _ => {}
        }
    }
    // Directives of the main level that are known to nobody; the blocks' own are reported where they are read.
    top.child(
        &list
            .iter()
            .filter(|item| item.block.is_none() && item.name() != "worker_shutdown_timeout")
            .cloned()
            .collect::<Vec<_>>(),
        "main".to_owned(),
        notes,
    );
}

fn block(scope: &Scope, list: &[Directive], http: bool, facts: &mut ProxyFacts, notes: &mut Notes) {
    let known = server::upstreams(list);
    for upstream in known.values() {
        let inner = upstream.block.as_deref().unwrap_or_default();
        scope.child(inner, "upstream".to_owned(), notes);
    }
    for directive in list.iter().filter(|directive| directive.name() == "server" && directive.block.is_some()) {
        if http {
            server::http(directive, scope, &known, facts, notes);
        } else {
            server::stream(directive, scope, &known, facts, notes);
        }
    }
    // A file of locations, included into a server.
    if scope.part && http && list.iter().any(|directive| directive.name() == "location") {
        let span = list.first().map(|first| list.iter().fold(first.span, |span, next| span.to(next.span)));
        if let Some(span) = span {
            let words = list.first().map(|first| first.words.clone()).unwrap_or_default();
            let part = Directive { words, block: Some(list.to_vec()), span };
            server::http(&part, scope, &known, facts, notes);
        }
    }
}

/// True unless a server passes bytes on: a `proxy_pass` of `http` has a scheme and stands in a location.
fn is_http(list: &[Directive]) -> bool {
    !list.iter().filter(|directive| directive.name() == "server").any(|server| {
        server.block.iter().flatten().any(|inner| {
            inner.name() == "proxy_pass" && inner.args().first().is_some_and(|word| !word.text.contains("://"))
        })
    })
}

/// A file is of nginx when its blocks are nginx's and what stands in them is too. Other brace languages differ in the
/// first block, or have no semicolons.
fn sniff(sniff: &Sniff<'_>) -> bool {
    if sniff.head.contains(&0) {
        return false;
    }
    let (list, gaps) = tokens::parse(EvidenceId(0), sniff.head);
    // Of a head that is cut off the last place can be broken.
    if sniff.whole && !gaps.is_empty() && gaps.len() * 20 > list.len() + 20 {
        return false;
    }
    let mut seen = false;
    for directive in &list {
        let inner = directive.block.as_deref().unwrap_or_default();
        let has = |names: &[&str]| inner.iter().any(|item| names.contains(&item.name()));
        let blocks = |names: &[&str]| inner.iter().any(|item| item.block.is_some() && names.contains(&item.name()));
        seen |= match (directive.name(), directive.args().len()) {
            _ if directive.block.is_none() => false,
            ("events", 0) => inner.is_empty() || has(&["worker_connections", "use", "multi_accept", "accept_mutex"]),
            ("http", 0) => {
                blocks(&["server", "upstream"]) || has(&["include", "sendfile", "access_log", "keepalive_timeout"])
            }
            ("stream", 0) => blocks(&["server", "upstream"]) || has(&["include"]),
            ("server", 0) => has(&["listen", "server_name", "proxy_pass", "root"]) || blocks(&["location"]),
            ("upstream", 1) => inner.iter().any(|item| item.name() == "server" && !item.args().is_empty()),
            ("location", 1 | 2) => {
                inner.iter().any(|item| {
                    item.name().ends_with("_pass") || ["root", "return", "try_files", "alias"].contains(&item.name())
                }) && directive.args().last().is_some_and(|word| word.text.starts_with(['/', '@', '^', '~', '\\', '.']))
            }
            _ => false,
        };
        if seen {
            return true;
        }
    }
    false
}
