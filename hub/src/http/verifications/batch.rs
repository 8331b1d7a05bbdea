//! Many files with one request: read, verified side by side, answered as they are done.
//!
//! One task reads the body, one answers; between them a bounded number of files. Whoever does not
//! read the answer stops the answering task, that stops the reading one, and nobody else notices:
//! no file that waits for its reader holds a turn. When the answer is given up, both end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as AnswerBody;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use schemas::identifier::Identifier;
use schemas::verdict::{Profile, Verdict};
use schemas::verification::{BatchLine, EndLine, FileLine, ProgressLine};
use std::borrow::Cow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::empty;
use super::licences::Licences;
use super::parts::Parts;
use super::places::Place;
use crate::http::fault::{BatchFault, Fault};
use crate::http::guard::RequestName;
use crate::node::Node;
use crate::permits::{self, Caller};
use crate::refusal::Refusal;
use crate::spool::Brought;
use crate::trace::Trace;
use crate::{files, seals};

/// Files of one batch between reading and answering: enough to fill the turns while records are
/// written, and the groups in which they are.
const FILES_AT_ONCE_MAX: usize = 32;

/// Lines that wait for the connection, each of some KiB.
const LINES_WAITING_MAX: usize = 4;

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Media type of the answer.
const NDJSON: &str = "application/x-ndjson";

/// Where the files come from.
pub(super) enum Source {
    /// From the body itself.
    Files(Parts),
    /// From the libraries of the licences that the body names.
    Licences(Licences),
}

/// One file of a batch.
pub(super) struct Item {
    /// Its name as it was given.
    pub(super) name: Option<String>,
    /// The identifier as it was given.
    pub(super) identifier: Option<String>,
    /// What there is to do, or why nothing is done.
    pub(super) work: Result<Work, Fault>,
}

/// What is to be verified.
pub(super) enum Work {
    /// This file.
    File(Brought),
    /// The file of a licence.
    Licence {
        /// The licence.
        identifier: Identifier,
        /// Name of the permit.
        permit: String,
    },
}

/// Who asks, and how.
#[derive(Clone)]
pub(super) struct Asked {
    node: Arc<Node>,
    caller: Caller,
    profile: Profile,
    name: Option<Arc<str>>,
}

/// What was found about one file.
struct Done {
    line: FileLine<'static>,
    verdict: Result<Arc<Verdict>, Fault>,
    /// Held until the line is handed on.
    _one_of_many: OwnedSemaphorePermit,
}

/// The batch as seen by its answering task.
struct Answering {
    asked: Asked,
    lines: mpsc::Sender<Bytes>,
    counts: EndLine,
    received: u64,
    /// How the reading ended, once it has.
    read: Option<Result<(), Fault>>,
    working: JoinSet<Done>,
}

/// What the reading task hands on.
type Read = Result<(Item, OwnedSemaphorePermit), Fault>;

impl Item {
    /// One that cannot even be named.
    pub(super) fn refused(fault: Fault) -> Self {
        Self {
            name: None,
            identifier: None,
            work: Err(fault),
        }
    }
}

impl Asked {
    pub(super) fn new(
        node: &Arc<Node>,
        caller: Caller,
        profile: Profile,
        request: &Request,
    ) -> Self {
        let name = request.extensions().get::<RequestName>();
        Self {
            node: Arc::clone(node),
            caller,
            profile,
            name: name.map(|RequestName(name)| name.as_str().into()),
        }
    }

    async fn verdict(&self, work: Work) -> Result<Arc<Verdict>, Fault> {
        let (node, caller, profile) = (&self.node, &self.caller, self.profile);
        let verdict = match work {
            Work::File(file) => seals::verify_brought(node, caller, file, profile, true).await,
            Work::Licence { identifier, permit } => {
                let permit = permits::resume(node, caller, &permit, &identifier).await?;
                files::examine(node, caller, &permit, &identifier, profile).await
            }
        };
        Ok(verdict?)
    }

    fn problem(&self, fault: &Fault) -> serde_json::Map<String, serde_json::Value> {
        if let Some(cause) = fault.cause() {
            tracing::error!(fault.code = fault.code(), fault.cause = %format!("{cause:#}"),
                "a file of a batch was refused");
        }
        fault.body(self.name.as_deref())
    }
}

/// Begins the answer, and the work behind it.
pub(super) fn answer(asked: Asked, source: Source, place: Place) -> Response {
    let (lines, to_send) = mpsc::channel(LINES_WAITING_MAX);
    let longest = Duration::from_secs(asked.node.config.limits.batch_timeout_s);
    let trace = Trace::current();
    let work = async move {
        let unfinished = lines.clone();
        answer_all(asked, source, lines, longest).await;
        // Whoever has seen the end of the answer may begin the next batch at once.
        drop(place);
        drop(unfinished);
    };
    let work = async move {
        match trace {
            Some(trace) => trace.scope(work).await,
            None => work.await,
        }
    };
    tokio::spawn(work.in_current_span());
    let body = stream::unfold(to_send, |mut to_send| async {
        let line: Option<Bytes> = to_send.recv().await;
        line.map(|line| (Ok::<_, std::convert::Infallible>(line), to_send))
    });
    ([(CONTENT_TYPE, NDJSON)], AnswerBody::from_stream(body)).into_response()
}

async fn answer_all(asked: Asked, source: Source, lines: mpsc::Sender<Bytes>, longest: Duration) {
    let mut answering = Answering {
        asked,
        lines: lines.clone(),
        counts: EndLine::default(),
        received: 0,
        read: None,
        working: JoinSet::new(),
    };
    let all = async {
        tokio::select! {
            () = answering.all(source) => {}
            // Nobody waits for the answer any more.
            () = lines.closed() => {}
        }
    };
    if tokio::time::timeout(longest, all).await.is_err() {
        // The last line, where the reader has left room for it.
        answering.read = Some(Err(Fault::Batch(BatchFault::TooLong)));
        let _ = lines.try_send(answering.end());
    }
    tracing::info!(
        batch.done = answering.counts.done,
        batch.refused = answering.counts.refused,
        "a batch has ended"
    );
}

/// Reads the files one after the other, as long as not too many are under way.
async fn read_all(mut source: Source, items: mpsc::Sender<Read>) {
    let at_once = Arc::new(Semaphore::new(FILES_AT_ONCE_MAX));
    loop {
        let Ok(one_of_many) = Arc::clone(&at_once).acquire_owned().await else {
            return;
        };
        let item = match &mut source {
            Source::Files(parts) => parts.next().await,
            Source::Licences(licences) => licences.next().await,
        };
        let item = match item {
            Ok(None) => return,
            Ok(Some(item)) => Ok((item, one_of_many)),
            Err(fault) => Err(fault),
        };
        let is_last = item.is_err();
        if items.send(item).await.is_err() || is_last {
            return;
        }
    }
}

impl Answering {
    async fn all(&mut self, source: Source) {
        let (items, mut read) = mpsc::channel(1);
        // In a set, because it is ended with it.
        let mut reading = JoinSet::new();
        reading.spawn(read_all(source, items).in_current_span());
        let mut tick = tokio::time::interval(PROGRESS_EVERY);
        tick.reset();
        while self.read.is_none() || !self.working.is_empty() {
            tokio::select! {
                item = read.recv(), if self.read.is_none() => self.begin(item),
                Some(done) = self.working.join_next() => {
                    if let Ok(done) = done {
                        self.hand_on(done).await;
                    }
                }
                _ = tick.tick() => self.say(&BatchLine::Progress(self.progress())).await,
            }
        }
        let end = self.end();
        let _ = self.lines.send(end).await;
    }

    /// Begins work on what was read.
    fn begin(&mut self, item: Option<Read>) {
        let (item, one_of_many) = match item {
            // All that came were blank lines, or boundaries.
            None if self.received == 0 => return self.read = Some(Err(empty())),
            None => return self.read = Some(Ok(())),
            Some(Err(fault)) => return self.read = Some(Err(fault)),
            Some(Ok(read)) => read,
        };
        let line = FileLine {
            index: self.received,
            name: item.name,
            identifier: item.identifier,
            ..FileLine::default()
        };
        self.received += 1;
        let asked = self.asked.clone();
        let work = async move {
            let verdict = match item.work {
                Ok(work) => {
                    let verdict = AssertUnwindSafe(asked.verdict(work)).catch_unwind().await;
                    verdict.unwrap_or_else(|_| Err(panicked()))
                }
                Err(fault) => Err(fault),
            };
            Done {
                line,
                verdict,
                _one_of_many: one_of_many,
            }
        };
        let work = match Trace::current() {
            Some(trace) => trace.scope(work).boxed(),
            None => work.boxed(),
        };
        self.working.spawn(work.in_current_span());
    }

    async fn hand_on(&mut self, done: Done) {
        let Done {
            mut line, verdict, ..
        } = done;
        self.counts.count(verdict.as_deref().ok());
        match &verdict {
            Ok(verdict) => line.verdict = Some(Cow::Borrowed(verdict)),
            Err(fault) => line.problem = Some(self.asked.problem(fault)),
        }
        self.say(&BatchLine::File(line)).await;
    }

    fn progress(&self) -> ProgressLine {
        ProgressLine {
            done: self.counts.done,
            received: self.received,
            total: matches!(self.read, Some(Ok(()))).then_some(self.received),
        }
    }

    /// The last line.
    fn end(&self) -> Bytes {
        let fault = match &self.read {
            Some(Err(fault)) => Some(fault),
            _ => None,
        };
        written(&BatchLine::End(EndLine {
            complete: fault.is_none(),
            problem: fault.map(|fault| self.asked.problem(fault)),
            ..self.counts.clone()
        }))
    }

    async fn say(&self, line: &BatchLine<'_>) {
        // Whoever takes no more lines ends all of this at once, see `answer_all`.
        let _ = self.lines.send(written(line)).await;
    }
}

fn written(line: &BatchLine<'_>) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

fn panicked() -> Fault {
    Fault::Refused(Refusal::internal(anyhow::anyhow!(
        "a verification panicked"
    )))
}
