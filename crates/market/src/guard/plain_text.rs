//! Removes markup and control characters from the texts of providers.

use crate::markup::{clean_text, without_controls};
use crate::provider::{CompanyProfile, SearchHit};

pub(super) fn plain_profile(profile: &CompanyProfile) -> CompanyProfile {
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

pub(super) fn plain_hits(hits: &[SearchHit]) -> Vec<SearchHit> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Symbol;

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
}
