//! `show`: all that is known about one flow, or about the catalogue itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Context as _;
use clap::Args;
use flows::flow::Need;
use flows::{Catalogue, Flow, FlowRow, Site, Text, VariableKind, built_in};

use crate::arguments::{CatalogueArgument, SiteArguments};
use crate::list::{destination, need};
use crate::outcome::Answer;
use crate::output::Output;
use crate::table::plain;

/// What `show` takes.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The flow's name, or an earlier one; without it, the catalogue's sources, variables, features
    #[arg(value_name = "FLOW")]
    flow: Option<String>,
    #[command(flatten)]
    catalogue: CatalogueArgument,
    /// Print JSON, in the shape of "list --json" with this flow alone
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    site: SiteArguments,
}

pub(crate) fn run(arguments: &ShowArguments) -> anyhow::Result<Answer> {
    let catalogue = arguments.catalogue.load()?;
    let site = arguments.site.site_of(&catalogue)?;
    let Some(name) = &arguments.flow else {
        return about(arguments, &catalogue, &site);
    };
    let flow = catalogue
        .flow_or_alias(name)
        .with_context(|| unknown(&catalogue, name))?;
    let mut selection = flows::select(&catalogue, &site)?;
    selection
        .flows
        .retain(|selected| selected.flow.id == flow.id);
    selection
        .left_out
        .retain(|(left_out, _)| left_out.id == flow.id);
    if arguments.json {
        arguments
            .output
            .json(&flows::render::json::value(&selection)?)?;
        return Ok(Answer::Done);
    }
    let list = flows::list(&selection, &site);
    let mut page = Page::new(&site.language);
    if let Some(left_out) = list.left_out.first() {
        page.line(&format!(
            "{} does not apply: {}",
            left_out.id, left_out.reason
        ));
    }
    for row in &list.flows {
        page.flow(&catalogue, row);
    }
    arguments.output.write(page.text)?;
    Ok(Answer::Done)
}

/// Where a name leads that the catalogue doesn't have.
fn unknown(catalogue: &Catalogue, name: &str) -> String {
    let mut others = built_in::ids().filter_map(Catalogue::built_in);
    let advice = match others.find(|other| other.flow_or_alias(name).is_some()) {
        Some(other) => format!("{0} has it: add --catalog {0}", other.id),
        None => {
            let ids: Vec<&str> = catalogue
                .flows
                .iter()
                .map(|flow| flow.id.as_str())
                .collect();
            flows::advice(name, ids)
        }
    };
    format!("catalogue {} has no flow {name:?}; {advice}", catalogue.id)
}

/// The catalogue itself: what may be said of a site.
fn about(arguments: &ShowArguments, catalogue: &Catalogue, site: &Site) -> anyhow::Result<Answer> {
    if arguments.json {
        let selection = flows::select(catalogue, site)?;
        let value = flows::render::json::value(&selection)?;
        arguments.output.json(&value)?;
        return Ok(Answer::Done);
    }
    let mut page = Page::new(&site.language);
    page.catalogue(catalogue);
    arguments.output.write(page.text)?;
    Ok(Answer::Done)
}

/// Lines of `what: words`.
struct Page<'l> {
    language: &'l str,
    text: String,
}

impl<'l> Page<'l> {
    const fn new(language: &'l str) -> Self {
        Self {
            language,
            text: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}", plain(line.to_owned()));
    }

    fn entry(&mut self, what: &str, words: &str) {
        if !words.is_empty() {
            self.line(&format!("{what:<14} {words}"));
        }
    }

    fn words<'t>(&self, text: &'t Text) -> &'t str {
        text.in_language(self.language)
    }

    fn catalogue(&mut self, catalogue: &Catalogue) {
        self.line(&format!(
            "{} {} ({}, version {})",
            catalogue.vendor, catalogue.product, catalogue.id, catalogue.version
        ));
        self.entry("flows", &catalogue.flows.len().to_string());
        if !catalogue.product_versions.is_all() {
            self.entry("versions", &catalogue.product_versions.to_string());
        }
        let every = |words: fn(&Flow) -> &Vec<String>| {
            let flows = catalogue.flows.iter();
            let all: BTreeSet<&str> = flows.flat_map(words).map(String::as_str).collect();
            all.into_iter().collect::<Vec<_>>().join(", ")
        };
        self.entry("deployments", &every(|flow| &flow.deployments));
        self.entry("regions", &every(|flow| &flow.regions));
        for source in &catalogue.sources {
            let date = source.date.as_ref().map_or("undated", |date| date.as_str());
            self.entry("source", &format!("{} ({date})", source.title));
        }
        for party in &catalogue.parties {
            let name = self.words(&party.name);
            self.entry("role", &format!("{}: {name}", party.id));
        }
        for feature in &catalogue.features {
            let off = if feature.default_on {
                ""
            } else {
                " (off unless --feature says it)"
            };
            let name = self.words(&feature.name);
            self.entry("feature", &format!("{}: {name}{off}", feature.id));
        }
        for variable in &catalogue.variables {
            let kind = match variable.kind {
                VariableKind::Hosts => "HOSTS",
                VariableKind::Port => "PORT",
            };
            let words = self.words(&variable.description);
            let default = variable.default.join(",");
            let default = if default.is_empty() {
                default
            } else {
                format!(" [default: {default}]")
            };
            let line = format!("--set {}={kind}: {words}{default}", variable.name);
            self.entry("variable", &line);
        }
    }

    fn flow(&mut self, catalogue: &Catalogue, row: &FlowRow) {
        let flow = &row.flow;
        self.line(&format!(
            "{} ({}, version {})",
            flow.id, catalogue.id, catalogue.version
        ));
        self.entry("purpose", self.words(&flow.purpose).to_owned().as_str());
        let from: Vec<&str> = flow
            .from
            .iter()
            .map(|id| {
                catalogue
                    .party(id)
                    .map_or(id.as_str(), |party| self.words(&party.name))
            })
            .collect();
        let to = catalogue
            .party(&flow.to)
            .map_or(flow.to.as_str(), |party| self.words(&party.name));
        self.entry(
            "way",
            &format!(
                "{} → {to} ({})",
                from.join(", "),
                json_word(&flow.direction)
            ),
        );
        self.entry("from", &row.from_addresses.join(", "));
        for endpoint in &flow.endpoints {
            let protocol = endpoint.protocol.as_deref().unwrap_or_default();
            let path = endpoint.path.as_deref().unwrap_or_default();
            let extra = [protocol, path].join(" ");
            self.entry(
                "where",
                format!("{} {}", destination(endpoint), extra.trim()).trim(),
            );
        }
        self.need(row);
        if let Some(tls) = &flow.tls {
            self.entry(
                "tls",
                &format!(
                    "trust {}, pinned {}, inspection {}, client certificate {}",
                    json_word(&tls.trust),
                    json_word(&tls.pinned),
                    json_word(&tls.inspection),
                    json_word(&tls.client_certificate)
                ),
            );
        }
        for broken in &flow.breaks {
            let feature = format!(
                "{} ({}): {}",
                self.words(&broken.feature),
                json_word(&broken.severity),
                self.words(&broken.symptom)
            );
            self.entry("if blocked", &feature);
            if let Some(fallback) = &broken.fallback {
                self.entry("  meanwhile", self.words(fallback).to_owned().as_str());
            }
        }
        self.provenance(catalogue, row);
    }

    fn need(&mut self, row: &FlowRow) {
        let flow = &row.flow;
        let condition = match &flow.need {
            Need::Conditional(condition) => format!("when {}", self.words(condition)),
            Need::Required | Need::Optional | Need::Unknown => String::new(),
        };
        self.entry("need", format!("{} {condition}", need(&flow.need)).trim());
        let features: Vec<&str> = flow.features.iter().map(flows::FlowId::as_str).collect();
        self.entry("features", &features.join(", "));
        if !flow.versions.is_all() {
            self.entry("versions", &flow.versions.to_string());
        }
        self.entry("regions", &flow.regions.join(", "));
        self.entry("deployments", &flow.deployments.join(", "));
        if let Some(effective) = &flow.effective {
            self.entry("effective", effective.as_str());
        }
        if let Some(retired) = &flow.retired {
            self.entry("retired", self.words(&retired.reason).to_owned().as_str());
        }
        if let Some(reason) = &row.no_rule_because {
            self.entry("no rule", reason);
        }
    }

    fn provenance(&mut self, catalogue: &Catalogue, row: &FlowRow) {
        let flow = &row.flow;
        for (what, text) in [
            ("consent", &flow.consent),
            ("shared with", &flow.shared_tenancy),
            ("note", &flow.notes),
        ] {
            if let Some(text) = text {
                self.entry(what, self.words(text).to_owned().as_str());
            }
        }
        for caveat in &flow.caveats {
            self.entry("caveat", self.words(caveat).to_owned().as_str());
        }
        for fact in &flow.facts {
            let mut sources = catalogue.sources.iter();
            let source = sources.find(|source| source.id == fact.source);
            let title = source.map_or(fact.source.as_str(), |source| source.title.as_str());
            let about = match fact.about.is_empty() {
                true => String::new(),
                false => format!(" ({})", fact.about.join(", ")),
            };
            self.entry(
                "source",
                &format!(
                    "{title}, lines {}, {}{about}",
                    fact.lines,
                    json_word(&fact.confidence)
                ),
            );
        }
        if let Some(counterpart) = &flow.counterpart {
            let flows: Vec<&str> = counterpart
                .flows
                .iter()
                .map(flows::FlowId::as_str)
                .collect();
            let reason = counterpart.reason.as_ref();
            let reason = reason.map_or("", |reason| self.words(reason)).to_owned();
            self.entry(
                "in Garrison",
                format!("{} {reason}", flows.join(", ")).trim(),
            );
        }
    }
}

/// The word that stands for a value in catalogues.
fn json_word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}
