//! The mails of events. The confirmation request to an unconfirmed address contains nothing that was typed; mails
//! about seats go only to people who asked for them. Mails of protected events are plain text, with neutral subject
//! and sender and no attachment.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use minijinja::{Value, context};
use sqlx::PgConnection;

use super::{
    ics,
    links::{CONFIRM_ATTENDANCE, MANAGE_ATTENDANCE},
    ops::{self, LoadedAttendance},
    state::AttendanceState,
    store::{self, AttendanceRow},
};
use crate::{
    error::Result,
    kernel::{Kernel, text::EmailAddress},
    mail::{
        self, Addressee, Attachment, Class, Composed, Composition, DeliveryStatus, Draft, MailKind, QueuedEmail,
        SendBasis,
    },
};

/// The kinds of mail about a registration: `emails.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case", prefix = "event_")]
pub(super) enum EventMailKind {
    /// The confirmation request.
    Confirm,
    /// It has its seats, or its event has moved.
    Registered,
    /// It waits for seats.
    Waitlisted,
    /// There are no seats for it.
    Declined,
    /// It has left the waitlist.
    Promoted,
    /// Its person cancelled it by link.
    CancelledByYou,
}

crate::kernel::text_enum!(EventMailKind);

/// Mails of one kind (`emails.refs`: `{"attendance": uuid}`).
#[derive(Clone, Debug)]
pub struct EventMail {
    kernel: Arc<Kernel>,
    kind: EventMailKind,
}

impl EventMail {
    /// All kinds of this slice.
    pub fn all(kernel: &Arc<Kernel>) -> Vec<Self> {
        EventMailKind::ALL.into_iter().map(|kind| Self { kernel: kernel.clone(), kind }).collect()
    }

    /// The registrations with the kind of mail to send, in the order of `emails`; `None` where the mail no longer
    /// matches the registration's state.
    async fn find(&self, emails: &[QueuedEmail]) -> Result<Vec<Result<Option<(LoadedAttendance, EventMailKind)>>>> {
        let kernel = &self.kernel;
        let mut conn = kernel.work.acquire().await?;
        let ids = QueuedEmail::ref_ids(emails, "attendance")?;
        let there = store::attendances_by_id(&mut conn, &ids).await?;
        let (mut rows, mut kinds) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        for id in ids {
            let told = match there.iter().find(|row| row.id == id) {
                Some(row) => self.now_of(&mut conn, row.clone()).await?,
                None => None,
            };
            kinds.push(told.map(|(row, kind)| {
                rows.push(row);
                kind
            }));
        }
        let mut loaded = ops::load_attendances(kernel, &mut conn, rows).await?.into_iter();
        let with_context = |kind: Option<EventMailKind>| {
            let Some((c, kind)) = kind.and_then(|kind| Some((loaded.next()?, kind))) else { return Ok(None) };
            let c = c?;
            let holds = c.event.is_on(kernel.env.now()) || kind == EventMailKind::CancelledByYou;
            Ok(holds.then_some((c, kind)))
        };
        Ok(kinds.into_iter().map(with_context).collect())
    }

    /// The registration that a mail is about at present, and its kind; `None` where the kind no longer matches the
    /// state.
    async fn now_of(
        &self,
        conn: &mut PgConnection,
        mut row: AttendanceRow,
    ) -> Result<Option<(AttendanceRow, EventMailKind)>> {
        let mut kind = self.kind;
        // declined because the person has an active registration: the mail is about that one
        if kind == EventMailKind::Declined
            && row.state == AttendanceState::Declined
            && let Some(active) = store::active(conn, row.event_id, row.person_id).await?
        {
            kind = if active.state == AttendanceState::Accepted {
                EventMailKind::Registered
            } else {
                EventMailKind::Waitlisted
            };
            row = active;
        }
        let holds = match kind {
            EventMailKind::Confirm => {
                row.state == AttendanceState::Pending
                    && row.confirm_expires_at.is_some_and(|at| at > self.kernel.env.now())
            }
            EventMailKind::Registered | EventMailKind::Promoted => row.state == AttendanceState::Accepted,
            EventMailKind::Waitlisted => row.state == AttendanceState::Waitlisted,
            EventMailKind::Declined => row.state == AttendanceState::Declined,
            EventMailKind::CancelledByYou => row.state == AttendanceState::Cancelled,
        };
        Ok(holds.then_some((row, kind)))
    }

    async fn write_all(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let drafts = self.find(emails).await?.into_iter().zip(emails).map(|(found, email)| {
            Ok(found?.and_then(|(c, kind)| {
                // without confirmation the address may have been typed by somebody else
                let is_first = matches!(
                    self.kind,
                    EventMailKind::Registered | EventMailKind::Waitlisted | EventMailKind::Declined
                ) && email.class != Class::Urgent;
                let is_unrequested = kind == EventMailKind::Confirm || (is_first && !c.event.action.confirms);
                let basis = if is_unrequested { SendBasis::FirstContact } else { SendBasis::Transactional };
                let to = c.payload.details.address()?;
                Some(Draft { to, vault: c.vault.clone(), basis, about: (c, kind) })
            }))
        });
        mail::compose_permitted(&self.kernel, emails, drafts.collect(), |(c, kind), to| self.write(&c, kind, to)).await
    }

    fn write(&self, c: &LoadedAttendance, kind: EventMailKind, to: EmailAddress) -> Composition {
        let (kernel, action) = (&self.kernel, &c.event.action);
        let has_place = matches!(kind, EventMailKind::Registered | EventMailKind::Promoted);
        let ics = has_place && !action.protected;
        let rendered =
            mail::render(kernel, kind.as_str(), c.locale, action.protected, page(kernel, c, has_place, ics))?;
        let from_name = if action.protected { String::new() } else { action.organization_name.clone() };
        let mut composed = Composed::new(to, from_name, rendered.subject, rendered.text);
        composed.html = rendered.html;
        if ics {
            let body = ics::calendar(
                &c.event,
                c.locale,
                &kernel.settings.mail.from_domain,
                &kernel.url(&action.path()),
                kernel.env.now(),
            );
            composed.attachments.push(Attachment {
                name: format!("{}.ics", action.slug),
                content_type: ics::CONTENT_TYPE.to_owned(),
                body: body.into_bytes(),
            });
        }
        Ok(Some(composed))
    }
}

/// The variables of the templates; the join link only for accepted registrations.
fn page(kernel: &Kernel, c: &LoadedAttendance, has_place: bool, ics: bool) -> Value {
    let url = |purpose| kernel.links.url(purpose, c.row.id, c.row.link_generation);
    context! {
        organization => c.event.action.organization_name.as_str(),
        action_title => c.event.title(c.locale),
        when => c.event.when(c.locale),
        place => c.event.place(),
        join_link_text => if has_place { c.event.plan.instructions.0.as_str() } else { "" },
        confirm_url => url(CONFIRM_ATTENDANCE),
        unconfirmed => !c.event.action.confirms,
        manage_url => url(MANAGE_ATTENDANCE),
        ics,
    }
}

impl MailKind for EventMail {
    fn kind(&self) -> &'static str {
        self.kind.as_str()
    }

    fn is_first_contact(&self) -> bool {
        self.kind == EventMailKind::Confirm
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(async move {
            let Some(row) = store::attendance(conn, email.ref_id("attendance")?).await? else { return Ok(None) };
            let c = ops::load_attendance(&self.kernel, conn, row).await?;
            Ok(c.payload.details.address().map(|address| Addressee { address, vault: c.vault }))
        })
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.write_all(emails))
    }

    fn on_settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        ended: &'a [(&'a QueuedEmail, DeliveryStatus)],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.kind == EventMailKind::CancelledByYou {
                for (email, _) in ended {
                    // the contact was kept for this mail only
                    store::set_sealed(conn, email.ref_id("attendance")?, None).await?;
                }
            }
            Ok(())
        })
    }
}
