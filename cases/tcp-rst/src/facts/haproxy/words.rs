//! A line of haproxy's configuration, cut into words as `parse_line` (src/tools.c) cuts it.

/// A word after quotes, escapes and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text; a variable without a known value stands for nothing.
    pub text: String,
    /// Byte range in the file, quotes included.
    pub span: (usize, usize),
    /// A variable of the environment whose value the file does not give.
    pub unknown: bool,
    /// A variable whose default was taken; the environment can say otherwise.
    pub variable: Option<String>,
}

/// The words of a line, or where and why haproxy refuses the line.
pub type Words = Result<Vec<Word>, (usize, &'static str)>;

/// Cuts one line, which begins at byte `start` of the file. Its bytes are read up to a carriage return or NUL.
pub fn cut(line: &[u8], start: usize) -> Words {
    Cutter { line, start, at: 0, words: Vec::new(), word: None }.run()
}

struct Cutter<'a> {
    line: &'a [u8],
    start: usize,
    at: usize,
    words: Vec<Word>,
    word: Option<(Vec<u8>, Word)>,
}

impl Cutter<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.line.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn open(&mut self) -> &mut (Vec<u8>, Word) {
        let place = self.start + self.at;
        self.word.get_or_insert_with(|| {
            let word = Word { text: String::new(), span: (place, place), unknown: false, variable: None };
            (Vec::new(), word)
        })
    }

    fn push(&mut self, byte: u8) {
        self.open().0.push(byte);
    }

    fn close(&mut self) {
        if let Some((bytes, mut word)) = self.word.take() {
            word.text = String::from_utf8_lossy(&bytes).into_owned();
            word.span.1 = self.start + self.at;
            self.words.push(word);
        }
    }

    fn run(mut self) -> Words {
        let (mut single, mut double) = (None, None);
        loop {
            let byte = self.byte(0);
            let quoted = single.is_some() || double.is_some();
            match byte {
                0 | b'\n' | b'\r' => break,
                b'#' if !quoted => break,
                b'"' if single.is_none() => {
                    self.open();
                    double = if double.is_some() { None } else { Some(self.at) };
                    self.at += 1;
                }
                b'\'' if double.is_none() => {
                    self.open();
                    single = if single.is_some() { None } else { Some(self.at) };
                    self.at += 1;
                }
                b'\\' if single.is_none() => self.escape(double.is_some())?,
                b' ' | b'\t' | 0x0b | 0x0c if !quoted => {
                    self.close();
                    self.at += 1;
                }
                b'$' if double.is_some() => self.variable()?,
                _ => {
                    self.push(byte);
                    self.at += 1;
                }
            }
        }
        if let Some(quote) = single.or(double) {
            return Err((self.start + quote, "a quote is not closed"));
        }
        self.close();
        Ok(self.words)
    }

    fn escape(&mut self, double: bool) -> Result<(), (usize, &'static str)> {
        let (sent, skip) = match self.byte(1) {
            byte @ (b' ' | b'\\' | b'#' | b'\'' | b'"') => (byte, 2),
            b't' => (b'\t', 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b'$' if double => (b'$', 2),
            b'x' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                match (digit(self.byte(2)), digit(self.byte(3))) {
                    (Some(high), Some(low)) => ((high * 16 + low) as u8, 4),
                    _ => return Err((self.start + self.at, "`\\x` wants two hexadecimal digits")),
                }
            }
            _ => (b'\\', 1),
        };
        self.push(sent);
        self.at += skip;
        Ok(())
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`; only inside double quotes (configuration.txt 2.3).
    fn variable(&mut self) -> Result<(), (usize, &'static str)> {
        let place = self.start + self.at;
        self.open();
        self.at += 1;
        let brace = self.byte(0) == b'{';
        self.at += usize::from(brace);
        let first = self.byte(0);
        if !first.is_ascii_alphabetic() && first != b'_' && first != b'.' {
            return Err((place, "a variable's name begins with a letter, `_` or `.`"));
        }
        let begin = self.at;
        self.at += 1;
        while self.byte(0).is_ascii_alphanumeric() || self.byte(0) == b'_' {
            self.at += 1;
        }
        let name = String::from_utf8_lossy(&self.line[begin..self.at]).into_owned();
        if brace && self.byte(0) == b'[' {
            if (self.byte(1), self.byte(2)) != (b'*', b']') {
                return Err((place, "only `[*]` can follow a variable's name"));
            }
            self.at += 3;
        }
        let mut default = None;
        if brace {
            if self.byte(0) == b'-' {
                let begin = self.at + 1;
                while !matches!(self.byte(0), 0 | b'\n' | b'\r' | b'}') {
                    self.at += 1;
                }
                default = Some(self.line[begin.min(self.at)..self.at].to_vec());
            }
            if self.byte(0) != b'}' {
                return Err((place, "a brace of a variable is not closed"));
            }
            self.at += 1;
        }
        let (bytes, word) = self.open();
        match default {
            Some(default) => bytes.extend_from_slice(&default),
            None => word.unknown = true,
        }
        word.variable = Some(name);
        Ok(())
    }
}
