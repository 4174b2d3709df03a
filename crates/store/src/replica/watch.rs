//! Measuring how old a replica's answers are, without believing what it says of itself: a standby
//! whose link to the primary is cut takes itself for up to date. Where the primary's log ends is
//! noted with the instant before it was asked. What was committed by then lies before that point of
//! the log, so a replica that has replayed up to it is no older than that instant. This holds for a
//! primary to which nothing happens, too. It says nothing of how a standby is set up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, timeout};

use super::{Replica, State};
use crate::db::Db;
use crate::{Store, StoreError, error};

/// How long either server may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many points of the primary's log are remembered: an hour's.
const POINTS_MAX: usize = 3_600;

/// Looks at a replica again and again.
pub struct ReplicaMonitor {
    replica: Arc<Replica>,
    primary: Asked,
    standby: Asked,
    points: Points,
    /// What the primary is, once it has said so.
    identity: Option<Identity>,
    /// The replica is known to have had all that was committed by then.
    known: Instant,
}

/// A server with a connection of its own, so that a busy pool does not look like a dead server.
struct Asked {
    options: Arc<PgConnectOptions>,
    conn: Option<PgConnection>,
}

/// A number that all copies of a cluster share, and a database of it.
type Identity = (i64, String);

/// Points of the primary's log with instants: what had been committed by then lies before them.
#[derive(Default)]
struct Points(VecDeque<(i64, Instant)>);

impl ReplicaMonitor {
    /// A watch of this store's replica, if it has one.
    pub fn new(store: &Store) -> Option<Self> {
        let (Some(replica), Db::Postgres(db)) = (&store.replica, store.engine_pools()) else {
            return None;
        };
        Some(Self {
            primary: Asked { options: db.writer.connect_options(), conn: None },
            standby: Asked { options: Arc::new(replica.options.clone()), conn: None },
            replica: Arc::clone(replica),
            points: Points::default(),
            identity: None,
            known: Instant::now(),
        })
    }

    /// Looks once. What it finds decides who is asked until the next time; when nobody looks any
    /// more, the primary is asked soon.
    pub async fn look(&mut self) {
        match self.find_fresh().await {
            Ok((lsn, at)) => {
                self.known = at;
                self.replica.set_usable(lsn, at + self.replica.lag_max);
            }
            Err((state, reason)) => self.replica.set(state, &reason),
        }
        metrics::gauge!("openbell_replica_lag_seconds").set(self.known.elapsed().as_secs_f64());
    }

    /// The newest point of the primary's log that the replica has replayed, if it is new enough.
    async fn find_fresh(&mut self) -> Result<(i64, Instant), (State, String)> {
        // Where it does not answer, the older points still count until they are too old.
        let noted = self.note_primary().await;
        let away = |error: StoreError| (State::Away, cause(&error));
        let (is_standby, replayed, identity) = self.standby.ask_standby().await.map_err(away)?;
        if !is_standby {
            return Err((State::Away, "it is not a standby".to_owned()));
        }
        // More may have been written since the primary was asked, but not by another primary.
        let is_ahead = |points: &Points| points.end().is_some_and(|end| replayed > end);
        let is_other = self.identity.as_ref().is_some_and(|known| *known != identity);
        let is_ahead =
            is_ahead(&self.points) && self.note_primary().await.is_ok() && is_ahead(&self.points);
        if is_other || is_ahead {
            // Where it has been does not count when the primary has come that far.
            self.points = Points::default();
            return Err((State::Away, "it is not a replica of this database".to_owned()));
        }
        let found = self.points.find_replayed(replayed);
        let fresh = found.filter(|(_, at)| at.elapsed() < self.replica.lag_max);
        fresh.ok_or_else(|| {
            let late = || "it is too far behind".to_owned();
            let reason =
                noted.err().map_or_else(late, |error| format!("primary: {}", cause(&error)));
            (State::Behind, reason)
        })
    }

    async fn note_primary(&mut self) -> Result<(), StoreError> {
        let at = Instant::now();
        let (end, identity) = self.primary.ask_primary().await?;
        self.identity = Some(identity);
        self.points.note(end, at);
        Ok(())
    }
}

impl Asked {
    /// Where the log ends, and what server this is.
    async fn ask_primary(&mut self) -> Result<(i64, Identity), StoreError> {
        let (end, system, name): (i64, i64, String) = self
            .ask(
                "SELECT (pg_current_wal_lsn() - '0/0')::bigint, system_identifier,
                        current_database()::text
                 FROM pg_control_system()",
            )
            .await?;
        Ok((end, (system, name)))
    }

    /// Whether it is a standby, up to where it has replayed the log, and what server this is.
    async fn ask_standby(&mut self) -> Result<(bool, i64, Identity), StoreError> {
        let (is_standby, replayed, system, name): (bool, i64, i64, String) = self
            .ask(
                "SELECT pg_is_in_recovery(),
                        coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint,
                        system_identifier, current_database()::text
                 FROM pg_control_system()",
            )
            .await?;
        Ok((is_standby, replayed, (system, name)))
    }

    async fn ask<R>(&mut self, question: &'static str) -> Result<R, StoreError>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        // Taken out, so that a connection that has not answered is not asked again.
        let kept = self.conn.take();
        let asked = async {
            let mut conn = match kept {
                Some(conn) => conn,
                None => PgConnection::connect_with(&self.options).await?,
            };
            let row = sqlx::query_as(question).fetch_one(&mut conn).await?;
            Ok::<_, StoreError>((conn, row))
        };
        let (conn, row) = timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(error::away()))?;
        self.conn = Some(conn);
        Ok(row)
    }
}

impl Points {
    /// The last one.
    fn end(&self) -> Option<i64> {
        self.0.back().map(|(lsn, _)| *lsn)
    }

    fn note(&mut self, lsn: i64, at: Instant) {
        match self.0.back_mut() {
            Some((last, then)) if *last == lsn => *then = at,
            // Another server is the primary now, with a log that takes another course.
            Some((last, _)) if *last > lsn => {
                self.0.clear();
                self.0.push_back((lsn, at));
            }
            _ => self.0.push_back((lsn, at)),
        }
        if self.0.len() > POINTS_MAX {
            self.0.pop_front();
        }
    }

    /// The newest one up to which the log has been replayed.
    fn find_replayed(&self, replayed: i64) -> Option<(i64, Instant)> {
        let after = self.0.partition_point(|(lsn, _)| *lsn <= replayed);
        after.checked_sub(1).and_then(|newest| self.0.get(newest)).copied()
    }
}

/// What a fault comes from; its own words are about the database, which is well.
fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_as_old_as_the_newest_point_it_has_replayed() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut points = Points::default();
        assert_eq!(points.find_replayed(i64::MAX), None);
        for (lsn, seconds) in [(10, 0), (20, 1), (20, 2), (30, 3)] {
            points.note(lsn, at(seconds));
        }
        assert_eq!(points.find_replayed(9), None);
        assert_eq!(points.find_replayed(19), Some((10, at(0))));
        assert_eq!(points.find_replayed(20), Some((20, at(2))), "nothing happened meanwhile");
        assert_eq!(points.find_replayed(99), Some((30, at(3))));
    }

    #[test]
    fn points_of_another_primary_are_forgotten_and_few_are_kept() {
        let mut points = Points::default();
        for lsn in 0..2 * POINTS_MAX as i64 {
            points.note(lsn, Instant::now());
        }
        assert_eq!(points.0.len(), POINTS_MAX);
        points.note(7, Instant::now());
        assert_eq!(points.0.len(), 1);
        assert_eq!(points.end(), Some(7));
    }
}
