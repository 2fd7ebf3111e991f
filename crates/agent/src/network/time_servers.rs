//! The time servers that this host keeps its clock by, as its own time service is configured.
//!
//! The row `time` of the catalogue is about the system's service, so it applies to the servers that
//! this service was told: those of chrony, of ntpd (also NTPsec and OpenNTPD), or of
//! systemd-timesyncd, whichever runs. A service that was told none has servers of its maker's,
//! which no file names; then nothing is known here, and the row is skipped.
//!
//! Files are read tolerantly: lines of no known form are passed over. Sources of the forms:
//! chrony.conf(5), ntp.conf(5), ntpd.conf(5), timesyncd.conf(5).

use std::fs::File;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Servers of one host at most; more are left out.
pub const MAX_SERVERS: usize = 8;
/// Files that are read at most, with those that they include.
const MAX_FILES: usize = 32;
/// Bytes of a file that are read.
const MAX_BYTES: u64 = 64 << 10;
/// Entries of a folder that are looked at.
const MAX_ENTRIES: usize = 256;
/// The port that the catalogue's row has (RFC 5905).
const PORT: &str = "123";

/// A time service: what shows that it runs, and where its settings are.
struct Service {
    /// Any of these exists while it runs.
    running: &'static [&'static str],
    form: Form,
    files: &'static [&'static str],
    /// Folders of further files, whose names end with one of `endings`.
    folders: &'static [&'static str],
    endings: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A directive and its words on each line, as chrony, ntpd and OpenNTPD have it.
    Lines,
    /// `NTP=` in a section `[Time]`.
    Timesyncd,
}

/// The first that runs is taken: where chrony or ntpd is installed, timesyncd stays off.
const SERVICES: [Service; 4] = [
    Service {
        running: &["run/chrony", "run/chronyd.pid"],
        form: Form::Lines,
        files: &["etc/chrony/chrony.conf", "etc/chrony.conf"],
        folders: &[
            "etc/chrony/conf.d",
            "etc/chrony/sources.d",
            "run/chrony-dhcp",
        ],
        endings: &[".conf", ".sources"],
    },
    Service {
        running: &["run/ntpd.pid"],
        form: Form::Lines,
        files: &["etc/ntpsec/ntp.conf", "etc/ntp.conf"],
        folders: &["etc/ntpsec/ntp.d"],
        endings: &[".conf"],
    },
    Service {
        running: &["run/openntpd.sock", "run/ntpd.sock"],
        form: Form::Lines,
        files: &["etc/openntpd/ntpd.conf", "etc/ntpd.conf"],
        folders: &[],
        endings: &[],
    },
    Service {
        running: &["run/systemd/timesync"],
        form: Form::Timesyncd,
        files: &["etc/systemd/timesyncd.conf"],
        folders: &[
            "usr/lib/systemd/timesyncd.conf.d",
            "run/systemd/timesyncd.conf.d",
            "etc/systemd/timesyncd.conf.d",
        ],
        endings: &[".conf"],
    },
];

/// The names and addresses of this host's time servers on the usual port, at most [`MAX_SERVERS`];
/// none where no time service runs, or where the one that does names none.
#[must_use]
pub fn of_this_host() -> Vec<String> {
    of_host_below(Path::new("/"))
}

fn of_host_below(root: &Path) -> Vec<String> {
    let runs = |service: &&Service| {
        let mut signs = service.running.iter();
        signs.any(|sign| root.join(sign).exists())
    };
    let Some(service) = SERVICES.iter().find(runs) else {
        return Vec::new();
    };
    let mut servers = Vec::new();
    for path in files_of(service, root).iter().take(MAX_FILES) {
        let text = text(path);
        match service.form {
            Form::Lines => take_lines(&mut servers, &text),
            Form::Timesyncd => take_timesyncd(&mut servers, &text),
        }
    }
    servers.truncate(MAX_SERVERS);
    servers
}

/// The files of a service that are there, in the order in which they are read.
fn files_of(service: &Service, root: &Path) -> Vec<PathBuf> {
    // Where a service has several places for its file, the first that is there is its own.
    let own = service.files.iter().map(|file| root.join(file));
    let mut found: Vec<PathBuf> = own.filter(|path| path.is_file()).take(1).collect();
    for folder in service.folders {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            continue;
        };
        let mut more: Vec<PathBuf> = entries
            .take(MAX_ENTRIES)
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.to_string_lossy();
                service.endings.iter().any(|ending| name.ends_with(ending)) && path.is_file()
            })
            .collect();
        more.sort_unstable();
        found.append(&mut more);
    }
    found
}

/// The beginning of a file; nothing where it can't be read.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(MAX_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn take_lines(servers: &mut Vec<String>, text: &str) {
    for line in text.lines() {
        let line = line.split(['#', '!', ';', '%']).next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some("server" | "servers" | "pool" | "peer") = words.next() else {
            continue;
        };
        // ntpd: which kind of address the name is to have.
        let mut words = words.skip_while(|word| matches!(*word, "-4" | "-6"));
        let Some(host) = words.next() else { continue };
        let words: Vec<&str> = words.collect();
        let port = words
            .windows(2)
            .find_map(|pair| match pair {
                ["port", port] => Some(*port),
                _ => None,
            })
            .unwrap_or(PORT);
        if port == PORT {
            add(servers, host);
        }
    }
}

fn take_timesyncd(servers: &mut Vec<String>, text: &str) {
    let mut is_time = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_time = line == "[Time]";
            continue;
        }
        let Some(("NTP", hosts)) = line
            .split_once('=')
            .map(|(name, hosts)| (name.trim(), hosts.trim()))
            .filter(|_| is_time)
        else {
            continue;
        };
        // An empty value takes back what files before it said.
        if hosts.is_empty() {
            servers.clear();
        }
        for host in hosts.split_ascii_whitespace() {
            add(servers, host);
        }
    }
}

/// Adds a host that is one, is not this very host (ntpd's clocks are at 127.127.0.0/16), and is not
/// there yet.
fn add(servers: &mut Vec<String>, host: &str) {
    let Ok(host) = net::Host::parse(host) else {
        return;
    };
    if host.is_loopback() || host == net::Host::Address(Ipv4Addr::UNSPECIFIED.into()) {
        return;
    }
    let host = match host {
        net::Host::Address(address) => address.to_string(),
        net::Host::Name(name) => name,
    };
    if servers.len() < MAX_SERVERS && !servers.contains(&host) {
        servers.push(host);
    }
}

#[cfg(test)]
mod tests;
