//! A site for a test: a CA, what it issues, and a server that it vouches for.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use flows::{Flow, GarrisonFlow};
use http::Request;
use net::{
    CancellationToken, ClientAuth, ClientIdentity, ClientTls, Connections, Dialer, Endpoint,
    HttpClient, Listener, PortChoice, RequestBody, ServeLimits, Server, ServerIdentity, ServerTls,
    Timeouts, TlsTrust, body,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use tokio::task::JoinHandle;

/// Longer than anything here takes on a slow machine, and the end of a test that hangs.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// A limit that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

pub(crate) struct Ca {
    pub(crate) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

/// Days from now.
pub(crate) struct Validity {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

pub(crate) const VALID: Validity = Validity {
    from: -1,
    until: 30,
};
pub(crate) const EXPIRED: Validity = Validity {
    from: -30,
    until: -3,
};
pub(crate) const NOT_YET: Validity = Validity { from: 3, until: 30 };

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, name);
        let der = params.self_signed(&key).unwrap().der().clone();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pin(&self) -> [u8; 32] {
        net::spki_sha256(&self.der).unwrap()
    }

    pub(crate) fn server(&self, name: &str, validity: &Validity) -> Leaf {
        self.issue(
            vec![name.to_owned()],
            ExtendedKeyUsagePurpose::ServerAuth,
            validity,
        )
    }

    pub(crate) fn device(&self, validity: &Validity) -> Leaf {
        self.issue(Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, validity)
    }

    fn issue(
        &self,
        names: Vec<String>,
        purpose: ExtendedKeyUsagePurpose,
        validity: &Validity,
    ) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![purpose];
        params.not_before = OffsetDateTime::now_utc() + time::Duration::days(validity.from);
        params.not_after = OffsetDateTime::now_utc() + time::Duration::days(validity.until);
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            chain: vec![leaf.der().clone(), self.der.clone()],
            key: key.serialize_der(),
        }
    }

    pub(crate) fn pinned(&self) -> TlsTrust {
        TlsTrust::Pinned { ca_pin: self.pin() }
    }

    pub(crate) fn known(&self) -> TlsTrust {
        TlsTrust::Ca {
            der: self.der.to_vec(),
        }
    }
}

impl Leaf {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }

    pub(crate) fn spki(&self) -> [u8; 32] {
        net::spki_sha256(&self.chain[0]).unwrap()
    }

    pub(crate) fn as_server(&self) -> ServerIdentity {
        ServerIdentity::new(self.chain.clone(), self.key()).unwrap()
    }

    pub(crate) fn as_client(&self) -> ClientIdentity {
        ClientIdentity::new(self.chain.clone(), self.key()).unwrap()
    }
}

pub(crate) fn flow() -> &'static Flow {
    GarrisonFlow::AgentChannel.flow()
}

/// A listener of a flow that prefers a free port.
pub(crate) fn listener() -> Listener {
    let free = PortChoice {
        remembered: Some(0),
        ..PortChoice::default()
    };
    Listener::bind(flow(), [127, 0, 0, 1].into(), free).unwrap()
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    pub(crate) identity: ServerIdentity,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LONG, self.task)
            .await
            .expect("the server stops")
            .unwrap();
    }
}

/// What a test varies about a server.
pub(crate) struct Setup {
    pub(crate) ca: Ca,
    pub(crate) leaf: Leaf,
    pub(crate) limits: ServeLimits,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let ca = Ca::new("site");
        let leaf = ca.server("127.0.0.1", &VALID);
        Self {
            ca,
            leaf,
            limits: ServeLimits::default(),
        }
    }

    pub(crate) fn serve(&self, router: Router) -> Running {
        self.serve_on(listener(), self.optional(), router)
    }

    pub(crate) fn optional(&self) -> ClientAuth {
        ClientAuth::Optional {
            cas: vec![self.ca.der.clone()],
        }
    }

    pub(crate) fn serve_on(
        &self,
        listener: Listener,
        clients: ClientAuth,
        router: Router,
    ) -> Running {
        let identity = self.leaf.as_server();
        let tls = ServerTls::new(&identity, clients).unwrap();
        let address = listener.address();
        let server = Server::new(listener, Some(tls), router).with_limits(self.limits);
        let connections = server.connections();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server.serve(shutdown.clone()));
        Running {
            address,
            connections,
            identity,
            shutdown,
            task,
        }
    }

    pub(crate) fn dialer(&self, address: SocketAddr, identity: &ClientIdentity) -> Dialer {
        dialer(address, &self.ca.pinned(), identity)
    }

    pub(crate) fn anonymous(&self, address: SocketAddr) -> HttpClient {
        HttpClient::new(self.dialer(address, &ClientIdentity::none()))
    }

    pub(crate) fn client(&self, address: SocketAddr, leaf: &Leaf) -> HttpClient {
        HttpClient::new(self.dialer(address, &leaf.as_client()))
    }
}

pub(crate) fn dialer(address: SocketAddr, trust: &TlsTrust, identity: &ClientIdentity) -> Dialer {
    let tls = ClientTls::new(trust, identity).unwrap();
    Dialer::new(flow(), Endpoint::from(address), tls).with_timeouts(Timeouts {
        resolve: LONG,
        proxy: LONG,
        tcp: LONG,
        tls: LONG,
        http: LONG,
        response: LONG,
    })
}

pub(crate) fn request(path: &str) -> Request<RequestBody> {
    Request::get(path).body(body::empty()).unwrap()
}

/// The text of a GET's response.
pub(crate) async fn text(client: &HttpClient, path: &str) -> String {
    let response = client.send(request(path)).await.unwrap();
    let response = net::read_limited(response, 1 << 20, LONG).await.unwrap();
    String::from_utf8(response.into_body().to_vec()).unwrap()
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}
