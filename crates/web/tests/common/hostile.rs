//! Hostile input: texts, numbers and encodings.

use super::browser::encode;

/// Every input gets the first values; of the others each input gets every fourth.
const ALWAYS: usize = 8;

/// The values for the input with this number: all inputs together get all of them.
fn pick<T>(all: Vec<T>, input: usize) -> Vec<T> {
    let is_picked = |at: usize| at < ALWAYS || (at + input).is_multiple_of(4);
    all.into_iter().enumerate().filter(|(at, _)| is_picked(*at)).map(|(_, value)| value).collect()
}

/// Texts for any field, not encoded.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "a\0b",
        "a\u{202e}b\u{2066}c",
        "\u{10ffff}\u{378}",
        "9223372036854775807",
        "1e400",
        "",
        "\0",
        "\u{7}\u{1b}[31m",
        "a\r\nx-injected: 1",
        "\u{85}\u{2028}",
        "a\u{200b}\u{200d}b",
        "\u{fffe}\u{fdd0}",
        "\u{e000}\u{f0000}",
        "\u{378}\u{e01ef}",
        "\u{feff}x",
        "\u{fffd}",
        "Z\u{335}\u{336}\u{337}\u{338}\u{334}\u{335}",
        "\u{fdfa}\u{fdfa}\u{fdfa}",
        "' OR 1=1;--",
        "%_\\%",
        "<script>\"'&",
        "{{7*7}}${x}",
        "../../etc/passwd",
        "9223372036854775808",
        "-9223372036854775808",
        "-1e-400",
        "1,5",
        "NaN",
        "0",
        "-1",
        "ffffffffffffffff.7fffffffffffffff",
        "7fffffffffffffff.1",
        "t-9223372036854775807-999999999999-9223372036854775807",
        "t-1-000000-1",
        "null",
        "[]",
        " \t ",
        "👨\u{200d}👩\u{200d}👧",
        "١٢٣",
    ]
    .map(str::to_owned)
    .into();
    texts.push("A".repeat(4_000));
    texts.push("é\u{301}".repeat(400));
    texts.push("9".repeat(400));
    texts
}

/// JSON values for a member of a body, serialized.
pub(crate) fn values(input: usize) -> Vec<String> {
    let mut values = vec![r#""\ud800""#.to_owned()];
    values.extend(texts().into_iter().map(|text| json(&text)));
    values.extend(
        [
            r#""a\udc00\ud800b""#,
            r#""\u0000""#,
            "-1",
            "-0",
            "0",
            "1e400",
            "1e-400",
            "99999999999999999999999999",
            "0.00000000000000000001",
            "true",
            "null",
            "[]",
            "{}",
            "[\"AAPL\"]",
            "{\"a\":1}",
        ]
        .map(str::to_owned),
    );
    values.push(format!("1e{}", "9".repeat(2_000)));
    values.push("9".repeat(2_000));
    values.push(format!("{}{}", "[".repeat(40), "]".repeat(40)));
    pick(values, input)
}

/// Bodies that are not an object, or malformed.
pub(crate) fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\"\\ud800\"",
        b"\xff\xfe{}",
        b"{\"a\":\"\xc0\x80\"}",
        b"{\"\\ud800\":1}",
        b"{} {}",
        b"\0",
    ]
    .map(<[u8]>::to_vec)
    .into();
    bodies.push("[".repeat(10_000).into_bytes());
    bodies.push("{\"a\":".repeat(3_000).into_bytes());
    bodies.push(format!("{{\"a\":\"{}\"}}", "x".repeat(20_000)).into_bytes());
    bodies
}

/// Encoded values of a field or a part of an address; some with malformed escapes.
pub(crate) fn encoded(input: usize) -> Vec<String> {
    let mut parts: Vec<String> = vec!["%FF".to_owned(), "%".to_owned()];
    parts.extend(texts().iter().map(|text| encode(text)));
    let broken = ["%zz", "%f", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "%2F%2e%2e", "+"];
    parts.extend(broken.map(str::to_owned));
    pick(parts, input)
}

/// Values of headers, which need not be text.
pub(crate) fn header_values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> =
        ["", "\"", "W/\"x\"", ",,;;==", "é", "1.2.3", "bytes=0-1,5-", "%00%zz", "a=b; a=%FF; =;"]
            .map(|text| text.as_bytes().to_vec())
            .into();
    values.push(vec![0xff, 0x80, b'a']);
    values.push(b"9223372036854775807.18446744073709551615.-1".to_vec());
    values.push(vec![b'k'; 3_000]);
    values
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
