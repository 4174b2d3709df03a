//! An HTTP server with fixed responses by path, for tests.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::client::ServerAddress;
use crate::players::Players;
use crate::server_contact::ServerContact;
use crate::setup_client::TradableStock;
use crate::worker::{RunContext, Worker};

pub(crate) struct TestServer {
    pub(crate) address: String,
}

impl TestServer {
    /// Responds with status and body by path and query; with 404 to all other requests.
    pub(crate) async fn start(responses: &[(&str, u16, &str)]) -> Self {
        let owned = |(path, status, body): &(&str, u16, &str)| {
            ((*path).to_owned(), *status, (*body).to_owned())
        };
        let responses: Arc<[(String, u16, String)]> = responses.iter().map(owned).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&responses)));
            }
        });
        Self { address }
    }
}

async fn serve(stream: TcpStream, responses: Arc<[(String, u16, String)]>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while line != "\r\n" {
            line.clear();
            if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
                return;
            }
            head.push(line.to_ascii_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |text| text.trim().parse().expect("a length"));
        if stream.read_exact(&mut vec![0; length]).await.is_err() {
            return;
        }
        let path = head[0].split(' ').nth(1).expect("a path");
        let found = responses.iter().find(|(known, ..)| known.to_ascii_lowercase() == path);
        let (status, body) =
            found.map_or((404, "{}"), |(_, status, body)| (*status, body.as_str()));
        let response =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Workers of a run with one player and one stock.
pub(crate) fn test_workers(address: &str, count: usize) -> Vec<Worker> {
    let stock = TradableStock {
        symbol: "KO".to_owned(),
        price: 10_000,
        order: "{\"stock_symbol\":\"KO\",\"quantity\":1}".into(),
    };
    let context = Arc::new(RunContext {
        addresses: Arc::from([ServerAddress::parse(
            address,
            &crate::tls::connector(None).expect("good"),
        )
        .expect("an address")]),
        logins: Players::parse("ob_a").expect("a token").logins().to_vec(),
        stocks: vec![stock],
        key_tag: Some("test".to_owned()),
        seed: 1,
        contact: ServerContact::new(Instant::now()),
    });
    (0..count).map(|number| Worker::new(&context, number)).collect()
}
