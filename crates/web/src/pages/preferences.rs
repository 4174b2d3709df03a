//! Display preferences: mode, language, theme, text size, data saver and time zone, from a cookie
//! and the browser's headers. Stored preferences of a player take precedence; `visitor` merges
//! them.

use axum::http::{HeaderMap, header};
use jiff::tz::TimeZone;

use super::choices::choices;
use super::url;
use crate::http::cookies::{self, PREFERENCES};
use crate::http::query::Query;

/// The default time zone.
pub(crate) const ZONE: &str = "Africa/Harare";
const ZONE_LENGTH_MAX: usize = 64;

choices! {
    /// The audience of the pages.
    #[derive(Default)]
    Mode {
        /// For children: friendly texts, one idea at a time.
        Kid = "kid",
        /// All features.
        #[default]
        Standard = "standard",
        /// Large and plain, one step per screen.
        Easy = "easy",
    }
}

choices! {
    #[derive(Default)]
    Theme {
        /// The device's preference.
        #[default]
        Auto = "auto",
        Light = "light",
        Dark = "dark",
    }
}

choices! {
    /// The size of text relative to the browser's setting.
    #[derive(Default)]
    TextSize {
        #[default]
        Normal = "normal",
        Large = "large",
        Larger = "larger",
    }
}

choices! {
    /// Whether pages load no optional data.
    #[derive(Default)]
    Saver {
        /// The header `Save-Data`.
        #[default]
        Auto = "auto",
        On = "on",
        Off = "off",
    }
}

choices! {
    /// The words are BCP 47 tags.
    #[derive(Default)]
    Lang {
        #[default]
        En = "en",
        Sn = "sn",
        Nd = "nd",
    }
}

impl Mode {
    /// A mode by its name, here or in the original game.
    pub(crate) fn parse_any(word: &str) -> Option<Self> {
        match word {
            "normal" => Some(Self::Kid),
            "senior" => Some(Self::Easy),
            _ => Self::parse(word),
        }
    }
}

impl Lang {
    /// The name in the language itself.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Sn => "chiShona",
            Self::Nd => "isiNdebele",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DisplayPreferences {
    pub(crate) mode: Mode,
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    pub(crate) text_size: TextSize,
    pub(crate) saver: Saver,
    /// The header `Save-Data`.
    pub(crate) browser_saves: bool,
    pub(crate) zone: TimeZone,
}

impl DisplayPreferences {
    /// The preferences of the cookie, or else of the headers.
    pub(crate) fn of(headers: &HeaderMap, query: &Query) -> Self {
        let chosen = Query::parse(cookies::find(headers, PREFERENCES).unwrap_or_default());
        let find = |name: &str| chosen.find(name);
        // The cookie of the original game has the mode alone.
        let old = ["senior", "normal"].into_iter().find(|word| find(word).is_some());
        let lang = query.find("lang").and_then(Lang::parse);
        let lang = lang.or_else(|| find("lang").and_then(Lang::parse));
        Self {
            mode: find("mode").or(old).and_then(Mode::parse_any).unwrap_or_default(),
            lang: lang.unwrap_or_else(|| preferred_language(headers)),
            theme: find("theme").and_then(Theme::parse).unwrap_or_default(),
            text_size: find("text").and_then(TextSize::parse).unwrap_or_default(),
            saver: find("saver").and_then(Saver::parse).unwrap_or_default(),
            browser_saves: headers.get("save-data").is_some_and(|value| value == "on"),
            zone: find("zone").and_then(zone).unwrap_or_else(default_zone),
        }
    }

    /// These preferences, except where the player has stored others.
    #[must_use]
    pub(crate) fn or_stored(self, stored: &store::Preferences) -> Self {
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        let stored_zone = stored.time_zone.as_deref().and_then(zone);
        Self {
            mode: Mode::parse(&word(&stored.mode)).unwrap_or(self.mode),
            lang: Lang::parse(&word(&stored.language)).unwrap_or(self.lang),
            theme: Theme::parse(&word(&stored.theme)).unwrap_or(self.theme),
            text_size: TextSize::parse(&word(&stored.text_size)).unwrap_or(self.text_size),
            saver: match stored.data_saver {
                Some(true) => Saver::On,
                Some(false) => Saver::Off,
                None => Saver::Auto,
            },
            browser_saves: self.browser_saves,
            zone: stored_zone.unwrap_or(self.zone),
        }
    }

    /// As a player's stored preferences.
    pub(crate) fn to_stored(&self) -> store::Preferences {
        let word = |word: &str| Some(word.to_owned());
        store::Preferences {
            mode: word(self.mode.as_str()),
            language: word(self.lang.as_str()),
            theme: word(self.theme.as_str()),
            text_size: word(self.text_size.as_str()),
            data_saver: match self.saver {
                Saver::Auto => None,
                chosen => Some(chosen == Saver::On),
            },
            hide_amounts: false,
            time_zone: self.zone.iana_name().map(str::to_owned),
        }
    }

    pub(crate) fn saves_data(&self) -> bool {
        match self.saver {
            Saver::Auto => self.browser_saves,
            chosen => chosen == Saver::On,
        }
    }

    /// The value of the cookie.
    pub(crate) fn to_cookie(&self) -> String {
        let Self { mode, lang, theme, text_size, saver, zone, .. } = self;
        format!(
            "mode={}&lang={}&theme={}&text={}&saver={}&zone={}",
            mode.as_str(),
            lang.as_str(),
            theme.as_str(),
            text_size.as_str(),
            saver.as_str(),
            // The `+` of `Etc/GMT+5` would be read as a space.
            url::encode(zone.iana_name().unwrap_or(ZONE)),
        )
    }
}

/// A time zone by its IANA name.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
    let sound = name.len() <= ZONE_LENGTH_MAX && name.bytes().all(plain);
    sound.then(|| TimeZone::get(name).ok()).flatten()
}

fn default_zone() -> TimeZone {
    zone(ZONE).unwrap_or(TimeZone::UTC)
}

/// The supported language with the largest weight in `Accept-Language`.
fn preferred_language(headers: &HeaderMap) -> Lang {
    let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let mut weighted: Vec<(u32, Lang)> = text
        .unwrap_or_default()
        .split(',')
        .filter_map(|item| {
            let (tag, weight) = item.split_once(";q=").unwrap_or((item, "1"));
            let lang = Lang::parse(&tag.trim().get(..2)?.to_ascii_lowercase())?;
            let weight = thousandths(weight.trim())?;
            (weight > 0).then_some((weight, lang))
        })
        .collect();
    // The sort is stable.
    weighted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    weighted.first().map_or(Lang::En, |(_, lang)| *lang)
}

/// A weight of 0 to 1 with up to three places, in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.parse::<u32>().ok().filter(|whole| *whole <= 1)?;
    let places = format!("{places:0<3}").get(..3)?.parse::<u32>().ok()?;
    Some(whole * 1000 + places)
}

#[cfg(test)]
mod tests;
