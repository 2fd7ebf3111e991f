//! `render`: a catalogue in the words of a firewall, a proxy or a reader.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use flows::render::ProxyAddress;
use flows::{Expressed, Format, How, Options, PartyId, RenderError};

use crate::arguments::{CatalogueArgument, SiteArguments, addresses};
use crate::outcome::Answer;
use crate::output::Output;

/// Flows that a line of the report names; the rest is counted.
const NAMED: usize = 6;

/// What `render` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  render nftables --catalog symantec-endpoint-protection --set manager=192.0.2.10 -o sep.nft
  render pac --catalog symantec-web-security-service
  render fortigate --catalog sangfor-endpoint-secure --strict

What the target can't say exactly is reported on standard error.")]
pub struct RenderArguments {
    /// Format
    #[arg(value_name = "FORMAT", value_parser = Format::parse, help = formats())]
    format: Format,
    #[command(flatten)]
    catalogue: CatalogueArgument,
    /// Refuse unless the target says everything exactly
    #[arg(long)]
    strict: bool,
    /// The whole ruleset of a host in this role (packet filters): nothing else passes
    #[arg(long, value_name = "PARTY", value_parser = PartyId::parse)]
    role: Option<PartyId>,
    /// Addresses behind a name, for targets that know none: --address a.example=192.0.2.1
    #[arg(long, value_name = "NAME=ADDRESS")]
    address: Vec<String>,
    /// Proxy that a PAC file sends everything else to [default: a name that leads nowhere, to be replaced]
    #[arg(long, value_name = "HOST:PORT", value_parser = ProxyAddress::parse)]
    proxy: Option<ProxyAddress>,
    /// Write how each destination is expressed to this file (JSON)
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    site: SiteArguments,
}

fn formats() -> String {
    let names = Format::ALL.map(Format::as_str);
    format!("Format: {}", names.join(", "))
}

pub(crate) fn run(arguments: &RenderArguments) -> anyhow::Result<Answer> {
    let catalogue = arguments.catalogue.load()?;
    let site = arguments.site.site_of(&catalogue)?;
    let selection = flows::select(&catalogue, &site)?;
    let options = Options {
        strict: arguments.strict,
        language: site.language.clone(),
        role: arguments.role.clone(),
        addresses: addresses(&arguments.address)?,
        proxy: arguments.proxy.clone(),
    };
    let rendered = match flows::render(arguments.format, &selection, &options) {
        Ok(rendered) => rendered,
        Err(error @ RenderError::NotExact { .. }) => {
            eprintln!("{error}");
            return Ok(Answer::No);
        }
        Err(error) => return Err(error.into()),
    };
    arguments.output.write(&rendered.bytes)?;
    eprint!("{}", summary(&rendered.report));
    if let Some(path) = &arguments.report {
        let json = serde_json::to_vec_pretty(&entries(&rendered.report))?;
        std::fs::write(path, json).with_context(|| format!("{}", path.display()))?;
    }
    Ok(Answer::Done)
}

fn entries(report: &[Expressed]) -> Vec<serde_json::Value> {
    let entry = |one: &Expressed| {
        serde_json::json!({
            "flow": one.flow,
            "endpoint": one.endpoint,
            "how": one.how.as_str(),
            "words": one.how.words(),
            "note": one.note,
        })
    };
    report.iter().map(entry).collect()
}

/// How much is exact, and what is not, the same words once.
fn summary(report: &[Expressed]) -> String {
    let exact = report.iter().filter(|one| matches!(one.how, How::Exact));
    let mut text = format!(
        "{} destinations, {} of them exactly\n",
        report.len(),
        exact.count()
    );
    let mut others: Vec<(String, Vec<&str>)> = Vec::new();
    for one in report.iter().filter(|one| !matches!(one.how, How::Exact)) {
        let words = one.how.to_string();
        let flow = one.flow.as_str();
        match others.iter_mut().find(|(known, _)| *known == words) {
            Some((_, flows)) if flows.contains(&flow) => {}
            Some((_, flows)) => flows.push(flow),
            None => others.push((words, vec![flow])),
        }
    }
    for (words, flows) in others {
        let named: Vec<&str> = flows.iter().copied().take(NAMED).collect();
        let more = match flows.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(text, "  {words} [{}{more}]", named.join(", "));
    }
    text
}
