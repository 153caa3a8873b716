//! Whom to trust: peers that show any certificate, and whether one's own is of this time.
//!
//! Even where any certificate will do, the peer must prove that it has its key: else the certificate says nothing.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use crate::time::Stamp;

/// Takes any certificate.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    /// Listening: whether there must be one.
    pub(super) mandatory: bool,
}

/// What both kinds of verifiers do alike: a signature must be that of the certificate's key.
macro_rules! must_prove_its_key {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signed, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signed, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    must_prove_its_key!();
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    must_prove_its_key!();
}

/// How a certificate is to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    Expired,
    NotYet,
}

/// Whether the first of `chain` may be shown at `now`.
///
/// Nothing here reads certificates, but a verifier looks at this before it looks at who signed: it is asked, and what
/// else it says does not count.
pub(super) fn validity(
    chain: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
    now: Stamp,
) -> Validity {
    let mut roots = RootCertStore::empty();
    let added = chain.last().map(|last| roots.add(last.clone()));
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    let (Some(Ok(())), Ok(verifier), Ok(name)) = (added, verifier, ServerName::try_from("localhost")) else {
        return Validity::Valid;
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now.seconds().unsigned_abs()));
    match verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], time) {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Validity::Expired,
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Validity::NotYet,
        _ => Validity::Valid,
    }
}
