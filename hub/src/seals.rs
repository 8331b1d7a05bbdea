//! Is the seal good: document → claims → trust → verdict.
//!
//! Verification is pure computation in `certs`; here it gets its bounds (how many at a time, how
//! many waiting), its trust store and its cache. A verdict is the same with an empty cache: the
//! key holds everything the verdict depends on (invariant 4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use certs::signed_value::RevocationPolicy;
use certs::verify::{ExpectedEntry, VerifyOptions, verify_digested};
use chrono::{DateTime, Utc};
use schemas::entry::Entry;
use schemas::leaf::{Activity, EntityReference, VerdictReference};
use schemas::verdict::{Profile, Verdict};
use tokio::sync::Semaphore;

use crate::config::{CallerRole, Limits};
use crate::files::Digested;
use crate::node::Node;
use crate::permits::Caller;
use crate::refusal::Refusal;

mod register;
mod status;

pub(crate) use register::next_serial;
pub use register::{StatusWanted, change_status_once, find as find_status};
pub(crate) use status::{SealAnswers, asked_leaf};

/// Verdicts kept, each a few KiB: some tens of MiB at most. \[P\]
const VERDICTS_CACHED_MAX: u64 = 10_000;

/// Verification is as of the last full minute, in seconds: then a verdict can be used again within
/// the minute and is what a new verification would say. The tolerance for signing times in the
/// future, ten minutes, is far above it. \[P\]
const AS_OF_S: i64 = 60;

/// Verdicts are forgotten after this long, in seconds: no later minute asks for them.
const VERDICT_KEPT_S: u64 = 2 * AS_OF_S.unsigned_abs();

/// Files up to this size are digested where they are; larger ones would hold other requests up
/// for milliseconds and go to a thread for blocking work.
const DIGESTED_HERE_BYTES_MAX: usize = 256 * 1024;

/// Seconds after which a caller may try again when all turns are taken.
const RETRY_AFTER_S: u32 = 1;

/// Turns for verification, and the verdicts given of late. A node has one.
pub struct Verifier {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    verdicts: moka::future::Cache<VerdictKey, Arc<Verdict>>,
}

/// Everything that a verdict depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct VerdictKey {
    file_sm3: String,
    trust: String,
    /// The trust epoch: the statuses of seals.
    epoch: u64,
    at: DateTime<Utc>,
    profile: Profile,
    /// Identifier and revision of the entry that the metadata was compared with.
    entry: Option<(String, u64)>,
}

/// Verifies a file that a caller brings, without an entry to compare it with. The use is on
/// record before the verdict is answered.
///
/// # Errors
/// A caller without the role, all turns taken, a record that could not be written.
pub async fn verify_posted(
    node: &Node,
    caller: &Caller,
    bytes: Bytes,
) -> Result<Arc<Verdict>, Refusal> {
    caller.must_have(CallerRole::Verify)?;
    let sm3 = node.verifier.digest(&bytes).await?;
    let verdict = verdict_of(node, bytes, sm3, None).await?;
    let mut leaf = node.leaf(Activity::Verify);
    leaf.agent = Some(caller.agent());
    leaf.entity = Some(EntityReference {
        file_sm3: Some(verdict.sm3.clone()),
        ..EntityReference::default()
    });
    leaf.verdict = Some(reference(node, &verdict));
    node.record_read(leaf, None).await?;
    Ok(verdict)
}

/// Verifies a file against the entry that names it; the caller of this function records the use.
///
/// # Errors
/// All turns taken.
pub(crate) async fn verify_known(
    node: &Node,
    file: &Digested,
    entry: &Entry,
) -> Result<Arc<Verdict>, Refusal> {
    let (bytes, sm3) = (file.bytes().clone(), file.sm3().to_owned());
    verdict_of(node, bytes, sm3, Some(entry)).await
}

/// The verdict as it stands in a provenance leaf.
#[must_use]
pub fn reference(node: &Node, verdict: &Verdict) -> VerdictReference {
    VerdictReference {
        outcome: verdict.verdict,
        code: verdict.code,
        trust: node.trust().fingerprint(),
    }
}

impl Verifier {
    /// Turns as the limits say, and no verdicts yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits.verifications_concurrent)),
            waiting: AtomicUsize::new(0),
            waiting_max: limits.verifications_waiting,
            verdicts: moka::future::Cache::builder()
                .max_capacity(VERDICTS_CACHED_MAX)
                .time_to_live(std::time::Duration::from_secs(VERDICT_KEPT_S))
                .build(),
        }
    }

    async fn digest(&self, bytes: &Bytes) -> Result<String, Refusal> {
        let digest = |bytes: &Bytes| hex::encode(certs::digest::sm3(bytes));
        if bytes.len() <= DIGESTED_HERE_BYTES_MAX {
            return Ok(digest(bytes));
        }
        let bytes = bytes.clone();
        self.in_turn(move || digest(&bytes)).await
    }

    /// Runs `work` on a thread for blocking work when its turn comes.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turns = Arc::clone(&self.turns);
        let turn = match Arc::clone(&turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => {
                let _place = Place::take(&self.waiting, self.waiting_max)?;
                turns.acquire_owned().await.map_err(Refusal::internal)?
            }
        };
        // The turn goes with the work: a caller who goes away does not end it.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(Refusal::internal)
    }
}

async fn verdict_of(
    node: &Node,
    bytes: Bytes,
    file_sm3: String,
    entry: Option<&Entry>,
) -> Result<Arc<Verdict>, Refusal> {
    let state = node.trust.state();
    let trust = Arc::clone(&state.store);
    let at = last_full_minute(node.clock.now());
    let entry_version = |known: &Entry| {
        (
            known.public.identifier.as_str().to_owned(),
            known.public.revision,
        )
    };
    let key = VerdictKey {
        file_sm3: file_sm3.clone(),
        trust: trust.fingerprint(),
        epoch: state.epoch,
        at,
        profile: Profile::Licence,
        entry: entry.map(entry_version),
    };
    let required = entry
        .map(|known| node.required_metadata(&known.public.type_code))
        .unwrap_or_default();
    let compared = entry.cloned();
    let verify = node.verifier.in_turn(move || {
        let expected = compared.as_ref().map(|entry| ExpectedEntry {
            entry,
            required_metadata: &required,
        });
        let revocation = RevocationPolicy::default();
        let options = VerifyOptions {
            at,
            profile: Profile::Licence,
            revocation,
            expected,
        };
        verify_digested(&bytes, &file_sm3, &trust, &options)
    });
    let verify = async {
        let verdict = verify.await?;
        // Not in the turn: the answer of another node may take long, and needs no processor.
        status::judged(node, verdict, entry, &state)
            .await
            .map(Arc::new)
    };
    // Single flight: callers that bring the same file wait for one verification.
    node.verifier
        .verdicts
        .try_get_with(key, verify)
        .await
        .map_err(|refusal: Arc<Refusal>| Refusal::clone(&refusal))
}

fn last_full_minute(now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = now.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(AS_OF_S), 0).unwrap_or(now)
}

/// One place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, most: usize) -> Result<Self, Refusal> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(Refusal::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            });
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Verifier").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_as_of_the_last_full_minute() {
        let at = |seconds| DateTime::from_timestamp(seconds, 999).expect("in range");
        assert_eq!(
            last_full_minute(at(1_790_000_059)).timestamp(),
            1_790_000_040
        );
        assert_eq!(
            last_full_minute(at(1_790_000_040)).timestamp(),
            1_790_000_040
        );
        assert_eq!(
            last_full_minute(at(1_790_000_040)).timestamp_subsec_nanos(),
            0
        );
    }

    #[tokio::test]
    async fn who_finds_no_turn_and_no_place_is_told_to_come_back() {
        let limits = Limits {
            verifications_concurrent: 1,
            verifications_waiting: 0,
            ..Limits::default()
        };
        let verifier = Verifier::new(&limits);
        let turn = verifier.turns.acquire().await.expect("open");
        let refused = verifier.in_turn(|| 1).await;
        assert!(matches!(
            refused,
            Err(Refusal::Overloaded { retry_after_s: 1 })
        ));
        assert_eq!(
            verifier.waiting.load(Ordering::Relaxed),
            0,
            "the place was given back"
        );
        drop(turn);
        assert!(matches!(verifier.in_turn(|| 1).await, Ok(1)));
    }

    #[tokio::test]
    async fn work_whose_caller_went_away_keeps_its_turn() {
        let limits = Limits {
            verifications_concurrent: 1,
            ..Limits::default()
        };
        let verifier = Verifier::new(&limits);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let mut asking = Box::pin(verifier.in_turn(move || {
            let _ = wait.recv();
        }));
        assert!(futures_util::poll!(asking.as_mut()).is_pending(), "at work");
        drop(asking);
        assert_eq!(verifier.turns.available_permits(), 0, "still at work");
        drop(go);
        let _turn = verifier.turns.acquire().await.expect("the work has ended");
    }
}
