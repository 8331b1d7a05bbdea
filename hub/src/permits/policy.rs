//! The permit policy: Cedar rules checked against a schema, and the duties they consult.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Entities, Entity, PolicyId, PolicySet, Request, RestrictedExpression,
    Schema, ValidationMode, Validator,
};
use chrono::{DateTime, Duration, Utc};
use schemas::entry::EntryPublic;
use schemas::licence_type::{LicenceType, LicenceTypeCode};
use schemas::permit::{CallCategory, PermitBasis, PermitRecord, Purpose};
use schemas::uscc::Uscc;
use serde::Deserialize;

use self::names::{Names, text_set};
use self::remembered::{Answer, Remembered};
use super::{Caller, Decision, Permit, event_id};
use crate::config::NodeConfig;

mod names;
mod remembered;

/// The built-in rules.
pub const DEFAULT_POLICIES: &str = include_str!("../../../deploy/permits.cedar");
/// The built-in shapes that rules may speak of.
pub const DEFAULT_SCHEMA: &str = include_str!("../../../deploy/permits.cedarschema");

/// How long a permit holds, in seconds: as long as a download link of the provincial platforms
/// (ARCHITECTURE.md, Standards).
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
    remembered: Remembered,
}

/// What is asked of the rules: all that they can see.
struct Question<'a> {
    caller: &'a Caller,
    action: Action,
    type_code: &'a LicenceTypeCode,
    licence_type: Option<&'a LicenceType>,
    /// What a use is for; none for a lookup.
    asked: Option<Asked<'a>>,
}

/// What a use is for.
struct Asked<'a> {
    matter: &'a str,
    category: &'static str,
    province: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Use,
    Lookup,
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
            remembered: Remembered::new(),
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
        self.remembered = Remembered::new();
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
        let category = match purpose.call_category {
            CallCategory::Matter => "0",
            CallCategory::OutsideMatter => "1",
        };
        let (permitted, rule) = self.ask(&Question {
            caller,
            action: Action::Use,
            type_code: &entry.type_code,
            licence_type,
            asked: Some(Asked {
                matter: &purpose.matter_code,
                category,
                province: entry.region.province().to_string(),
            }),
        });
        let record = PermitRecord {
            id: event_id(now),
            permitted,
            rule: rule.to_string(),
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
        let (shown, rule) = self.ask(&Question {
            caller,
            action: Action::Lookup,
            type_code,
            licence_type,
            asked: None,
        });
        (shown, rule.to_string())
    }

    fn ask(&self, question: &Question<'_>) -> Answer {
        self.remembered.answer(question, || self.evaluate(question))
    }

    fn evaluate(&self, question: &Question<'_>) -> Answer {
        let Ok((request, entities)) = self.request(question) else {
            return (false, POLICY_ERROR.into());
        };
        let response = Authorizer::new().is_authorized(&request, &self.policies, &entities);
        // Cedar leaves out a rule that fails: a forbid left out could permit. Nothing is permitted.
        if response.diagnostics().errors().next().is_some() {
            return (false, POLICY_ERROR.into());
        }
        let permitted = response.decision() == cedar_policy::Decision::Allow;
        // Several rules may agree; the first by name is recorded, so that it is always the same.
        let rule = response
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .min();
        let rule = rule.as_deref().unwrap_or(DEFAULT_DENY);
        (permitted, rule.into())
    }

    fn request(
        &self,
        question: &Question<'_>,
    ) -> Result<(Request, Entities), Box<dyn std::error::Error>> {
        let caller = question.caller;
        let organisation = self.organisation(caller.organisation.as_str());
        let principal = self.names.caller_entity(caller, &organisation)?;
        let resource = self
            .names
            .licence_type_entity(question.type_code, question.licence_type)?;
        let request = Request::new(
            principal.uid(),
            self.names.action(question.action),
            resource.uid(),
            Context::from_pairs(question.context())?,
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

impl Question<'_> {
    fn context(&self) -> Vec<(String, RestrictedExpression)> {
        let text = RestrictedExpression::new_string;
        self.asked.as_ref().map_or_else(Vec::new, |asked| {
            vec![
                ("matter".to_owned(), text(asked.matter.to_owned())),
                ("call_category".to_owned(), text(asked.category.to_owned())),
                // Consent artefacts come with the consent paths; until then nobody has consented.
                ("consent".to_owned(), RestrictedExpression::new_bool(false)),
                ("province".to_owned(), text(asked.province.clone())),
            ]
        })
    }
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::Lookup => "lookup",
        }
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

fn read(path: &Path) -> Result<String, PolicyError> {
    std::fs::read_to_string(path).map_err(|_| PolicyError::Unreadable(path.display().to_string()))
}

#[cfg(test)]
mod tests;
