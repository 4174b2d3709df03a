//! All providers in their order: the next one is asked when one refuses, one question at a time for
//! the same thing, and a price that jumps is doubted until somebody else tells it, too.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, Price, Symbol, UnixMicros};
use futures_util::FutureExt as _;
use moka::sync::Cache;
use store::Store;

use super::config::GuardConfig;
use super::doubt::Doubts;
use super::flight::Flights;
use super::guarded::{Guarded, ProviderStatus};
use super::units::StockUnits;
use crate::markup::{clean_text, without_controls};
use crate::provider::{
    Asked, CompanyProfile, DailyBar, History, ProviderKind, ProviderQuote, Question, QuoteProvider,
    Refusal, SearchHit,
};

/// Of how many questions it is remembered that a provider has no answer.
const UNKNOWN_MAX: u64 = 50_000;

/// An answer and who gave it.
type Told<T> = Result<(ProviderKind, T), Refusal>;

/// The providers of a live market. Shared between tasks behind an `Arc`.
pub struct Providers {
    inner: Arc<Inner>,
    quotes: Flights<Topic, Told<ProviderQuote>>,
    histories: Flights<Topic, Told<Arc<Vec<DailyBar>>>>,
    searches: Flights<Topic, Told<Arc<Vec<SearchHit>>>>,
    profiles: Flights<Topic, Told<Arc<CompanyProfile>>>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    Quote(Symbol),
    History(Symbol, Day, Day),
    Search(String),
    Profile(Symbol),
    /// All that can be asked of this kind.
    Any(Question),
}

impl Topic {
    fn question(&self) -> Question {
        match self {
            Self::Quote(_) => Question::Quote,
            Self::History(..) => Question::History,
            Self::Search(_) => Question::Search,
            Self::Profile(_) => Question::Profile,
            Self::Any(question) => *question,
        }
    }
}

struct Inner {
    guarded: Vec<Guarded>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// What a provider said it does not have, and until when it is believed.
    unknown: Cache<(ProviderKind, Topic), (Refusal, UnixMicros)>,
    not_found_ttl_s: u32,
    doubts: Doubts,
    units: StockUnits,
}

impl Providers {
    /// These providers in this order. Prices are converted into the game's currency.
    pub fn new(
        config: GuardConfig,
        providers: Vec<Arc<dyn QuoteProvider>>,
        units: StockUnits,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let config = Arc::new(config);
        let guarded = providers.into_iter().map(|provider| {
            Guarded::new(provider, Arc::clone(&config), store.clone(), Arc::clone(clock))
        });
        let inner = Inner {
            guarded: guarded.collect(),
            store: store.clone(),
            clock: Arc::clone(clock),
            unknown: Cache::new(UNKNOWN_MAX),
            not_found_ttl_s: config.not_found_ttl_s,
            doubts: Doubts::new(config.jump_percent_max),
            units,
        };
        Self {
            inner: Arc::new(inner),
            quotes: Flights::default(),
            histories: Flights::default(),
            searches: Flights::default(),
            profiles: Flights::default(),
        }
    }

    /// The providers in their order.
    pub fn kinds(&self) -> Vec<ProviderKind> {
        self.inner.guarded.iter().map(Guarded::kind).collect()
    }

    /// How each of them is.
    pub async fn statuses(&self) -> Vec<ProviderStatus> {
        let usages = self.inner.store.provider_usages().await;
        if let Err(error) = &usages {
            tracing::warn!(%error, "what is known of the providers cannot be read now");
        }
        let usages = usages.as_deref().ok();
        self.inner.guarded.iter().map(|guarded| guarded.status(usages)).collect()
    }

    /// The present price of a stock, and who told it. `last` is the last good price and when it was
    /// made; of those who ask at once, that of the first counts.
    ///
    /// The providers are asked in their order until one tells a price that is not older than `last`
    /// and not a jump. If all tell older ones, the newest of these that is no jump is given:
    /// whoever keeps prices has to keep the newer one. A price that differs from `last` by more
    /// than `jump_percent_max` is believed once a second provider is as near to it; where no other
    /// one tells a price, once the same one tells it again a minute later.
    ///
    /// # Errors
    /// `InDoubt`: a price jumped and no second source has confirmed it yet. Else what the refusals
    /// mean together, leaving aside who does not offer it: `NotFound` when nobody knows the stock;
    /// `RateLimited` that ends the soonest, when somebody was asked too often; else the first
    /// refusal in the configured order that is not `NotFound`. `Unsupported` when nobody offers it.
    pub async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> Told<ProviderQuote> {
        let (inner, asked) = (Arc::clone(&self.inner), symbol.clone());
        let ask = || async move { inner.quote(&asked, last).await }.boxed();
        let flight = self.quotes.join(Topic::Quote(symbol.clone()), ask);
        flight.await.unwrap_or(Err(Refusal::Transient))
    }

    /// The daily bars from `from` to `to`, ascending.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn history(&self, symbol: &Symbol, from: Day, to: Day) -> Told<Arc<Vec<DailyBar>>> {
        let topic = Topic::History(symbol.clone(), from, to);
        let (inner, asked, key) = (Arc::clone(&self.inner), symbol.clone(), topic.clone());
        let ask = || {
            let call = async move {
                let convert = |history: History| inner.units.bars(&asked, &history);
                inner.first(&topic, |one| one.history(&asked, from, to), convert).await
            };
            call.boxed()
        };
        self.histories.join(key, ask).await.unwrap_or(Err(Refusal::Transient))
    }

    /// Stocks that fit a text.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn search(&self, text: &str) -> Told<Arc<Vec<SearchHit>>> {
        let topic = Topic::Search(text.to_owned());
        let (inner, asked, key) = (Arc::clone(&self.inner), text.to_owned(), topic.clone());
        let ask = || {
            let call = async move {
                let convert = |hits: Vec<SearchHit>| Ok(plain_hits(&hits));
                inner.first(&topic, |one| one.search(&asked), convert).await
            };
            call.boxed()
        };
        self.searches.join(key, ask).await.unwrap_or(Err(Refusal::Transient))
    }

    /// What a company does.
    ///
    /// # Errors
    /// As for [`Self::quote`].
    pub async fn profile(&self, symbol: &Symbol) -> Told<Arc<CompanyProfile>> {
        let topic = Topic::Profile(symbol.clone());
        let (inner, asked, key) = (Arc::clone(&self.inner), symbol.clone(), topic.clone());
        let ask = || {
            let call = async move {
                let convert = |profile: CompanyProfile| Ok(plain_profile(&profile));
                inner.first(&topic, |one| one.profile(&asked), convert).await
            };
            call.boxed()
        };
        self.profiles.join(key, ask).await.unwrap_or(Err(Refusal::Transient))
    }
}

impl Inner {
    /// The converted answer of the first provider that has one.
    async fn first<'a, T, U>(
        &'a self,
        topic: &Topic,
        call: impl Fn(&'a dyn QuoteProvider) -> Asked<'a, T>,
        convert: impl Fn(T) -> Result<U, Refusal>,
    ) -> Told<Arc<U>> {
        let mut refusals = Vec::new();
        for guarded in &self.guarded {
            match self.ask(guarded, topic, || call(guarded.provider()), &convert).await {
                Ok(answer) => return Ok((guarded.kind(), Arc::new(answer))),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(most_useful(refusals))
    }

    /// Calls one provider, unless it is known to have no answer, and converts its answer.
    async fn ask<'a, T, U>(
        &self,
        guarded: &Guarded,
        topic: &Topic,
        call: impl FnOnce() -> Asked<'a, T>,
        convert: impl FnOnce(T) -> Result<U, Refusal>,
    ) -> Result<U, Refusal> {
        let kind = guarded.kind();
        for known in [topic.clone(), Topic::Any(topic.question())] {
            match self.unknown.get(&(kind, known)) {
                Some((refusal, until)) if self.clock.now() < until => return Err(refusal),
                _ => {}
            }
        }
        let answer = guarded.ask(topic.question(), call).await.and_then(convert);
        let unknown = match &answer {
            Err(Refusal::NotFound | Refusal::PlanRestricted { symbol_only: true }) => {
                Some(topic.clone())
            }
            Err(Refusal::Unsupported) => Some(Topic::Any(topic.question())),
            _ => None,
        };
        if let (Some(unknown), Err(refusal)) = (unknown, &answer) {
            let until = self.clock.now().plus_seconds(i64::from(self.not_found_ttl_s));
            self.unknown.insert((kind, unknown), (refusal.clone(), until));
        }
        answer
    }

    async fn quote(
        &self,
        symbol: &Symbol,
        last: Option<(Price, UnixMicros)>,
    ) -> Told<ProviderQuote> {
        let topic = Topic::Quote(symbol.clone());
        let mut refusals = Vec::new();
        let mut older: Option<(ProviderKind, ProviderQuote)> = None;
        let mut doubted: Vec<(ProviderKind, ProviderQuote)> = Vec::new();
        for guarded in &self.guarded {
            let call = || guarded.provider().quote(symbol);
            let convert = |quote| self.units.quote(quote);
            let told = match self.ask(guarded, &topic, call, convert).await {
                Ok(quote) => (guarded.kind(), quote),
                Err(refusal) => {
                    refusals.push(refusal);
                    continue;
                }
            };
            let is_near = last.is_none_or(|(price, _)| self.doubts.is_near(price, told.1.price));
            if last.is_some_and(|(_, as_of)| told.1.as_of < as_of) {
                // An old price that is far off is worth nobody's second opinion.
                if !is_near {
                    refusals.push(Refusal::Malformed);
                } else if older.as_ref().is_none_or(|known| known.1.as_of < told.1.as_of) {
                    older = Some(told);
                }
            } else if is_near {
                // What was made before a doubted price neither confirms nor withdraws it.
                if doubted.iter().any(|one| one.1.as_of > told.1.as_of) {
                    continue;
                }
                self.doubts.forget(symbol);
                return Ok(told);
            } else if let Some(at) = doubted.iter().position(|one| self.doubts.agree(one, &told)) {
                self.doubts.forget(symbol);
                let first = doubted.swap_remove(at);
                return Ok(if first.1.as_of > told.1.as_of { first } else { told });
            } else {
                doubted.push(told);
            }
        }
        let is_alone = doubted.len() == 1;
        let newest = doubted.iter().map(|one| one.1.as_of).max();
        match doubted.pop() {
            Some(told) if is_alone && self.doubts.is_confirmed(&told, self.clock.now()) => Ok(told),
            Some(told) => Err(Refusal::InDoubt { as_of: newest.unwrap_or(told.1.as_of) }),
            None => older.ok_or_else(|| most_useful(refusals)),
        }
    }
}

/// A profile without markup and control characters.
fn plain_profile(profile: &CompanyProfile) -> CompanyProfile {
    let plain = |text: &String| clean_text(text).text.into_owned();
    let maybe = |text: &Option<String>| text.as_ref().map(plain);
    CompanyProfile {
        symbol: profile.symbol.clone(),
        name: plain(&profile.name),
        description: maybe(&profile.description),
        exchange: maybe(&profile.exchange),
        currency: maybe(&profile.currency),
        country: maybe(&profile.country),
        sector: maybe(&profile.sector),
        industry: maybe(&profile.industry),
        website: profile.website.as_deref().map(|url| without_controls(url).into_owned()),
    }
}

fn plain_hits(hits: &[SearchHit]) -> Vec<SearchHit> {
    let plain = |text: &String| clean_text(text).text.into_owned();
    let hit = |hit: &SearchHit| SearchHit {
        symbol: without_controls(&hit.symbol).into_owned(),
        name: plain(&hit.name),
        kind: hit.kind.as_ref().map(plain),
        region: hit.region.as_ref().map(plain),
        exchange: hit.exchange.as_ref().map(plain),
        currency: hit.currency.as_ref().map(plain),
    };
    hits.iter().map(hit).collect()
}

/// What all refusals together mean.
fn most_useful(refusals: Vec<Refusal>) -> Refusal {
    let offered: Vec<Refusal> =
        refusals.into_iter().filter(|refusal| *refusal != Refusal::Unsupported).collect();
    let Some(first) = offered.first() else { return Refusal::Unsupported };
    if offered.iter().all(|refusal| *refusal == Refusal::NotFound) {
        return Refusal::NotFound;
    }
    let waits = |refusal: &&Refusal| match refusal {
        Refusal::RateLimited { retry_after, .. } => retry_after.unwrap_or(Duration::MAX),
        _ => Duration::MAX,
    };
    let limited = offered.iter().filter(|one| matches!(one, Refusal::RateLimited { .. }));
    let soonest = limited.min_by_key(waits);
    let other = offered.iter().find(|one| **one != Refusal::NotFound);
    soonest.or(other).unwrap_or(first).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Window;

    #[test]
    fn texts_of_providers_have_no_markup_no_control_characters_and_no_marks_of_direction() {
        let dirty = "<b>A</b>\0\u{202e}B\u{7}";
        let some = || Some(dirty.to_owned());
        let profile = plain_profile(&CompanyProfile {
            symbol: Symbol::parse("A").expect("a symbol"),
            name: dirty.to_owned(),
            description: some(),
            exchange: some(),
            currency: some(),
            country: some(),
            sector: some(),
            industry: some(),
            website: Some("https://a.example/?b=1&c\u{200f}=2".to_owned()),
        });
        let CompanyProfile { description, exchange, currency, country, sector, industry, .. } =
            &profile;
        for text in [description, exchange, currency, country, sector, industry] {
            assert_eq!(text.as_deref(), Some("A B"));
        }
        assert_eq!(profile.name, "A B");
        assert_eq!(profile.website.as_deref(), Some("https://a.example/?b=1&c=2"));
        let hits = plain_hits(&[SearchHit {
            symbol: "A\u{2066}B".to_owned(),
            name: dirty.to_owned(),
            kind: some(),
            region: some(),
            exchange: some(),
            currency: some(),
        }]);
        let SearchHit { symbol, name, kind, region, exchange, currency } = &hits[0];
        assert_eq!((symbol.as_str(), name.as_str()), ("AB", "A B"));
        for text in [kind, region, exchange, currency] {
            assert_eq!(text.as_deref(), Some("A B"));
        }
    }

    #[test]
    fn the_refusal_that_ends_first_is_told() {
        let limited = |seconds| Refusal::RateLimited {
            window: Window::Day,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        for (refusals, expected) in [
            (vec![], Refusal::Unsupported),
            (vec![Refusal::Unsupported, Refusal::NotFound], Refusal::NotFound),
            (vec![Refusal::NotFound, Refusal::BreakerOpen], Refusal::BreakerOpen),
            (vec![Refusal::Transient, limited(9), limited(4)], limited(4)),
        ] {
            assert_eq!(most_useful(refusals), expected);
        }
    }
}
