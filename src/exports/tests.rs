//! Exports through HTTP, on a database.

use std::{path::PathBuf, sync::Arc};

use axum::{Router, body::Body, extract::Request, http::header, response::Response};
use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
use sqlx::PgPool;
use tower::ServiceExt;
use uuid::Uuid;

use super::{Exports, router};
use crate::{
    config::Settings,
    events,
    kernel::{Kernel, env::Env, keyring::Keyring},
    letters,
    organizers::{Authenticator, NewOrganizer, Role, add_organizer, add_token},
    people::Details,
    petitions::{SIGNATURES, SignaturePayload},
};

/// More than two batches.
const PEOPLE: usize = 2_100;

struct ExportFixture {
    kernel: Arc<Kernel>,
    router: Router,
    organization: Uuid,
    vault: Uuid,
    folder: PathBuf,
}

impl Drop for ExportFixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl ExportFixture {
    async fn new(db: PgPool) -> Self {
        let env = Env::system();
        let folder = std::env::temp_dir().join(format!("muster-exports-{}", env.id()));
        let keyring = Keyring::init(&folder.join("keyring.json"), &env).unwrap();
        let kernel = Kernel::new(Settings::read("test", &[]).unwrap(), env, db, Arc::new(keyring));
        let authenticator = Authenticator::new(kernel.clone());
        let (router, _) = router().with_state(Exports::new(kernel.clone(), authenticator)).split_for_parts();
        let organization = organization(&kernel, "Alliance", "owner@example.org").await;
        let vault = kernel.vaults.of_organization(&mut kernel.db.acquire().await.unwrap(), organization).await.unwrap();
        Self { kernel, router, organization, vault, folder }
    }

    async fn token(&self, organizer: &str, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|&s| s.to_owned()).collect();
        add_token(&mut self.kernel.db.acquire().await.unwrap(), &self.kernel, organizer, "test", &scopes, None)
            .await
            .unwrap()
    }

    async fn petition(&self, slug: &str, privacy: &str) -> Uuid {
        let id = self.kernel.env.id();
        let sql = "WITH a AS (INSERT INTO actions (id, organization_id, vault_id, kind, slug, title, privacy, state, created_at, modified_at)
                              VALUES ($1, $2, $3, 'petition', $4, 'T', $5, 'published', now(), now()) RETURNING id)
                   INSERT INTO petitions (id) SELECT id FROM a";
        sqlx::query(sql)
            .bind(id)
            .bind(self.organization)
            .bind(self.vault)
            .bind(slug)
            .bind(privacy)
            .execute(&self.kernel.db)
            .await
            .unwrap();
        id
    }

    /// Signatures of as many people; every second one agreed to updates, and the fourth has unsubscribed since.
    async fn sign(&self, petition: Uuid, people: usize) {
        let (env, vault) = (&self.kernel.env, self.kernel.vaults.open(self.vault).await.unwrap());
        let mut ids: Vec<Uuid> = (0..people).map(|_| env.id()).collect();
        ids.sort(); // the order of the file
        let address = |i: usize| format!("p{i}@example.org");
        let details = |i: usize| Details {
            given_name: format!("=N{i}"),
            email: address(i),
            phone: "+1 416 555 0199".into(),
            ..Details::default()
        };
        let typed = |i: usize| SignaturePayload {
            details: details(i),
            comments: "one, \"two\"\n-three".into(),
            ..SignaturePayload::default()
        };
        let sealed: Vec<Vec<u8>> =
            ids.iter().enumerate().map(|(i, id)| vault.seal(env, SIGNATURES, *id, &typed(i))).collect();
        let index = |i: usize| vault.email_index(&crate::kernel::text::EmailAddress::parse(&address(i)).unwrap());
        let indexes: Vec<Vec<u8>> = (0..people).map(index).collect();
        let sql = "WITH u AS (SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) WITH ORDINALITY u (id, sealed, email, n)),
                        p AS (INSERT INTO people (id, vault_id, email_index, created_at, modified_at) SELECT id, $4, email, now(), now() FROM u),
                        s AS (INSERT INTO signatures (id, petition_id, person_id, state, sealed, created_at, counted_at)
                              SELECT id, $5, id, 'counted', sealed, now(), now() FROM u),
                        c AS (INSERT INTO consents (id, person_id, purpose, granted, wording, wording_version, locale, source, created_at)
                              SELECT id, id, 'updates', n % 2 = 0, 'w', '1', 'en', 'api', now() FROM u)
                   INSERT INTO suppressions (id, vault_id, address_index, reason, created_at)
                   SELECT id, $4, email, 'unsubscribed', now() FROM u WHERE n = 4";
        sqlx::query(sql)
            .bind(&ids)
            .bind(&sealed)
            .bind(&indexes)
            .bind(self.vault)
            .bind(petition)
            .execute(&self.kernel.db)
            .await
            .unwrap();
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        let request =
            Request::get(format!("/api/v1/exports{path}")).header("OSDI-API-Token", token).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn audited(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM audit_entries WHERE verb LIKE '%.export'")
            .fetch_one(&self.kernel.db)
            .await
            .unwrap()
    }
}

async fn organization(kernel: &Kernel, name: &str, email: &str) -> Uuid {
    let mut tx = kernel.db.begin().await.unwrap();
    let new = NewOrganizer {
        email: email.into(),
        name: "O".into(),
        role: Role::Owner,
        password: "a long password".to_owned().into(),
        organization: Some(name.into()),
    };
    let organizer = add_organizer(&mut tx, kernel, new).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query_scalar("SELECT organization_id FROM organizers WHERE id = $1")
        .bind(organizer.id)
        .fetch_one(&kernel.db)
        .await
        .unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn export_is_complete_escaped_and_audited(db: PgPool) {
    let fixture = ExportFixture::new(db).await;
    let id = fixture.petition("status-for-all", "standard").await;
    fixture.sign(id, PEOPLE).await;
    let token = fixture.token("owner@example.org", &["contacts:export"]).await;
    let response = fixture.get("/petitions/status-for-all/signatures.csv", &token).await;
    assert_eq!(response.status(), 200);
    assert_eq!(fixture.audited().await, 1);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8; header=present");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let name =
        format!("attachment; filename=\"status-for-all-signatures-{}.csv\"", fixture.kernel.env.now().date_naive());
    assert_eq!(response.headers()[header::CONTENT_DISPOSITION], name.as_str());
    let body = text(response).await;
    assert!(body.starts_with("id,state,given_name,family_name,email,phone,"), "{}", &body[..80]);
    let mut reader = ::csv::Reader::from_reader(body.as_bytes());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), PEOPLE);
    for (i, row) in rows.iter().enumerate() {
        assert_eq!((&row[1], &row[2], &row[5]), ("counted", format!("'=N{i}").as_str(), "'+1 416 555 0199"));
        assert_eq!(&row[4], format!("p{i}@example.org"));
        assert_eq!(&row[11], "one, \"two\"\n'-three");
        assert_eq!(&row[13], if i % 2 == 1 && i != 3 { "true" } else { "false" }, "{i}");
    }
    let nothing =
        text(fixture.get(&format!("/petitions/{id}/signatures.csv?state=withdrawn&bom=1"), &token).await).await;
    assert!(nothing.starts_with("\u{FEFF}id,") && nothing.ends_with("vetted,deliver_name\r\n"), "{nothing}");
    assert_eq!(fixture.get("/petitions/status-for-all/signatures.csv?state=some", &token).await.status(), 400);
    assert_eq!(fixture.get("", &token).await.status(), 200);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn vault_destroyed_during_export_aborts_the_download(db: PgPool) {
    let fixture = ExportFixture::new(db).await;
    let id = fixture.petition("p", "standard").await;
    fixture.sign(id, PEOPLE).await;
    let token = fixture.token("owner@example.org", &["all"]).await;
    let mut body = fixture.get("/petitions/p/signatures.csv", &token).await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    fixture.kernel.vaults.destroy(&mut fixture.kernel.db.acquire().await.unwrap(), fixture.vault).await.unwrap();
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(fixture.get("/petitions/p/signatures.csv", &token).await.status(), 410);
    assert_eq!(fixture.audited().await, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn attendance_and_outreach_exports_have_all_columns(db: PgPool) {
    let fixture = ExportFixture::new(db).await;
    let (env, vault) = (&fixture.kernel.env, fixture.kernel.vaults.open(fixture.vault).await.unwrap());
    let details = Details {
        given_name: "Amara".into(),
        family_name: "Singh".into(),
        email: "amara@example.org".into(),
        locality: "Toronto".into(),
        ..Details::default()
    };
    let (event, letter_action, row, office) = (env.id(), env.id(), env.id(), env.id());
    let attending = vault.seal(
        env,
        events::ATTENDANCES,
        row,
        &events::AttendancePayload {
            details: details.clone(),
            interpretation: "es".into(),
            access_needs: "ramp".into(),
            ..events::AttendancePayload::default()
        },
    );
    let writing = vault.seal(
        env,
        letters::LETTERS,
        row,
        &letters::LetterPayload { details, ..letters::LetterPayload::default() },
    );
    let (organization, in_vault, attending, writing) =
        (fixture.organization, fixture.vault, HEXLOWER.encode(&attending), HEXLOWER.encode(&writing));
    let script = format!(
        r"INSERT INTO actions (id, organization_id, vault_id, kind, slug, title, created_at, modified_at) VALUES
              ('{event}', '{organization}', '{in_vault}', 'event', 'assembly', 'T', now(), now()),
              ('{letter_action}', '{organization}', '{in_vault}', 'letter', 'write', 'T', now(), now());
          INSERT INTO people (id, vault_id, created_at, modified_at) VALUES ('{row}', '{in_vault}', now(), now());
          INSERT INTO events (id, starts_at, ends_at, timezone, reminded_until) VALUES ('{event}', now(), now(), 'UTC', now());
          INSERT INTO attendances (id, event_id, person_id, state, party_size, sealed, created_at, accepted_at)
              VALUES ('{row}', '{event}', '{row}', 'accepted', 2, '\x{attending}', now(), now());
          INSERT INTO letter_actions (id) VALUES ('{letter_action}');
          INSERT INTO letter_templates (letter_action_id, locale, subjects, body)
              VALUES ('{letter_action}', 'en', ARRAY['To {{{{ target.title }}}}'], 'b');
          INSERT INTO offices (id, organization_id, slug, title, created_at, modified_at)
              VALUES ('{office}', '{organization}', 'im', 'Minister', now(), now());
          INSERT INTO officials (id, organization_id, honorific_prefix, given_name, family_name, created_at, modified_at)
              VALUES ('{office}', '{organization}', 'The Honourable', 'Ana', 'Roy', now(), now());
          INSERT INTO letter_targets (letter_action_id, office_id, position) VALUES ('{letter_action}', '{office}', 0);
          INSERT INTO letters (id, letter_action_id, person_id, state, sealed, created_at, confirmed_at)
              VALUES ('{row}', '{letter_action}', '{row}', 'confirmed', '\x{writing}', now(), now());
          INSERT INTO outreaches (id, letter_id, letter_action_id, office_id, official_id, state, created_at, sent_at)
              VALUES ('{row}', '{row}', '{letter_action}', '{office}', '{office}', 'sent', now(), now());"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&fixture.kernel.db).await.unwrap();
    let token = fixture.token("owner@example.org", &["all"]).await;
    let attendances = text(fixture.get("/events/assembly/attendances.csv", &token).await).await;
    assert!(attendances.contains(",accepted,2,Amara,Singh,amara@example.org,,es,ramp,false,,20"), "{attendances}");
    let outreaches = text(fixture.get("/advocacy_campaigns/write/outreaches.csv", &token).await).await;
    assert!(
        outreaches
            .contains(",sent,Minister,The Honourable Ana Roy,Amara,Singh,amara@example.org,,Toronto,To Minister,20"),
        "{outreaches}"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn export_of_another_organization_returns_404(db: PgPool) {
    let fixture = ExportFixture::new(db).await;
    fixture.petition("open", "standard").await;
    fixture.petition("closed", "protected").await;
    organization(&fixture.kernel, "Neighbours", "neighbour@example.org").await;
    let own = fixture.token("owner@example.org", &["contacts:export"]).await;
    let reader = fixture.token("owner@example.org", &["contacts:read"]).await;
    let neighbour = fixture.token("neighbour@example.org", &["all"]).await;
    for (path, token, status) in [
        ("/petitions/open/signatures.csv", &own, 200),
        ("/petitions/open/signatures.csv", &reader, 403),
        ("/petitions/open/signatures.csv", &neighbour, 404),
        ("/petitions/closed/signatures.csv", &own, 403),
        ("/petitions/closed/signatures.csv", &neighbour, 404),
        ("/petitions/none/signatures.csv", &own, 404),
        ("/events/open/attendances.csv", &own, 404),
        ("/petitions/open/signatures.csv", &"nonsense".to_owned(), 401),
    ] {
        assert_eq!(fixture.get(path, token).await.status(), status, "{path}");
    }
    assert_eq!(fixture.audited().await, 1);
}
