//! What a host lets through: the ruleset that the catalogue renders for its role.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::Host;
use crate::system::said;

/// What is said of the site, and the catalogue that is rendered.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `NAME=VALUE`, as `--set` takes it.
    pub site: Vec<String>,
    /// A catalogue's file in place of the built-in one.
    pub catalogue: Option<std::path::PathBuf>,
}

/// What a host dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    pub incoming: u64,
    pub outgoing: u64,
}

impl Rules {
    /// The ruleset of a host in this role, rendered by the program.
    ///
    /// # Errors
    /// Where the program refuses.
    pub fn render(&self, role: &str, host: &Host) -> anyhow::Result<String> {
        let mut words = vec!["render", "nftables", "--role", role];
        for value in &self.site {
            words.extend(["--set", value]);
        }
        let file = self.catalogue.as_deref().and_then(Path::to_str);
        if let Some(file) = file {
            words.extend(["--catalog", file]);
        }
        let output = host.run("garrison-flows", &words)?;
        ensure!(
            output.status.success(),
            "garrison-flows {}: {}",
            words.join(" "),
            said(&output)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Renders the ruleset of a role and loads it on the host, in place of one that was there.
    ///
    /// # Errors
    /// Where the program or nft refuses.
    pub fn load(&self, role: &str, host: &Host) -> anyhow::Result<()> {
        let text = self.render(role, host)?;
        host.namespace().feed(&["nft", "-f", "-"], &text)?;
        Ok(())
    }
}

/// What the ruleset of this role has dropped on the host since it was loaded.
///
/// # Errors
/// Where there is none.
pub fn dropped(role: &str, host: &Host) -> anyhow::Result<Dropped> {
    let objects = listing(role, host)?;
    let counter = |name: &str| {
        objects
            .iter()
            .filter_map(|object| object.get("counter"))
            .find(|counter| counter.get("name").is_some_and(|found| found == name))
            .and_then(|counter| counter.get("packets")?.as_u64())
            .with_context(|| format!("{}: no counter {name}", host.name()))
    };
    Ok(Dropped {
        incoming: counter("dropped-in")?,
        outgoing: counter("dropped-out")?,
    })
}

/// By flow, how many connections its rules have let through on the host.
///
/// # Errors
/// Where there is no such ruleset.
pub fn passed(role: &str, host: &Host) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut passed = BTreeMap::new();
    for object in listing(role, host)? {
        let Some(rule) = object.get("rule") else {
            continue;
        };
        let packets = rule
            .get("expr")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find_map(|expression| expression.get("counter")?.get("packets")?.as_u64());
        if let (Some(flows), Some(packets)) = (rule.get("comment").and_then(Value::as_str), packets)
        {
            for flow in flows.split(", ") {
                *passed.entry(flow.to_owned()).or_default() += packets;
            }
        }
    }
    Ok(passed)
}

fn listing(role: &str, host: &Host) -> anyhow::Result<Vec<Value>> {
    let table = format!("flows-garrison-{role}");
    let words = ["nft", "--json", "list", "table", "inet", &table];
    let text = host.namespace().feed(&words, "")?;
    match serde_json::from_str::<Value>(&text)?
        .get_mut("nftables")
        .map(Value::take)
    {
        Some(Value::Array(objects)) => Ok(objects),
        _ => bail!("nft lists {table} in another shape: {text}"),
    }
}
