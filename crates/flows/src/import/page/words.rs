//! The words of a line that are hosts or ports.

use crate::endpoint::{PortRange, Transport};
use crate::host::{Host, Name};

/// Ends of names that are files' and no hosts'.
const FILES: &[&str] = &[
    "bat", "cmd", "conf", "css", "csv", "dat", "deb", "dll", "doc", "docx", "exe", "gif", "htm",
    "html", "ini", "jpg", "js", "json", "log", "md", "msi", "pdf", "php", "png", "ps", "rpm", "sh",
    "sys", "txt", "xls", "xlsx", "xml", "zip",
];
/// Ends of hosts' names that are no country's. Prose without a space behind a full stop looks
/// like a name, too; of other ends only URLs count.
const GENERIC: &[&str] = &[
    "academy",
    "agency",
    "app",
    "arpa",
    "biz",
    "center",
    "cloud",
    "com",
    "company",
    "dev",
    "digital",
    "edu",
    "example",
    "global",
    "gov",
    "group",
    "host",
    "info",
    "int",
    "local",
    "media",
    "mil",
    "mobi",
    "name",
    "net",
    "network",
    "online",
    "org",
    "pro",
    "security",
    "services",
    "site",
    "software",
    "solutions",
    "support",
    "systems",
    "tech",
    "technology",
    "test",
    "tools",
    "world",
    "xyz",
    "zone",
];

/// A word that counts.
pub(super) enum Word {
    Host(Named),
    Ports {
        /// At least one; unknown where the line doesn't say.
        transports: Vec<Transport>,
        ports: Vec<PortRange>,
    },
}

/// A host as a line names it.
pub(super) struct Named {
    pub(super) host: Host,
    pub(super) scheme: Option<Scheme>,
    pub(super) port: Option<PortRange>,
    pub(super) path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The port that it has where a URL names none (RFC 9110, section 4.2).
    pub(super) fn port(self) -> PortRange {
        match self {
            Self::Http => PortRange::HTTP,
            Self::Https => PortRange::HTTPS,
        }
    }
}

/// Hosts and ports of a line, in its order (ports last).
pub(super) fn of(line: &str) -> Vec<Word> {
    let apart = |letter: char| {
        letter.is_whitespace() || matches!(letter, ',' | ';' | '|' | '<' | '>' | '"')
    };
    let hosts = line.split(apart).filter_map(host).map(Word::Host);
    hosts.chain(ports(line)).collect()
}

fn host(word: &str) -> Option<Named> {
    let word = word.trim_matches(|letter: char| {
        !letter.is_ascii_alphanumeric() && !matches!(letter, '*' | '[' | '/')
    });
    if let Some((scheme, rest)) = word.split_once("://") {
        let scheme = scheme.trim_start_matches(|letter: char| !letter.is_ascii_alphabetic());
        return url(scheme, rest);
    }
    if word.contains('@') {
        return None;
    }
    let whole = word.trim_end_matches(['/', '*']);
    if let Ok(found @ (Host::Ip(_) | Host::Cidr(_))) = Host::parse(whole) {
        return Some(named(found));
    }
    let (name, path) = word
        .split_once('/')
        .map_or((word, None), |(name, path)| (name, Some(path)));
    let (name, port) = split_port(name);
    Some(Named {
        port,
        path: plain_path(path),
        ..named(by_name(name)?)
    })
}

const fn named(host: Host) -> Named {
    Named {
        host,
        scheme: None,
        port: None,
        path: None,
    }
}

fn url(scheme: &str, rest: &str) -> Option<Named> {
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(Scheme::Http),
        "https" | "wss" => Some(Scheme::Https),
        _ => None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (name, port) = split_port(authority);
    let host = Host::parse(name.trim_matches(['[', ']']))
        .ok()
        .or_else(|| wildcard(name))?;
    Some(Named {
        host,
        scheme,
        port,
        path: plain_path(path.strip_prefix('/')),
    })
}

fn plain_path(path: Option<&str>) -> Option<String> {
    path.filter(|path| !path.is_empty())
        .map(|path| format!("/{path}"))
}

fn split_port(authority: &str) -> (&str, Option<PortRange>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name, PortRange::parse(port).ok())
        }
        Some(_) | None => (authority, None),
    }
}

fn wildcard(name: &str) -> Option<Host> {
    Name::parse(name.strip_prefix("*.")?)
        .ok()
        .map(Host::AnyDepth)
}

/// A name outside of a URL: small letters, an end that hosts have.
fn by_name(word: &str) -> Option<Host> {
    let bare = word.strip_prefix("*.").unwrap_or(word);
    let (before, end) = bare.rsplit_once('.')?;
    let letters = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '.' | '-' | '_')
    };
    let country = end.len() == 2 && end.bytes().all(|byte| byte.is_ascii_lowercase());
    let plausible = bare.chars().all(letters)
        && before.bytes().any(|byte| byte.is_ascii_lowercase())
        && (country || GENERIC.contains(&end))
        && !FILES.contains(&end);
    if !plausible {
        return None;
    }
    wildcard(word).or_else(|| Name::parse(word).ok().map(Host::Exact))
}

/// Ports behind `TCP`, `UDP`, `HTTP`, `HTTPS` or `port`, or a range before `TCP` or `UDP`.
fn ports(line: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut rest = line;
    let mut before: Option<Vec<PortRange>> = None;
    while let Some((token, after)) = token(rest) {
        rest = after;
        let Some(transports) = keyword(token) else {
            before = list(token).map(|(ports, _)| ports);
            continue;
        };
        match behind(rest, transports) {
            Some((transports, ports, after)) => {
                rest = after;
                found.push(Word::Ports { transports, ports });
            }
            None => {
                let is_transport = !transports.contains(&Transport::Unknown);
                if let Some(ports) = before.take().filter(|_| is_transport) {
                    let transports = transports.to_vec();
                    found.push(Word::Ports { transports, ports });
                }
            }
        }
        before = None;
    }
    found
}

const BOTH: &[Transport] = &[Transport::Tcp, Transport::Udp];
const TCP: &[Transport] = &[Transport::Tcp];
const UDP: &[Transport] = &[Transport::Udp];
const UNSAID: &[Transport] = &[Transport::Unknown];

fn keyword(token: &str) -> Option<&'static [Transport]> {
    Some(match token.to_ascii_lowercase().as_str() {
        "tcp" | "http" | "https" => TCP,
        "udp" => UDP,
        "tcp/udp" | "udp/tcp" => BOTH,
        "port" | "ports" | "port(s)" => UNSAID,
        _ => return None,
    })
}

/// The ports that follow a keyword; between them may stand `port`, a colon, and behind `port` one
/// other word (`ports distants 80`).
fn behind<'t>(
    text: &'t str,
    transports: &'static [Transport],
) -> Option<(Vec<Transport>, Vec<PortRange>, &'t str)> {
    let text = text.trim_start_matches([' ', ':', '\u{a0}']);
    if let Some((ports, after)) = list(text) {
        return Some((transports.to_vec(), ports, after));
    }
    let (word, after) = token(text)?;
    let after = after.trim_start_matches([' ', ':', '\u{a0}']);
    let is_port = matches!(keyword(word), Some(UNSAID));
    let may_skip = transports == UNSAID && word.chars().all(char::is_alphabetic);
    if !is_port && !may_skip {
        return None;
    }
    let (ports, after) = list(after)?;
    Some((transports.to_vec(), ports, after))
}

/// The next run of letters, digits, hyphens, slashes and brackets, cut where letters of a keyword
/// end in digits (`UDP4500`).
fn token(text: &str) -> Option<(&str, &str)> {
    let part = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '/' | '.' | '_');
    let start = text.find(part)?;
    let text = text.get(start..)?;
    let end = text.find(|letter| !part(letter)).unwrap_or(text.len());
    let word = text.get(..end)?;
    for glued in ["TCP", "UDP"] {
        let digits = word
            .strip_prefix(glued)
            .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
        if digits {
            return text.split_at_checked(glued.len());
        }
    }
    if word.eq_ignore_ascii_case("port") && text.get(end..)?.starts_with("(s)") {
        return text.split_at_checked(end + 3);
    }
    text.split_at_checked(end)
}

/// Ports and ranges at the beginning of a text, with commas, slashes or words between them, and
/// what follows. `None` where there is none, or the number goes on (`14.3`, `4.9.1`, `2nd`).
fn list(text: &str) -> Option<(Vec<PortRange>, &str)> {
    let mut ports = Vec::new();
    let mut rest = text;
    loop {
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '-' && letter != '–')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(end)?;
        let number = number.replace('–', "-");
        let goes_on = after.starts_with(|letter: char| letter.is_alphanumeric())
            || after
                .strip_prefix('.')
                .is_some_and(|more| more.starts_with(|letter: char| letter.is_alphanumeric()));
        match PortRange::parse(number.trim_end_matches('-')) {
            Ok(port) if !goes_on => ports.push(port),
            Ok(_) | Err(_) => break,
        }
        rest = after;
        match separated(after) {
            Some(next) => rest = next,
            None => break,
        }
    }
    (!ports.is_empty()).then_some((ports, rest))
}

/// What follows a separator of a list, where a digit follows it.
fn separated(text: &str) -> Option<&str> {
    let text = text.trim_start();
    ["/", ",", "et ", "and ", "or ", "ou ", "&", "+"]
        .iter()
        .find_map(|separator| text.strip_prefix(separator))
        .map(str::trim_start)
        .filter(|next| next.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// A line that holds ports and nothing else.
pub(super) fn port_cell(line: &str) -> Option<Vec<PortRange>> {
    let line = line.trim();
    let (ports, rest) = list(line)?;
    rest.trim_matches(['*', ',', ' '])
        .is_empty()
        .then_some(ports)
}

/// Ports in cells of a line with tabs (or bars) that hold nothing else.
pub(super) fn lone_cells(line: &str) -> Vec<PortRange> {
    line.split(['\t', '|'])
        .skip(1)
        .filter_map(port_cell)
        .flatten()
        .collect()
}
