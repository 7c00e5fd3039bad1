//! TLS to the server: whose certificate counts. Reads certificate files.
//! The cryptography is rustls with ring; nothing of it is made here.

use crate::fault::{Fault, Heard};
use crate::settings::{Protection, Settings, Way};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;

/// What a certificate or key file that cannot be used is called.
const FILE: Fault = Fault::Own("tls-file");

/// A client for the settings' host; `None` where the line stays plain.
pub(crate) fn client(settings: &Settings) -> Heard<Option<ClientConnection>> {
    let Way::Tcp(host, _) = &settings.way else { return Ok(None) };
    let provider = Arc::new(ring::default_provider());
    let by_name = || -> Heard<Arc<WebPkiServerVerifier>> {
        let roots = Arc::new(authorities(settings.authority.as_deref())?);
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().map_err(|_| FILE)
    };
    let verifier: Arc<dyn ServerCertVerifier> = match settings.protection {
        Protection::Plain => return Ok(None),
        Protection::Authority => Arc::new(AnyName(by_name()?)),
        Protection::Name => by_name()?,
    };
    let config = config(provider.clone(), verifier, settings)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|_| Fault::Own("tls-name"))?;
    ClientConnection::new(Arc::new(config), name).map(Some).map_err(|_| Fault::Own("tls-refused"))
}

fn config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    settings: &Settings,
) -> Heard<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| Fault::Own("tls-refused"))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let Some((chain, key)) = &settings.identity else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| FILE)?;
    builder.with_client_auth_cert(certificates(chain)?, key).map_err(|_| FILE)
}

/// The authority that was named, and it alone; without one, those of the system.
fn authorities(named: Option<&Path>) -> Heard<RootCertStore> {
    let found = match named {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found);
    if taken == 0 { Err(Fault::Own("tls-authority")) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Heard<Vec<CertificateDer<'static>>> {
    let listed = CertificateDer::pem_file_iter(path).map_err(|_| FILE)?;
    listed.collect::<std::result::Result<_, _>>().map_err(|_| FILE)
}

/// `verify-ca`: the authority vouches for the certificate, whatever name stands in it.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        // The chain is judged before the name, so a wrong name is all that can be wrong here.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
