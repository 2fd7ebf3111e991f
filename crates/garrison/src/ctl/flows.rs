//! `garrison ctl flows`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use proto::Page;
use proto::api::network::{FlowParty, RenderedDestination, SiteFlow};

use super::Limit;
use super::session::{Query, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum FlowsCommand {
    /// List the site's flows, as they are configured and used
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show all that is known of one flow
    Show {
        /// The flow, such as agent-channel
        flow: String,
        #[command(flatten)]
        filter: Filter,
    },
    /// Print the site's flows as rules of a firewall or proxy, or as a document
    #[command(after_help = "\
Example:
  garrison ctl flows render nftables --agents 198.51.100.0/24 --resolver 192.0.2.53 -o site.nft")]
    Render {
        /// Format, such as nftables, fortigate, squid-allow, pac, html
        format: String,
        #[command(flatten)]
        filter: Filter,
        /// With --role: the whole ruleset of a host in that role, where nothing else passes
        #[arg(long, requires = "role")]
        whole: bool,
        /// Refuse unless the target says everything exactly
        #[arg(long)]
        strict: bool,
        /// Proxy that a PAC file sends everything else to
        #[arg(long, value_name = "HOST:PORT")]
        proxy: Option<String>,
        /// Write to this file instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Which flows, and where the site's hosts are.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only flows that a host in this role opens or listens for, such as agent
    #[arg(long)]
    role: Option<String>,
    /// Only what crosses the site's edge
    #[arg(long)]
    perimeter: bool,
    /// Where the protected endpoints are, several with commas
    #[arg(long, value_name = "HOSTS")]
    agents: Option<String>,
    /// From where people and programs use the manager
    #[arg(long, value_name = "HOSTS")]
    administrators: Option<String>,
    /// The name servers that the site's hosts ask
    #[arg(long, value_name = "HOSTS")]
    resolver: Option<String>,
    /// The time servers that the site's hosts keep their clocks by
    #[arg(long, value_name = "HOSTS")]
    time_servers: Option<String>,
}

impl Filter {
    fn of(&self, path: &str) -> Query {
        Query::of(path)
            .and_if("role", self.role.as_ref())
            .and_if("perimeter", self.perimeter.then_some(true))
            .and_if("agents", self.agents.as_ref())
            .and_if("administrators", self.administrators.as_ref())
            .and_if("resolver", self.resolver.as_ref())
            .and_if("time_servers", self.time_servers.as_ref())
    }
}

pub(super) async fn run(session: &Session, command: FlowsCommand) -> anyhow::Result<()> {
    match command {
        FlowsCommand::List { filter, limit } => {
            let headings = [
                "FLOW",
                "FROM",
                "TO",
                "PORT",
                "ADDRESS",
                "STATE",
                "CONNECTIONS",
            ];
            session
                .list(
                    &filter.of("/api/v1/flows"),
                    limit,
                    headings,
                    |flow: &SiteFlow, _| {
                        [
                            flow.id.clone(),
                            joined(&flow.from, |party| &party.id),
                            flow.to.id.clone(),
                            format!("{}/{}", flow.port, flow.transport),
                            flow.address.clone().unwrap_or_default(),
                            if flow.listening { "listening" } else { "" }.to_owned(),
                            flow.connections.to_string(),
                        ]
                    },
                )
                .await
        }
        FlowsCommand::Show { flow, filter } => {
            let query = filter.of(&format!("/api/v1/flows/{}", Query::encoded(&flow)));
            session
                .show(&query.to_string(), |flow: &SiteFlow, _| facts(flow))
                .await
        }
        FlowsCommand::Render {
            format,
            filter,
            whole,
            strict,
            proxy,
            output,
        } => {
            let asked = |path: &str| {
                filter
                    .of(path)
                    .and_if("whole", whole.then_some(true))
                    .and_if("strict", strict.then_some(true))
                    .and_if("proxy", proxy.as_ref())
                    .to_string()
            };
            let path = format!("/api/v1/renderings/{}", Query::encoded(&format));
            let bytes = session.api().download(&asked(&path)).await?;
            match &output {
                Some(path) => {
                    std::fs::write(path, &bytes).with_context(|| path.display().to_string())?;
                }
                None => {
                    let mut output = std::io::stdout().lock();
                    output.write_all(&bytes)?;
                    output.flush()?;
                }
            }
            let report: Page<RenderedDestination> = session
                .api()
                .read(&asked(&format!("{path}/report")))
                .await?;
            let exact = report.items.iter().filter(|one| one.how == "exact");
            eprintln!(
                "{} destinations, {} of them exactly",
                report.items.len(),
                exact.count()
            );
            for one in report.items.iter().filter(|one| one.how != "exact") {
                eprintln!("  {}: {}: {}", one.flow, one.how, one.words);
            }
            Ok(())
        }
    }
}

fn joined(parties: &[FlowParty], word: impl Fn(&FlowParty) -> &String) -> String {
    let words: Vec<&str> = parties.iter().map(|party| word(party).as_str()).collect();
    words.join(", ")
}

fn facts(flow: &SiteFlow) -> Vec<(&'static str, String)> {
    let destinations: Vec<String> = flow
        .destinations
        .iter()
        .map(|one| format!("{} {} {}", one.pattern, one.transport, one.ports.join(",")))
        .collect();
    let breaks: Vec<String> = flow
        .breaks
        .iter()
        .map(|one| format!("{}: {}", one.feature, one.symptom))
        .collect();
    vec![
        ("flow", flow.id.clone()),
        ("purpose", flow.purpose.clone()),
        ("from", joined(&flow.from, |party| &party.name)),
        ("to", flow.to.name.clone()),
        ("destinations", destinations.join("; ")),
        ("address", flow.address.clone().unwrap_or_default()),
        ("required", flow.required.to_string()),
        ("when blocked", breaks.join("; ")),
        ("mind", flow.caveats.join("; ")),
        (
            "no rule because",
            flow.no_rule_because.clone().unwrap_or_default(),
        ),
    ]
}
