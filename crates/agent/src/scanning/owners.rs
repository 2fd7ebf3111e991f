//! Names of users, for rules that ask whom a file belongs to.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

/// The users of this machine (passwd(5)); what a directory service knows beyond it is not asked.
const USERS: &str = "/etc/passwd";
/// Bytes of it that are read.
const MAX_BYTES: u64 = 4 << 20;

/// The users of this machine by their numbers, as they were when a scan began.
#[derive(Debug, Default)]
pub(super) struct Owners {
    names: HashMap<u32, String>,
}

impl Owners {
    pub(super) fn read() -> Self {
        match read(Path::new(USERS)) {
            Ok(names) => Self { names },
            Err(error) => {
                tracing::debug!("users have no names in this scan: {USERS}: {error}");
                Self::default()
            }
        }
    }

    /// A user's name; empty when nobody knows.
    pub(super) fn name(&self, user: u32) -> &str {
        self.names.get(&user).map_or("", String::as_str)
    }
}

fn read(path: &Path) -> io::Result<HashMap<u32, String>> {
    let mut names = HashMap::new();
    for line in BufReader::new(File::open(path)?.take(MAX_BYTES)).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let mut fields = line.split(':');
        let (name, number) = (fields.next(), fields.nth(1));
        if let (Some(name), Some(Ok(number))) = (name, number.map(str::parse)) {
            // Several names for one number: the first is the user's.
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_known_by_their_first_names() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "root:x:0:0:root:/root:/bin/bash\n# no user\ntoor:x:0:0::/:/bin/sh\n\
                    log:x:104:110::/nonexistent:/usr/sbin/nologin\nbroken:x:-1:0\n";
        std::fs::write(file.path(), text).unwrap();
        let owners = Owners {
            names: read(file.path()).unwrap(),
        };
        assert_eq!(
            [0, 104, 7].map(|user| owners.name(user)),
            ["root", "log", ""]
        );
    }
}
