//! The tests of web, in folders like those of `src`. One binary, because each one links the whole
//! program.

/// The tests of a file, each on SQLite and PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name("sqlite").await })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name("postgres").await })*
        }
    };
}

mod common;

mod api {
    mod auth;
    mod awards;
    mod clock;
    mod currency;
    mod document;
    mod export;
    mod external;
    mod market;
    mod orders;
    mod participation;
    mod pending_orders;
    mod platform;
    mod portfolio;
    mod rule_limits;
    mod rules;
    mod stocks;
    mod transactions;
}

mod http {
    mod edge;
    mod limits;
    mod logs;
    mod serve;
}

mod pages {
    mod auth;
    mod base;
    mod live;
    mod market;
    mod ops;
    mod own;
    mod settings;
}

mod stream {
    mod events;
}
