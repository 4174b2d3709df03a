//! Single server, Sentinels, Cluster and TLS, by URL.

use std::path::Path;

use cluster::{ClusterError, Counters, Quota, Redis};
use domain::Clock as _;
use testkit::{ManualClock, WatchedRedis};

use crate::{connect, until};

const QUOTA: Quota = Quota { burst: 5, per_s: 60 };

/// Two nodes share one quota. Attempts with an outage, which a busy machine also causes by replies
/// that take longer than 50 ms, are repeated.
async fn share_one_quota(one: &Redis, other: &Redis, name: &str) {
    let nodes = [one, other].map(|redis| Counters::over(redis.clone()));
    let now = ManualClock::new().now();
    for attempt in 0..100 {
        until("connections", || one.is_up() && other.is_up()).await;
        let outages = (one.outages(), other.outages());
        let (key, mut granted) = (format!("{name}-{attempt}"), 0);
        for _ in 0..10 {
            for node in &nodes {
                granted += u32::from(node.take("test", &key, QUOTA, now).await.allowed);
            }
        }
        if outages == (one.outages(), other.outages()) {
            return assert_eq!(granted, 5);
        }
    }
    panic!("no attempt without an outage");
}

async fn nodes_share_one_quota(url: &str, ca_file: Option<&Path>) {
    let node = || Redis::open(url, ca_file).expect("a valid url");
    share_one_quota(&node(), &node(), "shared").await;
}

#[tokio::test]
async fn a_single_redis_is_shared() {
    nodes_share_one_quota(&testkit::RedisServer::start().url(), None).await;
}

#[tokio::test]
async fn a_password_is_sent_and_a_wrong_one_is_rejected() {
    let server = testkit::RedisServer::start_with_password("se cret");
    let at = |user: &str| server.url().replace("//", &format!("//{user}@"));
    nodes_share_one_quota(&at(":se%20cret"), None).await;
    let refused = Redis::open(&at(":wrong"), None).unwrap();
    refused.first_attempt().await;
    assert!(!refused.is_up());
}

#[tokio::test]
async fn a_redis_behind_tls_is_shared_by_nodes_that_trust_its_authority() {
    let server = testkit::RedisServer::start_tls();
    nodes_share_one_quota(&server.url(), Some(&server.ca_file())).await;
    let distrustful = Redis::open(&server.url(), None).unwrap();
    distrustful.first_attempt().await;
    assert!(!distrustful.is_up(), "a certificate of an unknown authority was accepted");
    let plain = Redis::open(&server.url().replace("rediss", "redis"), None).unwrap();
    plain.first_attempt().await;
    assert!(!plain.is_up());
}

#[tokio::test]
async fn a_cluster_is_shared() {
    nodes_share_one_quota(&testkit::RedisServer::start_cluster().url(), None).await;
}

#[tokio::test]
async fn a_cluster_behind_tls_is_shared() {
    let server = testkit::RedisServer::start_tls_cluster();
    nodes_share_one_quota(&server.url(), Some(&server.ca_file())).await;
}

#[tokio::test]
async fn a_restarted_cluster_is_reconnected() {
    let mut server = testkit::RedisServer::start_cluster();
    let redis = connect(&server.url()).await;
    server.kill();
    until("an outage", || redis.outages() >= 1 && !redis.is_up()).await;
    server.restart();
    until("a connection", || redis.is_up()).await;
    share_one_quota(&redis, &redis, "shared").await;
}

#[tokio::test]
async fn the_new_master_is_found_when_the_old_one_dies() {
    let mut servers = WatchedRedis::start();
    // A Sentinel that is down causes no delay.
    let url = servers.url().replace("//", "//127.0.0.1:1,");
    let (one, other) = (connect(&url).await, connect(&url).await);
    share_one_quota(&one, &other, "before").await;
    servers.kill_master();
    for redis in [&one, &other] {
        until("an outage", || redis.outages() >= 1).await;
        until("the new master", || redis.is_up()).await;
    }
    share_one_quota(&one, &other, "after").await;
    assert_ne!(servers.master_port(), 0);
}

#[tokio::test]
async fn credentials_go_to_the_master_where_the_sentinel_requires_none() {
    let servers = WatchedRedis::start();
    let url = servers.url().replace("//", "//stranger:unknown@");
    let refused = Redis::open(&url, None).unwrap();
    refused.first_attempt().await;
    assert!(!refused.is_up(), "the master has no such user");
    connect(&servers.url()).await;
}

#[tokio::test]
async fn a_malformed_url_is_rejected_without_showing_the_password() {
    for url in [
        "127.0.0.1:6379",
        "http://:secret@127.0.0.1/",
        "redis://:secret@127.0.0.1:port/",
        "redis://:secret@127.0.0.1/zero",
        "redis+sentinel://:secret@127.0.0.1:26379",
        "redis+sentinel://:secret@127.0.0.1:26379/name/zero",
        "redis+sentinel://:secret@127.0.0.1:26379,/name",
        "redis+cluster://:secret@",
        "redis+cluster://:secret@127.0.0.1:7000/1",
        "redis+cluster://:secret@127.0.0.1:7000,b:c:d",
        "redis+unknown://:secret@127.0.0.1:7000",
    ] {
        let Err(error) = Redis::open(url, None) else { panic!("{url} was accepted") };
        let mut text = format!("{error} {error:?}");
        if let Some(source) = std::error::Error::source(&error) {
            text.push_str(&source.to_string());
        }
        assert!(!text.contains("secret"), "{text}");
    }
    let missing = Redis::open("rediss://127.0.0.1/", Some(Path::new("/nowhere/ca.pem")));
    assert!(matches!(missing, Err(ClusterError::CaFile(..))));
    let not_pem = Redis::open("rediss://127.0.0.1/", Some(Path::new(file!()))).map(|_| ());
    assert!(not_pem.is_err());
}
