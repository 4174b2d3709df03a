//! Connections to a mail server, each for one message or one check. What the server sends is
//! bounded, because lettre reads each line as a whole.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The most bytes that a mail server may send over one connection. A whole dialog with TLS has
/// about 10 KB.
const RECEIVED_MAX: usize = 256 * 1024;

/// A mail server, and how to connect to it.
pub(crate) struct MailServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: MailEncryption,
    pub(crate) credentials: Option<Credentials>,
}

pub(crate) enum MailEncryption {
    None,
    Starttls(TlsParameters),
    Tls(ServerName<'static>, Arc<ClientConfig>),
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    #[error("cannot connect")]
    Connect(#[from] io::Error),
    #[error("the dialog failed")]
    Dialog(#[from] lettre::transport::smtp::Error),
}

impl MailServer {
    /// The caller bounds the time.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), MailError> {
        let mut connection = self.connect().await?;
        connection.send(message.envelope(), &message.formatted()).await?;
        // The server has accepted the message; an error after that changes nothing.
        connection.abort().await;
        Ok(())
    }

    /// Authenticates and sends a command without effect. Returns whether the server accepts it.
    pub(crate) async fn check(&self) -> Result<bool, MailError> {
        let mut connection = self.connect().await?;
        let is_accepted = connection.test_connected().await;
        connection.quit().await?;
        Ok(is_accepted)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        let hello = ClientId::default();
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let stream: Box<dyn AsyncTokioStream> = match &self.encryption {
            MailEncryption::Tls(name, config) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(BoundedStream::new(connector.connect(name.clone(), stream).await?))
            }
            MailEncryption::Starttls(_) | MailEncryption::None => {
                Box::new(BoundedStream::new(stream))
            }
        };
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if let MailEncryption::Starttls(parameters) = &self.encryption {
            connection.starttls(parameters.clone(), &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// A stream whose reads fail after [`RECEIVED_MAX`] bytes.
#[derive(Debug)]
struct BoundedStream<S> {
    stream: S,
    /// How many more bytes may be received.
    left: usize,
}

impl<S> BoundedStream<S> {
    fn new(stream: S) -> Self {
        Self { stream, left: RECEIVED_MAX }
    }
}

impl AsyncTokioStream for BoundedStream<TcpStream> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncTokioStream for BoundedStream<TlsStream<TcpStream>> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().0.peer_addr()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the mail server sends too much")));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
