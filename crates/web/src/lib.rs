//! The HTTP server: the JSON API under `/api` and the pages. `domain` decides what an order does,
//! `trading` commits it, and `store` holds every SQL statement.

mod api;
mod auth;
mod config;
mod game;
mod http;
mod metric_families;
mod openapi;
mod pages;
mod problem;
mod router;
mod state;
mod stream;

pub use axum::Router;

pub use self::api::CLOCK_SKEW_MAX_S;
pub use self::auth::bcrypt_hashes::bcrypt_cost;
pub use self::auth::names::{tidy_email, tidy_name};
pub use self::auth::passwords::{HashError, Hasher};
pub use self::auth::recovery::{LINK_LIFE_HOURS, LINK_PATH, make_link, refuse_password};
pub use self::auth::security_events::{SecurityEvent, SecurityEventKind};
pub use self::auth::tokens::new as new_token;
pub use self::config::{AuthConfig, HttpConfig, Limit, LimitsConfig, NamesConfig, WebConfig};
pub use self::game::reads::CLOSES_TAG;
pub use self::game::rules::RULES_TAG;
pub use self::http::client_address::{NetworkError, Networks};
pub use self::http::request_trace::StartTrace;
pub use self::http::serve::serve;
pub use self::http::shutdown::Shutdown;
pub use self::metric_families::METRIC_FAMILIES;
pub use self::router::router;
pub use self::state::{AppDeps, AppState};
pub use self::stream::Hub;
