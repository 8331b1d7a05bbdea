//! Is the seal good: document → claims → trust → verdict.
//!
//! Verification is pure computation in `certs`; here it gets its bounds (how many at a time, how
//! many waiting), its trust store and its cache. A verdict is the same with an empty cache: the
//! key holds everything the verdict depends on (invariant 4).

use std::sync::Arc;

use certs::verify::{ExpectedEntry, VerifyOptions, verify_digested, verify_digested_open_file};
use chrono::{DateTime, Utc};
use schemas::entry::Entry;
use schemas::leaf::{Activity, EntityReference, VerdictReference};
use schemas::verdict::{Profile, Verdict};

use self::turns::Turns;
use crate::config::{CallerRole, Limits};
use crate::files::Digested;
use crate::node::Node;
use crate::permits::Caller;
use crate::refusal::Refusal;
use crate::spool::{Brought, Content};

mod information;
mod register;
mod stale;
mod status;
mod turns;

pub(crate) use register::next_serial;
pub use register::{StatusWanted, change_status_once, find as find_status};
pub(crate) use status::{SealAnswers, asked_leaf};
pub(crate) use turns::Asking;

/// Verdicts kept, each some [`VERDICT_BYTES`]: some tens of MiB at most, and enough for what is
/// asked again within the minute. One with long metadata counts for several. \[P\]
const VERDICTS_CACHED_MAX: u64 = 4_096;

/// What a verdict takes without its metadata.
const VERDICT_BYTES: usize = 10 * 1024;

/// Verification is as of the last full minute, in seconds: then a verdict can be used again within
/// the minute and is what a new verification would say. The tolerance for signing times in the
/// future, ten minutes, is far above it. \[P\]
const AS_OF_S: i64 = 60;

/// Verdicts are forgotten after this long, in seconds: no later minute asks for them.
const VERDICT_KEPT_S: u64 = 2 * AS_OF_S.unsigned_abs();

/// Turns for verification, and the verdicts given of late. A node has one.
pub struct Verifier {
    turns: Turns,
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

/// What a file is verified for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Which changes after signing are tolerated (PDF).
    pub(crate) profile: Profile,
    /// The directory's entry, when the file is checked against one.
    pub(crate) entry: Option<&'a Entry>,
    /// For whom.
    pub(crate) asking: Asking<'a>,
}

/// Verifies a file that a caller brings, without an entry to compare it with. The use is on
/// record before the verdict is answered.
///
/// # Errors
/// A caller without the role, all turns taken, a record that could not be written.
pub async fn verify_posted(
    node: &Node,
    caller: &Caller,
    file: impl Into<Brought>,
    profile: Profile,
) -> Result<Arc<Verdict>, Refusal> {
    verify_brought(node, caller, file.into(), profile, false).await
}

/// The same for a file that may be one of a batch.
pub(crate) async fn verify_brought(
    node: &Node,
    caller: &Caller,
    file: Brought,
    profile: Profile,
    in_batch: bool,
) -> Result<Arc<Verdict>, Refusal> {
    caller.must_have(CallerRole::Verify)?;
    let question = Question {
        profile,
        entry: None,
        asking: Asking {
            caller: &caller.system,
            in_batch,
        },
    };
    let verdict = verdict_of(node, file.content(), file.sm3(), question).await?;
    // Neither its memory nor its disk is needed while the record is written.
    drop(file);
    let told = information::looked_up(node, verdict).await?;
    let verdict = told.verdict;
    let mut leaf = node.leaf(Activity::Verify);
    // Whoever is told something about a licence is on the licence's record.
    leaf.identifier = told.identifier;
    leaf.agent = Some(caller.agent());
    leaf.entity = Some(EntityReference {
        revision: told.revision,
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
    question: Question<'_>,
) -> Result<Arc<Verdict>, Refusal> {
    let content = Content::Memory(file.bytes().clone());
    verdict_of(node, &content, file.sm3(), question).await
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
            turns: Turns::new(
                limits.verifications_concurrent,
                limits.verifications_waiting,
            ),
            verdicts: moka::future::Cache::builder()
                .max_capacity(VERDICTS_CACHED_MAX)
                .weigher(|_, verdict: &Arc<Verdict>| weight(verdict))
                .time_to_live(std::time::Duration::from_secs(VERDICT_KEPT_S))
                .build(),
        }
    }

    /// Runs `work` on a thread for blocking work when its turn comes.
    async fn in_turn<T: Send + 'static>(
        &self,
        asking: Asking<'_>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = self.turns.take(asking).await?;
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
    content: &Content,
    file_sm3: &str,
    question: Question<'_>,
) -> Result<Arc<Verdict>, Refusal> {
    let Question { profile, entry, .. } = question;
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
        file_sm3: file_sm3.to_owned(),
        trust: trust.fingerprint(),
        epoch: state.epoch,
        at,
        profile,
        entry: entry.map(entry_version),
    };
    let required = entry
        .map(|known| node.required_metadata(&known.public.type_code))
        .unwrap_or_default();
    // Like everything in the configuration it is the same for as long as the node runs.
    let revocation = node.config.revocation.policy();
    let (compared, fields) = (entry.cloned(), required.clone());
    let (content, file_sm3) = (content.clone(), file_sm3.to_owned());
    let verify = node.verifier.in_turn(question.asking, move || {
        let expected = compared.as_ref().map(|entry| ExpectedEntry {
            entry,
            required_metadata: &fields,
        });
        let options = VerifyOptions {
            at,
            profile,
            revocation,
            expected,
        };
        match &content {
            Content::Memory(bytes) => Ok(verify_digested(bytes, &file_sm3, &trust, &options)),
            Content::Spooled(file) => verify_digested_open_file(file, &file_sm3, &trust, &options),
        }
    });
    let verify = async {
        let verdict = verify.await?.map_err(Refusal::internal)?;
        // Not in the turn: the answer of another node may take long, and needs no processor.
        let verdict = status::judged(node, verdict, entry, &state).await?;
        Ok(Arc::new(match entry {
            Some(entry) => information::compared(verdict, entry, &required, at),
            None => verdict,
        }))
    };
    // Single flight: callers that bring the same file wait for one verification.
    node.verifier
        .verdicts
        .try_get_with(key, verify)
        .await
        .map(|verdict| stale::said(node, verdict))
        .map_err(|refusal: Arc<Refusal>| Refusal::clone(&refusal))
}

fn weight(verdict: &Verdict) -> u32 {
    let metadata = verdict.signed_metadata.as_ref();
    let bytes = metadata.map_or(0, |metadata| metadata.size_bytes());
    u32::try_from(bytes / VERDICT_BYTES).map_or(u32::MAX, |more| more.saturating_add(1))
}

fn last_full_minute(now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = now.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(AS_OF_S), 0).unwrap_or(now)
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
    async fn work_whose_caller_went_away_keeps_its_turn() {
        let limits = Limits {
            verifications_concurrent: 1,
            ..Limits::default()
        };
        let verifier = Verifier::new(&limits);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let asking = Asking {
            caller: "desk",
            in_batch: false,
        };
        let mut working = Box::pin(verifier.in_turn(asking, move || {
            let _ = wait.recv();
        }));
        assert!(
            futures_util::poll!(working.as_mut()).is_pending(),
            "at work"
        );
        drop(working);
        assert_eq!(verifier.turns.free(), 0, "still at work");
        drop(go);
        let _turn = verifier.turns.take(asking).await.expect("the work ended");
    }
}
