//! The link to a cloud, which here is a few routes behind real TLS.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use flows::GarrisonFlow;
use manager::cloud;
use model::Timestamp;
use net::{CancellationToken, ClientAuth, Listener, PortChoice, Server, ServerIdentity, ServerTls};
use proto::problem::ProblemKind;
use proto::site::{PingBatch, PingReceipt, SiteEnrolAnswer, SiteEnrolRequest};
use proto::{EnrolmentToken, Problem};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use trust::{CertificateAuthority, Subject};

use crate::events::{Spool, deliver, finding};
use crate::stand::Stand;

struct Cloud {
    token: String,
    received: Arc<Mutex<Vec<PingBatch>>>,
    end: CancellationToken,
}

const SECRET: &str = "the secret of this test";

fn routes(ca: Arc<CertificateAuthority>, received: Arc<Mutex<Vec<PingBatch>>>) -> Router {
    let enrol = move |Json(request): Json<SiteEnrolRequest>| async move {
        if request.secret != SECRET {
            let problem = Problem::new(ProblemKind::TokenUnknown, "no such token");
            return Err((StatusCode::FORBIDDEN, Json(problem)));
        }
        let issued = ca
            .issue_client(
                &request.certificate_request,
                Subject::Site(request.site),
                Duration::from_secs(90 * 86_400),
                Timestamp::now(),
            )
            .unwrap();
        Ok(Json(SiteEnrolAnswer {
            certificate: issued.pem,
            ca_certificate: ca.certificate_pem().to_owned(),
            server_time: Timestamp::now(),
        }))
    };
    let pings = move |Json(batch): Json<PingBatch>| async move {
        let counted_through = batch.sequence;
        received.lock().unwrap().push(batch);
        Json(PingReceipt { counted_through })
    };
    Router::new()
        .route("/site/v1/enrol", post(enrol))
        .route("/site/v1/pings", post(pings))
}

fn cloud() -> Cloud {
    net::install_crypto();
    let ca = Arc::new(CertificateAuthority::create("cloud", Timestamp::now()).unwrap());
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let address = IpAddr::from([127, bytes[0], bytes[1], bytes[2] | 1]);
    let listener = Listener::bind(
        GarrisonFlow::ManagerCloud.flow(),
        address,
        PortChoice::default(),
    )
    .unwrap();
    let certificate = ca
        .issue_server(
            &[address.to_string()],
            Duration::from_secs(86_400),
            Timestamp::now(),
        )
        .unwrap();
    let identity = ServerIdentity::new(
        certificate.chain_der.into_iter().map(Into::into).collect(),
        PrivatePkcs8KeyDer::from(certificate.key_pkcs8_der).into(),
    )
    .unwrap();
    let clients = ClientAuth::Optional {
        cas: vec![ca.certificate_der().to_vec().into()],
    };
    let tls = ServerTls::new(&identity, clients).unwrap();
    let token = EnrolmentToken {
        addresses: vec![listener.address().to_string()],
        ca_pin: ca.pin_hex(),
        secret: SECRET.to_owned(),
        group: "cloud".to_owned(),
        expires: Timestamp::now().plus(Duration::from_secs(3600)),
    };
    let received = Arc::new(Mutex::new(Vec::new()));
    let end = CancellationToken::new();
    let server = Server::new(listener, Some(tls), routes(ca, Arc::clone(&received)));
    tokio::spawn(server.serve(end.clone()));
    Cloud {
        token: token.to_text(),
        received,
        end,
    }
}

async fn enrol(stand: &Stand, cloud: &Cloud) -> Value {
    stand
        .post(
            "/api/v1/cloud",
            json!({"token": cloud.token, "name": "Lyon"}),
        )
        .await
        .expect(StatusCode::OK)
}

async fn find_something(stand: &Stand, spool: &str) {
    let device = stand.device().await;
    let bodies = vec![finding("/srv/x", None), finding("/srv/y", None)];
    let batch = Spool::new(spool).batch(bodies);
    deliver(stand, &device, &batch).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_of_an_hour_that_is_over_are_delivered_once_and_name_no_file_or_device() {
    let cloud = cloud();
    let stand = Stand::at(Timestamp::now()).await;
    let link = stand.get("/api/v1/cloud").await.expect(StatusCode::OK);
    assert_eq!(link["state"], "not_enrolled");
    find_something(&stand, "before").await;
    let link = enrol(&stand, &cloud).await;
    assert_eq!(link["state"], "connected");
    assert_eq!(
        link["waiting"], 0,
        "nothing is counted for a site without a cloud"
    );
    find_something(&stand, "a").await;
    find_something(&stand, "b").await;
    cloud::deliver(&stand.site).await.unwrap();
    assert!(
        cloud.received.lock().unwrap().is_empty(),
        "the hour is not over"
    );
    let link = stand.get("/api/v1/cloud").await.json();
    assert_eq!(link["waiting"], 1);
    stand.clock.advance(Duration::from_secs(3600));
    for _ in 0..2 {
        cloud::deliver(&stand.site).await.unwrap();
    }
    let received = cloud.received.lock().unwrap().clone();
    let [batch] = received.as_slice() else {
        panic!("one batch, got {received:?}");
    };
    let [ping] = batch.pings.as_slice() else {
        panic!("one ping, got {batch:?}");
    };
    assert_eq!((ping.hits, ping.devices), (4, 2));
    assert_eq!(ping.rule, "Garrison.Test.Sample");
    let text = serde_json::to_string(batch).unwrap();
    assert!(!text.contains("/srv") && !text.contains("web-14"), "{text}");
    let link = stand.get("/api/v1/cloud").await.json();
    assert_eq!(link["waiting"], 0);
    cloud.end.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_out_of_reach_loses_nothing_and_a_restart_neither() {
    let cloud = cloud();
    let stand = Stand::at(Timestamp::now()).await;
    enrol(&stand, &cloud).await;
    cloud.end.cancel();
    find_something(&stand, "a").await;
    stand.clock.advance(Duration::from_secs(3600));
    let mut link = Value::Null;
    // The listener may take a moment to close.
    for _ in 0..50 {
        cloud::deliver(&stand.site).await.unwrap();
        link = stand.get("/api/v1/cloud").await.json();
        if link["state"] == "unreachable" {
            break;
        }
        find_something(&stand, &uuid::Uuid::new_v4().to_string()).await;
        stand.clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(link["state"], "unreachable", "{link}");
    assert!(
        link["failure"]
            .as_str()
            .unwrap()
            .contains("can't be reached")
    );
    assert_eq!(link["waiting"], 1);
    let stand = stand.restarted().await;
    let link = stand.get("/api/v1/cloud").await.json();
    assert_eq!(link["waiting"], 1);
    assert_eq!(link["state"], "unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_nothing_to_deliver_shows_how_it_is_when_it_is_tried() {
    let cloud = cloud();
    let stand = Stand::at(Timestamp::now()).await;
    enrol(&stand, &cloud).await;
    let stand = stand.restarted().await;
    let link = stand.get("/api/v1/cloud").await.json();
    assert_eq!(link["state"], "unreachable", "not tried yet: {link}");
    let link = stand.post("/api/v1/cloud/delivery", json!(null)).await;
    assert_eq!(link.expect(StatusCode::OK)["state"], "connected");
    cloud.end.cancel();
    let mut link = Value::Null;
    // The listener may take a moment to close.
    for _ in 0..200 {
        link = stand
            .post("/api/v1/cloud/delivery", json!(null))
            .await
            .json();
        if link["state"] == "unreachable" {
            break;
        }
    }
    assert_eq!(link["state"], "unreachable", "{link}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_or_unknown_is_refused_and_not_repeated() {
    let cloud = cloud();
    let stand = Stand::at(Timestamp::now()).await;
    let answer = stand
        .post("/api/v1/cloud", json!({"token": "hello", "name": "Lyon"}))
        .await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    let token = EnrolmentToken {
        secret: "another".to_owned(),
        ..EnrolmentToken::parse(&cloud.token).unwrap()
    };
    let answer = stand
        .post(
            "/api/v1/cloud",
            json!({"token": token.to_text(), "name": "Lyon"}),
        )
        .await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
    assert!(!answer.detail().contains("another"));
    let link = stand.get("/api/v1/cloud").await.json();
    assert_eq!(link["state"], "not_enrolled");
    cloud.end.cancel();
}
