//! TLS: whom to trust, and the handshake.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tidegate_core::{WireFault, WireFaultKind};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::io::Io;

/// Certificates to trust and what is made of them, once.
pub(super) struct Tls {
    /// Beside those of the system.
    extra: Vec<CertificateDer<'static>>,
    /// Made at the first encrypted connection: reading the system's certificates takes milliseconds, which a run
    /// against a local service should not pay. The error is kept too, as it would be the same the next time.
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    /// Trusts the system's certificates and `extra`.
    pub(super) fn new(extra: Vec<CertificateDer<'static>>) -> Self {
        Self { extra, config: OnceLock::new() }
    }

    /// Speaks TLS on `stream` with the server called `host`.
    ///
    /// # Errors
    /// [`WireFaultKind::Tls`] where the certificate is not to be trusted or TLS is spoken wrongly,
    /// [`WireFaultKind::Connect`] where the connection ended meanwhile.
    pub(super) async fn shake(&self, host: &str, stream: Io) -> Result<TlsStream<Io>, WireFault> {
        let config = self
            .config
            .get_or_init(|| self.configure())
            .clone()
            .map_err(|message| WireFault::new(WireFaultKind::Tls, message))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            WireFault::new(WireFaultKind::BadUrl, "the host is no name a certificate can have")
        })?;
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| classify(&error))
    }

    fn configure(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        for certificate in &self.extra {
            roots
                .add(certificate.clone())
                .map_err(|error| format!("a configured certificate cannot be read: {error}"))?;
        }
        if roots.is_empty() {
            return Err(
                "no trusted certificates found; install the system's CA certificates or set SSL_CERT_FILE"
                    .to_owned(),
            );
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn classify(error: &io::Error) -> WireFault {
    let spoken = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    let kind = if spoken { WireFaultKind::Tls } else { WireFaultKind::Connect };
    WireFault::new(kind, format!("during the tls handshake: {error}"))
}
