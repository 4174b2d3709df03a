//! `openbell game`: shows and changes the clock of the game. Servers may be running: they read a
//! change before it takes effect.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, value_parser};
use domain::{
    Clock as _, ClockCause, ClockCommand, ClockSegment, GameClock, SESSION_SECONDS_MAX, UnixMicros,
};
use market::{ClockSchedule, SourceKind};
use store::{ClockChange, Game, GameEvent, MAIN, NewGameEvent, Store, StoreError};
use web::SecurityEvent;

use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

/// How often a change is computed again because another one came first.
const ATTEMPTS: usize = 20;
/// Events that `show` prints.
const EVENTS: i64 = 10;
const REASON_MAX: usize = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum GameCommand {
    /// Print the state of the game's clock, what is planned, its schedule and the last changes.
    Show(GameArgs),
    /// Pause the clock: prices stand still, orders are rejected, pending orders wait.
    Pause(ChangeArgs),
    /// Continue at the pace of before.
    Resume(ChangeArgs),
    /// Move to the next close. A paused clock stays paused.
    Step(ChangeArgs),
    /// Set the length of a session. A paused clock stays paused.
    Pace(PaceArgs),
    /// Let a file decide when the clock runs: weekdays, hours, time zone, holidays; "off" ends it.
    Schedule(ScheduleArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GameArgs {
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Why; stored with the change.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PaceArgs {
    /// Real seconds of a session, 1 to 86400.
    #[arg(value_name = "SECONDS")]
    #[arg(value_parser = value_parser!(u32).range(1..=i64::from(SESSION_SECONDS_MAX)))]
    seconds: u32,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// A TOML file with zone, weekdays, opens, closes and holidays, or "off".
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    change: ChangeArgs,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_MAX {
        return Err(format!("expected 1 to {REASON_MAX} characters"));
    }
    Ok(text.to_owned())
}

impl GameCommand {
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Show(args) => show(args).await,
            Self::Pause(args) => change(args, &Change::Command(ClockCommand::Pause)).await,
            Self::Resume(args) => change(args, &Change::Command(ClockCommand::Resume)).await,
            Self::Step(args) => change(args, &Change::Command(ClockCommand::Step)).await,
            Self::Pace(PaceArgs { seconds, change: args }) => {
                change(args, &Change::Command(ClockCommand::Pace(seconds))).await
            }
            Self::Schedule(ScheduleArgs { file, change: args }) => {
                let schedule = read_schedule(file)?;
                change(args, &Change::Schedule(schedule)).await
            }
        }
    }
}

/// What a command changes.
enum Change {
    Command(ClockCommand),
    /// The text and what it means; `None` ends the schedule.
    Schedule(Option<(String, ClockSchedule)>),
}

impl Change {
    fn action(&self) -> &'static str {
        match self {
            Self::Command(command) => command.cause().as_str(),
            Self::Schedule(_) => ClockCause::Schedule.as_str(),
        }
    }

    fn security_action(&self) -> &'static str {
        match self {
            Self::Command(ClockCommand::Pause) => "game_pause",
            Self::Command(ClockCommand::Resume) => "game_resume",
            Self::Command(ClockCommand::Step) => "game_step",
            Self::Command(ClockCommand::Pace(_)) => "game_pace",
            Self::Schedule(_) => "game_schedule",
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Command(ClockCommand::Pace(seconds)) => format!("{seconds} s"),
            Self::Command(_) => String::new(),
            Self::Schedule(None) => "off".to_owned(),
            Self::Schedule(Some((text, _))) => {
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// A live market has the clock of its exchange: it can be closed to orders only.
    fn is_for_live_markets(&self) -> bool {
        matches!(self, Self::Command(ClockCommand::Pause | ClockCommand::Resume))
    }

    /// The segments at a second.
    fn segments(
        &self,
        clock: &GameClock,
        at: UnixMicros,
    ) -> Result<Vec<ClockSegment>, CommandError> {
        Ok(match self {
            Self::Command(command) => clock.plan(*command, at)?,
            Self::Schedule(Some((_, schedule))) => vec![clock.scheduled(at, schedule.is_open(at))],
            // The present state stays, and what was planned is replaced.
            Self::Schedule(None) => vec![clock.scheduled(at, !clock.is_paused_at(at))],
        })
    }
}

fn read_schedule(file: PathBuf) -> Result<Option<(String, ClockSchedule)>, CommandError> {
    if file.as_os_str() == "off" {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file);
    let text = text.map_err(|error| CommandError::ReadFile(file.clone(), error))?;
    let schedule = ClockSchedule::parse(&text);
    let schedule = schedule.map_err(|error| CommandError::ClockSchedule(file, error))?;
    Ok(Some((text, schedule)))
}

async fn find_game(config: &Config, store: &Store) -> Result<Game, CommandError> {
    let failed = database_error(&config.database);
    if store.schema_version().await.map_err(&failed)? < store.newest_schema() {
        return Err(CommandError::OlderSchema);
    }
    store.find_game(MAIN).await.map_err(failed)?.ok_or(CommandError::NoGame)
}

async fn change(args: ChangeArgs, change: &Change) -> Result<ExitCode, CommandError> {
    let ChangeArgs { reason, database } = args;
    let (config, store) = configure_and_open(database).await?;
    let game = find_game(&config, &store).await?;
    let is_live = game.market == "live" || config.market.source == SourceKind::Live;
    if is_live && !change.is_for_live_markets() {
        return Err(CommandError::LiveClock(change.action()));
    }
    let failed = database_error(&config.database);
    let mut applied = None;
    for _ in 0..ATTEMPTS {
        let (clock, _) = store.load_clock(game.game_id).await.map_err(&failed)?;
        let at = clock.effective_at(SystemClock.now());
        let segments = change.segments(&clock, at)?;
        if commit(&store, &game, change, &reason, &segments).await.map_err(&failed)? {
            let mut clock = clock;
            for segment in segments {
                clock.append(segment).map_err(CommandError::Clock)?;
            }
            applied = Some((clock, at));
            break;
        }
    }
    store.close().await;
    let (clock, at) = applied.ok_or(CommandError::ClockBusy(ATTEMPTS))?;
    let event = SecurityEvent::of_command(None, change.security_action());
    log_action(&config, event.with_subject(&game.code))?;
    term::print(&format!("{}, from {}\n", state_line(&game, &clock, at), second(at)));
    Ok(ExitCode::SUCCESS)
}

async fn commit(
    store: &Store,
    game: &Game,
    change: &Change,
    reason: &str,
    segments: &[ClockSegment],
) -> Result<bool, StoreError> {
    let (target, at) = (change.target(), SystemClock.now());
    let action = change.action();
    let event = NewGameEvent { actor: "operator", action, target: &target, reason, at };
    let schedule = match change {
        Change::Command(_) => None,
        Change::Schedule(schedule) => Some(schedule.as_ref().map(|(text, _)| text.as_str())),
    };
    let change = ClockChange { segments, event, schedule, beat_at: None };
    store.commit_clock(game.game_id, &change, &SystemClock).await
}

async fn show(args: GameArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let game = find_game(&config, &store).await?;
    let failed = database_error(&config.database);
    let (clock, _) = store.load_clock(game.game_id).await.map_err(&failed)?;
    let schedule = store.find_schedule(game.game_id).await.map_err(&failed)?;
    let events = store.game_events_page(game.game_id, i64::MAX, EVENTS).await.map_err(failed)?;
    store.close().await;
    let now = SystemClock.now();
    let mut text = format!("{}, since {}\n", state_line(&game, &clock, now), {
        second(clock.segment_at(now).begins_at)
    });
    for planned in clock.segments().iter().filter(|segment| segment.begins_at > now) {
        let what = if planned.session_seconds == 0 { "pauses" } else { "runs" };
        // Writing to a String does not fail.
        let _ = writeln!(text, "planned: {what} from {}", second(planned.begins_at));
    }
    match schedule {
        None => text.push_str("schedule: none\n"),
        Some(schedule) => {
            text.push_str("schedule:\n");
            schedule.lines().for_each(|line| text.extend(["  ", line, "\n"]));
        }
    }
    for GameEvent { actor, action, target, reason, at, .. } in events {
        let target = if target.is_empty() { target } else { format!(" {target}") };
        let _ = writeln!(text, "{}  {actor} {action}{target} ({reason})", second(at));
    }
    term::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// The state of the clock at an instant.
fn state_line(game: &Game, clock: &GameClock, at: UnixMicros) -> String {
    let state = if clock.is_paused_at(at) { "paused" } else { "running" };
    let (seconds, position) = (clock.session_seconds_at(at), clock.position_at(at));
    format!("{}: {state}, {seconds} s a session, {position} sessions played", game.code)
}

/// An instant to the second.
fn second(at: UnixMicros) -> String {
    at.whole_second().to_string().replace(".000000", "")
}
