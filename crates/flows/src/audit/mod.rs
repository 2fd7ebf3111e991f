//! Judging rules that exist: which flows of a selection they block, permit, or would break open.
//!
//! Bytes in, findings out. What a file doesn't decide (a name without addresses, an interface, a
//! signed-in user) is not judged, and the report says on what it depends. A verdict of permitted
//! or blocked is meant for every connection of an endpoint; "partly" means that some pass.

mod fortigate;
mod nftables;
mod pac;
mod packet;
mod position;
mod question;
mod report;
mod squid;
mod unreadable;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::party::PartyId;
use crate::render::rules::ways;
use crate::select::Selection;
use question::Question;
use verdict::Judged;

pub use pac::{PacAnswer, PacQuestion, PacRunner, PacWorld};
pub use position::{Elsewhere, Position, Standing};
pub use report::{AuditReport, Counts, Finding, FindingKind, FlowFinding, NotAsked};
pub use verdict::{Cause, Verdict};

/// Larger files are refused.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Endpoints of a selection that are judged; the report counts the others.
pub const MAX_ENDPOINTS: usize = 20_000;

/// What kind of rules a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditFormat {
    Nftables,
    /// A configuration of Squid.
    Squid,
    /// A proxy auto-configuration file.
    Pac,
    /// A backup of a FortiGate.
    Fortigate,
}

/// Text that was expected to be a format of rules and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a format of rules ({known}), got {0:?}", known = known_formats())]
pub struct AuditFormatError(String);

fn known_formats() -> String {
    AuditFormat::ALL.map(AuditFormat::as_str).join(", ")
}

impl AuditFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nftables, Self::Squid, Self::Pac, Self::Fortigate];

    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Squid => "squid",
            Self::Pac => "pac",
            Self::Fortigate => "fortigate",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// When no format is called so.
    pub fn parse(text: &str) -> Result<Self, AuditFormatError> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| AuditFormatError(text.chars().take(80).collect()))
    }

    /// Tells the format by what is in the file.
    #[must_use]
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let begins = |words: &[&str]| {
            text.lines().map(str::trim_start).any(|line| {
                words.iter().any(|word| {
                    line.strip_prefix(word)
                        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
                })
            })
        };
        if text.contains("FindProxyForURL") {
            return Some(Self::Pac);
        }
        if text.trim_start().starts_with('{') && text.contains("\"nftables\"") {
            return Some(Self::Nftables);
        }
        let nft = [
            "table ip",
            "table ip6",
            "table inet",
            "table bridge",
            "table arp",
            "table netdev",
            "flush ruleset",
            "add table",
            "add rule",
            "#!/usr/sbin/nft",
            "table",
        ];
        if text.starts_with("#config-version=")
            || begins(&["config firewall", "config system", "config vdom"])
        {
            return Some(Self::Fortigate);
        }
        if begins(&["http_access", "acl", "ssl_bump"]) {
            return Some(Self::Squid);
        }
        begins(&nft).then_some(Self::Nftables)
    }
}

impl fmt::Display for AuditFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the one who audits knows beside the file.
#[derive(Debug, Clone, Default)]
pub struct AuditOptions<'a> {
    /// Addresses behind names; the key is the name, or `*.example.com` for a wildcard.
    pub addresses: BTreeMap<String, Vec<IpNet>>,
    pub position: Position,
    /// The part that the host takes on which a packet filter stands: flows that it opens are judged
    /// where it sends, flows that it listens for where it receives, others not at all.
    pub role: Option<PartyId>,
    /// The interface by which flows come to a packet filter.
    pub interface_in: Option<String>,
    /// The interface by which flows leave it.
    pub interface_out: Option<String>,
    /// Files that the file names, by their paths as it writes them.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What runs PAC files.
    pub pac: Option<&'a dyn PacRunner>,
    /// ISO 639-1; texts that lack it are in English.
    pub language: Option<&'a str>,
}

impl AuditOptions<'_> {
    fn language(&self) -> &str {
        self.language.unwrap_or("en")
    }
}

/// Something in the file that the judgement doesn't take in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Counted from 1; 0: no single line.
    pub line: usize,
    pub text: String,
}

/// A file that can't be judged.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the file has {bytes} bytes, at most {MAX_BYTES} are read")]
    TooLarge { bytes: usize },
    #[error(
        "expected rules of one of these formats: {}; got a file that looks like none of them; name its format with --format",
        known_formats()
    )]
    Format,
    #[error(
        "got rules of iptables, which are not read as they are; audit what \"iptables-restore-translate -f FILE\" makes of them (ip6tables-restore-translate for IPv6), or what \"nft list ruleset\" prints"
    )]
    Iptables,
    #[error(
        "the file holds comments alone, no rules; a rendering without rules says in its comments what is missing"
    )]
    NoRules,
    #[error("expected a party of the catalogue ({known}), got the role {role}")]
    Role { role: PartyId, known: String },
    #[error("line {line}: expected {expected}, got {got}")]
    Syntax {
        line: usize,
        expected: &'static str,
        got: String,
    },
    #[error("the file has more than {most} {what}; nothing is judged")]
    TooMuch { what: &'static str, most: usize },
    #[error("PAC files are programs, and nothing was given that runs them")]
    NoRunner,
    #[error("the PAC file can't be loaded: {0}")]
    Script(String),
    #[error("expected JSON")]
    Json(#[from] serde_json::Error),
}

/// A file that was read.
enum Rules<'a> {
    Nftables(Box<nftables::Ruleset>),
    Squid(squid::Proxy),
    Pac(pac::Script<'a>),
    Fortigate(fortigate::Backup),
}

impl<'a> Rules<'a> {
    fn read(
        bytes: &[u8],
        format: AuditFormat,
        options: &'a AuditOptions<'a>,
    ) -> Result<Self, AuditError> {
        Ok(match format {
            AuditFormat::Nftables => {
                Self::Nftables(Box::new(nftables::Ruleset::read(bytes, options)?))
            }
            AuditFormat::Squid => Self::Squid(squid::Proxy::read(bytes, options)?),
            AuditFormat::Pac => Self::Pac(pac::Script::read(bytes, options)?),
            AuditFormat::Fortigate => Self::Fortigate(fortigate::Backup::read(bytes, options)?),
        })
    }

    fn judge(&self, question: &Question<'_>, position: Position) -> Judged {
        match self {
            Self::Nftables(rules) => rules.judge(question, position),
            Self::Squid(rules) => rules.judge(question),
            Self::Pac(rules) => rules.judge(question),
            Self::Fortigate(rules) => rules.judge(question),
        }
    }

    /// Where a packet filter is taken to stand; `None` for rules that stand in one place alone.
    fn standing(&self, catalogue: &Catalogue, options: &AuditOptions<'_>) -> Option<Standing> {
        match self {
            Self::Nftables(rules) => Some(rules.standing(catalogue, options)),
            Self::Squid(_) | Self::Pac(_) | Self::Fortigate(_) => None,
        }
    }

    /// Other places where the file filters.
    fn elsewhere(&self, standing: &Standing) -> Vec<Position> {
        match self {
            Self::Nftables(rules) => rules.elsewhere(standing),
            Self::Squid(_) | Self::Pac(_) | Self::Fortigate(_) => Vec::new(),
        }
    }

    fn notes(&self, standing: Option<&Standing>) -> Vec<Note> {
        match self {
            Self::Nftables(rules) => rules.notes(standing),
            Self::Squid(rules) => rules.notes().to_vec(),
            Self::Pac(rules) => rules.notes().to_vec(),
            Self::Fortigate(rules) => rules.notes().to_vec(),
        }
    }

    fn summary(&self) -> String {
        match self {
            Self::Nftables(rules) => rules.summary(),
            Self::Squid(rules) => rules.summary(),
            Self::Pac(rules) => rules.summary(),
            Self::Fortigate(rules) => rules.summary(),
        }
    }
}

/// Judges the flows of a selection by the rules of a file; without a format, by the one that the
/// file looks like.
///
/// # Errors
/// When the file is too large, of no known format, or can't be read as its format.
pub fn audit(
    bytes: &[u8],
    format: Option<AuditFormat>,
    selection: &Selection<'_>,
    options: &AuditOptions<'_>,
) -> Result<AuditReport, AuditError> {
    if bytes.len() > MAX_BYTES {
        return Err(AuditError::TooLarge { bytes: bytes.len() });
    }
    if let Some(role) = &options.role
        && selection.catalogue.party(role).is_none()
    {
        let parties = selection.catalogue.parties.iter();
        let known: Vec<&str> = parties.map(|party| party.id.as_str()).collect();
        return Err(AuditError::Role {
            role: role.clone(),
            known: known.join(", "),
        });
    }
    let format = match format.or_else(|| AuditFormat::recognise(bytes)) {
        Some(format) => format,
        None => return Err(unreadable::error(bytes)),
    };
    let rules = Rules::read(bytes, format, options)?;
    let mut standing = rules.standing(selection.catalogue, options);
    let role = standing
        .as_ref()
        .map_or(options.role.as_ref(), |standing| standing.role.as_ref());
    let position = standing
        .as_ref()
        .map_or(Position::Auto, |standing| standing.position);
    let notes = rules.notes(standing.as_ref());
    let mut report = report::Writer::new(format, selection, rules.summary(), &notes, options);
    let questions = questions(selection, role, options, &mut report);
    for question in &questions {
        report.add(question, rules.judge(question, position));
    }
    if let Some(standing) = &mut standing {
        for position in rules.elsewhere(standing) {
            let mut counts = Counts::default();
            for question in &questions {
                counts.add(&rules.judge(question, position));
            }
            standing.elsewhere.push(Elsewhere { position, counts });
        }
    }
    Ok(report.finish(standing))
}

/// What is asked of the rules; the report hears of what can't be asked.
fn questions<'s>(
    selection: &'s Selection<'_>,
    role: Option<&PartyId>,
    options: &AuditOptions<'_>,
    report: &mut report::Writer<'_>,
) -> Vec<Question<'s>> {
    let mut questions = Vec::new();
    for selected in &selection.flows {
        let ways = match role {
            Some(_) => ways(selected, role),
            None => Vec::new(),
        };
        if role.is_some() && ways.is_empty() {
            continue;
        }
        let perimeter = match selected.perimeter() {
            Ok(perimeter) => perimeter,
            Err(reason) => {
                report.not_asked(selected.flow, reason.to_string());
                continue;
            }
        };
        for (_, reason) in &perimeter.held_back {
            report.not_asked(selected.flow, reason.to_string());
        }
        for (place, endpoint) in perimeter.passing {
            if questions.len() >= MAX_ENDPOINTS {
                report.not_asked(
                    selected.flow,
                    format!("only the first {MAX_ENDPOINTS} endpoints are judged"),
                );
                continue;
            }
            let mut question = Question::new(selected.flow, place, endpoint, options);
            question.ways.clone_from(&ways);
            questions.push(question);
        }
    }
    questions
}
