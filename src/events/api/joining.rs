//! `/api/v1/events/{id}/joining`: how an event is joined online. What it is joined with is written and replaced here, and shown
//! to nobody: the answer says what is there.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use validator::Validate;

use super::ensure_visible;
use crate::{
    campaigns::{self, Kind},
    error::{Error, FieldError, Result},
    events::{announcement, joining::Joining, plan::Event, store, submission::Events},
    kernel::{
        extract::PathParams,
        hal::Notice,
        http_cache::private_json,
        patch::Patch,
        text::{clean_line, clean_text},
    },
    organizers::{Actor, Scope, audit},
};

/// Fewer than so many who joined are not told apart.
const SMALLEST_CELL: i64 = 10;

/// What organizers write: absent members stay as they are, and an empty text takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "named as in the document")]
pub(super) struct JoiningDocument {
    /// The link of the meeting, https, at most 2,000 characters. No answer shows it.
    #[serde(rename = "muster:join_url", skip_serializing_if = "Option::is_none")]
    muster_join_url: Option<String>,
    /// The link of its interpretation, where that is a meeting of its own. No answer shows it.
    #[serde(rename = "muster:interpretation_url", skip_serializing_if = "Option::is_none")]
    muster_interpretation_url: Option<String>,
    /// Telephone numbers to join with, and their codes; at most 2,000 characters. No answer shows them.
    #[serde(rename = "muster:dial_in", skip_serializing_if = "Option::is_none")]
    muster_dial_in: Option<String>,
    /// How to join, and how to hide one's name; at most 2,000 characters.
    #[serde(rename = "muster:note")]
    muster_note: String,
    /// From so many minutes before each start the registered can join: 5 to 10,080.
    #[serde(rename = "muster:opens_minutes")]
    muster_opens_minutes: i64,
}

/// How an event is joined online, without the links.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct JoiningResource {
    #[serde(flatten)]
    document: JoiningDocument,
    /// Is there a link?
    #[serde(rename = "muster:has_join_url")]
    muster_has_join_url: bool,
    /// The host of the link, so that a wrong one is seen; or "".
    #[serde(rename = "muster:join_host")]
    muster_join_host: String,
    /// Is there a link of the interpretation?
    #[serde(rename = "muster:has_interpretation_url")]
    muster_has_interpretation_url: bool,
    /// Are there telephone numbers?
    #[serde(rename = "muster:has_dial_in")]
    muster_has_dial_in: bool,
    /// How many have joined by the button, by the day. Days with fewer than ten are merged.
    #[serde(rename = "muster:joined")]
    muster_joined: Vec<JoinedCell>,
}

/// How many have joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct JoinedCell {
    /// The day, in the event's zone; null: all days with fewer than ten.
    date: Option<NaiveDate>,
    /// How many; null: fewer than ten.
    joined: Option<i64>,
}

fn cells(days: &[(NaiveDate, i32)]) -> Vec<JoinedCell> {
    let (large, small): (Vec<_>, Vec<_>) =
        days.iter().map(|(day, joined)| (*day, i64::from(*joined))).partition(|(_, joined)| *joined >= SMALLEST_CELL);
    let mut cells: Vec<JoinedCell> =
        large.into_iter().map(|(day, joined)| JoinedCell { date: Some(day), joined: Some(joined) }).collect();
    if !small.is_empty() {
        let sum: i64 = small.iter().map(|(_, joined)| joined).sum();
        cells.push(JoinedCell { date: None, joined: Some(sum).filter(|sum| *sum >= SMALLEST_CELL) });
    }
    cells
}

fn document(event: &Event, joining: &Joining) -> JoiningDocument {
    JoiningDocument {
        muster_join_url: None,
        muster_interpretation_url: None,
        muster_dial_in: None,
        muster_note: joining.note.clone(),
        muster_opens_minutes: event.joining_opens.num_minutes(),
    }
}

async fn resource(conn: &mut sqlx::PgConnection, event: &Event, joining: &Joining) -> Result<JoiningResource> {
    let host = url::Url::parse(&joining.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    Ok(JoiningResource {
        document: document(event, joining),
        muster_has_join_url: !joining.url.is_empty(),
        muster_join_host: host.unwrap_or_default(),
        muster_has_interpretation_url: !joining.interpretation_url.is_empty(),
        muster_has_dial_in: !joining.dial_in.is_empty(),
        muster_joined: cells(&store::joins(conn, event.action.id).await?),
    })
}

/// A link as browsers understand it; "" takes it away.
fn link(pointer: &str, input: &str) -> Result<String, FieldError> {
    let refused = |detail: &str| FieldError::new(pointer, "invalid_value", detail.to_owned());
    let line = clean_line(input, 2000).map_err(|e| FieldError::new(pointer, e.code, e.detail))?;
    if line.is_empty() {
        return Ok(line);
    }
    let url = url::Url::parse(&line).ok().filter(|url| url.scheme() == "https" && url.has_host());
    url.map(String::from).ok_or_else(|| refused("Must be an address that starts with https://."))
}

impl JoiningDocument {
    /// Checks it, over what is there.
    fn parse(self, before: &Joining) -> Result<(Joining, i32)> {
        let mut errors = Vec::new();
        let mut take = |checked: Result<String, FieldError>| {
            checked.unwrap_or_else(|error| {
                errors.push(error);
                String::new()
            })
        };
        let text = |pointer: &str, input: &str| {
            clean_text(input, 2000).map_err(|e| FieldError::new(pointer, e.code, e.detail))
        };
        let kept = |before: &String| Ok(before.clone());
        let url = self.muster_join_url.as_deref().map(|url| link("/muster:join_url", url));
        let interpretation = self.muster_interpretation_url.as_deref();
        let interpretation = interpretation.map(|url| link("/muster:interpretation_url", url));
        let dial_in = self.muster_dial_in.as_deref().map(|numbers| text("/muster:dial_in", numbers));
        let joining = Joining {
            url: take(url.unwrap_or_else(|| kept(&before.url))),
            interpretation_url: take(interpretation.unwrap_or_else(|| kept(&before.interpretation_url))),
            dial_in: take(dial_in.unwrap_or_else(|| kept(&before.dial_in))),
            note: take(text("/muster:note", &self.muster_note)),
        };
        let minutes = i32::try_from(self.muster_opens_minutes).ok().filter(|minutes| (5..=10_080).contains(minutes));
        if minutes.is_none() {
            let detail = "Must lie between 5 and 10080.".to_owned();
            errors.push(FieldError::new("/muster:opens_minutes", "out_of_range", detail));
        }
        match minutes {
            Some(minutes) if errors.is_empty() => Ok((joining, minutes)),
            _ => Err(Error::Fields(errors)),
        }
    }
}

/// How an event is joined online: whether there is a link, not which, and how many have joined.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/joining",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "How it is joined", body = JoiningResource), (status = 404)),
)]
pub(super) async fn get_joining(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let mut conn = events.kernel.db.acquire().await?;
    let event = store::by_key(&mut conn, &key).await?;
    ensure_visible(Some(&actor), &event)?;
    let joining = Joining::open(&*event.action.open_vault(&events.kernel).await?, &event)?;
    Ok(private_json(StatusCode::OK, &resource(&mut conn, &event, &joining).await?))
}

/// Sets or replaces how an event is joined online; absent members stay. The buttons of all who are registered lead to the new link
/// at once. When there was none before, they are mailed that there is.
#[utoipa::path(
    put,
    path = "/api/v1/events/{id}/joining",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = JoiningDocument,
    responses(
        (status = 200, description = "Changed", body = JoiningResource),
        (status = 404),
        (status = 422),
    ),
)]
pub(super) async fn update_joining(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    patch: Patch<JoiningResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Event, &key, &actor).await?;
    let before = store::event(&mut tx, action.id).await?;
    let vault = before.action.open_vault(kernel).await?;
    let old = Joining::open(&vault, &before)?;
    let (new, minutes) = patch.apply(&document(&before, &old))?.parse(&old)?;
    if !new.is_empty() && !before.action.confirms {
        let detail = "This event asks for no confirmation, so it cannot have a private link.";
        return Err(Error::field("/muster:join_url", "not_allowed", detail));
    }
    let opens = TimeDelta::minutes(minutes.into());
    if new != old || before.joining_opens != opens {
        let sealed = new.seal(kernel, &vault, action.id);
        store::save_joining(&mut tx, action.id, sealed.as_deref(), opens).await?;
        audit(&mut tx, &kernel.env, &actor, "event.joining", Some(action.id), json!({})).await?;
    }
    let after = store::event(&mut tx, action.id).await?;
    announcement::announce(&mut tx, kernel, &before, &after).await?;
    let body = resource(&mut tx, &after, &new).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Takes away what an event is joined with.
#[utoipa::path(
    delete,
    path = "/api/v1/events/{id}/joining",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Deleted", body = Notice), (status = 404)),
)]
pub(super) async fn delete_joining(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Event, &key, &actor).await?;
    let event = store::event(&mut tx, action.id).await?;
    store::save_joining(&mut tx, action.id, None, event.joining_opens).await?;
    audit(&mut tx, &kernel.env, &actor, "event.joining", Some(action.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "There is nothing to join online with any more." }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_under_ten_are_merged() {
        let day = |n| NaiveDate::from_ymd_opt(2027, 1, n).unwrap();
        let cell = |date, joined| JoinedCell { date, joined };
        assert_eq!(cells(&[]), []);
        assert_eq!(cells(&[(day(1), 9)]), [cell(None, None)]);
        assert_eq!(
            cells(&[(day(1), 9), (day(2), 10), (day(3), 1)]),
            [cell(Some(day(2)), Some(10)), cell(None, Some(10))]
        );
    }
}
