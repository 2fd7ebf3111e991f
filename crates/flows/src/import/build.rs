//! From rows that were read to a catalogue.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest, Sha256};

use super::{ImportError, ImportOptions, ImportReport, MAX_ALL_ENDPOINTS, MAX_ROWS};
use crate::catalogue::Catalogue;
use crate::endpoint::{Endpoint, MatchKind, Transport};
use crate::flow::{Direction, Flow, Need, ProfilePorts};
use crate::id::FlowId;
use crate::origin::{Change, Confidence, Fact, Source};
use crate::party::{Component, Party, PartyId, Place, Variable, VariableKind};
use crate::text::Text;
use crate::version::VersionRange;

/// A row on its way to a flow.
#[derive(Debug)]
pub(super) struct Draft {
    /// What the id is made of.
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) line: usize,
    pub(super) purpose: String,
    pub(super) component: Option<String>,
    /// Names of the ends, and the addresses that the list gives for them.
    pub(super) from: Vec<(String, Vec<String>)>,
    pub(super) to: String,
    pub(super) to_place: Place,
    pub(super) direction: Direction,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) source_ports: Vec<crate::endpoint::PortRange>,
    pub(super) need: Need,
    pub(super) notes: Option<String>,
    pub(super) caveats: Vec<String>,
}

/// An endpoint that the list doesn't say fully.
pub(super) fn endpoint(kind: MatchKind, value: &str, transport: Transport) -> Endpoint {
    Endpoint {
        kind,
        value: value.to_owned(),
        transport,
        ports: Vec::new(),
        set_by: None,
        port_variable: None,
        protocol: None,
        path: None,
        versions: VersionRange::default(),
    }
}

/// A name of the letters that ids have; empty where nothing is left.
pub(super) fn slug(text: &str) -> String {
    const LONGEST: usize = 48;
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// Collects drafts.
pub(super) struct Builder<'o> {
    options: &'o ImportOptions,
    version: String,
    sha256: String,
    ids: BTreeSet<String>,
    parties: BTreeMap<String, (String, Place, BTreeSet<String>)>,
    components: BTreeMap<String, String>,
    flows: Vec<Flow>,
    endpoints: usize,
    pub(super) changes: Vec<Change>,
    pub(super) report: ImportReport,
}

impl<'o> Builder<'o> {
    pub(super) fn new(bytes: &[u8], options: &'o ImportOptions) -> Self {
        let digest = Sha256::digest(bytes);
        let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            options,
            version: format!("sha256-{}", sha256.get(..12).unwrap_or_default()),
            sha256,
            ids: BTreeSet::new(),
            parties: BTreeMap::new(),
            components: BTreeMap::new(),
            flows: Vec::new(),
            endpoints: 0,
            changes: Vec::new(),
            report: ImportReport::default(),
        }
    }

    pub(super) fn version(&mut self, version: String) {
        self.version = version;
    }

    pub(super) fn add(&mut self, mut draft: Draft) -> Result<FlowId, ImportError> {
        if self.flows.len() >= MAX_ROWS {
            return Err(ImportError::TooManyRows);
        }
        self.endpoints += draft.endpoints.len();
        if self.endpoints > MAX_ALL_ENDPOINTS {
            return Err(ImportError::TooManyEndpoints);
        }
        let id = self.fresh_id(&draft)?;
        draft.aliases.retain(|alias| self.ids.insert(alias.clone()));
        drop_repeated(&mut draft.endpoints);
        let understood = draft.caveats.is_empty()
            && draft.direction != Direction::Unknown
            && draft.endpoints.iter().all(is_known);
        self.report.flows += 1;
        self.report.understood += usize::from(understood);
        let from = draft
            .from
            .iter()
            .map(|(name, addresses)| self.party(name, Place::Unknown, addresses))
            .collect::<Result<Vec<_>, _>>()?;
        let to = self.party(&draft.to, draft.to_place, &[])?;
        let component = draft
            .component
            .as_deref()
            .and_then(|name| self.component(name));
        let source = source_id();
        let confidence = if understood {
            Confidence::Stated
        } else {
            Confidence::Garbled
        };
        let mut caveats = draft.caveats;
        if draft.direction == Direction::Unknown {
            caveats.push("The list doesn't say which way the connection is opened.".to_owned());
        }
        let purpose = if draft.purpose.trim().is_empty() {
            caveats.push("The list doesn't say what it is for.".to_owned());
            format!("Not said by the list (line {}).", draft.line)
        } else {
            draft.purpose
        };
        self.flows.push(Flow {
            id: id.clone(),
            aliases: draft.aliases,
            purpose: Text::english(purpose),
            component,
            features: Vec::new(),
            from,
            to,
            direction: draft.direction,
            initiators: Vec::new(),
            listeners: Vec::new(),
            endpoints: draft.endpoints,
            source_ports: draft.source_ports,
            configurable: None,
            need: draft.need,
            default_on: true,
            versions: VersionRange::default(),
            regions: Vec::new(),
            deployments: Vec::new(),
            effective: None,
            retired: None,
            tls: None,
            proxies: Vec::new(),
            breaks: Vec::new(),
            data_classes: Vec::new(),
            consent: None,
            shared_tenancy: None,
            rotation: None,
            probe: None,
            facts: vec![Fact {
                about: Vec::new(),
                source,
                lines: draft.line.max(1).to_string(),
                confidence,
            }],
            caveats: caveats.into_iter().map(Text::english).collect(),
            notes: draft.notes.map(Text::english),
            counterpart: None,
            profiles: ProfilePorts::default(),
        });
        Ok(id)
    }

    fn fresh_id(&mut self, draft: &Draft) -> Result<FlowId, ImportError> {
        let stem = match slug(&draft.name) {
            empty if empty.is_empty() => format!("row-{}", draft.line),
            stem => stem,
        };
        let mut id = stem.clone();
        let mut next = 2_usize;
        while !self.ids.insert(id.clone()) {
            id = format!("{stem}-{next}");
            next += 1;
        }
        parse_id(&id)
    }

    fn party(
        &mut self,
        name: &str,
        place: Place,
        addresses: &[String],
    ) -> Result<PartyId, ImportError> {
        let id = match slug(name) {
            empty if empty.is_empty() => "unnamed".to_owned(),
            id => id,
        };
        let entry = self
            .parties
            .entry(id.clone())
            .or_insert_with(|| (name.to_owned(), place, BTreeSet::new()));
        entry.2.extend(addresses.iter().cloned());
        PartyId::parse(&id).map_err(|error| shape(&error))
    }

    fn component(&mut self, name: &str) -> Option<FlowId> {
        let id = FlowId::parse(&slug(name)).ok()?;
        self.components
            .entry(id.as_str().to_owned())
            .or_insert_with(|| name.to_owned());
        Some(id)
    }

    pub(super) fn finish(self) -> Result<super::Imported, ImportError> {
        if self.flows.is_empty() {
            return Err(ImportError::Empty);
        }
        let mut variables = Vec::new();
        let mut parties = Vec::new();
        for (id, (name, place, addresses)) in self.parties {
            let own = (!addresses.is_empty()).then(|| id.clone());
            if own.is_some() {
                variables.push(Variable {
                    name: id.clone(),
                    kind: VariableKind::Hosts,
                    description: Text::english(format!(
                        "Addresses of {name}, as the list gives them."
                    )),
                    default: addresses.into_iter().collect(),
                });
            }
            parties.push(Party {
                id: PartyId::parse(&id).map_err(|error| shape(&error))?,
                name: Text::english(name),
                place,
                variable: own,
                product: false,
            });
        }
        let components = self
            .components
            .into_iter()
            .map(|(id, name)| {
                Ok(Component {
                    id: parse_id(&id)?,
                    name: Text::english(name),
                })
            })
            .collect::<Result<Vec<_>, ImportError>>()?;
        let catalogue = Catalogue {
            id: self.options.id.clone(),
            version: self.version,
            vendor: self.options.vendor.clone(),
            product: self.options.product.clone(),
            product_versions: VersionRange::default(),
            sources: vec![Source {
                id: source_id(),
                title: self.options.title.clone(),
                language: self.options.language.clone(),
                sha256: self.sha256,
                date: None,
                note: None,
            }],
            variables,
            features: Vec::new(),
            components,
            parties,
            changes: self.changes,
            flows: self.flows,
        };
        Ok(super::Imported {
            catalogue,
            report: self.report,
        })
    }
}

/// A list may say the same destination twice in a row.
fn drop_repeated(endpoints: &mut Vec<Endpoint>) {
    let mut first = {
        let mut seen = HashSet::new();
        let identities = endpoints.iter().map(Endpoint::identity);
        identities
            .map(|identity| seen.insert(identity))
            .collect::<Vec<bool>>()
    }
    .into_iter();
    endpoints.retain(|_| first.next().unwrap_or(true));
}

fn is_known(endpoint: &Endpoint) -> bool {
    endpoint.kind != MatchKind::Unknown
        && endpoint.transport != Transport::Unknown
        && (!endpoint.transport.has_ports() || !endpoint.ports.is_empty())
}

const fn source_id() -> FlowId {
    FlowId::from_static("list")
}

fn parse_id(id: &str) -> Result<FlowId, ImportError> {
    FlowId::parse(id).map_err(|error| shape(&error))
}

fn shape(error: &crate::id::FlowIdError) -> ImportError {
    ImportError::Shape {
        expected: "names that ids can be made of",
        got: error.to_string(),
    }
}
