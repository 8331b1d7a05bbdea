//! The body of a batch, made while it is sent: files as parts (RFC 7578), or lines.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::ClientError;

/// Bytes of a file that are read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Longest name of a file that is sent, in characters: a node repeats no more of it.
const NAME_CHARACTERS_MAX: usize = 255;

/// A file that is to be verified.
#[derive(Debug)]
pub struct Upload {
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Memory(Bytes),
    Disk(PathBuf),
}

/// Files as a body, part after part.
pub(super) struct Parts<S> {
    files: Pin<Box<S>>,
    boundary: String,
    sending: Sending,
}

/// What of a body comes next.
enum Sending {
    /// The head of the next part, or the end.
    Head,
    /// The rest of a file in memory.
    Memory(Bytes),
    /// The rest of a file on disk.
    Disk { name: String, file: File },
    /// Nothing.
    Nothing,
}

impl Upload {
    /// A file in memory; the line of the answer repeats its name.
    #[must_use]
    pub fn from_memory(name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            content: Content::Memory(content.into()),
        }
    }

    /// A file on disk, opened when its turn comes and read in pieces. Its name is that of the
    /// file, without its folders.
    #[must_use]
    pub fn from_disk(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            content: Content::Disk(path),
        }
    }
}

impl<S: Stream<Item = Upload>> Parts<S> {
    pub(super) fn new(files: S) -> Self {
        Self {
            files: Box::pin(files),
            boundary: boundary(),
            sending: Sending::Head,
        }
    }

    pub(super) fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The next bytes of the body; none at its end.
    ///
    /// # Errors
    /// `Unreadable`: nothing more can be sent then.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        match std::mem::replace(&mut self.sending, Sending::Nothing) {
            Sending::Head => self.head().await.map(Some),
            Sending::Memory(content) => {
                self.sending = Sending::Head;
                Ok(Some(content))
            }
            Sending::Disk { name, mut file } => {
                let mut piece = BytesMut::with_capacity(PIECE_BYTES);
                match file.read_buf(&mut piece).await {
                    Ok(0) => self.sending = Sending::Head,
                    Ok(_) => self.sending = Sending::Disk { name, file },
                    Err(cause) => return Err(ClientError::Unreadable { name, cause }),
                }
                Ok(Some(piece.freeze()))
            }
            Sending::Nothing => Ok(None),
        }
    }

    /// The line between two files with the head of the next one, or the end.
    async fn head(&mut self) -> Result<Bytes, ClientError> {
        let boundary = &self.boundary;
        let Some(Upload { name, content }) = self.files.next().await else {
            return Ok(format!("\r\n--{boundary}--\r\n").into());
        };
        let written = escaped(&name);
        let head = format!(
            "\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; \
             filename=\"{written}\"\r\n\r\n"
        );
        self.sending = match content {
            Content::Memory(content) => Sending::Memory(content),
            Content::Disk(path) => match File::open(path).await {
                Ok(file) => Sending::Disk { name, file },
                Err(cause) => return Err(ClientError::Unreadable { name, cause }),
            },
        };
        Ok(head.into())
    }
}

/// A line between files that no file can hold on purpose: nobody knows it before. The standard
/// library's hash keys come from the system's generator.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("hub-{:016x}{:016x}", random(), random())
}

/// A name as it stands in `filename`: what would end it is written as browsers do (WHATWG, HTML,
/// multipart/form-data encoding), and so is the backslash, which some readers take for an escape.
fn escaped(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    for character in name.chars().take(NAME_CHARACTERS_MAX) {
        match character {
            '"' => written.push_str("%22"),
            '\\' => written.push_str("%5C"),
            '\r' => written.push_str("%0D"),
            '\n' => written.push_str("%0A"),
            other => written.push(other),
        }
    }
    written
}
