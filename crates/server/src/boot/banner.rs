//! The banner of a started server on stdout: its URLs and what it runs on. With JSON logs it is a
//! log event instead, because collectors may read both streams as one.

use std::fmt::Write as _;
use std::net::SocketAddr;

use domain::UnixMicros;
use market::MarketSource;

use super::addresses;
use super::config::{Config, without_password};
use super::telemetry::LogFormat;
use crate::term;

pub(crate) fn announce(
    config: &Config,
    address: SocketAddr,
    source: &MarketSource,
    now: UnixMicros,
    lanes: u32,
) {
    let redis = &config.redis.url;
    let alone = || "none: this node stands alone".to_owned();
    let redis = if redis.is_empty() { alone() } else { without_password(redis) };
    let urls = addresses::urls(address);
    let market = format!("{}, now {}", source.describe(now), source.market_day(now));
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
        let seed = source.commitment().map_or_else(
            || "a number of the configuration: prices can be computed in advance".to_owned(),
            |commitment| format!("secret until the end, committed to {commitment}"),
        );
        lines.push(("seed", seed));
    }
    if config.sqlite_file().is_some() {
        lines.push(("data", config.data_dir.display().to_string()));
    }
    lines.extend([("lanes", lanes.to_string()), ("redis", redis)]);
    let mut text = format!("openbell {} is open\n", env!("CARGO_PKG_VERSION"));
    for (label, value) in lines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {label:<9} {value}");
    }
    // An empty line ends the banner, for programs that read it.
    text.push('\n');
    term::print(&text);
}
