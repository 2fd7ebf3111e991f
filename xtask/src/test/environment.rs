//! What a test finds around it. `tests/system/src/places.rs` reads the same names.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::build::Built;
use super::guardian::Scratch;
use crate::workspace::Workspace;

/// Holds the mark by which processes of a run are known, in every child's environment.
pub(crate) const MARKER: &str = "GARRISON_TEST_RUN";
/// A file to which a test that must be skipped appends its line.
pub(crate) const SKIP_LOG: &str = "GARRISON_SKIP_LOG";

/// Variables that would let the machine's own set-up reach into a test.
const PROXIES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "ftp_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "FTP_PROXY",
];

/// As whom tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Caller,
    Nobody { user: u32, group: u32 },
}

#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) identity: Identity,
    /// Marks this run's processes.
    pub(crate) run: String,
    /// A folder that the test may fill; it is removed after the run.
    pub(crate) scratch: PathBuf,
    pub(crate) logs: PathBuf,
    /// Holds `garrison`, `garrison-agent` and `garrison-sim`.
    pub(crate) programs: PathBuf,
    /// Holds the checkout, or a copy of it.
    pub(crate) sources: PathBuf,
    pub(crate) corpus: Option<PathBuf>,
}

impl Environment {
    pub(crate) fn of(
        workspace: &Workspace,
        built: &Built,
        scratch: &Scratch,
        logs: &Path,
    ) -> Environment {
        Environment {
            identity: Identity::Caller,
            run: scratch.run().to_owned(),
            scratch: scratch.path().to_path_buf(),
            logs: logs.to_path_buf(),
            programs: built.program_folder.clone(),
            sources: workspace.root.clone(),
            corpus: std::env::var_os("GARRISON_CORPUS").map(PathBuf::from),
        }
    }

    /// What stands after a label in the report.
    pub(crate) fn suffix(&self) -> &'static str {
        match self.identity {
            Identity::Caller => "",
            Identity::Nobody { .. } => " as nobody",
        }
    }

    /// The mark of one child and of all that it starts.
    pub(crate) fn mark(&self, label: &str) -> String {
        format!("{}/{label}{}", self.run, self.suffix().replace(' ', "-"))
    }

    /// Gives a command what every test finds. Its own folder, `home`, must exist.
    pub(crate) fn apply(&self, command: &mut Command, label: &str, home: &Path) {
        command.stdin(Stdio::null()).env(MARKER, self.mark(label));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO") || text.starts_with("RUSTUP") || text == "LD_LIBRARY_PATH"
            {
                command.env_remove(&name);
            }
        }
        for name in PROXIES {
            command.env_remove(name);
        }
        command
            .env("GARRISON_BIN_DIR", &self.programs)
            .env("GARRISON_SOURCE_DIR", &self.sources)
            .env("GARRISON_TEST_TMP", home)
            .env(SKIP_LOG, home.join("skipped"))
            .env("TMPDIR", home)
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_RUNTIME_DIR", home)
            // Golden files are compared, never rewritten, and cargo is not asked where they are.
            .env("INSTA_UPDATE", "no")
            .env("INSTA_WORKSPACE_ROOT", &self.sources);
        match &self.corpus {
            Some(corpus) => command.env("GARRISON_CORPUS", corpus),
            None => command.env_remove("GARRISON_CORPUS"),
        };
        if let Identity::Nobody { user, group } = self.identity {
            use std::os::unix::process::CommandExt;
            // The standard library also clears the supplementary groups.
            command
                .uid(user)
                .gid(group)
                .env("USER", "nobody")
                .env("LOGNAME", "nobody");
        }
    }
}

/// A mark for what a test of this runner starts: it begins with the mark of the
/// run that this test is itself a part of, whose guardian then knows it too.
#[cfg(test)]
pub(crate) fn inside_own_run(name: &str) -> String {
    match std::env::var(MARKER) {
        Ok(own) => format!("{own}/{name}"),
        Err(_) => name.to_owned(),
    }
}
