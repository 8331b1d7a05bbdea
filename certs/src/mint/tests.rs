//! What is minted, read back with OpenSSL and with this package's own readers.

use chrono::{DateTime, Duration, Utc};
use openssl::x509::{X509, X509Crl};

use super::certificate::{Revocation, Usage, Validity};
use super::credential::Credential;
use super::pki::DevelopmentPki;

fn at() -> DateTime<Utc> {
    "2026-06-01T02:03:04Z".parse().unwrap()
}

fn one_year() -> Validity {
    Validity {
        from: at() - Duration::days(30),
        until: at() + Duration::days(335),
    }
}

fn pki() -> DevelopmentPki {
    DevelopmentPki::mint("证照枢纽开发", at()).unwrap()
}

#[test]
fn openssl_reads_certificates_and_finds_their_issuers() {
    let pki = pki();
    let signer = pki
        .issue_signer(
            "测试市住房和城乡建设局",
            "11110000000021135M",
            one_year(),
            Usage::Signing,
        )
        .unwrap();
    let node = pki.issue_node("province-a", one_year()).unwrap();
    let read = |credential: &Credential| X509::from_der(credential.certificate()).unwrap();
    let (root, issuing) = (read(pki.root()), read(pki.issuing()));
    for (issuer, subject) in [
        (&root, root.clone()),
        (&root, issuing.clone()),
        (&issuing, read(pki.maker())),
        (&issuing, read(&signer)),
        (&issuing, read(&node)),
    ] {
        // Names, key identifiers and keyUsage fit; X509_V_OK is 0.
        assert_eq!(
            issuer.issued(&subject).as_raw(),
            0,
            "{:?}",
            subject.subject_name()
        );
    }
    assert_ne!(issuing.issued(&root).as_raw(), 0);
}

#[test]
fn openssl_reads_the_crl() {
    let pki = pki();
    let signer = pki.issue_signer("测试局", "11110000000021135M", one_year(), Usage::Signing);
    let serial = signer.unwrap().serial().to_vec();
    let revoked = [Revocation {
        serial: serial.clone(),
        since: at(),
    }];
    let crl = pki.crl(&revoked, at(), at() + Duration::days(7)).unwrap();
    let crl = X509Crl::from_der(&crl).unwrap();
    let listed = crl.get_revoked().unwrap();
    assert_eq!(listed.len(), 1);
    let listed = listed
        .get(0)
        .unwrap()
        .serial_number()
        .to_bn()
        .unwrap()
        .to_vec();
    assert_eq!(listed, serial);
    let empty = pki.root_crl(at(), at() + Duration::days(7)).unwrap();
    assert!(X509Crl::from_der(&empty).unwrap().get_revoked().is_none());
}

#[test]
fn a_saved_pki_comes_back_and_its_keys_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = std::env::temp_dir().join(format!("hub-mint-{}", std::process::id()));
    let pki = pki();
    pki.save(&dir, &[], at()).unwrap();
    let mode = std::fs::metadata(dir.join("keys/root.pem"))
        .unwrap()
        .permissions()
        .mode();
    let loaded = DevelopmentPki::load(&dir);
    // A key that belongs to another certificate is refused.
    std::fs::copy(dir.join("keys/root.pem"), dir.join("keys/issuing.pem")).unwrap();
    let mixed = DevelopmentPki::load(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        loaded.unwrap().issuing().certificate(),
        pki.issuing().certificate()
    );
    assert!(mixed.unwrap_err().to_string().contains("does not belong"));
}
