//! Keeps the certificates that a server shows and what is thought of them, and then refuses all
//! but trusted ones.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::plan::ProbeTrust;
use super::roots::ProbeRoots;
use crate::crypto;
use crate::tls::{ClientIdentity, PinnedCa, TlsError, TlsSetupError};

/// What the handshake showed to the verifier and to the resolver of our own certificate.
#[derive(Debug, Default, Clone)]
pub(super) struct Shown {
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) ocsp_stapled: bool,
    pub(super) host: Option<Result<(), TlsError>>,
    pub(super) public: Option<Result<(), TlsError>>,
    pub(super) pin_matches: Option<bool>,
    pub(super) client_certificate_wanted: bool,
}

/// Shared between both and the probe.
pub(super) type SharedShown = Arc<Mutex<Shown>>;

/// Verifies as the plan wants it, and notes everything.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    roots: ProbeRoots,
    /// `None` for public trust.
    own: Option<Arc<dyn ServerCertVerifier>>,
    pin: Option<[u8; 32]>,
    shown: SharedShown,
}

/// Shows our certificate, if there is one, and notes that it was wanted.
#[derive(Debug)]
pub(super) struct RecordingIdentity {
    identity: ClientIdentity,
    shown: SharedShown,
}

impl RecordingVerifier {
    pub(super) fn new(
        trust: &ProbeTrust,
        roots: &ProbeRoots,
        shown: SharedShown,
    ) -> Result<Self, TlsSetupError> {
        let (own, pin): (Option<Arc<dyn ServerCertVerifier>>, _) = match trust {
            ProbeTrust::Public => (None, None),
            ProbeTrust::Pinned { ca_pin } => {
                let pinned = PinnedCa::new(*ca_pin, crypto::provider());
                (Some(Arc::new(pinned)), Some(*ca_pin))
            }
            ProbeTrust::Ca { der } => {
                let mut store = RootCertStore::empty();
                store
                    .add(CertificateDer::from(der.clone()))
                    .map_err(TlsSetupError::Ca)?;
                let verifier = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(store),
                    crypto::provider(),
                )
                .build()
                .map_err(TlsSetupError::Verifier)?;
                (Some(verifier), None)
            }
        };
        Ok(Self {
            roots: roots.clone(),
            own,
            pin,
            shown,
        })
    }
}

impl RecordingIdentity {
    pub(super) fn new(identity: &ClientIdentity, shown: SharedShown) -> Self {
        Self {
            identity: identity.clone(),
            shown,
        }
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let ask = |verifier: &dyn ServerCertVerifier| {
            verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(|_| ())
        };
        let ask_public = |verifier: &Option<Arc<WebPkiServerVerifier>>| match verifier {
            Some(verifier) => ask(verifier.as_ref()),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let host = ask_public(&self.roots.host);
        let public = ask_public(&self.roots.public);
        let own = self.own.as_deref().map(ask);

        let told = |result: &Result<(), rustls::Error>| match result {
            Ok(()) => Ok(()),
            Err(error) => Err(TlsError::from_rustls(error, self.pin.as_ref())),
        };
        let chain = std::iter::once(end_entity).chain(intermediates);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.chain = chain.map(|der| der.to_vec()).collect();
        shown.ocsp_stapled = !ocsp_response.is_empty();
        shown.host = Some(told(&host));
        shown.public = Some(told(&public));
        shown.pin_matches = self.pin.map(|pin| {
            shown
                .chain
                .iter()
                .any(|der| crypto::spki_sha256(der) == Some(pin))
        });
        drop(shown);

        let verdict = own.unwrap_or_else(|| match (host, public) {
            (Ok(()), _) | (_, Ok(())) => Ok(()),
            (Err(host), Err(public)) => Err(tells_more(host, public)),
        });
        verdict.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = crypto::provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = crypto::provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto::provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Of two refusals: an unknown issuer says less than, say, an expired certificate.
fn tells_more(host: rustls::Error, public: rustls::Error) -> rustls::Error {
    let unknown = |error: &rustls::Error| {
        *error == rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
    };
    if unknown(&host) { public } else { host }
}

impl ResolvesClientCert for RecordingIdentity {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .client_certificate_wanted = true;
        self.identity.resolve(root_hint_subjects, schemes)
    }

    fn has_certs(&self) -> bool {
        self.identity.has_certs()
    }
}
