//! Link commands of a text, read for every linker, with the rest of the input as files: 0x1e ends one and begins the next, number N is the
//! file `N` and the response file `@N`.
#![no_main]

use case_link_errors::facts::command::driver::{At, Host};
use case_link_errors::facts::command::{Origin, ResponseFile, read, read_log};
use case_link_errors::facts::resolve::{Disk, Found, clean, references_of_line, references_of_script, resolve};
use case_link_errors::model::outcome::LinkerKind;
use casebook_core::{Bytes, EvidenceId, Span};
use libfuzzer_sys::fuzz_target;

struct Files<'a>(Vec<&'a [u8]>);

impl Files<'_> {
    /// The file a path ends in the number of.
    fn at(&self, path: &str) -> Option<&[u8]> {
        let digit = clean(path).bytes().rev().find(u8::is_ascii_digit)?;
        self.0.get(usize::from(digit - b'0')).copied()
    }
}

impl Disk for Files<'_> {
    fn find(&self, path: &str) -> Option<Found> {
        Some(Found { bytes: Bytes::new(self.at(path)?.to_vec()), evidence: None, binary: false })
    }

    fn list(&self, _folder: &str) -> Vec<String> {
        vec!["libz.so.1".to_owned(), "libx.a".to_owned(), "z.a".to_owned()]
    }
}

fuzz_target!(|data: &[u8]| {
    let files = Files(data.split(|byte| *byte == 0x1e).take(8).collect());
    let text = files.0[0];
    let log = read_log(text, EvidenceId(0), "b/CMakeFiles/x.dir/link.txt");
    let inside = |span: Span| {
        assert!(span.start <= span.end && (span.evidence != EvidenceId(0) || span.end <= text.len() as u64))
    };
    log.unmodelled.iter().for_each(|gap| inside(gap.span));
    let look = |path: &str| match path.len() % 3 {
        0 => At::File,
        1 => At::Folder,
        _ => At::Nothing,
    };
    let open = |name: &str| files.at(name).map(|bytes| ResponseFile { bytes, evidence: Some(EvidenceId(1)) });
    for command in log.commands.iter().take(4) {
        command.words.iter().filter_map(|word| word.span).for_each(inside);
        for kind in [LinkerKind::Bfd, LinkerKind::Gold, LinkerKind::Lld, LinkerKind::Mold, LinkerKind::Wild] {
            let mut host = Host::probe(&look, "x86_64", Some("Debian"), Some(12));
            host.clang = log.banner.driver_version;
            let line = read(command, Some(kind), &host, &open);
            // A response file can be named a few thousand times; what follows is for lines of a size people have.
            if line.words.len() > 10_000 {
                continue;
            }
            line.unmodelled.iter().for_each(|gap| inside(gap.span));
            for (index, argument) in line.arguments.iter().enumerate() {
                if let Origin::Word { word, start, end, .. } = argument.origin {
                    assert!(line.words[word as usize].text.get(start as usize..end as usize).is_some());
                }
                if let Some(span) = line.span(index as u32) {
                    inside(span);
                }
            }
            let resolution = resolve(&line, kind, &files);
            assert_eq!(resolution.program.inputs.len(), resolution.sources.len());
            let count = resolution.program.files.len() as u32;
            assert!(resolution.program.inputs.iter().all(|input| input.file.0 < count));
            assert!(resolution.program.closure.values().all(|file| file.0 < count));
            references_of_line(&line);
        }
    }
    references_of_script(text, "a/b.so");
});
