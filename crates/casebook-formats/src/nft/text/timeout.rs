//! `ct timeout` objects: how long connections of one kind are remembered.

use casebook_core::Span;

use super::command::Parser;
use super::cursor::{Fail, Parse};
use super::lexer::Tok;
use crate::nft::ast::{CommandVerb, ObjectAst, TableName, TimeoutAst};

impl<'a> Parser<'a> {
    /// `slow { protocol tcp; l3proto ip; policy = { established : 7s, close : 5 } }`, after `ct timeout`.
    pub(super) fn timeout_object(&mut self, verb: CommandVerb, table: TableName<'a>, start: Span) -> Parse<()> {
        let name = self.cur.word("a name")?;
        let mut timeout = TimeoutAst::default();
        let mut result = Ok(());
        if self.cur.tok() == Tok::Open {
            result = self.timeout_block(&mut timeout);
        }
        self.push(verb, ObjectAst::Timeout(table, name, Box::new(timeout)), start);
        result
    }

    fn timeout_block(&mut self, timeout: &mut TimeoutAst<'a>) -> Parse<()> {
        let open = self.cur.expect(Tok::Open, "`{`")?;
        timeout.handle = self.cur.peek().handle();
        self.block_items(open, |parser| parser.timeout_item(timeout))
    }

    fn timeout_item(&mut self, timeout: &mut TimeoutAst<'a>) -> Parse<()> {
        match self.cur.text() {
            "protocol" => {
                self.cur.bump();
                timeout.protocol = Some(self.cur.word("a transport protocol")?);
            }
            "l3proto" => {
                self.cur.bump();
                timeout.l3proto = Some(self.cur.word("a network protocol")?);
            }
            "policy" => {
                self.cur.bump();
                self.cur.expect(Tok::Assign, "`=`")?;
                self.cur.expect(Tok::Open, "`{`")?;
                let result = self.policy(timeout);
                if result.is_err() {
                    // The brace that ends it does not end the object.
                    while !matches!(self.cur.tok(), Tok::Close | Tok::Newline | Tok::Semi | Tok::Eof) {
                        self.cur.bump();
                    }
                    self.cur.eat(Tok::Close);
                }
                return result;
            }
            "comment" => {
                self.cur.bump();
                self.cur.word("a comment")?;
            }
            _ => return self.cur.fail("expected `protocol`, `l3proto` or `policy`"),
        }
        Ok(())
    }

    /// The states up to `}`. Up to nft 1.0.6 a time is a number of seconds; later ones take and print `1m30s`. nft prints
    /// an object without states with empty braces, which it does not read itself.
    fn policy(&mut self, timeout: &mut TimeoutAst<'a>) -> Parse<()> {
        self.cur.skip_newlines();
        if self.cur.eat(Tok::Close) {
            return Ok(());
        }
        loop {
            self.cur.skip_newlines();
            let state = self.cur.word("a state")?;
            self.cur.expect(Tok::Colon, "`:`")?;
            let time = self.cur.word("a time")?;
            let Some(seconds) = seconds(&time.text) else {
                let message = format!("`{}` is not a time in seconds", time.text);
                return Err(Fail { message, span: time.span });
            };
            let span = state.span.to(time.span);
            timeout.policy.push((state, seconds, span));
            self.cur.skip_newlines();
            if self.cur.eat(Tok::Close) {
                return Ok(());
            }
            self.cur.expect(Tok::Comma, "`,` or `}`")?;
        }
    }
}

/// `90`, `7s`, `1m30s`, `1d2h`: whole seconds (src/datatype.c `time_parse`).
fn seconds(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let mut rest = text;
    let mut sum = 0u32;
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            let number: u32 = number.parse().ok()?;
            sum = sum.checked_add(number.checked_mul(length)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};

    use super::seconds;
    use crate::nft::ast::ObjectAst;

    /// Loaded with nft 1.0.6: what it refuses is refused, and the rest of the file is read all the same.
    #[test]
    fn what_nft_refuses_costs_its_place_and_not_the_file() {
        let refused = [
            "protocol tcp; policy = { established : 7 } }",
            "protocol tcp policy = { established : 7 }\n }",
            "protocol tcp\n policy = { established : 7, }\n }",
            "protocol tcp\n policy = { established : 7 close : 5 }\n }",
            "protocol tcp\n policy = { established }\n }",
        ];
        let taken =
            ["protocol tcp; policy = { established : 7 }; }", "protocol tcp;comment \"a\"\n policy = {close:7}\n }"];
        for (bodies, errors) in [(&refused[..], 1), (&taken[..], 0)] {
            for body in bodies {
                let text = format!("table ip t {{\n ct timeout x {{ {body}\n chain c {{\n accept\n }}\n}}\n");
                let mut set = EvidenceSet::new();
                let id = set.add("t.nft", None, Bytes::new(text.as_bytes().to_vec()));
                let (parsed, _) = crate::nft::text::parse(&set, id);
                assert_eq!(parsed.errors.len(), errors, "{text}: {:?}", parsed.errors);
                let [_, timeout, chain] = parsed.commands.as_slice() else { panic!("{text}: {:?}", parsed.commands) };
                assert!(matches!(&timeout.object, ObjectAst::Timeout(_, name, ast)
                    if name.text == "x" && ast.protocol.as_ref().is_some_and(|word| word.text == "tcp")));
                assert!(matches!(&chain.object, ObjectAst::Chain(_, _, chain) if chain.rules.len() == 1), "{text}");
            }
        }
    }

    #[test]
    fn a_time_is_a_number_of_seconds_or_has_units() {
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("7s"), Some(7));
        assert_eq!(seconds("1m30s"), Some(90));
        assert_eq!(seconds("5d"), Some(432_000));
        assert_eq!(seconds("1d2h3m4s"), Some(86_400 + 7_200 + 180 + 4));
        for wrong in ["", "s", "1x", "1s2m", "7ss", "-1", "99999999999s", "100ms"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
