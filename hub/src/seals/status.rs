//! The status of the seals in a file: what was pushed over the topic `trust`, the own register, or
//! the home node's answer.
//!
//! The operator's word counts everywhere. A home node's counts only for the files whose home it
//! is: that of the entry; without an entry, the home of the province in the file's signed
//! identifier. A seal that nobody pushed is asked of the home node, but only when everything else
//! in the file is good: a forged seal sends nobody asking.

use std::sync::Arc;
use std::time::Duration;

use certs::signed_value::{SealEvidence, StatusSource, check_seal_status};
use schemas::entry::Entry;
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, EntityReference, ItemReference, Leaf};
use schemas::seal_status::{SealReply, SealRequest, SealState, SealStatus};
use schemas::trust_item::{ItemState, TrustContent, seal_item_name};
use schemas::verdict::{FindingCode, Outcome, SealUse, SignatureReport, Verdict};

use crate::exchange::ask;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::{seal_statuses, trust_items};
use crate::trust::TrustState;

/// Answers of home nodes kept: some hundred bytes each. Files far outnumber seals.
const ANSWERS_CACHED_MAX: u64 = 10_000;

/// How long an answer, or its absence, is kept: a home node that is away is asked about a seal
/// twice a minute at most. A change of status comes over `trust` and does not wait for this. \[P\]
const ANSWER_KEPT: Duration = Duration::from_secs(30);

/// What home nodes have answered of late.
pub(crate) struct SealAnswers(moka::future::Cache<AnswerKey, Arc<SealEvidence>>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct AnswerKey {
    /// A new epoch asks anew: the answer may be what has changed.
    epoch: u64,
    home: String,
    seal_sm3: String,
}

impl SealAnswers {
    pub(crate) fn new() -> Self {
        let cache = moka::future::Cache::builder()
            .max_capacity(ANSWERS_CACHED_MAX)
            .time_to_live(ANSWER_KEPT);
        Self(cache.build())
    }
}

/// The verdict with what is known about the seals' statuses.
pub(super) async fn judged(
    node: &Node,
    verdict: Verdict,
    entry: Option<&Entry>,
    trust: &TrustState,
) -> Result<Verdict, Refusal> {
    if verdict.signatures.iter().all(|one| one.seal.is_none()) {
        return Ok(verdict);
    }
    let home = home_of(&verdict, entry, trust);
    let may_ask = verdict.verdict == Outcome::Valid;
    let mut signatures = verdict.signatures.clone();
    for signature in &mut signatures {
        let Some(seal) = signature.seal.clone() else {
            continue;
        };
        let mut evidence = known(node, &seal, home.as_deref()).await?;
        let others = home.as_deref().filter(|home| *home != node.name);
        if let Some(home) = others
            && may_ask
            && evidence.is_empty()
        {
            evidence.push(asked(node, home, &seal, signature, trust.epoch).await);
        }
        if !evidence.is_empty() {
            let now = node.clock.now();
            let checks = check_seal_status(&evidence, signature.signed_at, now);
            signature.checks.replace(FindingCode::SealRevoked, checks);
            signature.conclude();
        }
    }
    Ok(verdict.with_signatures(signatures))
}

/// The leaf about a question for the status of a seal, on either side: `other` is the node on the
/// other side, `home` the seal's.
pub(crate) fn asked_leaf(node: &Node, other: &str, home: &str, reply: &SealReply) -> Leaf {
    let state = reply.status.as_ref().map(|status| status.status);
    let mut leaf = about(node, other, home, &reply.seal_sm3);
    leaf.result = match state {
        Some(SealState::Active) => "SEAL_ACTIVE",
        Some(SealState::Suspended) => "SEAL_SUSPENDED",
        Some(SealState::Revoked) => "SEAL_REVOKED",
        None => "SEAL_UNKNOWN",
    }
    .to_owned();
    leaf
}

fn about(node: &Node, other: &str, home: &str, seal_sm3: &str) -> Leaf {
    let mut leaf = node.leaf(Activity::SealStatus);
    leaf.item = Some(ItemReference {
        name: seal_item_name(Some(home), seal_sm3),
        serial: None,
    });
    leaf.entity = Some(EntityReference {
        peer: Some(other.to_owned()),
        ..EntityReference::default()
    });
    leaf
}

/// Whose word counts for the seals of this file beside the operator's.
fn home_of(verdict: &Verdict, entry: Option<&Entry>, trust: &TrustState) -> Option<String> {
    if let Some(entry) = entry {
        return Some(entry.public.home_node.clone());
    }
    let (identifier, _) = Identifier::parse_lenient(verdict.signed_identifier()?).ok()?;
    trust.peers.home_of_licence(&identifier).map(str::to_owned)
}

/// What is known here: pushed by the operator, pushed by the home node, or in the own register.
async fn known(
    node: &Node,
    seal: &SealUse,
    home: Option<&str>,
) -> Result<Vec<SealEvidence>, Refusal> {
    let mut names = vec![seal_item_name(None, &seal.seal_sm3)];
    names.extend(home.map(|home| seal_item_name(Some(home), &seal.seal_sm3)));
    let items = trust_items::named(node.store.reader(), &names).await?;
    let mut evidence = Vec::new();
    for stored in items {
        let source = match stored.item.seal_home() {
            Some(home) => StatusSource::Home(home.to_owned()),
            None => StatusSource::Operator,
        };
        if let TrustContent::Seal(status) = stored.item.content
            && stored.item.state == ItemState::Listed
        {
            evidence.push(SealEvidence::Status { status, source });
        }
    }
    if home == Some(node.name.as_str())
        && let Some(kept) = seal_statuses::find(node.store.reader(), &seal.seal_sm3).await?
    {
        let source = StatusSource::Home(node.name.clone());
        let of_home = |one: &SealEvidence| match one {
            SealEvidence::Status { source: found, .. } => *found == source,
            SealEvidence::NotKept { .. } | SealEvidence::NoAnswer { .. } => false,
        };
        // The register is what the item repeats, and is never behind it.
        evidence.retain(|one| !of_home(one));
        let status: SealStatus = kept.status;
        evidence.push(SealEvidence::Status { status, source });
    }
    Ok(evidence)
}

/// The home node's answer; single flight, kept for a moment with its age.
async fn asked(
    node: &Node,
    home: &str,
    seal: &SealUse,
    signature: &SignatureReport,
    epoch: u64,
) -> SealEvidence {
    let key = AnswerKey {
        epoch,
        home: home.to_owned(),
        seal_sm3: seal.seal_sm3.clone(),
    };
    let request = SealRequest {
        seal_sm3: seal.seal_sm3.clone(),
        es_id: seal.es_id.clone(),
        signer_sm3: seal.signer_sm3.clone(),
        signed_at: signature.signed_at,
    };
    let ask = async { Arc::new(ask_home(node, home, &request).await) };
    let evidence = node.seal_answers.0.get_with(key, ask).await;
    SealEvidence::clone(&evidence)
}

async fn ask_home(node: &Node, home: &str, request: &SealRequest) -> SealEvidence {
    let no_answer = |refusal: &Refusal| SealEvidence::NoAnswer {
        home: home.to_owned(),
        code: ask::known_code(refusal.code()),
    };
    let answer = ask::seal(node, home, request).await;
    let (leaf, evidence) = match answer {
        Ok(reply) => {
            let leaf = asked_leaf(node, home, home, &reply);
            (leaf, evidence_of(home, reply))
        }
        Err(refusal) => {
            let mut leaf = about(node, home, home, &request.seal_sm3);
            leaf.result = refusal.leaf_result();
            (leaf, no_answer(&refusal))
        }
    };
    // What is not on record is not used.
    match node.record_read(leaf, None).await {
        Ok(_) => evidence,
        Err(refusal) => no_answer(&refusal),
    }
}

fn evidence_of(home: &str, reply: SealReply) -> SealEvidence {
    let (home, as_of) = (home.to_owned(), reply.as_of);
    let fits = |status: &SealStatus| status.check().is_ok() && status.seal_sm3 == reply.seal_sm3;
    match reply.status {
        Some(status) if fits(&status) => SealEvidence::Status {
            status,
            source: StatusSource::Asked { home, as_of },
        },
        Some(_) => SealEvidence::NoAnswer {
            home,
            code: "BODY_MALFORMED".to_owned(),
        },
        None => SealEvidence::NotKept { home, as_of },
    }
}
