//! Where distributions keep what a driver adds to a line by itself: start files, the compiler's own libraries, libc. A line names none of
//! these, so they are looked for at the usual places.

use casebook_core::Reference;

use super::command::{ItemKind, LinkLine, Program};

/// Folders of libraries: Debian and Ubuntu by architecture, Fedora and SUSE, Arch and Alpine.
pub const FOLDERS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/lib64",
    "/lib",
];

/// GCC's own folders, the newest version last.
const GCC: &[&str] = &["/usr/lib/gcc/*-linux*/[1-9]", "/usr/lib/gcc/*-linux*/[1-9][0-9]"];

/// What is in GCC's folder.
const OF_GCC: &[&str] = &[
    "crtbegin.o",
    "crtbeginS.o",
    "crtbeginT.o",
    "crtend.o",
    "crtendS.o",
    "libgcc.a",
    "libgcc_eh.a",
    "libgcc_s.so",
    "libstdc++.so",
    "libstdc++.a",
    "libgfortran.so",
    "libgfortran.a",
    "libquadmath.so",
    "libquadmath.a",
    "libgomp.so",
    "libatomic.so",
];

/// What is in the folder of libc.
const OF_LIBC: &[&str] = &[
    "crt1.o",
    "Scrt1.o",
    "rcrt1.o",
    "gcrt1.o",
    "crti.o",
    "crtn.o",
    "libc.so",
    "libc.a",
    "libc_nonshared.a",
    "libm.so",
    "libm.a",
    "libpthread.a",
    "libdl.a",
    "libgcc_s.so.1",
];

/// True for a folder of the system's, which every link searches.
pub fn is_system(folder: &str) -> bool {
    ["/usr/lib", "/usr/lib64", "/lib", "/lib64"]
        .iter()
        .any(|above| folder.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// References to all of it, for a line a driver reads; none for a linker's own line, which names its files.
pub fn references(line: &LinkLine) -> Vec<Reference> {
    let is_driver = matches!(line.tool.program, Some(Program::Driver { .. }));
    if !is_driver || line.options.nostdlib || line.words.iter().any(|word| word.text == "-nostdlib") {
        return Vec::new();
    }
    let mut out = Vec::new();
    for folder in GCC {
        for name in OF_GCC {
            let path = format!("{folder}/{name}");
            out.push(Reference { name: path.clone(), patterns: vec![path] });
        }
    }
    let named = line.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Library(name) => Some([format!("lib{name}.so"), format!("lib{name}.a")]),
        _ => None,
    });
    let files: Vec<String> = OF_LIBC.iter().map(|name| (*name).to_owned()).chain(named.flatten()).collect();
    for folder in FOLDERS {
        for name in &files {
            let path = format!("{folder}/{name}");
            out.push(Reference { name: path.clone(), patterns: vec![path] });
        }
    }
    out
}
