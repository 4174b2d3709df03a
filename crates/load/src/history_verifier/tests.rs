//! Valid histories, and each violation planted once.

use super::*;
use crate::trade_response::AckAmounts;

/// A history of buying and selling one share at 1.00, newest first.
fn history(trades: i64) -> Vec<HistoryEntry> {
    let mut before: [u8; 32] = Sha256::digest("openbell-chain-1\n42").into();
    let mut entries = Vec::new();
    for version in 1..=trades + 1 {
        let entry = match version {
            1 => entry(1, None, 0, 1_000, 1_000, before),
            even if even % 2 == 0 => entry(even, Some("KO"), 1_000_000, -100, 900, before),
            odd => entry(odd, Some("KO"), -1_000_000, 100, 1_000, before),
        };
        before = entry.hash;
        entries.push(entry);
    }
    entries.reverse();
    entries
}

fn entry(
    version: i64,
    symbol: Option<&str>,
    quantity: i64,
    amount: i64,
    cash_after: i64,
    before: [u8; 32],
) -> HistoryEntry {
    let canonical = format!("entry {version} {quantity} {amount} {cash_after}");
    HistoryEntry {
        month: 202_611,
        player_id: 42,
        version,
        symbol: symbol.map(str::to_owned),
        quantity,
        price: symbol.map(|_| 10_000),
        amount,
        fee: 0,
        cash_after,
        quantity_after: quantity.max(0),
        hash: chained(&before, &canonical),
        canonical,
    }
}

fn ack(version: i64) -> Ack {
    let balance = if version % 2 == 0 { 900 } else { 1_000 };
    let amounts = Some(AckAmounts { price: 10_000, total: 100, balance });
    Ack { player: 0, player_id: 42, month: 202_611, version, amounts }
}

/// Checks a history; how many were found and how many are foreign.
fn check(entries: Vec<HistoryEntry>, acks: &[Ack]) -> Result<(u64, u64), String> {
    let mut verifier = HistoryVerifier::new(acks)?;
    for entry in entries {
        if !verifier.push(entry)? {
            break;
        }
    }
    verifier.finish()?;
    Ok((verifier.found, verifier.foreign))
}

fn fails(entries: Vec<HistoryEntry>, acks: &[Ack], words: &str) {
    let found = check(entries, acks).expect_err("a violation");
    assert!(found.contains(words), "{found:?} does not contain {words:?}");
}

#[test]
fn a_right_history_holds_and_entries_of_others_are_counted() {
    assert_eq!(check(history(4), &[ack(2), ack(3), ack(4), ack(5)]), Ok((4, 0)));
    assert_eq!(check(history(6), &[ack(4), ack(6)]), Ok((2, 2)));
    let mut verifier = HistoryVerifier::new(&[ack(6)]).expect("good");
    let needed =
        history(6).into_iter().take_while(|entry| verifier.push(entry.clone()) == Ok(true));
    assert_eq!(needed.count(), 2, "the entry before the first acknowledged one is the last");
    assert_eq!((verifier.head, verifier.newest["KO"]), (7, 0));
}

#[test]
fn a_missing_trade_is_found() {
    fails(history(4), &[ack(5), ack(6)], "t-42-202611-6 was acknowledged and is not in the ledger");
    fails(Vec::new(), &[ack(2)], "t-42-202611-2 was acknowledged and is not in the ledger");
    let mut cut = history(4);
    cut.truncate(2);
    fails(cut, &[ack(4)], "the history ends at t-42-202611-4");
}

#[test]
fn a_doubled_trade_is_found() {
    fails(history(4), &[ack(2), ack(2)], "t-42-202611-2 was acknowledged for two trades");
    let mut doubled = history(4);
    doubled.insert(1, doubled[1].clone());
    fails(doubled, &[ack(2)], "gap");
}

#[test]
fn a_gap_is_found() {
    let mut entries = history(4);
    entries.remove(2);
    fails(entries, &[ack(2)], "t-42-202611-4 stands after t-42-202611-2: the versions have a gap");
}

#[test]
fn other_numbers_than_acknowledged_are_found() {
    let right = AckAmounts { price: 10_000, total: 100, balance: 900 };
    for (amounts, words) in [
        (AckAmounts { balance: 901, ..right }, "the balance of t-42-202611-2"),
        (AckAmounts { total: 101, ..right }, "the total of t-42-202611-2"),
        (AckAmounts { price: 10_001, ..right }, "the price of t-42-202611-2"),
    ] {
        fails(history(2), &[Ack { amounts: Some(amounts), ..ack(2) }], words);
    }
    let other_month = Ack { month: 202_610, ..ack(2) };
    fails(history(2), &[other_month], "t-42-202611-2 is in its place");
    assert_eq!(check(history(2), &[Ack { amounts: None, ..ack(2) }]), Ok((1, 1)));
}

#[test]
fn a_broken_hash_is_found() {
    let mut entries = history(4);
    entries[1].hash[0] ^= 1;
    fails(entries, &[ack(2)], "the hash of t-42-202611-5 does not follow");
    let mut entries = history(4);
    entries[1].canonical.push('0');
    fails(entries, &[ack(2)], "the hash of t-42-202611-4 does not follow");
    let mut entries = history(1);
    entries[1].hash = [0; 32];
    entries[0].hash = chained(&[0; 32], &entries[0].canonical);
    fails(entries, &[ack(2)], "t-42-202611-1 does not begin the chain");
}

#[test]
fn cash_and_shares_that_do_not_follow_are_found() {
    let mut entries = history(4);
    entries[0].cash_after += 1;
    fails(entries, &[ack(2)], "the cash after t-42-202611-5 does not follow");
    let mut entries = history(4);
    entries[1].quantity_after += 1;
    fails(entries, &[ack(2)], "t-42-202611-4 leaves other shares of KO");
    let mut entries = history(4);
    entries[0].quantity_after = -1;
    fails(entries, &[ack(2)], "leaves less than nothing");
}

#[test]
fn numbers_beyond_64_bits_are_violations_without_a_panic() {
    let mut entries = history(4);
    (entries[0].quantity_after, entries[0].quantity) = (i64::MAX, -1);
    fails(entries, &[ack(2)], "the quantities of t-42-202611-5 are too large");
    let mut entries = history(4);
    entries[1].cash_after = i64::MAX;
    fails(entries, &[ack(2)], "the cash after t-42-202611-5 does not follow");
}
