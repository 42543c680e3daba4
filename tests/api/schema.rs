//! What holds for the whole schema: every foreign key has an index, evidence does not change.

use sqlx::PgPool;

#[sqlx::test(migrations = "./migrations")]
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

#[sqlx::test(migrations = "./migrations")]
async fn consents_and_the_audit_trail_do_not_change(pool: PgPool) {
    let guarded: Vec<String> = sqlx::query_scalar(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_append_only' ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(guarded, ["audit_entries", "consents"]);
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
    let changed = sqlx::query("UPDATE audit_entries SET verb = 'y'").execute(&pool).await;
    assert!(changed.unwrap_err().to_string().contains("append-only"));
}
