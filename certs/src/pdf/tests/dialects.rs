//! Signed values that are written otherwise than CMS wants it.

use super::*;
use crate::mint::seal::SealFaults;
use crate::mint::signed_data::sign_data;

/// The digest of what is covered is the signed content (dialect of ofdrw), as it is or in base64.
#[test]
fn a_digest_that_is_the_signed_content_counts() {
    let plan = PdfSignature::default();
    for data_hash_in_base64 in [false, true] {
        for wrong_data_hash in [false, true] {
            let faults = SealFaults {
                data_hash_in_base64,
                wrong_data_hash,
                ..SealFaults::default()
            };
            let sign = |parts: &[&[u8]]| sign_data(&PKI.1, &parts.concat(), &faults);
            let file = sign_pdf(&base(&[]), &plan, sign).unwrap();
            let verdict = verify(&file, Profile::Licence);
            let code = wrong_data_hash.then_some(FindingCode::HashFailure);
            assert_eq!(verdict.code, code, "{faults:?}");
            assert_eq!(verdict.is_valid(), !wrong_data_hash, "{faults:?}");
        }
    }
}
