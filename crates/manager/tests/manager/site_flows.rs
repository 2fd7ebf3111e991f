//! The site's flows, and the files that are made of them.

use axum::http::{Method, StatusCode};
use proto::problem::ProblemKind;
use serde_json::Value;

use crate::stand::Stand;

const HOSTS: &str =
    "manager=192.0.2.10&agents=198.51.100.0/24&administrators=203.0.113.7&resolver=192.0.2.53";

async fn flows(stand: &Stand, query: &str) -> Vec<Value> {
    let answer = stand.get(&format!("/api/v1/flows?{query}")).await;
    answer.expect(StatusCode::OK)["items"]
        .as_array()
        .unwrap()
        .clone()
}

fn ids(flows: &[Value]) -> Vec<&str> {
    flows
        .iter()
        .map(|flow| flow["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_flow_says_all_that_its_row_of_the_catalogue_says() {
    let stand = Stand::new().await;
    let answer = stand
        .get(&format!("/api/v1/flows/agent-channel?{HOSTS}"))
        .await;
    let flow = answer.expect(StatusCode::OK);
    assert_eq!(flow["direction"], "internal");
    assert_eq!(flow["from"][0]["id"], "agent");
    assert_eq!(flow["from"][0]["hosts"][0], "198.51.100.0/24");
    assert_eq!(flow["to"]["hosts"][0], "192.0.2.10");
    let destination = &flow["destinations"][0];
    assert_eq!(destination["match"], "ip");
    assert_eq!(destination["value"], "192.0.2.10");
    assert_eq!(destination["transport"], "tcp");
    assert_eq!(destination["ports"][0], "443");
    assert_eq!(flow["need"], "required");
    assert_eq!(flow["tls"]["trust"], "site_ca");
    assert_eq!(flow["tls"]["pinned"], true);
    assert_eq!(flow["tls"]["inspection"], "forbidden");
    assert_eq!(flow["tls"]["client_certificate"], "optional");
    assert_eq!(flow["proxies"][1], "http_sign_in");
    assert_eq!(flow["breaks"][0]["severity"], "critical");
    assert!(flow["breaks"][1]["fallback"].is_string());
    assert!(flow["no_rule_because"].is_null());
    let answer = stand.get("/api/v1/flows/telnet").await;
    assert_eq!(answer.problem(), ProblemKind::NotFound);
}

#[tokio::test]
async fn the_list_is_narrowed_by_role_and_to_what_crosses_the_edge() {
    let stand = Stand::new().await;
    let all = flows(&stand, "").await;
    let rows = flows::Catalogue::garrison().flows.iter();
    assert_eq!(all.len(), rows.filter(|row| row.default_on).count());
    assert_eq!(
        ids(&flows(&stand, "role=agent").await),
        ["agent-channel", "dns", "time"]
    );
    assert_eq!(
        ids(&flows(&stand, "perimeter=true").await),
        ["manager-cloud"]
    );
    assert_eq!(flows(&stand, "limit=2").await.len(), 2);
    let answer = stand.get("/api/v1/flows?role=agnet").await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    let answer = stand.get("/api/v1/flows?perimetr=true").await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    let answer = stand.get("/api/v1/flows?agents=not%20a%20host").await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
}

#[tokio::test]
async fn what_nobody_said_is_told_and_becomes_no_rule() {
    let stand = Stand::new().await;
    let all = flows(&stand, "").await;
    let dns = all.iter().find(|flow| flow["id"] == "dns").unwrap();
    assert_eq!(dns["destinations"][0]["match"], "unset");
    assert!(
        dns["no_rule_because"]
            .as_str()
            .unwrap()
            .contains("resolver")
    );
    let rules = stand.get("/api/v1/renderings/plain").await;
    assert_eq!(rules.status, StatusCode::OK);
    assert!(
        !rules.text().lines().any(|line| line.contains("udp")),
        "{}",
        rules.text()
    );
}

#[tokio::test]
async fn a_rendering_holds_what_the_list_shows() {
    let stand = Stand::new().await;
    let all = stand
        .get(&format!("/api/v1/renderings/nftables?{HOSTS}"))
        .await;
    assert_eq!(all.status, StatusCode::OK);
    let text = all.text();
    assert!(
        text.contains("192.0.2.10") && text.contains("192.0.2.53"),
        "{text}"
    );
    let agents = stand
        .get(&format!("/api/v1/renderings/nftables?{HOSTS}&role=agent"))
        .await;
    assert!(!agents.text().contains("8443"), "{}", agents.text());
    let host = stand
        .get(&format!(
            "/api/v1/renderings/nftables?{HOSTS}&role=agent&whole=true"
        ))
        .await;
    assert!(host.text().contains("drop"), "{}", host.text());
    let report = stand
        .get(&format!("/api/v1/renderings/nftables/report?{HOSTS}"))
        .await;
    let report = report.expect(StatusCode::OK);
    let destinations: usize = flows(&stand, HOSTS)
        .await
        .iter()
        .map(|flow| flow["destinations"].as_array().unwrap().len())
        .sum();
    assert_eq!(report["items"].as_array().unwrap().len(), destinations);
}

#[tokio::test]
async fn a_file_has_its_name_and_its_media_type() {
    let stand = Stand::new().await;
    let list = stand.get("/api/v1/renderings").await;
    let list = list.expect(StatusCode::OK)["items"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(list.len(), flows::Format::available().count());
    for one in list {
        let format = one["format"].as_str().unwrap();
        let answer = stand
            .get(&format!("/api/v1/renderings/{format}?{HOSTS}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{format}");
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), one["media_type"], "{format}");
        let name = one["file_name"].as_str().unwrap();
        assert_eq!(
            header("content-disposition"),
            format!("attachment; filename=\"{name}\"")
        );
    }
}

#[tokio::test]
async fn a_rendering_that_cannot_be_had_is_refused_with_the_reason() {
    let stand = Stand::new().await;
    for (path, kind) in [
        ("telnet", ProblemKind::NotFound),
        ("nftables?whole=true", ProblemKind::Invalid),
        ("fortigate?whole=true&role=agent", ProblemKind::Invalid),
        ("pac?proxy=nowhere", ProblemKind::Invalid),
        ("nftables?strict=true", ProblemKind::Conflict),
        ("nftables?colour=red", ProblemKind::Invalid),
    ] {
        let path = format!("/api/v1/renderings/{path}");
        let answer = stand
            .api(Some(&stand.token), Method::GET, &path, None)
            .await;
        assert_eq!(answer.problem(), kind, "{path}");
    }
}
