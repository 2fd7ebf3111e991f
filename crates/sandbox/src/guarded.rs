//! Whether a file may be read where it lies: who could change it while it is in use.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, fstatfs};
use rustix::process::geteuid;

/// File systems whose files change only as this machine's kernel lets them (magic numbers of
/// statfs(2)): not those of other machines, nor those that a program serves.
const LOCAL: [u32; 9] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0x794c_7630, // overlayfs
    0x0102_1994, // tmpfs
    0xe0f5_e1e2, // EROFS
    0x7371_7368, // SquashFS
];
const OTHERS_MAY_WRITE: u32 = 0o022;
const ROOT: u32 = 0;
/// Which signal tells of a lease's end (fcntl(2), include/uapi/asm-generic/fcntl.h).
const F_SETSIG: libc::c_int = 10;

/// Whether nobody but root and this process's user can change the file, now or through a
/// descriptor of before. (An entry of an access control list that lets anybody else write shows in
/// the mode as the group's right.)
pub(crate) fn is_guarded(file: BorrowedFd<'_>) -> bool {
    let Ok(status) = fstat(file) else {
        return false;
    };
    FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
        && [ROOT, geteuid().as_raw()].contains(&status.st_uid)
        && status.st_mode & OTHERS_MAY_WRITE == 0
        && fcntl_getfl(file).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDONLY)
        && is_local(file)
        && !is_open_for_writing(file)
}

fn is_local(file: BorrowedFd<'_>) -> bool {
    fstatfs(file).is_ok_and(|system| {
        // The type is a signed long on some architectures; the magic numbers have 32 bits.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a magic number has 32 bits"
        )]
        LOCAL.contains(&(system.f_type as u32))
    })
}

/// Whether anybody has the file open for writing: the kernel then gives no lease on it. Where it
/// gives none for other reasons (a file of root's, a file system without leases), nobody is taken
/// to have.
fn is_open_for_writing(file: BorrowedFd<'_>) -> bool {
    let descriptor = file.as_raw_fd();
    // SAFETY: these commands take an integer and change nothing but the lease on an open file. The
    // signal that tells of a lease's end is made one that is passed over.
    #[allow(unsafe_code, reason = "rustix has no leases")]
    unsafe {
        libc::fcntl(descriptor, F_SETSIG, libc::SIGURG);
        if libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_RDLCK) == 0 {
            libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK);
            return false;
        }
    }
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}
