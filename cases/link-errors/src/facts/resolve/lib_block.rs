//! `--start-lib` and `--end-lib`: the objects between them are taken as members of an archive (`addFile` with `inLib` of lld, `in_lib` of
//! mold, `Lib_group` of gold). ld.bfd knows no such option.

use super::{Resolver, Source};
use crate::model::input::{Archive, Content, File, FileId, Input};

/// A block that is open.
pub(super) struct Block {
    number: u32,
    /// The archive that stands for it.
    archive: FileId,
    members: Vec<FileId>,
}

impl Resolver<'_> {
    /// Says which block the next item is in; a block that ends gets its members.
    pub(super) fn lib_block(&mut self, number: Option<u32>) {
        if self.block.as_ref().map(|block| block.number) == number {
            return;
        }
        if let Some(block) = self.block.take() {
            self.close(block);
        }
        let Some(number) = number else { return };
        let files = &mut self.out.program.files;
        let archive = FileId(files.len() as u32);
        let content = Content::Archive(Archive { members: Vec::new(), index: None, thin: true });
        files.push(File { name: "--start-lib".to_owned(), content, archive: None });
        self.block = Some(Block { number, archive, members: Vec::new() });
    }

    /// Takes an object into the open block; false for all else.
    pub(super) fn take_into_block(&mut self, input: &Input) -> bool {
        let Some(block) = &mut self.block else { return false };
        let Some(file) = self.out.program.files.get_mut(input.file.0 as usize) else { return false };
        if !matches!(file.content, Content::Object(_)) || block.members.contains(&input.file) {
            return false;
        }
        file.archive = Some(block.archive);
        // The archive stands where its first object does.
        if block.members.is_empty() {
            self.out.program.inputs.push(Input { file: block.archive, ..*input });
            self.out.sources.push(Source { item: self.item, script: self.scripts.last().cloned() });
        }
        block.members.push(input.file);
        true
    }

    fn close(&mut self, block: Block) {
        let program = &mut self.out.program;
        let mut index = Vec::new();
        for (number, member) in block.members.iter().enumerate() {
            let Some(Content::Object(object)) = program.files.get(member.0 as usize).map(|file| &file.content) else {
                continue;
            };
            let defined = object.globals().filter(|(_, symbol)| !symbol.is_undefined());
            index.extend(defined.map(|(_, symbol)| (symbol.name, number as u32)));
        }
        if let Some(file) = program.files.get_mut(block.archive.0 as usize) {
            file.content = Content::Archive(Archive { members: block.members, index: Some(index), thin: true });
        }
    }
}
