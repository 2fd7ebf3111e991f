//! `match`: which flows want a host and port.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use flows::matching::{Fits, Match, Query, Target, matches};
use flows::{PartyId, Transport, built_in};

use crate::arguments::{Loaded, SiteArguments, load};
use crate::outcome::Answer;
use crate::output::Output;
use crate::table::Table;

/// What `match` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  match liveupdate.symantec.com 443
  match 192.0.2.7 500 --transport udp --catalog acme.toml
  match 192.0.2.0/24

Exit code 0 when a flow wants it, or might; 1 when none does.")]
pub struct MatchArguments {
    /// Name, address or network
    #[arg(value_name = "HOST", value_parser = Target::parse)]
    host: Target,
    /// Port; without it, any
    #[arg(value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Transport; without it, any
    #[arg(long, value_name = "NAME", value_parser = transports())]
    transport: Option<Transport>,
    /// Catalogue: an id or a file; several times for several [default: all that are built in]
    #[arg(long, value_name = "ID|FILE")]
    catalog: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    site: SiteArguments,
}

const TRANSPORTS: [Transport; 4] = [
    Transport::Tcp,
    Transport::Udp,
    Transport::Esp,
    Transport::Icmp,
];

fn transports() -> impl TypedValueParser<Value = Transport> {
    PossibleValuesParser::new(TRANSPORTS.map(Transport::as_str)).map(|name| {
        let mut all = TRANSPORTS.into_iter();
        all.find(|transport| transport.as_str() == name)
            .unwrap_or(Transport::Unknown)
    })
}

pub(crate) fn run(arguments: &MatchArguments) -> anyhow::Result<Answer> {
    let catalogues: Vec<Loaded> = if arguments.catalog.is_empty() {
        built_in::ids().map(load).collect::<anyhow::Result<_>>()?
    } else {
        let named = arguments.catalog.iter();
        named
            .map(|name| load(name))
            .collect::<anyhow::Result<_>>()?
    };
    let query = Query {
        host: arguments.host.clone(),
        port: arguments.port,
        transport: arguments.transport,
    };
    let mut answers = Answers::new(&query);
    let mut selections = Vec::new();
    for catalogue in &catalogues {
        let site = arguments.site.site_of_one_of_several(catalogue)?;
        selections.push((flows::select(catalogue, &site)?, site.language));
    }
    let mut found: Vec<_> = selections
        .iter()
        .flat_map(|(selection, language)| {
            let found = matches(selection, &query).into_iter();
            found.map(move |one| (&selection.catalogue.id, one, language))
        })
        .collect();
    found.sort_by_key(|(_, one, _)| one.fits);
    for (catalogue, one, language) in &found {
        answers.add(catalogue.as_str(), one, language);
    }
    if arguments.json {
        arguments.output.json(&answers.json)?;
    } else {
        arguments.output.write(answers.text())?;
    }
    Ok(if answers.wanted {
        Answer::Done
    } else {
        Answer::No
    })
}

const HEADINGS: [&str; 6] = ["CATALOGUE", "FLOW", "FROM", "WHERE", "REASON", "PURPOSE"];

/// What was found, in both forms.
struct Answers<'q> {
    query: &'q Query,
    wanted: bool,
    /// How many want the host otherwise.
    otherwise: usize,
    /// Those that want it, or might.
    table: Table,
    /// The others.
    others: Table,
    json: Vec<serde_json::Value>,
}

impl<'q> Answers<'q> {
    fn new(query: &'q Query) -> Self {
        Self {
            query,
            wanted: false,
            otherwise: 0,
            table: Table::new(&HEADINGS),
            others: Table::new(&HEADINGS),
            json: Vec::new(),
        }
    }

    fn add(&mut self, catalogue: &str, found: &Match<'_, '_>, language: &str) {
        let is_wanted = match found.fits {
            Fits::Yes | Fits::Perhaps => true,
            Fits::No => false,
        };
        self.wanted |= is_wanted;
        self.otherwise += usize::from(!is_wanted);
        let ports: Vec<String> = found
            .endpoint
            .ports
            .iter()
            .map(ToString::to_string)
            .collect();
        let transport = found.endpoint.transport.as_str();
        let host = &found.endpoint.host;
        let no_rule = found.no_rule.as_ref().map(ToString::to_string);
        let reason = found.reason(&self.query.host);
        let from: Vec<&str> = found.flow.from.iter().map(PartyId::as_str).collect();
        let purpose = found.flow.purpose.in_language(language);
        self.json.push(serde_json::json!({
            "catalog": catalogue,
            "flow": found.flow.id,
            "fits": match found.fits { Fits::Yes => "yes", Fits::Perhaps => "perhaps", Fits::No => "no" },
            "endpoint": {
                "match": host.kind(),
                "value": host.value(),
                "transport": transport,
                "ports": ports,
            },
            "reason": reason,
            "no_rule_because": no_rule,
            "purpose": purpose,
        }));
        let reason = match no_rule {
            Some(why) => format!("{reason}; no rule: {why}"),
            None => reason,
        };
        let table = if is_wanted {
            &mut self.table
        } else {
            &mut self.others
        };
        table.row([
            catalogue.to_owned(),
            found.flow.id.to_string(),
            from.join(", "),
            format!("{} {transport}/{}", host.value(), ports.join(",")),
            reason,
            purpose.to_owned(),
        ]);
    }

    fn text(&self) -> String {
        let port = self.query.port.map(|port| format!(" port {port}"));
        let what = format!("{}{}", self.query.host, port.unwrap_or_default());
        match (self.wanted, self.otherwise) {
            (false, 0) => format!("No flow wants {what}.\n"),
            (false, _) => format!(
                "No flow wants {what}, but the host is known:\n\n{}",
                self.others
            ),
            (true, 0) => self.table.to_string(),
            (true, otherwise) => format!(
                "{}\n{otherwise} more want the host on other ports; leave the port away to see them.\n",
                self.table
            ),
        }
    }
}
