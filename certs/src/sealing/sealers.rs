//! Secrets that are used for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{SealError, Sealer};
use crate::node_key::NodePublicKeys;

/// How long a secret is used: short beside the life of the key that it is encrypted to, long beside
/// the time between two messages of a node that is asked often.
const USED_FOR: Duration = Duration::from_secs(60);

/// How often a secret is given out. Each time it seals a file of some hundred parts at most: far
/// from where two of the random counters of SM4-CTR would meet.
const USES_MAX: u32 = 4_096;

/// Recipients whose secrets are kept: more than there are nodes with two keys each.
const RECIPIENTS_MAX: usize = 256;

/// The sealers in use, one for each recipient's key. Encrypting a secret is the dear part of a
/// sealing, and decrypting it that of opening: what is sealed to one node within a minute shares
/// it.
#[derive(Debug, Default)]
pub struct Sealers(Mutex<HashMap<String, Kept>>);

#[derive(Debug)]
struct Kept {
    /// The key itself: its name is short enough for another to be made that has the same.
    recipient: NodePublicKeys,
    sealer: Arc<Sealer>,
    since: Instant,
    uses: u32,
}

impl Sealers {
    /// A sealer for `recipient`, `now` at most a minute old.
    ///
    /// # Errors
    /// The library fails.
    pub fn at(&self, recipient: &NodePublicKeys, now: Instant) -> Result<Arc<Sealer>, SealError> {
        // Held while a secret is encrypted, for less than a millisecond in a minute.
        let mut sealers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |kept: &Kept| {
            now.saturating_duration_since(kept.since) < USED_FOR && kept.uses < USES_MAX
        };
        let name = recipient.encryption_key_id();
        if let Some(kept) = sealers.get_mut(name)
            && is_fresh(kept)
            && kept.recipient.has_encryption_of(recipient)
        {
            kept.uses += 1;
            return Ok(Arc::clone(&kept.sealer));
        }
        sealers.retain(|_, kept| is_fresh(kept));
        let sealer = Arc::new(Sealer::new(recipient)?);
        if sealers.len() < RECIPIENTS_MAX {
            let kept = Kept {
                recipient: recipient.clone(),
                sealer: Arc::clone(&sealer),
                since: now,
                uses: 1,
            };
            sealers.insert(name.to_owned(), kept);
        }
        Ok(sealer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_key::NodeKeys;

    #[test]
    fn a_secret_is_used_for_a_while_and_for_one_recipient() {
        let (one, other) = (NodeKeys::generate(), NodeKeys::generate());
        let (one, other) = (one.expect("keys").public(), other.expect("keys").public());
        let (sealers, start) = (Sealers::default(), Instant::now());
        let at = |keys, later| sealers.at(keys, start + later).expect("a sealer");
        let first = at(&one, Duration::ZERO);
        let again = at(&one, USED_FOR - Duration::from_millis(1));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &at(&other, Duration::ZERO)));
        let next = at(&one, USED_FOR);
        assert!(!Arc::ptr_eq(&first, &next), "a minute is over");
        for _ in 1..USES_MAX {
            assert!(Arc::ptr_eq(&next, &at(&one, USED_FOR)));
        }
        assert!(!Arc::ptr_eq(&next, &at(&one, USED_FOR)), "used up");
    }

    #[test]
    fn a_key_with_the_name_of_another_gets_its_own() {
        let [one, other] = [NodeKeys::generate(), NodeKeys::generate()];
        let (one, other) = (one.expect("keys").public(), other.expect("keys").public());
        let (sealers, now) = (Sealers::default(), Instant::now());
        let first = sealers.at(&one, now).expect("a sealer");
        {
            // As if the two had one name.
            let mut kept = sealers.0.lock().expect("unpoisoned");
            let of_one = kept.remove(one.encryption_key_id()).expect("kept");
            kept.insert(other.encryption_key_id().to_owned(), of_one);
        }
        let second = sealers.at(&other, now).expect("a sealer");
        assert!(!Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let sealers = Sealers::default();
        let start = Instant::now();
        let keys = NodeKeys::generate().expect("keys").public();
        {
            let mut full = sealers.0.lock().expect("unpoisoned");
            let sealer = Arc::new(Sealer::new(&keys).expect("a sealer"));
            for number in 0..RECIPIENTS_MAX {
                let kept = Kept {
                    recipient: keys.clone(),
                    sealer: Arc::clone(&sealer),
                    since: start,
                    uses: 1,
                };
                full.insert(number.to_string(), kept);
            }
        }
        sealers.at(&keys, start).expect("a sealer, not kept");
        let count = || sealers.0.lock().expect("unpoisoned").len();
        assert_eq!(count(), RECIPIENTS_MAX);
        sealers.at(&keys, start + USED_FOR).expect("a sealer");
        assert_eq!(count(), 1, "what is too old goes");
    }
}
