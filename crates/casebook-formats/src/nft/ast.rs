//! The syntax tree all front ends produce: nft text, `nft -a` listings and `nft -j` JSON.
//!
//! It is untyped. A word is a word until [`crate::nft::lower`] knows what it is compared with, as in nft's
//! own parser and evaluator (src/parser_bison.y, src/evaluate.c). Every node has the span it was written at.

use std::borrow::Cow;
use std::rc::Rc;

use casebook_core::Span;

/// A word with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The text, unquoted.
    pub text: Cow<'a, str>,
    /// Where it stands.
    pub span: Span,
    /// True when it was quoted, which makes `"accept"` a string and never a keyword.
    pub quoted: bool,
}

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr<'a> {
    /// A bare word, number, address or quoted string; its meaning depends on the type it meets.
    Word(Word<'a>),
    /// `a-b`, both ends included.
    Range(Box<Expr<'a>>, Box<Expr<'a>>),
    /// `addr/len`.
    Prefix(Box<Expr<'a>>, u32, Span),
    /// `a,b,c` outside of braces: an "or" of flags.
    List(Vec<Expr<'a>>, Span),
    /// `{ … }`.
    Set(Vec<Elem<'a>>, Span),
    /// `@name`.
    SetRef(Word<'a>),
    /// `a . b`.
    Concat(Vec<Expr<'a>>, Span),
    /// A selector: `ip saddr`, `meta mark`, `ct original ip saddr`.
    Field(Selector<'a>),
    /// `a & b`, `a | b`, `a ^ b`, `a << b`, `a >> b`.
    Binary(BinaryOp, Box<Expr<'a>>, Box<Expr<'a>>, Span),
    /// `key map { … }` or `key map @name`.
    Map(Box<Expr<'a>>, Box<Expr<'a>>, Span),
    /// `$name`, with the value its define gave it. The value's spans are where the define was written.
    Var(Word<'a>, Rc<Expr<'a>>),
    /// A verdict in a map's data: `jump web`.
    Verdict(Verdict<'a>),
    /// A number the kernel draws: `numgen inc mod 2`, `jhash ip saddr mod 2`, `symhash mod 2`.
    Draw(Box<DrawAst<'a>>, Span),
    /// An expression the front end knows the shape of but not the meaning: carried through as unknown.
    Opaque {
        /// What it is: `numgen random`, `fib daddr type`.
        what: String,
        /// Where.
        span: Span,
        /// True when the kernel can break the rule while loading it.
        may_break: bool,
    },
}

/// A number that is drawn, as written.
#[derive(Clone, Debug)]
pub struct DrawAst<'a> {
    /// How.
    pub how: DrawKind,
    /// What `jhash` hashes.
    pub key: Option<Expr<'a>>,
    /// How many numbers there are.
    pub modulus: u32,
    /// The lowest of them.
    pub offset: u32,
}

/// How a number is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DrawKind {
    /// `numgen inc`: one after the other, by a counter of the rule (net/netfilter/nft_numgen.c `nft_ng_inc_gen`).
    Inc,
    /// `numgen random`: anew for every packet (`nft_ng_random_gen`).
    Random,
    /// `jhash`: the same for the same key (net/netfilter/nft_hash.c `nft_jhash_eval`).
    Jhash,
    /// `symhash`: the same for all packets of a flow, both ways (`nft_symhash_eval`).
    Symhash,
}

impl DrawKind {
    /// As nft writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            DrawKind::Inc => "numgen inc",
            DrawKind::Random => "numgen random",
            DrawKind::Jhash => "jhash",
            DrawKind::Symhash => "symhash",
        }
    }
}

/// A bitwise operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `&`, `and`
    And,
    /// `|`, `or`
    Or,
    /// `^`, `xor`
    Xor,
    /// `<<`, `lshift`
    Shl,
    /// `>>`, `rshift`
    Shr,
}

/// A relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelOp {
    /// No operator written: equality, membership, or any bit set, by the type of the left side.
    Implicit,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `!`: none of the bits is set.
    Not,
}

/// A set element.
#[derive(Clone, Debug)]
pub struct Elem<'a> {
    /// The key; a word `*` for the catch-all.
    pub key: Expr<'a>,
    /// What a map gives for it.
    pub data: Option<Expr<'a>>,
    /// Timeout or expiry, which makes its presence depend on time.
    pub timeout: bool,
    /// Statements of the element (`counter`, `limit rate 1/second`).
    pub stmts: Vec<Stmt<'a>>,
    /// The whole element.
    pub span: Span,
}

/// What is loaded from the packet or from what the kernel knows of it.
#[derive(Clone, Debug)]
pub struct Selector<'a> {
    /// What kind.
    pub kind: SelectorKind<'a>,
    /// The whole selector.
    pub span: Span,
}

/// Kinds of selectors. Names are as nft spells them and not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectorKind<'a> {
    /// `ip saddr`: protocol and field.
    Payload(Cow<'a, str>, Cow<'a, str>),
    /// `@nh,96,32`: base, offset and length in bits.
    Raw(Cow<'a, str>, u32, u32),
    /// `meta mark`; `iifname` alone is `meta iifname`.
    Meta(Cow<'a, str>),
    /// `ct state`; with `original` or `reply` as direction: `ct original ip saddr` has key `ip saddr`.
    Ct(Cow<'a, str>, Option<Direction>),
    /// `tcp option maxseg size`: option and field; `None` asks whether it exists.
    TcpOption(Cow<'a, str>, Option<Cow<'a, str>>),
    /// `frag frag-off`; `exthdr frag` asks whether it exists (field `None`).
    Exthdr(Cow<'a, str>, Option<Cow<'a, str>>),
    /// Anything else nft can load, as written: `fib saddr . iif oif`, `socket transparent`, `rt nexthop`.
    Other(Cow<'a, str>),
}

/// Direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// As the first packet went.
    Original,
    /// The other way.
    Reply,
}

/// A verdict.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// Which.
    pub kind: VerdictKind<'a>,
    /// Where.
    pub span: Span,
}

/// Kinds of verdicts.
#[derive(Clone, Debug)]
pub enum VerdictKind<'a> {
    /// `accept`
    Accept,
    /// `drop`
    Drop,
    /// `continue`
    Continue,
    /// `return`
    Return,
    /// `jump chain`
    Jump(Word<'a>),
    /// `goto chain`
    Goto(Word<'a>),
    /// `jump { … }`, `goto { … }`: an anonymous chain.
    Inline(bool, Vec<RuleAst<'a>>),
}

/// A statement of a rule.
#[derive(Clone, Debug)]
pub struct Stmt<'a> {
    /// What it does.
    pub kind: StmtKind<'a>,
    /// The whole statement.
    pub span: Span,
}

/// Kinds of statements.
#[derive(Clone, Debug)]
pub enum StmtKind<'a> {
    /// `left op right`.
    Match(Expr<'a>, RelOp, Expr<'a>),
    /// `key vmap map`.
    Vmap(Expr<'a>, Expr<'a>),
    /// A verdict.
    Verdict(Verdict<'a>),
    /// `meta mark set 1`, `ct mark set meta mark`, `ip dscp set cs1`, `tcp option maxseg size set 1400`.
    Assign(Selector<'a>, Expr<'a>),
    /// `counter`, with its name if it is a named one.
    Counter(Option<Word<'a>>),
    /// `log …`.
    Log {
        /// `prefix "…"`.
        prefix: Option<Word<'a>>,
        /// `group N`.
        group: Option<u32>,
    },
    /// `limit rate …`; the text is the rate as written, or the name of a limit object.
    Limit(String),
    /// `quota …`.
    Quota(String),
    /// `ct count [over] N`; true for `over`.
    CtCount(bool, Option<u64>),
    /// `reject [with …]`.
    Reject(Option<String>),
    /// `snat to …`, `dnat to …`, `masquerade`, `redirect`.
    Nat(Box<NatAst<'a>>),
    /// `tproxy [ip|ip6] to addr:port`.
    Tproxy(Option<Expr<'a>>, Option<Expr<'a>>),
    /// `notrack`.
    Notrack,
    /// `queue …`: as written.
    Queue(String),
    /// `dup to …`.
    Dup(Option<Expr<'a>>, Option<Expr<'a>>),
    /// `fwd to …`.
    Fwd(Option<Expr<'a>>, Option<Expr<'a>>),
    /// `synproxy …`.
    Synproxy,
    /// `flow add @f`.
    Flow(Word<'a>),
    /// `add @s { key … }`, `update`, `delete`; map data if it is a map.
    SetUpdate(Box<SetUpdateAst<'a>>),
    /// `meter name { key stmt }`: an anonymous dynamic set with statements.
    Meter(Option<Word<'a>>, Expr<'a>, Vec<Stmt<'a>>),
    /// `ct helper set "ftp"`, `ct timeout set`, `ct expectation set`: key and object.
    CtObject(Cow<'a, str>, Expr<'a>),
    /// `comment "…"` at the end of a rule in text; not a statement for the kernel.
    Comment(Word<'a>),
    /// `xt match comment`, `xt target MASQUERADE`, or a statement of a later nft: carried as unknown.
    Opaque {
        /// What it is.
        what: String,
        /// True when it can break the rule.
        may_break: bool,
        /// True when it can end the rule with a verdict.
        may_end: bool,
    },
}

/// An address translation as written. Apart from [`StmtKind`], whose other kinds are much smaller.
#[derive(Clone, Debug)]
pub struct NatAst<'a> {
    /// Which.
    pub kind: NatKind,
    /// `ip`/`ip6` in `dnat ip to`.
    pub family: Option<Word<'a>>,
    /// The address, a range, or a map.
    pub addr: Option<Expr<'a>>,
    /// The port or a range.
    pub port: Option<Expr<'a>>,
    /// `random`, `fully-random`, `persistent`, `prefix` …
    pub flags: Vec<String>,
}

/// A change to a set from a rule. Apart from [`StmtKind`], whose other kinds are much smaller.
#[derive(Clone, Debug)]
pub struct SetUpdateAst<'a> {
    /// `add`, `update` or `delete`.
    pub op: SetOp,
    /// The set.
    pub set: Word<'a>,
    /// What is put in.
    pub key: Expr<'a>,
    /// Map data.
    pub data: Option<Expr<'a>>,
    /// Statements of the element, run at once.
    pub stmts: Vec<Stmt<'a>>,
}

/// Which address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatKind {
    /// `snat`
    Snat,
    /// `dnat`
    Dnat,
    /// `masquerade`
    Masquerade,
    /// `redirect`
    Redirect,
}

/// What is done to a set from a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetOp {
    /// `add`
    Add,
    /// `update`
    Update,
    /// `delete`
    Delete,
}

/// A rule as written.
#[derive(Clone, Debug)]
pub struct RuleAst<'a> {
    /// Its statements.
    pub stmts: Vec<Stmt<'a>>,
    /// Its comment.
    pub comment: Option<Word<'a>>,
    /// Handle, in listings and JSON.
    pub handle: Option<u64>,
    /// The whole rule, without separator and comments.
    pub span: Span,
    /// Number in the JSON array, for evidence that is one.
    pub record: Option<u32>,
}

/// A chain's `type … hook … priority …` line.
#[derive(Clone, Debug)]
pub struct HookSpec<'a> {
    /// `filter`, `nat`, `route`.
    pub kind: Word<'a>,
    /// `input`.
    pub hook: Word<'a>,
    /// `device`/`devices`.
    pub devices: Vec<Expr<'a>>,
    /// Name or number; with the offset of `filter - 5`.
    pub priority: Expr<'a>,
    /// Offset added to a named priority.
    pub offset: i64,
    /// The whole specification.
    pub span: Span,
}

/// A chain as declared.
#[derive(Clone, Debug, Default)]
pub struct ChainAst<'a> {
    /// Its hook, for a base chain.
    pub hook: Option<HookSpec<'a>>,
    /// Its policy.
    pub policy: Option<Expr<'a>>,
    /// Its rules, in order.
    pub rules: Vec<RuleAst<'a>>,
    /// Handle.
    pub handle: Option<u64>,
    /// Flags (`offload`).
    pub flags: Vec<Word<'a>>,
}

/// A set or map as declared.
#[derive(Clone, Debug, Default)]
pub struct SetAst<'a> {
    /// True for a map.
    pub map: bool,
    /// Key type: words of `type a . b`, or expressions of `typeof`.
    pub key: Option<TypeSpec<'a>>,
    /// Data type of a map.
    pub data: Option<TypeSpec<'a>>,
    /// `constant`, `interval`, `timeout`, `dynamic`.
    pub flags: Vec<Word<'a>>,
    /// True when elements expire.
    pub timeout: bool,
    /// `size N`.
    pub size: Option<u64>,
    /// `auto-merge`.
    pub auto_merge: bool,
    /// Statements run for each element hit.
    pub stmts: Vec<Stmt<'a>>,
    /// Elements. A `Var` for `elements = $x`.
    pub elements: Option<Expr<'a>>,
    /// Handle.
    pub handle: Option<u64>,
}

/// How a type is written.
#[derive(Clone, Debug)]
pub enum TypeSpec<'a> {
    /// `type ipv4_addr . inet_service`, word by word; `verdict`, `mark`, or an object type (`counter`).
    Named(Vec<Word<'a>>),
    /// `typeof ip saddr . tcp dport`.
    Of(Expr<'a>),
}

/// One command, in order of the file. Blocks are unrolled into the commands they stand for.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// What is done.
    pub verb: CommandVerb,
    /// To what.
    pub object: ObjectAst<'a>,
    /// Where.
    pub span: Span,
}

/// Verbs that change state. `list`, `monitor` and others that do not are dropped by the front ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandVerb {
    /// `add`, or a block.
    Add,
    /// `create`: fails when it exists.
    Create,
    /// `insert`
    Insert,
    /// `replace`
    Replace,
    /// `delete`
    Delete,
    /// `destroy`: delete, and silent when absent.
    Destroy,
    /// `flush`
    Flush,
    /// `rename`
    Rename,
}

/// Family and name of a table.
#[derive(Clone, Debug)]
pub struct TableName<'a> {
    /// `inet`; `None` when not written, which means `ip`.
    pub family: Option<Word<'a>>,
    /// Name; `None` with a handle.
    pub name: Word<'a>,
}

/// Where a rule command puts its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// `handle N` or `position N`.
    Handle(u64, Span),
    /// `index N`.
    Index(u64, Span),
}

/// What a command is about.
#[derive(Clone, Debug)]
pub enum ObjectAst<'a> {
    /// The whole ruleset, of one family or all (`flush ruleset [family]`).
    Ruleset(Option<Word<'a>>),
    /// A table; `flags` holds `dormant`; handle in listings.
    Table(TableName<'a>, Vec<Word<'a>>, Option<u64>),
    /// A chain: declaration, deletion, flush. The word after it is the new name for `rename`.
    Chain(TableName<'a>, Word<'a>, Box<ChainAst<'a>>),
    /// A rule. `delete rule` has a position and no rule.
    Rule(TableName<'a>, Word<'a>, Option<Position>, Option<Box<RuleAst<'a>>>),
    /// A set or map.
    Set(TableName<'a>, Word<'a>, Box<SetAst<'a>>),
    /// Elements of a set or map.
    Element(TableName<'a>, Word<'a>, Expr<'a>),
    /// A stateful object or flowtable: kind, name.
    Object(TableName<'a>, Word<'a>, Word<'a>),
    /// A `ct timeout` object: its name and what it says.
    Timeout(TableName<'a>, Word<'a>, Box<TimeoutAst<'a>>),
}

/// A `ct timeout` object as declared.
#[derive(Clone, Debug, Default)]
pub struct TimeoutAst<'a> {
    /// `protocol tcp`.
    pub protocol: Option<Word<'a>>,
    /// `l3proto ip`; the table's family when not written.
    pub l3proto: Option<Word<'a>>,
    /// `policy = { established : 7s, close : 5 }`: state, time in seconds, and where both are written.
    pub policy: Vec<(Word<'a>, u32, Span)>,
    /// Handle, in listings.
    pub handle: Option<u64>,
}

/// Something nft refuses, or a place where the front end lost the thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, lower case, one sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is skipped because of it.
    pub skipped: Span,
}

/// What a front end gives: commands in order, and what it could not read.
#[derive(Clone, Debug, Default)]
pub struct Parsed<'a> {
    /// Commands.
    pub commands: Vec<Command<'a>>,
    /// Errors; the rest of the file is still there.
    pub errors: Vec<SyntaxError>,
    /// Stretches read but not understood (unknown JSON keys, limits that were hit).
    pub unmodelled: Vec<casebook_core::Unmodelled>,
    /// Version of nft that wrote it, when the evidence says so.
    pub version: Option<String>,
}

impl<'a> Expr<'a> {
    /// The span of the expression as used: of the `$name` for a variable.
    pub fn span(&self) -> Span {
        match self {
            Expr::Word(word) | Expr::SetRef(word) | Expr::Var(word, _) => word.span,
            Expr::Range(low, high) => low.span().to(high.span()),
            Expr::Prefix(_, _, span)
            | Expr::List(_, span)
            | Expr::Set(_, span)
            | Expr::Concat(_, span)
            | Expr::Binary(_, _, _, span)
            | Expr::Map(_, _, span) => *span,
            Expr::Field(selector) => selector.span,
            Expr::Verdict(verdict) => verdict.span,
            Expr::Draw(_, span) | Expr::Opaque { span, .. } => *span,
        }
    }

    /// The expression behind variables, and the span of the innermost define it came from.
    pub fn resolve(&self) -> (&Expr<'a>, Option<Span>) {
        let mut expr = self;
        let mut define = None;
        while let Expr::Var(_, value) = expr {
            expr = value;
            define = Some(value.span());
        }
        (expr, define)
    }
}
