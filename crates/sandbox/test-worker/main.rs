//! A worker for this crate's tests. Files that begin with a trigger make it misbehave, inside the
//! confinement, as a captured or broken parser would. No other program has this hook.

#![allow(unsafe_code, reason = "a captured parser would not ask either")]

use std::process::ExitCode;

const TRIGGER: &[u8] = b"misbehave: ";

fn main() -> ExitCode {
    sandbox::worker::run_hooked(&mut |member, bytes| {
        let asked = bytes.strip_prefix(TRIGGER).unwrap_or_default();
        let asked = String::from_utf8_lossy(asked);
        misbehave(asked.trim());
        match member.last().map(String::as_str) {
            Some("crash-here") => misbehave("crash"),
            Some("hang-here") => misbehave("hang"),
            Some("memory-here") => misbehave("memory"),
            _ => {}
        }
    })
}

fn misbehave(how: &str) {
    match how {
        // SAFETY: none: this is what a memory error does. The page is never mapped.
        "crash" => unsafe {
            std::ptr::without_provenance_mut::<u8>(16).write_volatile(1);
        },
        "abort" => std::process::abort(),
        #[allow(clippy::panic, reason = "it is asked for")]
        "panic" => panic!("asked to panic"),
        "exit" => std::process::exit(7),
        "hang" => loop {
            std::hint::spin_loop();
        },
        "memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 24]);
            }
        }
        "open" => drop(std::fs::File::open("/etc/passwd")),
        "write" => drop(std::fs::write("/tmp/garrison-test-worker", b"x")),
        "socket" => drop(std::os::unix::net::UnixDatagram::unbound()),
        // SAFETY: plain system calls with valid or null arguments.
        "inet" => unsafe {
            libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        },
        "exec" => unsafe {
            let none: [*const libc::c_char; 1] = [std::ptr::null()];
            libc::execve(c"/bin/true".as_ptr(), none.as_ptr(), none.as_ptr());
        },
        "fork" => unsafe {
            libc::fork();
        },
        "ptrace" => unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
        },
        "signal-others" => unsafe {
            libc::kill(1, 0);
        },
        "map-exec" => unsafe {
            map(libc::PROT_READ | libc::PROT_EXEC);
        },
        "protect-exec" => unsafe {
            let page = map(libc::PROT_READ | libc::PROT_WRITE);
            libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC);
        },
        "raise-limit" => unsafe {
            let limit = libc::rlimit {
                rlim_cur: 1 << 40,
                rlim_max: 1 << 40,
            };
            libc::setrlimit(libc::RLIMIT_DATA, &raw const limit);
        },
        _ => {}
    }
}

/// # Safety
/// None is needed: a new anonymous mapping touches nothing.
unsafe fn map(protection: i32) -> *mut libc::c_void {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new anonymous mapping.
    unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) }
}
