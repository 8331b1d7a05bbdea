//! Stolen seals, and seals of one's own making.

use certs::mint::certificate::Usage;
use certs::mint::credential::Credential;
use schemas::verdict::FindingCode::{
    SealSigInvalid, SigInvalid, SignerNotInList, SvMalformed, Untrusted, UntrustedMaker,
};

use super::der::{inside, sequence, tagged};
use super::forge::{OCTETS, bent, changed, other_seal, recertified, value, with_seal, with_value};
use super::scene::{SCENE, check_bytes, check_trusting, days, seal, signed_at, trusting, verify};

#[test]
fn a_stolen_seal_needs_its_signer() {
    let scene = &*SCENE;
    check_bytes(
        "another signer",
        &with_seal(&scene.seal, &scene.office),
        SignerNotInList,
    );
    let mut fields = value();
    fields[1] = tagged(OCTETS, scene.office.certificate());
    check_bytes(
        "another certificate",
        &with_value(sequence(&fields)),
        SigInvalid,
    );
    let twin = scene.pki.twin(signed_at()).unwrap();
    let same_key = recertified(&scene.authority, twin.issuing(), |_| {});
    fields[1] = tagged(OCTETS, same_key.certificate());
    let bytes = with_value(sequence(&fields));
    check_bytes(
        "another certificate for the same key",
        &bytes,
        SignerNotInList,
    );
    let own = seal(scene.pki.maker(), &[scene.office.certificate()]);
    check_bytes(
        "another seal inside",
        &bent(|fields| fields[1] = own),
        SigInvalid,
    );
    let resigned = changed(&scene.office, |_| {});
    check_bytes(
        "the office signs the authority's part",
        &resigned,
        SignerNotInList,
    );
}

/// An entry of a list of digests.
fn digest(kind: &str, value: &[u8]) -> Vec<u8> {
    sequence(&[tagged(0x13, kind.as_bytes()), tagged(OCTETS, value)])
}

/// The maker's seal with another list of signers.
fn listing(kind: u8, entries: &[Vec<u8>]) -> Vec<u8> {
    other_seal(SCENE.pki.maker(), |information| {
        let mut property = inside(&information[2]);
        property[2] = tagged(2, &[kind]);
        property[3] = sequence(entries);
        information[2] = sequence(&property);
    })
}

#[test]
fn lists_of_signers_name_certificates_strongly() {
    let (scene, authority) = (&*SCENE, SCENE.authority.certificate());
    let sm3 = certs::digest::sm3(authority);
    let good = with_seal(&listing(2, &[digest("SM3", &sm3)]), &scene.authority);
    assert!(verify(&good, &scene.trust).is_valid());
    for (attack, kind, entry, code) in [
        ("a digest by MD5", 2, digest("MD5", &sm3), SignerNotInList),
        (
            "a digest by SHA-1",
            2,
            digest("SHA1", &sm3),
            SignerNotInList,
        ),
        (
            "a short digest",
            2,
            digest("SM3", &sm3[..16]),
            SignerNotInList,
        ),
        ("no digest", 2, digest("SM3", &[]), SignerNotInList),
        ("no algorithm", 2, digest("", &sm3), SignerNotInList),
        (
            "a digest among certificates",
            1,
            digest("SM3", &sm3),
            SignerNotInList,
        ),
        (
            "a part of the certificate",
            1,
            tagged(OCTETS, &authority[..99]),
            SignerNotInList,
        ),
        (
            "more than the certificate",
            1,
            tagged(OCTETS, &[authority, &[0]].concat()),
            SignerNotInList,
        ),
        (
            "a list of another kind",
            3,
            digest("SM3", &sm3),
            SvMalformed,
        ),
    ] {
        check_bytes(
            attack,
            &with_seal(&listing(kind, &[entry]), &scene.authority),
            code,
        );
    }
    check_bytes(
        "an empty list",
        &with_seal(&listing(1, &[]), &scene.authority),
        SignerNotInList,
    );
}

#[test]
fn only_makers_make_seals() {
    let scene = &*SCENE;
    let (maker, office) = (scene.pki.maker(), &scene.office);
    let own = seal(office, &[office.certificate()]);
    check_bytes("one's own seal", &with_seal(&own, office), UntrustedMaker);
    let theirs = seal(office, &[scene.authority.certificate()]);
    check_bytes(
        "a signer as maker",
        &with_seal(&theirs, &scene.authority),
        UntrustedMaker,
    );
    let unlisted = trusting(&[scene.pki.root(), scene.pki.issuing()]);
    let bytes = with_seal(&own, office);
    check_trusting(
        "one's own seal, no maker listed",
        &bytes,
        &unlisted,
        UntrustedMaker,
    );
    // Without listed makers nobody can tell; the report must say so.
    let verdict = verify(&with_seal(&theirs, &scene.authority), &unlisted);
    assert!(verdict.warnings.contains(&UntrustedMaker), "{verdict:?}");

    let twin = scene.pki.twin(signed_at()).unwrap();
    let signers = [scene.authority.certificate()];
    let bytes = with_seal(&seal(twin.maker(), &signers), &scene.authority);
    check_bytes("a maker of the same name", &bytes, UntrustedMaker);
    let forger = twin
        .issue_signer(
            "示例区建设局",
            "11330105002500287C",
            days(9),
            Usage::Signing,
        )
        .unwrap();
    let all = with_seal(&seal(twin.maker(), &[forger.certificate()]), &forger);
    check_bytes("a whole PKI of the same names", &all, Untrusted);
    let genuine = with_seal(&seal(maker, &[forger.certificate()]), &forger);
    check_bytes("a signer of the same name", &genuine, Untrusted);

    // Signed by the office, in the name of the maker.
    let listed = tagged(OCTETS, office.certificate());
    let relisted = |signer: &Credential| {
        other_seal(signer, |information| {
            let mut property = inside(&information[2]);
            property[3] = sequence(std::slice::from_ref(&listed));
            information[2] = sequence(&property);
        })
    };
    check_bytes(
        "another list",
        &with_seal(&relisted(office), office),
        SealSigInvalid,
    );
    let mut kept = inside(&relisted(office));
    kept[3].clone_from(&inside(&scene.seal)[3]);
    check_bytes(
        "the maker's old signature",
        &with_seal(&sequence(&kept), office),
        SealSigInvalid,
    );
    let painted = other_seal(office, |information| {
        let mut picture = inside(&information[3]);
        picture[1] = tagged(OCTETS, b"evil");
        information[3] = sequence(&picture);
    });
    check_bytes(
        "another picture",
        &with_seal(&painted, &scene.authority),
        SealSigInvalid,
    );
}
