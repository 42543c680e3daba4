//! The console's pages about the ends of actions: the last day of each, and deleting the data of one at once.

use axum::{extract::Request, http::Method, response::Response};
use minijinja::{context, value::Serde};
use serde::Serialize;
use uuid::Uuid;

use super::{
    api_client::{json, read_request},
    forms,
    frame::Page,
};
use crate::{
    campaigns::{self, Action, retention},
    error::{Error, Result},
    kernel::{i18n, text::LocaleTag},
    organizers::{Role, Scope},
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
pub(super) async fn list(page: Page) -> Result<Response> {
    let actor = &page.session.actor;
    actor.require(Scope::ActionsRead)?;
    let kernel = &page.client.console.kernel;
    let mut conn = kernel.db.acquire().await?;
    let status = retention::retention_status(&mut conn, Some(actor.organization_id), kernel.env.now()).await?;
    let actions = retention::next_ends(&mut conn, actor.organization_id).await?;
    drop(conn);
    let settings = page.get("/api/v1/retention").await?;
    let actions: Vec<Ending> = actions.iter().map(|action| Ending::of(action, page.visitor.locale)).collect();
    let template = context! {
        ahead => status.ahead, overdue => status.overdue, months => settings["muster:retention_months"].as_i64(),
        actions => Serde(&actions), is_owner => actor.role == Role::Owner,
    };
    page.render("console/retention.html", template)
}

/// `GET /console/retention/{id}`: the form that deletes the data of an action at once.
pub(super) async fn destroy_form(page: Page) -> Result<Response> {
    let (locale, action) = to_destroy(&page).await?;
    page.render(
        "console/destroy.html",
        context! { action => Serde(Ending::of(&action, locale)), error => "", slug => "" },
    )
}

/// `POST /console/retention/{id}`: deletes the data; a slug that is not the action's comes back as it was typed.
pub(super) async fn destroy(page: Page, request: Request) -> Result<Response> {
    let (fields, _) = read_request(request, &page.session).await?;
    let slug = fields.into_iter().find(|(name, _)| name == "/slug").map(|(_, slug)| slug).unwrap_or_default();
    let (locale, action) = to_destroy(&page).await?;
    let path = format!("/api/v1/{}/{}/destroy", action.kind.collection(), action.id);
    let body = serde_json::json!({"slug": slug}).to_string();
    let answer = page.client.call(&page.session, Method::POST, &path, "application/json", body.into()).await?;
    if answer.status().is_success() {
        return page.done("/console/retention#actions", "", None);
    }
    let status = answer.status();
    let refused = forms::refusals(locale, &json(answer).await?).into_iter().next();
    let error = refused.map(|refused| refused.message).unwrap_or_default();
    let template = context! { action => Serde(Ending::of(&action, locale)), error, slug };
    let mut response = page.render("console/destroy.html", template)?;
    *response.status_mut() = status;
    Ok(response)
}

/// The action whose data is to be deleted; only for owners.
async fn to_destroy(page: &Page) -> Result<(LocaleTag, Action)> {
    let actor = &page.session.actor;
    actor.require(Scope::ActionsWrite)?;
    actor.require_owner()?;
    let id = page.path("{id}")?.parse().map_err(|_| Error::not_found())?;
    let action = campaigns::by_id(&mut *page.client.console.kernel.db.acquire().await?, id).await?;
    if action.organization_id != actor.organization_id {
        return Err(Error::not_found());
    }
    action.require_not_ended()?;
    Ok((page.visitor.locale, action))
}
