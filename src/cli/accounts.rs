//! `muster organizer`, `muster token` and `muster audit`: who may sign in, what acts on their behalf, and what was done.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::Subcommand;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::with_kernel;
use crate::{
    kernel::Kernel,
    organizers::{self, AccountChange, MAX_TOKEN_DAYS, NewOrganizer, Role, TOKEN_DAYS},
};

#[derive(Debug, Subcommand)]
pub(super) enum OrganizerVerb {
    /// Add an organizer; the first one makes the organization
    Add {
        /// E-mail address, used to sign in
        #[arg(long)]
        email: String,
        /// Name as shown
        #[arg(long)]
        name: String,
        /// owner, organizer, host or viewer
        #[arg(long)]
        role: Role,
        /// Name of the organization, where there are several (an owner's new name makes a new one)
        #[arg(long)]
        organization: Option<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the organizers: address, name, role, organization, state, sessions, tokens
    List,
    /// Let an organizer sign in no more; ends all sessions, and refuses the organizer's tokens
    Disable {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
    },
    /// Let a disabled organizer sign in again
    Enable {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
    },
    /// Change an organizer's role; ends all sessions
    Role {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
        /// owner, organizer, host or viewer
        #[arg(long)]
        role: Role,
    },
    /// Let an organizer change what concerns every organization: pauses and limits of all mail; ends all sessions
    Operator {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
        /// Take it back
        #[arg(long)]
        end: bool,
    },
    /// Set an organizer's password; ends all sessions
    Password {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove the second factor of an organizer who has lost it; ends all sessions
    ResetSecondFactor {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
    },
    /// List an organizer's sessions, or end them
    Sessions {
        /// The organizer's e-mail address
        #[arg(long)]
        email: String,
        /// End the session with this id
        #[arg(long, value_name = "ID", conflicts_with = "end_all")]
        end: Option<String>,
        /// End all sessions
        #[arg(long)]
        end_all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenVerb {
    /// Make a token and print it, once; nobody can read it again
    Add {
        /// E-mail address of the organizer on whose behalf it acts
        #[arg(long)]
        organizer: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// Scopes, separated by commas; `all` is one
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// How long it is valid: days (30), a last day (2027-06-30, UTC), or never
        #[arg(long, value_name = "DAYS|DATE|never", default_value_t = TOKEN_DAYS.to_string())]
        expires: String,
    },
    /// List the tokens: id, organizer, name, scopes, state, day of creation, last day, day of the last use
    List {
        /// Only those of the organizer with this e-mail address
        #[arg(long)]
        organizer: Option<String>,
    },
    /// Revoke a token
    Revoke {
        /// Its id, as `muster token list` shows it
        id: Uuid,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// Verify that no entry was changed, removed or slipped in, and print the number of entries and the newest hash
    Verify {
        /// A hash that was printed before and kept elsewhere: it must still be in the chain
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

pub(super) async fn audit(AuditVerb::Verify { head }: AuditVerb) -> anyhow::Result<()> {
    with_kernel(async |kernel| {
        let found = organizers::verify_audit(&mut *kernel.work.acquire().await?, head.as_deref()).await?;
        if !found.faults.is_empty() {
            bail!("the audit trail is not as it was written:\n{}", found.faults.join("\n"));
        }
        println!("entries: {}", found.entries);
        println!("head: {}", found.head);
        Ok(())
    })
    .await
}

pub(super) async fn organizer(verb: OrganizerVerb) -> anyhow::Result<()> {
    match verb {
        OrganizerVerb::Add { email, name, role, organization, password_stdin } => {
            let password = read_password(password_stdin)?;
            with_kernel(async |kernel| {
                let mut tx = kernel.db.begin().await?;
                let new = NewOrganizer { email, name, role, password, organization };
                let organizer = organizers::add_organizer(&mut tx, &kernel, new).await?;
                tx.commit().await?;
                eprintln!("Added {} ({}).", organizer.name, organizer.role);
                Ok(())
            })
            .await
        }
        OrganizerVerb::List => with_kernel(async |kernel| list_organizers(&kernel).await).await,
        OrganizerVerb::Disable { email } => change(&email, AccountChange::Disable).await,
        OrganizerVerb::Enable { email } => change(&email, AccountChange::Enable).await,
        OrganizerVerb::Role { email, role } => change(&email, AccountChange::Role(role)).await,
        OrganizerVerb::Operator { email, end } => change(&email, AccountChange::Operator(!end)).await,
        OrganizerVerb::Password { email, password_stdin } => {
            let password = read_password(password_stdin)?;
            change(&email, AccountChange::Password(password)).await
        }
        OrganizerVerb::ResetSecondFactor { email } => change(&email, AccountChange::ResetSecondFactor).await,
        OrganizerVerb::Sessions { email, end, end_all } => match end {
            None if !end_all => with_kernel(async |kernel| list_sessions(&kernel, &email).await).await,
            end => change(&email, AccountChange::EndSessions(end)).await,
        },
    }
}

async fn change(email: &str, change: AccountChange) -> anyhow::Result<()> {
    with_kernel(async |kernel| {
        let mut tx = kernel.db.begin().await?;
        let ended = organizers::change_account(&mut tx, &kernel, email, change).await?;
        tx.commit().await?;
        eprintln!("Done. Sessions ended: {ended}.");
        Ok(())
    })
    .await
}

async fn list_organizers(kernel: &Kernel) -> anyhow::Result<()> {
    let mut conn = kernel.db.acquire().await?;
    for account in organizers::list_accounts(&mut conn, kernel.env.now(), None).await? {
        let state = account.disabled_at.map_or_else(|| "enabled".to_owned(), |at| format!("disabled {}", day(at)));
        let role = if account.is_operator { format!("{}, operator", account.role) } else { account.role.to_string() };
        println!(
            "{}\t{}\t{role}\t{}\t{state}\tsessions: {}\ttokens: {}",
            account.email, account.name, account.organization, account.sessions, account.tokens
        );
    }
    Ok(())
}

async fn list_sessions(kernel: &Kernel, email: &str) -> anyhow::Result<()> {
    let (mut conn, now) = (kernel.db.acquire().await?, kernel.env.now());
    if organizers::list_accounts(&mut conn, now, Some(email)).await?.is_empty() {
        bail!("There is no organizer with this e-mail address.");
    }
    for session in organizers::list_sessions(&mut conn, now, email).await? {
        println!(
            "{}\t{}\tbegun {}\tlast used {}\tends {}",
            session.id(),
            session.device,
            minute(session.created_at),
            minute(session.last_used_at),
            minute(session.expires_at)
        );
    }
    Ok(())
}

pub(super) async fn token(verb: TokenVerb) -> anyhow::Result<()> {
    match verb {
        TokenVerb::Add { organizer, name, scopes, expires } => {
            with_kernel(async |kernel| {
                let expires_at = parse_end(&expires, kernel.env.now()).context("--expires")?;
                let mut tx = kernel.db.begin().await?;
                let token = organizers::add_token(&mut tx, &kernel, &organizer, &name, &scopes, expires_at).await?;
                tx.commit().await?;
                match expires_at {
                    Some(at) => eprintln!("Valid until {} UTC.", minute(at)),
                    None => eprintln!("Valid until it is revoked."),
                }
                println!("{token}");
                Ok(())
            })
            .await
        }
        TokenVerb::List { organizer } => {
            with_kernel(async |kernel| {
                let mut conn = kernel.db.acquire().await?;
                let never = || "never".to_owned();
                for token in organizers::list_tokens(&mut conn, organizer.as_deref()).await? {
                    println!(
                        "{}\t{}\t{}\t{}\t{}\tmade {}\tends {}\tlast used {}",
                        token.id,
                        token.organizer,
                        token.name,
                        token.scopes.join(","),
                        token.state(kernel.env.now()),
                        day(token.created_at),
                        token.expires_at.map_or_else(never, day),
                        token.last_used_on.map_or_else(never, |day| day.to_string()),
                    );
                }
                Ok(())
            })
            .await
        }
        TokenVerb::Revoke { id } => {
            with_kernel(async |kernel| {
                let mut tx = kernel.db.begin().await?;
                let revoked = organizers::revoke_token(&mut tx, &kernel, id).await?;
                tx.commit().await?;
                eprintln!("{}", if revoked { "Revoked." } else { "It was revoked before." });
                Ok(())
            })
            .await
        }
    }
}

fn day(at: DateTime<Utc>) -> String {
    at.date_naive().to_string()
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%F %H:%M").to_string()
}

/// The end of a token's life: after a number of days, with a day, or never.
fn parse_end(text: &str, now: DateTime<Utc>) -> anyhow::Result<Option<DateTime<Utc>>> {
    if text == "never" {
        return Ok(None);
    }
    let end = match (text.trim_end_matches('d').parse::<i64>(), text.parse::<NaiveDate>()) {
        (Ok(days), _) if (1..=MAX_TOKEN_DAYS).contains(&days) => now + TimeDelta::days(days),
        (_, Ok(last)) if last >= now.date_naive() => organizers::end_of(last),
        _ => bail!("`{text}` is neither a number of days (1 to {MAX_TOKEN_DAYS}), a day to come, nor `never`"),
    };
    Ok(Some(end))
}

fn read_password(from_stdin: bool) -> anyhow::Result<Zeroizing<String>> {
    if from_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line).context("reading the password")?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if !std::io::stdin().is_terminal() {
        bail!("give the password by --password-stdin");
    }
    Ok(Zeroizing::new(rpassword::prompt_password("Password: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_said_in_days_or_by_a_day() {
        let now = DateTime::parse_from_rfc3339("2026-11-28T16:00:00Z").unwrap().to_utc();
        let end = |text: &str| parse_end(text, now).ok().map(|end| end.map(minute).unwrap_or_default());
        assert_eq!(end("never").as_deref(), Some(""));
        assert_eq!(end("90").as_deref(), Some("2027-02-26 16:00"));
        assert_eq!(end("30d").as_deref(), Some("2026-12-28 16:00"));
        assert_eq!(end("2026-11-28").as_deref(), Some("2026-11-29 00:00"));
        for wrong in ["", "0", "-1", "3651", "2026-11-27", "2027-02-30", "soon", "99999999999999999999"] {
            assert_eq!(end(wrong), None, "{wrong}");
        }
    }
}
