//! The findings of an audit: one for each cause, with what it breaks and what to add.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::position::{Position, Standing};
use super::question::Question;
use super::verdict::{Cause, Judged, Opened, Verdict};
use super::{AuditFormat, AuditOptions, Note};
use crate::flow::{Flow, Severity};
use crate::id::FlowId;
use crate::select::Selection;
use crate::tls::Inspection;

/// Causes that a finding repeats.
const MAX_CAUSES: usize = 6;
/// Notes that a report repeats.
const MAX_NOTES: usize = 200;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    pub format: AuditFormat,
    pub catalog: FlowId,
    pub version: String,
    /// What the file holds.
    pub summary: String,
    /// Where a packet filter was taken to stand; absent for other formats.
    pub position: Option<Standing>,
    pub counts: Counts,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// Rows that no rule can be asked about.
    pub not_asked: Vec<NotAsked>,
    /// What of the file was not understood or not judged.
    pub notes: Vec<Note>,
    /// Notes beyond those that are listed.
    pub more_notes: usize,
}

/// How many endpoints got which answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub endpoints: usize,
    pub permitted: usize,
    pub partly: usize,
    pub blocked: usize,
    pub unknown: usize,
    /// Permitted or not: those whose TLS would be broken open.
    pub inspected: usize,
}

impl Counts {
    pub(super) fn add(&mut self, judged: &Judged) {
        self.endpoints += 1;
        match judged.verdict {
            Verdict::Permitted => self.permitted += 1,
            Verdict::Partly => self.partly += 1,
            Verdict::Blocked => self.blocked += 1,
            Verdict::Unknown => self.unknown += 1,
        }
        self.inspected += usize::from(matches!(judged.opened, Opened::Yes(_)));
    }

    /// Whether nothing is blocked or inspected.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.partly + self.blocked + self.inspected == 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} permitted, {} blocked, {} partly blocked, {} not judged",
            self.permitted, self.blocked, self.partly, self.unknown
        )
    }
}

/// A cause and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// The worst of what it breaks; absent where the rows don't say.
    pub severity: Option<Severity>,
    pub causes: Vec<Cause>,
    /// Causes beyond those that are listed.
    pub more_causes: usize,
    pub flows: Vec<FlowFinding>,
    /// What to add to the file, in its own language; an entry may have several lines.
    pub lines: Vec<String>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    Blocked,
    PartlyBlocked,
    /// The TLS would be broken open.
    Inspected,
    /// The TLS might be broken open.
    MayBeInspected,
    NotJudged,
}

impl FindingKind {
    /// The words for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "BLOCKED",
            Self::PartlyBlocked => "PARTLY BLOCKED",
            Self::Inspected => "TLS INSPECTED",
            Self::MayBeInspected => "TLS MAY BE INSPECTED",
            Self::NotJudged => "NOT JUDGED",
        }
    }
}

/// A flow under a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowFinding {
    pub flow: FlowId,
    pub purpose: String,
    /// Its endpoints that the finding is about.
    pub endpoints: Vec<String>,
    /// What stops working.
    pub breaks: Vec<String>,
}

/// A row that no rule can be asked about, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotAsked {
    pub flow: FlowId,
    pub reason: String,
}

pub(super) struct Writer<'a> {
    report: AuditReport,
    language: &'a str,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        format: AuditFormat,
        selection: &Selection<'_>,
        summary: String,
        notes: &[Note],
        options: &'a AuditOptions<'_>,
    ) -> Self {
        Self {
            report: AuditReport {
                format,
                catalog: selection.catalogue.id.clone(),
                version: selection.catalogue.version.clone(),
                summary,
                position: None,
                counts: Counts::default(),
                findings: Vec::new(),
                not_asked: Vec::new(),
                notes: notes.iter().take(MAX_NOTES).cloned().collect(),
                more_notes: notes.len().saturating_sub(MAX_NOTES),
            },
            language: options.language(),
        }
    }

    pub(super) fn not_asked(&mut self, flow: &Flow, reason: String) {
        let entry = NotAsked {
            flow: flow.id.clone(),
            reason,
        };
        if !self.report.not_asked.contains(&entry) {
            self.report.not_asked.push(entry);
        }
    }

    pub(super) fn add(&mut self, question: &Question<'_>, judged: Judged) {
        self.report.counts.add(&judged);
        let kind = match judged.verdict {
            Verdict::Permitted => None,
            Verdict::Partly => Some(FindingKind::PartlyBlocked),
            Verdict::Blocked => Some(FindingKind::Blocked),
            Verdict::Unknown => Some(FindingKind::NotJudged),
        };
        if let Some(kind) = kind {
            self.finding(kind, judged.causes, question, judged.lines);
        }
        let bears_it = question
            .flow
            .tls
            .is_some_and(|tls| tls.inspection == Inspection::Tolerated);
        match judged.opened {
            Opened::Yes(cause) if !bears_it => {
                self.finding(FindingKind::Inspected, vec![cause], question, judged.bypass)
            }
            Opened::Maybe(cause) if !bears_it => self.finding(
                FindingKind::MayBeInspected,
                vec![cause],
                question,
                judged.bypass,
            ),
            Opened::Yes(_) | Opened::Maybe(_) | Opened::No => {}
        }
    }

    fn finding(
        &mut self,
        kind: FindingKind,
        mut causes: Vec<Cause>,
        question: &Question<'_>,
        lines: Vec<String>,
    ) {
        let more_causes = causes.len().saturating_sub(MAX_CAUSES);
        causes.truncate(MAX_CAUSES);
        let flow = question.flow;
        let severity = flow.breaks.iter().map(|broken| broken.severity).max();
        let at = self.report.findings.iter().position(|finding| {
            finding.kind == kind && finding.causes == causes && finding.more_causes == more_causes
        });
        let at = at.unwrap_or_else(|| {
            self.report.findings.push(Finding {
                kind,
                severity: None,
                causes,
                more_causes,
                flows: Vec::new(),
                lines: Vec::new(),
            });
            self.report.findings.len() - 1
        });
        let Some(finding) = self.report.findings.get_mut(at) else {
            return;
        };
        finding.severity = finding.severity.max(severity);
        for line in lines {
            if !line.is_empty() && !finding.lines.contains(&line) {
                finding.lines.push(line);
            }
        }
        match finding.flows.iter_mut().find(|known| known.flow == flow.id) {
            Some(known) => known.endpoints.push(question.shown()),
            None => finding.flows.push(FlowFinding {
                flow: flow.id.clone(),
                purpose: flow.purpose.in_language(self.language).to_owned(),
                endpoints: vec![question.shown()],
                breaks: breaks(flow, self.language),
            }),
        }
    }

    pub(super) fn finish(mut self, standing: Option<Standing>) -> AuditReport {
        self.report.position = standing;
        self.report
            .findings
            .sort_by_key(|finding| (finding.kind, std::cmp::Reverse(finding.severity)));
        self.report
    }
}

fn breaks(flow: &Flow, language: &str) -> Vec<String> {
    flow.breaks
        .iter()
        .map(|broken| {
            let severity = match broken.severity {
                Severity::Minor => "minor",
                Severity::Major => "major",
                Severity::Critical => "critical",
            };
            let mut text = format!(
                "{} ({severity}): {}",
                broken.feature.in_language(language),
                broken.symptom.in_language(language)
            );
            if let Some(fallback) = &broken.fallback {
                let _ = write!(text, " Meanwhile: {}", fallback.in_language(language));
            }
            text
        })
        .collect()
}

impl AuditReport {
    /// Whether nothing is blocked or inspected; where the place was guessed, neither if the file
    /// stands between the hosts.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_clean()
            && self.position.iter().all(|standing| {
                standing
                    .elsewhere
                    .iter()
                    .all(|place| place.position != Position::Forward || place.counts.is_clean())
            })
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let counts = self.counts;
        let _ = writeln!(out, "{}: {}.", self.format, self.summary);
        let _ = writeln!(
            out,
            "{} {}: {} endpoints: {counts}; TLS of {} would be inspected.",
            self.catalog, self.version, counts.endpoints, counts.inspected,
        );
        if let Some(standing) = &self.position {
            write_standing(&mut out, standing);
        }
        for finding in &self.findings {
            out.push('\n');
            write_finding(&mut out, finding);
        }
        if !self.not_asked.is_empty() {
            out.push_str("\nNo rule can be asked about these:\n");
            for entry in &self.not_asked {
                let _ = writeln!(out, "  {}: {}", entry.flow, entry.reason);
            }
        }
        if !self.notes.is_empty() {
            out.push_str("\nNot understood or not judged in the file:\n");
            for note in &self.notes {
                match note.line {
                    0 => {
                        let _ = writeln!(out, "  {}", note.text);
                    }
                    line => {
                        let _ = writeln!(out, "  line {line}: {}", note.text);
                    }
                }
            }
            if self.more_notes > 0 {
                let _ = writeln!(out, "  and {} more", self.more_notes);
            }
        }
        out
    }
}

fn write_standing(out: &mut String, standing: &Standing) {
    let position = standing.position;
    match &standing.role {
        Some(role) => {
            let _ = write!(
                out,
                "The firewall is taken to stand on a host in the role {role}"
            );
        }
        None => {
            let _ = write!(out, "The firewall is taken to stand {position}");
        }
    }
    let Some(guess) = &standing.guess else {
        out.push_str(".\n");
        return;
    };
    let _ = writeln!(
        out,
        ".\nThis is a guess: {guess}. --position forward, host, output or input, or --role PARTY, says it."
    );
    for place in &standing.elsewhere {
        let _ = writeln!(
            out,
            "  If it stands {} (--position {}): {}.",
            place.position,
            place.position.as_str(),
            place.counts
        );
    }
}

fn write_finding(out: &mut String, finding: &Finding) {
    let severity = match finding.severity {
        Some(Severity::Critical) => " (critical)",
        Some(Severity::Major) => " (major)",
        Some(Severity::Minor) => " (minor)",
        None => "",
    };
    let _ = writeln!(out, "{}{severity}", finding.kind.as_str());
    for cause in &finding.causes {
        match cause.line {
            0 => {
                let _ = writeln!(out, "  because: {}", cause.text);
            }
            line => {
                let _ = writeln!(out, "  because of line {line}: {}", cause.text);
            }
        }
    }
    if finding.more_causes > 0 {
        let _ = writeln!(out, "  and {} causes more", finding.more_causes);
    }
    for flow in &finding.flows {
        let _ = writeln!(out, "  {}: {}", flow.flow, flow.purpose);
        for endpoint in &flow.endpoints {
            let _ = writeln!(out, "    {endpoint}");
        }
        for broken in &flow.breaks {
            let _ = writeln!(out, "    breaks {broken}");
        }
    }
    if !finding.lines.is_empty() {
        out.push_str("  add:\n");
        for line in finding.lines.iter().flat_map(|entry| entry.lines()) {
            let _ = writeln!(out, "    {line}");
        }
    }
}
