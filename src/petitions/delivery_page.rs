//! The public page of a delivery that was done, with its statement, and the list of receipts that proves the number.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream::try_unfold;
use minijinja::{context, value::Serde};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    delivery::line,
    signing::Petitions,
    store::{
        Petition,
        deliveries::{self, Delivery, RECEIPT},
    },
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::Segments,
        i18n,
        pages::{Visitor, moved},
        text::LocaleTag,
        zones,
    },
};

/// Routes of these pages.
pub fn routes() -> Router<Petitions> {
    Router::new()
        .route("/p/{slug}/deliveries/{id}", get(show))
        .route("/p/{slug}/deliveries/{id}/receipts.txt", get(receipts))
}

/// A line on the petition's page.
#[derive(Debug, Serialize)]
pub struct Told {
    url: String,
    date: String,
    place: String,
    received_by: String,
}

/// The deliveries that the petition's page tells of.
pub fn told(petition: &Petition, locale: LocaleTag) -> Vec<Told> {
    let each = petition.deliveries.iter().map(|d| Told {
        url: path(petition, d),
        date: i18n::date(locale, d.date),
        place: d.place.clone(),
        received_by: d.received_by.clone(),
    });
    each.collect()
}

fn path(petition: &Petition, delivery: &Delivery) -> String {
    format!("{}/deliveries/{}", petition.action.path(), delivery.id)
}

/// A delivery that the public sees.
fn done(petition: &Petition, id: Uuid) -> Result<&Delivery> {
    let seen = petition.action.state.is_public();
    petition.deliveries.iter().find(|d| seen && d.id == id).ok_or_else(Error::not_found)
}

async fn show(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    Segments((slug, id)): Segments<(String, Uuid)>,
) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    let delivery = done(&petition, id)?;
    let path = path(&petition, delivery);
    if petition.action.slug != slug {
        return Ok(moved(&path, None));
    }
    let statement = delivery.statement.as_ref().map(|s| {
        json!({
            "total": s.total(), "receipts": s.receipts, "erased": s.erased, "paper": s.paper, "sha256": hex::encode(&s.sha256),
            "at": i18n::date_time(visitor.locale, s.at, *zones::DEFAULT),
            "regions": s.regions.iter().map(|(key, n)| json!({"name": key, "count": n})).collect::<Vec<_>>(),
        })
    });
    let page = context! {
        petition => context! { title => petition.action.text(visitor.locale, "").0.title, url => petition.action.path(), targets => petition.targets.clone() },
        delivery => context! {
            date => i18n::date(visitor.locale, delivery.date),
            place => delivery.place.as_str(),
            received_by => delivery.received_by.as_str(),
            note => delivery.note.as_str(),
            event => delivery.event.as_ref().map(|(slug, title)| context! { url => format!("/e/{slug}"), title }),
            image => Serde(&delivery.image),
            receipts_url => format!("{path}/receipts.txt"),
        },
        statement => Serde(statement),
    };
    petitions.kernel.pages.page("pages/delivery.html", &visitor, &petitions.kernel.url(&path), page)
}

/// The list: a line for each receipt, sorted.
async fn receipts(
    State(petitions): State<Petitions>,
    Segments((slug, id)): Segments<(String, Uuid)>,
) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    let list = done(&petition, id)?.statement.as_ref().ok_or_else(Error::not_found)?.list;
    // the first piece before the first byte, so that an outage is answered as one
    let first = piece(&petitions.kernel, list, 0).await?;
    let lines = try_unfold((petitions.kernel.clone(), first, 0), move |(kernel, text, number)| async move {
        let Some(text) = text else { return Ok::<_, Error>(None) };
        let next = piece(&kernel, list, number + 1).await?;
        Ok(Some((text, (kernel, next, number + 1))))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"receipts.txt\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

async fn piece(kernel: &Arc<Kernel>, list: Uuid, number: i32) -> Result<Option<Bytes>> {
    let piece = deliveries::piece(&mut *kernel.db.acquire().await?, list, number).await?;
    Ok(piece.map(|piece| {
        let (receipts, _) = piece.as_chunks::<RECEIPT>();
        receipts.iter().map(line).collect::<String>().into()
    }))
}
