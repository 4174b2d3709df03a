//! The clock of the game in the database: its first segment, the end of a downtime, and the segments
//! that a schedule plans. Used at the start, by jobs and by commands.

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

/// Ends a downtime: if no server has written a heartbeat for `min_s` seconds, the market continues
/// from where it stood. Of several nodes one appends the segments. Returns whether this one did.
pub(crate) async fn end_downtime(
    store: &Store,
    game_id: i64,
    min_s: i64,
    now: UnixMicros,
) -> Result<bool, StoreError> {
    let (clock, beat_at) = store.load_clock(game_id).await?;
    let Some(beat_at) = beat_at.filter(|beat_at| beat_at.plus_seconds(min_s) < now) else {
        return Ok(false);
    };
    let stopped_at = trusted_until(beat_at);
    let segments = clock.downtime(stopped_at, clock.effective_at(now));
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
