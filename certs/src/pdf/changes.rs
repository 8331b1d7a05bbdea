//! What later revisions changed, against what a signature allows.

use schemas::pdf::PdfError;
use schemas::pdf::changes::{self, Change, Level};
use schemas::pdf::document::Document;
use schemas::pdf::signature::{Permission, Transform};
use schemas::verdict::{CheckResult, Checks, FindingCode, Profile};

use super::Found;

/// Most changes that a report names.
const NAMED_MAX: usize = 20;

/// What each revision changed, compared once.
pub(super) struct Steps<'d, 'a> {
    document: &'d Document<'a>,
    signatures: &'d [Found],
    known: Vec<Option<Result<Vec<Step>, PdfError>>>,
}

/// A change, and the first revision with a signature that locked the field which was filled in:
/// this holds for whoever signs later, too.
#[derive(Clone)]
struct Step {
    change: Change,
    locked_since: Option<usize>,
}

impl<'d, 'a> Steps<'d, 'a> {
    pub(super) fn new(document: &'d Document<'a>, signatures: &'d [Found]) -> Self {
        Self {
            document,
            signatures,
            known: vec![None; document.revisions().len()],
        }
    }

    /// Judges everything after the revision of `signed`, and names it for the report.
    pub(super) fn judge(
        &mut self,
        signed: &Found,
        profile: Profile,
        checks: &mut Checks,
    ) -> Vec<String> {
        let rules = Rules::of(signed, profile);
        let mut named = Vec::new();
        let (mut refused, mut widest, mut drawn) = (None, None, None);
        for revision in signed.revision + 1..self.known.len() {
            match self.step(revision) {
                Err(error) => {
                    let detail = format!("revision {}: {error}", revision + 1);
                    checks.fail(FindingCode::FormatFailure, detail);
                    return named;
                }
                Ok(steps) => {
                    for step in steps {
                        let change = &step.change;
                        let word = change.level.as_str();
                        if named.len() < NAMED_MAX {
                            named.push(format!("{word}: {}", change.what));
                        }
                        widest = widest.max(Some(change.level));
                        if change.is_drawn {
                            drawn.get_or_insert_with(|| change.what.clone());
                        }
                        if !rules.allow(step) {
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

    fn step(&mut self, revision: usize) -> Result<&[Step], PdfError> {
        let (document, signatures) = (self.document, self.signatures);
        let Some(known) = self.known.get_mut(revision) else {
            return Ok(&[]);
        };
        let compared = known.get_or_insert_with(|| {
            let changes = changes::of_revision(document, revision)?.into_iter();
            Ok(changes.map(|change| Step::of(change, signatures)).collect())
        });
        compared.as_deref().map_err(Clone::clone)
    }
}

impl Step {
    fn of(change: Change, signatures: &[Found]) -> Self {
        let locks = |one: &&Found, name: &[u8]| {
            let mut transforms = one.signature.iter().flat_map(|own| &own.transforms);
            transforms.any(|one| matches!(one, Transform::Fields(locked) if locked.locks(name)))
        };
        let since = change.filled.as_deref().and_then(|name| {
            let locking = signatures.iter().filter(|one| locks(one, name));
            locking.map(|one| one.revision).min()
        });
        Self {
            change,
            locked_since: since,
        }
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
    /// The revision that was signed.
    revision: usize,
}

impl Rules {
    fn of(signed: &Found, profile: Profile) -> Self {
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
        Self {
            most,
            reason,
            revision: signed.revision,
        }
    }

    fn allow(&self, step: &Step) -> bool {
        let is_locked = step
            .locked_since
            .is_some_and(|since| since <= self.revision);
        step.change.level <= self.most && !is_locked
    }
}
