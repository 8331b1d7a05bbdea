//! Whether a certificate was revoked, as far as the lists and responses at hand say.
//!
//! Lists that are trusted, and what a file carries along, are asked alike: whether the issuer
//! signed them (or, for responses, somebody whom it named for that). Since the issuer has a path to
//! an anchor, so has whatever counts here. What a file carries can add a revocation, or show that
//! there was none; it cannot take away one that a list of ours names.

mod evidence;
mod ocsp;

use chrono::{DateTime, Duration, Utc};

pub use self::evidence::Evidence;
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::effort::Effort;
use crate::trust::{ListWord, TrustStore};

/// Evidence up to this much after the time of the question is taken for a clock difference.
/// (`\[P\]` profile)
const CLOCK_SKEW: Duration = Duration::minutes(10);

/// How old revocation data may be, and what it means when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevocationPolicy {
    /// What it means when nobody says whether a certificate is revoked.
    pub unknown: UnknownStatus,
    /// Most age, counted from `thisUpdate`; none: as long as `nextUpdate` says. What is older is
    /// stale, and the verdict `indeterminate`.
    pub max_age: Option<Duration>,
}

/// What it means when nobody says whether a certificate is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnknownStatus {
    /// A warning; the verdict stays as it is.
    #[default]
    Warn,
    /// The verdict is `indeterminate`.
    Indeterminate,
}

/// What is known, and how it is judged.
#[derive(Clone, Copy)]
pub struct Inquiry<'a> {
    /// What is trusted, with its lists.
    pub trust: &'a TrustStore,
    /// The anchor of the certificate's path: below it lists may be signed with another key of the
    /// issuer. None: only the issuer's own count.
    pub anchor: Option<&'a Certificate>,
    /// What came with the file.
    pub evidence: &'a [&'a Evidence<'a>],
    /// The rules.
    pub policy: &'a RevocationPolicy,
    /// The time of the question.
    pub now: DateTime<Utc>,
    /// A time at which the signature is proven to have existed: what was known since then suffices.
    pub proven: Option<DateTime<Utc>>,
    /// How much may be asked of what came with the file; what is beyond says nothing.
    pub effort: &'a Effort,
}

/// What the lists and responses say about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    /// The newest word of the issuer does not say that it is revoked.
    Good,
    /// The issuer says so.
    Revoked {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The newest word does not say so, but it is too old.
    Stale {
        /// Until when it counted.
        until: DateTime<Utc>,
    },
    /// Nothing at hand says anything about it.
    Unknown,
}

impl RevocationPolicy {
    /// A warning where nobody says anything; data count as long as their maker says.
    pub const DEFAULT: Self = Self {
        unknown: UnknownStatus::Warn,
        max_age: None,
    };

    /// Whether somebody must say that a certificate is not revoked.
    #[must_use]
    pub const fn is_status_required(&self) -> bool {
        matches!(self.unknown, UnknownStatus::Indeterminate)
    }
}

/// One word of the issuer about the certificate.
#[derive(Clone, Copy, Debug)]
struct Word {
    this_update: DateTime<Utc>,
    next_update: Option<DateTime<Utc>>,
    says: Says,
    /// Whether a list of ours says so.
    is_ours: bool,
    /// Whether it speaks of a part of the certificates alone, so that its silence says nothing.
    is_partial: bool,
    /// Whether its maker answers anew at any time, as OCSP responders do.
    is_momentary: bool,
}

/// In the order of what wins when two words are of the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Unknown,
    Good,
    Revoked { since: DateTime<Utc> },
}

/// Asks what is at hand about `certificate`, which `issuer` issued.
///
/// Of several complete words the newest decides, so that a suspended certificate can come back; of
/// two of the same time the worse. What was made after the certificate's end says nothing unless it
/// names the certificate: who was revoked before stays it. A partial list can only add a
/// revocation, and what the newest of our own lists says stands, whatever a file carries: also
/// that it is not revoked, for as long as that list counts.
#[must_use]
pub fn status(
    certificate: &Certificate,
    issuer: &Certificate,
    inquiry: &Inquiry<'_>,
) -> RevocationStatus {
    let words = words(certificate, issuer, inquiry);
    if let Some(since) = revoked_since(&words) {
        return RevocationStatus::Revoked { since };
    }
    let says_good = |word: &&Word| word.says == Says::Good && !word.is_partial;
    let good = || words.iter().filter(says_good);
    let Some(newest) = good().max_by_key(|word| word.this_update) else {
        return RevocationStatus::Unknown;
    };
    let was_good_since = |proven| newest.this_update >= proven;
    if inquiry.proven.is_some_and(was_good_since) {
        return RevocationStatus::Good;
    }
    let stale_since = |word: &Word| {
        let until = word.until(inquiry.policy);
        until.filter(|until| *until < inquiry.now)
    };
    let Some(until) = stale_since(newest) else {
        return RevocationStatus::Good;
    };
    let ours = good().filter(|word| word.is_ours);
    let ours = ours.max_by_key(|word| word.this_update);
    if ours.is_some_and(|word| stale_since(word).is_none()) {
        return RevocationStatus::Good;
    }
    // Newer words are at hand and say nothing, nor will any later one: without the old word nobody
    // would know, and that it came along must not be worse.
    if ended(&words, certificate).any(|word| word.is_ours || ours.is_none()) {
        return RevocationStatus::Unknown;
    }
    RevocationStatus::Stale { until }
}

/// Complete words that say nothing because the certificate had ended when they were made.
fn ended<'a>(words: &'a [Word], certificate: &Certificate) -> impl Iterator<Item = &'a Word> {
    let end = certificate.not_after();
    let is_silent = |word: &&Word| word.says == Says::Unknown && !word.is_partial;
    let words = words.iter().filter(is_silent);
    words.filter(move |word| word.this_update > end)
}

/// Every word about the certificate that counts.
fn words(certificate: &Certificate, issuer: &Certificate, inquiry: &Inquiry<'_>) -> Vec<Word> {
    let ours = inquiry.trust.words(certificate, issuer, inquiry.anchor);
    let fellows = inquiry.trust.fellows(issuer, inquiry.anchor);
    let made = |list: &Crl, by: &Certificate| {
        (list.was_asked(by) || inquiry.effort.spend(1)) && list.verify_signed_by(by).is_ok()
    };
    let carried = inquiry.evidence.iter().flat_map(|one| one.lists());
    let carried = carried
        .filter(|list| list.issuer() == issuer.subject())
        .filter_map(|list| {
            let is_own = made(list, issuer);
            let counts = is_own || fellows.iter().any(|fellow| made(list, fellow));
            counts.then(|| ListWord {
                this_update: list.this_update(),
                next_update: list.next_update(),
                revoked_since: list.revoked_at(certificate.serial()),
                // Whoever made the file chose which lists it carries: without an end one is good
                // for ever, so it only adds revocations, as one with another key does.
                is_partial: !is_own || list.is_partial() || list.next_update().is_none(),
            })
        });
    let ours = ours.into_iter().map(|word| Word::of_list(word, true));
    let lists = ours.chain(carried.map(|word| Word::of_list(word, false)));
    let responses = inquiry.evidence.iter().flat_map(|one| one.responses());
    let answers = responses
        .flat_map(|response| ocsp::answers(response, certificate, issuer, inquiry).map(Word::from));
    // Nobody knows today what will be tomorrow; of our own lists that is the operator's matter.
    let latest = inquiry.now + CLOCK_SKEW;
    let counts = |word: &Word| word.is_ours || word.this_update <= latest;
    let words = lists.chain(answers).filter(counts);
    words.map(|word| word.about(certificate)).collect()
}

fn revoked_since(words: &[Word]) -> Option<DateTime<Utc>> {
    let says_something = |word: &&Word| !word.is_partial && word.says != Says::Unknown;
    let complete = || words.iter().filter(says_something);
    let newest = complete().max_by_key(|word| (word.this_update, word.says));
    let ours = complete().filter(|word| word.is_ours);
    let ours = ours.max_by_key(|word| (word.this_update, word.says));
    let partial = words.iter().filter(|word| word.is_partial);
    let since = |word: &Word| match word.says {
        Says::Revoked { since } => Some(since),
        _ => None,
    };
    newest
        .into_iter()
        .chain(ours)
        .chain(partial)
        .filter_map(since)
        .min()
}

impl Word {
    fn of_list(word: ListWord, is_ours: bool) -> Self {
        Self {
            this_update: word.this_update,
            next_update: word.next_update,
            says: match word.revoked_since {
                Some(since) => Says::Revoked { since },
                None => Says::Good,
            },
            is_ours,
            is_partial: word.is_partial,
            is_momentary: false,
        }
    }

    /// Authorities take expired certificates off their lists (RFC 5280 §3.3): who is not named any
    /// more after the end may have been revoked all the same, and was when it was known before.
    fn about(mut self, certificate: &Certificate) -> Self {
        if self.says == Says::Good && self.this_update > certificate.not_after() {
            self.says = Says::Unknown;
        }
        self
    }

    /// Until when it counts; none: for ever.
    fn until(&self, policy: &RevocationPolicy) -> Option<DateTime<Utc>> {
        let oldest = |age| self.this_update.checked_add_signed(age);
        let oldest = policy.max_age.and_then(oldest);
        // RFC 6960 §4.2.2.1: without nextUpdate newer data are always there.
        let at_once = (self.is_momentary && self.next_update.is_none() && oldest.is_none())
            .then_some(self.this_update);
        oldest
            .into_iter()
            .chain(self.next_update)
            .chain(at_once)
            .min()
    }
}

#[cfg(test)]
mod tests;
