//! The file of a backup: an age file (age-encryption.org/v1), and in it a tar archive with these members, in this order:
//!
//! - `manifest.json`: [`Manifest`];
//! - `database/000000`, `database/000001`, …: the output of `pg_dump --format=custom` in parts of 4 MiB at most;
//! - `checksums.json`: [`Checksums`], written only when the dump was complete.
//!
//! So the standard tools read it without Muster: `age -d -i KEY FILE | tar -xO --wildcards 'database/*' | pg_restore …`.
//!
//! age authenticates every part of the file and its end, so a file that was cut or changed does not open. But anybody who knows the
//! public key could write a file for it: the checksums carry a code that only the keyring can make.

use std::{
    io::{self, BufRead, Read, Write},
    path::Path,
};

use age::x25519;
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kernel::crypto::Key;

/// The version of this format.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const CHECKSUMS: &str = "checksums.json";
/// Size of a part of the dump.
const PART_BYTES: usize = 4 * 1024 * 1024;
/// Maximum size of a member that is JSON.
const MAX_JSON_BYTES: u64 = 1024 * 1024;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the file's format.
    pub format: u32,
    /// Version of the Muster that made it.
    pub muster: String,
    /// When the snapshot was taken, by the clock of the database.
    pub taken_at: DateTime<Utc>,
    /// Identifies the database (`keyring_database`).
    pub database: Uuid,
    /// The migrations of its schema: version, and checksum in hexadecimal digits.
    pub migrations: Vec<(i64, String)>,
    /// Major version of the `pg_dump` that wrote the dump; no older `pg_restore` reads it.
    pub pg_dump: u32,
    /// System identifier and timeline of the cluster, where the database role may read them.
    pub cluster: Option<(i64, i32)>,
    /// The counter of the restore guard.
    pub mail_epoch: i64,
}

impl Manifest {
    /// The version of the format that this release writes.
    pub const FORMAT: u32 = FORMAT;
}

/// The end of a backup: that it is whole, and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checksums {
    /// Size of the dump in bytes.
    bytes: u64,
    /// SHA-256 of the dump, in hexadecimal digits.
    sha256: String,
    /// HMAC-SHA256 of the manifest and the SHA-256, under a key of the keyring, in hexadecimal digits.
    mac: String,
}

/// Parses a public key.
///
/// # Errors
/// When it is not one of the form `age1…`.
pub fn parse_recipient(text: &str) -> anyhow::Result<x25519::Recipient> {
    text.trim().parse().map_err(|why| anyhow::anyhow!("`{text}` is not a public key of the form age1…: {why}"))
}

/// Reads the secret keys of an identity file, as `age-keygen` and `muster backup keygen` write it.
///
/// # Errors
/// When it cannot be read, or holds no key or anything else.
pub fn read_identities(file: &Path) -> anyhow::Result<Vec<x25519::Identity>> {
    let named = || format!("--identity: {}", file.display());
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(file).with_context(named)?);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities: Vec<x25519::Identity> = lines
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|why: &str| anyhow::anyhow!("{}: holds something else than AGE-SECRET-KEY-1…: {why}", named()))?;
    ensure!(!identities.is_empty(), "{}: holds no key", named());
    Ok(identities)
}

fn mac(key: &Key, manifest: &[u8], sha256: &[u8]) -> [u8; 32] {
    key.mac(&[b"backup", manifest, sha256])
}

/// Writes a backup into `out`: encrypts for the recipients, reads the dump from `dump` to its end, and calls `is_complete` then,
/// whose error breaks it off. Returns `out` and the size of the dump in bytes.
///
/// # Errors
/// When `out` cannot be written or `dump` not be read. What was written by then does not open.
pub fn write<W: Write>(
    out: W,
    recipients: &[x25519::Recipient],
    manifest: &Manifest,
    key: &Key,
    dump: &mut impl Read,
    is_complete: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<(W, u64)> {
    let all = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all).map_err(|error| anyhow::anyhow!("encryption: {error}"))?;
    let mut archive = tar::Builder::new(encryptor.wrap_output(out)?);
    let time = u64::try_from(manifest.taken_at.timestamp()).unwrap_or(0);
    let manifest = serde_json::to_vec_pretty(manifest)?;
    append(&mut archive, MANIFEST, time, &manifest)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut part = Vec::with_capacity(PART_BYTES);
    for number in 0.. {
        part.clear();
        dump.by_ref().take(PART_BYTES as u64).read_to_end(&mut part).context("reading what pg_dump writes")?;
        if part.is_empty() {
            break;
        }
        hash.update(&part);
        bytes += part.len() as u64;
        append(&mut archive, &part_name(number), time, &part)?;
    }
    is_complete()?;
    let sha256: [u8; 32] = hash.finalize().into();
    let mac = HEXLOWER.encode(&mac(key, &manifest, &sha256));
    let checksums = Checksums { bytes, sha256: HEXLOWER.encode(&sha256), mac };
    append(&mut archive, CHECKSUMS, time, &serde_json::to_vec_pretty(&checksums)?)?;
    Ok((archive.into_inner()?.finish()?, bytes))
}

fn part_name(number: u64) -> String {
    format!("database/{number:06}")
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, time: u64, data: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(data.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(time);
    archive.append_data(&mut header, name, data)
}

/// A backup that was read to its end, and is whole.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What it is of.
    pub manifest: Manifest,
    /// Size of the dump in bytes.
    pub bytes: u64,
}

/// Reads a backup to its end and verifies all of it. `keys` are those of the keyring that may have made it; `None`: whose it is
/// is not verified. Hands the dump to `sink` in parts, but the last part only when everything is verified, so that whoever reads
/// what `sink` writes never takes a backup for whole that is not.
///
/// # Errors
/// A backup that was cut or changed, for another identity, of another keyring, or of a newer format; or an error of `sink`.
pub fn read(
    file: impl BufRead,
    identities: &[x25519::Identity],
    keys: Option<&[Key]>,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> anyhow::Result<Verified> {
    let decryptor = age::Decryptor::new_buffered(file).context("this is not a backup, or it was cut or changed")?;
    let identities = identities.iter().map(|identity| identity as &dyn age::Identity);
    let opened = decryptor.decrypt(identities).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => {
            anyhow::anyhow!("this backup was made for another key than that of --identity")
        }
        error => anyhow::anyhow!("this backup was cut or changed: {error}"),
    })?;
    let mut archive = tar::Archive::new(opened);
    let (mut manifest, mut checksums) = (None, None);
    let (mut hash, mut bytes, mut number) = (Sha256::new(), 0, 0);
    let (mut last, mut part) = (Vec::new(), Vec::new());
    for member in archive.entries().context(DAMAGED)? {
        let mut member = member.context(DAMAGED)?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        ensure!(checksums.is_none(), "{DAMAGED}: {name} after its end");
        if name == MANIFEST && manifest.is_none() {
            manifest = Some(json_of(&mut member)?);
        } else if name == CHECKSUMS && manifest.is_some() {
            checksums = Some(json_of::<Checksums>(&mut member)?.1);
        } else if name == part_name(number) && manifest.is_some() {
            ensure!(member.size() <= PART_BYTES as u64, "{DAMAGED}: {name} is too large");
            number += 1;
            part.clear();
            member.read_to_end(&mut part).context(DAMAGED)?;
            hash.update(&part);
            bytes += part.len() as u64;
            if !last.is_empty() {
                sink(&last).context(SINK)?;
            }
            std::mem::swap(&mut last, &mut part);
        } else {
            bail!("{DAMAGED}: unexpected {name}");
        }
    }
    // age tells only at its end whether a file was cut
    io::copy(&mut archive.into_inner(), &mut io::sink()).context(DAMAGED)?;
    let ((raw, manifest), checksums) =
        manifest.zip(checksums).with_context(|| format!("{DAMAGED}: its end is missing"))?;
    let sha256: [u8; 32] = hash.finalize().into();
    check(&raw, &manifest, &checksums, bytes, &sha256, keys)?;
    sink(&last).context(SINK)?;
    Ok(Verified { manifest, bytes })
}

const DAMAGED: &str = "this backup was cut or changed";
const SINK: &str = "handing the dump on";

fn json_of<T: DeserializeOwned>(member: &mut impl Read) -> anyhow::Result<(Vec<u8>, T)> {
    let mut raw = Vec::new();
    member.take(MAX_JSON_BYTES).read_to_end(&mut raw).context(DAMAGED)?;
    let value = serde_json::from_slice(&raw).context("this backup is of a release that this one does not know")?;
    Ok((raw, value))
}

fn check(
    raw: &[u8],
    manifest: &Manifest,
    checksums: &Checksums,
    bytes: u64,
    sha256: &[u8],
    keys: Option<&[Key]>,
) -> anyhow::Result<()> {
    ensure!(
        manifest.format == FORMAT,
        "this backup has format {}, which this release does not know; use that of Muster {}",
        manifest.format,
        manifest.muster
    );
    ensure!(bytes == checksums.bytes && HEXLOWER.encode(sha256) == checksums.sha256, "{DAMAGED}: wrong checksum");
    let is_ours = |key: &Key| HEXLOWER.encode(&mac(key, raw, sha256)) == checksums.mac;
    ensure!(
        keys.is_none_or(|keys| keys.iter().any(is_ours)),
        "keyring.file: this backup was not made with these keys; put the root key file of its installation in place first"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::env::Env;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            muster: "0.1.0".to_owned(),
            taken_at: "2026-11-28T22:00:00Z".parse().unwrap(),
            database: Uuid::from_u128(7),
            migrations: vec![(1, "ab".to_owned())],
            pg_dump: 15,
            cluster: Some((7, 1)),
            mail_epoch: 3,
        }
    }

    fn made(identity: &x25519::Identity, key: &Key, manifest: &Manifest, dump: &[u8]) -> Vec<u8> {
        write(Vec::new(), &[identity.to_public()], manifest, key, &mut &dump[..], || Ok(())).unwrap().0
    }

    fn opened(file: &[u8], identity: &x25519::Identity, keys: Option<&[Key]>) -> anyhow::Result<(Verified, Vec<u8>)> {
        let mut dump = Vec::new();
        let verified = read(file, std::slice::from_ref(identity), keys, |part| {
            dump.extend_from_slice(part);
            Ok(())
        })?;
        Ok((verified, dump))
    }

    #[test]
    fn what_was_written_is_read() {
        let (identity, key) = (x25519::Identity::generate(), Key::random(&Env::system()));
        for length in [0, 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 7] {
            let dump: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let file = made(&identity, &key, &manifest(), &dump);
            let keys = [Key::random(&Env::system()), key.clone()];
            let (verified, read) = opened(&file, &identity, Some(&keys)).unwrap();
            assert!(read == dump && verified.bytes == length as u64 && verified.manifest == manifest(), "{length}");
        }
    }

    #[test]
    fn cut_changed_and_foreign_files_are_refused() {
        let (identity, key) = (x25519::Identity::generate(), Key::random(&Env::system()));
        let keys = Some(std::slice::from_ref(&key));
        let file = made(&identity, &key, &manifest(), &vec![7; 200_000]);
        for end in (0..file.len()).step_by(4_999).chain([file.len() - 1]) {
            assert!(opened(&file[..end], &identity, keys).is_err(), "cut at {end}");
        }
        for at in (0..file.len()).step_by(4_999) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, &identity, keys).is_err(), "changed at {at}");
        }
        let told = |wrong: anyhow::Result<(Verified, Vec<u8>)>| format!("{:#}", wrong.unwrap_err());
        assert!(told(opened(&file, &x25519::Identity::generate(), keys)).contains("another key"));
        let other = [Key::random(&Env::system())];
        assert!(told(opened(&file, &identity, Some(&other))).contains("not made with these keys"));
        assert!(opened(&file, &identity, None).is_ok(), "without the keyring it is only known to be whole");
        let newer = made(&identity, &key, &Manifest { format: FORMAT + 1, ..manifest() }, b"x");
        assert!(told(opened(&newer, &identity, keys)).contains("format 2"));
    }

    #[test]
    fn a_dump_that_broke_off_makes_no_backup() {
        let (identity, key) = (x25519::Identity::generate(), Key::random(&Env::system()));
        let mut file = Vec::new();
        let broken =
            write(&mut file, &[identity.to_public()], &manifest(), &key, &mut &b"half"[..], || bail!("it broke off"));
        assert!(broken.is_err() && opened(&file, &identity, None).is_err());
    }
}
