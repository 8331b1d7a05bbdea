//! The files of a `multipart/form-data` body, one after the other.
//!
//! The parser takes whatever its stream has, whether it needs it or not. So it is given one piece
//! of the body at a time, and the next one when it can do nothing more with what it has: neither
//! small files nor an endless head make it gather the whole body.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures_util::{Stream as _, stream};
use multer::{Field, Multipart};

use super::Fault;
use super::batch::{Item, Work};
use super::body::Body;
use crate::http::fault::BatchFault;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::spool::{Brought, Room};

/// Bytes of a part's head, and of what stands before the first part, after which no more are read:
/// a name and two headers need some hundred.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most bytes of a file that are passed over because it was refused: one of the largest.
const PASSED_OVER_BYTES_MAX: usize = schemas::pdf::limits::FILE_BYTES;

/// Longest name of a file that is repeated, in characters: what file systems take.
const NAME_CHARACTERS_MAX: usize = 255;

/// The parts of a body.
pub(super) struct Parts {
    parser: Multipart<'static>,
    feed: Feed,
    node: Arc<Node>,
    room: Room,
}

/// The body, and the way into the parser.
struct Feed {
    body: Body,
    next: Arc<Mutex<Next>>,
}

/// What the parser finds when it reads on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Piece(Bytes),
    End,
}

impl Parts {
    pub(super) fn new(body: Body, boundary: String, node: &Arc<Node>) -> Self {
        let next = Arc::new(Mutex::new(Next::Nothing));
        let taken = Arc::clone(&next);
        let pieces = stream::poll_fn(move |_| {
            let mut next = taken.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *next, Next::Nothing) {
                // The reader below looks again when there is more.
                Next::Nothing => Poll::Pending,
                Next::Piece(piece) => Poll::Ready(Some(Ok::<_, Infallible>(piece))),
                Next::End => Poll::Ready(None),
            }
        });
        Self {
            parser: Multipart::new(pieces, boundary),
            feed: Feed { body, next },
            room: node.spool.batch(),
            node: Arc::clone(node),
        }
    }

    /// The next file; none after the last boundary.
    ///
    /// # Errors
    /// What comes is no such body, or it breaks off; nothing more can be read then.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, Fault> {
        let Some(mut part) = self.head().await.map_err(Fault::Batch)? else {
            return Ok(None);
        };
        let name = part.file_name().or_else(|| part.name());
        let name = name.map(|name| name.chars().take(NAME_CHARACTERS_MAX).collect());
        let work = match self.file(&mut part).await? {
            Ok(file) => Ok(Work::File(file)),
            Err(refusal) => {
                self.pass_over(&mut part, &refusal).await?;
                Err(Fault::Refused(refusal))
            }
        };
        Ok(Some(Item {
            name,
            identifier: None,
            work,
        }))
    }

    async fn head(&mut self) -> Result<Option<Field<'static>>, BatchFault> {
        let mut fed = 0;
        loop {
            match poll_fn(|context| Poll::Ready(self.parser.poll_next_field(context))).await {
                Poll::Ready(found) => return found.map_err(|_| BatchFault::Multipart),
                Poll::Pending if fed > HEAD_BYTES_MAX => return Err(BatchFault::Multipart),
                Poll::Pending => fed += self.feed.more().await?,
            }
        }
    }

    /// The file; inside, why it is refused although the rest can be read.
    async fn file(&mut self, part: &mut Field<'static>) -> Result<Result<Brought, Refusal>, Fault> {
        let mut file = match self.node.spool.begin(self.room.clone(), None).await {
            Ok(file) => file,
            Err(refusal) => return Ok(Err(refusal)),
        };
        while let Some(piece) = self.feed.piece(part).await.map_err(Fault::Batch)? {
            if let Err(refusal) = file.push(&piece).await {
                return Ok(Err(refusal));
            }
        }
        Ok(file.finish().await)
    }

    async fn pass_over(
        &mut self,
        part: &mut Field<'static>,
        refusal: &Refusal,
    ) -> Result<(), Fault> {
        let mut passed = 0;
        while let Some(piece) = self.feed.piece(part).await.map_err(Fault::Batch)? {
            passed += piece.len();
            if passed > PASSED_OVER_BYTES_MAX {
                return Err(Fault::Refused(refusal.clone()));
            }
        }
        Ok(())
    }
}

impl Feed {
    /// The next bytes of a part; none at its end.
    async fn piece(&mut self, part: &mut Field<'static>) -> Result<Option<Bytes>, BatchFault> {
        loop {
            let found = poll_fn(|context| Poll::Ready(Pin::new(&mut *part).poll_next(context)));
            match found.await {
                Poll::Ready(None) => return Ok(None),
                Poll::Ready(Some(Ok(piece))) => return Ok(Some(piece)),
                Poll::Ready(Some(Err(_))) => return Err(BatchFault::Multipart),
                Poll::Pending => self.more().await?,
            };
        }
    }

    /// Lets the parser have the next piece of the body; its size in bytes.
    async fn more(&mut self) -> Result<usize, BatchFault> {
        let piece = self.body.next().await?;
        let size = piece.as_ref().map_or(0, Bytes::len);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = piece.map_or(Next::End, Next::Piece);
        Ok(size)
    }
}
