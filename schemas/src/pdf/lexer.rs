//! Reads objects from bytes (ISO 32000-2:2020 §7.2, §7.3).

mod strings;

use self::strings::hexadecimal_pair;
use super::object::{Dictionary, Object, ObjectId};
use super::{PdfError, limits};

/// A place in a file or in an inflated stream.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    bytes: &'a [u8],
    /// Offset in the file of the first of the bytes.
    base: usize,
    /// Offset in the bytes.
    at: usize,
    /// Items that may still be read.
    items_left: usize,
    saw_end: bool,
}

impl<'a> Lexer<'a> {
    /// Begins to read at offset `at`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            base: 0,
            at,
            items_left: limits::ITEMS,
            saw_end: false,
        }
    }

    /// Begins to read at the first of the bytes, which stands at offset `base` of a file.
    pub(super) const fn window(bytes: &'a [u8], base: usize) -> Self {
        let mut lexer = Self::new(bytes, 0);
        lexer.base = base;
        lexer
    }

    /// Offset of the next byte.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.base + self.at
    }

    /// Whether more bytes could have changed what was read.
    pub(super) const fn saw_end(&self) -> bool {
        self.saw_end
    }

    /// Passes over white space and comments.
    pub fn skip_white(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| !is_end_of_line(byte)) {
                    self.at += 1;
                }
            } else if is_white(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// Passes over white space, but not over comments.
    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(is_white) {
            self.at += 1;
        }
    }

    /// Passes over these bytes when they come next, whatever follows.
    pub(super) fn takes_bytes(&mut self, bytes: &[u8]) -> bool {
        self.needs(bytes.len());
        let comes = self.rest().starts_with(bytes);
        if comes {
            self.at += bytes.len();
        }
        comes
    }

    /// Passes over `word` when it comes next, after white space, and ends there.
    pub fn takes(&mut self, word: &str) -> bool {
        let before = self.at;
        self.skip_white();
        self.needs(word.len() + 1);
        let rest = self.rest();
        let ends = |rest: &[u8]| rest.get(word.len()).is_none_or(|next| !is_regular(*next));
        if rest.starts_with(word.as_bytes()) && ends(rest) {
            self.at += word.len();
            return true;
        }
        self.at = before;
        false
    }

    /// Passes over `word`, which has to come next.
    ///
    /// # Errors
    /// When something else comes.
    pub fn expect(&mut self, word: &str, what: &'static str) -> Result<(), PdfError> {
        if self.takes(word) {
            return Ok(());
        }
        self.skip_white();
        Err(self.wrong(what))
    }

    /// A number without sign, fraction or leading `+`, after white space.
    ///
    /// # Errors
    /// When something else comes, or it is too large.
    pub fn unsigned(&mut self, what: &'static str) -> Result<u64, PdfError> {
        self.skip_white();
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        self.needs(count + 1);
        let text = self.rest().get(..count).unwrap_or_default();
        let value = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        let next = self.rest().get(count);
        match value {
            Some(value) if next.is_none_or(|next| !is_regular(*next)) => {
                self.at += count;
                Ok(value)
            }
            _ => Err(self.wrong(what)),
        }
    }

    /// The head of an indirect object, `12 0 obj`.
    ///
    /// # Errors
    /// When something else comes.
    pub fn object_head(&mut self) -> Result<ObjectId, PdfError> {
        const WHAT: &str = "no object begins here";
        self.skip_white();
        let start = self.at();
        let number = self.unsigned(WHAT)?;
        let generation = self.unsigned(WHAT)?;
        self.expect("obj", WHAT)?;
        let at = start;
        let number = u32::try_from(number).ok();
        let number = number.filter(|number| (1..=limits::OBJECT_NUMBER).contains(number));
        Ok(ObjectId {
            number: number.ok_or(PdfError::Malformed { at, what: WHAT })?,
            generation: u16::try_from(generation)
                .map_err(|_| PdfError::Malformed { at, what: WHAT })?,
        })
    }

    /// An object.
    ///
    /// # Errors
    /// When none comes next, it is malformed, or a limit is exceeded.
    pub fn object(&mut self) -> Result<Object, PdfError> {
        self.object_inside(0)
    }

    fn object_inside(&mut self, depth: usize) -> Result<Object, PdfError> {
        self.skip_white();
        self.items_left = self.items_left.checked_sub(1).ok_or(PdfError::TooMuch {
            what: "items in one object",
            limit: limits::ITEMS,
        })?;
        if depth > limits::DEPTH {
            return Err(PdfError::TooMuch {
                what: "levels of arrays and dictionaries",
                limit: limits::DEPTH,
            });
        }
        self.needs(2);
        match (self.peek(), self.bytes.get(self.at + 1)) {
            (Some(b'/'), _) => self.name().map(Object::Name),
            (Some(b'('), _) => self.literal_string().map(Object::String),
            (Some(b'<'), Some(b'<')) => self.dictionary(depth).map(Object::Dictionary),
            (Some(b'<'), _) => self.hexadecimal_string().map(Object::String),
            (Some(b'['), _) => self.array(depth).map(Object::Array),
            (Some(b'+' | b'-' | b'.' | b'0'..=b'9'), _) => self.number_or_reference(),
            _ => self.keyword(),
        }
    }

    fn keyword(&mut self) -> Result<Object, PdfError> {
        for (word, object) in [
            ("null", Object::Null),
            ("true", Object::Boolean(true)),
            ("false", Object::Boolean(false)),
        ] {
            if self.takes(word) {
                return Ok(object);
            }
        }
        Err(self.wrong("no object begins here"))
    }

    fn number_or_reference(&mut self) -> Result<Object, PdfError> {
        let first = self.number()?;
        let Object::Integer(number) = first else {
            return Ok(first);
        };
        let after = self.at;
        let reference = u32::try_from(number).ok().and_then(|number| {
            let generation = self.unsigned("").ok()?;
            let generation = u16::try_from(generation).ok()?;
            let id = ObjectId { number, generation };
            (self.takes("R") && (1..=limits::OBJECT_NUMBER).contains(&number)).then_some(id)
        });
        Ok(match reference {
            Some(id) => Object::Reference(id),
            None => {
                self.at = after;
                Object::Integer(number)
            }
        })
    }

    fn number(&mut self) -> Result<Object, PdfError> {
        const WHAT: &str = "malformed number";
        let is_part = |byte: &&u8| matches!(byte, b'+' | b'-' | b'.' | b'0'..=b'9');
        let count = self.rest().iter().take_while(is_part).count();
        self.needs(count + 1);
        let text = self.rest().get(..count).unwrap_or_default();
        if self.rest().get(count).is_some_and(|next| is_regular(*next)) {
            return Err(self.wrong(WHAT));
        }
        let unsigned = text
            .strip_prefix(b"-")
            .or(text.strip_prefix(b"+"))
            .unwrap_or(text);
        let points = unsigned.iter().filter(|byte| **byte == b'.').count();
        let digits = unsigned.iter().filter(|byte| byte.is_ascii_digit()).count();
        if points > 1 || digits == 0 || points + digits != unsigned.len() {
            return Err(self.wrong(WHAT));
        }
        let object = if points == 1 {
            Object::Real(text.to_vec())
        } else {
            let text = std::str::from_utf8(text).ok();
            let value = text.and_then(|text| text.parse().ok());
            Object::Integer(value.ok_or_else(|| self.wrong("number out of range"))?)
        };
        self.at += count;
        Ok(object)
    }

    fn name(&mut self) -> Result<Vec<u8>, PdfError> {
        self.at += 1;
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| is_regular(*byte)) {
            if byte == b'#' {
                self.needs(3);
            }
            let escape = self.bytes.get(self.at + 1..self.at + 3);
            match escape.filter(|_| byte == b'#').map(hexadecimal_pair) {
                Some(Some(value)) => {
                    name.push(value);
                    self.at += 3;
                }
                Some(None) => return Err(self.wrong("malformed name")),
                None if byte == b'#' => return Err(self.wrong("malformed name")),
                None => {
                    name.push(byte);
                    self.at += 1;
                }
            }
            if name.len() > limits::NAME_BYTES {
                return Err(PdfError::TooMuch {
                    what: "bytes in a name",
                    limit: limits::NAME_BYTES,
                });
            }
        }
        Ok(name)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Object>, PdfError> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_white();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(items);
            }
            items.push(self.object_inside(depth + 1)?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Dictionary, PdfError> {
        self.at += 2;
        let (start, mut entries) = (self.at(), Vec::new());
        loop {
            self.skip_white();
            if self.takes_bytes(b">>") {
                // Readers disagree on which of two counts.
                return Dictionary::of(entries).ok_or(PdfError::Malformed {
                    at: start,
                    what: "a key stands twice in a dictionary",
                });
            }
            if self.peek() != Some(b'/') {
                return Err(self.wrong("a dictionary's key expected"));
            }
            let key = self.name()?;
            let value = self.object_inside(depth + 1)?;
            entries.push((key, value));
            if entries.len() > limits::KEYS {
                return Err(PdfError::TooMuch {
                    what: "keys in a dictionary",
                    limit: limits::KEYS,
                });
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        let next = self.bytes.get(self.at).copied();
        self.saw_end |= next.is_none();
        next
    }

    /// Notes when fewer bytes are left than decide what comes next.
    const fn needs(&mut self, count: usize) {
        self.saw_end |= self.bytes.len() < self.at.saturating_add(count);
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) const fn wrong(&self, what: &'static str) -> PdfError {
        let at = self.at();
        PdfError::Malformed { at, what }
    }
}

/// White space (ISO 32000-2:2020 table 1).
#[must_use]
pub const fn is_white(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

pub(super) const fn is_end_of_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Neither white space nor a delimiter (ISO 32000-2:2020 §7.2.3).
const fn is_regular(byte: u8) -> bool {
    !is_white(byte)
        && !matches!(
            byte,
            b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
        )
}
