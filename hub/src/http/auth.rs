//! Who calls: the bearer token against the list of callers.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Shared;
use super::extract::only;
use super::fault::Fault;
use super::rate::Bucket;
use crate::config::{CallerConfig, Limits};
use crate::measure;
use crate::permits::Caller;

/// Longest token, in bytes: far above the 43 characters of 256 random bits in base64.
const TOKEN_BYTES_MAX: usize = 512;

/// The callers of this node.
pub struct Callers(Vec<Known>);

struct Known {
    token_sm3: [u8; 32],
    caller: Caller,
    bucket: Bucket,
}

/// The caller of a request; a request without a known token never reaches its handler.
pub(crate) struct Authenticated(pub(crate) Caller);

impl Callers {
    /// The callers of the configuration. One whose digest is malformed cannot call.
    #[must_use]
    pub fn new(callers: &[CallerConfig], limits: &Limits) -> Self {
        let known = callers.iter().filter_map(|caller| {
            Some(Known {
                token_sm3: hex::decode(&caller.token_sm3).ok()?.try_into().ok()?,
                caller: Caller {
                    system: caller.system.clone(),
                    organisation: caller.organisation.clone(),
                    roles: caller.roles.clone(),
                },
                bucket: Bucket::new(limits.caller_quota()),
            })
        });
        Self(known.collect())
    }

    /// The caller with this token. Takes the same time whichever caller it is, and compares
    /// digests, so that time tells nothing about a token.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<&Caller> {
        self.known(token).map(|known| &known.caller)
    }

    fn known(&self, token: &str) -> Option<&Known> {
        let digest = certs::digest::sm3(token.as_bytes());
        let mut matching = None;
        for known in &self.0 {
            let difference = known
                .token_sm3
                .iter()
                .zip(digest)
                .fold(0, |all, (a, b)| all | (a ^ b));
            if difference == 0 {
                matching = Some(known);
            }
        }
        matching
    }
}

impl FromRequestParts<Shared> for Authenticated {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Fault> {
        let known = only(&parts.headers, AUTHORIZATION)
            .and_then(bearer)
            .and_then(|token| shared.callers.known(token))
            .ok_or(Fault::Unauthenticated)?;
        tracing::Span::current().record("caller.system", &known.caller.system);
        known.bucket.take().map_err(|retry_after_s| {
            metrics::counter!(measure::OVERLOADS, "bound" => "caller").increment(1);
            Fault::RateLimited { retry_after_s }
        })?;
        Ok(Self(known.caller.clone()))
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
        let callers = Callers::new(
            &[CallerConfig {
                system: "desk".to_owned(),
                organisation,
                token_sm3: hex::encode(certs::digest::sm3(b"a token")),
                roles: vec![CallerRole::Use],
            }],
            &Limits::default(),
        );
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
