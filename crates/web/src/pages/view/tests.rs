//! The macros of `parts/ui.html`.

use askama::Template;
use domain::{MinorUnit, Price};

use super::*;
use crate::http::query::Query;
use crate::pages::chart::{self, Chart, Point, Unit};
use crate::pages::form::Form;

/// All macros, which are compiled only where they are used.
#[derive(Template)]
#[template(
    source = r#"{% import "parts/ui.html" as ui %}{{ ui::price(view, symbol, price) }}
{{ ui::change(view, symbol, change) }}{{ ui::percent_change(view, change) }}
{{ ui::money_change(view, money) }}{{ ui::person(symbol) }}{{ ui::monogram(symbol) }}
{{ ui::pager(view, pages) }}{{ ui::chart(view, chart) }}{{ ui::csrf(view) }}
{{ ui::errors(view, form) }}{{ ui::field(form, "a", "A") }}{{ ui::tick(form, "a", "B") }}
{{ ui::choice(form, "a", "x", "C") }}{{ ui::password(view, form, "a", "D") }}"#,
    ext = "html"
)]
struct AllMacros<'a> {
    view: &'a View,
    form: &'a Form,
    symbol: &'a str,
    price: Price,
    change: Ratio,
    money: Money,
    pages: Pager,
    chart: Chart,
}

#[test]
fn macros_render_their_arguments() {
    let preferences = DisplayPreferences::of(&axum::http::HeaderMap::new(), &Query::parse(""));
    let currency = (Currency::USD, MinorUnit::Hundredth);
    let view = View::bare(&preferences, &RequestedPage::default(), currency, "common-home");
    let mut form = Form::new(&["a"]).with("a", "<x>");
    form.add_error("a", "no & no");
    let point = |day, value| Point { day: domain::Day(day), value };
    let points = [point(0, 10_000), point(1, 20_000)];
    let macros = AllMacros {
        view: &view,
        form: &form,
        symbol: "AAPL",
        price: Price(1_899_500),
        change: Ratio::of(-125, 10_000),
        money: Money(500),
        pages: Pager { base: "/market?q=a&".to_owned(), page: 2, last: 3 },
        chart: chart::line(&view, "A & B", Unit::Price, &points, &[]).unwrap(),
    };
    let html = macros.render().unwrap();
    for part in [
        "<span id=\"px-AAPL\" class=\"num\">US$189.95</span>",
        "<span id=\"ch-AAPL\" class=\"num down\">\u{2212}1.25%</span>",
        "<span class=\"num up\">+US$5.00</span>",
        "href=\"/market?q=a&#38;page=1\"",
        "href=\"/market?q=a&#38;page=3\"",
        "Page 2 of 3",
        "<svg viewBox=\"0 0 640 200\" role=\"img\" aria-label=\"A &amp; B,",
        "<th scope=\"row\">2 Jan 1970</th><td>US$2.00</td>",
        "value=\"&#60;x&#62;\"",
        "<p class=\"error\" id=\"e-a\">no &#38; no</p>",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}
