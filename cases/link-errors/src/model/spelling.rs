//! Names that are nearly the one nobody defines: another language's linkage, another ABI of the standard library, other parameters.

use cpp_demangle::{DemangleOptions, Symbol as CxxSymbol};

use super::input::{Binding, Content, Definition, FileId, Program, SymbolType};
use super::names::Name;

/// How the name of a definition differs from the one that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Difference {
    /// It is asked for with C++ linkage and defined with C linkage.
    AskedAsCxx,
    /// It is asked for with C linkage and defined with C++ linkage.
    DefinedAsCxx,
    /// The same but for `std::__cxx11` and `[abi:cxx11]`: compiled with another `_GLIBCXX_USE_CXX11_ABI`.
    StringAbi,
    /// A member function, const here and not there.
    Const,
    /// The same Rust path with another hash: compiled by another compiler or from another crate version.
    RustHash,
    /// The same but for a trailing underscore: Fortran's convention.
    Underscore,
    /// The same name and other parameters.
    Parameters,
    /// The same name in another namespace or class.
    Scope,
    /// The same letters in another case.
    Case,
    /// It is asked for with C linkage and defined in Rust.
    DefinedAsRust,
    /// One letter more, less or other.
    Typo,
}

/// A definition whose name is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// The file that has it.
    pub file: FileId,
    /// Its name.
    pub name: Name,
    /// How it differs.
    pub difference: Difference,
}

/// The readable form of a name: C++ or Rust, where it is mangled.
pub fn readable(name: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(name).ok()?;
    if let Ok(rust) = rustc_demangle::try_demangle(text) {
        return Some(format!("{rust:#}"));
    }
    if !text.starts_with("_Z") {
        return None;
    }
    // Recursion and output are bounded: names come from files nobody vouches for.
    if text.len() > 8192 {
        return None;
    }
    let options = DemangleOptions::new().recursion_limit(128);
    CxxSymbol::new(text).ok()?.demangle_with_options(&options).ok()
}

/// Definitions in the files of the link whose names are near to `wanted`, the nearest first; at most eight.
pub fn near(program: &Program, wanted: Name) -> Vec<Near> {
    let bytes = program.names.bytes(wanted);
    let asked = Spelled::of(bytes);
    let Some(key) = asked.key().filter(|key| key.len() > 1) else { return Vec::new() };
    let lower = key.to_ascii_lowercase();
    let mut out: Vec<Near> = Vec::new();
    // A name is defined in many files; the first of them stands for all.
    let mut seen = vec![false; program.names.len()];
    // Names that are not mangled are compared letter by letter; an operator or destructor is not in its mangled name as it is read.
    let identifier = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let by_length = asked.readable.is_none() || !identifier;
    for (index, file) in program.files.iter().enumerate() {
        let id = FileId(index as u32);
        let mut offer = |name: Name| {
            if name == wanted || seen.get_mut(name.0 as usize).is_none_or(|seen| std::mem::replace(seen, true)) {
                return;
            }
            let other = program.names.bytes(name);
            let quick = (by_length && close_in_length(other, bytes)) || contains(other, lower.as_bytes());
            if !quick {
                return;
            }
            if let Some(difference) = asked.difference(&Spelled::of(other)) {
                out.push(Near { file: id, name, difference });
            }
        };
        match &file.content {
            Content::Object(object) => object
                .symbols
                .iter()
                .filter(|symbol| symbol.definition != Definition::Undefined)
                .filter(|symbol| !matches!(symbol.kind, SymbolType::Section | SymbolType::File))
                .filter(|symbol| symbol.binding != Binding::Local || symbol.kind == SymbolType::Function)
                .for_each(|symbol| offer(symbol.name)),
            Content::Shared(shared) => {
                shared.symbols.iter().filter(|symbol| symbol.defined).for_each(|symbol| offer(symbol.name));
            }
            _ => {}
        }
    }
    out.sort_by_key(|near| (near.difference, super::chain::input_of(program, near.file).is_none(), near.file));
    out.truncate(8);
    out
}

/// True when `lower`, in small letters, is in it in any letters.
fn contains(haystack: &[u8], lower: &[u8]) -> bool {
    let Some(first) = lower.first().copied() else { return true };
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), haystack)
        .any(|at| haystack.get(at..at + lower.len()).is_some_and(|part| part.eq_ignore_ascii_case(lower)))
}

fn close_in_length(a: &[u8], b: &[u8]) -> bool {
    a.len().abs_diff(b.len()) <= 1 && b.len() >= 5 && a.first() == b.first()
}

/// A name taken apart.
struct Spelled {
    raw: String,
    /// The readable form where the name is mangled.
    readable: Option<String>,
    rust: bool,
}

impl Spelled {
    fn of(name: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(name).into_owned();
        let rust = rustc_demangle::try_demangle(&raw).is_ok();
        Self { readable: readable(name), raw, rust }
    }

    /// The last identifier of the name, without scope and parameters.
    fn key(&self) -> Option<String> {
        match &self.readable {
            Some(text) => Some(last_identifier(head(text)).to_owned()),
            None => Some(self.raw.trim_end_matches('_').to_owned()),
        }
    }

    fn difference(&self, other: &Spelled) -> Option<Difference> {
        match (&self.readable, &other.readable) {
            (Some(asked), None) if !self.rust => {
                // `f(int)` of C++ against `f` of C; a scope or a template cannot be C.
                (head(asked) == other.raw).then_some(Difference::AskedAsCxx)
            }
            (None, Some(defined)) if !other.rust => (head(defined) == self.raw).then_some(Difference::DefinedAsCxx),
            (None, Some(defined)) => (last_identifier(defined) == self.raw).then_some(Difference::DefinedAsRust),
            (Some(asked), Some(defined)) if self.rust && other.rust => {
                (asked == defined).then_some(Difference::RustHash)
            }
            (Some(asked), Some(defined)) if !self.rust && !other.rust => cxx(asked, defined),
            (None, None) => plain(&self.raw, &other.raw),
            _ => None,
        }
    }
}

fn cxx(asked: &str, defined: &str) -> Option<Difference> {
    let old = |text: &str| text.replace("std::__cxx11::", "std::").replace("[abi:cxx11]", "");
    let same_abi = |a: &str, b: &str| {
        let (a, b) = (old(a), old(b));
        // The old string is spelled out as the template it is, or by its name.
        let plain = |text: &str| {
            text.replace("std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string")
        };
        plain(&a) == plain(&b)
    };
    if asked != defined && same_abi(asked, defined) {
        return Some(Difference::StringAbi);
    }
    let (a, b) = (head(asked), head(defined));
    if a == b {
        let without = |text: &str| text.trim_end().strip_suffix(" const").map(str::to_owned);
        if without(asked).as_deref() == Some(defined) || without(defined).as_deref() == Some(asked) {
            return Some(Difference::Const);
        }
        return Some(Difference::Parameters);
    }
    (last_identifier(a) == last_identifier(b) && tail(asked) == tail(defined)).then_some(Difference::Scope)
}

fn plain(asked: &str, defined: &str) -> Option<Difference> {
    let (a, b) = (asked.trim_end_matches('_'), defined.trim_end_matches('_'));
    if a == b || asked.trim_start_matches('_') == defined.trim_start_matches('_') {
        return Some(Difference::Underscore);
    }
    if a.eq_ignore_ascii_case(b) {
        return Some(if asked.ends_with('_') != defined.ends_with('_') {
            Difference::Underscore
        } else {
            Difference::Case
        });
    }
    (asked.len() >= 5 && one_apart(asked.as_bytes(), defined.as_bytes())).then_some(Difference::Typo)
}

/// One byte inserted, deleted, replaced, or two neighbours swapped.
fn one_apart(a: &[u8], b: &[u8]) -> bool {
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let back = a[front..].iter().rev().zip(b[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[front..a.len() - back], &b[front..b.len() - back]);
    match (rest_a, rest_b) {
        ([], [_]) | ([_], []) | ([_], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

/// The name before its parameters: `a::f` of `a::f(int) const`.
fn head(readable: &str) -> &str {
    let mut depth = 0_u32;
    let bytes = readable.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] != b'-' => depth = depth.saturating_sub(1),
            b'(' if depth == 0
                && !readable[..at].ends_with("operator")
                && !readable[at..].starts_with("(anonymous") =>
            {
                return &readable[..at];
            }
            _ => {}
        }
    }
    readable
}

fn tail(readable: &str) -> &str {
    &readable[head(readable).len()..]
}

fn last_identifier(head: &str) -> &str {
    let mut depth = 0_u32;
    let bytes = head.as_bytes();
    let mut from = 0;
    for at in 0..bytes.len() {
        match bytes[at] {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => from = at + 2,
            b' ' if depth == 0 => from = at + 1,
            _ => {}
        }
    }
    let name = &head[from..];
    name.split(['<', '[']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(asked: &str, defined: &str) -> Option<Difference> {
        Spelled::of(asked.as_bytes()).difference(&Spelled::of(defined.as_bytes()))
    }

    /// Names as gcc 12, clang 14 and gfortran 12 write them.
    #[test]
    fn near_names_are_told_apart() {
        assert_eq!(difference("_Z6c_funci", "c_func"), Some(Difference::AskedAsCxx));
        assert_eq!(difference("c_func", "_Z6c_funci"), Some(Difference::DefinedAsCxx));
        assert_eq!(
            difference("_Z4nameRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE", "_Z4nameRKSs"),
            Some(Difference::StringAbi)
        );
        assert_eq!(difference("_Z4nameB5cxx11v", "_Z4namev"), Some(Difference::StringAbi));
        assert_eq!(difference("_ZNK1A1fEv", "_ZN1A1fEv"), Some(Difference::Const));
        assert_eq!(difference("_Z1fl", "_Z1fi"), Some(Difference::Parameters));
        assert_eq!(difference("_ZN1a1fEi", "_ZN1b1fEi"), Some(Difference::Scope));
        assert_eq!(difference("solve", "solve_"), Some(Difference::Underscore));
        assert_eq!(difference("SOLVE", "solve_"), Some(Difference::Underscore));
        assert_eq!(difference("initialize", "initialise"), Some(Difference::Typo));
        assert_eq!(difference("init", "exit"), None);
        assert_eq!(
            difference("_ZN3foo3bar17h0123456789abcdefE", "_ZN3foo3bar17hfedcba9876543210E"),
            Some(Difference::RustHash)
        );
    }
}
