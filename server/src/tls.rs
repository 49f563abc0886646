//! The implementation of TLS.

/// Installs the implementation of TLS for this process. Web clients cannot be built before. Only the first call counts.
pub fn install() {
    // fails if one was installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
}
