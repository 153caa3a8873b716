//! TLS against OpenSSL: its client and its server, with certificates that it made, on both sides of hekad.

use std::path::Path;
use std::time::Duration;

use crate::harness::{Process, free_port, wait_until};
use crate::hekad::Hekad;
use crate::openssl::OpenSsl;

#[test]
fn a_client_of_openssl_with_a_certificate_is_heard_and_one_without_is_not() {
    let Some(openssl) = OpenSsl::found() else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let (port, log) = (free_port(), openssl.place("log"));
        drop(std::fs::remove_file(&log));
        let hekad = Hekad::start_beside(10, "", &listening(&openssl, port, &log));
        let with = ["-cert", "client.pem", "-key", "client.key"];
        openssl.say(port, &[version], &with, "a line by TLS\n");
        wait_until(SOON, || match std::fs::read_to_string(&log) {
            Ok(text) if text == "a line by TLS\n" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        openssl.say(port, &[version], &[], "nobody knows who this is\n");
        hekad.wait_for_line("hekad_handshakes_failed_total{input=\"secure\",reason=\"refused\"} 1");
        hekad.stop_cleanly();
        assert_eq!(std::fs::read_to_string(&log).expect("it is there"), "a line by TLS\n");
    }
}

#[test]
fn a_server_of_openssl_that_asks_for_a_certificate_gets_what_is_sent() {
    let Some(openssl) = OpenSsl::found() else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let (port, log) = (free_port(), openssl.place("served"));
        drop(std::fs::remove_file(&log));
        let mut command = openssl.command();
        command.args(["s_server", "-quiet", version, "-accept", &port.to_string(), "-Verify", "2"]);
        command.args([
            "-verify_return_error",
            "-CAfile",
            "ca.pem",
            "-cert",
            "server.pem",
            "-key",
            "server.key",
        ]);
        let server = Process::start_waiting(&mut command, &log);
        let place = |name: &str| openssl.place(name).display().to_string();
        let sections = format!(
            "[TcpOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\naddress = \"127.0.0.1:{port}\"\nencoder = \"PayloadEncoder\"\nuse_tls = true\n\
             [TcpOutput.tls]\nserver_name = \"localhost\"\nroot_cafile = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
            place("ca.pem"),
            place("client.pem"),
            place("client.key")
        );
        let hekad = Hekad::start_beside(10, "", &sections);
        hekad.send(["by.tls:1|c"]);
        wait_until(SOON, || {
            let printed = server.printed();
            printed.contains("by.tls:1|c\n").then_some(()).ok_or(printed)
        });
        hekad.stop_cleanly();
    }
}

fn listening(openssl: &OpenSsl, port: u16, log: &Path) -> String {
    let place = |name: &str| openssl.place(name).display().to_string();
    format!(
        "[secure]\ntype = \"TcpInput\"\naddress = \"127.0.0.1:{port}\"\nsplitter = \"TokenSplitter\"\ndecoder = \"words\"\nuse_tls = true\n\
         [secure.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\nclient_auth = \"RequireAndVerifyClientCert\"\nclient_cafile = \"{}\"\n\
         [words]\ntype = \"PayloadRegexDecoder\"\nmatch_regex = '(?P<Line>.+)'\n[words.message_fields]\nLine = \"%Line%\"\n\
         [FileOutput]\nmessage_matcher = \"Logger == 'secure'\"\npath = \"{}\"\nencoder = \"as-it-is\"\n\
         [as-it-is]\ntype = \"PayloadEncoder\"\nappend_newlines = false\n",
        place("server.pem"),
        place("server.key"),
        place("ca.pem"),
        log.display()
    )
}

const SOON: Duration = Duration::from_secs(20);
