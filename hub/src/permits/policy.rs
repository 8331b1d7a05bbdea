//! The permit policy: Cedar rules checked against a schema, and the duties they consult.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use chrono::{DateTime, Duration, Utc};
use schemas::entry::EntryPublic;
use schemas::licence_type::{LicenceType, LicenceTypeCode};
use schemas::permit::{CallCategory, PermitBasis, PermitRecord, Purpose};
use schemas::uscc::Uscc;
use serde::Deserialize;

use super::{Caller, Decision, Permit, event_id};
use crate::config::{CallerRole, NodeConfig};

/// The built-in rules.
pub const DEFAULT_POLICIES: &str = include_str!("../../../deploy/permits.cedar");
/// The built-in shapes that rules may speak of.
pub const DEFAULT_SCHEMA: &str = include_str!("../../../deploy/permits.cedarschema");

/// How long a permit holds, in seconds: as long as a download link of the provincial platforms
/// (ARCHITECTURE.md, Standards, 600 s).
pub const PERMIT_SECONDS: i64 = 600;

/// Rule name when no rule permits.
pub const DEFAULT_DENY: &str = "default-deny";
/// Rule name when a rule could not be evaluated: then nothing is permitted.
pub const POLICY_ERROR: &str = "policy-error";

/// Longest policy or schema text, in bytes. \[P\] Far above any policy a person can review.
const POLICY_BYTES_MAX: usize = 1024 * 1024;
/// Most duties of one node. \[P\] 3,000 organisations with some 30 matters each.
const DUTIES_MAX: usize = 100_000;

/// An organisation's duty: for this matter it needs these licence types (依职能).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// The organisation.
    pub organisation: Uscc,
    /// Code of the matter, GB/T 39554.
    pub matter: String,
    /// Licence types that the matter needs.
    pub licence_types: Vec<LicenceTypeCode>,
}

/// Policy that cannot be used. The node does not start on it.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file is absent, unreadable or too long.
    #[error("policy file {0} cannot be read")]
    Unreadable(String),
    /// The schema does not parse.
    #[error("permit schema: {0}")]
    Schema(String),
    /// The rules do not parse.
    #[error("permit policy: {0}")]
    Syntax(String),
    /// The rules speak of something that the schema does not have.
    #[error("permit policy contradicts its schema: {0}")]
    Invalid(String),
    /// A rule has no `@id`, or two rules share one: a decision could not name its rule.
    #[error("permit policy: every rule needs an @id of its own; {0}")]
    RuleName(String),
    /// More duties than `DUTIES_MAX`, or one that cannot be used.
    #[error("duties: {0}")]
    Duties(String),
}

/// The rules with the duties, ready to decide.
pub struct PermitPolicy {
    policies: PolicySet,
    schema: Schema,
    /// Organisations with duties, by unified social credit code.
    organisations: HashMap<String, Entity>,
    names: Names,
}

struct Names {
    organisation: EntityTypeName,
    caller: EntityTypeName,
    licence_type: EntityTypeName,
    use_file: EntityUid,
    lookup: EntityUid,
}

impl PermitPolicy {
    /// Reads rules and schema and checks the one against the other.
    ///
    /// # Errors
    /// Text that does not parse, rules the schema does not allow, rules without a name.
    pub fn from_text(policies: &str, schema: &str) -> Result<Self, PolicyError> {
        if policies.len() > POLICY_BYTES_MAX || schema.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::Unreadable("longer than 1 MiB".to_owned()));
        }
        let (schema, _warnings) = Schema::from_cedarschema_str(schema)
            .map_err(|error| PolicyError::Schema(error.to_string()))?;
        let parsed = PolicySet::from_str(policies)
            .map_err(|error| PolicyError::Syntax(error.to_string()))?;
        let policies = named_by_annotation(&parsed)?;
        let result = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if let Some(error) = result.validation_errors().next() {
            return Err(PolicyError::Invalid(error.to_string()));
        }
        let names = Names::new().map_err(PolicyError::Schema)?;
        Ok(Self {
            policies,
            schema,
            organisations: HashMap::new(),
            names,
        })
    }

    /// The policy that the configuration names, with its duties.
    ///
    /// # Errors
    /// As [`PermitPolicy::from_text`]; files that cannot be read; unusable duties.
    pub fn from_config(config: &NodeConfig) -> Result<Self, PolicyError> {
        let policy = match &config.policy {
            None => Self::from_text(DEFAULT_POLICIES, DEFAULT_SCHEMA)?,
            Some(folder) => Self::from_text(
                &read(&folder.join("permits.cedar"))?,
                &read(&folder.join("permits.cedarschema"))?,
            )?,
        };
        policy.with_duties(&config.duties)
    }

    /// The same rules with these duties.
    ///
    /// # Errors
    /// Too many duties.
    pub fn with_duties(mut self, duties: &[Duty]) -> Result<Self, PolicyError> {
        if duties.len() > DUTIES_MAX {
            return Err(PolicyError::Duties(format!("more than {DUTIES_MAX}")));
        }
        let mut matters: BTreeMap<String, BTreeMap<&str, HashSet<String>>> = BTreeMap::new();
        for duty in duties {
            let types = duty.licence_types.iter().map(ToString::to_string);
            matters
                .entry(duty.organisation.to_string())
                .or_default()
                .entry(&duty.matter)
                .or_default()
                .extend(types);
        }
        self.organisations.clear();
        for (code, matters) in matters {
            let tags = matters
                .into_iter()
                .map(|(matter, types)| (matter.to_owned(), text_set(types)))
                .collect::<Vec<_>>();
            let entity = Entity::new_with_tags(self.names.organisation(&code), [], [], tags)
                .map_err(|error| PolicyError::Duties(error.to_string()))?;
            self.organisations.insert(code, entity);
        }
        Ok(self)
    }

    /// Decides one use: `permit` is there only when a rule permits and none forbids.
    #[must_use]
    pub fn decide(
        &self,
        caller: &Caller,
        entry: &EntryPublic,
        licence_type: Option<&LicenceType>,
        purpose: &Purpose,
        now: DateTime<Utc>,
    ) -> Decision {
        let text = RestrictedExpression::new_string;
        let category = match purpose.call_category {
            CallCategory::Matter => "0",
            CallCategory::OutsideMatter => "1",
        };
        let context = vec![
            ("matter".to_owned(), text(purpose.matter_code.clone())),
            ("call_category".to_owned(), text(category.to_owned())),
            // Consent artefacts come with the consent paths; until then nobody has consented.
            ("consent".to_owned(), RestrictedExpression::new_bool(false)),
            (
                "province".to_owned(),
                text(entry.region.province().to_string()),
            ),
        ];
        let resource = (&entry.type_code, licence_type);
        let (permitted, rule) = self.ask(caller, &self.names.use_file, resource, context);
        let record = PermitRecord {
            id: event_id(now),
            permitted,
            rule,
            basis: PermitBasis::Duty,
            identifier: entry.identifier.to_string(),
            organisation: caller.organisation.to_string(),
            caller: caller.system.clone(),
            purpose: purpose.clone(),
            decided_at: now,
            expires_at: now + Duration::seconds(PERMIT_SECONDS),
        };
        let permit = permitted.then(|| Permit {
            record: record.clone(),
        });
        Decision { record, permit }
    }

    /// Whether `caller` may see entries of this type, and the rule that says so.
    #[must_use]
    pub fn may_look_up(
        &self,
        caller: &Caller,
        type_code: &LicenceTypeCode,
        licence_type: Option<&LicenceType>,
    ) -> (bool, String) {
        self.ask(
            caller,
            &self.names.lookup,
            (type_code, licence_type),
            Vec::new(),
        )
    }

    fn ask(
        &self,
        caller: &Caller,
        action: &EntityUid,
        resource: (&LicenceTypeCode, Option<&LicenceType>),
        context: Vec<(String, RestrictedExpression)>,
    ) -> (bool, String) {
        let Ok((request, entities)) = self.request(caller, action, resource, context) else {
            return (false, POLICY_ERROR.to_owned());
        };
        let response = Authorizer::new().is_authorized(&request, &self.policies, &entities);
        // Cedar leaves out a rule that fails: a forbid left out could permit. Nothing is permitted.
        if response.diagnostics().errors().next().is_some() {
            return (false, POLICY_ERROR.to_owned());
        }
        let permitted = response.decision() == cedar_policy::Decision::Allow;
        // Several rules may agree; the first by name is recorded, so that it is always the same.
        let rule = response
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .min();
        (permitted, rule.unwrap_or_else(|| DEFAULT_DENY.to_owned()))
    }

    fn request(
        &self,
        caller: &Caller,
        action: &EntityUid,
        (type_code, licence_type): (&LicenceTypeCode, Option<&LicenceType>),
        context: Vec<(String, RestrictedExpression)>,
    ) -> Result<(Request, Entities), Box<dyn std::error::Error>> {
        let organisation = self.organisation(&caller.organisation.to_string());
        let principal = self.names.caller_entity(caller, &organisation)?;
        let resource = self.names.licence_type_entity(type_code, licence_type)?;
        let request = Request::new(
            principal.uid(),
            action.clone(),
            resource.uid(),
            Context::from_pairs(context)?,
            Some(&self.schema),
        )?;
        let all = [organisation, principal, resource];
        Ok((request, Entities::from_entities(all, Some(&self.schema))?))
    }

    fn organisation(&self, code: &str) -> Entity {
        self.organisations.get(code).cloned().unwrap_or_else(|| {
            // An organisation without duties.
            Entity::new_no_attrs(self.names.organisation(code), HashSet::new())
        })
    }
}

impl Names {
    fn new() -> Result<Self, String> {
        let kind = |name| EntityTypeName::from_str(name).map_err(|error| error.to_string());
        let action = kind("Action")?;
        let named = |name| EntityUid::from_type_name_and_id(action.clone(), EntityId::new(name));
        Ok(Self {
            organisation: kind("Organisation")?,
            caller: kind("Caller")?,
            licence_type: kind("LicenceType")?,
            use_file: named("use"),
            lookup: named("lookup"),
        })
    }

    fn organisation(&self, code: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.organisation.clone(), EntityId::new(code))
    }

    fn caller_entity(
        &self,
        caller: &Caller,
        organisation: &Entity,
    ) -> Result<Entity, Box<dyn std::error::Error>> {
        let uid =
            EntityUid::from_type_name_and_id(self.caller.clone(), EntityId::new(&caller.system));
        let roles = caller.roles.iter().map(|role| role_name(*role).to_owned());
        let attributes = HashMap::from([
            (
                "organisation".to_owned(),
                RestrictedExpression::new_entity_uid(organisation.uid()),
            ),
            ("roles".to_owned(), text_set(roles)),
        ]);
        Ok(Entity::new(uid, attributes, HashSet::new())?)
    }

    fn licence_type_entity(
        &self,
        code: &LicenceTypeCode,
        licence_type: Option<&LicenceType>,
    ) -> Result<Entity, Box<dyn std::error::Error>> {
        let code = code.to_string();
        let authority: String = code.chars().take(18).collect();
        let related = licence_type
            .map(|known| known.related_items.clone())
            .unwrap_or_default();
        let high_security = licence_type.is_some_and(|known| known.high_security);
        let uid = EntityUid::from_type_name_and_id(self.licence_type.clone(), EntityId::new(&code));
        let yes_no = RestrictedExpression::new_bool;
        let attributes = HashMap::from([
            ("code".to_owned(), RestrictedExpression::new_string(code)),
            ("registered".to_owned(), yes_no(licence_type.is_some())),
            (
                "define_authority".to_owned(),
                RestrictedExpression::new_string(authority),
            ),
            ("high_security".to_owned(), yes_no(high_security)),
            ("related_items".to_owned(), text_set(related)),
        ]);
        Ok(Entity::new(uid, attributes, HashSet::new())?)
    }
}

impl std::fmt::Debug for PermitPolicy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PermitPolicy")
            .field("rules", &self.policies.num_of_policies())
            .field("organisations", &self.organisations.len())
            .finish_non_exhaustive()
    }
}

/// The rules under the names of their `@id` annotations.
fn named_by_annotation(parsed: &PolicySet) -> Result<PolicySet, PolicyError> {
    if parsed.num_of_templates() > 0 {
        return Err(PolicyError::RuleName(
            "templates have no place here".to_owned(),
        ));
    }
    let mut named = PolicySet::new();
    for policy in parsed.policies() {
        let name = policy
            .annotation("id")
            .filter(|name| !name.is_empty() && *name != DEFAULT_DENY && *name != POLICY_ERROR)
            .ok_or_else(|| PolicyError::RuleName(format!("see {}", policy.id())))?;
        named
            .add(policy.new_id(PolicyId::new(name)))
            .map_err(|error| PolicyError::RuleName(error.to_string()))?;
    }
    Ok(named)
}

fn text_set(values: impl IntoIterator<Item = String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(RestrictedExpression::new_string))
}

fn role_name(role: CallerRole) -> &'static str {
    match role {
        CallerRole::Lookup => "lookup",
        CallerRole::Use => "use",
        CallerRole::Verify => "verify",
        CallerRole::Auditor => "auditor",
        CallerRole::Registrar => "registrar",
    }
}

fn read(path: &Path) -> Result<String, PolicyError> {
    std::fs::read_to_string(path).map_err(|_| PolicyError::Unreadable(path.display().to_string()))
}

#[cfg(test)]
mod tests;
