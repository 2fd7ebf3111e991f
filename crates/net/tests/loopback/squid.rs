//! A Squid, started for one test and gone with it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::site::LONG;

const PROGRAM: &str = "/usr/sbin/squid";

/// Ended when dropped: by its number, by the end of this process, or by its time limit.
pub(crate) struct Squid {
    pub(crate) address: SocketAddr,
    child: Child,
    /// The name of its shared memory.
    service: String,
    _folder: TempDir,
}

/// Why there can be none here.
pub(crate) fn missing(helpers: &[&str]) -> Option<String> {
    let needed = [PROGRAM, "/dev/shm"].into_iter().map(str::to_owned);
    let helpers = helpers.iter().map(|helper| program(helper));
    needed
        .chain(helpers)
        .find(|path| !Path::new(path).exists())
        .map(|path| format!("{path} is not there"))
}

pub(crate) fn program(helper: &str) -> String {
    format!("/usr/lib/squid/{helper}")
}

/// A folder that Squid's own user can read too.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    open_to_all(folder.path(), 0o755);
    folder
}

fn open_to_all(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    open_to_all(&path, 0o644);
    path.to_str().unwrap().to_owned()
}

impl Squid {
    pub(crate) fn start(folder: TempDir, rules: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut folder = Some(folder);
        for _ in 0..5 {
            let number = COUNT.fetch_add(1, Ordering::SeqCst);
            let service = format!("net{}x{number}", std::process::id());
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let configuration = format!(
                "http_port {address}\nvisible_hostname judge\npid_filename none\ncache deny all\n\
                 cache_log /dev/null\naccess_log none\ncache_store_log none\n\
                 dns_nameservers 127.0.0.1\nconnect_timeout 5 seconds\npinger_enable off\n\
                 shutdown_lifetime 0 seconds\n{rules}\n"
            );
            let settings = file(folder.as_ref().unwrap(), "squid.conf", &configuration);
            let mut child = Command::new("setpriv")
                .args([
                    "--pdeathsig",
                    "TERM",
                    "timeout",
                    "--signal=KILL",
                    "120",
                    PROGRAM,
                ])
                .args(["-n", &service, "-N", "-f", &settings])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if listens(address, &mut child) {
                return Self {
                    address,
                    child,
                    service,
                    _folder: folder.take().unwrap(),
                };
            }
            end(&mut child);
        }
        panic!("squid did not start on any of five ports");
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        end(&mut self.child);
        let left = format!("{}-", self.service);
        for entry in std::fs::read_dir("/dev/shm")
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.file_name().to_string_lossy().starts_with(&left) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn end(child: &mut Child) {
    // The limit's program passes it on to Squid, which ends its helpers.
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}

fn listens(address: SocketAddr, child: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < LONG {
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
