//! The messages of the pages: a Fluent catalog in English, chiShona and isiNdebele, with English
//! as the fallback. Every message can select by the mode (`$mode`).

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use super::format;
use super::preferences::{Lang, Mode};

type Bundle = FluentBundle<FluentResource>;

macro_rules! catalog {
    ($language:literal) => {
        catalog!($language: "common", "errors", "auth", "market", "stock", "order", "home",
            "portfolio", "history", "achievements", "ranks", "settings", "ops", "about", "recover",
            "people")
    };
    ($language:literal: $($file:literal),*) => {
        [$(include_str!(concat!("../../words/", $language, "/", $file, ".ftl"))),*]
    };
}

/// The files of a language; a key begins with the name of its file.
const FILES: usize = 16;
static ENGLISH: [&str; FILES] = catalog!("en");
static SHONA: [&str; FILES] = catalog!("sn");
static NDEBELE: [&str; FILES] = catalog!("nd");

static BUNDLES: LazyLock<[Bundle; 3]> = LazyLock::new(|| Lang::ALL.map(bundle));

fn files(lang: Lang) -> &'static [&'static str; FILES] {
    match lang {
        Lang::En => &ENGLISH,
        Lang::Sn => &SHONA,
        Lang::Nd => &NDEBELE,
    }
}

fn bundle(lang: Lang) -> Bundle {
    let tag = lang.as_str().parse::<LanguageIdentifier>().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    // Isolation marks are needed only for mixed writing directions.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(number) => Some(format::grouped(&number.as_string())),
        _ => None,
    }));
    for text in files(lang) {
        // Malformed entries are left out; tests of the catalog find them.
        let resource = FluentResource::try_new((*text).to_owned());
        let resource = resource.unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// A value of a variable in a message.
pub(crate) trait Argument {
    fn value(&self) -> FluentValue<'_>;
}

impl Argument for str {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(self)
    }
}

impl Argument for String {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(self.as_str())
    }
}

impl Argument for i64 {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(*self)
    }
}

impl Argument for usize {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(*self)
    }
}

impl<A: Argument + ?Sized> Argument for &A {
    fn value(&self) -> FluentValue<'_> {
        (**self).value()
    }
}

/// A message in a language and a mode; the key itself if it has no message.
pub(crate) fn message(
    lang: Lang,
    mode: Mode,
    key: &str,
    arguments: &[(&str, &dyn Argument)],
) -> String {
    let mut args = FluentArgs::with_capacity(arguments.len() + 1);
    args.set("mode", mode.as_str());
    for (name, argument) in arguments {
        args.set(*name, argument.value());
    }
    let text = [lang, Lang::En].into_iter().find_map(|lang| {
        let bundle = &BUNDLES[lang.index()];
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let formatted = bundle.format_pattern(pattern, Some(&args), &mut errors);
        errors.is_empty().then(|| Cow::into_owned(formatted))
    });
    text.unwrap_or_else(|| {
        // Fails tests that start a server, but not the unit test of this branch.
        let is_tested_server = cfg!(all(debug_assertions, not(test)));
        assert!(!is_tested_server, "message {key}");
        tracing::error!(key, ?lang, "a message is missing or lacks a value");
        key.to_owned()
    })
}

#[cfg(test)]
mod tests;
