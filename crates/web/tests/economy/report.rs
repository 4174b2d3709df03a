//! What came of the strategies on one market: a table for people, and whether one of them beat the
//! market or the rules of XP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// Millionths: more than this over holding is too much.
const OVER_HOLDING_MAX: i64 = 20_000;
/// And so many standard errors away from nothing it is no chance.
const ERRORS_MIN: i64 = 3;
/// The most XP of a player who does not invest.
const UNINVESTED_XP_MAX: i64 = 100;

/// What a strategy gained over holding, session by session, in millionths.
#[derive(Clone, Copy, Default)]
pub(crate) struct OverHolding {
    sessions: i64,
    sum: i64,
    squares: i64,
}

impl OverHolding {
    pub(crate) fn add(&mut self, gain: i64) {
        self.sessions += 1;
        self.sum += gain;
        self.squares += gain * gain;
    }

    /// How far the sum may be off by chance.
    fn error(self) -> i64 {
        let mean = self.sum / self.sessions.max(1);
        (self.squares - mean * self.sum).max(0).isqrt()
    }

    /// Whether so many runs together, of which this is the sum, gained too much each.
    fn is_too_much(self, runs: i64) -> bool {
        self.sum > OVER_HOLDING_MAX * runs && self.sum > ERRORS_MIN * self.error()
    }
}

/// The results of one strategy.
pub(crate) struct StrategyReport {
    pub(crate) strategy: &'static str,
    pub(crate) invests: bool,
    /// In hundredths of a percent.
    pub(crate) gain: i64,
    pub(crate) over_holding: OverHolding,
    pub(crate) trades: u64,
    pub(crate) rejected: u64,
    pub(crate) xp: i64,
}

/// The results of all strategies.
pub(crate) struct Report {
    pub(crate) market: String,
    pub(crate) seed: u64,
    pub(crate) sessions: u32,
    pub(crate) milliseconds: u128,
    pub(crate) lines: Vec<StrategyReport>,
}

impl Report {
    pub(crate) fn print(&self) {
        let mut text = format!(
            "{} (seed {}, {} sessions, {} ms)\n  {:<18}{:>10}{:>14}{:>10}{:>8}{:>10}{:>6}\n",
            self.market,
            self.seed,
            self.sessions,
            self.milliseconds,
            "strategy",
            "return",
            "over holding",
            "by chance",
            "trades",
            "rejected",
            "XP"
        );
        for line in &self.lines {
            let _ = writeln!(
                text,
                "  {:<18}{:>10}{:>14}{:>10}{:>8}{:>10}{:>6}",
                line.strategy,
                percent(line.gain),
                percent(line.over_holding.sum / 100),
                percent(line.over_holding.error() / 100),
                line.trades,
                line.rejected,
                line.xp
            );
        }
        print(text.trim_end());
    }

    /// Fails for the first strategy that gained or earned too much.
    pub(crate) fn check(&self) -> Result<(), String> {
        let run = format!(
            "on the market {0} (cargo xtask economy --market {0} --seed {1} --sessions {2})",
            self.market, self.seed, self.sessions
        );
        for line in &self.lines {
            if line.over_holding.is_too_much(1) {
                let over = percent(line.over_holding.sum / 100);
                return Err(format!("{} beat holding by {over} {run}", line.strategy));
            }
            if !line.invests && line.xp > UNINVESTED_XP_MAX {
                return Err(format!("{} earned {} XP {run}", line.strategy, line.xp));
            }
        }
        Ok(())
    }
}

/// All runs of a strategy on a kind of market together: what chance hides in one of them shows.
#[derive(Default)]
pub(crate) struct Totals(BTreeMap<(String, &'static str), (i64, OverHolding)>);

impl Totals {
    pub(crate) fn add(&mut self, report: &Report) {
        for line in &report.lines {
            let key = (report.market.clone(), line.strategy);
            let (runs, total) = self.0.entry(key).or_default();
            *runs += 1;
            total.sessions += line.over_holding.sessions;
            total.sum += line.over_holding.sum;
            total.squares += line.over_holding.squares;
        }
    }

    /// Fails for the first strategy that gained too much.
    pub(crate) fn check(&self) -> Result<(), String> {
        for ((market, strategy), (runs, total)) in &self.0 {
            if total.is_too_much(*runs) {
                let over = percent(total.sum / runs.max(&1) / 100);
                return Err(format!(
                    "{strategy} beat holding by {over} in the mean of {runs} runs on the {market} \
                     market"
                ));
            }
        }
        Ok(())
    }
}

fn percent(hundredths: i64) -> String {
    let (sign, size) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    format!("{sign}{}.{:02}%", size / 100, size % 100)
}

/// Writes to the terminal, also where a test's output is captured.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
