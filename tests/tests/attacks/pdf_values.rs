//! Signed values in a PDF that say something else than they seem to, and signers that nobody
//! should trust.

use certs::mint::certificate::{Revocation, Usage};
use certs::mint::credential::Credential;
use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::mint::seal::{SealFaults, SigningInput, sign_with_seal};
use certs::mint::signed_data::sign_detached;
use certs::trust::TrustStore;
use chrono::Duration;
use schemas::verdict::FindingCode::{
    self, ChainConstraintsFailure, CryptoConstraintsFailure, FormatFailure, HashFailure,
    NoCertificateChainFound, NoSigningCertificateFound, OutOfBoundsNoPoe, RevokedNoPoe,
    SigConstraintsFailure, SigCryptoFailure, TimeFuture, Unsigned,
};
use schemas::verdict::SealVersion;

use super::der::{inside, longer_length, sequence, tagged};
use super::forge::{extend, recertified};
use super::pdf_families::Forgery;
use super::pdf_scene::{
    authoritys, document, recut, recut_signer, resigned, signed_by, signed_with,
};
use super::scene::{SCENE, days, signed_at, trusting};

/// contentType, signingCertificateV2, `SHA-256`, id-ct-TSTInfo, data of PKCS #7, envelopedData.
const CONTENT_TYPE: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const SIGNING_CERTIFICATE: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 47];
const SHA256: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const TST_INFO: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
const DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const ENVELOPED: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3];
/// RSA with SHA-256.
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
/// extKeyUsage; servers and clients of TLS; timestamps.
const PURPOSES: &[u8] = &[0x55, 0x1d, 0x25];
const TLS_SERVER: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
const TLS_CLIENT: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
const TIME_STAMPING: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8];

fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x31, &parts.concat())
}

/// What is in `/Contents` is not one signature over what is covered.
pub(super) fn forged() -> Vec<Forgery> {
    [structures(), attributes(), others()]
        .into_iter()
        .flatten()
        .collect()
}

/// The document, its genuine signed value changed.
fn changed(attack: &str, code: FindingCode, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Forgery {
    let file = signed_with(|parts| change(&authoritys(parts)));
    Forgery::new(attack, file, code)
}

/// The same after a change of the `SignedData`.
fn data(attack: &str, code: FindingCode, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Forgery {
    changed(attack, code, |value| recut(value, change))
}

/// The same after a change of its signer.
fn signer(attack: &str, code: FindingCode, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Forgery {
    changed(attack, code, |value| recut_signer(value, change))
}

/// The same after a change of the attributes, signed again by the authority.
fn signed(attack: &str, code: FindingCode, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Forgery {
    changed(attack, code, |value| resigned(value, change))
}

fn structures() -> Vec<Forgery> {
    let wrapped = sequence(&[DATA.to_vec(), tagged(0xa0, &tagged(4, b"evil"))]);
    vec![
        data("two signers", FormatFailure, |data| {
            let signer = inside(&data[4])[0].clone();
            data[4] = set(&[signer.clone(), signer]);
        }),
        data("no signer", FormatFailure, |data| data[4] = set(&[])),
        data("content inside", HashFailure, |data| data[2] = wrapped),
        data("no certificate", NoSigningCertificateFound, |data| {
            data.remove(3);
        }),
        data(
            "no certificate in a list",
            NoSigningCertificateFound,
            |data| {
                data[3] = tagged(0xa0, &[]);
            },
        ),
        data("a longer length", FormatFailure, |data| {
            data[0] = longer_length(&data[0])
        }),
        changed("something behind", FormatFailure, |value| {
            [value, b"\x05\0"].concat()
        }),
    ]
}

fn attributes() -> Vec<Forgery> {
    let named = sequence(&[sequence(&[sequence(&[tagged(4, &[7; 32])])])]);
    vec![
        changed("another kind of content", FormatFailure, |value| {
            let enveloped = recut(value, |data| data[2] = sequence(&[ENVELOPED.to_vec()]));
            resigned(&enveloped, |attributes| {
                attributes[0] = attribute(CONTENT_TYPE, ENVELOPED)
            })
        }),
        signed(
            "the content's kind signed otherwise",
            FormatFailure,
            |attributes| {
                attributes[0] = attribute(CONTENT_TYPE, ENVELOPED);
            },
        ),
        signed("no kind of content", FormatFailure, |attributes| {
            attributes.retain(|one| !one[2..].starts_with(CONTENT_TYPE));
        }),
        signed("two digests", FormatFailure, |attributes| {
            attributes.extend(attributes.clone());
        }),
        signed("no digest", FormatFailure, |attributes| attributes.clear()),
        signed(
            "another certificate named",
            SigConstraintsFailure,
            |attributes| {
                attributes.push(attribute(SIGNING_CERTIFICATE, &named));
            },
        ),
    ]
}

fn others() -> Vec<Forgery> {
    let elsewhere = signed_with(|_| authoritys(&[b"something else"]));
    vec![
        signer("no attributes", SigCryptoFailure, |signer| {
            signer.remove(3);
        }),
        signer("another digest than announced", FormatFailure, |signer| {
            signer[2] = sequence(&[SHA256.to_vec()]);
        }),
        signer("an algorithm of another key", HashFailure, |signer| {
            signer[4] = sequence(&[RSA.to_vec()]);
        }),
        signer("no signature", SigCryptoFailure, |signer| {
            signer[5] = tagged(4, &[1; 64])
        }),
        Forgery::new("a signature of something else", elsewhere, HashFailure),
    ]
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[kind.to_vec(), set(&[value.to_vec()])])
}

/// Identity code of the office that signs.
const CODE: &str = "11330105002500287C";

/// Nobody who may sign has signed, or may do so today.
pub(super) fn signers() -> Vec<Forgery> {
    let pki = &SCENE.pki;
    let by = |signer: &Credential| signed_by(signer, &[], &PdfSignature::default());
    let twin = pki.twin(signed_at()).unwrap();
    let alike = twin
        .issue_signer("示例区建设局", CODE, days(9), Usage::Signing)
        .unwrap();
    let with_purpose = |purpose: &[u8]| {
        recertified(&SCENE.authority, pki.issuing(), |body| {
            extend(body, PURPOSES, true, &sequence(&[purpose.to_vec()]));
        })
    };
    let unknown = recertified(&SCENE.authority, pki.issuing(), |body| {
        extend(body, &[0x2a, 3, 4], true, &sequence(&[]));
    });
    let own = recertified(&SCENE.office, &SCENE.office, |body| {
        body[3] = body[5].clone()
    });
    let below = recertified(&SCENE.authority, &SCENE.office, |body| {
        body[3] = inside(&inside(SCENE.office.certificate())[0])[5].clone();
    });
    let future = sign_pdf(&document(&[]), &PdfSignature::default(), |parts| {
        sign_detached(&SCENE.authority, parts, signed_at() + Duration::days(2))
    });
    let mut forgeries = vec![
        Forgery::new("a CA of the same name", by(&alike), NoCertificateChainFound),
        Forgery::new("expired", by(&issue(-6, Usage::Signing)), OutOfBoundsNoPoe),
        Forgery::new(
            "for encryption",
            by(&issue(9, Usage::Encryption)),
            ChainConstraintsFailure,
        ),
        Forgery::new(
            "of a server",
            by(&with_purpose(TLS_SERVER)),
            ChainConstraintsFailure,
        ),
        Forgery::new(
            "of a machine",
            by(&with_purpose(&[TLS_SERVER, TLS_CLIENT].concat())),
            ChainConstraintsFailure,
        ),
        Forgery::new(
            "of a clock",
            by(&with_purpose(TIME_STAMPING)),
            ChainConstraintsFailure,
        ),
        Forgery::new("of unknown rules", by(&unknown), ChainConstraintsFailure),
        Forgery::new("self-signed", by(&own), NoCertificateChainFound),
        Forgery::new("below an office", by(&below), NoCertificateChainFound),
        Forgery::new("signed tomorrow", future.unwrap(), TimeFuture),
        Forgery::new(
            "nobody but a clock",
            stamped(&with_purpose(TIME_STAMPING)),
            Unsigned,
        ),
    ];
    forgeries.extend(no_longer());
    forgeries
}

/// They might have signed once, or with a seal of their own.
fn no_longer() -> Vec<Forgery> {
    let revoked = |forgery| Forgery {
        trust: Some(revoking(&SCENE.authority)),
        ..forgery
    };
    let by_revoked = signed_by(&SCENE.authority, &[], &PdfSignature::default());
    let sealed_by = |signer: &Credential, hours: i64| sealed_with(&SCENE.seal, signer, hours);
    let expired = issue(-6, Usage::Signing);
    vec![
        revoked(Forgery::new("revoked", by_revoked, RevokedNoPoe)),
        revoked(Forgery::new(
            "a revoked seal, dated back",
            sealed_by(&SCENE.authority, -12),
            RevokedNoPoe,
        )),
        Forgery::new(
            "a stolen seal",
            sealed_by(&SCENE.office, 0),
            SigConstraintsFailure,
        ),
        Forgery::new("a seal dated back", dated_back(&expired), OutOfBoundsNoPoe),
        Forgery::new("weak", weak(), CryptoConstraintsFailure),
    ]
}

/// A signer's certificate that ends so many hours after the signing.
fn issue(hours_until: i64, usage: Usage) -> Credential {
    let mut validity = days(9);
    validity.until = signed_at() + Duration::hours(hours_until);
    let issued = (SCENE.pki).issue_signer("示例区建设局", CODE, validity, usage);
    issued.unwrap()
}

/// The scene's trust, with a list that says since six hours ago.
fn revoking(signer: &Credential) -> TrustStore {
    let pki = &SCENE.pki;
    let since = signed_at() - Duration::hours(6);
    let serial = signer.serial().to_vec();
    let next = signed_at() + Duration::days(9);
    let list = pki
        .crl(&[Revocation { serial, since }], signed_at(), next)
        .unwrap();
    let mut trust = trusting(&[pki.root(), pki.issuing(), pki.maker()]);
    trust.add_crl(&list).unwrap();
    trust
}

/// The document with a seal, used by somebody so many hours from the signing time.
fn sealed_with(seal: &[u8], signer: &Credential, hours_later: i64) -> Vec<u8> {
    signed_with(|parts| {
        let input = SigningInput {
            signature_xml: &parts.concat(),
            signature_xml_path: "",
            at: signed_at() + Duration::hours(hours_later),
        };
        let faults = SealFaults::default();
        sign_with_seal(seal, signer, &input, SealVersion::V4, &faults).unwrap()
    })
}

/// A seal of somebody whose certificate has ended, used as if it had not.
fn dated_back(signer: &Credential) -> Vec<u8> {
    let seal = super::scene::seal(SCENE.pki.maker(), &[signer.certificate()]);
    sealed_with(&seal, signer, -12)
}

/// A document that carries a timestamp and nothing else.
fn stamped(clock: &Credential) -> Vec<u8> {
    let plan = PdfSignature {
        sub_filter: "ETSI.RFC3161",
        ..PdfSignature::default()
    };
    let stamp = |parts: &[&[u8]]| {
        let sm3 = [6, 8, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x11];
        let imprint = sequence(&[
            sequence(&[sm3.to_vec()]),
            tagged(4, &certs::digest::sm3(&parts.concat())),
        ]);
        let info = sequence(&[
            tagged(2, &[1]),
            DATA.to_vec(),
            imprint,
            tagged(2, &[9]),
            tagged(0x18, b"20260601020304Z"),
        ]);
        let token = sign_detached(clock, &[info.as_slice()], signed_at())?;
        let kind = sequence(&[TST_INFO.to_vec(), tagged(0xa0, &tagged(4, &info))]);
        let token = recut(&token, |data| data[2] = kind);
        Ok(restamped(&token, clock))
    };
    sign_pdf(&document(&[]), &plan, stamp).unwrap()
}

/// The token with the kind of its content in the signed attributes.
fn restamped(token: &[u8], clock: &Credential) -> Vec<u8> {
    recut_signer(token, |signer| {
        let mut attributes = inside(&signer[3]);
        for one in &mut attributes {
            if one[2..].starts_with(CONTENT_TYPE) {
                *one = attribute(CONTENT_TYPE, TST_INFO);
            }
        }
        attributes.sort();
        let attributes = attributes.concat();
        let signature = clock.sign(&tagged(0x31, &attributes)).unwrap();
        signer[3] = tagged(0xa0, &attributes);
        signer[5] = tagged(4, &signature);
    })
}

/// A signature that names SHA-1 for everything.
fn weak() -> Vec<u8> {
    const SHA1: &[u8] = &[6, 5, 0x2b, 0x0e, 3, 2, 0x1a];
    signed_with(|parts| {
        let weak = |data: &mut Vec<Vec<u8>>| data[1] = set(&[sequence(&[SHA1.to_vec()])]);
        let value = recut(&authoritys(parts), weak);
        recut_signer(&value, |signer| signer[2] = sequence(&[SHA1.to_vec()]))
    })
}
