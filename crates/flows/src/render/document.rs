//! Rows as people read them: the words of the documents (markdown, HTML, CSV, XLSX).

use crate::endpoint::PortRange;
use crate::flow::{Break, Direction, Flow, Need, Severity};
use crate::host::Host;
use crate::render::comment::whole_line;
use crate::render::{Expressed, How};
use crate::select::{ResolvedEndpoint, Selected, Selection};
use crate::text::Text;
use crate::tls::{ClientCertificate, Inspection, Known, Tls, Trust};

/// The words of documents in one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) flow: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) way: &'static str,
    pub(super) host: &'static str,
    pub(super) port: &'static str,
    pub(super) need: &'static str,
    pub(super) purpose: &'static str,
    pub(super) tls: &'static str,
    pub(super) breaks: &'static str,
    pub(super) caveats: &'static str,
    pub(super) left_out: &'static str,
    pub(super) and: &'static str,
    pub(super) unknown: &'static str,
    pub(super) unset: &'static str,
    pub(super) one_label: &'static str,
    required: &'static str,
    optional: &'static str,
    retired: &'static str,
    off: &'static str,
    directions: [&'static str; 5],
    severities: [&'static str; 3],
    pinned: &'static str,
    never_inspect: &'static str,
    may_inspect: &'static str,
    client_certificate: &'static str,
    trust: [&'static str; 5],
}

const ENGLISH: Words = Words {
    language: "en",
    flow: "Flow",
    from: "From",
    to: "To",
    way: "Way",
    host: "Host",
    port: "Port",
    need: "Need",
    purpose: "Purpose",
    tls: "TLS",
    breaks: "When it is blocked",
    caveats: "Mind",
    left_out: "Left out for this site",
    and: "and",
    unknown: "unknown",
    unset: "not set",
    one_label: "one label",
    required: "required",
    optional: "optional",
    retired: "retired",
    off: "off by default",
    directions: [
        "inbound",
        "outbound",
        "inside the site",
        "inside one host",
        "direction unknown",
    ],
    severities: ["minor", "major", "critical"],
    pinned: "pinned",
    never_inspect: "inspection breaks it",
    may_inspect: "inspection tolerated",
    client_certificate: "client certificate",
    trust: [
        "the site's own authority",
        "the cloud's authority",
        "public authorities",
        "the vendor's authority",
        "authority unknown",
    ],
};

const FRENCH: Words = Words {
    language: "fr",
    flow: "Flux",
    from: "De",
    to: "Vers",
    way: "Trajet",
    host: "Hôte",
    port: "Port",
    need: "Besoin",
    purpose: "But",
    tls: "TLS",
    breaks: "S’il est bloqué",
    caveats: "Attention",
    left_out: "Écartés pour ce site",
    and: "et",
    unknown: "inconnu",
    unset: "non défini",
    one_label: "un seul niveau",
    required: "requis",
    optional: "facultatif",
    retired: "retiré",
    off: "fermé par défaut",
    directions: [
        "entrant",
        "sortant",
        "interne au site",
        "interne à l’hôte",
        "sens inconnu",
    ],
    severities: ["mineur", "majeur", "critique"],
    pinned: "certificat épinglé",
    never_inspect: "l’inspection le casse",
    may_inspect: "inspection tolérée",
    client_certificate: "certificat client",
    trust: [
        "autorité du site",
        "autorité du cloud",
        "autorités publiques",
        "autorité de l’éditeur",
        "autorité inconnue",
    ],
};

/// The words of a language; English where there are none.
pub(super) fn words(language: &str) -> &'static Words {
    if language == FRENCH.language {
        &FRENCH
    } else {
        &ENGLISH
    }
}

impl Words {
    /// A text of the catalogue, in one line.
    pub(super) fn text(&self, text: &Text) -> String {
        whole_line(text.in_language(self.language))
    }

    /// A host as people write it, with the number of labels where a star leaves it open.
    pub(super) fn host(&self, host: &Host) -> String {
        match host {
            Host::Exact(name) => name.to_string(),
            Host::OneLabel(name) => format!("*.{name} ({})", self.one_label),
            Host::AnyDepth(name) => format!("*.{name}"),
            Host::ApexAndSubdomains(name) => format!("{name} {} *.{name}", self.and),
            Host::Ip(address) => address.to_string(),
            Host::Cidr(network) => network.to_string(),
            Host::Unset(variable) => format!("‹{}› ({})", whole_line(variable), self.unset),
            Host::Unknown => self.unknown.to_owned(),
        }
    }

    /// Transport and ports, such as `tcp 80, 443`.
    pub(super) fn ports(&self, endpoint: &ResolvedEndpoint) -> String {
        let transport = endpoint.transport.as_str();
        if endpoint.ports.is_empty() {
            return if endpoint.transport.has_ports() {
                format!("{transport} {}", self.unknown)
            } else {
                transport.to_owned()
            };
        }
        format!("{transport} {}", joined(&endpoint.ports, ", "))
    }

    pub(super) fn direction(&self, direction: Direction) -> &'static str {
        let place = match direction {
            Direction::Inbound => 0,
            Direction::Outbound => 1,
            Direction::Internal => 2,
            Direction::Loopback => 3,
            Direction::Unknown => 4,
        };
        self.directions.get(place).copied().unwrap_or_default()
    }

    /// Whether it is needed; with the end of its life, and whether it is off by default.
    pub(super) fn need(&self, flow: &Flow) -> String {
        let mut need = match &flow.need {
            Need::Required => self.required.to_owned(),
            Need::Optional => self.optional.to_owned(),
            Need::Conditional(when) => self.text(when),
            Need::Unknown => self.unknown.to_owned(),
        };
        if !flow.default_on {
            need.push_str(", ");
            need.push_str(self.off);
        }
        if let Some(retired) = &flow.retired {
            need.push_str("; ");
            need.push_str(self.retired);
            if let Some(since) = &retired.since {
                need.push_str(&format!(" ({since})"));
            }
            need.push_str(": ");
            need.push_str(&self.text(&retired.reason));
        }
        need
    }

    /// What is known of TLS; empty where there is none.
    pub(super) fn tls(&self, tls: Option<&Tls>) -> String {
        let Some(tls) = tls else {
            return String::new();
        };
        let place = match tls.trust {
            Trust::SiteCa => 0,
            Trust::CloudCa => 1,
            Trust::Public => 2,
            Trust::Vendor => 3,
            Trust::Unknown => 4,
        };
        let mut parts = vec![self.trust.get(place).copied().unwrap_or_default()];
        match tls.pinned {
            Known::Yes => parts.push(self.pinned),
            Known::No | Known::Unknown => {}
        }
        match tls.inspection {
            Inspection::Forbidden => parts.push(self.never_inspect),
            Inspection::Tolerated => parts.push(self.may_inspect),
            Inspection::Unknown => {}
        }
        match tls.client_certificate {
            ClientCertificate::Required | ClientCertificate::Optional => {
                parts.push(self.client_certificate);
            }
            ClientCertificate::None | ClientCertificate::Unknown => {}
        }
        parts.join(", ")
    }

    /// What breaks, in one line.
    pub(super) fn broken(&self, broken: &Break) -> String {
        let place = match broken.severity {
            Severity::Minor => 0,
            Severity::Major => 1,
            Severity::Critical => 2,
        };
        let mut line = format!(
            "{} ({}): {}",
            self.text(&broken.feature),
            self.severities.get(place).copied().unwrap_or_default(),
            self.text(&broken.symptom)
        );
        if let Some(fallback) = &broken.fallback {
            line.push(' ');
            line.push_str(&self.text(fallback));
        }
        line
    }

    /// The name of an end of the flow.
    pub(super) fn party(&self, selected: &Selected<'_>, id: &crate::party::PartyId) -> String {
        selected
            .catalogue
            .party(id)
            .map_or_else(|| id.to_string(), |party| self.text(&party.name))
    }

    /// The names of those who dial.
    pub(super) fn dialers(&self, selected: &Selected<'_>) -> String {
        let names: Vec<String> = selected
            .flow
            .from
            .iter()
            .map(|id| self.party(selected, id))
            .collect();
        names.join(", ")
    }
}

pub(super) fn joined(ports: &[PortRange], separator: &str) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    ports.join(separator)
}

/// Documents say all that a row says.
pub(super) fn all_exact(selection: &Selection<'_>) -> Vec<Expressed> {
    selection
        .flows
        .iter()
        .flat_map(|selected| {
            (0..selected.endpoints.len()).map(|endpoint| Expressed {
                flow: selected.flow.id.clone(),
                endpoint,
                how: How::Exact,
                note: None,
            })
        })
        .collect()
}
