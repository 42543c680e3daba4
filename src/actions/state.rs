//! The state of a kind's handlers, for kinds whose submissions are written by one function of the database: its group commits
//! and the cache of its actions, and what they register.

use std::{collections::HashMap, future::Future, marker::PhantomData, sync::Arc};

use axum::extract::FromRef;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    api::ActionApi,
    retention::EndedKinds,
    submission::{self, CountedSubmissions, SubmissionHeader, SubmissionKind, Submissions, WrittenSubmission},
};
use crate::{
    campaigns::{self, Action, Campaigns, recount},
    error::Result,
    kernel::{
        Kernel,
        background::Jobs,
        cache::Cache,
        group_commit::{Batch, GroupCommit},
        links::LinkHandlers,
    },
    mail::MailKinds,
    organizers::Authenticator,
    people::AllRecords,
};

/// What a kind brings whose submissions are written as they come.
pub trait ActionKind: SubmissionKind {
    /// A submission to be written: its header and the kind's own columns.
    type Act: Clone + Send + Sync + 'static;
    /// Name of the group commit in metrics.
    const SUBMITTING: &'static str;
    /// Name of the job that recounts.
    const RECOUNT: &'static str;

    /// The header of a submission.
    fn header(act: &Self::Act) -> &SubmissionHeader;

    /// Writes submissions in one transaction.
    fn write(
        db: &PgPool,
        acts: &[Self::Act],
    ) -> impl Future<Output = Result<Vec<WrittenSubmission>, sqlx::Error>> + Send;

    /// What is submitted to, with the holders of offices of `today`.
    fn load(
        conn: &mut PgConnection,
        action: Action,
        today: NaiveDate,
    ) -> impl Future<Output = Result<Self::Parent>> + Send;
}

/// Writes batches of submissions.
struct Submitting<K>(PgPool, PhantomData<fn() -> K>);

impl<K: ActionKind> Batch for Submitting<K> {
    type Act = K::Act;
    type Outcome = WrittenSubmission;
    const NAME: &'static str = K::SUBMITTING;

    fn write<'a>(&'a self, acts: &'a [K::Act]) -> BoxFuture<'a, Result<Vec<WrittenSubmission>, sqlx::Error>> {
        Box::pin(async move {
            let written = K::write(&self.0, acts).await?.into_iter();
            let mut by_id: HashMap<Uuid, WrittenSubmission> = written.map(|one| (one.submission_id, one)).collect();
            let lost = || sqlx::Error::Protocol("a submission was left without its outcome".to_owned());
            acts.iter().map(|act| by_id.remove(&K::header(act).id).ok_or_else(lost)).collect()
        })
    }
}

/// State of the handlers of a kind.
pub struct ActionState<K: ActionKind> {
    /// Clock, pools, crypto, settings.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
    /// State of the campaigns slice.
    pub campaigns: Campaigns,
    /// What the owners of addresses do by mailed links.
    pub submissions: Submissions<K>,
    submitting: Arc<GroupCommit<Submitting<K>>>,
    cache: Arc<Cache<String, Arc<K::Parent>>>,
}

// derived, it would ask K to be Clone
impl<K: ActionKind> Clone for ActionState<K> {
    fn clone(&self) -> Self {
        Self {
            kernel: self.kernel.clone(),
            authenticator: self.authenticator.clone(),
            campaigns: self.campaigns.clone(),
            submissions: self.submissions.clone(),
            submitting: self.submitting.clone(),
            cache: self.cache.clone(),
        }
    }
}

impl<K: ActionKind> std::fmt::Debug for ActionState<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActionState").field("kind", &K::NAME).finish_non_exhaustive()
    }
}

impl<K: ActionKind> FromRef<ActionState<K>> for Authenticator {
    fn from_ref(state: &ActionState<K>) -> Self {
        state.authenticator.clone()
    }
}

impl<K: ActionKind> FromRef<ActionState<K>> for Arc<Kernel> {
    fn from_ref(state: &ActionState<K>) -> Self {
        state.kernel.clone()
    }
}

impl<K: ActionKind> FromRef<ActionState<K>> for ActionApi {
    fn from_ref(state: &ActionState<K>) -> Self {
        Self::of::<CountedSubmissions<K>>(state.kernel.clone())
    }
}

impl<K: ActionKind> ActionState<K> {
    /// Creates the state and starts the group commits.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator, campaigns: Campaigns) -> Self {
        let batch = Submitting(kernel.hot.clone(), PhantomData);
        Self {
            submitting: Arc::new(GroupCommit::start(batch, kernel.settings.hot_path, kernel.env.clone())),
            submissions: Submissions::start(kernel.clone()),
            cache: Cache::invalidated_by(
                kernel.env.clone(),
                &kernel.cache_invalidator,
                |_, parent: &Arc<K::Parent>, change| {
                    let action: &Action = (**parent).as_ref();
                    action.is_affected_by(change)
                },
            ),
            kernel,
            authenticator,
            campaigns,
        }
    }

    /// Accepts no more submissions and confirmations; returns when the queued ones are written and answered.
    pub async fn close(&self) {
        tokio::join!(self.submitting.close(), self.submissions.close());
    }

    /// Today (UTC): the day by which holders of offices are looked up.
    pub fn today(&self) -> NaiveDate {
        self.kernel.env.now().date_naive()
    }

    /// An action by id or slug, cached.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn find(&self, key: &str) -> Result<Arc<K::Parent>> {
        let load = async || {
            let mut conn = self.kernel.public.acquire().await?;
            let action = campaigns::by_key(&mut conn, K::KIND, key).await?;
            K::load(&mut conn, action, self.today()).await.map(Arc::new)
        };
        self.cache.get(&key.to_owned(), load).await
    }

    /// Queues a submission and waits until it is written.
    ///
    /// # Errors
    /// 503 while it cannot be written.
    pub async fn submit(&self, act: K::Act) -> Result<WrittenSubmission> {
        self.submitting.submit(act).await
    }

    /// Registers the kinds of mail that all submissions have.
    pub fn register_mail(&self, records: &AllRecords, kinds: &mut MailKinds) {
        submission::register_mail::<K>(&self.kernel, records, kinds);
    }

    /// Registers the background jobs that all submissions have.
    pub fn register_jobs(&self, jobs: &mut Jobs) {
        submission::register_jobs::<K>(&self.kernel, jobs);
        recount::register_job(&self.kernel, jobs, K::RECOUNT, CountedSubmissions::<K>::default());
    }

    /// Registers what is kept about people.
    pub fn register_records(&self, records: &mut AllRecords) {
        submission::register_records::<K>(&self.kernel, records);
    }

    /// Registers the handlers of mailed links.
    pub fn register_links(&self, records: &AllRecords, handlers: &mut LinkHandlers) {
        submission::register_links(&self.submissions, records, handlers);
    }

    /// Registers what is deleted when an action's data ends.
    pub fn register_ended(kinds: &mut EndedKinds) {
        kinds.register::<K>();
    }
}
