//! Lists of hosts and ports as CSV: columns by their names, any of four delimiters.

use super::build::{Builder, Draft, endpoint};
use super::cells::{self, HostCell, PortCell};
use super::{
    ImportError, ImportOptions, ImportReport, Imported, MAX_BYTES, MAX_CELL, MAX_ENDPOINTS,
    MAX_ROWS, excerpt,
};
use crate::endpoint::{Endpoint, MatchKind, PortRange, Transport};
use crate::flow::{Direction, Need};
use crate::party::Place;

const DELIMITERS: [u8; 4] = *b",;\t|";
/// Titles and empty lines that may stand above the names of the columns.
const MAX_LINES_ABOVE: usize = 10;

/// What a column is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Host,
    Port,
    Transport,
    Purpose,
    Notes,
    From,
    To,
    Component,
    Need,
    Direction,
    Unknown,
}

/// Reads a list. The first line that names a column of hosts and another known one is taken for
/// the names of the columns; a host cell may hold several hosts, a port cell several ports.
///
/// # Errors
/// When no line names such columns, there is no row, or a limit is hit.
pub fn csv(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge { bytes: bytes.len() });
    }
    let mut builder = Builder::new(bytes, options);
    let text = decode(bytes, &mut builder.report);
    let table = table(&text)?;
    for (index, (column, name)) in table.columns.iter().enumerate() {
        if *column == Column::Unknown {
            let shown = if name.is_empty() {
                format!("column {}", index + 1)
            } else {
                name.clone()
            };
            builder
                .report
                .issue(table.line, &shown, name, "this column is not read");
        }
    }
    for (line, row) in &table.rows {
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let draft = Row {
            line: *line,
            cells: row,
            table: &table,
            options,
        }
        .draft(&mut builder.report);
        builder.add(draft)?;
    }
    builder.finish()
}

/// UTF-8 with or without mark, or UTF-16 with mark; other bytes become U+FFFD and an issue.
fn decode(bytes: &[u8], report: &mut ImportReport) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units = bytes.get(2..).unwrap_or_default().chunks_exact(2);
        let units = units.filter_map(|pair| pair.try_into().ok().map(from));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    if text.contains(char::REPLACEMENT_CHARACTER) {
        report.issue(
            1,
            "file",
            "",
            "some bytes are no UTF-8; save the list as UTF-8",
        );
    }
    text
}

struct Table {
    /// The line with the names.
    line: usize,
    columns: Vec<(Column, String)>,
    rows: Vec<(usize, Vec<String>)>,
}

fn table(text: &str) -> Result<Table, ImportError> {
    for delimiter in DELIMITERS {
        let mut rows = records(text, delimiter)?.into_iter();
        for _ in 0..MAX_LINES_ABOVE {
            let Some((line, names)) = rows.next() else {
                break;
            };
            let columns: Vec<(Column, String)> = names
                .iter()
                .map(|name| (column(name), name.trim().to_owned()))
                .collect();
            let has = |wanted: Column| columns.iter().any(|(column, _)| *column == wanted);
            if (has(Column::Host) || has(Column::To))
                && (has(Column::Port) || has(Column::Transport))
            {
                let rows = rows.collect();
                return Ok(Table {
                    line,
                    columns,
                    rows,
                });
            }
        }
    }
    Err(ImportError::NoColumns {
        got: excerpt(text.lines().next().unwrap_or_default()),
    })
}

fn records(text: &str, delimiter: u8) -> Result<Vec<(usize, Vec<String>)>, ImportError> {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let Ok(record) = record else { continue };
        if rows.len() > MAX_ROWS {
            return Err(ImportError::TooManyRows);
        }
        let line = record.position().map_or(0, ::csv::Position::line);
        rows.push((
            usize::try_from(line).unwrap_or(usize::MAX),
            record.iter().map(str::to_owned).collect(),
        ));
    }
    Ok(rows)
}

/// What a column's name means, in English or French.
fn column(name: &str) -> Column {
    let plain: String = name
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| match c {
            'é' | 'è' | 'ê' => 'e',
            'ô' => 'o',
            'à' | 'â' => 'a',
            '_' | '-' | '/' | '(' | ')' | ':' | '.' | '*' => ' ',
            c => c,
        })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    match words.join(" ").as_str() {
        "id" | "no" | "nr" | "number" | "rule" | "rule name" | "ref" => Column::Id,
        "host"
        | "hosts"
        | "hostname"
        | "hostnames"
        | "host name"
        | "host names"
        | "fqdn"
        | "fqdns"
        | "domain"
        | "domains"
        | "domain name"
        | "url"
        | "urls"
        | "address"
        | "addresses"
        | "ip"
        | "ips"
        | "ip address"
        | "ip addresses"
        | "dest host"
        | "destination host"
        | "destination address"
        | "destination ip"
        | "destination url"
        | "dst"
        | "dst address"
        | "host ip"
        | "ip host"
        | "url ip"
        | "hote"
        | "hotes"
        | "nom d'hote"
        | "nom de domaine"
        | "domaine"
        | "adresse"
        | "adresses"
        | "adresse ip" => Column::Host,
        "port"
        | "ports"
        | "port number"
        | "port numbers"
        | "port s"
        | "destination port"
        | "destination ports"
        | "dest port"
        | "dport"
        | "dst port"
        | "protocol and port"
        | "protocol port"
        | "port protocol"
        | "ports protocols"
        | "protocol and port number"
        | "protocols ports"
        | "tcp udp port"
        | "numero de port"
        | "protocole et numero de port"
        | "port de destination"
        | "service" => Column::Port,
        "protocol" | "protocols" | "proto" | "transport" | "type" | "protocole" | "protocoles"
        | "tcp udp" | "ip protocol" => Column::Transport,
        "purpose" | "description" | "use" | "used for" | "usage" | "function" | "reason"
        | "what for" | "utilise pour" | "utilisation" | "but" => Column::Purpose,
        "note" | "notes" | "comment" | "comments" | "remark" | "remarks" | "remarques"
        | "commentaire" => Column::Notes,
        "source" | "from" | "src" | "source host" | "source address" | "source ip" | "client"
        | "initiator" | "origine" | "source component" => Column::From,
        "destination"
        | "to"
        | "target"
        | "dest"
        | "server"
        | "listener"
        | "cible"
        | "destination component" => Column::To,
        "component" | "product" | "category" | "application" | "composant" | "produit"
        | "service area" => Column::Component,
        "required" | "mandatory" | "needed" | "need" | "obligatoire" | "requis" => Column::Need,
        "direction" | "sens" => Column::Direction,
        _ => Column::Unknown,
    }
}

struct Row<'t> {
    line: usize,
    cells: &'t [String],
    table: &'t Table,
    options: &'t ImportOptions,
}

impl Row<'_> {
    fn all(&self, wanted: Column) -> impl Iterator<Item = (&str, &str)> {
        self.table
            .columns
            .iter()
            .zip(self.cells)
            .filter(move |((column, _), cell)| *column == wanted && !cell.trim().is_empty())
            .map(|((_, name), cell)| (name.as_str(), cell.trim()))
    }

    fn one(&self, wanted: Column) -> Option<&str> {
        self.all(wanted).next().map(|(_, cell)| cell)
    }

    fn draft(&self, report: &mut ImportReport) -> Draft {
        let mut caveats = Vec::new();
        let (hosts, to) = self.hosts(report, &mut caveats);
        let ports = self.ports(report, &mut caveats);
        let endpoints = self.endpoints(&hosts, &ports, report, &mut caveats);
        let named = self.one(Column::Id).map(str::to_owned);
        let name = named
            .clone()
            .or_else(|| hosts.first().map(|host| host.value.clone()))
            .unwrap_or_default();
        Draft {
            name,
            aliases: named.into_iter().collect(),
            line: self.line,
            purpose: self.one(Column::Purpose).unwrap_or_default().to_owned(),
            component: self.one(Column::Component).map(str::to_owned),
            from: vec![self.from()],
            to,
            to_place: Place::Unknown,
            direction: self.direction(report, &mut caveats),
            endpoints,
            source_ports: Vec::new(),
            need: self.need(report),
            notes: self.one(Column::Notes).map(str::to_owned),
            caveats,
        }
    }

    /// The hosts, and the name of the end that they belong to.
    fn hosts(
        &self,
        report: &mut ImportReport,
        caveats: &mut Vec<String>,
    ) -> (Vec<HostCell>, String) {
        let mut found = Vec::new();
        let mut to = self.one(Column::To).map(str::to_owned);
        let has_hosts = self.all(Column::Host).next().is_some();
        let column = if has_hosts { Column::Host } else { Column::To };
        for (name, cell) in self.all(column) {
            if cell.len() > MAX_CELL {
                self.unknown(report, caveats, name, cell, "the cell is too long");
                continue;
            }
            let (hosts, strange) = cells::hosts(cell);
            if !has_hosts && !hosts.is_empty() {
                to = None;
            }
            found.extend(hosts);
            if !strange.is_empty() {
                let words = strange.join(" ");
                self.unknown(
                    report,
                    caveats,
                    name,
                    &words,
                    "expected hosts, got other words",
                );
            }
        }
        (found, to.unwrap_or_else(|| "destination".to_owned()))
    }

    fn ports(&self, report: &mut ImportReport, caveats: &mut Vec<String>) -> Vec<PortCell> {
        let said = self.all(Column::Transport).find_map(|(name, cell)| {
            let transports = cells::transports(cell);
            if transports.is_none() && cells::ports(cell).is_err() {
                self.unknown(
                    report,
                    caveats,
                    name,
                    cell,
                    "expected a transport such as tcp",
                );
            }
            transports
        });
        let mut found = Vec::new();
        // A column of protocols may hold `TCP 443`.
        let in_transport = said.is_none() && self.one(Column::Port).is_none();
        let column = if in_transport {
            Column::Transport
        } else {
            Column::Port
        };
        for (name, cell) in self.all(column) {
            if cell.len() > MAX_CELL {
                self.unknown(report, caveats, name, cell, "the cell is too long");
                continue;
            }
            match cells::ports(cell) {
                Ok(ports) => found.extend(ports),
                Err(_) => self.unknown(
                    report,
                    caveats,
                    name,
                    cell,
                    "expected ports such as 443 or TCP: 80, 443",
                ),
            }
        }
        let Some((transports, protocol)) = said else {
            return found;
        };
        if found.is_empty() {
            found = transports
                .iter()
                .map(|transport| PortCell {
                    transport: *transport,
                    ports: None,
                    protocol: None,
                })
                .collect();
        }
        found
            .into_iter()
            .flat_map(|cell| {
                let known = cell.transport != Transport::Unknown;
                let transports = if known {
                    vec![cell.transport]
                } else {
                    transports.clone()
                };
                let protocol = cell.protocol.clone().or_else(|| protocol.clone());
                transports.into_iter().map(move |transport| PortCell {
                    transport,
                    protocol: protocol.clone(),
                    ..cell.clone()
                })
            })
            .collect()
    }

    fn endpoints(
        &self,
        hosts: &[HostCell],
        ports: &[PortCell],
        report: &mut ImportReport,
        caveats: &mut Vec<String>,
    ) -> Vec<Endpoint> {
        let unknown_host = HostCell {
            kind: MatchKind::Unknown,
            value: String::new(),
            scheme: None,
            port: None,
            path: None,
        };
        let hosts: &[HostCell] = if hosts.is_empty() {
            caveats.push("The list doesn't say the host.".to_owned());
            std::slice::from_ref(&unknown_host)
        } else {
            hosts
        };
        if hosts.len().saturating_mul(ports.len().max(1)) > MAX_ENDPOINTS {
            self.unknown(
                report,
                caveats,
                "row",
                "",
                "the row gives too many pairs of host and port",
            );
            return vec![endpoint(MatchKind::Unknown, "", Transport::Unknown)];
        }
        let mut found: Vec<Endpoint> = Vec::new();
        for host in hosts {
            for made in with_ports(host, ports) {
                match found
                    .iter_mut()
                    .find(|other| is_same_but_ports(other, &made))
                {
                    Some(other) if !made.ports.is_empty() && !other.ports.is_empty() => {
                        other.ports.extend(made.ports);
                        other.ports.sort_unstable();
                        other.ports.dedup();
                    }
                    Some(_) | None => found.push(made),
                }
            }
        }
        if found.iter().any(|end| end.transport == Transport::Unknown) {
            caveats.push("The list doesn't say the transport.".to_owned());
        }
        if found
            .iter()
            .any(|end| end.transport.has_ports() && end.ports.is_empty())
        {
            caveats.push("The list doesn't say the port.".to_owned());
        }
        found
    }

    fn from(&self) -> (String, Vec<String>) {
        let Some(cell) = self.one(Column::From) else {
            return ("source".to_owned(), Vec::new());
        };
        let (hosts, strange) = cells::hosts(cell);
        let plain = strange.is_empty()
            && hosts.iter().all(|host| {
                matches!(
                    host.kind,
                    MatchKind::Ip | MatchKind::Cidr | MatchKind::Exact
                )
            });
        let addresses = if plain {
            hosts.into_iter().map(|host| host.value).collect()
        } else {
            Vec::new()
        };
        (cell.to_owned(), addresses)
    }

    fn direction(&self, report: &mut ImportReport, caveats: &mut Vec<String>) -> Direction {
        let Some((name, cell)) = self.all(Column::Direction).next() else {
            return self.options.direction;
        };
        match cell.to_lowercase().as_str() {
            "out" | "outbound" | "egress" | "outgoing" | "sortant" => Direction::Outbound,
            "in" | "inbound" | "ingress" | "incoming" | "entrant" => Direction::Inbound,
            "internal" | "interne" => Direction::Internal,
            "loopback" | "local" => Direction::Loopback,
            _ => {
                self.unknown(
                    report,
                    caveats,
                    name,
                    cell,
                    "expected inbound, outbound or internal",
                );
                Direction::Unknown
            }
        }
    }

    fn need(&self, report: &mut ImportReport) -> Need {
        let Some((name, cell)) = self.all(Column::Need).next() else {
            return Need::Unknown;
        };
        match cell.to_lowercase().as_str() {
            "yes" | "y" | "true" | "1" | "required" | "mandatory" | "x" | "oui" | "obligatoire"
            | "requis" => Need::Required,
            "no" | "n" | "false" | "0" | "optional" | "non" | "facultatif" | "optionnel" => {
                Need::Optional
            }
            _ => {
                report.issue(self.line, name, cell, "expected yes or no; stays unknown");
                Need::Unknown
            }
        }
    }

    fn unknown(
        &self,
        report: &mut ImportReport,
        caveats: &mut Vec<String>,
        column: &str,
        cell: &str,
        what: &str,
    ) {
        report.issue(self.line, column, cell, format!("{what}; stays unknown"));
        caveats.push(format!(
            "Column \"{column}\" was not understood: \"{}\".",
            excerpt(cell)
        ));
    }
}

fn with_ports(host: &HostCell, ports: &[PortCell]) -> Vec<Endpoint> {
    let make = |transport, range: Option<PortRange>, protocol: Option<String>| Endpoint {
        ports: range.into_iter().collect(),
        protocol: protocol.or_else(|| host.scheme.clone()),
        path: host.path.clone(),
        ..endpoint(host.kind, &host.value, transport)
    };
    let by_scheme = match host.scheme.as_deref() {
        Some("http" | "https" | "ws" | "wss" | "ftp") => Transport::Tcp,
        Some(_) | None => Transport::Unknown,
    };
    if ports.is_empty() {
        return vec![make(by_scheme, host.port, None)];
    }
    ports
        .iter()
        .map(|cell| {
            let transport = if cell.transport == Transport::Unknown {
                by_scheme
            } else {
                cell.transport
            };
            let range = if transport.has_ports() || transport == Transport::Unknown {
                cell.ports.or(host.port)
            } else {
                None
            };
            make(transport, range, cell.protocol.clone())
        })
        .collect()
}

fn is_same_but_ports(a: &Endpoint, b: &Endpoint) -> bool {
    a.kind == b.kind
        && a.value == b.value
        && a.transport == b.transport
        && a.protocol == b.protocol
        && a.path == b.path
}
