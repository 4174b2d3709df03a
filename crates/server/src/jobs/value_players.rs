//! Values all players at present prices for the leaderboard by return, a page of players a run, and
//! pauses after each round.

use std::sync::Arc;
use std::time::Duration;

use leaderboard::ReturnValuation;
use store::BoardKind;
use tokio::time::Instant;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// The pause after a round, as a multiple of its duration, so that the database is free for other
/// work.
const PAUSE_FACTOR: u32 = 3;

pub(crate) struct ValuePlayers {
    context: Arc<JobContext>,
    /// The round under way, with its start.
    round: Option<(ReturnValuation, Instant)>,
    paused_until: Instant,
}

impl ValuePlayers {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        Self { context, round: None, paused_until: Instant::now() }
    }
}

impl Reconciler for ValuePlayers {
    const NAME: &'static str = "value_players";
    const INTERVAL: Duration = Duration::from_secs(3);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = Instant::now();
        if self.round.is_none() && now < self.paused_until {
            return Ok(JobProgress::done(0));
        }
        let (prices, rules) = (self.context.prices.prices_json(), self.context.rules.current());
        let start = || (ReturnValuation::new(prices, rules.minor_unit, rules.ranking), now);
        let (round, _) = self.round.get_or_insert_with(start);
        if !round.step(&self.context.store).await? {
            return Ok(JobProgress::unfinished(0));
        }
        let Some((round, started)) = self.round.take() else { return Ok(JobProgress::done(0)) };
        let players = round.finish(self.context.boards.board(BoardKind::Return)).await?;
        let elapsed = started.elapsed();
        metrics::histogram!("openbell_board_valuation_seconds").record(elapsed.as_secs_f64());
        self.paused_until = Instant::now() + elapsed * PAUSE_FACTOR;
        Ok(JobProgress::done(players))
    }
}
