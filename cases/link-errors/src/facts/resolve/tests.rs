use std::collections::BTreeMap;

use super::*;
use crate::facts::command::driver::Host;
use crate::facts::command::{Command, read};
use crate::model::input::{Object, Shared};

/// Files by path; their content says what they are.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Disk for Files {
    fn find(&self, path: &str) -> Option<Found> {
        self.0.get(&clean(path)).map(|bytes| Found { bytes: Bytes::new(bytes.clone()), evidence: None, binary: false })
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{}/", clean(folder));
        let inside = |path: &String| path.strip_prefix(&prefix).filter(|rest| !rest.contains('/')).map(str::to_owned);
        self.0.keys().filter_map(inside).collect()
    }
}

fn elf(kind: u8, machine: u8, class: u8) -> Vec<u8> {
    let mut out = b"\x7fELF".to_vec();
    out.extend([class, 1, 1]);
    out.resize(16, 0);
    out.extend([kind, 0, machine, 0]);
    out.resize(64, 0);
    out
}

/// A shared object that needs others: their names stand behind its header here.
fn shared(needed: &str) -> Vec<u8> {
    let mut out = elf(3, 62, 2);
    out.extend(needed.bytes());
    out
}

fn archive() -> Vec<u8> {
    let member = elf(1, 62, 2);
    let mut out = b"!<arch>\n".to_vec();
    out.extend(format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "x.o/", 0, 0, 0, 644, member.len()).bytes());
    out.extend(member);
    out
}

fn load(names: &mut Names, files: &mut Vec<File>, name: &str, bytes: &[u8], _: &mut Outside<'_>) -> Added {
    let content = match peek(bytes) {
        Peek::Elf(_) if bytes[16] == 3 => {
            let needed = String::from_utf8_lossy(&bytes[64..]);
            let mut parts = needed.split_whitespace().map(|name| names.intern(name.as_bytes()));
            let soname = parts.next();
            Content::Shared(Shared { soname, needed: parts.collect(), ..Shared::default() })
        }
        Peek::Elf(_) => Content::Object(Object::default()),
        _ => Content::Archive(crate::model::input::Archive::default()),
    };
    files.push(File { name: name.to_owned(), content, archive: None });
    let file = FileId(files.len() as u32 - 1);
    Added { file, parts: Vec::new(), faults: Vec::new(), unlisted: 0 }
}

fn files(list: &[(&str, Vec<u8>)]) -> Files {
    Files(list.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect())
}

fn run(command: &str, linker: LinkerKind, files: &Files) -> Resolution {
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let line = read(&Command::of_words(&words, Some("/b")), Some(linker), &Host::unknown(), &|_| None);
    resolve_with(&line, linker, files, &load)
}

fn names(resolution: &Resolution) -> Vec<&str> {
    let program = &resolution.program;
    program.inputs.iter().map(|input| program.files[input.file.0 as usize].name.as_str()).collect()
}

fn object() -> Vec<u8> {
    elf(1, 62, 2)
}

#[test]
fn a_library_is_the_shared_object_unless_the_line_is_static() {
    let files = files(&[("/b/a.o", object()), ("/b/l/libz.so", shared("libz.so.1")), ("/b/l/libz.a", archive())]);
    for linker in [LinkerKind::Bfd, LinkerKind::Gold, LinkerKind::Lld, LinkerKind::Mold, LinkerKind::Wild] {
        assert_eq!(names(&run("ld a.o -lz -Ll", linker, &files)), ["a.o", "l/libz.so"]);
        assert_eq!(names(&run("ld a.o -Ll -Bstatic -lz -Bdynamic", linker, &files)), ["a.o", "l/libz.a"]);
        assert_eq!(names(&run("ld a.o -Ll -l:libz.a", linker, &files)), ["a.o", "l/libz.a"]);
    }
}

// wild 0.10, `Input::path`: all folders for .so before any for .a. Held against the program itself in tests/oracle.
#[test]
fn wild_prefers_a_shared_object_in_any_folder() {
    let files = files(&[("/b/a.o", object()), ("/b/1/libz.a", archive()), ("/b/2/libz.so", shared("libz.so.1"))]);
    assert_eq!(names(&run("ld a.o -L1 -L2 -lz", LinkerKind::Wild, &files)), ["a.o", "2/libz.so"]);
    assert_eq!(names(&run("ld a.o -L1 -L2 -lz", LinkerKind::Bfd, &files)), ["a.o", "1/libz.a"]);
}

#[test]
fn files_for_other_machines_are_passed_over_where_the_linker_does_so() {
    let files = files(&[
        ("/b/a.o", object()),
        ("/b/1/libz.so", elf(3, 3, 1)),
        ("/b/1/libz.a", archive()),
        ("/b/2/libz.so", shared("libz.so.1")),
    ]);
    let line = "ld -m elf_x86_64 a.o -L1 -L2 -lz";
    let bfd = run(line, LinkerKind::Bfd, &files);
    assert_eq!(names(&bfd), ["a.o", "1/libz.a"]);
    assert_eq!(bfd.skipped[0].what, "i386, 32-bit");
    // gold goes on with the next folder, lld takes what it finds.
    assert_eq!(names(&run(line, LinkerKind::Gold, &files)), ["a.o", "2/libz.so"]);
    assert_eq!(names(&run(line, LinkerKind::Lld, &files)), ["a.o", "1/libz.so"]);
}

#[test]
fn a_script_is_replaced_by_what_it_names() {
    let script = "OUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/libc.so.6 libc_nonshared.a AS_NEEDED ( /lib/ld.so ) )";
    let files = files(&[
        ("/b/a.o", object()),
        ("/b/l/libc.so", script.as_bytes().to_vec()),
        ("/lib/libc.so.6", shared("libc.so.6")),
        ("/b/l/libc_nonshared.a", archive()),
        ("/lib/ld.so", shared("ld.so")),
    ]);
    let resolution = run("ld a.o -Ll -lc", LinkerKind::Bfd, &files);
    assert_eq!(names(&resolution), ["a.o", "/lib/libc.so.6", "l/libc_nonshared.a", "/lib/ld.so"]);
    let inputs = &resolution.program.inputs;
    assert_eq!(inputs.iter().map(|input| input.as_needed).collect::<Vec<_>>(), [false, false, false, true]);
    assert!(inputs[1].group.is_some() && inputs[1].group == inputs[3].group);
    assert_eq!(resolution.sources[3].script.as_deref(), Some("/b/l/libc.so"));
    assert_eq!(inputs[1].argument, inputs[3].argument);
}

#[test]
fn a_script_that_names_itself_ends() {
    let files = files(&[("/b/libx.so", b"INPUT(-lx a.o)".to_vec()), ("/b/a.o", object())]);
    let resolution = run("ld -L. -lx", LinkerKind::Bfd, &files);
    assert_eq!(names(&resolution), ["./a.o"]);
    assert!(resolution.unknown.iter().any(|(_, why)| why.contains("names itself")), "{:?}", resolution.unknown);
}

#[test]
fn what_is_missing_has_where_it_was_looked_for_and_what_is_near() {
    let files = files(&[
        ("/b/a.o", object()),
        ("/b/l/libfoo.so.1", shared("libfoo.so.1")),
        ("/b/l/foo.a", archive()),
        ("/b/l/libFOO.a", archive()),
        ("/b/l/libbar.so", shared("libbar.so")),
    ]);
    let resolution = run("ld -nostdlib a.o -Ll -lfoo -Bstatic -lbar", LinkerKind::Bfd, &files);
    let [foo, bar] = resolution.missing.as_slice() else { panic!("{:?}", resolution.missing) };
    assert_eq!(
        (foo.name.as_str(), foo.tried.as_slice()),
        ("-lfoo", &["l/libfoo.so".to_owned(), "l/libfoo.a".to_owned()][..])
    );
    let near = [
        Near::WithoutPrefix("l/foo.a".to_owned()),
        Near::OnlyVersioned("l/libfoo.so.1".to_owned()),
        Near::Similar("l/libFOO.a".to_owned()),
    ];
    assert_eq!(foo.near, near);
    assert_eq!(bar.near, [Near::OnlyShared("l/libbar.so".to_owned())]);
    let file = &resolution.program.files[foo.file.0 as usize];
    assert!(matches!(file.content, Content::Unusable(Unusable::Missing)));
}

#[test]
fn one_file_has_one_number() {
    let files = files(&[("/b/l/libz.a", archive()), ("/b/a.o", object())]);
    let resolution = run("ld a.o -Ll -lz l/../l/libz.a -lz", LinkerKind::Bfd, &files);
    let numbers: Vec<u32> = resolution.program.inputs.iter().map(|input| input.file.0).collect();
    assert_eq!(numbers, [0, 1, 1, 1]);
}

#[test]
fn what_shared_objects_need_is_found_as_ld_bfd_finds_it() {
    let files = files(&[
        ("/b/a.o", object()),
        ("/b/l/libp.so", shared("libp.so libq.so.1 libr.so.1 libs.so.1")),
        ("/b/l/libq.so.1", shared("libq.so.1")),
        ("/b/r/libr.so.1", shared("libr.so.1 libt.so.1")),
        ("/opt/x/libs.so.1", shared("libs.so.1")),
        ("/lib/libt.so.1", shared("libt.so.1")),
        ("/etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n".to_vec()),
        ("/etc/ld.so.conf.d/x.conf", b"# here\n/opt/x/\n".to_vec()),
    ]);
    let resolution = run("ld a.o -Ll -lp -rpath-link r", LinkerKind::Bfd, &files);
    let program = &resolution.program;
    let mut found: Vec<(String, &str)> = program
        .closure
        .iter()
        .map(|((_, name), file)| (program.names.text(*name).into_owned(), program.files[file.0 as usize].name.as_str()))
        .collect();
    found.sort_unstable();
    let expected = [("libr.so.1", "r/libr.so.1"), ("libs.so.1", "/opt/x/libs.so.1"), ("libt.so.1", "/lib/libt.so.1")];
    assert_eq!(found, expected.map(|(name, path)| (name.to_owned(), path)));
    // -L is not searched for it.
    assert_eq!(resolution.lost.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["libq.so.1"]);
    assert!(run("ld a.o -Ll -lp", LinkerKind::Lld, &files).program.closure.is_empty());
}

#[test]
fn scripts_that_name_each_other_end() {
    // Each names all of the others twice: ten to the tenth, were they all followed.
    let all = (0..10).map(|number| format!("s{number} s{number} ")).collect::<String>();
    let names: Vec<String> = (0..10).map(|number| format!("/b/s{number}")).collect();
    let script = format!("INPUT({all})").into_bytes();
    let mut list: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), script.clone())).collect();
    list.push(("/b/a.o", object()));
    let files = files(&list);
    for linker in [LinkerKind::Bfd, LinkerKind::Gold, LinkerKind::Lld, LinkerKind::Mold, LinkerKind::Wild] {
        let resolution = run("ld a.o s0", linker, &files);
        assert!(resolution.scripts.len() <= 201, "{linker:?}: {}", resolution.scripts.len());
        assert!(resolution.unknown.iter().any(|(_, why)| why.contains("more linker scripts")), "{linker:?}");
    }
}

#[test]
fn a_sysroot_is_put_in_where_it_is_asked_for() {
    let files = files(&[
        ("/b/a.o", object()),
        ("/s/usr/lib/libz.so", b"INPUT(/lib/libz.so.1)".to_vec()),
        ("/s/lib/libz.so.1", shared("libz.so.1")),
    ]);
    let line = "ld --sysroot=/s a.o -L=/usr/lib -lz";
    assert_eq!(names(&run(line, LinkerKind::Bfd, &files)), ["a.o", "/s/lib/libz.so.1"]);
    assert_eq!(names(&run(line, LinkerKind::Lld, &files)), ["a.o", "/s/lib/libz.so.1"]);
}

#[test]
fn options_become_names() {
    let files = files(&[
        ("/b/a.o", object()),
        ("/b/v.map", b"V1 { global: f; local: *; };".to_vec()),
        ("/b/x.ld", b"EXTERN(g) ENTRY(go) top = 4;".to_vec()),
    ]);
    let line =
        "ld -shared a.o -u k --wrap=malloc --version-script v.map --defsym=a=b+4 --exclude-libs libx.a,liby.a x.ld";
    let program = run(line, LinkerKind::Bfd, &files).program;
    let text = |list: &[crate::model::names::Name]| {
        list.iter().map(|name| program.names.text(*name).into_owned()).collect::<Vec<_>>()
    };
    let options = &program.options;
    assert_eq!(text(&options.undefined), ["k", "g"]);
    assert_eq!(text(&[options.wrap[0].name]), ["malloc"]);
    assert_eq!(options.entry.map(|name| program.names.text(name).into_owned()).as_deref(), Some("go"));
    assert_eq!(text(&options.script_defines), ["top"]);
    assert_eq!(text(&[options.defsym[0].name]), ["a"]);
    assert_eq!(text(&options.defsym[0].reads), ["b"]);
    let node = &options.versions.as_ref().unwrap().nodes[0];
    assert_eq!(
        (node.name.as_deref(), node.global[0].text.as_str(), node.local[0].text.as_str()),
        (Some("V1"), "f", "*")
    );
    assert_eq!(
        options.exclude_libs,
        crate::model::input::ExcludeLibs::Named(vec!["libx.a".to_owned(), "liby.a".to_owned()])
    );
}

#[test]
fn objects_of_a_lib_block_are_members_of_an_archive() {
    let files = files(&[("/b/a.o", object()), ("/b/b.o", object()), ("/b/c.o", object()), ("/b/l/libz.a", archive())]);
    let program =
        run("ld a.o --start-lib b.o c.o -Ll -lz --end-lib --start-lib --end-lib", LinkerKind::Lld, &files).program;
    let inputs: Vec<&str> =
        program.inputs.iter().map(|input| program.files[input.file.0 as usize].name.as_str()).collect();
    assert_eq!(inputs, ["a.o", "--start-lib", "l/libz.a"]);
    let block = program.inputs[1].file;
    let Content::Archive(archive) = &program.files[block.0 as usize].content else { panic!("no archive") };
    assert_eq!(archive.members.len(), 2);
    assert!(archive.members.iter().all(|member| program.files[member.0 as usize].archive == Some(block)));
}

#[test]
fn a_text_names_the_files_that_a_link_needs() {
    use casebook_core::EvidenceSet;
    let mut set = EvidenceSet::new();
    let text = "cc -o app CMakeFiles/app.dir/main.o -Lsub -lz -Wl,-rpath-link,deps -Wl,--version-script=v.map @r.rsp\n";
    let id = set.add("/w/build/CMakeFiles/app.dir/link.txt", None, Bytes::new(text.as_bytes()));
    let references = references(set.get(id).unwrap());
    let find =
        |name: &str| references.iter().find(|reference| reference.name == name).map(|found| found.patterns.as_slice());
    let object = find("/w/build/CMakeFiles/app.dir/main.o").unwrap();
    assert_eq!(object[0], "/w/build/CMakeFiles/app.dir/main.o");
    assert!(object.contains(&"../../CMakeFiles/app.dir/main.o".to_owned()));
    for name in ["sub/libz.so", "sub/libz.a", "deps/*.so*", "v.map", "r.rsp"] {
        assert!(find(&format!("/w/build/{name}")).is_some(), "{name}");
    }
    let id = set.add("r.rsp", None, Bytes::new(&b"x.o \"y z.o\""[..]));
    let names: Vec<String> =
        references_of_response(set.get(id).unwrap(), Some("/w")).into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["/w/x.o", "/w/y z.o", "/w/file"]);
}
