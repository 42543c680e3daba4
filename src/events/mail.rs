//! The mails of events besides those that ask to confirm: about seats, to people who asked for them. Mails of protected
//! events are plain text, with neutral subject and sender and no attachment.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;

use super::{
    announcement::Changes,
    ics,
    kind::{AttendanceKind, LoadedAttendance},
    links::{JOIN_EVENT, MANAGE_ATTENDANCE},
    plan::Format,
    reminders::Reminder,
    state::AttendanceState,
    store::{self, AttendanceRow},
    tickets,
};
use crate::{
    actions::submission::{addressee, load},
    error::Result,
    kernel::{
        Kernel,
        i18n::{date_time, text},
        qr::Qr,
        text::EmailAddress,
    },
    mail::{
        self, Addressee, Attachment, Class, Composition, DeliveryStatus, Draft, MailKind, MergedWith, QueuedEmail,
        SendBasis,
    },
};

/// Side of the picture of a ticket, in pixels.
const TICKET_SIDE: u32 = 400;

/// The kinds of mail about a registration: `emails.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case", prefix = "event_")]
pub(super) enum EventMailKind {
    /// It has its seats.
    Registered,
    /// It waits for seats.
    Waitlisted,
    /// There are no seats for it.
    Declined,
    /// It has left the waitlist.
    Promoted,
    /// Its person cancelled it by link.
    CancelledByYou,
    /// Time, place or join link of its event have changed, or the event takes place after all.
    Changed,
    /// Its event was called off.
    CalledOff,
    /// Its event begins soon.
    Upcoming,
    /// Its event is over.
    FollowUp,
}

crate::kernel::text_enum!(EventMailKind);

/// Mails of one kind (`emails.refs`: `{"attendance": uuid}`, and [`Changes`] or [`Reminder`]).
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
        let mut loaded = load::<AttendanceKind>(kernel, &mut conn, rows).await?.into_iter();
        let with_context = |kind: Option<EventMailKind>| {
            let Some((c, kind)) = kind.and_then(|kind| Some((loaded.next()?, kind))) else { return Ok(None) };
            let c = c?;
            let holds = match kind {
                EventMailKind::CancelledByYou => true,
                EventMailKind::CalledOff => c.parent.is_called_off() && !c.parent.is_over(kernel.env.now()),
                EventMailKind::FollowUp => c.parent.has_follow_up(kernel.env.now()),
                _ => c.parent.is_on(kernel.env.now()),
            };
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
            EventMailKind::Registered | EventMailKind::Promoted | EventMailKind::Upcoming | EventMailKind::FollowUp => {
                row.state == AttendanceState::Accepted
            }
            EventMailKind::Waitlisted => row.state == AttendanceState::Waitlisted,
            EventMailKind::Declined => row.state == AttendanceState::Declined,
            EventMailKind::CancelledByYou => row.state == AttendanceState::Cancelled,
            EventMailKind::Changed | EventMailKind::CalledOff => row.state.is_active(),
        };
        Ok(holds.then_some((row, kind)))
    }

    async fn write_all(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let drafts = self.find(emails).await?.into_iter().zip(emails).map(|(found, email)| {
            let news = News::of_mail(email)?;
            let now = self.kernel.env.now();
            Ok(found?.and_then(|(c, kind)| {
                if news.reminder.is_some_and(|reminder| !reminder.is_of_use(&c.parent, now)) {
                    return None;
                }
                // without confirmation the address may have been typed by somebody else
                let is_first = matches!(
                    self.kind,
                    EventMailKind::Registered | EventMailKind::Waitlisted | EventMailKind::Declined
                ) && email.class != Class::Urgent;
                let is_unrequested = is_first && !c.action().confirms;
                let basis = if is_unrequested { c.first_contact(MergedWith::Same) } else { SendBasis::Transactional };
                let to = c.address()?;
                Some(Draft { to, vault: c.vault.clone(), basis, about: (c, kind, news) })
            }))
        });
        mail::compose_permitted(&self.kernel, emails, drafts.collect(), |(c, kind, news), to| {
            self.write(&c, kind, &news, to)
        })
        .await
    }

    fn write(&self, c: &LoadedAttendance, kind: EventMailKind, news: &News, to: EmailAddress) -> Composition {
        let (kernel, action) = (&self.kernel, c.action());
        let has_place = match kind {
            EventMailKind::Registered | EventMailKind::Promoted | EventMailKind::Upcoming => true,
            EventMailKind::Changed => c.row.state == AttendanceState::Accepted,
            _ => false,
        };
        // calendars remove what was called off when they read its file, and know of what they are reminded
        let is_entry = (has_place && kind != EventMailKind::Upcoming) || kind == EventMailKind::CalledOff;
        let ics = is_entry && !action.protected;
        let joins = has_place && c.parent.has_joining() && c.row.may_join;
        let follow_up = c.parent.plan.follow_up.as_str();
        let page = context! {
            // only for accepted registrations
            join_link_text => if has_place { c.parent.plan.instructions.0.as_str() } else { "" },
            unconfirmed => !action.confirms,
            vouched => c.row.vouched,
            manage_url => c.link(kernel, MANAGE_ATTENDANCE),
            kept => (self.kind == EventMailKind::Declined && kind != self.kind).then_some(c.row.party_size),
            ticket => if has_place { tickets::of(kernel, c) } else { None },
            join_url => if joins { c.link(kernel, JOIN_EVENT) } else { String::new() },
            changes => news.changes.changes.clone(),
            after_all => news.changes.after_all,
            starts => news.reminder.map(|reminder| date_time(c.locale, reminder.starts_at, c.parent.plan.zone)),
            follow_up => if kind == EventMailKind::FollowUp { follow_up } else { "" },
            next => action.next.as_ref().map(|next| context! { title => next.title.as_str(), url => kernel.url(&next.path()) }),
            format => (c.parent.plan.format != Format::InPerson).then(|| text(c.locale, &format!("event-format-{}", c.parent.plan.format.as_str()))),
            reason => action.state_reason.as_str(),
            has_place,
            ics,
        };
        let Some(mut composed) = c.compose(kernel, kind.as_str(), to, page)? else { return Ok(None) };
        if has_place && let Some(code) = tickets::of(kernel, c) {
            composed.attachments.push(Attachment {
                name: "ticket.svg".to_owned(),
                content_type: "image/svg+xml".to_owned(),
                body: Qr::of(&code)?.picture(TICKET_SIDE, &code).into_bytes(),
            });
        }
        if ics {
            let body =
                ics::calendar(&c.parent, c.locale, &kernel.settings.mail.from_domain, &kernel.url(&action.path()));
            composed.attachments.push(Attachment {
                name: format!("{}.ics", action.slug),
                content_type: ics::CONTENT_TYPE.to_owned(),
                body: body.into_bytes(),
            });
        }
        Ok(Some(composed))
    }
}

/// What a mail says is new: its `refs` besides the registration.
struct News {
    changes: Changes,
    reminder: Option<Reminder>,
}

impl News {
    fn of_mail(email: &QueuedEmail) -> Result<Self> {
        Ok(Self { changes: Changes::of_mail(email)?, reminder: Reminder::of_mail(email)? })
    }
}

impl MailKind for EventMail {
    fn kind(&self) -> &'static str {
        self.kind.as_str()
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(addressee::<AttendanceKind>(&self.kernel, conn, email))
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
            if self.kind == EventMailKind::Declined {
                // the contact was kept for this mail only
                let ids = ended.iter().map(|(email, _)| email.ref_id("attendance")).collect::<Result<Vec<_>>>()?;
                store::erase_declined(conn, &ids).await?;
            }
            Ok(())
        })
    }
}
