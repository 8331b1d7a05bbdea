//! The example of the standard, verified in every way, before anything else is.

use super::{Claim, Signed, Sm2PublicKey, Table, openssl, verify_batch};

/// The public key of GB/T 32918.5-2017 appendix A.2, as an uncompressed point.
const KEY: &str = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
                   ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
/// The message of the same example.
const MESSAGE: &[u8] = b"message digest";
/// Its signature, r ‖ s.
const SIGNATURE: &str = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
                         b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

/// The program does not verify signatures as the standard says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SM2 verification fails its self-test: {0}")]
pub struct SelfTestError(&'static str);

/// Verifies the example of GB/T 32918.5-2017 appendix A.2 in every way that there is, and refuses
/// it in every way when a bit of it is another. For the start of a program.
///
/// # Errors
/// When one of them answers wrongly: nothing must be verified then.
pub fn self_test() -> Result<(), SelfTestError> {
    let bytes = |text: &str| hex::decode(text).unwrap_or_default();
    let key = Sm2PublicKey::from_sec1(&bytes(KEY)).ok_or(SelfTestError("key"))?;
    let good: [u8; 64] = bytes(SIGNATURE)
        .try_into()
        .map_err(|_| SelfTestError("signature"))?;
    let mut bad = good;
    bad[63] ^= 1;
    let digest = key.digest(MESSAGE);
    let mut other = digest;
    other[0] ^= 0x80;

    let table = Table::new(&key.point, 4);
    let any = |claim: &Claim| claim.is_met_by(&claim.sum_for_any(&key.point));
    let known = |claim: &Claim| claim.is_met_by(&claim.sum_for_known(&table));
    for (digest, signature, holds) in [
        (&digest, &good, true),
        (&digest, &bad, false),
        (&other, &good, false),
    ] {
        let claim = Claim::of(digest, signature).ok_or(SelfTestError("range"))?;
        let one = Signed {
            key: &key,
            digest,
            signature,
        };
        for (way, is_right) in [
            ("key without a table", any(&claim) == holds),
            ("key with a table", known(&claim) == holds),
            ("OpenSSL", openssl::verify(&key, digest, signature) == holds),
            ("batch", verify_batch(&[one; 4]) == [holds; 4]),
        ] {
            if !is_right {
                return Err(SelfTestError(way));
            }
        }
    }
    Ok(())
}
