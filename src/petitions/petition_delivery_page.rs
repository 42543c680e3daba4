//! The public page of a done delivery, with its statement and the list of receipts.

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
    petition_delivery::receipt_line,
    store::{
        Petition,
        deliveries::{self, PetitionDelivery, RECEIPT_BYTES},
    },
    submission::Petitions,
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        db::{STREAM_PART_LIMIT, with_timeout},
        extract::PathParams,
        i18n,
        pages::{Visitor, moved},
        text::LocaleTag,
        zones,
    },
};

/// Routes of these pages.
pub(super) fn routes() -> Router<Petitions> {
    Router::new()
        .route("/p/{slug}/deliveries/{id}", get(show))
        .route("/p/{slug}/deliveries/{id}/receipts.txt", get(receipts))
}

/// A delivery on the petition's page.
#[derive(Debug, Serialize)]
pub(super) struct DeliveryEntry {
    url: String,
    date: String,
    place: String,
    received_by: String,
}

/// The deliveries on the petition's page.
pub(super) fn delivery_entries(petition: &Petition, locale: LocaleTag) -> Vec<DeliveryEntry> {
    let each = petition.deliveries.iter().map(|d| DeliveryEntry {
        url: path(petition, d),
        date: i18n::date(locale, d.date),
        place: d.place.clone(),
        received_by: d.received_by.clone(),
    });
    each.collect()
}

fn path(petition: &Petition, delivery: &PetitionDelivery) -> String {
    format!("{}/deliveries/{}", petition.action.path(), delivery.id)
}

/// A public delivery.
fn find_public_delivery(petition: &Petition, id: Uuid) -> Result<&PetitionDelivery> {
    let seen = petition.action.state.is_public();
    petition.deliveries.iter().find(|d| seen && d.id == id).ok_or_else(Error::not_found)
}

async fn show(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    PathParams((slug, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    let delivery = find_public_delivery(&petition, id)?;
    let path = path(&petition, delivery);
    if petition.action.slug != slug {
        return Ok(moved(&path, None));
    }
    let statement = delivery.statement.as_ref().map(|s| {
        json!({
            "total": s.total(), "receipts": s.receipts, "erased": s.erased, "paper": s.paper, "sha256": data_encoding::HEXLOWER.encode(&s.sha256),
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

/// The list of receipts, one line each, sorted.
async fn receipts(
    State(petitions): State<Petitions>,
    PathParams((slug, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    let list = find_public_delivery(&petition, id)?.statement.as_ref().ok_or_else(Error::not_found)?.list;
    // the first chunk is read before the response begins, so that an outage is a 503
    let first = chunk(&petitions.kernel, list, 0).await?;
    let lines = try_unfold((petitions.kernel.clone(), first, 0), move |(kernel, text, number)| async move {
        let Some(text) = text else { return Ok::<_, Error>(None) };
        let next =
            with_timeout(STREAM_PART_LIMIT, "a part of a list of receipts", chunk(&kernel, list, number + 1)).await?;
        Ok(Some((text, (kernel, next, number + 1))))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"receipts.txt\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

async fn chunk(kernel: &Arc<Kernel>, list: Uuid, number: i32) -> Result<Option<Bytes>> {
    let chunk = deliveries::chunk(&mut *kernel.db.acquire().await?, list, number).await?;
    Ok(chunk.map(|chunk| {
        let (receipts, _) = chunk.as_chunks::<RECEIPT_BYTES>();
        receipts.iter().map(receipt_line).collect::<String>().into()
    }))
}
