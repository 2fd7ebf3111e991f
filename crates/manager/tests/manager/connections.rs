//! What devices report of their connections, and what the manager makes of it.

use std::time::Duration;

use axum::http::StatusCode;
use manager::Manager;
use model::event::EventBody;
use model::network::{
    Counts, Evidence, FindingKey, LostFeature, Mend, NetworkFinding, NetworkReport, NetworkState,
    Outcome, Stage, Trigger, Verdict, Who, limits,
};
use model::{DeviceId, GroupId, Timestamp};
use proto::problem::ProblemKind;
use serde_json::{Value, json};

use crate::events::{Spool, deliver};
use crate::stand::{Agent, START, Stand};

mod asking;
mod lines;
mod own;

const HOUR: Duration = Duration::from_secs(3600);
const LINE: &str = "acl garrison_bypass ssl::server_name manager.example";

/// A device with its spool.
struct Reporter {
    agent: Agent,
    spool: Spool,
}

impl Reporter {
    async fn new(stand: &Stand) -> Self {
        Self::of_group(stand, None).await
    }

    async fn of_group(stand: &Stand, group: Option<GroupId>) -> Self {
        let mut reporter = Self {
            agent: stand.device_in(group).await,
            spool: Spool::new("a"),
        };
        reporter.agent.check_in(stand).await;
        reporter
    }

    fn id(&self) -> DeviceId {
        self.agent.id
    }

    /// Checks, reports, and says so in a check-in.
    async fn report(&mut self, stand: &Stand, report: NetworkReport) {
        self.agent.state.network = Some(NetworkState {
            result: report.result,
            checked: report.checked,
            reported: report.checked,
        });
        self.deliver(stand, report).await;
        self.agent.check_in(stand).await;
    }

    async fn deliver(&mut self, stand: &Stand, report: NetworkReport) {
        let body = EventBody::NetworkReport {
            report: Box::new(report),
        };
        let batch = self.spool.batch(vec![body]);
        deliver(stand, &self.agent, &batch)
            .await
            .expect(StatusCode::OK);
    }

    async fn state(&self, stand: &Stand) -> Value {
        stand
            .get(&format!("/api/v1/devices/{}/connections", self.id()))
            .await
            .expect(StatusCode::OK)
    }
}

fn inspected(since: Timestamp) -> NetworkFinding {
    NetworkFinding {
        key: FindingKey::of(Stage::Tls, Verdict::Inspected, "issuer abc"),
        since,
        verdict: Verdict::Inspected,
        stage: Stage::Tls,
        cause: "TLS is inspected by CN=Proxy CA".to_owned(),
        result: Outcome::Broken,
        flows: vec!["agent-channel".to_owned()],
        endpoints: vec!["manager.example:443".to_owned()],
        features: ["enrolment", "central management"]
            .map(|feature| LostFeature {
                feature: feature.to_owned(),
                since,
            })
            .to_vec(),
        evidence: vec![Evidence::new("issuer", "CN=Proxy CA")],
        who: Who::Proxy,
        mend: Mend {
            product: "squid".to_owned(),
            lines: vec![LINE.to_owned()],
        },
        omitted: 0,
    }
}

fn report(checked: Timestamp, findings: Vec<NetworkFinding>) -> NetworkReport {
    let worst = findings.iter().map(|finding| finding.result).max();
    NetworkReport {
        checked,
        trigger: Trigger::Schedule,
        result: worst.unwrap_or(Outcome::Ok),
        counts: Counts::default(),
        covered: vec!["agent-channel".to_owned(), "dns".to_owned()],
        findings,
        omitted: 0,
    }
}

async fn causes(stand: &Stand) -> Vec<Value> {
    let page = stand
        .get("/api/v1/connections/causes")
        .await
        .expect(StatusCode::OK);
    page["items"].as_array().unwrap().clone()
}

async fn feature(stand: &Stand, name: &str) -> Value {
    let page = stand
        .get("/api/v1/connections/features")
        .await
        .expect(StatusCode::OK);
    let items = page["items"].as_array().unwrap();
    let found = items.iter().find(|row| row["feature"] == name);
    found.unwrap_or_else(|| panic!("{name}: {items:?}")).clone()
}

async fn counts(stand: &Stand) -> Value {
    stand
        .get("/api/v1/connections")
        .await
        .expect(StatusCode::OK)
}

#[tokio::test]
async fn thirty_devices_with_one_cause_are_one_line() {
    let stand = Stand::new().await;
    for minutes in 0..30 {
        let mut device = Reporter::new(&stand).await;
        let mut finding = inspected(START.minus(Duration::from_secs(60 * minutes)));
        // What was seen differs from one to the next.
        finding
            .evidence
            .push(Evidence::new("took", minutes.to_string()));
        device.report(&stand, report(START, vec![finding])).await;
    }
    let mut fine = Reporter::new(&stand).await;
    fine.report(&stand, report(START, Vec::new())).await;
    Reporter::new(&stand).await;

    let causes = causes(&stand).await;
    assert_eq!(causes.len(), 1, "{causes:?}");
    let cause = &causes[0];
    assert_eq!(cause["devices"], 30);
    assert_eq!(cause["described_otherwise"], 0);
    assert_eq!(cause["result"], "broken");
    assert_eq!(cause["who"], "proxy");
    assert_eq!(cause["lines"], json!([LINE]));
    assert_eq!(
        cause["features"],
        json!(["enrolment", "central management"])
    );
    // Nothing was seen before the devices enrolled, just now.
    assert_eq!(cause["since"], json!(START));

    let sums = counts(&stand).await;
    assert_eq!(
        sums["devices"],
        json!({"total": 32, "ok": 1, "degraded": 0, "broken": 30, "unknown": 1})
    );
    assert_eq!((&sums["causes"], &sums["features"]), (&json!(1), &json!(2)));

    let management = feature(&stand, "central management").await;
    assert_eq!(management["state"], "broken");
    assert_eq!(
        management["devices"],
        json!({"total": 32, "ok": 1, "degraded": 0, "broken": 30, "unknown": 1})
    );
    assert_eq!(management["causes"][0]["id"], cause["id"]);
    assert_eq!(management["causes"][0]["devices"], 30);

    let overview = stand.get("/api/v1/overview").await.expect(StatusCode::OK);
    assert_eq!(overview["connections"]["devices"]["broken"], 30);
}

#[tokio::test]
async fn a_feature_that_nobody_checks_is_not_said_to_work() {
    let stand = Stand::new().await;
    let mut device = Reporter::new(&stand).await;
    device.report(&stand, report(START, Vec::new())).await;
    let names = "every flow whose destination is a name";
    assert_eq!(feature(&stand, names).await["state"], "ok");
    let clocks = feature(&stand, "right clocks").await;
    assert_eq!(clocks["state"], "skipped", "no check told of the flow time");
    assert_eq!(clocks["devices"]["ok"], 0);
    assert_eq!(feature(&stand, "console").await["state"], "skipped");
}

#[tokio::test]
async fn a_report_takes_the_place_of_the_last_and_what_went_is_remembered() {
    let stand = Stand::new().await;
    stand.clock.advance(HOUR);
    let mut device = Reporter::new(&stand).await;
    device
        .report(
            &stand,
            report(START.minus(HOUR), vec![inspected(START.minus(HOUR))]),
        )
        .await;
    let mut other = inspected(START);
    other.key = FindingKey::of(Stage::Transport, Verdict::TimeOut, "x");
    other.verdict = Verdict::TimeOut;
    other.stage = Stage::Transport;
    device.report(&stand, report(START, vec![other])).await;

    let state = device.state(&stand).await;
    assert_eq!(state["findings"].as_array().unwrap().len(), 1, "{state}");
    assert_eq!(state["findings"][0]["verdict"], "time_out");
    let page = stand
        .get(&format!(
            "/api/v1/connections/mended?device={}",
            device.id()
        ))
        .await
        .expect(StatusCode::OK);
    assert_eq!(page["total"], 1, "{page}");
    let mended = &page["items"][0];
    assert_eq!(mended["verdict"], "inspected");
    assert_eq!(mended["until"], state["checked"]);
    // A link to a cause that was mended goes on to work.
    let path = format!(
        "/api/v1/connections/causes/{}",
        mended["id"].as_str().unwrap()
    );
    let cause = stand.get(&path).await.expect(StatusCode::OK);
    assert_eq!(cause["devices"], 0);
    assert_eq!(cause["mended"], mended["until"]);

    // Once it is long ago nobody remembers it, nor the words for it.
    stand.clock.advance(HOUR * 24 * 91);
    Manager::upkeep(&stand.site).await.unwrap();
    assert_eq!(stand.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        stand.get("/api/v1/connections/mended").await.json()["total"],
        0
    );
}

#[tokio::test]
async fn a_report_counts_once_however_often_it_comes_also_after_a_restart() {
    let stand = Stand::new().await;
    let mut device = Reporter::new(&stand).await;
    let bodies = [
        report(START, vec![inspected(START)]),
        report(START.plus(Duration::from_millis(1)), Vec::new()),
        report(START.plus(Duration::from_millis(2)), vec![inspected(START)]),
    ]
    .map(|report| EventBody::NetworkReport {
        report: Box::new(report),
    });
    let batch = device.spool.batch(bodies.to_vec());
    for _ in 0..2 {
        deliver(&stand, &device.agent, &batch)
            .await
            .expect(StatusCode::OK);
    }
    device.agent.state.network = Some(NetworkState {
        result: Outcome::Broken,
        checked: START,
        reported: START.plus(Duration::from_millis(2)),
    });
    device.agent.check_in(&stand).await;
    let before = (causes(&stand).await, device.state(&stand).await);
    assert_eq!(before.0[0]["devices"], 1);
    let path = "/api/v1/connections/mended";
    assert_eq!(stand.get(path).await.json()["total"], 1);

    let stand = stand.restarted().await;
    deliver(&stand, &device.agent, &batch)
        .await
        .expect(StatusCode::OK);
    assert_eq!((causes(&stand).await, device.state(&stand).await), before);
    assert_eq!(stand.get(path).await.json()["total"], 1);
}

#[tokio::test]
async fn who_was_not_heard_of_lately_is_unknown_and_never_ok() {
    let stand = Stand::new().await;
    let mut fine = Reporter::new(&stand).await;
    let mut broken = Reporter::new(&stand).await;
    fine.report(&stand, report(START, Vec::new())).await;
    broken
        .report(&stand, report(START, vec![inspected(START)]))
        .await;
    assert_eq!(counts(&stand).await["devices"]["ok"], 1);

    stand.clock.advance(HOUR * 4);
    let sums = counts(&stand).await;
    assert_eq!(
        sums["devices"],
        json!({"total": 2, "ok": 0, "degraded": 0, "broken": 0, "unknown": 2})
    );
    assert_eq!(fine.state(&stand).await["unknown_because"], "silent");
    let cause = &causes(&stand).await[0];
    assert_eq!(
        (&cause["devices"], &cause["devices_unheard"]),
        (&json!(0), &json!(1))
    );
    let management = feature(&stand, "central management").await;
    assert_eq!(management["state"], "unknown");
    assert_eq!(management["devices"]["unknown"], 2);

    // It checks in again, without having checked: by its own clock that was four hours ago.
    fine.agent.state.network = fine.agent.state.network.map(|state| NetworkState {
        checked: START.minus(HOUR * 4),
        ..state
    });
    fine.agent.check_in(&stand).await;
    assert_eq!(fine.state(&stand).await["unknown_because"], "not_lately");
    // It says that it reported something which is not here.
    fine.agent.state.network = Some(NetworkState {
        result: Outcome::Broken,
        checked: START,
        reported: START.plus(HOUR),
    });
    fine.agent.check_in(&stand).await;
    assert_eq!(
        fine.state(&stand).await["unknown_because"],
        "report_under_way"
    );
}

#[tokio::test]
async fn a_device_whose_policy_has_no_checks_is_unknown() {
    let stand = Stand::new().await;
    let mut device = Reporter::new(&stand).await;
    device.report(&stand, report(START, Vec::new())).await;
    let policies = stand.get("/api/v1/policies").await.json();
    let policy = &policies["items"][0];
    let path = format!("/api/v1/policies/{}", policy["id"].as_str().unwrap());
    let off = json!({"name": policy["name"], "policy": {"network_check_minutes": 0}, "based_on": policy["revision"]});
    stand.put(&path, off).await.expect(StatusCode::OK);
    assert_eq!(device.state(&stand).await["unknown_because"], "off");
    assert_eq!(counts(&stand).await["devices"]["unknown"], 1);
}

#[tokio::test]
async fn what_a_revoked_device_said_is_gone() {
    let stand = Stand::new().await;
    let mut device = Reporter::new(&stand).await;
    device
        .report(&stand, report(START, vec![inspected(START)]))
        .await;
    device.report(&stand, report(START, Vec::new())).await;
    device
        .report(&stand, report(START, vec![inspected(START)]))
        .await;
    stand
        .post(
            &format!("/api/v1/devices/{}/revoke", device.id()),
            json!({}),
        )
        .await
        .expect(StatusCode::OK);
    assert!(causes(&stand).await.is_empty());
    assert_eq!(counts(&stand).await["devices"]["total"], 0);
    let mended = stand.get("/api/v1/connections/mended").await.json();
    assert_eq!(mended["total"], 0);
    let stand = stand.restarted().await;
    assert!(causes(&stand).await.is_empty());
    assert_eq!(device.state(&stand).await["findings"], json!([]));
}

#[tokio::test]
async fn one_device_puts_no_words_into_the_mouths_of_others() {
    let stand = Stand::new().await;
    let mut liar = Reporter::new(&stand).await;
    let mut lie = inspected(START.minus(HOUR * 24 * 400));
    lie.cause = "All is well\u{202e}".to_owned();
    lie.mend.lines = vec!["http_access\u{200b} allow all".to_owned()];
    lie.features.push(LostFeature {
        feature: "anything at all".to_owned(),
        since: START,
    });
    liar.report(&stand, report(START, vec![lie])).await;
    for _ in 0..3 {
        let mut honest = Reporter::new(&stand).await;
        honest
            .report(&stand, report(START, vec![inspected(START)]))
            .await;
    }
    let causes = causes(&stand).await;
    assert_eq!(causes.len(), 1);
    let cause = &causes[0];
    assert_eq!(
        (&cause["devices"], &cause["described_otherwise"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(cause["cause"], "TLS is inspected by CN=Proxy CA");
    assert_eq!(cause["lines"], json!([LINE]));
    assert_eq!(
        cause["since"],
        json!(START),
        "nothing began before it enrolled"
    );
    let own = liar.state(&stand).await;
    assert_eq!(own["findings"][0]["cause"], "All is well");
}

#[tokio::test]
async fn a_report_of_any_size_is_kept_within_bounds() {
    let stand = Stand::new().await;
    let mut device = Reporter::new(&stand).await;
    let mut findings = Vec::new();
    for number in 0..500 {
        let mut finding = inspected(START);
        finding.key = FindingKey::of(Stage::Tls, Verdict::Inspected, &number.to_string());
        finding.cause = format!("<script>{number}\u{1b}[2J").repeat(80);
        finding.endpoints = vec!["x".repeat(900); 3];
        findings.push(finding);
    }
    // Not a cause: it works. And one cause named twice.
    findings.insert(
        0,
        NetworkFinding {
            result: Outcome::Ok,
            ..inspected(START)
        },
    );
    findings.insert(1, findings[2].clone());
    device.report(&stand, report(START, findings)).await;
    let state = device.state(&stand).await;
    let kept = state["findings"].as_array().unwrap();
    assert!(
        kept.len() < limits::FINDINGS && kept.len() > 5,
        "{}",
        kept.len()
    );
    assert_eq!(state["omitted"], 502 - limits::FINDINGS);
    for finding in kept {
        let text = finding["cause"].as_str().unwrap();
        assert!(
            text.len() <= limits::CAUSE_BYTES && !text.contains('\u{1b}'),
            "{text}"
        );
    }
}

#[tokio::test]
async fn accounts_of_one_cause_are_bounded_and_all_devices_count() {
    let stand = Stand::new().await;
    for number in 0..20 {
        let mut device = Reporter::new(&stand).await;
        let mut finding = inspected(START);
        finding.cause = format!("inspected, as number {number} says it");
        device.report(&stand, report(START, vec![finding])).await;
    }
    let causes = causes(&stand).await;
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0]["devices"], 20);
    let (kept,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM network_account")
        .fetch_one(stand.site.database.read())
        .await
        .unwrap();
    assert_eq!(kept, 16);
}

#[tokio::test]
async fn causes_and_devices_are_filtered_by_group_and_paged() {
    let stand = Stand::new().await;
    let policy = stand.get("/api/v1/policies").await.json()["items"][0]["id"].clone();
    let group = stand
        .post("/api/v1/groups", json!({"name": "Lyon", "policy": policy}))
        .await
        .expect(StatusCode::CREATED);
    let lyon: GroupId = group["id"].as_str().unwrap().parse().unwrap();
    for number in 0..4 {
        let mut device = Reporter::of_group(&stand, (number > 0).then_some(lyon)).await;
        let mut finding = inspected(START);
        finding.key = FindingKey::of(Stage::Tls, Verdict::Inspected, &(number / 2).to_string());
        device.report(&stand, report(START, vec![finding])).await;
    }
    let mut fine = Reporter::new(&stand).await;
    fine.report(&stand, report(START, Vec::new())).await;
    for path in [
        format!("/api/v1/connections/causes?group={lyon}&limit=1"),
        "/api/v1/connections/causes?limit=1".to_owned(),
        format!("/api/v1/connections/devices?group={lyon}&limit=2"),
        "/api/v1/connections/devices?state=broken&limit=3".to_owned(),
    ] {
        let mut seen = Vec::new();
        let mut total = None;
        let mut page = stand.get(&path).await.expect(StatusCode::OK);
        loop {
            total.get_or_insert(page["total"].as_u64().unwrap());
            let items = page["items"].as_array().unwrap();
            seen.extend(
                items
                    .iter()
                    .map(|item| item["id"].to_string() + &item["device"].to_string()),
            );
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            page = stand
                .get(&format!("{path}&cursor={next}"))
                .await
                .expect(StatusCode::OK);
        }
        let all = seen.len() as u64;
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((Some(all), seen.len() as u64), (total, all), "{path}");
    }
    let in_lyon = stand
        .get(&format!("/api/v1/connections/causes?group={lyon}"))
        .await
        .json();
    let devices: Vec<u64> = in_lyon["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| cause["devices"].as_u64().unwrap())
        .collect();
    assert_eq!(devices, [2, 1]);
    let one = in_lyon["items"][0]["id"].as_str().unwrap();
    let having = stand
        .get(&format!("/api/v1/connections/devices?cause={one}"))
        .await
        .json();
    assert_eq!(having["total"], 2);
    for none in [
        "/api/v1/connections/causes?verdict=inspected&stage=dns",
        "/api/v1/connections/causes?who=firewall",
        "/api/v1/connections/causes?feature=console",
        "/api/v1/connections/causes?flow=time",
    ] {
        assert_eq!(
            stand.get(none).await.expect(StatusCode::OK)["total"],
            0,
            "{none}"
        );
    }
    for wrong in [
        "/api/v1/connections/causes?verdict=odd",
        "/api/v1/connections/causes?cursor=odd",
        "/api/v1/connections/devices?cause=odd",
        "/api/v1/connections/mended?limit=0",
    ] {
        assert_eq!(
            stand.get(wrong).await.problem(),
            ProblemKind::Invalid,
            "{wrong}"
        );
    }
    let nowhere = stand
        .get("/api/v1/connections/causes/0000000000000000")
        .await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}
