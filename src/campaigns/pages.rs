//! Updates, pictures, short links, the page behind every link in mail, and what pages of campaigns show.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State as Shared},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{context, value::Serde};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    chart,
    image_cache::ImageCache,
    images::{self, ActionImage},
    ops::localized,
    short_link_clicks::ClickCounter,
    store::{self, UpdateRow},
    updates::UpdateKind,
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        cache::Cache,
        extract::PathParams,
        forms::FormInput,
        i18n,
        links::{ExternalUrl, LinkHandlers, LinkPage, incomplete},
        markdown,
        pages::{Visitor, html_response, leading_away, private, see_other},
        paging::PageParams,
        text::LocaleTag,
    },
};

/// Maximum number of updates on a campaign's page.
const UPDATES: u32 = 60;

/// State of these pages.
#[derive(Clone, Debug)]
pub struct PublicPages {
    /// Shared runtime state.
    pub kernel: Arc<Kernel>,
    /// Handlers of mailed links.
    pub purposes: LinkHandlers,
    /// Contents of the pages of updates, by path.
    seen: Arc<Cache<(String, LocaleTag), minijinja::Value>>,
    short_link_clicks: Arc<ClickCounter>,
    images: Arc<ImageCache>,
}

impl PublicPages {
    /// These pages with empty caches.
    pub fn new(kernel: Arc<Kernel>, purposes: LinkHandlers) -> Self {
        let seen = Cache::invalidated_by(kernel.env.clone(), &kernel.cache_invalidator, |_, _, _| true);
        let images = ImageCache::watching(&kernel.env, &kernel.cache_invalidator);
        Self { short_link_clicks: ClickCounter::new(PgPool::clone(&kernel.db)), kernel, purposes, seen, images }
    }
}

/// Routes of these pages.
pub fn pages(state: PublicPages) -> Router {
    Router::new()
        .route("/u/{id}", get(update))
        .route("/images/{id}", get(image))
        .route("/go/{word}", get(short_link))
        .route("/t/{token}", get(show_link).post(act_on_link))
        .with_state(state)
}

#[derive(Serialize)]
struct Post {
    kind: UpdateKind,
    kind_label: String,
    title: String,
    date: String,
    body_html: String,
    figures: Value,
    source_url: String,
    url: String,
    pseudonym: String,
    image: Option<ActionImage>,
    media_contact: String,
    quotes: Value,
}

fn post(row: UpdateRow, locale: LocaleTag) -> Post {
    let (title, _) = localized(&row.texts, locale, &row.title, "");
    Post {
        kind_label: i18n::text(locale, &format!("update-kind-{}", row.kind.as_str())),
        kind: row.kind,
        title,
        date: i18n::date(locale, row.happened_on),
        body_html: markdown::render(&row.body),
        figures: row.figures,
        source_url: row.source_url,
        url: format!("/u/{}", row.id),
        pseudonym: row.pseudonym,
        image: ActionImage::of(row.image_id, row.image_alt, row.image_width, row.image_height),
        media_contact: row.media_contact,
        quotes: row.quotes,
    }
}

/// Template context of the home page, without its actions: the organization's name while there is only one, and campaigns.
pub async fn home_context(conn: &mut PgConnection, locale: LocaleTag) -> Result<minijinja::Value> {
    let organization = store::only_organization(conn).await?;
    let (campaigns, _) = store::campaigns(conn, None, None, &PageParams::first(20)).await?;
    let campaigns: Vec<Value> = campaigns
        .iter()
        .map(|c| {
            let (title, summary) = localized(&c.texts, locale, &c.title, &c.summary);
            serde_json::json!({"title": title, "summary": summary, "url": format!("/c/{}", c.slug)})
        })
        .collect();
    Ok(context! { organization, campaigns => Serde(campaigns) })
}

/// Id of a published campaign, and the template context of its page, without its actions.
///
/// # Errors
/// `not_found`.
pub async fn campaign_context(
    conn: &mut PgConnection,
    slug: &str,
    locale: LocaleTag,
) -> Result<(Uuid, minijinja::Value)> {
    let row = store::campaign(conn, None, slug).await?;
    let (updates, _) = store::updates(conn, None, Some(row.id), &PageParams::first(UPDATES)).await?;
    let (title, summary) = localized(&row.texts, locale, &row.title, &row.summary);
    let url = format!("/c/{}", row.slug);
    let series = chart::gather(updates.iter().map(|update| (update.happened_on, &update.figures)));
    let chart_svg_html = chart::draw(&series);
    let page = context! {
        campaign => context! { title, summary, description_html => markdown::render(&row.description), url },
        updates => Serde(updates.into_iter().map(|u| post(u, locale)).collect::<Vec<_>>()),
        chart_svg_html, series => Serde(&series),
    };
    Ok((row.id, page))
}

/// The page of one update, for links and for printing.
async fn update(
    Shared(pages): Shared<PublicPages>,
    visitor: Visitor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    let kernel = &pages.kernel;
    let path = format!("/u/{id}");
    let load = async || {
        let mut conn = kernel.db.acquire().await?;
        let row = store::update(&mut conn, None, id).await?;
        let campaign = store::campaign(&mut conn, None, &row.campaign_slug).await?;
        let (title, _) = localized(&campaign.texts, visitor.locale, &campaign.title, "");
        let url = format!("/c/{}", campaign.slug);
        Ok::<_, Error>(context! { campaign => context! { title, url }, update => Serde(post(row, visitor.locale)) })
    };
    let page = pages.seen.get(&(path.clone(), visitor.locale), load).await?;
    kernel.pages.page("pages/update.html", &visitor, &kernel.url(&path), page)
}

async fn image(
    Shared(pages): Shared<PublicPages>,
    PathParams(id): PathParams<Uuid>,
    headers: HeaderMap,
) -> Result<Response> {
    images::show(&pages.kernel, &pages.images, &headers, id).await
}

async fn short_link(
    Shared(pages): Shared<PublicPages>,
    PathParams(word): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let (kind, slug) = store::short_link(&mut *pages.kernel.db.acquire().await?, &word).await?;
    pages.short_link_clicks.count(&word, pages.kernel.env.now().date_naive());
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(see_other(&format!("{}{slug}{query}", kind.page_prefix())))
}

async fn show_link(Shared(pages): Shared<PublicPages>, PathParams(token): PathParams<String>) -> Result<Response> {
    let token = pages.kernel.links.parse(&token).ok_or_else(incomplete)?;
    let shown = async { pages.purposes.of(&token)?.show(&token).await };
    let page = shown.await.map_err(|error| token.explain(error))?;
    link_page(&pages.kernel, &page)
}

async fn act_on_link(
    Shared(pages): Shared<PublicPages>,
    PathParams(token): PathParams<String>,
    form: Bytes,
) -> Result<Response> {
    let token = pages.kernel.links.parse(&token).ok_or_else(incomplete)?;
    let act = async { pages.purposes.of(&token)?.act(&token, &FormInput::of(&form)).await };
    let page = act.await.map_err(|error| token.explain(error))?;
    if let Some(download) = &page.download {
        let name =
            HeaderValue::try_from(format!("attachment; filename=\"{}\"", download.name)).map_err(Error::internal)?;
        let mut file = axum::Json(&download.json).into_response();
        file.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        return Ok(private(file));
    }
    if let Some(ExternalUrl(url)) = &page.destination {
        return Ok(private(see_other(url)));
    }
    link_page(&pages.kernel, &page)
}

/// The page behind a mailed link, as a response that is not cached.
///
/// # Errors
/// `internal` when the template does not render.
pub fn link_page(kernel: &Kernel, page: &LinkPage) -> Result<Response> {
    // in the language of the submission, not of the browser: the link was mailed to the person who submitted
    let html = kernel.pages.render("pages/token.html", page.locale, context! { languages => Serde(Vec::<()>::new()), canonical => "", action => "", ..minijinja::Value::from(Serde(page)) })?;
    let response = private(html_response(html, page.locale));
    Ok(if page.leads_away { leading_away(response) } else { response })
}

/// A campaign as its actions link to it.
#[derive(Clone, Debug, Serialize)]
pub struct CampaignLink {
    /// Title.
    pub title: String,
    /// Path of its page.
    pub url: String,
    /// Its newest updates, as pages show them.
    #[serde(skip)]
    pub updates: Vec<Value>,
}

impl CampaignLink {
    /// The campaign, if it is published, with its newest `updates`.
    pub async fn of(conn: &mut PgConnection, campaign: Uuid, locale: LocaleTag, updates: u32) -> Result<Option<Self>> {
        let Some((slug, title, texts)) = store::link_to_campaign(conn, campaign).await? else { return Ok(None) };
        let (title, _) = localized(&texts, locale, &title, "");
        let rows = match updates {
            0 => Vec::new(),
            n => store::updates(conn, None, Some(campaign), &PageParams::first(n)).await?.0,
        };
        let updates = rows.into_iter().map(|row| serde_json::to_value(post(row, locale)).unwrap_or_default()).collect();
        Ok(Some(Self { title, url: format!("/c/{slug}"), updates }))
    }
}
