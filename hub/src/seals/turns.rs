//! Whose file is verified next: callers take turns, whatever each of them brings.
//!
//! Each caller has one line; a free turn goes to the first of the next caller's line. Within a line
//! single files go before those of batches: somebody waits for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::refusal::Refusal;

/// Seconds after which a caller may try again when its line is full.
const RETRY_AFTER_S: u32 = 1;

/// For whom a turn is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The caller's system.
    pub(crate) caller: &'a str,
    /// Whether the file is one of a batch, which bounds by itself how many wait.
    pub(crate) in_batch: bool,
}

/// All turns of a node.
#[derive(Debug)]
pub(super) struct Turns {
    lines: Arc<Mutex<Lines>>,
    waiting_max: usize,
}

/// The right to work now; the next one's when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    free: usize,
    /// Those who wait, the caller whose turn is next in front. No line is empty.
    waiting: VecDeque<Line>,
}

#[derive(Debug)]
struct Line {
    caller: String,
    single: VecDeque<oneshot::Sender<Turn>>,
    of_batches: VecDeque<oneshot::Sender<Turn>>,
}

impl Turns {
    pub(super) fn new(turns: usize, waiting_max: usize) -> Self {
        let lines = Lines {
            free: turns,
            waiting: VecDeque::new(),
        };
        Self {
            lines: Arc::new(Mutex::new(lines)),
            waiting_max,
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Too many single files of this caller wait.
    pub(super) async fn take(&self, asking: Asking<'_>) -> Result<Turn, Refusal> {
        let waiting = {
            let mut lines = locked(&self.lines);
            if lines.free > 0 {
                lines.free -= 1;
                return Ok(Turn {
                    lines: Arc::clone(&self.lines),
                });
            }
            lines.wait(asking, self.waiting_max)?
        };
        // Whoever holds a turn passes it on, so that it comes in the end.
        waiting.await.map_err(Refusal::internal)
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        locked(&self.lines).free
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let lines = locked(&self.lines);
        let of = |line: &Line| line.single.len() + line.of_batches.len();
        lines.waiting.iter().map(of).sum()
    }
}

impl Lines {
    fn wait(
        &mut self,
        asking: Asking<'_>,
        waiting_max: usize,
    ) -> Result<oneshot::Receiver<Turn>, Refusal> {
        let found = self
            .waiting
            .iter()
            .position(|line| line.caller == asking.caller);
        let at = found.unwrap_or(self.waiting.len());
        let waits_already = self.waiting.get_mut(at).map_or(0, |line| {
            // Who went away waits no more.
            line.single.retain(|waiting| !waiting.is_closed());
            line.single.len()
        });
        if !asking.in_batch && waits_already >= waiting_max {
            return Err(Refusal::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            });
        }
        if found.is_none() {
            self.waiting.push_back(Line {
                caller: asking.caller.to_owned(),
                single: VecDeque::new(),
                of_batches: VecDeque::new(),
            });
        }
        let (sender, receiver) = oneshot::channel();
        if let Some(line) = self.waiting.get_mut(at) {
            let of_kind = if asking.in_batch {
                &mut line.of_batches
            } else {
                &mut line.single
            };
            of_kind.push_back(sender);
        }
        Ok(receiver)
    }

    /// The next one who still waits; their caller goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(mut line) = self.waiting.pop_front() {
            let first = line
                .single
                .pop_front()
                .or_else(|| line.of_batches.pop_front());
            let Some(first) = first else { continue };
            if first.is_closed() {
                // A turn that nobody takes costs the caller nothing.
                self.waiting.push_front(line);
                continue;
            }
            if !(line.single.is_empty() && line.of_batches.is_empty()) {
                self.waiting.push_back(line);
            }
            return Some(first);
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut lines = locked(&self.lines);
            let next = lines.next();
            if next.is_none() {
                lines.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // Whoever went away just now drops it, and so passes it on.
            let _ = next.send(Self {
                lines: Arc::clone(&self.lines),
            });
        }
    }
}

/// What is inside is whole after every statement, also when a thread that held it panicked.
fn locked(lines: &Mutex<Lines>) -> std::sync::MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    fn single(caller: &str) -> Asking<'_> {
        Asking {
            caller,
            in_batch: false,
        }
    }

    fn in_batch(caller: &str) -> Asking<'_> {
        Asking {
            caller,
            in_batch: true,
        }
    }

    /// Lets everybody wait in this order, then gives one turn after the other; who got them.
    async fn served(waiting: &[Asking<'static>]) -> Vec<usize> {
        let turns = Turns::new(1, usize::MAX);
        let mut held = Some(turns.take(single("holder")).await.expect("free"));
        let mut asked = Vec::new();
        for asking in waiting {
            let mut turn = Box::pin(turns.take(*asking));
            assert!(poll!(turn.as_mut()).is_pending());
            asked.push(Some(turn));
        }
        let mut order = Vec::new();
        while order.len() < waiting.len() {
            drop(held.take());
            for (number, slot) in asked.iter_mut().enumerate() {
                let Some(turn) = slot else { continue };
                if let std::task::Poll::Ready(turn) = poll!(turn.as_mut()) {
                    assert!(held.is_none(), "one turn, one holder");
                    held = Some(turn.expect("a turn"));
                    order.push(number);
                    *slot = None;
                }
            }
        }
        drop(held);
        assert_eq!(turns.free(), 1, "every turn comes back");
        order
    }

    #[tokio::test]
    async fn callers_take_turns_whatever_each_brings() {
        let waiting = [
            in_batch("many"),
            in_batch("many"),
            in_batch("many"),
            in_batch("many"),
            single("few"),
            single("few"),
            in_batch("some"),
        ];
        assert_eq!(served(&waiting).await, [0, 4, 6, 1, 5, 2, 3]);
    }

    #[tokio::test]
    async fn a_single_file_goes_before_the_same_callers_batch() {
        let waiting = [in_batch("desk"), in_batch("desk"), single("desk")];
        assert_eq!(served(&waiting).await, [2, 0, 1]);
    }

    #[tokio::test]
    async fn who_went_away_holds_nobody_up_and_loses_no_turn() {
        let turns = Turns::new(1, 1);
        let held = turns.take(single("holder")).await.expect("free");
        let mut gone = Box::pin(turns.take(single("gone")));
        let mut given = Box::pin(turns.take(single("given")));
        let mut stays = Box::pin(turns.take(single("stays")));
        for waiting in [&mut gone, &mut given, &mut stays] {
            assert!(poll!(waiting.as_mut()).is_pending());
        }
        drop(gone);
        // Passed to one who goes away without looking.
        drop(held);
        drop(given);
        let turn = poll!(stays.as_mut());
        assert!(matches!(turn, std::task::Poll::Ready(Ok(_))));
        drop(turn);
        assert_eq!((turns.free(), turns.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn a_full_line_is_one_callers_own() {
        let turns = Turns::new(1, 1);
        let held = turns.take(single("desk")).await.expect("free");
        let mut waits = Box::pin(turns.take(single("desk")));
        assert!(poll!(waits.as_mut()).is_pending());
        let refused = turns.take(single("desk")).await;
        assert!(matches!(
            refused,
            Err(Refusal::Overloaded { retry_after_s: 1 })
        ));
        for asking in [in_batch("desk"), single("other")] {
            assert!(poll!(Box::pin(turns.take(asking)).as_mut()).is_pending());
        }
        drop(waits);
        let mut again = Box::pin(turns.take(single("desk")));
        assert!(poll!(again.as_mut()).is_pending(), "the place is free");
        drop(held);
        assert!(poll!(again.as_mut()).is_ready());
    }
}
