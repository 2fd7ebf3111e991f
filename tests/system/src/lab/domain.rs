//! A domain controller of Active Directory on a host of a network: Samba's.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, ensure};

use super::Host;
use crate::system::LIMIT;
use crate::wait::{Seen, until};

/// The realm, and the domain's short name.
pub const REALM: &str = "CORP.TEST";
pub const DOMAIN: &str = "CORP";
/// The domain controller's name.
pub const CONTROLLER: &str = "dc.corp.test";
/// What the domain controller can't be made without.
pub const PROGRAMS: [&str; 8] = [
    "samba",
    "samba-tool",
    "winbindd",
    "ntlm_auth",
    "squid",
    "setpriv",
    "kinit",
    "curl",
];
/// Only ends one that its test forgot.
const LIFE_SECONDS: &str = "900";
/// The most that one step of its making may take.
const STEP_SECONDS: &str = "120";
/// Folders of Samba's, each the host's own and empty.
const FOLDERS: [&str; 5] = [
    "/run/samba",
    "/etc/samba",
    "/var/lib/samba",
    "/var/cache/samba",
    "/var/log/samba",
];

/// A user of the domain.
#[derive(Debug, Clone, Copy)]
pub struct User<'u> {
    pub name: &'u str,
    pub password: &'u str,
}

/// What makes a service one of the domain's.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Such as `HTTP/proxy.corp.test`.
    pub service: String,
    pub keytab: PathBuf,
    /// A krb5.conf(5) that leaves the domain controllers to DNS.
    pub settings: PathBuf,
}

/// A domain on a host, which nobody serves yet.
#[derive(Debug)]
pub struct Domain {
    folder: PathBuf,
}

/// A running domain controller, gone with its value.
#[derive(Debug)]
pub struct DomainController {
    child: Child,
    folder: PathBuf,
}

impl Domain {
    /// Makes the domain, which takes some ten seconds; all of it is gone with the host.
    ///
    /// # Errors
    /// Where a step fails, with what it said.
    pub fn new(host: &Host, users: &[User<'_>]) -> anyhow::Result<Domain> {
        let domain = Domain {
            folder: host.folder().to_owned(),
        };
        for folder in FOLDERS {
            let mount = format!("mkdir -p {folder} && mount -t tmpfs none {folder}");
            host.namespace().shell(&mount)?;
        }
        host.namespace().shell("mkdir -p /var/lib/samba/private")?;
        let hosts = format!("127.0.0.1 localhost\n{} {CONTROLLER} dc\n", host.address());
        std::fs::write(domain.folder.join("hosts"), hosts)?;
        std::fs::write(domain.settings(), settings(""))?;
        domain.tool(
            host,
            &[
                "domain",
                "provision",
                "--server-role=dc",
                "--host-name=dc",
                "--dns-backend=NONE",
                &format!("--realm={REALM}"),
                &format!("--domain={DOMAIN}"),
                &format!("--host-ip={}", host.address()),
                "--option=bind interfaces only=yes",
                &format!("--option=interfaces={}", host.address()),
                "--option=server services=kdc,ldap,cldap,rpc,winbindd",
            ],
        )?;
        for user in users {
            domain.tool(host, &["user", "create", user.name, user.password])?;
        }
        Ok(domain)
    }

    /// Gives a service an account, and its keys as a file.
    ///
    /// # Errors
    /// Where a step fails, with what it said.
    pub fn service(&self, host: &Host, account: &str, service: &str) -> anyhow::Result<Membership> {
        let keytab = self.folder.join(format!("{account}.keytab"));
        let path = keytab.to_str().context("a path in UTF-8")?;
        self.tool(host, &["user", "create", account, "--random-password"])?;
        self.tool(host, &["spn", "add", service, account])?;
        let principal = format!("--principal={service}");
        self.tool(host, &["domain", "exportkeytab", path, &principal])?;
        Ok(Membership {
            service: service.to_owned(),
            keytab,
            settings: self.settings(),
        })
    }

    /// Starts the domain controller and waits until it knows the user; it ends with the thread
    /// that started it.
    ///
    /// # Errors
    /// Where it doesn't, with what it said.
    pub fn serve(self, host: &Host, user: User<'_>) -> anyhow::Result<DomainController> {
        let log = std::fs::File::create(self.folder.join("samba.log"))?;
        // All that it starts is in its process namespace, and ends with it.
        let child = host
            .namespace()
            .command("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(["unshare", "--pid", "--fork", "--kill-child=KILL"])
            .args(["timeout", "--signal=KILL", LIFE_SECONDS])
            .args(["samba", "--foreground", "--no-process-group"])
            .arg("--debug-stdout")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("samba")?;
        let mut controller = DomainController {
            child,
            folder: self.folder,
        };
        controller.wait(host, user)?;
        // Squid's helpers ask it with a password's proof.
        host.namespace()
            .shell("chgrp proxy /var/lib/samba/winbindd_privileged")?;
        Ok(controller)
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("krb5.conf")
    }

    fn tool(&self, host: &Host, words: &[&str]) -> anyhow::Result<()> {
        let output = host
            .namespace()
            .command("setpriv")
            .args(["--pdeathsig", "KILL", "timeout", "--signal=KILL"])
            .args([STEP_SECONDS, "setpriv", "--pdeathsig", "KILL", "samba-tool"])
            .args(words)
            .output()
            .context("samba-tool")?;
        ensure!(
            output.status.success(),
            "samba-tool {}: {}{}",
            words.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl DomainController {
    fn wait(&mut self, host: &Host, user: User<'_>) -> anyhow::Result<()> {
        until("the domain controller knows its users", LIMIT, || {
            let said = std::fs::read_to_string(self.folder.join("samba.log")).unwrap_or_default();
            ensure!(self.child.try_wait()?.is_none(), "samba ended: {said}");
            let asked = host
                .namespace()
                .command("timeout")
                .args(["--signal=KILL", "10", "ntlm_auth"])
                .arg(format!("--domain={DOMAIN}"))
                .arg(format!("--username={}", user.name))
                .arg(format!("--password={}", user.password))
                .output()?;
            Ok(
                if asked.status.success() && ticket(host, user, &self.cache())? {
                    Seen::Yes(())
                } else {
                    Seen::NotYet(said)
                },
            )
        })
    }

    fn cache(&self) -> PathBuf {
        self.folder.join("first.tickets")
    }
}

impl Drop for DomainController {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A krb5.conf(5) with these lines of the realm's.
pub fn settings(realm: &str) -> String {
    format!(
        "[libdefaults]\ndefault_realm = {REALM}\nrdns = false\ndns_lookup_kdc = true\n\
         udp_preference_limit = 1\n[realms]\n{REALM} = {{\n{realm}\n}}\n"
    )
}

/// Has kinit(1) fetch a ticket on a host, with the settings beside the cache; whether it got one.
///
/// # Errors
/// Where it can't be run.
pub fn ticket(host: &Host, user: User<'_>, cache: &Path) -> anyhow::Result<bool> {
    let settings = cache.with_file_name("krb5.conf");
    let mut child: Child = host
        .namespace()
        .command("timeout")
        .args(["--signal=KILL", "20", "kinit", "-c"])
        .arg(cache)
        .arg(format!("{}@{REALM}", user.name))
        .env("KRB5_CONFIG", settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("kinit")?;
    if let Some(mut input) = child.stdin.take() {
        use std::io::Write as _;
        // One that fails at once has closed it; its status tells.
        let _ = writeln!(input, "{}", user.password);
    }
    Ok(child.wait()?.success())
}
