//! What is wrong with a request, named in our own words.

use std::fmt;

use serde::de;

/// One thing that is wrong with a request. It holds nothing of what the caller wrote, by its
/// types: names of fields and values are those of our own types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The field, inner parts first; empty for the request's part as a whole.
    path: Vec<&'static str>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Twice,
    /// A name stands there that is none of these.
    Unknown(&'static [&'static str]),
    /// The value is none of these.
    NoneOf(&'static [&'static str]),
    /// The value has another form or type.
    Form,
    /// What the value must be.
    Must(&'static str),
}

impl Slip {
    /// A field that is not as it must be.
    pub(in crate::http) fn must(field: &'static str, be: &'static str) -> Self {
        Self::of(vec![field], Kind::Must(be))
    }

    /// One whose nearer place and form are not known.
    pub(in crate::http) fn form() -> Self {
        Self::of(Vec::new(), Kind::Form)
    }

    /// The same, inside a field.
    pub(in crate::http) fn within(mut self, field: &'static str) -> Self {
        self.path.push(field);
        self
    }

    /// The same, in this part of the request where no field is named.
    pub(in crate::http) fn of_part(self, part: &'static str) -> Self {
        if self.path.is_empty() {
            return self.within(part);
        }
        self
    }

    /// Name of the field, its parts joined by full stops.
    #[must_use]
    pub fn field(&self) -> String {
        let parts: Vec<_> = self.path.iter().rev().copied().collect();
        parts.join(".")
    }

    fn of(path: Vec<&'static str>, kind: Kind) -> Self {
        Self { path, kind }
    }
}

impl fmt::Display for Slip {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field();
        match self.kind {
            Kind::Missing => write!(to, "{field} is missing"),
            Kind::Twice => write!(to, "{field} is given twice"),
            Kind::Unknown([]) => write!(to, "{field} holds a field that is not known"),
            Kind::Unknown(known) => {
                let known = known.join(", ");
                write!(
                    to,
                    "{field} holds a field that is not known; known: {known}"
                )
            }
            Kind::NoneOf(values) => write!(to, "{field} must be one of: {}", values.join(", ")),
            Kind::Form => write!(to, "{field} does not have the form that it must have"),
            Kind::Must(be) => write!(to, "{field} must {be}"),
        }
    }
}

impl std::error::Error for Slip {}

impl de::Error for Slip {
    /// The words of the message may be the caller's.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::form()
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::of(Vec::new(), Kind::NoneOf(expected))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::of(Vec::new(), Kind::Unknown(expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(vec![field], Kind::Missing)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(vec![field], Kind::Twice)
    }
}
