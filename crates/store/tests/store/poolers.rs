//! Connection poolers drop the settings of a session and are refused by name.

use store::{DatabaseConfig, Store, StoreError};
use testkit::{PgBouncer, PoolMode};

#[tokio::test]
async fn pgbouncer_is_refused_by_name_in_every_mode() {
    let direct = testkit::postgres_database();
    for mode in [PoolMode::Transaction, PoolMode::Session] {
        // By default it rejects startup options; with the setting it drops them silently.
        for more in ["", "ignore_startup_parameters = extra_float_digits, options"] {
            let pooler = PgBouncer::start(&direct, mode, more);
            let url = pooler.url_through(&direct);
            let config = DatabaseConfig { url, ..DatabaseConfig::default() };
            let refused = Store::open(&config).await.map(|_| ()).expect_err("refused");
            assert!(matches!(refused, StoreError::Unsuitable(_)), "{mode:?} {more:?}: {refused:?}");
            assert_eq!(
                refused.to_string(),
                "the database address leads to a connection pooler, such as PgBouncer in \
                 transaction or session mode, which is not supported: it drops the settings of a \
                 session; enter the address of PostgreSQL itself, whose connections this program \
                 pools (database.connections_max)",
                "{mode:?} {more:?}"
            );
        }
    }
    let config = DatabaseConfig { url: direct, ..DatabaseConfig::default() };
    Store::open(&config).await.expect("the address of PostgreSQL itself is accepted");
}
