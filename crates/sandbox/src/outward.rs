//! The cage of a child that talks to the network and makes sense of what comes back.
//!
//! Such a child needs sockets, threads, name servers and public CAs, so it keeps the network and
//! may read what a machine's settings are made of. It has no user, no capabilities, nothing to
//! write to, no program to run, and no more than some memory and processor time; and it ends with
//! the process that started it, however that one ends.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Signal, getppid, set_dumpable_behavior,
    set_parent_process_death_signal,
};

use crate::confine::{
    ConfineError, begin, failed, give_up_capabilities, give_up_user, limit, limit_processor_seconds,
};
use crate::protection::Protection;

/// What may be read: settings, name servers, public CAs, time zones.
const READABLE: [&str; 5] = ["/etc", "/usr/share", "/usr/lib", "/usr/local/share", "/run"];

/// How much such a child may use.
#[derive(Debug, Clone, Copy)]
pub struct OutwardLimits {
    /// Private memory in bytes.
    pub memory_bytes: u64,
    pub processor_seconds: u64,
    /// Files and sockets at one time.
    pub descriptors: u64,
}

impl OutwardLimits {
    /// For a check of the network. The doctor of all built-in catalogues stays below 60 MB; threads'
    /// stacks count too.
    pub const NETWORK_CHECK: Self = Self {
        memory_bytes: 512 << 20,
        processor_seconds: 30,
        descriptors: 256,
    };
}

/// Why the child could not be confined. It then must not work at all.
#[derive(Debug, thiserror::Error)]
#[error("this process could not give up its rights, and does nothing with them")]
pub struct OutwardError(#[from] ConfineError);

/// The process that was to be waited on is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the process {expected} that started this one has ended")]
pub struct Orphaned {
    pub expected: u32,
}

/// Takes from this process what it doesn't need. The first thing that it does, while it has one
/// thread and nothing open but standard input, output and error.
///
/// # Errors
/// When something could not be given up. A kernel without Landlock is none: the answer says so.
pub fn confine(limits: OutwardLimits) -> Result<Vec<Protection>, OutwardError> {
    begin(c"garrison-netchk")?;
    let user = give_up_user()?;
    give_up_capabilities()?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("becoming opaque to other processes"))?;
    // After the change of user, which clears it.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(failed("ending with the parent"))?;
    for (resource, most) in [
        (Resource::Data, limits.memory_bytes),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, limits.descriptors),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        limit(resource, most)?;
    }
    limit_processor_seconds(limits.processor_seconds)?;
    Ok(vec![
        Protection::active("no_new_privileges"),
        user,
        Protection::active("capabilities"),
        Protection::active("limits"),
        restrict_files(),
    ])
}

/// Whether the parent is still the one that is expected. One that ended before [`confine`] could
/// ask for its end to be told is noticed by this.
///
/// # Errors
/// When it is another.
pub fn has_parent(expected: u32) -> Result<(), Orphaned> {
    let parent = getppid().map(Pid::as_raw_nonzero);
    if parent.and_then(|parent| u32::try_from(parent.get()).ok()) == Some(expected) {
        Ok(())
    } else {
        Err(Orphaned { expected })
    }
}

/// Reading in a few folders; no writing, no programs, no listening on TCP, no sockets by name
/// beyond these, no signals to others.
fn restrict_files() -> Protection {
    match ruleset() {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {
            Protection::active("landlock")
        }
        Ok(RulesetStatus::NotEnforced) => Protection::missing(
            "landlock",
            "this kernel does not offer it; the user's rights alone keep it from files",
        ),
        Err(error) => Protection::missing("landlock", format!("the kernel refused it: {error}")),
    }
}

fn ruleset() -> Result<RulesetStatus, RulesetError> {
    let newest = ABI::V9;
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(newest))?
        .create()?;
    for folder in READABLE {
        // What isn't there needs no rule.
        if let Ok(folder) = PathFd::new(Path::new(folder)) {
            rules = rules.add_rule(PathBeneath::new(folder, reading))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}
