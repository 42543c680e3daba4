//! The console's page of a petition, and the printable sheet of a petition delivery.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use data_encoding::HEXLOWER;
use futures_util::{StreamExt, TryStreamExt, stream};
use minijinja::{context, value::Serde};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{actions, api_client::ApiClient, frame::Page};
use crate::{
    campaigns::{self, Kind, Privacy},
    error::Result,
    exports,
    kernel::{
        extract::PathParams,
        i18n,
        pages::{Visitor, private, see_other},
        zones,
    },
    organizers::{self, MaybeSession, Scope},
    petitions::{self, CommentState, SignatureState},
};

/// Number of quarantined signatures, and of comments to moderate, shown on the page.
const ROWS_PER_PAGE: u32 = 25;
/// The lists that can be longer than the page shows: name in the template and in the query, path below the petition,
/// name in the answer.
const LISTS: [(&str, &str, &str); 5] = [
    ("jobs", "invalidations", "muster:invalidations"),
    ("imports", "imports", "muster:imports"),
    ("paper", "paper_batches", "muster:paper_batches"),
    ("deliveries", "deliveries", "muster:deliveries"),
    ("history", "history", "muster:history"),
];

/// `GET /console/petitions/{id}`
pub(super) async fn show(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::ActionsRead)?;
    let key = page.path("{id}")?;
    let base = format!("/api/v1/petitions/{key}");
    let read = async |path: &str| page.get(&format!("{base}{path}")).await;
    let signatures = |member: &str, value: &str| {
        format!("/signatures?per_page={ROWS_PER_PAGE}&filter=muster%3A{member}%20eq%20%27{value}%27")
    };
    let held = signatures("state", SignatureState::Quarantined.as_str());
    let unread = signatures("comment_state", CommentState::Waiting.as_str());
    let petition = read("").await?;
    let is_protected = petition["muster:privacy"] == Privacy::Protected.as_str();
    let (mut lists, mut pages) = (Map::new(), Map::new());
    for (name, path, rel) in LISTS {
        let number = page.number(name);
        let list = read(&format!("/{path}?page={number}&per_page={ROWS_PER_PAGE}")).await?;
        lists.insert(name.to_owned(), list["_embedded"][rel].clone());
        pages.insert(name.to_owned(), json!({"page": list["page"], "total_pages": list["total_pages"]}));
    }
    let sections = json!({
        "counts": read("/counts").await?,
        "sources": read("/counts?by=source").await?["muster:counts"],
        "regions": read("/counts?by=region").await?["muster:counts"],
        "held": read(&held).await?,
        "unread": if is_protected { Value::Null } else { read(&unread).await? },
    });
    let template = context! {
        id => key.as_str(), base => base.as_str(), back => format!("/console/petitions/{key}"), petition => Serde(&petition),
        head => actions::head(&page, Kind::Petition, &key, &petition).await?,
        may => context! {
            write => page.allows(Scope::ActionsWrite), decide => page.allows(Scope::ContactsWrite),
            export => page.allows(Scope::ContactsExport) && !is_protected,
        },
        export_url => actions::export(&page, Kind::Petition, &key, &petition),
        pages => Serde(&pages),
    };
    let template = context! {
        ..template, ..minijinja::Value::from(Serde(&sections)), ..minijinja::Value::from(Serde(&lists))
    };
    page.render("console/petition.html", template)
}

/// Marker in the rendered sheet, replaced by the names.
const NAMES: &str = "<!--names-->";

/// `GET /console/petitions/{id}/deliveries/{delivery}`: the sheet; names are streamed from the database.
pub(super) async fn delivery_sheet(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    PathParams((id, delivery)): PathParams<(Uuid, Uuid)>,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::ContactsExport)?;
    let kernel = &api_client.console.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &id.to_string(), Some(&session.actor)).await?;
    let petition = petitions::load_for_action(&mut conn, action).await?;
    let delivery = petitions::find_petition_delivery(&mut conn, &petition, delivery).await?;
    let figures = petitions::delivery_counts(&mut conn, &petition, &delivery).await?;
    let details = json!({"delivery": delivery.id, "as": "sheet"});
    organizers::admit_export(&mut conn, kernel, &session.actor, "names.export", Some(id), details).await?;
    drop(conn);
    let (text, _) = petition.action.text(visitor.locale, &petition.petition_text);
    let page = context! {
        canonical => "", title => text.title, text_html => crate::kernel::markdown::render(&text.body),
        targets => petition.targets.clone(), demands => petition.demands.clone(), hosted_by => petition.action.hosted_by.as_str(),
        date => i18n::date(visitor.locale, delivery.date), place => delivery.place.as_str(),
        total => figures.total, paper => figures.paper, regions => Serde(&figures.regions),
        stated_at => delivery.statement.as_ref().map(|s| i18n::date_time(visitor.locale, s.at, *zones::DEFAULT)),
        sha256 => delivery.statement.as_ref().map(|s| HEXLOWER.encode(&s.sha256)),
        receipts_url => kernel.url(&format!("{}/deliveries/{}", petition.action.path(), delivery.id)),
    };
    let html = kernel.pages.render("console/sheet.html", visitor.locale, page)?;
    let (head, tail) = html.split_once(NAMES).unwrap_or((&html, ""));
    let (head, tail) = (Bytes::copy_from_slice(head.as_bytes()), Bytes::copy_from_slice(tail.as_bytes()));
    let names = exports::names(kernel.clone(), &petition.action).map_ok(|batch| {
        let lines = batch.iter().map(|n| format!("<li>{}</li>\n", minijinja::HtmlEscape(&n.name)));
        Bytes::from(lines.collect::<String>())
    });
    let one = |bytes| stream::once(std::future::ready(Ok(bytes)));
    let mut response = crate::kernel::pages::html_response(String::new(), visitor.locale);
    *response.body_mut() = Body::from_stream(one(head).chain(names).chain(one(tail)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(private(response))
}
