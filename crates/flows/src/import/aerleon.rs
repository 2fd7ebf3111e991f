//! Policies and definitions of Aerleon (formerly Capirca) in YAML.
//!
//! A policy file has `filters`, each with a `header` and `terms`; definition files have
//! `networks` (names to values with `address`, `fqdn` or the `name` of another) and `services`
//! (names to entries with `protocol` and `port`, or the `name` of another). Terms that accept
//! become flows; terms that deny are reported, as a catalogue has no row for them.

use std::collections::BTreeMap;

use super::build::{Builder, Draft, endpoint};
use super::cells;
use super::yaml::{self, Yaml};
use super::{ImportError, ImportOptions, Imported, MAX_BYTES, MAX_ENDPOINTS, excerpt};
use crate::endpoint::{Endpoint, MatchKind, PortRange, Transport};
use crate::flow::Need;
use crate::party::Place;

/// Names inside names of definitions; deeper ones stay unknown.
const MAX_DEPTH: usize = 16;
/// Values of one name, with those of the names in it.
const MAX_VALUES: usize = 4_096;

/// Reads a policy; its definitions stand in the same file or in companions.
///
/// # Errors
/// When a file is no YAML of that shape, holds no accepting term, or a limit is hit.
pub fn aerleon(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let mut documents = vec![read(&options.title, bytes)?];
    for (name, bytes) in &options.companions {
        documents.push(read(name, bytes)?);
    }
    let definitions = Definitions::new(&documents);
    let mut builder = Builder::new(bytes, options);
    let filters: Vec<&Yaml> = documents
        .iter()
        .filter_map(|document| document.get("filters"))
        .flat_map(Yaml::items)
        .collect();
    if filters.is_empty() {
        return Err(ImportError::Shape {
            expected: "a policy with filters; give the policy as the file, and definitions beside it",
            got: "a file without filters".to_owned(),
        });
    }
    for filter in filters {
        for term in filter.get("terms").map(Yaml::items).unwrap_or_default() {
            let term = Term {
                term,
                definitions: &definitions,
                options,
            };
            if let Some(draft) = term.draft(&mut builder) {
                builder.add(draft)?;
            }
        }
    }
    builder.finish()
}

fn read(name: &str, bytes: &[u8]) -> Result<Yaml, ImportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge { bytes: bytes.len() });
    }
    yaml::parse(name, bytes)
}

struct Definitions<'y> {
    networks: BTreeMap<&'y str, &'y Yaml>,
    services: BTreeMap<&'y str, &'y Yaml>,
}

type Services = Vec<(Transport, PortRange)>;

impl<'y> Definitions<'y> {
    fn new(documents: &'y [Yaml]) -> Self {
        let named = |section: &str| {
            documents
                .iter()
                .filter_map(|document| document.get(section))
                .flat_map(Yaml::entries)
                .map(|(name, value)| (name.as_str(), value))
                .collect()
        };
        Self {
            networks: named("networks"),
            services: named("services"),
        }
    }

    /// The hosts of a network; the error is the word that has no definition that is understood.
    fn hosts(
        &self,
        name: &str,
        depth: usize,
        out: &mut Vec<(MatchKind, String)>,
    ) -> Result<(), String> {
        let unknown = || name.to_owned();
        if depth > MAX_DEPTH || out.len() > MAX_VALUES {
            return Err(unknown());
        }
        let definition = self.networks.get(name).ok_or_else(unknown)?;
        for value in definition.get("values").unwrap_or(definition).items() {
            let text = |key: &str| value.get(key).and_then(Yaml::text);
            if let Some(other) = text("name") {
                self.hosts(other, depth + 1, out)?;
                continue;
            }
            let word = text("address")
                .or_else(|| text("fqdn"))
                .or_else(|| text("ip"))
                .ok_or_else(unknown)?;
            let host = cells::host(word).ok_or_else(|| word.to_owned())?;
            out.push((host.kind, host.value));
        }
        Ok(())
    }

    fn ports(&self, name: &str, depth: usize, out: &mut Services) -> Result<(), String> {
        let unknown = || name.to_owned();
        if depth > MAX_DEPTH || out.len() > MAX_VALUES {
            return Err(unknown());
        }
        let definition = self.services.get(name).ok_or_else(unknown)?;
        for value in definition.items() {
            if let Some(other) = value.get("name").and_then(Yaml::text) {
                self.ports(other, depth + 1, out)?;
                continue;
            }
            let field = |key: &str| value.get(key).and_then(Yaml::text).ok_or_else(unknown);
            let transport = match field("protocol")?.to_ascii_lowercase().as_str() {
                "tcp" => Transport::Tcp,
                "udp" => Transport::Udp,
                _ => return Err(unknown()),
            };
            let ports = PortRange::parse(field("port")?.trim()).map_err(|_| unknown())?;
            out.push((transport, ports));
        }
        Ok(())
    }
}

/// Keys that say nothing about which packets a term is for.
const SILENT: &[&str] = &[
    "name",
    "comment",
    "action",
    "logging",
    "owner",
    "verbatim",
    "expiration",
    "source-address",
    "destination-address",
    "address",
    "destination-port",
    "source-port",
    "protocol",
    "platform",
    "platform-exclude",
    "log-name",
    "log_name",
    "priority",
];

struct Term<'y> {
    term: &'y Yaml,
    definitions: &'y Definitions<'y>,
    options: &'y ImportOptions,
}

impl Term<'_> {
    fn words(&self, key: &str) -> Vec<&str> {
        self.term.get(key).and_then(Yaml::words).unwrap_or_default()
    }

    fn draft(&self, builder: &mut Builder<'_>) -> Option<Draft> {
        let line = self.term.line();
        let name = self.words("name").join(" ");
        let action = self.words("action").join(" ");
        if action != "accept" {
            builder.report.issue(
                line,
                "action",
                &format!("{name}: {action}"),
                "expected accept; the term is left out",
            );
            return None;
        }
        let mut caveats = Vec::new();
        for (key, value) in self.term.entries() {
            if !SILENT.contains(&key.as_str()) {
                let shown = value
                    .words()
                    .map(|words| words.join(" "))
                    .unwrap_or_default();
                builder.report.issue(
                    line,
                    key,
                    &shown,
                    "this key narrows the term and is not read",
                );
                caveats.push(format!("The term is narrowed by \"{}\".", excerpt(key)));
            }
        }
        let mut unknown = |column: &str, word: &str, builder: &mut Builder<'_>| {
            builder.report.issue(
                line,
                column,
                word,
                "no definition of it was understood; stays unknown",
            );
            caveats.push(format!(
                "The definition of \"{}\" was not understood.",
                excerpt(word)
            ));
        };
        let sources = self.hosts("source-address");
        let from = match sources {
            Ok(hosts) => hosts.into_iter().map(|(_, value)| value).collect(),
            Err(word) => {
                unknown("source-address", &word, builder);
                Vec::new()
            }
        };
        let destinations = self.hosts("destination-address").unwrap_or_else(|word| {
            unknown("destination-address", &word, builder);
            Vec::new()
        });
        let services = self.services().unwrap_or_else(|word| {
            unknown("destination-port", &word, builder);
            vec![(Transport::Unknown, None)]
        });
        let source_ports = self.source_ports().unwrap_or_else(|word| {
            unknown("source-port", &word, builder);
            Vec::new()
        });
        let endpoints = join(&destinations, &services, &mut caveats);
        let label = |key: &str, none: &str| {
            let words = self.words(key);
            if words.is_empty() {
                none.to_owned()
            } else {
                words.join(" ")
            }
        };
        Some(Draft {
            aliases: vec![name.clone()],
            line,
            purpose: self
                .term
                .get("comment")
                .and_then(Yaml::text)
                .map_or_else(|| name.clone(), str::to_owned),
            name,
            component: None,
            from: vec![(label("source-address", "any"), from)],
            to: label("destination-address", "any-destination"),
            to_place: Place::Unknown,
            direction: self.options.direction,
            endpoints,
            source_ports,
            need: Need::Unknown,
            notes: None,
            caveats,
        })
    }

    fn hosts(&self, key: &str) -> Result<Vec<(MatchKind, String)>, String> {
        let mut found = Vec::new();
        for name in self.words(key) {
            self.definitions.hosts(name, 0, &mut found)?;
        }
        Ok(found)
    }

    /// Transports with the ports of the services; a service's protocol must be among the term's.
    fn services(&self) -> Result<Vec<(Transport, Option<PortRange>)>, String> {
        let mut transports = Vec::new();
        for word in self.words("protocol") {
            transports.push(match word.to_ascii_lowercase().as_str() {
                "tcp" => Transport::Tcp,
                "udp" => Transport::Udp,
                "esp" => Transport::Esp,
                "icmp" | "icmpv6" => Transport::Icmp,
                _ => return Err(word.to_owned()),
            });
        }
        let mut services = Vec::new();
        for name in self.words("destination-port") {
            self.definitions.ports(name, 0, &mut services)?;
        }
        if services.is_empty() {
            let all =
                |transport: Transport| (transport, transport.has_ports().then_some(PortRange::ALL));
            return Ok(match transports.is_empty() {
                true => vec![(Transport::Unknown, None)],
                false => transports.into_iter().map(all).collect(),
            });
        }
        Ok(services
            .into_iter()
            .filter(|(transport, _)| transports.is_empty() || transports.contains(transport))
            .map(|(transport, ports)| (transport, Some(ports)))
            .collect())
    }

    fn source_ports(&self) -> Result<Vec<PortRange>, String> {
        let mut services = Vec::new();
        for name in self.words("source-port") {
            self.definitions.ports(name, 0, &mut services)?;
        }
        Ok(services.into_iter().map(|(_, ports)| ports).collect())
    }
}

fn join(
    hosts: &[(MatchKind, String)],
    services: &[(Transport, Option<PortRange>)],
    caveats: &mut Vec<String>,
) -> Vec<Endpoint> {
    let nowhere = [(MatchKind::Unknown, String::new())];
    let hosts = if hosts.is_empty() {
        caveats.push("The term doesn't say the hosts that are reached.".to_owned());
        &nowhere
    } else {
        hosts
    };
    if hosts.len().saturating_mul(services.len()) > MAX_ENDPOINTS {
        caveats.push("The term gives too many pairs of host and port.".to_owned());
        return vec![endpoint(MatchKind::Unknown, "", Transport::Unknown)];
    }
    let mut found: Vec<Endpoint> = Vec::new();
    for (kind, value) in hosts {
        for (transport, ports) in services {
            let same = found.iter_mut().find(|end| {
                end.kind == *kind && end.value == *value && end.transport == *transport
            });
            match same {
                Some(end) => {
                    end.ports.extend(*ports);
                    end.ports.sort_unstable();
                    end.ports.dedup();
                }
                None => found.push(Endpoint {
                    ports: ports.iter().copied().collect(),
                    ..endpoint(*kind, value, *transport)
                }),
            }
        }
    }
    if found.is_empty() {
        caveats.push("None of the services is carried by the term's protocols.".to_owned());
        found.push(endpoint(MatchKind::Unknown, "", Transport::Unknown));
    }
    found
}
