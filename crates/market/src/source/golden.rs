//! Prices of games of the version before the clock: a game that it started has the same ones.

use domain::{ClockCommand, Day, GameClock, Secret, UnixMicros};
use store::GameSeed;

use super::MarketSource;
use crate::config::{AtEnd, MarketConfig, ReplayConfig, SimulatedConfig, SourceKind};
use crate::shared_clock::SharedClock;

const START: UnixMicros = UnixMicros(1_795_000_000_700_000);

/// Source, seconds of a session, seed, end, then a hash over six sessions and one price, as that
/// version computed them.
const GOLDEN: [(SourceKind, u32, u64, AtEnd, u64, i64); 8] = [
    (SourceKind::Replay, 60, 7, AtEnd::Stop, 0x4357_d68d_efca_ea99, 788_500),
    (SourceKind::Replay, 60, 0, AtEnd::Loop, 0xd91e_5f4c_0ddb_dc25, 787_800),
    (SourceKind::Replay, 7, 7, AtEnd::Stop, 0x1afa_a09e_ab22_a55d, 788_400),
    (SourceKind::Replay, 7, 0, AtEnd::Loop, 0x3d38_2cd6_ba19_0346, 787_800),
    (SourceKind::Simulated, 77, 7, AtEnd::Stop, 0x41ae_3ffb_f011_52ea, 1_408_200),
    (SourceKind::Simulated, 77, 0, AtEnd::Loop, 0x6015_1a7b_f156_8146, 2_163_200),
    (SourceKind::Simulated, 86_400, 7, AtEnd::Stop, 0x1f48_5a73_fe30_77dd, 1_408_100),
    (SourceKind::Simulated, 86_400, 0, AtEnd::Loop, 0xe538_e826_5563_4b6a, 2_163_200),
];

fn market(source: SourceKind, session_seconds: u32, seed: u64, at_end: AtEnd) -> MarketSource {
    let simulated = SimulatedConfig {
        symbols: 12,
        sessions: 3,
        warmup_sessions: 30,
        session_seconds,
        seed,
        at_end,
        ..SimulatedConfig::default()
    };
    let start = Day(19_347);
    let replay = ReplayConfig { start, session_seconds, seed, at_end, ..ReplayConfig::default() };
    let config = MarketConfig { source, simulated, replay, ..MarketConfig::default() };
    let text = |digit: char| Secret::new(String::from(digit).repeat(32));
    let seed = GameSeed {
        seed: text('a'),
        salt: text('b'),
        commitment: "c".into(),
        first_pass: 0,
        first_session: 0,
    };
    MarketSource::new(&config, START).expect("a market").with_seed(seed)
}

/// FNV-1a over quotes, days, sessions and next closes.
fn hash(market: &MarketSource, length: u32) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |value: i64| {
        for byte in value.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let (length, mut quotes) = (i64::from(length), Vec::new());
    let stride = usize::try_from((length / 97).max(1)).expect("fits");
    for second in (0..length * 6).step_by(stride) {
        let now = START.plus_seconds(second);
        market.prices(now, &mut quotes);
        let finished = i64::try_from(market.finished_sessions(now)).expect("fits");
        for quote in &quotes {
            let (price, previous) = (quote.price.0, quote.previous_close.0);
            let day = i64::from(market.market_day(now).0);
            [price, previous, quote.as_of.0, day, finished].into_iter().for_each(&mut add);
        }
        if let Some(end) = market.closing_session(now) {
            add(end.ends_at.0);
        }
    }
    hash
}

#[test]
fn a_game_of_the_version_before_keeps_every_price() {
    for (source, length, seed, at_end, expected, price) in GOLDEN {
        let market = market(source, length, seed, at_end);
        let mut quotes = Vec::new();
        market.prices(START.plus_seconds(i64::from(length) / 2), &mut quotes);
        assert_eq!(quotes[3].price.0, price, "{source:?} {length} {seed}");
        assert_eq!(hash(&market, length), expected, "{source:?} {length} {seed}");
        // The configuration of a later start is another one: the game's own clock decides.
        let clock = SharedClock::new(GameClock::starting(START, length));
        let moved = self::market(source, 1_234, seed, at_end).with_clock(clock, length);
        assert_eq!(hash(&moved, length), expected, "{source:?} {length} {seed}");
    }
}

#[test]
fn a_game_has_the_same_prices_at_the_same_position_at_every_pace() {
    let steps = 60;
    for source in [SourceKind::Replay, SourceKind::Simulated] {
        let plain = market(source, steps, 0, AtEnd::Stop);
        let mut slow = GameClock::starting(START, steps);
        let at = START.whole_second().plus_seconds(30);
        for segment in slow.plan(ClockCommand::Pace(120), at).expect("allowed") {
            slow.append(segment).expect("appends");
        }
        let slow = market(source, 9, 0, AtEnd::Stop).with_clock(SharedClock::new(slow), steps);
        let prices = |market: &MarketSource, second: i64| {
            let mut quotes = Vec::new();
            market.prices(START.plus_seconds(second), &mut quotes);
            quotes.iter().map(|quote| quote.price.0).collect::<Vec<_>>()
        };
        for second in 0..90 {
            let later = if second < 30 { second } else { 30 + (second - 30) * 2 };
            assert_eq!(prices(&plain, second), prices(&slow, later), "{source:?} {second}");
        }
    }
}
