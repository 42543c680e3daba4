//! All SQL over `letter_actions`, their targets and templates.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{OfficeTitles, OfficialName};
use crate::{
    campaigns::{self, Action, Kind, State},
    error::{Error, Result},
    kernel::{
        db::force_index_plan,
        filter::{Field, FieldKind, FieldSet, Filter},
        paging::{Extent, PageParams},
        text::LocaleTag,
    },
};

/// Fields of `filter` in the list of letter actions.
pub(crate) const ACTION_FIELDS: FieldSet = FieldSet(&[
    campaigns::IDENTIFIER_FIELD,
    Field { name: "title", column_sql: "a.title", kind: FieldKind::Text },
    Field { name: "muster:slug", column_sql: "a.slug", kind: FieldKind::Text },
    Field { name: "muster:status", column_sql: "a.state", kind: FieldKind::Enum(State::NAMES) },
    Field { name: "muster:live", column_sql: "k.live", kind: FieldKind::Boolean },
    Field { name: "created_date", column_sql: "a.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "a.modified_at", kind: FieldKind::Timestamp },
]);

/// A target of a letter action: an office and, unless it is vacant, its holder today.
#[derive(Clone, Debug)]
pub struct Target {
    /// Id of the office.
    pub office_id: Uuid,
    /// Slug of the office.
    pub slug: String,
    /// Its title in its own language.
    pub title: String,
    /// Its title in other languages, by language tag.
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
    /// Switched live by an organizer? Until then letters are held.
    pub live: bool,
    /// Offices, in order.
    pub targets: Vec<Target>,
    /// Templates, one for each language.
    pub templates: Vec<TemplateText>,
}

impl LetterAction {
    /// Are its letters sent at present? While it is live and published.
    pub fn is_sending(&self) -> bool {
        self.live && self.action.state == State::Published
    }

    /// The target with this office.
    pub fn target(&self, office: Uuid) -> Option<&Target> {
        self.targets.iter().find(|target| target.office_id == office)
    }

    /// The template in a language, else in the action's own, else the first.
    pub fn template(&self, locale: LocaleTag) -> Option<&TemplateText> {
        let of = |locale| self.templates.iter().find(|t| t.locale == locale);
        of(locale).or_else(|| of(self.action.locale)).or_else(|| self.templates.first())
    }
}

/// Row of the queries for targets.
struct TargetRow {
    office_id: Uuid,
    slug: String,
    title: String,
    texts: Json<OfficeTitles>,
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
            titles: row.texts.0.into_iter().map(|(tag, text)| (tag, text.title)).collect(),
            holder: row.family_name.map(|family_name| OfficialName {
                honorific_prefix: row.honorific_prefix.unwrap_or_default(),
                given_name: row.given_name.unwrap_or_default(),
                family_name,
            }),
        }
    }
}

/// Loads the letter action of an action, with the holders of `today`.
///
/// # Errors
/// `not_found`.
pub(crate) async fn load_for_action(conn: &mut PgConnection, action: Action, today: NaiveDate) -> Result<LetterAction> {
    let row = sqlx::query!("SELECT editable, live FROM letter_actions WHERE id = $1", action.id)
        .fetch_one(&mut *conn)
        .await?;
    let targets = sqlx::query_as!(
        TargetRow,
        r#"SELECT o.id AS office_id, o.slug, o.title, o.texts AS "texts: Json<OfficeTitles>", h.honorific_prefix AS "honorific_prefix?",
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
/// `not_found`.
pub(crate) async fn target(conn: &mut PgConnection, office: Uuid, today: NaiveDate) -> Result<Target> {
    targets(conn, &[office], today).await?.pop().ok_or_else(Error::not_found)
}

/// Offices as targets, also those that are no longer targets of an action; those that exist, in no order.
pub async fn targets(conn: &mut PgConnection, offices: &[Uuid], today: NaiveDate) -> Result<Vec<Target>> {
    let rows = sqlx::query_as!(
        TargetRow,
        r#"SELECT o.id AS "office_id!", o.slug AS "slug!", o.title AS "title!", o.texts AS "texts!: Json<OfficeTitles>", h.honorific_prefix AS "honorific_prefix?",
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
/// `not_found`.
pub(crate) async fn by_key(conn: &mut PgConnection, key: &str, today: NaiveDate) -> Result<LetterAction> {
    let action = campaigns::by_key(conn, Kind::Letter, key).await?;
    load_for_action(conn, action, today).await
}

/// One page of an organization's letter actions (all public ones for `None`), newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn list(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
    today: NaiveDate,
) -> Result<(Vec<LetterAction>, Extent)> {
    let filtered = "actions a JOIN letter_actions k ON k.id = a.id";
    let (actions, extent) =
        campaigns::page_of_actions(conn, Kind::Letter, filtered, organization, filter, page).await?;
    let mut rows = Vec::with_capacity(actions.len());
    for action in actions {
        rows.push(load_for_action(conn, action, today).await?);
    }
    Ok((rows, extent))
}

/// Inserts the `letter_actions` row of a new letter action.
pub(crate) async fn insert(conn: &mut PgConnection, id: Uuid, editable: bool) -> Result<()> {
    sqlx::query!("INSERT INTO letter_actions (id, editable) VALUES ($1, $2)", id, editable).execute(conn).await?;
    Ok(())
}

/// Sets whether supporters may change the text.
pub(crate) async fn set_editable(conn: &mut PgConnection, id: Uuid, editable: bool) -> Result<()> {
    sqlx::query!("UPDATE letter_actions SET editable = $2 WHERE id = $1", id, editable).execute(conn).await?;
    Ok(())
}

/// Replaces the targets of a letter action.
pub(crate) async fn set_targets(conn: &mut PgConnection, id: Uuid, offices: &[Uuid]) -> Result<()> {
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

/// Replaces the templates of a letter action.
pub(crate) async fn set_templates(conn: &mut PgConnection, id: Uuid, templates: &[TemplateText]) -> Result<()> {
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

/// Switches an action live, or back. Waits for concurrent `dispatch_letters`, which hold this row.
pub(crate) async fn switch_live(conn: &mut PgConnection, id: Uuid, live: bool, at: DateTime<Utc>) -> Result<()> {
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

/// Whether an action sends letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendingState {
    /// Its organization.
    pub organization_id: Uuid,
    /// Times in its rows are floored to the day.
    pub protected: bool,
    /// It is live and published.
    pub is_sending: bool,
    /// The value saved when the job was last enqueued (`letter_actions.is_sending`).
    pub was_sending: bool,
}

/// Whether an action sends letters; `None` if it does not exist.
pub(crate) async fn load_sending_state(conn: &mut PgConnection, id: Uuid) -> Result<Option<SendingState>> {
    Ok(sqlx::query_as!(
        SendingState,
        r#"SELECT a.organization_id, a.privacy = 'protected' AS "protected!", l.live AND a.state = 'published' AS "is_sending!", l.is_sending AS was_sending
           FROM letter_actions l JOIN actions a ON a.id = l.id WHERE l.id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// The same, after locking the row that `dispatch_letters` holds, so that concurrent dispatches have committed.
///
/// # Errors
/// `not_found`.
pub(crate) async fn lock_sending_state(conn: &mut PgConnection, id: Uuid) -> Result<SendingState> {
    sqlx::query!("SELECT FROM letter_actions WHERE id = $1 FOR NO KEY UPDATE", id).fetch_optional(&mut *conn).await?;
    load_sending_state(conn, id).await?.ok_or_else(Error::not_found)
}

/// Saves whether an action sends letters.
pub(crate) async fn set_is_sending(conn: &mut PgConnection, id: Uuid, is_sending: bool) -> Result<()> {
    sqlx::query!("UPDATE letter_actions SET is_sending = $2 WHERE id = $1", id, is_sending).execute(conn).await?;
    Ok(())
}

/// Actions that were sending and stopped without a request (closed by the tick). None begins without one.
pub(crate) async fn find_stopped(tx: &mut PgConnection) -> Result<Vec<Uuid>> {
    force_index_plan(tx).await?;
    Ok(sqlx::query_scalar!(
        "SELECT l.id FROM letter_actions l WHERE l.is_sending
           AND NOT (l.live AND (SELECT a.state FROM actions a WHERE a.id = l.id) = 'published')"
    )
    .fetch_all(tx)
    .await?)
}

/// Switches off the actions that are live while outreaches are held; returns their ids.
pub(crate) async fn switch_off_releasing(conn: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "UPDATE letter_actions l SET live = false, live_at = NULL
         WHERE l.live AND EXISTS (SELECT FROM outreaches o WHERE o.letter_action_id = l.id AND o.is_held) RETURNING l.id"
    )
    .fetch_all(conn)
    .await?)
}

/// Actions that send while outreaches are held and no job of this name exists.
pub(crate) async fn find_unreleased(conn: &mut PgConnection, job: &str) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT l.id FROM letter_actions l JOIN actions a ON a.id = l.id
         WHERE l.live AND a.state = 'published' AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = $1 AND j.id = l.id)
           AND EXISTS (SELECT FROM outreaches o WHERE o.letter_action_id = l.id AND o.is_held)",
        job
    )
    .fetch_all(conn)
    .await?)
}
