//! The `AsyncAPI` document names every topic and message type of the code, and no other.

use std::collections::BTreeSet;

use schemas::envelope::{MessageType, topic};
use serde_json::Value;

use super::{Schemas, samples, schemas_folder};

/// Topics that the design reserves and nothing uses yet.
const RESERVED: [&str; 1] = ["heads"];

#[test]
fn every_reference_leads_somewhere() {
    let (document, schemas) = (document(), Schemas::load());
    let mut count = 0;
    references(&document, &mut |target| {
        count += 1;
        match target.strip_prefix('#') {
            Some(pointer) => assert!(document.pointer(pointer).is_some(), "{target}"),
            None => {
                let file = target
                    .strip_prefix("../json/")
                    .expect("a schema of the tree");
                schemas.at(file);
            }
        }
    });
    assert!(count > 50, "only {count} references");
    for (name, schema) in &schemas.0 {
        references(schema, &mut |target| {
            let own = format!("{name}.schema.json{target}");
            schemas.at(if target.starts_with('#') {
                &own
            } else {
                target
            });
        });
    }
}

#[test]
fn every_topic_of_the_code_is_a_channel_and_every_channel_a_topic() {
    let document = document();
    let node = "{node}";
    let known: BTreeSet<String> = [
        topic::DIRECTORY_CHANGES.to_owned(),
        topic::DIRECTORY_RECEIPTS.to_owned(),
        topic::TRUST.to_owned(),
        topic::requests(node),
        topic::replies(node),
        topic::files(node),
        topic::dead_letters(node),
    ]
    .into_iter()
    .chain(RESERVED.map(str::to_owned))
    .collect();
    let described: BTreeSet<String> = members(&document, "/channels")
        .map(|(_, channel)| text(channel, "/address").to_owned())
        .collect();
    assert_eq!(described, known);
}

#[test]
fn every_message_type_has_a_place_a_schema_and_a_sample() {
    let (document, schemas) = (document(), Schemas::load());
    let known = types_in_code();
    let mut described = BTreeSet::new();
    for (name, message) in members(&document, "/components/messages") {
        let channels = uses(&document, "/channels", "messages", name);
        assert!(channels > 0, "{name} is on no channel");
        assert!(
            uses(&document, "/operations", "messages", name) > 0,
            "nobody sends {name}"
        );
        let message_type = text(message, "/name");
        if !message_type.starts_with("hub.") {
            continue;
        }
        assert!(MessageType::parse(message_type).is_some(), "{message_type}");
        described.insert(message_type.to_owned());
        let schema = text(message, "/payload/schema/$ref");
        let schema = schema.strip_prefix("../json/").expect("a schema");
        let said = text(schemas.at(schema), "/description");
        assert!(said.contains(message_type), "{schema} is for {said}");
        let prefix = schema.replace(".schema.json", ".v1");
        let has_sample = samples().iter().any(|one| one.file.starts_with(&prefix));
        assert!(has_sample, "{message_type} has no golden sample");
        let headers = text(message, "/headers/schema/$ref");
        assert_eq!(headers, "../json/envelope.schema.json");
    }
    assert_eq!(described, known);
    let in_headers = schemas.at("envelope.schema.json#/properties/ce_type/enum");
    let in_headers = in_headers.as_array().expect("a list").iter();
    let in_headers: BTreeSet<String> = in_headers
        .map(|one| one.as_str().expect("text").to_owned())
        .collect();
    assert_eq!(in_headers, known);
}

#[test]
fn what_is_sent_is_read_and_the_other_way_round() {
    let document = document();
    for (name, _) in members(&document, "/components/messages") {
        for action in ["send", "receive"] {
            let found = members(&document, "/operations").any(|(_, operation)| {
                let suffix = format!("/messages/{name}");
                let mut messages = references_of(&operation["messages"]).into_iter();
                text(operation, "/action") == action
                    && messages.any(|target| target.ends_with(&suffix))
            });
            // Replies are the other half of their requests; dead letters are for operators.
            let is_reply = members(&document, "/operations").any(|(_, operation)| {
                let suffix = format!("/messages/{name}");
                references_of(&operation["reply"])
                    .into_iter()
                    .any(|target| target.ends_with(&suffix))
            });
            let is_for_operators = name == "deadLetter" && action == "receive";
            assert!(found || is_reply || is_for_operators, "{action} {name}");
        }
    }
}

fn document() -> Value {
    let text = std::fs::read(schemas_folder().join("asyncapi/hub.json")).expect("the document");
    serde_json::from_slice(&text).expect("JSON")
}

/// The message types as they stand in the source: a new one is seen here before any list of them.
fn types_in_code() -> BTreeSet<String> {
    let source = std::fs::read_to_string(schemas_folder().join("src/envelope.rs"));
    let source = source.expect("the source");
    let types: BTreeSet<String> = source
        .split('"')
        .filter(|text| MessageType::parse(text).is_some())
        .map(str::to_owned)
        .collect();
    assert!(types.len() >= 10, "{types:?}");
    types
}

fn members<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let found = document.pointer(pointer).and_then(Value::as_object);
    let found = found.expect("an object").iter();
    found.map(|(name, value)| (name.as_str(), value))
}

/// How many of the things at `pointer` refer to a message in their `member` or their reply.
fn uses(document: &Value, pointer: &str, member: &str, message: &str) -> usize {
    let suffix = format!("/messages/{message}");
    members(document, pointer)
        .filter(|(_, thing)| {
            let mut targets = references_of(&thing[member]);
            targets.extend(references_of(&thing["reply"]));
            targets.iter().any(|target| target.ends_with(&suffix))
        })
        .count()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn references_of(value: &Value) -> Vec<String> {
    let mut targets = Vec::new();
    references(value, &mut |target| targets.push(target.to_owned()));
    targets
}

fn references(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(target) if name == "$ref" => found(target),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
