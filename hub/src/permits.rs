//! Who may have which licence for which matter, and the rule that says so.
//!
//! lookup → decide → record: [`decide`] asks the policy about one use and records the decision,
//! permitted or not, with its provenance leaf in one transaction. What comes out of a permitted
//! decision is a [`Permit`], without which nothing is delivered (invariant 1). [`resume`] turns
//! a stored decision that the caller presents again into the same evidence.

pub mod policy;

use chrono::{DateTime, Utc};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, Agent, Matter, PermitReference, PrivateDetail};
use schemas::message::Asker;
use schemas::permit::{PermitRecord, Purpose, PurposeError};
use schemas::uscc::Uscc;

pub use self::policy::{Duty, PermitPolicy, PolicyError};
use crate::config::CallerRole;
use crate::directory;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store;

/// A system that calls this node, known by its bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the system.
    pub system: String,
    /// Organisation it acts for.
    pub organisation: Uscc,
    /// What it may ask for.
    pub roles: Vec<CallerRole>,
}

/// Evidence that a use is permitted. Made only by [`PermitPolicy::decide`], when it permits, and
/// by [`resume`], from such a decision; whoever holds one may have the file delivered.
#[derive(Debug)]
pub struct Permit {
    record: PermitRecord,
}

/// What the policy said about one use.
#[derive(Debug)]
pub struct Decision {
    /// The decision as it is recorded and shown.
    pub record: PermitRecord,
    /// The evidence; only when permitted.
    pub permit: Option<Permit>,
}

/// Decides whether `caller` may have the file of `identifier` for `purpose`, and records it.
///
/// # Errors
/// A purpose that cannot be recorded, a licence nobody knows, a directory that cannot be asked,
/// a decision that could not be recorded. A denial is no error but a decision.
pub async fn decide(
    node: &Node,
    caller: &Caller,
    identifier: &Identifier,
    purpose: &Purpose,
) -> Result<Decision, Refusal> {
    caller.must_have(CallerRole::Use)?;
    purpose.check().map_err(refuse_purpose)?;
    let found = directory::lookup(node, caller, identifier)
        .await?
        .ok_or(Refusal::NotFound)?;
    let entry = &found.entry.public;
    let licence_type = node.types.find(&entry.type_code);
    let decision = node
        .permits
        .decide(caller, entry, licence_type, purpose, node.clock.now());
    record(node, &decision.record).await?;
    tracing::info!(
        permit.id = %decision.record.id,
        permit.rule = %decision.record.rule,
        permit.permitted = decision.record.permitted,
        caller.system = %caller.system,
        "a permit was decided"
    );
    Ok(decision)
}

/// The evidence of a decision made earlier, presented again by the same caller for the same
/// licence within its term.
///
/// # Errors
/// A permit that is not known for this caller and licence, was denied, or has expired.
pub async fn resume(
    node: &Node,
    caller: &Caller,
    permit_id: &str,
    identifier: &Identifier,
) -> Result<Permit, Refusal> {
    caller.must_have(CallerRole::Use)?;
    let record = store::permits::find(node.store.reader(), permit_id, node.keys.column_key())
        .await?
        // One answer for "unknown" and "someone else's": a caller learns nothing about others.
        .filter(|record| is_for(record, caller, identifier))
        .ok_or(Refusal::PermitUnknown)?;
    if !record.permitted {
        return Err(Refusal::NotPermitted { rule: record.rule });
    }
    let permit = Permit { record };
    if permit.has_expired(node.clock.now()) {
        return Err(Refusal::PermitExpired);
    }
    Ok(permit)
}

impl Permit {
    /// The decision that permitted.
    #[must_use]
    pub fn record(&self) -> &PermitRecord {
        &self.record
    }

    /// Whether its term is over at `now`.
    #[must_use]
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        now >= self.record.expires_at
    }

    /// Whether it permits the use of this licence.
    #[must_use]
    pub fn is_for(&self, identifier: &Identifier) -> bool {
        self.record.identifier == identifier.as_str()
    }
}

impl Caller {
    /// Refuses a caller that does not have `role`.
    ///
    /// # Errors
    /// The caller does not have it.
    pub fn must_have(&self, role: CallerRole) -> Result<(), Refusal> {
        if self.roles.contains(&role) {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// The caller as it stands in a provenance leaf.
    #[must_use]
    pub fn agent(&self) -> Agent {
        Agent {
            organisation: self.organisation.to_string(),
            caller: self.system.clone(),
        }
    }

    /// The caller as other nodes are told.
    #[must_use]
    pub fn asker(&self) -> Asker {
        Asker {
            organisation: self.organisation.to_string(),
            caller: self.system.clone(),
        }
    }
}

/// The decision as it stands in a provenance leaf.
#[must_use]
pub fn reference(record: &PermitRecord) -> PermitReference {
    PermitReference {
        id: record.id.clone(),
        permitted: record.permitted,
        rule: record.rule.clone(),
        basis: record.basis,
    }
}

/// The matter as it stands in a provenance leaf.
#[must_use]
pub fn matter(purpose: &Purpose) -> Matter {
    Matter {
        code: purpose.matter_code.clone(),
        call_category: purpose.call_category,
    }
}

/// What is personal about a use: stored apart from its leaf, encrypted.
#[must_use]
pub fn private_detail(purpose: &Purpose) -> PrivateDetail {
    PrivateDetail {
        matter_name: Some(purpose.matter_name.clone()),
        cause: Some(purpose.cause.clone()),
        project_number: purpose.project_number.clone(),
        ..PrivateDetail::default()
    }
}

/// A new name for an event, UUID version 7 of the time given: sorts by time.
#[must_use]
pub(crate) fn event_id(at: DateTime<Utc>) -> String {
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, at.timestamp_subsec_nanos());
    uuid::Uuid::new_v7(time).to_string()
}

async fn record(node: &Node, record: &PermitRecord) -> Result<(), Refusal> {
    let mut leaf = node.leaf(Activity::Permit);
    leaf.identifier = Some(record.identifier.clone());
    leaf.agent = Some(Agent {
        organisation: record.organisation.clone(),
        caller: record.caller.clone(),
    });
    leaf.matter = Some(matter(&record.purpose));
    leaf.permit = Some(reference(record));
    if !record.permitted {
        leaf.result = "PERMIT_DENIED".to_owned();
    }
    let private = private_detail(&record.purpose);
    node.record_permit(record, leaf, private).await
}

fn is_for(record: &PermitRecord, caller: &Caller, identifier: &Identifier) -> bool {
    record.caller == caller.system
        && record.organisation == caller.organisation.to_string()
        && record.identifier == identifier.as_str()
}

fn refuse_purpose(error: PurposeError) -> Refusal {
    let field = match error {
        PurposeError::Empty(field) | PurposeError::TooLong(field) => field,
    };
    Refusal::BadRequest {
        code: "BAD_REQUEST",
        field: format!("purpose.{field}"),
    }
}
