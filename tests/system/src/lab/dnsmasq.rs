//! dnsmasq on a host of a network: a second name server with a mind of its own.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::Host;
use crate::system::LIMIT;
use crate::wait::{Seen, until};

const TRY: Duration = Duration::from_secs(1);
const PORT: u16 = 53;
/// Only ends one that its test forgot.
const LIFE_SECONDS: &str = "900";

/// A running dnsmasq, gone with its value.
#[derive(Debug)]
pub struct Dnsmasq(Child);

impl Dnsmasq {
    /// Knows these names and refuses to speak of others; ends with the thread that started it.
    ///
    /// # Errors
    /// Where it does not listen.
    pub fn start(host: &Host, names: &[(String, Ipv4Addr)]) -> anyhow::Result<Dnsmasq> {
        let mut command = host.namespace().command("setpriv");
        command
            .args([
                "--pdeathsig",
                "TERM",
                "timeout",
                "--signal=KILL",
                LIFE_SECONDS,
            ])
            .args(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"])
            .args(["--no-resolv", "--no-hosts", "--user=root", "--pid-file="])
            .args(["--bind-interfaces", "--except-interface=lo"]);
        for (name, address) in names {
            command.arg(format!("--host-record={name},{address}"));
        }
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("dnsmasq")?;
        let mut server = Dnsmasq(child);
        until("dnsmasq listens", LIMIT, || {
            ensure!(server.0.try_wait()?.is_none(), "dnsmasq ended");
            Ok(if host.connects((host.address(), PORT).into(), TRY)? {
                Seen::Yes(())
            } else {
                Seen::NotYet("no connection".to_owned())
            })
        })?;
        Ok(server)
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        // A signal that `timeout` hands on; it would not hand SIGKILL on.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
