//! TLS for whatever listens or connects, by rustls.
//!
//! Versions 1.2 and 1.3. Files are read when a plugin is built, and again when it is built anew after a fault; a
//! certificate that was replaced is shown after a restart. In a trial nothing is read, and the tape has what was sent in
//! the clear. How long a handshake may take is up to whoever waits for it.

mod files;
mod options;
mod trust;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, ProtocolVersion, ServerConfig, SignatureScheme, SupportedProtocolVersion,
    version,
};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Connection, Dialing, World};
use crate::plugin::BuildError;
use crate::time::Stamp;

pub use files::TlsError;
pub use options::{ClientAuth, Tls, TlsSide, Version};
use trust::{AnyCertificate, Validity};

/// What a listener shows its peers and asks of them. Clones share it.
#[derive(Debug, Clone)]
pub struct TlsServer(Arc<ServerConfig>);

/// What a connection shows its peer and asks of it. Clones share it.
#[derive(Debug, Clone)]
pub struct TlsClient {
    /// None in a trial.
    config: Option<Arc<ClientConfig>>,
    /// Whether a peer has asked for a certificate.
    asked: Arc<AtomicBool>,
    server_name: Option<ServerName<'static>>,
}

impl TlsServer {
    /// Reads the files that `tls` names, as of `now`.
    ///
    /// # Errors
    /// [`TlsError`] for a file that is not what it should be.
    pub fn new(tls: &Tls, now: Stamp) -> Result<TlsServer, TlsError> {
        let provider = provider();
        let (chain, key) = identity(tls, &provider, now)?.ok_or_else(|| {
            TlsError::new("a listener needs a certificate", "set tls.cert_file and tls.key_file")
        })?;
        let any = |mandatory| {
            let algorithms = provider.signature_verification_algorithms;
            Arc::new(AnyCertificate { algorithms, mandatory })
        };
        let versions = versions(tls);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(unfit)?;
        let builder = match tls.client_auth {
            ClientAuth::NoClientCert => builder.with_no_client_auth(),
            ClientAuth::RequestClientCert => builder.with_client_cert_verifier(any(false)),
            ClientAuth::RequireAnyClientCert => builder.with_client_cert_verifier(any(true)),
            ClientAuth::VerifyClientCertIfGiven | ClientAuth::RequireAndVerifyClientCert => {
                let path = tls.client_cafile.as_deref().ok_or_else(|| {
                    TlsError::new("peers are verified by nobody's certificates", "set tls.client_cafile")
                })?;
                let roots = Arc::new(files::roots("client_cafile", path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let verifier = match tls.client_auth {
                    ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| {
                    TlsError::new(
                        format!("tls.client_cafile: {}: {error}", path.display()),
                        "name another file",
                    )
                })?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| mismatched(tls, &error))?;
        config.ignore_client_order = tls.prefer_server_ciphers.unwrap_or(true);
        if tls.session_tickets_disabled {
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(NoServerSessionStorage {});
        }
        Ok(TlsServer(Arc::new(config)))
    }

    /// Agrees with the peer of `stream`; takes as long as the peer does.
    ///
    /// # Errors
    /// What is wrong with the peer, or its certificate.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<tokio_rustls::server::TlsStream<S>> {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(stream).await
    }
}

impl World {
    /// Reads the files that `tls` names, as of `now`; nothing in a trial.
    ///
    /// # Errors
    /// [`TlsError`] for a file that is not what it should be, or if the system trusts nobody.
    pub fn tls(&self, tls: &Tls, now: Stamp) -> Result<TlsClient, TlsError> {
        let server_name = tls.server_name.as_deref().map(name_of).transpose().map_err(|_| {
            let name = tls.server_name.as_deref().unwrap_or_default();
            TlsError::new(
                format!("tls.server_name: {name:?} is no name"),
                "write the name in the peer's certificate",
            )
        })?;
        let asked = Arc::<AtomicBool>::default();
        let config = match self {
            World::Trial(_) => None,
            World::Real => {
                let mut config = client_config(tls, now)?;
                let resolver = config.client_auth_cert_resolver;
                config.client_auth_cert_resolver = Arc::new(Asked { resolver, asked: Arc::clone(&asked) });
                Some(Arc::new(config))
            }
        };
        Ok(TlsClient { config, asked, server_name })
    }

    /// Connects as [`World::connect_tcp`] does and agrees with the peer on keys, all of it `within` that time.
    ///
    /// # Errors
    /// As `connect_tcp`; what is wrong with the peer's certificate, and what to do.
    pub async fn connect_tls(
        &self,
        host: &str,
        port: u16,
        tls: &TlsClient,
        within: Duration,
    ) -> io::Result<Box<dyn Connection>> {
        let keep_alive = Some(super::dial::KEEPALIVE_AFTER);
        let dialing = Dialing { host, port, local: None, keep_alive, within };
        Ok(self.dial(&dialing, Some(tls)).await?.connection)
    }
}

impl TlsClient {
    /// Agrees with the peer of `stream`, which is `host` by name; takes as long as the peer does.
    ///
    /// By TLS 1.3 the handshake is over before the peer has looked at the certificate that it asked for; what is written then
    /// would be lost without a word. So it is waited for what the peer says to it.
    pub(super) async fn secure(
        &self,
        host: &str,
        stream: Box<dyn Connection>,
    ) -> io::Result<Box<dyn Connection>> {
        let Some(config) = &self.config else { return Ok(stream) };
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => name_of(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        let secured = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        let mut secured = secured.map_err(|error| explained(error, host))?;
        let late = secured.get_ref().1.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        if late
            && self.asked.load(Ordering::Relaxed)
            && let Ok(verdict) = tokio::time::timeout(VERDICT_WITHIN, verdict(&mut secured)).await
        {
            verdict.map_err(|error| explained(error, host))?;
        }
        Ok(Box::new(secured))
    }
}

/// How long a peer that asked for a certificate, and gives no ticket, has to refuse it.
const VERDICT_WITHIN: Duration = Duration::from_secs(2);

/// Waits for the first word of the peer after the handshake: a ticket or data if all is well.
async fn verdict(stream: &mut tokio_rustls::client::TlsStream<Box<dyn Connection>>) -> io::Result<()> {
    let heard = |context: &mut Context<'_>| {
        let heard = Pin::new(&mut *stream).poll_fill_buf(context).map_ok(<[u8]>::len);
        match heard {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(heard) => Poll::Ready(heard.map(|_| ())),
            Poll::Pending if stream.get_ref().1.tls13_tickets_received() > 0 => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    };
    poll_fn(heard).await
}

/// Notes whether a certificate is asked for, and answers as `resolver` does.
#[derive(Debug)]
struct Asked {
    resolver: Arc<dyn ResolvesClientCert>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.resolver.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}

fn client_config(tls: &Tls, now: Stamp) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(tls))
        .map_err(unfit)?;
    let builder = if tls.insecure_skip_verify {
        let algorithms = provider.signature_verification_algorithms;
        let any = Arc::new(AnyCertificate { algorithms, mandatory: false });
        builder.dangerous().with_custom_certificate_verifier(any)
    } else {
        builder.with_root_certificates(match &tls.root_cafile {
            Some(path) => files::roots("root_cafile", path)?,
            None => files::system_roots()?,
        })
    };
    let mut config = match identity(tls, &provider, now)? {
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| mismatched(tls, &error))?
        }
        None => builder.with_no_client_auth(),
    };
    if tls.session_tickets_disabled {
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificate to show, with its key, if there is one.
fn identity(tls: &Tls, provider: &Arc<CryptoProvider>, now: Stamp) -> Result<Option<Identity>, TlsError> {
    let (Some(path), Some(key)) = (&tls.cert_file, &tls.key_file) else { return Ok(None) };
    let chain = files::certificates("cert_file", path)?;
    let key = files::private_key("key_file", key)?;
    let at = path.display();
    match trust::validity(&chain, provider, now) {
        Validity::Valid => Ok(Some((chain, key))),
        Validity::Expired => {
            Err(TlsError::new(format!("tls.cert_file: the certificate in {at} has expired"), "renew it"))
        }
        Validity::NotYet => {
            let help = "is the clock of this machine right?";
            Err(TlsError::new(format!("tls.cert_file: the certificate in {at} is not valid yet"), help))
        }
    }
}

/// Why a certificate and a key were not taken.
fn mismatched(tls: &Tls, error: &rustls::Error) -> TlsError {
    let shown = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map_or_else(String::new, |path| path.display().to_string())
    };
    let (certificate, key) = (shown(&tls.cert_file), shown(&tls.key_file));
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::new(
            format!("tls.key_file: the key in {key} is not that of the certificate in {certificate}"),
            "name the key that the certificate was made with; the certificate comes first in its file, those that signed it behind it",
        ),
        error => TlsError::new(
            format!("tls.cert_file: {certificate} with the key in {key} cannot be used: {error}"),
            "use a certificate of version 3 with a key of RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519",
        ),
    }
}

/// What `error` of a connection to `host` by TLS means, where that can be told. A peer that wants a certificate says so
/// after the handshake.
pub fn explained(error: io::Error, host: &str) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let text = match inner {
        Some(rustls::Error::InvalidCertificate(
            // The other is said where somebody trusted has the name of who signed it.
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => {
            "the peer's certificate is signed by nobody trusted; name the file of who signed it in tls.root_cafile"
                .to_owned()
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => format!("the peer's certificate is not one of {host}; set tls.server_name to a name it has: {error}"),
        Some(rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired)) => {
            "the peer asks for a certificate; set tls.cert_file and tls.key_file".to_owned()
        }
        Some(rustls::Error::AlertReceived(
            alert @ (rustls::AlertDescription::BadCertificate
            | rustls::AlertDescription::UnsupportedCertificate
            | rustls::AlertDescription::CertificateRevoked
            | rustls::AlertDescription::CertificateExpired
            | rustls::AlertDescription::CertificateUnknown
            | rustls::AlertDescription::UnknownCA
            | rustls::AlertDescription::AccessDenied
            | rustls::AlertDescription::DecryptError),
        )) => format!("the peer refuses the certificate in tls.cert_file ({alert:?}); ask whom it trusts"),
        Some(rustls::Error::InvalidMessage(_)) => format!("the peer does not speak TLS: {error}"),
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}

fn unfit(error: rustls::Error) -> TlsError {
    TlsError::new(
        format!("no version of TLS can be spoken: {error}"),
        "see tls.min_version and tls.max_version",
    )
}

fn versions(tls: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let (min, max) = tls.versions();
    let all = [(Version::Tls12, &version::TLS12), (Version::Tls13, &version::TLS13)];
    all.into_iter().filter(|(version, _)| (min..=max).contains(version)).map(|(_, spoken)| spoken).collect()
}

fn name_of(host: &str) -> Result<ServerName<'static>, rustls::pki_types::InvalidDnsNameError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl From<TlsError> for BuildError {
    fn from(error: TlsError) -> BuildError {
        BuildError { message: error.message, help: Some(error.help) }
    }
}

#[cfg(test)]
mod tests;
