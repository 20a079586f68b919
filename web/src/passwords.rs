//! Passwords: hashed with argon2id off the web's threads, a few at a time, so that a flood of sign-ins takes neither the processor
//! nor the memory that heartbeats need.

use crate::error::ApiError;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::field::FieldError;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Shortest password.
pub(crate) const MIN_CHARS: usize = 10;
/// Longest password: more is no password but load.
const MAX_BYTES: usize = 1_024;
/// Memory of one hash (OWASP's recommendation for argon2id: 19 MiB, two passes, one lane).
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// Hashes under way at once.
const AT_ONCE: usize = 2;
/// Longest wait for one's turn, in milliseconds. Tests that share a process, on a machine however slow, wait until it is theirs.
const TURN_WAIT_MS: u64 = if cfg!(test) { 120_000 } else { 3_000 };

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// The password, if it is one.
///
/// # Errors
/// On `password`: too short or too long; on `password_again`: another one.
pub(crate) fn chosen(password: &str, again: &str) -> Result<String, Vec<FieldError>> {
    let mut errors = Vec::new();
    if password.chars().count() < MIN_CHARS {
        errors.push(FieldError::new("password", format!("must have at least {MIN_CHARS} characters")));
    } else if password.len() > MAX_BYTES {
        errors.push(FieldError::new("password", format!("must have at most {MAX_BYTES} bytes")));
    }
    if password != again {
        errors.push(FieldError::new("password_again", "must be the same as above"));
    }
    if errors.is_empty() { Ok(password.to_owned()) } else { Err(errors) }
}

/// The hash of a password, to be kept.
///
/// # Errors
/// 503 when too many are under way.
pub(crate) async fn hash(password: String) -> Result<String, ApiError> {
    let turn = turn().await?;
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|e| failed(&e))?;
    let hashed = blocking(turn, move || {
        let salt = SaltString::encode_b64(&salt)?;
        hasher().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    hashed.await?.map_err(|e| failed(&e))
}

/// Whether the password has this hash. Without one it takes as long, and is wrong: nobody learns which names exist.
///
/// # Errors
/// 503 when too many are under way.
pub(crate) async fn fits(password: String, hash: Option<String>) -> Result<bool, ApiError> {
    if password.len() > MAX_BYTES {
        return Ok(false);
    }
    let turn = turn().await?;
    blocking(turn, move || match hash.as_deref().map(PasswordHash::new) {
        Some(Ok(hash)) => hasher().verify_password(password.as_bytes(), &hash).is_ok(),
        _ => {
            let mut out = [0; 32];
            let _ = hasher().hash_password_into(password.as_bytes(), b"nobody has this name", &mut out);
            false
        }
    })
    .await
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constants within their limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

async fn turn() -> Result<SemaphorePermit<'static>, ApiError> {
    let turn = tokio::time::timeout(Duration::from_millis(TURN_WAIT_MS), TURNS.acquire()).await;
    match turn {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(ApiError::unavailable("busy", "too many people sign in at once: try again in a few seconds")),
    }
}

async fn blocking<T: Send + 'static>(
    turn: SemaphorePermit<'static>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn); // also when whoever asked has gone meanwhile
        done
    });
    done.await.map_err(|e| failed(&e))
}

fn failed(e: &dyn std::fmt::Display) -> ApiError {
    log::error!("passwords: hashing failed: {e}");
    ApiError::new(
        actix_web::http::StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the password could not be hashed: see the hub's log",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_password_fits_its_hash_and_no_other_does() {
        let kept = hash("correct horse battery".into()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(fits("correct horse battery".into(), Some(kept.clone())).await.unwrap());
        assert!(!fits("correct horse batterz".into(), Some(kept.clone())).await.unwrap());
        assert!(!fits("correct horse battery".into(), None).await.unwrap());
        assert!(!fits("x".repeat(MAX_BYTES + 1), Some(kept.clone())).await.unwrap());
        assert_ne!(kept, hash("correct horse battery".into()).await.unwrap(), "each has a salt of its own");
    }

    #[test]
    fn a_new_password_has_a_length_and_is_typed_twice() {
        let fields = |password: &str, again: &str| {
            let errors = chosen(password, again).err().unwrap_or_default();
            errors.into_iter().map(|e| e.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("short", "short"), ["password"]);
        assert_eq!(fields("äöüäöüäöüä", "äöüäöüäöüä"), [""; 0], "characters, not bytes");
        assert_eq!(fields("long enough 1", "long enough 2"), ["password_again"]);
        assert_eq!(fields(&"x".repeat(MAX_BYTES + 1), &"x".repeat(MAX_BYTES + 1)), ["password"]);
    }
}
