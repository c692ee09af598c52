//! Which files a linker opens for the names of a line, against what it prints with `--trace`, for generated folders and lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use case_link_errors::facts::command::driver::Host;
use case_link_errors::facts::command::{self, Command as LinkCommand};
use case_link_errors::facts::resolve::{Disk, Found, Opened, clean, join, resolve};
use case_link_errors::model::outcome::LinkerKind;
use casebook_core::Bytes;

use super::driver::Random;

/// The machine's own files.
struct Real;

impl Disk for Real {
    fn find(&self, path: &str) -> Option<Found> {
        let bytes = std::fs::read(path).ok()?;
        Some(Found { bytes: Bytes::new(bytes), evidence: None, binary: false })
    }

    fn is_complete(&self) -> bool {
        true
    }
}

fn linkers() -> Vec<(LinkerKind, Vec<String>)> {
    let mut out = vec![
        (LinkerKind::Bfd, vec!["ld.bfd".to_owned()]),
        (LinkerKind::Gold, vec!["ld.gold".to_owned()]),
        (LinkerKind::Lld, vec!["ld.lld-14".to_owned()]),
        (LinkerKind::Lld, vec!["ld.lld-19".to_owned()]),
        (LinkerKind::Mold, vec!["mold".to_owned()]),
    ];
    if let Ok(wild) = std::env::var("CASEBOOK_WILD") {
        out.push((LinkerKind::Wild, vec![wild]));
    }
    out
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).current_dir(folder).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
}

/// Objects and libraries that all scenarios are made of. Each library defines what `main.o` asks for.
fn pieces(folder: &Path) -> bool {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("main.c"), "extern int z(void), y(void); int _start(void) { return z() + y(); }\n")
        .unwrap();
    std::fs::write(folder.join("z.c"), "int z(void) { return 1; }\n").unwrap();
    std::fs::write(folder.join("y.c"), "int y(void) { return 1; }\n").unwrap();
    let compiles =
        |width: &str| Command::new("gcc").args([width, "-c", "z.c", "-o", "z32.o"]).current_dir(folder).status();
    if !compiles("-m32").is_ok_and(|status| status.success()) {
        return false;
    }
    for name in ["main", "z", "y"] {
        run(folder, "gcc", &["-fPIC", "-c", &format!("{name}.c"), "-o", &format!("{name}.o")]);
    }
    for name in ["z", "y"] {
        run(
            folder,
            "ld.bfd",
            &["-shared", &format!("{name}.o"), "-o", &format!("{name}.so"), "-soname", &format!("lib{name}.so")],
        );
        run(folder, "ar", &["rcs", &format!("{name}.a"), &format!("{name}.o")]);
    }
    run(folder, "ld.bfd", &["-m", "elf_i386", "-shared", "z32.o", "-o", "z32.so"]);
    run(folder, "ar", &["rcs", "z32.a", "z32.o"]);
    true
}

/// Fills the folders of one scenario and gives its line.
fn scenario(random: &mut Random, kind: LinkerKind, pieces: &Path, folder: &Path) -> Vec<String> {
    let _ = std::fs::remove_dir_all(folder);
    for part in ["1", "2", "3/sub"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    std::fs::copy(pieces.join("main.o"), folder.join("main.o")).unwrap();
    for part in ["1", "2", "3", "3/sub", "."] {
        // ld.bfd reads scripts that name each other until memory ends: only this one names libraries.
        if random.one_in(3) {
            let inside = ["GROUP(-lz -ly)", "INPUT(-ly AS_NEEDED(-lz))"][random.below(2)];
            std::fs::write(folder.join(part).join("libw.so"), inside).unwrap();
        }
    }
    for name in ["z", "y"] {
        for part in ["1", "2", "3", "3/sub", "."] {
            for end in ["so", "a"] {
                let to = folder.join(part).join(format!("lib{name}.{end}"));
                let from = match random.below(9) {
                    0..=3 => pieces.join(format!("{name}.{end}")),
                    // gold looks into an archive only when it needs a member of it.
                    4 if kind != LinkerKind::Gold || end == "so" => pieces.join(format!("z32.{end}")),
                    5 if end == "so" => {
                        let inside = match random.below(5) {
                            0 => "INPUT(libz.a liby.a)".to_owned(),
                            1 => "OUTPUT_FORMAT(elf64-x86-64)\nGROUP(libz.a AS_NEEDED(liby.a))".to_owned(),
                            2 => format!("INPUT(sub/lib{name}.a)"),
                            3 => format!("OUTPUT_FORMAT(elf32-i386) INPUT(lib{name}.a)"),
                            _ => format!("INPUT({}/y.a {}/z.a)", pieces.display(), pieces.display()),
                        };
                        std::fs::write(to, inside).unwrap();
                        continue;
                    }
                    _ => continue,
                };
                std::fs::copy(from, to).unwrap();
            }
        }
    }
    let mut words: Vec<String> = ["-m", "elf_x86_64", "main.o"].map(str::to_owned).to_vec();
    if !random.one_in(4) {
        words.extend(["-L1", "-L2", "-L3"].map(str::to_owned));
    }
    const WORDS: &[&str] = &[
        "-L1",
        "-L2",
        "-L3",
        "-L 2",
        "-lz",
        "-ly",
        "-l z",
        "-l:libz.a",
        "-l:liby.so",
        "-Bstatic",
        "-Bdynamic",
        "--push-state",
        "--pop-state",
        "2/libz.a",
        "-L.",
        "-L3/sub",
        "-nostdlib",
        "-lz",
        "-ly",
        "-L1",
        "-L2",
        "-static",
        "-lw",
        "-lw",
    ];
    let mut depth = 0;
    for _ in 0..2 + random.below(9) {
        let word = WORDS[random.below(WORDS.len())];
        match word {
            "--push-state" => depth += 1,
            "--pop-state" if depth == 0 => continue,
            "--pop-state" => depth -= 1,
            _ => {}
        }
        words.extend(word.split(' ').map(str::to_owned));
    }
    words
}

/// Files that a linker prints as opened.
fn traced(text: &str, here: &Path) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for line in text.lines() {
        let line = line.strip_prefix("trace: ").unwrap_or(line);
        // `(1/libz.a)z.o`, `1/libz.a(z.o)`.
        let line = line.strip_prefix('(').map_or(line, |rest| rest.split(')').next().unwrap_or(rest));
        let path = line.split('(').next().unwrap_or(line).trim();
        let full = PathBuf::from(clean(&join(Some(&here.to_string_lossy()), path)));
        if full.is_file() {
            out.insert(full.to_string_lossy().into_owned());
        }
    }
    out
}

/// What is in a scenario's folders.
fn listing(folder: &Path) -> String {
    let mut out = String::new();
    for part in ["1", "2", "3", "3/sub", "."] {
        for name in ["libz.so", "libz.a", "liby.so", "liby.a", "libw.so"] {
            let Ok(bytes) = std::fs::read(folder.join(part).join(name)) else { continue };
            let what = match bytes.first() {
                Some(0x7f) => format!("ELF of machine {}", bytes[18]),
                Some(b'!') => format!("archive of {} bytes", bytes.len()),
                _ => String::from_utf8_lossy(&bytes).into_owned(),
            };
            out.push_str(&format!("  {part}/{name}: {what}\n"));
        }
    }
    out
}

/// Scenarios for each linker; `CASEBOOK_SEARCH_SETS` for more.
fn sets() -> usize {
    std::env::var("CASEBOOK_SEARCH_SETS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

#[test]
fn linkers_open_the_files_that_the_model_says() {
    let root = std::env::temp_dir().join(format!("casebook-search-{}", std::process::id()));
    let (parts, folder) = (root.join("pieces"), root.join("scenario"));
    if Command::new("gcc").arg("--version").output().is_err() || !pieces(&parts) {
        eprintln!("skipped: no gcc that compiles for x86-64 and i386");
        return;
    }
    let here = folder.to_string_lossy().into_owned();
    let (mut compared, mut ended, mut wrong) = (0, 0, Vec::new());
    for (kind, program) in linkers() {
        if Command::new(&program[0]).arg("--version").output().is_err() {
            eprintln!("skipped: {} is not installed", program[0]);
            continue;
        }
        let mut random = Random(11);
        for _ in 0..sets() {
            let words = scenario(&mut random, kind, &parts, &folder);
            let mut all = program.clone();
            all.extend(words.iter().cloned());
            let command = LinkCommand::of_words(&all, Some(&here));
            let line = command::read(&command, Some(kind), &Host::unknown(), &|_| None);
            let ours = resolve(&line, kind, &Real);
            let mut real = Command::new(&program[0]);
            real.args(&program[1..]).args(&words).args(["-o", "out", "--trace"]).current_dir(&folder);
            // wild 0.10 takes a value for it.
            real.args((kind == LinkerKind::Wild).then_some("yes"));
            let output = real.output().unwrap();
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let real_missing = [
                "cannot find",
                "unable to find",
                "library not found",
                "cannot open",
                "Couldn't find",
                "Failed to open input file",
            ];
            let missing = real_missing.iter().any(|message| text.contains(message));
            let show = |what: String| format!("{} {}: {what}\n{text}{}", program[0], words.join(" "), listing(&folder));
            compared += 1;
            let refused = text.contains("attempted static link")
                || text.contains("incompatible target")
                || text.contains(" is incompatible with ")
                || text.contains("incompatible file type")
                || text.contains("Only 64 bit ELF is currently supported");
            if refused {
                ended += 1;
                continue;
            }
            if missing == ours.missing.is_empty() {
                wrong.push(show(format!("missing: real {missing}, ours {:?}", ours.missing)));
                continue;
            }
            // wild prints what it opened when all is well.
            if missing || (kind == LinkerKind::Wild && !output.status.success()) {
                // Linkers end at different places then, and print less than they opened.
                ended += 1;
                continue;
            }
            let opened = |file: &Opened| clean(&file.path);
            let scripts: BTreeSet<String> = ours.scripts.iter().map(|(path, _)| path.clone()).collect();
            let on_line = |file: &&Opened| ours.program.inputs.iter().any(|input| input.file == file.file);
            let ours: BTreeSet<String> = ours.opened.iter().filter(on_line).map(opened).collect();
            let mut real: BTreeSet<String> = traced(&text, &folder);
            real.retain(|path| !scripts.contains(path));
            // An archive nobody needs anything of is not printed by all.
            if !real.is_subset(&ours) || ours.difference(&real).any(|path| !path.ends_with(".a")) {
                wrong.push(show(format!("ours {ours:?}, real {real:?}")));
            }
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
    eprintln!("searches: {compared} compared ({ended} of them by what is missing), {} disagreed", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.iter().take(8).cloned().collect::<Vec<_>>().join("\n"));
}
