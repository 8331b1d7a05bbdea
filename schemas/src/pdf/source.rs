//! The bytes of a file: in memory, or read in pieces from where they are kept.
//!
//! Both are read through the same windows and bounds, so a file has the same answers from either.
//! A window in memory is a slice of the file; nothing is copied. What is read from elsewhere goes
//! through a cache of pages of bounded size, and long ranges pass by in pieces.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::{Deref, Range};
use std::rc::Rc;

use super::lexer::{Lexer, is_end_of_line, is_white};
use super::{PdfError, limits};

/// Pages that are read at a time when a long range passes by: 256 KiB.
const PAGES_AT_A_TIME: usize = 16;

/// Bytes that can be read at any place. They must not change while they are read.
pub trait ReadAt: std::fmt::Debug {
    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// Why they cannot be read; `UnexpectedEof` when they end before.
    fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<(), ErrorKind>;
}

/// The bytes of a file.
#[derive(Clone, Copy, Debug)]
pub enum FileBytes<'a> {
    /// All in memory.
    Memory(&'a [u8]),
    /// Kept elsewhere.
    Paged(&'a PagedFile),
}

/// A file that is kept elsewhere, of which some pages are in memory.
#[derive(Debug)]
pub struct PagedFile {
    source: Box<dyn ReadAt>,
    length: usize,
    page_bytes: usize,
    pages_max: usize,
    pages: RefCell<BTreeMap<usize, Page>>,
    /// How often a page was used: the last use of each tells which goes first.
    uses: Cell<u64>,
    failure: Cell<Option<ErrorKind>>,
}

#[derive(Debug)]
struct Page {
    bytes: Rc<[u8]>,
    used: u64,
}

/// Some bytes of a file.
#[derive(Debug)]
pub enum Window<'a> {
    /// In memory as they are.
    Borrowed(&'a [u8]),
    /// A part of one page.
    Page(Rc<[u8]>, Range<usize>),
    /// Read for this window.
    Copied(Vec<u8>),
}

impl Deref for Window<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Page(page, range) => page.get(range.clone()).unwrap_or_default(),
            Self::Copied(bytes) => bytes,
        }
    }
}

impl PagedFile {
    /// A file of `length` bytes; a later read that finds less is an error.
    #[must_use]
    pub fn new(source: Box<dyn ReadAt>, length: usize) -> Self {
        let pages_max = limits::CACHED_BYTES / limits::PAGE_BYTES;
        Self::with_cache(source, length, limits::PAGE_BYTES, pages_max)
    }

    /// The same with pages of another size, and so many of them: for tests, where windows are to
    /// end everywhere.
    #[must_use]
    pub fn with_cache(
        source: Box<dyn ReadAt>,
        length: usize,
        page_bytes: usize,
        pages_max: usize,
    ) -> Self {
        Self {
            source,
            length,
            page_bytes: page_bytes.max(1),
            pages_max: pages_max.max(1),
            pages: RefCell::default(),
            uses: Cell::new(0),
            failure: Cell::new(None),
        }
    }

    /// Why a byte could not be read, when that ever happened: then no answer about the file
    /// counts, as what could not be read may have been passed over.
    #[must_use]
    pub fn failure(&self) -> Option<ErrorKind> {
        self.failure.get()
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), PdfError> {
        self.source.read_at(offset, into).map_err(|cause| {
            self.failure.set(Some(cause));
            PdfError::Unreadable { at: offset, cause }
        })
    }

    fn page(&self, number: usize) -> Result<Rc<[u8]>, PdfError> {
        let used = self.uses.get() + 1;
        self.uses.set(used);
        let mut pages = self.pages.borrow_mut();
        if let Some(page) = pages.get_mut(&number) {
            page.used = used;
            return Ok(Rc::clone(&page.bytes));
        }
        let start = number * self.page_bytes;
        let mut bytes = vec![0; self.page_bytes.min(self.length.saturating_sub(start))];
        self.read(start, &mut bytes)?;
        if pages.len() >= self.pages_max {
            let oldest = pages.iter().min_by_key(|(_, page)| page.used);
            let oldest = oldest.map(|(number, _)| *number);
            oldest.and_then(|oldest| pages.remove(&oldest));
        }
        let bytes: Rc<[u8]> = bytes.into();
        let kept = Rc::clone(&bytes);
        pages.insert(number, Page { bytes: kept, used });
        Ok(bytes)
    }

    /// Bytes of a range that lies in the file.
    fn window(&self, range: Range<usize>) -> Result<Window<'static>, PdfError> {
        let number = range.start / self.page_bytes;
        let page_start = number * self.page_bytes;
        if range.end <= page_start + self.page_bytes && !range.is_empty() {
            let inside = range.start - page_start..range.end - page_start;
            return Ok(Window::Page(self.page(number)?, inside));
        }
        let mut bytes = vec![0; range.len()];
        self.read(range.start, &mut bytes)?;
        Ok(Window::Copied(bytes))
    }

    /// Where the page ends in which `at` lies.
    const fn page_end(&self, at: usize) -> usize {
        (at / self.page_bytes + 1).saturating_mul(self.page_bytes)
    }

    fn pieces(
        &self,
        range: Range<usize>,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), PdfError> {
        if range.is_empty() {
            return Ok(());
        }
        // What is short is often near what was read last.
        let first = range.start..self.page_end(range.start).min(range.end);
        let mut at = first.end;
        if !take(&self.window(first)?) {
            return Ok(());
        }
        let mut buffer = Vec::new();
        while at < range.end {
            let length = (range.end - at).min(self.page_bytes * PAGES_AT_A_TIME);
            buffer.resize(length, 0);
            self.read(at, &mut buffer)?;
            if !take(&buffer) {
                return Ok(());
            }
            at += length;
        }
        Ok(())
    }
}

impl<'a> FileBytes<'a> {
    /// Length of the file in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::Paged(file) => file.length,
        }
    }

    /// The bytes of a range, as far as it lies in the file.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`].
    pub fn window(self, range: Range<usize>) -> Result<Window<'a>, PdfError> {
        let range = self.inside(range);
        match self {
            Self::Memory(bytes) => Ok(Window::Borrowed(bytes.get(range).unwrap_or_default())),
            Self::Paged(file) => file.window(range),
        }
    }

    /// Calls `take` with the bytes of a range, one piece after the other, while it says that it
    /// wants more.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`].
    pub fn pieces(
        self,
        range: Range<usize>,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), PdfError> {
        let range = self.inside(range);
        match self {
            Self::Memory(bytes) => {
                take(bytes.get(range).unwrap_or_default());
                Ok(())
            }
            Self::Paged(file) => file.pieces(range, take),
        }
    }

    /// What `parse` makes of the bytes from `at` on.
    ///
    /// It is given as many bytes as it needs, up to [`limits::OBJECT_BYTES`], and called again
    /// with more when it came to the end of fewer.
    ///
    /// # Errors
    /// As `parse`, [`PdfError::Unreadable`], and when it wants more than the limit.
    pub fn parse<T>(
        self,
        at: usize,
        parse: impl Fn(&mut Lexer<'_>) -> Result<T, PdfError>,
    ) -> Result<T, PdfError> {
        let most = at.saturating_add(limits::OBJECT_BYTES).min(self.length());
        let (mut end, least) = match self {
            Self::Memory(_) => (most, 0),
            Self::Paged(file) => (file.page_end(at).min(most), file.page_bytes),
        };
        loop {
            let window = self.window(at..end)?;
            let mut lexer = Lexer::window(&window, at);
            let parsed = parse(&mut lexer);
            if !lexer.saw_end() || end >= self.length() {
                return parsed;
            }
            if end >= most {
                return Err(PdfError::TooMuch {
                    what: "bytes in one object",
                    limit: limits::OBJECT_BYTES,
                });
            }
            let longer = (end - at).saturating_mul(2).max(least);
            end = at.saturating_add(longer).min(most);
        }
    }

    /// Where the first byte of a range stands that is `wanted`.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`].
    pub fn position(
        self,
        range: Range<usize>,
        wanted: impl Fn(u8) -> bool,
    ) -> Result<Option<usize>, PdfError> {
        let (mut at, mut found) = (range.start, None);
        self.pieces(range, &mut |piece| {
            let inside = piece.iter().position(|byte| wanted(*byte));
            found = inside.map(|inside| at + inside);
            at += piece.len();
            found.is_none()
        })?;
        Ok(found)
    }

    /// Whether `word` stands anywhere.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`].
    pub fn contains(self, word: &[u8]) -> Result<bool, PdfError> {
        self.contains_in(0..self.length(), word)
    }

    /// Whether `word` stands in a range.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`].
    pub fn contains_in(self, range: Range<usize>, word: &[u8]) -> Result<bool, PdfError> {
        let holds = |bytes: &[u8]| bytes.windows(word.len().max(1)).any(|at| at == word);
        let overlap = word.len().saturating_sub(1);
        // The end of what passed by: a word may stand across pieces.
        let (mut found, mut joined) = (false, Vec::new());
        self.pieces(range, &mut |piece| {
            joined.extend(piece.iter().take(overlap));
            found = holds(&joined) || holds(piece);
            if piece.len() > overlap {
                joined.clear();
                joined.extend(piece.iter().skip(piece.len() - overlap));
            } else {
                joined.drain(..joined.len().saturating_sub(overlap));
            }
            !found
        })?;
        Ok(found)
    }

    /// Where white space and comments end that begin at `at`.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`].
    pub fn after_white(self, at: usize) -> Result<usize, PdfError> {
        let (mut next, mut is_comment) = (at, false);
        self.pieces(at..self.length(), &mut |piece| {
            for byte in piece {
                match *byte {
                    byte if is_end_of_line(byte) => is_comment = false,
                    _ if is_comment => {}
                    b'%' => is_comment = true,
                    byte if is_white(byte) => {}
                    _ => return false,
                }
                next += 1;
            }
            true
        })?;
        Ok(next)
    }

    fn inside(self, range: Range<usize>) -> Range<usize> {
        let start = range.start.min(self.length());
        start..range.end.clamp(start, self.length())
    }
}
