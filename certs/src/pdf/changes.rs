//! What later revisions changed, against what a signature allows.

use schemas::pdf::PdfError;
use schemas::pdf::changes::{self, Change, Level};
use schemas::pdf::document::Document;
use schemas::pdf::signature::{LockedFields, Permission, Transform};
use schemas::verdict::{CheckResult, Checks, FindingCode, Profile};

use super::Found;

/// Most changes that a report names.
const NAMED_MAX: usize = 20;

/// What each revision changed, compared once.
pub(super) struct Steps<'d, 'a> {
    document: &'d Document<'a>,
    known: Vec<Option<Result<Vec<Change>, PdfError>>>,
}

impl<'d, 'a> Steps<'d, 'a> {
    pub(super) fn new(document: &'d Document<'a>) -> Self {
        let known = vec![None; document.revisions().len()];
        Self { document, known }
    }

    /// Judges everything after the revision of `signed`, and names it for the report.
    pub(super) fn judge(
        &mut self,
        signed: &Found,
        all: &[Found],
        profile: Profile,
        checks: &mut Checks,
    ) -> Vec<String> {
        let rules = Rules::of(signed, all, profile);
        let mut named = Vec::new();
        let (mut refused, mut widest, mut drawn) = (None, None, None);
        for revision in signed.revision + 1..self.known.len() {
            match self.step(revision) {
                Err(error) => {
                    let detail = format!("revision {}: {error}", revision + 1);
                    checks.fail(FindingCode::FormatFailure, detail);
                    return named;
                }
                Ok(changes) => {
                    for change in changes {
                        let word = change.level.as_str();
                        if named.len() < NAMED_MAX {
                            named.push(format!("{word}: {}", change.what));
                        }
                        widest = widest.max(Some(change.level));
                        if change.is_drawn {
                            drawn.get_or_insert_with(|| change.what.clone());
                        }
                        if !rules.allow(change) {
                            let detail = format!("{word}: {}", change.what);
                            refused.get_or_insert(detail);
                        }
                    }
                }
            }
        }
        if let Some(drawn) = drawn {
            let detail = format!("{drawn} draws on what was signed before; that is not his");
            checks.warn(FindingCode::ModifiedAfterSigning, CheckResult::Pass, detail);
        }
        conclude(refused, widest, &rules, checks);
        named
    }

    fn step(&mut self, revision: usize) -> Result<&[Change], PdfError> {
        let document = self.document;
        let Some(known) = self.known.get_mut(revision) else {
            return Ok(&[]);
        };
        let compared = known.get_or_insert_with(|| changes::of_revision(document, revision));
        compared.as_deref().map_err(Clone::clone)
    }
}

fn conclude(refused: Option<String>, widest: Option<Level>, rules: &Rules, checks: &mut Checks) {
    match (refused, widest) {
        (Some(what), _) => checks.fail(
            FindingCode::FormatFailure,
            format!("changed after signing, which {}: {what}", rules.reason),
        ),
        (None, None) => checks.pass(FindingCode::ModifiedAfterSigning, "nothing was changed"),
        (None, Some(level)) if level >= Level::Annotations => checks.warn(
            FindingCode::ModifiedAfterSigning,
            CheckResult::Fail,
            "annotations were added after signing, as the signer allowed; they are not his",
        ),
        (None, Some(level)) => checks.pass(
            FindingCode::ModifiedAfterSigning,
            format!("what was added is allowed: {}", level.as_str()),
        ),
    }
}

const fn level_of(permission: Permission) -> Level {
    match permission {
        Permission::Nothing => Level::ValidationData,
        Permission::FormFilling => Level::FormFilling,
        Permission::Annotations => Level::Annotations,
    }
}

/// What may be changed after a signature.
struct Rules {
    most: Level,
    reason: &'static str,
    locks: Vec<LockedFields>,
}

impl Rules {
    fn of(signed: &Found, all: &[Found], profile: Profile) -> Self {
        // \[P\] A licence is no form: nobody fills it in after it was signed.
        let (mut most, mut reason) = match profile {
            Profile::Licence => (Level::Signing, "a licence does not allow"),
            Profile::General => (Level::FormFilling, "no signature allows by itself"),
        };
        let own = signed.signature.iter().flat_map(|own| &own.transforms);
        // Of two the narrower counts.
        let certified = own.clone().filter_map(|transform| match transform {
            Transform::Document(permission) => Some(level_of(*permission)),
            _ => None,
        });
        if let Some(allowed) = certified.min()
            && (profile == Profile::General || allowed < most)
        {
            (most, reason) = (allowed, "the certification does not allow");
        }
        let locked = own.filter_map(|transform| match transform {
            Transform::AtMost(permission) => Some(level_of(*permission)),
            _ => None,
        });
        if let Some(allowed) = locked.min().filter(|allowed| *allowed < most) {
            (most, reason) = (allowed, "the lock of the signature's field does not allow");
        }
        // A lock of an earlier signature holds for whoever signs later, too.
        let earlier = all.iter().filter(|one| one.revision <= signed.revision);
        let locks = earlier
            .filter_map(|one| one.signature.as_ref().ok())
            .flat_map(|one| &one.transforms)
            .filter_map(|transform| match transform {
                Transform::Fields(locked) => Some(locked.clone()),
                _ => None,
            });
        Self {
            most,
            reason,
            locks: locks.collect(),
        }
    }

    fn allow(&self, change: &Change) -> bool {
        let is_locked = |name: &Vec<u8>| self.locks.iter().any(|lock| lock.locks(name));
        change.level <= self.most && !change.filled.as_ref().is_some_and(is_locked)
    }
}
