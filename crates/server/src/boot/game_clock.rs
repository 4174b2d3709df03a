//! The clock of the game in the database: its first segment, the end of a downtime, and what a
//! schedule plans. Used at the start, by jobs and by commands.

use std::sync::Arc;

use domain::{ClockCause, ClockSegment, GameClock, UnixMicros};
use market::{ClockSchedule, MarketConfig, SharedClock, SourceKind};
use store::{ClockChange, Game, NewGameEvent, Store, StoreError};

use super::config::Config;
use crate::clock::SystemClock;

/// How long nodes trust a heartbeat: without a newer one, their market stands still, and a downtime
/// begins then. A heartbeat is written every five seconds.
pub(crate) const HEARTBEAT_TRUST_S: i64 = 15;
/// How many changes of a schedule are planned ahead.
const PLANNED_CHANGES: usize = 2;

/// The configured seconds of a session, with which a new game starts.
pub(crate) fn configured_pace(market: &MarketConfig) -> u32 {
    match market.source {
        SourceKind::Simulated => market.simulated.session_seconds,
        SourceKind::Replay | SourceKind::Fixed | SourceKind::Live => market.replay.session_seconds,
    }
}

/// Whether the market waits while no server runs: the seconds after which, else `None`.
pub(crate) fn downtime_min_s(config: &Config) -> Option<i64> {
    let waits = matches!(config.market.source, SourceKind::Replay | SourceKind::Simulated);
    Some(config.game.downtime_min_s).filter(|seconds| waits && *seconds > 0)
}

/// The clock of the game, created at the first start, after the end of a downtime; and the steps of
/// its sessions.
pub(crate) async fn open(
    store: &Store,
    game: &Game,
    config: &Config,
    now: UnixMicros,
) -> Result<(Arc<SharedClock>, u32), StoreError> {
    let configured = configured_pace(&config.market);
    let steps = store.ensure_clock(game.game_id, game.started_at, configured, now).await?;
    if let Some(seconds) = downtime_min_s(config) {
        end_downtime(store, game.game_id, seconds, now).await?;
    }
    let (clock, _) = store.load_clock(game.game_id).await?;
    warn_of_pace(&clock, config, now);
    Ok((SharedClock::new(clock), steps))
}

/// The same for a command, which changes no clock: a downtime that has not ended yet lasts until
/// `now`.
pub(crate) async fn read(
    store: &Store,
    game: &Game,
    config: &Config,
    now: UnixMicros,
) -> Result<(Arc<SharedClock>, u32), StoreError> {
    let configured = configured_pace(&config.market);
    let steps = store.ensure_clock(game.game_id, game.started_at, configured, now).await?;
    let (mut clock, beat_at) = store.load_clock(game.game_id).await?;
    if let Some((_, segments)) = downtime_since(&clock, beat_at, downtime_min_s(config), now) {
        for segment in segments {
            let appended = clock.append(segment);
            appended.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        }
    }
    Ok((SharedClock::new(clock), steps))
}

/// Logs that the configured length of a session is not that of the game.
fn warn_of_pace(clock: &GameClock, config: &Config, now: UnixMicros) {
    let setting = match config.market.source {
        SourceKind::Replay => "market.replay.session_seconds",
        SourceKind::Simulated => "market.simulated.session_seconds",
        SourceKind::Fixed | SourceKind::Live => return,
    };
    let configured = configured_pace(&config.market);
    let newest = clock.segments().last().map_or(now, |segment| segment.begins_at.max(now));
    let session_seconds = clock.session_seconds_at(newest);
    if session_seconds != configured {
        tracing::warn!(
            setting,
            configured,
            session_seconds,
            command = %format!("openbell game pace {configured} --reason TEXT"),
            "the configured length of a session is not that of the game, which keeps its own; the \
             command changes it"
        );
    }
}

/// The downtime since a heartbeat: when it began, and its segments; `None` if the heartbeat is not
/// older than `min_s` seconds.
fn downtime_since(
    clock: &GameClock,
    beat_at: Option<UnixMicros>,
    min_s: Option<i64>,
    now: UnixMicros,
) -> Option<(UnixMicros, Vec<ClockSegment>)> {
    let (beat_at, min_s) = (beat_at?, min_s?);
    if beat_at.plus_seconds(min_s) >= now {
        return None;
    }
    let stopped_at = trusted_until(beat_at);
    Some((stopped_at, clock.downtime(stopped_at, clock.effective_at(now))))
}

/// Ends a downtime: if no server has written a heartbeat for `min_s` seconds, the market continues
/// from where it stood. Of several nodes one appends the segments. Returns whether this one did.
pub(crate) async fn end_downtime(
    store: &Store,
    game_id: i64,
    min_s: i64,
    now: UnixMicros,
) -> Result<bool, StoreError> {
    let (clock, beat_at) = store.load_clock(game_id).await?;
    let downtime = downtime_since(&clock, beat_at, Some(min_s), now);
    let Some(((stopped_at, segments), beat_at)) = downtime.zip(beat_at) else {
        return Ok(false);
    };
    if segments.is_empty() {
        store.record_heartbeat(game_id, now, UnixMicros(i64::MIN), beat_at).await?;
        return Ok(false);
    }
    let target = format!("{stopped_at} to {}", segments[1].begins_at);
    let event = NewGameEvent {
        actor: "server",
        action: ClockCause::Downtime.as_str(),
        target: &target,
        reason: "no server ran",
        at: now,
    };
    let change = ClockChange { segments: &segments, event, schedule: None, beat_at: Some(beat_at) };
    let is_first = store.commit_clock(game_id, &change, &SystemClock).await?;
    if is_first {
        tracing::info!(from_to = %target, "the market waited while no server ran");
    }
    Ok(is_first)
}

/// The whole second until which nodes trust a heartbeat.
pub(crate) fn trusted_until(beat_at: UnixMicros) -> UnixMicros {
    beat_at.whole_second().plus_seconds(HEARTBEAT_TRUST_S)
}

/// The segments that a schedule needs: its next changes, and its present state if nothing was
/// decided since its last change. None if they are planned already.
pub(crate) fn plan_schedule(
    clock: &GameClock,
    schedule: &ClockSchedule,
    now: UnixMicros,
) -> Vec<ClockSegment> {
    let effective_at = clock.effective_at(now);
    let mut planned = clock.clone();
    let mut changes = Vec::new();
    if let Some((changed_at, is_open)) = schedule.last_change(effective_at)
        && clock.is_paused_at(effective_at) == is_open
        && !is_decided(clock, changed_at, effective_at)
    {
        changes.push((effective_at, is_open));
    }
    changes.extend(schedule.changes_after(effective_at, PLANNED_CHANGES));
    let mut segments = Vec::new();
    for (begins_at, is_open) in changes {
        let is_planned = planned.segments().iter().any(|segment| {
            segment.begins_at == begins_at
                && segment.cause == ClockCause::Schedule
                && (segment.session_seconds > 0) == is_open
        });
        let segment = planned.scheduled(begins_at, is_open);
        // Only planned segments begin later, so that it can be appended.
        if !is_planned && planned.append(segment).is_ok() {
            segments.push(segment);
        }
    }
    segments
}

/// Whether an operator or the schedule changed the clock in a time.
fn is_decided(clock: &GameClock, since: UnixMicros, until: UnixMicros) -> bool {
    let of_operator = |segment: &&ClockSegment| segment.cause != ClockCause::Downtime;
    let mut decided = clock.segments().iter().filter(of_operator);
    decided.any(|segment| (since..=until).contains(&segment.begins_at))
}

#[cfg(test)]
mod tests {
    use domain::ClockCommand;

    use super::*;

    /// Monday, 2026-11-30, 00:00 UTC.
    const MONDAY: UnixMicros = UnixMicros(1_795_996_800_000_000);

    fn at(hours: i64, seconds: i64) -> UnixMicros {
        MONDAY.plus_seconds(hours * 3_600 + seconds)
    }

    fn school() -> ClockSchedule {
        let text = "zone = \"UTC\"\nopens = \"08:00\"\ncloses = \"16:00\"\n\
            weekdays = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\"]\n";
        ClockSchedule::parse(text).expect("a schedule")
    }

    /// Plans until nothing is left, and returns the number of new segments.
    fn plan(clock: &mut GameClock, now: UnixMicros) -> usize {
        let segments = plan_schedule(clock, &school(), now);
        for segment in &segments {
            clock.append(*segment).expect("a planned segment fits");
        }
        assert_eq!(plan_schedule(clock, &school(), now), [], "once");
        segments.len()
    }

    #[test]
    fn the_next_opening_and_closing_are_planned_once() {
        assert_eq!(MONDAY.to_string(), "2026-11-30T00:00:00.000000Z");
        let mut clock = GameClock::starting(at(-100, 0), 60);
        assert_eq!(plan(&mut clock, at(7, 0)), 3, "a pause at once, opening, closing");
        assert!(clock.is_paused_at(at(7, 10)) && !clock.is_paused_at(at(8, 0)));
        assert!(clock.is_paused_at(at(16, 0)));
        assert_eq!(plan(&mut clock, at(12, 0)), 1, "the next opening");
        assert_eq!(clock.resumes_at(at(20, 0)), Some(at(32, 0)));
        let played = clock.position_at(at(20, 0)).0 - clock.position_at(at(7, 10)).0;
        assert_eq!(played, 8 * 60 * 1_000_000);
    }

    #[test]
    fn a_command_holds_until_the_next_change_of_the_schedule() {
        let mut clock = GameClock::starting(at(8, 0), 60);
        plan(&mut clock, at(8, 0));
        let pause = clock.plan(ClockCommand::Pause, at(10, 0)).expect("allowed");
        clock.append(pause[0]).expect("appends");
        assert_eq!(plan(&mut clock, at(10, 5)), 2, "what the command replaced");
        assert!(clock.is_paused_at(at(12, 0)) && clock.is_paused_at(at(20, 0)));
        assert!(!clock.is_paused_at(at(32, 0)), "the next day");
        // At night an operator plays on.
        let resume = clock.plan(ClockCommand::Resume, at(20, 0)).expect("allowed");
        clock.append(resume[0]).expect("appends");
        plan(&mut clock, at(20, 5));
        assert!(!clock.is_paused_at(at(31, 0)) && clock.is_paused_at(at(40, 0)));
    }

    #[test]
    fn a_change_that_a_command_replaced_at_the_last_moment_is_made_up_for() {
        let mut clock = GameClock::starting(at(8, 0), 60);
        plan(&mut clock, at(8, 0));
        let pace = clock.plan(ClockCommand::Pace(30), at(16, -1)).expect("allowed");
        clock.append(pace[0]).expect("appends");
        assert!(!clock.is_paused_at(at(16, 0)));
        plan(&mut clock, at(16, 3));
        assert!(clock.is_paused_at(at(16, 5)));
    }

    #[test]
    fn after_a_downtime_the_schedule_decides() {
        let mut clock = GameClock::starting(at(8, 0), 60);
        plan(&mut clock, at(8, 0));
        // The servers stop on Monday afternoon and start on Tuesday evening.
        for segment in clock.downtime(at(15, 0), at(44, 0)) {
            clock.append(segment).expect("appends");
        }
        plan(&mut clock, at(44, 0));
        assert!(clock.is_paused_at(at(44, 10)));
        assert!(!clock.is_paused_at(at(56, 0)), "Wednesday");
    }
}
