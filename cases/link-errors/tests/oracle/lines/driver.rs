//! The linker's line of a driver's command against what the driver itself prints with `-###`, for generated sets of options.

use std::path::Path;
use std::process::Command;

use case_link_errors::facts::command::driver::{At, Host};
use case_link_errors::facts::command::{self, Log};
use casebook_core::EvidenceId;

/// Numbers that are the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    pub fn one_in(&mut self, most: usize) -> bool {
        self.below(most) == 0
    }
}

pub fn look(path: &str) -> At {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => At::Folder,
        Ok(_) => At::File,
        Err(_) => At::Nothing,
    }
}

/// Options that all drivers take.
const COMMON: &[&str] = &[
    "-static",
    "-shared",
    "-pie",
    "-no-pie",
    "-static-pie",
    "-r",
    "-nostdlib",
    "-nodefaultlibs",
    "-nostartfiles",
    "-nolibc",
    "-rdynamic",
    "-pthread",
    "-s",
    "-static-libgcc",
    "-shared-libgcc",
    "-pg",
    "-Ofast",
    "-ffast-math",
    "-fno-fast-math",
    "-m32",
    "-m64",
    "-fopenmp",
    "--coverage",
    "-fprofile-arcs",
    "-flto",
    "-fno-lto",
    "-L.",
    "-L /nowhere",
    "-Lsub",
    "-u f",
    "-uf",
    "-z now",
    "-e go",
    "-o out",
    "-T x.ld",
    "-Wl,--as-needed",
    "-Wl,-Bstatic,-lx,-Bdynamic",
    "-Wl,-rpath,/a:/b",
    "-Xlinker --no-as-needed",
    "-lx",
    "-l y",
    "-l:libx.a",
    "libx.a",
    "b.o",
    "-lm",
    "-lc",
    "-B.",
    "-Bsub",
    "--sysroot=/",
    "-O2",
    "-g",
    "-Wall",
    "-D X=1",
    "-I inc",
    "-std=c11",
    "-fPIC",
    "-march=x86-64",
    "-fsanitize=address",
    "-fsanitize=undefined",
    "-fsanitize=thread",
    "-fsanitize=leak",
    "-fsanitize=address,undefined",
    "-fno-sanitize=undefined",
    "-lgfortran",
    "-fsplit-stack",
];

const OF_GCC: &[&str] = &[
    "-static-libasan",
    "-static-libubsan",
    "-static-libtsan",
    "-static-liblsan",
    "-t",
    "-n",
    "-N",
    "-mx32",
    "-fno-use-linker-plugin",
    "-fuse-ld=gold",
    "-fuse-ld=bfd",
    "-fgnu-tm",
    "-p",
    "-mpc64",
    "-static-libstdc++",
    "-static-libgfortran",
    "-fuse-ld=lld",
];

const OF_CLANG: &[&str] = &[
    "-rtlib=compiler-rt",
    "-rtlib=libgcc",
    "-stdlib=libc++",
    "-nostdlib++",
    "-fopenmp=libgomp",
    "-static-openmp",
    "-shared-libsan",
    "-fprofile-instr-generate",
    "-fuse-ld=gold",
    "-fuse-ld=bfd",
    "-fsanitize=memory",
    "-static-libstdc++",
    "-unwindlib=none",
    "-fno-openmp",
];

struct Driver {
    program: &'static str,
    clang: Option<u16>,
    resources: Option<&'static str>,
}

const DRIVERS: &[Driver] = &[
    Driver { program: "gcc", clang: None, resources: None },
    Driver { program: "g++", clang: None, resources: None },
    Driver { program: "gfortran", clang: None, resources: None },
    Driver { program: "clang-14", clang: Some(14), resources: Some("/usr/lib/llvm-14/lib/clang/14.0.6") },
    Driver { program: "clang++-14", clang: Some(14), resources: Some("/usr/lib/llvm-14/lib/clang/14.0.6") },
    Driver { program: "clang-19", clang: Some(19), resources: Some("/usr/lib/llvm-19/lib/clang/19") },
    Driver { program: "clang++-19", clang: Some(19), resources: Some("/usr/lib/llvm-19/lib/clang/19") },
];

/// Sets of options for each driver; `CASEBOOK_DRIVER_SETS` for more.
fn sets() -> usize {
    std::env::var("CASEBOOK_DRIVER_SETS").ok().and_then(|text| text.parse().ok()).unwrap_or(120)
}

fn options(random: &mut Random, driver: &Driver) -> Vec<String> {
    let own = if driver.clang.is_some() { OF_CLANG } else { OF_GCC };
    let mut out = vec!["a.o".to_owned()];
    for _ in 0..random.below(8) {
        let list = if random.one_in(4) { own } else { COMMON };
        out.extend(list[random.below(list.len())].split(' ').map(str::to_owned));
    }
    out
}

/// The linker's arguments as the driver prints them; `None` when it refuses the options.
fn real(program: &str, options: &[String], folder: &Path) -> Option<Vec<String>> {
    let output =
        Command::new(program).arg("-###").args(options).current_dir(folder).env("LC_ALL", "C").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || text.contains("error: ") {
        return None;
    }
    let log: Log = command::read_log(text.as_bytes(), EvidenceId(0), "-###");
    let host = Host::unknown();
    let line = command::read(log.commands.last()?, None, &host, &|_| None);
    Some(line.arguments.into_iter().map(|argument| argument.text).collect())
}

/// Without what a link does not depend on: options of plugins, and how paths are written.
pub fn plain(arguments: Vec<String>) -> Vec<String> {
    let mut out = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument.starts_with("-plugin-opt=") || argument.starts_with("-fresolution=") {
            continue;
        }
        if argument == "-plugin" {
            arguments.next();
            out.push(argument);
            continue;
        }
        let (prefix, path) = match argument.strip_prefix("-L") {
            Some(path) => ("-L", path),
            None => ("", argument.as_str()),
        };
        if path.starts_with('/') {
            out.push(format!("{prefix}{}", case_link_errors::facts::resolve::clean(path)));
        } else {
            out.push(argument);
        }
    }
    out
}

/// Where two lines part, in a few words.
pub fn difference(ours: &[String], real: &[String]) -> String {
    let same = ours.iter().zip(real).take_while(|(left, right)| left == right).count();
    let some =
        |list: &[String]| list.iter().skip(same.saturating_sub(1)).take(6).cloned().collect::<Vec<_>>().join(" ");
    format!("ours … {} …, real … {} …", some(ours), some(real))
}

/// Lines that were compared, options the driver refused, and where the two are not the same.
type Held = (usize, usize, Vec<String>);

fn hold(driver: &Driver, folder: &Path) -> Held {
    let here = folder.to_string_lossy().into_owned();
    let seen = |path: &str| if path.starts_with('/') { look(path) } else { look(&format!("{here}/{path}")) };
    let (mut compared, mut refused, mut wrong) = (0, 0, Vec::new());
    if Command::new(driver.program).arg("--version").output().is_err() {
        eprintln!("skipped: {} is not installed", driver.program);
        return (compared, refused, wrong);
    }
    let mut random = Random(7);
    let mut host = Host::probe(&seen, "x86_64", Some("Debian"), None);
    host.clang = driver.clang;
    host.clang_resources = driver.resources.map(str::to_owned);
    for _ in 0..sets() {
        let options = options(&mut random, driver);
        let Some(real) = real(driver.program, &options, folder) else {
            refused += 1;
            continue;
        };
        let mut words = vec![driver.program.to_owned()];
        words.extend(options.iter().cloned());
        let command = command::Command::of_words(&words, Some(&here));
        let line = command::read(&command, None, &host, &|_| None);
        let ours = plain(line.arguments.into_iter().map(|argument| argument.text).collect());
        let real = plain(real);
        compared += 1;
        if ours != real {
            wrong.push(format!("{} {}: {}", driver.program, options.join(" "), difference(&ours, &real)));
        }
    }
    (compared, refused, wrong)
}

#[test]
fn drivers_make_the_lines_that_the_model_says() {
    let folder = std::env::temp_dir().join(format!("casebook-driver-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    for name in ["a.o", "b.o", "libx.a", "x.ld"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    let held: Vec<Held> = std::thread::scope(|scope| {
        let threads: Vec<_> = DRIVERS.iter().map(|driver| scope.spawn(|| hold(driver, &folder))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    let compared: usize = held.iter().map(|(compared, ..)| compared).sum();
    let refused: usize = held.iter().map(|(_, refused, _)| refused).sum();
    let wrong: Vec<String> = held.into_iter().flat_map(|(.., wrong)| wrong).collect();
    eprintln!("drivers: {compared} compared, {} disagreed, {refused} refused by the driver", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n"));
}
