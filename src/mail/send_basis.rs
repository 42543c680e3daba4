//! From what mails are about to the mails: whether their addresses may be written to is asked for all of them at once.

use std::sync::Arc;

use super::{
    kinds::{Composition, QueuedEmail},
    suppression::{self, Recipient},
};
use crate::{
    error::Result,
    kernel::{Kernel, text::EmailAddress, vault::Vault},
};

/// Why a mail may be written to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBasis {
    /// Nobody has confirmed the address: not to one that wants no mail, and no more than a few a day.
    FirstContact,
    /// A notice or news: not to an address that is suppressed.
    Notice,
    /// Its owner asked for it or is owed it.
    Transactional,
}

/// A mail that has something to say.
#[derive(Debug)]
pub struct Draft<T> {
    /// What it is about.
    pub about: T,
    /// Whom it goes to.
    pub to: EmailAddress,
    /// The vault that the person is in.
    pub vault: Arc<Vault>,
    /// Why it may.
    pub basis: SendBasis,
}

impl<T> Draft<T> {
    fn recipient(&self) -> Recipient<'_> {
        (&self.to, &self.vault)
    }
}

/// Composes those of the mails that have something to say and may be written, one answer for each, in their order.
///
/// # Errors
/// A database error.
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
