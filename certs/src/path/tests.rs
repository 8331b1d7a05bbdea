use super::*;
use crate::effort::MAX_FILE_SIGNATURE_CHECKS;
use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};

const AT: &str = "20260601000000Z";

#[track_caller]
fn check(
    leaf: &Authority,
    carried: &[&Authority],
    trusted: &[&Authority],
    expected: Result<usize, PathError>,
) {
    let mut trust = TrustStore::empty();
    for authority in trusted {
        trust
            .add_certificate(authority.certificate().der())
            .unwrap();
    }
    let carried: Vec<_> = carried.iter().map(|one| one.shared()).collect();
    let found = build(
        &leaf.shared(),
        &carried,
        &trust,
        instant(AT),
        &Effort::of_a_file(),
    );
    assert_eq!(found.map(|chain| chain.len()), expected);
}

#[test]
fn paths_through_the_store_and_through_the_message() {
    let root = Authority::root("Root CA", 1);
    let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
    let leaf = issuing.issue(&CertificateSpec::signer("Office"), 3);
    check(&leaf, &[], &[&root, &issuing], Ok(3));
    check(&leaf, &[&issuing], &[&root], Ok(3));
    check(&leaf, &[], &[&root], Err(PathError::NoIssuer));
    check(&leaf, &[&issuing, &root], &[], Err(PathError::NoIssuer));
    check(&root, &[], &[&root], Ok(1));
}

#[test]
fn a_twin_of_the_same_name_is_passed_over() {
    let root = Authority::root("Root CA", 1);
    let twin = Authority::root("Root CA", 2);
    let forged = twin.issue(&CertificateSpec::signer("Office"), 3);
    let genuine = root.issue(&CertificateSpec::signer("Office"), 3);
    let wrong_key = PathError::Signature(AlgorithmError::Invalid);
    check(&forged, &[&twin], &[&root], Err(wrong_key));
    check(&genuine, &[], &[&twin, &root], Ok(2));
}

#[test]
fn issuers_must_be_cas_that_may_sign_certificates() {
    let root = Authority::root("Root CA", 1);
    let office = root.issue(&CertificateSpec::signer("Office"), 2);
    let leaf = office.issue(&CertificateSpec::signer("Forger"), 3);
    check(&leaf, &[&office], &[&root], Err(PathError::NotCa));

    let spec = CertificateSpec {
        usage: Some(&[0, 6]),
        ..CertificateSpec::authority("CA")
    };
    let unfit = root.issue(&spec, 2);
    let leaf = unfit.issue(&CertificateSpec::signer("Office"), 3);
    check(&leaf, &[&unfit], &[&root], Err(PathError::Usage));
}

#[test]
fn path_length_counts_cas_below() {
    let spec = CertificateSpec {
        path_length: Some(0),
        ..CertificateSpec::authority("Root")
    };
    let root = Authority::self_signed(&spec, 1);
    let near = root.issue(&CertificateSpec::signer("Near"), 2);
    check(&near, &[], &[&root], Ok(2));
    let issuing = root.issue(&CertificateSpec::authority("Issuing"), 3);
    let far = issuing.issue(&CertificateSpec::signer("Far"), 4);
    check(&far, &[&issuing], &[&root], Err(PathError::PathLength(0)));
}

#[test]
fn issuers_must_be_valid_at_the_time() {
    let spec = CertificateSpec {
        not_after: "20251231000000Z",
        ..CertificateSpec::authority("Root CA")
    };
    let root = Authority::self_signed(&spec, 1);
    let leaf = root.issue(&CertificateSpec::signer("Office"), 2);
    let expected = PathError::OutsidePeriod {
        not_before: root.certificate().not_before(),
        not_after: instant("20251231000000Z"),
    };
    check(&leaf, &[], &[&root], Err(expected));
}

#[test]
fn unknown_critical_extensions_end_a_path() {
    let root = Authority::root("Root CA", 1);
    // nameConstraints: not evaluated, so a certificate that needs it is not used.
    let name_constraints = "2.5.29.30";
    let spec = CertificateSpec {
        critical: Some(name_constraints),
        ..CertificateSpec::authority("Issuing CA")
    };
    let issuing = root.issue(&spec, 2);
    let leaf = issuing.issue(&CertificateSpec::signer("Office"), 3);
    let oid = ObjectIdentifier::new_unwrap(name_constraints);
    check(
        &leaf,
        &[&issuing],
        &[&root],
        Err(PathError::CriticalExtension(oid)),
    );
}

#[test]
fn crafted_bundles_stay_within_the_budget() {
    let root = Authority::root("Root CA", 1);
    // Cross-signed CAs of one name: without a budget every order of them would be tried.
    let mut carried = Vec::new();
    let first = Authority::root("Maze", 10);
    for serial in 0..24 {
        let spec = CertificateSpec {
            serial,
            ..CertificateSpec::authority("Maze")
        };
        carried.push(first.issue(&spec, 10));
    }
    let leaf = first.issue(&CertificateSpec::signer("Office"), 3);
    let carried: Vec<_> = carried.iter().collect();
    check(&leaf, &carried, &[&root], Err(PathError::BudgetSpent));
}

/// Root, two issuers of one name and key of which the first ends early, and a signer.
fn two_issuers() -> (Authority, [Authority; 2], Authority) {
    let root = Authority::root("Root CA", 1);
    let issuer = |serial, not_after| {
        let spec = CertificateSpec {
            serial,
            not_after,
            ..CertificateSpec::authority("Issuing CA")
        };
        root.issue(&spec, 2)
    };
    let issuers = [issuer(1, "20250101000000Z"), issuer(2, "20300101000000Z")];
    let leaf = issuers[0].issue(&CertificateSpec::signer("Office"), 3);
    (root, issuers, leaf)
}

fn store(trusted: &[&Authority]) -> TrustStore {
    let mut trust = TrustStore::empty();
    for authority in trusted {
        let der = authority.certificate().der();
        trust.add_certificate(der).unwrap();
    }
    trust
}

#[test]
fn a_remembered_path_is_the_one_that_a_new_search_finds() {
    let (root, [early, late], leaf) = two_issuers();
    let stranger = Authority::root("Issuing CA", 9);
    let carried: [&[&Authority]; 5] = [
        &[],
        &[&early],
        &[&late],
        &[&late, &early],
        &[&stranger, &early],
    ];
    let times = [
        "20191231235959Z",
        "20200101000000Z",
        "20241231235959Z",
        "20250101000000Z",
        "20250101000001Z",
        "20300101000000Z",
        "20300101000001Z",
        "20400101000001Z",
    ];
    for trusted in [&[&root][..], &[&root, &early], &[&root, &early, &late]] {
        let warm = store(trusted);
        for round in 0..3 {
            for position in 0..times.len() {
                let at = instant(times[(position * 5 + round) % times.len()]);
                for carried in carried {
                    let carried: Vec<_> = carried.iter().map(|one| one.shared()).collect();
                    let cold = build(
                        &leaf.shared(),
                        &carried,
                        &store(trusted),
                        at,
                        &Effort::of_a_file(),
                    );
                    let found = build(&leaf.shared(), &carried, &warm, at, &Effort::of_a_file());
                    assert_eq!(ders(found), ders(cold), "{at}");
                }
            }
        }
    }
}

#[test]
fn a_remembered_path_takes_of_the_effort_what_its_search_took() {
    let (root, [early, late], leaf) = two_issuers();
    let trusted = [&root, &early, &late];
    let warm = store(&trusted);
    let with = |trust: &TrustStore, checks| {
        let effort = Effort::of_a_file();
        assert!(effort.spend(MAX_FILE_SIGNATURE_CHECKS - checks));
        [(); 3].map(|()| ders(build(&leaf.shared(), &[], trust, instant(AT), &effort)))
    };
    assert!(with(&warm, 3).iter().any(Result::is_ok));
    for checks in 0..10 {
        assert_eq!(
            with(&warm, checks),
            with(&store(&trusted), checks),
            "{checks}"
        );
    }
    assert_eq!(with(&warm, 0)[0], Err(PathError::BudgetSpent));
}

fn ders(found: Result<Chain, PathError>) -> Result<Vec<Vec<u8>>, PathError> {
    let ders = |chain: Chain| {
        chain
            .certificates
            .iter()
            .map(|one| one.der().to_vec())
            .collect()
    };
    found.map(ders)
}

#[test]
fn what_was_found_is_not_searched_again() {
    let (root, [_, late], leaf) = two_issuers();
    let trust = store(&[&root, &late]);
    let again = || Arc::new(Certificate::parse(leaf.certificate().der()).unwrap());
    let first = leaf.shared();
    build(&first, &[], &trust, instant(AT), &Effort::of_a_file()).unwrap();
    let found = build(
        &again(),
        &[],
        &trust,
        instant("20270101000000Z"),
        &Effort::of_a_file(),
    )
    .unwrap();
    assert!(Arc::ptr_eq(&found.certificates[0], &first), "remembered");
    let copy = trust.clone();
    let copied = build(&again(), &[], &copy, instant(AT), &Effort::of_a_file()).unwrap();
    assert!(
        !Arc::ptr_eq(&copied.certificates[0], &first),
        "another store"
    );
    let kept = build(&again(), &[], &trust, instant(AT), &Effort::of_a_file()).unwrap();
    assert!(
        Arc::ptr_eq(&kept.certificates[0], &first),
        "remembered still"
    );
}

#[test]
fn a_change_of_trust_counts_at_once() {
    let (root, [_, late], leaf) = two_issuers();
    let mut trust = store(&[&root, &late]);
    let found = |trust: &TrustStore| {
        build(
            &leaf.shared(),
            &[],
            trust,
            instant(AT),
            &Effort::of_a_file(),
        )
    };
    assert_eq!(found(&trust).unwrap().len(), 3);
    let mut other = trust.clone();
    trust.withdraw(late.certificate()).unwrap();
    assert_eq!(found(&trust).unwrap_err(), PathError::NoIssuer);
    trust.withdraw(leaf.certificate()).unwrap();
    assert_eq!(found(&trust).unwrap_err(), PathError::Withdrawn);

    // A list changes the store as well, whatever it says.
    let first = found(&other).unwrap().certificates[0].clone();
    other.add_crl(&root.crl(&CrlSpec::default())).unwrap();
    let again = Arc::new(Certificate::parse(leaf.certificate().der()).unwrap());
    let found = build(&again, &[], &other, instant(AT), &Effort::of_a_file()).unwrap();
    assert!(!Arc::ptr_eq(&found.certificates[0], &first));
}

#[test]
fn what_is_remembered_is_bounded() {
    let (root, [_, late], leaf) = two_issuers();
    let trust = store(&[&root, &late]);
    let chain = build(
        &leaf.shared(),
        &[],
        &trust,
        instant(AT),
        &Effort::of_a_file(),
    );
    for number in 0..100_000_u32 {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        trust.chains().keep(key, Window::ALWAYS, &chain, 1);
    }
    assert!(trust.chains().bytes() <= 16 * 1024 * 1024);
    assert!(trust.chains().bytes() > 7 * 1024 * 1024);
}
