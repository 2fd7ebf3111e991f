//! What confines a worker on this host.

use std::fs;

use serde::{Deserialize, Serialize};

/// One protection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// A stable name: `no_new_privileges`, `user`, `capabilities`, `landlock`, `seccomp`, `limits`.
    pub name: String,
    pub state: ProtectionState,
}

/// Whether a protection is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ProtectionState {
    Active,
    /// There in part: what is missing, why, and what to do.
    Partial {
        reason: String,
    },
    /// Not there: why, and what to do.
    Missing {
        reason: String,
    },
}

impl Protection {
    pub(crate) fn active(name: &str) -> Self {
        Self {
            name: name.into(),
            state: ProtectionState::Active,
        }
    }

    pub(crate) fn partial(name: &str, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: ProtectionState::Partial {
                reason: reason.into(),
            },
        }
    }

    pub(crate) fn missing(name: &str, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: ProtectionState::Missing {
                reason: reason.into(),
            },
        }
    }

    /// Whether it is wholly there.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.state, ProtectionState::Active)
    }
}

/// Why a worker of an unprivileged parent keeps its parent's user.
pub(crate) const NOT_ROOT: &str =
    "the parent is not root, so workers keep its user; run the agent as a service to separate them";

/// What this host offers, judged from outside and without starting a worker; what the workers
/// really have is in [`crate::Pool::protections`].
#[must_use]
pub fn probe() -> Vec<Protection> {
    let user = if rustix::process::geteuid().is_root() {
        Protection::active("user")
    } else {
        Protection::partial("user", NOT_ROOT)
    };
    let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let landlock = if modules.trim().split(',').any(|module| module == "landlock") {
        Protection::active("landlock")
    } else {
        Protection::missing(
            "landlock",
            "the kernel does not list it in /sys/kernel/security/lsm; add lsm=landlock,… to its \
             command line",
        )
    };
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let seccomp = if actions
        .split_whitespace()
        .any(|action| action == "kill_process")
    {
        Protection::active("seccomp")
    } else {
        Protection::missing(
            "seccomp",
            "the kernel offers no filter that ends a process; use one with CONFIG_SECCOMP_FILTER",
        )
    };
    vec![user, landlock, seccomp]
}
