//! The system calls that a template and a worker have left. Any other ends the process at once.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// The socket to the parent is standard input.
const SOCKET: u64 = 0;
/// Panics are told on standard error, a pipe that the parent reads.
const ERROR_OUTPUT: u64 = 2;

/// Allowed with any arguments: memory, time, waiting for own threads, signals to itself, ending.
const PLAIN: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_pread64,
    libc::SYS_ppoll,
    // What the C library calls in a thread that starts: yara-x's clock may still be doing so.
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_sched_getaffinity,
];

/// Allowed on the socket to the parent alone.
const ON_SOCKET: &[libc::c_long] = &[
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
];

/// What a template needs besides: making workers, and what those do before their own filter.
const OF_TEMPLATE: &[libc::c_long] = &[
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_wait4,
    libc::SYS_getppid,
    libc::SYS_pidfd_open,
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_close_range,
    libc::SYS_fcntl,
    libc::SYS_prlimit64,
    libc::SYS_tgkill,
    libc::SYS_getrusage,
    libc::SYS_set_tid_address,
    libc::SYS_statx,
];

/// Puts the template's filter on the process.
///
/// # Errors
/// When the filter can't be made or the kernel refuses it.
pub(crate) fn restrict_template() -> Result<(), String> {
    let program = rules()
        .map(|mut rules| {
            for call in OF_TEMPLATE {
                rules.insert(*call, Vec::new());
            }
            rules
        })
        .and_then(program)
        .map_err(|error| format!("the filter can't be made: {error}"))?;
    seccompiler::apply_filter(&program)
        .map_err(|error| format!("the kernel refused the filter: {error}"))
}

/// Puts the worker's filter on all threads of the process.
///
/// # Errors
/// When the filter can't be made or the kernel refuses it.
pub(crate) fn restrict() -> Result<(), String> {
    let program = rules()
        .and_then(program)
        .map_err(|error| format!("the filter can't be made: {error}"))?;
    seccompiler::apply_filter_all_threads(&program)
        .map_err(|error| format!("the kernel refused the filter: {error}"))
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What a worker has left.
fn rules() -> Result<Rules, seccompiler::BackendError> {
    let mut rules = Rules::new();
    for call in PLAIN {
        rules.insert(*call, Vec::new());
    }
    for call in ON_SOCKET {
        rules.insert(*call, vec![first_argument(SOCKET)?]);
    }
    rules.insert(libc::SYS_write, vec![first_argument(ERROR_OUTPUT)?]);
    // No executable memory, neither new nor made of what is there.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let without_exec = condition(
            2,
            SeccompCmpOp::MaskedEq(libc::PROT_EXEC.unsigned_abs().into()),
            0,
        )?;
        rules.insert(call, vec![SeccompRule::new(vec![without_exec])?]);
    }
    // Builds with debug assertions look whether a descriptor is open before they close it.
    let look = SeccompRule::new(vec![condition(
        1,
        SeccompCmpOp::Eq,
        libc::F_GETFD.unsigned_abs().into(),
    )?])?;
    rules.insert(libc::SYS_fcntl, vec![look]);
    // `abort` raises a signal in its own process; signals to others are denied.
    let own = std::process::id().into();
    rules.insert(libc::SYS_tgkill, vec![first_argument(own)?]);
    // Only its own limit of processor time, before each file.
    let limit_own = SeccompRule::new(vec![
        condition(0, SeccompCmpOp::Eq, 0)?,
        condition(1, SeccompCmpOp::Eq, libc::RLIMIT_CPU.into())?,
    ])?;
    rules.insert(libc::SYS_prlimit64, vec![limit_own]);
    Ok(rules)
}

fn program(rules: Rules) -> Result<BpfProgram, seccompiler::BackendError> {
    SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

fn first_argument(value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![condition(0, SeccompCmpOp::Eq, value)?])
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}
