//! Preferences of cookies and headers.

use proptest::prelude::*;

use super::*;
use axum::http::{HeaderName, HeaderValue};

fn with_cookies(values: &[&[u8]]) -> HeaderMap {
    let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok());
    let mut headers = HeaderMap::new();
    values.for_each(|value| {
        headers.append(header::COOKIE, value);
    });
    headers
}

proptest! {
    #[test]
    fn a_cookie_is_found_among_others(
        others in prop::collection::vec("[a-z]{1,5}=[!#-+\\--:<-~]{0,12}", 0..5),
        place: prop::sample::Index, value in "[!#-+\\--:<-~]{0,40}", split: bool,
    ) {
        let own = format!("{PREFERENCES}={value}");
        let mut pairs = others;
        pairs.insert(place.index(pairs.len() + 1), own);
        let values = if split { pairs } else { vec![pairs.join("; ")] };
        let values: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
        let headers = with_cookies(&values);
        prop_assert_eq!(cookies::find(&headers, PREFERENCES), Some(value.as_str()));
    }

    #[test]
    fn another_name_is_another_cookie(around in "[a-z_]{1,6}") {
        for name in [format!("{around}{PREFERENCES}"), format!("{PREFERENCES}{around}")] {
            let headers = with_cookies(&[format!("{name}=1").as_bytes()]);
            prop_assert_eq!(cookies::find(&headers, PREFERENCES), None);
        }
    }

    #[test]
    fn choices_survive_their_cookie(
        mode in 0..3usize, lang in 0..3usize, theme in 0..3usize, saver in 0..3usize,
        zone in prop::sample::select(&ZONES[..]),
    ) {
        let mode = ["kid", "standard", "easy"][mode];
        let theme = ["auto", "light", "dark"][theme];
        let saver = ["auto", "on", "off"][saver];
        let lang = Lang::ALL[lang].as_str();
        let text = format!("mode={mode}&lang={lang}&theme={theme}&saver={saver}");
        let zone = url::encode(zone);
        let value = format!("{PREFERENCES}={text}&zone={zone}");
        let chosen =
            DisplayPreferences::of(&with_cookies(&[value.as_bytes()]), &Query::parse(""));
        prop_assert_eq!(url::encode(chosen.zone.iana_name().unwrap_or_default()), zone);
        let again = format!("{PREFERENCES}={}", chosen.to_cookie());
        let headers = with_cookies(&[again.as_bytes()]);
        let again = DisplayPreferences::of(&headers, &Query::parse(""));
        prop_assert_eq!(again, chosen);
    }

    #[test]
    fn any_headers_are_read_without_a_panic(
        cookies: Vec<Vec<u8>>, language: Vec<u8>, query in ".{0,40}",
    ) {
        let values: Vec<&[u8]> = cookies.iter().map(Vec::as_slice).collect();
        let mut headers = with_cookies(&values);
        if let Ok(language) = HeaderValue::from_bytes(&language) {
            headers.insert(header::ACCEPT_LANGUAGE, language);
        }
        DisplayPreferences::of(&headers, &Query::parse(&query));
    }

    #[test]
    fn a_list_of_languages_is_read_without_a_panic(list in "[a-zé;q=,.0-9 -]{0,40}") {
        if let Ok(value) = HeaderValue::from_bytes(list.as_bytes()) {
            preferred_language(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, value)]));
        }
    }
}

const ZONES: [&str; 5] =
    ["Africa/Harare", "Etc/GMT+5", "Etc/GMT-14", "America/Port-au-Prince", "UTC"];

fn of(pairs: &[(&'static str, &'static str)], query: &str) -> DisplayPreferences {
    let named = pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    DisplayPreferences::of(&named.collect(), &Query::parse(query))
}

#[test]
fn preferences_are_read_from_their_cookie() {
    let cookie = "a=b; openbell_ui=mode=kid&lang=sn&theme=dark&text=larger&saver=on\
                  &zone=Africa/Lusaka; c=d";
    let chosen = of(&[("cookie", cookie)], "");
    assert_eq!((chosen.mode, chosen.lang, chosen.theme), (Mode::Kid, Lang::Sn, Theme::Dark));
    assert_eq!((chosen.text_size, chosen.saver), (TextSize::Larger, Saver::On));
    assert!(cookie.contains(&chosen.to_cookie()), "{}", chosen.to_cookie());
    assert_eq!(of(&[("cookie", "openbell_ui=senior")], "").mode, Mode::Easy);
    assert_eq!(of(&[("cookie", "openbell_ui=mode=<script>")], "").mode, Mode::Standard);
    assert_eq!(of(&[("cookie", "openbell_ui=zone=../../etc")], "").zone, default_zone());
}

#[test]
fn headers_apply_without_a_choice() {
    let lang = |text: &'static str| of(&[("accept-language", text)], "").lang;
    assert_eq!(lang("sn-ZW,sn;q=0.9,en;q=0.8"), Lang::Sn);
    assert_eq!(lang("de,en;q=0.5,nd;q=0.7"), Lang::Nd);
    assert_eq!(lang("nd;q=0, sn;q=0.001"), Lang::Sn);
    assert_eq!((lang("de"), lang(""), lang("x")), (Lang::En, Lang::En, Lang::En));
    assert!(of(&[("save-data", "on")], "").saves_data());
    assert_eq!(of(&[("save-data", "on")], "").saver, Saver::Auto, "the header is not a choice");
    let chosen = of(&[("save-data", "on"), ("cookie", "openbell_ui=saver=off")], "");
    assert!(!chosen.saves_data());
    assert_eq!(of(&[("cookie", "openbell_ui=lang=sn")], "lang=nd").lang, Lang::Nd);
}
