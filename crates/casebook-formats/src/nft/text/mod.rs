//! nft text: files and listings with handles, with includes, defines and commands.
//!
//! The grammar is nft's (src/parser_bison.y); what nft refuses is an error with its place here too, and the
//! rest of the file is read all the same.

mod command;
mod cursor;
mod expr;
mod lexer;
mod selector;
mod set;
mod stmt;
mod stmt_nat;
#[cfg(test)]
mod tests;
mod timeout;

use std::collections::HashSet;

use casebook_core::{Evidence, EvidenceId, EvidenceSet, Reference};

pub use cursor::MAX_INCLUDE_DEPTH;

use super::ast::Parsed;

/// What is said of a block without its `}`, with the place of its `{`.
pub const NOT_CLOSED: &str = "the block is not closed";

/// Parses the file `root` and everything it includes. `included` of the result lists those files.
pub fn parse(set: &EvidenceSet, root: EvidenceId) -> (Parsed<'_>, Vec<EvidenceId>) {
    let mut parser = command::Parser::new(set, root);
    parser.file();
    parser.finish()
}

/// The names a file includes, for whoever reads files. Found by tokens, so a broken file still tells.
pub fn references(evidence: &Evidence) -> Vec<Reference> {
    let text = evidence.as_text().unwrap_or_else(|valid| valid);
    if !text.contains("include") {
        return Vec::new();
    }
    let tokens = lexer::tokens(text);
    let mut out: Vec<Reference> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for pair in tokens.windows(2) {
        let [word, name] = pair else { continue };
        let is_include = word.tok == lexer::Tok::Word && &text[word.start as usize..word.end as usize] == "include";
        if !is_include || name.tok != lexer::Tok::Str {
            continue;
        }
        let name = &text[name.start as usize + 1..name.end as usize - 1];
        if known.insert(name) {
            out.push(Reference { name: name.to_owned(), patterns: patterns(name) });
        }
    }
    out
}

/// Where nft looks (src/scanner.l `scanner_include_file`): absolute and `./` names as they are, other names in
/// the include path, `/etc` by default. A copy of a tree is read beside the file that includes it.
fn patterns(name: &str) -> Vec<String> {
    if name.starts_with('/') {
        // A collected tree keeps the name below its own root: `/etc/nftables.d/a.nft` beside the file.
        let base = name.rsplit('/').next().unwrap_or(name);
        return vec![name.to_owned(), base.to_owned()];
    }
    vec![name.to_owned(), format!("/etc/{name}")]
}
