//! Signers from a CSV file: uploaded in sealed pieces, looked at, tried without writing, then signed line by line.
//!
//! The file never stands in memory or in the clear: pieces of [`PIECE`] bytes are sealed as they come in and opened a few
//! at a time. Each round takes some lines from where the last one stopped, signs them through the same group commit as
//! everybody else, and notes its place; a line that is met again after a crash finds its signature there and counts once.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use csv::{ByteRecord, ReaderBuilder};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    signing::{NewSignature, Petitions},
    store::{
        self, Petition,
        imports::{self, Fault, Import},
    },
};
use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        text::{EmailAddress, LocaleTag},
        vault::Vault,
    },
    people::{Consents, PersonBody},
};

/// Name of the table, part of what a sealed piece is bound to.
const PIECES: &str = "import_pieces";
/// Bytes of a piece.
pub const PIECE: usize = 256 * 1024;
/// Pieces that are open at once; a line must fit into less than all of them.
const OPEN: i64 = 3;
/// Bytes of a line, at most.
const LONGEST_LINE: usize = 64 * 1024;
/// Lines in one round.
const ROUND: usize = 400;
/// Lines that are signed at once: they share commits.
const AT_ONCE: usize = 32;
/// Refused lines that are kept, at most.
const MOST_FAULTS: i64 = 10_000;
/// Lines shown before anything is done.
const PREVIEW: usize = 5;
/// Days for which a file waits to be started.
const WAITS_DAYS: i64 = 7;

/// Which column of the file is what. Names of columns as they stand in the header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = ImportMapping)]
pub struct Mapping {
    /// E-mail address; needed.
    #[validate(length(max = 200))]
    pub email: String,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Country, two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<String>,
    /// Day or moment of signing; today if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_on: Option<String>,
    /// Whether updates may be sent: yes, true, 1, x, oui, sí. Without this column nobody in the file gets any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_updates: Option<String>,
}

/// What headers usually say, in the languages that organizers have: by field.
const USUAL: [(&str, &[&str]); 11] = [
    (
        "email",
        &[
            "email",
            "e-mail",
            "email address",
            "e-mail address",
            "courriel",
            "adresse courriel",
            "correo",
            "correo electrónico",
            "mail",
        ],
    ),
    ("given_name", &["given_name", "given name", "first name", "first_name", "firstname", "prénom", "nombre", "name"]),
    (
        "family_name",
        &[
            "family_name",
            "family name",
            "last name",
            "last_name",
            "lastname",
            "surname",
            "nom",
            "nom de famille",
            "apellido",
            "apellidos",
        ],
    ),
    ("phone", &["phone", "phone number", "telephone", "téléphone", "teléfono", "mobile"]),
    ("postal_code", &["postal_code", "postal code", "postcode", "zip", "zip code", "code postal", "código postal"]),
    ("city", &["city", "town", "locality", "ville", "ciudad"]),
    ("country", &["country", "country code", "pays", "país"]),
    ("language", &["language", "preferred_language", "lang", "langue", "idioma"]),
    ("comments", &["comment", "comments", "commentaire", "comentario"]),
    ("signed_on", &["signed_on", "signed on", "date", "created_date", "date signed", "fecha"]),
    (
        "consent_updates",
        &["consent_updates", "consent", "updates", "opt-in", "opt in", "newsletter", "consentement", "consentimiento"],
    ),
];

/// The mapping that a header suggests.
pub fn suggest(columns: &[String]) -> serde_json::Value {
    let column = |words: &[&str]| {
        words.iter().find_map(|word| columns.iter().find(|column| column.trim().to_lowercase() == *word))
    };
    USUAL
        .iter()
        .filter_map(|(field, words)| Some(((*field).to_owned(), json!(column(words)?))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl Mapping {
    fn columns(&self) -> [(&'static str, Option<&str>); 11] {
        [
            ("email", Some(self.email.as_str())),
            ("given_name", self.given_name.as_deref()),
            ("family_name", self.family_name.as_deref()),
            ("phone", self.phone.as_deref()),
            ("postal_code", self.postal_code.as_deref()),
            ("city", self.city.as_deref()),
            ("country", self.country.as_deref()),
            ("language", self.language.as_deref()),
            ("comments", self.comments.as_deref()),
            ("signed_on", self.signed_on.as_deref()),
            ("consent_updates", self.consent_updates.as_deref()),
        ]
    }

    /// Checks the mapping against a header.
    ///
    /// # Errors
    /// 422 with a pointer for each column that is not there.
    pub fn check(&self, columns: &[String]) -> Result<()> {
        let mut errors = Vec::new();
        for (field, column) in self.columns() {
            if let Some(column) = column
                && !columns.iter().any(|c| c == column)
            {
                let detail = if field == "email" && column.is_empty() {
                    "Say which column has the address."
                } else {
                    "The file has no such column."
                };
                errors.push(FieldError::new(format!("/mapping/{field}"), "unknown_value", detail));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
    }

    /// The position of each field's column.
    fn positions(&self, columns: &[String]) -> BTreeMap<&'static str, usize> {
        let at = |column: &str| columns.iter().position(|c| c == column);
        self.columns().into_iter().filter_map(|(field, column)| Some((field, at(column?)?))).collect()
    }
}

/// The beginning of a file: its delimiter, header, first lines, and where the first line begins.
pub struct Beginning {
    /// Comma, semicolon or tab.
    pub delimiter: u8,
    /// The header.
    pub columns: Vec<String>,
    /// The first lines.
    pub preview: Vec<Vec<String>>,
    /// Bytes of mark and header.
    pub offset: u64,
}

/// Reads the beginning of a file.
///
/// # Errors
/// 422 for what is not CSV in UTF-8 with a header.
pub fn beginning(head: &[u8]) -> Result<Beginning> {
    let refuse = |detail: &str| Error::field("", "invalid_value", detail);
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") || head.contains(&0) {
        return Err(refuse("This file is not UTF-8. Save it as “CSV UTF-8”."));
    }
    let mark = if head.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let rest = &head[mark..];
    let first = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    if first.len() > LONGEST_LINE {
        return Err(refuse("The header is too long."));
    }
    let count = |delimiter: u8| first.split(|b| *b == delimiter).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| (count(*d), *d == b',')).unwrap_or(b',');
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(rest);
    let mut record = ByteRecord::new();
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut offset = 0;
    while lines.len() <= PREVIEW
        && reader.read_byte_record(&mut record).map_err(|_| refuse("This is not a CSV file."))?
    {
        if lines.is_empty() {
            if record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
                return Err(refuse("This file is not UTF-8. Save it as “CSV UTF-8”."));
            }
            offset = reader.position().byte();
        }
        lines.push(record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect());
    }
    if lines.is_empty() || lines[0].iter().all(String::is_empty) {
        return Err(refuse("The file is empty."));
    }
    let columns = lines.remove(0);
    Ok(Beginning { delimiter, columns, preview: lines, offset: offset + mark as u64 })
}

/// Seals a piece of the file.
pub fn seal(petitions: &Petitions, vault: &Vault, import: Uuid, piece: &[u8]) -> Vec<u8> {
    vault.seal(&petitions.kernel.cx, PIECES, import, &Piece(piece.to_vec()))
}

/// Opens a piece of the file.
///
/// # Errors
/// `internal` when the vault does not open it.
pub fn open(vault: &Vault, import: Uuid, sealed: &[u8]) -> Result<Vec<u8>> {
    let Piece(bytes) = vault.open(PIECES, import, sealed)?;
    Ok(bytes)
}

/// A piece as it is sealed: base64, so that sealing stays JSON.
#[derive(Serialize, Deserialize)]
struct Piece(#[serde(with = "base64_bytes")] Vec<u8>);

mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A line of the file, with its number.
struct Line {
    number: i64,
    cells: Result<Vec<String>, &'static str>,
}

/// Lines from an open part of the file: as many as are whole, at most [`ROUND`]; and the bytes they take.
fn lines(part: &[u8], is_end: bool, delimiter: u8, columns: usize, first: i64) -> Result<(Vec<Line>, usize)> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(part);
    let mut record = ByteRecord::new();
    let (mut read, mut used) = (Vec::new(), 0);
    while read.len() < ROUND && reader.read_byte_record(&mut record).map_err(Error::internal)? {
        let end = usize::try_from(reader.position().byte()).map_err(Error::internal)?;
        // the last line of an open part may go on in the next piece
        if end >= part.len() && !is_end {
            break;
        }
        let number = first + i64::try_from(read.len()).map_err(Error::internal)?;
        let cells = if end - used > LONGEST_LINE {
            Err("too_long")
        } else if record.len() == columns {
            let cells = record.iter().map(|cell| std::str::from_utf8(cell).map(|text| text.trim().to_owned()));
            cells.collect::<Result<Vec<_>, _>>().map_err(|_| "invalid_characters")
        } else {
            Err("invalid_value")
        };
        read.push(Line { number, cells });
        used = end;
    }
    Ok((read, used))
}

/// Lines of one address together, in their order: of two, the first one counts, with its date.
fn by_address(lines: Vec<Line>, email: Option<usize>) -> Vec<Vec<Line>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut together: Vec<Vec<Line>> = Vec::with_capacity(lines.len());
    for line in lines {
        let cell = line.cells.as_ref().ok().and_then(|cells| cells.get(email?));
        let address = cell.and_then(|cell| EmailAddress::parse(cell).ok());
        let place = address.map(|address| *places.entry(address.index_form()).or_insert(together.len()));
        match place.and_then(|place| together.get_mut(place)) {
            Some(lines) => lines.push(line),
            None => together.push(vec![line]),
        }
    }
    together
}

/// What became of a line.
enum Outcome {
    Imported,
    Duplicate,
    Refused(Vec<Fault>),
}

/// Does the next round of the oldest import that runs and that nobody else works on. False: there is none.
///
/// # Errors
/// A database error; then the round comes again.
pub async fn work(petitions: &Petitions) -> Result<bool> {
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let Some(mut import) = imports::next(&mut tx).await? else { return Ok(false) };
    let petition = store::petition(&mut tx, import.petition_id).await?;
    let Ok(vault) = kernel.vaults.open(petition.action.vault_id).await else {
        return fail(petitions, tx, import, "internal", "The vault of this petition does not open.").await;
    };
    let offset = usize::try_from(import.offset_bytes).map_err(Error::internal)?;
    let from = i32::try_from(offset / PIECE).map_err(Error::internal)?;
    let pieces = imports::pieces(&mut tx, import.id, from, OPEN).await?;
    let mut part = Vec::new();
    for (_, sealed) in &pieces {
        part.extend(open(&vault, import.id, sealed)?);
    }
    let part: &[u8] = part.get(offset % PIECE..).unwrap_or_default();
    let is_end = i64::try_from(offset + part.len()).map_err(Error::internal)? >= import.bytes;
    let delimiter = import.delimiter.bytes().next().unwrap_or(b',');
    // the header is line 1
    let (lines, used) = lines(part, is_end, delimiter, import.columns.len(), import.seen + 2)?;
    if lines.is_empty() && !is_end {
        return fail(petitions, tx, import, "too_long", "This line is too long, or a quote in it is never closed.")
            .await;
    }
    let mapping: Mapping = serde_json::from_value(import.mapping.clone()).map_err(Error::internal)?;
    let positions = mapping.positions(&import.columns);
    let read = lines.len();
    let outcomes: Vec<Vec<Outcome>> = stream::iter(by_address(lines, positions.get("email").copied()))
        .map(async |lines| {
            let mut outcomes = Vec::with_capacity(lines.len());
            for line in lines {
                outcomes.push(take(petitions, &petition, &import, &positions, line).await?);
            }
            Ok(outcomes)
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<Result<_>>>()
        .await
        .into_iter()
        .collect::<Result<_>>()?;
    let mut faults = Vec::new();
    for outcome in outcomes.into_iter().flatten() {
        match outcome {
            Outcome::Imported => import.imported += 1,
            Outcome::Duplicate => import.duplicates += 1,
            Outcome::Refused(why) => {
                import.refused += 1;
                if import.refused <= MOST_FAULTS {
                    faults.extend(why);
                }
            }
        }
    }
    imports::add_faults(&mut tx, import.id, &faults).await?;
    import.seen += i64::try_from(read).map_err(Error::internal)?;
    import.offset_bytes += i64::try_from(used).map_err(Error::internal)?;
    if is_end && used >= part.len() {
        finish(&mut tx, petitions, &mut import).await?;
    }
    imports::save(&mut tx, &import).await?;
    tx.commit().await?;
    Ok(true)
}

/// The last line is done: the numbers are made exact, and a file that was imported is thrown away.
async fn finish(conn: &mut sqlx::PgConnection, petitions: &Petitions, import: &mut Import) -> Result<()> {
    import.finished_at = Some(petitions.kernel.cx.now());
    if import.dry_run {
        "checked".clone_into(&mut import.state);
        return Ok(());
    }
    "done".clone_into(&mut import.state);
    // a round that was done twice after a crash has met its own signatures
    import.imported = imports::brought(conn, import.id).await?;
    import.duplicates = import.seen - import.refused - import.imported;
    imports::drop_pieces(conn, import.id).await
}

/// Ends an import that cannot go on; what it has signed stays signed, and its lines are told.
async fn fail(
    petitions: &Petitions,
    mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
    mut import: Import,
    code: &str,
    detail: &str,
) -> Result<bool> {
    "failed".clone_into(&mut import.state);
    import.finished_at = Some(petitions.kernel.cx.now());
    let fault = Fault { line: import.seen + 2, field: String::new(), code: code.to_owned(), detail: detail.to_owned() };
    imports::add_faults(&mut tx, import.id, &[fault]).await?;
    imports::drop_pieces(&mut tx, import.id).await?;
    imports::save(&mut tx, &import).await?;
    tx.commit().await?;
    Ok(true)
}

fn refused(line: i64, errors: Vec<FieldError>) -> Outcome {
    let fault = |e: FieldError| {
        let field =
            e.pointer.rsplit('/').find(|part| part.parse::<u32>().is_err() && *part != "address" && *part != "number");
        let field = match field.unwrap_or_default() {
            "email_addresses" => "email",
            "locality" => "city",
            "phone_numbers" => "phone",
            other => other,
        };
        Fault { line, field: field.to_owned(), code: e.code.into_owned(), detail: e.detail }
    };
    Outcome::Refused(errors.into_iter().map(fault).collect())
}

/// Takes one line: checks it and, unless this is a trial, signs.
async fn take(
    petitions: &Petitions,
    petition: &Petition,
    import: &Import,
    positions: &BTreeMap<&'static str, usize>,
    line: Line,
) -> Result<Outcome> {
    let number = line.number;
    let cells = match line.cells {
        Ok(cells) => cells,
        Err(code) => {
            let detail = match code {
                "too_long" => "The line is too long.".to_owned(),
                "invalid_characters" => "Not UTF-8.".to_owned(),
                _ => format!("Not the {} cells of the header.", import.columns.len()),
            };
            return Ok(refused(number, vec![FieldError::new("", code, detail)]));
        }
    };
    let cell = |field: &str| positions.get(field).and_then(|at| cells.get(*at)).map_or("", String::as_str);
    let (new, signed_at) = match read(petitions, petition, import, cell) {
        Ok(read) => read,
        Err(Error::Fields(errors)) => return Ok(refused(number, errors)),
        Err(error) => return Err(error),
    };
    if import.dry_run {
        let vault = petitions.kernel.vaults.open(petition.action.vault_id).await?;
        let index = vault.email_index(&new.person.email);
        let there = store::signers::has_signed(
            &mut *petitions.kernel.db.acquire().await?,
            petition.action.id,
            vault.id,
            &index,
        )
        .await?;
        return Ok(if there { Outcome::Duplicate } else { Outcome::Imported });
    }
    match petitions.sign_imported(petition, new, import, signed_at).await {
        Ok(true) => Ok(Outcome::Imported),
        Ok(false) => Ok(Outcome::Duplicate),
        Err(Error::Fields(errors)) => Ok(refused(number, errors)),
        Err(error) => Err(error),
    }
}

/// A line as a signature.
fn read<'a>(
    petitions: &Petitions,
    petition: &Petition,
    import: &Import,
    cell: impl Fn(&str) -> &'a str,
) -> Result<(NewSignature, DateTime<Utc>)> {
    let language = LocaleTag::parse(cell("language")).unwrap_or(petition.action.locale);
    let person = PersonBody::of_form(cell("given_name"), cell("family_name"), cell("email"), language)
        .with_postal(cell("postal_code"), cell("city"), cell("country"))
        .with_phone(cell("phone"))
        .parse("")?;
    let comments = crate::kernel::text::clean_text(cell("comments"), 5000)
        .map_err(|e| Error::field("/comments", e.code, e.detail))?;
    let now = petitions.kernel.cx.now();
    let signed_at = match cell("signed_on") {
        "" => now,
        typed => moment(typed)
            .filter(|at| *at <= now + TimeDelta::days(1) && *at > now - TimeDelta::days(3660))
            .ok_or_else(|| {
                Error::field("/signed_on", "invalid_value", "Not a day such as 2026-03-31 of the last ten years.")
            })?
            .min(now),
    };
    let yes = ["yes", "y", "true", "1", "x", "oui", "sí", "si", "ਹਾਂ"];
    let consents =
        Consents { updates: yes.contains(&cell("consent_updates").to_lowercase().as_str()), ..Consents::default() };
    let new = NewSignature { comments, consents, source: import.source.clone(), ..NewSignature::of(person) };
    Ok((new, signed_at))
}

fn moment(typed: &str) -> Option<DateTime<Utc>> {
    let day = || {
        NaiveDate::parse_from_str(typed.get(..10)?, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc())
    };
    DateTime::parse_from_rfc3339(typed).map(|at| at.to_utc()).ok().or_else(day)
}

/// Throws away the files that nobody has started for long (upkeep).
///
/// # Errors
/// A database error.
pub async fn forget(petitions: &Petitions) -> Result<u64> {
    let before = petitions.kernel.cx.now() - TimeDelta::days(WAITS_DAYS);
    imports::forget(&mut *petitions.kernel.db.acquire().await?, before).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_delimiter_header_and_first_lines() {
        let b =
            beginning("\u{FEFF}Prénom;Courriel\r\nAna;a@example.org\r\n\"B;o\";b@example.org\r\n".as_bytes()).unwrap();
        // the reader stops after CR; the LF left over is an empty line, which is passed over
        assert_eq!((b.delimiter, b.columns, b.offset), (b';', vec!["Prénom".to_owned(), "Courriel".to_owned()], 20));
        assert_eq!(b.preview, [["Ana", "a@example.org"], ["B;o", "b@example.org"]]);
        assert_eq!(
            suggest(&["Prénom".to_owned(), "Courriel".to_owned()]),
            json!({"email": "Courriel", "given_name": "Prénom"})
        );
        for bad in [&b""[..], b"\xFF\xFEa\0", b"Qu\xE9bec,x\n", b"\n\n", b",,\n"] {
            assert!(beginning(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_whole_waits_for_the_next_piece() {
        let (read, used) = lines(b"a,b\n\"c\nc\",d\ne,", false, b',', 2, 2).unwrap();
        assert_eq!((read.len(), used), (2, 12));
        assert_eq!(read[1].cells.as_ref().unwrap(), &["c\nc", "d"]);
        let (read, used) = lines(b"a,b\ne,f", true, b',', 2, 2).unwrap();
        assert_eq!((read.len(), used), (2, 7));
        let (read, _) = lines(b"a\n\xE9,b\n", true, b',', 2, 2).unwrap();
        assert!(matches!((&read[0].cells, &read[1].cells), (Err("invalid_value"), Err("invalid_characters"))));
    }

    #[test]
    fn moments_are_days_or_rfc_3339() {
        assert_eq!(moment("2026-03-31").unwrap().to_rfc3339(), "2026-03-31T00:00:00+00:00");
        assert_eq!(moment("2026-03-31T10:00:00-04:00").unwrap().to_rfc3339(), "2026-03-31T14:00:00+00:00");
        assert_eq!(moment("2026-03-31 10:00:00").unwrap().to_rfc3339(), "2026-03-31T00:00:00+00:00");
        assert!(moment("31/03/2026").is_none() && moment("é").is_none());
    }
}
