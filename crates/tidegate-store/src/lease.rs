//! Who may write outcomes of a pipeline: one run at a time, fenced by an epoch.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::{Fault, FaultKind};

use crate::error::Doing;
use crate::planted::planted;
use crate::process::{self, now_ms};

/// How long a lease lives without being renewed.
const LIFE: Duration = Duration::from_secs(30);
/// How often it is renewed: two renewals may fail before it ends.
pub(crate) const RENEW: Duration = Duration::from_secs(10);

/// A lease this process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The pipeline's row.
    pub(crate) pipeline: i64,
    /// Grows with every taking; a commit under an older one is refused.
    epoch: i64,
    owner: String,
}

struct Held {
    epoch: i64,
    owner: Option<String>,
    pid: Option<u32>,
    host: Option<String>,
    started: Option<i64>,
    expires: i64,
}

impl Held {
    /// Whether a run elsewhere may still be working under this lease.
    fn alive(&self, now: i64) -> bool {
        let Some(pid) = self.pid.filter(|_| self.owner.is_some()) else { return false };
        let host = process::host();
        if !host.is_empty() && self.host.as_deref() == Some(host.as_str()) {
            // Same machine: ask it. A jump of the clock must not end the lease of a living process.
            return process::started(pid).is_some_and(|started| Some(started) == self.started);
        }
        // Elsewhere: its time decides. A time absurdly far ahead is a broken clock, not a long lease.
        self.expires > now && self.expires - now <= 10 * life_ms()
    }
}

fn life_ms() -> i64 {
    i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX)
}

impl Lease {
    /// Takes the lease of row `pipeline`, which is told as `name`, in the open transaction.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] while another run holds it.
    pub(crate) fn take(conn: &Connection, pipeline: i64, name: &str) -> Result<Self, Fault> {
        let doing = "taking the lease of the pipeline";
        let now = now_ms();
        let held = read(conn, pipeline).doing(doing)?;
        if let Some(held) = held.as_ref().filter(|held| held.alive(now) && !planted("lease-shared")) {
            let pid = held.pid.unwrap_or_default();
            return Err(Fault::new(
                FaultKind::Guarded,
                format!("another run of {name} is going on, held by pid {pid}"),
            )
            .hint(format!("wait for it, or stop it with `kill {pid}`; searching works meanwhile")));
        }
        let lease = Self {
            pipeline,
            epoch: held.map_or(1, |held| held.epoch + 1),
            owner: process::random_hex() + &process::random_hex(),
        };
        let pid = std::process::id();
        conn.execute(
            "INSERT OR REPLACE INTO lease(pipeline, epoch, owner, pid, host, started, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                pipeline,
                lease.epoch,
                lease.owner,
                pid,
                process::host(),
                process::started(pid),
                now + life_ms()
            ],
        )
        .doing(doing)?;
        Ok(lease)
    }

    /// Checks in the open transaction that the lease is still this one.
    ///
    /// # Errors
    /// [`FaultKind::Fenced`] if another run took over.
    pub(crate) fn check(&self, conn: &Connection) -> Result<(), Fault> {
        let doing = "checking the lease";
        let mut select = conn
            .prepare_cached("SELECT 1 FROM lease WHERE pipeline = ?1 AND epoch = ?2 AND owner = ?3")
            .doing(doing)?;
        if select.exists(params![self.pipeline, self.epoch, self.owner]).doing(doing)?
            || planted("lease-unchecked")
        {
            return Ok(());
        }
        Err(Fault::new(FaultKind::Fenced, "another run took over this pipeline")
            .hint("let that run finish; what this one had not committed is pending"))
    }

    /// Lengthens the lease, if it is still this one.
    pub(crate) fn renew(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "UPDATE lease SET expires = ?4 WHERE pipeline = ?1 AND epoch = ?2 AND owner = ?3",
        )?
        .execute(params![self.pipeline, self.epoch, self.owner, now_ms() + life_ms()])?;
        Ok(())
    }

    /// Gives the lease back, if it is still this one. The epoch stays, so that it only ever grows.
    pub(crate) fn release(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute(
            "UPDATE lease SET owner = NULL, pid = NULL, expires = 0
             WHERE pipeline = ?1 AND epoch = ?2 AND owner = ?3",
            params![self.pipeline, self.epoch, self.owner],
        )?;
        Ok(())
    }
}

/// The process that holds the lease of row `pipeline`, if one that may be alive does.
pub(crate) fn holder(conn: &Connection, pipeline: i64) -> Result<Option<u32>, Fault> {
    let held = read(conn, pipeline).doing("looking up the lease")?;
    Ok(held.filter(|held| held.alive(now_ms())).and_then(|held| held.pid))
}

fn read(conn: &Connection, pipeline: i64) -> rusqlite::Result<Option<Held>> {
    conn.query_row(
        "SELECT epoch, owner, pid, host, started, expires FROM lease WHERE pipeline = ?1",
        [pipeline],
        |row| {
            Ok(Held {
                epoch: row.get(0)?,
                owner: row.get(1)?,
                pid: row.get(2)?,
                host: row.get(3)?,
                started: row.get(4)?,
                expires: row.get(5)?,
            })
        },
    )
    .optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut conn, crate::schema::MIGRATIONS).unwrap();
        conn.execute("INSERT INTO pipeline VALUES (1, 'p', 0, 1)", []).unwrap();
        conn
    }

    fn forge(conn: &Connection, pid: u32, host: &str, started: i64, expires: i64) {
        conn.execute(
            "UPDATE lease SET pid = ?1, host = ?2, started = ?3, expires = ?4",
            params![pid, host, started, expires],
        )
        .unwrap();
    }

    #[test]
    fn a_living_owner_keeps_its_lease_even_past_its_time() {
        let conn = database();
        let first = Lease::take(&conn, 1, "p").unwrap();
        conn.execute("UPDATE lease SET expires = 0", []).unwrap();
        let refused = Lease::take(&conn, 1, "p").unwrap_err();
        assert!(refused.to_string().contains(&format!("held by pid {}", std::process::id())), "{refused}");
        first.check(&conn).unwrap();
    }

    #[test]
    fn a_dead_owner_on_this_machine_is_replaced_at_once_and_fenced() {
        let conn = database();
        let first = Lease::take(&conn, 1, "p").unwrap();
        // The same pid with another start time is another process.
        forge(&conn, std::process::id(), &process::host(), 1, i64::MAX);
        let second = Lease::take(&conn, 1, "p").unwrap();
        assert_eq!(first.check(&conn).unwrap_err().kind(), FaultKind::Fenced);
        second.check(&conn).unwrap();
        first.release(&conn).unwrap();
        second.check(&conn).unwrap();
    }

    #[test]
    fn an_owner_elsewhere_is_trusted_for_its_time_only() {
        let conn = database();
        Lease::take(&conn, 1, "p").unwrap();
        forge(&conn, 1, "elsewhere", 1, now_ms() + 20_000);
        assert!(Lease::take(&conn, 1, "p").is_err());
        forge(&conn, 1, "elsewhere", 1, now_ms() - 1);
        assert!(Lease::take(&conn, 1, "p").is_ok());
        forge(&conn, 1, "elsewhere", 1, i64::MAX);
        assert!(Lease::take(&conn, 1, "p").is_ok());
    }

    #[test]
    fn renewing_lengthens_a_lease_only_for_its_holder() {
        let conn = database();
        let expires = || conn.query_row("SELECT expires FROM lease", [], |row| row.get::<_, i64>(0)).unwrap();
        let lease = Lease::take(&conn, 1, "p").unwrap();
        conn.execute("UPDATE lease SET expires = 5", []).unwrap();
        Lease { epoch: 7, ..lease.clone() }.renew(&conn).unwrap();
        assert_eq!(expires(), 5);
        lease.renew(&conn).unwrap();
        assert!(expires() > now_ms());
    }

    #[test]
    fn a_released_lease_is_free_and_its_epoch_grows() {
        let conn = database();
        let first = Lease::take(&conn, 1, "p").unwrap();
        first.release(&conn).unwrap();
        assert_eq!(first.check(&conn).unwrap_err().kind(), FaultKind::Fenced);
        assert_eq!(Lease::take(&conn, 1, "p").unwrap().epoch, 2);
    }
}
