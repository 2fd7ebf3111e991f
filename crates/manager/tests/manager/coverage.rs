//! Every operation is asked without a credential and with too small a role. An operation that
//! declares no smallest role fails here, so that none is forgotten.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use flows::GarrisonFlow;
use manager::access::{Caller, Operator, Viewer};
use model::Role;
use net::{ConnectionId, PeerIdentity};
use proto::problem::ProblemKind;
use serde_json::{Value, json};

use crate::stand::{Answer, Stand};

/// Where the agent channel tells how it sees the connection.
const BINDING: &str = "/agent/v1/channel-binding";

struct Operation {
    path: String,
    method: Method,
    role: String,
    has_json_body: bool,
}

fn operations() -> Vec<Operation> {
    let description = serde_json::to_value(manager::api::description()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let role = operation["x-garrison-role"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} declares no x-garrison-role"));
            operations.push(Operation {
                path: path
                    .replace("{id}", "019aa6d2-7a30-7c51-9d0e-3f5a86b1c001")
                    .replace("{revision}", "1")
                    .replace("{flow}", "console")
                    .replace("{cause}", "0123456789abcdef")
                    .replace("{format}", "nftables"),
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                role: role.to_owned(),
                has_json_body: operation["requestBody"]["content"]["application/json"].is_object(),
            });
        }
    }
    operations
}

fn body(operation: &Operation) -> Option<Value> {
    operation.has_json_body.then(|| json!({}))
}

#[test]
fn the_description_has_the_operations_that_this_test_is_for() {
    let operations = operations();
    assert!(operations.len() > 45, "{}", operations.len());
    for role in ["none", "viewer", "operator", "administrator", "device"] {
        assert!(
            operations.iter().any(|operation| operation.role == role),
            "{role}"
        );
    }
    let open: Vec<_> = operations
        .iter()
        .filter(|operation| operation.role == "none")
        .map(|operation| operation.path.as_str())
        .collect();
    assert_eq!(open, [BINDING, "/agent/v1/enrol", "/health"]);
    assert_eq!(GarrisonFlow::AgentChannel.binding_path(), Some(BINDING));
}

#[test]
fn each_operation_has_an_identifier_of_its_own() {
    let description = serde_json::to_value(manager::api::description()).unwrap();
    let mut ids: Vec<String> = description["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[tokio::test]
async fn no_operation_answers_without_a_credential() {
    let stand = Stand::new().await;
    for operation in operations() {
        let name = format!("{} {}", operation.method, operation.path);
        match operation.role.as_str() {
            "none" => continue,
            "device" => {
                let request = Request::builder()
                    .method(operation.method.clone())
                    .uri(&operation.path)
                    .header("content-type", "application/json")
                    .body(Body::from("{}"))
                    .unwrap();
                let answer = Answer::read(stand.send_agent(None, request).await).await;
                assert_eq!(answer.problem(), ProblemKind::Unauthenticated, "{name}");
            }
            role => {
                assert!(Role::parse(role).is_some(), "{name}: {role}");
                for token in [None, Some("garrison-api-1.wrong"), Some("x")] {
                    let answer = stand
                        .api(
                            token,
                            operation.method.clone(),
                            &operation.path,
                            body(&operation),
                        )
                        .await;
                    assert_eq!(answer.problem(), ProblemKind::Unauthenticated, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn no_operation_answers_for_too_small_a_role_and_each_does_for_its_own() {
    let stand = Stand::new().await;
    let tokens = [
        (Role::Viewer, stand.token_of("viewer").await),
        (Role::Operator, stand.token_of("operator").await),
        (Role::Administrator, stand.token.clone()),
    ];
    for operation in operations() {
        let Some(smallest) = Role::parse(&operation.role) else {
            continue;
        };
        if operation.path == "/api/v1/changes" {
            continue;
        }
        for (role, token) in &tokens {
            let answer = stand
                .api(
                    Some(token),
                    operation.method.clone(),
                    &operation.path,
                    body(&operation),
                )
                .await;
            let name = format!("{} {} as {role}", operation.method, operation.path);
            if *role < smallest {
                assert_eq!(answer.problem(), ProblemKind::Forbidden, "{name}");
            } else {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{name}");
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
                assert!(!answer.status.is_server_error(), "{name}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn how_the_channel_sees_a_connection_is_told_on_it_to_anybody() {
    let stand = Stand::new().await;
    let ask = async |value: Option<[u8; 32]>| {
        let peer = PeerIdentity {
            connection: ConnectionId::from_number(1),
            address: "192.0.2.7:40000".parse().unwrap(),
            certificate: None,
            tls_exporter: value,
        };
        let request = Request::get(BINDING).body(Body::empty()).unwrap();
        Answer::read(stand.send_agent(Some(&peer), request).await).await
    };
    for value in [[1; 32], [0xfe; 32]] {
        let answer = ask(Some(value)).await;
        let told = answer.expect(StatusCode::OK);
        assert_eq!(told, json!({"tls_exporter": hex::encode(value)}));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    assert_eq!(ask(None).await.problem(), ProblemKind::NotFound);
}

#[test]
fn a_permit_is_had_by_the_role_alone() {
    let viewer = Caller {
        role: Role::Viewer,
        ..Caller::manager()
    };
    assert!(viewer.permit::<Viewer>().is_ok());
    assert!(viewer.permit::<Operator>().is_err());
}

#[test]
fn the_description_of_the_api_is_the_one_that_was_agreed_on() {
    let description = manager::api::description();
    insta::assert_json_snapshot!("openapi", serde_json::to_value(description).unwrap());
}
