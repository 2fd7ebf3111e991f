//! Ignore lists, `.ign2` and `.ign`: names of signatures that are left out of the build.
//!
//! A line is `name`, `name:md5` (only while the signature's line has this MD5) or, in the older
//! form, `source:line:name`. As in ClamAV, a trailing `.UNOFFICIAL` or `.{…}` of the signature's
//! name does not count.

use std::collections::HashMap;

use md5::{Digest as _, Md5};

use crate::report::Problem;

/// Bytes of one line.
const MAX_LINE_BYTES: usize = 4096;
const UNOFFICIAL: &[u8] = b".UNOFFICIAL";

/// The names that are left out.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    /// The MD5s of lines that are left out; empty for any line.
    names: HashMap<Vec<u8>, Vec<[u8; 16]>>,
}

impl Ignored {
    /// Reads one line.
    pub(crate) fn add(&mut self, line: &[u8]) -> Result<(), Problem> {
        let line = line.trim_ascii_end();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let (name, hash) = match fields.as_slice() {
            [name] => (*name, None),
            [name, hash] => (*name, Some(*hash)),
            [_, _, name] => (*name, None),
            _ => {
                return Err(Problem::malformed(
                    "expected name, name:md5 or source:line:name",
                ));
            }
        };
        if name.is_empty() || line.len() > MAX_LINE_BYTES {
            return Err(Problem::malformed(format!(
                "expected a name, and at most {MAX_LINE_BYTES} bytes in a line"
            )));
        }
        let hash = match hash {
            None => None,
            Some(text) => {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| {
                    Problem::malformed("expected the MD5 of a line after the name: 32 digits")
                })?;
                Some(bytes)
            }
        };
        let known = self.names.get(name).is_some_and(Vec::is_empty);
        let hashes = self.names.entry(name.to_vec()).or_default();
        match hash {
            // A name that is left out whatever its line is stays so.
            Some(hash) if !known => hashes.push(hash),
            Some(_) => {}
            None => hashes.clear(),
        }
        Ok(())
    }

    /// Whether a signature with this name, on this line, is left out.
    pub(crate) fn has(&self, name: &[u8], line: &[u8]) -> bool {
        if self.names.is_empty() {
            return false;
        }
        let Some(hashes) = self.names.get(normal(name)) else {
            return false;
        };
        let own = || -> [u8; 16] { Md5::digest(line.trim_ascii_end()).into() };
        hashes.is_empty() || hashes.contains(&own())
    }
}

/// The name without what ClamAV or its users put behind it.
fn normal(name: &[u8]) -> &[u8] {
    if name.ends_with(b"}")
        && let Some(at) = name.windows(2).position(|two| two == b".{")
    {
        return name.get(..at).unwrap_or(name);
    }
    name.strip_suffix(UNOFFICIAL).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(lines: &[&str]) -> Ignored {
        let mut ignored = Ignored::default();
        for line in lines {
            ignored.add(line.as_bytes()).unwrap();
        }
        ignored
    }

    #[test]
    fn names_are_left_out_whole() {
        let list = ignored(&[
            "Win.Trojan.A-1\r",
            "# Win.Trojan.B-1",
            "main.db:5:Old.Form-2",
        ]);
        assert!(list.has(b"Win.Trojan.A-1", b""));
        assert!(list.has(b"Win.Trojan.A-1.UNOFFICIAL", b""));
        assert!(list.has(b"Win.Trojan.A-1.{x}", b""));
        assert!(!list.has(b"X.Win.Trojan.A-1", b""));
        assert!(list.has(b"Old.Form-2", b""));
        assert!(!list.has(b"Win.Trojan.A-11", b""));
        assert!(!list.has(b"Win.Trojan.B-1", b""));
        assert!(ignored(&["#"]).names.is_empty());
    }

    #[test]
    fn a_name_with_an_md5_is_left_out_on_that_line_alone() {
        let line = b"44d88612fea8a8f36de82e1278abb02f:68:Some.Name-1";
        let md5 = hex::encode(Md5::digest(line));
        let list = ignored(&[&format!("Some.Name-1:{md5}")]);
        assert!(list.has(
            b"Some.Name-1",
            b"44d88612fea8a8f36de82e1278abb02f:68:Some.Name-1\r\n"
        ));
        assert!(!list.has(b"Some.Name-1", b"another line"));
        let both = ignored(&["Some.Name-1", &format!("Some.Name-1:{md5}")]);
        assert!(both.has(b"Some.Name-1", b"another line"));
    }

    #[test]
    fn a_bad_line_is_a_problem() {
        for line in ["a:b:c:d", ":", "name:xyz"] {
            assert!(Ignored::default().add(line.as_bytes()).is_err(), "{line}");
        }
    }
}
