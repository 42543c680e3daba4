//! Where the cluster is stored, and which user runs the server.
//!
//! An ordinary user runs it as itself, under the data root. Root may not run Postgres: the server then runs as the
//! owner of the existing cluster, or else as `postgres` or `nobody`. If that user cannot enter the data root (a clone
//! in `/root`), the cluster is in `/var/lib/muster/<hash of the data root's path>/`. An existing cluster is never
//! silently replaced by an empty one. The socket's folder is in `postgres.socket_root`.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use nix::unistd::{Uid, User, geteuid};
use sha2::{Digest, Sha256};

use super::{EmbeddedError, PORT, SH, command};

/// Parent of clusters whose user cannot enter the data root.
const FALLBACK_ROOT: &str = "/var/lib/muster";

/// The user that runs the server when Muster runs as root.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
}

impl Account {
    fn owner_of(data: &Metadata) -> Self {
        Self { uid: data.uid(), gid: data.gid(), name: user_name(data.uid()) }
    }

    fn unprivileged() -> Result<Self, EmbeddedError> {
        ["postgres", "nobody"]
            .into_iter()
            .filter_map(|name| User::from_name(name).ok().flatten())
            .find(|user| !user.uid.is_root())
            .map(|user| Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name })
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Tries to enter the folder as that user instead of reading permission bits: ACLs, mounts and capabilities count
    /// as well.
    async fn can_enter(&self, dir: &Path) -> Result<bool, EmbeddedError> {
        let sh = Path::new(SH);
        let status = command(sh, Some(self))
            .args(["-c", r#"cd -- "$1" 2>/dev/null"#, "sh"])
            .arg(dir)
            .status()
            .await
            .map_err(EmbeddedError::io("as the server's user run", sh))?;
        Ok(status.success())
    }
}

/// The chosen paths and user.
#[derive(Debug)]
pub(super) struct ClusterLocation {
    pub data_dir: PathBuf,
    pub socket_dir: PathBuf,
    /// `None` when Muster runs as an ordinary user: the server then runs as the same user.
    pub account: Option<Account>,
}

impl ClusterLocation {
    /// Chooses paths and user. `data_root` is the canonical path of an existing folder; `socket_root` is short, since a
    /// socket's path has at most 107 bytes on Linux, 103 on macOS.
    pub(super) async fn choose(data_root: &Path, socket_root: &Path) -> Result<Self, EmbeddedError> {
        let inside = data_root.join("postgres");
        if !geteuid().is_root() {
            if let Ok(data) = inside.metadata()
                && data.uid() != geteuid().as_raw()
            {
                return Err(EmbeddedError::Foreign { path: inside, owner: user_name(data.uid()) });
            }
            return Ok(Self::new(inside, None, socket_root));
        }
        let outside_root = Path::new(FALLBACK_ROOT).join(short_hash(data_root));
        let outside = outside_root.join("postgres");
        for data_dir in [&inside, &outside] {
            if !is_cluster(data_dir) {
                continue;
            }
            let data = data_dir.metadata().map_err(EmbeddedError::io("look at", data_dir))?;
            let account = Account::owner_of(&data);
            if !account.can_enter(data_dir).await? {
                return Err(EmbeddedError::CannotEnter { path: data_dir.clone(), user: account.name });
            }
            return Ok(Self::new(data_dir.clone(), Some(account), socket_root));
        }
        let account = Account::unprivileged()?;
        if account.can_enter(data_root).await? {
            return Ok(Self::new(inside, Some(account), socket_root));
        }
        std::fs::create_dir_all(&outside_root).map_err(EmbeddedError::io("create", &outside_root))?;
        // tells operators which data root the folder belongs to
        let note = outside_root.join("made-for");
        std::fs::write(&note, format!("{}\n", data_root.display())).map_err(EmbeddedError::io("write", &note))?;
        tracing::warn!(
            event = "postgres.data_elsewhere",
            user = account.name,
            data_root = %data_root.display(),
            cluster = %outside.display(),
            "the server's user cannot enter the data root: the database lies elsewhere"
        );
        Ok(Self::new(outside, Some(account), socket_root))
    }

    fn new(data_dir: PathBuf, account: Option<Account>, socket_root: &Path) -> Self {
        let uid = account.as_ref().map_or(geteuid().as_raw(), |account| account.uid);
        let socket_dir = socket_root.join(socket_dir_name(&data_dir, uid));
        Self { data_dir, socket_dir, account }
    }

    /// Has `initdb` completed here? An incomplete cluster never has this name.
    pub(super) fn has_cluster(&self) -> bool {
        is_cluster(&self.data_dir)
    }

    /// Creates an empty folder that only the server's user (and root) can enter.
    pub(super) fn make_private_dir(&self, dir: &Path) -> Result<(), EmbeddedError> {
        DirBuilder::new().mode(0o700).create(dir).map_err(EmbeddedError::io("create", dir))?;
        self.change_owner(dir)
    }

    /// Prepares the socket's folder. Everybody can write to `/tmp`, so an existing folder is used only if it is
    /// private and belongs to us or the server's user. Files left by a crash are removed: the lock and `stop_orphan`
    /// guarantee that no server uses them.
    pub(super) fn prepare_socket_dir(&self) -> Result<(), EmbeddedError> {
        let dir = &self.socket_dir;
        let data = match dir.symlink_metadata() {
            Ok(data) => data,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.make_private_dir(dir);
            }
            Err(error) => return Err(EmbeddedError::io("look at", dir)(error)),
        };
        let us = geteuid().as_raw();
        let server = self.account.as_ref().map_or(us, |account| account.uid);
        let private = data.is_dir() && data.mode() & 0o777 == 0o700;
        if !private || (data.uid() != server && data.uid() != us) {
            return Err(EmbeddedError::InTheWay {
                path: dir.clone(),
                owner: user_name(data.uid()),
                wanted: user_name(server),
            });
        }
        self.change_owner(dir)?;
        let socket = format!(".s.PGSQL.{PORT}");
        for name in [format!("{socket}.lock"), socket] {
            let path = dir.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(EmbeddedError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn change_owner(&self, dir: &Path) -> Result<(), EmbeddedError> {
        let Some(account) = &self.account else {
            return Ok(());
        };
        chown(dir, Some(account.uid), Some(account.gid)).map_err(EmbeddedError::io("change the owner of", dir))
    }
}

fn is_cluster(data_dir: &Path) -> bool {
    data_dir.join("PG_VERSION").exists()
}

/// The user id is part of the name: a folder that one user leaves in `/tmp` must not prevent another from starting.
fn socket_dir_name(data_dir: &Path, uid: u32) -> String {
    format!("muster-{uid}-{}", short_hash(data_dir))
}

fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    HEXLOWER.encode(&digest[..8])
}

fn user_name(uid: u32) -> String {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_path_is_short_however_deep_the_clone() {
        let deep = PathBuf::from("/").join("a-long-folder-name/".repeat(40));
        let longest_root = "r".repeat(54);
        let path = format!("{longest_root}/{}/.s.PGSQL.{PORT}", socket_dir_name(&deep, u32::MAX));
        assert!(path.len() <= 103, "{path}");
        assert_ne!(socket_dir_name(&deep, 1), socket_dir_name(Path::new("/other"), 1));
        assert_ne!(socket_dir_name(&deep, 1), socket_dir_name(&deep, 2));
    }

    #[test]
    fn hash_is_what_sha256sum_prints() {
        // `make clean-demo` computes the same: printf %s /srv/muster/var | sha256sum
        assert_eq!(short_hash(Path::new("/srv/muster/var")), "213b20aeaea56d9b");
    }
}
