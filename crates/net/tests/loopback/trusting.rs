//! Who is trusted, and how a refusal reads.

use axum::routing::get;
use axum::{Extension, Router};
use net::{
    ClientAuth, ClientIdentity, ClientTls, Dialer, Endpoint, PeerIdentity, Stage, TlsError,
    TlsTrust,
};

use crate::site::{Ca, EXPIRED, NOT_YET, Setup, VALID, dialer, flow, listener, text, until};
use crate::stranger::{self, Stranger};

fn who() -> Router {
    Router::new().route(
        "/who",
        get(|Extension(peer): Extension<PeerIdentity>| async move {
            peer.certificate.map_or("nobody".to_owned(), |leaf| {
                format!("{:02x?}", leaf.spki_sha256)
            })
        }),
    )
}

/// What a dialer says about this server.
async fn refusal(setup: &Setup, trust: &TlsTrust, identity: &ClientIdentity) -> TlsError {
    let running = setup.serve(who());
    let error = dialer(running.address, trust, identity)
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.stage(), Stage::Tls, "{error}");
    let tls = error.tls().unwrap().clone();
    running.stop().await;
    tls
}

#[tokio::test]
async fn the_pinned_ca_and_the_known_ca_are_trusted() {
    let setup = Setup::new();
    let running = setup.serve(who());
    for trust in [setup.ca.pinned(), setup.ca.known()] {
        dialer(running.address, &trust, &ClientIdentity::none())
            .connect()
            .await
            .unwrap();
    }
    running.stop().await;
}

#[tokio::test]
async fn another_pin_is_refused_and_both_are_named() {
    let setup = Setup::new();
    let other = Ca::new("other");
    let error = refusal(&setup, &other.pinned(), &ClientIdentity::none()).await;
    let TlsError::PinMismatch {
        expected,
        presented,
    } = &error
    else {
        panic!("{error}")
    };
    let hexadecimal = |pin: [u8; 32]| {
        pin.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(*expected, hexadecimal(other.pin()));
    assert!(presented.contains(&hexadecimal(setup.ca.pin())));
    assert!(error.to_string().contains("inspect"), "{error}");
}

#[tokio::test]
async fn a_pinned_ca_beside_a_leaf_that_it_did_not_sign_is_refused() {
    let mut setup = Setup::new();
    let mut leaf = Ca::new("attacker").server("127.0.0.1", &VALID);
    leaf.chain.push(setup.ca.der.clone());
    setup.leaf = leaf;
    let error = refusal(&setup, &setup.ca.pinned(), &ClientIdentity::none()).await;
    assert!(matches!(error, TlsError::Untrusted { .. }), "{error}");
}

#[tokio::test]
async fn a_namesake_of_the_pinned_ca_cannot_sign_for_it() {
    let mut setup = Setup::new();
    let mut leaf = Ca::new("site").server("127.0.0.1", &VALID);
    leaf.chain.push(setup.ca.der.clone());
    setup.leaf = leaf;
    let error = refusal(&setup, &setup.ca.pinned(), &ClientIdentity::none()).await;
    assert!(matches!(error, TlsError::Untrusted { .. }), "{error}");
}

#[tokio::test]
async fn a_devices_certificate_does_not_pass_for_a_servers() {
    let mut setup = Setup::new();
    setup.leaf = setup.ca.device(&VALID);
    for trust in [setup.ca.pinned(), setup.ca.known()] {
        let error = refusal(&setup, &trust, &ClientIdentity::none()).await;
        assert!(matches!(error, TlsError::Untrusted { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_server_of_another_ca_is_untrusted() {
    let setup = Setup::new();
    let error = refusal(&setup, &Ca::new("site").known(), &ClientIdentity::none()).await;
    assert!(matches!(error, TlsError::Untrusted { .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_both_names_are_given() {
    let mut setup = Setup::new();
    setup.leaf = setup.ca.server("manager.test", &VALID);
    for trust in [setup.ca.pinned(), setup.ca.known()] {
        let error = refusal(&setup, &trust, &ClientIdentity::none()).await;
        assert!(matches!(error, TlsError::NameMismatch { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("127.0.0.1") && message.contains("manager.test"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn an_expired_server_certificate_is_refused_with_a_word_about_the_clock() {
    let mut setup = Setup::new();
    setup.leaf = setup.ca.server("127.0.0.1", &EXPIRED);
    for trust in [setup.ca.pinned(), setup.ca.known()] {
        let error = refusal(&setup, &trust, &ClientIdentity::none()).await;
        let TlsError::Expired { seconds } = error else {
            panic!("{error}")
        };
        assert!(
            (3 * 86_400..3 * 86_400 + 3_600).contains(&seconds),
            "{seconds}"
        );
        assert!(error.to_string().contains("3 days") && error.to_string().contains("clock"));
    }
}

#[tokio::test]
async fn a_server_certificate_of_the_future_is_refused_with_a_word_about_the_clock() {
    let mut setup = Setup::new();
    setup.leaf = setup.ca.server("127.0.0.1", &NOT_YET);
    let error = refusal(&setup, &setup.ca.pinned(), &ClientIdentity::none()).await;
    assert!(
        matches!(error, TlsError::NotYetValid { seconds } if seconds > 86_400),
        "{error}"
    );
    assert!(error.to_string().contains("clock"), "{error}");
}

#[tokio::test]
async fn a_name_from_the_hosts_file_is_resolved_and_verified() {
    let mut setup = Setup::new();
    setup.leaf = setup.ca.server("localhost", &VALID);
    let running = setup.serve(who());
    let endpoint = Endpoint::parse(&format!("localhost:{}", running.address.port())).unwrap();
    let tls = ClientTls::new(&setup.ca.pinned(), &ClientIdentity::none()).unwrap();
    Dialer::new(flow(), endpoint, tls).connect().await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn tls_1_2_is_not_spoken() {
    let setup = Setup::new();
    let config = stranger::config(&setup.leaf, b"h2", &rustls::version::TLS12);
    let stranger = Stranger::over_tls(config, |_| async {}).await;
    let dialer = setup.dialer(stranger.address, &ClientIdentity::none());
    let error = dialer.connect().await.unwrap_err();
    assert!(
        matches!(error.tls(), Some(TlsError::Incompatible { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn handlers_see_the_devices_certificate_or_none() {
    let setup = Setup::new();
    let running = setup.serve(who());
    let device = setup.ca.device(&VALID);
    let named = text(&setup.client(running.address, &device), "/who").await;
    assert_eq!(named, format!("{:02x?}", device.spki()));
    assert_eq!(
        text(&setup.anonymous(running.address), "/who").await,
        "nobody"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_demanded_client_certificate_that_is_missing_is_named() {
    let setup = Setup::new();
    let clients = ClientAuth::Required {
        cas: vec![setup.ca.der.clone()],
    };
    let running = setup.serve_on(listener(), clients, who());
    let dialer = setup.dialer(running.address, &ClientIdentity::none());
    let error = dialer.connect().await.unwrap_err();
    assert_eq!(
        error.tls(),
        Some(&TlsError::ClientCertificateRequired),
        "{error}"
    );
    assert_eq!(error.stage(), Stage::Tls);
    until("the refusal is counted", || {
        running.connections.counters().refused_certificates == 1
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn client_certificates_that_expired_or_are_foreign_are_refused_and_counted() {
    let setup = Setup::new();
    let running = setup.serve(who());
    let bad = [
        setup.ca.device(&EXPIRED),
        setup.ca.device(&NOT_YET),
        Ca::new("site").device(&VALID),
        setup.ca.server("device.test", &VALID),
    ];
    for (index, leaf) in bad.iter().enumerate() {
        let error = setup
            .dialer(running.address, &leaf.as_client())
            .connect()
            .await
            .unwrap_err();
        let tls = error.tls();
        assert!(
            matches!(tls, Some(TlsError::ClientCertificateRefused { .. })),
            "{index}: {error}"
        );
        let refused = u64::try_from(index + 1).unwrap();
        until("counted", || {
            running.connections.counters().refused_certificates == refused
        })
        .await;
    }
    assert!(running.connections.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn certificates_are_exchanged_while_running() {
    let setup = Setup::new();
    let running = setup.serve(who());
    let identity = ClientIdentity::none();
    let client = net::HttpClient::new(setup.dialer(running.address, &identity));
    assert_eq!(text(&client, "/who").await, "nobody");

    let device = setup.ca.device(&VALID);
    identity
        .replace(device.chain.clone(), device.key())
        .unwrap();
    assert_eq!(
        text(&client, "/who").await,
        "nobody",
        "an open connection stays what it is"
    );
    client.disconnect().await;
    assert_eq!(
        text(&client, "/who").await,
        format!("{:02x?}", device.spki())
    );

    let other = Ca::new("next");
    let leaf = other.server("127.0.0.1", &VALID);
    running
        .identity
        .replace(leaf.chain.clone(), leaf.key())
        .unwrap();
    assert_eq!(
        text(&client, "/who").await,
        format!("{:02x?}", device.spki())
    );
    dialer(running.address, &other.pinned(), &ClientIdentity::none())
        .connect()
        .await
        .unwrap();
    running.stop().await;
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused() {
    let ca = Ca::new("site");
    let (one, other) = (ca.device(&VALID), ca.device(&VALID));
    let identity = ClientIdentity::new(one.chain.clone(), other.key());
    assert!(matches!(identity, Err(net::TlsSetupError::Identity(_))));
    assert!(matches!(
        net::ServerIdentity::new(Vec::new(), one.key()),
        Err(net::TlsSetupError::EmptyChain)
    ));
}
