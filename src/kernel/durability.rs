//! Durability of commits: on the disk of one database server (`database.durability = "local"`), or also on a standby's
//! (`"remote"`). Postgres' `synchronous_commit = on` means the local disk alone while no standby is synchronous, and
//! Patroni changes at run time which standbys are. So it is checked at start and every minute (by `mail::Engine`).

use sqlx::PgPool;

use crate::{
    config::{Durability, Settings},
    error::{Error, Result},
};

/// Replication state as the server reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standbys {
    synchronous_commit: String,
    /// `synchronous_standby_names`; while it is set, commits wait for one of these standbys.
    names: String,
    /// Number of connected standbys.
    attached: i64,
    /// Number of connected synchronous standbys; 0 for a role without `pg_monitor`, which does not see `sync_state`.
    synchronous: i64,
}

impl Standbys {
    /// Do commits wait for a standby?
    fn waits_for_standby(&self) -> bool {
        !self.names.is_empty() && matches!(self.synchronous_commit.as_str(), "on" | "remote_apply")
    }

    /// The problem with this configuration, if any, in one line.
    fn problem(&self, durability: Durability, is_production: bool) -> Option<String> {
        match durability {
            Durability::Remote if !self.waits_for_standby() => Some(format!(
                "database.durability is `remote`, and no commit waits for a standby (synchronous_standby_names is {:?}, synchronous_commit is {:?}): what is acknowledged would be lost with this server",
                self.names, self.synchronous_commit
            )),
            Durability::Remote if self.synchronous == 0 => Some(
                "database.durability is `remote`, and no synchronous standby is attached (or our role lacks pg_monitor and does not see it): commits wait until one is".to_owned(),
            ),
            Durability::Local if is_production && self.attached > 0 && !self.waits_for_standby() => Some(format!(
                "{} standby(s) are attached and none is synchronous: after a failover what was acknowledged last is lost and letters may go again; set synchronous_standby_names (Patroni: synchronous_mode) and database.durability = \"remote\"",
                self.attached
            )),
            _ => None,
        }
    }
}

async fn read(db: &PgPool) -> Result<Standbys> {
    Ok(sqlx::query_as!(
        Standbys,
        r#"SELECT current_setting('synchronous_commit') AS "synchronous_commit!", current_setting('synchronous_standby_names') AS "names!",
                  count(*) AS "attached!", count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS "synchronous!"
           FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'"#
    )
    .fetch_one(db)
    .await?)
}

fn report_metrics(standbys: &Standbys, problem: Option<&str>) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!("muster_database_standbys").set(standbys.attached as f64);
    metrics::gauge!("muster_database_durable").set(if problem.is_none() { 1.0 } else { 0.0 });
}

/// Refuses a database whose commits do not wait for a standby although `database.durability = "remote"`; logs any other
/// problem as a warning.
///
/// # Errors
/// `internal`, naming the setting to change.
pub async fn check_at_startup(settings: &Settings, db: &PgPool) -> Result<()> {
    let standbys = read(db).await?;
    let problem = standbys.problem(settings.database.durability, settings.is_production());
    report_metrics(&standbys, problem.as_deref());
    match problem {
        Some(problem) if settings.database.durability == Durability::Remote && !standbys.waits_for_standby() => {
            Err(Error::internal(problem))
        }
        Some(problem) => {
            tracing::warn!(event = "durability.not_durable", "{problem}");
            Ok(())
        }
        None => Ok(()),
    }
}

/// Repeats the check for the metrics and the log; fails only if the database does.
pub async fn recheck(settings: &Settings, db: &PgPool) -> Result<()> {
    let standbys = read(db).await?;
    let problem = standbys.problem(settings.database.durability, settings.is_production());
    report_metrics(&standbys, problem.as_deref());
    match problem {
        Some(problem) if settings.database.durability == Durability::Remote => {
            tracing::error!(event = "durability.not_durable", "{problem}");
        }
        Some(problem) => tracing::warn!(event = "durability.not_durable", "{problem}"),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insufficient_durability_is_reported() {
        let with = |commit: &str, names: &str, attached, synchronous| Standbys {
            synchronous_commit: commit.to_owned(),
            names: names.to_owned(),
            attached,
            synchronous,
        };
        for (standbys, durability, is_production, is_problem) in [
            (with("on", "", 0, 0), Durability::Local, true, false),
            (with("on", "", 1, 0), Durability::Local, true, true),
            (with("on", "", 1, 0), Durability::Local, false, false),
            (with("on", "*", 1, 1), Durability::Local, true, false),
            (with("on", "", 0, 0), Durability::Remote, false, true),
            (with("on", "", 2, 0), Durability::Remote, true, true),
            (with("on", "*", 0, 0), Durability::Remote, true, true),
            (with("remote_write", "*", 1, 1), Durability::Remote, true, true),
            (with("local", "*", 1, 1), Durability::Remote, true, true),
            (with("on", "*", 1, 1), Durability::Remote, true, false),
            (with("remote_apply", "ANY 1 (a, b)", 2, 2), Durability::Remote, true, false),
        ] {
            let problem = standbys.problem(durability, is_production);
            assert_eq!(problem.is_some(), is_problem, "{standbys:?} {durability:?} {is_production}");
            assert!(problem.is_none_or(|problem| problem.contains("standby")));
        }
    }
}
