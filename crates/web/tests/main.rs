//! The tests of web, in folders like those of `src`. One binary, because each one links the whole
//! program.

mod common;

mod api {
    mod auth;
    mod clock;
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
