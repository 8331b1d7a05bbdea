//! Purpose of a use and the decision about it.
//!
//! The purpose has the five fields of the structured `useCause` that provincial platforms send
//! (ARCHITECTURE.md, Standards); a permit is the recorded decision that a caller may have a licence
//! for one matter, naming the rule that decided.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Longest text of one purpose field, in characters (ARCHITECTURE.md, Standards).
pub const PURPOSE_CHARACTERS_MAX: usize = 200;

/// What a licence is wanted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Purpose {
    /// Code of the matter, GB/T 39554 (`certificateEventCode`).
    pub matter_code: String,
    /// Name of the matter (`certificateMatterName`).
    pub matter_name: String,
    /// Name of the calling system (`certificateSystemName`).
    pub system_name: String,
    /// `0` for a real service item, `1` for use outside one (`certificateCallCategory`).
    pub call_category: CallCategory,
    /// Reason in words (`certificateCopyCause`).
    pub cause: String,
    /// Number of the case at the caller, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_number: Option<String>,
}

/// Whether the use belongs to a service item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallCategory {
    /// For a service item with a code.
    #[serde(rename = "0")]
    Matter,
    /// Outside a service item, for instance a scanned code.
    #[serde(rename = "1")]
    OutsideMatter,
}

/// By what right a caller may have a licence (依职能 or 依授权).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermitBasis {
    /// Within the caller's statutory duty, tied to a matter (依职能).
    Duty,
    /// With the holder's consent (依授权).
    Consent,
}

/// The decision about one use, as it is recorded and shown. Holding this value allows nothing:
/// the program's own evidence type does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitRecord {
    /// Name of the decision, UUID version 7.
    pub id: String,
    /// Whether the use is permitted.
    pub permitted: bool,
    /// Rule that decided; `default-deny` when no rule permits.
    pub rule: String,
    /// By what right.
    pub basis: PermitBasis,
    /// Licence the decision is about.
    pub identifier: String,
    /// Organisation of the caller, unified social credit code.
    pub organisation: String,
    /// The caller's system.
    pub caller: String,
    /// What the licence is wanted for.
    pub purpose: Purpose,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// After this time a new decision is needed.
    pub expires_at: DateTime<Utc>,
}

/// A purpose that cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurposeError {
    /// A required field is empty.
    #[error("purpose field {0} is empty")]
    Empty(&'static str),
    /// A field is longer than [`PURPOSE_CHARACTERS_MAX`].
    #[error("purpose field {0} is longer than {PURPOSE_CHARACTERS_MAX} characters")]
    TooLong(&'static str),
}

impl Purpose {
    /// Checks that every field can be recorded.
    ///
    /// # Errors
    /// The first field that is empty or too long. The matter code may be empty only outside a
    /// service item.
    pub fn check(&self) -> Result<(), PurposeError> {
        let fields = [
            ("matter_code", &self.matter_code),
            ("matter_name", &self.matter_name),
            ("system_name", &self.system_name),
            ("cause", &self.cause),
        ];
        for (name, value) in fields {
            let may_be_empty = self.call_category == CallCategory::OutsideMatter
                && matches!(name, "matter_code" | "matter_name");
            if value.trim().is_empty() && !may_be_empty {
                return Err(PurposeError::Empty(name));
            }
            if value.chars().count() > PURPOSE_CHARACTERS_MAX {
                return Err(PurposeError::TooLong(name));
            }
        }
        match &self.project_number {
            Some(number) if number.chars().count() > PURPOSE_CHARACTERS_MAX => {
                Err(PurposeError::TooLong("project_number"))
            }
            _ => Ok(()),
        }
    }
}
