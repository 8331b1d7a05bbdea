//! Signed values bent where no signature looks, or signed with two readings in mind.

use certs::mint::certificate::Usage;
use certs::mint::seal::SealFaults;
use certs::mint::signed_data::sign_data;
use chrono::Duration;
use schemas::verdict::FindingCode::{
    self, DataHash, SigAlg, SigInvalid, SignerCertTime, SvMalformed, TimeFuture,
    TimestampOrderFailure, Untrusted,
};

use super::der::{bits, content, inside, longer_length, sequence, tagged};
use super::forge::{OCTETS, OID, bent, changed, value, with_value};
use super::scene::{
    EVIL, PAGE, Parts, SCENE, SIGNATURE, VALUE, check_bytes, days, signed_at, verify,
};

const MD5_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4];
const SHA1_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];
const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const SHA256_WITH_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

#[test]
fn der_has_one_reading() {
    let fields = value();
    let with = |position: usize, field: Vec<u8>| {
        let mut fields = value();
        fields[position] = field;
        with_value(sequence(&fields))
    };
    for oid in [
        MD5_WITH_RSA,
        SHA1_WITH_RSA,
        SHA256_WITH_RSA,
        SHA256_WITH_ECDSA,
        &[0x2a],
    ] {
        let code = if [SHA256_WITH_RSA, SHA256_WITH_ECDSA].contains(&oid) {
            SigInvalid
        } else {
            SigAlg
        };
        check_bytes("another algorithm", &with(2, tagged(OID, oid)), code);
    }
    let signature = content(&fields[3])[1..].to_vec();
    for octets in [
        &[][..],
        &[0; 64],
        &signature[..40],
        &[&signature[..], &[0]].concat(),
    ] {
        check_bytes("another signature", &with(3, bits(octets)), SigInvalid);
    }
    let whole = sequence(&fields);
    let more = |count: usize| [&fields[..], &vec![tagged(5, &[]); count]].concat();
    for (attack, bytes) in [
        ("trailing octet", [&whole[..], &[0]].concat()),
        ("longer length", longer_length(&whole)),
        ("longer length of the signed part", {
            sequence(&[&[longer_length(&fields[0])], &fields[1..]].concat())
        }),
        (
            "indefinite length",
            [&[0x30, 0x80], &content(&whole)[..], &[0, 0]].concat(),
        ),
        ("a fifth field of another kind", sequence(&more(1))),
        ("six fields", sequence(&more(2))),
        ("three fields", sequence(&fields[..3])),
        (
            "the V1 layout around a V4 part",
            sequence(&[fields[0].clone(), fields[3].clone()]),
        ),
        ("unused bits beyond an octet", {
            let odd = tagged(3, &[&[9], &signature[..]].concat());
            sequence(&[&fields[..3], &[odd]].concat())
        }),
    ] {
        check_bytes(attack, &with_value(bytes), SvMalformed);
    }
    let more = changed(&SCENE.authority, |to_sign| to_sign.push(tagged(5, &[])));
    check_bytes("more inside the signed part", &more, SvMalformed);
    let none = changed(&SCENE.authority, |to_sign| drop(to_sign.pop()));
    check_bytes("less inside the signed part", &none, SvMalformed);
}

#[test]
fn signed_fields_are_what_was_signed() {
    let authority = &SCENE.authority;
    let time = |text: &str| tagged(0x18, text.as_bytes());
    check_bytes(
        "another time",
        &bent(|to_sign| to_sign[2] = time("20260601020305Z")),
        SigInvalid,
    );
    check_bytes(
        "another hash",
        &bent(|to_sign| to_sign[3] = bits(&[0; 32])),
        DataHash,
    );
    check_bytes(
        "another version",
        &bent(|to_sign| to_sign[0] = tagged(2, &[1])),
        SigInvalid,
    );
    check_bytes(
        "another path",
        &bent(|to_sign| to_sign[4] = tagged(0x16, b"/x")),
        SigInvalid,
    );
    let hash = content(&inside(&value()[0])[3])[1..].to_vec();
    for octets in [&[][..], &hash[..31], &[&hash[..], &[0]].concat()] {
        let bytes = changed(authority, |to_sign| to_sign[3] = bits(octets));
        check_bytes("a digest of another length", &bytes, DataHash);
    }
    let late = signed_at() + Duration::days(5);
    let late = time(&late.format("%Y%m%d%H%M%SZ").to_string());
    check_bytes(
        "in the future",
        &changed(authority, |to_sign| to_sign[2] = late),
        TimeFuture,
    );
    for unreadable in [bits(b"yesterday"), bits(b"")] {
        let bytes = changed(authority, |to_sign| to_sign[2] = unreadable);
        check_bytes("no time", &bytes, SignerCertTime);
    }
    check_bytes(
        "a timestamp that is none",
        &changed(authority, |to_sign| to_sign[2] = bits(&[0x30, 0])),
        TimestampOrderFailure,
    );
    check_bytes(
        "no time at all",
        &changed(authority, |to_sign| to_sign[2] = tagged(5, &[])),
        SvMalformed,
    );
}

#[test]
fn plain_signatures_are_bound_too() {
    let parts = Parts::sealed();
    let description = parts.get(SIGNATURE).to_vec();
    let signed = |value: Vec<u8>| {
        let mut parts = Parts::sealed().with(VALUE, value);
        parts.list(&[("Sign", SIGNATURE)]);
        parts
    };
    let none = SealFaults::default();
    let good = sign_data(&SCENE.authority, &description, &none).unwrap();
    assert!(verify(&signed(good.clone()).zip(), &SCENE.trust).is_valid());
    let check = |attack: &str, value: Vec<u8>, code: FindingCode| {
        check_bytes(attack, &signed(value).zip(), code);
    };
    let other = sign_data(&SCENE.authority, b"other", &none).unwrap();
    check("for another file", other, DataHash);
    let evil = signed(good.clone()).with(PAGE, EVIL).zip();
    check_bytes("another page", &evil, FindingCode::RefDigest);
    let twin = SCENE.pki.twin(signed_at()).unwrap();
    let forger = twin
        .issue_signer("x", "x", days(9), Usage::Signing)
        .unwrap();
    let forged = sign_data(&forger, &description, &none).unwrap();
    check("a forged PKI", forged.clone(), Untrusted);
    check("trailing data", [&good[..], &[0]].concat(), SvMalformed);
    check(
        "a seal's signed value",
        parts.get(VALUE).to_vec(),
        SvMalformed,
    );
    check(
        "a bare signature",
        SCENE.authority.sign(&description).unwrap(),
        Untrusted,
    );

    // ContentInfo → [0] → SignedData: version, digests, content, [0] certificates, signers.
    let rebuilt = |value: &[u8], change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut outer = inside(value);
        let mut data = inside(&content(&outer[1]));
        change(&mut data);
        outer[1] = tagged(0xa0, &sequence(&data));
        sequence(&outer)
    };
    let chain = [
        forger.certificate(),
        twin.issuing().certificate(),
        twin.root().certificate(),
    ];
    let carried = rebuilt(&forged, &|data| data[3] = tagged(0xa0, &chain.concat()));
    check("the forged root travels along", carried, Untrusted);
    let posing = rebuilt(&forged, &|data| {
        data[3] = tagged(0xa0, SCENE.authority.certificate());
    });
    check("without the signer's certificate", posing, Untrusted);
    let signer = |value: &[u8]| content(&inside(&content(&inside(value)[1]))[4]);
    let both = [signer(&good), signer(&forged)].concat();
    let twice = rebuilt(&good, &|data| data[4] = tagged(0x31, &both));
    check("two signers", twice, SvMalformed);
    let nobody = rebuilt(&good, &|data| data[4] = tagged(0x31, &[]));
    check("no signer", nobody, SvMalformed);
    let unsigned = rebuilt(&good, &|data| {
        let mut content_info = inside(&data[2]);
        content_info[1] = tagged(0xa0, &tagged(OCTETS, &[0; 32]));
        data[2] = sequence(&content_info);
    });
    check("another content", unsigned, DataHash);
}
