//! Publishes the prices of the market source on the price board once a second.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use tokio::time::MissedTickBehavior;

use crate::calendar::TradingHours;
use crate::price_board::PriceBoard;
use crate::source::MarketSource;

/// Publishes once a second until `shutdown` completes. Missed seconds are skipped.
pub async fn run(
    source: Arc<MarketSource>,
    board: Arc<PriceBoard>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            _ = seconds.tick() => publish(&source, &board, clock.as_ref()),
        }
    }
}

/// Publishes the prices of `clock.now()`.
pub fn publish(source: &MarketSource, board: &PriceBoard, clock: &dyn Clock) {
    let now = clock.now();
    board.publish(source, now);
    metrics::counter!("openbell_market_ticks_total").increment(1);
    let snapshot = board.snapshot();
    let is_open = matches!(snapshot.hours, TradingHours::Open);
    metrics::gauge!("openbell_market_open").set(f64::from(u8::from(is_open)));
    metrics::gauge!("openbell_market_quote_age_seconds", "market" => snapshot.source.as_str())
        .set(snapshot.oldest_quote_age_s(now));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MarketConfig;
    use crate::quote::Listing;
    use domain::UnixMicros;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::sync::atomic::{AtomicI64, Ordering};

    const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

    /// A clock that is a second later at every look, and notifies of each read.
    #[derive(Default)]
    struct SteppingClock {
        looks: AtomicI64,
        looked: tokio::sync::Notify,
    }

    impl Clock for SteppingClock {
        fn now(&self) -> UnixMicros {
            self.looked.notify_one();
            START.plus_seconds(self.looks.fetch_add(1, Ordering::SeqCst) + 1)
        }
    }

    fn market() -> (Arc<MarketSource>, Arc<PriceBoard>) {
        let source = MarketSource::new(&MarketConfig::default(), START).unwrap();
        let listing = |(id, symbol)| Listing { stock_id: id, symbol };
        let symbols = source.stocks().into_iter().map(|stock| stock.symbol);
        let listings = (1..).zip(symbols).map(listing).collect();
        let board = PriceBoard::new(&source, listings, START).unwrap();
        (Arc::new(source), Arc::new(board))
    }

    #[test]
    fn publishing_shows_the_prices_of_the_clocks_present() {
        let (source, board) = market();
        publish(&source, &board, &SteppingClock::default());
        assert_eq!(board.snapshot().as_of, START.plus_seconds(1));
    }

    #[test]
    fn publishing_exports_the_age_of_the_oldest_quote_and_whether_the_market_is_open() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        let (source, board) = market();
        publish(&source, &board, &SteppingClock::default());
        let text = metrics.render();
        for line in [
            "openbell_market_ticks_total 1",
            "openbell_market_open 1",
            "openbell_market_quote_age_seconds{market=\"replay\"} 0",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in {text}");
        }
        let snapshot = board.snapshot();
        assert_eq!(snapshot.oldest_quote_age_s(snapshot.as_of.plus_seconds(90)), 90);
        assert_eq!(snapshot.oldest_quote_age_s(snapshot.as_of.plus_seconds(-90)), 0, "a clock");
    }

    #[tokio::test]
    async fn the_ticker_publishes_at_once_and_stops_on_shutdown() {
        let (source, board) = market();
        let clock = Arc::new(SteppingClock::default());
        let looked = Arc::clone(&clock);
        run(source, Arc::clone(&board), clock, async move { looked.looked.notified().await }).await;
        assert!(board.snapshot().as_of > START);
    }

    #[tokio::test]
    async fn a_ticker_after_shutdown_publishes_nothing() {
        let (source, board) = market();
        let clock = Arc::new(SteppingClock::default());
        run(source, Arc::clone(&board), clock, async {}).await;
        assert_eq!(board.snapshot().as_of, START);
    }
}
