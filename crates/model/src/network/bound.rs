//! How large a report may be. What was found may carry what a server said, so every text is cut
//! and put on one line; what is left out is counted.

use super::{NetworkFinding, NetworkReport};

/// Limits of one [`NetworkReport`]. A report at all of them, with every sign escaped, is below
/// 512 KiB of JSON, the largest event that an agent sends.
pub mod limits {
    /// Flows that are covered.
    pub const COVERED: usize = 64;
    /// Findings.
    pub const FINDINGS: usize = 12;
    /// Flows of a finding.
    pub const FLOWS: usize = 32;
    /// Destinations of a finding.
    pub const ENDPOINTS: usize = 16;
    /// Features of a finding.
    pub const FEATURES: usize = 16;
    /// Pieces of evidence of a finding.
    pub const EVIDENCE: usize = 12;
    /// Lines that mend a finding.
    pub const LINES: usize = 16;
    /// Bytes of a flow's identifier, an evidence's kind, a product's name.
    pub const NAME_BYTES: usize = 64;
    /// Bytes of a destination: a name of DNS, and its port.
    pub const ENDPOINT_BYTES: usize = 272;
    /// Bytes of any other text.
    pub const TEXT_BYTES: usize = 240;
    /// Bytes of a cause.
    pub const CAUSE_BYTES: usize = 500;
}

/// What stands where a text was cut.
const CUT: &str = "…";

impl NetworkReport {
    /// Cuts the report to its [`limits`], and counts what was left out. Done twice it is done once.
    pub fn bound(&mut self) {
        self.omitted = self
            .omitted
            .saturating_add(shorten(&mut self.findings, limits::FINDINGS));
        shorten(&mut self.covered, limits::COVERED);
        for flow in &mut self.covered {
            cut(flow, limits::NAME_BYTES);
        }
        for finding in &mut self.findings {
            finding.bound();
        }
    }
}

impl NetworkFinding {
    fn bound(&mut self) {
        let left_out = [
            shorten(&mut self.flows, limits::FLOWS),
            shorten(&mut self.endpoints, limits::ENDPOINTS),
            shorten(&mut self.features, limits::FEATURES),
            shorten(&mut self.evidence, limits::EVIDENCE),
            shorten(&mut self.mend.lines, limits::LINES),
        ];
        for count in left_out {
            self.omitted = self.omitted.saturating_add(count);
        }
        cut(&mut self.cause, limits::CAUSE_BYTES);
        cut(&mut self.mend.product, limits::NAME_BYTES);
        for flow in &mut self.flows {
            cut(flow, limits::NAME_BYTES);
        }
        for endpoint in &mut self.endpoints {
            cut(endpoint, limits::ENDPOINT_BYTES);
        }
        for one in &mut self.features {
            cut(&mut one.feature, limits::TEXT_BYTES);
        }
        for evidence in &mut self.evidence {
            cut(&mut evidence.kind, limits::NAME_BYTES);
            cut(&mut evidence.value, limits::TEXT_BYTES);
        }
        for line in &mut self.mend.lines {
            cut(line, limits::TEXT_BYTES);
        }
    }
}

/// Keeps the first entries; answers how many went.
fn shorten<T>(list: &mut Vec<T>, most: usize) -> u32 {
    let over = list.len().saturating_sub(most);
    list.truncate(most);
    u32::try_from(over).unwrap_or(u32::MAX)
}

/// Puts a text on one line, without signs that a terminal obeys, in at most so many bytes.
fn cut(text: &mut String, most: usize) {
    if text.chars().any(char::is_control) {
        *text = text
            .chars()
            .map(|sign| if sign.is_control() { ' ' } else { sign })
            .collect();
    }
    if text.len() <= most {
        return;
    }
    let end = text.floor_char_boundary(most.saturating_sub(CUT.len()));
    text.truncate(end);
    text.push_str(CUT);
}
