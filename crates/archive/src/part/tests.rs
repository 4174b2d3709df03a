//! Entries of any content survive a file, in any division into row groups.

use std::io::{Seek as _, Write as _};

use proptest::prelude::*;

use super::*;

fn entry() -> impl Strategy<Value = Entry> {
    let kinds = vec![
        EntryKind::Open,
        EntryKind::Buy,
        EntryKind::Sell,
        EntryKind::Note,
        EntryKind::TransferIn,
        EntryKind::Award,
    ];
    let sources = vec![
        QuoteSource::Replay,
        QuoteSource::Simulated,
        QuoteSource::Fixed,
        QuoteSource::Live,
        QuoteSource::Import,
    ];
    let some = || prop::option::of(any::<i64>());
    let required = any::<([i64; 4], [i64; 8], i64)>();
    let optional = (some(), some(), some(), some(), some());
    let quote = (prop::option::of(any::<i32>()), prop::option::of(prop::sample::select(sources)));
    let kind = prop::sample::select(kinds);
    (required, optional, quote, kind, any::<[u8; 32]>()).prop_map(
        |(required, optional, (quote_day, quote_source), kind, hash)| {
            let ([month, player_id, version, quantity], numbers, created_at) = required;
            let [amount, fee, xp_trade, xp_achievements, cash, after, basis, total_xp] = numbers;
            let (stock_id, price, quote_as_of, about_version, rules_version) = optional;
            let entry = LedgerEntry {
                month: Month(month),
                player_id,
                version,
                kind,
                stock_id,
                quantity: Quantity(quantity),
                price: price.map(Price),
                amount: Money(amount),
                fee: Money(fee),
                xp_trade,
                xp_achievements,
                cash_after: Money(cash),
                quantity_after: Quantity(after),
                cost_basis_after: Money(basis),
                total_xp_after: total_xp,
                quote_as_of: quote_as_of.map(UnixMicros),
                quote_day: quote_day.map(Day),
                quote_source,
                about_version,
                created_at: UnixMicros(created_at),
                rules_version,
            };
            (entry, Hash(hash))
        },
    )
}

/// Writes a file with these row groups and opens it.
fn written(groups: &[Vec<Entry>], unit: MinorUnit) -> PartReader {
    let mut writer = PartWriter::new(unit).expect("a writer");
    let mut file = tempfile::tempfile().expect("a file");
    for group in groups {
        file.write_all(&writer.add(group).expect("encoded")).expect("written");
    }
    file.write_all(&writer.finish().expect("encoded")).expect("written");
    file.rewind().expect("a file");
    PartReader::new(file).expect("a part")
}

/// A file as the version before wrote it, without the versions of the rules.
fn written_by_schema_1(rows: &[Entry]) -> PartReader {
    let schema = SCHEMA.replace("    OPTIONAL INT64 rules_version;\n", "");
    let schema = schema.replace("{digits}", "2");
    let schema = Arc::new(parse_message_type(&schema).expect("a schema"));
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema, Arc::default()).expect("a writer");
    {
        let mut columns = ColumnWriter { group: writer.next_row_group().expect("a group"), rows };
        columns.write_first_schema().expect("encoded");
        columns.group.close().expect("closed");
    }
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&writer.into_inner().expect("encoded")).expect("written");
    file.rewind().expect("a file");
    PartReader::new(file).expect("a part")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn entries_are_read_as_they_were_written(
        groups in prop::collection::vec(prop::collection::vec(entry(), 1..20), 1..4),
    ) {
        for unit in [MinorUnit::Whole, MinorUnit::Hundredth, MinorUnit::Thousandth] {
            let mut reader = written(&groups, unit);
            for group in &groups {
                prop_assert_eq!(&reader.read().expect("a group"), group);
            }
            prop_assert_eq!(reader.read().expect("the end"), Vec::new());
        }
    }

    #[test]
    fn a_file_of_schema_1_has_entries_without_a_version_of_the_rules(
        mut rows in prop::collection::vec(entry(), 1..20),
    ) {
        let found = written_by_schema_1(&rows).read().expect("a group");
        rows.iter_mut().for_each(|(entry, _)| entry.rules_version = None);
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn a_player_has_the_entries_that_were_written(
        mut groups in prop::collection::vec(prop::collection::vec(entry(), 1..10), 1..4),
        players in prop::collection::vec(-2i64..3, 30), player_id in -3i64..4,
    ) {
        let entries = groups.iter_mut().flatten();
        entries.zip(players).for_each(|((entry, _), player)| entry.player_id = player);
        let expected: Vec<Entry> =
            groups.iter().flatten().filter(|(e, _)| e.player_id == player_id).cloned().collect();
        let reader = written(&groups, MinorUnit::Hundredth);
        prop_assert_eq!(reader.read_player(player_id).expect("read"), expected);
    }
}
