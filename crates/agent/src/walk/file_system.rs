//! File systems whose files the kernel makes up as they are read.

use std::os::fd::BorrowedFd;

/// Types as in `linux/magic.h` and the sources of the file systems.
const PSEUDO: [u32; 20] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x6165_676c, // pstore
    0xcafe_4a11, // bpf
    0x0000_1cd1, // devpts
    0x6265_6570, // configfs
    0x6573_5543, // fusectl
    0x1980_0202, // mqueue
    0x9584_58f6, // hugetlbfs
    0xde5e_81e4, // efivarfs
    0x4249_4e4d, // binfmt_misc
    0xf97c_ff8c, // selinuxfs
    0x6e73_6673, // nsfs
    0x0000_0187, // autofs
    0x4349_4143, // smackfs
];

/// Whether an open file lies on such a file system. One that can't be asked counts as a real one.
pub(super) fn is_pseudo(fd: BorrowedFd<'_>) -> bool {
    let Ok(stat) = rustix::fs::fstatfs(fd) else {
        return false;
    };
    // The kernel's type is 32 bits; the C library widens it, with a sign on some machines.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let magic = stat.f_type as u32;
    PSEUDO.contains(&magic)
}
