//! What other nodes answered, kept for a while.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use moka::Expiry;
use moka::future::Cache;

use super::SharedEntry;
use crate::refusal::Refusal;

/// Answers kept: an entry takes about 2 KiB and its texts 1 KiB, so this is usually some 150 MiB.
pub(super) const ANSWERS_MAX: u64 = 50_000;

/// How long an answer is kept when no change is announced: changes arrive within seconds, so
/// this only bounds how long a lost announcement can matter.
pub(super) const ANSWER_TTL: Duration = Duration::from_secs(600);

/// How long "there is no such licence" is kept: a licence that was just issued should be found
/// soon, while a mistyped identifier that is tried again and again costs one question per term.
pub(super) const ABSENT_TTL: Duration = Duration::from_secs(15);

/// How long an announced revision is remembered: longer than the last answer that could have been
/// on its way when it was announced.
const ANNOUNCED_TTL: Duration = ANSWER_TTL.saturating_add(Duration::from_secs(60));

/// Announced revisions kept; only those announced within [`ANNOUNCED_TTL`] matter.
const ANNOUNCED_MAX: u64 = 200_000;

/// An answer about one identifier.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The entry; none when there is no such licence.
    pub(crate) entry: Option<SharedEntry>,
    /// When the answering node looked.
    pub(crate) as_of: DateTime<Utc>,
}

/// Answers by identifier, with single flight.
///
/// A change can be announced while an older answer is still on its way. So announced revisions
/// are remembered: an answer below its identifier's announced revision is never kept.
pub(crate) struct LookupCache {
    answers: Cache<String, Answer>,
    announced: Cache<String, u64>,
}

struct Term;

impl LookupCache {
    pub(crate) fn new() -> Self {
        Self {
            answers: Cache::builder()
                .max_capacity(ANSWERS_MAX)
                .expire_after(Term)
                .build(),
            announced: Cache::builder()
                .max_capacity(ANNOUNCED_MAX)
                .time_to_live(ANNOUNCED_TTL)
                .build(),
        }
    }

    /// The answer that is kept for `identifier`, unless a newer revision was announced.
    pub(crate) async fn kept(&self, identifier: &str) -> Option<Answer> {
        let kept = self.answers.get(identifier).await?;
        if self.is_outdated(identifier, &kept).await {
            self.answers.invalidate(identifier).await;
            return None;
        }
        Some(kept)
    }

    /// The answer for `identifier`, asking with `ask` when none is kept; all who want the same
    /// at the same time wait for one question. The second value says whether it was asked now.
    pub(crate) async fn answer<F>(
        &self,
        identifier: &str,
        ask: impl FnOnce() -> F,
    ) -> Result<(Answer, bool), Refusal>
    where
        F: Future<Output = Result<Answer, Refusal>>,
    {
        if let Some(kept) = self.kept(identifier).await {
            return Ok((kept, false));
        }
        let entry = self
            .answers
            .entry_by_ref(identifier)
            .or_try_insert_with(ask())
            .await
            .map_err(|refusal| (*refusal).clone())?;
        let fresh = entry.is_fresh();
        Ok((entry.into_value(), fresh))
    }

    /// A change of `identifier` was announced.
    pub(crate) async fn announce(&self, identifier: &str, revision: u64) {
        // A change that comes again, late, announces nothing new.
        let known = self.announced.get(identifier).await.unwrap_or(0);
        self.announced
            .insert(identifier.to_owned(), revision.max(known))
            .await;
        self.answers.invalidate(identifier).await;
    }

    async fn is_outdated(&self, identifier: &str, kept: &Answer) -> bool {
        let known = kept.entry.as_ref().map_or(0, |entry| entry.public.revision);
        self.announced
            .get(identifier)
            .await
            .is_some_and(|announced| known < announced)
    }
}

impl Expiry<String, Answer> for Term {
    fn expire_after_create(&self, _: &String, answer: &Answer, _: Instant) -> Option<Duration> {
        Some(if answer.entry.is_some() {
            ANSWER_TTL
        } else {
            ABSENT_TTL
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn absent() -> Answer {
        Answer {
            entry: None,
            as_of: DateTime::UNIX_EPOCH,
        }
    }

    async fn asked(cache: &LookupCache, questions: &AtomicU32) -> bool {
        let ask = || async {
            questions.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(absent())
        };
        cache.answer("a", ask).await.expect("answers").1
    }

    #[tokio::test]
    async fn many_who_ask_at_once_make_one_question() {
        let (cache, questions) = (LookupCache::new(), AtomicU32::new(0));
        let asking = (0..50).map(|_| asked(&cache, &questions));
        futures_util::future::join_all(asking).await;
        assert_eq!(questions.load(Ordering::SeqCst), 1);
        assert!(!asked(&cache, &questions).await, "the absence is kept");
    }

    #[tokio::test]
    async fn an_answer_older_than_an_announced_change_is_not_kept() {
        let (cache, questions) = (LookupCache::new(), AtomicU32::new(0));
        asked(&cache, &questions).await;
        cache.announce("a", 1).await;
        assert!(asked(&cache, &questions).await, "the change is asked for");
        assert!(
            asked(&cache, &questions).await,
            "the old answer is not believed"
        );
        assert_eq!(questions.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_failed_question_is_told_and_not_kept() {
        let cache = LookupCache::new();
        let fails = || async {
            Err(Refusal::PeerTimeout {
                node: "national".to_owned(),
            })
        };
        let refusal = cache.answer("a", fails).await.expect_err("fails");
        assert_eq!(refusal.code(), "PEER_TIMEOUT");
        assert!(asked(&cache, &AtomicU32::new(0)).await);
    }
}
