//! What the query of an export may ask for, and how the API's description says it.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use serde_json::json;
use utoipa::{
    IntoParams, IntoResponses, PartialSchema,
    openapi::{Content, RefOr, Response},
};

use super::{
    format::Format,
    lists::{Asked, List},
    organization_lists::People,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{text::clean_line, zones},
};

/// What every export takes, for the API's description; [`ExportQuery::parse`] reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(super) struct ExportParams {
    /// Names of columns, with commas; all unless told
    columns: Option<String>,
    /// Made on this day or later
    from: Option<NaiveDate>,
    /// Made on this day or earlier
    until: Option<NaiveDate>,
    /// Why, for the audit trail: at most 200 characters
    reason: Option<String>,
    /// `1`: CSV with a byte order mark, for Excel
    bom: Option<String>,
}

/// What a list of submissions takes besides.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(super) struct StateParam {
    /// `all`, or one state
    state: Option<String>,
}

/// What an address without an ending takes besides.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(super) struct FormatParam {
    /// `csv`, `jsonl` or `xlsx`; else as `Accept` has it, else CSV
    format: Option<String>,
}

/// A file in the format that was asked for.
pub(super) struct ExportFile;

impl IntoResponses for ExportFile {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let text = || Content::new(Some(String::schema()));
        let file = Response::builder()
            .description("One row for each entry. Scope `contacts:export`.")
            .content("text/csv", text())
            .content("application/jsonl", text())
            .content(Format::Workbook.media_type(), Content::new(Some(Vec::<u8>::schema())));
        [("200".to_owned(), file.build().into())].into()
    }
}

/// A file at an address that ends in `.csv`.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "A header and one line for each entry. Scope `contacts:export`.",
    content_type = "text/csv"
)]
#[expect(dead_code, reason = "describes the answer")]
pub(super) struct CsvFile(String);

/// Why there is no file.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the answers")]
pub(super) enum ExportRefused {
    #[response(status = 400, description = "An unknown parameter, state or column")]
    Invalid,
    #[response(status = 401, description = "Unauthorized")]
    Unauthorized,
    #[response(status = 303, description = "A browser is led to where its session is confirmed")]
    Confirm,
    #[response(status = 403, description = "Without the scope, or protected")]
    Forbidden,
    #[response(status = 404, description = "No such action, delivery or partner")]
    NotFound,
}

/// The format that `Accept` asks for; none where the query has one.
pub(super) fn asked_format(query: Option<&str>, headers: &HeaderMap) -> Option<Format> {
    let mut names = url::form_urlencoded::parse(query.unwrap_or("").as_bytes()).map(|(name, _)| name);
    if names.any(|name| name == "format") {
        return None;
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    Some(Format::accepted(accept))
}

/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 200;

/// Query parameters of a list.
#[derive(Debug)]
pub(super) struct ExportQuery {
    pub(super) asked: Asked,
    pub(super) format: Format,
    pub(super) bom: bool,
    /// Why, for the audit trail; empty: not said.
    reason: String,
    /// Slug of the partner to whom it goes; empty: nobody else.
    pub(super) partner: String,
}

impl ExportQuery {
    /// Reads the parameters. `format`: the one of the address, if it has one.
    pub(super) fn parse<L: List>(query: &str, format: Option<Format>) -> Result<Self> {
        let refuse = |detail: String| Err(Error::problem(Code::InvalidParameter, detail));
        let mut wish = Self {
            asked: Asked {
                states: L::DEFAULT_STATES.iter().map(|&state| state.to_owned()).collect(),
                ..Asked::default()
            },
            format: format.unwrap_or(Format::Csv),
            bom: false,
            reason: String::new(),
            partner: String::new(),
        };
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let asked = &mut wish.asked;
            match &*name {
                "state" if value == "all" && !L::STATES.is_empty() => {
                    asked.states = L::STATES.iter().map(|&state| state.to_owned()).collect();
                }
                "state" if !L::STATES.is_empty() => match L::STATES.iter().find(|&&state| state == value) {
                    Some(state) => asked.states = vec![(*state).to_owned()],
                    None => return refuse(format!("`state` is `all` or one of {}.", L::STATES.join(", "))),
                },
                "bom" => match &*value {
                    "0" | "1" => wish.bom = value == "1",
                    _ => return refuse("`bom` is 0 or 1.".to_owned()),
                },
                "format" if format.is_none() => match Format::of_name(&value) {
                    Some(format) => wish.format = format,
                    None => return refuse("`format` is csv, jsonl or xlsx.".to_owned()),
                },
                "columns" => {
                    let columns = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                    asked.columns = columns.map(ToOwned::to_owned).collect();
                    let mut known = std::collections::HashSet::new();
                    if !asked.columns.iter().all(|name| known.insert(name)) {
                        return refuse("`columns` names one twice.".to_owned());
                    }
                }
                "source" if L::HAS_SOURCE => asked.source = Some(value.clone().into_owned()),
                "from" | "until" => {
                    let Some(at) = begin_of(&value, name == "until") else {
                        return refuse(format!("`{name}` is a day, such as 2026-11-30."));
                    };
                    *(if name == "from" { &mut asked.from } else { &mut asked.until }) = Some(at);
                }
                "reason" => {
                    let reason = clean_line(&value, MAX_REASON).ok().filter(|reason| !reason.contains('@'));
                    let Some(reason) = reason else {
                        return refuse("`reason` is at most 200 characters, without an address.".to_owned());
                    };
                    wish.reason = reason;
                }
                "partner" if L::NAME == People::NAME => wish.partner = value.clone().into_owned(),
                other => {
                    return refuse(format!(
                        "`{}` is not a parameter of this export.",
                        other.chars().take(40).collect::<String>()
                    ));
                }
            }
            if seen.iter().any(|known| *known == name) {
                return refuse(format!("`{name}` stands there twice."));
            }
            seen.push(name.into_owned());
        }
        Ok(wish)
    }

    /// What the audit trail notes of it.
    pub(super) fn details(&self) -> serde_json::Value {
        let mut details = json!({"format": self.format.ending()});
        for (name, value) in [("reason", &self.reason), ("partner", &self.partner)] {
            if !value.is_empty() {
                details[name] = value.as_str().into();
            }
        }
        if !self.asked.states.is_empty() {
            details["states"] = json!(self.asked.states);
        }
        if !self.asked.columns.is_empty() {
            details["columns"] = json!(self.asked.columns);
        }
        details
    }
}

/// Midnight at which a day begins in the default time zone; with `next`, that at which it ends.
fn begin_of(day: &str, next: bool) -> Option<DateTime<Utc>> {
    let day = day.parse::<NaiveDate>().ok()?;
    let day = if next { day.succ_opt()? } else { day };
    zones::DEFAULT.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::lists::{Attendances, Outreaches, Signatures};

    #[test]
    fn what_the_query_asks_for() {
        let parse = |query: &str| ExportQuery::parse::<Signatures>(query, None);
        let states = |query: &str| parse(query).unwrap().asked.states;
        assert_eq!(states(""), ["counted"]);
        assert!(!parse("").unwrap().bom && parse("").unwrap().format == Format::Csv);
        assert_eq!(states("state=withdrawn&bom=1"), ["withdrawn"]);
        assert!(parse("state=withdrawn&bom=1").unwrap().bom);
        assert_eq!(states("state=all").len(), 6);
        let wish = parse("format=xlsx&columns=email,%20id&source=hall&from=2026-11-01&reason=Hand%20over").unwrap();
        assert_eq!((wish.format, wish.asked.columns.join("|")), (Format::Workbook, "email|id".to_owned()));
        assert_eq!(wish.asked.from.unwrap().to_rfc3339(), "2026-11-01T04:00:00+00:00");
        assert_eq!(wish.details()["reason"], "Hand over");
        let attendances = ExportQuery::parse::<Attendances>("bom=0", None).unwrap();
        assert_eq!(attendances.asked.states, ["accepted", "waitlisted"]);
        let outreaches = ExportQuery::parse::<Outreaches>("", None).unwrap();
        assert!(!outreaches.asked.states.iter().any(|state| state == "pending"));
        for (query, named) in [
            ("state=accepted", "`state`"),
            ("state=", "`state`"),
            ("bom=yes", "`bom`"),
            ("page=2", "`page`"),
            ("state=all&state=counted", "`state`"),
            ("format=pdf", "`format`"),
            ("from=tomorrow", "`from`"),
            ("reason=for%20ana@example.org", "`reason`"),
            ("columns=id,id", "`columns`"),
            ("partner=union", "`partner`"),
        ] {
            let error = parse(query).unwrap_err();
            assert_eq!(error.code(), Code::InvalidParameter);
            assert!(error.to_string().contains(named), "{query}: {error}");
        }
        assert!(ExportQuery::parse::<Signatures>("format=csv", Some(Format::Csv)).is_err(), "the address says it");
        assert!(ExportQuery::parse::<Outreaches>("source=hall", None).is_err());
        assert!(ExportQuery::parse::<People>("state=all", None).is_err());
    }
}
