//! The HTTP side: the JSON API under `/api`, the pages for people, and the server that carries
//! them. It reads requests and tells answers; what an order does is decided in `domain`, when it
//! is written in `trading`, and every SQL statement stands in `store`.

mod account;
mod address;
mod assets;
mod boards;
mod body;
mod config;
mod context;
mod csv;
mod door;
mod etag;
mod events;
mod export;
mod input;
mod limits;
mod names;
mod numbers;
mod openapi;
mod pages;
mod password;
mod problem;
mod profanity;
mod query;
mod reads;
mod recovery;
mod routes;
mod serve;
mod session;
mod state;
mod token;

pub use axum::Router;

pub use self::address::{NetworkError, Networks};
pub use self::config::{AuthConfig, HttpConfig, Limit, LimitsConfig, NamesConfig, WebConfig};
pub use self::events::Hub;
pub use self::names::tidy_name;
pub use self::password::{HashError, Hasher};
pub use self::reads::CLOSES_TAG;
pub use self::recovery::{LINK_LIFE_HOURS, LINK_PATH, make_link, refuse_password};
pub use self::routes::router;
pub use self::serve::serve;
pub use self::state::{AppState, Parts};
pub use self::token::new as new_token;
