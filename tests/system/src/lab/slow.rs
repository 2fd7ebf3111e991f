//! A wire on which every frame takes its time, since not every kernel can delay packets itself.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::Namespace;
use super::peer::Peer;

const PROGRAM: &str = include_str!("peers/delay.py");
/// Frames that the kernel holds for the forwarder while it has no turn.
const QUEUE: u32 = 20_000;

/// Whether this kernel has what the wire is made of.
pub fn can_be_made() -> bool {
    Path::new("/dev/net/tun").exists()
}

/// The forwarder between a switch and one host, gone with its value.
#[derive(Debug)]
pub struct SlowWire(Peer);

/// What a wire has carried in both directions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Carried {
    pub frames: u64,
    /// To the forwarder's own bounds.
    pub lost: u64,
}

impl SlowWire {
    /// Lays one from the switch's end `port` to the interface `wire` of a namespace.
    ///
    /// # Errors
    /// Where it can't be made.
    pub(super) fn lay(
        switch: &Namespace,
        port: &str,
        far: &Namespace,
        delay: Duration,
    ) -> anyhow::Result<SlowWire> {
        let other = format!("far-{port}");
        switch.shell(&format!(
            "for end in {port} {other}; do\n\
             ip tuntap add dev $end mode tap\n\
             ip link set dev $end txqueuelen {QUEUE}\n\
             done"
        ))?;
        let delay = format!("{}", delay.as_secs_f64() * 1000.0);
        let child: Child = switch
            .command("python3")
            .args(["-c", PROGRAM, port, &other, &delay])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let peer = Peer::ready(child, "the slow wire")?;
        // The forwarder keeps what it holds, wherever the interface goes.
        switch.shell(&format!(
            "ip link set dev {other} netns {} name wire",
            far.id()
        ))?;
        Ok(SlowWire(peer))
    }

    /// What it has carried so far.
    ///
    /// # Errors
    /// Where the forwarder is gone.
    pub fn carried(&mut self) -> anyhow::Result<Carried> {
        self.0.ask()
    }
}
