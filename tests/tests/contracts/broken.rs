//! Every golden sample is broken in every place that its schema bounds: what the schema refuses
//! the code refuses, and the other way round.

use serde_json::{Value, json};

use super::{READERS, Reader, Sample, Schemas, samples};

/// Fewest broken variants of all samples together: far fewer means that the search is blind.
const VARIANTS_MIN: usize = 1_000;

#[test]
fn schema_and_code_refuse_the_same() {
    let schemas = Schemas::load();
    let mut count = 0;
    let mut faults = Vec::new();
    for (name, read) in READERS {
        let mut of_this = 0;
        for sample in samples().iter().filter(|sample| sample.schema == *name) {
            of_this += check(&schemas, sample, *read, &mut faults);
        }
        assert!(of_this >= 5, "{name}: only {of_this} broken variants");
        count += of_this;
    }
    assert!(count >= VARIANTS_MIN, "only {count} broken variants");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is expected of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Both refuse.
    Refused,
    /// Both refuse or both accept.
    Agreement,
}

/// A sample with one change.
struct Variant {
    what: String,
    value: Value,
    expected: Expected,
}

fn check(schemas: &Schemas, sample: &Sample, read: Reader, faults: &mut Vec<String>) -> usize {
    let mut search = Search {
        schemas,
        sample: &sample.value,
        variants: Vec::new(),
    };
    search.visit(&format!("{}.schema.json#", sample.schema), "");
    let validator = schemas.validator(&format!("{}.schema.json", sample.schema));
    for variant in &search.variants {
        let by_schema = validator.is_valid(&variant.value);
        let by_code = read(&variant.value).is_ok();
        let is_refused = !by_schema && !by_code;
        let is_right = match variant.expected {
            Expected::Refused => is_refused,
            Expected::Agreement => by_schema == by_code,
        };
        if !is_right {
            let (file, what) = (&sample.file, &variant.what);
            faults.push(format!(
                "{file}{what}: the schema says {by_schema}, the code {by_code}"
            ));
        }
    }
    search.variants.len()
}

struct Search<'a> {
    schemas: &'a Schemas,
    sample: &'a Value,
    variants: Vec<Variant>,
}

impl Search<'_> {
    /// Makes the variants of the value at `place`, which the schema at `address` describes.
    fn visit(&mut self, address: &str, place: &str) {
        let schemas = self.schemas;
        let schema = schemas.at(address);
        let value = self.sample.pointer(place).expect("a place in the sample");
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            self.visit(&resolved(address, target), place);
        }
        for word in ["anyOf", "oneOf"] {
            let branches = schema.get(word).and_then(Value::as_array);
            for number in 0..branches.map_or(0, Vec::len) {
                let branch = format!("{address}/{word}/{number}");
                if schemas.validator(&branch).is_valid(value) {
                    self.visit(&branch, place);
                }
            }
        }
        match value {
            Value::Object(_) => self.object(schema, address, place),
            Value::Array(items) => self.array(schema, address, place, items),
            Value::String(_) => self.text(schema, place),
            Value::Number(_) => self.number(schema, place),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn object(&mut self, schema: &Value, address: &str, place: &str) {
        let members = self.sample.pointer(place).and_then(Value::as_object);
        for name in members.expect("an object").keys() {
            let inner = format!("{place}/{name}");
            let is_required = names(schema, "required").any(|required| required == *name);
            let known = schema.pointer(&format!("/properties/{name}"));
            if let Some(known) = known
                && is_required
                && !self.may_be_null(&format!("{address}/properties/{name}"), known)
            {
                self.without(place, name);
            }
            if known.is_some() {
                self.visit(&format!("{address}/properties/{name}"), &inner);
            } else if schema
                .get("additionalProperties")
                .is_some_and(Value::is_object)
            {
                self.visit(&format!("{address}/additionalProperties"), &inner);
            } else {
                continue;
            }
            self.wrong_type(&inner);
        }
        if schema.get("properties").is_some() {
            let added = format!("{place}/x_later");
            self.with("a later member", &added, json!("后来"), Expected::Agreement);
        }
    }

    fn array(&mut self, schema: &Value, address: &str, place: &str, items: &[Value]) {
        for number in 0..items.len() {
            let inner = format!("{place}/{number}");
            self.visit(&format!("{address}/items"), &inner);
            self.wrong_type(&inner);
        }
        let limit = |word| schema.get(word).and_then(Value::as_u64);
        if let (Some(most), Some(first)) = (limit("maxItems"), items.first()) {
            let many = |count: u64| Value::Array((0..count).map(|_| first.clone()).collect());
            self.with("too many", place, many(most + 1), Expected::Refused);
            self.with("just so many", place, many(most), Expected::Agreement);
        }
        if limit("minItems").is_some() {
            self.with("too few", place, json!([]), Expected::Refused);
        }
    }

    fn text(&mut self, schema: &Value, place: &str) {
        use Expected::{Agreement, Refused};
        let limit = |word| schema.get(word).and_then(Value::as_u64);
        let length = |count: u64| json!("x".repeat(usize::try_from(count).expect("fits")));
        if let Some(most) = limit("maxLength") {
            self.with("too long", place, length(most + 1), Refused);
            self.with("just so long", place, length(most), Agreement);
        }
        self.with("empty", place, json!(""), Agreement);
        if schema.get("pattern").is_some() {
            for odd in [" ", "#", "a\nb", "\u{7f}", "\u{85}", "样", ".", "A B"] {
                self.with(&format!("{odd:?}"), place, json!(odd), Agreement);
            }
        }
        let is_one_of_few = ["enum", "const", "format"];
        if is_one_of_few.iter().any(|word| schema.get(word).is_some()) {
            self.with("no such word", place, json!("no such"), Refused);
            self.with("no word", place, json!(""), Refused);
        }
    }

    fn number(&mut self, schema: &Value, place: &str) {
        use Expected::{Agreement, Refused};
        if schema.get("type").is_none() {
            return;
        }
        self.with("a fraction", place, json!(1.5), Refused);
        let most = schema.get("maximum").and_then(Value::as_u64);
        if let Some(more) = most.and_then(|most| most.checked_add(1)) {
            self.with("too large", place, json!(more), Refused);
            self.with("just so large", place, json!(more - 1), Agreement);
        }
        let least = schema.get("minimum").and_then(Value::as_i64);
        if let Some(less) = least.and_then(|least| least.checked_sub(1)) {
            self.with("too small", place, json!(less), Refused);
            self.with("just so small", place, json!(less + 1), Agreement);
        }
    }

    fn wrong_type(&mut self, place: &str) {
        let wrong = match self.sample.pointer(place).expect("a place") {
            Value::String(_) => json!(7),
            Value::Number(_) => json!("7"),
            Value::Bool(_) => json!("true"),
            Value::Array(_) => json!({ "a": 1 }),
            // Not a list: serde takes one for the members of a structure in their order.
            Value::Object(_) => json!("a"),
            Value::Null => json!({}),
        };
        self.with("of another type", place, wrong, Expected::Refused);
    }

    fn without(&mut self, place: &str, name: &str) {
        let mut value = self.sample.clone();
        let object = value.pointer_mut(place).and_then(Value::as_object_mut);
        object.expect("an object").remove(name);
        self.variants.push(Variant {
            what: format!("{place}/{name}: missing"),
            value,
            expected: Expected::Refused,
        });
    }

    fn with(&mut self, what: &str, place: &str, changed: Value, expected: Expected) {
        let mut value = self.sample.clone();
        let (parent, name) = place.rsplit_once('/').expect("not the whole");
        match value.pointer_mut(parent).expect("a place") {
            Value::Object(members) => {
                members.insert(name.to_owned(), changed);
            }
            Value::Array(items) => {
                let number: usize = name.parse().expect("a number");
                items[number] = changed;
            }
            _ => panic!("{parent} has no members"),
        }
        self.variants.push(Variant {
            what: format!("{place}: {what}"),
            value,
            expected,
        });
    }

    /// Readers take an absent member for null.
    fn may_be_null(&self, address: &str, schema: &Value) -> bool {
        schema.get("const").is_none() && self.schemas.validator(address).is_valid(&Value::Null)
    }
}

fn names<'a>(schema: &'a Value, word: &str) -> impl Iterator<Item = &'a str> {
    let list = schema.get(word).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// The address that a reference at `address` leads to.
fn resolved(address: &str, target: &str) -> String {
    match target.strip_prefix('#') {
        Some(pointer) => {
            let file = address.split('#').next().unwrap_or_default();
            format!("{file}#{pointer}")
        }
        None if target.contains('#') => target.to_owned(),
        None => format!("{target}#"),
    }
}
