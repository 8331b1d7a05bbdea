use openssl::bn::{BigNum, BigNumContext};

use super::*;

/// Numbers around everything that is folded, carried or compared.
fn edges() -> Vec<[u64; 4]> {
    let mut edges = vec![
        [0; 4],
        [u64::MAX; 4],
        P,
        FieldElement::ONE.0,
        R_SQUARED.0,
        [0, 0, 0, 1 << 63],
    ];
    for base in [
        [0; 4],
        P,
        FieldElement::ONE.0,
        sub_limbs(&P, &FieldElement::ONE.0).0,
    ] {
        for small in [1, 2, 3, u64::from(u32::MAX), u64::MAX] {
            edges.push(add_limbs(&base, &[small, 0, 0, 0]).0);
            edges.push(sub_limbs(&base, &[small, 0, 0, 0]).0);
        }
    }
    edges
}

fn big(limbs: &[u64; 4]) -> BigNum {
    let bytes: Vec<u8> = limbs
        .iter()
        .rev()
        .flat_map(|limb| limb.to_be_bytes())
        .collect();
    BigNum::from_slice(&bytes).unwrap()
}

/// What a written value stands for is the same modulo p.
#[track_caller]
fn check(operation: &str, got: FieldElement, want: &BigNum, context: &mut BigNumContext) {
    let mut difference = BigNum::new().unwrap();
    difference
        .mod_sub(&big(&got.0), want, &big(&P), context)
        .unwrap();
    assert_eq!(difference.num_bits(), 0, "{operation}: {:x?}", got.0);
}

#[test]
fn every_operation_is_that_of_the_integers_modulo_p() {
    let context = &mut BigNumContext::new().unwrap();
    let p = big(&P);
    let mut r = BigNum::from_u32(1).unwrap();
    let one = BigNum::from_u32(1).unwrap();
    r.lshift(&one, 256).unwrap();
    let two = BigNum::from_u32(2).unwrap();
    let mut inverse = |of: &BigNum| {
        let mut inverse = BigNum::new().unwrap();
        inverse.mod_inverse(of, &p, context).unwrap();
        inverse
    };
    let (r_inverse, half) = (inverse(&r), inverse(&two));
    let edges = edges();
    for a in &edges {
        let (element, a) = (FieldElement(*a), big(a));
        let mut want = BigNum::new().unwrap();
        want.mod_add(&a, &a, &p, context).unwrap();
        check("double", element.double(), &want, context);
        let doubled = want.to_owned().unwrap();
        want.mod_add(&doubled, &a, &p, context).unwrap();
        check("triple", element.triple(), &want, context);
        want.mod_mul(&a, &half, &p, context).unwrap();
        check("half", element.half(), &want, context);
        want.mod_mul(&a, &r_inverse, &p, context).unwrap();
        assert_eq!(big(&element.number()), want, "number");
        check(
            "from_number",
            FieldElement::from_number(element.number()),
            &a,
            context,
        );
        let is_zero = FieldElement::from_number([0; 4]).is_equal(&element);
        assert_eq!(element.is_zero(), is_zero);
        assert_eq!(is_zero, element.number() == [0; 4]);
        let product = element.mul(&element.invert());
        assert!(is_zero || product.is_equal(&FieldElement::ONE), "invert");
        for b in &edges {
            let (other, b) = (FieldElement(*b), big(b));
            want.mod_add(&a, &b, &p, context).unwrap();
            check("add", element.add(&other), &want, context);
            want.mod_sub(&a, &b, &p, context).unwrap();
            check("sub", element.sub(&other), &want, context);
            let mut product = BigNum::new().unwrap();
            product.mod_mul(&a, &b, &p, context).unwrap();
            want.mod_mul(&product, &r_inverse, &p, context).unwrap();
            check("mul", element.mul(&other), &want, context);
            if a == b {
                check("square", element.square(), &want, context);
            }
        }
    }
}
