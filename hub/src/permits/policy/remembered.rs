//! Answers of the rules, remembered.
//!
//! What the rules say depends on the question and on nothing else: they read no clock and no
//! store, and rules and duties never change within one [`super::PermitPolicy`]. So the same
//! question is evaluated once; its key holds everything that a rule can see.

use std::sync::Arc;

use moka::sync::Cache;

use super::Question;

/// Most answers kept. \[P\] Some thousand callers with some ten types each; an answer with its key
/// takes about 300 bytes, so 20 MB. What callers write into a matter can fill it, not grow it.
const ANSWERS_MAX: u64 = 65_536;

/// Whether a use is permitted, and the rule that says so.
pub(super) type Answer = (bool, Arc<str>);

pub(super) struct Remembered(Cache<Vec<u8>, Answer>);

impl Remembered {
    pub(super) fn new() -> Self {
        Self(Cache::new(ANSWERS_MAX))
    }

    /// The answer to this question; `evaluate` finds it when it was not asked before.
    pub(super) fn answer(
        &self,
        question: &Question<'_>,
        evaluate: impl FnOnce() -> Answer,
    ) -> Answer {
        let key = key(question);
        if let Some(answer) = self.0.get(&key) {
            return answer;
        }
        let answer = evaluate();
        self.0.insert(key, answer.clone());
        answer
    }
}

/// Every part of the question behind its length, so that no two questions share a key.
fn key(question: &Question<'_>) -> Vec<u8> {
    let caller = question.caller;
    let mut roles: Vec<u8> = caller.roles.iter().map(|role| *role as u8).collect();
    roles.sort_unstable();
    let mut key = Vec::with_capacity(256);
    let mut push = |part: &[u8]| {
        key.extend_from_slice(&(part.len() as u64).to_be_bytes());
        key.extend_from_slice(part);
    };
    push(question.action.as_str().as_bytes());
    push(caller.organisation.as_str().as_bytes());
    push(caller.system.as_bytes());
    push(&roles);
    push(question.type_code.as_str().as_bytes());
    if let Some(licence_type) = question.licence_type {
        push(&[u8::from(licence_type.high_security)]);
        push(&licence_type.related_items.len().to_be_bytes());
        for item in &licence_type.related_items {
            push(item.as_bytes());
        }
    } else {
        push(&[]);
    }
    if let Some(asked) = &question.asked {
        push(asked.matter.as_bytes());
        push(asked.category.as_bytes());
        push(asked.province.as_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use schemas::licence_type::{LicenceTypeCode, LicenceTypes};
    use schemas::uscc::Uscc;

    use super::super::{Action, Asked};
    use super::*;
    use crate::config::CallerRole;
    use crate::permits::Caller;

    #[test]
    fn whatever_a_rule_can_see_makes_another_question() {
        let types = LicenceTypes::builtin();
        let codes: Vec<LicenceTypeCode> = types.iter().map(|kind| kind.code.clone()).collect();
        let kind = types.find(&codes[0]).expect("a type");
        let (mut secret, mut related) = (kind.clone(), kind.clone());
        secret.high_security = !secret.high_security;
        related.related_items.push("330100-009".to_owned());
        let one = caller("91330106673959654P", "desk", &[CallerRole::Use]);
        let callers = [
            caller("91350100M000100Y43", "desk", &[CallerRole::Use]),
            caller("91330106673959654P", "desk-2", &[CallerRole::Use]),
            caller("91330106673959654P", "desk", &[CallerRole::Lookup]),
            caller("91330106673959654P", "desk", &[]),
        ];
        let plain = || Question {
            caller: &one,
            action: Action::Use,
            type_code: &codes[0],
            licence_type: Some(kind),
            asked: Some(asked("m", "0", "33")),
        };
        let mut keys = vec![
            key(&plain()),
            key(&Question {
                action: Action::Lookup,
                ..plain()
            }),
            key(&Question {
                type_code: &codes[1],
                ..plain()
            }),
            key(&Question {
                licence_type: None,
                ..plain()
            }),
            key(&Question {
                licence_type: Some(&secret),
                ..plain()
            }),
            key(&Question {
                licence_type: Some(&related),
                ..plain()
            }),
            key(&Question {
                asked: None,
                ..plain()
            }),
            key(&Question {
                asked: Some(asked("m0", "", "33")),
                ..plain()
            }),
            key(&Question {
                asked: Some(asked("m", "1", "33")),
                ..plain()
            }),
            key(&Question {
                asked: Some(asked("m", "0", "51")),
                ..plain()
            }),
        ];
        keys.extend(
            callers
                .iter()
                .map(|caller| key(&Question { caller, ..plain() })),
        );
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count, "two questions share a key");
    }

    fn caller(organisation: &str, system: &str, roles: &[CallerRole]) -> Caller {
        Caller {
            organisation: Uscc::parse(organisation).expect("valid"),
            system: system.to_owned(),
            roles: roles.to_vec(),
        }
    }

    fn asked(
        matter: &'static str,
        category: &'static str,
        province: &'static str,
    ) -> Asked<'static> {
        Asked {
            matter,
            category,
            province: province.to_owned(),
        }
    }

    #[test]
    fn the_same_question_is_evaluated_once() {
        let remembered = Remembered::new();
        let types = LicenceTypes::builtin();
        let kind = types.iter().next().expect("a type");
        let caller = caller("91330106673959654P", "desk", &[CallerRole::Use]);
        let question = Question {
            caller: &caller,
            action: Action::Lookup,
            type_code: &kind.code,
            licence_type: Some(kind),
            asked: None,
        };
        let first = remembered.answer(&question, || (true, "a-rule".into()));
        let second = remembered.answer(&question, || unreachable!("asked before"));
        assert_eq!(first, second);
    }
}
