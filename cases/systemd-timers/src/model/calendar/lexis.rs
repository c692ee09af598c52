//! Numbers and lists of a specification (`parse_one_number` to `parse_chain`).

use std::ops::Range;

use super::Component;
use super::parse::Chain;

/// Elements a list can have (`CALENDARSPEC_COMPONENTS_MAX`, and one).
const ELEMENTS: usize = 241;

/// Why the text at a place is no part of a specification.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: usize,
    pub end: Option<usize>,
    pub why: String,
    /// True when `why` needs no word about what was found.
    pub complete: bool,
}

impl Fault {
    pub fn at(at: usize, why: &str) -> Self {
        Self { at, end: None, why: why.to_owned(), complete: false }
    }

    pub fn whole(at: Range<usize>, why: impl Into<String>) -> Self {
        Self { at: at.start, end: Some(at.end), why: why.into(), complete: true }
    }
}

/// A place in the text.
pub(super) struct Cursor<'t> {
    pub text: &'t [u8],
    pub at: usize,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    pub fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    pub fn starts_with_no_case(&self, word: &str) -> bool {
        self.text.get(self.at..self.at + word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// strtoul(3), which also takes space and a sign before the digits.
    pub fn strtoul(&mut self) -> Result<u64, Fault> {
        let start = self.at;
        let mut at = self.at;
        while self.text.get(at).is_some_and(|byte| b" \t\n\x0b\x0c\r".contains(byte)) {
            at += 1;
        }
        let negative = self.text.get(at) == Some(&b'-');
        if matches!(self.text.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let digits = at;
        let mut value = Some(0u64);
        while let Some(digit) = self.text.get(at).filter(|byte| byte.is_ascii_digit()) {
            value = value.and_then(|value| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
            at += 1;
        }
        if at == digits {
            return Err(Fault::at(start, "a number is expected"));
        }
        self.at = at;
        let value = value.ok_or_else(|| Fault::whole(start..at, "the number is too large"))?;
        Ok(if negative { value.wrapping_neg() } else { value })
    }

    /// A number, with up to six digits behind a point where it counts seconds (`parse_component_decimal`).
    fn decimal(&mut self, micros: bool) -> Result<i32, Fault> {
        let start = self.at;
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(Fault::at(start, "a number or `*` is expected"));
        }
        let mut value = self.strtoul()?;
        if micros {
            value =
                value.checked_mul(1_000_000).ok_or_else(|| Fault::whole(start..self.at, "the number is too large"))?;
            // One point is a decimal point, two are a range.
            if self.peek() == Some(b'.') && self.peek_at(1) != Some(b'.') {
                self.at += 1;
                value = value.saturating_add(self.fraction()?);
            }
        }
        i32::try_from(value).map_err(|_| Fault::whole(start..self.at, "the number is too large"))
    }

    /// Six digits behind the point, the seventh rounds (`parse_fractional_part_u`).
    fn fraction(&mut self) -> Result<u64, Fault> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(Fault::at(self.at, "digits are expected behind the point"));
        }
        let part = &self.text[self.at..self.at + digits];
        let six = part.iter().copied().chain(std::iter::repeat(b'0')).take(6);
        let value = six.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let up = part.get(6).is_some_and(|digit| *digit >= b'5');
        self.at += digits;
        Ok(value + u64::from(up))
    }

    /// `*` or a list of `start[..stop][/repeat]` (`parse_chain`, `prepend_component`).
    pub fn chain(&mut self, micros: bool) -> Result<Chain, Fault> {
        if self.peek() == Some(b'*') {
            self.at += 1;
            let every_second = Component { start: 0, stop: None, repeat: 1_000_000 };
            return Ok(if micros { vec![(every_second, self.at - 1..self.at)] } else { Vec::new() });
        }
        let mut chain = Chain::new();
        loop {
            let start_at = self.at;
            if chain.len() == ELEMENTS {
                return Err(Fault::whole(start_at..self.text.len(), "the list has more than 241 elements"));
            }
            let start = self.decimal(micros)?;
            let (mut stop, mut repeat) = (None, 0);
            if self.peek() == Some(b'.') && self.peek_at(1) == Some(b'.') {
                self.at += 2;
                stop = Some(self.decimal(micros)?);
                repeat = if micros { 1_000_000 } else { 1 };
            }
            if self.peek() == Some(b'/') {
                self.at += 1;
                let at = self.at;
                repeat = self.decimal(micros)?;
                if repeat == 0 {
                    return Err(Fault::whole(at..self.at, "a step is at least 1"));
                }
            } else {
                let last = start
                    .checked_add(repeat)
                    .ok_or_else(|| Fault::whole(start_at..self.at, "the number is too large"))?;
                if micros && stop.is_some_and(|stop| last > stop) {
                    return Err(Fault::whole(
                        start_at..self.at,
                        "a range of seconds without a step spans at least one",
                    ));
                }
            }
            if !matches!(self.peek(), None | Some(b' ' | b',' | b'-' | b'~' | b':')) {
                return Err(Fault::at(self.at, "a separator is expected"));
            }
            chain.push((Component { start, stop, repeat }, start_at..self.at));
            if self.peek() != Some(b',') {
                return Ok(chain);
            }
            self.at += 1;
        }
    }
}
