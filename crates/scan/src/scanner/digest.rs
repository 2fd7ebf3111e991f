//! Hashes of one sequence of bytes, each computed when it is first asked for.

use md5::Md5;
use model::{Hashes, Sha256};
use sha1::Sha1;
use sha2::Digest;

use super::md5_pairs::md5_of_each;
use crate::definitions::Algorithm;

pub(super) struct Digests<'a> {
    bytes: &'a [u8],
    md5: Option<[u8; 16]>,
    sha1: Option<[u8; 20]>,
    sha256: Option<[u8; 32]>,
}

impl<'a> Digests<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            md5: None,
            sha1: None,
            sha256: None,
        }
    }

    /// How many bytes they are of.
    pub(super) const fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Computes the MD5 of each: of several in less time than one after the other. `go_on` is asked
    /// before each; the others are computed when they are asked for.
    pub(super) fn md5_of_each(all: &mut [&mut Self], go_on: impl FnMut() -> bool) {
        if all.len() < 2 {
            return;
        }
        let sequences: Vec<&[u8]> = all.iter().map(|digests| digests.bytes).collect();
        for (digests, md5) in all.iter_mut().zip(md5_of_each(&sequences, go_on)) {
            digests.md5 = md5;
        }
    }

    fn md5(&mut self) -> &[u8; 16] {
        let bytes = self.bytes;
        self.md5.get_or_insert_with(|| Md5::digest(bytes).into())
    }

    fn sha1(&mut self) -> &[u8; 20] {
        let bytes = self.bytes;
        self.sha1.get_or_insert_with(|| Sha1::digest(bytes).into())
    }

    fn sha256(&mut self) -> &[u8; 32] {
        let bytes = self.bytes;
        self.sha256
            .get_or_insert_with(|| sha2::Sha256::digest(bytes).into())
    }

    pub(super) fn of(&mut self, algorithm: Algorithm) -> &[u8] {
        match algorithm {
            Algorithm::Md5 => self.md5(),
            Algorithm::Sha1 => self.sha1(),
            Algorithm::Sha256 => self.sha256(),
        }
    }

    pub(super) fn all(&mut self) -> Hashes {
        Hashes {
            md5: hex::encode(self.md5()),
            sha1: hex::encode(self.sha1()),
            sha256: Sha256(*self.sha256()),
        }
    }
}
