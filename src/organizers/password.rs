//! Passwords: which are accepted, and their hashes (argon2id with OWASP's parameters: 19 MiB, two iterations), made on
//! blocking threads.

use std::{collections::HashSet, sync::LazyLock};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::env::Env,
};

const ARGON2_MEMORY_KIB: u32 = 19_456;
const ARGON2_ITERATIONS: u32 = 2;
const ARGON2_PARALLELISM: u32 = 1;
/// Minimum length of a password, in characters.
const MIN_CHARS: usize = 12;
/// Minimum number of different characters in a password.
const MIN_DIFFERENT_CHARS: usize = 5;
/// Maximum length of a password, in bytes; limits the time of one hash.
const MAX_BYTES: usize = 1024;

/// Maximum number of concurrent hashes: each takes 19 MiB and one core. Further sign-ins wait.
static HASH_PERMITS: Semaphore = Semaphore::const_new(2);

/// Hash that the password for an unknown account is compared with, so that the answer takes as long as for a known one.
static DUMMY_HASH: LazyLock<String> =
    LazyLock::new(|| hash_blocking(b"nobody has this password", b"a salt for nobody").unwrap_or_default());

/// The 20,000 most common passwords of leaked lists, in small letters, one a line (Royce Williams' list, as Django ships
/// it).
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Is this new password long enough, and none that is tried first?
///
/// # Errors
/// The refused field at `pointer`: `too_short`, `too_long` or `too_common`.
pub(super) fn check(password: &str, pointer: &str) -> Result<(), FieldError> {
    let refuse = |code: &'static str, detail: String| Err(FieldError::new(pointer, code, detail));
    if password.chars().count() < MIN_CHARS {
        return refuse("too_short", format!("A password needs at least {MIN_CHARS} characters."));
    }
    if password.len() > MAX_BYTES {
        return refuse("too_long", format!("A password has at most {MAX_BYTES} bytes."));
    }
    if is_common(password) {
        return refuse(
            "too_common",
            "This password is one of the first that are tried. Take several words.".to_owned(),
        );
    }
    Ok(())
}

/// Is the password one of the most common, or one of them with digits and signs around it, or something repeated?
fn is_common(password: &str) -> bool {
    let small = password.to_lowercase();
    let different: HashSet<char> = small.chars().collect();
    let word = |text: &'_ str| text.trim_matches(|c: char| !c.is_alphabetic()).to_owned();
    let is_listed = |text: &str| COMMON.contains(text) || COMMON.contains(word(text).as_str());
    different.len() < MIN_DIFFERENT_CHARS
        || is_listed(&small)
        || is_listed(repeated(&small))
        || is_listed(repeated(&word(&small)))
}

/// The shortest piece of which a text is made by repetition; the text itself if there is none.
fn repeated(text: &str) -> &str {
    let pieces = text.char_indices().skip(1).map(|(end, _)| &text[..end]);
    let is_whole =
        |piece: &&str| text.len().is_multiple_of(piece.len()) && piece.repeat(text.len() / piece.len()) == text;
    pieces.take(text.len() / 2).find(is_whole).unwrap_or(text)
}

/// Hashes a new password.
///
/// # Errors
/// `invalid_parameter` (400) for a password that is refused by [`check`].
pub(super) async fn hash(env: &Env, password: Zeroizing<String>) -> Result<String> {
    check(&password, "").map_err(|refused| Error::problem(Code::InvalidParameter, refused.detail))?;
    let salt: [u8; 16] = env.random();
    run_with_permit(move || hash_blocking(password.as_bytes(), &salt)).await?
}

/// Does the password match the hash? Without a hash (unknown account) false, after the same time.
///
/// # Errors
/// `internal` when hashing fails.
pub(super) async fn verify(hash: Option<String>, password: Zeroizing<String>) -> Result<bool> {
    if password.len() > MAX_BYTES {
        return Ok(false);
    }
    run_with_permit(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DUMMY_HASH.clone());
        PasswordHash::new(&hash)
            .is_ok_and(|hash| argon2().is_ok_and(|a| a.verify_password(password.as_bytes(), &hash).is_ok()))
            && known
    })
    .await
}

async fn run_with_permit<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _turn = HASH_PERMITS.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

fn hash_blocking(password: &[u8], salt: &[u8]) -> Result<String> {
    let hash: PasswordHash = argon2()?
        .hash_password_with_salt(password, salt)
        .map_err(|e| Error::internal(format!("a password could not be hashed: {e}")))?;
    Ok(hash.to_string())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_ITERATIONS, ARGON2_PARALLELISM, None)
        .map_err(|e| Error::internal(format!("argon2: {e}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_behind_a_hash_verifies() {
        let env = Env::system();
        let hashed = hash(&env, typed("correct horse")).await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify(Some(hashed.clone()), typed("correct horse")).await.unwrap());
        assert!(!verify(Some(hashed.clone()), typed("correct horsf")).await.unwrap());
        assert!(!verify(Some("damaged".to_owned()), typed("correct horse")).await.unwrap());
        assert_ne!(hash(&env, typed("correct horse")).await.unwrap(), hashed);
    }

    #[tokio::test]
    async fn unknown_account_never_signs_in() {
        assert!(DUMMY_HASH.starts_with("$argon2id$"));
        assert!(!verify(None, typed("nobody has this password")).await.unwrap());
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        let env = Env::system();
        for bad in ["12345 7 901".to_owned(), "x".repeat(MAX_BYTES + 1)] {
            assert_eq!(hash(&env, typed(&bad)).await.unwrap_err().code(), Code::InvalidParameter);
        }
    }

    #[test]
    fn passwords_that_are_tried_first_are_refused() {
        let code = |password: &str| check(password, "/password").err().map(|refused| refused.code.into_owned());
        for common in [
            "manchesterunited",
            "ManchesterUnited!",
            "password1234",
            "!!Dragon2026!!",
            "dragondragon",
            "password2026password2026",
            "abababababababab",
            "000000000000",
        ] {
            assert_eq!(code(common).as_deref(), Some("too_common"), "{common}");
        }
        for right in ["correct horse", "a long password", "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ ਜੀ", "dragon of paper", "x7$kq9!mwz2p"]
        {
            assert_eq!(code(right), None, "{right}");
        }
        assert!(COMMON.len() > 19_000 && COMMON.iter().all(|word| !word.is_empty()));
    }
}
