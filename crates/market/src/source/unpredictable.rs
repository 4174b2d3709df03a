//! Tests that past prices do not predict later ones on a market with a secret seed. Each predictor
//! earns nothing over the mean of all stocks, but does on the path of games without secret seeds.

use domain::UnixMicros;
use store::GameSeed;
use testkit::SeededEntropy;

use super::MarketSource;
use crate::config::{MarketConfig, SimulatedConfig, SourceKind};
use crate::seed::draw_seed;

const START: UnixMicros = UnixMicros(1_795_000_000_000_000);
const SESSIONS: usize = 1_200;
const SECONDS: i64 = 60;
/// What a purchase and a sale cost together, in millionths of the price: five basis points each.
const SPREAD: i64 = 1_000;
const MILLION: i64 = 1_000_000;

/// What is seen of each stock in a session: moves in millionths of the price.
struct Seen {
    /// From the last close to now.
    own: Vec<i64>,
    /// In the last seconds.
    last: Vec<i64>,
    /// In the session before.
    before: Vec<i64>,
    /// From now to the close, which no predictor sees.
    rest: Vec<i64>,
}

fn source(kind: SourceKind, is_secret: bool) -> MarketSource {
    let simulated = SimulatedConfig { symbols: 24, ..SimulatedConfig::default() };
    let config = MarketConfig { source: kind, simulated, ..MarketConfig::default() };
    let seed = draw_seed(&SeededEntropy::new(11));
    let first_session = if is_secret { 0 } else { i64::MAX };
    let market = MarketSource::new(&config, START).expect("a market");
    market.with_seed(GameSeed { first_session, ..seed })
}

/// All sessions as they look at `second`.
fn watch(source: &MarketSource, second: i64) -> Vec<Seen> {
    let mut quotes = Vec::new();
    let mut prices = |session: usize, second: i64| -> Vec<i64> {
        let at = i64::try_from(session).expect("fits") * SECONDS + second;
        source.prices(START.plus_seconds(at), &mut quotes);
        quotes.iter().map(|quote| quote.price.0).collect()
    };
    let moves = |from: &[i64], to: &[i64]| -> Vec<i64> {
        from.iter().zip(to).map(|(from, to)| (to - from) * MILLION / from).collect()
    };
    let (mut opened, mut before) = (prices(0, 0), None);
    let mut seen = Vec::new();
    for session in 0..SESSIONS {
        let (earlier, now) = (prices(session, second * 3 / 4), prices(session, second));
        let closed = prices(session + 1, 0);
        let whole = moves(&opened, &closed);
        seen.push(Seen {
            own: moves(&opened, &now),
            last: moves(&earlier, &now),
            before: before.unwrap_or_else(|| vec![0; whole.len()]),
            rest: moves(&now, &closed),
        });
        (opened, before) = (closed, Some(whole));
    }
    seen
}

fn mean(values: &[i64]) -> i64 {
    values.iter().sum::<i64>() / values.len() as i64
}

/// A guess of each stock's further move, from what is seen now.
type Predictor = fn(&Seen, stock: usize) -> i64;

/// The expectation of a bridge whose end goes on as the price went, momentum, reversal, and what
/// all stocks did together.
const PREDICTORS: [(&str, Predictor); 8] = [
    ("goes on as it went", |seen, stock| seen.own[stock]),
    ("comes back", |seen, stock| -seen.own[stock]),
    ("goes on as in the last seconds", |seen, stock| seen.last[stock]),
    ("comes back from the last seconds", |seen, stock| -seen.last[stock]),
    ("catches up with all", |seen, stock| mean(&seen.own) - seen.own[stock]),
    ("turns from all", |seen, stock| seen.own[stock] - mean(&seen.own)),
    ("goes on from the session before", |seen, stock| seen.before[stock]),
    ("comes back from the session before", |seen, stock| -seen.before[stock]),
];

/// What a choice earned each time, over the mean of all stocks: the mean and its deviation.
fn earned(choices: &[i64]) -> (i64, i64) {
    let mean = mean(choices);
    let squares: i64 = choices.iter().map(|gain| (gain - mean).pow(2)).sum();
    let count = choices.len() as i64;
    (mean, (squares / count).isqrt() / count.isqrt())
}

/// The stock that a predictor likes best, over the mean of all.
fn best(seen: &[Seen], predictor: Predictor) -> (i64, i64) {
    let gain = |seen: &Seen| {
        let best = (0..seen.own.len()).max_by_key(|&stock| predictor(seen, stock)).expect("stocks");
        seen.rest[best] - mean(&seen.rest)
    };
    earned(&seen.iter().map(gain).collect::<Vec<_>>())
}

/// Whether to hold all stocks or none, by what all did so far: what that earned over holding all.
fn timed(seen: &[Seen], is_momentum: bool) -> (i64, i64) {
    let gain = |seen: &Seen| {
        let (now, rest) = (mean(&seen.own), mean(&seen.rest));
        // Buying half the time is compared with holding half the time.
        if (now > 0) == is_momentum { rest } else { -rest }
    };
    earned(&seen.iter().map(gain).collect::<Vec<_>>())
}

/// A regression of each stock's further move on the ticks of every stock, learnt in the first half
/// of all sessions and used in the second; what its favorite earned over the mean of all.
fn regressed(seen: &[Seen]) -> (i64, i64) {
    let (past, future) = seen.split_at(seen.len() / 2);
    let stocks = past[0].own.len();
    let sum = |value: &dyn Fn(&Seen) -> i128| past.iter().map(value).sum::<i128>();
    let variance: Vec<i128> =
        (0..stocks).map(|from| sum(&|seen| i128::from(seen.own[from]).pow(2)).max(1)).collect();
    let weight = |from: usize, to: usize| {
        let product =
            sum(&|seen| i128::from(seen.own[from]) * i128::from(seen.rest[to] - mean(&seen.rest)));
        i64::try_from(product * i128::from(MILLION) / variance[from]).expect("fits")
    };
    let weights: Vec<Vec<i64>> =
        (0..stocks).map(|to| (0..stocks).map(|from| weight(from, to)).collect()).collect();
    let gain = |seen: &Seen| {
        let guess = |to: usize| -> i64 {
            weights[to].iter().zip(&seen.own).map(|(weight, own)| weight * own / MILLION).sum()
        };
        let best = (0..stocks).max_by_key(|&stock| guess(stock)).expect("stocks");
        seen.rest[best] - mean(&seen.rest)
    };
    earned(&future.iter().map(gain).collect::<Vec<_>>())
}

/// Every predictor at one second of a session, with what it earned.
fn all(source: &MarketSource, second: i64) -> Vec<(String, i64, i64)> {
    let seen = watch(source, second);
    let named = |name: &str, (mean, deviation)| (format!("{name} at {second}"), mean, deviation);
    let mut all: Vec<_> =
        PREDICTORS.iter().map(|(name, one)| named(name, best(&seen, *one))).collect();
    all.push(named("all go on", timed(&seen, true)));
    all.push(named("all come back", timed(&seen, false)));
    all.push(named("regression on all ticks", regressed(&seen)));
    all
}

#[test]
fn no_predictor_earns_more_than_the_spread_with_a_secret_seed() {
    for kind in [SourceKind::Replay, SourceKind::Simulated] {
        let source = source(kind, true);
        for second in [6, 30] {
            for (name, mean, deviation) in all(&source, second) {
                println!("{kind:?}: {name}: {mean} ± {deviation}");
                assert!(mean < SPREAD + 3 * deviation, "{kind:?}: {name}: {mean} ± {deviation}");
            }
        }
    }
}

#[test]
fn the_same_predictors_milk_the_path_of_games_without_a_secret_seed() {
    for kind in [SourceKind::Replay, SourceKind::Simulated] {
        let all = all(&source(kind, false), 20);
        let earns =
            |name: &str| all.iter().find(|one| one.0.starts_with(name)).expect("a predictor");
        for (name, least) in [("all go on", SPREAD), ("regression", 0)] {
            let (_, mean, deviation) = earns(name);
            assert!(*mean > least + 3 * deviation, "{kind:?}: {name}: {mean} ± {deviation}");
        }
    }
}
