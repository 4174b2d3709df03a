//! The pages for people: where a visitor lands, the choice of larger text, and the page for an
//! address that leads nowhere. They need no script and no session. The game itself is played
//! through the API; its own front-end is not here.

use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use domain::PageRequest;
use sha2::{Digest, Sha256};
use utoipa_axum::router::OpenApiRouter;

use super::stocks::{Segment, percentage, two_places};
use crate::problem::Problem;
use crate::state::AppState;

/// The most stocks the page lists.
const STOCKS_MAX: i64 = 20;
const COOKIE: &str = "openbell_ui";
const STYLE: &str = include_str!("../../templates/openbell.css");

/// The style sheet's address; it changes with its content, so that it can be kept for ever.
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest: [u8; 32] = Sha256::digest(STYLE).into();
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/openbell-{name}.css")
});

pub(crate) fn router() -> OpenApiRouter<AppState> {
    // Pages are not operations of the API: the OpenAPI document does not list them.
    let pages = Router::new()
        .route("/", get(home))
        .route("/toggle-ui", get(toggle_mode))
        .route("/set-ui/{mode}", get(set_mode))
        .route(&STYLE_PATH, get(style));
    OpenApiRouter::from(pages)
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    stylesheet: &'static str,
    senior: bool,
    starting_cash: String,
    caution: Option<&'static str>,
    market_date: String,
    stocks: Vec<Row>,
    shown: i64,
    total: i64,
    base_url: String,
    example_symbol: String,
}

/// A stock on the page.
struct Row {
    symbol: String,
    name: String,
    category: String,
    price: String,
    change: String,
    falls: bool,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'a> {
    stylesheet: &'static str,
    senior: bool,
    request_id: &'a str,
}

/// How large the text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    Senior,
}

impl Mode {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "normal" => Some(Self::Normal),
            "senior" => Some(Self::Senior),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Senior => "senior",
        }
    }

    /// What the visitor chose before.
    fn of(headers: &HeaderMap) -> Self {
        let cookies =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        });
        pairs.next().and_then(Self::parse).unwrap_or(Self::Normal)
    }
}

async fn home(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let page = PageRequest::clamped(1, STOCKS_MAX, STOCKS_MAX);
    let (rows, total) = state.store.stocks_page(None, None, page).await?;
    let present = state.prices.snapshot();
    let stocks: Vec<Row> = rows
        .into_iter()
        .map(|row| {
            let position = state.prices.position(row.stock_id);
            let quote = position.and_then(|position| present.quotes.get(position));
            let change = quote.map_or(0, market::StockQuote::change);
            Row {
                symbol: row.symbol.to_string(),
                name: row.name,
                category: row.category,
                price: quote.map_or_else(String::new, |quote| two_places(quote.price)),
                change: format!("{}\u{202f}%", percentage(change)),
                falls: change < 0,
            }
        })
        .collect();
    let home = Home {
        stylesheet: &STYLE_PATH,
        senior: Mode::of(&headers) == Mode::Senior,
        starting_cash: state.rules.starting_cash.to_string(),
        caution: state.market.caution(),
        market_date: present.market_day.to_string(),
        shown: i64::try_from(stocks.len()).unwrap_or(STOCKS_MAX),
        total,
        base_url: base_url(&headers),
        example_symbol: stocks.first().map_or_else(|| "AAPL".to_owned(), |row| row.symbol.clone()),
        stocks,
    };
    page_answer(StatusCode::OK, &home)
}

/// The page for an address outside `/api` that leads nowhere.
pub(crate) fn not_found(headers: &HeaderMap, request_id: &str) -> Response {
    let senior = Mode::of(headers) == Mode::Senior;
    let page = NotFound { stylesheet: &STYLE_PATH, senior, request_id };
    page_answer(StatusCode::NOT_FOUND, &page).unwrap_or_else(Problem::into_response)
}

async fn toggle_mode(headers: HeaderMap) -> Response {
    match Mode::of(&headers) {
        Mode::Normal => back_home(Some(Mode::Senior)),
        Mode::Senior => back_home(Some(Mode::Normal)),
    }
}

async fn set_mode(Segment(mode): Segment) -> Response {
    back_home(Mode::parse(&mode))
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, STYLE).into_response()
}

/// Leads to the start page, and remembers the choice where there is one.
fn back_home(mode: Option<Mode>) -> Response {
    let mut response = (StatusCode::FOUND, [(header::LOCATION, "/")]).into_response();
    if let Some(mode) = mode {
        let mode = mode.as_str();
        let cookie = format!("{COOKIE}={mode}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

fn page_answer(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    let html = page.render().map_err(|_| Problem::internal())?;
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Cookie"));
    Ok(response)
}

/// Where the visitor reached this server, for the examples of the page.
fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let host = host.filter(|host| host.len() <= 253 && host.bytes().all(plain));
    format!("http://{}", host.unwrap_or("127.0.0.1:8080"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_read_from_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert!(Mode::of(&headers) == Mode::Normal);
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; openbell_ui=senior; c=d"));
        assert!(Mode::of(&headers) == Mode::Senior);
        headers.insert(header::COOKIE, HeaderValue::from_static("openbell_ui=<script>"));
        assert!(Mode::of(&headers) == Mode::Normal);
    }

    #[test]
    fn a_strange_host_is_not_repeated() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("play.example:8080"));
        assert_eq!(base_url(&headers), "http://play.example:8080");
        headers.insert(header::HOST, HeaderValue::from_static("a'; rm -rf ~; '"));
        assert_eq!(base_url(&headers), "http://127.0.0.1:8080");
    }
}
