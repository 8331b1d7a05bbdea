use chrono::NaiveDate;
use schemas::identifier::Identifier;
use schemas::licence_type::LicenceTypes;
use schemas::region::RegionCode;
use schemas::status::LicenceStatus;

use super::*;
use crate::config::CallerRole;

const ORGANISATION: &str = "11330105002500287C";
const OTHER_ORGANISATION: &str = "11370800MB28559184";
const MATTER: &str = "330100-001";
const LISTED_MATTER: &str = "330100-listed";

/// A type that anyone with a duty may use, and one of high security.
const PLAIN: &str = "11990000MB999999XE001";
const HIGH_SECURITY: &str = "11100000000013127D001";
const UNREGISTERED: &str = "11990000MB999999XE999";

struct Case {
    organisation: &'static str,
    roles: &'static [CallerRole],
    type_code: &'static str,
    matter: &'static str,
    category: CallCategory,
}

const PERMITTED: Case = Case {
    organisation: ORGANISATION,
    roles: &[CallerRole::Use],
    type_code: PLAIN,
    matter: MATTER,
    category: CallCategory::Matter,
};

fn duty(matter: &str, types: &[&str]) -> Duty {
    Duty {
        organisation: Uscc::parse(ORGANISATION).expect("valid"),
        matter: matter.to_owned(),
        licence_types: types.iter().map(|code| type_code(code)).collect(),
    }
}

fn type_code(code: &str) -> LicenceTypeCode {
    LicenceTypeCode::parse(code).expect("valid")
}

fn entry(code: &str) -> EntryPublic {
    EntryPublic {
        identifier: Identifier::build(code, ORGANISATION, "A1", 1).expect("valid"),
        licence_name: "许可".to_owned(),
        type_name: "许可".to_owned(),
        type_code: type_code(code),
        issuer_name: "机关".to_owned(),
        issuer_code: ORGANISATION.to_owned(),
        issued_on: NaiveDate::from_ymd_opt(2026, 1, 2).expect("valid"),
        valid_from: None,
        valid_until: None,
        region: RegionCode::parse("330105").expect("valid"),
        status: LicenceStatus::Valid,
        home_node: "zhejiang".to_owned(),
        revision: 1,
        file: None,
        related: None,
    }
}

fn types() -> HashMap<&'static str, LicenceType> {
    let builtin = LicenceTypes::builtin();
    let mut plain = builtin.find(&type_code(PLAIN)).expect("built in").clone();
    plain.high_security = false;
    let mut high = builtin
        .find(&type_code(HIGH_SECURITY))
        .expect("built in")
        .clone();
    high.high_security = true;
    high.related_items = vec![LISTED_MATTER.to_owned()];
    HashMap::from([(PLAIN, plain), (HIGH_SECURITY, high)])
}

fn policy() -> PermitPolicy {
    let duties = [
        duty(MATTER, &[PLAIN]),
        duty(MATTER, &[HIGH_SECURITY, UNREGISTERED]),
        duty(LISTED_MATTER, &[HIGH_SECURITY]),
        // An organisation may have written a duty without a matter: it still opens nothing
        // outside a service item.
        duty("", &[PLAIN]),
    ];
    PermitPolicy::from_text(DEFAULT_POLICIES, DEFAULT_SCHEMA)
        .and_then(|policy| policy.with_duties(&duties))
        .expect("the built-in policy")
}

#[track_caller]
fn check(case: &Case, permitted: bool, rule: &str) {
    let caller = Caller {
        system: "desk".to_owned(),
        organisation: Uscc::parse(case.organisation).expect("valid"),
        roles: case.roles.to_vec(),
    };
    let purpose = Purpose {
        matter_code: case.matter.to_owned(),
        matter_name: "事项".to_owned(),
        system_name: "系统".to_owned(),
        call_category: case.category,
        cause: "办理".to_owned(),
        project_number: None,
    };
    let now = DateTime::from_timestamp(1_790_000_000, 0).expect("in range");
    let types = types();
    let licence_type = types.get(case.type_code);
    let decision = policy().decide(&caller, &entry(case.type_code), licence_type, &purpose, now);
    assert_eq!(decision.record.rule, rule);
    assert_eq!(decision.record.permitted, permitted, "{rule}");
    assert_eq!(
        decision.permit.is_some(),
        permitted,
        "a permit exists exactly when permitted"
    );
    if let Some(permit) = decision.permit {
        assert!(!permit.has_expired(now + Duration::seconds(PERMIT_SECONDS - 1)));
        assert!(permit.has_expired(now + Duration::seconds(PERMIT_SECONDS)));
    }
}

#[test]
fn a_duty_permits() {
    check(&PERMITTED, true, "duty-matter-type");
    let listed = Case {
        type_code: HIGH_SECURITY,
        matter: LISTED_MATTER,
        ..PERMITTED
    };
    check(&listed, true, "duty-matter-type");
}

#[test]
fn what_no_rule_permits_is_denied() {
    check(
        &Case {
            organisation: OTHER_ORGANISATION,
            ..PERMITTED
        },
        false,
        DEFAULT_DENY,
    );
    check(
        &Case {
            matter: "330100-002",
            ..PERMITTED
        },
        false,
        DEFAULT_DENY,
    );
    check(
        &Case {
            roles: &[CallerRole::Lookup],
            ..PERMITTED
        },
        false,
        DEFAULT_DENY,
    );
    let other_type = Case {
        matter: LISTED_MATTER,
        ..PERMITTED
    };
    check(&other_type, false, DEFAULT_DENY);
}

#[test]
fn what_a_rule_forbids_is_denied_whatever_permits_it() {
    let outside = Case {
        category: CallCategory::OutsideMatter,
        matter: "",
        ..PERMITTED
    };
    check(&outside, false, "outside-matter-needs-consent");
    let high = Case {
        type_code: HIGH_SECURITY,
        ..PERMITTED
    };
    check(&high, false, "high-security-needs-matter");
    let unregistered = Case {
        type_code: UNREGISTERED,
        ..PERMITTED
    };
    check(&unregistered, false, "type-must-be-registered");
}

#[test]
fn the_personal_part_is_shown_by_role() {
    let caller = |roles: &[CallerRole]| Caller {
        system: "desk".to_owned(),
        organisation: Uscc::parse(ORGANISATION).expect("valid"),
        roles: roles.to_vec(),
    };
    let code = type_code(PLAIN);
    let asked = |roles: &[CallerRole]| policy().may_look_up(&caller(roles), &code, None);
    assert_eq!(
        asked(&[CallerRole::Lookup]),
        (true, "lookup-role".to_owned())
    );
    assert_eq!(
        asked(&[CallerRole::Use, CallerRole::Auditor]),
        (false, DEFAULT_DENY.to_owned())
    );
}

#[track_caller]
fn refused(policies: &str, schema: &str, says: &str) {
    let refusal = PermitPolicy::from_text(policies, schema).expect_err("refused");
    assert!(
        format!("{refusal:?}").starts_with(says),
        "{refusal:?} is no {says}"
    );
}

#[test]
fn broken_policies_are_refused_at_load() {
    let unnamed = "permit (principal, action, resource);";
    refused("permit (principal", DEFAULT_SCHEMA, "Syntax");
    refused(DEFAULT_POLICIES, "entity ;", "Schema");
    refused(unnamed, DEFAULT_SCHEMA, "RuleName");
    refused(
        &format!("@id(\"default-deny\") {unnamed}"),
        DEFAULT_SCHEMA,
        "RuleName",
    );
    refused(
        &format!("@id(\"a\") {unnamed} @id(\"a\") {unnamed}"),
        DEFAULT_SCHEMA,
        "RuleName",
    );
    let unknown = "@id(\"a\") permit (principal, action, resource) when { principal.rank == 1 };";
    refused(unknown, DEFAULT_SCHEMA, "Invalid");
    let template = "@id(\"a\") permit (principal == ?principal, action, resource);";
    refused(template, DEFAULT_SCHEMA, "RuleName");
}
