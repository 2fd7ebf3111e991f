//! Another time for a program: the library of Debian's package faketime.

use std::path::PathBuf;

/// The variables under which a program's clock is off by this much, such as `+3600s` or `+16d`;
/// `None` where the library is missing.
pub fn off_by(offset: &str) -> Option<[(&'static str, String); 4]> {
    let library: PathBuf = std::fs::read_dir("/usr/lib")
        .ok()?
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())?;
    Some([
        ("LD_PRELOAD", library.to_str()?.to_owned()),
        ("FAKETIME", offset.to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        // What a killed program shares of it would stay in /dev/shm.
        ("FAKETIME_DISABLE_SHM", "1".to_owned()),
    ])
}
