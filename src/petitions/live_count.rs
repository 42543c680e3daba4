//! The published number for open pages: Server-Sent Events, or JSON for clients that poll. The number changes only
//! when it is published; a stream reads the cache, not the database.
//!
//! Each stream is an open connection, so they are limited for each network and end after a time: a page that is still
//! open connects again.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::TimeDelta;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{store::Petition, submission::Petitions};
use crate::{
    error::{Error, Result},
    kernel::{
        extract::PathParams,
        i18n::{self, Arguments},
        pages::Visitor,
        rate_limit::Source,
        text::LocaleTag,
    },
};

/// Maximum number of streams of a process; further clients poll.
pub(super) const MAX_STREAMS: usize = 2000;
/// Maximum number of streams of a network (see [`Source::client`]); its further clients poll.
pub(super) const MAX_STREAMS_PER_NETWORK: usize = 8;
/// Maximum duration of a stream.
const STREAM_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Interval between reads of the number.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Interval of keep-alive comments, so that proxies do not close an idle stream.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// What the answer depends on besides its URL.
const VARY: (HeaderName, &str) = (header::VARY, "accept, accept-language");

/// The number as it is sent.
fn count_event(petition: &Petition, locale: LocaleTag) -> Value {
    let count = petition.action.published_count;
    let arguments = Arguments::from([("count".into(), count.into()), ("n".into(), i18n::number(locale, count).into())]);
    json!({
        "count": count,
        "text": i18n::text_with(locale, "petition-count", &arguments),
        "percent": petition.percent(),
    })
}

/// `GET /p/{slug}/live`: a stream for who accepts `text/event-stream`, else the number once.
///
/// # Errors
/// `not_found`; `unavailable` when there are too many streams, or too many of this network.
pub(super) async fn live_count(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    source: Source,
    headers: HeaderMap,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    if !petition.action.state.is_public() {
        return Err(Error::not_found());
    }
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/event-stream") {
        let headers = [(header::CACHE_CONTROL, "public, max-age=5"), VARY];
        return Ok((headers, Json(count_event(&petition, visitor.locale))).into_response());
    }
    let too_many = || Error::not_done(60, "too many streams");
    let network_permit = petitions.streams_per_network.try_acquire(source.client()).ok_or_else(too_many)?;
    let place = petitions.streams.clone().try_acquire_owned().map_err(|_| too_many())?;
    let ends_at = petitions.kernel.env.now() + STREAM_LIFETIME;
    let key = petition.action.id.to_string();
    let locale = visitor.locale;
    let events = stream::unfold((petitions, (place, network_permit), None), move |(petitions, place, last)| {
        let key = key.clone();
        async move {
            while petitions.kernel.env.now() < ends_at {
                // while the number is not available the page keeps the last one
                if let Ok(petition) = petitions.petition(&key).await {
                    let now = petition.action.published_count;
                    if last != Some(now) {
                        let event = Event::default().event("count").data(count_event(&petition, locale).to_string());
                        return Some((Ok::<_, Infallible>(event), (petitions, place, Some(now))));
                    }
                }
                tokio::select! {
                    () = sleep(POLL_INTERVAL) => {}
                    // must not delay the shutdown
                    () = petitions.kernel.stopping.cancelled() => return None,
                }
            }
            None
        }
    });
    Ok(([VARY], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL))).into_response())
}
