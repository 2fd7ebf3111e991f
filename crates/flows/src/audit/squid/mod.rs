//! Squid's configuration (of Squid 5): which requests `http_access` lets through, and of which
//! connections `ssl_bump` breaks the TLS open.
//!
//! Judged: `src`, `dst`, `dstdomain`, `dstdom_regex`, `url_regex`, `port`, `method`, `proto`,
//! `ssl::server_name`, `at_step`, `any-of`, `all-of` and Squid's own lists; everything else is in
//! doubt, and said. Files that are included or named in quotes are read from those that are given
//! beside the configuration.

mod lines;
mod matching;
mod parse;
#[cfg(test)]
mod tests;

use matching::{Met, Request, covers};
use parse::{Access, Action, Config};

use super::question::Question;
use super::verdict::{Cause, Judged, Opened, Part, Verdict};
use super::{AuditError, AuditOptions, Note};
use crate::endpoint::Transport;
use crate::host::Host;

/// Requests that are tried for one endpoint.
const MAX_REQUESTS: usize = 4_096;
/// A label that no list names.
const FRESH: &str = "garrison-sample";

/// A configuration that was read.
#[derive(Debug)]
pub(in crate::audit) struct Proxy {
    config: Config,
}

/// What may become of a connection's TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    action: Action,
    cause: Cause,
    doubt: bool,
}

impl Proxy {
    pub(in crate::audit) fn read(
        bytes: &[u8],
        options: &AuditOptions<'_>,
    ) -> Result<Self, AuditError> {
        Ok(Self {
            config: parse::read(&String::from_utf8_lossy(bytes), options)?,
        })
    }

    pub(in crate::audit) fn notes(&self) -> &[Note] {
        &self.config.notes
    }

    pub(in crate::audit) fn summary(&self) -> String {
        let scope = if self.is_part() {
            "a part of a configuration, without http_port and http_access: what it says of TLS is judged, and nothing else"
        } else {
            "only connections that are sent to this proxy are judged"
        };
        format!(
            "{} access rules, {} rules for TLS; {scope}",
            self.config.access.len(),
            self.config.bump.len()
        )
    }

    /// Whether the file is to be included in a configuration that decides of access.
    fn is_part(&self) -> bool {
        self.config.access.is_empty() && !self.config.listens && !self.config.bump.is_empty()
    }

    pub(in crate::audit) fn judge(&self, question: &Question<'_>) -> Judged {
        match question.endpoint.transport {
            Transport::Tcp => {}
            Transport::Udp | Transport::Esp | Transport::Icmp | Transport::Unknown => {
                return Judged::unknown(
                    "an HTTP proxy carries TCP alone; this must pass beside it",
                );
            }
        }
        let requests = self.requests(question);
        if requests.is_empty() || requests.len() > MAX_REQUESTS {
            return Judged::unknown("it stands for more hosts and ports than are judged");
        }
        let mut parts = Vec::new();
        let mut opened: Vec<Opened> = Vec::new();
        for request in &requests {
            let mut part = if self.is_part() {
                Part::permitted()
            } else {
                self.access(request)
            };
            if question.is_tls() && (self.config.bumping_port.is_some() || self.is_part()) {
                let steps = self.steps(request, 1, None);
                if !steps.is_empty() && steps.iter().all(|step| step.action == Action::Terminate) {
                    let causes = steps.iter().map(|step| step.cause.clone()).collect();
                    part.and(Part {
                        verdict: Verdict::Blocked,
                        causes,
                    });
                }
                opened.push(open(&steps));
            }
            parts.push(part);
        }
        let mut judged = Judged::of(parts);
        judged.opened = together(opened);
        if matches!(judged.verdict, Verdict::Blocked | Verdict::Partly) {
            judged.lines = lines::allow(question, self.first_access());
        }
        if judged.opened != Opened::No {
            judged.bypass = lines::splice(
                question,
                self.config.bump.first().map(|rule| rule.conditions.line),
            );
        }
        judged
    }

    fn first_access(&self) -> Option<usize> {
        self.config.access.first().map(|rule| match rule {
            Access::Rule { conditions, .. } => conditions.line,
            Access::Gap { line, .. } => *line,
        })
    }

    fn access(&self, request: &Request) -> Part {
        let mut allowed: Vec<Cause> = Vec::new();
        let mut denied: Vec<Cause> = Vec::new();
        let mut doubts: Vec<Cause> = Vec::new();
        let mut last_allows = true;
        let mut decided = false;
        for rule in &self.config.access {
            let (allow, conditions) = match rule {
                Access::Rule { allow, conditions } => (*allow, conditions),
                Access::Gap { line, file } => {
                    doubts.push(Cause::new(
                        *line,
                        format!("includes {file}, which is not read"),
                    ));
                    allowed.push(Cause::new(*line, file.clone()));
                    denied.push(Cause::new(*line, file.clone()));
                    continue;
                }
            };
            last_allows = allow;
            let cause = Cause::new(conditions.line, conditions.text.clone());
            let hit = if allow { &mut allowed } else { &mut denied };
            match self.config.holds(conditions, request) {
                Met::No => {}
                Met::Yes => {
                    hit.push(cause);
                    decided = true;
                    break;
                }
                Met::Maybe(why) => {
                    hit.push(cause);
                    doubts.push(Cause::new(conditions.line, why));
                }
            }
        }
        if !decided {
            // Without a rule that fits, the opposite of the last one; without rules, no.
            if last_allows {
                denied.push(Cause::new(
                    0,
                    "no http_access rule fits, and the last one allows: the rest is denied",
                ));
            } else {
                allowed.push(Cause::new(
                    0,
                    "no http_access rule fits, and the last one denies",
                ));
            }
        }
        if denied.is_empty() {
            Part::permitted()
        } else if allowed.is_empty() {
            Part {
                verdict: Verdict::Blocked,
                causes: denied,
            }
        } else {
            Part {
                verdict: Verdict::Unknown,
                causes: doubts,
            }
        }
    }

    /// What `ssl_bump` may do from a step on. Each step asks all rules from the first; actions
    /// that a step can't take are passed over.
    fn steps(&self, request: &Request, step: u8, before: Option<Action>) -> Vec<Step> {
        let asked = Request {
            step: Some(step),
            ..request.clone()
        };
        let mut found = Vec::new();
        for rule in &self.config.bump {
            let possible = match rule.action {
                Action::Peek | Action::Stare => step < 3,
                Action::Splice => step < 3 || before != Some(Action::Stare),
                Action::Bump => step < 3 || before != Some(Action::Peek),
                Action::Terminate => true,
            };
            let met = self.config.holds(&rule.conditions, &asked);
            if !possible || met == Met::No {
                continue;
            }
            let doubt = met != Met::Yes;
            match rule.action {
                Action::Peek | Action::Stare => {
                    found.extend(
                        self.steps(request, step + 1, Some(rule.action))
                            .into_iter()
                            .map(|next| Step {
                                doubt: next.doubt || doubt,
                                ..next
                            }),
                    );
                }
                action @ (Action::Splice | Action::Bump | Action::Terminate) => found.push(Step {
                    action,
                    cause: Cause::new(rule.conditions.line, rule.conditions.text.clone()),
                    doubt,
                }),
            }
            if !doubt {
                return found;
            }
        }
        let action = if before == Some(Action::Stare) {
            Action::Bump
        } else {
            Action::Splice
        };
        found.push(Step {
            action,
            cause: Cause::new(0, format!("no ssl_bump rule fits at step {step}")),
            doubt: false,
        });
        found
    }

    /// Requests that stand for all that the endpoint means: each name and port at which some list
    /// begins to think otherwise.
    fn requests(&self, question: &Question<'_>) -> Vec<Request> {
        let endpoint = question.endpoint;
        let plain_http = !question.is_tls()
            && (endpoint
                .protocol
                .as_deref()
                .is_some_and(|protocol| protocol.eq_ignore_ascii_case("http"))
                || endpoint.ports.iter().all(|ports| ports.only() == Some(80)));
        let mut found = Vec::new();
        for (host, is_sample) in self.names(&endpoint.host) {
            for port in self.ports(question) {
                if found.len() > MAX_REQUESTS {
                    return found;
                }
                found.push(Request {
                    host: host.clone(),
                    is_sample,
                    port,
                    connect: !plain_http,
                    sources: question.sources.clone(),
                    addresses: question.addresses.clone(),
                    step: None,
                });
            }
        }
        found
    }

    fn names(&self, host: &Host) -> Vec<(String, bool)> {
        let base = match host {
            Host::Exact(name) => return vec![(name.to_string(), false)],
            Host::Ip(address) => return vec![(address.to_string(), false)],
            Host::Cidr(network) => {
                return vec![
                    (network.addr().to_string(), true),
                    (network.broadcast().to_string(), true),
                ];
            }
            Host::OneLabel(name) | Host::AnyDepth(name) | Host::ApexAndSubdomains(name) => {
                name.to_string()
            }
            Host::Unset(_) | Host::Unknown => return Vec::new(),
        };
        let mut names = vec![
            format!("{FRESH}.{base}"),
            format!("{FRESH}.{FRESH}.{base}"),
            base.clone(),
        ];
        let suffix = format!(".{base}");
        let domains = self
            .config
            .acls
            .values()
            .filter(|acl| ["dstdomain", "ssl::server_name"].contains(&acl.kind.as_str()));
        for (value, _) in domains.flat_map(|acl| &acl.values) {
            let bare = value.trim_matches('.').to_ascii_lowercase();
            if bare.ends_with(&suffix) && !covers(value, &base) {
                names.push(format!("{FRESH}.{bare}"));
                names.push(bare);
            }
            if names.len() > MAX_REQUESTS {
                break;
            }
        }
        names.retain(|name| host.covers(name));
        names.sort();
        names.dedup();
        names.into_iter().map(|name| (name, true)).collect()
    }

    fn ports(&self, question: &Question<'_>) -> Vec<u16> {
        let mut found = Vec::new();
        for range in &question.endpoint.ports {
            found.extend([range.first(), range.last()]);
            let lists = self.config.acls.values().filter(|acl| acl.kind == "port");
            for (value, _) in lists.flat_map(|acl| &acl.values) {
                let Ok(listed) = crate::endpoint::PortRange::parse(value) else {
                    continue;
                };
                let edges = [
                    listed.first().saturating_sub(1),
                    listed.first(),
                    listed.last(),
                    listed.last().saturating_add(1),
                ];
                found.extend(edges.into_iter().filter(|port| range.contains(*port)));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn open(steps: &[Step]) -> Opened {
    let Some(bump) = steps.iter().find(|step| step.action == Action::Bump) else {
        return Opened::No;
    };
    if steps.iter().all(|step| step.action == Action::Bump) {
        Opened::Yes(bump.cause.clone())
    } else {
        Opened::Maybe(bump.cause.clone())
    }
}

fn together(all: Vec<Opened>) -> Opened {
    let mut found = Opened::No;
    for one in all {
        match (&found, one) {
            (Opened::Yes(_), _) | (_, Opened::No) => {}
            (_, yes @ Opened::Yes(_)) => found = yes,
            (Opened::No, maybe @ Opened::Maybe(_)) => found = maybe,
            (Opened::Maybe(_), Opened::Maybe(_)) => {}
        }
    }
    found
}
