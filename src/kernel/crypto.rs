//! Cryptographic primitives: encryption ("sealing"), keyed hashes, key derivation. Independent of the database.
//!
//! A sealed value is `version (1) | nonce (24) | XChaCha20-Poly1305 ciphertext`. The plain text is padded to multiples
//! of 128 bytes, so that the length of a name does not show. The associated data binds it to a table, a row and a
//! vault: copied to another row it cannot be decrypted.

use std::sync::LazyLock;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use data_encoding::{Encoding, Specification};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::env::Env;
use crate::error::Error;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const PADDING_BYTES: usize = 128;

/// A 256-bit key that is zeroed in memory when dropped and never printed.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// A new random key.
    pub fn random(env: &Env) -> Self {
        Self(Zeroizing::new(env.random()))
    }

    /// A key from its 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The key's bytes, for wrapping (encrypting) the key itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose derived from this one (HKDF-SHA256, RFC 5869).
    ///
    /// # Panics
    /// Never: 32 bytes are within what HKDF gives.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let mut out = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, self.expose())
            .expand(purpose.as_bytes(), out.as_mut())
            .expect("32 bytes are a valid HKDF length");
        Self(out)
    }

    /// HMAC-SHA256 of the parts, each preceded by its length so that no two lists of parts collide.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.expose()).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A keyed pseudorandom permutation of 16-byte blocks: a Feistel network of four rounds over HMAC-SHA256 (Luby and
    /// Rackoff, "How to construct pseudorandom permutations", 1988).
    #[must_use]
    pub fn permute(&self, block: [u8; 16]) -> [u8; 16] {
        self.feistel(block, [0, 1, 2, 3])
    }

    /// The inverse of [`Key::permute`].
    #[must_use]
    pub fn unpermute(&self, block: [u8; 16]) -> [u8; 16] {
        self.feistel(block, [3, 2, 1, 0])
    }

    fn feistel(&self, block: [u8; 16], rounds: [u8; 4]) -> [u8; 16] {
        let half = |bytes: &[u8]| bytes.try_into().unwrap_or([0; 8]);
        let (mut left, mut right): ([u8; 8], [u8; 8]) = (half(&block[..8]), half(&block[8..]));
        for round in rounds {
            let mac = self.mac(&[b"shuffle", &[round], &right]);
            let mixed = std::array::from_fn(|i| left[i] ^ mac[i]);
            (left, right) = (right, mixed);
        }
        // halves swapped once more, so that the rounds in reverse order are the inverse
        let mut out = [0; 16];
        out[..8].copy_from_slice(&right);
        out[8..].copy_from_slice(&left);
        out
    }

    /// Encrypts `plain` for the row that `context` names.
    ///
    /// # Panics
    /// When `plain` has 4 GiB or more.
    pub fn seal(&self, env: &Env, context: &SealContext<'_>, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = env.random();
        let length = u32::try_from(plain.len()).expect("sealed texts are far below 4 GiB");
        let mut padded = Zeroizing::new(Vec::with_capacity((plain.len() + 4).next_multiple_of(PADDING_BYTES)));
        padded.extend_from_slice(&length.to_be_bytes());
        padded.extend_from_slice(plain);
        let full = padded.len().next_multiple_of(PADDING_BYTES);
        padded.resize(full, 0);
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: &padded, aad: &context.associated_data() })
            .expect("encryption in memory does not fail");
        let mut out = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Decrypts what [`Key::seal`] encrypted with the same context.
    ///
    /// # Errors
    /// [`DecryptionError`] for another key, another context, or changed bytes.
    pub fn open(&self, context: &SealContext<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptionError> {
        let (&VERSION, rest) = sealed.split_first().ok_or(DecryptionError)? else { return Err(DecryptionError) };
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(DecryptionError)?;
        let mut padded = Zeroizing::new(
            self.cipher()
                .decrypt(&XNonce::from(*nonce), Payload { msg: body, aad: &context.associated_data() })
                .map_err(|_| DecryptionError)?,
        );
        let (length, _) = padded.split_first_chunk::<4>().ok_or(DecryptionError)?;
        let end = 4 + u32::from_be_bytes(*length) as usize;
        if end > padded.len() {
            return Err(DecryptionError);
        }
        padded.truncate(end);
        padded.drain(..4);
        Ok(padded)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.expose().into())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The row that a sealed value belongs to; authenticated as associated data.
#[derive(Clone, Copy, Debug)]
pub struct SealContext<'a> {
    /// The row's table.
    pub table: &'a str,
    /// The row's id.
    pub row: Uuid,
    /// The vault whose key encrypts it.
    pub vault: Uuid,
}

impl SealContext<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.table.len() + 33);
        data.extend_from_slice(self.table.as_bytes());
        data.push(0);
        data.extend_from_slice(self.row.as_bytes());
        data.extend_from_slice(self.vault.as_bytes());
        data
    }
}

/// Decryption failed: another key, another row, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with the key and place at hand")]
pub struct DecryptionError;

impl From<DecryptionError> for Error {
    fn from(error: DecryptionError) -> Self {
        Self::Internal(error.into())
    }
}

/// SHA-256, for looking up random secrets (API tokens, session cookies): they have full entropy and need no slow hash.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// RFC 4648, section 6, in lower case and without padding; read in either case.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut base32 = Specification::new();
    base32.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    base32.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    base32.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
    base32.encoding().expect("32 different symbols")
});

/// Lower-case base32 without padding (RFC 4648, section 6): survives mail software that changes case.
///
/// # Panics
/// Never: the alphabet is one.
pub fn base32(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// Decodes [`base32`] in either case; `None` for other characters, impossible lengths or non-zero trailing bits.
///
/// # Panics
/// Never, as [`base32`].
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    BASE32.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(row: u128) -> SealContext<'static> {
        SealContext { table: "people", row: Uuid::from_u128(row), vault: Uuid::from_u128(9) }
    }

    #[test]
    fn what_is_shuffled_comes_back_under_the_same_key_only() {
        let env = Env::system();
        let (key, other) = (Key::random(&env), Key::random(&env));
        for _ in 0..100 {
            let block: [u8; 16] = env.random();
            let shuffled = key.permute(block);
            assert_eq!(key.unpermute(shuffled), block);
            assert_ne!(other.unpermute(shuffled), block);
            assert!(shuffled[..8] != block[..8] && shuffled[8..] != block[8..]);
        }
    }

    #[test]
    fn a_value_opens_only_at_its_place_and_unchanged() {
        let env = Env::system();
        let key = Key::random(&env);
        let sealed = key.seal(&env, &place(1), b"Amara");
        assert_eq!(key.open(&place(1), &sealed).unwrap().as_slice(), b"Amara");
        assert_eq!(key.open(&place(2), &sealed), Err(DecryptionError));
        assert_eq!(key.open(&SealContext { table: "signatures", ..place(1) }, &sealed), Err(DecryptionError));
        assert_eq!(key.open(&SealContext { vault: Uuid::from_u128(8), ..place(1) }, &sealed), Err(DecryptionError));
        assert_eq!(Key::random(&env).open(&place(1), &sealed), Err(DecryptionError));
        for i in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[i] ^= 1;
            assert_eq!(key.open(&place(1), &damaged), Err(DecryptionError), "byte {i}");
        }
        assert_eq!(key.open(&place(1), &[]), Err(DecryptionError));
    }

    #[test]
    fn short_and_longer_names_have_the_same_length() {
        let env = Env::system();
        let key = Key::random(&env);
        assert_eq!(key.seal(&env, &place(1), b"A").len(), key.seal(&env, &place(1), &[b'A'; 120]).len());
    }

    proptest! {
        #[test]
        fn seal_and_open_round_trip(plain in proptest::collection::vec(any::<u8>(), 0..600)) {
            let env = Env::system();
            let key = Key::random(&env);
            prop_assert_eq!(key.open(&place(1), &key.seal(&env, &place(1), &plain)).unwrap().to_vec(), plain);
        }

        #[test]
        fn base32_round_trips_in_either_case(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let text = base32(&bytes);
            prop_assert_eq!(from_base32(&text), Some(bytes.clone()));
            prop_assert_eq!(from_base32(&text.to_uppercase()), Some(bytes));
        }

        #[test]
        fn base32_is_that_of_rfc_4648(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let standard = data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
            prop_assert_eq!(base32(&bytes), standard);
        }

        #[test]
        fn from_base32_never_panics(text in ".*") {
            let _ = from_base32(&text);
        }
    }
}
