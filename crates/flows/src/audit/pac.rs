//! Proxy auto-configuration files: where browsers, and what follows their setting, send a flow.
//!
//! The file is a program; whoever audits brings what runs it ([`PacRunner`]). A flow that is sent
//! to a proxy counts as permitted, and that proxy should be audited as well.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::question::{Question, host_text};
use super::verdict::{Cause, Judged, Opened, Part, Verdict};
use super::{AuditError, AuditOptions, Note};
use crate::endpoint::Transport;
use crate::flow::ProxyKind;
use crate::host::Host;

/// Addresses of pages that are asked for one endpoint.
const MAX_QUESTIONS: usize = 512;
/// A label that no script names.
const FRESH: &str = "garrison-sample";

/// What a script is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacQuestion {
    pub url: String,
    pub host: String,
}

/// What a script may know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PacWorld {
    /// Addresses behind names, which are lower-case.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Of the one who asks.
    pub my_address: Option<IpAddr>,
    /// The clock, since 1970-01-01T00:00:00Z.
    pub now_milliseconds: Option<f64>,
}

/// What a script said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacAnswer {
    /// The text that it returned, or why there is none.
    pub result: Result<String, String>,
    /// What it asked for that the world doesn't hold.
    pub missing: Vec<String>,
}

/// Runs scripts, which are untrusted, within limits.
pub trait PacRunner: std::fmt::Debug {
    /// Asks the script each question, in order.
    ///
    /// # Errors
    /// When the script can't be loaded, in words.
    fn run(
        &self,
        script: &str,
        questions: &[PacQuestion],
        world: &PacWorld,
    ) -> Result<Vec<PacAnswer>, String>;
}

/// A script that was loaded once.
#[derive(Debug)]
pub(super) struct Script<'a> {
    text: String,
    runner: &'a dyn PacRunner,
    options: &'a AuditOptions<'a>,
    /// Words of the script that may be names.
    names: Vec<String>,
    /// The line of the function that is asked.
    line: usize,
}

impl<'a> Script<'a> {
    pub(super) fn read(bytes: &[u8], options: &'a AuditOptions<'a>) -> Result<Self, AuditError> {
        let runner = options.pac.ok_or(AuditError::NoRunner)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        runner
            .run(&text, &[], &PacWorld::default())
            .map_err(AuditError::Script)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let mut names: Vec<String> = text
            .split(|c: char| !is_name(c))
            .map(|word| word.trim_matches('.').to_ascii_lowercase())
            .filter(|word| word.contains('.'))
            .collect();
        names.sort();
        names.dedup();
        let line = text
            .lines()
            .position(|line| line.contains("FindProxyForURL"))
            .map_or(0, |at| at + 1);
        Ok(Self {
            text,
            runner,
            options,
            names,
            line,
        })
    }

    pub(super) const fn notes(&self) -> &[Note] {
        &[]
    }

    pub(super) fn summary(&self) -> String {
        "a flow that is sent to a proxy counts as permitted: audit that proxy as well".to_owned()
    }

    pub(super) fn judge(&self, question: &Question<'_>) -> Judged {
        match question.endpoint.transport {
            Transport::Tcp => {}
            Transport::Udp | Transport::Esp | Transport::Icmp | Transport::Unknown => {
                return Judged::unknown(
                    "PAC files are asked for pages alone; this goes its own way",
                );
            }
        }
        let questions = self.questions(question);
        if questions.is_empty() || questions.len() > MAX_QUESTIONS {
            return Judged::unknown("it stands for more hosts and ports than are judged");
        }
        let answers = match self
            .runner
            .run(&self.text, &questions, &self.world(question))
        {
            Ok(answers) => answers,
            Err(error) => return Judged::unknown(&error),
        };
        let mut opened = Opened::No;
        let mut parts = Vec::new();
        for (asked, answer) in questions.iter().zip(&answers) {
            parts.push(self.part(question, asked, answer, &mut opened));
        }
        let mut judged = Judged::of(parts);
        judged.opened = opened;
        if matches!(judged.verdict, Verdict::Blocked | Verdict::Partly) {
            judged.lines = direct(question);
        }
        if judged.opened != Opened::No {
            judged.bypass = direct(question);
        }
        judged
    }

    fn part(
        &self,
        question: &Question<'_>,
        asked: &PacQuestion,
        answer: &PacAnswer,
        opened: &mut Opened,
    ) -> Part {
        let cause = |text: String| vec![Cause::new(self.line, text)];
        if !answer.missing.is_empty() {
            let text = format!("the script depends on {}", answer.missing.join(", "));
            return Part {
                verdict: Verdict::Unknown,
                causes: cause(text),
            };
        }
        let route = match &answer.result {
            Ok(text) => route(text),
            Err(why) => {
                return Part {
                    verdict: Verdict::Unknown,
                    causes: cause(why.clone()),
                };
            }
        };
        match route {
            Route::Direct => Part::permitted(),
            Route::Nowhere(said) => Part {
                verdict: Verdict::Blocked,
                causes: cause(format!(
                    "the script answers {said:?}, where nothing answers"
                )),
            },
            Route::Strange(said) => Part {
                verdict: Verdict::Unknown,
                causes: cause(format!("the script answers {said:?} for {}", asked.url)),
            },
            Route::Proxy(said) => {
                let crosses = |kind: ProxyKind| question.flow.proxies.contains(&kind);
                let none = ![ProxyKind::Http, ProxyKind::HttpSignIn, ProxyKind::Pac]
                    .into_iter()
                    .any(crosses);
                if none && !question.flow.proxies.is_empty() {
                    return Part {
                        verdict: Verdict::Blocked,
                        causes: cause(format!(
                            "the script answers {said:?}, and the flow crosses no such proxy"
                        )),
                    };
                }
                if question.is_tls() && *opened == Opened::No {
                    *opened = Opened::Maybe(Cause::new(
                        self.line,
                        format!("the script sends it to {said:?}: audit that proxy as well"),
                    ));
                }
                Part::permitted()
            }
        }
    }

    fn world(&self, question: &Question<'_>) -> PacWorld {
        let addresses = self
            .options
            .addresses
            .iter()
            .map(|(name, networks)| {
                (
                    name.to_ascii_lowercase(),
                    networks.iter().map(ipnet::IpNet::addr).collect(),
                )
            })
            .collect();
        let my_address = match question.sources.as_slice() {
            [one] if one.prefix_len() == one.max_prefix_len() => Some(one.addr()),
            _ => None,
        };
        PacWorld {
            addresses,
            my_address,
            now_milliseconds: None,
        }
    }

    fn questions(&self, question: &Question<'_>) -> Vec<PacQuestion> {
        let scheme = if question.is_tls() { "https" } else { "http" };
        let usual = if question.is_tls() { 443 } else { 80 };
        let mut found = Vec::new();
        for host in self.hosts(&question.endpoint.host) {
            for range in &question.endpoint.ports {
                let mut ports = vec![range.first(), range.last()];
                ports.dedup();
                for port in ports {
                    let shown = if host.contains(':') {
                        format!("[{host}]")
                    } else {
                        host.clone()
                    };
                    let url = if port == usual {
                        format!("{scheme}://{shown}/")
                    } else {
                        format!("{scheme}://{shown}:{port}/")
                    };
                    found.push(PacQuestion {
                        url,
                        host: host.clone(),
                    });
                }
            }
            if found.len() > MAX_QUESTIONS {
                break;
            }
        }
        found
    }

    /// Names that stand for all that the endpoint means, with those that the script names itself.
    fn hosts(&self, host: &Host) -> Vec<String> {
        let base = match host {
            Host::Exact(name) => return vec![name.to_string()],
            Host::Ip(address) => return vec![address.to_string()],
            Host::Cidr(network) => {
                return vec![network.addr().to_string(), network.broadcast().to_string()];
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
        for name in self
            .names
            .iter()
            .filter(|name| name.ends_with(&suffix))
            .take(MAX_QUESTIONS)
        {
            names.push(name.clone());
            names.push(format!("{FRESH}.{name}"));
        }
        names.retain(|name| host.covers(name));
        names.sort();
        names.dedup();
        names
    }
}

/// Where an answer sends a connection first.
#[derive(Debug, PartialEq, Eq)]
enum Route<'t> {
    Direct,
    Proxy(&'t str),
    /// An address that nothing is meant to answer at.
    Nowhere(&'t str),
    Strange(&'t str),
}

fn route(answer: &str) -> Route<'_> {
    let first = answer
        .split(';')
        .map(str::trim)
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let (kind, place) = first.split_once(char::is_whitespace).unwrap_or((first, ""));
    let kind = kind.to_ascii_uppercase();
    if kind == "DIRECT" || first.is_empty() {
        return Route::Direct;
    }
    if ![
        "PROXY", "HTTP", "HTTPS", "SOCKS", "SOCKS4", "SOCKS5", "QUIC",
    ]
    .contains(&kind.as_str())
    {
        return Route::Strange(answer);
    }
    let (host, port) = place.trim().rsplit_once(':').unwrap_or((place.trim(), ""));
    let host = host.trim_matches(|c| c == '[' || c == ']');
    let address: Option<IpAddr> = host.parse().ok();
    let here = host.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.is_loopback());
    // The ports of discard and of nothing, which such scripts use to stop a connection.
    let dead_port = ["0", "1", "9", "65535"].contains(&port);
    if host.is_empty()
        || address.is_some_and(|address| address.is_unspecified())
        || (here && dead_port)
    {
        return Route::Nowhere(answer);
    }
    Route::Proxy(answer)
}

/// Lines for the beginning of the function.
fn direct(question: &Question<'_>) -> Vec<String> {
    let test = match &question.endpoint.host {
        Host::Exact(name) => format!("host === \"{name}\""),
        Host::AnyDepth(name) => format!("dnsDomainIs(host, \".{name}\")"),
        Host::ApexAndSubdomains(name) => {
            format!("host === \"{name}\" || dnsDomainIs(host, \".{name}\")")
        }
        Host::OneLabel(name) => {
            format!(
                "dnsDomainIs(host, \".{name}\") && dnsDomainLevels(host) === {}",
                name.as_str().split('.').count()
            )
        }
        Host::Ip(address) => format!("host === \"{address}\""),
        Host::Cidr(network) => match network {
            ipnet::IpNet::V4(network) => format!(
                "isInNet(host, \"{}\", \"{}\")",
                network.network(),
                network.netmask()
            ),
            ipnet::IpNet::V6(network) => format!("isInNetEx(host, \"{network}\")"),
        },
        Host::Unset(_) | Host::Unknown => return Vec::new(),
    };
    vec![format!(
        "if ({test}) return \"DIRECT\"; // {}: {}; at the beginning of FindProxyForURL",
        question.flow.id,
        host_text(&question.endpoint.host)
    )]
}
