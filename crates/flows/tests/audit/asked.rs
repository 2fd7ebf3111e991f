//! Questions to the audit, put as a catalogue of flows.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part"
)]

use flows::audit::{AuditOptions, FindingKind, Verdict, audit};
use flows::{Catalogue, Site, select};

/// One connection that is asked about.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) transport: String,
    pub(crate) host: String,
    pub(crate) port: String,
}

const TLS: &str = "tls = { trust = \"public\", pinned = \"yes\", inspection = \"forbidden\", client_certificate = \"none\" }";

impl Asked {
    /// Plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        self.port == "80"
    }

    pub(crate) fn new(transport: &str, host: &str, port: &str) -> Self {
        Self {
            transport: transport.to_owned(),
            host: host.to_owned(),
            port: port.to_owned(),
        }
    }
}

/// What the audit says.
pub(crate) struct Said {
    /// One for each question.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) lines: Vec<String>,
    /// The lines in the report's order.
    pub(crate) unsorted: Vec<String>,
    pub(crate) text: String,
}

pub(crate) fn catalogue(client: &str, asked: &[Asked]) -> Catalogue {
    let mut text = format!(
        "id = \"asked\"\nversion = \"1\"\nvendor = \"test\"\nproduct = \"test\"\n\
         [[variable]]\nname = \"clients\"\nkind = \"hosts\"\ndescription = \"clients\"\ndefault = [\"{client}\"]\n\
         [[party]]\nid = \"client\"\nname = \"client\"\nplace = \"site\"\nvariable = \"clients\"\n\
         [[party]]\nid = \"server\"\nname = \"server\"\nplace = \"outside\"\n",
    );
    for (number, asked) in asked.iter().enumerate() {
        let kind = match asked.host.parse::<std::net::IpAddr>() {
            Ok(_) => "ip",
            Err(_) if asked.host.starts_with("*.") => "any-depth",
            Err(_) => "exact",
        };
        let value = asked.host.trim_start_matches("*.");
        text.push_str(&format!(
            "[[flow]]\nid = \"q-{number}\"\npurpose = \"asked\"\nfrom = [\"client\"]\nto = \"server\"\ndirection = \"outbound\"\nneed = \"required\"\n\
             {}\n\
             endpoints = [{{ match = \"{kind}\", value = \"{value}\", transport = \"{}\", ports = [\"{}\"] }}]\n",
            if asked.is_plain() { "" } else { TLS },
            asked.transport,
            asked.port
        ));
    }
    Catalogue::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

pub(crate) fn verdicts(bytes: &[u8], asked: &[Asked], options: &AuditOptions<'_>) -> Said {
    verdicts_from("198.51.100.2", bytes, asked, options)
}

pub(crate) fn verdicts_from(
    client: &str,
    bytes: &[u8],
    asked: &[Asked],
    options: &AuditOptions<'_>,
) -> Said {
    let catalogue = catalogue(client, asked);
    let selection = select(&catalogue, &Site::default()).unwrap();
    let report = audit(bytes, None, &selection, options)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(bytes)));
    assert!(report.not_asked.is_empty(), "{:?}", report.not_asked);
    let mut verdicts = vec![Verdict::Permitted; asked.len()];
    let mut lines = Vec::new();
    for finding in &report.findings {
        let verdict = match finding.kind {
            FindingKind::Blocked => Verdict::Blocked,
            FindingKind::PartlyBlocked => Verdict::Partly,
            FindingKind::NotJudged => Verdict::Unknown,
            FindingKind::Inspected | FindingKind::MayBeInspected => continue,
        };
        for flow in &finding.flows {
            let number: usize = flow.flow.as_str().trim_start_matches("q-").parse().unwrap();
            verdicts[number] = verdict;
        }
        lines.extend(finding.lines.iter().cloned());
    }
    let unsorted = lines.clone();
    lines.sort();
    lines.dedup();
    Said {
        verdicts,
        lines,
        unsorted,
        text: report.text(),
    }
}
