//! What a started server prints on stdout: where to look and what is running. Where logs are JSON
//! it is a log event instead, since collectors may read both streams as one.

use std::fmt::Write as _;
use std::net::SocketAddr;

use domain::UnixMicros;
use market::MarketSource;

use crate::boot::addresses;
use crate::boot::config::{Config, LogFormat, without_password};
use crate::term;

/// Announces a server that listens on `address`.
pub(crate) fn announce(
    config: &Config,
    address: SocketAddr,
    source: &MarketSource,
    now: UnixMicros,
    lanes: u32,
) {
    let redis = &config.redis.url;
    let redis = if redis.is_empty() { "none: this node stands alone" } else { redis.as_str() };
    let (urls, redis) = (addresses::urls(address), without_password(redis));
    let market = format!("{}, now {}", source.describe(), source.market_day(now));
    let database = without_password(&config.database.url);
    if config.log.format == LogFormat::Json {
        let (version, urls) = (env!("CARGO_PKG_VERSION"), urls.join(" "));
        tracing::info!(version, urls, market, database, lanes, redis, "openbell is open");
        return;
    }
    let mut lines: Vec<(&str, String)> = urls.iter().map(|url| ("game", url.clone())).collect();
    if let Some(url) = urls.first() {
        lines.push(("API", format!("{url}/docs")));
    }
    lines.extend([("market", market), ("database", database)]);
    if source.facts().is_some() {
        let chance = source.commitment().map_or_else(
            || "a number of the configuration: prices can be computed in advance".to_owned(),
            |commitment| format!("secret until the end, committed to {commitment}"),
        );
        lines.push(("seed", chance));
    }
    if config.sqlite_file().is_some() {
        lines.push(("data", config.data_dir.display().to_string()));
    }
    lines.extend([("lanes", lanes.to_string()), ("redis", redis)]);
    let mut text = format!("openbell {} is open\n", env!("CARGO_PKG_VERSION"));
    for (what, value) in lines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {what:<9} {value}");
    }
    // An empty line, for programs that read the banner: nothing follows.
    text.push('\n');
    term::say(&text);
}
