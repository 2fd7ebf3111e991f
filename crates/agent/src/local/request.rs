//! What a local command may ask for, and what becomes of it.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use model::event::{EventBody, Initiator};
use model::verdict::{FileOutcome, FileReport};
use model::{QuarantineId, ScanId, Timestamp};
use proto::local::{Answer, Request};
use sandbox::Sealed;

use super::rate::Rate;
use crate::core::Core;
use crate::scanning::is_problem;
use crate::vault::{Take, Vault};

/// Paths of one scan that are recorded.
const MOST_PATHS: usize = 100;
/// A report's matches that are recorded.
const MOST_MATCHES: usize = 200;

const ROOT: u32 = 0;

type Beside = Option<Sealed>;

/// Answers one question of the user `peer`.
pub(super) fn answer(
    core: &Arc<Core>,
    rate: &Mutex<Rate>,
    peer: u32,
    question: Request,
    descriptor: Option<OwnedFd>,
) -> (Answer, Beside) {
    let answer = match question {
        Request::Status => Answer::Status {
            status: Box::new(core.status()),
        },
        Request::Definitions => return definitions(core),
        Request::ScanBegan { scan, mut paths } => {
            if !allowed(rate, peer) {
                return (too_many(), None);
            }
            paths.truncate(MOST_PATHS);
            core.journal.record(EventBody::ScanActivity {
                scan,
                initiator: Initiator::LocalUser { uid: peer },
                paths,
                totals: None,
                cancelled: false,
                definitions: core.definitions.revision(),
            });
            Answer::Done
        }
        Request::ScanFound {
            scan,
            report,
            quarantine,
        } => {
            if !allowed(rate, peer) {
                return (too_many(), None);
            }
            found(core, peer, scan, *report, quarantine.then_some(descriptor))
        }
        Request::ScanEnded {
            scan,
            totals,
            cancelled,
        } => {
            if !allowed(rate, peer) {
                return (too_many(), None);
            }
            core.journal.record(EventBody::ScanActivity {
                scan,
                initiator: Initiator::LocalUser { uid: peer },
                paths: Vec::new(),
                totals: Some(totals),
                cancelled,
                definitions: core.definitions.revision(),
            });
            Answer::Done
        }
        Request::QuarantineList => list(core, peer),
        Request::QuarantineRestore { quarantine } => restore(core, peer, quarantine),
        Request::QuarantineDelete { quarantine } => delete(core, peer, quarantine),
        Request::CheckIn => {
            core.wake.notify_one();
            Answer::Done
        }
        Request::CheckNetwork => {
            core.network.check_now();
            Answer::Done
        }
    };
    (answer, None)
}

fn definitions(core: &Core) -> (Answer, Beside) {
    let sealed = match core.definitions.sealed() {
        Ok(Some(sealed)) => sealed,
        Ok(None) => {
            let reason = "this agent has no definitions yet; give some with --definitions FILE";
            return (refused(reason), None);
        }
        Err(error) => return (refused(error), None),
    };
    let (Some(revision), Some(key)) = (core.definitions.revision(), core.definitions_key()) else {
        return (refused("this agent is not enrolled"), None);
    };
    let answer = Answer::Definitions {
        revision,
        key: key.to_string(),
    };
    (answer, Some(sealed))
}

/// Records what a caller's scan found; `quarantine` is there when the file is to be taken, with
/// what came as its descriptor.
fn found(
    core: &Core,
    peer: u32,
    scan: ScanId,
    report: FileReport,
    quarantine: Option<Option<OwnedFd>>,
) -> Answer {
    if is_problem(&report.outcome) {
        core.journal.record(EventBody::ScanProblem {
            scan: Some(scan),
            report: Box::new(report),
        });
        return Answer::Done;
    }
    let FileOutcome::Judged { verdict } = report.outcome else {
        return refused("expected a detection or a problem");
    };
    if verdict.detections().next().is_none() {
        return refused("expected a detection or a problem");
    }
    let rules = verdict
        .detections()
        .map(|found| found.rule.clone())
        .collect();
    let expected = verdict.hashes.as_ref().map(|hashes| hashes.sha256);
    let mut matches = verdict.matches;
    matches.truncate(MOST_MATCHES);
    let initiator = Initiator::LocalUser { uid: peer };
    core.journal.record(EventBody::DetectionFinding {
        path: report.path,
        size: verdict.size,
        hashes: verdict.hashes,
        matches,
        definitions: verdict.definitions,
        initiator: initiator.clone(),
        scan: Some(scan),
    });
    let Some(descriptor) = quarantine else {
        return Answer::Done;
    };
    let Some(file) = descriptor else {
        return refused("expected a descriptor of the file to be quarantined");
    };
    let owner = match rustix::fs::fstat(&file) {
        Ok(stat) => stat.st_uid,
        Err(error) => return refused(error),
    };
    if peer != ROOT && peer != owner {
        return refused(
            "only root and the file's owner may have it quarantined; the detection is reported",
        );
    }
    let Some(vault) = &core.vault else {
        return refused("this agent has no quarantine; \"garrison-agent status\" says why");
    };
    let taken = vault.take(&Take {
        file: file.as_fd(),
        expected,
        rules,
        initiator,
        now: Timestamp::now(),
    });
    match taken {
        Ok(item) => Answer::Quarantined { item },
        Err(error) => refused(error),
    }
}

fn list(core: &Core, peer: u32) -> Answer {
    let items = core.vault.as_ref().map_or(Ok(Vec::new()), Vault::list);
    match items {
        Ok(mut items) => {
            items.retain(|item| peer == ROOT || peer == item.owner_uid);
            Answer::Quarantine { items }
        }
        Err(error) => refused(error),
    }
}

fn restore(core: &Core, peer: u32, id: QuarantineId) -> Answer {
    with_item(core, peer, id, |vault, initiator| {
        let restored = vault.restore(id, initiator)?;
        if !restored.missing.is_empty() {
            tracing::warn!("{id}: restored without {}", restored.missing.join(", "));
        }
        Ok(())
    })
}

fn delete(core: &Core, peer: u32, id: QuarantineId) -> Answer {
    with_item(core, peer, id, |vault, initiator| {
        vault.delete(id, initiator).map(drop)
    })
}

fn with_item(
    core: &Core,
    peer: u32,
    id: QuarantineId,
    work: impl FnOnce(&Vault, &Initiator) -> Result<(), crate::vault::VaultError>,
) -> Answer {
    let Some(vault) = &core.vault else {
        return refused("this agent has no quarantine; \"garrison-agent status\" says why");
    };
    let owner = match vault.item(id) {
        Ok(item) => item.owner_uid,
        Err(error) => return refused(error),
    };
    if peer != ROOT && peer != owner {
        // As if it weren't there: others' files are no business of the caller.
        return refused(crate::vault::VaultError::Unknown { id });
    }
    match work(vault, &Initiator::LocalUser { uid: peer }) {
        Ok(()) => Answer::Done,
        Err(error) => refused(error),
    }
}

fn allowed(rate: &Mutex<Rate>, peer: u32) -> bool {
    let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
    rate.allow(peer, Instant::now())
}

fn too_many() -> Answer {
    refused("too many reports from this user in a short time; the agent did not record this one")
}

fn refused(reason: impl ToString) -> Answer {
    Answer::Refused {
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use model::verdict::{RuleMatch, Verdict};
    use model::{DefinitionRevision, DefinitionType, EndpointPath, Hashes, Maturity, Sha256};
    use proto::local::QuarantineItem;
    use sandbox::WorkerCommand;

    use super::*;
    use crate::network::CheckCommand;
    use crate::{Agent, Options};

    struct Bench {
        folder: tempfile::TempDir,
        agent: Agent,
        rate: Mutex<Rate>,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let agent = Agent::open(Options {
                data: folder.path().join("agent"),
                token_file: None,
                worker: WorkerCommand::own(),
                network_check: CheckCommand::own(),
                registry: None,
            });
            Self {
                agent: agent.unwrap(),
                folder,
                rate: Mutex::default(),
            }
        }

        fn ask(&self, peer: u32, question: Request, descriptor: Option<OwnedFd>) -> Answer {
            answer(self.agent.core(), &self.rate, peer, question, descriptor).0
        }

        fn quarantine(&self, peer: u32, path: &Path) -> Answer {
            let question = Request::ScanFound {
                scan: ScanId::generate(),
                report: Box::new(detection(path)),
                quarantine: true,
            };
            self.ask(peer, question, Some(File::open(path).unwrap().into()))
        }

        fn list(&self, peer: u32) -> Vec<QuarantineItem> {
            let Answer::Quarantine { items } = self.ask(peer, Request::QuarantineList, None) else {
                panic!("expected a list");
            };
            items
        }
    }

    fn detection(path: &Path) -> FileReport {
        let hashes = Hashes {
            md5: "0".repeat(32),
            sha1: "0".repeat(40),
            sha256: Sha256([0; 32]),
        };
        FileReport {
            path: EndpointPath::from_path(path),
            outcome: FileOutcome::Judged {
                verdict: Verdict {
                    file_type: "unknown".into(),
                    size: 1,
                    hashes: None,
                    matches: vec![RuleMatch {
                        rule: "Garrison.Test".into(),
                        definition_type: DefinitionType::Av,
                        maturity: Maturity::Enforcing,
                        member: Vec::new(),
                        hashes,
                    }],
                    limits: Vec::new(),
                    remarks: Vec::new(),
                    members: 0,
                    scanned_bytes: 1,
                    definitions: DefinitionRevision(1),
                },
            },
        }
    }

    #[test]
    fn only_root_and_the_owner_may_quarantine_restore_and_see_a_file() {
        let bench = Bench::new();
        let path = bench.folder.path().join("bad");
        std::fs::write(&path, "x").unwrap();
        let owner = rustix::process::geteuid().as_raw();
        let stranger = owner + 1000;
        let refused = bench.quarantine(stranger, &path);
        assert!(matches!(refused, Answer::Refused { .. }), "{refused:?}");
        assert!(path.exists());
        let Answer::Quarantined { item } = bench.quarantine(owner, &path) else {
            panic!("the owner may");
        };
        assert!(!path.exists());
        assert_eq!(bench.list(owner), std::slice::from_ref(&item));
        assert!(bench.list(stranger).is_empty());
        assert_eq!(bench.list(ROOT).len(), 1);
        for question in [
            Request::QuarantineRestore {
                quarantine: item.id,
            },
            Request::QuarantineDelete {
                quarantine: item.id,
            },
        ] {
            let refused = bench.ask(stranger, question, None);
            assert!(matches!(refused, Answer::Refused { .. }), "{refused:?}");
        }
        let restored = bench.ask(
            ROOT,
            Request::QuarantineRestore {
                quarantine: item.id,
            },
            None,
        );
        assert!(matches!(restored, Answer::Done), "{restored:?}");
        assert!(path.exists());
    }

    #[test]
    fn a_report_of_something_clean_is_refused_and_too_many_are() {
        let bench = Bench::new();
        let mut clean = detection(Path::new("/clean"));
        if let FileOutcome::Judged { verdict } = &mut clean.outcome {
            verdict.matches.clear();
        }
        let found = |report: &FileReport| Request::ScanFound {
            scan: ScanId::generate(),
            report: Box::new(report.clone()),
            quarantine: false,
        };
        assert!(matches!(
            bench.ask(7, found(&clean), None),
            Answer::Refused { .. }
        ));
        let end = Instant::now();
        while bench.rate.lock().unwrap().allow(7, end) {}
        let refused = bench.ask(7, found(&detection(Path::new("/bad"))), None);
        let Answer::Refused { reason } = refused else {
            panic!("the allowance is used up");
        };
        assert!(reason.contains("too many"), "{reason}");
    }
}
