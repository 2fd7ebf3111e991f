//! Where each way leads to each destination.

use flows::audit::{PacAnswer, PacQuestion};
use flows::{Direction, ProxyKind};
use net::probe::ProbeTransport;
use net::{Endpoint, Proxy};

use super::{Destination, Work};
use crate::report::{Stage, Verdict};
use crate::way::{Leads, PacSource, PathKind, Way, Ways, by_environment};

/// More ways of one answer are not gone.
const MAX_HOPS: usize = 8;
/// Characters that are kept of a proxy that is not checked.
const MAX_PLACE: usize = 80;

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
    /// Where it goes, in turn, while the proxies before can't be reached.
    pub(super) then: Vec<Hop>,
}

/// A further way that a PAC file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hop {
    Direct,
    Proxy(Proxy),
    /// One that is not checked, as the file names it.
    Other(String),
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
        then: Vec::new(),
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
        then: Vec::new(),
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
                Some(hops) => in_turn(hops, source),
                None => ended(
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

/// The first hop is the route, the others are taken in turn.
fn in_turn(hops: Vec<Hop>, source: &PacSource) -> Route {
    let mut hops = hops.into_iter().map(|hop| match hop {
        Hop::Proxy(proxy) => Hop::Proxy(Proxy {
            credentials: source.credentials.clone(),
            ..proxy
        }),
        Hop::Direct | Hop::Other(_) => hop,
    });
    let (via, ended) = match hops.next() {
        None | Some(Hop::Direct) => (None, None),
        Some(Hop::Proxy(proxy)) => (Some(proxy), None),
        Some(Hop::Other(what)) => (None, Some(Work::Unknown(not_checked(&what)))),
    };
    Route {
        pac: Some(source.name.clone()),
        ended,
        then: hops.collect(),
        ..route(PathKind::Pac, via)
    }
}

/// Why a way is unknown.
pub(super) fn not_checked(what: &str) -> String {
    format!("the PAC file sends it to {what}, a kind of proxy that is not checked")
}

/// What a PAC file's answer says, in order; `None` where its first part says nothing that is
/// known. What is not known further behind is passed over, as browsers do.
fn said(answer: &str) -> Option<Vec<Hop>> {
    let parts = answer
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let mut hops = Vec::new();
    for (at, part) in parts.take(MAX_HOPS).enumerate() {
        match hop(part) {
            Some(hop) => hops.push(hop),
            None if at == 0 => return None,
            None => {}
        }
    }
    if hops.is_empty() {
        hops.push(Hop::Direct);
    }
    Some(hops)
}

fn hop(part: &str) -> Option<Hop> {
    let (kind, place) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
    let place = place.trim();
    let kind = kind.to_ascii_uppercase();
    match kind.as_str() {
        "DIRECT" => Some(Hop::Direct),
        "PROXY" | "HTTP" => {
            let parsed =
                Endpoint::parse(place).or_else(|_| Endpoint::parse(&format!("{place}:80")));
            parsed.ok().map(|endpoint| {
                Hop::Proxy(Proxy {
                    endpoint,
                    credentials: None,
                })
            })
        }
        "HTTPS" | "SOCKS" | "SOCKS4" | "SOCKS5" | "QUIC" => {
            let place: String = place.chars().take(MAX_PLACE).collect();
            Some(Hop::Other(format!("{kind} {place}").trim_end().to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Hop {
        Hop::Proxy(Proxy {
            endpoint: Endpoint::parse(text).unwrap(),
            credentials: None,
        })
    }

    fn other(text: &str) -> Hop {
        Hop::Other(text.to_owned())
    }

    #[test]
    fn answers_are_read_in_order() {
        for (answer, expected) in [
            ("DIRECT", vec![Hop::Direct]),
            ("", vec![Hop::Direct]),
            (" ; direct", vec![Hop::Direct]),
            (
                "PROXY p.example:3128; DIRECT",
                vec![proxy("p.example:3128"), Hop::Direct],
            ),
            (
                "PROXY a:1;proxy b;SOCKS5 c:1080;DIRECT",
                vec![
                    proxy("a:1"),
                    proxy("b:80"),
                    other("SOCKS5 c:1080"),
                    Hop::Direct,
                ],
            ),
            ("HTTPS p.example:443", vec![other("HTTPS p.example:443")]),
            (
                "PROXY a:1; nonsense; DIRECT",
                vec![proxy("a:1"), Hop::Direct],
            ),
        ] {
            assert_eq!(said(answer), Some(expected), "{answer:?}");
        }
        for strange in ["PROXY :1:", "go away", "nonsense; DIRECT"] {
            assert_eq!(said(strange), None, "{strange:?}");
        }
    }

    #[test]
    fn no_more_than_a_few_are_read() {
        let many = "PROXY a:1;".repeat(100);
        assert_eq!(said(&many).unwrap().len(), MAX_HOPS);
    }
}
