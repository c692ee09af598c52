//! Bad files of links: damaged, hostile, endless, of other machines and of other formats. Each is named with its place, by a finding or by a
//! line of coverage; what the other files show is found all the same; memory stays bounded (`tool::report`).

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Test;
use crate::objects::{Machine, RELA, STRTAB, SYMTAB, X86_64, archive, member_header, object, patch};
use crate::tool::{Ran, covered_once, ends_with, report};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("an_object_cut_anywhere", cut_object),
    ("an_archive_cut_anywhere", cut_archive),
    ("sizes_of_members_that_lie", lying_members),
    ("an_index_that_leads_astray", lying_index),
    ("sections_that_lie_over_each_other", overlapping),
    ("sizes_of_sections_that_lie", lying_sections),
    ("a_group_that_never_closes", open_group),
    ("a_script_that_names_itself", script_of_itself),
    ("scripts_that_name_each_other_without_end", scripts_without_end),
    ("an_object_of_1_gb", sparse_object),
    ("a_symbol_table_of_1_gb", sparse_symbols),
    ("a_member_of_1_gb", sparse_member),
    ("inputs_that_are_not_there", missing),
    ("a_response_file_that_names_itself", response_of_itself),
    ("inputs_of_other_formats", other_formats),
    ("an_input_that_never_ends", endless),
    ("a_pipe_is_not_waited_for", pipe),
    ("a_folder_among_the_inputs", folder),
    ("inputs_for_other_machines", other_machines),
];

/// What every line here has besides the bad file: an object that starts, calls `helper`, and asks for what nobody has.
fn main_object() -> Vec<u8> {
    object(X86_64, &["_start"], &["helper", "lost_for_good"])
}

/// A folder with a line that has `main.o`, then `inputs`.
fn line(inputs: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("main.o"), main_object())?;
    fs::write(folder.path().join("helper.o"), object(X86_64, &["helper"], &[]))?;
    fs::write(folder.path().join("link.txt"), format!("ld.lld -o app main.o {inputs} helper.o\n"))?;
    Ok(folder)
}

fn check(folder: &Path) -> Result<(Value, Ran), Failed> {
    let (report, ran) = report(folder, &["link.txt"])?;
    ends_with(&ran, &[0, 1, 3])?;
    Ok((report, ran))
}

/// The titles of the findings with this code.
fn titles(report: &Value, code: &str) -> Vec<String> {
    let findings = report["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let own = findings.iter().filter(|finding| finding["code"] == code);
    own.map(|finding| finding["title"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The other files were looked at, and what none of them has is found to be missing; but where the linker ends at the bad file, which LNK302
/// says, it does not come so far.
fn rest_is_modelled(report: &Value) -> Result<(), Failed> {
    for name in ["main.o", "helper.o"] {
        covered_once(report, name, &["read"], "")?;
    }
    let missing = titles(report, "LNK111").iter().any(|title| title.contains("lost_for_good"));
    match missing || !titles(report, "LNK302").is_empty() {
        true => Ok(()),
        false => Err(format!("`lost_for_good` is not found to be missing: {report}").into()),
    }
}

/// Something in the report speaks of the file and has these words: a finding with a place, a line of coverage, a notice.
fn says(report: &Value, file: &str, words: &str) -> Result<(), Failed> {
    let speaks = |value: &Value| {
        let text = value.to_string();
        text.contains(file) && text.contains(words)
    };
    let list = |key: &str| report[key].as_array().map_or(&[][..], Vec::as_slice);
    let placed = |finding: &Value| speaks(finding) && finding["places"][0]["at"]["kind"].is_string();
    let found = list("findings").iter().any(placed) || list("coverage").iter().chain(list("notices")).any(speaks);
    if found { Ok(()) } else { Err(format!("nothing says of {file}: {words}: {report}").into()) }
}

/// A line with one bad file, checked: it is named with these words.
fn bad(name: &str, content: &[u8], words: &str) -> Result<Value, Failed> {
    let folder = line(name)?;
    fs::write(folder.path().join(name), content)?;
    let (report, _) = check(folder.path())?;
    says(&report, name, words)?;
    Ok(report)
}

fn cut_object() -> Result<(), Failed> {
    let whole = object(X86_64, &["one", "two"], &["three"]);
    // Every byte is cut in the reader's own tests; here the whole program is asked.
    for at in (1..whole.len()).step_by(41) {
        bad("bad.o", &whole[..at], "")?;
    }
    bad("bad.o", &whole[..whole.len() - 1], "section headers").map(drop)
}

fn cut_archive() -> Result<(), Failed> {
    let one = object(X86_64, &["one"], &[]);
    let helper = object(X86_64, &["helper"], &["deeper"]);
    let whole = archive(&[("one.o", &one, &["one"]), ("helper.o", &helper, &["helper"])]);
    for at in (1..whole.len()).step_by(97) {
        bad("libbad.a", &whole[..at], "")?;
    }
    bad("libbad.a", &whole[..whole.len() - 200], "").map(drop)
}

fn lying_members() -> Result<(), Failed> {
    let one = object(X86_64, &["one"], &[]);
    for size in ["9999999999", "-1", "", "abc", "0x40", "3"] {
        let mut bytes = b"!<arch>\n".to_vec();
        bytes.extend(member_header("one.o/", size));
        bytes.extend(&one);
        rest_is_modelled(&bad("libbad.a", &bytes, "")?)?;
    }
    Ok(())
}

fn lying_index() -> Result<(), Failed> {
    let one = object(X86_64, &["one"], &[]);
    let mut bytes = archive(&[("one.o", &one, &["one", "two"])]);
    // Where the second name is said to be: inside of the first member, and behind the end.
    for offset in [100_u32, u32::MAX] {
        bytes[8 + 60 + 8..8 + 60 + 12].copy_from_slice(&offset.to_be_bytes());
        rest_is_modelled(&bad("libbad.a", &bytes, "1 entries of the symbol index lead to no member")?)?;
    }
    // More names than there is room for.
    bytes[8 + 60..8 + 60 + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    rest_is_modelled(&bad("libbad.a", &bytes, "index")?).map(drop)
}

fn overlapping() -> Result<(), Failed> {
    let mut bytes = object(X86_64, &["one", "two"], &["three"]);
    let header = bytes.len() - 3 * 64;
    let symbols: [u8; 16] = bytes[header + 24..header + 40].try_into()?;
    // The names are the symbols, and so are the relocations.
    for section in [STRTAB, RELA] {
        let at = bytes.len() - (6 - section) * 64 + 24;
        bytes[at..at + 16].copy_from_slice(&symbols);
    }
    rest_is_modelled(&bad("bad.o", &bytes, "")?)
}

fn lying_sections() -> Result<(), Failed> {
    for section in [RELA, SYMTAB, STRTAB] {
        for (field, value) in
            [(24, u64::MAX), (24, u64::MAX - 8), (32, u64::MAX), (32, 1 << 40), (56, 0), (56, u64::MAX)]
        {
            let mut bytes = object(X86_64, &["one", "two"], &["three"]);
            patch(&mut bytes, section, field, value);
            rest_is_modelled(&bad("bad.o", &bytes, "")?)?;
        }
    }
    // More section headers than the file has bytes: the number stands in the first of them.
    let mut bytes = object(X86_64, &["one"], &[]);
    bytes[60..62].copy_from_slice(&[0, 0]);
    patch(&mut bytes, 0, 32, u64::MAX);
    bad("bad.o", &bytes, "section headers").map(drop)
}

fn open_group() -> Result<(), Failed> {
    let folder = line("--start-group libone.a")?;
    let one = object(X86_64, &["one"], &[]);
    fs::write(folder.path().join("libone.a"), archive(&[("one.o", &one, &["one"])]))?;
    let (report, _) = check(folder.path())?;
    rest_is_modelled(&report)
}

fn script_of_itself() -> Result<(), Failed> {
    rest_is_modelled(&bad("libloop.so", b"INPUT(libloop.so)\n", "names itself")?)
}

fn scripts_without_end() -> Result<(), Failed> {
    let folder = line("liba0.so")?;
    // Sixteen of them, each of which names all others twice: 30 to the 16th ways.
    for number in 0..16 {
        let names: String =
            (0..16).filter(|other| *other != number).map(|other| format!(" liba{other}.so liba{other}.so")).collect();
        fs::write(folder.path().join(format!("liba{number}.so")), format!("GROUP({names} )\n"))?;
    }
    let (report, _) = check(folder.path())?;
    says(&report, "", "more linker scripts are named than are read")?;
    rest_is_modelled(&report)
}

/// An object whose first section has this many bytes that take no room on the disk.
fn sparse(path: &Path, section: usize, size: u64) -> Result<(), Failed> {
    let mut bytes = object(X86_64, &["one"], &["two"]);
    let headers = bytes.len() - 6 * 64;
    let start = headers as u64;
    let far = start + size;
    patch(&mut bytes, section, 24, start);
    patch(&mut bytes, section, 32, size);
    bytes[40..48].copy_from_slice(&far.to_le_bytes());
    let mut file = File::create(path)?;
    file.write_all(&bytes[..headers])?;
    file.seek(SeekFrom::Start(far))?;
    file.write_all(&bytes[headers..])?;
    Ok(())
}

fn sparse_object() -> Result<(), Failed> {
    let folder = line("big.o")?;
    sparse(&folder.path().join("big.o"), crate::objects::TEXT, 1 << 30)?;
    let (report, _) = check(folder.path())?;
    // All of it is read: `two` is asked for by it alone.
    says(&report, "big.o", "two")?;
    rest_is_modelled(&report)
}

fn sparse_symbols() -> Result<(), Failed> {
    for (section, words) in [(SYMTAB, "symbols; 4194304 are read"), (RELA, ""), (STRTAB, "")] {
        let folder = line("big.o")?;
        sparse(&folder.path().join("big.o"), section, 24 * ((1 << 30) / 24))?;
        let (report, _) = check(folder.path())?;
        says(&report, "big.o", words)?;
        rest_is_modelled(&report)?;
    }
    Ok(())
}

fn sparse_member() -> Result<(), Failed> {
    let folder = line("libbig.a")?;
    let mut file = File::create(folder.path().join("libbig.a"))?;
    file.write_all(b"!<arch>\n")?;
    file.write_all(&member_header("hole.o/", &(1_u64 << 30).to_string()))?;
    file.seek(SeekFrom::Current(1 << 30))?;
    let one = object(X86_64, &["one"], &[]);
    file.write_all(&member_header("one.o/", &one.len().to_string()))?;
    file.write_all(&one)?;
    let (report, _) = check(folder.path())?;
    says(&report, "libbig.a", "")?;
    rest_is_modelled(&report)
}

fn missing() -> Result<(), Failed> {
    let folder = line("gone.o -lgone libgone.a")?;
    let (report, _) = check(folder.path())?;
    for name in ["gone.o", "-lgone", "libgone.a"] {
        says(&report, "link.txt", &format!("{name} is no file that is here"))?;
    }
    Ok(())
}

fn response_of_itself() -> Result<(), Failed> {
    let folder = line("@loop.rsp")?;
    fs::write(folder.path().join("loop.rsp"), "extra.o @other.rsp\n")?;
    fs::write(folder.path().join("other.rsp"), "@loop.rsp\n")?;
    fs::write(folder.path().join("extra.o"), object(X86_64, &["extra"], &[]))?;
    let (report, _) = check(folder.path())?;
    says(&report, "other.rsp", "the response file loop.rsp includes itself")?;
    // Nobody knows what the line would be; the files that are known are read.
    for name in ["main.o", "helper.o", "extra.o"] {
        covered_once(&report, name, &["read"], "")?;
    }
    Ok(())
}

fn other_formats() -> Result<(), Failed> {
    let mut pe = b"MZ".to_vec();
    pe.resize(0x80, 0);
    pe[0x3c] = 0x80;
    pe.extend(b"PE\0\0\x64\x86");
    pe.resize(1024, 0);
    let mut coff = vec![0x64, 0x86, 1, 0];
    coff.resize(512, 0);
    let mut macho = vec![0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1];
    macho.resize(512, 0);
    let binary: Vec<u8> = (0..4096_u32).map(|number| (number * 7 % 256) as u8).collect();
    let files: [(&str, &[u8]); 6] = [
        ("text.o", b"int main(void) { return 0; }\n"),
        ("empty.o", b""),
        ("pe.o", &pe),
        ("coff.o", &coff),
        ("macho.o", &macho),
        ("binary.o", &binary),
    ];
    for (name, content) in files {
        rest_is_modelled(&bad(name, content, "")?)?;
    }
    Ok(())
}

fn endless() -> Result<(), Failed> {
    let folder = line("/dev/zero")?;
    let (report, _) = check(folder.path())?;
    says(&report, "link.txt", "/dev/zero is no file that is here")
}

fn pipe() -> Result<(), Failed> {
    let folder = line("pipe.o")?;
    Command::new("mkfifo").arg(folder.path().join("pipe.o")).status()?;
    let (report, _) = check(folder.path())?;
    says(&report, "link.txt", "pipe.o is no file that is here")
}

fn folder() -> Result<(), Failed> {
    let folder = line("sub.o")?;
    fs::create_dir(folder.path().join("sub.o"))?;
    let (report, _) = check(folder.path())?;
    says(&report, "link.txt", "sub.o is no file that is here")
}

fn other_machines() -> Result<(), Failed> {
    let machines = [
        Machine { number: 3, wide: false, big: false },
        Machine { number: 62, wide: false, big: false },
        Machine { number: 21, wide: true, big: true },
        Machine { number: 62, wide: true, big: true },
        Machine { number: 183, wide: true, big: false },
        Machine { number: 0xfeed, wide: false, big: true },
    ];
    for machine in machines {
        let foreign = object(machine, &["helper"], &["other"]);
        rest_is_modelled(&bad("foreign.o", &foreign, "is for another machine")?)?;
        let member = archive(&[("foreign.o", &foreign, &["helper"])]);
        rest_is_modelled(&bad("libforeign.a", &member, "")?)?;
    }
    Ok(())
}
