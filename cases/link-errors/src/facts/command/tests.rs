use std::collections::HashMap;

use casebook_core::{EvidenceId, Span};

use super::*;

fn log(text: &str) -> Log {
    read_log(text.as_bytes(), EvidenceId(0), "build.log")
}

/// The only link of a text.
fn line(text: &str) -> LinkLine {
    let log = log(text);
    assert_eq!(log.commands.len(), 1, "{:?}", log.commands);
    read(&log.commands[0], None, &driver::Host::unknown(), &|_| None)
}

fn argv(words: &str, linker: Option<LinkerKind>) -> LinkLine {
    let command = Command { words: words.split_whitespace().map(Word::free).collect(), ..Command::default() };
    read(&command, linker, &driver::Host::unknown(), &|_| None)
}

fn named(line: &LinkLine) -> Vec<String> {
    let item = |item: &Item| match &item.kind {
        ItemKind::File(name) => name.clone(),
        ItemKind::Library(name) => format!("-l{name}"),
        ItemKind::Exact(name) => format!("-l:{name}"),
        other => format!("{other:?}"),
    };
    line.items.iter().map(item).collect()
}

/// Names with the letters of what is on: `n`eeded, `w`hole, `s`tatic, `g`roup, `c`opy, `l`ib.
fn states(line: &LinkLine) -> Vec<String> {
    let letters = |item: &Item| {
        let state = item.state;
        let on = [
            (state.as_needed, 'n'),
            (state.whole_archive, 'w'),
            (state.static_only, 's'),
            (state.group.is_some(), 'g'),
            (state.copy_needed, 'c'),
            (state.lib.is_some(), 'l'),
        ];
        on.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect::<String>()
    };
    named(line).iter().zip(&line.items).map(|(name, item)| format!("{name}:{}", letters(item))).collect()
}

#[test]
fn items_have_the_state_of_their_place() {
    let line = argv(
        "ld a.o --as-needed -lz --push-state --no-as-needed -Bstatic -lfoo --pop-state -lbar --start-group --whole-archive b.a \
         --no-whole-archive c.a --end-group -( -l:libd.a -) --copy-dt-needed-entries -l e",
        None,
    );
    let expected =
        ["a.o:", "-lz:n", "-lfoo:s", "-lbar:n", "b.a:nwg", "c.a:ng", "-l:libd.a:ng", "-le:nc"].map(str::to_owned);
    assert_eq!(states(&line), expected);
    assert_eq!((line.items[4].state.group, line.items[6].state.group), (Some(0), Some(1)));
    assert!(line.unmodelled.is_empty() && line.unknown.is_empty(), "{:?} {:?}", line.unmodelled, line.unknown);
}

// `--no-as-needed` and others have values in no linker, but `-z`, `-rpath` and `-plugin` take the next argument: if they did not, it would be
// a file.
#[test]
fn values_are_no_inputs() {
    let line = argv(
        "ld -z now -z defs -rpath /x:/y -rpath-link=/z -plugin p.so -plugin-opt=a.o -o out -m elf_x86_64 -dynamic-linker /lib/ld.so \
         --hash-style=gnu --build-id -T s.ld -u f -e go -soname libx.so.1 -Map m.map -L /a -L/b -y g a.o",
        None,
    );
    assert_eq!(named(&line), ["Script(\"s.ld\")", "a.o"]);
    let options = &line.options;
    assert_eq!(options.defs.as_ref().map(|given| given.value), Some(true));
    assert_eq!(line.rpath.iter().map(|given| given.value.as_str()).collect::<Vec<_>>(), ["/x", "/y"]);
    assert_eq!(line.rpath_link[0].value, "/z");
    assert_eq!(line.search.iter().map(|given| given.value.as_str()).collect::<Vec<_>>(), ["/a", "/b"]);
    assert_eq!(options.output_file.as_ref().unwrap().value, "out");
    assert_eq!(options.soname.as_ref().unwrap().value, "libx.so.1");
    assert_eq!(options.undefined[0].value, "f");
    assert_eq!(options.entry.as_ref().unwrap().value, "go");
    assert!(line.unknown.is_empty(), "{:?}", line.unknown);
}

#[test]
fn one_dash_is_as_good_as_two_and_joined_letters_take_the_rest() {
    let line = argv(
        "ld -shared -no-undefined -whole-archive a.a -wrap=f -wrap g -Bsymbolic -efoo -uX -hlibx.so -export-dynamic",
        None,
    );
    assert_eq!(states(&line), ["a.a:w"]);
    let options = &line.options;
    assert_eq!(options.output, Output::Shared);
    assert_eq!(options.defs.as_ref().map(|given| given.value), Some(true));
    assert_eq!(options.wrap.iter().map(|given| given.value.as_str()).collect::<Vec<_>>(), ["f", "g"]);
    assert_eq!(options.entry.as_ref().unwrap().value, "foo");
    assert_eq!(options.undefined[0].value, "X");
    assert_eq!(options.soname.as_ref().unwrap().value, "libx.so");
    assert!(options.export_dynamic.is_some() && options.symbolic.is_some());
}

// getopt_long_only: ld.bfd takes `--as-need`, lld does not.
#[test]
fn ld_bfd_takes_abbreviations() {
    assert_eq!(states(&argv("ld --as-need -lz", Some(LinkerKind::Bfd))), ["-lz:n"]);
    let lld = argv("ld --as-need -lz", Some(LinkerKind::Lld));
    assert_eq!(states(&lld), ["-lz:"]);
    assert_eq!(lld.unknown, ["the option --as-need is not known"]);
}

// elf/cmdline.cc of mold: `ctx.arg.is_static` is the last flag and what the inputs begin with.
#[test]
fn mold_begins_with_the_last_of_static_and_dynamic() {
    assert_eq!(states(&argv("ld -la -Bstatic -lb", Some(LinkerKind::Mold))), ["-la:s", "-lb:s"]);
    assert_eq!(states(&argv("ld -la -Bstatic -lb -Bdynamic -lc", Some(LinkerKind::Mold))), ["-la:", "-lb:s", "-lc:"]);
    assert_eq!(states(&argv("ld -la -Bstatic -lb", Some(LinkerKind::Bfd))), ["-la:", "-lb:s"]);
    assert_eq!(states(&argv("ld -la -static -lb", Some(LinkerKind::Gold))), ["-la:s", "-lb:s"]);
}

#[test]
fn places_of_arguments_are_parts_of_words() {
    let text = "gcc -o x \"main.o\" -Wl,--as-needed,-lz -Wl,-rpath -Wl,/a -Xlinker --no-as-needed -l m\n";
    let line = line(text);
    let at = |span: Option<Span>| span.map(|span| &text[span.range()]).unwrap_or("-");
    let find = |name: &str| line.items.iter().find(|item| item.kind.name() == name).unwrap();
    assert_eq!(at(line.item_span(find("main.o"))), "main.o");
    assert_eq!(at(line.item_span(find("z"))), "-lz");
    assert_eq!(at(line.item_span(find("m"))), "-l m");
    assert_eq!(at(line.span(line.rpath[0].argument)), "-rpath");
    assert!(find("z").state.as_needed && !find("m").state.as_needed);
    assert_eq!(at(line.words[0].span), "gcc");
}

#[test]
fn make_says_where_it_is() {
    let text = "make[1]: Entering directory '/src/a'\ngcc -c x.c -o x.o\ngcc -o x x.o -lm\nmake[1]: Leaving directory '/src/a'\ncd sub && cc -o y y.o\n";
    let log = log(text);
    let folders: Vec<Option<&str>> = log.commands.iter().map(|command| command.directory.as_deref()).collect();
    assert_eq!(folders, [Some("/src/a"), Some("sub")]);
}

#[test]
fn a_folder_that_was_changed_to_holds_for_what_follows() {
    let log = log("cd source\ncc -o a a.o\ncd sub && cc -o b b.o\ncc -o c c.o\ncd sub\ncc -o d d.o\n");
    let folders: Vec<Option<&str>> = log.commands.iter().map(|command| command.directory.as_deref()).collect();
    assert_eq!(folders, [Some("source"), Some("source/sub"), Some("source"), Some("source/sub")]);
}

#[test]
fn ninja_cmake_and_libtool_put_things_around() {
    let text = "[3/4] : && /usr/bin/c++ -O2 CMakeFiles/x.dir/a.cpp.o -o x  -lz && :\n\
                FAILED: x\n: && ccache /usr/bin/g++ a.o -o x && :\n\
                libtool: link: gcc -shared  -fPIC .libs/a.o -Wl,-soname -Wl,liba.so.0 -o .libs/liba.so.0\n\
                + clang-19 -o z z.o 2>&1 | tee log\n\
                2026-01-02T03:04:05.678Z [ 50%] cc -o w w.o\n";
    let log = log(text);
    let programs: Vec<&str> = log.commands.iter().map(|command| command.words[0].text.as_str()).collect();
    assert_eq!(programs, ["/usr/bin/c++", "/usr/bin/g++", "gcc", "clang-19", "cc"]);
}

#[test]
fn link_txt_runs_two_folders_above() {
    let text = "/usr/bin/cc  -rdynamic CMakeFiles/app.dir/main.c.o -o app  -lz\n";
    let log = read_log(text.as_bytes(), EvidenceId(0), "/w/build/src/CMakeFiles/app.dir/link.txt");
    assert_eq!(log.commands[0].directory.as_deref(), Some("/w/build/src"));
}

// rustc 1.78 and 1.90.
#[test]
fn notes_of_rustc_are_commands() {
    let old = "error: linking with `cc` failed: exit status: 1\n  |\n  = note: LC_ALL=\"C\" PATH=\"/usr/bin\" VSLANG=\"1033\" \"cc\" \"-m64\" \
               \"/t/a.o\" \"-Wl,--as-needed\" \"-Wl,-Bstatic\" \"/t/libx.rlib\" \"-Wl,-Bdynamic\" \"-lfoo\" \"-o\" \"/t/x\" \"-nodefaultlibs\"\n  = note: /usr/bin/ld: cannot find -lfoo: No such file or directory\n";
    let read = line(old);
    assert_eq!(
        states(&read).iter().filter(|name| !name.contains("crt")).collect::<Vec<_>>(),
        ["/t/a.o:", "/t/libx.rlib:ns", "-lfoo:n"]
    );
    assert_eq!(read.tool.linker, Some(LinkerKind::Bfd));
    let new = "  = note:  \"cc\" \"-m64\" \"<sysroot>/lib/rustlib/x86_64-unknown-linux-gnu/lib/{libstd-*,libpanic_unwind-*}.rlib\" \
               \"-lc\" \"-o\" \"x\" \"-nodefaultlibs\" \"-nostartfiles\"\n";
    let read = line(new);
    assert_eq!(
        named(&read),
        [
            "<sysroot>/lib/rustlib/x86_64-unknown-linux-gnu/lib/libstd-*.rlib",
            "<sysroot>/lib/rustlib/x86_64-unknown-linux-gnu/lib/libpanic_unwind-*.rlib",
            "-lc"
        ]
    );
    assert_eq!(&new[read.item_span(&read.items[1]).unwrap().range()], "libpanic_unwind-*");
}

#[test]
fn what_drivers_print_is_the_linkers_own_line() {
    let text = "COLLECT_GCC=gcc\nTarget: x86_64-linux-gnu\ngcc version 12.2.0 (Debian 12.2.0-14) \n\
                COLLECT_GCC_OPTIONS='-o' 'a' '-mtune=generic'\n \
                /usr/lib/gcc/x86_64-linux-gnu/12/collect2 -plugin /x/liblto_plugin.so \"-plugin-opt=-pass-through=-lgcc\" --build-id \
                --as-needed -dynamic-linker /lib64/ld-linux-x86-64.so.2 -pie -o a Scrt1.o a.o -lc\n \
                \"/usr/bin/ld.lld-19\" \"-o\" \"b\" \"b.o\"\n";
    let log = log(text);
    assert_eq!(log.commands.len(), 2);
    let host = driver::Host::unknown();
    let first = read(&log.commands[0], None, &host, &|_| None);
    assert_eq!(states(&first), ["Scrt1.o:n", "a.o:n", "-lc:n"]);
    assert_eq!(first.options.output, Output::Pie);
    assert!(first.options.plugin.is_some());
    let second = read(&log.commands[1], None, &host, &|_| None);
    assert_eq!((second.tool.linker, second.tool.version), (Some(LinkerKind::Lld), Some((19, 0))));
}

#[test]
fn compiling_is_no_link() {
    let text = "gcc -c a.c -o a.o\ng++ -E x.cc\ncc -MM a.c\nclang -S a.c\ngcc --version\ngcc version 12.2.0 (Debian)\n\
                /usr/bin/ld: a.o: in function `main':\ncollect2: error: ld returned 1 exit status\n";
    assert!(log(text).commands.is_empty());
}

#[test]
fn response_files_are_put_in_and_cycles_end() {
    let files: HashMap<&str, &str> =
        HashMap::from([("/b/a.rsp", "x.o \"y z.o\" @b.rsp -lz"), ("/b/b.rsp", "w.o @a.rsp"), ("/b/c", "")]);
    let open =
        |name: &str| files.get(name).map(|text| ResponseFile { bytes: text.as_bytes(), evidence: Some(EvidenceId(3)) });
    let command = Command {
        words: "ld @a.rsp @gone".split(' ').map(Word::free).collect(),
        directory: Some("/b".to_owned()),
        ..Command::default()
    };
    let line = read(&command, None, &driver::Host::unknown(), &open);
    assert_eq!(named(&line), ["x.o", "y z.o", "w.o", "@a.rsp", "-lz", "@gone"]);
    assert_eq!(line.span(1), Some(Span::new(EvidenceId(3), 5, 10)));
    let readings: Vec<_> = line.responses.iter().map(|included| included.reading).collect();
    use super::response::Reading::{Cycle, Missing, Read};
    assert_eq!(readings, [Read, Read, Cycle, Missing]);
}

/// Words links are made of, so that arbitrary texts get somewhere.
fn texts() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let word = prop::sample::select(vec![
        "gcc",
        "g++",
        "gfortran",
        "clang++",
        "ld",
        "ld.lld",
        "mold",
        "/usr/bin/cc",
        "collect2",
        "-o",
        "x",
        "a.o",
        "-lz",
        "-l",
        "z",
        "-L",
        "-Lq",
        "-Wl,--as-needed,-lz",
        "-Wl,",
        "-Wl,-rpath",
        "-Xlinker",
        "-static",
        "-shared",
        "-pie",
        "-r",
        "@f",
        "@g",
        "--push-state",
        "--pop-state",
        "--start-group",
        "--end-group",
        "-(",
        "--start-lib",
        "-z",
        "defs",
        "-T",
        "s.ld",
        "\"a b\"",
        "'",
        "\"",
        "\\",
        "\n",
        "&&",
        ";",
        "|",
        "cd",
        "sub",
        "> log",
        "$X",
        "${Y}",
        "*.o",
        "make: Entering directory '/s'\n",
        "= note:",
        "[1/2]",
        "FAILED: x\n",
        "{a-*,b-*}.rlib",
        "\"<sysroot>/{libx-*,liby-*}.rlib\"",
        "<2 object files omitted>",
        "-fsanitize=address",
        "-fuse-ld=mold",
        "--defsym=a=b",
        "\u{fc}",
        "\0",
        "-plugin",
        "--",
        "-",
        "-m32",
        "-u",
        "-uX",
        "-fopenmp",
        "-lm",
        "-lgfortran",
        "--sysroot=",
        "-B",
        "--format=binary",
    ]);
    prop::collection::vec(word, 0..30).prop_map(|words| words.join(" "))
}

proptest::proptest! {
    #[test]
    fn places_are_inside_and_words_keep_them(text in texts(), response in texts(), garbage in ".*") {
        for text in [text.as_str(), garbage.as_str()] {
            let bytes = text.as_bytes();
            let read_log = read_log(bytes, EvidenceId(0), "x/CMakeFiles/y.dir/link.txt");
            let inside = |span: Span| span.evidence != EvidenceId(0) || (span.start <= span.end && span.end <= bytes.len() as u64);
            assert!(read_log.unmodelled.iter().all(|gap| inside(gap.span)));
            let open = |name: &str| {
                let file = ResponseFile { bytes: response.as_bytes(), evidence: Some(EvidenceId(1)) };
                (name.ends_with('f') || name.ends_with('g')).then_some(file)
            };
            for command in &read_log.commands {
                assert!(command.words.iter().all(|word| word.span.is_some_and(inside)));
                for linker in [None, Some(LinkerKind::Gold), Some(LinkerKind::Lld), Some(LinkerKind::Mold), Some(LinkerKind::Wild)] {
                    let line = read(command, linker, &driver::Host::unknown(), &open);
                    assert!(line.unmodelled.iter().all(|gap| inside(gap.span)));
                    assert!(line.items.iter().all(|item| item.argument <= item.last && (item.last as usize) < line.arguments.len()));
                    for (index, argument) in line.arguments.iter().enumerate() {
                        let Origin::Word { first, word, start, end } = argument.origin else { continue };
                        assert!(first <= word);
                        let alone = first == word;
                        let word = &line.words[word as usize];
                        let part = word.text.get(start as usize..end as usize).expect("a part of its word");
                        let span = line.span(index as u32).expect("a word of the text");
                        if alone && word.response.is_none() && word.quote.is_some() {
                            assert_eq!(&text[span.range()], part);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn parts_of_words_are_what_the_evidence_says(list in proptest::collection::vec("[a-z,=-]{0,6}", 1..6), quoted: bool) {
        let word = format!("-Wl,{}", list.join(","));
        let text = if quoted { format!("cc x.o \"{word}\" -o y") } else { format!("cc x.o {word} -o y") };
        let log = log(&text);
        let line = read(&log.commands[0], None, &driver::Host::unknown(), &|_| None);
        for (index, argument) in line.arguments.iter().enumerate() {
            if let Origin::Word { word: 2, .. } = argument.origin {
                assert_eq!(&text[line.span(index as u32).unwrap().range()], argument.text);
            }
        }
    }
}

#[test]
fn each_link_of_a_log_has_its_own_linker() {
    let text = "cc -o a a.o\n/usr/bin/ld: a.c:(.text+0x5): undefined reference to `f'\ncc -o b b.o\nld.lld: error: undefined symbol: g\ncc -o c c.o\n";
    let log = log(text);
    let linkers: Vec<_> = log.commands.iter().map(|command| command.banner.linker).collect();
    assert_eq!(linkers, [Some(LinkerKind::Bfd), Some(LinkerKind::Lld), Some(LinkerKind::Bfd)]);
}

#[test]
fn sources_are_no_objects() {
    let line = argv("gcc -o x main.c a.o -x c notes -x none b.o", None);
    let sources: Vec<&str> = line
        .items
        .iter()
        .filter_map(|item| if let ItemKind::Source(name) = &item.kind { Some(name.as_str()) } else { None })
        .collect();
    assert_eq!(sources, ["main.c", "notes"]);
}

#[test]
fn a_gcc_nobody_knows_is_tried_both_ways() {
    let command = Command::of_words(&["gcc", "a.o", "-lz"].map(str::to_owned), None);
    let mut host = driver::Host::unknown();
    assert!(read(&command, None, &host, &|_| None).as_needed_unknown);
    let needed = |host: &driver::Host<'_>| {
        let line = read(&command, None, host, &|_| None);
        assert!(!line.as_needed_unknown);
        line.items.iter().find(|item| item.kind.name() == "z").map(|item| item.state.as_needed)
    };
    host.as_needed = Some(true);
    assert_eq!(needed(&host), Some(true));
    host.as_needed = Some(false);
    assert_eq!(needed(&host), Some(false));
}

// Forms of Bazel 0.29 and 8, slibtool, and automake's source test.
#[test]
fn other_builders_write_commands_in_their_own_way() {
    let text = "ERROR: /s/BUILD:66:1: Linking of rule '//:x' failed (Exit 1) gcc failed: error executing command /usr/bin/gcc @x-2.params\n\
                ERROR: /s/BUILD:1:10: Linking m failed: (Exit 1): clang failed: error executing CppLink command (from target //:m) \
                /usr/bin/clang -o m m.o ... (remaining 7 arguments skipped)\n\
                  (cd /e/root && \\\n  exec env - \\\n    PATH=/bin:/usr/bin \\\n    PWD=/proc/self/cwd \\\n  /usr/bin/gcc @z-2.params)\n\
                rdlibtool: link: clang .libs/c.o -shared -o .libs/c.so\n\
                gcc -c `test -f 'a.c' || echo '../'`a.c -o a.o\n";
    let log = log(text);
    let commands: Vec<String> = log
        .commands
        .iter()
        .map(|command| command.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        commands,
        [
            "/usr/bin/gcc @x-2.params",
            "/usr/bin/clang -o m m.o",
            "/usr/bin/gcc @z-2.params",
            "clang .libs/c.o -shared -o .libs/c.so"
        ]
    );
    assert_eq!(log.commands[2].directory.as_deref(), Some("/e/root"));
    assert_eq!(log.commands[1].unmodelled.len(), 1);
}
