//! Composes a batch of drafts, leaving out those whose addresses may not be written to; suppressions and limits are
//! checked for all of them at once.

use std::sync::Arc;

use super::{
    kinds::{Composition, QueuedEmail},
    suppression::{self, Recipient},
};
use crate::{
    error::Result,
    kernel::{Kernel, text::EmailAddress, vault::Vault},
};

/// The basis on which a mail may be sent; selects the suppression and frequency checks of [`compose_permitted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBasis {
    /// To an address that nobody has confirmed: not if it is suppressed, and only up to a daily limit
    /// ([`suppression::may_send_confirmation`]).
    FirstContact,
    /// A notice or news: not if the address is suppressed ([`suppression::suppressed`]).
    Notice,
    /// Requested by or owed to the owner of the address: always.
    Transactional,
}

/// A mail to be composed.
#[derive(Debug)]
pub struct Draft<T> {
    /// What it is about; passed to the compose function.
    pub about: T,
    /// The recipient.
    pub to: EmailAddress,
    /// The recipient's vault.
    pub vault: Arc<Vault>,
    /// The basis on which it is sent.
    pub basis: SendBasis,
}

impl<T> Draft<T> {
    fn recipient(&self) -> Recipient<'_> {
        (&self.to, &self.vault)
    }
}

/// Composes those drafts that may be sent: one result for each mail, in the same order. `Ok(None)`, so that the mail is
/// cancelled, where there is no draft or the address may not be written to.
pub async fn compose_permitted<T>(
    kernel: &Kernel,
    emails: &[QueuedEmail],
    drafts: Vec<Result<Option<Draft<T>>>>,
    compose: impl Fn(T, EmailAddress) -> Composition,
) -> Result<Vec<Composition>> {
    let mut refused = vec![false; drafts.len()];
    let with = |basis| {
        let drafts = drafts.iter().enumerate();
        let found = drafts.filter_map(|(n, draft)| Some((n, draft.as_ref().ok()?.as_ref()?)));
        found.filter(move |(_, draft)| draft.basis == basis).collect::<Vec<_>>()
    };
    let (unrequested, notices) = (with(SendBasis::FirstContact), with(SendBasis::Notice));
    let asked: Vec<_> = unrequested.iter().map(|(n, draft)| (&emails[*n], draft.recipient())).collect();
    if !asked.is_empty() {
        for ((n, _), may) in unrequested.iter().zip(suppression::may_send_confirmation(kernel, &asked).await?) {
            refused[*n] = !may;
        }
    }
    let asked: Vec<_> = notices.iter().map(|(_, draft)| draft.recipient()).collect();
    if !asked.is_empty() {
        for ((n, _), is_suppressed) in notices.iter().zip(suppression::suppressed(kernel, &asked).await?) {
            refused[*n] = is_suppressed;
        }
    }
    let answers = drafts.into_iter().zip(refused).map(|(draft, refused)| match draft? {
        Some(draft) if !refused => compose(draft.about, draft.to),
        _ => Ok(None),
    });
    Ok(answers.collect())
}
