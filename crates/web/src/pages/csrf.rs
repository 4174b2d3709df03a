//! Protection of forms against cross-site requests: a token derived from the secret of the session
//! or the visitor, and the origin that browsers send.

use axum::http::{HeaderMap, header};
use domain::Entropy;
use sha2::{Digest, Sha256};

use crate::http::log_limit::LogLimit;

/// The name of the hidden field.
pub(crate) const FIELD: &str = "csrf";
const MAC_BYTES: usize = 16;
const SEC_FETCH_SITE: &str = "sec-fetch-site";
/// The longest header value that is logged, in characters.
const LOGGED_LENGTH_MAX: usize = 100;

/// A token for a form. Each has a new mask, so that the length of a compressed page does not leak
/// it (BREACH).
pub(crate) fn token(secret: &str, entropy: &dyn Entropy) -> String {
    let mut mask = [0; MAC_BYTES];
    entropy.fill(&mut mask);
    let masked = mac(secret).into_iter().zip(mask).map(|(byte, mask)| byte ^ mask);
    hex::encode(mask.into_iter().chain(masked).collect::<Vec<u8>>())
}

/// Whether the token was made for this secret.
pub(crate) fn is_valid(secret: &str, token: &str) -> bool {
    let mut bytes = [0; 2 * MAC_BYTES];
    if hex::decode_to_slice(token, &mut bytes).is_err() {
        return false;
    }
    let (mask, masked) = bytes.split_at(MAC_BYTES);
    let unmasked = mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte);
    // Compared in constant time.
    let difference = unmasked.zip(mac(secret)).fold(0, |all, (one, other)| all | (one ^ other));
    difference == 0
}

/// Whether the browser reports another origin. Old browsers send neither header; the token alone
/// protects them.
pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(SEC_FETCH_SITE) {
        return site != "same-origin";
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return false };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    let own = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_own = own.is_some_and(|own| own.eq_ignore_ascii_case(host));
    if !is_own {
        warn_of_origin(origin, host);
    }
    !is_own
}

/// Behind a proxy that sends another `Host`, no form is accepted. The operator needs both values.
fn warn_of_origin(origin: &str, host: &str) {
    static LOG_LIMIT: LogLimit = LogLimit::new();
    let shorten = |text: &str| text.chars().take(LOGGED_LENGTH_MAX).collect::<String>();
    if let Some(forms) = LOG_LIMIT.count() {
        tracing::warn!(
            origin = shorten(origin),
            host = shorten(host),
            forms,
            "refused a form whose Origin is not the Host; if clients reach this server at that \
             Origin, let the proxy send X-Forwarded-Host and list it in http.trusted_proxies"
        );
    }
}

fn mac(secret: &str) -> [u8; MAC_BYTES] {
    // All secrets have the same length, so a length extension is no valid secret.
    let digest: [u8; 32] = Sha256::digest(format!("openbell form {secret}")).into();
    let mut mac = [0; MAC_BYTES];
    mac.copy_from_slice(&digest[..MAC_BYTES]);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use testkit::SeededEntropy;

    #[test]
    fn a_token_belongs_to_one_secret() {
        let entropy = SeededEntropy::new(1);
        let (one, other) = (token("secret", &entropy), token("secret", &entropy));
        assert!(one != other && is_valid("secret", &one) && is_valid("secret", &other));
        assert!(!is_valid("another", &one));
        for bad in ["", "0", &one[2..], &"0".repeat(64), &"é".repeat(32)] {
            assert!(!is_valid("secret", bad), "{bad}");
        }
    }

    #[test]
    fn requests_of_other_origins_are_detected() {
        let elsewhere = |pairs: &[(&'static str, &'static str)]| {
            let named = pairs.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            is_cross_site(&named.collect())
        };
        let host = ("host", "play.example:8080");
        assert!(!elsewhere(&[host]));
        assert!(!elsewhere(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!elsewhere(&[host, ("origin", "http://play.example:8080")]));
        for site in ["same-site", "cross-site", "none"] {
            assert!(elsewhere(&[host, ("sec-fetch-site", site)]), "{site}");
        }
        for origin in ["null", "http://play.example", "https://evil.example", "play.example:8080"] {
            assert!(elsewhere(&[host, ("origin", origin)]), "{origin}");
        }
    }
}
