//! The list of a container's files, its `.info` member: lines of `name:size:sha256`, and a
//! signature over them.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::signature::signs_list;

const SIGNATURE: &[u8] = b"DSIG:";

/// A list whose signature was checked.
#[derive(Debug, Default)]
pub(super) struct List {
    files: HashMap<Vec<u8>, [u8; 32]>,
}

impl List {
    /// Reads a list; `None` when its signature doesn't fit, or it is none.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let at = text
            .windows(SIGNATURE.len() + 1)
            .position(|window| window.strip_prefix(b"\n") == Some(SIGNATURE))?
            + 1;
        let (signed, rest) = text.split_at_checked(at)?;
        let signature = rest.strip_prefix(SIGNATURE)?.split(|byte| *byte == b'\n');
        let signature = std::str::from_utf8(signature.into_iter().next()?).ok()?;
        signs_list(signed, signature.trim_end()).then_some(())?;
        let mut files = HashMap::new();
        for line in signed.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii_end();
            if line.is_empty() || line.starts_with(b"ClamAV-VDB:") {
                continue;
            }
            let mut fields = line.split(|byte| *byte == b':');
            let (name, _size, digits) = (fields.next()?, fields.next()?, fields.next()?);
            let mut hash = [0; 32];
            hex::decode_to_slice(digits, &mut hash).ok()?;
            files.insert(name.to_vec(), hash);
        }
        Some(Self { files })
    }

    /// Whether the list has a file with this name and content.
    pub(super) fn has(&self, name: &[u8], content: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(content).into();
        self.files.get(name) == Some(&hash)
    }
}
