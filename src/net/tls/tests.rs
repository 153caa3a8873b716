use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::*;

/// A certificate of `localhost` with its key, one for a client, and one nobody trusts; in files.
struct Files {
    folder: TempDir,
}

const NOW: Stamp = Stamp::from_seconds(1_700_000_000);
const SOON: Duration = Duration::from_secs(10);

impl Files {
    fn new() -> Files {
        let files = Files { folder: TempDir::new().unwrap() };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        let authority = params.self_signed(&key).unwrap();
        files.put("authority.pem", &authority.pem());
        let issuer = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            files.put(&format!("{name}.pem"), &params.signed_by(&key, &issuer).unwrap().pem());
            files.put(&format!("{name}.key"), &key.serialize_pem());
        }
        let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        files.put("stranger.pem", &stranger.cert.pem());
        files.put("stranger.key", &stranger.signing_key.serialize_pem());
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn with(&self, name: &str) -> Tls {
        Tls {
            cert_file: Some(self.path(&format!("{name}.pem"))),
            key_file: Some(self.path(&format!("{name}.key"))),
            ..Tls::default()
        }
    }

    fn server(&self) -> Tls {
        self.with("server")
    }

    fn trusting(&self, tls: Tls) -> Tls {
        Tls { root_cafile: Some(self.path("authority.pem")), ..tls }
    }

    fn refusal(&self, tls: &Tls) -> (String, String) {
        let error = TlsServer::new(tls, NOW).unwrap_err();
        (error.message.replace(&self.folder.path().display().to_string(), "DIR"), error.help)
    }
}

/// What a peer at each end of a connection gets of what the other sends, or what is wrong.
fn talk(server: &Tls, client: &Tls) -> (Result<String, io::Error>, Result<String, io::Error>) {
    let server = TlsServer::new(server, NOW).unwrap();
    let client = World::Real.tls(client, NOW).unwrap();
    let (near, far) = duplex(1 << 16);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let serving = async {
            let mut stream = server.accept(far).await?;
            stream.write_all(b"welcome").await?;
            stream.flush().await?;
            let mut got = [0; 5];
            stream.read_exact(&mut got).await?;
            Ok(String::from_utf8_lossy(&got).into_owned())
        };
        let calling = async {
            let mut stream = client.secure("localhost", Box::new(near)).await?;
            let mut got = [0; 7];
            stream.read_exact(&mut got).await?;
            stream.write_all(b"hello").await?;
            stream.flush().await?;
            Ok(String::from_utf8_lossy(&got).into_owned())
        };
        let (served, called) = tokio::join!(timeout(SOON, serving), timeout(SOON, calling));
        (served.unwrap(), called.unwrap())
    })
}

#[test]
fn both_ends_understand_each_other_in_either_version() {
    let files = Files::new();
    for version in [Version::Tls12, Version::Tls13] {
        let client = Tls { max_version: Some(version), ..files.trusting(Tls::default()) };
        let server = Tls { min_version: Some(version), session_tickets_disabled: true, ..files.server() };
        let (served, called) = talk(&server, &client);
        assert_eq!((served.unwrap(), called.unwrap()), ("hello".to_owned(), "welcome".to_owned()));
    }
    let old = Tls { max_version: Some(Version::Tls12), ..files.trusting(Tls::default()) };
    let new = Tls { min_version: Some(Version::Tls13), ..files.server() };
    let refused = talk(&new, &old).1.unwrap_err().to_string();
    assert_eq!(refused, "received fatal alert: ProtocolVersion");
}

#[test]
fn a_peer_that_nobody_vouches_for_is_refused_unless_any_will_do() {
    let files = Files::new();
    let stranger = files.with("stranger");
    let told = talk(&stranger, &files.trusting(Tls::default())).1.unwrap_err().to_string();
    assert_eq!(
        told,
        "the peer's certificate is signed by nobody trusted; name the file of who signed it in tls.root_cafile"
    );
    let any = Tls { insecure_skip_verify: true, session_tickets_disabled: true, ..Tls::default() };
    assert!(talk(&stranger, &any).1.is_ok());
    let elsewhere = Tls { server_name: Some("example.org".to_owned()), ..files.trusting(Tls::default()) };
    let told = talk(&files.server(), &elsewhere).1.unwrap_err().to_string();
    assert!(
        told.starts_with("the peer's certificate is not one of localhost; set tls.server_name"),
        "{told}"
    );
}

#[test]
fn certificates_of_peers_are_asked_for_as_configured() {
    use ClientAuth::*;
    let files = Files::new();
    let none = files.trusting(Tls::default());
    let known = files.trusting(files.with("client"));
    let stranger = files.trusting(files.with("stranger"));
    let table = [
        (NoClientCert, [true, true, true]),
        (RequestClientCert, [true, true, true]),
        (RequireAnyClientCert, [false, true, true]),
        (VerifyClientCertIfGiven, [true, true, false]),
        (RequireAndVerifyClientCert, [false, true, false]),
    ];
    for (client_auth, welcome) in table {
        let verifies = matches!(client_auth, VerifyClientCertIfGiven | RequireAndVerifyClientCert);
        let client_cafile = verifies.then(|| files.path("authority.pem"));
        let server = Tls { client_auth, client_cafile, ..files.server() };
        for (client, welcome) in [&none, &known, &stranger].into_iter().zip(welcome) {
            let (served, called) = talk(&server, client);
            assert_eq!(served.is_ok(), welcome, "{client_auth:?}: {served:?} {called:?}");
        }
    }
    let strict = Tls {
        client_auth: RequireAndVerifyClientCert,
        client_cafile: Some(files.path("authority.pem")),
        ..files.server()
    };
    let (served, called) = talk(&strict, &none);
    assert_eq!(served.unwrap_err().to_string(), "peer sent no certificates");
    assert_eq!(
        called.unwrap_err().to_string(),
        "the peer asks for a certificate; set tls.cert_file and tls.key_file"
    );
    assert_eq!(
        talk(&strict, &stranger).1.unwrap_err().to_string(),
        "the peer refuses the certificate in tls.cert_file (UnknownCA); ask whom it trusts"
    );
}

#[test]
fn nothing_is_written_to_a_peer_that_is_yet_to_look_at_the_certificate() {
    let files = Files::new();
    for (tickets, client, welcome) in [
        (true, "client", true),
        (false, "client", true),
        (true, "stranger", false),
        (false, "stranger", false),
    ] {
        let server = Tls {
            client_auth: ClientAuth::RequireAndVerifyClientCert,
            client_cafile: Some(files.path("authority.pem")),
            session_tickets_disabled: !tickets,
            ..files.server()
        };
        let server = TlsServer::new(&server, NOW).unwrap();
        let client = World::Real.tls(&files.trusting(files.with(client)), NOW).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // The second connection may go on with the keys of the first.
            for _ in 0..2 {
                let (near, far) = duplex(1 << 16);
                let serving = async {
                    let mut stream = server.accept(far).await?;
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).await?;
                    io::Result::Ok(got)
                };
                // Whoever writes and never reads: it knows by then whether it is heard.
                let calling = async {
                    let mut stream = client.secure("localhost", Box::new(near)).await?;
                    stream.write_all(b"hello").await?;
                    stream.shutdown().await
                };
                let (served, called) = tokio::join!(timeout(SOON, serving), timeout(SOON, calling));
                assert_eq!(called.unwrap().is_ok(), welcome, "tickets: {tickets}");
                assert_eq!(served.unwrap().is_ok_and(|got| got == b"hello"), welcome, "tickets: {tickets}");
            }
        });
    }
}

#[test]
fn every_file_that_is_wrong_is_named_with_the_way_out() {
    let files = Files::new();
    let whole = files.server();
    files.put("empty.pem", "nothing\n");
    files.put("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    files.put(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let certificate = |name: &str| files.refusal(&Tls { cert_file: Some(files.path(name)), ..whole.clone() });
    let key = |name: &str| files.refusal(&Tls { key_file: Some(files.path(name)), ..whole.clone() });
    let told = |message: &str, help: &str| (message.to_owned(), help.to_owned());
    assert_eq!(
        certificate("missing.pem"),
        told(
            "tls.cert_file: DIR/missing.pem cannot be read: No such file or directory (os error 2)",
            "name the file by its whole path"
        )
    );
    let as_pem = "write it as PEM, with lines BEGIN CERTIFICATE and END CERTIFICATE";
    assert_eq!(certificate("empty.pem"), told("tls.cert_file: no certificate is in DIR/empty.pem", as_pem));
    assert_eq!(certificate("cut.pem").1, as_pem);
    assert_eq!(
        key("server.pem"),
        told(
            "tls.key_file: no private key is in DIR/server.pem",
            "name the file that has a line with BEGIN PRIVATE KEY"
        )
    );
    let (message, help) = key("locked.key");
    assert_eq!(message, "tls.key_file: the key in DIR/locked.key has a passphrase");
    assert!(help.starts_with("take the passphrase off: openssl pkey -in "), "{help}");
    assert_eq!(
        key("client.key").0,
        "tls.key_file: the key in DIR/client.key is not that of the certificate in DIR/server.pem"
    );
    let nobody = Tls { root_cafile: Some(files.path("empty.pem")), ..Tls::default() };
    let message = World::Real.tls(&nobody, NOW).unwrap_err().message;
    assert!(message.starts_with("tls.root_cafile: no certificate is in "), "{message}");
}

#[test]
fn a_certificate_of_another_time_is_not_shown() {
    let files = Files::new();
    let dated = |name: &str, from: i32, to: i32| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        files.put(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        files.put(&format!("{name}.key"), &key.serialize_pem());
        files.with(name)
    };
    let (old, young) = (dated("old", 2010, 2011), dated("young", 2090, 2091));
    let expired = "tls.cert_file: the certificate in DIR/old.pem has expired".to_owned();
    assert_eq!(files.refusal(&old), (expired, "renew it".to_owned()));
    let early = "tls.cert_file: the certificate in DIR/young.pem is not valid yet".to_owned();
    assert_eq!(files.refusal(&young), (early, "is the clock of this machine right?".to_owned()));
}

#[test]
fn a_trial_reads_no_file_and_sends_in_the_clear() {
    let tape = Arc::new(super::super::Tape::new());
    let world = World::Trial(Arc::clone(&tape));
    let nowhere = Path::new("/nonexistent/ca.pem").to_owned();
    let tls = world.tls(&Tls { root_cafile: Some(nowhere), ..Tls::default() }, NOW).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = world.connect_tls("peer", 1, &tls, SOON).await.unwrap();
        connection.write_all(b"plain").await.unwrap();
    });
    assert_eq!(tape.written("peer:1"), b"plain");
}

#[test]
fn a_peer_that_never_answers_ends_the_wait_and_one_without_tls_is_said() {
    let files = Files::new();
    let tls = World::Real.tls(&files.trusting(Tls::default()), NOW).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dial = |within| runtime.block_on(World::Real.connect_tls("127.0.0.1", port, &tls, within));
    let silent = dial(Duration::from_millis(50)).map(|_| ()).unwrap_err();
    assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
    #[expect(clippy::disallowed_methods, reason = "the peer of a test")]
    let peer = std::thread::spawn(move || {
        // The first is the silent one's.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            // It may be gone.
            let _ = std::io::Write::write_all(&mut stream, b"220 no TLS here\r\n");
        }
    });
    let plain = dial(SOON).map(|_| ()).unwrap_err().to_string();
    assert!(plain.starts_with("the peer does not speak TLS: "), "{plain}");
    peer.join().unwrap();
}
