//! Squid on a host of a network, with rules of a test.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::Host;
use super::certificates::Authority;
use super::domain::Membership;
use crate::system::LIMIT;
use crate::wait::{Seen, until};

const PROGRAM: &str = "/usr/sbin/squid";
const TRY: Duration = Duration::from_secs(1);
/// Of Kerberos, in its folder.
const SETTINGS: &str = "krb5.conf";
/// Only ends a Squid that its test forgot.
const LIFE_SECONDS: &str = "900";

/// Whom a Squid lets through.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Everyone.
    Plain,
    /// Those who sign in with Basic.
    Basic { user: String, password: String },
    /// Those who sign in with Digest.
    Digest { user: String, password: String },
    /// Those who sign in with NTLM, whatever they say: the helper only speaks the protocol.
    Ntlm,
    /// Users of a domain, with these schemes; runs on the domain controller's host alone.
    Domain(Membership, Vec<DomainScheme>),
    /// Nobody.
    Denying,
    /// Only who says to be a browser.
    Browsers,
    /// Everyone, and opens TLS with certificates of this CA.
    Bumping(Authority),
}

/// How users of a domain sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainScheme {
    /// Negotiate with Kerberos alone.
    Kerberos,
    /// Negotiate with Kerberos or NTLM.
    Negotiate,
    Ntlm,
    Basic,
}

/// A running Squid, gone with its value.
#[derive(Debug)]
pub struct Squid {
    child: Child,
    service: String,
    address: SocketAddr,
    log: PathBuf,
    _folder: TempDir,
}

impl Squid {
    /// Starts one that is to listen on this port of the host; it ends with the thread that
    /// started it. [`Squid::wait`] waits until it does.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn start(host: &Host, port: u16, manner: &Manner) -> anyhow::Result<Squid> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Squid's own user goes through these folders too.
        let folder = tempfile::tempdir_in("/var/tmp")?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let service = format!("lab{}x{count}", std::process::id());
        let (options, rules) = rules(manner, folder.path())?;
        let address = SocketAddr::from((host.address(), port));
        let log = folder.path().join("said");
        let configuration = format!(
            "http_port {address} {options}\nvisible_hostname proxy.lab.test\npid_filename none\n\
             cache deny all\ncache_log {}\naccess_log none\ncache_store_log none\n\
             connect_timeout 3 seconds\ndns_timeout 2 seconds\ndns_defnames off\npinger_enable off\n\
             shutdown_lifetime 0 seconds\n{rules}\n",
            log.display()
        );
        std::fs::write(&log, "")?;
        std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o666))?;
        let file = folder.path().join("squid.conf");
        std::fs::write(&file, configuration)?;
        // Helpers of Squid's own user remember there which tickets they saw.
        let temporary = folder.path().join("temporary");
        std::fs::create_dir(&temporary)?;
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o777))?;
        let child = host
            .namespace()
            .command("setpriv")
            .args([
                "--pdeathsig",
                "TERM",
                "timeout",
                "--signal=KILL",
                LIFE_SECONDS,
            ])
            .args([PROGRAM, "-n", &service, "-N", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("KRB5_CONFIG", folder.path().join(SETTINGS))
            .env("TMPDIR", &temporary)
            .spawn()
            .context("squid")?;
        Ok(Squid {
            child,
            service,
            address,
            log,
            _folder: folder,
        })
    }

    /// Waits until it listens, as seen from its host.
    ///
    /// # Errors
    /// Where it doesn't, with what it said.
    pub fn wait(&mut self, host: &Host) -> anyhow::Result<()> {
        until("squid listens", LIMIT, || {
            let said = || std::fs::read_to_string(&self.log).unwrap_or_default();
            ensure!(self.child.try_wait()?.is_none(), "squid ended: {}", said());
            Ok(if host.connects(self.address, TRY)? {
                Seen::Yes(())
            } else {
                Seen::NotYet(said())
            })
        })
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        // A signal that `timeout` hands on; it would not hand SIGKILL on.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
        // What a killed one leaves of its shared memory.
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

/// Options of the port, and the rules.
fn rules(manner: &Manner, folder: &Path) -> anyhow::Result<(String, String)> {
    let secret = |text: String| -> anyhow::Result<PathBuf> {
        let path = folder.join("users");
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
        Ok(path)
    };
    let signed_in = "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all";
    Ok(match manner {
        Manner::Plain => (String::new(), "http_access allow all".to_owned()),
        Manner::Denying => (String::new(), "http_access deny all".to_owned()),
        Manner::Browsers => {
            let rules =
                "acl browsers browser ^Mozilla/\nhttp_access allow browsers\nhttp_access deny all";
            (String::new(), rules.to_owned())
        }
        Manner::Ntlm => {
            let rules =
                format!("auth_param ntlm program /usr/lib/squid/ntlm_fake_auth\n{signed_in}");
            (String::new(), rules)
        }
        Manner::Domain(membership, schemes) => {
            let keytab = folder.join("keytab");
            for (from, to) in [
                (&membership.keytab, &keytab),
                (&membership.settings, &folder.join(SETTINGS)),
            ] {
                std::fs::copy(from, to)?;
                std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o644))?;
            }
            let kerberos = format!(
                "/usr/lib/squid/negotiate_kerberos_auth -k {} -s {}",
                keytab.display(),
                membership.service
            );
            let ntlm = "/usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp";
            let mut rules = String::new();
            for scheme in schemes {
                rules.push_str(&match scheme {
                    DomainScheme::Kerberos => format!("auth_param negotiate program {kerberos}\n"),
                    DomainScheme::Negotiate => format!(
                        "auth_param negotiate program /usr/lib/squid/negotiate_wrapper_auth \
                         --ntlm {ntlm} --kerberos {kerberos}\n\
                         auth_param negotiate keep_alive on\n"
                    ),
                    DomainScheme::Ntlm => {
                        format!("auth_param ntlm program {ntlm}\nauth_param ntlm keep_alive on\n")
                    }
                    DomainScheme::Basic => "auth_param basic program /usr/bin/ntlm_auth \
                         --helper-protocol=squid-2.5-basic\nauth_param basic realm domain\n"
                        .to_owned(),
                });
            }
            (String::new(), format!("{rules}{signed_in}"))
        }
        Manner::Basic { user, password } => {
            let users = secret(format!("{user}:{}\n", crypted(password)?))?;
            let rules = format!(
                "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\n\
                 auth_param basic realm lab\n{signed_in}",
                users.display()
            );
            (String::new(), rules)
        }
        Manner::Digest { user, password } => {
            let users = secret(format!("{user}:{password}\n"))?;
            let rules = format!(
                "auth_param digest program /usr/lib/squid/digest_file_auth {}\n\
                 auth_param digest realm lab\n{signed_in}",
                users.display()
            );
            (String::new(), rules)
        }
        Manner::Bumping(authority) => {
            let both = folder.join("ca.pem");
            let mut text = std::fs::read_to_string(authority.certificate())?;
            text.push_str(&std::fs::read_to_string(authority.key())?);
            std::fs::write(&both, text)?;
            std::fs::set_permissions(&both, std::fs::Permissions::from_mode(0o644))?;
            let store = folder.join("certificates");
            let maker = "/usr/lib/squid/security_file_certgen";
            let made = Command::new(maker)
                .args(["-c", "-s"])
                .arg(&store)
                .args(["-M", "4MB"])
                .stdin(Stdio::null())
                .output()
                .context(maker)?;
            ensure!(made.status.success(), "{maker}: {made:?}");
            let open = Command::new("chmod")
                .args(["-R", "a+rwX"])
                .arg(&store)
                .status()?;
            ensure!(open.success(), "chmod");
            let options = format!(
                "ssl-bump tls-cert={} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB",
                both.display()
            );
            let rules = format!(
                "sslcrtd_program {maker} -s {} -M 4MB\nsslcrtd_children 2\n\
                 ssl_bump stare all\nssl_bump bump all\nsslproxy_cert_error allow all\n\
                 tls_outgoing_options flags=DONT_VERIFY_PEER\nhttp_access allow all",
                store.display()
            );
            (options, rules)
        }
    })
}

/// A password as `basic_ncsa_auth` keeps it.
fn crypted(password: &str) -> anyhow::Result<String> {
    let output = Command::new("openssl")
        .args(["passwd", "-apr1", password])
        .stdin(Stdio::null())
        .output()
        .context("openssl")?;
    ensure!(output.status.success(), "openssl passwd: {output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
