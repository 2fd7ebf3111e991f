//! openssl's OCSP responder on a host of a network.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

use super::Host;
use super::certificates::Authority;
use crate::system::LIMIT;
use crate::wait::{Seen, until};

/// The state of a listener in /proc/net/tcp (TCP_LISTEN).
const LISTEN: &str = " 0A ";
/// Only ends a responder that its test forgot.
const LIFE_SECONDS: &str = "900";

/// A running responder, gone with its value.
#[derive(Debug)]
pub struct Responder(Child);

impl Responder {
    /// Answers on this port of a host for what the authority has issued and revoked so far; ends
    /// with the thread that started it.
    ///
    /// # Errors
    /// Where it does not listen.
    pub fn start(host: &Host, port: u16, authority: &Authority) -> anyhow::Result<Responder> {
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
            .args([
                "openssl",
                "ocsp",
                "-ignore_err",
                "-timeout",
                "5",
                "-port",
                &port.to_string(),
            ])
            .arg("-index")
            .arg(authority.index())
            .arg("-CA")
            .arg(authority.certificate())
            .arg("-rsigner")
            .arg(authority.certificate())
            .arg("-rkey")
            .arg(authority.key())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("openssl ocsp")?;
        let mut responder = Responder(child);
        // A connection without a question would hold it up: it answers one after the other.
        let listens = format!(":{port:04X} ");
        until("the responder listens", LIMIT, || {
            ensure!(responder.0.try_wait()?.is_none(), "openssl ocsp ended");
            let table = host.namespace().shell("cat /proc/net/tcp /proc/net/tcp6")?;
            let there = table
                .lines()
                .any(|line| line.contains(&listens) && line.contains(LISTEN));
            Ok(if there {
                Seen::Yes(())
            } else {
                Seen::NotYet(table)
            })
        })?;
        Ok(responder)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // A signal that `timeout` hands on; it would not hand SIGKILL on.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
