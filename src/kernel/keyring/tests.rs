use std::{fs, os::unix::fs::PermissionsExt, sync::Arc, thread};

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;

/// A temporary folder, removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("muster-keyring-{}", Env::system().id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn root(&self) -> PathBuf {
        self.0.join("keyring.json")
    }

    fn vault(&self) -> PathBuf {
        self.0.join("vault-keys.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn written(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn names(path: &Path) -> Vec<String> {
    written(path)["keys"].as_object().unwrap().keys().cloned().collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_both_files_once_and_rotate_adds_a_generation() {
    let (env, folder) = (Env::system(), Folder::new());
    let ring = Keyring::init(&folder.root(), &env).unwrap();
    assert!(matches!(Keyring::init(&folder.root(), &env), Err(KeyringError::Exists { .. })));
    assert_eq!((mode(&folder.root()), mode(&folder.vault())), (0o600, 0o600));
    assert_eq!(names(&folder.root()), ["links-1", "requests-1", "root-1", "suppressions-1"]);
    assert!(names(&folder.vault()).is_empty());

    let first = ring.root(1).unwrap().1;
    let other_process = Keyring::open(&folder.root()).unwrap();
    assert_eq!(ring.rotate(&env, &["root-1".to_owned()]).unwrap(), 2);
    assert_eq!(ring.root(1).unwrap().1.expose(), first.expose());
    assert_eq!(other_process.newest_generation().unwrap(), 1);
    assert!(other_process.refresh() && !other_process.refresh());
    assert_eq!(other_process.newest_generation().unwrap(), 2);
    assert_eq!(other_process.fingerprints(), ring.fingerprints());
    assert!(ring.wrapping("links-1").is_err(), "a signing key wraps nothing");
    assert_eq!(mode(&folder.root()), 0o600);

    // only the missing file of vault keys is created
    fs::remove_file(folder.vault()).unwrap();
    let without = Keyring::open(&folder.root()).unwrap();
    assert!(without.add_vault_key(&env, env.id(), "here").is_err(), "it is not made in passing: it may be away only");
    Keyring::init(&folder.root(), &env).unwrap();
    assert_eq!(names(&folder.root()).len(), 8);
    without.add_vault_key(&env, env.id(), "here").unwrap();
}

#[test]
fn an_exposed_or_broken_file_is_refused_at_start() {
    let (env, folder) = (Env::system(), Folder::new());
    assert!(matches!(Keyring::open(&folder.root()), Err(KeyringError::Missing { .. })));
    Keyring::init(&folder.root(), &env).unwrap();
    for path in [folder.root(), folder.vault()] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keyring::open(&folder.root()), Err(KeyringError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let whole = fs::read_to_string(folder.root()).unwrap();
    for broken in [r#"{"format":2,"keys":{"root-1":"c2hvcnQ="}}"#, "", &whole[..whole.len() / 2]] {
        fs::write(folder.root(), broken).unwrap();
        assert!(matches!(Keyring::open(&folder.root()), Err(KeyringError::Malformed { .. })), "{broken}");
    }
    for family in Family::ALL {
        let mut file: Value = serde_json::from_str(&whole).unwrap();
        file["keys"].as_object_mut().unwrap().remove(&format!("{}-1", family.as_str()));
        fs::write(folder.root(), file.to_string()).unwrap();
        assert!(matches!(Keyring::open(&folder.root()), Err(KeyringError::Malformed { .. })), "without {family:?}");
    }
}

#[test]
fn two_processes_neither_lose_nor_bring_back_each_others_keys() {
    let (env, folder) = (Env::system(), Folder::new());
    Keyring::init(&folder.root(), &env).unwrap();
    let (ended, other) = (env.id(), env.id());
    let open = || Keyring::open(&folder.root()).unwrap();
    open().add_vault_key(&env, ended, "here").unwrap();

    // one destroys, based on what it read before the other rotated
    let (destroyer, rotator) = (open(), open());
    rotator.rotate(&env, &[]).unwrap();
    rotator.add_vault_key(&env, other, "here").unwrap();
    destroyer.destroy(&[vault_key(ended)]).unwrap();
    let fresh = open();
    assert_eq!(fresh.newest_generation().unwrap(), 2, "the new root key is there");
    assert_eq!(names(&folder.vault()), [vault_key(other)]);

    // one rotates and adds, based on what it read before the other destroyed
    let (late, destroyer) = (open(), open());
    destroyer.destroy(&[vault_key(other)]).unwrap();
    late.rotate(&env, &[]).unwrap();
    let added = env.id();
    late.add_vault_key(&env, added, "here").unwrap();
    assert_eq!(names(&folder.vault()), [vault_key(added)], "what was destroyed stays away");
    assert_eq!(open().newest_generation().unwrap(), 3);

    // root and signing keys cannot be destroyed
    open().destroy(&["root-1".to_owned(), "links-1".to_owned(), vault_key(added)]).unwrap();
    assert!(names(&folder.vault()).is_empty());
    assert_eq!(names(&folder.root()).len(), 12);
}

#[test]
fn many_processes_at_once_lose_nothing() {
    const ROUNDS: u32 = 6;
    let (env, folder) = (Env::system(), Folder::new());
    Keyring::init(&folder.root(), &env).unwrap();
    let (root, env) = (&folder.root(), &env);
    let kept: Vec<Uuid> = thread::scope(|scope| {
        let rotating = (0..3).map(|_| {
            scope.spawn(move || {
                let ring = Keyring::open(root).unwrap();
                for _ in 0..ROUNDS {
                    ring.rotate(env, &["root-1".to_owned()]).unwrap();
                }
                Vec::new()
            })
        });
        let coming_and_going = (0..4).map(|_| {
            scope.spawn(move || {
                let ring = Keyring::open(root).unwrap();
                let mut kept = Vec::new();
                for _ in 0..ROUNDS {
                    let (stays, goes) = (env.id(), env.id());
                    ring.add_vault_key(env, stays, "here").unwrap();
                    ring.add_vault_key(env, goes, "here").unwrap();
                    ring.destroy(&[vault_key(goes)]).unwrap();
                    kept.push(stays);
                }
                kept
            })
        });
        let all: Vec<_> = rotating.chain(coming_and_going).collect();
        all.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut expected: Vec<String> = kept.into_iter().map(vault_key).collect();
    expected.sort();
    assert_eq!(names(&folder.vault()), expected);
    let ring = Keyring::open(root).unwrap();
    assert_eq!(ring.newest_generation().unwrap(), 1 + 3 * ROUNDS, "each rotation has a number of its own");
    assert_eq!(u32::try_from(names(root).len()).unwrap(), 4 * (1 + 3 * ROUNDS));
}

#[test]
fn rotation_refuses_a_file_that_lacks_a_key_in_use() {
    let (env, folder) = (Env::system(), Folder::new());
    let ring = Keyring::init(&folder.root(), &env).unwrap();
    let old_copy = fs::read(folder.root()).unwrap();
    ring.rotate(&env, &[]).unwrap();
    // an old copy was restored: a second root-2 must not be made
    fs::write(folder.root(), &old_copy).unwrap();
    let refused = ring.rotate(&env, &["root-2".to_owned()]).unwrap_err();
    assert!(refused.to_string().contains("root-2"), "{refused}");
    assert_eq!(fs::read(folder.root()).unwrap(), old_copy);
}

#[test]
fn the_last_good_keys_are_used_for_a_minute_and_a_file_that_lacks_one_is_believed() {
    let (env, folder) = (Env::system(), Folder::new());
    let ring = Keyring::init(&folder.root(), &env).unwrap();
    let away = folder.0.join("away");
    let now = env.instant();
    for broken in [None, Some("{\"format\":2,\"ke"), Some("")] {
        fs::rename(folder.root(), &away).unwrap();
        if let Some(text) = broken {
            fs::write(folder.root(), text).unwrap();
        }
        assert!(!ring.root.refresh(now));
        assert!(ring.root.keys(now + file::STALE_KEYS_GRACE / 100 * 99).is_ok());
        assert!(matches!(ring.root.keys(now + file::STALE_KEYS_GRACE), Err(KeyringError::Unreadable { .. })));
        // a later read does not restart the grace period
        ring.root.refresh(now + file::STALE_KEYS_GRACE / 2);
        assert!(ring.root.keys(now + file::STALE_KEYS_GRACE).is_err());
        fs::rename(&away, folder.root()).unwrap();
        assert!(ring.root.refresh(now + file::STALE_KEYS_GRACE * 2));
        assert!(ring.root.keys(now + file::STALE_KEYS_GRACE * 3).is_ok(), "back again");
    }
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o640)).unwrap();
    ring.refresh();
    assert!(ring.failing()[0].contains("640") && ring.wrapping("root-1").is_ok());
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o600)).unwrap();
    ring.refresh();
    assert!(ring.failing().is_empty());

    let vault = env.id();
    ring.add_vault_key(&env, vault, "here").unwrap();
    fs::write(folder.vault(), json!({"format": 2, "keys": {}}).to_string()).unwrap();
    ring.refresh();
    let error = Error::from(ring.wrapping(&vault_key(vault)).unwrap_err());
    assert!(matches!(error, Error::Unavailable { .. }), "a missing key is an outage: {error}");
}

#[test]
fn a_failed_write_leaves_the_old_keys() {
    let (env, folder) = (Env::system(), Folder::new());
    let ring = Keyring::init(&folder.root(), &env).unwrap();
    let vault = env.id();
    ring.add_vault_key(&env, vault, "here").unwrap();
    // anything that prevents writing the new file: here a folder of the same name
    let in_the_way = folder.0.join("vault-keys.json.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(ring.destroy(&[vault_key(vault)]), Err(KeyringError::Io { .. })));
    assert!(ring.add_vault_key(&env, env.id(), "here").is_err());
    assert_eq!(names(&folder.vault()), [vault_key(vault)]);
    fs::remove_dir(&in_the_way).unwrap();
    ring.destroy(&[vault_key(vault)]).unwrap();
    assert!(names(&folder.vault()).is_empty());
    // what a kill during a write leaves behind does not block the next write
    fs::write(&in_the_way, "{").unwrap();
    ring.add_vault_key(&env, vault, "here").unwrap();
    assert_eq!(names(&folder.vault()), [vault_key(vault)]);
}

#[test]
fn a_symbolic_link_stays_and_what_it_leads_to_is_changed() {
    let (env, folder) = (Env::system(), Folder::new());
    let elsewhere = folder.0.join("elsewhere");
    Keyring::init(&elsewhere.join("keyring.json"), &env).unwrap();
    for name in ["keyring.json", "vault-keys.json"] {
        std::os::unix::fs::symlink(elsewhere.join(name), folder.0.join(name)).unwrap();
    }
    let ring = Keyring::open(&folder.root()).unwrap();
    let vault = env.id();
    ring.add_vault_key(&env, vault, "here").unwrap();
    ring.destroy(&[vault_key(vault)]).unwrap();
    ring.rotate(&env, &[]).unwrap();
    assert!(fs::symlink_metadata(folder.root()).unwrap().is_symlink());
    assert_eq!(names(&elsewhere.join("keyring.json")).len(), 8);
    assert!(!fs::read_to_string(elsewhere.join("vault-keys.json")).unwrap().contains("vault-"), "no copy stays behind");
}

#[test]
fn a_file_of_format_1_opens_and_is_converted_by_the_first_change() {
    let (env, folder) = (Env::system(), Folder::new());
    let key = |n: u8| data_encoding::BASE64.encode(&[n; 32]);
    let old = json!({"format": 1, "keys": {"root-1": key(1), "links": key(2), "requests": key(3), "suppressions": key(4), "month-2027-03": key(5)}});
    fs::write(folder.root(), old.to_string()).unwrap();
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o600)).unwrap();
    let ring = Arc::new(Keyring::open(&folder.root()).unwrap());
    assert_eq!(ring.wrapping("month-2027-03").unwrap().expose(), &[5; 32]);
    assert_eq!(SigningKeys::of(&ring, Family::Links, &env).current().expose(), &[2; 32]);
    assert_eq!(ring.rotate(&env, &["month-2027-03".to_owned(), "links-1".to_owned()]).unwrap(), 2);
    let new = written(&folder.root());
    assert_eq!(
        (&new["format"], &new["keys"]["links-1"], &new["keys"]["month-2027-03"]),
        (&json!(2), &json!(key(2)), &json!(key(5)))
    );
    assert!(new["keys"].get("links").is_none() && new["created_at"]["root-2"].is_string());
    ring.destroy(&["month-2027-03".to_owned()]).unwrap();
    assert!(ring.wrapping("month-2027-03").is_err());
}

#[test]
fn keys_of_another_host_are_taken_over_and_none_is_replaced() {
    let (env, ours, theirs) = (Env::system(), Folder::new(), Folder::new());
    let here = Keyring::init(&ours.root(), &env).unwrap();
    fs::copy(ours.root(), theirs.root()).unwrap();
    let there = Keyring::init(&theirs.root(), &env).unwrap();
    let (of_ours, of_theirs, ended) = (env.id(), env.id(), env.id());
    here.add_vault_key(&env, of_ours, "here").unwrap();
    there.add_vault_key(&env, of_theirs, "here").unwrap();
    there.add_vault_key(&env, ended, "here").unwrap();
    there.rotate(&env, &[]).unwrap();

    let read = |path: &Path| ImportedKeys::read(&fs::read_to_string(path).unwrap(), path).unwrap();
    let mut import = read(&theirs.vault());
    assert_eq!(import.vaults().len(), 2);
    import.leave_out(ended);
    assert_eq!(here.import(import).unwrap(), [vault_key(of_theirs)]);
    assert_eq!(here.import(read(&theirs.root())).unwrap(), ["links-2", "requests-2", "root-2", "suppressions-2"]);
    let mut all = vec![vault_key(of_ours), vault_key(of_theirs)];
    all.sort();
    assert_eq!(names(&ours.vault()), all);

    // two hosts rotated independently
    here.rotate(&env, &[]).unwrap();
    there.rotate(&env, &[]).unwrap();
    let before = fs::read(ours.root()).unwrap();
    let refused = here.import(read(&theirs.root())).unwrap_err();
    assert!(matches!(&refused, KeyringError::Differs { name } if name.ends_with("-3")), "{refused}");
    assert_eq!(fs::read(ours.root()).unwrap(), before);
}

#[test]
fn each_generation_signs_from_its_moment_on_and_all_are_recognised() {
    let (env, folder) = (Env::system(), Folder::new());
    let ring = Arc::new(Keyring::init(&folder.root(), &env).unwrap());
    let keys = SigningKeys::of(&ring, Family::Requests, &env).derive("mail");
    let old_row = env.id();
    let old = keys.current();
    let made = old.permute(old_row.into_bytes());
    let ring_row = |made: [u8; 16]| {
        keys.row_of(&made, |key| Uuid::from_bytes(key.unpermute(made)), |key, id| key.permute(id.into_bytes()))
    };
    assert_eq!(ring_row(made), Some(old_row));
    ring.rotate(&env, &[]).unwrap();
    assert_eq!(keys.current().expose(), old.expose(), "a new key waits until it is activated");
    assert_eq!(ring_row(made), Some(old_row));

    let at = |generation, writes_from| Activation { generation, writes_from };
    let switch = env.now() + TimeDelta::minutes(1);
    ring.set_history(vec![at(2, switch), at(1, DateTime::UNIX_EPOCH)]);
    assert_eq!(keys.current().expose(), old.expose(), "not before its moment");
    env.advance(TimeDelta::minutes(2));
    let new = keys.current();
    assert_ne!(new.expose(), old.expose());
    assert_eq!(keys.all().iter().map(|key| *key.expose()).collect::<Vec<_>>(), [*new.expose(), *old.expose()]);
    assert_eq!(keys.of_row(old_row).expose(), old.expose(), "what was made before comes out alike");
    let new_row = env.id();
    assert_eq!(keys.of_row(new_row).expose(), new.expose());
    assert_eq!((ring_row(made), ring_row(new.permute(new_row.into_bytes()))), (Some(old_row), Some(new_row)));
    assert_eq!(ring_row([7; 16]), None);
    assert_eq!(keys.used_within(TimeDelta::hours(48)).len(), 2);
    env.advance(TimeDelta::hours(50));
    assert_eq!(keys.used_within(TimeDelta::hours(48)).len(), 1);

    // restoring a file without the new keys does not stop a running process from signing with them
    let file = fs::read(folder.root()).unwrap();
    let mut without: Value = serde_json::from_slice(&file).unwrap();
    without["keys"].as_object_mut().unwrap().retain(|name, _| name.ends_with("-1"));
    fs::write(folder.root(), without.to_string()).unwrap();
    ring.refresh();
    assert_eq!(keys.current().expose(), new.expose());
}
