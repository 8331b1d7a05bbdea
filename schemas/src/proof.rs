//! Text formats of the provenance log: checkpoint, signed note and proof file.
//!
//! The shapes are those of C2SP tlog-checkpoint, signed-note and tlog-proof; nothing here
//! computes a hash or checks a signature. A proof file carries everything that is needed to show
//! offline that one leaf is in a log: the leaf, its place, the path and the signed head.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::leaf::LEAF_BYTES_MAX;

/// Largest signed note that is read, in bytes: a checkpoint needs about 150 and each signature
/// line about 200, so this leaves room for [`NOTE_SIGNATURES_MAX`] of them with long names.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// Most signature lines of one note: the log itself and its witnesses; the reference
/// implementation of signed-note reads at most 100.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// Longest signature on one line, in bytes: SM2 in DER needs 72, post-quantum ones about 5,000.
pub const SIGNATURE_BYTES_MAX: usize = 8 * 1024;

/// Most hashes of one path: the depth of a tree of 2⁶⁴ leaves.
pub const PATH_HASHES_MAX: usize = 64;

/// Largest proof file that is read, in bytes: a leaf in base64, a path and a note.
pub const PROOF_BYTES_MAX: usize = 2 * LEAF_BYTES_MAX + NOTE_BYTES_MAX + 8 * 1024;

/// First line of a proof file.
const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Start of a signature line: em dash (U+2014) and a space.
const SIGNATURE_LINE_START: &str = "\u{2014} ";

/// Head of a log: how many leaves, and the root hash over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, one line.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root hash of the tree over them.
    pub root: [u8; 32],
}

/// A text with signatures under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// What is signed, its last line break included.
    pub text: String,
    /// The signatures, in the order of their lines.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line of a note: `— name base64(key id ‖ signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key, without spaces or `+`.
    pub name: String,
    /// First bytes of the hash over name and key; tells keys of one name apart.
    pub key_id: [u8; 4],
    /// The signature, its form decided by the kind of key.
    pub signature: Vec<u8>,
}

/// Proof that one leaf is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The leaf's bytes as they were hashed \[P\] profile: the format leaves `extra` to the log.
    pub extra: Option<Vec<u8>>,
    /// Place of the leaf, from 0.
    pub index: u64,
    /// Hashes from the leaf's sibling up to the root.
    pub path: Vec<[u8; 32]>,
    /// The signed note of the head, as it was signed.
    pub checkpoint: String,
}

/// Why a text is not a checkpoint, note or proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The text is longer than its bound.
    #[error("{0} is longer than its limit")]
    TooLong(&'static str),
    /// There are more lines of one kind than allowed.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// A part does not have the required form.
    #[error("{0} is malformed")]
    Malformed(&'static str),
}

impl ProofError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) | Self::TooMany(_) => "PROOF_TOO_LARGE",
            Self::Malformed(_) => "PROOF_MALFORMED",
        }
    }
}

impl Checkpoint {
    /// The three lines of the checkpoint, the last line break included.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root)
        )
    }

    /// Reads a checkpoint; extension lines after the third are allowed and ignored.
    ///
    /// # Errors
    /// A text that is too long, lacks a line, or has a line of another form.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        if text.len() > NOTE_BYTES_MAX {
            return Err(ProofError::TooLong("checkpoint"));
        }
        let body = text
            .strip_suffix('\n')
            .ok_or(ProofError::Malformed("checkpoint"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|line| is_plain_line(line));
        let size = lines.next().and_then(parse_number);
        let root = lines.next().and_then(parse_hash);
        match (origin, size, root) {
            (Some(origin), Some(size), Some(root)) if lines.all(is_plain_line) => Ok(Self {
                origin: origin.to_owned(),
                size,
                root,
            }),
            _ => Err(ProofError::Malformed("checkpoint")),
        }
    }
}

impl SignedNote {
    /// The note as it is published: text, empty line, signature lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for line in &self.signatures {
            let mut bytes = line.key_id.to_vec();
            bytes.extend_from_slice(&line.signature);
            note.push_str(SIGNATURE_LINE_START);
            note.push_str(&line.name);
            note.push(' ');
            note.push_str(&STANDARD.encode(bytes));
            note.push('\n');
        }
        note
    }

    /// Reads a note. The signatures are not checked.
    ///
    /// # Errors
    /// A note that is too large, holds control characters, or has no or malformed signatures.
    pub fn parse(note: &str) -> Result<Self, ProofError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(ProofError::TooLong("note"));
        }
        if note
            .chars()
            .any(|character| character.is_control() && character != '\n')
        {
            return Err(ProofError::Malformed("note"));
        }
        // The last empty line ends the text: a text may hold empty lines itself.
        let (text, lines) = note
            .rsplit_once("\n\n")
            .ok_or(ProofError::Malformed("note"))?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or(ProofError::Malformed("note"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(ProofError::TooMany("signatures"));
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, ProofError> {
        const MALFORMED: ProofError = ProofError::Malformed("signature line");
        let (name, value) = line
            .strip_prefix(SIGNATURE_LINE_START)
            .and_then(|rest| rest.split_once(' '))
            .filter(|(name, _)| is_key_name(name))
            .ok_or(MALFORMED)?;
        let bytes = STANDARD.decode(value).map_err(|_| MALFORMED)?;
        let (key_id, signature) = bytes.split_first_chunk::<4>().ok_or(MALFORMED)?;
        if signature.is_empty() {
            return Err(MALFORMED);
        }
        if signature.len() > SIGNATURE_BYTES_MAX {
            return Err(ProofError::TooLong("signature"));
        }
        Ok(Self {
            name: name.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    }
}

impl Proof {
    /// The proof file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{PROOF_HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a proof file. Neither the path nor the signature is checked, but the part after the
    /// empty line has the form of a signed note.
    ///
    /// # Errors
    /// A file that is too large, or a line of another form.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(ProofError::TooLong("proof"));
        }
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(ProofError::Malformed("proof"))?;
        SignedNote::parse(checkpoint)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(PROOF_HEADER) {
            return Err(ProofError::Malformed("proof header"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            None => None,
            Some(value) => {
                let bytes = STANDARD
                    .decode(value)
                    .map_err(|_| ProofError::Malformed("extra line"))?;
                lines.next();
                Some(bytes)
            }
        };
        if extra
            .as_ref()
            .is_some_and(|bytes| bytes.len() > LEAF_BYTES_MAX)
        {
            return Err(ProofError::TooLong("leaf"));
        }
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_number)
            .ok_or(ProofError::Malformed("index line"))?;
        let mut path = Vec::new();
        for line in lines {
            if path.len() == PATH_HASHES_MAX {
                return Err(ProofError::TooMany("hashes"));
            }
            path.push(parse_hash(line).ok_or(ProofError::Malformed("hash line"))?);
        }
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

/// Whether `name` can name a key on a signature line: not empty, no white space, no `+`.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && !name.chars().any(|character| {
            character.is_whitespace() || character.is_control() || character == '+'
        })
}

fn is_plain_line(line: &str) -> bool {
    !line.is_empty() && !line.chars().any(char::is_control)
}

/// Decimal without sign or leading zeros, so that a number has one spelling.
fn parse_number(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == text)
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
