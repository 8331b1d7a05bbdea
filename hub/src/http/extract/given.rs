//! A request that did not parse, read once more for what is wrong with it.
//!
//! The messages of the parsers repeat what the caller wrote; a [`Slip`] cannot.

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::http::fault::Slip;

/// What is wrong with a JSON text; none where it is no JSON, or nothing more can be said.
pub(super) fn slip_of_body<T: DeserializeOwned>(body: &[u8]) -> Option<Slip> {
    let value = serde_json::from_slice(body).ok()?;
    let given = Given {
        value: &value,
        is_query: false,
    };
    T::deserialize(given).err()
}

/// What is wrong with parameters.
pub(super) fn slip_of_query<T: DeserializeOwned>(parameters: Vec<(String, String)>) -> Slip {
    let parameters: Vec<(String, Value)> = parameters
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    let slip = T::deserialize(Parameters(&parameters)).err();
    slip.unwrap_or_else(Slip::form)
}

/// Parameters as the struct that they must be.
struct Parameters<'a>(&'a [(String, Value)]);

impl<'de> Deserializer<'de> for Parameters<'_> {
    type Error = Slip;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Slip> {
        let members = self.0.iter().map(|(name, value)| (name.as_str(), value));
        visitor.visit_map(Members {
            members,
            fields,
            is_query: true,
            next: None,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A value as it was given. In a query numbers are text.
struct Given<'a> {
    value: &'a Value,
    is_query: bool,
}

impl Given<'_> {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        let text = self.value.as_str().filter(|_| self.is_query);
        let Some(text) = text else {
            return self.deserialize_any(visitor);
        };
        if let Ok(number) = text.parse() {
            return visitor.visit_u64(number);
        }
        let number = text.parse().map_err(|_| Slip::form())?;
        visitor.visit_i64(number)
    }
}

impl<'de> Deserializer<'de> for Given<'_> {
    type Error = Slip;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => Err(Slip::form()),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Item))),
            Value::Object(_) => self.deserialize_struct("", &[], visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Slip> {
        let Value::Object(members) = self.value else {
            return Err(Slip::form());
        };
        let members = members.iter().map(|(name, value)| (name.as_str(), value));
        visitor.visit_map(Members {
            members,
            fields,
            is_query: self.is_query,
            next: None,
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Slip> {
        let text = self.value.as_str().ok_or_else(Slip::form)?;
        visitor.visit_enum(text.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Slip> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        self.number(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        self.number(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Slip> {
        self.number(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// A value in a list.
struct Item<'a>(&'a Value);

impl<'a> IntoDeserializer<'_, Slip> for Item<'a> {
    type Deserializer = Given<'a>;

    fn into_deserializer(self) -> Given<'a> {
        Given {
            value: self.0,
            is_query: false,
        }
    }
}

/// Names and values, in the order in which they stand.
struct Members<'a, I> {
    members: I,
    /// Names that the wanted type has.
    fields: &'static [&'static str],
    is_query: bool,
    next: Option<(&'a str, &'a Value)>,
}

impl<'de, 'a, I: Iterator<Item = (&'a str, &'a Value)>> MapAccess<'de> for Members<'a, I> {
    type Error = Slip;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Slip> {
        self.next = self.members.next();
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Slip> {
        let (name, value) = self.next.take().ok_or_else(Slip::form)?;
        let given = Given {
            value,
            is_query: self.is_query,
        };
        // The name of our own type, not the caller's that equals it.
        let ours = self.fields.iter().find(|field| **field == name);
        let read = seed.deserialize(given);
        read.map_err(|slip| match ours {
            Some(ours) => slip.within(ours),
            None => slip,
        })
    }
}

#[cfg(test)]
mod tests {
    use schemas::verdict::Profile;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is wrong with it is looked at")]
    struct Wanted {
        #[serde(default)]
        profile: Profile,
        name: String,
        #[serde(default)]
        after: i64,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is wrong with it is looked at")]
    struct Inner {
        cause: String,
        #[serde(default)]
        list: Vec<u32>,
    }

    #[track_caller]
    fn check_body(body: &str, says: &str) {
        let slip = slip_of_body::<Wanted>(body.as_bytes()).expect("a slip");
        assert_eq!(slip.of_part("body").to_string(), says, "{body}");
    }

    #[test]
    fn a_body_is_told_which_field_is_wrong_in_our_own_words() {
        check_body("{}", "name is missing");
        check_body("[]", "body does not have the form that it must have");
        let one_of = "profile must be one of: licence, general";
        check_body(r#"{"profile":"secret"}"#, one_of);
        let known = "body holds a field that is not known; known: profile, name, after, inner";
        check_body(r#"{"secret":1}"#, known);
        let missing = "inner.cause is missing";
        check_body(r#"{"name":"","inner":{"list":[1]}}"#, missing);
        let form = "inner.list does not have the form that it must have";
        check_body(r#"{"name":"","inner":{"list":[1,"secret"]}}"#, form);
        let known = "inner holds a field that is not known; known: cause, list";
        check_body(r#"{"inner":{"secret":{}}}"#, known);
        assert_eq!(slip_of_body::<Wanted>(b"{\"secret"), None);
        assert_eq!(
            slip_of_body::<Wanted>(b"{\"name\":\"\",\"after\":-1}"),
            None
        );
    }

    #[track_caller]
    fn check_query(parameters: &[(&str, &str)], says: &str) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let slip = slip_of_query::<Wanted>(parameters.iter().map(owned).collect());
        assert_eq!(slip.of_part("query").to_string(), says, "{parameters:?}");
    }

    #[test]
    fn a_query_is_told_which_parameter_is_wrong_in_our_own_words() {
        check_query(&[], "name is missing");
        let one_of = "profile must be one of: licence, general";
        check_query(&[("profile", "strict")], one_of);
        let form = "after does not have the form that it must have";
        check_query(&[("name", "7"), ("after", "secret")], form);
        check_query(&[("after", "-7")], "name is missing");
        let twice = "name is given twice";
        check_query(&[("name", "1"), ("name", "2")], twice);
        let known = "query holds a field that is not known; known: profile, name, after, inner";
        check_query(&[("secret", "1")], known);
    }
}
