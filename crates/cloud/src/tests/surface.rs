//! Every route, as the OpenAPI document lists them: who may call it, and what it answers to
//! nonsense.

use axum::http::{Method, Request, header};
use net::body;
use proto::problem::ProblemKind;
use serde_json::{Value, json};

use super::world::{LIMIT, Site, get, identity, post, send, start};

/// The routes that need no certificate; any other must refuse whoever has none.
const OPEN: [(&str, &str); 3] = [
    ("get", "/health"),
    ("get", BINDING),
    ("post", "/site/v1/enrol"),
];
/// Where the cloud tells how it sees the connection.
const BINDING: &str = "/site/v1/channel-binding";

fn document() -> Value {
    serde_json::to_value(crate::api::openapi()).unwrap()
}

/// Method, path, and whether the document says that it needs a site's certificate.
fn routes() -> Vec<(String, String, bool)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let routes: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| {
                    let security = operation["security"].as_array();
                    let guarded = security.is_some_and(|schemes| {
                        schemes
                            .iter()
                            .any(|scheme| scheme.get(crate::api::SITE_CERTIFICATE).is_some())
                    });
                    (method.clone(), path.clone(), guarded)
                })
        })
        .collect();
    assert!(routes.len() >= 5, "{routes:?}");
    routes
}

/// With the keys of each object in order, whatever order the JSON library keeps in this build.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            entries.into_iter().collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain => plain,
    }
}

#[test]
fn the_document_is_the_golden_one() {
    let document = sorted(serde_json::to_value(document()).unwrap());
    let text = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!("openapi", text);
}

#[test]
fn only_the_listed_routes_are_open() {
    let open: Vec<(String, String)> = routes()
        .into_iter()
        .filter(|(_, _, guarded)| !guarded)
        .map(|(method, path, _)| (method, path))
        .collect();
    let expected = OPEN.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(open, expected);
}

#[tokio::test]
async fn every_guarded_route_refuses_callers_without_a_certificate_and_unknown_sites() {
    let world = start().await;
    // A certificate of the right authority, for a site that is not enrolled (any more).
    let folder = crate::folder::Folder::at(&world.config.folder);
    let authority = crate::authority::open(&folder).unwrap();
    let key = trust::KeyPair::generate().unwrap();
    let issue = |subject| {
        let request = key.certificate_request().unwrap();
        let now = model::Timestamp::now();
        let certificate = authority
            .issue_client(&request, subject, LIMIT, now)
            .unwrap();
        world.client(&identity(&key, &certificate.pem))
    };
    let unknown = issue(trust::Subject::Site(model::SiteId::generate()));
    let device = issue(trust::Subject::Device(model::DeviceId::generate()));
    for (method, path, guarded) in routes() {
        if !guarded {
            continue;
        }
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        for client in [&world.stranger(), &unknown, &device] {
            for content in [None, Some(&json!({}))] {
                let answer = send(client, method.clone(), &path, content).await.unwrap();
                assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
                assert_eq!(answer.kind(), ProblemKind::Unauthenticated);
            }
        }
    }
}

#[tokio::test]
async fn health_needs_no_credential() {
    let world = start().await;
    let answer = get(&world.stranger(), "/health").await;
    assert_eq!(answer.ok()["service"], "cloud");
    assert_eq!(answer.ok()["ready"], true);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn how_the_cloud_sees_a_connection_is_told_on_it_to_anybody() {
    assert_eq!(
        flows::GarrisonFlow::ManagerCloud.binding_path(),
        Some(BINDING)
    );
    let world = start().await;
    let mut seen = Vec::new();
    // Each on a connection of its own.
    for client in [world.stranger(), world.stranger()] {
        let answer = get(&client, BINDING).await;
        let mut value = [0u8; 32];
        let told = answer.ok()["tls_exporter"].as_str().unwrap();
        hex::decode_to_slice(told, &mut value).unwrap();
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        seen.push(value);
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn every_path_answers_other_methods_with_a_problem() {
    let world = start().await;
    let client = world.stranger();
    for (_, path, _) in routes() {
        let answer = send(&client, Method::DELETE, &path, None).await.unwrap();
        assert_eq!(answer.kind(), ProblemKind::MethodNotAllowed, "{path}");
        assert!(answer.headers.contains_key(header::ALLOW), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_path_is_a_problem() {
    let world = start().await;
    for path in [
        "/",
        "/site/v1",
        "/site/v2/pings",
        "/site/v1/pings/",
        "/%00",
        "//",
    ] {
        let answer = get(&world.stranger(), path).await;
        assert_eq!(answer.kind(), ProblemKind::NotFound, "{path}");
    }
}

#[tokio::test]
async fn every_route_with_a_body_answers_nonsense_with_a_problem() {
    let world = start().await;
    let client = Site::new().enrolled(&world, &world.first_token()).await;
    for (method, path, _) in routes() {
        if method != "post" {
            continue;
        }
        let raw = async |content_type: &str, content: Vec<u8>| {
            let request = Request::post(&path)
                .header(header::CONTENT_TYPE, content_type)
                .body(body::full(content))
                .unwrap();
            let response = client.send(request).await.unwrap();
            let response = net::read_limited(response, 1 << 20, LIMIT).await.unwrap();
            let problem: proto::Problem = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(problem.status, response.status().as_u16());
            problem
        };
        let problem = raw("text/plain", b"{}".to_vec()).await;
        assert_eq!(
            problem.kind(),
            Some(ProblemKind::UnsupportedMedia),
            "{path}"
        );
        for nonsense in [&b""[..], b"{", b"[]", b"null", b"\xff", b"{\"no such\":1}"] {
            let problem = raw("application/json", nonsense.to_vec()).await;
            assert_eq!(problem.kind(), Some(ProblemKind::Invalid), "{path}");
        }
        let large = vec![b' '; crate::web::extract::MAX_JSON + 1];
        let problem = raw("application/json", large).await;
        assert_eq!(problem.kind(), Some(ProblemKind::TooLarge), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_field_is_named_with_its_nearest_neighbour() {
    let world = start().await;
    let client = Site::new().enrolled(&world, &world.first_token()).await;
    let answer = post(
        &client,
        "/site/v1/pings",
        &json!({ "sequences": 1, "pings": [] }),
    )
    .await;
    let problem = answer.problem();
    assert!(
        problem.detail.contains("did you mean `sequence`?"),
        "{problem}"
    );
}
