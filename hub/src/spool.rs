//! Files that callers bring: small ones in memory, larger ones in a file without a name.
//!
//! Memory and disk for them are bounded; a file is digested while it comes and refused as soon as
//! it is larger than its kind may be. What is spooled has no name in any folder: the system takes
//! it back when it is closed, also when the process is killed. What a file system without such
//! files leaves behind goes at the next start.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use certs::digest::Sm3Parts;
use certs::open_file::OpenFile;
use certs::verify::file_kind;
use schemas::verdict::FileKind;
use schemas::{ofd, pdf};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::measure;
use crate::refusal::Refusal;

/// Folder of spooled files below the data folder.
const FOLDER: &str = "spool";

/// Unit in which memory and disk are reserved, in bytes: semaphores count to 2^32 at most.
const UNIT_BYTES: usize = 1024;

/// What is reserved of the disk at a time for a file of unknown size, in bytes.
const DISK_STEP_BYTES: usize = 1024 * 1024;

/// Memory for single files that are being brought, in bytes: more than a hundred at a time that
/// stay just below the threshold of spooling, thousands of usual ones.
const MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Disk for single files that are being brought, in bytes: ten of the largest.
const DISK_BYTES_MAX: usize = 10 * pdf::limits::FILE_BYTES.next_multiple_of(UNIT_BYTES);

/// Memory for the files of one batch, in bytes: several hundred usual ones.
const BATCH_MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Disk for the files of one batch, in bytes: one of the largest is verified, one comes.
const BATCH_DISK_BYTES_MAX: usize = 2 * pdf::limits::FILE_BYTES.next_multiple_of(UNIT_BYTES);

/// The first bytes of a file, by which its kind is known: as many as `file_kind` looks at.
const HEAD_BYTES: usize = 1_024;

/// Seconds after which a caller may try again when memory or disk are taken.
const RETRY_AFTER_S: u32 = 2;

/// Where files that callers bring are kept while they come and are verified. A node has one.
#[derive(Debug)]
pub struct Spool {
    folder: Arc<Path>,
    above_bytes: usize,
    single: Room,
}

/// Memory and disk for files.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    memory: Arc<Semaphore>,
    disk: Arc<Semaphore>,
    /// Whether whoever finds no room waits for it instead of being refused.
    waits: bool,
}

/// A file that a caller brought, with its digest; gives its room back when dropped.
#[derive(Clone, Debug)]
pub struct Brought {
    content: Content,
    sm3: String,
    _room: Arc<Vec<OwnedSemaphorePermit>>,
}

/// The bytes of a file that a caller brought.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// In memory.
    Memory(Bytes),
    /// In a file without a name.
    Spooled(Arc<OpenFile>),
}

/// A file while it comes.
pub(crate) struct Coming {
    folder: Arc<Path>,
    above_bytes: usize,
    room: Room,
    announced_bytes: Option<usize>,
    bytes: usize,
    kind: Option<FileKind>,
    digest: Sm3Parts,
    memory: BytesMut,
    file: Option<tokio::fs::File>,
    permits: Vec<OwnedSemaphorePermit>,
    disk_reserved_bytes: usize,
}

impl Spool {
    /// Makes the folder below `data`, for this user alone, and removes what is left in it.
    ///
    /// # Errors
    /// The folder cannot be made or emptied.
    pub fn open(data: &Path, limits: &Limits) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        for left in fs::read_dir(&folder)? {
            let path = left?.path();
            tracing::info!("removed a file that was left from an earlier run");
            fs::remove_file(path)?;
        }
        Ok(Self {
            folder: folder.into(),
            above_bytes: limits.spool_above_bytes,
            single: Room::new(MEMORY_BYTES_MAX, DISK_BYTES_MAX, false),
        })
    }

    /// Room for single files; whoever finds none is refused.
    pub(crate) fn single(&self) -> Room {
        self.single.clone()
    }

    /// Room for the files of one batch; whoever finds none waits until others of the batch are
    /// verified.
    pub(crate) fn batch(&self) -> Room {
        Room::new(BATCH_MEMORY_BYTES_MAX, BATCH_DISK_BYTES_MAX, true)
    }

    /// Begins a file.
    ///
    /// # Errors
    /// It is announced to be larger than any file may be; there is no room now.
    pub(crate) async fn begin(
        &self,
        room: Room,
        announced_bytes: Option<usize>,
    ) -> Result<Coming, Refusal> {
        let most = largest(FileKind::Pdf);
        if announced_bytes.is_some_and(|bytes| bytes > most) {
            return Err(too_large(FileKind::Pdf));
        }
        let held = announced_bytes.unwrap_or(most).min(self.above_bytes);
        let mut permits = vec![room.take(&room.memory, held).await?];
        // Before it is sent, not in the middle of it.
        let disk_reserved_bytes = announced_bytes.filter(|bytes| *bytes > self.above_bytes);
        if let Some(bytes) = disk_reserved_bytes {
            permits.push(room.take(&room.disk, bytes).await?);
        }
        Ok(Coming {
            folder: Arc::clone(&self.folder),
            above_bytes: self.above_bytes,
            room,
            announced_bytes,
            bytes: 0,
            kind: None,
            digest: Sm3Parts::default(),
            memory: BytesMut::new(),
            file: None,
            permits,
            disk_reserved_bytes: disk_reserved_bytes.unwrap_or(0),
        })
    }
}

impl Room {
    fn new(memory_bytes: usize, disk_bytes: usize, waits: bool) -> Self {
        Self {
            memory: Arc::new(Semaphore::new(memory_bytes.div_ceil(UNIT_BYTES))),
            disk: Arc::new(Semaphore::new(disk_bytes.div_ceil(UNIT_BYTES))),
            waits,
        }
    }

    async fn take(
        &self,
        of: &Arc<Semaphore>,
        bytes: usize,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let of = Arc::clone(of);
        if self.waits {
            return of
                .acquire_many_owned(units)
                .await
                .map_err(Refusal::internal);
        }
        of.try_acquire_many_owned(units).map_err(|_| {
            metrics::counter!(measure::OVERLOADS, "bound" => "uploads").increment(1);
            Refusal::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            }
        })
    }
}

impl Coming {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The file is larger than its kind may be; there is no room for more, or no disk.
    pub(crate) async fn push(&mut self, part: &[u8]) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(part.len());
        self.check_size(part)?;
        self.digest.update(part);
        if self.file.is_none() && self.bytes > self.above_bytes {
            self.spool().await?;
        }
        match &mut self.file {
            None => {
                self.memory.extend_from_slice(part);
                Ok(())
            }
            Some(_) => self.write(part).await,
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// The file is larger than its kind may be; the disk fails.
    pub(crate) async fn finish(mut self) -> Result<Brought, Refusal> {
        let content = match self.file.take() {
            None => {
                self.give_back_memory();
                Content::Memory(self.memory.freeze())
            }
            Some(mut file) => {
                file.flush().await.map_err(Refusal::internal)?;
                let file = OpenFile::of(file.into_std().await).map_err(Refusal::internal)?;
                Content::Spooled(Arc::new(file))
            }
        };
        Ok(Brought {
            content,
            sm3: hex::encode(self.digest.finish()),
            _room: Arc::new(self.permits),
        })
    }

    /// The kind is known by the first bytes, and with it the largest size.
    fn check_size(&mut self, part: &[u8]) -> Result<(), Refusal> {
        let kind = self.kind.or_else(|| {
            let more = HEAD_BYTES.saturating_sub(self.memory.len()).min(part.len());
            let head = [&self.memory[..], part.get(..more).unwrap_or_default()].concat();
            let kind = file_kind(&head);
            // Whether it is a PDF is open until all of the head is there.
            (kind != FileKind::Unknown || head.len() >= HEAD_BYTES).then_some(kind)
        });
        self.kind = kind;
        let kind = kind.unwrap_or(FileKind::Pdf);
        if self.bytes.max(self.announced_bytes.unwrap_or(0)) > largest(kind) {
            return Err(too_large(kind));
        }
        Ok(())
    }

    /// From memory to disk.
    async fn spool(&mut self) -> Result<(), Refusal> {
        let folder = Arc::clone(&self.folder);
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder))
            .await
            .map_err(Refusal::internal)?
            .map_err(Refusal::internal)?;
        self.file = Some(tokio::fs::File::from_std(file));
        let memory = std::mem::take(&mut self.memory);
        self.write(&memory).await?;
        drop(self.permits.remove(0));
        Ok(())
    }

    async fn write(&mut self, part: &[u8]) -> Result<(), Refusal> {
        while self.disk_reserved_bytes < self.bytes {
            let permit = self.room.take(&self.room.disk, DISK_STEP_BYTES).await?;
            self.permits.push(permit);
            self.disk_reserved_bytes += DISK_STEP_BYTES;
        }
        if let Some(file) = &mut self.file {
            file.write_all(part).await.map_err(Refusal::internal)?;
        }
        Ok(())
    }

    /// What was reserved beyond the size.
    fn give_back_memory(&mut self) {
        let held = self.memory.len().div_ceil(UNIT_BYTES);
        if let Some(permit) = self.permits.first_mut() {
            let spare = permit.num_permits().saturating_sub(held);
            drop(permit.split(spare));
        }
    }
}

impl Brought {
    /// SM3 of the file, lower-case hex.
    pub(crate) fn sm3(&self) -> &str {
        &self.sm3
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }
}

impl From<Bytes> for Brought {
    fn from(bytes: Bytes) -> Self {
        Self {
            sm3: hex::encode(certs::digest::sm3(&bytes)),
            content: Content::Memory(bytes),
            _room: Arc::default(),
        }
    }
}

/// Largest size of a file of this kind, in bytes. What is neither is tried as OFD.
fn largest(kind: FileKind) -> usize {
    match kind {
        FileKind::Pdf => pdf::limits::FILE_BYTES,
        FileKind::Ofd | FileKind::Unknown => ofd::limits::PACKED_BYTES,
    }
}

fn too_large(kind: FileKind) -> Refusal {
    Refusal::FileTooLarge {
        kind,
        bytes_max: largest(kind),
    }
}

#[cfg(test)]
mod tests;
