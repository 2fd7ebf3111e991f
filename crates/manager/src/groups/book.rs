//! Every group with its policy, in memory, for the check-ins.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ::store::{Database, StoreError};
use model::policy::PolicyDocument;
use model::{GroupId, PolicyId};
use proto::Signed;
use trust::SigningKey;

use super::{DEFAULT_NAME, Loaded, store};
use crate::refusal::Refusal;

/// A group as it is in force now.
#[derive(Debug)]
pub struct GroupInForce {
    pub(crate) row: Loaded,
    /// The document for devices that need no higher revision than the group's.
    signed: std::sync::OnceLock<Signed>,
}

/// Every group as it is in force now.
#[derive(Debug)]
pub struct GroupBook(RwLock<HashMap<GroupId, Arc<GroupInForce>>>);

impl GroupInForce {
    /// The group's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// Whether forks of its devices are approved by themselves.
    #[must_use]
    pub const fn approves_forks(&self) -> bool {
        self.row.approve_forks
    }

    /// The settings of its devices.
    #[must_use]
    pub const fn policy(&self) -> &model::Policy {
        &self.row.settings
    }

    /// The revision that a device should have whose own floor is this: a device that came from
    /// another group has one that is above all it was ever told there.
    #[must_use]
    pub fn revision_for(&self, floor: u64) -> u64 {
        self.row.revision.max(floor)
    }

    /// The signed policy for a device with that floor.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn signed_for(&self, floor: u64, key: &SigningKey) -> Result<Signed, Refusal> {
        let revision = self.revision_for(floor);
        if revision == self.row.revision
            && let Some(signed) = self.signed.get()
        {
            return Ok(signed.clone());
        }
        let document = PolicyDocument {
            group: self.row.id,
            revision,
            issued: self.row.issued,
            policy: self.row.settings.clone(),
        };
        let signed = trust::signing::sign(key, Signed::POLICY, &document)
            .map_err(Refusal::internal("signing a policy"))?;
        if revision == self.row.revision {
            let _ = self.signed.set(signed.clone());
        }
        Ok(signed)
    }
}

impl GroupBook {
    /// Reads all groups.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(database: &Database) -> Result<Self, StoreError> {
        let book = Self(RwLock::default());
        book.reload(database).await?;
        Ok(book)
    }

    /// Reads all groups again.
    ///
    /// # Errors
    /// When the database fails; then the groups stay as they were.
    pub async fn reload(&self, database: &Database) -> Result<(), StoreError> {
        let groups: HashMap<_, _> = store::load(database)
            .await?
            .into_iter()
            .map(|row| {
                let id = row.id;
                let group = GroupInForce {
                    row,
                    signed: std::sync::OnceLock::new(),
                };
                (id, Arc::new(group))
            })
            .collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = groups;
        Ok(())
    }

    /// The group of that id.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<Arc<GroupInForce>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// The groups that use that policy.
    #[must_use]
    pub fn with_policy(&self, policy: PolicyId) -> Vec<GroupId> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .filter(|group| group.row.policy == policy)
            .map(|group| group.row.id)
            .collect()
    }

    /// The group that machines join when nothing else is said.
    ///
    /// # Errors
    /// When the database was tampered with.
    pub fn default_group(&self) -> Result<GroupId, Refusal> {
        self.default_row().map(|group| group.row.id)
    }

    /// The policy that groups get when nothing else is said.
    ///
    /// # Errors
    /// When the database was tampered with.
    pub fn default_policy(&self) -> Result<PolicyId, Refusal> {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups
            .values()
            .find(|group| group.row.policy_name == crate::policies::DEFAULT_NAME)
            .or_else(|| groups.values().find(|group| group.row.name == DEFAULT_NAME))
            .map(|group| group.row.policy)
            .ok_or_else(|| Refusal::conflict("there is no default policy; name one"))
    }

    fn default_row(&self) -> Result<Arc<GroupInForce>, Refusal> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .find(|group| group.row.name == DEFAULT_NAME)
            .cloned()
            .ok_or_else(|| Refusal::conflict("there is no default group; name one"))
    }
}
