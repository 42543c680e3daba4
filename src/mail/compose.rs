//! Composing claimed mails into message bytes. Mails of a kind are composed together; a mail that cannot be composed
//! for a fault of ours is retried later.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    engine::{Engine, STATEMENTS_LIMIT},
    kinds::{self, COPY, COPY_OF, Claimed, Class, Composition, DeliveryStatus, History, MailKind, QueuedEmail},
    message::{Composed, Sender},
    retry_policy::{self, NextState},
    send_round::{OutgoingMessage, Prepared, Ready, SendRound},
    store,
};
use crate::{
    error::{Error, Result},
    kernel::db::with_timeout,
};

/// Result of building the message bytes.
enum Packed {
    Outgoing(Box<OutgoingMessage>),
    /// There is nothing to send any more.
    Nothing,
    /// The address cannot be expressed in SMTP.
    Impossible,
}

impl Engine {
    /// Composes claimed mails: each is then ready to be sent, or has a result already.
    pub(super) async fn prepare(&self, round: &SendRound<'_>, emails: Vec<Claimed>) -> Vec<Prepared> {
        let mut prepared = Vec::with_capacity(emails.len());
        // copies of one letter, of which there may be several, are not composed together
        let mut by_kind: BTreeMap<(Class, String, Option<String>), Vec<Claimed>> = BTreeMap::new();
        for email in emails {
            if email.is_erased() {
                let next_state = NextState::Settle(DeliveryStatus::Cancelled, None);
                prepared.push(Prepared::ended(email, Some(next_state)));
            } else if let Some(next_state) = self.requeue_if_over(round, &email) {
                prepared.push(Prepared::ended(email, Some(next_state)));
            } else {
                let copy = email.refs.get(COPY).and_then(|to| to.as_str()).map(str::to_owned);
                by_kind.entry((email.class, email.kind.clone(), copy)).or_default().push(email);
            }
        }
        for ((_, kind, _), claimed) in by_kind {
            let Some(kind) = self.kinds.get(&kind) else {
                // a process of a newer release may know it
                tracing::error!(
                    event = "mail.unknown_kind",
                    kind,
                    "unknown mail kind: this process cannot compose it; the mail is retried"
                );
                let next_state = self.later(&"nobody composes this kind of mail");
                prepared.extend(claimed.into_iter().map(|email| Prepared::ended(email, Some(next_state.clone()))));
                continue;
            };
            let (emails, histories): (Vec<QueuedEmail>, Vec<History>) =
                claimed.into_iter().map(|Claimed { email, history }| (email, history)).unzip();
            let permit = self.db_permit().await;
            let composed = self.compose(kind, &emails).await;
            drop(permit);
            let claimed = emails.into_iter().zip(histories).map(|(email, history)| Claimed { email, history });
            prepared.extend(claimed.zip(composed).map(|(email, composed)| self.pack(email, composed)));
        }
        self.without_stale(prepared).await
    }

    /// Cancels mails that are too old to be of use ([`retry_policy::max_age`]). The ended pauses are read only if a
    /// mail is too old without them.
    async fn without_stale(&self, prepared: Vec<Prepared>) -> Vec<Prepared> {
        let now = self.now();
        let is_old = |prepared: &Prepared| matches!(prepared, Prepared::Ready(ready) if retry_policy::cancel_if_stale(&ready.email, TimeDelta::zero(), now).is_some());
        if !prepared.iter().any(is_old) {
            return prepared;
        }
        let oldest = prepared.iter().filter_map(|prepared| match prepared {
            Prepared::Ready(ready) => Some(retry_policy::queued_at(&ready.email)),
            Prepared::Ended(_) => None,
        });
        let since = oldest.min().unwrap_or(now);
        let reading = async { store::pauses_ended(&mut *self.kernel.work.acquire().await?, since).await };
        let ended = with_timeout(STATEMENTS_LIMIT, "reading pauses", reading).await;
        let judged = |prepared: Prepared| {
            let ready = match prepared {
                Prepared::Ready(ready) => ready,
                ended @ Prepared::Ended(_) => return ended,
            };
            let pauses = match &ended {
                Ok(ended) => ended,
                Err(error) => return Prepared::ended(ready.email, Some(self.later(error))),
            };
            let is_ours = |id: Option<Uuid>| id.is_none_or(|id| id == ready.email.organization_id);
            let ours = pauses.iter().filter(|p| is_ours(p.organization_id));
            let ours = ours.filter(|p| store::is_stopped_by(&p.scope, ready.email.class));
            let ours: Vec<(DateTime<Utc>, DateTime<Utc>)> = ours.map(|p| (p.began_at, p.ended_at)).collect();
            let time_off = retry_policy::paused_since(retry_policy::queued_at(&ready.email), &ours);
            match retry_policy::cancel_if_stale(&ready.email, time_off, now) {
                Some(next_state) => Prepared::ended(ready.email, Some(next_state)),
                None => Prepared::Ready(ready),
            }
        };
        prepared.into_iter().map(judged).collect()
    }

    /// Composes mails of a kind; if that fails as a whole, each alone, so that one does not block the others.
    async fn compose(&self, kind: &dyn MailKind, emails: &[QueuedEmail]) -> Vec<Composition> {
        let composed = AssertUnwindSafe(with_timeout(STATEMENTS_LIMIT, "composing mails", kind.compose(emails)))
            .catch_unwind()
            .await;
        let error = match composed.unwrap_or_else(|_| Err(Error::internal("composing panicked"))) {
            Ok(composed) if composed.len() == emails.len() => return composed,
            Ok(_) => Error::internal("not every mail was composed"),
            Err(error) => error,
        };
        if let Error::Unavailable { .. } = error {
            return emails.iter().map(|_| Err(error.repeated())).collect();
        }
        if emails.len() == 1 {
            return vec![Err(error)];
        }
        let mut alone = Vec::with_capacity(emails.len());
        for email in emails {
            alone.extend(Box::pin(self.compose(kind, std::slice::from_ref(email))).await);
        }
        alone
    }

    /// Turns a composed mail into message bytes, or its error into a next state.
    fn pack(&self, email: Claimed, composed: Composition) -> Prepared {
        let (now, jitter) = (self.now(), self.kernel.env.fraction());
        let next_state = match composed.and_then(|mail| self.bytes_of(&email, mail)) {
            Ok(Packed::Outgoing(outgoing)) => return Prepared::Ready(Box::new(Ready { email, outgoing: *outgoing })),
            Ok(Packed::Nothing) => NextState::Settle(DeliveryStatus::Cancelled, None),
            Ok(Packed::Impossible) => NextState::AddressDead("the address cannot be written to".to_owned()),
            Err(error) if kinds::is_put_off(&error) => retry_policy::next_day(&email, now, kinds::PUT_OFF),
            Err(error) if kinds::is_paused(&error) => retry_policy::while_paused(now, jitter, error.to_string()),
            Err(error @ Error::Unavailable { .. }) => self.later(&error),
            // 410: what it is about has ended
            Err(error) if error.code().status() == StatusCode::GONE => {
                NextState::Settle(DeliveryStatus::Cancelled, None)
            }
            Err(error) => {
                tracing::warn!(
                    event = "mail.not_composed",
                    mail = %email.id,
                    kind = email.kind,
                    %error,
                    "a mail could not be composed; it is tried again"
                );
                retry_policy::after_compose(&email, &error.to_string(), now, jitter)
            }
        };
        Prepared::ended(email, Some(next_state))
    }

    fn bytes_of(&self, email: &Claimed, mail: Option<Composed>) -> Result<Packed> {
        let Some(mail) = mail else { return Ok(Packed::Nothing) };
        if !Sender::can_write_to(&mail.to) {
            return Ok(Packed::Impossible);
        }
        let copy = email.refs.get(COPY).and_then(|to| to.as_str());
        let (to, id, copies) = match copy {
            None => (mail.to.clone(), email.id, self.sender.copies(email.id, &mail)),
            Some(copy) => {
                // the recipient is no longer one of the office's mailboxes
                let Some(to) = self.sender.copied_to(email.id, copy, &mail) else { return Ok(Packed::Nothing) };
                let of = email.refs.get(COPY_OF).and_then(|of| of.as_str()?.parse().ok());
                (to.clone(), of.unwrap_or(email.id), Vec::new())
            }
        };
        let raw = self.sender.message(id, self.now(), &mail)?;
        let from = self.sender.return_path(&self.sender.return_token(email.id));
        Ok(Packed::Outgoing(Box::new(OutgoingMessage {
            organization_id: email.organization_id,
            class: email.class,
            kind: email.kind.clone(),
            from,
            to,
            raw,
            copies,
        })))
    }
}
