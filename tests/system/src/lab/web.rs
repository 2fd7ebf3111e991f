//! Servers that answer as a test tells them to: right, wrong, late or not at all.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::Host;

const PROGRAM: &str = include_str!("peers/web.py");

/// A process that holds listeners, gone with its value.
#[derive(Debug)]
pub struct WebServers {
    child: Child,
}

impl WebServers {
    /// Starts listeners on a host, each an object: `address`, `port`, `how` (`http`, `https`,
    /// `garbage`, `reset`, `reset_after_hello`, `close_after_hello`, `silent`), and for the first
    /// two `answers` (`if`, `status`, `headers`, `body`, `file`, `raw`, `missing` bytes,
    /// `mute`), for
    /// `https` also `certificate`, `key`, and at will `versions`, `ciphers`, `client_ca`, `http2`.
    ///
    /// # Errors
    /// Where one can't listen.
    pub fn start(host: &Host, listeners: &[Value]) -> anyhow::Result<WebServers> {
        let mut child = host
            .namespace()
            .command("python3")
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("python3")?;
        let output = child.stdout.take().context("the servers' output")?;
        let input = child.stdin.as_mut().context("the servers' input")?;
        writeln!(input, "{}", serde_json::to_string(listeners)?)?;
        let servers = WebServers { child };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(
            line == "ready\n",
            "the servers on {} do not listen",
            host.name()
        );
        Ok(servers)
    }
}

impl Drop for WebServers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
