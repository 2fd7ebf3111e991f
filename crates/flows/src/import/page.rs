//! A saved page of a vendor: which hosts and ports its text names, and on which lines.
//!
//! Pages differ in layout, therefore only what stands in the text counts: URLs, names of hosts,
//! addresses, and numbers behind words such as `TCP` or `port`, or alone in a cell below hosts.
//! [`read`] takes the text apart; [`compare`] holds it against a catalogue. What people save as
//! HTML is read without its tags.

mod compare;
mod markup;
mod words;

use std::collections::BTreeSet;

use crate::endpoint::{PortRange, Transport};
use crate::host::Host;
use crate::import::{ImportError, MAX_BYTES};
use words::{Named, Scheme, Word};

pub use compare::{Change, CompareError, PageDiff, Row, compare};

/// Hosts and ports of one page; more refuse it.
pub const MAX_MENTIONS: usize = 20_000;
/// A host waits so many lines for the cell that holds its port.
const CELL_WITHIN_LINES: usize = 20;

/// What a page names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In the page's order.
    pub hosts: Vec<HostMention>,
    /// In the page's order; each also where it has no host.
    pub ports: Vec<PortMention>,
    /// Hosts with the ports that belong to them.
    pub pairs: BTreeSet<Pair>,
}

/// A host on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMention {
    /// Counted from 1.
    pub line: usize,
    pub host: Host,
    /// Behind the host in a URL, where there is more than a slash.
    pub path: Option<String>,
}

/// A port on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortMention {
    /// Counted from 1.
    pub line: usize,
    /// Unknown where the page doesn't say.
    pub transport: Transport,
    pub ports: PortRange,
}

/// A host with one of its ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The host's, counted from 1.
    pub line: usize,
    pub host: Host,
    /// Unknown where the page doesn't say.
    pub transport: Transport,
    pub ports: PortRange,
}

/// A host whose port may stand in a cell below.
struct Waiting {
    line: usize,
    host: Host,
    scheme: Option<Scheme>,
}

/// Takes a page's text apart.
///
/// # Errors
/// When the page is too large, or names too much.
pub fn read(text: &str) -> Result<Page, ImportError> {
    if text.len() > MAX_BYTES {
        return Err(ImportError::TooLarge { bytes: text.len() });
    }
    let plain = markup::plain(text);
    let mut reader = Reader::default();
    for (index, line) in plain.lines().enumerate() {
        reader.line(index + 1, line);
        if reader.page.hosts.len() + reader.page.ports.len() > MAX_MENTIONS {
            return Err(ImportError::TooManyMentions);
        }
    }
    reader.settle(usize::MAX);
    Ok(reader.page)
}

#[derive(Default)]
struct Reader {
    page: Page,
    waiting: Vec<Waiting>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        self.settle(number);
        if let Some(cell) = words::port_cell(line).filter(|_| !self.waiting.is_empty()) {
            self.cell(number, &cell);
            return;
        }
        let mut hosts: Vec<(Host, Option<Scheme>)> = Vec::new();
        let mut ports: Vec<(Transport, PortRange)> = Vec::new();
        for word in words::of(line) {
            match word {
                Word::Host(Named {
                    host,
                    scheme,
                    port,
                    path,
                }) => {
                    if let Some(port) = port {
                        self.port(number, Transport::Tcp, port);
                        self.pair(number, &host, Transport::Tcp, port);
                    } else {
                        hosts.push((host.clone(), scheme));
                    }
                    self.page.hosts.push(HostMention {
                        line: number,
                        host,
                        path,
                    });
                }
                Word::Ports {
                    transports,
                    ports: named,
                } => {
                    for port in named {
                        for transport in &transports {
                            self.port(number, *transport, port);
                            ports.push((*transport, port));
                        }
                    }
                }
            }
        }
        if !hosts.is_empty() && ports.is_empty() {
            for port in words::lone_cells(line) {
                self.port(number, Transport::Unknown, port);
                ports.push((Transport::Unknown, port));
            }
        }
        for (host, scheme) in hosts {
            if ports.is_empty() {
                self.waiting.push(Waiting {
                    line: number,
                    host,
                    scheme,
                });
                continue;
            }
            for (transport, port) in &ports {
                self.pair(number, &host, *transport, *port);
            }
        }
    }

    /// A cell of ports below hosts belongs to all that wait.
    fn cell(&mut self, number: usize, cell: &[PortRange]) {
        for port in cell {
            self.port(number, Transport::Unknown, *port);
        }
        for host in std::mem::take(&mut self.waiting) {
            // Plain HTTP and 443 exclude each other: the cell is that of the row's https URLs.
            let own = host.scheme.filter(|scheme| {
                *scheme == Scheme::Http && cell.iter().all(|port| port.contains(443))
            });
            if let Some(scheme) = own {
                self.pair(host.line, &host.host, Transport::Tcp, scheme.port());
                continue;
            }
            let transport = match host.scheme {
                Some(_) => Transport::Tcp,
                None => Transport::Unknown,
            };
            for port in cell {
                self.pair(host.line, &host.host, transport, *port);
            }
        }
    }

    /// Hosts that have waited long enough get the port of their scheme.
    fn settle(&mut self, now: usize) {
        let (old, young) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|host| now.saturating_sub(host.line) > CELL_WITHIN_LINES);
        self.waiting = young;
        let old: Vec<Waiting> = old;
        for host in old {
            if let Some(scheme) = host.scheme {
                self.pair(host.line, &host.host, Transport::Tcp, scheme.port());
            }
        }
    }

    fn port(&mut self, line: usize, transport: Transport, ports: PortRange) {
        self.page.ports.push(PortMention {
            line,
            transport,
            ports,
        });
    }

    fn pair(&mut self, line: usize, host: &Host, transport: Transport, ports: PortRange) {
        self.page.pairs.insert(Pair {
            line,
            host: host.clone(),
            transport,
            ports,
        });
    }
}

#[cfg(test)]
mod tests;
