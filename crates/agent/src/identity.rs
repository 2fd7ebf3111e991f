//! The agent's identity on disk: its key, its certificate, and the site that it belongs to.
//!
//! | file | content |
//! |---|---|
//! | `key.pem` | the private key, made here, never sent |
//! | `certificate.pem`, `ca.pem` | from the site |
//! | `site.json` | the device, its site, the site's key; written last, so that it says "enrolled" |
//! | `chain.json` | where the chain of check-ins stands |
//! | `pending.json` | a new key, until its certificate has proven itself |

use std::fs;
use std::path::{Path, PathBuf};

use model::{DeviceId, GroupId, SiteId, Timestamp};
use proto::agent::{EnrolAnswer, RekeyAnswer, Standing};
use serde::{Deserialize, Serialize};
use trust::{KeyPair, PeerCertificate, Subject, VerifyingKey};

use crate::file::{self, FileError};

/// Bytes of `chain.json`.
const CHAIN_BYTES: usize = 1024;

/// The identity folder.
#[derive(Debug, Clone)]
pub struct IdentityFolder(PathBuf);

/// An enrolled device.
#[derive(Debug)]
pub struct Identity {
    pub site: SiteRecord,
    pub key: KeyPair,
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub ca_certificate: String,
    pub expires: Timestamp,
}

/// `site.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteRecord {
    pub device: DeviceId,
    pub site: SiteId,
    pub group: GroupId,
    /// The site's Ed25519 key for policies, commands and definitions.
    pub site_key: String,
    /// The manager's agent channel, in the order to try.
    pub addresses: Vec<String>,
    pub awaiting_approval: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork_of: Option<DeviceId>,
}

/// `chain.json`: the chain of check-ins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The last check-in that was answered; 0 before the first.
    pub counter: u64,
    /// What it was answered with.
    pub nonce: String,
    /// The attempt for the next counter, once it may have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
}

/// `pending.json`: a new key on its way to become the identity.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    pub purpose: Purpose,
    pub key: String,
    /// PEM; absent until the manager answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// What a new key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Purpose {
    /// The same device, a new certificate.
    Renewal,
    /// A suspended identity becomes another device.
    Rekey {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<NewDevice>,
    },
}

/// What a suspended identity became.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDevice {
    pub device: DeviceId,
    pub fork_of: DeviceId,
    pub awaiting_approval: bool,
}

/// Why the identity can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    KeyFile(#[from] trust::keyfile::KeyFileError),
    #[error("the identity in {folder} is damaged ({reason}); move that folder away and enrol anew with \"garrison-agent enrol\"", folder = .folder.display())]
    Damaged { folder: PathBuf, reason: String },
    #[error(
        "the manager sent a certificate that can't be used: {0}; report this, and see the manager's log"
    )]
    Answer(String),
    #[error(transparent)]
    Key(#[from] trust::identity::IdentityError),
}

impl IdentityFolder {
    /// The folder at `path`, which exists.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The identity; `None` when the agent isn't enrolled. Ends what a crash interrupted.
    ///
    /// # Errors
    /// When files are missing, damaged, or don't belong together.
    pub fn load(&self) -> Result<Option<Identity>, IdentityError> {
        let Some(site) = file::read_json::<SiteRecord>(&self.path("site.json"))? else {
            return Ok(None);
        };
        if let Some(pending) = self.pending()? {
            self.resume(&pending, &site)?;
        }
        let site = file::read_json::<SiteRecord>(&self.path("site.json"))?.unwrap_or(site);
        let key = trust::keyfile::read_text(&self.path("key.pem"))?;
        let key = KeyPair::from_pem(&key).map_err(|error| self.damaged(error.to_string()))?;
        let certificate = self.text("certificate.pem")?;
        let ca_certificate = self.text("ca.pem")?;
        let parsed = PeerCertificate::parse_pem(&certificate)
            .map_err(|error| self.damaged(error.to_string()))?;
        if parsed.key_sha256 != key.key_sha256() {
            return Err(self.damaged("the certificate is for another key".to_owned()));
        }
        if parsed.subject != Subject::Device(site.device) {
            return Err(self.damaged("the certificate is for another device".to_owned()));
        }
        VerifyingKey::parse(&site.site_key).map_err(|error| self.damaged(error.to_string()))?;
        Ok(Some(Identity {
            site,
            key,
            certificate,
            ca_certificate,
            expires: parsed.not_after,
        }))
    }

    /// The key for an enrolment: the one of an earlier try, or a new one.
    ///
    /// # Errors
    /// When it can't be made or stored.
    pub fn enrolment_key(&self) -> Result<KeyPair, IdentityError> {
        let path = self.path("key.pem");
        match trust::keyfile::read_text(&path) {
            Ok(text) => Ok(KeyPair::from_pem(&text)?),
            Err(trust::keyfile::KeyFileError::Missing { .. }) => {
                let key = KeyPair::generate()?;
                trust::keyfile::write(&path, key.to_pem().as_bytes())?;
                Ok(key)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stores what the site answered to an enrolment.
    ///
    /// # Errors
    /// When the answer doesn't fit the key, or can't be stored.
    pub fn store_enrolment(
        &self,
        key: &KeyPair,
        answer: &EnrolAnswer,
        addresses: &[String],
    ) -> Result<(), IdentityError> {
        check(&answer.certificate, key, answer.device)?;
        VerifyingKey::parse(&answer.site_key)
            .map_err(|error| IdentityError::Answer(error.to_string()))?;
        file::remove(&self.path("chain.json"))?;
        file::remove(&self.path("pending.json"))?;
        file::replace(&self.path("certificate.pem"), answer.certificate.as_bytes())?;
        file::replace(&self.path("ca.pem"), answer.ca_certificate.as_bytes())?;
        let site = SiteRecord {
            device: answer.device,
            site: answer.site,
            group: answer.group,
            site_key: answer.site_key.clone(),
            addresses: addresses.to_vec(),
            awaiting_approval: false,
            fork_of: None,
        };
        Ok(file::replace_json(&self.path("site.json"), &site)?)
    }

    /// Stores a change of the site's record.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn store_site(&self, site: &SiteRecord) -> Result<(), IdentityError> {
        Ok(file::replace_json(&self.path("site.json"), site)?)
    }

    /// The chain of check-ins. A damaged file begins a new chain: the manager then has this agent
    /// prove its key and re-key, as it would a copy.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn chain(&self) -> Result<Chain, IdentityError> {
        match file::read_json(&self.path("chain.json")) {
            Ok(chain) => Ok(chain.unwrap_or_default()),
            Err(FileError::Damaged { path, reason }) => {
                tracing::error!(
                    "{}: {reason}; the chain of check-ins begins anew",
                    path.display()
                );
                Ok(Chain::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stores the chain of check-ins.
    ///
    /// # Errors
    /// When it can't be written; nothing may be sent then.
    pub fn store_chain(&self, chain: &Chain) -> Result<(), IdentityError> {
        let path = self.path("chain.json");
        let mut text =
            serde_json::to_vec(chain).map_err(|error| self.damaged(error.to_string()))?;
        // Always of one size, so that it can be overwritten when the disk is full: an agent whose
        // disk is full must still be able to say so.
        text.resize(text.len().max(CHAIN_BYTES), b' ');
        match file::replace(&path, &text) {
            Ok(()) => Ok(()),
            Err(error) => file::overwrite(&path, &text).map_err(|_| error.into()),
        }
    }

    /// The key on its way; a damaged file is none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn pending(&self) -> Result<Option<Pending>, IdentityError> {
        match file::read_json(&self.path("pending.json")) {
            Err(FileError::Damaged { .. }) => Ok(None),
            read => Ok(read?),
        }
    }

    /// Makes a new key for `purpose`, or answers the one that an earlier try made for it.
    ///
    /// # Errors
    /// When it can't be made or stored.
    pub fn begin_pending(&self, purpose: Purpose) -> Result<Pending, IdentityError> {
        let same = |pending: &Pending| {
            matches!(
                (pending.purpose, purpose),
                (Purpose::Renewal, Purpose::Renewal)
                    | (Purpose::Rekey { .. }, Purpose::Rekey { .. })
            )
        };
        if let Some(pending) = self.pending()?.filter(same) {
            return Ok(pending);
        }
        let pending = Pending {
            purpose,
            key: KeyPair::generate()?.to_pem(),
            certificate: None,
        };
        self.store_pending(&pending)?;
        Ok(pending)
    }

    /// Stores the certificate for a renewed key.
    ///
    /// # Errors
    /// When it doesn't fit, or can't be stored.
    pub fn store_renewal(
        &self,
        mut pending: Pending,
        certificate: String,
        device: DeviceId,
    ) -> Result<Pending, IdentityError> {
        check(&certificate, &KeyPair::from_pem(&pending.key)?, device)?;
        pending.certificate = Some(certificate);
        self.store_pending(&pending)?;
        Ok(pending)
    }

    /// Gives a pending key up.
    ///
    /// # Errors
    /// When the file can't be removed.
    pub fn drop_pending(&self) -> Result<(), IdentityError> {
        Ok(file::remove(&self.path("pending.json"))?)
    }

    /// A pending key becomes the identity. Crashes on the way are mended by [`Self::load`].
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn promote(&self, pending: &Pending) -> Result<(), IdentityError> {
        let Some(certificate) = &pending.certificate else {
            return Ok(());
        };
        trust::keyfile::write(&self.path("key.pem"), pending.key.as_bytes())?;
        file::replace(&self.path("certificate.pem"), certificate.as_bytes())?;
        self.drop_pending()
    }

    /// Stores what a suspended identity became, and becomes it.
    ///
    /// # Errors
    /// When the answer doesn't fit, or can't be stored.
    pub fn store_rekey(
        &self,
        mut pending: Pending,
        answer: &RekeyAnswer,
        site: &SiteRecord,
    ) -> Result<(), IdentityError> {
        check(
            &answer.certificate,
            &KeyPair::from_pem(&pending.key)?,
            answer.device,
        )?;
        pending.certificate = Some(answer.certificate.clone());
        pending.purpose = Purpose::Rekey {
            answered: Some(NewDevice {
                device: answer.device,
                fork_of: answer.fork_of,
                awaiting_approval: answer.standing == Standing::AwaitingApproval,
            }),
        };
        self.store_pending(&pending)?;
        self.resume(&pending, site)
    }

    /// Ends what was begun with a pending key, as far as it was decided.
    fn resume(&self, pending: &Pending, site: &SiteRecord) -> Result<(), IdentityError> {
        match pending.purpose {
            Purpose::Rekey { answered: None } => Ok(()),
            Purpose::Rekey {
                answered: Some(new),
            } => {
                file::remove(&self.path("chain.json"))?;
                let site = SiteRecord {
                    device: new.device,
                    fork_of: Some(new.fork_of),
                    awaiting_approval: new.awaiting_approval,
                    ..site.clone()
                };
                file::replace_json(&self.path("site.json"), &site)?;
                self.promote(pending)
            }
            Purpose::Renewal => {
                // The key was renamed and the certificate not yet.
                let key = trust::keyfile::read_text(&self.path("key.pem"))?;
                if key == pending.key {
                    return self.promote(pending);
                }
                Ok(())
            }
        }
    }

    fn store_pending(&self, pending: &Pending) -> Result<(), IdentityError> {
        Ok(file::replace_json(&self.path("pending.json"), pending)?)
    }

    fn text(&self, name: &str) -> Result<String, IdentityError> {
        file::read_text(&self.path(name))?.ok_or_else(|| self.damaged(format!("{name} is missing")))
    }

    fn damaged(&self, reason: String) -> IdentityError {
        IdentityError::Damaged {
            folder: self.0.clone(),
            reason,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Whether an enrolment was completed here.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        fs::exists(self.path("site.json")).unwrap_or(false)
    }
}

/// Whether a certificate is for this key and device.
fn check(certificate: &str, key: &KeyPair, device: DeviceId) -> Result<(), IdentityError> {
    let parsed = PeerCertificate::parse_pem(certificate)
        .map_err(|error| IdentityError::Answer(error.to_string()))?;
    if parsed.key_sha256 != key.key_sha256() {
        return Err(IdentityError::Answer("it is for another key".to_owned()));
    }
    if parsed.subject != Subject::Device(device) {
        return Err(IdentityError::Answer("it is for another device".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, IdentityFolder) {
        let folder = tempfile::tempdir().unwrap();
        let identity = IdentityFolder::new(folder.path().to_owned());
        (folder, identity)
    }

    fn chain(counter: u64) -> Chain {
        Chain {
            counter,
            nonce: "n".repeat(43),
            attempt: Some("a".repeat(43)),
        }
    }

    #[test]
    fn the_chain_is_stored_also_where_no_new_file_can_be_made() {
        let (folder, identity) = folder();
        assert_eq!(identity.chain().unwrap(), Chain::default());
        identity.store_chain(&chain(9)).unwrap();
        assert_eq!(identity.chain().unwrap(), chain(9));
        // A folder in the draft's place makes every replacement fail.
        fs::create_dir(folder.path().join("chain.json.draft")).unwrap();
        identity.store_chain(&chain(u64::MAX)).unwrap();
        assert_eq!(identity.chain().unwrap(), chain(u64::MAX));
        fs::remove_file(folder.path().join("chain.json")).unwrap();
        assert!(identity.store_chain(&chain(1)).is_err());
    }

    #[test]
    fn a_damaged_chain_begins_anew_and_a_pending_key_is_kept_for_its_purpose() {
        let (folder, identity) = folder();
        fs::write(folder.path().join("chain.json"), "{").unwrap();
        assert_eq!(identity.chain().unwrap(), Chain::default());
        let first = identity.begin_pending(Purpose::Renewal).unwrap();
        assert_eq!(
            identity.begin_pending(Purpose::Renewal).unwrap().key,
            first.key
        );
        let rekey = Purpose::Rekey { answered: None };
        assert_ne!(identity.begin_pending(rekey).unwrap().key, first.key);
    }

    #[test]
    fn an_enrolment_key_is_made_once() {
        let (_folder, identity) = folder();
        let first = identity.enrolment_key().unwrap().key_sha256();
        assert_eq!(identity.enrolment_key().unwrap().key_sha256(), first);
        assert!(identity.load().unwrap().is_none() && !identity.is_enrolled());
    }
}
