//! Pictures: checked by what they are, not by what they say they are, made anew from their pixels so that no place, time
//! or name stays in them, and shown with words for those who do not see them.

use std::io::Cursor;

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::sync::Semaphore;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{api::Campaigns, store};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        caching::private_json,
        changes::Change,
        extract::Segments,
        hal::{curies, identifiers, link},
        text::required_line,
    },
    organizers::{Actor, Scope, audit},
};

/// Bytes that are taken, at most.
const LARGEST_UPLOAD: usize = 12 * 1024 * 1024;
/// Pixels on the longer side that are read, at most.
const WIDEST_READ: u32 = 12_000;
/// Bytes of memory for reading one.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Pixels on the longer side that are kept.
const WIDEST: u32 = 1_600;
/// Bytes that are kept, at most; a constraint of the table.
const LARGEST: usize = 2 * 1024 * 1024;
/// Qualities of JPEG to try until the picture is small enough.
const QUALITIES: [u8; 4] = [84, 75, 60, 45];
/// Pictures that one process reads at a time: each may take much memory.
static READING: Semaphore = Semaphore::const_new(1);

/// A picture as pages show it.
#[derive(Clone, Debug, Serialize)]
pub struct Picture {
    /// Its row.
    pub id: Uuid,
    /// Its path.
    pub url: String,
    /// What it shows.
    pub alt: String,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
}

impl Picture {
    /// From the columns of a joined row.
    pub fn of(id: Option<Uuid>, alt: Option<String>, width: Option<i32>, height: Option<i32>) -> Option<Self> {
        let (id, alt, width, height) = (id?, alt?, width?, height?);
        Some(Self { url: format!("/images/{id}"), id, alt, width, height })
    }
}

/// A picture of an organization, for an action or update that wants to show it.
///
/// # Errors
/// 422 at `/muster:image` when there is none, or a database error.
pub async fn of_organization(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<Picture> {
    let row = store::images::find(conn, organization, id).await?;
    row.and_then(|row| Picture::of(Some(id), Some(row.alt), Some(row.width), Some(row.height)))
        .ok_or_else(|| Error::field("/muster:image", "unknown_value", "There is no such picture."))
}

/// Routes of pictures in the API.
pub fn router() -> OpenApiRouter<Campaigns> {
    let upload = OpenApiRouter::new().routes(routes!(post_image)).layer(DefaultBodyLimit::max(LARGEST_UPLOAD));
    upload.routes(routes!(delete_image))
}

/// A picture made anew.
struct Remade {
    content_type: &'static str,
    bytes: Vec<u8>,
    width: u32,
    height: u32,
}

fn refuse(code: &'static str, detail: &str) -> Error {
    Error::field("", code, detail)
}

/// Reads a picture and makes it anew: upright, not too large, nothing but pixels.
fn remake(upload: &[u8]) -> Result<Remade> {
    let unreadable = || refuse("invalid_value", "This is not a JPEG, PNG or WebP picture that can be read.");
    let format = image::guess_format(upload).map_err(|_| unreadable())?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) {
        return Err(unreadable());
    }
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(WIDEST_READ), Some(WIDEST_READ));
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| unreadable())?;
    let upright = decoder.orientation().map_err(|_| unreadable())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| unreadable())?;
    picture.apply_orientation(upright);
    if picture.width().max(picture.height()) > WIDEST {
        picture = picture.resize(WIDEST, WIDEST, FilterType::Triangle);
    }
    let (width, height) = (picture.width(), picture.height());
    let made = |content_type, bytes| Ok(Remade { content_type, bytes, width, height });
    if picture.color().has_alpha() {
        let mut bytes = Vec::new();
        picture.to_rgba8().write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(Error::internal)?;
        if bytes.len() <= LARGEST {
            return made("image/png", bytes);
        }
    }
    let opaque = picture.to_rgb8();
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).map_err(Error::internal)?;
        if bytes.len() <= LARGEST {
            return made("image/jpeg", bytes);
        }
    }
    Err(refuse("too_long", "This picture cannot be made small enough."))
}

/// Keeps a picture: the body is the JPEG, PNG or WebP file itself, `alt` says what it shows.
#[utoipa::path(post, path = "/api/v1/images", tag = "images", params(("alt" = String, Query, description = "What the picture shows, for those who do not see it")),
    request_body(content = Vec<u8>, content_type = "image/*", description = "At most 12 MiB"),
    responses((status = 201, description = "Kept, without metadata, at most 1600 pixels wide or high", body = Value), (status = 401), (status = 413), (status = 415), (status = 422)))]
async fn post_image(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: axum::http::HeaderMap,
    RawQuery(query): RawQuery,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("image/") {
        return Err(Error::problem(
            Code::UnsupportedMediaType,
            "Send the picture itself, as image/jpeg, image/png or image/webp.",
        ));
    }
    let asked = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let alt = asked.filter(|(name, _)| name == "alt").map(|(_, alt)| alt.into_owned()).next().unwrap_or_default();
    let alt = required_line(&alt, 500).map_err(|e| Error::field("/alt", e.code, e.detail))?;
    let upload = body.map_err(|_| Error::problem(Code::PayloadTooLarge, "A picture may have 12 MiB."))?;
    let remade = {
        let _one_at_a_time = READING.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || remake(&upload)).await.map_err(Error::internal)??
    };
    let id = kernel.cx.id();
    let (width, height) = (remade.width.cast_signed(), remade.height.cast_signed());
    let row = store::images::ImageRow {
        content_type: remade.content_type.to_owned(),
        bytes: remade.bytes,
        width,
        height,
        alt,
    };
    let mut tx = kernel.db.begin().await?;
    store::images::insert(&mut tx, id, actor.organization_id, &row, kernel.cx.now()).await?;
    audit(&mut tx, &kernel.cx, &actor, "image.create", Some(id), json!({})).await?;
    tx.commit().await?;
    let body = json!({
        "identifiers": identifiers(id),
        "muster:alt": row.alt,
        "muster:width": width,
        "muster:height": height,
        "muster:url": kernel.url(&format!("/images/{id}")),
        "notice": "Metadata was removed. Does everybody whose face can be seen agree to be shown here?",
        "_links": {"self": link(kernel.url(&format!("/api/v1/images/{id}"))), "curies": curies()},
    });
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Removes a picture from everywhere it is shown.
#[utoipa::path(delete, path = "/api/v1/images/{image}", tag = "images", params(("image" = Uuid, Path)), responses((status = 200, description = "Removed", body = Value), (status = 401), (status = 404)))]
async fn delete_image(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    if !store::images::delete(&mut tx, actor.organization_id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.cx, &actor, "image.delete", Some(id), json!({})).await?;
    tx.commit().await?;
    kernel.changes.tell(Change::Any);
    Ok(Json(json!({"notice": "This picture is gone from every page. Copies that others have made are not."})))
}

/// The picture itself. It never changes under its address; one that was removed may stay with readers for an hour.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn show(kernel: &Kernel, id: Uuid) -> Result<Response> {
    let row = store::images::bytes(&mut *kernel.db.acquire().await?, id).await?;
    let kind = HeaderValue::try_from(row.content_type).map_err(Error::internal)?;
    let keep = HeaderValue::from_static("public, max-age=3600");
    let etag = HeaderValue::try_from(format!("\"{id}\"")).map_err(Error::internal)?;
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep), (header::ETAG, etag)];
    Ok((headers, row.bytes).into_response())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, RgbaImage};

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn a_large_picture_becomes_smaller_and_loses_its_metadata() {
        let picture = DynamicImage::ImageRgb8(RgbImage::from_fn(2400, 600, |x, y| {
            Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 9])
        }));
        let mut jpeg = encoded(&picture, ImageFormat::Jpeg);
        // an APP1 segment as cameras write it: turned by 90 degrees, with a text in it
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS-43.65N";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let segment = [&[0xFF, 0xE1], &length[..], exif].concat();
        jpeg.splice(2..2, segment);
        let remade = remake(&jpeg).unwrap();
        assert_eq!((remade.width, remade.height), (400, 1600), "upright");
        assert_eq!(remade.content_type, "image/jpeg");
        assert!(!remade.bytes.windows(3).any(|w| w == b"GPS" || w == b"Exi"));
    }

    #[test]
    fn what_is_see_through_stays_so() {
        let picture = DynamicImage::ImageRgba8(RgbaImage::new(30, 20));
        let remade = remake(&encoded(&picture, ImageFormat::WebP)).unwrap();
        assert_eq!((remade.content_type, remade.width, remade.height), ("image/png", 30, 20));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let picture = DynamicImage::ImageRgb8(RgbImage::new(300, 200));
        let whole = encoded(&picture, ImageFormat::Png);
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        for bad in [&b""[..], b"hello", svg, b"GIF89a........", &whole[..whole.len() / 2]] {
            assert!(matches!(remake(bad), Err(Error::Fields(_))));
        }
        // a small file that says it is enormous
        let mut bomb = whole.clone();
        bomb[16..24].copy_from_slice(&[0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0]);
        assert!(matches!(remake(&bomb), Err(Error::Fields(_))));
    }
}
