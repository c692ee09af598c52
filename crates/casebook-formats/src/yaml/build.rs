//! Events to a tree.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Documents, MAX_BYTES, MAX_DEPTH, MAX_ERRORS, MAX_NODES, Node, Pair, Style, Value, YamlError};

/// Characters between two entries of the table of places.
const STRIDE: usize = 64;

pub(super) fn read(bytes: &[u8]) -> Documents {
    let mut out = Documents::default();
    // The crate takes NUL for the end of the text, so that everything behind one would be lost without a word.
    let stop = bytes.iter().take(MAX_BYTES).position(|byte| *byte == 0).unwrap_or(bytes.len().min(MAX_BYTES));
    let head = bytes.get(..stop).unwrap_or_default();
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    if text.len() < bytes.len() {
        out.errors.push(YamlError { span: (text.len(), text.len() + 1), message: "the text is cut off here".into() });
        out.unread.push((text.len(), bytes.len()));
    }
    let (skip, mut at) = if text.starts_with('\u{feff}') { (3, 3) } else { (0, 0) };
    let mut left = MAX_NODES;
    while let Some(part) = text.get(at..) {
        let mut builder = Builder::new(part, at, &mut left);
        // The crate is asked to read what others wrote; should it panic, what it gave before is kept.
        let ended = catch_unwind(AssertUnwindSafe(|| builder.run())).unwrap_or_else(|_| {
            let span = (builder.reached, builder.reached);
            Err(YamlError { span, message: "the parser gave up here".into() })
        });
        builder.finish(&mut out);
        let Err(error) = ended else { break };
        let place = error.span.0.clamp(at.max(skip), text.len());
        let limit = left == 0;
        out.errors.push(error);
        // The next document can be read all the same.
        let next = text.get(place..).and_then(|rest| rest.find("\n---")).map(|found| place + found + 1);
        let next = next.filter(|next| *next > at && !limit && out.errors.len() < MAX_ERRORS);
        out.unread.push((place, next.unwrap_or(text.len())));
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    out.errors.truncate(MAX_ERRORS);
    out.unread.retain(|(start, end)| start < end);
    out
}

/// Character numbers to byte offsets.
struct Places<'a> {
    text: &'a str,
    table: Vec<usize>,
    ascii: bool,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let ascii = text.is_ascii();
        let table = if ascii { Vec::new() } else { text.char_indices().step_by(STRIDE).map(|(at, _)| at).collect() };
        Self { text, table, ascii }
    }

    fn byte(&self, marker: &Marker) -> usize {
        let index = marker.index();
        if self.ascii {
            return index.min(self.text.len());
        }
        let Some(base) = self.table.get(index / STRIDE).copied() else { return self.text.len() };
        let rest = self.text.get(base..).unwrap_or_default();
        rest.char_indices().nth(index % STRIDE).map_or(self.text.len(), |(at, _)| base + at)
    }
}

/// A collection that is not closed yet.
struct Open {
    start: usize,
    anchor: usize,
    items: Vec<Node>,
    mapping: bool,
    depth: usize,
    nodes: usize,
}

/// A node with its size, so that copies are counted.
#[derive(Clone)]
struct Sized {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'a, 'b> {
    places: Places<'a>,
    offset: usize,
    stack: Vec<Open>,
    roots: Vec<Node>,
    anchors: HashMap<usize, Sized>,
    errors: Vec<YamlError>,
    left: &'b mut usize,
    reached: usize,
}

impl<'a, 'b> Builder<'a, 'b> {
    fn new(text: &'a str, offset: usize, left: &'b mut usize) -> Self {
        Self {
            places: Places::new(text),
            offset,
            stack: Vec::new(),
            roots: Vec::new(),
            anchors: HashMap::new(),
            errors: Vec::new(),
            left,
            reached: offset,
        }
    }

    fn error(&mut self, span: (usize, usize), message: impl Into<Cow<'static, str>>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(YamlError { span, message: message.into() });
        }
    }

    fn run(&mut self) -> Result<(), YamlError> {
        let mut parser = Parser::new_from_str(self.places.text);
        while let Some(next) = parser.next_event() {
            let (event, span) = match next {
                Ok(next) => next,
                Err(error) => {
                    let at = self.places.byte(error.marker()) + self.offset;
                    return Err(YamlError { span: (at, at), message: error.info().to_owned().into() });
                }
            };
            let start = self.places.byte(&span.start) + self.offset;
            let end = (self.places.byte(&span.end) + self.offset).max(start);
            let start = match event {
                Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    self.without_properties(start)
                }
                _ => start,
            };
            let end = end.max(start);
            self.reached = end;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => self.anchors.clear(),
                Event::Scalar(text, style, anchor, tag) => {
                    let (style, end) = match style {
                        ScalarStyle::Plain => (Style::Plain, end),
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => (Style::Quoted, end),
                        ScalarStyle::Literal | ScalarStyle::Folded => (Style::Block, self.without_blanks(start, end)),
                    };
                    let tag = tag.map_or_else(String::new, |tag| short(&tag.handle, &tag.suffix));
                    let value = Value::Scalar { text: text.into_owned(), style, tag };
                    self.take(1, start)?;
                    self.place(Node { value, span: (start, end), alias: None }, anchor, 1, 0)?;
                }
                Event::SequenceStart(anchor, _) => self.open(start, anchor, false)?,
                Event::MappingStart(anchor, _) => self.open(start, anchor, true)?,
                Event::SequenceEnd | Event::MappingEnd => self.close(start, end)?,
                Event::Alias(id) => self.alias(id, (start, end))?,
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, nodes: usize, at: usize) -> Result<(), YamlError> {
        match self.left.checked_sub(nodes) {
            Some(left) => {
                *self.left = left;
                Ok(())
            }
            None => {
                *self.left = 0;
                Err(YamlError { span: (at, at), message: "more nodes than are read, copies of aliases counted".into() })
            }
        }
    }

    fn open(&mut self, start: usize, anchor: usize, mapping: bool) -> Result<(), YamlError> {
        self.take(1, start)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(YamlError { span: (start, start), message: "nested too deep".into() });
        }
        self.stack.push(Open { start, anchor, items: Vec::new(), mapping, depth: 0, nodes: 1 });
        Ok(())
    }

    fn close(&mut self, start: usize, end: usize) -> Result<(), YamlError> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        // A block collection ends with its last child; a flow collection with its bracket.
        let last = open.items.last().map(|item| item.alias.unwrap_or(item.span).1);
        let flow = matches!(self.byte_at(open.start), Some(b'[' | b'{'));
        let mut finish = if flow { end } else { last.unwrap_or(start).max(open.start) };
        finish = finish.max(open.start);
        let mut first = open.start;
        if let Some(item) = open.items.first() {
            first = first.min(item.alias.unwrap_or(item.span).0);
        }
        let span = (first, finish);
        let (mut nodes, mut depth) = (open.nodes, open.depth);
        let value =
            if open.mapping { self.mapping(open.items, &mut nodes, &mut depth)? } else { Value::Sequence(open.items) };
        self.place(Node { value, span, alias: None }, open.anchor, nodes, depth)
    }

    fn byte_at(&self, at: usize) -> Option<u8> {
        self.places.text.as_bytes().get(at.checked_sub(self.offset)?).copied()
    }

    /// Where a node begins behind its anchor and tag, which the crate sometimes counts to it.
    fn without_properties(&self, start: usize) -> usize {
        let text = self.places.text.as_bytes();
        let mut at = start - self.offset;
        while matches!(text.get(at), Some(b'&' | b'!')) {
            let word = text[at..].iter().take_while(|byte| !b" \t\r\n,[]{}".contains(byte)).count();
            let mut next = at + word;
            loop {
                next += text[next..].iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
                if text.get(next) != Some(&b'#') {
                    break;
                }
                next += text[next..].iter().take_while(|byte| **byte != b'\n').count();
            }
            at = next;
        }
        at + self.offset
    }

    /// The end of a block scalar without the blank lines behind it.
    fn without_blanks(&self, start: usize, end: usize) -> usize {
        let text = self.places.text.as_bytes();
        let part = text.get(start - self.offset..end - self.offset).unwrap_or_default();
        start + part.trim_ascii_end().len()
    }

    fn place(&mut self, node: Node, anchor: usize, nodes: usize, depth: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            // What an anchor names is kept beside the tree.
            self.take(nodes, node.span.0)?;
            self.anchors.insert(anchor, Sized { node: node.clone(), nodes, depth });
        }
        match self.stack.last_mut() {
            Some(open) => {
                open.items.push(node);
                open.nodes += nodes;
                open.depth = open.depth.max(depth + 1);
            }
            None => self.roots.push(node),
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, place: (usize, usize)) -> Result<(), YamlError> {
        let Some(known) = self.anchors.get(&id) else {
            self.error(place, "an alias inside of what it stands for");
            self.take(1, place.0)?;
            return self.place(Node { value: Value::Broken, span: place, alias: None }, 0, 1, 0);
        };
        let (nodes, depth) = (known.nodes, known.depth);
        if self.stack.len() + depth >= MAX_DEPTH {
            return Err(YamlError { span: place, message: "nested too deep".into() });
        }
        self.take(nodes, place.0)?;
        let Some(known) = self.anchors.get(&id) else { return Ok(()) };
        let node = Node { alias: Some(place), ..known.node.clone() };
        self.place(node, 0, nodes, depth)
    }

    fn mapping(&mut self, items: Vec<Node>, nodes: &mut usize, depth: &mut usize) -> Result<Value, YamlError> {
        let mut pairs: Vec<Pair> = Vec::with_capacity(items.len() / 2);
        let mut merges: Vec<Node> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            let end = key.span.1;
            let value = items.next().unwrap_or(Node {
                value: Value::Scalar { text: String::new(), style: Style::Plain, tag: String::new() },
                span: (end, end),
                alias: None,
            });
            if key.plain() == Some("<<") {
                merges.push(value);
                continue;
            }
            if let Some(text) = key.as_str()
                && !known.insert(text.to_owned())
            {
                self.error(key.span, "a key that stands twice in a mapping");
            }
            pairs.push(Pair { key, value, merged: false });
        }
        for merge in &merges {
            let one = [merge.clone()];
            let list = if let Value::Sequence(list) = &merge.value { list.as_slice() } else { &one };
            for source in list {
                let Value::Mapping(from) = &source.value else {
                    self.error(source.alias.unwrap_or(source.span), "a merge key wants mappings");
                    continue;
                };
                for pair in from {
                    if pair.key.as_str().is_some_and(|key| !known.insert(key.to_owned())) {
                        continue;
                    }
                    let size = count(&pair.value) + 1;
                    self.take(size, merge.span.0)?;
                    *nodes += size;
                    *depth = (*depth).max(height(&pair.value) + 1);
                    pairs.push(Pair { merged: true, ..pair.clone() });
                }
            }
        }
        Ok(Value::Mapping(pairs))
    }

    /// What was read goes out, collections that were never closed too.
    fn finish(mut self, out: &mut Documents) {
        while !self.stack.is_empty() {
            let end = self.reached;
            if let Some(open) = self.stack.last_mut() {
                open.anchor = 0;
            }
            if self.close(end, end).is_err() {
                break;
            }
        }
        out.roots.append(&mut self.roots);
        out.roots.retain(|root| !root.is_null());
        out.errors.append(&mut self.errors);
    }
}

/// Nodes below and with one. Trees are [`MAX_DEPTH`] deep at most.
fn count(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } | Value::Broken => 1,
        Value::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Mapping(pairs) => 1 + pairs.iter().map(|pair| count(&pair.key) + count(&pair.value)).sum::<usize>(),
    }
}

fn height(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } | Value::Broken => 0,
        Value::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Mapping(pairs) => {
            1 + pairs.iter().map(|pair| height(&pair.key).max(height(&pair.value))).max().unwrap_or(0)
        }
    }
}

/// `!!str` for the tags of YAML itself.
fn short(handle: &str, suffix: &str) -> String {
    match handle.strip_prefix("tag:yaml.org,2002:") {
        Some("") => format!("!!{suffix}"),
        _ => format!("{handle}{suffix}"),
    }
}
