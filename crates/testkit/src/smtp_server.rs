//! A real mail server (aiosmtpd) that stores what it receives: with STARTTLS, TLS or neither, and
//! with authentication.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Recipe, ServerProcess};
use crate::python::tools_python;
use crate::tls::{CA_FILE, make_certificates};

/// How clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpServerKind {
    Plain,
    /// No command is accepted before STARTTLS, and none but AUTH before authentication.
    Starttls,
    /// TLS from the first byte, and authentication.
    Tls,
}

/// The user and the password of the kinds with TLS.
const USER: &str = "openbell";
const PASSWORD: &str = "the-mail-password";

/// Its arguments: the directory, the port and the kind. It writes a file for each message, whose
/// last line is the end of the decoded text.
const SCRIPT: &str = r#"
import asyncio, email, email.policy, os, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
directory, port, kind, user, password = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
context = None
if kind != 'plain':
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f'{directory}/server.pem', f'{directory}/server.key')
count = 0
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('unknown@'):
            return '550 5.1.1 no such user: ' + address
        if address.startswith('busy@'):
            return '451 4.3.0 try again later'
        envelope.rcpt_tos.append(address)
        return '250 OK'
    async def handle_DATA(self, server, session, envelope):
        global count
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        lines = [envelope.mail_from, ' '.join(envelope.rcpt_tos), message['Subject'],
                 message['Message-ID'], str(message['Auto-Submitted']), message.get_content()]
        with open(f'{directory}/partial', 'w') as file:
            file.write('\n'.join(lines))
        os.rename(f'{directory}/partial', f'{directory}/mail-{count:04}')
        count += 1
        return '250 OK'
def check(server, session, envelope, mechanism, data):
    is_known = (data.login, data.password) == (user.encode(), password.encode())
    return AuthResult(success=is_known, handled=False)
def session():
    options = dict(hostname='localhost')
    if kind != 'plain':
        options.update(authenticator=check, auth_required=True)
    if kind == 'starttls':
        options.update(tls_context=context, require_starttls=True)
    if kind == 'tls':
        options.update(auth_require_tls=False)
    return SMTP(Handler(), **options)
async def main():
    loop = asyncio.get_running_loop()
    implicit = context if kind == 'tls' else None
    server = await loop.create_server(session, '127.0.0.1', port, ssl=implicit)
    open(f'{directory}/ready', 'w').close()
    await server.serve_forever()
asyncio.run(main())
"#;

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMail {
    pub from: String,
    /// The recipients, with a space between them.
    pub to: String,
    pub subject: String,
    pub message_id: String,
    pub auto_submitted: String,
    pub text: String,
}

/// The server, which ends when it is dropped.
pub struct SmtpServer {
    process: ServerProcess,
}

impl SmtpServer {
    /// # Panics
    /// When it does not start.
    pub fn start(kind: SmtpServerKind) -> Self {
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|dir| {
                if kind != SmtpServerKind::Plain {
                    make_certificates(dir);
                }
            },
            command: &|dir, port| command_line(kind, dir, port),
            is_ready: &|dir, _| dir.join("ready").exists(),
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The user and the password of the kinds with TLS.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// The authority of its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.process.directory().join(CA_FILE)
    }

    /// The messages so far, oldest first.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        let dir = self.process.directory();
        let numbered = (0..).map(|number| dir.join(format!("mail-{number:04}")));
        numbered.map_while(|path| fs::read_to_string(path).ok()).map(|text| parse(&text)).collect()
    }
}

fn command_line(kind: SmtpServerKind, dir: &Path, port: u16) -> Vec<String> {
    let kind = match kind {
        SmtpServerKind::Plain => "plain",
        SmtpServerKind::Starttls => "starttls",
        SmtpServerKind::Tls => "tls",
    };
    let (python, dir, port) =
        (tools_python().display().to_string(), dir.display().to_string(), port.to_string());
    [&python, "-c", SCRIPT, &dir, &port, kind, USER, PASSWORD].map(str::to_owned).into()
}

fn parse(text: &str) -> ReceivedMail {
    let mut lines = text.splitn(6, '\n').map(str::to_owned);
    let mut next = || lines.next().expect("six lines");
    ReceivedMail {
        from: next(),
        to: next(),
        subject: next(),
        message_id: next(),
        auto_submitted: next(),
        text: next(),
    }
}
