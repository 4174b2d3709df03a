//! The list of every statement; a test prepares each on both engines and checks its plan.

use std::sync::LazyLock;

use crate::statement::{LazyStatement, Statement};
use crate::{
    achievements, archives, award_backfills, backfill, batch, changes, closes, equity, erase, game,
    game_clock, game_rules, history, idempotency, imports, leases, ledger, market, markets, names,
    operations, passwords, pending_orders, people, player_import, portfolio, prepare, progress,
    provider_usage, quotes, rank_snapshots, schema_floor, scores, seals, seeds, settings,
    sole_process, stock_texts, stocks, tokens, user_lock, users, viewer, watches,
};

/// Every statement of the program.
pub static CATALOGUE: LazyLock<Vec<Statement>> = LazyLock::new(|| {
    let lists: [&[&LazyStatement]; 46] = [
        achievements::STATEMENTS,
        archives::STATEMENTS,
        award_backfills::STATEMENTS,
        backfill::STATEMENTS,
        batch::STATEMENTS,
        batch::MARK_STATEMENTS,
        scores::STATEMENTS,
        changes::STATEMENTS,
        closes::STATEMENTS,
        rank_snapshots::STATEMENTS,
        equity::STATEMENTS,
        erase::STATEMENTS,
        game::STATEMENTS,
        game_clock::STATEMENTS,
        game_rules::STATEMENTS,
        history::STATEMENTS,
        idempotency::STATEMENTS,
        imports::STATEMENTS,
        leases::STATEMENTS,
        ledger::STATEMENTS,
        market::STATEMENTS,
        markets::STATEMENTS,
        names::STATEMENTS,
        operations::STATEMENTS,
        passwords::STATEMENTS,
        pending_orders::STATEMENTS,
        pending_orders::EXECUTION_STATEMENTS,
        people::STATEMENTS,
        player_import::STATEMENTS,
        portfolio::STATEMENTS,
        prepare::STATEMENTS,
        progress::STATEMENTS,
        provider_usage::STATEMENTS,
        quotes::STATEMENTS,
        schema_floor::STATEMENTS,
        seals::STATEMENTS,
        seeds::STATEMENTS,
        settings::STATEMENTS,
        sole_process::STATEMENTS,
        stock_texts::STATEMENTS,
        stocks::STATEMENTS,
        tokens::STATEMENTS,
        user_lock::STATEMENTS,
        users::STATEMENTS,
        viewer::STATEMENTS,
        watches::STATEMENTS,
    ];
    lists.iter().flat_map(|list| list.iter().map(|statement| ***statement)).collect()
});
