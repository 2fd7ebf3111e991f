//! The real agent against a manager of the test's own, over real TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at a broken expectation"
)]

mod setup;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use definitions::Source;
use model::event::{CommandOutcome, EventBody, Remediation};
use model::network::{NetworkReport, Trigger};
use model::policy::{Action, Policy, Response};
use model::{CommandId, DefinitionRevision, EndpointPath, ScanId};
use proto::problem::ProblemKind;
use setup::manager::{Running, Site};
use setup::process::{Agent, run, text, token_file};
use setup::{eicar, wait_for};
use trust::SigningKey;

struct Bench {
    folder: tempfile::TempDir,
    site: std::sync::Arc<Site>,
    manager: Running,
}

impl Bench {
    fn new() -> Self {
        let site = Site::new();
        let manager = Running::start(&site);
        Self {
            folder: tempfile::tempdir().unwrap(),
            site,
            manager,
        }
    }

    fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    fn data(&self) -> PathBuf {
        self.root().join("agent")
    }

    fn token(&self) -> PathBuf {
        token_file(&self.root(), &self.manager.token())
    }

    fn agent(&self) -> Agent {
        Agent::start(&self.data(), Some(&self.token()))
    }

    /// A folder with one file that every scanner detects, and a clean one.
    fn files(&self) -> PathBuf {
        let files = self.root().join("files");
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("bad"), eicar()).unwrap();
        fs::write(files.join("good"), "hello").unwrap();
        files
    }

    fn offer_definitions(&self, signer: &SigningKey, revision: u64) -> Vec<u8> {
        let bytes = compile(signer, revision);
        self.site.memory().definitions = Some((DefinitionRevision(revision), bytes.clone()));
        bytes
    }

    fn offer_own_definitions(&self) {
        self.offer_definitions(&self.site.signing, 7);
    }

    fn wait_for_event<T>(&self, what: &str, find: impl Fn(&EventBody) -> Option<T>) -> T {
        wait_for(what, || self.site.bodies().iter().find_map(&find))
    }

    fn until_done(&self, command: CommandId) {
        self.wait_for_event("the result", |body| match body {
            EventBody::CommandResult {
                command: of,
                outcome,
            } if *of == command => {
                assert_eq!(*outcome, CommandOutcome::Done);
                Some(())
            }
            _ => None,
        });
    }

    fn wait_for_refusal(&self, wanted: &str) -> String {
        self.wait_for_event(&format!("a refusal of {wanted}"), |body| match body {
            EventBody::Refused { what, reason } if what.contains(wanted) => Some(reason.clone()),
            _ => None,
        })
    }

    fn state(&self) -> Option<model::health::AgentState> {
        self.site.memory().last_state.values().last().cloned()
    }
}

fn compile(signer: &SigningKey, revision: u64) -> Vec<u8> {
    let root = std::env::var_os("GARRISON_SOURCE_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        PathBuf::from,
    );
    let sources = definitions::load(&[root.join("definitions")]).unwrap();
    let sources: Vec<Source> = sources
        .into_iter()
        .filter(|source| source.name.contains("garrison-test"))
        .collect();
    let compiled = definitions::build(&sources, DefinitionRevision(revision), &mut |_| ()).unwrap();
    let text = signer.to_secret_text();
    definitions::sign(&compiled, &definitions_key(&text))
}

/// The site's one Ed25519 key signs definitions too.
fn definitions_key(secret_text: &str) -> definitions::SigningKey {
    use base64::Engine as _;
    let body = secret_text.trim().rsplit('.').next().unwrap();
    let seed = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(body)
        .unwrap();
    definitions::SigningKey::from_seed(&seed.try_into().unwrap()).unwrap()
}

#[test]
fn a_scan_command_ends_in_a_delivered_detection_and_a_quarantined_file() {
    let bench = Bench::new();
    let files = bench.files();
    bench.offer_own_definitions();
    let policy = Policy {
        response: Response::Quarantine,
        ..Policy::default()
    };
    bench.site.set_policy(&bench.site.signing, 1, policy);
    let agent = bench.agent();
    let device = wait_for("the device", || bench.site.device());
    let scan = ScanId::generate();
    let paths = vec![EndpointPath::from_path(&files)];
    let command = bench
        .site
        .command(&bench.site.signing, device, Action::Scan { scan, paths });
    let rule = bench.wait_for_event("the detection", |body| match body {
        EventBody::DetectionFinding {
            path,
            matches,
            scan: of,
            ..
        } if path.to_path() == files.join("bad") => {
            assert_eq!(*of, Some(scan));
            Some(matches[0].rule.clone())
        }
        _ => None,
    });
    assert_eq!(rule, "Garrison.Test.EICAR");
    let item = bench.wait_for_event("the quarantine", |body| match body {
        EventBody::FileRemediation {
            remediation: Remediation::Quarantined,
            quarantine,
            ..
        } => Some(*quarantine),
        _ => None,
    });
    bench.until_done(command);
    assert!(!files.join("bad").exists() && files.join("good").exists());
    let restore = Action::Restore { quarantine: item };
    bench.site.command(&bench.site.signing, device, restore);
    wait_for("the file", || files.join("bad").exists().then_some(()));
    // A command that is sent again and again is carried out once.
    let results = |bodies: Vec<EventBody>| {
        bodies
            .iter()
            .filter(|body| matches!(body, EventBody::CommandResult { command: of, .. } if *of == command))
            .count()
    };
    assert_eq!(results(bench.site.bodies()), 1);
    assert!(agent.stop());
}

#[test]
fn lost_answers_cost_nothing() {
    let bench = Bench::new();
    bench.site.memory().lose = [("enrol", 0), ("check-in", 3), ("events", 2)]
        .into_iter()
        .collect();
    let agent = bench.agent();
    bench.wait_for_event("the start", |body| {
        matches!(body, EventBody::AgentStarted { .. }).then_some(())
    });
    wait_for("the receipt", || {
        (agent.status()["state"]["spooled_events"] == 0).then_some(())
    });
    let memory = bench.site.memory();
    assert_eq!(memory.devices.len(), 1);
    assert!(memory.suspended.is_empty());
    assert!(memory.served["check-in"] > 3 && memory.served["events"] > 2);
    let starts = memory
        .events
        .values()
        .filter(|event| matches!(event.body, EventBody::AgentStarted { .. }));
    assert_eq!(starts.count(), 1);
}

#[test]
fn a_lost_enrolment_is_repeated_with_the_same_key() {
    let bench = Bench::new();
    bench.site.memory().lose = [("enrol", 1)].into_iter().collect();
    let token = bench.token();
    let arguments = [
        "enrol",
        "--data",
        bench.data().to_str().unwrap(),
        "--token-file",
        token.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let enrol = || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!enrol().status.success());
    let second = enrol();
    assert!(second.status.success(), "{}", text(&second));
    assert_eq!(bench.site.memory().devices.len(), 1);
    let third = enrol();
    assert!(
        text(&third).contains("enrolled already"),
        "{}",
        text(&third)
    );
}

#[test]
fn a_copied_folder_makes_both_holders_forks() {
    let bench = Bench::new();
    let agent = bench.agent();
    wait_for("a first delivery", || {
        let delivered = agent.status()["state"]["spooled_events"] == 0;
        (delivered && !bench.site.bodies().is_empty()).then_some(())
    });
    assert!(agent.stop());
    let copy = bench.root().join("copy");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&bench.data(), &copy])
        .status()
        .unwrap();
    assert!(copied.success());
    let first = Agent::start(&bench.data(), None);
    let second = Agent::start(&copy, None);
    wait_for("two forks", || {
        (bench.site.memory().forks.len() == 2).then_some(())
    });
    let original = bench
        .site
        .memory()
        .suspended
        .iter()
        .next()
        .copied()
        .unwrap();
    assert!(bench.site.memory().forks.values().all(|of| *of == original));
    for agent in [&first, &second] {
        wait_for("awaiting approval", || {
            (agent.status()["awaiting_approval"] == true).then_some(())
        });
    }
    assert_ne!(first.status()["device"], second.status()["device"]);
    // Once approved, each delivers what it still had; what the first delivered before the copy was
    // noticed counts as the old identity's.
    bench.site.memory().awaiting.clear();
    for agent in [&first, &second] {
        wait_for("delivery", || {
            let status = agent.status();
            (status["awaiting_approval"] == false && status["state"]["spooled_events"] == 0)
                .then_some(())
        });
    }
    let starts = bench
        .site
        .bodies()
        .into_iter()
        .filter(|body| matches!(body, EventBody::AgentStarted { .. }));
    assert_eq!(starts.count(), 3);
}

#[test]
fn what_the_site_did_not_sign_is_refused_and_reported_once() {
    let bench = Bench::new();
    let stranger = SigningKey::generate().unwrap();
    bench.site.set_policy(&stranger, 5, Policy::default());
    let agent = bench.agent();
    let device = wait_for("the device", || bench.site.device());
    let scan = Action::Scan {
        scan: ScanId::generate(),
        paths: vec![EndpointPath::from_bytes(b"/")],
    };
    bench.site.command(&stranger, device, scan);
    let policy = bench.wait_for_refusal("a policy");
    assert!(policy.contains("not trusted"), "{policy}");
    bench.wait_for_refusal("a command");
    let served = bench.site.memory().served["check-in"];
    wait_for("more check-ins", || {
        (bench.site.memory().served["check-in"] > served + 3).then_some(())
    });
    let refusals = bench
        .site
        .bodies()
        .into_iter()
        .filter(|body| matches!(body, EventBody::Refused { .. }));
    assert_eq!(refusals.count(), 2);
    assert_eq!(bench.state().unwrap().policy_revision, 0);
    let issues = bench.state().unwrap().issues;
    assert!(
        issues.iter().any(|issue| issue.kind == "policy_refused"),
        "{issues:?}"
    );
    drop(agent);
}

#[test]
fn events_of_a_time_without_manager_are_delivered_once_also_after_a_kill() {
    let bench = Bench::new();
    let files = bench.files();
    bench.offer_own_definitions();
    let agent = bench.agent();
    wait_for("definitions", || bench.state()?.definitions);
    let port = bench.manager.address.port();
    let Bench {
        folder,
        site,
        manager,
    } = bench;
    manager.stop();
    let scanned = agent.local(&["scan", files.to_str().unwrap()]);
    assert_eq!(scanned.status.code(), Some(1), "{}", text(&scanned));
    assert!(agent.status()["state"]["spooled_events"].as_u64().unwrap() >= 3);
    let data = agent.data.clone();
    agent.kill();
    let agent = Agent::start(&data, None);
    let bench = Bench {
        manager: Running::start_at(&site, Some(port)),
        folder,
        site,
    };
    bench.wait_for_event("the detection", |body| {
        matches!(body, EventBody::DetectionFinding { .. }).then_some(())
    });
    wait_for("the receipt", || {
        (agent.status()["state"]["spooled_events"] == 0).then_some(())
    });
    let detections = bench
        .site
        .bodies()
        .into_iter()
        .filter(|body| matches!(body, EventBody::DetectionFinding { .. }));
    assert_eq!(detections.count(), 1);
    assert!(bench.site.memory().gaps.is_empty());
}

#[test]
fn bad_definitions_are_refused_and_the_old_stay() {
    let bench = Bench::new();
    bench.offer_own_definitions();
    let agent = bench.agent();
    wait_for("definitions", || bench.state()?.definitions);
    let stranger = SigningKey::generate().unwrap();
    let sound = compile(&bench.site.signing, 12);
    let mut flipped = compile(&bench.site.signing, 13);
    flipped[5000] ^= 1;
    let cases: [(u64, Vec<u8>); 4] = [
        (11, compile(&stranger, 11)),
        (12, sound[..sound.len() / 2].to_vec()),
        (13, flipped),
        (6, compile(&bench.site.signing, 6)),
    ];
    for (revision, bytes) in cases {
        bench.site.memory().definitions = Some((DefinitionRevision(revision), bytes));
        bench.wait_for_refusal(&format!("definitions {revision}"));
        assert_eq!(
            bench.state().unwrap().definitions,
            Some(DefinitionRevision(7))
        );
    }
    // And a good one after all of these is taken.
    bench.offer_definitions(&bench.site.signing, 20);
    wait_for("the new ones", || {
        (bench.state()?.definitions == Some(DefinitionRevision(20))).then_some(())
    });
    drop(agent);
}

#[test]
fn a_rotated_certificate_has_a_new_key_and_the_same_device() {
    let bench = Bench::new();
    let agent = bench.agent();
    let device = wait_for("the device", || bench.site.device());
    let key = fs::read(bench.data().join("identity/key.pem")).unwrap();
    let command = bench
        .site
        .command(&bench.site.signing, device, Action::RotateCertificate);
    bench.until_done(command);
    assert_ne!(
        fs::read(bench.data().join("identity/key.pem")).unwrap(),
        key
    );
    assert!(!bench.data().join("identity/pending.json").exists());
    assert!(
        bench
            .site
            .memory()
            .devices
            .values()
            .all(|one| *one == device)
    );
    assert_eq!(bench.site.memory().devices.len(), 2, "two keys");
    drop(agent);
}

#[test]
fn a_command_to_check_the_network_ends_with_a_report_though_nothing_changed() {
    let bench = Bench::new();
    let agent = bench.agent();
    let device = wait_for("the device", || bench.site.device());
    let reports = |bench: &Bench, wanted: Trigger| -> Vec<NetworkReport> {
        let bodies = bench.site.bodies();
        let reports = bodies.iter().filter_map(|body| match body {
            EventBody::NetworkReport { report } if report.trigger == wanted => {
                Some((**report).clone())
            }
            _ => None,
        });
        reports.collect()
    };
    let first = wait_for("the report after the start", || {
        reports(&bench, Trigger::Start).pop()
    });
    let command = bench
        .site
        .command(&bench.site.signing, device, Action::CheckNetwork);
    bench.until_done(command);
    let asked = wait_for("its report", || reports(&bench, Trigger::Asked).pop());
    assert_eq!(asked.result, first.result);
    assert!(asked.checked > first.checked);
    drop(agent);
}

#[test]
fn a_revoked_device_stops_talking_and_goes_on_scanning() {
    let bench = Bench::new();
    let files = bench.files();
    bench.offer_own_definitions();
    let agent = bench.agent();
    let device = wait_for("the device", || bench.site.device());
    wait_for("definitions", || bench.state()?.definitions);
    bench.site.memory().revoked.insert(device);
    wait_for("the issue", || {
        let status = agent.status().to_string();
        status.contains("\"revoked\"").then_some(())
    });
    let scanned = agent.local(&["scan", files.to_str().unwrap()]);
    assert_eq!(scanned.status.code(), Some(1), "{}", text(&scanned));
}

#[test]
fn a_local_scan_quarantines_and_restores() {
    let bench = Bench::new();
    let files = bench.files();
    bench.offer_own_definitions();
    let agent = bench.agent();
    wait_for("definitions", || bench.state()?.definitions);
    let scanned = agent.local(&["scan", "--json", "--quarantine", files.to_str().unwrap()]);
    assert_eq!(scanned.status.code(), Some(1), "{}", text(&scanned));
    assert_eq!(String::from_utf8_lossy(&scanned.stdout).lines().count(), 2);
    assert!(!files.join("bad").exists());
    let listed = agent.local(&["quarantine", "list", "--json"]);
    let items: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(items[0]["path"], files.join("bad").to_str().unwrap());
    let id = items[0]["id"].as_str().unwrap();
    let data = bench.data();
    let restored = run(&[
        "quarantine",
        "restore",
        "--data",
        data.to_str().unwrap(),
        id,
    ]);
    assert!(restored.status.success(), "{}", text(&restored));
    assert_eq!(fs::read_to_string(files.join("bad")).unwrap(), eicar());
    let again = run(&[
        "quarantine",
        "restore",
        "--data",
        data.to_str().unwrap(),
        id,
    ]);
    assert!(text(&again).contains("quarantine list"), "{}", text(&again));
    for wanted in [Remediation::Quarantined, Remediation::Restored] {
        bench.wait_for_event("the remediation", |body| match body {
            EventBody::FileRemediation { remediation, .. } if *remediation == wanted => Some(()),
            _ => None,
        });
    }
}

#[test]
fn each_way_in_which_enrolment_fails_says_what_to_do() {
    let bench = Bench::new();
    let token = bench.token();
    let data = bench.data();
    let enrol = || {
        let output = run(&[
            "enrol",
            "--data",
            data.to_str().unwrap(),
            "--token-file",
            token.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    for kind in [
        ProblemKind::TokenUnknown,
        ProblemKind::TokenExpired,
        ProblemKind::TokenUsedUp,
        ProblemKind::TokenRevoked,
    ] {
        bench.site.memory().refuse_enrolment = Some(kind);
        let said = enrol();
        assert!(
            said.contains(kind.title()) && said.contains("tokens create"),
            "{said}"
        );
        assert!(!said.contains(setup::manager::SECRET));
    }
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let said = enrol();
    assert!(said.contains("chmod 600"), "{said}");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&token, "hello").unwrap();
    assert!(enrol().contains("tokens create"));
    // Another site's manager at the address.
    let other = Bench::new();
    let mut foreign = proto::EnrolmentToken::parse(&other.manager.token()).unwrap();
    foreign.ca_pin = bench.site.ca.pin_hex();
    fs::write(&token, foreign.to_text()).unwrap();
    assert!(enrol().contains("did not present the CA"));
    // Nobody there: a stopped manager's port may be somebody else's by now, this one is nobody's.
    let mut nowhere = proto::EnrolmentToken::parse(&bench.manager.token()).unwrap();
    nowhere.addresses = vec!["127.99.99.99:1".to_owned()];
    fs::write(&token, nowhere.to_text()).unwrap();
    let said = enrol();
    assert!(
        said.contains("nothing listens there") && said.contains("check that the manager runs"),
        "{said}"
    );
}

#[test]
fn an_agent_enrols_once_its_manager_is_there() {
    let bench = Bench::new();
    let token = bench.token();
    let port = bench.manager.address.port();
    let Bench {
        folder,
        site,
        manager,
    } = bench;
    manager.stop();
    let data = folder.path().join("agent");
    let agent = Agent::start(&data, Some(&token));
    wait_for("the issue", || {
        agent
            .status()
            .to_string()
            .contains("not_enrolled")
            .then_some(())
    });
    let _manager = Running::start_at(&site, Some(port));
    wait_for("the device", || site.device());
}
