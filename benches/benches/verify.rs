//! What the verification of a sealed OFD costs, and how far it is from what it cannot do without:
//! the digest of its parts and two SM2 verifications.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::hint::black_box;
use std::time::Duration;

use benches::{Comparison, compare, cost, repeat};
use certs::digest::sm3;
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use schemas::ofd::container::Package;
use tests::{TestHub, noon};

/// Time of one round.
const ROUND: Duration = Duration::from_millis(500);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let hub = runtime.block_on(TestHub::start(1, 1));
    let file = hub.items[0].file.clone().expect("a sealed file");
    let trust = TrustStore::from_folder(&hub.folder.path().join("trust")).expect("trust");
    let options = VerifyOptions {
        at: noon(),
        profile: schemas::verdict::Profile::Licence,
        revocation: certs::signed_value::RevocationPolicy::DEFAULT,
        expected: None,
    };
    assert!(
        verify_file(&file, &trust, &options).is_valid(),
        "the bench needs a valid file"
    );
    println!("one thread, a minted V4 licence of {} bytes", file.len());

    let signature = Signature::new();
    let mut whole = || {
        repeat(ROUND, || {
            drop(black_box(verify_file(&file, &trust, &options)))
        })
    };
    let mut floor = || {
        repeat(ROUND, || {
            black_box(sm3(&file));
            signature.verify();
            signature.verify();
        })
    };
    compare(
        Comparison {
            title: "full verification of a sealed OFD against its floor",
            goal: "",
            unit: "/s",
        },
        ("verify_file: every check, trust included", &mut whole),
        ("SM3 of the file and two SM2 verifications", &mut floor),
    );

    println!("cost of its stages");
    cost("open the package", &mut || {
        repeat(ROUND, || drop(black_box(Package::open(&file))))
    });
    cost("SM3 of the file", &mut || {
        repeat(ROUND, || {
            black_box(sm3(&file));
        })
    });
    cost("one SM2 verification", &mut || {
        repeat(ROUND, || signature.verify())
    });
    cost("the whole", &mut whole);
    runtime.block_on(hub.stop());
}

/// A signature to be verified again and again, by the same code that verifies seals.
struct Signature {
    keys: certs::node_key::NodePublicKeys,
    value: Vec<u8>,
}

const MESSAGE: &[u8] = b"what was signed";

impl Signature {
    fn new() -> Self {
        let keys = certs::node_key::NodeKeys::generate().expect("keys");
        let value = keys.sign(MESSAGE).expect("signed");
        Self {
            keys: keys.public(),
            value,
        }
    }

    fn verify(&self) {
        assert!(black_box(self.keys.verify(MESSAGE, &self.value)));
    }
}
