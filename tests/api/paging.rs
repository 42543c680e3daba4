//! Lists: what the API answers to a random filter and page is what plain SQL, written from the same choice, answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::{
    fixtures::create_all_resources,
    harness::{Reply, TestApp, signer},
};

/// Rounds of random questions, for each list.
const ROUNDS: usize = 150;

/// A small generator (splitmix64); its seed is in every failure.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A field: its name in the filter, its column, and values as they are written in a filter.
struct Field {
    name: &'static str,
    column: &'static str,
    values: &'static [&'static str],
    ordered: bool,
    nullable: bool,
}

/// One condition twice: for the API and for Postgres.
fn condition(chance: &mut Chance, fields: &[Field], depth: usize) -> (String, String) {
    if depth > 0 && chance.below(3) > 0 {
        let (left, right) = (condition(chance, fields, depth - 1), condition(chance, fields, depth - 1));
        let word = chance.pick(&["and", "or"]);
        // half of them without parentheses: `and` binds closer, in both languages
        return if chance.below(2) == 0 {
            (format!("({} {word} {})", left.0, right.0), format!("({} {word} {})", left.1, right.1))
        } else {
            (format!("{} {word} {}", left.0, right.0), format!("{} {word} {}", left.1, right.1))
        };
    }
    let field = &fields[chance.below(fields.len())];
    if field.nullable && chance.below(4) == 0 {
        let (word, sql) = chance.pick(&[("eq", "IS NULL"), ("ne", "IS NOT NULL")]);
        return (format!("{} {word} null", field.name), format!("{} {sql}", field.column));
    }
    let both = [("eq", "="), ("ne", "IS DISTINCT FROM"), ("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")];
    let (word, sql) = chance.pick(if field.ordered { &both[..] } else { &both[..2] });
    let value = chance.pick(field.values);
    (format!("{} {word} {value}", field.name), format!("{} {sql} {value}", field.column))
}

/// What one page of a list must hold: the total, and the ids in their order.
async fn expected(app: &TestApp, from: &str, condition: &str, per_page: usize, page: usize) -> (i64, Vec<Uuid>) {
    let total = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {from} AND ({condition})")))
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    let sql = format!(
        "SELECT x.id FROM {from} AND ({condition}) ORDER BY x.id DESC LIMIT {per_page} OFFSET {}",
        (page - 1) * per_page
    );
    (total, sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap())
}

/// The ids of a page's only list.
fn ids(body: &Value) -> Vec<Uuid> {
    let lists = body["_embedded"].as_object().unwrap();
    assert_eq!(lists.len(), 1, "{body}");
    let items = lists.values().next().unwrap().as_array().unwrap();
    items
        .iter()
        .map(|item| item["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap().parse().unwrap())
        .collect()
}

fn query(filter: &str, page: usize, per_page: usize) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("filter", filter)
        .append_pair("page", &page.to_string())
        .append_pair("per_page", &per_page.to_string())
        .finish();
    query.replace('+', "%20")
}

/// Asks a list many questions and compares every answer; now and then walks along `next`.
async fn compare(app: &TestApp, token: Option<&str>, list: &str, from: &str, fields: &[Field]) {
    let seed = u64::from_le_bytes(app.kernel.env.random());
    let mut chance = Chance(seed);
    let (mut met, mut most) = (0, 0);
    for round in 0..ROUNDS {
        let depth = chance.below(4);
        let (filter, sql) = condition(&mut chance, fields, depth);
        let per_page = 1 + chance.below(if round % 2 == 0 { 7 } else { 100 });
        let (total, _) = expected(app, from, &sql, 1, 1).await;
        let pages = usize::try_from(total).unwrap().div_ceil(per_page);
        let page = 1 + chance.below(pages + 2);
        let (total, rows) = expected(app, from, &sql, per_page, page).await;
        let body = app.get(&format!("{list}?{}", query(&filter, page, per_page)), token).await.expect(200);
        let what = format!("seed {seed}, round {round}: {filter}, page {page} of {per_page}");
        assert_eq!(
            (body["total_records"].as_i64(), body["total_pages"].as_u64()),
            (Some(total), Some(pages as u64)),
            "{what}"
        );
        assert_eq!(
            (body["page"].as_u64(), body["per_page"].as_u64()),
            (Some(page as u64), Some(per_page as u64)),
            "{what}"
        );
        assert_eq!(ids(&body), rows, "{what}");
        assert_eq!(body["_links"].get("next").is_some(), page < pages, "{what}");
        (met, most) = (met + rows.len(), most.max(total));
        if round % 10 == 0 {
            let mut walked = Vec::new();
            let mut next = Some(format!("{list}?{}", query(&filter, 1, per_page)));
            while let Some(path) = next {
                let body = app.get(&path, token).await.expect(200);
                walked.extend(ids(&body));
                next = body["_links"]["next"]["href"].as_str().map(|href| app.path_of(href).to_owned());
            }
            let (_, all) = expected(app, from, &sql, 100_000, 1).await;
            assert_eq!(walked, all, "walking, {what}");
        }
    }
    assert!(met > ROUNDS && most > 10, "the questions met only {met} rows: seed {seed}");
}

const DAYS: &[&str] =
    &["'2026-01-01'", "'2026-01-05'", "'2026-01-09T12:00:00Z'", "'2026-01-12T08:30:00+02:00'", "'2026-01-20'"];

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn petitions_are_paged_and_filtered_as_plain_sql_would(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.token("Neighbours", "all").await;
    // ids, times, titles and states of ninety petitions, a third of them a neighbour's
    let ids: Vec<Uuid> = (0..90).map(|_| app.kernel.env.id()).collect();
    sqlx::query(
        "WITH n AS (SELECT u.id, u.n, abs(hashtext(u.id::text)) AS h FROM unnest($1::uuid[]) WITH ORDINALITY u (id, n)),
              a AS (INSERT INTO actions (id, organization_id, vault_id, kind, slug, title, state, created_at, modified_at)
                    SELECT n.id, v.organization_id, v.id, 'petition', 's-' || n.n, (ARRAY['O''Brien', 'Status', 'status', 'Été', '100%', 'a_b'])[1 + n.h % 6],
                           (ARRAY['draft', 'published', 'closed', 'won', 'archived'])[1 + n.h / 7 % 5],
                           timestamptz '2026-01-01Z' + n.h / 11 % 400 * interval '1 hour', timestamptz '2026-01-01Z' + n.h / 13 % 400 * interval '1 hour'
                    FROM n JOIN vaults v ON v.organization_id = (SELECT o.id FROM organizations o ORDER BY o.name OFFSET (n.n % 3 / 2)::bigint LIMIT 1)
                    RETURNING id)
         INSERT INTO petitions (id) SELECT id FROM a",
    )
    .bind(&ids)
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let fields = [
        Field {
            name: "title",
            column: "x.title",
            values: &["'O''Brien'", "'Status'", "'status'", "'Été'", "'100%'", "'a_b'", "'axb'", "''"],
            ordered: true,
            nullable: false,
        },
        Field {
            name: "muster:slug",
            column: "x.slug",
            values: &["'s-1'", "'s-40'", "'s-77'"],
            ordered: true,
            nullable: false,
        },
        Field {
            name: "muster:status",
            column: "x.state",
            values: &["'draft'", "'published'", "'closed'", "'won'", "'archived'"],
            ordered: false,
            nullable: false,
        },
        Field { name: "created_date", column: "x.created_at", values: DAYS, ordered: true, nullable: true },
        Field { name: "modified_date", column: "x.modified_at", values: DAYS, ordered: true, nullable: false },
    ];
    let own =
        "actions x JOIN organizations o ON o.id = x.organization_id WHERE x.kind = 'petition' AND o.name = 'Alliance'";
    compare(&app, Some(&token), "/api/v1/petitions", own, &fields).await;
    let public = "actions x WHERE x.kind = 'petition' AND x.state IN ('published', 'closed', 'won')";
    compare(&app, None, "/api/v1/petitions", public, &fields).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn signatures_are_paged_and_filtered_as_plain_sql_would(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "other"})).await;
    let ids: Vec<Uuid> = (0..150).map(|_| app.kernel.env.id()).collect();
    for sql in [
        "INSERT INTO people (id, vault_id, created_at, modified_at) SELECT u, v.id, now(), now() FROM unnest($1::uuid[]) u, vaults v",
        "INSERT INTO signatures (id, petition_id, person_id, state, country, region, source, created_at, counted_at, confirm_expires_at)
         SELECT n.id, (SELECT a.id FROM actions a WHERE a.slug = CASE WHEN n.h % 5 = 0 THEN 'other' ELSE 'status' END), n.id,
                (ARRAY['pending', 'counted', 'duplicate', 'withdrawn'])[1 + n.h / 5 % 4], (ARRAY['CA', 'FR', 'MX', NULL])[1 + n.h / 7 % 4],
                (ARRAY['ON', 'QC', NULL])[1 + n.h / 11 % 3], (ARRAY['other', 'flyer', NULL])[1 + n.h / 13 % 3],
                timestamptz '2026-01-01Z' + n.h / 17 % 400 * interval '1 hour', CASE WHEN n.h / 5 % 4 <> 0 THEN now() END, now()
         FROM (SELECT u AS id, abs(hashtext(u::text)) AS h FROM unnest($1::uuid[]) u) n",
    ] {
        sqlx::query(sql).bind(&ids).execute(&app.kernel.db).await.unwrap();
    }
    for address in ["one@example.org", "two@example.org"] {
        app.post("/api/v1/petitions/status/signatures", Some(&token), &signer(address)).await.expect(201);
    }
    let fields = [
        Field { name: "created_date", column: "x.created_at", values: DAYS, ordered: true, nullable: true },
        Field {
            name: "muster:state",
            column: "x.state",
            values: &["'pending'", "'counted'", "'duplicate'", "'withdrawn'", "'invalid'"],
            ordered: false,
            nullable: false,
        },
        Field {
            name: "country",
            column: "x.country",
            values: &["'CA'", "'FR'", "'MX'", "'XX'"],
            ordered: true,
            nullable: true,
        },
        Field { name: "region", column: "x.region", values: &["'ON'", "'QC'"], ordered: true, nullable: true },
        Field {
            name: "muster:source",
            column: "x.source",
            values: &["'other'", "'flyer'"],
            ordered: true,
            nullable: true,
        },
    ];
    let from = format!("signatures x WHERE x.petition_id = '{petition}'");
    compare(&app, Some(&token), "/api/v1/petitions/status/signatures", &from, &fields).await;
    // an address is found by its index, in any spelling; what is no address is nobody's
    let total = async |filter: &str| {
        app.get(&format!("/api/v1/petitions/status/signatures?{}", query(filter, 1, 1)), Some(&token)).await.expect(200)
            ["total_records"]
            .as_i64()
            .unwrap()
    };
    let all = total("created_date gt '2000-01-01'").await;
    assert_eq!(total("email_address eq 'ONE@Example.org'").await, 1);
    assert_eq!(total("email_address ne 'one@example.org'").await, all - 1);
    assert_eq!(total("email_address eq 'one@example.org' or email_address eq 'two@example.org'").await, 2);
    assert_eq!((total("email_address eq 'nobody'").await, total("email_address ne 'nobody'").await), (0, all));
}

/// Forty rows for each list that repeats its array beside `_embedded`, with ties in all but the last column of its
/// order. `{petition}`, `{organization}`, `{organizer}` and `{word}`, which begins what must be unique, are filled in.
const FORTY_ROWS: &str = "
    INSERT INTO imports (id, petition_id, organizer_id, name, bytes, delimiter, columns, state, touched_at, created_at)
        SELECT gen_random_uuid(), '{petition}', '{organizer}', 'list.csv', 1, ',', '{Email}', CASE WHEN n % 4 = 0 THEN 'done' ELSE 'failed' END, now(), now() FROM generate_series(1, 40) n;
    INSERT INTO invalidations (id, petition_id, organizer_id, effect, rule, reason, state, created_at)
        SELECT gen_random_uuid(), '{petition}', '{organizer}', 'release', '', 'Checked by hand', CASE WHEN n % 4 = 0 THEN 'done' ELSE 'failed' END, now() FROM generate_series(1, 40) n;
    INSERT INTO petition_deliveries (id, petition_id, delivered_on, created_at)
        SELECT gen_random_uuid(), '{petition}', date '2026-12-10' + n % 7, now() FROM generate_series(1, 40) n;
    INSERT INTO paper_batches (id, petition_id, reference, sheets, count, organizer_id, created_at)
        SELECT gen_random_uuid(), '{petition}', 'Box ' || n, 1, n, '{organizer}', now() FROM generate_series(1, 40) n;
    INSERT INTO action_state_changes (id, action_id, state, reason, organizer_id, created_at)
        SELECT gen_random_uuid(), '{petition}', 'paused', 'Pause ' || n, '{organizer}', timestamptz '2026-01-01Z' + n % 7 * interval '1 hour' FROM generate_series(1, 40) n;
    INSERT INTO short_links (word, action_id, created_at)
        SELECT '{word}-' || n, '{petition}', timestamptz '2026-01-01Z' + n % 7 * interval '1 hour' FROM generate_series(1, 40) n;
    INSERT INTO partners (id, organization_id, slug, name, wording, created_at)
        SELECT gen_random_uuid(), '{organization}', 'union-' || n, 'Union ' || n % 7, '{\"en\": \"Yes\"}', now() FROM generate_series(1, 40) n;
    INSERT INTO sources (id, organization_id, word) SELECT gen_random_uuid(), '{organization}', '{word}-' || n FROM generate_series(1, 40) n;
    INSERT INTO allowances (id, organization_id, kind, value, created_at)
        SELECT gen_random_uuid(), '{organization}', CASE WHEN n % 2 = 0 THEN 'domain' ELSE 'network' END, 'union-' || n || '.example', now() FROM generate_series(1, 40) n;
    INSERT INTO saved_filters (id, organization_id, list, name, conditions, created_at)
        SELECT gen_random_uuid(), '{organization}', 'signatures', 'Filter ' || n, '{\"state\": \"counted\"}', now() FROM generate_series(1, 40) n;
    INSERT INTO broadcasts (id, organization_id, organizer_id, texts, locale, actions, state, due_at, created_at)
        SELECT gen_random_uuid(), '{organization}', '{organizer}', '{\"en\": {\"subject\": \"News\", \"body\": \"News\"}}', 'en', '{}', CASE WHEN n % 4 = 0 THEN 'done' ELSE 'failed' END, now(), now()
        FROM generate_series(1, 40) n;";

/// These lists: the path (below the petition unless it begins with a slash; its last word names the array), the member
/// that tells items apart, the same in SQL, the table with the column of its scope, and the order.
const REPEATED_LISTS: [(&str, &str, &str, &str, &str); 11] = [
    ("imports", "/identifiers/0", "'muster:' || id", "imports WHERE petition_id", "id DESC"),
    ("invalidations", "/identifiers/0", "'muster:' || id", "invalidations WHERE petition_id", "id DESC"),
    (
        "deliveries",
        "/identifiers/0",
        "'muster:' || id",
        "petition_deliveries WHERE petition_id",
        "delivered_on DESC, id DESC",
    ),
    ("paper_batches", "/reference", "reference", "paper_batches WHERE petition_id", "id DESC"),
    ("history", "/reason", "reason", "action_state_changes WHERE action_id", "created_at, id"),
    ("short_links", "/word", "word", "short_links WHERE action_id", "created_at, word"),
    ("/api/v1/partners", "/muster:slug", "slug", "partners WHERE organization_id", "name, id"),
    ("/api/v1/sources", "/word", "word", "sources WHERE organization_id", "word"),
    ("/api/v1/integrity/allowances", "/value", "value", "allowances WHERE organization_id", "kind, value"),
    ("/api/v1/saved_filters", "/name", "name", "saved_filters WHERE organization_id", "name, id"),
    ("/api/v1/broadcasts", "/identifiers/0", "'muster:' || id", "broadcasts WHERE organization_id", "id DESC"),
];

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lists_that_repeat_their_array_are_paged_as_plain_sql_would(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let mut all = Vec::new();
    for organization in ["Alliance", "Neighbours"] {
        let resources = create_all_resources(&app, organization).await;
        let (owner, organizer): (Uuid, Uuid) =
            sqlx::query_as("SELECT r.organization_id, r.id FROM organizers r JOIN organizations o ON o.id = r.organization_id WHERE o.name = $1 LIMIT 1")
                .bind(organization)
                .fetch_one(&app.kernel.db)
                .await
                .unwrap();
        let sql = FORTY_ROWS
            .replace("{petition}", &resources.petition.to_string())
            .replace("{organization}", &owner.to_string())
            .replace("{organizer}", &organizer.to_string())
            .replace("{word}", &organization.to_lowercase());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.kernel.db).await.unwrap();
        all.push((resources, owner));
    }
    let (ours, owner) = &all[0];
    let token = Some(ours.token.as_str());
    for (list, member, column, from, order) in REPEATED_LISTS {
        let (path, scope) = if list.starts_with('/') {
            (list.to_owned(), owner)
        } else {
            (format!("/api/v1/petitions/{}/{list}", ours.petition), &ours.petition)
        };
        let name = path.rsplit('/').next().unwrap();
        let rel = format!("muster:{name}");
        let expected = async |condition: &str| -> Vec<String> {
            let sql = format!("SELECT {column} FROM {from} = '{scope}' AND {condition} ORDER BY {order}");
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap()
        };
        let names = |body: &Value| -> Vec<String> {
            let items = body["_embedded"][rel.as_str()].as_array().unwrap_or_else(|| panic!("{path}: {body}")).iter();
            items.map(|item| item.pointer(member).unwrap().as_str().unwrap().to_owned()).collect()
        };
        let rows = expected("true").await;
        let total = rows.len();
        assert!((40..50).contains(&total), "{path} has {total}");
        let first = app.get(&path, token).await.expect(200);
        assert_eq!(names(&first), rows[..25], "{path}");
        assert_eq!(
            (&first["total_records"], &first["total_pages"], &first["page"], &first["per_page"]),
            (&json!(total), &json!(2), &json!(1), &json!(25)),
            "{path}"
        );
        assert!(first["_links"]["curies"].is_array() && first["_links"].get("previous").is_none(), "{path}");
        let is_repeated = !["muster:allowances", "muster:saved_filters"].contains(&rel.as_str());
        assert_eq!(first.get(&rel), is_repeated.then_some(&first["_embedded"][&rel]), "{path}");
        // along `next`, and by number
        let (mut walked, mut next, mut number) = (Vec::new(), Some(format!("{path}?per_page=7")), 0);
        while let Some(at) = next {
            number += 1;
            let by_key = app.get(&at, token).await.expect(200);
            let by_number = app.get(&format!("{path}?per_page=7&page={number}"), token).await.expect(200);
            assert_eq!(by_key["_embedded"], by_number["_embedded"], "{path}, page {number}");
            assert_eq!(by_key["_links"].get("previous").is_some(), number > 1, "{path}");
            walked.extend(names(&by_key));
            next = by_key["_links"]["next"]["href"].as_str().map(|href| app.path_of(href).to_owned());
        }
        assert_eq!((walked, number), (rows, total.div_ceil(7)), "{path}");
        let past = app.get(&format!("{path}?page=999"), token).await.expect(200);
        assert_eq!((names(&past).len(), &past["total_records"]), (0, &json!(total)), "{path}");
        if ["imports", "invalidations", "broadcasts"].contains(&name) {
            let done = app.get(&format!("{path}?{}", query("muster:state eq 'done'", 1, 100)), token).await;
            assert_eq!(names(&done.expect(200)), expected("state = 'done'").await, "{path}");
        }
    }
    // what a POST answers is the list's first hundred, and what is beside the list is about all of it
    let paper =
        app.get(&format!("/api/v1/petitions/{}/paper_batches?per_page=1", ours.petition), token).await.expect(200);
    assert_eq!(paper["muster:extra"], (1..=40).sum::<i64>());
    let added = app.post("/api/v1/sources", token, &json!({"word": "a-radio"})).await.expect(201);
    assert_eq!((&added["muster:sources"][0]["word"], &added["total_records"]), (&json!("a-radio"), &json!(41)));
    assert_eq!(added["muster:sources"].as_array().unwrap().len(), 41);
    let settings = app.get("/api/v1/integrity", token).await.expect(200);
    assert_eq!(settings["muster:allowances"].as_array().unwrap().len(), 40);
    let href = settings["_links"]["muster:allowances"]["href"].as_str().unwrap();
    assert_eq!(app.get(app.path_of(href), token).await.expect(200)["total_records"], 40);
}

/// Asserts the shape of one page of a list.
#[track_caller]
fn is_a_page(reply: &Reply, rel: &str, items: std::ops::RangeInclusive<usize>) {
    let body = reply.expect(200);
    assert_eq!(reply.headers["content-type"], "application/hal+json", "{rel}");
    let members: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        BTreeSet::from(["total_pages", "total_records", "page", "per_page", "_links", "_embedded"]),
        "{rel}"
    );
    let embedded = body["_embedded"].as_object().unwrap();
    assert_eq!(embedded.keys().collect::<Vec<_>>(), [rel]);
    let list = embedded[rel].as_array().unwrap();
    assert!(items.contains(&list.len()), "{rel} has {} items", list.len());
    assert!(body["_links"]["self"]["href"].as_str().unwrap().starts_with("http"), "{rel}");
    assert_eq!(body["_links"]["curies"][0]["name"], "osdi");
    assert_eq!(
        body["_links"][rel].as_array().unwrap().len(),
        list.iter().filter(|item| item["_links"]["self"].is_object()).count()
    );
    for item in list {
        assert!(item["identifiers"][0].as_str().unwrap().starts_with("muster:"), "{rel}: {item}");
        assert!(chrono::DateTime::parse_from_rfc3339(item["created_date"].as_str().unwrap()).is_ok(), "{rel}: {item}");
        if !["muster:audit", "muster:mail"].contains(&rel) {
            let modified = chrono::DateTime::parse_from_rfc3339(
                item["modified_date"].as_str().unwrap_or_else(|| panic!("{rel} has no modified_date: {item}")),
            );
            assert!(
                modified.is_ok() && item["_links"]["self"]["href"].is_string() && item["_links"]["curies"].is_array(),
                "{rel}: {item}"
            );
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_list_answers_alike(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let token = Some(ours.token.as_str());
    let entry = app.get("/api/v1", None).await.expect(200);
    assert_eq!(entry["_links"]["curies"][0]["name"], "osdi");
    let mut lists: Vec<(String, String)> = Vec::new();
    for (rel, link) in entry["_links"].as_object().unwrap() {
        let Some(href) = link["href"].as_str().filter(|_| link["templated"] != true) else { continue };
        if !["self", "osdi:person_signup_helper", "muster:exports", "muster:problems"].contains(&rel.as_str()) {
            lists.push((rel.clone(), app.path_of(href).to_owned()));
        }
    }
    for (rel, of) in [
        ("osdi:signatures", format!("petitions/{}", ours.petition)),
        ("osdi:attendances", format!("events/{}", ours.event)),
        ("osdi:outreaches", format!("advocacy_campaigns/{}", ours.letter_action)),
    ] {
        let parent = app.get(&format!("/api/v1/{of}"), token).await.expect(200);
        lists.push((rel.to_owned(), app.path_of(parent["_links"][rel]["href"].as_str().unwrap()).to_owned()));
    }
    assert!(lists.len() >= 13, "{lists:?}");
    for (rel, path) in &lists {
        let first = app.get(path, token).await;
        // OSDI has one name for both kinds of advocacy campaign
        let rel = if rel == "muster:phone_campaigns" { "osdi:advocacy_campaigns" } else { rel.as_str() };
        is_a_page(&first, rel, 1..=25);
        let total = first.json()["total_records"].as_u64().unwrap();
        assert_eq!((first.json()["page"].as_u64(), first.json()["per_page"].as_u64()), (Some(1), Some(25)));
        let one = app.get(&format!("{path}?page=1&per_page=1"), token).await;
        is_a_page(&one, rel, 1..=1);
        assert_eq!(one.json()["total_pages"], total, "{rel}");
        let past = app.get(&format!("{path}?page=999&per_page=100"), token).await;
        is_a_page(&past, rel, 0..=0);
        assert_eq!(
            (past.json()["total_records"].as_u64(), past.json()["page"].as_u64()),
            (Some(total), Some(999)),
            "{rel}"
        );
        is_a_page(&app.get(&format!("{path}?page=18446744073709551615"), token).await, rel, 0..=0);
        for item in first.json()["_embedded"][rel].as_array().unwrap() {
            if let Some(href) = item["_links"]["self"]["href"].as_str() {
                assert_eq!(
                    app.get(app.path_of(href), token).await.expect(200)["identifiers"],
                    item["identifiers"],
                    "{rel}"
                );
            }
        }
    }
}
