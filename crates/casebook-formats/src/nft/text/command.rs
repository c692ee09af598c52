//! Commands and blocks, to the sequence of changes they make.

use casebook_core::{EvidenceId, EvidenceSet, Span};

use super::cursor::{Cursor, Fail, Parse};
use super::expr::Mode;
use super::lexer::Tok;
use crate::nft::ast::{
    ChainAst, Command, CommandVerb, Expr, HookSpec, ObjectAst, Parsed, Position, RuleAst, SetAst, TableName, Word,
};

/// Reads one root file.
pub(super) struct Parser<'a> {
    pub(super) cur: Cursor<'a>,
    pub(super) depth: usize,
    /// Operators of the expression being read, those around it included.
    pub(super) operators: usize,
    /// True when an `include` has taken the separator that ends it.
    pub(super) separated: bool,
    commands: Vec<Command<'a>>,
}

const FAMILIES: &[&str] = &["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// Kinds of objects that are declared with a block and that rules refer to by name.
const OBJECTS: &[&str] = &["counter", "quota", "limit", "secmark", "synproxy", "flowtable", "tunnel"];

impl<'a> Parser<'a> {
    pub(super) fn new(set: &'a EvidenceSet, root: EvidenceId) -> Self {
        Self { cur: Cursor::new(set, root), depth: 0, operators: 0, separated: false, commands: Vec::new() }
    }

    pub(super) fn finish(self) -> (Parsed<'a>, Vec<EvidenceId>) {
        let parsed = Parsed { commands: self.commands, errors: self.cur.errors, ..Parsed::default() };
        (parsed, self.cur.included)
    }

    /// The whole file: commands with separators; an error costs its line or block, not the file.
    pub(super) fn file(&mut self) {
        loop {
            match self.cur.tok() {
                Tok::Eof => return,
                Tok::Newline | Tok::Semi => {
                    self.cur.bump();
                }
                _ => {
                    let start = self.cur.span();
                    let result = self.line().and_then(|()| self.separator());
                    if let Err(fail) = result {
                        self.recover(fail, start);
                    }
                }
            }
        }
    }

    /// Skips what is left of a statement; a stray `}` at the top level is skipped too.
    fn recover(&mut self, fail: Fail, start: Span) {
        self.cur.skip_statement();
        if self.cur.tok() == Tok::Close {
            self.cur.bump();
        }
        self.cur.report(fail, start);
    }

    fn line(&mut self) -> Parse<()> {
        let start = self.cur.span();
        if self.cur.tok() != Tok::Word {
            return self.cur.fail("expected a command");
        }
        let verb = match self.cur.text() {
            "include" => return self.include(),
            "define" | "redefine" | "undefine" => return self.define_statement(),
            "add" => CommandVerb::Add,
            "create" => CommandVerb::Create,
            "insert" => CommandVerb::Insert,
            "replace" => CommandVerb::Replace,
            "delete" => CommandVerb::Delete,
            "destroy" => CommandVerb::Destroy,
            "flush" => CommandVerb::Flush,
            "rename" => CommandVerb::Rename,
            // Commands that change nothing a packet meets.
            "list" | "monitor" | "describe" | "export" | "get" | "reset" => {
                self.cur.skip_statement();
                return Ok(());
            }
            _ => return self.object(CommandVerb::Add, start),
        };
        self.cur.bump();
        self.object(verb, start)
    }

    pub(super) fn push(&mut self, verb: CommandVerb, object: ObjectAst<'a>, start: Span) {
        self.commands.push(Command { verb, object, span: start.to(self.cur.last()) });
    }

    fn object(&mut self, verb: CommandVerb, start: Span) -> Parse<()> {
        match self.cur.text() {
            "ruleset" => {
                self.cur.bump();
                let family = self.family()?;
                self.push(verb, ObjectAst::Ruleset(family), start);
            }
            "table" => {
                self.cur.bump();
                self.table(verb, start)?;
            }
            "chain" => {
                self.cur.bump();
                let table = self.table_name()?;
                self.chain(verb, &table, start)?;
            }
            "rule" => {
                self.cur.bump();
                self.rule_command(verb, start)?;
            }
            word @ ("set" | "map") => {
                self.cur.bump();
                let table = self.table_name()?;
                self.set(verb, &table, word == "map", start)?;
            }
            "element" => {
                self.cur.bump();
                let table = self.table_name()?;
                let name = self.cur.word("the name of a set")?;
                let elements = self.set_or_reference()?;
                self.push(verb, ObjectAst::Element(table, name, elements), start);
            }
            "meter" if verb == CommandVerb::Flush => {
                self.cur.skip_statement();
            }
            "ct" => {
                self.cur.bump();
                let kind = self.cur.word("`helper`, `timeout` or `expectation`")?;
                let table = self.table_name()?;
                self.ct_object(verb, table, kind, start)?;
            }
            word if OBJECTS.contains(&word) => {
                let kind = self.cur.word("an object")?;
                let table = self.table_name()?;
                self.named_object(verb, table, kind, start)?;
            }
            // `add inet filter input tcp dport 22 accept`: the word `rule` may be left out.
            _ if self.looks_like_rule() => self.rule_command(verb, start)?,
            _ => return self.cur.fail("expected a command"),
        }
        Ok(())
    }

    /// `[family] table chain …`.
    fn looks_like_rule(&self) -> bool {
        let second = matches!(self.cur.peek_at(1).tok, Tok::Word | Tok::Number | Tok::Str);
        second && (FAMILIES.contains(&self.cur.text()) || self.cur.peek_at(2).tok == Tok::Word)
    }

    fn family(&mut self) -> Parse<Option<Word<'a>>> {
        if FAMILIES.contains(&self.cur.text()) { self.cur.word("a family").map(Some) } else { Ok(None) }
    }

    fn table_name(&mut self) -> Parse<TableName<'a>> {
        let family = self.family()?;
        if self.cur.at_word("handle") && self.cur.peek_at(1).tok == Tok::Number {
            self.cur.bump();
        }
        Ok(TableName { family, name: self.cur.word("the name of a table")? })
    }

    fn table(&mut self, verb: CommandVerb, start: Span) -> Parse<()> {
        let table = self.table_name()?;
        if self.cur.tok() != Tok::Open {
            self.push(verb, ObjectAst::Table(table, Vec::new(), None), start);
            return Ok(());
        }
        let open = self.cur.span();
        self.cur.bump();
        let handle = self.cur.peek().handle();
        let at = self.commands.len();
        self.push(verb, ObjectAst::Table(table.clone(), Vec::new(), handle), start);
        self.cur.open_scope();
        let result = self.block_items(open, |parser| {
            let start = parser.cur.span();
            parser.table_item(&table, start, at)
        });
        self.cur.close_scope();
        result
    }

    /// The items of a block up to its `}`. One that cannot be read costs its place and not the block.
    pub(super) fn block_items(&mut self, open: Span, mut item: impl FnMut(&mut Self) -> Parse<()>) -> Parse<()> {
        loop {
            match self.cur.tok() {
                Tok::Newline | Tok::Semi => {
                    self.cur.bump();
                }
                Tok::Close => {
                    self.cur.bump();
                    return Ok(());
                }
                Tok::Eof => return Err(Fail { message: super::NOT_CLOSED.into(), span: open }),
                _ => {
                    let start = self.cur.span();
                    let result = item(self).and_then(|()| self.separator());
                    if let Err(fail) = result {
                        self.cur.skip_statement();
                        self.cur.report(fail, start);
                    }
                }
            }
        }
    }

    fn table_item(&mut self, table: &TableName<'a>, start: Span, at: usize) -> Parse<()> {
        match self.cur.text() {
            "include" => self.include(),
            "define" | "redefine" | "undefine" => self.define_statement(),
            "chain" => {
                self.cur.bump();
                self.chain(CommandVerb::Add, table, start)
            }
            word @ ("set" | "map") => {
                self.cur.bump();
                self.set(CommandVerb::Add, table, word == "map", start)
            }
            "meter" => {
                self.cur.bump();
                self.set(CommandVerb::Add, table, false, start)
            }
            "flags" => {
                self.cur.bump();
                let words = self.word_list()?;
                if let Some(Command { object: ObjectAst::Table(_, flags, _), .. }) = self.commands.get_mut(at) {
                    *flags = words;
                }
                Ok(())
            }
            "comment" => {
                self.cur.bump();
                self.cur.word("a comment").map(|_| ())
            }
            "ct" => {
                self.cur.bump();
                let kind = self.cur.word("`helper`, `timeout` or `expectation`")?;
                self.ct_object(CommandVerb::Add, table.clone(), kind, start)
            }
            word if OBJECTS.contains(&word) => {
                let kind = self.cur.word("an object")?;
                self.named_object(CommandVerb::Add, table.clone(), kind, start)
            }
            _ => self.cur.fail("expected `chain`, `set`, `map` or another part of a table"),
        }
    }

    fn ct_object(&mut self, verb: CommandVerb, table: TableName<'a>, kind: Word<'a>, start: Span) -> Parse<()> {
        match kind.text.as_ref() {
            "timeout" => self.timeout_object(verb, table, start),
            _ => self.named_object(verb, table, kind, start),
        }
    }

    fn named_object(&mut self, verb: CommandVerb, table: TableName<'a>, kind: Word<'a>, start: Span) -> Parse<()> {
        let name = self.cur.word("a name")?;
        match self.cur.tok() {
            Tok::Open => self.cur.skip_block(),
            Tok::Newline | Tok::Semi | Tok::Eof | Tok::Close => {}
            _ => self.cur.skip_statement(),
        }
        self.push(verb, ObjectAst::Object(table, kind, name), start);
        Ok(())
    }

    fn set(&mut self, verb: CommandVerb, table: &TableName<'a>, map: bool, start: Span) -> Parse<()> {
        let name = self.cur.word("the name of a set")?;
        let mut set = SetAst { map, ..SetAst::default() };
        if self.cur.tok() == Tok::Open {
            self.cur.open_scope();
            let result = self.set_block(&mut set);
            self.cur.close_scope();
            result?;
        }
        self.push(verb, ObjectAst::Set(table.clone(), name, Box::new(set)), start);
        Ok(())
    }

    fn chain(&mut self, verb: CommandVerb, table: &TableName<'a>, start: Span) -> Parse<()> {
        if self.cur.at_word("handle") && self.cur.peek_at(1).tok == Tok::Number {
            self.cur.bump();
        }
        let name = self.cur.word("the name of a chain")?;
        let mut chain = ChainAst::default();
        if verb == CommandVerb::Rename {
            let new_name = self.cur.word("the new name")?;
            chain.flags.push(new_name);
        } else if self.cur.tok() == Tok::Open {
            self.cur.open_scope();
            let result = self.chain_body(&mut chain);
            self.cur.close_scope();
            self.push(verb, ObjectAst::Chain(table.clone(), name, Box::new(chain)), start);
            return result;
        }
        self.push(verb, ObjectAst::Chain(table.clone(), name, Box::new(chain)), start);
        Ok(())
    }

    fn chain_body(&mut self, chain: &mut ChainAst<'a>) -> Parse<()> {
        let open = self.cur.expect(Tok::Open, "`{`")?;
        chain.handle = self.cur.peek().handle();
        self.block_items(open, |parser| parser.chain_item(chain))
    }

    fn chain_item(&mut self, chain: &mut ChainAst<'a>) -> Parse<()> {
        match self.cur.text() {
            "include" => self.include(),
            "define" | "redefine" | "undefine" => self.define_statement(),
            "type" => self.hook(chain),
            "policy" => {
                self.cur.bump();
                chain.policy = Some(self.concat(Mode::Right)?);
                Ok(())
            }
            "flags" => {
                self.cur.bump();
                chain.flags = self.word_list()?;
                Ok(())
            }
            "comment" if self.cur.peek_at(1).tok == Tok::Str => {
                self.cur.bump();
                self.cur.bump();
                Ok(())
            }
            "devices" => self.devices(chain),
            _ => {
                let rule = self.rule()?;
                chain.rules.push(rule);
                Ok(())
            }
        }
    }

    /// `type filter hook input [device eth0] priority filter + 5`.
    fn hook(&mut self, chain: &mut ChainAst<'a>) -> Parse<()> {
        let start = self.cur.span();
        self.cur.bump();
        let kind = self.cur.word("`filter`, `nat` or `route`")?;
        if !self.cur.eat_word("hook") {
            return self.cur.fail("expected `hook`");
        }
        let hook = self.cur.word("a hook")?;
        let mut devices = Vec::new();
        match self.cur.text() {
            "device" => {
                self.cur.bump();
                devices.push(self.concat(Mode::Right)?);
            }
            "devices" => {
                self.cur.bump();
                self.cur.expect(Tok::Assign, "`=`")?;
                devices.push(self.set_or_reference()?);
            }
            _ => {}
        }
        if !self.cur.eat_word("priority") {
            return self.cur.fail("expected `priority`");
        }
        let (priority, offset) = self.priority()?;
        let span = start.to(self.cur.last());
        chain.hook = Some(HookSpec { kind, hook, devices, priority, offset, span });
        Ok(())
    }

    fn priority(&mut self) -> Parse<(Expr<'a>, i64)> {
        let priority = match self.cur.tok() {
            Tok::Dollar => self.cur.variable()?,
            Tok::Dash => {
                let start = self.cur.span();
                self.cur.bump();
                self.number("a priority")?;
                let span = start.to(self.cur.last());
                let text = self.cur.slice(span).replace(' ', "");
                Expr::Word(Word { text: text.into(), span, quoted: false })
            }
            _ => Expr::Word(self.cur.word("a priority")?),
        };
        let sign = match self.cur.tok() {
            Tok::Plus => 1,
            Tok::Dash => -1,
            _ => return Ok((priority, 0)),
        };
        self.cur.bump();
        let offset = self.number("a number")? as i64;
        Ok((priority, sign * offset))
    }

    fn devices(&mut self, chain: &mut ChainAst<'a>) -> Parse<()> {
        self.cur.bump();
        self.cur.expect(Tok::Assign, "`=`")?;
        let list = self.set_or_reference()?;
        if let Some(hook) = &mut chain.hook {
            hook.devices.push(list);
        }
        Ok(())
    }

    /// `[family] table chain [handle|position|index N] rule`.
    fn rule_command(&mut self, verb: CommandVerb, start: Span) -> Parse<()> {
        let table = self.table_name()?;
        let chain = self.cur.word("the name of a chain")?;
        let position = match self.cur.text() {
            "handle" | "position" => {
                self.cur.bump();
                Some(Position::Handle(self.number("a handle")?, self.cur.last()))
            }
            "index" => {
                self.cur.bump();
                Some(Position::Index(self.number("an index")?, self.cur.last()))
            }
            _ => None,
        };
        let rule = match verb {
            CommandVerb::Delete | CommandVerb::Destroy => None,
            _ => Some(Box::new(self.rule()?)),
        };
        self.push(verb, ObjectAst::Rule(table, chain, position, rule), start);
        Ok(())
    }

    /// The rules of `jump { … }`.
    pub(super) fn inline_chain(&mut self) -> Parse<Vec<RuleAst<'a>>> {
        if self.depth >= 16 {
            return self.cur.fail("anonymous chains are nested over 16 deep");
        }
        self.depth += 1;
        let mut chain = ChainAst::default();
        let result = self.chain_body(&mut chain);
        self.depth -= 1;
        result.map(|()| chain.rules)
    }

    /// `include "name"`: takes the separator after it first, then reads the file in its place.
    pub(super) fn include(&mut self) -> Parse<()> {
        self.cur.bump();
        let word = self.cur.word("a quoted file name")?;
        if !matches!(self.cur.tok(), Tok::Newline | Tok::Semi | Tok::Eof) {
            return self.cur.fail("expected a new line after the file name");
        }
        if self.cur.tok() != Tok::Eof {
            self.cur.bump();
        }
        if let Err(fail) = self.cur.include(&word.text, word.span) {
            self.cur.report(fail, word.span);
        }
        // Its separator is taken; the included file may begin with anything.
        self.separated = true;
        Ok(())
    }

    /// `define name = value`, `redefine`, `undefine name`.
    pub(super) fn define_statement(&mut self) -> Parse<()> {
        let verb = self.cur.text();
        self.cur.bump();
        let name = self.cur.word("a name")?;
        if verb == "undefine" {
            self.cur.undefine(&name);
            return Ok(());
        }
        self.cur.expect(Tok::Assign, "`=`")?;
        let mark = self.cur.begin_define();
        self.operators = 0;
        let first = self.concat(Mode::Value)?;
        let value = self.list_rest(first, Mode::Value)?;
        self.cur.define(name, value, &mark, verb == "redefine")
    }
}
