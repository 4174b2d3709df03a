//! A temporary nginx with the shipped configuration of `deploy/nginx`: only its addresses, and the
//! paths of the certificate, are replaced.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Recipe, ServerProcess, installed};
use crate::tls;

/// What a site listens to and where it forwards to, as the shipped files have it.
const NODES: [&str; 2] = ["10.0.0.11:8080", "10.0.0.12:8080"];
const HTTP_PORT: &str = "listen 80;";
const HTTPS_PORT: &str = "listen 443 ssl http2;";
const CERTIFICATE: &str = "/etc/letsencrypt/live/play.example.org/fullchain.pem";
const KEY: &str = "/etc/letsencrypt/live/play.example.org/privkey.pem";
/// Where nginx is for users whose PATH has no programs of administrators.
const OUTSIDE_OF_PATH: &str = "/usr/sbin/nginx";
/// The socket of a site that redirects to HTTPS.
const REDIRECT_SOCKET: &str = "redirect.sock";

/// What Debian's nginx.conf has around a site, with all files in one directory.
const MAIN: &str = "
user root;
worker_processes 1;
pid DIR/nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path DIR/body;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    include DIR/site.conf;
}
";

pub struct Nginx {
    process: ServerProcess,
}

impl Nginx {
    /// Starts nginx with the shipped site `openbell.conf` in front of two nodes, given as
    /// `HOST:PORT`.
    ///
    /// # Panics
    /// When nginx is not installed or does not start.
    pub fn start(deploy: &Path, nodes: [&str; 2]) -> Self {
        Self::start_as(&|dir, port| {
            let mut site = ShippedSite::copy(deploy, "openbell.conf", dir);
            site.replace(HTTP_PORT, &format!("listen 127.0.0.1:{port};"));
            site.finish(nodes);
        })
    }

    /// The same with `openbell-tls.conf`, with a certificate for localhost and 127.0.0.1 by the
    /// authority of [`Nginx::ca_file`].
    ///
    /// # Panics
    /// As [`Nginx::start`], and when openssl is not installed.
    pub fn start_tls(deploy: &Path, nodes: [&str; 2]) -> Self {
        Self::start_as(&|dir, port| {
            tls::make_certificates(dir);
            let file = |name| dir.join(name).display().to_string();
            let mut site = ShippedSite::copy(deploy, "openbell-tls.conf", dir);
            site.replace(HTTP_PORT, &format!("listen unix:{};", file(REDIRECT_SOCKET)));
            site.replace(HTTPS_PORT, &format!("listen 127.0.0.1:{port} ssl http2;"));
            site.replace(CERTIFICATE, &file(tls::CERTIFICATE_FILE));
            site.replace(KEY, &file(tls::KEY_FILE));
            site.finish(nodes);
        })
    }

    /// Starts nginx with one location that forwards to `node` with these lines of configuration,
    /// and otherwise with the defaults of nginx.
    ///
    /// # Panics
    /// As [`Nginx::start`].
    pub fn start_plain(node: &str, lines: &str) -> Self {
        Self::start_as(&|dir, port| {
            let site = format!(
                "server {{
                    listen 127.0.0.1:{port};
                    location / {{ proxy_pass http://{node}; {lines} }}
                }}"
            );
            write(&dir.join("site.conf"), &site);
        })
    }

    fn start_as(write_site: &dyn Fn(&Path, u16)) -> Self {
        let program = if installed("nginx") { "nginx" } else { OUTSIDE_OF_PATH };
        assert!(
            Path::new(program).is_file() || installed(program),
            "nginx is not installed; `./test` installs it"
        );
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|dir| write(&dir.join("nginx.conf"), &in_directory(MAIN, dir)),
            command: &|dir, port| {
                write_site(dir, port);
                let dir = dir.display().to_string();
                let words = [program, "-p", &dir, "-c", "nginx.conf", "-g", "daemon off;"];
                words.map(str::to_owned).into()
            },
            // Written when all sockets are open.
            is_ready: &|dir, _| {
                fs::metadata(dir.join("nginx.pid")).is_ok_and(|file| file.len() > 0)
            },
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The socket at which the site with TLS redirects from HTTP.
    pub fn redirect_socket(&self) -> PathBuf {
        self.process.directory().join(REDIRECT_SOCKET)
    }

    /// The certificate of the authority that certifies the site with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.process.directory().join(tls::CA_FILE)
    }

    /// The error log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.process.directory().join("log")).unwrap_or_default()
    }
}

/// A copy of the shipped files, in which each replacement must occur.
struct ShippedSite {
    text: String,
    dir: PathBuf,
}

impl ShippedSite {
    fn copy(deploy: &Path, name: &str, dir: &Path) -> Self {
        let snippets = dir.join("snippets");
        // Made before, if this is not the first attempt to start.
        let _ = fs::create_dir(&snippets);
        let from = deploy.join("snippets");
        let files = fs::read_dir(&from).unwrap_or_else(|error| panic!("{from:?}: {error}"));
        for file in files.flatten() {
            write(&snippets.join(file.file_name()), &read(&file.path()));
        }
        Self { text: read(&deploy.join(name)), dir: dir.to_owned() }
    }

    fn replace(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "the shipped site has no {from:?}");
        self.text = self.text.replace(from, to);
    }

    fn finish(self, nodes: [&str; 2]) {
        write(&self.dir.join("site.conf"), &self.text);
        let path = self.dir.join("snippets/openbell-upstream.conf");
        let mut upstream = read(&path);
        for (shipped, node) in NODES.into_iter().zip(nodes) {
            assert!(upstream.contains(shipped), "the shipped upstream has no {shipped}");
            upstream = upstream.replace(shipped, node);
        }
        write(&path, &upstream);
    }
}

fn in_directory(text: &str, dir: &Path) -> String {
    text.replace("DIR", &dir.display().to_string())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
