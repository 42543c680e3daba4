//! The console's page of the audit log: who did what, and whether it stands there as it was written. It has ids,
//! numbers and fixed words, and no personal data of supporters.

use axum::response::Response;
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};
use minijinja::{context, value::Serde};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::frame::{Page, id_of};
use crate::{
    error::{Error, Result},
    kernel::{forms::FormInput, i18n, zones},
    organizers::Scope,
};

/// Number of entries on a page.
const ROWS_PER_PAGE: u32 = 50;

/// What is done, by area: the key of its name is `audit-area-` and this word. An entry of a verb that is in none is
/// shown and cannot be filtered for.
const AREAS: [(&str, &[&str]); 9] = [
    (
        "accounts",
        &[
            "session.begin",
            "session.end",
            "session.refused",
            "session.confirm",
            "second_factor.set",
            "second_factor.remove",
            "second_factor.reset",
            "second_factor.recovery",
            "organizer.add",
            "organizer.role",
            "organizer.rename",
            "organizer.password",
            "organizer.operator",
            "organizer.enable",
            "organizer.disable",
            "invitation.add",
            "invitation.withdraw",
            "invitation.accept",
            "token.add",
            "token.revoke",
        ],
    ),
    (
        "contacts",
        &[
            "people.read",
            "signatures.export",
            "attendances.export",
            "outreaches.export",
            "calls.export",
            "people.export",
            "consents.export",
            "names.export",
            "audit.export",
        ],
    ),
    (
        "people",
        &[
            "person.add",
            "person.edit",
            "person.erase",
            "person.merge",
            "signature.decide",
            "signature.withdraw",
            "signatures.invalidate",
            "attendance.edit",
            "attendance.cancel",
            "letter.vouch",
            "call.vouch",
            "import.upload",
            "import.start",
            "import.cancel",
            "paper.enter",
            "paper.remove",
        ],
    ),
    (
        "petitions",
        &[
            "petition.create",
            "petition.edit",
            "petition.published",
            "petition.paused",
            "petition.closed",
            "petition.won",
            "petition.lost",
            "petition.archived",
            "petition.destroy",
            "delivery.create",
            "delivery.edit",
            "delivery.state",
            "delivery.delete",
        ],
    ),
    (
        "events",
        &[
            "event.create",
            "event.edit",
            "event.published",
            "event.paused",
            "event.closed",
            "event.cancelled",
            "event.archived",
            "event.destroy",
        ],
    ),
    (
        "letters",
        &[
            "letter.create",
            "letter.edit",
            "letter.published",
            "letter.paused",
            "letter.closed",
            "letter.archived",
            "letter.golive",
            "letter.hold",
            "letter.destroy",
            "office.create",
            "office.edit",
            "official.create",
        ],
    ),
    (
        "calls",
        &["call.create", "call.edit", "call.published", "call.paused", "call.closed", "call.archived", "call.destroy"],
    ),
    (
        "mail",
        &[
            "broadcast.create",
            "broadcast.edit",
            "broadcast.delete",
            "broadcast.send",
            "broadcast.test",
            "broadcast.pause",
            "broadcast.resume",
            "broadcast.cancel",
            "mail.cancel",
            "mail.retry",
            "mail.retry_all",
            "mail.lane",
            "mail.relay",
            "mail.pause",
            "mail.resume",
            "mail.first_contacts",
            "mail.unsuppress",
        ],
    ),
    (
        "settings",
        &[
            "campaign.create",
            "campaign.edit",
            "campaign.archive",
            "update.create",
            "update.edit",
            "update.delete",
            "update.import",
            "source.create",
            "source.delete",
            "partner.save",
            "partner.delete",
            "short_link.create",
            "short_link.delete",
            "image.create",
            "image.delete",
            "integrity.change",
            "integrity.allow",
            "integrity.disallow",
            "organization.edit",
            "retention.change",
            "saved_filter.create",
            "saved_filter.delete",
        ],
    ),
];

/// An entry as the page shows it.
#[derive(Debug, Serialize)]
struct Entry {
    when: String,
    who: String,
    /// Was it done with an API token?
    is_by_token: bool,
    /// Name of the area; empty: none.
    area: String,
    verb: String,
    object: String,
    detail: String,
}

/// The fields of the filter as they were filled in.
#[derive(Debug, Serialize)]
struct Asked {
    who: String,
    what: String,
    from: String,
    until: String,
    object: String,
}

impl Asked {
    fn of(page: &Page) -> Self {
        let asked = |name| page.query(name).unwrap_or_default().trim().to_owned();
        Self {
            who: asked("who"),
            what: asked("what"),
            from: asked("from"),
            until: asked("until"),
            object: asked("object"),
        }
    }

    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("who", &*self.who),
            ("what", &*self.what),
            ("from", &*self.from),
            ("until", &*self.until),
            ("object", &*self.object),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The API's filter; what cannot be read is left out.
    fn filter(&self) -> String {
        let mut terms = Vec::new();
        for (field, value) in [("organizer_id", &self.who), ("object_id", &self.object)] {
            if let Ok(id) = value.parse::<Uuid>() {
                terms.push(format!("{field} eq '{id}'"));
            }
        }
        if let Some((_, verbs)) = AREAS.iter().find(|(area, _)| *area == self.what) {
            let verbs: Vec<String> = verbs.iter().map(|verb| format!("verb eq '{verb}'")).collect();
            terms.push(format!("({})", verbs.join(" or ")));
        }
        for (value, days, operator) in [(&self.from, 0, "ge"), (&self.until, 1, "lt")] {
            let day = value.parse::<NaiveDate>().ok().and_then(|day| day.checked_add_days(chrono::Days::new(days)));
            let at = day.and_then(|day| zones::DEFAULT.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest());
            if let Some(at) = at {
                let at = at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true);
                terms.push(format!("created_date {operator} datetime'{at}'"));
            }
        }
        terms.join(" and ")
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// `GET /console/audit`
pub(super) async fn show(page: Page) -> Result<Response> {
    render(&page, &Value::Null).await
}

/// `POST /console/audit`: verifies the chain.
pub(super) async fn verify(page: Page, form: FormInput) -> Result<Response> {
    page.session.check(form.text("csrf"))?;
    page.session.actor.require(Scope::AuditRead)?;
    let verified = page.client.post(&page.session, "/api/v1/audit/verify").await?;
    if verified.is_null() {
        return Err(Error::internal("the audit trail could not be verified"));
    }
    render(&page, &verified).await
}

async fn render(page: &Page, verified: &Value) -> Result<Response> {
    page.session.actor.require(Scope::AuditRead)?;
    let locale = page.visitor.locale;
    let asked = Asked::of(page);
    let filter = asked.filter();
    let mut query = vec![("page", page.number("page").to_string()), ("per_page", ROWS_PER_PAGE.to_string())];
    query.extend(page.query("after").map(|after| ("after", after)));
    if !filter.is_empty() {
        query.push(("filter", filter.clone()));
    }
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (found, refusal) = page.list(&format!("/api/v1/audit?{}", encoded(&query))).await?;
    let organizers = page.get("/api/v1/organizers?per_page=100").await?;
    let people: Vec<(String, String)> = organizers["_embedded"]["muster:organizers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|organizer| (id_of(organizer), organizer["name"].as_str().unwrap_or_default().to_owned()))
        .collect();
    let entry = |entry: &Value| {
        let verb = entry["verb"].as_str().unwrap_or_default().to_owned();
        let area = AREAS.iter().find(|(_, verbs)| verbs.contains(&&*verb));
        let who = entry["organizer_id"].as_str();
        let named = who.and_then(|id| people.iter().find(|(known, _)| known == id)).map(|(_, name)| name.clone());
        let at = entry["created_date"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        let detail = entry["detail"].as_object().filter(|detail| !detail.is_empty());
        Entry {
            when: at.map_or_else(String::new, |at| i18n::date_time(locale, at, *zones::DEFAULT)),
            who: named.or_else(|| who.map(ToOwned::to_owned)).unwrap_or_else(|| i18n::text(locale, "audit-system")),
            is_by_token: entry["api_token_id"].is_string(),
            area: area.map_or_else(String::new, |(area, _)| i18n::text(locale, &format!("audit-area-{area}"))),
            object: entry["object_id"].as_str().unwrap_or_default().to_owned(),
            detail: detail.map_or_else(String::new, |_| entry["detail"].to_string()),
            verb,
        }
    };
    let entries: Vec<Entry> = found["_embedded"]["muster:audit"].as_array().into_iter().flatten().map(entry).collect();
    let areas: Vec<_> =
        AREAS.iter().map(|(area, _)| (*area, i18n::text(locale, &format!("audit-area-{area}")))).collect();
    let link = |rel: &str| {
        let href = url::Url::parse(found["_links"][rel]["href"].as_str()?).ok()?;
        let place: Vec<(String, String)> = href
            .query_pairs()
            .filter(|(name, _)| name == "page" || name == "after")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut pairs = asked.pairs();
        pairs.extend(place.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Some(format!("/console/audit?{}", encoded(&pairs)))
    };
    let csv_query = if filter.is_empty() { String::new() } else { format!("?{}", encoded(&[("filter", &filter)])) };
    let template = context! {
        asked => Serde(&asked), is_filtered => !asked.pairs().is_empty(), entries => Serde(&entries), refusal,
        people => Serde(&people), areas => Serde(&areas), matching => found["total_records"].as_i64(),
        is_estimate => found["muster:total_is_estimate"] == true, is_partial => found["muster:is_partial"] == true,
        previous => link("previous"), next => link("next"), number => found["page"].as_i64(),
        csv_url => format!("/api/v1/audit/entries.csv{csv_query}"), verified => Serde(verified),
    };
    page.render("console/audit.html", template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::filter::MAX_TERMS;

    #[test]
    fn what_was_asked_becomes_a_filter() {
        let none = Asked {
            who: String::new(),
            what: String::new(),
            from: String::new(),
            until: String::new(),
            object: "x' or 1 eq 1".to_owned(),
        };
        assert_eq!(none.filter(), "");
        let asked = Asked { what: "events".to_owned(), from: "2026-11-01".to_owned(), ..none };
        let filter = asked.filter();
        assert!(filter.starts_with("(verb eq 'event.create' or "), "{filter}");
        assert!(filter.ends_with(") and created_date ge datetime'2026-11-01T04:00:00Z'"), "{filter}");
        assert!(AREAS.iter().all(|(_, verbs)| verbs.len() + 4 <= MAX_TERMS));
    }
}
