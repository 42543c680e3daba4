//! Milestones: 25, 50, 75 and 100 % of the goal, and steps that organizers set. Reached by the published number,
//! mailed to the organizers once, and removed when the number falls below again.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    mail::MilestoneMail,
    store::{breakdowns, milestones},
    submission::Petitions,
};
use crate::{
    error::Result,
    mail::{self, Class, NewEmail},
    organizers,
};

/// Maximum number of petitions in one transaction.
const PETITIONS_PER_TRANSACTION: i64 = 500;

/// Records reached milestones, removes those not reached any more, raises goals, and enqueues the mails. Returns how
/// many petitions reached one. Idempotent, also across processes.
pub(super) async fn record_milestones(petitions: &Petitions) -> Result<usize> {
    let mut marked = 0;
    loop {
        let (looked_at, reached) = record_some(petitions).await?;
        marked += reached;
        if looked_at < PETITIONS_PER_TRANSACTION {
            return Ok(marked);
        }
    }
}

/// Processes some petitions whose number or settings have changed: how many, and how many reached a milestone. Their
/// breakdowns become due, if they show any.
async fn record_some(petitions: &Petitions) -> Result<(i64, usize)> {
    let kernel = &petitions.kernel;
    let mut tx = kernel.work.begin().await?;
    let moved = milestones::take_moved(&mut tx, PETITIONS_PER_TRANSACTION).await?;
    milestones::unmark_unreached(&mut tx, &moved).await?;
    let reached = milestones::mark_reached(&mut tx, &moved, kernel.env.now()).await?;
    for petition in &reached {
        if petition.raises_goal && petition.goal == Some(petition.step) {
            raise_goal(&mut tx, petition.id, petition.count, kernel.env.now()).await?;
        }
        for (organizer, _) in organizers::list_staff(&mut tx, petition.organization_id).await? {
            let email = NewEmail {
                organization_id: petition.organization_id,
                class: Class::Notice,
                kind: MilestoneMail::KIND,
                lane: "",
                refs: json!({"petition": petition.id, "organizer": organizer, "step": petition.step}),
                protected: false,
                due_at: None,
            };
            mail::enqueue(&mut tx, &kernel.env, email).await?;
        }
    }
    breakdowns::schedule(&mut tx, &moved, kernel.env.now().date_naive()).await?;
    tx.commit().await?;
    Ok((i64::try_from(moved.len()).unwrap_or(PETITIONS_PER_TRANSACTION), reached.len()))
}

/// Raises the goal above the count; steps of the new goal that are passed already are recorded without a mail.
async fn raise_goal(conn: &mut PgConnection, petition: Uuid, count: i64, now: DateTime<Utc>) -> Result<()> {
    milestones::raise_goal(conn, petition, next_goal(count)).await?;
    milestones::mark_passed(conn, petition, now).await
}

/// The next goal: 1, 1.5, 2, 2.5, 3, 4, 5, 7.5 and 10 times a power of ten, at least
/// 20 % above the count.
fn next_goal(count: i64) -> i64 {
    let least = count + count / 5 + 1;
    let mut power = 10;
    loop {
        if let Some(goal) =
            [10, 15, 20, 25, 30, 40, 50, 75].into_iter().map(|tenths| tenths * power / 10).find(|g| *g >= least)
        {
            return goal;
        }
        power *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::next_goal;

    #[test]
    fn goals_are_round_and_ahead() {
        for (count, goal) in [
            (0, 10),
            (10, 15),
            (100, 150),
            (500, 750),
            (1_000, 1_500),
            (5_000, 7_500),
            (10_003, 15_000),
            (999_999, 1_500_000),
        ] {
            assert_eq!(next_goal(count), goal, "{count}");
        }
    }
}
