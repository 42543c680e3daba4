//! `muster people`: what is kept about a person, shown or erased, in every vault.

use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::with_kernel;
use crate::{
    app::App,
    kernel::{Kernel, text::EmailAddress},
    organizers,
    people::{self, LocatedPerson},
};

#[derive(Debug, Subcommand)]
pub(super) enum PeopleVerb {
    /// Print all that is kept about a person, as JSON: an array with an object for each organization and protected action
    Show(Which),
    /// Erase a person with all that is kept about them; it cannot be undone, also not by putting a backup back
    Erase(Which),
}

/// Which person.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The id, as the API shows it
    #[arg(long)]
    id: Option<Uuid>,
}

pub(super) async fn run(verb: PeopleVerb) -> anyhow::Result<()> {
    with_kernel(async |kernel| {
        let (PeopleVerb::Show(which) | PeopleVerb::Erase(which)) = &verb;
        let found = find(&kernel, which).await?;
        if found.is_empty() {
            bail!("There is no such person.");
        }
        match verb {
            PeopleVerb::Show(_) => show(&kernel, found).await,
            PeopleVerb::Erase(_) => erase(&kernel, found).await,
        }
    })
    .await
}

async fn find(kernel: &Kernel, which: &Which) -> anyhow::Result<Vec<LocatedPerson>> {
    let Some(email) = &which.email else {
        let id = which.id.unwrap_or_default();
        return Ok(people::locate(kernel, id).await?.into_iter().collect());
    };
    let address = EmailAddress::parse(email).map_err(|error| anyhow::anyhow!("--email: {error}"))?;
    let (found, closed) = people::locate_by_address(kernel, &address).await?;
    for vault in closed {
        eprintln!("warning: the vault {vault} does not open with this keyring, so nobody was looked for in it");
    }
    Ok(found)
}

async fn show(kernel: &Arc<Kernel>, found: Vec<LocatedPerson>) -> anyhow::Result<()> {
    let records = App::new(kernel.clone()).records();
    let mut all = Vec::new();
    for LocatedPerson { organization, row, vault } in found {
        let mut tx = kernel.db.begin().await?;
        let mut data = records.my_data(&mut tx, &vault, &row).await?;
        let detail = json!({"list": "people", "records": 1});
        let object = Some(organizers::person_object(row.id));
        organizers::audit_by_service(&mut tx, &kernel.env, organization, "people.read", object, detail).await?;
        if let Some(data) = data.as_object_mut() {
            data.insert("identifiers".to_owned(), json!([format!("muster:{}", row.id)]));
            data.insert("organization".to_owned(), json!(organizers::organization_name(&mut tx, organization).await?));
        }
        tx.commit().await?;
        all.push(data);
    }
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}

async fn erase(kernel: &Arc<Kernel>, found: Vec<LocatedPerson>) -> anyhow::Result<()> {
    let records = App::new(kernel.clone()).records();
    let mut erased = 0;
    for LocatedPerson { organization, row, .. } in found {
        let mut tx = kernel.db.begin().await?;
        if records.erase(kernel, &mut tx, row.id).await? {
            organizers::audit_by_service(&mut tx, &kernel.env, organization, "person.erase", None, json!({})).await?;
            erased += 1;
        }
        tx.commit().await?;
    }
    eprintln!("Erased {erased} record(s) of this person.");
    Ok(())
}
