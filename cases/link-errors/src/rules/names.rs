//! Names of symbols for headlines: whole, and no longer than what they say.
//!
//! A template's arguments by default are part of a C++ name, and make most of its length: `std::string` is printed as
//! `std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >`. They are left out here, as the source leaves them out.

/// Names in a list before the rest is counted.
const MOST: usize = 3;

/// Characters of the names in a list, as long as there is more than one.
const LONGEST: usize = 100;

/// Names that stand for a template with `char`, and those with `wchar_t`.
const OF_CHAR: &[&str] = &[
    "string",
    "string_view",
    "ostream",
    "istream",
    "iostream",
    "ifstream",
    "ofstream",
    "fstream",
    "stringstream",
    "ostringstream",
    "istringstream",
    "streambuf",
    "stringbuf",
    "filebuf",
    "ios",
    "regex",
];

/// Arguments that a template of the standard library has by default.
const BY_DEFAULT: &[&str] = &[
    ", std::allocator<",
    ", std::char_traits<",
    ", std::less<",
    ", std::equal_to<",
    ", std::hash<",
    ", std::default_delete<",
    ", std::regex_traits<",
];

/// A name as its source would write it.
pub(super) fn short(name: &str) -> String {
    if !name.contains("std::") {
        return name.to_owned();
    }
    let mut out = name.replace("std::__cxx11::", "std::").replace("std::__1::", "std::");
    // What stands last goes first: what is before it is last then.
    for _ in 0..64 {
        match BY_DEFAULT.iter().find_map(|argument| last_argument(&out, argument)) {
            Some((start, end)) => out.replace_range(start..end, ""),
            None => break,
        }
    }
    for name in OF_CHAR {
        out = out.replace(&format!("std::basic_{name}<char>"), &format!("std::{name}"));
        out = out.replace(&format!("std::basic_{name}<wchar_t>"), &format!("std::w{name}"));
    }
    while out.contains("> >") {
        out = out.replace("> >", ">>");
    }
    // That it is libc++'s tells which library is missing.
    match out.strip_prefix("std::").filter(|_| name.starts_with("std::__1::")) {
        Some(rest) => format!("std::__1::{rest}"),
        None => out,
    }
}

/// Where an argument that begins like this stands as the last of its list, if it does.
fn last_argument(text: &str, argument: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find(argument) {
        let start = from + found;
        let open = start + argument.len() - 1;
        if let Some(end) = closing(text, open) {
            let rest = &text[end..];
            let blanks = rest.len() - rest.trim_start_matches(' ').len();
            if rest[blanks..].starts_with('>') {
                return Some((start, end + blanks));
            }
        }
        from = open;
    }
    None
}

/// One past the `>` that closes the `<` at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_u32;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] != b'-' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// `` `a` ``, `` `a` and `b` ``, `` `a`, `b` and 3 more ``: whole names, the first always, and others while they are short.
pub(super) fn list(names: &[String]) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut length = 0;
    for name in names.iter().take(MOST) {
        let name = short(name);
        length += name.chars().count();
        if !shown.is_empty() && length > LONGEST {
            break;
        }
        shown.push(format!("`{name}`"));
    }
    match (shown.as_slice(), names.len()) {
        ([], _) => "nothing".to_owned(),
        ([one], 1) => one.clone(),
        ([rest @ .., last], total) if total == shown.len() => format!("{} and {last}", rest.join(", ")),
        (shown, total) => format!("{} and {} more", shown.join(", "), total - shown.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as c++filt of binutils 2.40 prints them.
    #[test]
    fn libraries_of_other_compilers_stay_told_apart() {
        assert_eq!(short("std::__1::cout"), "std::__1::cout");
        let taken = "f(std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >)";
        assert_eq!(short(taken), "f(std::string)");
    }

    #[test]
    fn arguments_by_default_are_left_out() {
        assert_eq!(
            short(
                "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_append(char const*, unsigned long)"
            ),
            "std::string::_M_append(char const*, unsigned long)"
        );
        assert_eq!(
            short(
                "f(std::vector<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, std::allocator<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > > > const&)"
            ),
            "f(std::vector<std::string> const&)"
        );
        assert_eq!(
            short(
                "std::basic_ostream<char, std::char_traits<char> >& std::operator<< <std::char_traits<char> >(char const*)"
            ),
            "std::ostream& std::operator<< <std::char_traits<char>>(char const*)"
        );
        assert_eq!(
            short("std::map<int, long, std::less<int>, std::allocator<std::pair<int const, long> > >::at(int const&)"),
            "std::map<int, long>::at(int const&)"
        );
        assert_eq!(
            short("g(std::vector<int, arena<int> >, std::allocator<int>)"),
            "g(std::vector<int, arena<int>>, std::allocator<int>)"
        );
    }

    #[test]
    fn names_in_a_list_are_whole_and_few() {
        let names = |count: usize, length: usize| -> Vec<String> {
            (0..count).map(|number| format!("{number}{}", "x".repeat(length - 1))).collect()
        };
        assert_eq!(list(&names(2, 1)), "`0` and `1`");
        assert_eq!(list(&names(5, 1)), "`0`, `1`, `2` and 2 more");
        assert_eq!(list(&names(2, 80)), format!("`0{}` and 1 more", "x".repeat(79)));
        assert_eq!(list(&names(1, 300)).len(), 302);
    }
}
