//! Hand-made histories, right ones and wrong ones.

use super::*;

/// A history of buying and selling one share at 1.00, newest first.
fn history(trades: i64) -> Vec<Entry> {
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
) -> Entry {
    let canonical = format!("entry {version} {quantity} {amount} {cash_after}");
    Entry {
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
    let (month, price, total) = (202_611, 10_000, 100);
    Ack { player: 0, player_id: 42, month, version, price, total, balance }
}

/// Checks a history; how many were found and how many are foreign.
fn check(entries: Vec<Entry>, acks: &[Ack]) -> Result<(u64, u64), String> {
    let mut chain = Chain::new(acks)?;
    for entry in entries {
        if !chain.push(entry)? {
            break;
        }
    }
    chain.finish()?;
    Ok((chain.found, chain.foreign))
}

fn fails(entries: Vec<Entry>, acks: &[Ack], words: &str) {
    let told = check(entries, acks).expect_err("a difference");
    assert!(told.contains(words), "{told:?} does not say {words:?}");
}

#[test]
fn a_right_history_holds_and_entries_of_others_are_counted() {
    assert_eq!(check(history(4), &[ack(2), ack(3), ack(4), ack(5)]), Ok((4, 0)));
    assert_eq!(check(history(6), &[ack(4), ack(6)]), Ok((2, 2)));
    let mut chain = Chain::new(&[ack(6)]).expect("good");
    let needed = history(6).into_iter().take_while(|entry| chain.push(entry.clone()) == Ok(true));
    assert_eq!(needed.count(), 2, "the entry before the first acknowledged one is the last");
    assert_eq!((chain.head, chain.newest["KO"]), (7, 0));
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
    for (wrong, words) in [
        (Ack { balance: 901, ..ack(2) }, "the balance of t-42-202611-2"),
        (Ack { total: 101, ..ack(2) }, "the total of t-42-202611-2"),
        (Ack { price: 10_001, ..ack(2) }, "the price of t-42-202611-2"),
        (Ack { month: 202_610, ..ack(2) }, "t-42-202611-2 is in its place"),
    ] {
        fails(history(2), &[wrong], words);
    }
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
