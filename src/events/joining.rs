//! How an event is joined online. The link stands sealed in `events.joining`, and in no answer, page, mail, calendar file or log: a
//! button of somebody who is registered is answered by a redirect to it ([ADR 23](../../docs/adr/0023-join-links.md)).

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    gatherings::Gathering,
    kind::{AttendanceKind, LoadedAttendance},
    links::{JOIN_AT_ONCE, JOIN_EVENT, closed_page, refuse_replaced},
    plan::Event,
    state::AttendanceState,
    store,
};
use crate::{
    actions::submission::find,
    error::Result,
    kernel::{
        Kernel, day_secret,
        forms::FormInput,
        i18n::{self, text, text_of},
        links::{ChoiceList, Detail, ExternalUrl, LinkHandler, LinkPage, OPEN, Purpose, Token},
        vault::Vault,
    },
};

/// Table that sealed values are bound to (associated data).
const EVENTS: &str = "events";
/// From how long before a start the form leads to the button at once.
const AT_ONCE: TimeDelta = TimeDelta::minutes(30);
/// Field of the page with the choice between the meeting and its interpretation.
const WHERE_TO: &str = "to";
const INTERPRETATION: &str = "interpretation";

/// What the registered join with: the content of `events.joining`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Joining {
    /// The meeting, https; or "".
    pub url: String,
    /// Its interpretation, where that is a meeting of its own; or "".
    pub interpretation_url: String,
    /// Numbers to call instead, with their codes.
    pub dial_in: String,
    /// How to join, and how to hide one's name.
    pub note: String,
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joining(..)")
    }
}

impl Joining {
    /// Is there nothing to join with?
    pub(super) fn is_empty(&self) -> bool {
        self.url.is_empty() && self.dial_in.is_empty()
    }

    /// Opens that of an event.
    ///
    /// # Errors
    /// `internal` when the vault does not open it.
    pub(super) fn open(vault: &Vault, event: &Event) -> Result<Self> {
        Ok(vault.open_or_default(EVENTS, event.action.id, event.joining.as_deref())?)
    }

    /// Seals it for an event; `None` while there is nothing.
    pub(super) fn seal(&self, kernel: &Kernel, vault: &Vault, event: Uuid) -> Option<Vec<u8>> {
        (*self != Self::default()).then(|| vault.seal(&kernel.env, EVENTS, event, self))
    }
}

impl Event {
    /// Can it be joined by a button or a telephone number?
    pub(super) fn has_joining(&self) -> bool {
        self.joining.is_some()
    }

    /// The gathering that can be joined now, and the next one, where its registered can join `before` its start.
    fn joinable(&self, now: DateTime<Utc>, before: TimeDelta) -> (Option<Gathering>, Option<Gathering>) {
        let coming = self.gatherings(now, now + TimeDelta::days(400));
        let is_open = |gathering: &&Gathering| gathering.starts_at - before <= now;
        // of two at once the one that began last
        let open = coming.iter().rfind(is_open).copied();
        (open, coming.iter().find(|gathering| !is_open(gathering)).copied())
    }

    /// The gathering for which the form leads to the join button at once.
    pub(super) fn joinable_at_once(&self, now: DateTime<Utc>) -> Option<Gathering> {
        if !self.has_joining() || !self.is_on(now) {
            return None;
        }
        self.joinable(now, AT_ONCE).0
    }
}

/// What the page of somebody shows.
enum Standing {
    /// Nothing: not registered, or the link was taken away.
    Refused,
    /// There is nothing to join with.
    Missing,
    /// Not yet.
    Before(Option<Gathering>),
    /// The button.
    Open(Joining),
}

/// The page with the button.
struct JoinLink {
    kernel: Arc<Kernel>,
    purpose: Purpose,
}

/// Handlers of the links that join.
pub(super) fn link_handlers(kernel: &Arc<Kernel>) -> [impl LinkHandler + use<>; 2] {
    [JOIN_EVENT, JOIN_AT_ONCE].map(|purpose| JoinLink { kernel: kernel.clone(), purpose })
}

impl JoinLink {
    fn is_at_once(&self) -> bool {
        self.purpose == JOIN_AT_ONCE
    }

    fn standing(&self, c: &LoadedAttendance) -> Result<Standing> {
        let (event, now) = (&c.parent, self.kernel.env.now());
        let is_registered = match c.row.state {
            AttendanceState::Accepted => true,
            AttendanceState::Pending => self.is_at_once(),
            _ => false,
        };
        if !is_registered || !c.row.may_join {
            return Ok(Standing::Refused);
        }
        let before = if self.is_at_once() { AT_ONCE } else { event.joining_opens };
        let (open, next) = event.joinable(now, before);
        // whoever has not confirmed joins the gathering for which the form was sent, and no later one; of protected events
        // only the day is known
        let is_of_form = |gathering: &Gathering| {
            c.row.state == AttendanceState::Accepted
                || c.row.created_at >= gathering.starts_at - AT_ONCE - TimeDelta::days(1)
        };
        let joining = Joining::open(&c.vault, event)?;
        Ok(match open.filter(is_of_form) {
            _ if joining.is_empty() => Standing::Missing,
            Some(_) => Standing::Open(joining),
            None if self.is_at_once() && c.row.state == AttendanceState::Pending => Standing::Refused,
            None => Standing::Before(next),
        })
    }

    /// The page; `Open` gives it the button.
    fn page(&self, c: &LoadedAttendance) -> Result<LinkPage> {
        if let Some(page) = closed_page(&self.kernel, c) {
            return Ok(page);
        }
        let locale = c.locale;
        let mut page = c.button_page("join");
        let joining = match self.standing(c)? {
            Standing::Open(joining) => joining,
            other => {
                page.button = None;
                page.lines = vec![match other {
                    Standing::Before(Some(next)) => {
                        let opens = next.starts_at - c.parent.joining_opens;
                        text_of(locale, "join-not-yet", "time", i18n::date_time(locale, opens, c.parent.plan.zone))
                    }
                    Standing::Missing => text(locale, "join-missing"),
                    _ => text(locale, "join-refused"),
                }];
                return Ok(page);
            }
        };
        page.leads_away = true;
        page.lines.push(text(locale, "join-hide-name"));
        page.lines.extend((!joining.note.is_empty()).then(|| joining.note.clone()));
        if !joining.dial_in.is_empty() {
            page.details.push(Detail { label: text(locale, "join-dial-in"), value: joining.dial_in.clone() });
        }
        if joining.url.is_empty() {
            page.button = None;
        } else if !joining.interpretation_url.is_empty() {
            let option = |value: &str, chosen| (value.to_owned(), text(locale, &format!("join-to-{value}")), chosen);
            page.choice_list = Some(ChoiceList {
                name: WHERE_TO,
                legend: text(locale, "join-to"),
                options: vec![option("meeting", true), option(INTERPRETATION, false)],
            });
        }
        Ok(page)
    }

    /// The redirect, if the button may be pressed now.
    fn destination(&self, c: &LoadedAttendance, choices: &FormInput) -> Result<Option<ExternalUrl>> {
        if !c.parent.is_on(self.kernel.env.now()) {
            return Ok(None);
        }
        let Standing::Open(joining) = self.standing(c)? else { return Ok(None) };
        let wants_interpretation = choices.text(WHERE_TO) == INTERPRETATION && !joining.interpretation_url.is_empty();
        let url = if wants_interpretation { joining.interpretation_url } else { joining.url };
        Ok((!url.is_empty()).then_some(ExternalUrl(url)))
    }
}

impl LinkHandler for JoinLink {
    fn purpose(&self) -> Purpose {
        self.purpose
    }

    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.kernel.public.acquire().await?;
            let c: LoadedAttendance = find(&self.kernel, &mut conn, token).await?;
            // of the form's own button nobody sees whether the address is registered already
            if !c.row.state.is_active() && !self.is_at_once() {
                refuse_replaced(&mut conn, &c).await?;
            }
            // a link from a mail tells nothing of a protected event before a press
            if c.is_neutral() && !self.is_at_once() { Ok(LinkPage::closed(c.locale)) } else { self.page(&c) }
        })
    }

    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>> {
        Box::pin(async move {
            let mut conn = self.kernel.public.acquire().await?;
            let c: LoadedAttendance = find::<AttendanceKind>(&self.kernel, &mut conn, token).await?;
            let to = if choices.ticked(OPEN) { None } else { self.destination(&c, choices)? };
            let Some(to) = to else { return self.page(&c) };
            if let Err(error) = count(&self.kernel, &mut conn, &c).await {
                // nobody waits at the door for a number
                tracing::warn!(event = "seats.join_not_counted", %error, "somebody who joins was not counted");
            }
            Ok(LinkPage { locale: c.locale, destination: Some(to), ..LinkPage::default() })
        })
    }
}

/// Counts that somebody joins, once a day: the mark is an HMAC under the secret of the day, which is deleted when it ends.
async fn count(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedAttendance) -> Result<()> {
    let now = kernel.env.now();
    let secret = day_secret::for_day(conn, &kernel.env, now.date_naive()).await?;
    let mark = secret.mac(&[b"join", c.row.id.as_bytes()]);
    let day = now.with_timezone(&c.parent.plan.zone).date_naive();
    store::count_join(conn, c.parent.action.id, &mark, now.date_naive(), day).await
}
