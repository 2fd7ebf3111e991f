//! A Squid and a TLS server, started for one test and gone with it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Only catches a peer that hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Why no Squid can be started here.
pub(crate) fn can_run() -> Result<(), String> {
    if !Path::new("/usr/sbin/squid").exists() {
        return Err("squid is not installed".to_owned());
    }
    if !Path::new("/dev/shm").is_dir() {
        return Err("squid needs /dev/shm".to_owned());
    }
    Ok(())
}

/// A child that is gone when the test ends, however that is: `timeout` ends it after its limit,
/// when it is told to, and when this thread's end tells it to.
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command) -> Self {
        let mut watched = Command::new("setpriv");
        watched
            .args(["--pdeathsig", "TERM", "timeout", "--signal=KILL", "120"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(watched.spawn().unwrap())
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// A folder that Squid's own user can reach too, which it becomes where it is started by root:
/// there the folders above the usual one may be closed to others.
pub(crate) fn folder() -> TempDir {
    if is_root() {
        tempfile::tempdir_in("/var/tmp").unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;

    // The owner of what this process makes.
    let made = tempfile::NamedTempFile::new().unwrap();
    made.as_file().metadata().unwrap().uid() == 0
}

/// A certificate with its key in one file, made by openssl. Its subject is the name.
pub(crate) fn certificate(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.pem"));
    let key = folder.join(format!("{name}.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048"])
        .args(["-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}")])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let mut both = std::fs::read(&file).unwrap();
    both.extend(std::fs::read(&key).unwrap());
    std::fs::write(&file, both).unwrap();
    // Squid reads it under its own user.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    file
}

/// Configuration for the program that makes certificates for opened TLS, with its store made;
/// `None` where Squid was built without it.
pub(crate) fn certificate_maker(folder: &Path) -> Option<String> {
    let program = Path::new("/usr/lib/squid/security_file_certgen");
    let store = folder.join("certificates");
    let made = Command::new(program)
        .args(["-c", "-s"])
        .arg(&store)
        .args(["-M", "4MB"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    assert!(made.success());
    // Squid's own user writes there when this runs as root.
    let open = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(&store)
        .status()
        .unwrap();
    assert!(open.success());
    Some(format!(
        "sslcrtd_program {} -s {} -M 4MB\nsslcrtd_children 2",
        program.display(),
        store.display()
    ))
}

/// An address of loopback that is this process's own, so that its ports are free.
fn own_address(last: u8) -> Ipv4Addr {
    let process = std::process::id().to_be_bytes();
    Ipv4Addr::new(
        127,
        100 | (process[1] & 0x0f),
        process[2].max(1),
        process[3] & 0xf0 | last,
    )
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn wait_for(address: SocketAddr, peer: &mut Peer) -> bool {
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            return true;
        }
        if peer.ended() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A TLS server that shows one certificate.
pub(crate) struct TlsOrigin {
    address: SocketAddr,
    _peer: Peer,
}

impl TlsOrigin {
    pub(crate) fn start(certificate: &Path) -> Self {
        let address = SocketAddr::new(IpAddr::V4(own_address(5)), 8005);
        let mut peer = Peer::start(
            Command::new("openssl")
                .args(["s_server", "-quiet", "-www", "-accept"])
                .arg(address.to_string())
                .arg("-cert")
                .arg(certificate)
                .arg("-key")
                .arg(certificate),
        );
        assert!(wait_for(address, &mut peer), "openssl s_server listens");
        Self {
            address,
            _peer: peer,
        }
    }

    pub(crate) const fn address(&self) -> IpAddr {
        self.address.ip()
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }
}

/// A Squid with rules of the test.
pub(crate) struct Squid {
    address: SocketAddr,
    _peer: Peer,
    _service: Service,
    _folder: TempDir,
}

/// The name of a Squid's shared memory, which one user's must not meet another's by. What a
/// killed one leaves of it goes with this.
struct Service(String);

impl Drop for Service {
    fn drop(&mut self) {
        let left = format!("{}-", self.0);
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

impl Squid {
    /// All names resolve to an address where nobody listens.
    pub(crate) fn start(names: &[&str], port_options: &str, rules: &str) -> Self {
        Self::start_towards(IpAddr::V4(own_address(9)), names, port_options, rules)
    }

    /// All names resolve to that address.
    pub(crate) fn start_towards(
        towards: IpAddr,
        names: &[&str],
        port_options: &str,
        rules: &str,
    ) -> Self {
        for attempt in 0..5 {
            let folder = folder();
            let service = Service(format!(
                "judge{}x{}x{attempt}",
                std::process::id(),
                u32::from(port_options.is_empty())
            ));
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
                .unwrap();
            let hosts: String = names
                .iter()
                .map(|name| format!("{towards} {name}\n"))
                .collect();
            let hosts_file = folder.path().join("hosts");
            std::fs::write(&hosts_file, hosts).unwrap();
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
            let configuration = format!(
                "http_port {address} {port_options}\nvisible_hostname judge\npid_filename none\n\
                 cache deny all\ncache_log /dev/null\naccess_log none\ncache_store_log none\n\
                 hosts_file {}\ndns_nameservers 127.0.0.1\ndns_timeout 1 second\ndns_defnames off\n\
                 connect_timeout 5 seconds\npinger_enable off\nshutdown_lifetime 0 seconds\n{rules}",
                hosts_file.display()
            );
            let file = folder.path().join("squid.conf");
            std::fs::write(&file, &configuration).unwrap();
            let parsed = Command::new("/usr/sbin/squid")
                .args(["-k", "parse", "-f"])
                .arg(&file)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&parsed.stderr).into_owned();
            assert!(parsed.status.success(), "{said}\n{configuration}");
            for word in ["ERROR", "FATAL", "WARNING: You should probably remove"] {
                assert!(!said.contains(word), "{said}\n{configuration}");
            }
            let mut peer = Peer::start(
                Command::new("/usr/sbin/squid")
                    .args(["-n", &service.0, "-N", "-f"])
                    .arg(&file),
            );
            if wait_for(address, &mut peer) {
                return Self {
                    address,
                    _peer: peer,
                    _service: service,
                    _folder: folder,
                };
            }
        }
        panic!("squid did not start on any of five ports");
    }

    /// Whether the access rules refuse the request (403); anything else means that they let it
    /// through.
    pub(crate) fn denies(&self, host: &str, port: u16, connect: bool) -> bool {
        let mut stream = TcpStream::connect_timeout(&self.address, LIMIT).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let request = if connect {
            format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")
        } else {
            format!(
                "GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            )
        };
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        let status = String::from_utf8_lossy(&head[9..]).into_owned();
        assert!(
            ["403", "503", "502", "200"].contains(&status.as_str()),
            "{host}:{port}: {status}"
        );
        status == "403"
    }

    /// Who issued the certificate that a client sees behind the proxy.
    pub(crate) fn issuer_seen(&self, host: &str, port: u16) -> String {
        let output = Command::new("timeout")
            .args(["60", "openssl", "s_client", "-proxy"])
            .arg(self.address.to_string())
            .args(["-connect", &format!("{host}:{port}")])
            .args(["-servername", host])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines()
            .find(|line| line.starts_with("issuer="))
            .map_or_else(|| said.clone(), str::to_owned)
    }
}
