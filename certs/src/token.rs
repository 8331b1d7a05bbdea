//! Keyed-hash tokens: lookup by holder code without storing the code (invariant 7).
//!
//! The token is HMAC-SM3 under a secret of the node. Whoever copies the database without the
//! secret cannot try out the few billion possible codes; two nodes give the same holder
//! different tokens.

use std::fmt;

use crate::symmetric::HmacSm3;

/// Key of a node's lookup tokens.
pub struct TokenKey(HmacSm3);

impl TokenKey {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(HmacSm3::new(secret))
    }

    /// Token of a holder code, 64 characters of lower-case hex. The code is trimmed and put in
    /// upper case first: `…001x` and `…001X` are the same citizen.
    #[must_use]
    pub fn holder_token(&self, holder_code: &str) -> String {
        let code = holder_code.trim().to_uppercase();
        // A label, so that a later kind of token under the same key can never equal this one.
        hex::encode(self.0.tag(&[b"hub-holder-token-1\n", code.as_bytes()]))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_code_give_one_token() {
        let key = TokenKey::new(&[5; 32]);
        let token = key.holder_token("11010119900101001X");
        assert_eq!(token.len(), 64);
        assert_eq!(key.holder_token(" 11010119900101001x\n"), token);
        assert_ne!(key.holder_token("110101199001010011"), token);
    }

    #[test]
    fn another_key_gives_another_token() {
        let code = "11010119900101001X";
        let token = TokenKey::new(&[5; 32]).holder_token(code);
        assert_ne!(TokenKey::new(&[6; 32]).holder_token(code), token);
        assert!(!token.contains(code));
    }
}
