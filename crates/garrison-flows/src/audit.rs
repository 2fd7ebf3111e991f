//! `audit`: which flows the rules of a file block, or would break open.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use flows::PartyId;
use flows::audit::{self, AuditFormat, AuditOptions, Position};

use crate::arguments::{CatalogueArgument, SiteArguments, addresses};
use crate::file;
use crate::outcome::Answer;
use crate::output::Output;
use crate::table::plain;

/// What `audit` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  audit /etc/nftables.conf --catalog symantec-endpoint-protection
  audit squid.conf --catalog symantec-endpoint-protection --file /etc/squid/allowed=allowed
  nft list ruleset | audit - --catalog sangfor-endpoint-secure

Exit code 0 when no flow is blocked or inspected, 1 when one is, or would be if a
guessed place is between the hosts.")]
pub struct AuditArguments {
    /// File with the rules; - is standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
    #[command(flatten)]
    catalogue: CatalogueArgument,
    /// What the file holds [default: what it looks like]
    #[arg(long, value_name = "FORMAT", value_parser = AuditFormat::parse)]
    format: Option<AuditFormat>,
    /// Addresses behind a name: --address a.example=192.0.2.1
    #[arg(long, value_name = "NAME=ADDRESS")]
    address: Vec<String>,
    /// Where a packet filter stands, seen from a flow
    #[arg(long, value_name = "PLACE", default_value = "auto")]
    position: Place,
    /// The part of the host on which a packet filter stands: the flows in which it takes part are
    /// judged where it sends or receives
    #[arg(long, value_name = "PARTY", value_parser = PartyId::parse)]
    role: Option<PartyId>,
    /// The interface by which flows come in
    #[arg(long, value_name = "NAME")]
    interface_in: Option<String>,
    /// The interface by which flows go out
    #[arg(long, value_name = "NAME")]
    interface_out: Option<String>,
    /// A file that the rules name: its path as they write it, and where it is here
    #[arg(long, value_name = "NAME=FILE")]
    file: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    site: SiteArguments,
}

/// Where a packet filter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// Between the hosts if it has rules for forwarding, else on one of them; the guess is said
    Auto,
    /// Between the hosts
    Forward,
    /// On the host that opens the connection, or that listens where it comes into the site
    Host,
    /// On the host that opens the connection
    Output,
    /// On the host that listens
    Input,
}

pub(crate) fn run(arguments: &AuditArguments) -> anyhow::Result<Answer> {
    let catalogue = arguments.catalogue.load()?;
    let site = arguments.site.site_of(&catalogue)?;
    let selection = flows::select(&catalogue, &site)?;
    let bytes = file::bytes(&arguments.path, audit::MAX_BYTES)?;
    let mut files = BTreeMap::new();
    for text in &arguments.file {
        let (name, path) = text
            .split_once('=')
            .with_context(|| format!("--file: expected NAME=FILE, got {text:?}"))?;
        files.insert(
            name.to_owned(),
            file::bytes(path.as_ref(), audit::MAX_BYTES)?,
        );
    }
    let options = AuditOptions {
        addresses: addresses(&arguments.address)?,
        position: match arguments.position {
            Place::Auto => Position::Auto,
            Place::Forward => Position::Forward,
            Place::Host => Position::Host,
            Place::Output => Position::Output,
            Place::Input => Position::Input,
        },
        role: arguments.role.clone(),
        interface_in: arguments.interface_in.clone(),
        interface_out: arguments.interface_out.clone(),
        files,
        language: Some(&site.language),
        pac: Some(&pac::Quick::default()),
    };
    let report = audit::audit(&bytes, arguments.format, &selection, &options)
        .with_context(|| arguments.path.display().to_string())?;
    if arguments.json {
        arguments.output.json(&report)?;
    } else {
        arguments.output.write(plain(report.text()))?;
    }
    Ok(if report.is_clean() {
        Answer::Done
    } else {
        Answer::No
    })
}
