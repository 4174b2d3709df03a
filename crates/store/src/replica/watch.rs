//! Measures the staleness of a replica independently of its reports: a standby whose link is cut
//! considers itself current. Everything committed before a query of the primary's WAL end lies
//! before that position, so a replica that replayed up to it is no staler than the query.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, timeout};

use super::state::{Replica, ReplicaState};
use crate::pools::Db;
use crate::postgres::check_session;
use crate::{Store, StoreError, error};

/// Timeout of a query to either server.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// One hour of positions.
const POSITIONS_MAX: usize = 3_600;

/// Checks a replica periodically.
pub struct ReplicaMonitor {
    replica: Arc<Replica>,
    primary: ProbedServer,
    standby: ProbedServer,
    positions: WalPositions,
    /// The identity of the primary, once known.
    identity: Option<ServerIdentity>,
    /// The replica has everything committed by this instant.
    known: Instant,
}

/// A server with a dedicated connection, so that a busy pool does not look like a dead server.
struct ProbedServer {
    options: Arc<PgConnectOptions>,
    conn: Option<PgConnection>,
}

/// System identifier, equal on all copies of a cluster, and database name.
type ServerIdentity = (i64, String);

/// Positions of the primary's WAL with instants: everything committed by the instant lies before
/// the position.
#[derive(Default)]
struct WalPositions(VecDeque<(i64, Instant)>);

impl ReplicaMonitor {
    /// `None` without a replica.
    pub fn new(store: &Store) -> Option<Self> {
        let (Some(replica), Db::Postgres(db)) = (&store.replica, store.engine_pools()) else {
            return None;
        };
        Some(Self {
            primary: ProbedServer { options: db.writer.connect_options(), conn: None },
            standby: ProbedServer { options: Arc::new(replica.options.clone()), conn: None },
            replica: Arc::clone(replica),
            positions: WalPositions::default(),
            identity: None,
            known: Instant::now(),
        })
    }

    /// Checks once. The result holds until the next check; without further checks the primary is
    /// used soon.
    pub async fn check(&mut self) {
        match self.find_fresh().await {
            Ok((lsn, at)) => {
                self.known = at;
                self.replica.set_usable(lsn, at + self.replica.lag_max);
            }
            Err((state, reason)) => self.replica.set(state, &reason),
        }
        metrics::gauge!("openbell_replica_lag_seconds").set(self.known.elapsed().as_secs_f64());
    }

    /// The newest position that the replica has replayed, if it is fresh enough.
    async fn find_fresh(&mut self) -> Result<(i64, Instant), (ReplicaState, String)> {
        // If the primary does not respond, older positions still count until they are too old.
        let recorded = self.record_primary().await;
        let away = |error: StoreError| (ReplicaState::Away, cause(&error));
        let (is_standby, replayed, identity) = self.standby.query_standby().await.map_err(away)?;
        if !is_standby {
            return Err((ReplicaState::Away, "it is not a standby".to_owned()));
        }
        // The primary may have written more since its query, so it is queried again; a standby that
        // is still ahead follows another primary.
        let is_ahead = |positions: &WalPositions| positions.end().is_some_and(|end| replayed > end);
        let is_other = self.identity.as_ref().is_some_and(|known| *known != identity);
        let is_ahead = is_ahead(&self.positions)
            && self.record_primary().await.is_ok()
            && is_ahead(&self.positions);
        if is_other || is_ahead {
            // Positions of another primary are meaningless.
            self.positions = WalPositions::default();
            return Err((ReplicaState::Away, "it is not a replica of this database".to_owned()));
        }
        let found = self.positions.find_replayed(replayed);
        let fresh = found.filter(|(_, at)| at.elapsed() < self.replica.lag_max);
        fresh.ok_or_else(|| {
            let late = || "it is too far behind".to_owned();
            let reason =
                recorded.err().map_or_else(late, |error| format!("primary: {}", cause(&error)));
            (ReplicaState::Behind, reason)
        })
    }

    async fn record_primary(&mut self) -> Result<(), StoreError> {
        let at = Instant::now();
        let (end, identity) = self.primary.query_primary().await?;
        self.identity = Some(identity);
        self.positions.record(end, at);
        Ok(())
    }
}

impl ProbedServer {
    /// The end of the WAL and the identity of the server.
    async fn query_primary(&mut self) -> Result<(i64, ServerIdentity), StoreError> {
        let (end, system, name): (i64, i64, String) = self
            .query(
                "SELECT (pg_current_wal_lsn() - '0/0')::bigint, system_identifier,
                        current_database()::text
                 FROM pg_control_system()",
            )
            .await?;
        Ok((end, (system, name)))
    }

    /// Whether it is a standby, the replayed position, and the identity of the server.
    async fn query_standby(&mut self) -> Result<(bool, i64, ServerIdentity), StoreError> {
        let (is_standby, replayed, system, name): (bool, i64, i64, String) = self
            .query(
                "SELECT pg_is_in_recovery(),
                        coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint,
                        system_identifier, current_database()::text
                 FROM pg_control_system()",
            )
            .await?;
        Ok((is_standby, replayed, (system, name)))
    }

    async fn query<R>(&mut self, sql: &'static str) -> Result<R, StoreError>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        // Taken out, so that a connection without response is not used again.
        let conn = self.conn.take();
        let response = async {
            let mut conn = match conn {
                Some(conn) => conn,
                None => {
                    let mut conn = PgConnection::connect_with(&self.options).await?;
                    check_session(&mut conn).await?;
                    conn
                }
            };
            let row = sqlx::query_as(sql).fetch_one(&mut conn).await?;
            Ok::<_, StoreError>((conn, row))
        };
        let (conn, row) =
            timeout(QUERY_TIMEOUT, response).await.unwrap_or_else(|_| Err(error::unreachable()))?;
        self.conn = Some(conn);
        Ok(row)
    }
}

impl WalPositions {
    fn end(&self) -> Option<i64> {
        self.0.back().map(|(lsn, _)| *lsn)
    }

    fn record(&mut self, lsn: i64, at: Instant) {
        match self.0.back_mut() {
            Some((last, then)) if *last == lsn => *then = at,
            // Another server has been promoted; its WAL diverges.
            Some((last, _)) if *last > lsn => {
                self.0.clear();
                self.0.push_back((lsn, at));
            }
            _ => self.0.push_back((lsn, at)),
        }
        if self.0.len() > POSITIONS_MAX {
            self.0.pop_front();
        }
    }

    /// The newest position that is replayed.
    fn find_replayed(&self, replayed: i64) -> Option<(i64, Instant)> {
        let after = self.0.partition_point(|(lsn, _)| *lsn <= replayed);
        after.checked_sub(1).and_then(|newest| self.0.get(newest)).copied()
    }
}

/// The source of an error; its own text is about the primary.
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
        let mut positions = WalPositions::default();
        assert_eq!(positions.find_replayed(i64::MAX), None);
        for (lsn, seconds) in [(10, 0), (20, 1), (20, 2), (30, 3)] {
            positions.record(lsn, at(seconds));
        }
        assert_eq!(positions.find_replayed(9), None);
        assert_eq!(positions.find_replayed(19), Some((10, at(0))));
        assert_eq!(positions.find_replayed(20), Some((20, at(2))), "nothing happened meanwhile");
        assert_eq!(positions.find_replayed(99), Some((30, at(3))));
    }

    #[test]
    fn points_of_another_primary_are_forgotten_and_few_are_kept() {
        let mut positions = WalPositions::default();
        for lsn in 0..2 * POSITIONS_MAX as i64 {
            positions.record(lsn, Instant::now());
        }
        assert_eq!(positions.0.len(), POSITIONS_MAX);
        positions.record(7, Instant::now());
        assert_eq!(positions.0.len(), 1);
        assert_eq!(positions.end(), Some(7));
    }
}
