use std::ops::Neg as _;

use sm2::dsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::PrimeField as _;
use sm2::elliptic_curve::ops::Reduce;
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::elliptic_curve::sec1::FromSec1Point as _;
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Sec1Point};

use super::*;

/// n, the order of the base point, big-endian.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x23,
];

/// A key in every form in which it is asked.
struct Asked {
    key: Sm2PublicKey,
    rustcrypto: VerifyingKey,
    tables: Vec<Table>,
}

impl Asked {
    fn new(point: &AffinePoint, widths: &[u32]) -> Self {
        let rustcrypto = VerifyingKey::from_affine(SM2_USER_ID, *point).unwrap();
        let key = Sm2PublicKey::from_sec1(&rustcrypto.to_sec1_bytes()).unwrap();
        let tables = widths.iter().map(|width| Table::new(&key.point, *width));
        Self {
            tables: tables.collect(),
            rustcrypto,
            key,
        }
    }

    /// Asks in every way and returns the one answer.
    #[track_caller]
    fn verify(&self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        let holds = Signature::from_slice(signature)
            .is_ok_and(|signature| self.rustcrypto.verify_prehash(digest, &signature).is_ok());
        let claim = Claim::of(digest, signature);
        let is_met = |sum: &dyn Fn(&Claim) -> Jacobian| {
            claim
                .as_ref()
                .is_some_and(|claim| claim.is_met_by(&sum(claim)))
        };
        let of = || {
            format!(
                "{} {} {:?}",
                hex::encode(digest),
                hex::encode(signature),
                self.key
            )
        };
        assert_eq!(
            is_met(&|claim| claim.sum_for_any(&self.key.point)),
            holds,
            "any: {}",
            of()
        );
        for table in &self.tables {
            assert_eq!(
                is_met(&|claim| claim.sum_for_known(table)),
                holds,
                "table: {}",
                of()
            );
        }
        assert_eq!(
            openssl::verify(&self.key, digest, signature),
            holds,
            "OpenSSL: {}",
            of()
        );
        holds
    }
}

#[test]
fn the_example_of_the_standard_holds_in_every_way() {
    self_test().unwrap();
    // Several times: the key gets its tables meanwhile.
    for _ in 0..250 {
        self_test().unwrap();
    }
}

#[test]
fn the_examples_intermediate_values_are_those_of_the_standard() {
    let key = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
               ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
    let key = Sm2PublicKey::from_sec1(&hex::decode(key).unwrap()).unwrap();
    // GB/T 32918.5-2017 appendix A.2: Z_A and e.
    assert_eq!(
        hex::encode(key.identity),
        "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
    );
    assert_eq!(
        hex::encode(key.digest(b"message digest")),
        "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
    );
}

/// The scalar of a small number, or of its opposite when it is negative.
fn scalar(number: i64) -> sm2::Scalar {
    let size = sm2::Scalar::from(number.unsigned_abs());
    if number < 0 { size.neg() } else { size }
}

/// `r‖s`.
fn signature(r: &sm2::Scalar, s: &sm2::Scalar) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r.to_repr());
    bytes[32..].copy_from_slice(&s.to_repr());
    bytes
}

/// x of a point, modulo n.
fn x_of(point: &ProjectivePoint) -> sm2::Scalar {
    <sm2::Scalar as Reduce<FieldBytes>>::reduce(&point.to_affine().x())
}

#[test]
fn sums_that_double_cancel_or_vanish_are_answered_as_by_others() {
    let all = [4, 5, 6, 7, 8];
    let mut held = 0;
    for d in [1, 2, 3, 16, 128, 256, 512, -2, -3, -256] {
        let public = ProjectivePoint::GENERATOR * scalar(d);
        let asked = Asked::new(&public.to_affine(), &all);
        for s in [1, 2, 3, 15, 16, 17, 255, 256, 512, -1, -2] {
            for t in [1, 2, 3, 8, 128, 256, -1, -3] {
                let (s, t) = (scalar(s), scalar(t));
                let r = t - s;
                let sum = ProjectivePoint::GENERATOR * s + public * t;
                let digest: [u8; 32] = (r - x_of(&sum)).to_repr().into();
                let signature = signature(&r, &s);
                held += usize::from(asked.verify(&digest, &signature));
                asked.verify(&[0; 32], &signature);
            }
        }
    }
    assert!(held > 700, "{held} of 880 held");
}

#[test]
fn numbers_out_of_range_are_refused_and_large_digests_reduced() {
    let signer = SigningKey::from_bytes(SM2_USER_ID, &FieldBytes::from([7; 32])).unwrap();
    let asked = Asked::new(signer.verifying_key().as_affine(), &[4]);
    let mut above = N;
    above[31] += 1;
    let mut below = N;
    below[31] -= 1;
    for digest in [[0; 32], [255; 32], N, below, above] {
        let good: Signature = signer.sign_prehash(&digest).unwrap();
        let good: [u8; 64] = good.to_bytes().as_slice().try_into().unwrap();
        assert!(asked.verify(&digest, &good));
        for number in [[0; 32], [255; 32], N, below, above] {
            for half in [0..32, 32..64] {
                let mut bad = good;
                bad[half].copy_from_slice(&number);
                assert!(!asked.verify(&digest, &bad));
            }
        }
        // t = r + s = n.
        let mut vanishing = good;
        vanishing[32..].copy_from_slice(&{
            let r = sm2::Scalar::from_repr(FieldBytes::try_from(&good[..32]).unwrap()).unwrap();
            r.neg().to_repr()
        });
        assert!(Claim::of(&digest, &vanishing).is_none());
        assert!(!asked.verify(&digest, &vanishing));
    }
}

#[test]
fn an_x_between_n_and_p_counts_modulo_n() {
    let mut found = 0;
    for more in 0_u8..60 {
        let mut x = N;
        let last = u16::from(x[31]) + u16::from(more);
        x[31] = last as u8;
        x[30] += (last >> 8) as u8;
        let compressed = [&[2][..], &x].concat();
        let point = Sec1Point::from_bytes(&compressed).unwrap();
        let Some(sum) = Option::<AffinePoint>::from(AffinePoint::from_sec1_point(&point)) else {
            continue;
        };
        found += 1;
        // A key for which s·G + t·P is that point.
        let (s, t) = (scalar(5), scalar(11));
        let public =
            (ProjectivePoint::from(sum) - ProjectivePoint::GENERATOR * s) * t.invert().unwrap();
        let asked = Asked::new(&public.to_affine(), &[4, 7]);
        let r = t - s;
        let digest: [u8; 32] = (r - scalar(i64::from(more))).to_repr().into();
        assert!(asked.verify(&digest, &signature(&r, &s)), "x = n + {more}");
    }
    assert!(found > 20, "{found}");
}

#[test]
fn points_off_the_curve_and_odd_encodings_are_no_keys() {
    let signer = SigningKey::from_bytes(SM2_USER_ID, &FieldBytes::from([9; 32])).unwrap();
    let point = signer.verifying_key().to_sec1_bytes();
    let key = Sm2PublicKey::from_sec1(&point).unwrap();
    let compressed = [&[2 + (point[64] & 1)][..], &point[1..33]].concat();
    assert_eq!(Sm2PublicKey::from_sec1(&compressed), Some(key));
    let mut bad: Vec<Vec<u8>> = vec![vec![], vec![0], vec![4], point[..64].to_vec()];
    bad.push([&point[..], &[0]].concat());
    bad.push([&[6][..], &point[1..]].concat());
    bad.push([&[4][..], &[0; 64]].concat());
    bad.push([&[4][..], &[255; 64]].concat());
    for at in [1, 32, 33, 64] {
        let mut off = point.to_vec();
        off[at] ^= 1;
        bad.push(off);
    }
    for point in bad {
        assert_eq!(
            Sm2PublicKey::from_sec1(&point),
            None,
            "{}",
            hex::encode(&point)
        );
    }
}

#[test]
fn coordinates_of_p_or_more_are_no_keys() {
    /// The upper and the lower half of p.
    const P: [u128; 2] = [
        0xffff_fffe_ffff_ffff_ffff_ffff_ffff_ffff,
        0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff,
    ];
    let mut found = 0;
    for x in 0_u8..60 {
        let mut small = [0; 32];
        small[31] = x;
        let Some(key) = Sm2PublicKey::from_sec1(&[&[2][..], &small].concat()) else {
            continue;
        };
        found += 1;
        let y = &key.coordinates()[32..];
        let canonical = [&[4][..], &small, y].concat();
        assert_eq!(Sm2PublicKey::from_sec1(&canonical), Some(key.clone()));
        // The same number modulo p, in a form that no encoder writes.
        let large = [P[0].to_be_bytes(), (P[1] + u128::from(x)).to_be_bytes()].concat();
        for odd in [
            [&[4][..], &large, y].concat(),
            [&[2][..], &large].concat(),
            [&[3][..], &large].concat(),
        ] {
            assert_eq!(Sm2PublicKey::from_sec1(&odd), None, "{}", hex::encode(&odd));
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_batch_answers_for_each_and_at_any_mix_of_keys() {
    let mut random = random(1);
    let signers: Vec<_> = (0..5).map(|_| signer(&mut random)).collect();
    let keys: Vec<_> = signers
        .iter()
        .map(|signer| Asked::new(signer.verifying_key().as_affine(), &[]))
        .collect();
    let vectors: Vec<_> = (0..300)
        .map(|at| (at % 5, vector(&signers[at % 5], &mut random)))
        .collect();
    let wanted: Vec<_> = vectors
        .iter()
        .map(|(key, (digest, signature))| keys[*key].verify(digest, signature))
        .collect();
    for size in [0, 1, 2, 3, 64, 300] {
        let batch: Vec<_> = vectors[..size]
            .iter()
            .map(|(key, (digest, signature))| Signed {
                key: &keys[*key].key,
                digest,
                signature,
            })
            .collect();
        assert_eq!(verify_batch(&batch), wanted[..size], "{size} together");
    }
    assert!(wanted.contains(&true) && wanted.contains(&false));
}

/// Numbers that look random and are the same in every run.
fn random(seed: u64) -> impl FnMut() -> [u8; 32] {
    let mut count = 0_u64;
    move || {
        count += 1;
        crate::digest::sm3(&[seed.to_be_bytes(), count.to_be_bytes()].concat())
    }
}

fn signer(random: &mut impl FnMut() -> [u8; 32]) -> SigningKey {
    loop {
        if let Ok(signer) = SigningKey::from_bytes(SM2_USER_ID, &FieldBytes::from(random())) {
            return signer;
        }
    }
}

/// A digest and a signature, half of the time changed by a bit.
fn vector(signer: &SigningKey, random: &mut impl FnMut() -> [u8; 32]) -> ([u8; 32], [u8; 64]) {
    let (mut digest, choice) = (random(), random());
    let made: Signature = signer.sign_prehash(&digest).unwrap();
    let mut signature: [u8; 64] = made.to_bytes().as_slice().try_into().unwrap();
    let (at, bit) = (usize::from(choice[1]), 1 << (choice[2] & 7));
    match choice[0] & 3 {
        0 => signature[at % 64] ^= bit,
        1 => digest[at % 32] ^= bit,
        _ => {}
    }
    (digest, signature)
}

#[test]
fn random_signatures_are_answered_as_by_openssl_and_rustcrypto() {
    /// Signatures of one key.
    const EACH_KEY: u64 = 20;
    // A million with `deploy/test.sh --long`.
    let is_long = std::env::var_os("HUB_LONG").is_some();
    let (each, threads) = if is_long { (500_000, 2) } else { (500, 2) };
    let work = |seed| {
        let mut random = random(seed);
        let mut held = 0_u32;
        for key in 0..each / EACH_KEY {
            let signer = signer(&mut random);
            let widths: &[u32] = if key % 10 == 0 {
                &[4, 5, 6, 7, 8]
            } else {
                &[4]
            };
            let asked = Asked::new(signer.verifying_key().as_affine(), widths);
            let vectors: Vec<_> = (0..EACH_KEY)
                .map(|_| vector(&signer, &mut random))
                .collect();
            let answers: Vec<bool> = vectors
                .iter()
                .map(|(digest, signature)| asked.verify(digest, signature))
                .collect();
            held += answers.iter().map(|held| u32::from(*held)).sum::<u32>();
            let batch: Vec<_> = vectors
                .iter()
                .map(|(digest, signature)| Signed {
                    key: &asked.key,
                    digest,
                    signature,
                })
                .collect();
            assert_eq!(verify_batch(&batch), answers, "{:?} in a batch", asked.key);
        }
        held
    };
    let held: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|seed| scope.spawn(move || work(100 + seed)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    println!("{held} signatures of {} held", each * threads);
    assert!(u64::from(held) * 10 > each * threads * 4);
}
