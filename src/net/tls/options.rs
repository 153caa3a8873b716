//! The options of TLS: a table `tls` with Heka's keys, shared by everything that listens or connects.
//!
//! What Heka could be told and this library decides itself is refused with what to do, never ignored.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Violation;

/// Options of TLS; names are Heka's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Connecting: the name that the peer's certificate must have. Default: the host of the address.
    pub server_name: Option<String>,
    /// File with the certificate to show, in PEM, and those that signed it behind it. Listening needs one; connecting
    /// only where the peer asks for it.
    pub cert_file: Option<PathBuf>,
    /// File with the private key of that certificate, in PEM, without a passphrase.
    pub key_file: Option<PathBuf>,
    /// Listening: whether peers show a certificate. "NoClientCert" (default) does not ask; "RequestClientCert" asks and
    /// takes any or none; "RequireAnyClientCert" takes any; "VerifyClientCertIfGiven" takes none, or one that
    /// client_cafile signed; "RequireAndVerifyClientCert" takes only those.
    pub client_auth: ClientAuth,
    /// Refused if given: which ciphers there are is the TLS library's choice, and none of them is weak.
    pub ciphers: Vec<String>,
    /// Connecting: whether the peer may show any certificate, which lets anybody in between read along. For tests.
    /// Default false.
    pub insecure_skip_verify: bool,
    /// Listening: whether the order of ciphers is this side's and not the peer's. Without it: true.
    pub prefer_server_ciphers: Option<bool>,
    /// Whether every connection is made without what an earlier one agreed on. Default false.
    pub session_tickets_disabled: bool,
    /// Refused if given (Heka's spelling): keys of tickets are made at the start and shown to nobody.
    pub sesion_ticket_key: Option<String>,
    /// The oldest version spoken: "TLS12" (default) or "TLS13". Older ones are refused.
    pub min_version: Option<Version>,
    /// The newest version spoken: "TLS12" or "TLS13" (default).
    pub max_version: Option<Version>,
    /// Listening: file with the certificates, in PEM, that sign those of peers; needed to verify them.
    pub client_cafile: Option<PathBuf>,
    /// Connecting: file with the certificates, in PEM, that sign the peer's. Default: those that the system trusts.
    pub root_cafile: Option<PathBuf>,
}

/// Whether peers show a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    NoClientCert,
    /// They are asked, and may show any or none.
    RequestClientCert,
    /// They must show one, which may be any.
    RequireAnyClientCert,
    /// If they show one, it is verified.
    VerifyClientCertIfGiven,
    /// They must show one, which is verified.
    RequireAndVerifyClientCert,
}

/// A version of the protocol, by Heka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Version {
    /// Broken; refused.
    Ssl30,
    /// Broken; refused.
    Tls10,
    /// Broken; refused.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Which side of a connection is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsSide {
    /// It listens.
    Listening,
    /// It connects.
    Connecting,
}

impl Tls {
    /// What is wrong with the options of a plugin that has them beside `use_tls`.
    pub fn check(&self, use_tls: bool, side: TlsSide) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |key: &str, message: &str, help: &str| {
            let help = (!help.is_empty()).then(|| help.to_owned());
            violations.push(Violation { help, ..Violation::new(key, message) });
        };
        if !use_tls {
            if *self != Tls::default() {
                refuse("tls", "means nothing without use_tls = true", "");
            }
            return violations;
        }
        let given = [self.cert_file.is_some(), self.key_file.is_some()];
        match side {
            TlsSide::Listening if given != [true, true] => {
                refuse("use_tls", "needs tls.cert_file and tls.key_file", MAKE_ONE);
            }
            TlsSide::Connecting if given[0] != given[1] => {
                let [one, other] =
                    if given[0] { ["cert_file", "key_file"] } else { ["key_file", "cert_file"] };
                refuse(&format!("tls.{one}"), &format!("needs tls.{other}"), "");
            }
            _ => {}
        }
        for key in self.keys_of_the_other(side) {
            let (message, other) = match side {
                TlsSide::Listening => ("is for what connects, and this listens", "an output"),
                TlsSide::Connecting => ("is for what listens, and this connects", "an input"),
            };
            refuse(&format!("tls.{key}"), message, &format!("remove the line, or move it to {other}"));
        }
        self.check_files(side, &mut refuse);
        self.check_ours(&mut refuse);
        violations
    }

    /// Keys that are given and mean nothing on this side.
    fn keys_of_the_other(&self, side: TlsSide) -> Vec<&'static str> {
        let keys = match side {
            TlsSide::Listening => vec![
                ("server_name", self.server_name.is_some()),
                ("root_cafile", self.root_cafile.is_some()),
                ("insecure_skip_verify", self.insecure_skip_verify),
            ],
            TlsSide::Connecting => vec![
                ("client_auth", self.client_auth != ClientAuth::NoClientCert),
                ("client_cafile", self.client_cafile.is_some()),
                ("prefer_server_ciphers", self.prefer_server_ciphers.is_some()),
            ],
        };
        keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }

    /// What is wrong with who is to be verified, on the side where that means something.
    fn check_files(&self, side: TlsSide, refuse: &mut dyn FnMut(&str, &str, &str)) {
        use ClientAuth::{RequireAndVerifyClientCert, VerifyClientCertIfGiven};
        let verifies = matches!(self.client_auth, VerifyClientCertIfGiven | RequireAndVerifyClientCert);
        if side == TlsSide::Connecting {
            if self.insecure_skip_verify && self.root_cafile.is_some() {
                refuse(
                    "tls.root_cafile",
                    "means nothing with tls.insecure_skip_verify",
                    "remove one of them",
                );
            }
            return;
        }
        if verifies && self.client_cafile.is_none() {
            let help = "name the file with the certificates that sign those of the peers";
            refuse("tls.client_auth", "needs tls.client_cafile", help);
        }
        if self.client_cafile.is_some() && !verifies {
            let help = "set tls.client_auth to \"RequireAndVerifyClientCert\"";
            refuse("tls.client_cafile", "means nothing unless certificates of peers are verified", help);
        }
    }

    /// What is wrong on either side.
    fn check_ours(&self, refuse: &mut dyn FnMut(&str, &str, &str)) {
        if !self.ciphers.is_empty() {
            let help = "remove the line: TLS 1.2 and 1.3 are spoken with ciphers that have forward secrecy";
            refuse("tls.ciphers", "cannot be chosen", help);
        }
        if self.sesion_ticket_key.is_some() {
            let help = "remove the line: they are made at the start and shown to nobody";
            refuse("tls.sesion_ticket_key", "keys of tickets cannot be chosen", help);
        }
        for (key, version) in [("tls.min_version", self.min_version), ("tls.max_version", self.max_version)] {
            if version.is_some_and(|version| version < Version::Tls12) {
                let help = "write \"TLS12\" or \"TLS13\", or remove the line";
                refuse(key, "is of a version that can be broken and is not spoken", help);
            }
        }
        let (min, max) = self.versions();
        if min > max {
            refuse("tls.min_version", "is above tls.max_version", "");
        }
    }

    /// The oldest and the newest version spoken.
    pub(super) fn versions(&self) -> (Version, Version) {
        (self.min_version.unwrap_or(Version::Tls12), self.max_version.unwrap_or(Version::Tls13))
    }
}

const MAKE_ONE: &str = "to try it: openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tls: &Tls, use_tls: bool, side: TlsSide) -> Vec<String> {
        let text = |violation: Violation| format!("{}: {}", violation.key, violation.message);
        tls.check(use_tls, side).into_iter().map(text).collect()
    }

    #[test]
    fn listening_needs_a_certificate_and_its_key() {
        let mut tls = Tls::default();
        let needs = ["use_tls: needs tls.cert_file and tls.key_file"];
        assert_eq!(told(&tls, true, TlsSide::Listening), needs);
        tls.cert_file = Some("/c".into());
        assert_eq!(told(&tls, true, TlsSide::Listening), needs);
        assert_eq!(told(&tls, true, TlsSide::Connecting), ["tls.cert_file: needs tls.key_file"]);
        tls.key_file = Some("/k".into());
        assert!(told(&tls, true, TlsSide::Listening).is_empty());
        assert_eq!(told(&tls, false, TlsSide::Listening), ["tls: means nothing without use_tls = true"]);
        assert!(told(&Tls::default(), true, TlsSide::Connecting).is_empty());
    }

    #[test]
    fn what_cannot_be_chosen_is_refused_and_what_is_for_the_other_side_too() {
        let tls: Tls = toml::from_str(
            "ciphers = ['RSA_WITH_RC4_128_SHA']\nsesion_ticket_key = 'x'\nmin_version = 'TLS10'\nmax_version = 'SSL30'\nclient_auth = 'RequireAndVerifyClientCert'\n",
        )
        .unwrap();
        assert_eq!(
            told(&tls, true, TlsSide::Connecting),
            [
                "tls.client_auth: is for what listens, and this connects",
                "tls.ciphers: cannot be chosen",
                "tls.sesion_ticket_key: keys of tickets cannot be chosen",
                "tls.min_version: is of a version that can be broken and is not spoken",
                "tls.max_version: is of a version that can be broken and is not spoken",
                "tls.min_version: is above tls.max_version",
            ]
        );
        let any = Tls { insecure_skip_verify: true, root_cafile: Some("/r".into()), ..Tls::default() };
        let meaningless = ["tls.root_cafile: means nothing with tls.insecure_skip_verify"];
        assert_eq!(told(&any, true, TlsSide::Connecting), meaningless);
        let tls: Tls = toml::from_str(
            "server_name = 'a'\nroot_cafile = '/r'\ninsecure_skip_verify = true\nclient_cafile = '/a'\ncert_file = '/c'\nkey_file = '/k'\nmin_version = 'TLS13'\nmax_version = 'TLS12'\n",
        )
        .unwrap();
        assert_eq!(
            told(&tls, true, TlsSide::Listening),
            [
                "tls.server_name: is for what connects, and this listens",
                "tls.root_cafile: is for what connects, and this listens",
                "tls.insecure_skip_verify: is for what connects, and this listens",
                "tls.client_cafile: means nothing unless certificates of peers are verified",
                "tls.min_version: is above tls.max_version",
            ]
        );
    }
}
