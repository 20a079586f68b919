//! Signed links that let whoever reads a message acknowledge its incident, and nothing else, until they expire.

use domain::time::Wall;
use store::seal::Keyring;

/// What the key is derived for: a signature made for anything else is worth nothing here.
const PURPOSE: &str = "ack link";
/// Alert id and expiry, big-endian.
const HEAD_BYTES: usize = 16;
/// HMAC-SHA256.
const SIGNATURE_BYTES: usize = 32;
/// Longer texts are not even decoded.
const TOKEN_MAX_CHARS: usize = 128;

/// Why a link is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was right once.
    #[error("this link has expired")]
    Expired,
    /// The hub never made it.
    #[error("this link is not valid")]
    Forged,
}

/// The path `/ack/{token}` under the hub's public address.
///
/// ```
/// # use actors::link::{ack_link, open_ack}; use domain::time::Wall; use store::seal::Keyring;
/// let keyring = Keyring::from_secret("sixteen characters").unwrap();
/// let link = ack_link(&keyring, "https://hub.example/", 7, Wall(1_000));
/// let token = link.strip_prefix("https://hub.example/ack/").unwrap();
/// assert_eq!(open_ack(&keyring, token, Wall(1_000)), Ok(7));
/// assert!(open_ack(&keyring, token, Wall(1_001)).is_err());
/// ```
pub fn ack_link(keyring: &Keyring, public_url: &str, alert: i64, expires: Wall) -> String {
    format!("{}/ack/{}", public_url.trim_end_matches('/'), ack_token(keyring, alert, expires))
}

/// The token alone: alert id, expiry and signature in characters that need no escaping.
pub fn ack_token(keyring: &Keyring, alert: i64, expires: Wall) -> String {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + SIGNATURE_BYTES);
    bytes.extend(alert.to_be_bytes());
    bytes.extend(expires.0.to_be_bytes());
    let signature = keyring.sign(PURPOSE, &bytes);
    bytes.extend(signature);
    hex(&bytes)
}

/// The alert that `token` may acknowledge at `now`.
///
/// # Errors
/// [`LinkError::Forged`] for everything the hub did not sign, [`LinkError::Expired`] for what it signed for an earlier time.
pub fn open_ack(keyring: &Keyring, token: &str, now: Wall) -> Result<i64, LinkError> {
    if token.len() > TOKEN_MAX_CHARS {
        return Err(LinkError::Forged);
    }
    let bytes = unhex(token).ok_or(LinkError::Forged)?;
    let (head, signature) = bytes.split_at_checked(HEAD_BYTES).ok_or(LinkError::Forged)?;
    if signature.len() != SIGNATURE_BYTES || !keyring.verify(PURPOSE, head, signature) {
        return Err(LinkError::Forged);
    }
    let (alert, expires) = (number(&head[..8]), Wall(number(&head[8..])));
    if now > expires { Err(LinkError::Expired) } else { Ok(alert) }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The bytes that [`hex`] wrote.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::try_from(digit(pair[0])? << 4 | digit(*pair.get(1)?)?).ok()).collect()
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0_i64, |n, byte| (n << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::from_secret("a secret for tests").unwrap()
    }

    #[test]
    fn a_link_names_its_alert_until_it_expires() {
        let token = ack_token(&keyring(), i64::MAX, Wall(-5));
        assert_eq!(open_ack(&keyring(), &token, Wall(-5)), Ok(i64::MAX));
        assert_eq!(open_ack(&keyring(), &token, Wall(-4)), Err(LinkError::Expired));
    }

    #[test]
    fn a_changed_character_anywhere_makes_it_worth_nothing() {
        let token = ack_token(&keyring(), 7, Wall(1_000));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(open_ack(&keyring(), &forged, Wall(0)), Err(LinkError::Forged), "at {at}");
        }
    }

    #[test]
    fn another_key_another_purpose_and_rubbish_are_refused() {
        let other = Keyring::from_secret("another secret of one").unwrap();
        assert_eq!(open_ack(&other, &ack_token(&keyring(), 7, Wall(9)), Wall(0)), Err(LinkError::Forged));
        for rubbish in ["", "A", "%", "ü", &"A".repeat(64), &"A".repeat(10_000)] {
            assert_eq!(open_ack(&keyring(), rubbish, Wall(0)), Err(LinkError::Forged), "{rubbish:.10}");
        }
    }
}
