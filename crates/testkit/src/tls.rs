//! Certificates for a server on 127.0.0.1, by an authority of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{installed, run};

pub(crate) const CA_FILE: &str = "ca.pem";
pub(crate) const CERTIFICATE_FILE: &str = "server.pem";
pub(crate) const KEY_FILE: &str = "server.key";

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

pub(crate) fn make_certificates(dir: &Path) {
    assert!(installed("openssl"), "openssl is not installed");
    let openssl = |words: &[&str]| {
        run(Command::new("openssl").current_dir(dir).args(words));
    };
    let authority = ["req", "-x509", "-days", "2", "-subj", "/CN=An authority for one test"];
    openssl(&[&authority[..], &KEY, &["-keyout", "ca.key", "-out", CA_FILE]].concat());
    let server = ["req", "-subj", "/CN=localhost"];
    openssl(&[&server[..], &KEY, &["-keyout", KEY_FILE, "-out", "server.csr"]].concat());
    fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        .unwrap_or_else(|error| panic!("writing the names of a certificate: {error}"));
    let sign = ["x509", "-req", "-days", "2", "-in", "server.csr", "-extfile", "names"];
    let by = ["-CA", CA_FILE, "-CAkey", "ca.key", "-CAcreateserial", "-out", CERTIFICATE_FILE];
    openssl(&[&sign[..], &by].concat());
}
