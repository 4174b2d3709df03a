//! The context of every template: the reader's preferences, the signed-in player, the current tab,
//! messages and formats.

use std::fmt;

use axum::http::HeaderValue;
use domain::{Currency, MinorUnit, Money, Ratio};
use market::TradingHours;
use store::{Role, UnseenReward};

use super::format::{self, DisplayFormat};
use super::market_state::market_state;
use super::preferences::{DisplayPreferences, Lang, Mode, TextSize, Theme};
use super::value_part::ValuePart;
use super::visitor::{RequestedPage, Visitor};
use super::words::{self, Argument};
use super::{csrf, url};
use crate::pages::assets;
use crate::state::AppState;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    None,
    Home,
    Market,
    Portfolio,
    Ranks,
    Achievements,
}

impl Tab {
    pub(crate) const ALL: [Self; 5] =
        [Self::Home, Self::Market, Self::Portfolio, Self::Ranks, Self::Achievements];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::None => "/",
            Self::Home => "/home",
            Self::Market => "/market",
            Self::Portfolio => "/portfolio",
            Self::Ranks => "/ranks",
            Self::Achievements => "/achievements",
        }
    }

    /// The message key of the label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Home => "common-home",
            Self::Market => "common-market",
            Self::Portfolio => "common-portfolio",
            Self::Ranks => "common-ranks",
            Self::Achievements => "common-achievements",
        }
    }

    pub(crate) fn icon(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Home => "home",
            Self::Market => "market",
            Self::Portfolio => "portfolio",
            Self::Ranks => "ranks",
            Self::Achievements => "achievements",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct HeaderPlayer {
    pub(crate) name: String,
    pub(crate) level: i64,
    pub(crate) cash: Money,
    pub(crate) is_operator: bool,
}

/// The pages of a list.
pub(crate) struct Pager {
    /// The URL of the list with its filters, which ends with `?` or `&`.
    pub(crate) base: String,
    /// From 1.
    pub(crate) page: i64,
    /// At least 1.
    pub(crate) last: i64,
}

pub(crate) struct View {
    pub(crate) mode: Mode,
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    pub(crate) text_size: TextSize,
    pub(crate) saver: bool,
    pub(crate) signed_in: Option<HeaderPlayer>,
    /// Whether the browser sent a session cookie. Error pages do not check whether it is valid.
    pub(crate) has_session: bool,
    pub(crate) csrf: String,
    pub(crate) nav: Tab,
    pub(crate) title: String,
    /// Path and query of this page, without `lang`.
    pub(crate) here: String,
    /// Whether only the element `main` is rendered, for htmx.
    pub(crate) fragment: bool,
    /// Whether the page is updated by `/live`.
    pub(crate) live: bool,
    /// Symbols whose prices are updated.
    pub(crate) symbols: Vec<String>,
    /// Symbols of holdings whose rows are updated.
    pub(crate) held_symbols: Vec<String>,
    /// The parts of the portfolio's value that are updated.
    pub(crate) value_parts: Vec<ValuePart>,
    /// Whether bid and ask of `symbols` are updated.
    pub(crate) shows_sides: bool,
    /// The text on the closed exchange or the paused market; `None` while it is open.
    pub(crate) closed: Option<String>,
    /// The market's day, and whether the market is paused; `None` on pages without a market.
    pub(crate) market_state: Option<String>,
    /// Rewards that were not shown yet.
    pub(crate) rewards: Vec<UnseenReward>,
    /// The player of `rewards`.
    pub(super) player_id: i64,
    pub(crate) fmt: DisplayFormat,
    pub(super) cookies: Vec<HeaderValue>,
    /// A cookie that is set if the page has a form.
    pub(super) visitor_cookie: Option<HeaderValue>,
}

impl View {
    /// `title` is a message key.
    pub(crate) fn new(state: &AppState, visitor: &Visitor, nav: Tab, title: &str) -> Self {
        let signed_in = visitor.player.as_ref().map(|signed_in| HeaderPlayer {
            name: signed_in.viewer.name.clone(),
            level: state.rules().levels.progress(signed_in.viewer.total_xp).level,
            cash: signed_in.viewer.cash,
            is_operator: signed_in.viewer.role == Role::Operator,
        });
        let preferences = &visitor.preferences;
        let rules = state.rules();
        let currency = (rules.currency, rules.minor_unit);
        let mut view = Self::bare(preferences, &visitor.requested, currency, title);
        view.nav = nav;
        let present = state.prices.snapshot();
        view.closed = view.closed_text(present.hours);
        view.market_state = Some(market_state(&view.fmt, &present));
        view.has_session = signed_in.is_some();
        view.signed_in = signed_in;
        if let Some(signed_in) = &visitor.player {
            view.rewards.clone_from(&signed_in.rewards);
            view.player_id = signed_in.player.player_id;
        }
        view.csrf = csrf::token(&visitor.secret, &*visitor.entropy);
        if visitor.requested.lang.is_some() {
            view.cookies.push(visitor.jar.set_preferences(&preferences.to_cookie()));
        }
        view.visitor_cookie = visitor.is_new.then(|| visitor.jar.set_visitor(&visitor.secret));
        view
    }

    /// A view without a player: for error pages and for the offline page.
    pub(crate) fn bare(
        preferences: &DisplayPreferences,
        requested: &RequestedPage,
        (currency, unit): (Currency, MinorUnit),
        title: &str,
    ) -> Self {
        let DisplayPreferences { mode, lang, theme, text_size, ref zone, .. } = *preferences;
        Self {
            mode,
            lang,
            theme,
            text_size,
            saver: preferences.saves_data(),
            signed_in: None,
            has_session: false,
            csrf: String::new(),
            nav: Tab::None,
            title: words::message(lang, mode, title, &[]),
            here: requested.here.clone(),
            fragment: requested.fragment,
            live: false,
            symbols: Vec::new(),
            held_symbols: Vec::new(),
            value_parts: Vec::new(),
            shows_sides: false,
            closed: None,
            market_state: None,
            rewards: Vec::new(),
            player_id: 0,
            fmt: DisplayFormat { lang, mode, zone: zone.clone(), currency, unit },
            cookies: Vec::new(),
            visitor_cookie: None,
        }
    }

    fn closed_text(&self, hours: TradingHours) -> Option<String> {
        match hours {
            TradingHours::Open => None,
            TradingHours::Closed { opens_at: None } => Some(self.t("market-closed")),
            TradingHours::Closed { opens_at: Some(at) } => {
                Some(self.tn("market-closed-until", "when", self.fmt.moment(at)))
            }
            TradingHours::Paused { resumes_at: None } => Some(self.t("market-paused")),
            TradingHours::Paused { resumes_at: Some(at) } => {
                Some(self.tn("market-paused-until", "when", self.fmt.moment(at)))
            }
        }
    }

    /// A message.
    pub(crate) fn t(&self, key: &str) -> String {
        words::message(self.lang, self.mode, key, &[])
    }

    /// A message with a value.
    pub(crate) fn tn(&self, key: &str, name: &str, value: impl Argument) -> String {
        words::message(self.lang, self.mode, key, &[(name, &value)])
    }

    /// A message with two values.
    pub(crate) fn t2(
        &self,
        key: &str,
        name_1: &str,
        value_1: impl Argument,
        name_2: &str,
        value_2: impl Argument,
    ) -> String {
        words::message(self.lang, self.mode, key, &[(name_1, &value_1), (name_2, &value_2)])
    }

    /// A message with any values, from code.
    pub(crate) fn ta(&self, key: &str, arguments: &[(&str, &dyn Argument)]) -> String {
        words::message(self.lang, self.mode, key, arguments)
    }

    /// The URL of a static file.
    #[expect(clippy::unused_self, reason = "templates reach functions through the view only")]
    pub(crate) fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    /// The URL of the page's event stream; `None` for a page without one.
    pub(crate) fn stream_url(&self) -> Option<String> {
        let is_live = self.live && !self.saver && self.signed_in.is_some();
        is_live.then(|| {
            let list = |symbols: &[String]| {
                symbols.iter().map(|symbol| url::encode(symbol)).collect::<Vec<_>>().join(",")
            };
            let mut url = format!("/live?s={}", list(&self.symbols));
            if !self.held_symbols.is_empty() {
                url.push_str(&format!("&h={}", list(&self.held_symbols)));
            }
            if !self.value_parts.is_empty() {
                let parts: Vec<_> = self.value_parts.iter().map(|part| part.as_str()).collect();
                url.push_str(&format!("&v={}", parts.join(",")));
            }
            if self.shows_sides {
                url.push_str("&q=1");
            }
            url
        })
    }

    /// A text, such as a symbol, as a segment of a path or a value in a query.
    #[expect(clippy::unused_self, reason = "templates reach functions through the view only")]
    pub(crate) fn encode(&self, text: impl fmt::Display) -> String {
        url::encode(&text.to_string())
    }

    /// The CSS class of a number: `up`, `down` or `flat`.
    #[expect(clippy::unused_self, reason = "templates reach functions through the view only")]
    pub(crate) fn direction(&self, number: impl format::Plain<i64>) -> &'static str {
        format::direction(number.plain())
    }

    /// The CSS class of a percentage by its displayed digits.
    pub(crate) fn direction_of(&self, ratio: impl format::Plain<Ratio>) -> &'static str {
        format::direction(self.fmt.shown_percent(ratio.plain()))
    }

    pub(crate) fn is_kid(&self) -> bool {
        self.mode == Mode::Kid
    }

    pub(crate) fn is_easy(&self) -> bool {
        self.mode == Mode::Easy
    }

    /// The URL of this page in another language.
    pub(crate) fn in_language(&self, lang: &Lang) -> String {
        let mark = if self.here.contains('?') { '&' } else { '?' };
        format!("{}{mark}lang={}", self.here, lang.as_str())
    }
}

#[cfg(test)]
mod tests;
