//! Other ends that do not behave as ours: scripts for one connection after the other.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::site::Leaf;

/// A listener whose connections are handed to a script; ends when dropped.
pub(crate) struct Stranger {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stranger {
    pub(crate) async fn new<F, Fut>(script: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                script(stream).await;
            }
        });
        Self { address, task }
    }

    /// Reads, and never answers.
    pub(crate) async fn silent() -> Self {
        Self::new(|mut stream| async move { drain(&mut stream).await }).await
    }

    /// Says this, whatever it hears.
    pub(crate) async fn saying(words: &'static [u8]) -> Self {
        Self::new(move |mut stream| async move {
            let mut heard = [0u8; 16];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(words).await;
            drain(&mut stream).await;
        })
        .await
    }

    /// Hangs up as soon as it heard something.
    pub(crate) async fn hanging_up() -> Self {
        Self::new(|mut stream| async move {
            let mut heard = [0u8; 4096];
            let _ = stream.read(&mut heard).await;
        })
        .await
    }

    /// Speaks TLS with this configuration, and then follows the script.
    pub(crate) async fn over_tls<F, Fut>(config: ServerConfig, script: F) -> Self
    where
        F: Fn(TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let script = Arc::new(script);
        Self::new(move |stream| {
            let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    script(stream).await;
                }
            }
        })
        .await
    }
}

/// A server's configuration that our own code would not make.
pub(crate) fn config(
    leaf: &Leaf,
    alpn: &[u8],
    version: &'static rustls::SupportedProtocolVersion,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key())
        .unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

/// Reads until the other side closes.
pub(crate) async fn drain(stream: &mut TcpStream) {
    let mut heard = [0u8; 4096];
    while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
}
