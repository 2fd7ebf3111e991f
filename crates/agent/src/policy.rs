//! The policy in force: the newest that the site signed for this device's group.
//!
//! A policy is taken over when the site's key signed it, its values are within their ranges, and
//! its revision is not lower than the one in force. Of another group only with a higher revision:
//! that is how a device is moved from group to group.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::policy::{PolicyDocument, PolicyError};
use model::{GroupId, Policy, Timestamp};
use proto::Signed;
use trust::{EnvelopeError, VerifyingKey};

use crate::file::{self, FileError};

/// Why a policy was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum PolicyRefusal {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Value(#[from] PolicyError),
    #[error(
        "revision {offered} is lower than revision {in_force} in force; somebody may be playing an old policy back"
    )]
    Older { in_force: u64, offered: u64 },
    #[error(
        "it is for the group {offered} and this device is in the group {own}; a device is moved by a higher revision than {in_force}"
    )]
    OtherGroup {
        own: GroupId,
        offered: GroupId,
        in_force: u64,
    },
    #[error(transparent)]
    File(#[from] FileError),
}

/// The policy in force, and its file.
pub(crate) struct InForce {
    path: PathBuf,
    current: Mutex<Arc<PolicyDocument>>,
}

impl InForce {
    /// The stored policy, if the site's key still vouches for it; else the default.
    pub(crate) fn load(path: PathBuf, key: Option<VerifyingKey>, group: Option<GroupId>) -> Self {
        let stored = match file::read_json::<Signed>(&path) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!("{error}; the default policy holds until the manager sends one");
                None
            }
        };
        let document = stored.zip(key).and_then(|(signed, key)| {
            verify(&signed, key)
                .inspect_err(|error| tracing::warn!("the stored policy is not used: {error}"))
                .ok()
        });
        let document = document.unwrap_or_else(|| none_yet(group));
        Self {
            path,
            current: Mutex::new(Arc::new(document)),
        }
    }

    pub(crate) fn current(&self) -> Arc<PolicyDocument> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a policy over. Answers whether anything changed.
    pub(crate) fn accept(&self, signed: &Signed, key: VerifyingKey) -> Result<bool, PolicyRefusal> {
        let offered = verify(signed, key)?;
        let in_force = self.current();
        judge(&in_force, &offered)?;
        if in_force.revision == offered.revision {
            return Ok(false);
        }
        file::replace_json(&self.path, signed)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(offered);
        Ok(true)
    }
}

fn verify(signed: &Signed, key: VerifyingKey) -> Result<PolicyDocument, PolicyRefusal> {
    let document: PolicyDocument = trust::signing::verify(signed, Signed::POLICY, &[key])?;
    document.policy.check()?;
    Ok(document)
}

fn judge(in_force: &PolicyDocument, offered: &PolicyDocument) -> Result<(), PolicyRefusal> {
    if offered.revision < in_force.revision {
        return Err(PolicyRefusal::Older {
            in_force: in_force.revision,
            offered: offered.revision,
        });
    }
    if offered.group != in_force.group && offered.revision == in_force.revision {
        return Err(PolicyRefusal::OtherGroup {
            own: in_force.group,
            offered: offered.group,
            in_force: in_force.revision,
        });
    }
    Ok(())
}

fn none_yet(group: Option<GroupId>) -> PolicyDocument {
    PolicyDocument {
        group: group.unwrap_or_else(GroupId::generate),
        revision: 0,
        issued: Timestamp::EPOCH,
        policy: Policy::default(),
    }
}

#[cfg(test)]
mod tests {
    use trust::SigningKey;

    use super::*;

    struct Bench {
        _folder: tempfile::TempDir,
        path: PathBuf,
        key: SigningKey,
        group: GroupId,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self {
                path: folder.path().join("policy.json"),
                _folder: folder,
                key: SigningKey::generate().unwrap(),
                group: GroupId::generate(),
            }
        }

        fn load(&self) -> InForce {
            InForce::load(
                self.path.clone(),
                Some(self.key.verifying_key()),
                Some(self.group),
            )
        }

        fn sign(&self, revision: u64, check_in_seconds: u32) -> Signed {
            let document = PolicyDocument {
                revision,
                policy: Policy {
                    check_in_seconds,
                    ..Policy::default()
                },
                ..none_yet(Some(self.group))
            };
            trust::signing::sign(&self.key, Signed::POLICY, &document).unwrap()
        }

        fn accept(&self, policy: &InForce, signed: &Signed) -> Result<bool, PolicyRefusal> {
            policy.accept(signed, self.key.verifying_key())
        }
    }

    #[test]
    fn a_signed_policy_holds_also_after_a_restart() {
        let bench = Bench::new();
        let policy = bench.load();
        assert!(bench.accept(&policy, &bench.sign(3, 7)).unwrap());
        assert!(!bench.accept(&policy, &bench.sign(3, 7)).unwrap());
        assert_eq!(bench.load().current().policy.check_in_seconds, 7);
    }

    #[test]
    fn a_forged_policy_is_refused_and_the_old_one_stays() {
        let bench = Bench::new();
        let policy = bench.load();
        bench.accept(&policy, &bench.sign(3, 7)).unwrap();
        let stranger = Bench::new();
        let forged = bench.accept(&policy, &stranger.sign(4, 8));
        assert!(matches!(forged, Err(PolicyRefusal::Envelope(_))));
        let mut altered = bench.sign(4, 8);
        altered.payload = bench.sign(5, 9).payload;
        assert!(bench.accept(&policy, &altered).is_err());
        assert_eq!(policy.current().revision, 3);
        // Nor is one believed that somebody put into the folder.
        std::fs::write(
            &bench.path,
            serde_json::to_vec(&stranger.sign(9, 9)).unwrap(),
        )
        .unwrap();
        assert_eq!(bench.load().current().revision, 0);
    }

    #[test]
    fn an_older_policy_and_one_out_of_range_are_refused() {
        let bench = Bench::new();
        let policy = bench.load();
        bench.accept(&policy, &bench.sign(3, 7)).unwrap();
        let older = bench.accept(&policy, &bench.sign(2, 7));
        assert!(matches!(
            older,
            Err(PolicyRefusal::Older {
                in_force: 3,
                offered: 2
            })
        ));
        let range = bench.accept(&policy, &bench.sign(4, 0));
        assert!(matches!(range, Err(PolicyRefusal::Value(_))));
    }

    #[test]
    fn another_groups_policy_needs_a_higher_revision() {
        let mut bench = Bench::new();
        let policy = bench.load();
        bench.accept(&policy, &bench.sign(3, 7)).unwrap();
        bench.group = GroupId::generate();
        let same = bench.accept(&policy, &bench.sign(3, 7));
        assert!(matches!(same, Err(PolicyRefusal::OtherGroup { .. })));
        assert!(bench.accept(&policy, &bench.sign(4, 7)).unwrap());
        assert_eq!(policy.current().group, bench.group);
    }
}
