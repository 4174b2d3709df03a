//! Rejected rows with line, field and expectation, and rows that `skip_bad` skips.

use domain::Price;
use market::{DateOrder, DecimalMark, ImportOptions, PriceUnit};

use crate::support::*;

#[test]
fn every_bad_line_is_named_with_its_reason() {
    let head = "date,symbol,open,high,low,close,volume\n";
    for (line, reason) in [
        ("2013-02-30,A,1,1,1,1,1", "expected a date like 2013-02-08, got \"2013-02-30\""),
        (
            "02/08/2013,A,1,1,1,1,1",
            "expected a date like 2013-02-08, got \"02/08/2013\" (--dates day-first or",
        ),
        ("31-12-2013,A,1,1,1,1,1", "expected a date like 2013-02-08, got \"31-12-2013\" (--dates"),
        ("30.2.2013,A,1,1,1,1,1", "expected a date like 2013-02-08, got \"30.2.2013\""),
        ("1.2.13,A,1,1,1,1,1", "expected a date like 2013-02-08, got \"1.2.13\""),
        ("02/08/2013 noon,A,1,1,1,1,1", "expected a date like 2013-02-08"),
        ("2027-01-01,A,1,1,1,1,1", "2027-01-01 is in the future"),
        ("1799-12-31,A,1,1,1,1,1", "1799-12-31 is before 1800-01-01, the first day that is read"),
        ("0000-01-01,A,1,1,1,1,1", "0000-01-01 is before 1800-01-01"),
        ("2013-02-08,A B,1,1,1,1,1", "expected a symbol, got \"A B\""),
        ("2013-02-08,,1,1,1,1,1", "expected a symbol, got \"\""),
        ("2013-02-08,A,1,1,1,abc,1", "close is not a price: \"abc\""),
        ("2013-02-08,A,1,1,1,-1,1", "close is not a price: \"-1\""),
        ("2013-02-08,A,1,1,1,0,1", "close is not a price: \"0\""),
        ("2013-02-08,A,1,1,1,,1", "close is missing"),
        ("2013-02-08,A,1,1,1,1000001,1", "close is too high: \"1000001\""),
        ("2013-02-08,A,1,1,1,0.000018,1", "close would become 0"),
        ("2013-02-08,A,1,1,2,1,1", "high is below low"),
        ("2013-02-08,A,1,2,1,3,1", "close 3.00 is not between low 1.00 and high 2.00"),
        ("2013-02-08,A,3,2,1,1,1", "open 3.00 is not between low 1.00 and high 2.00"),
        ("2013-02-08,A,1,1,1,1,x", "volume is not a number: \"x\""),
        ("2013-02-08,OK,1,1,1,1,1", "the file has a bar of OK of 2013-02-08 already"),
        ("2013-02-08", "expected 7 fields as in the header, got 1"),
        ("2013-02-08,A,1,1,1,1,1,2", "expected 7 fields as in the header, got 8"),
        ("2013-02-08,A,1,1,1,\"12,34\",1", "close is not a price: \"12,34\" (does the file"),
    ] {
        let text = format!("{head}2013-02-08,OK,1,1,1,1,1\n{line}\n");
        let (import, notes) = read(&text).unwrap_or_else(|error| panic!("{line}: {error}"));
        let found = refused(&notes);
        assert_eq!((found.len(), import.summary.bars), (1, 1), "{line}: {found:?}");
        assert_eq!(found[0].0, 3, "{line}");
        assert!(found[0].1.starts_with(reason), "{line}: {}", found[0].1);
    }
}

#[test]
fn a_decimal_comma_between_commas_makes_a_field_too_many() {
    let (_, notes) = read("date,symbol,close\n2013-02-08,A,12,34\n").expect("reads");
    assert_eq!(refused(&notes), [(2, "expected 3 fields as in the header, got 4")]);
}

#[test]
fn a_quote_that_is_never_closed_is_found_with_its_line() {
    let text = "date,symbol,close,note\n2013-02-08,A,1,\"x\n2013-02-11,A,2,y\n2013-02-12,A,3,z\n";
    let error = read(text).expect_err("refused").to_string();
    assert_eq!(error, "the quote that is opened in line 2 is never closed");
    // The next quote only seems to close it.
    let error = read(&format!("{text}2013-02-13,A,4,\"w\"\n")).expect_err("refused").to_string();
    assert!(error.starts_with("line 5: expected the end of the field"), "{error}");
    assert!(error.ends_with("(the quote is opened in line 2)"), "{error}");
    let skipping = ImportOptions { skip_bad: true, ..options() };
    assert!(read_all(skipping, &[("bars.csv", text.as_bytes())]).is_err(), "not even then");
    let quoted = "date,symbol,close,note\n2013-02-08,A,1,\"two, \"\"quoted\"\"\" \n\
                  2013-02-11,A,x,5\" pipe\n";
    let (import, notes) = read(quoted).expect("reads");
    assert_eq!(
        (import.summary.bars, refused(&notes)),
        (1, vec![(3, "close is not a price: \"x\"")])
    );
    let endless = format!("date,symbol,close\n2013-02-08,A,\"{}", "1\n".repeat(1 << 20));
    let error = read(&endless).expect_err("refused").to_string();
    assert_eq!(error, "the quote that is opened in line 2 is never closed");
}

#[test]
fn a_quoted_field_that_spans_lines_swallows_no_row_of_bars() {
    let swallowed =
        "date,symbol,close,note\n2013-02-08,A,1,\"x\n2013-02-11,A,2,y\"\n2013-02-12,A,3,z\n";
    let reason = "the quoted field opened in line 2 ends in line 3";
    let (import, notes) = read(swallowed).expect("reads");
    assert_eq!((import.summary.bars, refused(&notes)), (1, vec![(2, reason)]));
    let wide = "Price,Close\nTicker,A\nDate,\n2013-02-08,\"1\n\"\n2013-02-11,2\n\n";
    let (import, notes) = read(wide).expect("reads");
    let reason = "the quoted field opened in line 4 ends in line 5";
    assert_eq!((import.summary.bars, refused(&notes)), (1, vec![(4, reason)]));
    let texts = "symbol,description\nA,\"two\n\nlines\"\nB,one\n";
    let (import, notes) = read(texts).expect("reads");
    assert_eq!((import.texts.len(), refused(&notes)), (2, vec![]));
    assert_eq!(import.texts[0].description.as_deref(), Some("two  lines"));
}

#[test]
fn rows_without_a_currency_are_bad_only_beside_rows_with_one() {
    let text = "date,symbol,close,currency\n2024-04-05,A,1,\n2024-04-08,A,2,ZWG\n2024-04-09,A,3,\n";
    let skipping = ImportOptions { skip_bad: true, ..options() };
    let (import, notes) =
        read_all(skipping.clone(), &[("bars.csv", text.as_bytes())]).expect("reads");
    assert_eq!((import.summary.bars, import.summary.bad), (1, 2));
    assert_eq!(import.currency.as_deref(), Some("ZWG"));
    assert_eq!(notes[0].reason, "the row has no currency, and other rows have ZWG");
    let empty = text.replace("ZWG", "");
    let (import, notes) = read_all(skipping, &[("bars.csv", empty.as_bytes())]).expect("reads");
    assert_eq!((import.summary.bars, import.currency, notes), (3, None, vec![]));
    // A row without a price needs no currency.
    let unpriced = "date,symbol,close,currency\n2024-04-05,A,,\n2024-04-08,A,2,ZWG\n";
    assert_eq!(read(unpriced).expect("reads").0.summary.without_price, 1);
}

#[test]
fn two_texts_for_one_thing_are_refused_and_equal_ones_are_not() {
    let first: (&str, &[u8]) = ("one.csv", b"symbol,name,industry\nA,Agilent,Tools\nB,Bolt,\n");
    let read = |text: &'static [u8]| read_all(options(), &[first, ("two.csv", text)]);
    let (import, notes) = read(b"symbol,name,fun_fact\na, Agilent ,x\n").expect("reads");
    assert_eq!((refused(&notes), import.texts.len()), (vec![], 2));
    assert_eq!(import.texts[0].fun_fact.as_deref(), Some("x"));
    let (import, notes) = read(b"symbol,name,fun_fact\nA,Other,x\nB,Bolt,y\n").expect("reads");
    assert_eq!(refused(&notes), [(2, "one.csv has another name of A")]);
    assert_eq!(import.texts[0].fun_fact, None, "nothing of a refused row is taken");
    let (import, notes) = read(b"symbol,description\nA,Laboratory tools.\n").expect("reads");
    assert_eq!((refused(&notes), import.texts.len()), (vec![], 2));
    assert_eq!(import.texts[0].description.as_deref(), Some("Laboratory tools."));
}

#[test]
fn texts_lose_control_characters_and_marks_of_direction() {
    let text = "symbol,name,description,fun_fact\nA,A\u{202e}B\u{2066},one\u{7}two,<b>x</b>\n";
    let (import, notes) = read(text).expect("reads");
    assert_eq!((refused(&notes), import.summary.controls, import.summary.markup), (vec![], 2, 1));
    assert_eq!(import.texts[0].name.as_deref(), Some("AB"));
    assert_eq!(import.texts[0].description.as_deref(), Some("one two"));
}

#[test]
fn blank_lines_do_not_move_the_line_that_is_named() {
    let text = "\n\ndate,symbol,close\n\n\r\n  \n2013-02-08,A,1\n\n\n2013-02-09,A,abc\n";
    for text in [text.to_owned(), text.replace('\n', "\r\n")] {
        let (_, notes) = read(&text).expect("reads");
        assert_eq!(refused(&notes), [(10, "close is not a price: \"abc\"")]);
    }
}

#[test]
fn high_and_low_are_compared_as_exactly_as_the_file_is_written() {
    let head = "date,symbol,open,high,low,close\n";
    for (row, shown) in [
        ("10,10.123449,10,10.12345", "10.00 10.1235 10.00 10.1235"),
        ("10,10.12,10,10.13", "10.00 10.13 10.00 10.13"),
        ("67,67.87142944335938,66,67.87143", "67.00 67.8714 66.00 67.8714"),
        ("9.99,11,10,10", "9.99 11.00 9.99 10.00"),
        ("2000,2000,1990,2001", "2000.00 2001.00 1990.00 2001.00"),
    ] {
        let (import, notes) = read(&format!("{head}2013-02-08,A,{row}\n")).expect("reads");
        assert_eq!(refused(&notes), [], "{row}");
        assert_eq!(bars(&import), [format!("A 2013-02-08 {shown} -")]);
    }
    for row in ["10,10.12,10,10.14", "10,10.5,10,10.6001", "1,1.00,1.00,1.02"] {
        let (_, notes) = read(&format!("{head}2013-02-08,A,{row}\n")).expect("reads");
        assert_eq!(refused(&notes).len(), 1, "{row}");
    }
}

#[test]
fn bad_lines_are_left_out_only_when_the_caller_wants_it() {
    let text =
        "date,symbol,close\n2013-02-08,A,1\n2013-02-11,A,x\n2013-02-12,A,0.00001\n2013-02-13,A,2\n";
    let (import, notes) = read(text).expect("reads");
    assert_eq!((import.summary.refused, import.summary.bad, refused(&notes).len()), (2, 0, 2));
    let skipping = ImportOptions { skip_bad: true, ..options() };
    let (import, notes) = read_all(skipping, &[("bars.csv", text.as_bytes())]).expect("reads");
    assert_eq!((import.summary.refused, import.summary.bad, import.summary.bars), (0, 2, 2));
    assert!(notes.iter().all(|note| note.is_bad && !note.is_refused));
    assert_eq!(notes.iter().map(|note| note.line).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_file_has_one_currency() {
    let text = "date,symbol,close,currency\n2024-04-05,A,100,ZWL\n2024-04-08,A,2,ZWG\n";
    let error = read(text).expect_err("two").to_string();
    assert_eq!(error, "prices are in ZWG and ZWL: choose one with --currency");
    let of = |code| ImportOptions { currency: PriceUnit::parse(code), ..options() };
    let (import, _) = read_all(of("ZWG"), &[("bars.csv", text.as_bytes())]).expect("reads");
    assert_eq!((import.summary.bars, import.summary.other_currencies), (1, 1));
    assert_eq!(import.currency.as_deref(), Some("ZWG"));
    let error =
        read_all(of("USD"), &[("bars.csv", text.as_bytes())]).expect_err("none").to_string();
    assert_eq!(error, "the file has no price in USD");
    let one = "date,symbol,close,currency\n2024-04-08,A,2,EUR\n";
    assert_eq!(read(one).expect("reads").0.currency.as_deref(), Some("EUR"));
    let two: [(&str, &[u8]); 2] = [
        ("one.csv", one.as_bytes()),
        ("two.csv", b"date,symbol,close,currency\n2024-04-09,A,2,USD\n"),
    ];
    let error = read_all(options(), &two).expect_err("two").to_string();
    assert_eq!(error, "prices are in EUR and USD: choose one with --currency");
    let gap = "date,symbol,close,currency\n2024-04-05,A,1,\n2024-04-08,A,2,ZWG\n";
    let error = read(gap).expect_err("whose?").to_string();
    assert_eq!(
        error,
        "line 2 has no currency, and other lines have ZWG: name the currency of such lines with \
         --currency, or leave them out with --skip-bad"
    );
    let plain = "date,symbol,close\n2024-04-05,A,100\n";
    assert_eq!(read(plain).expect("reads").0.currency, None);
    let (import, _) = read_all(of("CHF"), &[("bars.csv", plain.as_bytes())]).expect("reads");
    assert_eq!(import.currency.as_deref(), Some("CHF"));
}

#[test]
fn a_number_with_two_meanings_is_refused_for_the_whole_file() {
    let text = "date;symbol;close\n2024-04-05;A;1.234\n2024-04-08;A;2.345\n";
    let error = read(text).expect_err("refused").to_string();
    assert!(error.starts_with("line 2: \"1.234\" can be read in two ways"), "{error}");
    for (mark, close) in [(DecimalMark::Point, 12_340), (DecimalMark::Comma, 12_340_000)] {
        let named = ImportOptions { decimal: Some(mark), ..options() };
        let (import, _) = read_all(named, &[("bars.csv", text.as_bytes())]).expect("reads");
        assert_eq!(import.stocks[0].1[0].close, Price(close), "{mark:?}");
    }
    let text = "date;symbol;close\n2024-04-05;A;1.234\n2024-04-08;A;2,5\n";
    assert!(read(text).expect_err("refused").to_string().starts_with("line 2: \"1.234\""));
    let text = "date;symbol;close\n2024-04-05;A;2,5\n2024-04-08;A;2.5\n";
    assert_eq!(refused(&read(text).expect("reads").1).len(), 1);
}

#[test]
fn day_and_month_have_the_order_of_the_option_and_dates_with_dots_begin_with_the_day() {
    let text = "date;symbol;close\n2/8/2013;A;1\n03-08-2013 00:00;A;2\n4.8.2013;A;3\n";
    for (order, days) in [
        (DateOrder::DayFirst, ["2013-08-02", "2013-08-03", "2013-08-04"]),
        (DateOrder::MonthFirst, ["2013-02-08", "2013-03-08", "2013-04-08"]),
    ] {
        let named = ImportOptions { dates: Some(order), ..options() };
        let (import, notes) = read_all(named, &[("bars.csv", text.as_bytes())]).expect("reads");
        assert_eq!(refused(&notes), []);
        let read: Vec<String> = import.stocks[0].1.iter().map(|bar| bar.day.to_string()).collect();
        assert_eq!(read, days, "{order:?}");
    }
    let text = "date;symbol;close\n31.12.2020;A;1,5\n1.1.2021 00:00:00;A;1,6\n";
    let (import, _) = read(text).expect("reads");
    let days: Vec<String> = import.stocks[0].1.iter().map(|bar| bar.day.to_string()).collect();
    assert_eq!(days, ["2020-12-31", "2021-01-01"]);
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    for (header, expected) in [
        ("date,symbol,close,close", "the header has \"close\" twice"),
        ("date,symbol,close (furlongs)", "unknown unit: \"furlongs\""),
        ("date,symbol,open (EUR),close (USD)", "different units"),
        ("a,b", "expected a header with date, symbol and close"),
        ("symbol,close", "expected a header with"),
        ("Price,Close,Close\nTicker,A,A\nDate,,", "twice"),
        ("Price,Open,Volume\nTicker,A,A\nDate,,", "no close of A"),
        ("Price,Close\nTicker,A B\nDate,", "expected a symbol in the header, got \"A B\""),
    ] {
        let error = read(&format!("{header}\n1,2,3\n")).expect_err(header).to_string();
        assert!(error.contains(expected), "{header}: {error}");
    }
}

#[test]
fn a_day_that_two_files_have_is_named_with_the_other_file() {
    let files: [(&str, &[u8]); 2] = [
        ("one.csv", b"date,symbol,close\n2013-02-08,A,1.5\n"),
        ("two.csv", b"date,symbol,close\n2013-02-08,a,1.5\n"),
    ];
    let (_, notes) = read_all(options(), &files).expect("reads");
    assert_eq!(refused(&notes), [(2, "one.csv has a bar of A of 2013-02-08 already")]);
}

#[test]
fn totals_and_notes_are_no_way_around_the_rules() {
    let head = "date,symbol,close\n2013-02-08,A,1\n";
    for note in ["Total,,", "Source: somewhere, far", "* adjusted", "All prices are in dollars,,"] {
        let (import, notes) = read(&format!("{head}{note}\n")).expect("reads");
        assert_eq!((import.summary.notes, refused(&notes)), (1, vec![]), "{note}");
    }
    for row in ["2013-02-3O,A,2", "2013-02-09", "x,A,2", "2013-02-30,TOTAL,2", "A,2"] {
        let (import, notes) = read(&format!("{head}{row}\n")).expect("reads");
        assert_eq!((import.summary.notes, refused(&notes).len()), (0, 1), "{row}");
    }
    let by_symbol = "symbol,date,close\nEND,2013-02-30,1\n";
    assert_eq!(refused(&read(by_symbol).expect("reads").1).len(), 1);
}

#[test]
fn texts_are_joined_and_lose_their_markup() {
    let files: [(&str, &[u8]); 2] = [
        (
            "constituents.csv",
            b"symbol,name,sector,industry\nA,<b>Agilent</b>,Health Care,R&amp;D\nB,a < b,,\n",
        ),
        (
            "descriptions.csv",
            b"symbol,kid_description,pro_description,fun_fact\n\
              A,\"Makes tools, for labs.<script>x()</script>\",Laboratory instruments.,\n",
        ),
    ];
    let (import, notes) = read_all(options(), &files).expect("reads");
    assert_eq!((import.texts.len(), notes.len(), import.summary.markup), (2, 0, 3));
    let text = &import.texts[0];
    assert_eq!(text.name.as_deref(), Some("Agilent"));
    assert_eq!(text.category.as_deref(), Some("Health Care"));
    assert_eq!(text.description.as_deref(), Some("Laboratory instruments."));
    assert_eq!(text.kid_friendly_description.as_deref(), Some("Makes tools, for labs."));
    assert_eq!(text.fun_fact, None);
    let other = &import.texts[1];
    assert_eq!((other.name.as_deref(), other.category.as_deref()), (Some("a < b"), None));
    let bad = "symbol,name\nA,x\nA B,y\nA,z\n";
    let (_, notes) = read(bad).expect("reads");
    let found = refused(&notes);
    assert_eq!((found.len(), found[0].0, found[1]), (2, 3, (4, "line 2 describes A already")));
    assert!(found[0].1.starts_with("expected a symbol, got \"A B\""), "{found:?}");
}

#[test]
fn texts_come_from_toml_too() {
    let mut importer = market::Importer::new(options());
    let mut notes = Vec::new();
    let text = "[[stocks]]\nsymbol = \"VOD.L\"\nkid_text = \"Phones.\"\n\n[[stocks]]\nsymbol = \"A B\"\n\
                [[stocks]]\nsymbol = \"vod.l\"\nname = \"x\"\n";
    importer.read_toml("texts.toml", text, &mut |note| notes.push(note)).expect("reads");
    let found = refused(&notes);
    assert_eq!((found.len(), found[0].0, found[1].0), (2, 5, 7), "{found:?}");
    let import = importer.finish();
    assert_eq!(import.texts[0].kid_friendly_description.as_deref(), Some("Phones."));
    let mut importer = market::Importer::new(options());
    let bad = "[[stocks]]\nsymbol = \"A\"\nkind_text = \"x\"\n";
    let error =
        importer.read_toml("texts.toml", bad, &mut |_| ()).expect_err("refused").to_string();
    assert!(error.starts_with("line 3: unknown field `kind_text`"), "{error}");
}
