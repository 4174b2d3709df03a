//! A server with the interface of S3, without durable storage: a Python program that `./test`
//! installs. It has one bucket.

use std::path::Path;
use std::process::Command;

use crate::process::{Recipe, ServerProcess, run};
use crate::python::tools_python;

const MAKE_BUCKET: &str = "
import sys, boto3
boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1',
             aws_access_key_id='k', aws_secret_access_key='s').create_bucket(Bucket=sys.argv[2])
";

pub struct S3Server {
    process: ServerProcess,
}

impl S3Server {
    /// The name of its bucket. Any key gives access.
    pub const BUCKET: &str = "ledger";

    /// Starts a server; it stops when the value is dropped or the process ends.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let python = tools_python().display().to_string();
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|_| (),
            command: &|_, port| {
                let port = port.to_string();
                [python.as_str(), "-m", "moto.server", "-H", "127.0.0.1", "-p", &port]
                    .map(str::to_owned)
                    .into()
            },
            // Unlike the port, the log cannot belong to another process.
            is_ready: &|dir, port| {
                log(dir).contains(&format!("Running on http://127.0.0.1:{port}"))
            },
        };
        let server = Self { process: ServerProcess::start(&recipe) };
        let mut make = Command::new(&python);
        run(make.args(["-c", MAKE_BUCKET, &server.url(), Self::BUCKET]));
        server
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.port())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}
