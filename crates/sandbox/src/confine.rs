//! What is taken from a template and its workers, in this order: descriptors, user, capabilities,
//! limits, files and network (Landlock), and system calls (seccomp): from the template all but
//! what loading and making workers needs, from a worker once more, before its first file.

mod seccomp;

use std::ffi::CStr;
use std::io;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, geteuid, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_name, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::protection::{NOT_ROOT, Protection};

pub(crate) use seccomp::{
    restrict as restrict_system_calls, restrict_template as restrict_template_calls,
};

/// `nobody` and `nogroup` on Debian; the kernel's own number for "no user" (overflowuid).
const NOBODY: u32 = 65_534;
/// Descriptors: the socket, error output, definitions, one file, and room for setting up.
const DESCRIPTORS: u64 = 16;

/// Why a worker could not be confined. It then does not work at all.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed")]
pub(crate) struct ConfineError {
    step: &'static str,
    #[source]
    source: io::Error,
}

pub(crate) fn failed(step: &'static str) -> impl Fn(Errno) -> ConfineError {
    move |error| ConfineError {
        step,
        source: error.into(),
    }
}

/// Closes what was inherited beyond standard input, output and error, and gives up new
/// privileges for good. The very first thing that a process does here.
pub(crate) fn begin(name: &CStr) -> Result<(), ConfineError> {
    close_inherited()?;
    set_name(name).map_err(failed("naming the process"))?;
    keep_memory_small();
    set_no_new_privs(true).map_err(failed("giving up new privileges"))
}

/// Names a worker so that it can be told from its template.
pub(crate) fn rename_worker() -> Result<(), ConfineError> {
    set_name(c"garrison-worker").map_err(failed("naming the process"))
}

/// Makes the C library give back what large buffers held, instead of keeping up to 64 MiB for the
/// next, and keep all small ones in one place.
fn keep_memory_small() {
    for (setting, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_MMAP_THRESHOLD, 256 << 10),
        (libc::M_TRIM_THRESHOLD, 512 << 10),
    ] {
        // SAFETY: changes numbers that the allocator reads; it has one thread so far.
        #[allow(unsafe_code, reason = "the allocator is the C library's")]
        unsafe {
            libc::mallopt(setting, value);
        }
    }
}

/// Gives back what loading needed for a while.
pub(crate) fn give_back_memory() {
    // SAFETY: returns free pages to the system, and touches no memory in use.
    #[allow(unsafe_code, reason = "the allocator is the C library's")]
    unsafe {
        libc::malloc_trim(0);
    }
}

pub(crate) fn close_inherited() -> Result<(), ConfineError> {
    // SAFETY: closing a descriptor that an object owns would break that object. A template does
    // this before it opens anything, and a worker while nothing in it uses a descriptor from 3 on:
    // the definitions stay mapped without theirs.
    #[allow(
        unsafe_code,
        reason = "descriptors without an owner can only be closed so"
    )]
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    if result == 0 {
        return Ok(());
    }
    Err(ConfineError {
        step: "closing inherited descriptors (close_range, Linux 5.9)",
        source: io::Error::last_os_error(),
    })
}

/// Gives up user, capabilities, files and network. The process must have one thread still: these
/// are a thread's, and threads made later inherit them.
pub(crate) fn restrict(memory_bytes: u64) -> Result<Vec<Protection>, ConfineError> {
    let user = give_up_user()?;
    give_up_capabilities()?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("becoming opaque to other processes"))?;
    for (resource, most) in [
        (Resource::Data, memory_bytes),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ] {
        limit(resource, most)?;
    }
    Ok(vec![
        Protection::active("no_new_privileges"),
        user,
        Protection::active("capabilities"),
        Protection::active("limits"),
        restrict_files_and_network(),
    ])
}

/// No more processes or threads. After the worker's own threads were started.
pub(crate) fn end_threads() -> Result<(), ConfineError> {
    limit(Resource::Nproc, 0)
}

/// Processor time from now on, after which the kernel ends the process.
pub(crate) fn limit_processor_seconds(seconds: u64) -> Result<(), ConfineError> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let used = u64::try_from(used.tv_sec).unwrap_or(0);
    let wanted = Rlimit {
        current: Some(used.saturating_add(seconds).saturating_add(1)),
        maximum: None,
    };
    setrlimit(Resource::Cpu, wanted).map_err(failed("limiting processor time"))
}

pub(crate) fn limit(resource: Resource, most: u64) -> Result<(), ConfineError> {
    let wanted = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    match setrlimit(resource, wanted) {
        // A lower limit is in force already, and only root may raise it.
        Err(Errno::PERM) => {
            let have = rustix::process::getrlimit(resource);
            let lowered = Rlimit {
                current: have.maximum.map(|maximum| maximum.min(most)),
                maximum: have.maximum,
            };
            setrlimit(resource, lowered).map_err(failed("setting a limit"))
        }
        other => other.map_err(failed("setting a limit")),
    }
}

pub(crate) fn give_up_user() -> Result<Protection, ConfineError> {
    if !geteuid().is_root() {
        return Ok(Protection::partial("user", NOT_ROOT));
    }
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // The kernel doesn't know this one.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(failed("emptying the bounding set")(error)),
        }
    }
    let group = Gid::from_raw(NOBODY);
    let user = Uid::from_raw(NOBODY);
    set_thread_groups(&[]).map_err(failed("giving up groups"))?;
    set_thread_res_gid(group, group, group).map_err(failed("becoming group nogroup"))?;
    set_thread_res_uid(user, user, user).map_err(failed("becoming user nobody"))?;
    Ok(Protection::active("user"))
}

pub(crate) fn give_up_capabilities() -> Result<(), ConfineError> {
    match clear_ambient_capability_set() {
        // Kernels before 4.3 have none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(failed("giving up ambient capabilities")(error)),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(failed("giving up capabilities"))?;
    let have = capabilities(None).map_err(failed("reading capabilities"))?;
    if have.effective.is_empty() && have.permitted.is_empty() {
        return Ok(());
    }
    Err(failed("giving up capabilities")(Errno::PERM))
}

/// A ruleset without a rule: every access that the kernel knows is denied.
fn restrict_files_and_network() -> Protection {
    let newest = ABI::V9;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(newest)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.restrict_self());
    match status.map(|status| status.ruleset) {
        // In part: an older kernel knows fewer rights than the newest; all that it knows are denied.
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {
            Protection::active("landlock")
        }
        Ok(RulesetStatus::NotEnforced) => Protection::missing(
            "landlock",
            "this kernel does not offer it; seccomp alone denies files and network",
        ),
        Err(error) => Protection::missing("landlock", format!("the kernel refused it: {error}")),
    }
}
