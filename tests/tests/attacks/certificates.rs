//! Certificates without the right, and revocation lists of somebody else.

use certs::mint::certificate::{Revocation, Usage};
use certs::mint::credential::Credential;
use chrono::Duration;
use schemas::verdict::FindingCode::{SignerCertTime, SignerCertUsage, SignerRevoked, Untrusted};

use super::der::{bits, inside, sequence, tagged};
use super::forge::{OID, extend, recertified, trusting_issuing, with_seal};
use super::scene::{
    Parts, SCENE, check_bytes, check_trusting, days, seal, signed_at, trusting, verify,
};

const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const TLS_SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];

#[test]
fn certificates_have_limits() {
    let scene = &*SCENE;
    let (maker, issuing) = (scene.pki.maker(), scene.pki.issuing());
    let with = |signer: &Credential| with_seal(&seal(maker, &[signer.certificate()]), signer);
    let unknown = recertified(&scene.authority, issuing, |body| {
        extend(body, &[0x2a, 3, 4], true, &[5, 0]);
    });
    check_bytes("an unknown critical extension", &with(&unknown), Untrusted);
    let server = sequence(&[tagged(OID, TLS_SERVER)]);
    let server = recertified(&scene.authority, issuing, |body| {
        extend(body, EXTENDED_KEY_USAGE, true, &server);
    });
    check_bytes(
        "the certificate of a TLS server",
        &with(&server),
        SignerCertUsage,
    );
    check_bytes("an authority as signer", &with(issuing), SignerCertUsage);
    let issue = |validity, usage| {
        let code = "11330105002500287C";
        scene
            .pki
            .issue_signer("示例区建设局", code, validity, usage)
            .unwrap()
    };
    check_bytes(
        "for encryption",
        &with(&issue(days(9), Usage::Encryption)),
        SignerCertUsage,
    );
    check_bytes(
        "not for that time",
        &with(&issue(days(-9), Usage::Signing)),
        SignerCertTime,
    );
    // Signed by a signer who is no authority; the maker's certificate travels along.
    let child = recertified(&scene.office, &scene.authority, |body| {
        body[3].clone_from(&inside(&inside(scene.authority.certificate())[0])[5]);
    });
    check_bytes("issued by a signer", &with(&child), Untrusted);

    let own = |change: &dyn Fn(&mut Vec<Vec<u8>>)| recertified(issuing, scene.pki.root(), change);
    let ended = own(&|body| {
        let ends = [&b"200101000000Z"[..], b"210101000000Z"];
        body[4] = sequence(&ends.map(|text| tagged(0x17, text)));
    });
    let bytes = Parts::sealed().zip();
    check_trusting(
        "an expired authority",
        &bytes,
        &trusting_issuing(&ended),
        Untrusted,
    );
    let bound = own(&|body| extend(body, NAME_CONSTRAINTS, false, &sequence(&[])));
    check_trusting(
        "constraints not evaluated",
        &bytes,
        &trusting_issuing(&bound),
        Untrusted,
    );
    let rootless = trusting(&[issuing, maker]);
    check_trusting("an authority without anchor", &bytes, &rootless, Untrusted);
}

#[test]
fn revocation_cannot_be_hidden_or_forged() {
    let (scene, bytes) = (&*SCENE, Parts::sealed().zip());
    let (before, later) = (
        signed_at() - Duration::days(3),
        signed_at() + Duration::days(30),
    );
    let revoked = [Revocation {
        serial: scene.authority.serial().to_vec(),
        since: before,
    }];
    let twin = scene.pki.twin(signed_at()).unwrap();
    let mut trust = scene.trust.clone();
    trust
        .add_crl(&twin.crl(&revoked, before, later).unwrap())
        .unwrap();
    assert!(verify(&bytes, &trust).is_valid(), "a forged list revokes");
    trust
        .add_crl(&scene.pki.crl(&revoked, before, later).unwrap())
        .unwrap();
    check_trusting("revoked", &bytes, &trust, SignerRevoked);
    trust
        .add_crl(&twin.crl(&[], signed_at(), later).unwrap())
        .unwrap();
    check_trusting("a newer forged list", &bytes, &trust, SignerRevoked);

    let empty = scene.pki.root_crl(before, later).unwrap();
    let mut fields = inside(&empty);
    let mut body = inside(&fields[0]);
    let serial = inside(&inside(scene.pki.issuing().certificate())[0])[1].clone();
    let line = sequence(&[serial, body[3].clone()]);
    body.insert(5, sequence(&[line]));
    fields[0] = sequence(&body);
    fields[2] = bits(&scene.pki.root().sign(&fields[0]).unwrap());
    let mut trust = scene.trust.clone();
    trust.add_crl(&sequence(&fields)).unwrap();
    check_trusting("a revoked authority", &bytes, &trust, SignerRevoked);
}
