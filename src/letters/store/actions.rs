//! All SQL over `letter_actions`, their targets and templates.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::OfficialName;
use crate::{
    campaigns::{self, Action, Kind, State},
    error::{Error, Result},
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        paging::{Extent, PageParams},
        text::LocaleTag,
    },
};

/// What letter actions can be filtered by.
pub const ACTION_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "a.id", kind: FieldKind::Identifier },
    Field { name: "title", column_sql: "a.title", kind: FieldKind::Text },
    Field { name: "muster:slug", column_sql: "a.slug", kind: FieldKind::Text },
    Field {
        name: "muster:status",
        column_sql: "a.state",
        kind: FieldKind::Enum(&["draft", "published", "paused", "closed", "won", "lost", "cancelled", "archived"]),
    },
    Field { name: "muster:live", column_sql: "k.live", kind: FieldKind::Boolean },
    Field { name: "created_date", column_sql: "a.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "a.modified_at", kind: FieldKind::Timestamp },
]);

/// Where a letter goes: an office and, unless it is vacant, who holds it today.
#[derive(Clone, Debug)]
pub struct Target {
    /// The office.
    pub office_id: Uuid,
    /// Its slug.
    pub slug: String,
    /// Its title in its own language.
    pub title: String,
    /// Its title in other languages.
    pub titles: BTreeMap<String, String>,
    /// Its holder.
    pub holder: Option<OfficialName>,
}

/// What a letter says in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText {
    /// The language.
    pub locale: LocaleTag,
    /// Subjects, at least one.
    pub subjects: Vec<String>,
    /// The text, with placeholders.
    pub body: String,
}

/// A letter action with what all actions share.
#[derive(Clone, Debug)]
pub struct LetterAction {
    /// The shared part.
    pub action: Action,
    /// May a supporter change the text?
    pub editable: bool,
    /// Do letters go out? Until then they are held.
    pub live: bool,
    /// Where letters go, in order.
    pub targets: Vec<Target>,
    /// Their texts.
    pub templates: Vec<TemplateText>,
}

impl LetterAction {
    /// Do its letters go out now? While it is live and published.
    pub fn is_sending(&self) -> bool {
        self.live && self.action.state == State::Published
    }

    /// The target that this office is.
    pub fn target(&self, office: Uuid) -> Option<&Target> {
        self.targets.iter().find(|target| target.office_id == office)
    }

    /// The text in a language, else in the action's own, else the first.
    pub fn template(&self, locale: LocaleTag) -> Option<&TemplateText> {
        let of = |locale| self.templates.iter().find(|t| t.locale == locale);
        of(locale).or_else(|| of(self.action.locale)).or_else(|| self.templates.first())
    }
}

/// A target's office as a row.
struct TargetRow {
    office_id: Uuid,
    slug: String,
    title: String,
    texts: Value,
    honorific_prefix: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
}

impl From<TargetRow> for Target {
    fn from(row: TargetRow) -> Self {
        Self {
            office_id: row.office_id,
            slug: row.slug,
            title: row.title,
            titles: titles(&row.texts),
            holder: row.family_name.map(|family_name| OfficialName {
                honorific_prefix: row.honorific_prefix.unwrap_or_default(),
                given_name: row.given_name.unwrap_or_default(),
                family_name,
            }),
        }
    }
}

/// The titles in `offices.texts`.
pub fn titles(texts: &Value) -> BTreeMap<String, String> {
    let title = |text: &Value| text.get("title").and_then(Value::as_str).map(str::to_owned);
    let texts = texts.as_object().into_iter().flatten();
    texts.filter_map(|(tag, text)| Some((tag.clone(), title(text)?))).collect()
}

/// Completes an action to the letter action it belongs to, with the holders of `today`.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn load_for_action(conn: &mut PgConnection, action: Action, today: NaiveDate) -> Result<LetterAction> {
    let row = sqlx::query!("SELECT editable, live FROM letter_actions WHERE id = $1", action.id)
        .fetch_one(&mut *conn)
        .await?;
    let targets = sqlx::query_as!(
        TargetRow,
        r#"SELECT o.id AS office_id, o.slug, o.title, o.texts, h.honorific_prefix AS "honorific_prefix?",
                  h.given_name AS "given_name?", h.family_name AS "family_name?"
           FROM letter_targets lt JOIN offices o ON o.id = lt.office_id
           LEFT JOIN terms t ON t.office_id = o.id AND t.starts_on <= $2 AND (t.ends_on IS NULL OR t.ends_on >= $2)
           LEFT JOIN officials h ON h.id = t.official_id
           WHERE lt.letter_action_id = $1 ORDER BY lt.position, o.id"#,
        action.id,
        today
    )
    .fetch_all(&mut *conn)
    .await?;
    let templates = sqlx::query!(
        "SELECT locale, subjects, body FROM letter_templates WHERE letter_action_id = $1 ORDER BY locale",
        action.id
    )
    .fetch_all(conn)
    .await?;
    Ok(LetterAction {
        action,
        editable: row.editable,
        live: row.live,
        targets: targets.into_iter().map(Target::from).collect(),
        templates: templates
            .into_iter()
            .map(|t| TemplateText {
                locale: LocaleTag::parse(&t.locale).unwrap_or_default(),
                subjects: t.subjects,
                body: t.body,
            })
            .collect(),
    })
}

/// An office as a target.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn target(conn: &mut PgConnection, office: Uuid, today: NaiveDate) -> Result<Target> {
    targets(conn, &[office], today).await?.pop().ok_or_else(Error::not_found)
}

/// Offices as targets, even when no action writes to them any more; those that are there, in no order.
///
/// # Errors
/// A database error.
pub async fn targets(conn: &mut PgConnection, offices: &[Uuid], today: NaiveDate) -> Result<Vec<Target>> {
    let rows = sqlx::query_as!(
        TargetRow,
        r#"SELECT o.id AS "office_id!", o.slug AS "slug!", o.title AS "title!", o.texts AS "texts!", h.honorific_prefix AS "honorific_prefix?",
                  h.given_name AS "given_name?", h.family_name AS "family_name?"
           FROM offices o
           LEFT JOIN LATERAL (
               SELECT f.honorific_prefix, f.given_name, f.family_name FROM terms t JOIN officials f ON f.id = t.official_id
               WHERE t.office_id = o.id AND t.starts_on <= $2 AND (t.ends_on IS NULL OR t.ends_on >= $2) LIMIT 1) AS h ON true
           WHERE o.id = ANY ($1)"#,
        offices,
        today
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Target::from).collect())
}

/// A letter action by id or slug.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn by_key(conn: &mut PgConnection, key: &str, today: NaiveDate) -> Result<LetterAction> {
    let action = campaigns::by_key(conn, Kind::Letter, key).await?;
    load_for_action(conn, action, today).await
}

/// One page of an organization's letter actions (all public ones for `None`), newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number, or a database error.
pub async fn list(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
    today: NaiveDate,
) -> Result<(Vec<LetterAction>, Extent)> {
    let (actions, extent) = campaigns::page_of_actions(conn, Kind::Letter, organization, filter, page).await?;
    let mut rows = Vec::with_capacity(actions.len());
    for action in actions {
        rows.push(load_for_action(conn, action, today).await?);
    }
    Ok((rows, extent))
}

/// Writes a new letter action beside its `actions` row.
///
/// # Errors
/// A database error.
pub async fn insert(conn: &mut PgConnection, id: Uuid, editable: bool) -> Result<()> {
    sqlx::query!("INSERT INTO letter_actions (id, editable) VALUES ($1, $2)", id, editable).execute(conn).await?;
    Ok(())
}

/// Writes whether supporters may change the text.
///
/// # Errors
/// A database error.
pub async fn set_editable(conn: &mut PgConnection, id: Uuid, editable: bool) -> Result<()> {
    sqlx::query!("UPDATE letter_actions SET editable = $2 WHERE id = $1", id, editable).execute(conn).await?;
    Ok(())
}

/// Replaces where letters go.
///
/// # Errors
/// A database error.
pub async fn set_targets(conn: &mut PgConnection, id: Uuid, offices: &[Uuid]) -> Result<()> {
    sqlx::query!("DELETE FROM letter_targets WHERE letter_action_id = $1", id).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO letter_targets (letter_action_id, office_id, position)
         SELECT $1, u.office_id, (u.n - 1)::smallint FROM unnest($2::uuid[]) WITH ORDINALITY u (office_id, n)",
        id,
        offices
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces the texts.
///
/// # Errors
/// A database error.
pub async fn set_templates(conn: &mut PgConnection, id: Uuid, templates: &[TemplateText]) -> Result<()> {
    sqlx::query!("DELETE FROM letter_templates WHERE letter_action_id = $1", id).execute(&mut *conn).await?;
    for template in templates {
        sqlx::query!(
            "INSERT INTO letter_templates (letter_action_id, locale, subjects, body) VALUES ($1, $2, $3, $4)",
            id,
            template.locale.as_str(),
            &template.subjects,
            template.body
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Switches an action live, or back. Waits for every letter that is being dispatched, since `dispatch_letters` holds this row.
///
/// # Errors
/// A database error.
pub async fn switch_live(conn: &mut PgConnection, id: Uuid, live: bool, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE letter_actions SET live = $2, live_at = CASE WHEN $2 THEN $3::timestamptz END WHERE id = $1 AND live <> $2",
        id,
        live,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether an action's letters go out.
#[derive(Clone, Copy, Debug)]
pub struct SendingState {
    /// Whose it is.
    pub organization_id: Uuid,
    /// Its rows tell only the day.
    pub protected: bool,
    /// It is live and published.
    pub is_sending: bool,
    /// It was when its letters were last released or held back.
    pub was_sending: bool,
}

/// Whether an action's letters go out.
///
/// # Errors
/// A database error.
pub async fn load_sending_state(conn: &mut PgConnection, id: Uuid) -> Result<Option<SendingState>> {
    Ok(sqlx::query_as!(
        SendingState,
        r#"SELECT a.organization_id, a.privacy = 'protected' AS "protected!", l.live AND a.state = 'published' AS "is_sending!", l.is_sending AS was_sending
           FROM letter_actions l JOIN actions a ON a.id = l.id WHERE l.id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// The same, after locking the row that `dispatch_letters` holds: what it read before is committed then.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock_sending_state(conn: &mut PgConnection, id: Uuid) -> Result<SendingState> {
    sqlx::query!("SELECT FROM letter_actions WHERE id = $1 FOR NO KEY UPDATE", id).fetch_optional(&mut *conn).await?;
    load_sending_state(conn, id).await?.ok_or_else(Error::not_found)
}

/// Notes whether an action's letters go out.
///
/// # Errors
/// A database error.
pub async fn set_is_sending(conn: &mut PgConnection, id: Uuid, is_sending: bool) -> Result<()> {
    sqlx::query!("UPDATE letter_actions SET is_sending = $2 WHERE id = $1", id, is_sending).execute(conn).await?;
    Ok(())
}

/// Actions for which it changed whether letters go out while nobody told.
///
/// # Errors
/// A database error.
pub async fn find_changed_sending_states(conn: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT l.id FROM letter_actions l JOIN actions a ON a.id = l.id WHERE l.is_sending <> (l.live AND a.state = 'published')"
    )
    .fetch_all(conn)
    .await?)
}

/// Actions whose letters go out while some are held and there is no job of this name.
///
/// # Errors
/// A database error.
pub async fn find_unreleased(conn: &mut PgConnection, job: &str) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT l.id FROM letter_actions l JOIN actions a ON a.id = l.id
         WHERE l.live AND a.state = 'published' AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = $1 AND j.id = l.id)
           AND EXISTS (SELECT FROM outreaches o WHERE o.letter_action_id = l.id AND o.is_held)",
        job
    )
    .fetch_all(conn)
    .await?)
}
