//! Password recovery: a one-time link that an operator creates, and recovery codes that a player
//! has created earlier. Each sets a new password once; only hashes are stored.

use domain::{Clock, Entropy};
use store::{RecoveryCode, Store, StoreError, TokenKind};

use crate::auth::accounts::{self, OpenedSession};
use crate::auth::passwords::{self, PasswordMatch};
use crate::auth::security_events::{SecurityEvent, SecurityEventKind, account_of};
use crate::auth::tokens;
use crate::config::AuthConfig;
use crate::http::limits::{self, Network};
use crate::problem::Problem;
use crate::state::AppState;

/// The methods in the log.
const BY_LINK: &str = "one_time_link";
const BY_CODE: &str = "recovery_code";

pub const LINK_LIFE_HOURS: u32 = 24;
const HOUR_S: i64 = 3_600;
/// The path of one-time links; the secret follows.
pub const LINK_PATH: &str = "/recover/";

/// Codes of a user. Each begins with the digit of its slot.
const CODES: u8 = 10;
/// Letters of a code: the slot and 11 random ones with 55 bits. They are hashed like passwords,
/// since 55 bits are too few for a fast hash, and attempts are limited like those of passwords.
const CODE_LENGTH: usize = 12;
/// Letters between two hyphens.
const CODE_GROUP: usize = 4;
/// Crockford's base 32: no letter resembles another or a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Creates a one-time link for a user and replaces an earlier one. Returns the secret that follows
/// [`LINK_PATH`]; `None` if there is no such user.
pub async fn make_link(
    store: &Store,
    user_id: i64,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Option<String>, StoreError> {
    let now = clock.now();
    let expires_at = now.plus_seconds(i64::from(LINK_LIFE_HOURS) * HOUR_S);
    let (secret, hash) = tokens::new(entropy);
    let is_made = store.create_password_link(user_id, hash, expires_at, now).await?;
    Ok(is_made.then_some(secret))
}

/// Why a new password is rejected, in English; `None` if it is accepted.
pub fn refuse_password(password: &str, config: &AuthConfig) -> Option<String> {
    passwords::check(password, config).err().map(|error| error.to_string())
}

/// Consumes a link, sets the password and creates a session of the pages. `None` if the link was
/// used, has expired or does not exist. Counts as a login attempt.
pub(crate) async fn use_link(
    state: &AppState,
    network: &Network,
    link: [u8; 32],
    new_password: &str,
) -> Result<Option<OpenedSession>, Problem> {
    limits::count_link(state, network, &link).await?;
    let Some(found) = state.store.find_password_link(link, state.clock.now()).await? else {
        log_failed(network, BY_LINK, None);
        return Ok(None);
    };
    let hash = state.hasher.hash(new_password, &*state.entropy).await?;
    let user_id = found.user_id;
    if !state.store.use_password_link(user_id, link, &hash, state.clock.now()).await? {
        log_failed(network, BY_LINK, None);
        return Ok(None);
    }
    log_reset(user_id, network, BY_LINK);
    accounts::open_session(state, user_id, &hash, TokenKind::Web).await
}

/// Creates recovery codes for a user whose stored password hash is this one, and replaces all
/// earlier codes. `None` if the password was changed concurrently.
pub(crate) async fn make_codes(
    state: &AppState,
    user_id: i64,
    password_hash: &str,
) -> Result<Option<Vec<String>>, Problem> {
    let (mut codes, mut stored) = (Vec::new(), Vec::new());
    for slot in 0..CODES {
        let code = draw(slot, &*state.entropy);
        stored.push((i64::from(slot), state.hasher.hash(&code, &*state.entropy).await?));
        codes.push(grouped(&code));
    }
    let now = state.clock.now();
    let is_saved = state.store.save_recovery_codes(user_id, password_hash, &stored, now).await?;
    if !is_saved {
        return Ok(None);
    }
    SecurityEvent::of_user(SecurityEventKind::RecoveryCodesCreated, user_id).log();
    Ok(Some(codes))
}

/// Consumes a recovery code, sets the password and creates a session of the pages. A wrong code and
/// an address without an account both return `None` after the same time. Counts as a login attempt.
pub(crate) async fn use_code(
    state: &AppState,
    network: &Network,
    email_key: &str,
    code: &str,
    new_password: &str,
) -> Result<Option<OpenedSession>, Problem> {
    limits::count_login(state, network, email_key).await?;
    let used = verify_and_set(state, network, email_key, code, new_password).await?;
    if used.is_none() {
        log_failed(network, BY_CODE, Some(account_of(email_key)));
    }
    Ok(used)
}

async fn verify_and_set(
    state: &AppState,
    network: &Network,
    email_key: &str,
    code: &str,
    new_password: &str,
) -> Result<Option<OpenedSession>, Problem> {
    let Some((slot, code)) = parse(code) else { return Ok(None) };
    let known = state.store.find_recovery_code(email_key, slot).await?;
    let stored = known.as_ref().map(|known| known.hash.as_str());
    let matched = state.hasher.verify(&code, stored).await?;
    let known = known.filter(|_| matched != PasswordMatch::Mismatch);
    let Some(known) = known else { return Ok(None) };
    set_by_code(state, network, (&known, slot), new_password).await
}

async fn set_by_code(
    state: &AppState,
    network: &Network,
    (code, slot): (&RecoveryCode, i64),
    new_password: &str,
) -> Result<Option<OpenedSession>, Problem> {
    let hash = state.hasher.hash(new_password, &*state.entropy).await?;
    let (user_id, now) = (code.user_id, state.clock.now());
    if !state.store.use_recovery_code(code, slot, &hash, now).await? {
        return Ok(None);
    }
    log_reset(user_id, network, BY_CODE);
    accounts::open_session(state, user_id, &hash, TokenKind::Web).await
}

fn log_failed(network: &Network, method: &'static str, account: Option<String>) {
    let event = SecurityEvent::of_client(SecurityEventKind::PasswordResetFailed, network.prefix());
    event.with_method(method).with_account(account).log();
}

fn log_reset(user_id: i64, network: &Network, method: &'static str) {
    let event = SecurityEvent::of_user(SecurityEventKind::PasswordReset, user_id);
    event.with_network(network.prefix()).with_method(method).log();
}

/// A new code for a slot, without hyphens.
fn draw(slot: u8, entropy: &dyn Entropy) -> String {
    let mut bytes = [0; CODE_LENGTH];
    entropy.fill(&mut bytes);
    bytes[0] = slot;
    // 256 is a multiple of 32: all letters are equally likely.
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(CODE_GROUP).map(String::from_iter).collect();
    groups.join("-")
}

/// Parses a typed code: in either case, with or without hyphens, spaces and invisible characters;
/// O, I and L count as digits.
fn parse(text: &str) -> Option<(i64, String)> {
    let letters =
        text.chars().filter(|c| c.is_alphanumeric()).map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        });
    let code: String = letters.take(CODE_LENGTH + 1).collect();
    let is_letter = |byte: u8| ALPHABET.contains(&byte);
    if code.len() != CODE_LENGTH || !code.bytes().all(is_letter) {
        return None;
    }
    let slot = code.chars().next()?.to_digit(10)?;
    Some((i64::from(slot), code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::SeededEntropy;

    #[test]
    fn a_code_may_be_typed_in_several_ways() {
        let entropy = SeededEntropy::new(1);
        for slot in 0..CODES {
            let code = draw(slot, &entropy);
            assert_eq!(code.len(), 12);
            let shown = grouped(&code);
            assert_eq!(shown.len(), 14, "{shown}");
            let expected = Some((i64::from(slot), code.clone()));
            for typed in [
                shown.clone(),
                shown.to_lowercase(),
                format!("  {} ", shown.replace('-', " ")),
                code.replace('0', "o").replace('1', "l"),
                shown.replace('-', "\u{200b}\u{2011}"),
            ] {
                assert_eq!(parse(&typed), expected, "{typed}");
            }
        }
    }

    #[test]
    fn malformed_codes_are_rejected() {
        for text in ["", "0K7Q-M92X-TVB", "0K7Q-M92X-TVB44", "AK7Q-M92X-TVB4", "0K7Q-M92X-TVBU"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"é".repeat(12)), None);
    }
}
