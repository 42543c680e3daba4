//! Whose SQL names whose tables: in texts of the Rust sources, and in the bodies of the database's functions.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sqlx::PgPool;

use super::{layer, may_use, sources::read};

/// What the database holds, by the slice that owns it. A slice may name what it owns and what slices below own.
const OWNED: [Owned; 10] = [
    Owned {
        slice: "kernel",
        tables: &[
            "organizations",
            "vaults",
            "keyring_generations",
            "keyring_nodes",
            "keyring_database",
            "idempotency_keys",
            "used_challenges",
            "attempts",
            "jobs",
            "job_last_steps",
            "daily_jobs",
            "table_sweeps",
            "leases",
            "day_secrets",
            "process_heartbeats",
            "backups",
            "schema_compatibility",
        ],
        functions: &[
            "uuid_v7",
            "refuse_change",
            "claim_idempotency_keys",
            "invalidate_cache",
            "notify_cache_invalidation",
        ],
    },
    Owned {
        slice: "mail",
        tables: &[
            "emails",
            "emails_waiting",
            "emails_settled",
            "emails_settled_other",
            "mail_counts",
            "mail_minutes",
            "mail_lane_users",
            "mail_count_deltas",
            "mail_bounce_lookups",
            "mail_lanes",
            "mail_lane_bounces",
            "mail_relays",
            "mail_pauses",
            "mail_organization_pauses",
            "mail_pauses_ended",
            "mail_controls",
            "mail_pending_callbacks",
            "mail_epoch",
            "mail_provider_counts",
            "confirmation_caps",
            "first_contacts",
            "suppressions",
            "address_strikes",
            "mail_retries",
        ],
        functions: &[
            "create_mail_partition",
            "drop_mail_partitions",
            "count_settled_mail",
            "notify_mail_paused",
            "mail_subject",
            "rewrite_bounce_lookups",
        ],
    },
    Owned {
        slice: "organizers",
        tables: &[
            "organizers",
            "invitations",
            "second_factors",
            "recovery_codes",
            "password_resets",
            "api_tokens",
            "sessions",
            "known_devices",
            "contact_reads",
            "audit_entries",
            "audit_unsealed",
            "saved_filters",
            "audit_seals",
        ],
        functions: &["queue_audit_entry", "audit_entry_hash", "seal_audit_entries"],
    },
    Owned {
        slice: "people",
        tables: &[
            "people",
            "person_labels",
            "submission_labels",
            "consents",
            "partners",
            "erasures",
            "people_to_rewrite",
            "people_rewrites",
        ],
        functions: &[
            "upsert_people",
            "delete_submission_labels",
            "delete_unconfirmed",
            "delete_unconfirmed_people",
            "lock_ended_submissions",
            "delete_ended_submissions",
            "tables_about_people",
            "rows_of_people",
            "list_people_to_rewrite",
            "rewrite_people",
        ],
    },
    Owned {
        slice: "campaigns",
        tables: &[
            "campaigns",
            "images",
            "actions",
            "action_state_changes",
            "action_ends",
            "former_slugs",
            "updates",
            "sources",
            "short_links",
            "short_link_clicks",
            "action_counts",
            "action_count_deltas",
            "recounts",
            "published_counts",
            "count_moves",
        ],
        functions: &["notify_image_removed"],
    },
    Owned {
        slice: "letters",
        tables: &[
            "offices",
            "mailboxes",
            "office_mailboxes",
            "officials",
            "terms",
            "letter_actions",
            "letter_targets",
            "letter_templates",
            "letters",
            "outreaches",
        ],
        functions: &["dispatch_letters", "submit_letters"],
    },
    Owned {
        slice: "calls",
        tables: &["call_actions", "call_targets", "calls"],
        functions: &["add_to_call_counts", "count_calls", "submit_calls"],
    },
    Owned {
        slice: "petitions",
        tables: &[
            "petitions",
            "milestones",
            "paper_batches",
            "signatures",
            "signature_signals",
            "signature_bursts",
            "allowances",
            "invalidations",
            "imports",
            "import_chunks",
            "import_row_errors",
            "petition_deliveries",
            "delivery_receipts",
            "delivery_buckets",
        ],
        functions: &["submit_signatures"],
    },
    Owned {
        slice: "events",
        tables: &["events", "attendances", "seat_holds", "event_joins", "event_join_marks", "event_walk_ins"],
        functions: &[
            "promote_waitlist",
            "event_status",
            "held_seats",
            "hold_seats",
            "allocate_seats",
            "submit_attendances",
            "copy_event_end",
        ],
    },
    Owned {
        slice: "broadcasts",
        tables: &["broadcasts", "broadcast_recipients", "broadcast_counts"],
        functions: &["broadcast_audience"],
    },
];

struct Owned {
    slice: &'static str,
    tables: &'static [&'static str],
    functions: &'static [&'static str],
}

fn owner_of(name: &str, is_table: bool) -> Option<&'static str> {
    let owns = |owned: &&Owned| (if is_table { owned.tables } else { owned.functions }).contains(&name);
    OWNED.iter().find(owns).map(|owned| owned.slice)
}

/// Words and signs of a piece of SQL, without comments and without what stands in quotes.
fn words(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '-' if rest.peek() == Some(&'-') => while rest.next().is_some_and(|c| c != '\n') {},
            '\'' => while rest.next().is_some_and(|c| c != '\'') {},
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(&next) = rest.peek().filter(|c| c.is_alphanumeric() || **c == '_') {
                    word.push(next);
                    rest.next();
                }
                found.push(word);
            }
            c if c.is_whitespace() => {}
            c => found.push(c.to_string()),
        }
    }
    found
}

/// The tables (`true`) and functions (`false`) that a piece of SQL names. Keywords are in capitals, as everywhere here.
fn named(sql: &str) -> BTreeSet<(String, bool)> {
    const BEFORE_A_TABLE: [&str; 7] = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "USING", "ONLY"];
    let words = words(sql);
    let mut found = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        if owner_of(word, false).is_some() && words.get(at + 1).is_some_and(|next| next == "(") {
            found.insert((word.clone(), false));
        }
        if !BEFORE_A_TABLE.contains(&word.as_str()) {
            continue;
        }
        // FROM one a, two AS b
        let mut next = at + 1;
        while let Some(name) = words.get(next) {
            if name == "ONLY" {
                next += 1;
                continue;
            }
            if owner_of(name, true).is_some() && words.get(next + 1).is_none_or(|after| after != "(" || word == "INTO")
            {
                found.insert((name.clone(), true));
            }
            next += 1;
            next += usize::from(words.get(next).is_some_and(|word| word == "AS"));
            let is_alias = |word: &String| word.chars().all(|c| c.is_lowercase() || c == '_');
            next += usize::from(words.get(next).is_some_and(is_alias));
            if word != "FROM" || words.get(next).is_none_or(|word| word != ",") {
                break;
            }
            next += 1;
        }
    }
    found
}

fn upward(slice: &str, sql: &str) -> Vec<String> {
    let foreign = named(sql).into_iter().filter_map(|(name, is_table)| {
        let owner = owner_of(&name, is_table)?;
        (!may_use(slice, owner)).then(|| format!("{name} of {owner}"))
    });
    foreign.collect()
}

#[test]
fn sql_in_rust_names_only_what_its_slice_and_those_below_own() {
    let sources = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    let mut breaches = BTreeSet::new();
    let mut seen = 0;
    for source in sources.values().filter(|s| !s.module.is_empty()) {
        for text in source.texts() {
            seen += named(&text).len();
            for foreign in upward(&source.module[0], &text) {
                breaches.insert(format!("{} names {foreign}", source.module.join("::")));
            }
        }
    }
    assert!(seen > 300, "only {seen} names were found in the SQL");
    assert_eq!(breaches, BTreeSet::new());
}

/// Slices whose modules may all hold SQL: the kernel and the queue have no `store` for some of their parts, the others put
/// the service together.
const WITHOUT_STORE: [&str; 7] = ["kernel", "mail", "app", "worker", "demo", "checks", "cli"];

#[test]
fn sql_of_a_slice_is_in_its_store() {
    let sources = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    let strays: BTreeSet<String> = sources
        .values()
        .filter(|s| s.module.first().is_some_and(|slice| !WITHOUT_STORE.contains(&slice.as_str())))
        .filter(|s| !s.module.iter().any(|part| ["store", "counts", "recount"].contains(&part.as_str())))
        .filter(|s| s.texts().iter().any(|text| !named(text).is_empty()))
        .map(|s| s.module.join("::"))
        .collect();
    assert_eq!(strays, BTreeSet::new());
}

/// Who owns a function may call and read what its slice may.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn functions_name_only_what_their_slice_and_those_below_own(pool: PgPool) {
    let functions: Vec<(String, String)> = sqlx::query_as(
        "SELECT proname::text, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(functions.len() > 10);
    let mut breaches = Vec::new();
    for (name, body) in &functions {
        let owner = owner_of(name, false).unwrap_or_else(|| panic!("nobody owns the function {name}: add it to OWNED"));
        breaches.extend(upward(owner, body).iter().map(|foreign| format!("{name} of {owner} names {foreign}")));
    }
    assert_eq!(breaches, Vec::<String>::new());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_table_and_function_has_one_owner(pool: PgPool) {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
           AND c.relname !~ '^(_sqlx_migrations|emails_settled_[0-9_]+)$'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let functions: Vec<String> =
        sqlx::query_scalar("SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            .fetch_all(&pool)
            .await
            .unwrap();
    let mut owners: BTreeMap<(&str, bool), Vec<&str>> = BTreeMap::new();
    for owned in &OWNED {
        assert!(layer(owned.slice).is_some());
        let names = owned.tables.iter().map(|&t| (t, true)).chain(owned.functions.iter().map(|&f| (f, false)));
        names.for_each(|name| owners.entry(name).or_default().push(owned.slice));
    }
    let there: BTreeSet<(&str, bool)> =
        tables.iter().map(|t| (t.as_str(), true)).chain(functions.iter().map(|f| (f.as_str(), false))).collect();
    let listed: BTreeSet<(&str, bool)> = owners.keys().copied().collect();
    assert_eq!(there.difference(&listed).collect::<Vec<_>>(), Vec::<&(&str, bool)>::new(), "not in OWNED");
    assert_eq!(listed.difference(&there).collect::<Vec<_>>(), Vec::<&(&str, bool)>::new(), "gone");
    let twice: Vec<_> = owners.iter().filter(|(_, slices)| slices.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// The checks above find what they are for.
#[test]
fn breaches_by_sql_are_found() {
    for sql in [
        "SELECT id FROM signatures",
        "SELECT 1 FROM people p, signatures s WHERE s.person_id = p.id",
        "SELECT 1 FROM people AS p, ONLY attendances a",
        " LEFT JOIN petitions p ON p.id = a.id",
        "WITH gone AS (DELETE FROM signatures RETURNING id) SELECT 1",
        "INSERT INTO signatures (id) SELECT 1",
        "UPDATE events SET seats_taken = 1",
        "SELECT submit_signatures($1)",
        "BEGIN\n  -- who signed\n  PERFORM 1 FROM letters l WHERE l.id = NEW.id;\nEND",
        "TRUNCATE TABLE attendances",
        "MERGE INTO events e USING signatures s ON true",
    ] {
        assert!(!upward("people", sql).is_empty(), "not found: {sql}");
    }
    for sql in [
        "SELECT letters, events FROM people",
        "SELECT 'FROM signatures'",
        "-- FROM signatures\nSELECT 1 FROM people",
        "what we heard from signatures and events",
        "SELECT count(*) FROM emails",
    ] {
        assert_eq!(upward("people", sql), Vec::<String>::new(), "{sql}");
    }
    assert!(!upward("events", "SELECT 1 FROM petitions").is_empty(), "slices beside each other");
}
