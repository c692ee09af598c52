//! What binutils print, line by line, as one word list for each fact.

/// Text of a number after a label: `Link: 4`.
fn after<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let rest = &line[line.find(label)? + label.len()..];
    Some(rest.trim_start())
}

fn word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("")
}

/// `number value size type bind visibility section name`
pub fn symbols(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((number, rest)) = line.trim_start().split_once(':') else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) || !line.starts_with(' ') {
            continue;
        }
        // A binding that readelf wants another EI_OSABI for.
        let rest = rest.replace("<OS specific>: 10", "UNIQUE");
        let mut rest = rest.as_str();
        let mut fields = Vec::new();
        // Value, size, type, binding, visibility; then the section, and the name with all its blanks.
        for _ in 0..6 {
            rest = rest.trim_start();
            if fields.len() == 5 && rest.starts_with('[') {
                let end = rest.find(']').unwrap() + 1;
                rest = rest[end..].trim_start();
            }
            let end = rest.find(' ').unwrap_or(rest.len());
            fields.push(&rest[..end]);
            rest = &rest[end..];
        }
        let size = match fields[1].strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
            None => fields[1].parse().unwrap(),
        };
        let value = u64::from_str_radix(fields[0], 16).unwrap();
        let name = rest.strip_prefix(' ').unwrap_or(rest);
        out.push(format!("{number} {value:x} {size} {} {} {} {} {name}", fields[2], fields[3], fields[4], fields[5]));
    }
    out
}

/// `defined index flags name` and `needed index file name`
pub fn versions(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut file = "";
    for line in text.lines() {
        if let (Some(flags), Some(index), Some(name)) =
            (after(line, "Flags:"), after(line, "Index:"), after(line, "Name:"))
        {
            let base = flags.starts_with("BASE");
            out.push(format!("defined {} {base} {name}", word(index)));
        } else if let Some(found) = after(line, "File:") {
            file = word(found);
        } else if let (Some(name), Some(index)) = (after(line, "Name:"), after(line, "Version:")) {
            out.push(format!("needed {} {file} {}", word(index), word(name)));
        }
    }
    out.sort();
    out
}

/// `section comdat signature: members`
pub fn groups(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = after(line, "group section [") {
            let (index, rest) = rest.split_once(']').unwrap();
            let signature = rest.split_once(" [").and_then(|(_, rest)| rest.rsplit_once("] contains"));
            let comdat = line.starts_with("COMDAT");
            out.push(format!("{} {comdat} {}:", index.trim(), signature.map_or("", |(name, _)| name)));
        } else if let Some(index) = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'))
            && let Ok(index) = index.0.trim().parse::<u32>()
            && let Some(last) = out.last_mut()
        {
            last.push_str(&format!(" {index}"));
        }
    }
    out
}

/// `offset info`
pub fn relocations(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (offset, info) = (words.next()?, words.next()?);
            let hex = |text: &str| {
                (text.len() == 16 || text.len() == 12 || text.len() == 8)
                    .then(|| u64::from_str_radix(text, 16).ok())
                    .flatten()
            };
            // Offset, info, and the name of a type: R_.
            words.next().filter(|kind| kind.starts_with("R_"))?;
            Some(format!("{:x} {:x}", hex(offset)?, hex(info)?))
        })
        .collect()
}

/// `tag value`
pub fn dynamic(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in text.lines() {
        for tag in ["NEEDED", "SONAME", "RPATH", "RUNPATH"] {
            if line.contains(&format!("({tag})")) {
                let value = line.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']')).unwrap().0;
                out.push(format!("{tag} {value}"));
            }
        }
    }
    out
}

/// `index name address offset size`
pub fn sections(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((index, rest)) = line.strip_prefix("  [").and_then(|rest| rest.split_once(']')) else { continue };
        let Ok(index) = index.trim().parse::<u32>() else { continue };
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        // Name, type, address, offset, size; a name may be missing, and an address is the first word of so many digits
        // behind a type.
        let words: Vec<&str> = rest.split_whitespace().collect();
        let is_address = |word: &str| matches!(word.len(), 8 | 16) && u64::from_str_radix(word, 16).is_ok();
        let Some(at) = (1..words.len()).find(|at| is_address(words[*at])) else { continue };
        let name = if rest.starts_with(' ') { "" } else { words[0] };
        let hex = |index: usize| u64::from_str_radix(words[index], 16).unwrap();
        out.push(format!("{index} {name} {:x} {:x} {:x}", hex(at), hex(at + 1), hex(at + 2)));
    }
    out
}

/// Build ids.
pub fn notes(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| after(line, "Build ID:")).map(|id| word(id).to_owned()).collect()
}

/// Names of members.
pub fn members(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// `symbol in member`
pub fn index(text: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| *line != "Archive index:");
    lines.next();
    lines.take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}
