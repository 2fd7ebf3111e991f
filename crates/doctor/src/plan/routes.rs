//! Where each way leads to each destination.

use flows::audit::{PacAnswer, PacQuestion};
use flows::{Direction, ProxyKind};
use net::probe::ProbeTransport;
use net::{Endpoint, Proxy};

use super::{Destination, Work};
use crate::report::{Stage, Verdict};
use crate::way::{Leads, PacSource, PathKind, Way, Ways, by_environment};

/// Asks a PAC file all questions at once; what fails is a reason in words.
pub type AskPac<'a> = dyn Fn(&PacSource, &[PacQuestion]) -> Result<Vec<PacAnswer>, String> + 'a;

/// A destination on a way.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) path: PathKind,
    pub(super) via: Option<Proxy>,
    pub(super) pac: Option<String>,
    /// Where no probe is needed.
    pub(super) ended: Option<Work>,
}

/// The routes of each destination, by its place. A way that would lead directly anyway is not
/// gone twice, unless a PAC file says so.
pub(super) fn of(
    destinations: &[Destination<'_>],
    ways: &Ways,
    ask_pac: &AskPac<'_>,
) -> Vec<(usize, Route)> {
    let mut routes = Vec::new();
    for way in &ways.0 {
        let concerned = destinations
            .iter()
            .enumerate()
            .filter(|(_, destination)| destination.ask.is_ok());
        match way {
            Way::Direct => {
                routes.extend(concerned.map(|(at, _)| (at, route(PathKind::Direct, None))));
            }
            Way::Environment(environment) => {
                for (at, endpoint) in crossing(concerned) {
                    if let Leads::Through(proxy) = by_environment(environment, &endpoint) {
                        routes.push((at, route(PathKind::Environment, Some(proxy))));
                    }
                }
            }
            Way::Proxy(proxy) => {
                for (at, _) in crossing(concerned) {
                    routes.push((at, route(PathKind::Proxy, Some(proxy.clone()))));
                }
            }
            Way::Pac(source) => {
                let places: Vec<(usize, Endpoint)> = crossing(concerned).collect();
                routes.extend(by_pac(destinations, source, places, ask_pac));
            }
        }
    }
    routes
}

const fn route(path: PathKind, via: Option<Proxy>) -> Route {
    Route {
        path,
        via,
        pac: None,
        ended: None,
    }
}

/// Those that go through proxies where there are some.
fn crossing<'d, 'c: 'd>(
    destinations: impl Iterator<Item = (usize, &'d Destination<'c>)>,
) -> impl Iterator<Item = (usize, Endpoint)> {
    destinations
        .filter(|(_, destination)| may_cross(destination))
        .filter_map(|(at, destination)| Some((at, destination.dial()?)))
}

/// HTTP, and what is inside TLS, of flows that leave the site or are said to cross proxies.
fn may_cross(destination: &Destination<'_>) -> bool {
    let speaks = match destination.ask {
        Ok(ProbeTransport::Tls | ProbeTransport::Http { .. } | ProbeTransport::Https { .. }) => {
            true
        }
        Ok(ProbeTransport::Tcp | ProbeTransport::Udp { .. }) | Err(_) => false,
    };
    let by_row = destination.flow.proxies.iter().any(|kind| match kind {
        ProxyKind::Http | ProxyKind::HttpSignIn | ProxyKind::Pac => true,
        ProxyKind::Transparent => false,
    });
    let leaves = match destination.flow.direction {
        Direction::Outbound => destination.flow.proxies.is_empty(),
        Direction::Internal | Direction::Inbound | Direction::Loopback | Direction::Unknown => {
            false
        }
    };
    speaks && !destination.closed && (by_row || leaves)
}

fn by_pac(
    destinations: &[Destination<'_>],
    source: &PacSource,
    places: Vec<(usize, Endpoint)>,
    ask_pac: &AskPac<'_>,
) -> Vec<(usize, Route)> {
    let questions: Vec<PacQuestion> = places
        .iter()
        .map(|(at, endpoint)| question(destinations.get(*at), endpoint))
        .collect();
    let ended = |stage, verdict, detail: String| Route {
        path: PathKind::Pac,
        via: None,
        pac: Some(source.name.clone()),
        ended: Some(Work::Ended {
            stage,
            verdict,
            detail,
        }),
    };
    if let Err(why) = &source.script {
        let all = places.into_iter();
        return all
            .map(|(at, _)| {
                (
                    at,
                    ended(Stage::Proxy, Verdict::PacUnreachable, why.clone()),
                )
            })
            .collect();
    }
    let answers = match ask_pac(source, &questions) {
        Ok(answers) if answers.len() == questions.len() => answers,
        Ok(_) => {
            let why = "the PAC file's reader answered too little".to_owned();
            let all = places.into_iter();
            return all
                .map(|(at, _)| (at, ended(Stage::Proxy, Verdict::PacError, why.clone())))
                .collect();
        }
        Err(why) => {
            let all = places.into_iter();
            return all
                .map(|(at, _)| (at, ended(Stage::Proxy, Verdict::PacError, why.clone())))
                .collect();
        }
    };
    let mut routes = Vec::new();
    for ((at, _), answer) in places.into_iter().zip(answers) {
        let route = match answer.result {
            Err(why) => ended(Stage::Proxy, Verdict::PacError, why),
            Ok(text) => match said(&text) {
                Said::Direct => Route {
                    pac: Some(source.name.clone()),
                    ..route(PathKind::Pac, None)
                },
                Said::Proxy(endpoint) => Route {
                    pac: Some(source.name.clone()),
                    ..route(
                        PathKind::Pac,
                        Some(Proxy {
                            endpoint,
                            credentials: source.credentials.clone(),
                        }),
                    )
                },
                Said::Other(kind) => Route {
                    ended: Some(Work::Unknown(format!(
                        "the PAC file sends it to a proxy of the kind {kind}, which is not checked"
                    ))),
                    pac: Some(source.name.clone()),
                    ..route(PathKind::Pac, None)
                },
                Said::Strange => ended(
                    Stage::Proxy,
                    Verdict::PacError,
                    format!(
                        "the PAC file answers {:?}, which is neither DIRECT nor a proxy",
                        text.chars().take(80).collect::<String>()
                    ),
                ),
            },
        };
        routes.push((at, route));
    }
    routes
}

fn question(destination: Option<&Destination<'_>>, endpoint: &Endpoint) -> PacQuestion {
    let plain = destination
        .is_some_and(|destination| matches!(destination.ask, Ok(ProbeTransport::Http { .. })));
    let (scheme, usual) = if plain { ("http", 80) } else { ("https", 443) };
    let host = endpoint.host.to_string();
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let port = if endpoint.port == usual {
        String::new()
    } else {
        format!(":{}", endpoint.port)
    };
    PacQuestion {
        url: format!("{scheme}://{shown}{port}/"),
        host,
    }
}

/// What a PAC file's answer says first.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Direct,
    Proxy(Endpoint),
    Other(String),
    Strange,
}

fn said(answer: &str) -> Said {
    let first = answer
        .split(';')
        .map(str::trim)
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let (kind, place) = first.split_once(char::is_whitespace).unwrap_or((first, ""));
    let kind = kind.to_ascii_uppercase();
    match kind.as_str() {
        "DIRECT" | "" => Said::Direct,
        "PROXY" | "HTTP" => {
            let place = place.trim();
            let parsed =
                Endpoint::parse(place).or_else(|_| Endpoint::parse(&format!("{place}:80")));
            parsed.map_or(Said::Strange, Said::Proxy)
        }
        "HTTPS" | "SOCKS" | "SOCKS4" | "SOCKS5" | "QUIC" => Said::Other(kind),
        _ => Said::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_counts() {
        let proxy = |text: &str| Said::Proxy(Endpoint::parse(text).unwrap());
        for (answer, expected) in [
            ("DIRECT", Said::Direct),
            ("", Said::Direct),
            (" ; direct", Said::Direct),
            ("PROXY p.example:3128; DIRECT", proxy("p.example:3128")),
            ("proxy p.example", proxy("p.example:80")),
            ("HTTPS p.example:443", Said::Other("HTTPS".to_owned())),
            ("PROXY :1:", Said::Strange),
            ("go away", Said::Strange),
        ] {
            assert_eq!(said(answer), expected, "{answer:?}");
        }
    }
}
