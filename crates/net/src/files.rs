//! The limit on open files, which is a limit on connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files this process may hold open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// What counts now; `None` is no limit.
    pub soft: Option<u64>,
    /// Up to where the process may raise it by itself.
    pub hard: Option<u64>,
}

/// Raises the limit on open files as far as this process may, and says what it is now.
///
/// # Errors
/// When the system refuses; the limit is then as before.
pub fn raise_file_limit() -> std::io::Result<FileLimit> {
    let before = getrlimit(Resource::Nofile);
    if before.current != before.maximum {
        let wanted = Rlimit {
            current: before.maximum,
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, wanted)?;
    }
    let now = getrlimit(Resource::Nofile);
    Ok(FileLimit {
        soft: now.current,
        hard: now.maximum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_ends_at_the_hard_one() {
        let limit = raise_file_limit().unwrap();
        assert_eq!(limit.soft, limit.hard);
    }
}
