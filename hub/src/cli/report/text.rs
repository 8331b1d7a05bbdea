//! The text of a PDF's pages. Structure, cross-references, streams and their bounds are those of
//! the layer that verified it; the `pdf` crate sees one bounded content stream or font table at a
//! time, never the file, so it cannot show another revision than the one that was signed.

use std::panic;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

use pdf::content::{Op, TextDrawAdjusted, parse_ops};
use pdf::object::NoResolve;
use schemas::pdf::PdfError;
use schemas::pdf::document::Document;
use schemas::pdf::object::{Dictionary, Indirect, Object};
use schemas::pdf::pages::{self, Page};

use super::fonts::{Font, Fonts};
use super::says::{Excerpt, Refusal};

/// Largest revision that is read for its text, in bytes: it is held in memory.
pub(super) const REVISION_BYTES_MAX: usize = 32 << 20;
/// Most pages that are read: licences have one to three.
const PAGES_MAX: usize = 12;
/// Longest text that is shown, in characters: about two printed pages.
const CHARACTERS_MAX: usize = 3_000;
/// Largest decoded content of one page, in bytes; operations take a hundred times that in memory.
const CONTENT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of forms (`XObject`) in pages.
const FORM_DEPTH_MAX: usize = 4;
/// Most forms that are read.
const FORMS_MAX: usize = 64;
/// How long all this may take: a clerk waits for the page.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Stack of the thread, in bytes.
const STACK_BYTES: usize = 16 << 20;
/// Name of the thread.
const THREAD: &str = "page text";
/// Spacing in `TJ`, in thousandths of the font's size, from which on it is a gap between words.
const GAP: f32 = -200.0;

/// The beginning of the text of a revision, in a thread of its own: a failure in there, or a reader
/// that does not come to an end, leaves the verdict as it is.
pub(super) fn of_revision(bytes: Vec<u8>) -> Result<Excerpt, Refusal> {
    quiet_panics();
    let (sender, receiver) = mpsc::sync_channel(1);
    let read = move || {
        // Nobody listens any more once the time is over.
        let _ = sender.send(read(&bytes));
    };
    let thread = thread::Builder::new()
        .name(THREAD.to_owned())
        .stack_size(STACK_BYTES);
    thread.spawn(read).map_err(|_| Refusal::ReaderFailed)?;
    match receiver.recv_timeout(TIME_MAX) {
        Ok(found) => found,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Refusal::Timeout),
        // The thread ended without an answer: it panicked.
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Refusal::ReaderFailed),
    }
}

/// Panics of the thread are answers and not worth a trace on the terminal; all others are.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            if thread::current().name() != Some(THREAD) {
                others(panicked);
            }
        }));
    });
}

fn read(bytes: &[u8]) -> Result<Excerpt, Refusal> {
    let document = Document::open(bytes)?;
    let revision = document.last();
    let (pages, count) = pages::first_pages(&document, revision, PAGES_MAX)?;
    let mut reader = Reader {
        document: &document,
        revision,
        fonts: Fonts::new(&document, revision),
        forms_left: FORMS_MAX,
        excerpt: Excerpt {
            pages: count,
            is_cut: count > pages.len(),
            ..Excerpt::default()
        },
        characters: 0,
    };
    for page in &pages {
        reader.page(page)?;
        reader.new_line();
    }
    let mut excerpt = reader.excerpt;
    excerpt.text = excerpt.text.trim().to_owned();
    if excerpt.text.is_empty() {
        return Err(Refusal::NoText);
    }
    Ok(excerpt)
}

struct Reader<'d, 'a> {
    document: &'d Document<'a>,
    revision: usize,
    fonts: Fonts<'d, 'a>,
    forms_left: usize,
    excerpt: Excerpt,
    characters: usize,
}

impl Reader<'_, '_> {
    fn page(&mut self, page: &Page) -> Result<(), Refusal> {
        let Some(contents) = page.dictionary.get("Contents") else {
            return Ok(());
        };
        let parts = match self.document.resolve(contents, self.revision)? {
            Object::Array(parts) => parts,
            _ => vec![contents.clone()],
        };
        let mut content = Vec::new();
        for part in &parts {
            content.extend(self.stream(part)?.1);
            content.push(b'\n');
            if content.len() > CONTENT_BYTES_MAX {
                return Err(too_much());
            }
        }
        self.content(&content, &page.resources, 0)
    }

    /// A stream's dictionary and decoded bytes.
    fn stream(&self, reference: &Object) -> Result<(Dictionary, Vec<u8>), Refusal> {
        let unexpected = || Refusal::Malformed("content is no stream".to_owned());
        let id = reference.reference().ok_or_else(unexpected)?;
        match self.document.object(id, self.revision)? {
            Some(Indirect::Stream(stream)) => {
                let data = self.document.decode(&stream)?;
                Ok((stream.dictionary, data))
            }
            _ => Err(unexpected()),
        }
    }

    fn content(
        &mut self,
        content: &[u8],
        resources: &Dictionary,
        depth: usize,
    ) -> Result<(), Refusal> {
        if content.len() > CONTENT_BYTES_MAX {
            return Err(too_much());
        }
        let operations = parse_ops(content, &NoResolve)
            .map_err(|error| Refusal::Malformed(error.to_string()))?;
        let mut font = Font::default();
        let mut height = None;
        for operation in operations {
            if self.characters >= CHARACTERS_MAX {
                self.excerpt.is_cut = true;
                return Ok(());
            }
            match operation {
                Op::TextFont { name, .. } => font = self.fonts.get(resources, name.as_str())?,
                Op::TextDraw { text } => self.draw(&font, text.as_bytes()),
                Op::TextDrawAdjusted { array } => self.draw_adjusted(&font, &array),
                Op::TextNewline | Op::EndText => self.new_line(),
                Op::MoveTextPosition { translation } if translation.y != 0.0 => self.new_line(),
                Op::MoveTextPosition { .. } => self.space(),
                Op::SetTextMatrix { matrix } => {
                    let is_same = height.replace(matrix.f) == Some(matrix.f);
                    if is_same {
                        self.space();
                    } else {
                        self.new_line();
                    }
                }
                Op::XObject { name } => self.form(resources, name.as_str(), depth)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A form that is drawn in a page; pictures say nothing.
    fn form(&mut self, resources: &Dictionary, name: &str, depth: usize) -> Result<(), Refusal> {
        let (document, revision) = (self.document, self.revision);
        let forms = document.dictionary(resources, "XObject", revision)?;
        let Some(form) = forms.as_ref().and_then(|forms| forms.get(name)) else {
            return Ok(());
        };
        let Some(Indirect::Stream(stream)) = form
            .reference()
            .map(|id| document.object(id, revision))
            .transpose()?
            .flatten()
        else {
            return Ok(());
        };
        if !stream.dictionary.has_name("Subtype", "Form") {
            return Ok(());
        }
        if depth >= FORM_DEPTH_MAX || self.forms_left == 0 {
            return Err(too_much());
        }
        self.forms_left -= 1;
        let content = document.decode(&stream)?;
        let own = document.dictionary(&stream.dictionary, "Resources", revision)?;
        self.content(&content, own.as_ref().unwrap_or(resources), depth + 1)
    }

    fn draw_adjusted(&mut self, font: &Font, parts: &[TextDrawAdjusted]) {
        for part in parts {
            match part {
                TextDrawAdjusted::Text(text) => self.draw(font, text.as_bytes()),
                TextDrawAdjusted::Spacing(gap) if *gap < GAP => self.space(),
                TextDrawAdjusted::Spacing(_) => {}
            }
        }
    }

    fn draw(&mut self, font: &Font, bytes: &[u8]) {
        for character in font.decode(bytes) {
            self.excerpt.unreadable += usize::from(character == Font::UNREADABLE);
            self.characters += 1;
            if self.characters > CHARACTERS_MAX {
                return;
            }
            self.excerpt.text.push(character);
        }
    }

    fn new_line(&mut self) {
        let text = &mut self.excerpt.text;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
    }

    fn space(&mut self) {
        let text = &mut self.excerpt.text;
        if !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }
}

fn too_much() -> Refusal {
    Refusal::Malformed("more content than is read".to_owned())
}

impl From<PdfError> for Refusal {
    fn from(error: PdfError) -> Self {
        Self::Malformed(error.to_string())
    }
}
