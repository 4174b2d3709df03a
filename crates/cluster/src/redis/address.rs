//! The address of a Redis, parsed from its URL, and connecting to it. Errors never contain the URL,
//! which may contain a password.

use futures_util::FutureExt as _;
use futures_util::future::select_ok;
use redis::cluster::ClusterClient;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisError, RedisResult, TlsCertificates,
};

use super::CONNECT_TIMEOUT;
use super::connection::{Connection, LiveConnection};

/// Redirections of one command within a Cluster whose slots move.
const CLUSTER_RETRIES: u32 = 3;

const SENTINEL_PORT: &str = "26379";
const REDIS_PORT: &str = "6379";

#[derive(Debug)]
pub(super) enum RedisAddress {
    One(Client),
    Sentinels(Sentinels),
    Cluster { client: ClusterClient, nodes: Vec<Client> },
}

#[derive(Debug)]
pub(super) struct Sentinels {
    /// Each Sentinel without credentials, and with those of the URL if it requires them.
    clients: Vec<(Client, Client)>,
    /// The name of the master.
    name: String,
    /// The connection settings of the master, but for its address, which a Sentinel returns.
    master: ConnectionInfo,
    ca: Option<Vec<u8>>,
}

impl RedisAddress {
    /// `ca` contains the trusted authorities as PEM.
    pub(super) fn parse(url: &str, ca: Option<Vec<u8>>) -> RedisResult<Self> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| malformed("the scheme is missing"))?;
        let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if plain == "rediss" {
            // Fails if another part of the process has installed it, which is the same provider.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        match (plain, kind) {
            ("redis" | "rediss", "sentinel") => {
                Ok(Self::Sentinels(Sentinels::parse(plain, rest, ca)?))
            }
            ("redis" | "rediss", "cluster") => Self::parse_cluster(plain, rest, ca.as_deref()),
            _ => Ok(Self::One(client(url.into_connection_info()?, ca.as_deref())?)),
        }
    }

    fn parse_cluster(plain: &str, rest: &str, ca: Option<&[u8]>) -> RedisResult<Self> {
        let (user, hosts, path) = split(rest, REDIS_PORT)?;
        if !path.is_empty() {
            return Err(malformed("a cluster has no databases"));
        }
        let nodes = hosts.iter().map(|host| format!("{plain}://{user}{host}"));
        let nodes = nodes.map(String::into_connection_info).collect::<RedisResult<Vec<_>>>()?;
        let mut builder = ClusterClient::builder(nodes.clone())
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(CONNECT_TIMEOUT)
            .retries(CLUSTER_RETRIES);
        if let ("rediss", Some(ca)) = (plain, ca) {
            builder = builder.certs(certificates(ca));
        }
        let nodes = nodes.into_iter().map(|node| client(node, ca));
        Ok(Self::Cluster { client: builder.build()?, nodes: nodes.collect::<RedisResult<_>>()? })
    }

    /// Connects without a timeout of its own.
    pub(super) async fn connect(&self) -> RedisResult<LiveConnection> {
        match self {
            Self::One(client) => connect(client.clone()).await,
            Self::Sentinels(sentinels) => sentinels.connect().await,
            Self::Cluster { client, nodes } => {
                let connection = Connection::Cluster(client.get_async_connection().await?);
                Ok(LiveConnection { connection, servers: nodes.clone() })
            }
        }
    }
}

impl Sentinels {
    fn parse(plain: &str, rest: &str, ca: Option<Vec<u8>>) -> RedisResult<Self> {
        let (user, hosts, path) = split(rest, SENTINEL_PORT)?;
        let (name, db) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(malformed("the name of the master is missing"));
        }
        let first = hosts.first().map_or("", String::as_str);
        let master = format!("{plain}://{user}{first}/{db}").into_connection_info()?;
        let mut clients = Vec::new();
        for host in &hosts {
            let open = |url: String| client(url.into_connection_info()?, ca.as_deref());
            let bare = open(format!("{plain}://{host}"))?;
            clients.push((bare, open(format!("{plain}://{user}{host}"))?));
        }
        Ok(Self { clients, name: name.to_owned(), master, ca })
    }

    /// Queries all Sentinels concurrently and takes the first master whose role is confirmed, so
    /// that a Sentinel that is down or names a former master causes no delay.
    async fn connect(&self) -> RedisResult<LiveConnection> {
        let attempts = self.clients.iter().map(|(bare, known)| {
            async move {
                let found = match self.query_master(bare).await {
                    Err(error) if wants_credentials(&error) => self.query_master(known).await,
                    found => found,
                };
                let live = connect(self.master_at(found?)?).await?;
                is_master(live.connection.clone()).await?;
                Ok(live)
            }
            .boxed()
        });
        select_ok(attempts).await.map(|(live, _)| live)
    }

    async fn query_master(&self, sentinel: &Client) -> RedisResult<(String, u16)> {
        let mut connection = connect(sentinel.clone()).await?.connection;
        let mut query = redis::cmd("SENTINEL");
        query.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let found: Option<(String, u16)> = query.query_async(&mut connection).await?;
        let unknown = (
            ErrorKind::MasterNameNotFoundBySentinel,
            "the sentinel monitors no master of this name",
        );
        found.ok_or_else(|| unknown.into())
    }

    fn master_at(&self, (host, port): (String, u16)) -> RedisResult<Client> {
        let addr = match self.master.addr() {
            ConnectionAddr::TcpTls { insecure, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        client(self.master.clone().set_addr(addr), self.ca.as_deref())
    }
}

/// Splits into user and password with their `@`, hosts with a port each, and the rest after the
/// first `/`.
fn split<'a>(rest: &'a str, port: &str) -> RedisResult<(String, Vec<String>, &'a str)> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let with_port = |host: &str| {
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        if has_port { host.to_owned() } else { format!("{host}:{port}") }
    };
    if hosts.split(',').any(str::is_empty) {
        return Err(malformed("a host is missing"));
    }
    Ok((user, hosts.split(',').map(with_port).collect(), path.trim_end_matches('/')))
}

fn client(info: ConnectionInfo, ca: Option<&[u8]>) -> RedisResult<Client> {
    match (info.addr(), ca) {
        (ConnectionAddr::TcpTls { .. }, Some(ca)) => Client::build_with_tls(info, certificates(ca)),
        _ => Client::open(info),
    }
}

fn certificates(ca: &[u8]) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: Some(ca.to_vec()) }
}

/// Commands have a timeout of their own, so the connection has none.
async fn connect(client: Client) -> RedisResult<LiveConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    Ok(LiveConnection { connection: Connection::One(connection), servers: vec![client] })
}

async fn is_master(mut connection: Connection) -> RedisResult<()> {
    let role: Vec<redis::Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    let role = role.first().map(redis::from_redis_value_ref::<String>).transpose()?;
    match role.as_deref() {
        Some("master") => Ok(()),
        _ => Err((ErrorKind::Client, "the server named by the sentinel is not a master").into()),
    }
}

fn wants_credentials(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || error.code() == Some("NOAUTH")
}

fn malformed(what: &'static str) -> RedisError {
    (ErrorKind::InvalidClientConfig, what).into()
}
