//! How old may be what is known about revocations.

use certs::verify::{RevocationPolicy, UnknownStatus};
use chrono::Duration;
use serde::Deserialize;

/// How old may be what is known about revocations; each setting's meaning stands in
/// `deploy/hub.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationConfig {
    /// What it means when nobody says whether a certificate is revoked.
    pub unknown: WhenUnknown,
    /// Most hours since a list or response was made; 0: as long as it says itself.
    pub max_age_h: u32,
    /// Hours without contact after which every verdict says how old this node's trust is; 0: never.
    pub trust_stale_h: u32,
}

/// What it means when nobody says whether a certificate is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnknown {
    /// A warning; the verdict stays.
    #[default]
    Warn,
    /// The verdict is indeterminate.
    Indeterminate,
}

impl RevocationConfig {
    /// The rules for verification.
    #[must_use]
    pub fn policy(&self) -> RevocationPolicy {
        policy(self.unknown, self.max_age_h)
    }
}

/// The rules for verification: what an unknown status means, and after how many hours data are
/// stale (0: when they say so themselves).
#[must_use]
pub fn policy(unknown: WhenUnknown, max_age_h: u32) -> RevocationPolicy {
    RevocationPolicy {
        unknown: match unknown {
            WhenUnknown::Warn => UnknownStatus::Warn,
            WhenUnknown::Indeterminate => UnknownStatus::Indeterminate,
        },
        max_age: (max_age_h > 0).then(|| Duration::hours(max_age_h.into())),
    }
}

impl Default for RevocationConfig {
    fn default() -> Self {
        Self {
            unknown: WhenUnknown::default(),
            max_age_h: 0,
            trust_stale_h: 1,
        }
    }
}
