//! The stored state of providers, on both engines.

use crate::support::*;

on_both_engines! {
    a_document_is_replaced_only_at_the_expected_version,
    concurrent_replacements_are_all_applied,
    all_documents_are_listed_by_name,
}

async fn a_document_is_replaced_only_at_the_expected_version(engine: &str) {
    let store = fresh(engine).await;
    let save = async |version, state| {
        store.save_provider_usage("finnhub", version, state, now()).await.expect("answers")
    };
    let find = async || store.find_provider_usage("finnhub").await.expect("answers");
    assert_eq!(find().await, None);
    assert!(save(0, "one").await);
    assert!(!save(0, "another one").await, "a version conflict");
    assert_eq!(find().await, Some((1, "one".to_owned())));
    assert!(save(1, "two").await);
    assert!(!save(1, "late").await && !save(3, "early").await);
    assert_eq!(find().await, Some((2, "two".to_owned())));
    assert_eq!(store.find_provider_usage("twelve_data").await.expect("answers"), None);
}

async fn concurrent_replacements_are_all_applied(engine: &str) {
    let store = fresh(engine).await;
    let counting = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let found = store.find_provider_usage("finnhub").await.expect("answers");
                let (version, state) = found.unwrap_or((0, "0".to_owned()));
                let next = (state.parse::<i64>().expect("a number") + 1).to_string();
                let saved = store.save_provider_usage("finnhub", version, &next, now()).await;
                if saved.expect("answers") {
                    return;
                }
            }
        })
    });
    for one in counting.collect::<Vec<_>>() {
        one.await.expect("it ran");
    }
    let found = store.find_provider_usage("finnhub").await.expect("answers");
    assert_eq!(found, Some((16, "16".to_owned())));
}

async fn all_documents_are_listed_by_name(engine: &str) {
    let store = fresh(engine).await;
    let list = async || store.provider_usages().await.expect("answers");
    assert_eq!(list().await, []);
    for (provider, version) in [("twelve_data", 0), ("finnhub", 0), ("twelve_data", 1)] {
        let saved = store.save_provider_usage(provider, version, provider, now()).await;
        assert!(saved.expect("answers"));
    }
    let row = |provider: &str, version| (provider.to_owned(), version, provider.to_owned());
    assert_eq!(list().await, [row("finnhub", 1), row("twelve_data", 2)]);
}
