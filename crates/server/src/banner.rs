//! What a started server says on stdout: where to look and what is running. Nothing here is logged.

use std::fmt::Write as _;
use std::net::SocketAddr;

use domain::UnixMicros;
use market::MarketSource;

use crate::config::{Config, without_password};

/// The lines of a server that listens on `address`.
pub(crate) fn text(
    config: &Config,
    address: SocketAddr,
    source: &MarketSource,
    now: UnixMicros,
    lanes: u32,
) -> String {
    let redis = &config.redis.url;
    let redis = if redis.is_empty() { "none: this node stands alone" } else { redis.as_str() };
    let mut lines = vec![
        ("game", format!("http://{address}")),
        ("API", format!("http://{address}/docs")),
        ("market", format!("{}, now {}", source.describe(), source.market_day(now))),
        ("database", without_password(&config.database.url)),
    ];
    if config.sqlite_file().is_some() {
        lines.push(("data", config.data_dir.display().to_string()));
    }
    lines.push(("lanes", lanes.to_string()));
    lines.push(("redis", without_password(redis)));
    let mut text = format!("openbell {} is open\n", env!("CARGO_PKG_VERSION"));
    for (what, value) in lines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {what:<9} {value}");
    }
    // An empty line, for programs that read the banner: nothing follows.
    text.push('\n');
    text
}
