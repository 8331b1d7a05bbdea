//! What one save added to a file (ISO 32000-2:2020 §7.5.6): found from the last `startxref` back.

use std::collections::BTreeSet;

use super::source::FileBytes;
use super::xref::{self, Budget, Entry, Section};
use super::{PdfError, limits};

/// What one save added to a file.
#[derive(Debug)]
pub struct Revision {
    /// Where its bytes begin: the end of the revision before.
    pub start: usize,
    /// Where its `%%EOF` ends, without the line end after it.
    pub end: usize,
    /// Its sections: two in a linearized file, else one.
    sections: Vec<Section>,
}

impl Revision {
    /// Where this revision says an object stands.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<Entry> {
        self.sections
            .iter()
            .find_map(|section| section.entry(number))
    }

    /// The sections: two in a linearized file, else one.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }
}

/// The sections of a file, the newest first.
pub(super) fn sections(file: FileBytes<'_>, budget: &mut Budget) -> Result<Vec<Section>, PdfError> {
    let tail_at = file.length().saturating_sub(limits::TAIL_BYTES);
    let tail = file.window(tail_at..file.length())?;
    let word = b"startxref";
    let last = tail.windows(word.len()).rposition(|window| window == word);
    let at = tail_at
        + last.ok_or(PdfError::Malformed {
            at: tail_at,
            what: "no startxref at the end",
        })?;
    let offset = file.parse(at + word.len(), |lexer| {
        lexer.unsigned("an offset expected after startxref")
    })?;
    let mut next = usize::try_from(offset).ok();
    let (mut sections, mut visited) = (Vec::new(), BTreeSet::new());
    while let Some(offset) = next {
        if !visited.insert(offset) {
            return Err(PdfError::Loop("cross-reference sections"));
        }
        if sections.len() == limits::SECTIONS {
            return Err(PdfError::TooMuch {
                what: "cross-reference sections",
                limit: limits::SECTIONS,
            });
        }
        let section = xref::read(file, offset, budget)?;
        next = section.previous()?;
        sections.push(section);
    }
    Ok(sections)
}

/// Groups sections into revisions and finds where each ends.
pub(super) fn group(
    file: FileBytes<'_>,
    sections: Vec<Section>,
) -> Result<Vec<Revision>, PdfError> {
    let mut revisions: Vec<Revision> = Vec::new();
    let mut sections = sections.into_iter().peekable();
    while let Some(section) = sections.next() {
        let own_end = end_of(file, &section)?;
        let offset = section.offset;
        let mut group = vec![section];
        // The first section of a linearized file stands before the one that it continues.
        let end = match sections.next_if(|next| next.offset > offset) {
            Some(rest) => {
                let end = end_of(file, &rest)?;
                group.push(rest);
                end
            }
            None => own_end,
        };
        revisions.push(Revision {
            start: 0,
            end,
            sections: group,
        });
    }
    revisions.reverse();
    let mut start = 0;
    for revision in &mut revisions {
        let is_inside = |section: &Section| section.offset >= start && section.end <= revision.end;
        // A linearized file is written at once: no update has a second section, in which objects
        // could hide from those who read one after the other.
        if start > 0 && revision.sections.len() > 1 {
            let what = "an update with two cross-reference sections";
            return Err(PdfError::Malformed { at: start, what });
        }
        if revision.end <= start || !revision.sections.iter().all(is_inside) {
            let what = "a cross-reference section does not follow the one before it";
            return Err(PdfError::Malformed { at: start, what });
        }
        revision.start = std::mem::replace(&mut start, revision.end);
    }
    Ok(revisions)
}

/// Where the `%%EOF` that belongs to a section ends.
fn end_of(file: FileBytes<'_>, section: &Section) -> Result<usize, PdfError> {
    // The first section of a linearized file says 0, or the other section.
    let is_linearized = section
        .previous()?
        .is_none_or(|previous| previous > section.offset);
    file.parse(section.end, |lexer| {
        lexer.expect(
            "startxref",
            "startxref expected after a cross-reference section",
        )?;
        let at = lexer.at();
        let offset = lexer.unsigned("an offset expected after startxref")?;
        let is_own = usize::try_from(offset).is_ok_and(|offset| offset == section.offset);
        if !is_own && !is_linearized {
            let what = "startxref names another section than the one before it";
            return Err(PdfError::Malformed { at, what });
        }
        lexer.skip_spaces();
        if !lexer.takes_bytes(b"%%EOF") {
            return Err(lexer.wrong("%%EOF expected"));
        }
        Ok(lexer.at())
    })
}
