//! Operations on organizers: add one, sign in and out, write the audit trail.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    actor::Actor,
    mail::{Notice, tell_owners},
    password,
    scope::{Role, Scope},
    second_factor::stage_after_password,
    stage::SessionStage,
    store::{
        self,
        sessions::{self, NewSession},
    },
};
use crate::{
    error::{Code, Error, OnConstraint, Result},
    kernel::{
        Kernel,
        crypto::{base32, sha256},
        env::Env,
        rate_limit::{Attempt, AttemptPurpose, Proof, Source},
        text::{EmailAddress, Slug, TextError, required_line},
    },
};

/// Prefix of API tokens, by which secret scanners and people recognise a leaked one.
pub(super) const TOKEN_PREFIX: &str = "mstr_";
/// Lifetime of a session, in hours.
pub(super) const SESSION_TTL_HOURS: i64 = 12;
/// Minutes after which a session ends that is not used.
pub(super) const SESSION_IDLE_MINUTES: i64 = 30;
/// Minutes within which the second step of signing in is done.
const SECOND_STEP_MINUTES: i64 = 10;
/// Days for which a known device is kept after the last sign-in.
pub(super) const DEVICE_TTL_DAYS: i64 = 180;
/// Days for which it is kept how many people an account has read.
const READS_KEPT_DAYS: i64 = 7;
/// Maximum number of known devices of an organizer; older ones are forgotten.
const MAX_DEVICES: i64 = 10;

/// An organizer to be added.
pub struct NewOrganizer {
    /// E-mail address to sign in with.
    pub email: String,
    /// Name shown to colleagues.
    pub name: String,
    /// Role in the organization.
    pub role: Role,
    /// At least twelve characters, and none of the most common passwords.
    pub password: Zeroizing<String>,
    /// Name of the organization; not needed while there is at most one.
    pub organization: Option<String>,
}

/// An organizer.
#[derive(Clone, Debug)]
pub struct Organizer {
    /// The organizer's id.
    pub id: Uuid,
    /// The organization's id.
    pub organization_id: Uuid,
    /// Name shown to colleagues.
    pub name: String,
    /// Role in the organization.
    pub role: Role,
}

/// Adds an organizer. For the first one the organization and its vault are created; later ones join the named
/// organization, or the only one. An owner may name a new organization, which is then created.
///
/// Needs a transaction: a table lock serialises the creation of the first organization.
///
/// # Errors
/// `invalid_parameter` (400) for an unusable address, name or password, or when it is not clear which organization is
/// meant; `conflict` (409) when the address signs in already.
pub async fn add_organizer(conn: &mut PgConnection, kernel: &Kernel, new: NewOrganizer) -> Result<Organizer> {
    let address = EmailAddress::parse(&new.email).map_err(|e| invalid_argument("email", &e))?;
    let name = parse_line("name", &new.name)?;
    let password_hash = password::hash(&kernel.env, new.password).await?;
    store::lock_organizations(&mut *conn).await?;
    let organization_id =
        find_organization(&mut *conn, kernel, &address, new.organization.as_deref(), new.role).await?;
    let row = store::OrganizerRow {
        id: kernel.env.id(),
        organization_id,
        email: sign_in_form(&address),
        name,
        role: new.role,
        password_hash,
    };
    store::insert_organizer(&mut *conn, &row, kernel.env.now()).await.on_constraint("organizers_email_key", || {
        Error::problem(Code::Conflict, "An organizer with this e-mail address exists already.")
    })?;
    let detail = json!({ "role": new.role });
    audit_by_service(conn, &kernel.env, organization_id, "organizer.add", Some(row.id), detail).await?;
    Ok(Organizer { id: row.id, organization_id, name: row.name, role: new.role })
}

async fn find_organization(
    conn: &mut PgConnection,
    kernel: &Kernel,
    address: &EmailAddress,
    named: Option<&str>,
    role: Role,
) -> Result<Uuid> {
    let there = store::first_two_organizations(&mut *conn).await?;
    let name = match (named, there.as_slice()) {
        (None, [only]) => return Ok(*only),
        (None, []) => address.domain().to_owned(),
        (None, _) => {
            return Err(Error::problem(
                Code::InvalidParameter,
                "There are several organizations. Say which one with --organization.",
            ));
        }
        (Some(named), _) => parse_line("organization", named)?,
    };
    let slug = Slug::from_title(&name).map_or_else(
        || format!("organization-{}", base32(&kernel.env.random::<5>())), // a name in a script without slugs
        |slug| slug.as_str().to_owned(),
    );
    if let Some(id) = store::organization_named(&mut *conn, &name, &slug).await? {
        return Ok(id);
    }
    if !there.is_empty() && role != Role::Owner {
        return Err(Error::problem(
            Code::InvalidParameter,
            "There is no organization of that name. A new one is made by adding its owner first.",
        ));
    }
    let id = kernel.env.id();
    store::insert_organization(&mut *conn, id, &name, &slug, kernel.env.now()).await?;
    kernel.vaults.create_for_organization(conn, id).await?;
    Ok(id)
}

/// Input of a sign-in.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// E-mail address as typed.
    pub email: &'a str,
    /// Password as typed.
    pub password: &'a str,
    /// Network of the request, for the limits of attempts.
    pub source: Source,
    /// Value of the device cookie.
    pub device: Option<&'a str>,
    /// Kind of browser and system, for the list of sessions ([`super::device_name`]).
    pub device_name: &'a str,
    /// Proof of work or wait ticket, where the rate limit asked for one.
    pub proof: Proof<'a>,
}

/// A new session. Only the hashes of both secrets are stored.
#[derive(Debug)]
pub struct SignedIn {
    /// Value of the session cookie.
    pub session: String,
    /// Value of the device cookie; empty while the second step is missing.
    pub device: String,
    /// What the session may do.
    pub stage: SessionStage,
}

/// Signs an organizer in.
///
/// The attempt is counted before the password is hashed, under the normalised address. Takes connections from the pool
/// itself, so that none is held while the password is hashed. An unknown address takes as long as a wrong password.
///
/// # Errors
/// `unauthorized` (401) for a wrong address or password, or a disabled organizer; as
/// [`crate::kernel::rate_limit::RateLimiter::begin`] after too many of them.
pub async fn sign_in(kernel: &Kernel, given: Credentials<'_>) -> Result<SignedIn> {
    // an invalid address belongs to no account, and answering at once reveals nothing
    let Ok(address) = EmailAddress::parse(given.email) else { return Err(wrong_credentials()) };
    let account = sign_in_form(&address);
    let hash = given.device.map(|device| sha256(device.as_bytes()));
    let known_here = match &hash {
        Some(hash) => store::organizers_of_device(&mut *kernel.db.acquire().await?, hash, kernel.env.now()).await?,
        None => Vec::new(),
    };
    let attempt = Attempt {
        purpose: AttemptPurpose::SignIn,
        subject: &account,
        source: given.source,
        known_device: hash.filter(|_| known_here.contains(&account)),
        proof: given.proof,
    };
    let counted = kernel.rate_limiter.begin(attempt).await?;
    match begin_session(kernel, &account, given).await {
        Ok(Some(signed_in)) => {
            counted.succeeded().await;
            Ok(signed_in)
        }
        Ok(None) => Err(wrong_credentials()),
        Err(error) => {
            counted.cancel().await;
            Err(error)
        }
    }
}

/// Verifies the password and creates a session; `None` when the password is wrong or the account unknown.
async fn begin_session(kernel: &Kernel, account: &str, given: Credentials<'_>) -> Result<Option<SignedIn>> {
    let found = store::organizer_by_email(&mut *kernel.db.acquire().await?, account).await?;
    let hash = found.as_ref().map(|row| row.password_hash.clone());
    let right = password::verify(hash, Zeroizing::new(given.password.to_owned())).await?;
    let row = match found {
        Some(row) if right => row,
        found => {
            audit_refused(kernel, found.as_ref()).await?;
            return Ok(None);
        }
    };
    let session = base32(&kernel.env.random::<32>());
    let now = kernel.env.now();
    let mut tx = kernel.db.begin().await?;
    let stage = stage_after_password(&mut tx, kernel, row.id, row.role).await?;
    let lifetime = match stage {
        SessionStage::Open => TimeDelta::hours(SESSION_TTL_HOURS),
        SessionStage::Challenge | SessionStage::Enrolment => TimeDelta::minutes(SECOND_STEP_MINUTES),
    };
    let new = NewSession {
        id: kernel.env.id(),
        hash: &sha256(session.as_bytes()),
        organizer: row.id,
        stage,
        device: given.device_name,
        created_at: now,
        confirmed_at: now,
        last_used_at: now,
        expires_at: now + lifetime,
    };
    sessions::insert_session(&mut tx, &new).await?;
    let device = match stage {
        SessionStage::Open => welcome(&mut tx, kernel, row.organization_id, row.id, account, given.device).await?,
        // known once the second step is done
        SessionStage::Challenge | SessionStage::Enrolment => String::new(),
    };
    tx.commit().await?;
    Ok(Some(SignedIn { session, device, stage }))
}

/// Remembers the device on which an organizer has signed in, in the transaction that opens the session, and tells the owners
/// of one that was not known. Returns the value of the device cookie.
pub(super) async fn welcome(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    organizer: Uuid,
    account: &str,
    device: Option<&str>,
) -> Result<String> {
    let now = kernel.env.now();
    let known_here = match device {
        Some(device) => store::organizers_of_device(conn, &sha256(device.as_bytes()), now).await?,
        None => Vec::new(),
    };
    // several organizers may share a device; the value of an unknown cookie is replaced
    let device = device.filter(|_| !known_here.is_empty());
    let device = device.map_or_else(|| base32(&kernel.env.random::<32>()), str::to_owned);
    // who has signed in nowhere yet is told nothing new
    if !known_here.iter().any(|known| known == account) && store::has_devices(conn, organizer, now).await? {
        tell_owners(conn, kernel, organization, organizer, Notice::NewDevice).await?;
    }
    let known_until = now + TimeDelta::days(DEVICE_TTL_DAYS);
    store::remember_device(conn, &sha256(device.as_bytes()), organizer, known_until, MAX_DEVICES).await?;
    audit_own(conn, &kernel.env, organization, organizer, "session.begin", json!({})).await?;
    Ok(device)
}

/// Notes a failed sign-in in the audit trail of the account's organization. For an address that nobody has the same is
/// written and undone, so that the time of the answer tells little.
async fn audit_refused(kernel: &Kernel, account: Option<&store::OrganizerRow>) -> Result<()> {
    let mut tx = kernel.db.begin().await?;
    let organization = match account {
        Some(account) => Some(account.organization_id),
        None => store::first_two_organizations(&mut tx).await?.first().copied(),
    };
    let Some(organization) = organization else { return Ok(()) };
    let object = account.map(|account| account.id);
    audit_by_service(&mut tx, &kernel.env, organization, "session.refused", object, json!({})).await?;
    if account.is_some() {
        tx.commit().await?;
    }
    Ok(())
}

fn wrong_credentials() -> Error {
    Error::problem(Code::Unauthorized, "E-mail address or password is wrong.")
}

/// Deletes the session with this cookie value, if there is one. [`super::Authenticator::end_session`] also removes it
/// from the cache.
pub async fn sign_out(kernel: &Kernel, token: &str) -> Result<()> {
    let mut tx = kernel.db.begin().await?;
    if let Some((organizer, organization)) = sessions::delete_session(&mut tx, &sha256(token.as_bytes())).await? {
        audit_own(&mut tx, &kernel.env, organization, organizer, "session.end", json!({})).await?;
    }
    tx.commit().await
}

/// Sessions that were not used since then have ended.
pub(super) fn unused_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::minutes(SESSION_IDLE_MINUTES)
}

/// Deletes expired sessions, known devices and links, and old counts of reading (maintenance). Returns the number of sessions.
pub(super) async fn delete_expired_sessions(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let mut conn = db.acquire().await?;
    store::delete_expired_devices(&mut conn, now).await?;
    store::delete_reads(&mut conn, now.date_naive() - TimeDelta::days(READS_KEPT_DAYS)).await?;
    store::invitations::delete_expired_links(&mut conn, now).await?;
    sessions::delete_expired_sessions(&mut conn, now, unused_since(now)).await
}

/// Ids and addresses of an organization's owners and organizers, unless disabled.
pub async fn list_staff(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<(Uuid, EmailAddress)>> {
    let rows = store::list_staff(conn, organization).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, EmailAddress::parse(&row.email).ok()?))).collect())
}

/// Profile of the signed-in organizer, as shown in the console.
#[derive(Clone)]
pub struct Profile {
    /// E-mail address to sign in with.
    pub email: String,
    /// The organization's name.
    pub organization: String,
}

/// Id of the organization of the organizer with this address.
pub async fn organization_of(conn: &mut PgConnection, email: &str) -> Result<Option<Uuid>> {
    Ok(store::organizer_by_email(conn, email).await?.map(|organizer| organizer.organization_id))
}

/// The profile of an actor.
///
/// # Errors
/// `not_found` when the organizer is gone.
pub async fn profile(conn: &mut PgConnection, actor: &Actor) -> Result<Profile> {
    let row = store::profile(conn, actor.organizer_id).await?;
    Ok(Profile { email: row.email, organization: row.organization })
}

/// An organization's name.
///
/// # Errors
/// `not_found`.
pub async fn organization_name(conn: &mut PgConnection, organization: Uuid) -> Result<String> {
    store::organization_name(conn, organization).await
}

/// An organization's postal address, as email updates show it; empty: not said yet.
///
/// # Errors
/// `not_found`.
pub async fn postal_address(conn: &mut PgConnection, organization: Uuid) -> Result<String> {
    store::postal_address(conn, organization).await
}

/// Sets an organization's postal address.
pub async fn set_postal_address(conn: &mut PgConnection, organization: Uuid, address: &str) -> Result<()> {
    store::set_postal_address(conn, organization, address).await
}

/// How the audit trail names a person, or a row of what a person did: by a hash of the row's id (SHA-256, as a UUID of
/// version 8). Entries cannot be changed, and once the row is erased nobody can tell whose they were; who knows the id finds
/// them.
pub fn person_object(id: Uuid) -> Uuid {
    let hash = sha256(&[b"audit", id.as_bytes().as_slice()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Appends an entry to the audit trail, in the transaction of the change. `detail` holds numbers, ids and fixed words,
/// never personal data, and `object_id` is that of no person ([`person_object`]).
pub async fn audit(
    conn: &mut PgConnection,
    env: &Env,
    actor: &Actor,
    verb: &str,
    object_id: Option<Uuid>,
    detail: Value,
) -> Result<()> {
    let entry = store::AuditRow {
        id: env.id(),
        organization_id: actor.organization_id,
        organizer_id: Some(actor.organizer_id),
        api_token_id: actor.api_token_id,
        verb: verb.to_owned(),
        object_id,
        detail,
        created_at: env.now(),
    };
    store::insert_audit(conn, &entry).await
}

/// Notes in the audit trail that somebody reads people, before they are shown, and counts them against the daily limit of
/// the account (`guard.people_per_day`), unless the actor may export them anyway. `list` names the table, `object` the
/// action or the single record ([`person_object`]).
///
/// # Errors
/// `too_many_requests` (429) beyond the limit.
pub async fn admit_reading(
    kernel: &Kernel,
    actor: &Actor,
    list: &'static str,
    object: Option<Uuid>,
    records: usize,
) -> Result<()> {
    let records = i32::try_from(records).map_err(Error::internal)?;
    if records == 0 {
        return Ok(());
    }
    let mut tx = kernel.db.begin().await?;
    let most = kernel.settings.guard.people_per_day;
    if !actor.allows(Scope::ContactsExport) {
        let today = kernel.env.now().date_naive();
        if !store::count_reads(&mut tx, actor.organizer_id, today, records, most).await? {
            let detail = format!("Without `contacts:export` an account reads {most} people a day. Go on tomorrow.");
            return Err(Error::problem(Code::TooManyRequests, detail));
        }
    }
    audit(&mut tx, &kernel.env, actor, "people.read", object, json!({ "list": list, "records": records })).await?;
    tx.commit().await
}

/// Hours within which the owners are told once of the exports by a token.
const EXPORT_NOTICE_HOURS: i64 = 24;

/// Admits an export of people before its first byte: in a session the password must have been typed within ten minutes. Notes it
/// in the audit trail and tells the owners, of exports by one token once a day.
///
/// # Errors
/// `confirmation_required` (403).
pub async fn admit_export(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    verb: &str,
    object: Option<Uuid>,
    detail: Value,
) -> Result<()> {
    let now = kernel.env.now();
    actor.require_confirmed(now)?;
    let mut tx = kernel.begin_on(conn).await?;
    let is_told = match actor.api_token_id {
        Some(token) => store::has_exported(&mut tx, token, now - TimeDelta::hours(EXPORT_NOTICE_HOURS)).await?,
        None => false,
    };
    audit(&mut tx, &kernel.env, actor, verb, object, detail).await?;
    if !is_told {
        tell_owners(&mut tx, kernel, actor.organization_id, actor.organizer_id, Notice::PeopleExported).await?;
    }
    tx.commit().await
}

/// As [`audit`], for what an organizer does with the own account while not signed in.
pub(super) async fn audit_own(
    conn: &mut PgConnection,
    env: &Env,
    organization_id: Uuid,
    organizer: Uuid,
    verb: &str,
    detail: Value,
) -> Result<()> {
    let entry = store::AuditRow {
        id: env.id(),
        organization_id,
        organizer_id: Some(organizer),
        api_token_id: None,
        verb: verb.to_owned(),
        object_id: None,
        detail,
        created_at: env.now(),
    };
    store::insert_audit(conn, &entry).await
}

/// As [`audit`], for a change by the command line or the service itself.
pub async fn audit_by_service(
    conn: &mut PgConnection,
    env: &Env,
    organization_id: Uuid,
    verb: &str,
    object_id: Option<Uuid>,
    detail: Value,
) -> Result<()> {
    let entry = store::AuditRow {
        id: env.id(),
        organization_id,
        organizer_id: None,
        api_token_id: None,
        verb: verb.to_owned(),
        object_id,
        detail,
        created_at: env.now(),
    };
    store::insert_audit(conn, &entry).await
}

/// The address that somebody typed, in the form in which it is stored.
///
/// # Errors
/// `invalid_parameter` (400) for something that is no address.
pub(super) fn sign_in_address(typed: &str) -> Result<String> {
    EmailAddress::parse(typed).map(|address| sign_in_form(&address)).map_err(|e| invalid_argument("email", &e))
}

/// The address in the form in which it is stored and looked up: lower case.
fn sign_in_form(address: &EmailAddress) -> String {
    address.as_str().to_lowercase()
}

pub(super) fn parse_line(what: &str, text: &str) -> Result<String> {
    required_line(text, 200).map_err(|e| invalid_argument(what, &e))
}

fn invalid_argument(what: &str, error: &TextError) -> Error {
    Error::problem(Code::InvalidParameter, format!("{what}: {error}"))
}
