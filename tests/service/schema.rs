//! What holds for the whole schema: every foreign key has an index, evidence does not change.

use muster::{
    broadcasts::{BroadcastState, RecipientState},
    calls::{CallResult, CallState},
    campaigns::{CampaignState, Confirmation, Kind, Privacy, State, UpdateKind},
    console::FilteredList,
    events::{AttendanceState, EventKind, Format, SeatStatus},
    kernel::{jobs::JobState, text::LocaleTag},
    letters::{LetterState, OutreachState},
    mail::{Class, EmailState, SuppressionReason},
    organizers::{Role, SessionStage},
    petitions::{
        AllowanceKind, CommentState, Display, Effect, ImportState, InvalidationState, PetitionDeliveryStatus,
        QuarantineReason, SignatureState, Vetting,
    },
};
use sqlx::PgPool;

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_foreign_key_has_an_index(pool: PgPool) {
    let keys: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_constraint WHERE contype = 'f'").fetch_one(&pool).await.unwrap();
    assert!(keys > 30, "only {keys} foreign keys were found");
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT c.conrelid::regclass || '.' || a.attname FROM pg_constraint c
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
         WHERE c.contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(bare.is_empty(), "{bare:?}");
}

/// Logical replication and every walk by key need one.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_table_has_a_primary_key(pool: PgPool) {
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(bare.is_empty(), "{bare:?}");
    // and is replicated as it is
    sqlx::raw_sql("CREATE PUBLICATION everything FOR ALL TABLES; DELETE FROM action_count_deltas; UPDATE emails_settled SET failure = ''")
        .execute(&pool)
        .await
        .unwrap();
}

/// Tables through which many rows go are vacuumed long before a fifth of them is dead.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn hot_tables_are_vacuumed_early(pool: PgPool) {
    let late: Vec<String> = sqlx::query_scalar(
        "SELECT t.name FROM unnest($1::text[]) t (name) JOIN pg_class c ON c.oid = t.name::regclass
         WHERE NOT EXISTS (SELECT FROM unnest(c.reloptions) o
                           WHERE o ~ '^autovacuum_vacuum_scale_factor=' AND split_part(o, '=', 2)::numeric <= 0.02)",
    )
    .bind(
        [
            "people",
            "signatures",
            "attendances",
            "letters",
            "outreaches",
            "actions",
            "action_counts",
            "action_count_deltas",
            "emails_waiting",
            "mail_counts",
            "mail_minutes",
            "mail_lane_users",
            "mail_count_deltas",
            "mail_bounce_lookups",
            "confirmation_caps",
            "broadcast_recipients",
            "idempotency_keys",
            "used_challenges",
            "signature_signals",
        ]
        .map(str::to_owned),
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(late.is_empty(), "{late:?}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn consents_and_the_audit_trail_do_not_change(pool: PgPool) {
    let guarded: Vec<String> = sqlx::query_scalar(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_append_only' ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(guarded, ["audit_entries", "audit_seals", "consents"]);
    let organization = uuid::Uuid::nil();
    sqlx::query("INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, 'A', 'a', now())")
        .bind(organization)
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO audit_entries (id, organization_id, verb, created_at) VALUES ($1, $1, 'x', now())")
        .bind(organization)
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("SELECT seal_audit_entries(10)").execute(&pool).await.unwrap();
    for change in [
        "UPDATE audit_entries SET verb = 'y'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries CASCADE",
        "UPDATE audit_seals SET number = 2",
        "DELETE FROM audit_seals",
        "TRUNCATE audit_seals",
    ] {
        let changed = sqlx::query(change).execute(&pool).await;
        assert!(changed.unwrap_err().to_string().contains("append-only"), "{change}");
    }
}

/// The languages of the code are those that the CHECKs of their columns allow.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn languages_are_those_of_the_checks(pool: PgPool) {
    let mut languages: Vec<&str> = LocaleTag::ALL.iter().map(|locale| locale.as_str()).collect();
    languages.sort_unstable();
    for check in ["organizations_locale_check", "actions_locale_check"] {
        let definition: String =
            sqlx::query_scalar("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1")
                .bind(check)
                .fetch_one(&pool)
                .await
                .unwrap();
        let mut allowed: Vec<&str> = definition.split('\'').skip(1).step_by(2).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, languages, "{check}");
    }
}

/// Each enum of the code has the values that the CHECK of its column allows.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn enums_have_the_values_of_their_checks(pool: PgPool) {
    let enums: [(&str, &[&str]); 34] = [
        ("actions_kind_check", Kind::NAMES),
        ("actions_privacy_check", Privacy::NAMES),
        ("actions_confirmation_check", Confirmation::NAMES),
        ("actions_state_check", State::NAMES),
        ("campaigns_state_check", CampaignState::NAMES),
        ("updates_kind_check", UpdateKind::NAMES),
        ("signatures_state_check", SignatureState::NAMES),
        ("signatures_display_check", Display::NAMES),
        ("signatures_comment_state_check", CommentState::NAMES),
        ("signatures_vetted_check", Vetting::NAMES),
        ("signatures_quarantine_reason_check", QuarantineReason::NAMES),
        ("allowances_kind_check", AllowanceKind::NAMES),
        ("invalidations_effect_check", Effect::NAMES),
        ("invalidations_state_check", InvalidationState::NAMES),
        ("imports_state_check", ImportState::NAMES),
        ("petition_deliveries_state_check", PetitionDeliveryStatus::NAMES),
        ("attendances_state_check", AttendanceState::NAMES),
        ("events_published_status_check", SeatStatus::NAMES),
        ("events_kind_check", EventKind::NAMES),
        ("events_format_check", Format::NAMES),
        ("letters_state_check", LetterState::NAMES),
        ("outreaches_state_check", OutreachState::NAMES),
        ("calls_state_check", CallState::NAMES),
        ("calls_outcome_check", CallResult::NAMES),
        ("broadcasts_state_check", BroadcastState::NAMES),
        ("broadcast_recipients_state_check", RecipientState::NAMES),
        ("emails_class_check", Class::NAMES),
        ("emails_state_check", EmailState::NAMES),
        ("suppressions_reason_check", SuppressionReason::NAMES),
        ("jobs_state_check", JobState::NAMES),
        ("organizers_role_check", Role::NAMES),
        ("invitations_role_check", Role::NAMES),
        ("sessions_stage_check", SessionStage::NAMES),
        ("saved_filters_list_check", FilteredList::NAMES),
    ];
    let states: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT conname::text FROM pg_constraint WHERE conname LIKE '%state_check'")
            .fetch_all(&pool)
            .await
            .unwrap();
    // what the two parts of the queue add for their own rows
    let parts = ["emails_waiting_state_check", "emails_settled_state_check"];
    let missing: Vec<&String> = states
        .iter()
        .filter(|name| !parts.contains(&name.as_str()) && !enums.iter().any(|(known, _)| known == name))
        .collect();
    assert!(states.len() > 10 && missing.is_empty(), "without an enum: {missing:?}");
    for (constraint, values) in enums {
        let definition: String =
            sqlx::query_scalar("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1 LIMIT 1")
                .bind(constraint)
                .fetch_one(&pool)
                .await
                .unwrap_or_else(|error| panic!("{constraint}: {error}"));
        let mut allowed: Vec<&str> = definition.split('\'').skip(1).step_by(2).collect();
        allowed.sort_unstable();
        let mut values = values.to_vec();
        values.sort_unstable();
        assert_eq!(values, allowed, "{constraint}");
    }
}
