//! Compares positions and balances with the trades of the earlier application, and finds rows
//! without an owner. Its database computes the sums and returns only what differs.

use domain::Money;
use store::{LaravelDatabase, OwnedTable, StoreError, TradeTable};

use super::MINOR_UNIT;
use super::catalogue::EarlierCatalogue;
use super::issues::{IssueKind, IssueList};

/// Returns the tables of trades that are missing or empty.
pub(super) async fn compare_trades(
    source: &mut LaravelDatabase,
    catalogue: &EarlierCatalogue,
    issues: &mut IssueList,
) -> Result<Vec<&'static str>, StoreError> {
    let mut not_compared = Vec::new();
    for (table, kind) in [
        (TradeTable::Transactions, IssueKind::PositionDiffers),
        (TradeTable::Audit, IssueKind::AuditDiffers),
    ] {
        let Some(differences) = source.position_differences(table).await? else {
            not_compared.push(table.as_str());
            continue;
        };
        for found in differences {
            let (symbol, table) = (catalogue.symbol(found.stock_id), table.as_str());
            let detail = format!("{symbol}: {} shares, {} by {table}", found.held, found.traded);
            issues.add(found.user_id, kind, detail);
        }
    }
    for found in source.cash_differences().await? {
        let text = |amount: i64| Money(amount).to_text(MINOR_UNIT);
        let (balance, traded) = (text(found.balance), text(found.traded));
        let detail = format!("{balance}, {traded} by transactions");
        issues.add(found.user_id, IssueKind::CashDiffers, detail);
    }
    for orphan in source.orphans(OwnedTable::Holdings).await? {
        let detail = catalogue.symbol(orphan.other_id);
        issues.add(orphan.user_id, IssueKind::OrphanHolding, detail);
    }
    for orphan in source.orphans(OwnedTable::Unlocks).await? {
        let detail = format!("achievement {}", orphan.other_id);
        issues.add(orphan.user_id, IssueKind::OrphanUnlock, detail);
    }
    Ok(not_compared)
}
