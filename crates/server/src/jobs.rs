//! The background jobs. `start` is their list, `supervisor` runs them, and each has a file.

mod award_achievements;
mod check_board;
mod checkpoint;
mod clean_ledger;
mod close_boards;
pub(crate) mod context;
mod delete_expired;
mod equity;
mod execute_orders;
mod fill_columns;
mod fold_metrics;
mod follow_board;
mod follow_changes;
mod follow_clock;
mod follow_quotes;
mod follow_rules;
pub(crate) mod health;
mod keep_clock;
mod keep_erasures;
mod make_months;
mod newest_backup;
mod refresh_quotes;
mod roll_up_history;
mod sample_metrics;
mod save_history;
mod seal_heads;
pub(crate) mod supervisor;
mod value_players;
mod watch_clock;
mod watch_conditions;
mod watch_database;
mod watch_replica;

use std::sync::Arc;

use self::context::JobContext;
use self::supervisor::Supervisor;
use crate::boot::history::HistoryWriter;
use crate::error::CommandError;

pub(crate) use self::follow_changes::exclude_unranked;
pub(crate) use self::watch_conditions::host_name;

/// Starts every job that the configuration and the database need.
pub(crate) fn start(
    context: &Arc<JobContext>,
    history: HistoryWriter,
    jobs: &Supervisor,
) -> Result<(), CommandError> {
    let share = || Arc::clone(context);
    // It can fail, so it comes before any job runs.
    let clean_ledger = clean_ledger::CleanLedger::new(share())?;

    // The game's clock, prices, their history, and what the players' holdings were worth.
    jobs.start(follow_clock::FollowClock::new(share()));
    jobs.start(keep_clock::KeepClock::new(share()));
    let (source, prices) = (Arc::clone(&context.source), Arc::clone(&context.prices));
    let clock = Arc::clone(&context.clock);
    jobs.spawn(|stop| market::ticker::run(source, prices, clock, stop.cancelled_owned()));
    jobs.start_if(refresh_quotes::RefreshQuotes::new(share()));
    jobs.start_if(follow_quotes::FollowQuotes::new(share()));
    jobs.start(save_history::SaveHistory::new(share(), history));
    jobs.start(roll_up_history::RollUpHistory::new(share()));
    jobs.start(equity::SnapshotEquity::new(context));
    jobs.start(equity::RollUpEquity::new(context));

    // Orders, leaderboards and what other nodes changed.
    let cluster = context.cluster.clone();
    jobs.spawn(|stop| cluster.apply_events(stop));
    jobs.start(follow_changes::FollowChanges::new(context));
    jobs.start(follow_rules::FollowRules::new(context));
    jobs.start(award_achievements::AwardAchievements::new(share()));
    jobs.start(execute_orders::ExecuteOrders::new(share()));
    jobs.start(follow_board::FollowBoard::new(share()));
    jobs.start(value_players::ValuePlayers::new(share()));
    jobs.start(check_board::CheckBoard::new(share()));
    jobs.start(close_boards::CloseBoards::new(context));

    // The ledger and its archive.
    jobs.start(make_months::MakeMonths { context: share() });
    jobs.start_if(clean_ledger);
    jobs.start_if(seal_heads::SealHeads::new(share()));
    jobs.start_if(keep_erasures::KeepErasures::new(share()));

    // The database and the process.
    jobs.start(fill_columns::FillColumns { context: share() });
    jobs.start(delete_expired::DeleteExpired { context: share() });
    jobs.start_if(checkpoint::Checkpoint::new(context));
    jobs.start_if(watch_database::WatchDatabase::new(context));
    jobs.start_if(watch_clock::WatchClock::new(context));
    jobs.start_if(watch_replica::WatchReplica::new(context));
    jobs.start(sample_metrics::SampleMetrics::new(share()));
    let metrics = context.metrics.clone();
    jobs.start_if(metrics.map(|metrics| fold_metrics::FoldMetrics { metrics }));
    if let Some(job) = watch_conditions::WatchConditions::new(share()) {
        let notifier = job.notifier();
        jobs.spawn(|stop| async move { notifier.run(stop).await });
        job.clear_outage();
        jobs.start(job);
    }
    Ok(())
}
