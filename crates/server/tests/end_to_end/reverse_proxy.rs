//! Nodes behind a real nginx with the shipped configuration: sign-in over HTTP and HTTPS, event
//! streams, client addresses, and which requests are repeated on another node.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::{Nginx, poll, postgres_database, redis_url};

use crate::curl::Visitor;
use crate::monitoring::repository_file;
use crate::server::{Server, error_line, run};

/// A name that is not of this machine, for which browsers require HTTPS for secure cookies.
const HOST: &str = "play.example.org";
const LOCALHOST: &str = "127.0.0.1";

pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/nginx")
}

/// A node on this database that trusts the proxy.
pub(crate) fn start_node(address: &str, database: &str, change: impl Fn(&mut Command)) -> Server {
    let redis = redis_url();
    Server::start_at(address, &["--database", database, "--redis", &redis], |command| {
        command.env("OPENBELL__HTTP__TRUSTED_PROXIES", format!("[\"{LOCALHOST}\"]"));
        change(command);
    })
}

fn start_nodes(change: impl Fn(&mut Command)) -> [Server; 2] {
    let database = postgres_database();
    [(); 2].map(|()| start_node("127.0.0.1:0", &database, &change))
}

fn addresses(nodes: &[Server; 2]) -> [&str; 2] {
    nodes.each_ref().map(|node| node.address.as_str())
}

#[test]
fn behind_the_shipped_nginx_players_sign_in_and_receive_events_at_once() {
    let nodes = start_nodes(|_| ());
    let token = nodes[0].register("ada");
    let nginx = Nginx::start(&deploy(), addresses(&nodes));
    let visitor = Visitor::new("http", HOST, nginx.port());
    let reply = visitor.sign_in("ada");
    assert_eq!(reply.status, 303, "{}{}", reply.head, reply.body);
    assert!(reply.head.contains("\nlocation: /home"), "{}", reply.head);
    for _ in 0..4 {
        assert!(visitor.get("/home").body.contains("ada"), "signed in on both nodes");
    }
    let events = visitor.listen(&token);
    events.events_until("prices");
    assert_eq!(visitor.order(&token, None).status, 200);
    // A buffer of nginx would hold the event for some minutes of prices.
    let before = events.events_until("fill");
    let sets = before.iter().filter(|name| *name == "prices").count();
    assert!(sets < 5, "{before:?}");
    nodes.into_iter().for_each(Server::stop);
}

#[test]
fn behind_the_shipped_nginx_limits_count_the_address_of_the_client() {
    let nodes = start_nodes(|command| {
        command.env("OPENBELL__LIMITS__ENABLED", "true");
        command.env("OPENBELL__LIMITS__REGISTER_PER_ADDRESS__BURST", "1");
    });
    // One node for both addresses, because without Redis each node counts alone.
    let nginx = Nginx::start(&deploy(), [nodes[0].address.as_str(); 2]);
    let register = |address: &str, name: &str, more: &[&str]| {
        let visitor = Visitor::new("http", HOST, nginx.port()).with(&["--interface", address]);
        let body = format!(
            r#"{{"name":"{name}","email":"{name}@example.org","password":"correct horse battery",
                "password_confirmation":"correct horse battery"}}"#
        );
        visitor.send("/api/auth/register", &[&["--json", &body], more].concat()).status
    };
    // Addresses of this machine that no other test uses.
    let forged = ["--header", "X-Forwarded-For: 127.41.5.9"];
    assert_eq!(register("127.41.5.7", "ada", &[]), 201);
    assert_eq!(register("127.41.5.7", "bob", &[]), 429);
    assert_eq!(register("127.41.5.7", "bob", &forged), 429, "the client's own header is replaced");
    assert_eq!(register("127.41.5.8", "bob", &[]), 201);
    nodes.into_iter().for_each(Server::stop);
}

#[test]
fn behind_the_shipped_nginx_with_tls_cookies_are_bound_to_https() {
    let nodes = start_nodes(|_| ());
    nodes[0].register("ada");
    let nginx = Nginx::start_tls(&deploy(), addresses(&nodes));
    let authority = nginx.ca_file().display().to_string();
    // The certificate is for this name.
    let visitor = Visitor::new("https", "localhost", nginx.port()).with(&["--cacert", &authority]);
    let reply = visitor.sign_in("ada");
    assert_eq!(reply.status, 303, "{}{}", reply.head, reply.body);
    assert!(reply.head.contains("set-cookie: __host-openbell="), "{}", reply.head);
    assert!(reply.head.contains("strict-transport-security: max-age="), "{}", reply.head);
    assert!(visitor.get("/home").body.contains("ada"));
    assert_expiry_is_found(nginx.port());
    let site = format!("https://localhost:{}", nginx.port());
    let text = error_line(&run(&["health", "--url", &site]));
    assert!(text.contains("no response to GET") && text.contains("certificate"), "{text}");
    let socket = nginx.redirect_socket().display().to_string();
    let plain = Visitor::new("http", HOST, 80).with(&["--unix-socket", &socket]);
    let reply = plain.get("/stocks/AAPL?range=1y");
    assert_eq!(reply.status, 308);
    let location = format!("location: https://{HOST}/stocks/aapl?range=1y");
    assert!(reply.head.contains(&location), "{}", reply.head);
    nodes.into_iter().for_each(Server::stop);
}

/// The check in docs/reverse-proxy.md of a certificate that is valid for two days.
fn assert_expiry_is_found(port: u16) {
    let text = repository_file("docs/reverse-proxy.md");
    let lines = text.lines().skip_while(|line| !line.starts_with("    openssl s_client"));
    let command = lines.take(2).collect::<Vec<_>>().join("\n");
    let command = command.replace("play.example.org:443", &format!("localhost:{port}"));
    let command = command.replace("play.example.org", "localhost");
    let check = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).output().expect("sh runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    assert_eq!(check(&command), (Some(1), "Certificate will expire".to_owned()), "{command}");
    let hour = command.replace("1209600", "3600");
    assert_eq!(check(&hour), (Some(0), "Certificate will not expire".to_owned()), "{hour}");
}

#[test]
fn behind_a_proxy_with_a_host_of_its_own_forms_need_the_forwarded_host() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let start = |name: &str, proxies: &str| {
        let data = dir.path().join(name).display().to_string();
        Server::start_at("127.0.0.1:0", &["--data-dir", &data], |command| {
            command.env("OPENBELL__HTTP__TRUSTED_PROXIES", proxies);
            command.stderr(File::options().append(true).create(true).open(&log).expect("a file"));
        })
    };
    // nginx sends the address of the node as Host.
    let lines = "proxy_set_header X-Forwarded-Host $http_host;";
    let sign_in = |server: &Server| {
        server.register("ada");
        let nginx = Nginx::start_plain(&server.address, lines);
        let visit = || Visitor::new("http", HOST, nginx.port());
        let statuses = [(); 3].map(|()| visit().sign_in("ada").status);
        (statuses, visit().origin)
    };
    let trusting = start("trusting", r#"["127.0.0.1"]"#);
    let (statuses, _) = sign_in(&trusting);
    assert_eq!(statuses, [303; 3]);
    trusting.stop();
    assert_eq!(warnings(&log), Vec::<String>::new());

    let other = start("other", "[]");
    let (statuses, origin) = sign_in(&other);
    assert_eq!(statuses, [403; 3]);
    let warnings = warnings(&log);
    assert_eq!(warnings.len(), 1, "one a minute: {warnings:?}");
    for part in [&origin, &other.address, "http.trusted_proxies"] {
        assert!(warnings[0].contains(part), "{part} is not in {warnings:?}");
    }
    other.stop();
}

/// The warnings about the origin of forms.
fn warnings(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("a log");
    text.lines().filter(|line| line.contains("refused a form")).map(str::to_owned).collect()
}

#[test]
fn only_a_request_with_a_key_is_repeated_on_another_node_after_it_was_sent() {
    let database = postgres_database();
    let node = start_node("127.0.0.1:0", &database, |_| ());
    let token = node.register("ada");
    // It closes the connection after it has received a request.
    let broken = BrokenNode::start("");
    let nginx = Nginx::start(&deploy(), [&broken.address, &node.address]);
    let visitor = Visitor::new("http", HOST, nginx.port());
    let mut number = 0;
    // nginx leaves the broken node out for some time after each attempt.
    let mut meet = |what: &str, send: &dyn Fn(&str) -> u16| {
        poll(what, || {
            number += 1;
            let before = broken.requests();
            let status = send(&format!("meet-{number}"));
            (broken.requests() > before).then_some(status)
        })
    };
    let keyed = meet("the broken node receives a keyed order", &|key| {
        visitor.order(&token, Some(key)).status
    });
    assert_eq!(keyed, 200, "the other node has carried it out");
    let without =
        meet("the broken node receives an order", &|_| visitor.order(&token, None).status);
    assert_eq!(without, 502, "it may have been carried out");
    let read = meet("the broken node receives a read", &|_| visitor.get("/readyz").status);
    assert_eq!(read, 200);
    node.stop();
}

#[test]
fn a_static_file_that_one_node_lacks_is_read_from_the_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let node = Server::start_in(dir.path());
    // As a node of the version before or after.
    let other = BrokenNode::start("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let nginx = Nginx::start(&deploy(), [&other.address, &node.address]);
    let visitor = Visitor::new("http", HOST, nginx.port());
    let (_, page) = node.get("/login");
    let page = page.as_str().expect("a page");
    let (_, rest) = page.split_once("/static/app-").expect("a static file");
    let path = format!("/static/app-{}", rest.split('"').next().unwrap_or_default());
    for _ in 0..4 {
        assert_eq!(visitor.get(&path).status, 200, "{path}");
    }
    assert!(other.requests() > 0);
    node.stop();
}

/// A node that sends one fixed text after each request and closes the connection.
struct BrokenNode {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl BrokenNode {
    fn start(reply: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        // It ends with the process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 64 * 1024];
                if stream.read(&mut request).is_ok_and(|length| length > 0) {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(reply.as_bytes());
                }
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}
