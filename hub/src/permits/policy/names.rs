//! The rules' words for what the program knows: callers, organisations and licence types.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use schemas::licence_type::{LicenceType, LicenceTypeCode};

use super::Action;
use crate::config::CallerRole;
use crate::permits::Caller;

pub(super) struct Names {
    organisation: EntityTypeName,
    caller: EntityTypeName,
    licence_type: EntityTypeName,
    action: EntityTypeName,
}

impl Names {
    pub(super) fn new() -> Result<Self, String> {
        let kind = |name| EntityTypeName::from_str(name).map_err(|error| error.to_string());
        Ok(Self {
            organisation: kind("Organisation")?,
            caller: kind("Caller")?,
            licence_type: kind("LicenceType")?,
            action: kind("Action")?,
        })
    }

    pub(super) fn action(&self, action: Action) -> EntityUid {
        EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(action.as_str()))
    }

    pub(super) fn organisation(&self, code: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.organisation.clone(), EntityId::new(code))
    }

    pub(super) fn caller_entity(
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

    pub(super) fn licence_type_entity(
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

pub(super) fn text_set(values: impl IntoIterator<Item = String>) -> RestrictedExpression {
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
