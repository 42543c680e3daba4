//! The console's pages about accounts: the own account, the team, API tokens, and the password once more before what cannot be
//! taken back.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use minijinja::{context, value::Serde};
use serde_json::{Value, json};

use super::{
    api_client::back_in_console,
    frame::{Page, id_of},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        forms::FormInput,
        i18n,
        pages::{private, see_other},
        rate_limit::Source,
        text::LocaleTag,
        zones,
    },
    organizers::{self, NewToken, Role, TokenPreset},
};

/// Rows of a list on a page.
const ROWS_PER_PAGE: u32 = 25;

/// What a form is refused for, in the reader's language; the other errors as they are.
pub(super) fn refusals(locale: LocaleTag, error: Error) -> Result<Vec<String>> {
    let text = |code: &str| Some(i18n::text(locale, &format!("field-error-{code}")));
    match error {
        Error::Fields(fields) => Ok(fields
            .iter()
            .map(|field| {
                let known = text(&field.code).filter(|text| *text != format!("field-error-{}", field.code));
                known.unwrap_or_else(|| i18n::text(locale, "field-error-unknown_value"))
            })
            .collect()),
        error if error.code() == Code::Conflict => Ok(text("account_exists").into_iter().collect()),
        error if error.code() == Code::TooManyRequests => Ok(text("too_many_attempts").into_iter().collect()),
        error => Err(error),
    }
}

/// The status with which a form is shown again.
pub(super) fn refused_status(error: &Error) -> StatusCode {
    error.code().status()
}

/// Where the password is typed once more before going on at `back`.
pub(super) fn confirm_url(back: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("back", back).finish();
    format!("/console/confirm?{query}")
}

/// A time of the API in the reader's words; empty for null.
fn time(locale: LocaleTag, value: &Value) -> String {
    let at = value.as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
    at.map(|at| i18n::date_time(locale, at, *zones::DEFAULT)).unwrap_or_default()
}

/// The day of a date or a time of the API in the reader's words; empty for null.
fn day(locale: LocaleTag, value: &Value) -> String {
    let day = value.as_str().and_then(|at| at.get(..10)?.parse().ok());
    day.map(|day| i18n::date(locale, day)).unwrap_or_default()
}

/// The rows of one page of a list of the API, and what its pager needs.
async fn list(page: &Page, path: &str, rel: &str, number: u64) -> Result<(Vec<Value>, Value)> {
    let found = page.get(&format!("{path}?page={number}&per_page={ROWS_PER_PAGE}")).await?;
    let rows = found["_embedded"][rel].as_array().cloned().unwrap_or_default();
    Ok((rows, json!({"page": found["page"], "total_pages": found["total_pages"]})))
}

/// `GET /console/account`
pub(super) async fn account(page: Page) -> Result<Response> {
    let locale = page.visitor.locale;
    let profile = page.get("/api/v1/profile").await?;
    let (sessions, _) = list(&page, "/api/v1/profile/sessions", "muster:sessions", 1).await?;
    let sessions: Vec<Value> = sessions
        .iter()
        .map(|row| {
            json!({
                "id": id_of(row), "device": row["device"], "is_current": row["is_current"],
                "begun": time(locale, &row["created_date"]), "used": time(locale, &row["last_used_date"]),
            })
        })
        .collect();
    let kernel = &page.client.console.kernel;
    let actor = &page.session.actor;
    let has_second_factor = organizers::has_second_factor(&mut *kernel.db.acquire().await?, actor.organizer_id).await?;
    let shown = context! {
        has_second_factor, needs_second_factor => organizers::is_required(kernel, actor.role),
        back => "/console/account", profile => Serde(&profile), role => actor.role.as_str(),
        sessions => Serde(&sessions),
    };
    page.render("console/account.html", shown)
}

/// `GET /console/team`
pub(super) async fn team(page: Page) -> Result<Response> {
    page.session.actor.require_owner()?;
    let locale = page.visitor.locale;
    let number = page.number("organizers");
    let (organizers, of_organizers) = list(&page, "/api/v1/organizers", "muster:organizers", number).await?;
    let number = page.number("invitations");
    let (invitations, of_invitations) = list(&page, "/api/v1/invitations", "muster:invitations", number).await?;
    let with_id = |mut row: Value| {
        row["id"] = id_of(&row).into();
        row["until"] = time(locale, &row["expires_date"]).into();
        row
    };
    let organizers: Vec<Value> = organizers.into_iter().map(with_id).collect();
    let invitations: Vec<Value> = invitations.into_iter().map(with_id).collect();
    let pages = json!({"organizers": of_organizers, "invitations": of_invitations});
    let shown = context! {
        back => "/console/team", own_id => page.session.actor.organizer_id.to_string(),
        roles => Role::ALL.map(Role::as_str), organizers => Serde(&organizers), invitations => Serde(&invitations),
        pages => Serde(&pages),
    };
    page.render("console/team.html", shown)
}

/// The page of tokens; `created` is the one that was just made, which is shown once.
async fn tokens_page(page: &Page, created: &str, errors: &[String]) -> Result<Response> {
    let locale = page.visitor.locale;
    let (tokens, pager) = list(page, "/api/v1/tokens", "muster:tokens", page.number("tokens")).await?;
    let row = |row: &Value| {
        let scopes = row["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        json!({
            "id": id_of(row), "name": row["name"], "organizer": row["organizer"], "state": row["state"],
            "scopes": scopes.collect::<Vec<_>>().join(" "), "ends": time(locale, &row["expires_date"]),
            "used": day(locale, &row["last_used_date"]),
        })
    };
    let tokens: Vec<Value> = tokens.iter().map(row).collect();
    let presets = [TokenPreset::Website, TokenPreset::CrmSync, TokenPreset::Numbers];
    let shown = context! {
        back => "/console/tokens", is_owner => page.session.actor.role == Role::Owner, presets => Serde(&presets),
        tokens => Serde(&tokens), pages => Serde(&json!({"tokens": pager})), created, errors => Serde(errors),
    };
    page.render("console/tokens.html", shown)
}

/// `GET /console/tokens`
pub(super) async fn tokens(page: Page) -> Result<Response> {
    tokens_page(&page, "", &[]).await
}

/// `POST /console/tokens`: makes a token and shows it, once.
pub(super) async fn create_token(page: Page, form: FormInput) -> Result<Response> {
    page.session.check(form.text("csrf"))?;
    let new = NewToken {
        name: form.text("name").to_owned(),
        preset: serde_json::from_value(form.text("preset").into()).ok(),
        scopes: Vec::new(),
        expires_date: form.given("expires_date").and_then(|day| day.parse().ok()),
    };
    match organizers::make_token(&page.client.console.kernel, &page.session.actor, &new).await {
        Ok(made) => Ok((StatusCode::CREATED, tokens_page(&page, &made.token, &[]).await?).into_response()),
        Err(error) if error.code() == Code::ConfirmationRequired => {
            Ok(private(see_other(&confirm_url("/console/tokens"))))
        }
        Err(error) => {
            let status = refused_status(&error);
            let errors = refusals(page.visitor.locale, error)?;
            Ok((status, tokens_page(&page, "", &errors).await?).into_response())
        }
    }
}

fn confirm_page(page: &Page, back: &str, errors: &[String]) -> Result<Response> {
    page.render("console/confirm.html", context! { back, errors => Serde(errors) })
}

/// `GET /console/confirm`
pub(super) async fn confirm_form(page: Page) -> Result<Response> {
    confirm_page(&page, back_in_console(&page.query("back").unwrap_or_default()), &[])
}

/// `POST /console/confirm`: with the right password the session gets another cookie.
pub(super) async fn confirm(page: Page, source: Source, form: FormInput) -> Result<Response> {
    page.session.check(form.text("csrf"))?;
    let console = &page.client.console;
    let back = back_in_console(form.text("back"));
    match console.authenticator.confirm_session(&page.session, form.text("password"), source).await {
        Ok(renewed) => {
            let mut response = private(see_other(back));
            let cookie = organizers::session_cookie(&console.kernel, &renewed)?;
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => {
            let status = refused_status(&error);
            let errors = refusals(page.visitor.locale, error)?;
            Ok((status, confirm_page(&page, back, &errors)?).into_response())
        }
    }
}
