//! `muster vault destroy` and `muster panic`: end the data of one action, or of all protected ones, at once.

use anyhow::bail;
use clap::Subcommand;
use uuid::Uuid;

use super::ask;
use crate::{
    campaigns::{self, Action, retention},
    kernel::Kernel,
};

/// What is done with vaults.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// End the data of an action at once: the key of a protected one first, then everything about those who took part
    Destroy {
        /// Its slug, or the path of its page (`/p/slug`) where several kinds of action have the slug
        #[arg(long)]
        action: String,
        /// Do not ask for the slug again: for scripts
        #[arg(long)]
        yes: bool,
    },
}

/// Runs `muster vault`.
pub(super) async fn run(kernel: &Kernel, verb: Verb) -> anyhow::Result<()> {
    let Verb::Destroy { action, yes } = verb;
    let action = find(kernel, &action).await?;
    let what = if action.protected { "protected" } else { "standard" };
    eprintln!("{} ({}, {what}, {}).", action.title, action.path(), action.state.as_str());
    eprintln!("Everything about those who took part is deleted; this cannot be undone.");
    ask(yes, &action.slug)?;
    if retention::destroy_by_service(kernel, action.id, "destroy").await? {
        eprintln!("Ended.");
    } else {
        eprintln!("It had ended before.");
    }
    finish(kernel).await
}

/// Runs `muster panic`: ends the data of all protected actions, of one organization or of all.
pub(super) async fn panic(kernel: &Kernel, organization: Option<String>, yes: bool) -> anyhow::Result<()> {
    let mut conn = kernel.db.acquire().await?;
    if let Some(slug) = &organization
        && !campaigns::organization_exists(&mut conn, slug).await?
    {
        bail!("there is no organization `{slug}`");
    }
    let all = campaigns::protected_actions(&mut conn, organization.as_deref()).await?;
    drop(conn);
    eprintln!(
        "{} protected action(s). Everything about those who took part is deleted; this cannot be undone.",
        all.len()
    );
    ask(yes, organization.as_deref().unwrap_or("panic"))?;
    let (mut ended, mut failed) = (0, 0);
    for id in all {
        match retention::destroy_by_service(kernel, id, "destroy").await {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(error) => {
                eprintln!("{id}: {error}");
                failed += 1;
            }
        }
    }
    eprintln!("Ended {ended} action(s).");
    finish(kernel).await?;
    if failed > 0 {
        bail!("{failed} action(s) could not be ended; run this again");
    }
    Ok(())
}

async fn find(kernel: &Kernel, key: &str) -> anyhow::Result<Action> {
    let slug = key.rsplit('/').next().unwrap_or_default();
    let mut conn = kernel.db.acquire().await?;
    let ids: Vec<Uuid> = campaigns::by_slug(&mut conn, slug).await?;
    let mut found = campaigns::by_ids(&mut conn, &ids).await?;
    found.retain(|action| !key.contains('/') || action.path().ends_with(key));
    let paths = found.iter().map(Action::path).collect::<Vec<_>>().join(", ");
    match (found.pop(), found.is_empty()) {
        (Some(action), true) => Ok(action),
        (None, _) => bail!("there is no action `{key}`"),
        (Some(_), false) => bail!("several actions have this slug: {paths}. Name one by its path"),
    }
}

/// Removes the keys from this host's files.
async fn finish(kernel: &Kernel) -> anyhow::Result<()> {
    let names = kernel.vaults.prune().await?;
    eprintln!(
        "Removed {} key(s) from this host's files; other hosts remove theirs within 20 seconds. A worker deletes the rows.",
        names.len()
    );
    Ok(())
}
