//! TLS to the server: whose certificate counts, and what is said when it does not. Reads certificate files.
//! The cryptography is rustls with ring; nothing of it is made here.

use crate::error::{refused, system};
use crate::settings::{SslMode, TlsFiles};
use lastbell_contract::{AdapterError, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A client that trusts the authorities told, and them alone; without any, those of the system.
pub(crate) fn client(host: &str, mode: SslMode, files: &TlsFiles) -> Result<ClientConnection> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(authorities(files)?);
    let broken = |_| refused(ErrorKind::Unsupported, "open", "tls-file");
    let by_name = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().map_err(broken)?;
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        SslMode::VerifyCa => Arc::new(AnyName(by_name)),
        SslMode::VerifyFull | SslMode::Disable => by_name,
    };
    let config = settled(provider, verifier, files)?;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| refused(ErrorKind::Unreachable, "open", "tls-name"))?;
    ClientConnection::new(Arc::new(config), name).map_err(|_| refused(ErrorKind::Unreachable, "open", "tls-failed"))
}

fn settled(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    files: &TlsFiles,
) -> Result<ClientConfig> {
    let failed = |_| refused(ErrorKind::Engine, "open", "tls-failed");
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file_failed(&error))?;
    builder.with_client_auth_cert(chain, key).map_err(|_| refused(ErrorKind::Denied, "open", "tls-file"))
}

fn authorities(files: &TlsFiles) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = match &files.authority {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (taken, _) = roots.add_parsable_certificates(found);
    // With an empty list nothing could be trusted, and rustls would say so in the middle of a handshake.
    if taken == 0 { Err(refused(ErrorKind::Unreachable, "open", "tls-authority-none")) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let listed = CertificateDer::pem_file_iter(path).map_err(|error| file_failed(&error))?;
    listed.collect::<std::result::Result<_, _>>().map_err(|error| file_failed(&error))
}

fn file_failed(error: &pem::Error) -> AdapterError {
    match error {
        pem::Error::Io(error) => system("open", error).code("tls-file"),
        _ => refused(ErrorKind::Unsupported, "open", "tls-file"), // not ours and open-ended; the file is no PEM
    }
}

/// What ended a handshake.
pub(crate) fn failed(error: &io::Error) -> AdapterError {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let code = match told {
        Some(Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "tls-name",
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => "tls-expired",
            _ => "tls-authority", // unknown issuer, revoked, wrong usage: nobody we trust vouches for it
        },
        Some(Error::PeerIncompatible(_)) => "tls-version",
        Some(_) | None => "tls-failed",
    };
    refused(ErrorKind::Unreachable, "open", code)
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
