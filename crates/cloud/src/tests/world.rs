//! A cloud on a loopback address of its own, and sites that use it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, header};
use flows::GarrisonFlow;
use model::SiteId;
use net::{ClientIdentity, ClientTls, DialError, Dialer, Endpoint, HttpClient, TlsTrust, body};
use proto::problem::ProblemKind;
use proto::{EnrolmentToken, Problem};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use trust::KeyPair;

use crate::{Cloud, Config, NewToken, Running, new_token};

pub(super) const LIMIT: Duration = Duration::from_secs(20);
const MAX_ANSWER: usize = 4 << 20;

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) running: Running,
    pub(super) config: Config,
}

/// An answer of the cloud.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    /// The problem that it must be.
    pub(super) fn problem(&self) -> Problem {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{self:?}"
        );
        let problem: Problem = serde_json::from_value(self.body.clone()).unwrap();
        assert_eq!(problem.status, self.status, "{self:?}");
        problem
    }

    pub(super) fn kind(&self) -> ProblemKind {
        self.problem().kind().unwrap()
    }

    pub(super) fn ok(&self) -> &Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        &self.body
    }
}

/// Any address of 127.0.0.0/8 is this machine: no two tests share one.
pub(super) fn own_address() -> IpAddr {
    let bytes = *uuid::Uuid::new_v4().as_bytes();
    IpAddr::V4(Ipv4Addr::new(127, bytes[0] | 0x10, bytes[1], bytes[2] | 2))
}

pub(super) fn config(folder: &Path) -> Config {
    Config {
        folder: folder.join("cloud"),
        bind: own_address(),
        ..Config::default()
    }
}

pub(super) async fn start() -> World {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let running = Cloud::start(config.clone()).await.unwrap();
    World {
        folder,
        running,
        config,
    }
}

impl World {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.config.folder.join(name)
    }

    pub(super) fn first_token(&self) -> EnrolmentToken {
        read_token(&self.path("first-site-token"))
    }

    pub(super) async fn token(&self, uses: u32, replaces: Option<SiteId>) -> EnrolmentToken {
        let wishes = NewToken {
            file: self.folder.path().join("token"),
            uses,
            lifetime: Duration::from_secs(60),
            replaces,
        };
        let made = new_token(&self.config.folder, wishes, model::Timestamp::now())
            .await
            .unwrap();
        read_token(&made.file)
    }

    pub(super) fn client(&self, identity: &ClientIdentity) -> HttpClient {
        client(&self.first_token(), identity)
    }

    pub(super) fn stranger(&self) -> HttpClient {
        self.client(&ClientIdentity::none())
    }

    pub(super) async fn stop(self) -> (tempfile::TempDir, Config) {
        assert!(self.running.shutdown(LIMIT).await);
        (self.folder, self.config)
    }
}

pub(super) fn read_token(path: &Path) -> EnrolmentToken {
    EnrolmentToken::parse(&trust::keyfile::read_text(path).unwrap()).unwrap()
}

pub(super) fn client(token: &EnrolmentToken, identity: &ClientIdentity) -> HttpClient {
    let mut ca_pin = [0; 32];
    hex::decode_to_slice(&token.ca_pin, &mut ca_pin).unwrap();
    let tls = ClientTls::new(&TlsTrust::Pinned { ca_pin }, identity).unwrap();
    let endpoint = Endpoint::parse(&token.addresses[0]).unwrap();
    HttpClient::new(Dialer::new(
        GarrisonFlow::ManagerCloud.flow(),
        endpoint,
        tls,
    ))
}

pub(super) async fn send(
    client: &HttpClient,
    method: Method,
    path: &str,
    content: Option<&Value>,
) -> Result<Answer, DialError> {
    let request = Request::builder().method(method).uri(path);
    let request = match content {
        Some(value) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body::full(serde_json::to_vec(value).unwrap())),
        None => request.body(body::empty()),
    };
    let response = client.send(request.unwrap()).await?;
    let response = net::read_limited(response, MAX_ANSWER, LIMIT)
        .await
        .unwrap();
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
    })
}

pub(super) async fn post(client: &HttpClient, path: &str, content: &Value) -> Answer {
    send(client, Method::POST, path, Some(content))
        .await
        .unwrap()
}

pub(super) async fn get(client: &HttpClient, path: &str) -> Answer {
    send(client, Method::GET, path, None).await.unwrap()
}

/// A site with a key of its own.
pub(super) struct Site {
    pub(super) id: SiteId,
    pub(super) key: KeyPair,
}

impl Site {
    pub(super) fn new() -> Self {
        Self {
            id: SiteId::generate(),
            key: KeyPair::generate().unwrap(),
        }
    }

    pub(super) async fn enrol(&self, world: &World, token: &EnrolmentToken) -> Answer {
        let request = json!({
            "secret": token.secret,
            "certificate_request": self.key.certificate_request().unwrap(),
            "site": self.id,
            "name": "Lyon",
        });
        post(&world.stranger(), "/site/v1/enrol", &request).await
    }

    /// Enrols, and gives the client that shows the certificate.
    pub(super) async fn enrolled(&self, world: &World, token: &EnrolmentToken) -> HttpClient {
        let answer = self.enrol(world, token).await;
        let certificate = answer.ok()["certificate"].as_str().unwrap().to_owned();
        world.client(&identity(&self.key, &certificate))
    }
}

pub(super) fn identity(key: &KeyPair, certificate: &str) -> ClientIdentity {
    let chain = vec![
        trust::certificate::der_from_pem(certificate)
            .unwrap()
            .into(),
    ];
    let key = PrivatePkcs8KeyDer::from(key.pkcs8_der());
    ClientIdentity::new(chain, key.into()).unwrap()
}
