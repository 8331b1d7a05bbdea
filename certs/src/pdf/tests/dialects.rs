//! Signed values that are written otherwise than CMS wants it.

use schemas::seal::asn1::{self, Element};

use super::*;
use crate::mint::seal::SealFaults;
use crate::mint::signed_data::sign_data;
use crate::testing::{sequence, tlv};

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

/// What is no certificate stands beside the signer's: one of attributes (`[1]`), or one of a form
/// that nobody here reads.
#[test]
fn what_is_no_certificate_harms_no_signature() {
    let odd = |first: u8| [&[first, 5][..], b"\x30\x03\x02\x01\x07"].concat();
    for other in [odd(0xa1), odd(0x30)] {
        let sign = |parts: &[&[u8]]| {
            Ok(with_certificate(
                &sign_detached(&PKI.1, parts, now())?,
                &other,
            ))
        };
        let file = sign_pdf(&base(&[]), &PdfSignature::default(), sign).unwrap();
        check("beside the signer's", &file, Outcome::Valid, Outcome::Valid);
    }
}

/// The signed value with something more among its certificates.
fn with_certificate(cms: &[u8], other: &[u8]) -> Vec<u8> {
    let whole = |bytes| Element::whole(bytes, asn1::SEQUENCE).unwrap();
    let info = whole(cms).reader().all(2).unwrap();
    let data = whole(info[1].content).reader().all(5).unwrap();
    let certificates = tlv(0xa0, &[data[3].content, other].concat());
    let before = [data[0].raw, data[1].raw, data[2].raw].concat();
    let data = sequence(&[before, certificates, data[4].raw.to_vec()]);
    sequence(&[info[0].raw.to_vec(), tlv(0xa0, &data)])
}
