//! OpenSSL as an authority and as a client.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::{program, skip};

/// OpenSSL, and a folder of certificates that it made.
pub(crate) struct OpenSsl {
    program: PathBuf,
    folder: TempDir,
}

impl OpenSsl {
    /// Makes an authority, and certificates of a server and of a client, both of `localhost`: `ca.pem`, `NAME.pem`, `NAME.key`.
    pub(crate) fn found() -> Option<OpenSsl> {
        let Some(program) = program("openssl") else {
            skip("there is no openssl");
            return None;
        };
        let openssl = OpenSsl { program, folder: TempDir::new().expect("a directory can be made") };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let authority =
            ["-x509", "-subj", "/CN=authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"];
        openssl.run("req", &[&key[..], &authority].concat());
        std::fs::write(openssl.place("names"), "subjectAltName=DNS:localhost\n").expect("it can be written");
        for name in ["server", "client"] {
            let [key_file, request, certificate, subject] =
                ["NAME.key", "NAME.csr", "NAME.pem", "/CN=NAME"].map(|text| text.replace("NAME", name));
            openssl.run(
                "req",
                &[&key[..], &["-subj", &subject, "-keyout", &key_file, "-out", &request]].concat(),
            );
            let signing = ["-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
            let what = ["-days", "2", "-extfile", "names", "-out", &certificate];
            openssl.run("x509", &[&signing[..], &what].concat());
        }
        Some(openssl)
    }

    /// A file of the folder.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in the folder.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, what: &str, arguments: &[&str]) {
        let ran = self.command().arg(what).args(arguments).output().expect("openssl can be started");
        assert!(ran.status.success(), "{what} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Connects to `port` and says `text`; whatever becomes of it.
    pub(crate) fn say(&self, port: u16, options: &[&str], certificate: &[&str], text: &str) {
        let mut command = self.command();
        command.args(["s_client", "-quiet", "-no_ign_eof", "-connect", &format!("127.0.0.1:{port}")]);
        command.args(["-servername", "localhost", "-verify_return_error", "-CAfile", "ca.pem"]);
        command.args(options).args(certificate);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl can be started");
        let mut input = child.stdin.take().expect("it is piped");
        // It may have been refused before it was said.
        let _ = input.write_all(text.as_bytes());
        drop(input);
        let mut told = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut told).expect("it is text");
        child.wait().expect("it ends");
    }
}
