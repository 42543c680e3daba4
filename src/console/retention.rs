//! The console's pages about the ends of actions: the last day of each, and deleting the data of one at once.

use axum::{extract::State, response::Response};
use minijinja::{context, value::Serde};
use serde::Serialize;
use uuid::Uuid;

use super::api_client::{ApiClient, flash_from_query};
use crate::{
    campaigns::{self, Action, retention},
    error::{Error, Result},
    kernel::{
        extract::PathParams,
        i18n,
        pages::{Visitor, private, see_other},
        text::LocaleTag,
    },
    organizers::{MaybeSession, Role, Scope},
};

/// An action as the pages show it.
#[derive(Serialize)]
struct Ending {
    id: Uuid,
    title: String,
    slug: String,
    collection: &'static str,
    state: &'static str,
    protected: bool,
    /// Last day, in words; empty: none yet.
    last_day: String,
}

impl Ending {
    fn of(action: &Action, locale: LocaleTag) -> Self {
        Self {
            id: action.id,
            title: action.title.clone(),
            slug: action.slug.clone(),
            collection: action.kind.collection(),
            state: action.state.as_str(),
            protected: action.protected,
            last_day: action.destroy_after.map(|day| i18n::date(locale, day)).unwrap_or_default(),
        }
    }
}

/// `GET /console/retention`
pub(super) async fn list(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::ActionsRead)?;
    let kernel = &api_client.console.kernel;
    let mut conn = kernel.db.acquire().await?;
    let organization = session.actor.organization_id;
    let status = retention::retention_status(&mut conn, Some(organization), kernel.env.now()).await?;
    let actions = retention::next_ends(&mut conn, organization).await?;
    let settings = api_client.get(&session, "/api/v1/retention").await?;
    drop(conn);
    let actions: Vec<Ending> = actions.iter().map(|action| Ending::of(action, visitor.locale)).collect();
    let is_owner = session.actor.role == Role::Owner;
    let page = context! {
        csrf => session.csrf, back => "/console/retention", done => flash_from_query(query.as_deref()).0,
        ahead => status.ahead, overdue => status.overdue, months => settings["muster:retention_months"].as_i64(),
        actions => Serde(&actions), is_owner,
    };
    kernel.pages.page("console/retention.html", &visitor, "", page).map(private)
}

/// `GET /console/retention/{id}`: the form that deletes the data of an action at once.
pub(super) async fn destroy_form(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::ActionsWrite)?;
    session.actor.require_owner()?;
    let kernel = &api_client.console.kernel;
    let action = campaigns::by_id(&mut *kernel.db.acquire().await?, id).await?;
    if action.organization_id != session.actor.organization_id {
        return Err(Error::not_found());
    }
    action.require_not_ended()?;
    let page = context! {
        csrf => session.csrf, back => "/console/retention", action => Serde(Ending::of(&action, visitor.locale)),
    };
    kernel.pages.page("console/destroy.html", &visitor, "", page).map(private)
}
