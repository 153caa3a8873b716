//! Certificates and keys in files. Every error names the file and the way out.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TlsError {
    /// What is wrong, with the file.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl TlsError {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> TlsError {
        TlsError { message: message.into(), help: help.into() }
    }
}

/// The certificates of a file, the first one first; there is one at least.
pub(super) fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| {
        TlsError::new(format!("tls.{key}: {} is no whole PEM file: {error}", path.display()), AS_PEM)
    })?;
    match found.is_empty() {
        true => Err(TlsError::new(format!("tls.{key}: no certificate is in {}", path.display()), AS_PEM)),
        false => Ok(found),
    }
}

/// The private key of a file.
pub(super) fn private_key(key: &str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(key, path)?;
    let (at, text) = (path.display(), String::from_utf8_lossy(&pem));
    if text.contains("ENCRYPTED") {
        let help = format!("take the passphrase off: openssl pkey -in {at} -out key.pem");
        return Err(TlsError::new(format!("tls.{key}: the key in {at} has a passphrase"), help));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            let help = "name the file that has a line with BEGIN PRIVATE KEY";
            TlsError::new(format!("tls.{key}: no private key is in {at}"), help)
        }
        error => TlsError::new(format!("tls.{key}: {at} is no whole PEM file: {error}"), AS_PEM),
    })
}

/// The certificates of a file as those that are trusted to sign.
pub(super) fn roots(key: &str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(key, path)? {
        store.add(certificate).map_err(|error| {
            TlsError::new(format!("tls.{key}: a certificate in {} is none: {error}", path.display()), AS_PEM)
        })?;
    }
    Ok(store)
}

/// Those that the system trusts.
pub(super) fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let help = "install the system's certificates (package ca-certificates), or name the file of those that sign the peer's in tls.root_cafile";
        return Err(TlsError::new(format!("this system trusts no certificate{why}"), help));
    }
    Ok(store)
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| {
        let help = match error.kind() {
            ErrorKind::NotFound => "name the file by its whole path".to_owned(),
            ErrorKind::PermissionDenied => permission(path),
            _ => "name a file that hekad can read".to_owned(),
        };
        TlsError::new(format!("tls.{key}: {} cannot be read: {error}", path.display()), help)
    })
}

fn permission(path: &Path) -> String {
    let at: PathBuf = path.to_owned();
    format!("let hekad's user read it and its folders: setfacl -m u:USER:r {}", at.display())
}

const AS_PEM: &str = "write it as PEM, with lines BEGIN CERTIFICATE and END CERTIFICATE";
