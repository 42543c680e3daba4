//! `/`: the home page; `/c/{slug}`: the page of a campaign.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::State as Shared, response::Response, routing::get};
use minijinja::{context, value::Serde};
use serde::Serialize;

use super::store::{self, LandingRow};
use crate::{
    campaigns::{self, Kind, State},
    error::Result,
    kernel::{Kernel, cache::Cache, extract::PathParams, i18n, pages::Visitor, text::LocaleTag, zones::Zone},
};

/// State of the landing pages.
#[derive(Clone, Debug)]
pub struct Landing {
    kernel: Arc<Kernel>,
    /// Contents of the pages, by path.
    seen: Arc<Cache<(String, LocaleTag), minijinja::Value>>,
}

impl Landing {
    /// Landing pages with empty caches.
    pub fn new(kernel: Arc<Kernel>) -> Self {
        // they show many actions, so any change may invalidate them
        let seen = Cache::invalidated_by(kernel.env.clone(), &kernel.cache_invalidator, |_, _, _| true);
        Self { kernel, seen }
    }
}

/// Routes of the landing pages.
pub fn pages(state: Landing) -> Router {
    Router::new().route("/", get(home)).route("/c/{slug}", get(campaign)).with_state(state)
}

#[derive(Serialize)]
struct Card {
    kind: Kind,
    title: String,
    summary: String,
    url: String,
    count: i64,
    goal: Option<i64>,
    when: String,
    place: String,
    status: String,
}

fn card(row: LandingRow, locale: LocaleTag) -> Card {
    let (title, summary) = if row.locale == locale.as_str() {
        (row.title, row.summary)
    } else {
        campaigns::localized(&row.texts, locale, &row.title, &row.summary)
    };
    let when = match (row.starts_at, row.ends_at, row.timezone.map(|name| Zone::stored(&name))) {
        (Some(from), Some(to), Some(zone)) => i18n::period(locale, from, to, zone),
        _ => String::new(),
    };
    let status = match row.state {
        State::Published => row.availability,
        other => other.as_str().to_owned(),
    };
    Card {
        url: format!("{}{}", row.kind.page_prefix(), row.slug),
        kind: row.kind,
        title,
        summary,
        count: row.published_count,
        goal: row.goal,
        when,
        place: row.place.unwrap_or_default(),
        status,
    }
}

async fn home(Shared(landing): Shared<Landing>, visitor: Visitor) -> Result<Response> {
    let kernel = &landing.kernel;
    let page =
        landing.seen.get(&("/".to_owned(), visitor.locale), async || home_now(kernel, visitor.locale).await).await?;
    kernel.pages.page("pages/home.html", &visitor, &kernel.url("/"), page)
}

async fn home_now(kernel: &Kernel, locale: LocaleTag) -> Result<minijinja::Value> {
    let mut conn = kernel.db.acquire().await?;
    let general = campaigns::home_context(&mut conn, locale).await?;
    let rows = store::landing_rows(&mut conn, None, kernel.env.now()).await?;
    drop(conn);
    let cards: Vec<Card> = rows.into_iter().map(|row| card(row, locale)).collect();
    let of = |kind: Kind| cards.iter().filter(|card| card.kind == kind).collect::<Vec<_>>();
    let by_kind: BTreeMap<&str, Vec<&Card>> = Kind::ALL.iter().map(|kind| (kind.section(), of(*kind))).collect();
    Ok(context! { ..Serde(by_kind), ..general })
}

async fn campaign(
    Shared(landing): Shared<Landing>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    let kernel = &landing.kernel;
    let url = format!("/c/{slug}");
    let load = async || campaign_now(kernel, &slug, visitor.locale).await;
    let page = landing.seen.get(&(url.clone(), visitor.locale), load).await?;
    kernel.pages.page("pages/campaign.html", &visitor, &kernel.url(&url), page)
}

async fn campaign_now(kernel: &Kernel, slug: &str, locale: LocaleTag) -> Result<minijinja::Value> {
    let mut conn = kernel.db.acquire().await?;
    let (id, general) = campaigns::campaign_context(&mut conn, slug, locale).await?;
    let actions = store::landing_rows(&mut conn, Some(id), kernel.env.now()).await?;
    drop(conn);
    let cards: Vec<Card> = actions.into_iter().map(|row| card(row, locale)).collect();
    Ok(context! { actions => Serde(cards), ..general })
}
