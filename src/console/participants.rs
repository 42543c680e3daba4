//! The console's lists of those who took part in one action: signers, people who registered, letters, calls. A list's filters
//! become a filter of the API, which decides who sees what, and counts and audits the reading; what is decided about
//! several at once is asked once more, with their number, and then sent to the API one by one.

use std::fmt::Write as _;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};
use minijinja::{context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    actions::export,
    api::SAVED_CONDITIONS,
    api_client::{ApiClient, check_form, read_form},
    filtered_list::FilteredList,
    forms,
    frame::{Page, id_of},
};
use crate::{
    calls::{CallResult, CallState},
    campaigns::{Kind, Privacy},
    error::{Error, Result},
    events::AttendanceState,
    kernel::{
        i18n,
        pages::{language_name, private, see_other},
        text::LocaleTag,
        zones::{self, Zone},
    },
    letters::OutreachState,
    organizers::Scope,
    petitions::{CommentState, SignatureState},
};

/// Number of rows on a page.
const ROWS_PER_PAGE: u32 = 50;

/// The list of those who took part in an action of a kind.
struct Roster {
    kind: Kind,
    /// Last part of its address.
    name: &'static str,
    /// Last part of its path in the API.
    path: &'static str,
    rel: &'static str,
    /// What its saved filters are kept under.
    list: FilteredList,
    /// Key of the heading.
    title: &'static str,
    /// Pointer of the action's number of those who count.
    total: &'static str,
    /// Prefix of the texts of states.
    states: &'static str,
    conditions: &'static [Condition],
    decisions: &'static [Decision],
}

/// A field by which a list is filtered.
#[derive(Clone, Copy)]
struct Condition {
    /// Name in the query.
    name: &'static str,
    /// Key of the label.
    label: &'static str,
    /// Name of the field in the API's filter.
    field: &'static str,
    asks: Asks,
    /// May protected actions be asked?
    is_neutral: bool,
}

/// What a condition asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// One of these words; their texts' keys begin with the prefix.
    Word(&'static str, &'static [&'static str]),
    Source,
    Office,
    Language,
    /// Letters in upper case.
    Code,
    /// This day or later.
    From,
    /// This day or earlier.
    Until,
    /// A whole address, which is looked up by its keyed index.
    Address,
}

/// What can be decided about several rows at once.
struct Decision {
    name: &'static str,
    /// Key of the label.
    label: &'static str,
    /// Key of the question, with `count` and `n`.
    question: &'static str,
    method: &'static str,
    /// Member of the body, and its value; empty: none.
    member: (&'static str, &'static str),
    /// Is it offered for protected actions, too?
    is_neutral: bool,
}

const fn condition(name: &'static str, label: &'static str, field: &'static str, asks: Asks) -> Condition {
    Condition { name, label, field, asks, is_neutral: matches!(asks, Asks::From | Asks::Until) }
}

const fn state(prefix: &'static str, states: &'static [&'static str]) -> Condition {
    let asks = Asks::Word(prefix, states);
    Condition { name: "state", label: "console-col-state", field: "muster:state", asks, is_neutral: true }
}

const SOURCE: Condition = condition("source", "console-bulk-source", "muster:source", Asks::Source);
const FROM: Condition = condition("from", "form-bulk-after", "created_date", Asks::From);
const UNTIL: Condition = condition("until", "form-bulk-before", "created_date", Asks::Until);
const ADDRESS: Condition = condition("email", "console-email", "email_address", Asks::Address);

const fn signature_decision(name: &'static str, label: &'static str, question: &'static str) -> Decision {
    Decision { name, label, question, method: "PUT", member: ("muster:state", name), is_neutral: true }
}

/// The lists, one for each kind.
static ROSTERS: [Roster; 4] = [
    Roster {
        kind: Kind::Petition,
        name: "signatures",
        path: "signatures",
        rel: "osdi:signatures",
        list: FilteredList::Signatures,
        title: "console-col-counted",
        total: "/total_signatures",
        states: "signature-state-",
        conditions: &[
            state("signature-state-", SignatureState::NAMES),
            condition(
                "comments",
                "import-field-comments",
                "muster:comment_state",
                Asks::Word("comment-state-", CommentState::NAMES),
            ),
            SOURCE,
            condition("country", "console-bulk-country", "country", Asks::Code),
            condition("region", "form-region", "region", Asks::Code),
            condition("language", "import-field-language", "preferred_language", Asks::Language),
            FROM,
            UNTIL,
            ADDRESS,
        ],
        decisions: &[
            signature_decision(SignatureState::Counted.as_str(), "console-review-counted", "decide-counted"),
            signature_decision(SignatureState::Quarantined.as_str(), "decide-hold", "decide-quarantined"),
            signature_decision(SignatureState::Invalid.as_str(), "console-review-invalid", "decide-invalid"),
            Decision {
                name: CommentState::Shown.as_str(),
                label: "decide-comment-shown",
                question: "decide-comments-shown",
                method: "PUT",
                member: ("muster:comment_state", CommentState::Shown.as_str()),
                is_neutral: false,
            },
            Decision {
                name: CommentState::Hidden.as_str(),
                label: "decide-comment-hidden",
                question: "decide-comments-hidden",
                method: "PUT",
                member: ("muster:comment_state", CommentState::Hidden.as_str()),
                is_neutral: false,
            },
        ],
    },
    Roster {
        kind: Kind::Event,
        name: "registrations",
        path: "attendances",
        rel: "osdi:attendances",
        list: FilteredList::Attendances,
        title: "form-registrations",
        total: "/total_accepted",
        states: "event-state-",
        conditions: &[state("event-state-", AttendanceState::NAMES), SOURCE, FROM, UNTIL, ADDRESS],
        decisions: &[Decision {
            name: "cancel",
            label: "form-registration-cancel",
            question: "decide-cancel",
            method: "DELETE",
            member: ("", ""),
            is_neutral: true,
        }],
    },
    Roster {
        kind: Kind::Letter,
        name: "outreaches",
        path: "outreaches",
        rel: "osdi:outreaches",
        list: FilteredList::Outreaches,
        title: "console-letters",
        total: "/total_outreaches",
        states: "outreach-state-",
        conditions: &[
            state("outreach-state-", OutreachState::LISTED_NAMES),
            condition("office", "form-office", "muster:office", Asks::Office),
            SOURCE,
            FROM,
            UNTIL,
            ADDRESS,
        ],
        decisions: &[],
    },
    Roster {
        kind: Kind::Call,
        name: "outreaches",
        path: "outreaches",
        rel: "osdi:outreaches",
        list: FilteredList::Calls,
        title: "console-calls",
        total: "/total_outreaches",
        states: "call-state-",
        conditions: &[
            state("call-state-", CallState::LISTED_NAMES),
            condition(
                "outcome",
                "console-col-outcome",
                "muster:outcome",
                Asks::Word("call-outcome-", CallResult::NAMES),
            ),
            condition("office", "form-office", "muster:office", Asks::Office),
            SOURCE,
            FROM,
            UNTIL,
            ADDRESS,
        ],
        decisions: &[],
    },
];

/// Routes of the lists.
pub(super) fn router() -> Router<ApiClient> {
    ROSTERS.iter().fold(Router::new(), |router, roster| {
        let show = move |page: Page| async move { show(roster, page).await };
        let submit = move |State(client): State<ApiClient>, page: Page, request: Request| async move {
            decide(roster, &client, page, request).await
        };
        router.route(&format!("/console/{}/{{id}}/{}", roster.kind.section(), roster.name), get(show).post(submit))
    })
}

/// Address of an action's list.
pub(super) fn address_of(kind: Kind, id: &str) -> String {
    let name = ROSTERS.iter().find(|roster| roster.kind == kind).map_or("", |roster| roster.name);
    format!("/console/{}/{id}/{name}", kind.section())
}

/// Prefix of the texts of the states of a kind's submissions.
pub(super) fn states_of(kind: Kind) -> &'static str {
    ROSTERS.iter().find(|roster| roster.kind == kind).map_or("", |roster| roster.states)
}

/// A condition as its field shows it.
#[derive(Debug, Serialize)]
struct ConditionView {
    name: &'static str,
    label: String,
    /// `choice`, `day`, `address` or `line`.
    kind: &'static str,
    value: String,
    /// Value and label.
    options: Vec<(String, String)>,
    /// What is wrong with the value; empty: nothing.
    error: String,
}

/// A filter that is kept under a name.
#[derive(Debug, Serialize)]
struct SavedView {
    id: String,
    name: String,
    href: String,
}

/// One who took part.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    /// Empty where it may not be shown.
    name: String,
    email: String,
    /// Address of the person's page; empty: none.
    href: String,
    state: String,
    when: String,
    source: String,
    /// City, region, country; or the office of a letter.
    place: String,
    comment: String,
    comment_state: String,
    /// Of a registration; none of others.
    party_size: Option<i64>,
    /// Address of the form that edits it; empty: none.
    edit: String,
}

async fn show(roster: &Roster, page: Page) -> Result<Response> {
    page.session.actor.require(Scope::ActionsRead)?;
    let locale = page.visitor.locale;
    let id = page.path("{id}")?;
    let base = format!("/api/v1/{}/{id}", roster.kind.collection());
    let action = page.get(&base).await?;
    let is_protected = action["muster:privacy"] == Privacy::Protected.as_str();
    let here = address_of(roster.kind, &id);
    let may_read = page.allows(Scope::ContactsRead);
    let mut conditions = Vec::new();
    let mut filter = String::new();
    for condition in roster.conditions.iter().filter(|condition| condition.is_neutral || !is_protected) {
        let value = page.query(condition.name).unwrap_or_default().trim().to_owned();
        let zone = if is_protected { Zone::UTC } else { *zones::DEFAULT };
        let compared = condition.compared(&value, zone);
        if let Some(compared) = compared.as_ref().ok().filter(|compared| !compared.is_empty()) {
            let _ = write!(filter, "{}{compared}", if filter.is_empty() { "" } else { " and " });
        }
        conditions.push(ConditionView {
            name: condition.name,
            label: i18n::text(locale, condition.label),
            kind: condition.kind(),
            options: options(&page, condition.asks, &action, &value).await?,
            error: compared.err().map(|key| i18n::text(locale, key)).unwrap_or_default(),
            value,
        });
    }
    let mut query = vec![("page", page.number("page").to_string()), ("per_page", ROWS_PER_PAGE.to_string())];
    query.extend(page.query("after").map(|after| ("after", after)));
    if !filter.is_empty() {
        query.push(("filter", filter.clone()));
    }
    let is_asked = may_read && conditions.iter().all(|condition| condition.error.is_empty());
    let (found, refusal) = if is_asked {
        page.list(&format!("{base}/{}?{}", roster.path, encoded(&query))).await?
    } else {
        (Value::Null, String::new())
    };
    let rows = found["_embedded"][roster.rel].as_array().into_iter().flatten();
    let rows: Vec<Row> = rows.map(|row| row_of(roster, locale, &here, row, &page)).collect();
    let conditions_set: Vec<(&str, &str)> =
        conditions.iter().filter(|c| !c.value.is_empty()).map(|c| (c.name, &*c.value)).collect();
    let quick: Vec<(String, String, bool)> = conditions
        .iter()
        .filter(|condition| condition.name == "state")
        .flat_map(|condition| {
            condition.options.iter().map(|(value, label)| (value.clone(), label.clone(), *value == condition.value))
        })
        .collect();
    let may_decide = page.allows(Scope::ContactsWrite);
    let decisions: Vec<_> = roster
        .decisions
        .iter()
        .filter(|decision| may_decide && (decision.is_neutral || !is_protected))
        .map(|decision| (decision.name, i18n::text(locale, decision.label)))
        .collect();
    let saved = page.get("/api/v1/saved_filters?per_page=100").await?;
    let saved: Vec<SavedView> = saved["_embedded"]["muster:saved_filters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|saved| saved["list"] == roster.list.as_str())
        .map(|saved| {
            let conditions = saved["conditions"].as_object().into_iter().flatten();
            let pairs = conditions.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned()));
            SavedView {
                id: id_of(saved),
                name: saved["name"].as_str().unwrap_or_default().to_owned(),
                href: format!("{here}?{}", encoded(&pairs.collect::<Vec<_>>())),
            }
        })
        .collect();
    let to_save: Vec<&(&str, &str)> =
        conditions_set.iter().filter(|(name, _)| SAVED_CONDITIONS.contains(name)).collect();
    let link = |rel: &str| link_of(&found, rel, &conditions_set).map(|query| format!("{here}?{query}"));
    let template = context! {
        heading => i18n::text(locale, roster.title), title => action["title"].as_str(), here => here.as_str(),
        back => format!("/console/{}/{id}", roster.kind.section()), is_protected, may_read, refusal,
        has_error => conditions.iter().any(|condition| !condition.error.is_empty()),
        conditions => Serde(&conditions), is_filtered => !conditions_set.is_empty(), rows => Serde(&rows),
        counted => action.pointer(roster.total).and_then(Value::as_i64),
        matching => found["total_records"].as_i64(), is_estimate => found["muster:total_is_estimate"] == true,
        is_partial => found["muster:is_partial"] == true, previous => link("previous"), next => link("next"),
        number => found["page"].as_i64(), has_comments => roster.kind == Kind::Petition && !is_protected,
        query => encoded_pairs(&conditions_set), has_sizes => roster.kind == Kind::Event,
        has_places => !is_protected || roster.has_offices(),
        decisions => Serde(&decisions), export_url => export(&page, roster.kind, &id, &action),
        quick => Serde(&quick), saved => Serde(&saved), to_save => Serde(&to_save), list => roster.list.as_str(),
        may_save => page.allows(Scope::ActionsWrite) && !to_save.is_empty(),
        may_unsave => page.allows(Scope::ActionsWrite),
        review_url => review_url(roster, &conditions_set, &here, may_decide, is_protected),
    };
    page.render("console/participants.html", template)
}

/// The page on which all that match are decided about by a rule, with what the filter has in common with one; empty
/// where there is none.
fn review_url(roster: &Roster, set: &[(&str, &str)], here: &str, may_decide: bool, is_protected: bool) -> String {
    if roster.kind != Kind::Petition || !may_decide || is_protected {
        return String::new();
    }
    let mut query = Vec::new();
    for (name, value) in set {
        match *name {
            "source" => query.push(("/rule/source", (*value).to_owned())),
            "country" => query.push(("/rule/country", value.to_uppercase())),
            "from" => query.push(("/rule/after", format!("{value}T00:00"))),
            "until" => query.extend(next_day(value).map(|day| ("/rule/before", format!("{day}T00:00")))),
            _ => {}
        }
    }
    let address = here.replace("/signatures", "/reviews/new");
    if query.is_empty() { address } else { format!("{address}?{}", encoded(&query)) }
}

fn next_day(day: &str) -> Option<NaiveDate> {
    day.parse::<NaiveDate>().ok()?.checked_add_days(Days::new(1))
}

fn encoded_pairs(query: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
}

fn encoded(query: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
}

/// The query of the page to which a link of the API's page leads, with the conditions.
fn link_of(found: &Value, rel: &str, conditions: &[(&str, &str)]) -> Option<String> {
    let href = url::Url::parse(found["_links"][rel]["href"].as_str()?).ok()?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(conditions);
    query.extend_pairs(href.query_pairs().filter(|(name, _)| name == "page" || name == "after"));
    Some(query.finish())
}

impl Roster {
    /// Is each row about an office?
    fn has_offices(&self) -> bool {
        self.conditions.iter().any(|condition| condition.asks == Asks::Office)
    }

    /// What the list's own form has of a query: it becomes the address to which the browser is sent.
    fn own_query(&self, query: &str) -> String {
        let is_own = |name: &str| self.conditions.iter().any(|condition| condition.name == name);
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| is_own(name));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

impl Condition {
    fn kind(&self) -> &'static str {
        match self.asks {
            Asks::Word(..) | Asks::Source | Asks::Office | Asks::Language => "choice",
            Asks::From | Asks::Until => "day",
            Asks::Address => "address",
            Asks::Code => "line",
        }
    }

    /// The comparison in the API's filter; empty while nothing is asked. The error is the key of a text.
    fn compared(&self, value: &str, zone: Zone) -> Result<String, &'static str> {
        if value.is_empty() {
            return Ok(String::new());
        }
        let midnight = |day: NaiveDate| {
            let at = zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest();
            let at = at.unwrap_or_else(|| day.and_time(NaiveTime::MIN).and_utc().with_timezone(&zone));
            at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)
        };
        let day = || value.parse::<NaiveDate>().map_err(|_| "field-error-invalid_value");
        Ok(match self.asks {
            Asks::From => format!("{} ge datetime'{}'", self.field, midnight(day()?)),
            Asks::Until => {
                let next = day()?.checked_add_days(Days::new(1)).ok_or("field-error-invalid_value")?;
                format!("{} lt datetime'{}'", self.field, midnight(next))
            }
            Asks::Word(_, known) if !known.contains(&value) => return Err("field-error-unknown_value"),
            Asks::Code => format!("{} eq '{}'", self.field, value.to_uppercase().replace('\'', "''")),
            _ => format!("{} eq '{}'", self.field, value.replace('\'', "''")),
        })
    }
}

/// What a condition offers.
async fn options(page: &Page, asks: Asks, action: &Value, chosen: &str) -> Result<Vec<(String, String)>> {
    let locale = page.visitor.locale;
    let mut options: Vec<(String, String)> = match asks {
        Asks::Word(prefix, words) => {
            words.iter().map(|word| ((*word).to_owned(), i18n::text(locale, &format!("{prefix}{word}")))).collect()
        }
        Asks::Source => {
            let sources = page.get("/api/v1/sources?per_page=100").await?;
            let words = sources["_embedded"]["muster:sources"].as_array().into_iter().flatten();
            let words = words.filter_map(|source| source["word"].as_str()).chain(["other"]);
            words.map(|word| (word.to_owned(), word.to_owned())).collect()
        }
        Asks::Office => {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let targets = action["targets"].as_array().into_iter().flatten();
            targets.map(|target| (text(&target["muster:office"]), text(&target["title"]))).collect()
        }
        Asks::Language => {
            LocaleTag::ALL.map(|locale| (locale.as_str().to_owned(), language_name(locale).to_owned())).to_vec()
        }
        Asks::Code | Asks::From | Asks::Until | Asks::Address => return Ok(Vec::new()),
    };
    // what was asked for stays chosen, though it is not offered any more
    if !chosen.is_empty() && !options.iter().any(|(value, _)| value == chosen) {
        options.push((chosen.to_owned(), chosen.to_owned()));
    }
    Ok(options)
}

fn row_of(roster: &Roster, locale: LocaleTag, here: &str, row: &Value, page: &Page) -> Row {
    let person = if row["person"].is_object() { &row["person"] } else { &row["_embedded"]["osdi:person"] };
    let text = |of: &Value, pointer: &str| of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = id_of(row);
    let person_id =
        row.pointer("/_links/osdi:person/href").and_then(Value::as_str).and_then(|href| href.rsplit('/').next());
    let place = if roster.has_offices() {
        text(row, "/targets/0/title")
    } else {
        let parts = ["locality", "region", "country"].map(|part| text(person, &format!("/postal_addresses/0/{part}")));
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    };
    let at = row["created_date"].as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let at = at.map(|at| at.to_utc());
    // of protected actions only the day is known
    let is_day = at.is_some_and(|at: DateTime<Utc>| at.time() == NaiveTime::MIN) && person_id.is_none();
    let when = at.map_or_else(String::new, |at| {
        if is_day { i18n::date(locale, at.date_naive()) } else { i18n::date_time(locale, at, *zones::DEFAULT) }
    });
    let word = |prefix: &str, member: &str| {
        row[member].as_str().map_or_else(String::new, |word| i18n::text(locale, &format!("{prefix}{word}")))
    };
    let comment = text(row, "/comments");
    let is_active = AttendanceState::deserialize(&row["muster:state"]).is_ok_and(AttendanceState::is_active);
    let may_edit = roster.kind == Kind::Event && is_active && page.allows(Scope::ContactsWrite);
    Row {
        name: format!("{} {}", text(person, "/given_name"), text(person, "/family_name")).trim().to_owned(),
        email: text(person, "/email_addresses/0/address"),
        href: person_id.map_or_else(String::new, |id| format!("/console/people/{id}")),
        state: word(roster.states, "muster:state"),
        source: text(row, "/referrer_data/source"),
        comment_state: if comment.is_empty() { String::new() } else { word("comment-state-", "muster:comment_state") },
        party_size: row["muster:party_size"].as_i64(),
        edit: if may_edit { format!("{here}/{id}") } else { String::new() },
        when,
        place,
        comment,
        id,
    }
}

/// `POST`: first asks once more how many are meant, then does it.
async fn decide(roster: &Roster, client: &ApiClient, page: Page, request: Request) -> Result<Response> {
    page.session.actor.require(Scope::ContactsWrite)?;
    let fields = read_form(request.into_body()).await?;
    check_form(&fields, &page.session)?;
    let value = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let decision = roster.decisions.iter().find(|decision| decision.name == value("decision"));
    let id = page.path("{id}")?;
    let here = address_of(roster.kind, &id);
    let query = roster.own_query(value("query"));
    let back = if query.is_empty() { here.clone() } else { format!("{here}?{query}") };
    let mut chosen: Vec<Uuid> =
        fields.iter().filter(|(name, _)| name == "row").filter_map(|(_, value)| value.parse().ok()).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen.truncate(ROWS_PER_PAGE as usize);
    let (Some(decision), false) = (decision, chosen.is_empty()) else { return Ok(private(see_other(&back))) };
    let locale = page.visitor.locale;
    let count = i64::try_from(chosen.len()).map_err(Error::internal)?;
    if value("is_sure") != "yes" {
        let arguments =
            i18n::Arguments::from([("count".into(), count.into()), ("n".into(), i18n::number(locale, count).into())]);
        let template = context! {
            here, back, query, question => i18n::text_with(locale, decision.question, &arguments),
            button => i18n::text(locale, decision.label), decision => decision.name, rows => Serde(&chosen),
        };
        return page.render("console/decide.html", template);
    }
    let method = Method::from_bytes(decision.method.as_bytes()).map_err(Error::internal)?;
    let body = match decision.member {
        ("", _) => String::new(),
        (member, value) => serde_json::json!({ member: value }).to_string(),
    };
    let (mut changed, mut refused) = (0_i64, Vec::new());
    for row in &chosen {
        let path = format!("/api/v1/{}/{id}/{}/{row}", roster.kind.collection(), roster.path);
        let answer =
            client.call(&page.session, method.clone(), &path, "application/json", Body::from(body.clone())).await?;
        if answer.status().is_success() {
            changed += 1;
        } else {
            let status = answer.status();
            let problem = super::api_client::json(answer).await?;
            refused.extend(forms::refusals(locale, &problem).into_iter().map(|refusal| refusal.message));
            if status == StatusCode::FORBIDDEN || status.is_server_error() {
                break;
            }
        }
    }
    if refused.is_empty() {
        let mark = if back.contains('?') { '&' } else { '?' };
        return Ok(private(see_other(&format!("{back}{mark}done=page&n={changed}"))));
    }
    refused.dedup();
    let arguments =
        i18n::Arguments::from([("count".into(), changed.into()), ("n".into(), i18n::number(locale, changed).into())]);
    refused.insert(0, i18n::text_with(locale, "decide-changed", &arguments));
    let shown = context! { back, messages => refused };
    let response = page.render("console/refused.html", shown)?;
    Ok((StatusCode::CONFLICT, response).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_become_a_filter() {
        let zone = *zones::DEFAULT;
        for (condition, value, expected) in [
            (FROM, "2026-11-01", "created_date ge datetime'2026-11-01T04:00:00Z'"),
            (UNTIL, "2026-11-01", "created_date lt datetime'2026-11-02T05:00:00Z'"),
            (ADDRESS, "o'neil@example.org", "email_address eq 'o''neil@example.org'"),
            (SOURCE, "", ""),
            (condition("region", "", "region", Asks::Code), "qc", "region eq 'QC'"),
        ] {
            assert_eq!(condition.compared(value, zone).as_deref(), Ok(expected), "{value}");
        }
        assert!(FROM.compared("yesterday", zone).is_err());
        assert!(state("", SignatureState::NAMES).compared("counted' or 1 eq 1", zone).is_err());
    }

    #[test]
    fn every_text_of_a_list_exists() {
        let mut keys = Vec::new();
        for roster in &ROSTERS {
            keys.push(roster.title.to_owned());
            for condition in roster.conditions {
                keys.push(condition.label.to_owned());
                if let Asks::Word(prefix, words) = condition.asks {
                    keys.extend(words.iter().map(|word| format!("{prefix}{word}")));
                }
            }
            keys.extend(roster.decisions.iter().map(|decision| decision.label.to_owned()));
        }
        for key in keys {
            assert_ne!(i18n::text(LocaleTag::En, &key), key);
        }
    }
}
