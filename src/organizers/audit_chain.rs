//! The chain over the audit trail: each entry's hash is over the hash before it and the entry, so that whoever changes,
//! removes or adds one past the database's triggers is found out, unless they make all later hashes anew. Against that the
//! newest hash is kept elsewhere and given to the verification.

use data_encoding::HEXLOWER;
use sqlx::PgConnection;

use super::store::audit_chain as sql;
use crate::{
    error::Result,
    kernel::background::{JobInfo, Progress, Stage},
};

/// Entries chained by one step.
const SEAL_BATCH: i32 = 1_000;
/// Links verified by one statement.
const VERIFY_BATCH: i64 = 5_000;
/// Maximum number of faults that are told.
const MAX_FAULTS: usize = 20;

/// The job that chains new entries.
pub(super) const SEAL_JOB: JobInfo = JobInfo::tick(
    "seal_audit_entries",
    Stage::Follow,
    "chains new entries of the audit trail by hashes",
    "1,000 entries",
);

/// One step of [`SEAL_JOB`].
pub(super) async fn seal(conn: &mut PgConnection) -> Result<Progress> {
    Ok(Progress::of_batch(u64::from(sql::seal(conn, SEAL_BATCH).await?.unsigned_abs())))
}

/// What the verification of the chain has found.
#[derive(Clone, Debug)]
pub struct AuditVerification {
    /// Number of chained entries.
    pub entries: i64,
    /// The newest hash, in hexadecimal; empty without entries.
    pub head: String,
    /// What is wrong, one line each, at most 20; empty: nothing.
    pub faults: Vec<String>,
}

/// Chains what is not chained yet, then verifies the whole chain. `head`: a hash that an earlier verification told, which
/// must still be in the chain.
pub async fn verify_audit(conn: &mut PgConnection, head: Option<&str>) -> Result<AuditVerification> {
    while sql::seal(conn, SEAL_BATCH).await? > 0 {}
    let (mut found, mut is_head_known) =
        (AuditVerification { entries: 0, head: String::new(), faults: Vec::new() }, false);
    let mut last = 0;
    loop {
        let seals = sql::seals(conn, last, VERIFY_BATCH).await?;
        if seals.is_empty() {
            break;
        }
        for seal in seals {
            if seal.number != last + 1 {
                found.fault(format!("links {} to {} are gone", last + 1, seal.number - 1));
            } else if !seal.is_right {
                found.fault(format!("link {}: the entry {} was changed or removed", seal.number, seal.entry_id));
            }
            last = seal.number;
            found.entries += 1;
            found.head = HEXLOWER.encode(&seal.hash);
            is_head_known |= head == Some(found.head.as_str());
        }
    }
    let slipped_in = sql::slipped_in(conn).await?;
    if slipped_in > 0 {
        found.fault(format!("{slipped_in} entries were added past the chain"));
    }
    if head.is_some() && !is_head_known {
        found.fault("the chain does not have this head any more".to_owned());
    }
    Ok(found)
}

impl AuditVerification {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}
