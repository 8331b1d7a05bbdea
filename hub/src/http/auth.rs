//! Who calls: the bearer token against the list of callers.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Shared;
use super::fault::Fault;
use crate::config::CallerConfig;
use crate::permits::Caller;

/// Longest token, in bytes: far above the 43 characters of 256 random bits in base64.
const TOKEN_BYTES_MAX: usize = 512;

/// The callers of this node, each with the SM3 of its token.
pub struct Callers(Vec<([u8; 32], Caller)>);

/// The caller of a request; a request without a known token never reaches its handler.
pub(crate) struct Authenticated(pub(crate) Caller);

impl Callers {
    /// The callers of the configuration. One whose digest is malformed cannot call.
    #[must_use]
    pub fn new(callers: &[CallerConfig]) -> Self {
        let known = callers.iter().filter_map(|caller| {
            let digest = hex::decode(&caller.token_sm3).ok()?.try_into().ok()?;
            let known = Caller {
                system: caller.system.clone(),
                organisation: caller.organisation.clone(),
                roles: caller.roles.clone(),
            };
            Some((digest, known))
        });
        Self(known.collect())
    }

    /// The caller with this token. Takes the same time whichever caller it is, and compares
    /// digests, so that time tells nothing about a token.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<&Caller> {
        let digest = certs::digest::sm3(token.as_bytes());
        let mut matching = None;
        for (known, caller) in &self.0 {
            let difference = known
                .iter()
                .zip(digest)
                .fold(0, |all, (a, b)| all | (a ^ b));
            if difference == 0 {
                matching = Some(caller);
            }
        }
        matching
    }
}

impl FromRequestParts<Shared> for Authenticated {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Fault> {
        let caller = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer)
            .and_then(|token| shared.callers.by_token(token))
            .ok_or(Fault::Unauthenticated)?;
        tracing::Span::current().record("caller.system", &caller.system);
        Ok(Self(caller.clone()))
    }
}

/// The token of `Bearer <token>`, RFC 6750: the scheme in any case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CallerRole;

    #[test]
    fn only_the_token_of_a_caller_opens() {
        let organisation = schemas::uscc::Uscc::parse("91330106673959654P").expect("valid");
        let callers = Callers::new(&[CallerConfig {
            system: "desk".to_owned(),
            organisation,
            token_sm3: hex::encode(certs::digest::sm3(b"a token")),
            roles: vec![CallerRole::Use],
        }]);
        assert_eq!(
            callers
                .by_token("a token")
                .map(|caller| caller.system.as_str()),
            Some("desk")
        );
        assert!(callers.by_token("another").is_none());
        assert!(callers.by_token("").is_none());
    }

    #[track_caller]
    fn check(value: &str, token: Option<&str>) {
        assert_eq!(bearer(value), token, "{value:?}");
    }

    #[test]
    fn the_scheme_is_bearer() {
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check("Basic abc", None);
        check("Bearer", None);
        check("Bearer  ", None);
        check(&format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1)), None);
    }
}
