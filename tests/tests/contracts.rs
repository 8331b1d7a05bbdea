//! Contracts as data: JSON Schemas, the `AsyncAPI` document and golden samples say what the code
//! does, neither more nor less, and samples of every version stay readable for ever.

mod broken;
mod document;
mod older;
mod readers;
mod spoken;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jsonschema::{Retrieve, Uri, Validator};
use schemas::holder_type::HolderType;
use schemas::status::LicenceStatus;
use schemas::verdict::FindingCode;
use serde_json::{Value, json};

use self::readers::{READERS, Reader};

/// Schemas that no node reads: shared parts, and what a node writes. A client reads more.
const WRITTEN_ONLY: [&str; 3] = ["batch-line", "dead-letter", "problem"];

/// Shapes that others refer to.
const SHARED: &str = "common";

/// Where the schemas refer to each other from.
const BASE: &str = "file:///json/";

#[test]
fn every_schema_has_samples_and_every_sample_a_schema() {
    let schemas = Schemas::load();
    for name in schemas.0.keys() {
        let is_read = READERS.iter().any(|(known, _)| known == name);
        let is_known = is_read || WRITTEN_ONLY.contains(&name.as_str()) || name == SHARED;
        assert!(is_known, "{name}: no type in code");
        let has_sample = samples().iter().any(|sample| sample.schema == *name);
        assert!(has_sample || name == SHARED, "{name}: no golden sample");
    }
    for (name, _) in READERS {
        assert!(schemas.0.contains_key(*name), "{name}: no schema");
    }
    for sample in samples() {
        assert!(schemas.0.contains_key(&sample.schema), "{}", sample.file);
    }
}

#[test]
fn golden_samples_fit_their_schemas_and_are_written_back_as_they_were_read() {
    let schemas = Schemas::load();
    for sample in samples() {
        schemas.check(&sample.schema, &sample.value, &sample.file);
        let Some(read) = reader(&sample.schema) else {
            continue;
        };
        let written =
            read(&sample.value).unwrap_or_else(|cause| panic!("{}: {cause}", sample.file));
        if sample.is_newer() {
            // What this version does not know is ignored, the rest is kept.
            assert_ne!(written, sample.value, "{}: nothing is newer", sample.file);
            assert!(is_part_of(&written, &sample.value), "{}", sample.file);
        } else {
            assert_eq!(written, sample.value, "{}", sample.file);
        }
    }
}

#[test]
fn lists_of_codes_are_those_of_the_code() {
    let schemas = Schemas::load();
    let check = |name: &str, codes: Vec<String>| {
        let address = format!("common.schema.json#/$defs/{name}/enum");
        let listed = schemas.at(&address).as_array().expect("a list");
        let listed: BTreeSet<&str> = listed.iter().filter_map(Value::as_str).collect();
        let codes: BTreeSet<&str> = codes.iter().map(String::as_str).collect();
        assert_eq!(listed, codes, "{address}");
    };
    let findings = FindingCode::ALL.iter();
    check("finding", findings.map(|code| code.as_str()).collect());
    let statuses = LicenceStatus::ALL.iter();
    check(
        "status",
        statuses.map(|one| one.code().to_owned()).collect(),
    );
    let types = HolderType::ALL.iter();
    check(
        "holder_type",
        types.map(|one| one.code().to_owned()).collect(),
    );
}

/// One golden sample: `<schema>.v<version>[.<what is special>].json`.
pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) schema: String,
    pub(crate) value: Value,
}

impl Sample {
    /// Made by a later version: with members that this one does not know.
    pub(crate) fn is_newer(&self) -> bool {
        self.file.ends_with(".newer.json")
    }
}

/// All schemas by name.
#[derive(Clone)]
pub(crate) struct Schemas(pub(crate) BTreeMap<String, Value>);

impl Schemas {
    pub(crate) fn load() -> Self {
        let schemas = read_folder("json").into_iter().map(|(file, schema)| {
            let name = file.strip_suffix(".schema.json").expect("a schema's name");
            (name.to_owned(), schema)
        });
        Self(schemas.collect())
    }

    /// The schema at an address such as `leaf.schema.json#/properties/entity`.
    pub(crate) fn at(&self, address: &str) -> &Value {
        let (file, pointer) = address.split_once('#').unwrap_or((address, ""));
        let name = file.strip_suffix(".schema.json").expect("a schema's name");
        let schema = self.0.get(name).and_then(|schema| schema.pointer(pointer));
        schema.unwrap_or_else(|| panic!("{address} is nowhere"))
    }

    /// What validates at an address.
    pub(crate) fn validator(&self, address: &str) -> Validator {
        jsonschema::options()
            .with_retriever(self.clone())
            .should_validate_formats(true)
            .build(&json!({ "$ref": format!("{BASE}{address}") }))
            .unwrap_or_else(|cause| panic!("{address}: {cause}"))
    }

    /// Fails, naming every fault, unless the value fits the schema.
    #[track_caller]
    pub(crate) fn check(&self, name: &str, value: &Value, what: &str) {
        let validator = self.validator(&format!("{name}.schema.json"));
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{what}: {}\n{value}", faults.join("\n"));
    }
}

impl Retrieve for Schemas {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix(BASE);
        let name = name.and_then(|file| file.strip_suffix(".schema.json"));
        let schema = name.and_then(|name| self.0.get(name)).cloned();
        schema.ok_or_else(|| format!("{uri} is not in the tree").into())
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let samples = read_folder("samples").into_iter().map(|(file, value)| {
        let schema = file.split('.').next().expect("a name").to_owned();
        Sample {
            file,
            schema,
            value,
        }
    });
    samples.collect()
}

pub(crate) fn reader(schema: &str) -> Option<Reader> {
    let found = READERS.iter().find(|(name, _)| *name == schema);
    found.map(|(_, read)| *read)
}

pub(crate) fn schemas_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// Every JSON file of a folder of the package `schemas`, by name.
fn read_folder(name: &str) -> Vec<(String, Value)> {
    let folder = std::fs::read_dir(schemas_folder().join(name)).expect("a folder");
    let mut files: Vec<_> = folder
        .map(|entry| {
            let entry = entry.expect("an entry");
            let file = entry.file_name().into_string().expect("a name");
            let text = std::fs::read(entry.path()).expect("a file");
            let value = serde_json::from_slice(&text);
            let value = value.unwrap_or_else(|cause| panic!("{file}: {cause}"));
            (file, value)
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!files.is_empty(), "{name} is empty");
    files
}

/// Whether everything in `part` stands at its place in `whole`.
fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().all(|(name, value)| {
            whole
                .get(name)
                .is_some_and(|other| is_part_of(value, other))
        }),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(a, b)| is_part_of(a, b))
        }
        _ => part == whole,
    }
}
