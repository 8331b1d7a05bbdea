//! An authority that changed its key signs its lists with the new one.

use super::*;

/// A root, an authority below it with its old and its new key, and a certificate of the old one.
struct World {
    root: Authority,
    old: Authority,
    new: Authority,
    leaf: Authority,
}

impl World {
    fn new(spec: &CertificateSpec<'_>) -> Self {
        let root = root();
        let old = root.issue(&CertificateSpec::authority("Issuing CA"), 20);
        let (new, leaf) = (root.issue(spec, 21), leaf(&old));
        Self {
            root,
            old,
            new,
            leaf,
        }
    }

    fn usual() -> Self {
        let renewed = CertificateSpec {
            serial: 2,
            ..CertificateSpec::authority("Issuing CA")
        };
        Self::new(&renewed)
    }

    #[track_caller]
    fn check(
        &self,
        trusted: &[&Authority],
        ours: &[Vec<u8>],
        carried: &[Vec<u8>],
        expected: RevocationStatus,
    ) {
        let mut trust = TrustStore::empty();
        for list in ours {
            trust.add_crl(list).unwrap();
        }
        for one in trusted {
            trust.add_certificate(one.certificate().der()).unwrap();
        }
        self.ask(&trust, carried, expected);
    }

    #[track_caller]
    fn ask(&self, trust: &TrustStore, carried: &[Vec<u8>], expected: RevocationStatus) {
        let evidence = Evidence::read(carried.iter().map(Vec::as_slice), []);
        let inquiry = Inquiry {
            trust,
            anchor: Some(self.root.certificate()),
            evidence: &[&evidence],
            policy: &RevocationPolicy::DEFAULT,
            now: instant(AT),
            proven: None,
            effort: &Effort::of_a_file(),
        };
        let (certificate, issuer) = (self.leaf.certificate(), self.old.certificate());
        assert_eq!(status(certificate, issuer, &inquiry), expected);
    }
}

#[test]
fn a_list_with_the_new_key_revokes_what_the_old_one_made() {
    let world = World::usual();
    let World { root, old, new, .. } = &world;
    let list = [new.crl(&naming())];
    world.check(&[root, old, new], &list, &[], revoked());
    // The issuer may come with the file, the other one may not.
    world.check(&[root, new], &list, &[], revoked());
    world.check(&[root, old], &list, &[], Unknown);
    world.check(&[root, old, new], &[], &list, revoked());
    world.check(&[root, old], &[], &list, Unknown);
    // What an older list said of whom a newer one does not name any more.
    let lists = [new.crl(&naming()), new.crl(&newer())];
    world.check(&[root, old, new], &lists, &[], Unknown);
}

#[test]
fn a_list_with_the_new_key_is_silent_about_what_it_does_not_name() {
    let world = World::usual();
    let World { root, old, new, .. } = &world;
    let silent = || new.crl(&newer());
    world.check(&[root, old, new], &[silent()], &[], Unknown);
    let lists = [old.crl(&naming()), silent()];
    world.check(&[root, old, new], &lists, &[], revoked());
    world.check(&[root, old, new], &lists[..1], &lists[1..], revoked());
    let lists = [old.crl(&CrlSpec::default()), silent()];
    world.check(&[root, old, new], &lists, &[], Good);
}

#[test]
fn nobody_else_of_that_name_revokes() {
    let world = World::usual();
    let World { root, old, new, .. } = &world;
    let other = Authority::root("Other CA", 30);
    let spec = CertificateSpec::authority("Issuing CA");
    let stranger = other.issue(&spec, 31);
    let list = [stranger.crl(&naming())];
    world.check(&[root, old, new, &stranger], &list, &[], Unknown);
    world.check(&[root, old, new, &other, &stranger], &list, &[], Unknown);
    let anchor = Authority::root("Issuing CA", 32);
    let list = [anchor.crl(&naming())];
    world.check(&[root, old, &anchor], &list, &[], Unknown);

    let mut trust = TrustStore::empty();
    for one in [root, old, new] {
        trust.add_certificate(one.certificate().der()).unwrap();
    }
    trust.add_crl(&new.crl(&naming())).unwrap();
    world.ask(&trust, &[], revoked());
    trust.withdraw(new.certificate()).unwrap();
    world.ask(&trust, &[], Unknown);
}

#[test]
fn the_new_key_must_be_one_for_lists() {
    let without = World::new(&CertificateSpec {
        serial: 2,
        usage: Some(&[5]),
        ..CertificateSpec::authority("Issuing CA")
    });
    let World { root, old, new, .. } = &without;
    without.check(&[root, old, new], &[new.crl(&naming())], &[], Unknown);
}

#[test]
fn a_root_may_change_its_key_too() {
    let world = World::usual();
    let next = Authority::root("Root CA", 40);
    let spec = CertificateSpec {
        serial: 3,
        ..CertificateSpec::authority("Issuing CA")
    };
    let renewed = next.issue(&spec, 41);
    let list = [renewed.crl(&naming())];
    world.check(
        &[&world.root, &world.old, &next, &renewed],
        &list,
        &[],
        revoked(),
    );
}
