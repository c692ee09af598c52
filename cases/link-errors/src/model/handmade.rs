//! Links made by hand, for tests of the linkers' models.

use super::input::{
    Binding, Content, Definition, DynamicSymbol, File, FileId, Input, Object, Pattern, Program, Reference, Section,
    Shared, Symbol, SymbolType, Uses, Version, VersionNode, VersionScript, Visibility,
};

/// A link that is put together file by file.
#[derive(Default)]
pub(super) struct Line(pub(super) Program);

impl Line {
    /// A file, which no line names yet.
    pub(super) fn add(&mut self, name: &str, content: Content, archive: Option<FileId>) -> FileId {
        let id = FileId(self.0.files.len() as u32);
        self.0.files.push(File { name: name.into(), content, archive });
        id
    }

    /// An object with code that defines some symbols and refers to others.
    pub(super) fn object(
        &mut self,
        name: &str,
        defines: &[&str],
        wants: &[(&str, Binding)],
        archive: Option<FileId>,
    ) -> FileId {
        let section = |name, flags| Section { name, kind: 1, flags, size: 8, link: 0, group: None };
        let (empty, text) = (self.0.names.intern(b""), self.0.names.intern(b".text"));
        let mut symbol = |name: &str, binding, definition| Symbol {
            name: self.0.names.intern(name.as_bytes()),
            version: None,
            binding,
            kind: SymbolType::None,
            visibility: Visibility::Default,
            definition,
            value: 0,
            size: 0,
        };
        let mut symbols = vec![symbol("", Binding::Local, Definition::Undefined)];
        symbols.extend(defines.iter().map(|name| symbol(name, Binding::Global, Definition::Section(1))));
        symbols.extend(wants.iter().map(|(name, binding)| symbol(name, *binding, Definition::Undefined)));
        let wanted = 1 + defines.len() as u32..symbols.len() as u32;
        let reference = |symbol| Reference { section: 1, symbol, offset: 1, uses: Uses::CALL };
        let object = Object {
            symbols,
            first_global: 1,
            sections: vec![section(empty, 0), section(text, 6)],
            references: wanted.map(reference).collect(),
            ..Object::default()
        };
        self.add(name, Content::Object(object), archive)
    }

    /// Changes the symbols of an object that have this name.
    pub(super) fn change(&mut self, file: FileId, name: &str, change: impl Fn(&mut Symbol)) {
        let name = self.0.names.intern(name.as_bytes());
        if let Content::Object(object) = &mut self.0.files[file.0 as usize].content {
            object.symbols.iter_mut().filter(|symbol| symbol.name == name).for_each(change);
        }
    }

    /// A version, the default one or not.
    pub(super) fn version(&mut self, name: &str, default: bool) -> Option<Version> {
        Some(Version { name: self.0.names.intern(name.as_bytes()), default })
    }

    /// A version script of one node: its version and what is global; with `others`, all else is local.
    pub(super) fn script(&mut self, version: Option<&str>, global: &[&str], others: bool) {
        let pattern = |text: &str| Pattern { text: text.into(), literal: false, cxx: false };
        let node = VersionNode {
            name: version.map(str::to_owned),
            global: global.iter().copied().map(pattern).collect(),
            local: others.then(|| pattern("*")).into_iter().collect(),
        };
        self.0.options.versions = Some(VersionScript { nodes: vec![node] });
    }

    /// A shared object with a function, and what it lacks.
    pub(super) fn shared(&mut self, name: &str, defines: &str, wants: &str) -> FileId {
        let mut symbol = |name: &str, defined| DynamicSymbol {
            name: self.0.names.intern(name.as_bytes()),
            version: None,
            base_version: false,
            version_local: false,
            binding: Binding::Global,
            kind: SymbolType::Function,
            visibility: Visibility::Default,
            defined,
            in_code: defined,
            in_bss: false,
            absolute: false,
            value: 0x1000,
            size: 8,
        };
        let symbols = vec![symbol(defines, true), symbol(wants, false)];
        let soname = Some(self.0.names.intern(name.as_bytes()));
        self.add(name, Content::Shared(Shared { soname, symbols, ..Shared::default() }), None)
    }

    /// Names a file on the line.
    pub(super) fn put(&mut self, file: FileId, change: impl Fn(&mut Input)) {
        let mut input = Input::plain(file, self.0.inputs.len() as u32);
        change(&mut input);
        self.0.inputs.push(input);
    }
}
