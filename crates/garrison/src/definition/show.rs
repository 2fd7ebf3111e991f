//! `garrison definitions show` and `verify`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use scan::layout::TRAILER_BYTES;
use scan::{Counts, Definitions, DefinitionsFile, PublicKey, TrustedKeys, VerifyMode};

use super::key;
use crate::ctl::moment;
use crate::failure::Failure;
use crate::output;

/// A definitions file above this many bytes is not read.
const MAX_BYTES: u64 = 8 << 30;
/// Bytes before the key in the trailer.
const TRAILER_MARK: usize = 8;

pub(super) fn show(path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let bytes = read(path)?;
    let signer = stated_signer(&bytes);
    // Whom the file itself names is trusted here: nothing is done with it but telling of it.
    let trusted: TrustedKeys = signer.into_iter().collect();
    let length = bytes.len();
    let file = DefinitionsFile::open(bytes, &trusted, VerifyMode::EveryPage)
        .with_context(|| path.display().to_string())?;
    let counts = file.counts();
    let trusted_here = key::own_public() == Some(file.signer());
    if json {
        let told = serde_json::json!({
            "file": path.display().to_string(),
            "revision": file.revision(),
            "bytes": length,
            "hashes": { "md5": counts.md5, "sha1": counts.sha1, "sha256": counts.sha256 },
            "section_hashes": counts.section_hashes,
            "import_hashes": counts.import_hashes,
            "allowed_hashes": counts.allowed,
            "yara_rules": counts.yara,
            "sections": file
                .sections()
                .map(|(kind, bytes)| {
                    serde_json::json!({ "kind": kind.number(), "name": kind.name(), "bytes": bytes })
                })
                .collect::<Vec<_>>(),
            "signer": file.signer().to_string(),
            "signed_by_own_build_key": trusted_here,
        });
        output::line(serde_json::to_string_pretty(&told)?)?;
    } else {
        output::line(format_args!("revision   {}", file.revision()))?;
        output::line(format_args!("size       {}", moment::bytes(length as u64)))?;
        output::line(format_args!("rules      {}", tell(&counts)))?;
        for (kind, bytes) in file.sections() {
            let bytes = moment::bytes(bytes as u64);
            output::line(format_args!("  {:<14} {bytes}", kind.name()))?;
        }
        let whose = if trusted_here {
            "your build key"
        } else {
            "whether to trust it is for you to say"
        };
        output::line(format_args!("signed by  {} ({whose})", file.signer()))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn verify(path: &Path, trust: &[PublicKey]) -> anyhow::Result<ExitCode> {
    let bytes = read(path)?;
    let trusted: TrustedKeys = trust.iter().copied().chain(key::own_public()).collect();
    let definitions = Definitions::open(bytes, &trusted, VerifyMode::EveryPage)
        .with_context(|| path.display().to_string())?;
    output::line(format_args!(
        "{}: whole; revision {}, {}, signed by {}",
        path.display(),
        definitions.revision(),
        tell(&definitions.counts()),
        definitions.signer()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(counts: &Counts) -> String {
    format!("{} hashes, {} YARA rules", counts.hashes(), counts.yara)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| {
        Failure::misuse(format!("{}: can't be read: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::misuse(format!(
            "{}: expected at most {MAX_BYTES} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

fn stated_signer(file: &[u8]) -> Option<PublicKey> {
    let trailer = file.get(file.len().checked_sub(TRAILER_BYTES)?..)?;
    let key = trailer.get(TRAILER_MARK..TRAILER_MARK + 32)?;
    Some(PublicKey::from_bytes(key.try_into().ok()?))
}
