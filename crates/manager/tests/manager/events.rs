use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use model::event::{CommandOutcome, EventBody, Gap, Initiator, Remediation, Sequence};
use model::policy::{Action, CommandDocument};
use model::verdict::ScanTotals;
use model::{
    DefinitionRevision, DefinitionType, EndpointPath, Event, Hashes, Maturity, QuarantineId,
    RuleMatch, ScanId, Sha256, SpoolId,
};
use proto::Signed;
use proto::agent::{EventBatch, EventReceipt};
use proto::problem::ProblemKind;
use serde_json::{Value, json};

use crate::stand::{Agent, Answer, START, Stand};

fn hashes() -> Hashes {
    Hashes {
        md5: "0".repeat(32),
        sha1: "0".repeat(40),
        sha256: Sha256([7; 32]),
    }
}

pub(crate) fn finding(path: &str, scan: Option<ScanId>) -> EventBody {
    EventBody::DetectionFinding {
        path: EndpointPath::parse(path).unwrap(),
        size: 68,
        hashes: Some(hashes()),
        matches: vec![RuleMatch {
            rule: "Garrison.Test.Sample".to_owned(),
            definition_type: DefinitionType::Av,
            maturity: Maturity::Enforcing,
            member: Vec::new(),
            hashes: hashes(),
        }],
        definitions: DefinitionRevision(1),
        initiator: Initiator::LocalUser { uid: 0 },
        scan,
    }
}

/// What a device's spool holds.
pub(crate) struct Spool {
    pub(crate) id: SpoolId,
    pub(crate) next: u64,
}

impl Spool {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: SpoolId(id.to_owned()),
            next: 1,
        }
    }

    pub(crate) fn batch(&mut self, bodies: Vec<EventBody>) -> EventBatch {
        let events = bodies
            .into_iter()
            .map(|body| {
                let sequence = Sequence(self.next);
                self.next += 1;
                Event {
                    sequence,
                    time: START,
                    body,
                }
            })
            .collect();
        EventBatch {
            spool: self.id.clone(),
            events,
            gaps: Vec::new(),
        }
    }
}

pub(crate) async fn deliver(stand: &Stand, device: &Agent, batch: &EventBatch) -> Answer {
    let json = serde_json::to_vec(batch).unwrap();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/agent/v1/events")
        .header("content-type", "application/json")
        .header("content-encoding", "zstd")
        .body(Body::from(zstd::encode_all(&json[..], 3).unwrap()))
        .unwrap();
    Answer::read(stand.send_agent(Some(&device.peer), request).await).await
}

async fn detection(stand: &Stand) -> Value {
    let list = stand.get("/api/v1/detections").await.expect(StatusCode::OK);
    assert_eq!(list["total"], 1, "{list}");
    list["items"][0].clone()
}

pub(crate) fn command(stand: &Stand, signed: &Signed) -> CommandDocument {
    trust::signing::verify(
        signed,
        Signed::COMMAND,
        &[stand.site.keys.signing.verifying_key()],
    )
    .unwrap()
}

#[tokio::test]
async fn the_same_batch_twice_counts_once_also_after_a_restart() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let batch = Spool::new("a").batch(vec![finding("/srv/x", None), finding("/srv/x", None)]);
    for _ in 0..2 {
        let receipt: EventReceipt = deliver(&stand, &device, &batch).await.read_as();
        assert_eq!(receipt.stored_through, Sequence(2));
    }
    let stand = stand.restarted().await;
    let receipt: EventReceipt = deliver(&stand, &device, &batch).await.read_as();
    assert_eq!(receipt.stored_through, Sequence(2));
    let found = detection(&stand).await;
    assert_eq!(found["times_seen"], 2);
    assert_eq!(found["triage"], "open");
    let shown = stand.get(&format!("/api/v1/devices/{}", device.id)).await;
    assert_eq!(shown.json()["open_detections"], 1);
}

#[tokio::test]
async fn what_the_budget_evicted_is_counted_as_lost_once() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let mut spool = Spool::new("a");
    spool.next = 11;
    let mut batch = spool.batch(vec![finding("/srv/x", None)]);
    batch.gaps.push(Gap {
        first: Sequence(1),
        last: Sequence(10),
    });
    for _ in 0..2 {
        let receipt: EventReceipt = deliver(&stand, &device, &batch).await.read_as();
        assert_eq!(receipt.stored_through, Sequence(11));
    }
    let shown = stand.get(&format!("/api/v1/devices/{}", device.id)).await;
    assert_eq!(shown.json()["events_lost"], 10);
    let overview = stand.get("/api/v1/overview").await.expect(StatusCode::OK);
    assert_eq!(overview["events_lost"], 10);
}

#[tokio::test]
async fn sequences_of_another_spool_are_other_events() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    for id in ["a", "b"] {
        let batch = Spool::new(id).batch(vec![finding("/srv/x", None)]);
        deliver(&stand, &device, &batch)
            .await
            .expect(StatusCode::OK);
    }
    assert_eq!(detection(&stand).await["times_seen"], 2);
}

#[tokio::test]
async fn a_batch_that_is_no_batch_is_refused_and_leaves_nothing() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let mut batch = Spool::new("a").batch(vec![finding("/srv/x", None), finding("/srv/y", None)]);
    batch.events[1].sequence = Sequence(1);
    let answer = deliver(&stand, &device, &batch).await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    let mut large = Spool::new("a");
    let bodies = (0..1001)
        .map(|_| EventBody::AgentStarted {
            agent_version: String::new(),
        })
        .collect();
    let answer = deliver(&stand, &device, &large.batch(bodies)).await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    let request = Request::builder()
        .method(Method::POST)
        .uri("/agent/v1/events")
        .body(Body::from("{}"))
        .unwrap();
    let plain = Answer::read(stand.send_agent(Some(&device.peer), request).await).await;
    assert_eq!(plain.problem(), ProblemKind::UnsupportedMedia);
    assert_eq!(stand.get("/api/v1/detections").await.json()["total"], 0);
}

#[tokio::test]
async fn a_file_is_quarantined_and_restored_by_signed_commands() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.check_in(&stand).await;
    let mut spool = Spool::new("a");
    let batch = spool.batch(vec![finding("/srv/x", None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let id = detection(&stand).await["id"].as_str().unwrap().to_owned();
    let path = |action: &str| format!("/api/v1/detections/{id}/{action}");

    assert_eq!(
        stand.post(&path("restore"), json!({})).await.problem(),
        ProblemKind::Conflict
    );
    stand
        .post(&path("quarantine"), json!({}))
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(detection(&stand).await["file"], "pending");
    assert_eq!(
        stand.post(&path("quarantine"), json!({})).await.problem(),
        ProblemKind::Conflict,
        "two people who press at once get one command"
    );
    let answer = device.check_in(&stand).await;
    let [signed] = answer.commands.as_slice() else {
        panic!("one command, got {:?}", answer.commands);
    };
    let document = command(&stand, signed);
    assert_eq!(document.device, device.id);
    assert!(document.expires > document.issued);
    assert!(
        matches!(&document.action, Action::Quarantine { path, sha256 }
            if path.as_str() == "/srv/x" && *sha256 == Sha256([7; 32]))
    );

    let quarantine = QuarantineId::generate();
    let done = |remediation, command| {
        vec![
            EventBody::FileRemediation {
                remediation,
                quarantine,
                path: EndpointPath::parse("/srv/x").unwrap(),
                hashes: hashes(),
                initiator: Initiator::Manager { command },
            },
            EventBody::CommandResult {
                command,
                outcome: CommandOutcome::Done,
            },
        ]
    };
    let batch = spool.batch(done(Remediation::Quarantined, document.id));
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let found = detection(&stand).await;
    assert_eq!(found["file"], "quarantined");
    assert_eq!(found["quarantine"], quarantine.to_string());
    assert!(device.check_in(&stand).await.commands.is_empty());
    let list = stand.get("/api/v1/quarantine").await.expect(StatusCode::OK);
    assert_eq!(list["items"][0]["detection"], id);

    stand
        .post(&path("restore"), json!({}))
        .await
        .expect(StatusCode::ACCEPTED);
    let answer = device.check_in(&stand).await;
    let document = command(&stand, &answer.commands[0]);
    assert_eq!(document.action, Action::Restore { quarantine });
    let batch = spool.batch(done(Remediation::Restored, document.id));
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    assert_eq!(detection(&stand).await["file"], "restored");
    let list = stand.get("/api/v1/quarantine").await.expect(StatusCode::OK);
    assert_eq!(list["items"][0]["file"], "restored");
}

#[tokio::test]
async fn a_failed_command_leaves_the_file_where_it_was_and_says_why() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    let mut spool = Spool::new("a");
    let batch = spool.batch(vec![finding("/srv/x", None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let id = detection(&stand).await["id"].as_str().unwrap().to_owned();
    stand
        .post(&format!("/api/v1/detections/{id}/quarantine"), json!({}))
        .await
        .expect(StatusCode::ACCEPTED);
    let document = command(&stand, &device.check_in(&stand).await.commands[0]);
    let batch = spool.batch(vec![EventBody::CommandResult {
        command: document.id,
        outcome: CommandOutcome::Failed {
            reason: "the file changed".to_owned(),
        },
    }]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let found = detection(&stand).await;
    assert_eq!(found["file"], "in_place");
    assert_eq!(found["last_failure"], "the file changed");
}

#[tokio::test]
async fn another_device_cannot_answer_for_a_command() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    let stranger = stand.device().await;
    let scan = stand
        .post(
            "/api/v1/scans",
            json!({"devices": [device.id], "group": null, "paths": ["/srv"]}),
        )
        .await
        .expect(StatusCode::ACCEPTED);
    let document = command(&stand, &device.check_in(&stand).await.commands[0]);
    let batch = Spool::new("s").batch(vec![EventBody::CommandResult {
        command: document.id,
        outcome: CommandOutcome::Failed {
            reason: "not mine".to_owned(),
        },
    }]);
    deliver(&stand, &stranger, &batch)
        .await
        .expect(StatusCode::OK);
    assert_eq!(device.check_in(&stand).await.commands.len(), 1);
    let path = format!("/api/v1/scans/{}", scan["id"].as_str().unwrap());
    let scan = stand.get(&path).await.json();
    assert_eq!(scan["devices"][0]["state"], "waiting");
}

#[tokio::test]
async fn a_scan_runs_and_ends_and_a_local_one_shows_who_began_it() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    let asked = stand
        .post(
            "/api/v1/scans",
            json!({"devices": [device.id], "group": null, "paths": ["/srv"]}),
        )
        .await
        .expect(StatusCode::ACCEPTED);
    let document = command(&stand, &device.check_in(&stand).await.commands[0]);
    let Action::Scan { scan, .. } = document.action else {
        panic!("a scan, got {document:?}");
    };
    let by = Initiator::Manager {
        command: document.id,
    };
    let activity = |scan, initiator: &Initiator, totals| EventBody::ScanActivity {
        scan,
        initiator: initiator.clone(),
        paths: vec![EndpointPath::parse("/srv").unwrap()],
        totals,
        cancelled: false,
        definitions: None,
    };
    let mut spool = Spool::new("a");
    let batch = spool.batch(vec![activity(scan, &by, None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let path = format!("/api/v1/scans/{}", asked["id"].as_str().unwrap());
    assert_eq!(
        stand.get(&path).await.json()["devices"][0]["state"],
        "running"
    );
    let totals = ScanTotals {
        clean: 3,
        detected: 1,
        ..ScanTotals::default()
    };
    let local = ScanId::generate();
    let user = Initiator::LocalUser { uid: 1000 };
    let batch = spool.batch(vec![
        finding("/srv/x", Some(scan)),
        activity(scan, &by, Some(totals)),
        activity(local, &user, None),
        activity(local, &user, Some(ScanTotals::default())),
    ]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let ended = stand.get(&path).await.json();
    assert_eq!(ended["devices"][0]["state"], "done");
    assert_eq!(ended["devices"][0]["totals"]["clean"], 3);
    assert_eq!(ended["detections"], 1);
    let shown = stand.get(&format!("/api/v1/scans/{local}")).await.json();
    assert_eq!(shown["requested_by"], "local user 1000 on web-14");
    assert_eq!(shown["devices"][0]["state"], "done");
}

#[tokio::test]
async fn a_fork_that_awaits_approval_delivers_no_events() {
    let stand = Stand::new().await;
    let mut first = stand.device().await;
    first.check_in(&stand).await;
    let second = first.copied();
    first.check_in(&stand).await;
    second.try_check_in(&stand, "copy").await.problem();
    let key = trust::KeyPair::generate().unwrap();
    let request = proto::agent::RenewRequest {
        certificate_request: key.certificate_request().unwrap(),
    };
    let answer: proto::agent::RekeyAnswer = stand
        .agent(Some(&second.peer), "/agent/v1/rekey", &request)
        .await
        .read_as();
    let fork = Agent::new(answer.device, key, &answer.certificate);
    let batch = Spool::new("a").batch(vec![finding("/srv/x", None)]);
    let answer = deliver(&stand, &fork, &batch).await;
    assert_eq!(answer.problem(), ProblemKind::AwaitingApproval);
    let answer = deliver(&stand, &second, &batch).await;
    assert_eq!(answer.problem(), ProblemKind::IdentitySuspended);
}

#[tokio::test]
async fn triage_is_kept_and_a_confirmed_file_that_comes_back_is_open_again() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let mut spool = Spool::new("a");
    let batch = spool.batch(vec![finding("/srv/x", None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let id = detection(&stand).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/detections/{id}/triage");
    let changed = stand
        .post(&path, json!({"triage": "confirmed", "note": "seen"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(changed["triage_note"], "seen");
    let batch = spool.batch(vec![finding("/srv/x", None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    assert_eq!(detection(&stand).await["triage"], "confirmed");
    let batch = spool.batch(vec![
        EventBody::FileRemediation {
            remediation: Remediation::Quarantined,
            quarantine: QuarantineId::generate(),
            path: EndpointPath::parse("/srv/x").unwrap(),
            hashes: hashes(),
            initiator: Initiator::Policy,
        },
        finding("/srv/x", None),
    ]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let found = detection(&stand).await;
    assert_eq!(found["triage"], "open");
    assert_eq!(found["file"], "in_place");
    assert_eq!(found["triage_note"], "seen");
}

#[tokio::test]
async fn detections_are_found_by_path_rule_and_hash_and_paged() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let bodies = (0..7)
        .map(|number| finding(&format!("/srv/{number}_100%"), None))
        .collect();
    let batch = Spool::new("a").batch(bodies);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    for (search, count) in [
        ("/srv/3", 1),
        ("Test.Sample", 7),
        ("0707", 7),
        ("3_100%25", 1),
        ("3x100", 0),
    ] {
        let found = stand
            .get(&format!("/api/v1/detections?search={search}"))
            .await
            .expect(StatusCode::OK);
        assert_eq!(found["total"], count, "{search}");
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/detections?limit=3".to_owned();
    loop {
        let page = stand.get(&path).await.expect(StatusCode::OK);
        assert_eq!(page["total"], 7);
        for item in page["items"].as_array().unwrap() {
            seen.push(item["id"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/detections?limit=3&cursor={cursor}");
    }
    let mut unique = seen.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((seen.len(), unique.len()), (7, 7));
}
