//! Checks whether the Redis that the nodes share responds.

use cluster::Redis;

use super::finding::DoctorFinding;
use crate::boot::config::{RedisConfig, without_password};
use crate::term;

const AREA: &str = "redis";

pub(super) async fn check(config: &RedisConfig) -> DoctorFinding {
    if config.url.is_empty() {
        return DoctorFinding::ok(AREA, "no Redis is configured: each node counts limits alone");
    }
    let shown = without_password(&config.url);
    let ca_file = config.ca_file.as_path();
    let ca_file = (!ca_file.as_os_str().is_empty()).then_some(ca_file);
    let redis = match Redis::open(&config.url, ca_file) {
        Ok(redis) => redis,
        Err(error) => {
            let what = format!("cannot use the Redis {shown}: {}", term::error_chain(&error));
            return DoctorFinding::error(AREA, what, "correct redis.url and redis.ca_file");
        }
    };
    redis.first_attempt().await;
    if redis.is_up() {
        return DoctorFinding::ok(AREA, format!("{shown} responds"));
    }
    let what = format!("{shown} does not accept a connection");
    let remedy = "check redis.url, its password, and that it runs; meanwhile nodes count limits \
                  alone and read changes of other nodes from the database";
    DoctorFinding::error(AREA, what, remedy)
}
