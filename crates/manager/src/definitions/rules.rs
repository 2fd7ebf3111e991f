//! Taking a definitions file over: its content stays, its signature becomes the site's. Pure.

use model::DefinitionRevision;
use scan::layout::{
    HASH_BYTES, PAGE_BYTES, TRAILER_BYTES, TRAILER_MAGIC, root_hash, signed_message, trailer,
};
use scan::{DefinitionsFile, PublicKey, TrustedKeys, VerifyMode};
use trust::SigningKey;

use crate::refusal::Refusal;

/// A file with the site's signature.
#[derive(Debug)]
pub struct Resigned {
    pub file: Vec<u8>,
    pub revision: DefinitionRevision,
    pub hashes: u64,
    pub yara_rules: u64,
    /// Who signed it before: the first digits of the key.
    pub signer: String,
}

/// Checks that a file is whole and says what its signer signed, that it is newer than the current
/// set, and signs it anew. The rules in it are not loaded here: the manager parses no rules.
///
/// # Errors
/// When it is damaged, no definitions file, or not newer.
pub fn resign(
    file: &[u8],
    current: Option<DefinitionRevision>,
    key: &SigningKey,
) -> Result<Resigned, Refusal> {
    let invalid = |error: &dyn std::fmt::Display| Refusal::invalid(error.to_string());
    let signer = signer(file).ok_or_else(|| {
        Refusal::invalid(
            "expected a definitions file, got something that doesn't end like one; make one with \"garrison definitions build\"",
        )
    })?;
    let trusted = TrustedKeys::none().with(signer);
    let opened = DefinitionsFile::open(file.to_vec(), &trusted, VerifyMode::EveryPage)
        .map_err(|error| invalid(&error))?;
    let revision = opened.revision();
    if let Some(current) = current.filter(|current| revision <= *current) {
        return Err(Refusal::conflict(format!(
            "expected definitions newer than revision {current}, which is in use, got revision {revision}; build them again with a higher revision"
        )));
    }
    let counts = opened.counts();
    let public = PublicKey::parse(&key.public_hex()).map_err(|error| invalid(&error))?;
    let root = root(file).ok_or_else(|| Refusal::invalid("the definitions file is cut"))?;
    let signature = key.sign_bytes(&signed_message(&root));
    let mut signed = file.to_vec();
    signed.truncate(file.len().saturating_sub(TRAILER_BYTES));
    signed.extend_from_slice(&trailer(&public, &signature));
    // What goes out is checked as an agent will check it.
    let ours = TrustedKeys::none().with(public);
    DefinitionsFile::open(signed.clone(), &ours, VerifyMode::HeaderPage)
        .map_err(|error| invalid(&error))?;
    Ok(Resigned {
        file: signed,
        revision,
        hashes: counts.hashes(),
        yara_rules: counts.yara,
        signer: signer.fingerprint(),
    })
}

/// The key that the file's end names.
fn signer(file: &[u8]) -> Option<PublicKey> {
    let end = file.get(file.len().checked_sub(TRAILER_BYTES)?..)?;
    let key = end.strip_prefix(&TRAILER_MAGIC)?.get(..32)?;
    Some(PublicKey::from_bytes(key.try_into().ok()?))
}

/// The root over the tree of hashes of a file whose structure was checked.
fn root(file: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let body = file.len().checked_sub(TRAILER_BYTES)?;
    let pages = body / (PAGE_BYTES + HASH_BYTES);
    let hashes = file.get(pages * PAGE_BYTES..body)?;
    Some(root_hash(u64::try_from(pages).ok()?, hashes))
}
