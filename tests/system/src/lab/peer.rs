//! A child that says when it is ready, and after that how things stand whenever it is asked.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;

/// A program that ends with its input, and is gone with its value.
#[derive(Debug)]
pub(super) struct Peer {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Waits until the program, started with pipes, is ready.
    pub(super) fn ready(child: Child, name: &'static str) -> anyhow::Result<Peer> {
        Self::ordered(child, name, "")
    }

    /// As [`Peer::ready`], for one that wants to be told something first.
    pub(super) fn ordered(
        mut child: Child,
        name: &'static str,
        order: &str,
    ) -> anyhow::Result<Peer> {
        let input = child.stdin.take();
        let output = child.stdout.take().context("its output")?;
        let mut peer = Peer {
            name,
            child,
            input,
            output: BufReader::new(output),
        };
        if !order.is_empty() {
            peer.say(order)?;
        }
        let line = peer.line()?;
        ensure!(line == "ready", "{name} did not start: it says {line:?}");
        Ok(peer)
    }

    /// What it answers, in JSON, to an empty line.
    pub(super) fn ask<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        self.say("")?;
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("{}: {line:?}", self.name))
    }

    fn say(&mut self, words: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("its input")?;
        writeln!(input, "{words}").with_context(|| self.name)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .with_context(|| self.name)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
