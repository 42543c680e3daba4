//! Composes a batch of drafts, leaving out those whose addresses may not be written to; suppressions and limits are
//! checked for all of them at once.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    kinds::{self, Composition, QueuedEmail},
    suppression::{self, FirstContactMail, Permission, Recipient},
};
use crate::{
    error::Result,
    kernel::{Kernel, text::EmailAddress, vault::Vault},
};

/// With what a first contact is merged when it is over the daily number of its address and sent the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergedWith {
    /// All that were put off in the vault: the mail tells of what else waits there.
    Vault,
    /// Those about the same action or organization: the mail says the same.
    Same,
}

/// The basis on which a mail may be sent; selects the suppression and frequency checks of [`compose_permitted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBasis {
    /// To an address that nobody has confirmed: not if it is suppressed; over the daily number of the address it is put
    /// off to the next day and merged there ([`suppression::may_send_confirmation`]).
    FirstContact {
        /// The action or organization that it is about.
        about: Uuid,
        /// With what it is merged.
        merged_with: MergedWith,
    },
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
/// cancelled, where there is no draft or the address may not be written to; [`kinds::put_off`], so that it is sent the
/// next day, over the daily number of the address.
pub async fn compose_permitted<T>(
    kernel: &Kernel,
    emails: &[QueuedEmail],
    drafts: Vec<Result<Option<Draft<T>>>>,
    compose: impl Fn(T, EmailAddress) -> Composition,
) -> Result<Vec<Composition>> {
    let mut permissions = vec![Permission::Send; drafts.len()];
    let (mut first_contacts, mut notices) = (Vec::new(), Vec::new());
    for (n, draft) in drafts.iter().enumerate() {
        let Ok(Some(draft)) = draft else { continue };
        match draft.basis {
            SendBasis::FirstContact { about, merged_with } => {
                let mail = FirstContactMail { email: &emails[n], recipient: draft.recipient(), about, merged_with };
                first_contacts.push((n, mail));
            }
            SendBasis::Notice => notices.push((n, draft.recipient())),
            SendBasis::Transactional => {}
        }
    }
    if !first_contacts.is_empty() {
        let (places, mails): (Vec<usize>, Vec<FirstContactMail<'_>>) = first_contacts.into_iter().unzip();
        for (n, permission) in places.into_iter().zip(suppression::may_send_confirmation(kernel, &mails).await?) {
            permissions[n] = permission;
        }
    }
    if !notices.is_empty() {
        let (places, recipients): (Vec<usize>, Vec<Recipient<'_>>) = notices.into_iter().unzip();
        for (n, is_suppressed) in places.into_iter().zip(suppression::suppressed(kernel, &recipients).await?) {
            permissions[n] = if is_suppressed { Permission::Refuse } else { Permission::Send };
        }
    }
    let answers = drafts.into_iter().zip(permissions).map(|(draft, permission)| match (draft?, permission) {
        (Some(draft), Permission::Send) => compose(draft.about, draft.to),
        (Some(_), Permission::PutOff) => Err(kinds::put_off()),
        _ => Ok(None),
    });
    Ok(answers.collect())
}
