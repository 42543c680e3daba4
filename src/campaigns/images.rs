//! Images: the format is detected from the content, the file is re-encoded from its pixels so that no metadata
//! (place, time, name) remains, and an alternative text is required. `image_cache` caches the files.

use std::io::Cursor;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType,
};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    api::Campaigns,
    image_cache::{CachedImage, ImageCache},
    store,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        extract::PathParams,
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        text::required_line,
    },
    organizers::{Actor, Scope, audit},
};

/// Maximum size of an upload in bytes.
const MAX_UPLOAD_BYTES: usize = 12 * 1024 * 1024;
/// Maximum width and height of an uploaded image in pixels.
const MAX_SOURCE_WIDTH: u32 = 12_000;
/// Maximum number of pixels of an uploaded image.
const MAX_SOURCE_PIXELS: u64 = 40_000_000;
/// Maximum memory of a decoded image in bytes.
const MAX_DECODER_BYTES: u64 = 256 * 1024 * 1024;
/// Maximum width and height of a stored image in pixels.
const MAX_STORED_WIDTH: u32 = 1_600;
/// Maximum size of a stored file in bytes (`images_bytes_check`).
const MAX_STORED_BYTES: usize = 2 * 1024 * 1024;
/// JPEG qualities, tried in this order until the file is small enough.
const JPEG_QUALITIES: [u8; 4] = [84, 75, 60, 45];
/// Decodes one image at a time in a process, since each may take [`MAX_DECODER_BYTES`].
static DECODE_PERMIT: Semaphore = Semaphore::const_new(1);
/// Concurrent uploads of a process, including those that wait to be decoded.
static UPLOAD_PERMITS: Semaphore = Semaphore::const_new(8);

/// An image as pages show it.
#[derive(Clone, Debug, Serialize)]
pub struct ActionImage {
    /// Its id.
    pub id: Uuid,
    /// Path of the file: `/images/{id}`.
    pub url: String,
    /// Alternative text.
    pub alt: String,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
}

impl ActionImage {
    /// From the columns of an outer join; `None` where there is no image.
    pub fn of(id: Option<Uuid>, alt: Option<String>, width: Option<i32>, height: Option<i32>) -> Option<Self> {
        let (id, alt, width, height) = (id?, alt?, width?, height?);
        Some(Self { url: format!("/images/{id}"), id, alt, width, height })
    }
}

/// An image of an organization, to be shown by an action, update or delivery.
///
/// # Errors
/// 422 at `/muster:image` when there is none.
pub async fn find_organization_image(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<ActionImage> {
    let row = store::images::find(conn, organization, id).await?;
    row.and_then(|row| ActionImage::of(Some(id), Some(row.alt), Some(row.width), Some(row.height)))
        .ok_or_else(|| Error::field("/muster:image", "unknown_value", "There is no such picture."))
}

/// Routes of images in the API.
pub(super) fn router() -> OpenApiRouter<Campaigns> {
    let upload = OpenApiRouter::new().routes(routes!(create_image)).layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES));
    upload.routes(routes!(delete_image))
}

/// A re-encoded image.
struct ReencodedImage {
    content_type: &'static str,
    bytes: Vec<u8>,
    width: u32,
    height: u32,
}

fn refuse(code: &'static str, detail: &str) -> Error {
    Error::field("", code, detail)
}

/// Decodes an image and encodes it again: upright (EXIF orientation applied), scaled down, without metadata.
///
/// A file of a few kilobytes may decode to gigabytes, so the dimensions are checked before decoding, and no copy is
/// made (to rotate, to convert 16 bits to 8) before the image is scaled down.
fn reencode(upload: &[u8]) -> Result<ReencodedImage> {
    let unreadable = || refuse("invalid_value", "This is not a JPEG, PNG or WebP picture that can be read.");
    let format = image::guess_format(upload).map_err(|_| unreadable())?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) {
        return Err(unreadable());
    }
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SOURCE_WIDTH), Some(MAX_SOURCE_WIDTH));
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|_| unreadable())?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_SOURCE_PIXELS || limits.reserve(decoder.total_bytes()).is_err() {
        return Err(refuse("too_long", "A picture may have 40 million pixels of 32 bits."));
    }
    decoder.set_limits(limits).map_err(|_| unreadable())?;
    let upright = decoder.orientation().map_err(|_| unreadable())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| unreadable())?;
    if picture.width().max(picture.height()) > 2 * MAX_STORED_WIDTH {
        // box sampling needs no floating point copy of the whole image, unlike the better filter below
        picture = picture.thumbnail(2 * MAX_STORED_WIDTH, 2 * MAX_STORED_WIDTH);
    }
    if picture.width().max(picture.height()) > MAX_STORED_WIDTH {
        picture = picture.resize(MAX_STORED_WIDTH, MAX_STORED_WIDTH, FilterType::Triangle);
    }
    picture.apply_orientation(upright);
    let (width, height) = (picture.width(), picture.height());
    let made = |content_type, bytes| Ok(ReencodedImage { content_type, bytes, width, height });
    if picture.color().has_alpha() {
        let mut bytes = Vec::new();
        picture.to_rgba8().write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(Error::internal)?;
        if bytes.len() <= MAX_STORED_BYTES {
            return made("image/png", bytes);
        }
    }
    let opaque = picture.to_rgb8();
    for quality in JPEG_QUALITIES {
        let mut bytes = Vec::new();
        opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).map_err(Error::internal)?;
        if bytes.len() <= MAX_STORED_BYTES {
            return made("image/jpeg", bytes);
        }
    }
    Err(refuse("too_long", "This picture cannot be made small enough."))
}

/// An image of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImageResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// Alternative text.
    #[serde(rename = "muster:alt")]
    muster_alt: String,
    /// Width in pixels.
    #[serde(rename = "muster:width")]
    muster_width: i32,
    /// Height in pixels.
    #[serde(rename = "muster:height")]
    muster_height: i32,
    /// URL of the file.
    #[serde(rename = "muster:url")]
    muster_url: String,
    /// A reminder for the organizer, in English.
    notice: &'static str,
    /// `self`.
    #[serde(rename = "_links")]
    links: Links,
}

/// Stores an image: the body is the JPEG, PNG or WebP file itself.
#[utoipa::path(
    post,
    path = "/api/v1/images",
    tag = "images",
    params(("alt" = String, Query, description = "What the picture shows, for those who do not see it")),
    request_body(content = Vec<u8>, content_type = "image/*", description = "At most 12 MiB"),
    responses(
        (status = 201, description = "Kept, without metadata, at most 1600 pixels wide or high", body = ImageResource),
        (status = 401),
        (status = 413),
        (status = 415),
        (status = 422),
    ),
)]
async fn create_image(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
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
    let _place = UPLOAD_PERMITS.try_acquire().map_err(|_| Error::not_done(5, "too many pictures come in at once"))?;
    let upload: Bytes = axum::body::to_bytes(body, MAX_UPLOAD_BYTES)
        .await
        .map_err(|_| Error::problem(Code::PayloadTooLarge, "A picture may have 12 MiB."))?;
    let remade = {
        let _one_at_a_time = DECODE_PERMIT.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || reencode(&upload)).await.map_err(Error::internal)??
    };
    let id = kernel.env.id();
    let (width, height) = (remade.width.cast_signed(), remade.height.cast_signed());
    let row = store::images::ImageRow {
        content_type: remade.content_type.to_owned(),
        bytes: remade.bytes,
        width,
        height,
        alt,
    };
    let mut tx = kernel.db.begin().await?;
    store::images::insert(&mut tx, id, actor.organization_id, &row, kernel.env.now()).await?;
    audit(&mut tx, &kernel.env, &actor, "image.create", Some(id), json!({})).await?;
    tx.commit().await?;
    let body = ImageResource {
        identifiers: identifiers(id),
        muster_alt: row.alt,
        muster_width: width,
        muster_height: height,
        muster_url: kernel.url(&format!("/images/{id}")),
        notice: "Metadata was removed. Does everybody whose face can be seen agree to be shown here?",
        links: Links::to_self(kernel.url(&format!("/api/v1/images/{id}"))).with_curies(),
    };
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Removes an image from every page.
#[utoipa::path(
    delete,
    path = "/api/v1/images/{image}",
    tag = "images",
    params(("image" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_image(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    if !store::images::delete(&mut tx, actor.organization_id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "image.delete", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This picture is gone from every page. Copies that others have made are not." }))
}

/// The file of an image. It never changes under its address, so a conditional request is answered 304 without a
/// query; a removed image may stay in the caches of browsers.
///
/// # Errors
/// `not_found`.
pub(super) async fn show(kernel: &Kernel, cache: &ImageCache, asked: &HeaderMap, id: Uuid) -> Result<Response> {
    let etag = format!("\"{id}\"");
    let is_known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|tags| tags.as_bytes().windows(etag.len()).any(|tag| tag == etag.as_bytes()));
    let etag = HeaderValue::try_from(etag).map_err(Error::internal)?;
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    let headers = [(header::CACHE_CONTROL, keep), (header::ETAG, etag)];
    if is_known && !cache.is_gone(id) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let CachedImage { content_type, bytes } = cache.get(kernel, id).await?;
    Ok((headers, [(header::CONTENT_TYPE, content_type)], bytes).into_response())
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
    fn large_image_is_scaled_down_and_metadata_removed() {
        let picture = DynamicImage::ImageRgb8(RgbImage::from_fn(2400, 600, |x, y| {
            Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 9])
        }));
        let mut jpeg = encoded(&picture, ImageFormat::Jpeg);
        // an APP1 segment (Exif) as cameras write it: orientation 6 (rotated by 90 degrees), and a text
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS-43.65N";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let segment = [&[0xFF, 0xE1], &length[..], exif].concat();
        jpeg.splice(2..2, segment);
        let remade = reencode(&jpeg).unwrap();
        assert_eq!((remade.width, remade.height), (400, 1600), "upright");
        assert_eq!(remade.content_type, "image/jpeg");
        assert!(!remade.bytes.windows(3).any(|w| w == b"GPS" || w == b"Exi"));
    }

    #[test]
    fn deep_color_images_are_converted_to_8_bit() {
        let deep =
            DynamicImage::ImageRgba16(image::ImageBuffer::from_pixel(5_000, 40, image::Rgba([u16::MAX, 0, 0, 0x8000])));
        let remade = reencode(&encoded(&deep, ImageFormat::Png)).unwrap();
        assert_eq!((remade.content_type, remade.width, remade.height), ("image/png", 1_600, 13));
        let read = image::load_from_memory(&remade.bytes).unwrap();
        assert_eq!((read.color(), read.to_rgba8().get_pixel(800, 6).0), (image::ColorType::Rgba8, [255, 0, 0, 128]));
    }

    #[test]
    fn transparency_is_preserved() {
        let picture = DynamicImage::ImageRgba8(RgbaImage::new(30, 20));
        let remade = reencode(&encoded(&picture, ImageFormat::WebP)).unwrap();
        assert_eq!((remade.content_type, remade.width, remade.height), ("image/png", 30, 20));
    }

    /// The same PNG with other dimensions, bit depth and colour type in its header (PNG specification, 11.2.2).
    fn claiming(png: &[u8], width: u32, height: u32, kind: [u8; 2]) -> Vec<u8> {
        let mut claiming = png.to_vec();
        claiming[16..20].copy_from_slice(&width.to_be_bytes());
        claiming[20..24].copy_from_slice(&height.to_be_bytes());
        claiming[24..26].copy_from_slice(&kind);
        // the chunk's CRC-32, over its type and its 13 bytes
        let crc = claiming[12..29].iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
        });
        claiming[29..33].copy_from_slice(&(!crc).to_be_bytes());
        claiming
    }

    #[test]
    fn non_images_are_refused() {
        let picture = DynamicImage::ImageRgb8(RgbImage::new(300, 200));
        let whole = encoded(&picture, ImageFormat::Png);
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        for bad in [&b""[..], b"hello", svg, b"GIF89a........", &whole[..whole.len() / 2]] {
            assert!(matches!(reencode(bad), Err(Error::Fields(_))));
        }
        // small files with very large dimensions
        for (width, height) in [(7_000, 6_000), (MAX_SOURCE_WIDTH + 1, 1)] {
            assert!(matches!(reencode(&claiming(&whole, width, height, [8, 2])), Err(Error::Fields(_))));
        }
        // 16 bits of red, green, blue and alpha
        let refused = reencode(&claiming(&whole, 6_000, 6_000, [16, 6])).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("validation_failed:  too_long;"), "it would take 288 MB");
        // dimensions that do not match the data
        let mut bomb = whole.clone();
        bomb[16..24].copy_from_slice(&[0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0]);
        assert!(matches!(reencode(&bomb), Err(Error::Fields(_))));
    }
}
