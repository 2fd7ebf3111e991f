//! krb5.conf(5), read tolerantly: what is not understood is passed over.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::endpoint::{Endpoint, Host};

/// TCP, and the flow `domain-controller`.
pub(super) const PORT: u16 = 88;
/// More of one file is not read.
const MAX_FILE: u64 = 1024 * 1024;
/// Files that a file may name, in all.
const MAX_FILES: usize = 64;
/// Domain controllers of one realm that are kept.
const MAX_KDCS: usize = 8;
/// Lines of a section that are kept.
const MAX_ROWS: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings {
    pub(super) default_realm: Option<String>,
    pub(super) default_cache: Option<String>,
    /// Realms with their domain controllers.
    realms: Vec<(String, Endpoint)>,
    /// Hosts, or with a dot before them domains, and their realms.
    domains: Vec<(String, String)>,
}

impl Settings {
    /// As this process's environment says, or of /etc/krb5.conf.
    pub(super) fn of_this_machine() -> Self {
        let given = std::env::var("KRB5_CONFIG").ok();
        let paths = given.as_deref().unwrap_or("/etc/krb5.conf");
        let mut settings = Self::default();
        let mut left = MAX_FILES;
        for path in paths.split(':').filter(|path| !path.is_empty()) {
            settings.take(&text(Path::new(path), &mut left, 1));
        }
        settings
    }

    /// Takes what a file says, where nothing before it said it.
    pub(super) fn take(&mut self, text: &str) {
        let mut section = String::new();
        let mut realm: Option<String> = None;
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                section = name.split(']').next().unwrap_or_default().trim().to_owned();
                realm = None;
                continue;
            }
            if line.starts_with('}') {
                realm = None;
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            // A star behind a name says that later files don't count for it.
            let name = name.trim().trim_end_matches('*');
            let value = value.trim();
            match (section.as_str(), name) {
                ("libdefaults", "default_realm") => {
                    self.default_realm.get_or_insert_with(|| value.to_owned());
                }
                ("libdefaults", "default_ccache_name") => {
                    self.default_cache.get_or_insert_with(|| value.to_owned());
                }
                ("realms", _) if value.starts_with('{') => realm = Some(name.to_owned()),
                ("realms", "kdc") => {
                    let kdc = realm.clone().zip(kdc(value));
                    self.realms
                        .extend(kdc.filter(|_| self.realms.len() < MAX_ROWS));
                }
                ("domain_realm", _) if self.domains.len() < MAX_ROWS => {
                    self.domains
                        .push((name.to_ascii_lowercase(), value.to_owned()));
                }
                _ => {}
            }
        }
    }

    /// Those that are named, at most eight.
    pub(super) fn kdcs(&self, realm: &str) -> Vec<Endpoint> {
        let of_realm = self.realms.iter().filter(|row| row.0 == realm);
        of_realm.map(|row| row.1.clone()).take(MAX_KDCS).collect()
    }

    /// The realm to which a host is said to belong: by its own name, else by the nearest domain.
    pub(super) fn realm_of(&self, host: &str) -> Option<&str> {
        let named = |wanted: &str| {
            let row = self.domains.iter().find(|row| row.0 == wanted);
            row.map(|row| row.1.as_str())
        };
        let domains = host.match_indices('.').filter_map(|(at, _)| host.get(at..));
        named(host).or_else(|| domains.into_iter().find_map(named))
    }

    /// The realm whose first label is a domain's short name, as it is where a domain has such a
    /// name at all. `near` are other realms that there may be.
    pub(super) fn realm_of_domain(&self, domain: &str, near: &[String]) -> Option<String> {
        let known = self.realms.iter().map(|row| &row.0);
        let said = self.domains.iter().map(|row| &row.1);
        let all = self.default_realm.iter().chain(known).chain(said);
        all.chain(near)
            .find(|realm| {
                let first = realm.split('.').next().unwrap_or_default();
                first.eq_ignore_ascii_case(domain)
            })
            .cloned()
    }
}

fn kdc(text: &str) -> Option<Endpoint> {
    // MIT's notation for a protocol.
    let text = text.strip_prefix("tcp/").unwrap_or(text);
    if let Ok(host) = Host::parse(text) {
        return Some(Endpoint { host, port: PORT });
    }
    Endpoint::parse(text).ok()
}

/// A file with those that it includes in their places; what can't be read counts as empty.
fn text(path: &Path, left: &mut usize, depth: u8) -> String {
    let Some(rest) = left.checked_sub(1) else {
        return String::new();
    };
    *left = rest;
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read until an error still counts.
        let _ = file.take(MAX_FILE).read_to_end(&mut bytes);
    }
    let own = String::from_utf8_lossy(&bytes);
    let mut whole = String::new();
    for line in own.lines() {
        let (word, file) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word {
            "include" if depth > 0 => {
                whole.push_str(&text(Path::new(file.trim()), left, depth - 1))
            }
            "includedir" if depth > 0 => {
                for path in files(Path::new(file.trim())) {
                    whole.push_str(&text(&path, left, depth - 1));
                }
            }
            _ => {
                whole.push_str(line);
                whole.push('\n');
            }
        }
    }
    whole
}

/// Of a folder, those that krb5.conf(5) counts: of plain names or with `.conf` at their end.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let plain = name.trim_end_matches(".conf");
            !plain.is_empty()
                && plain
                    .chars()
                    .all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_')
        })
        .map(|entry| entry.path())
        .take(MAX_FILES)
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_their_controllers_and_hosts_are_read_and_the_rest_is_passed_over() {
        let mut settings = Settings::default();
        settings.take(
            "# by hand\n[logging]\n kdc = FILE:/var/log/kdc\n[libdefaults]\n\tdefault_realm = CORP.TEST\n\
             default_ccache_name = FILE:/run/cc_%{uid}\n[realms]\nCORP.TEST = {\n kdc = dc.corp.test\n\
             kdc = tcp/[2001:db8::1]:1088\n kdc = ::nonsense::/\n v4_name_convert = {\n host = { x = y }\n }\n}\n\
             LAB.TEST = {\n kdc = dc.lab.test:89\n}\n[domain_realm]\n .lab.test = LAB.TEST\nweb.lab.test = CORP.TEST\n",
        );
        assert_eq!(settings.default_realm.as_deref(), Some("CORP.TEST"));
        let kdcs: Vec<String> = settings
            .kdcs("CORP.TEST")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(kdcs, ["dc.corp.test:88", "[2001:db8::1]:1088"]);
        assert_eq!(settings.kdcs("LAB.TEST").len(), 1);
        assert_eq!(settings.realm_of("proxy.a.lab.test"), Some("LAB.TEST"));
        assert_eq!(settings.realm_of("web.lab.test"), Some("CORP.TEST"));
        assert_eq!(settings.realm_of("lab.example"), None);
        let near = ["HOME.TEST".to_owned()];
        let realm = |domain| settings.realm_of_domain(domain, &near);
        assert_eq!(realm("lab").as_deref(), Some("LAB.TEST"));
        assert_eq!(realm("HOME").as_deref(), Some("HOME.TEST"));
        assert_eq!(realm("OTHER"), None);
    }

    #[test]
    fn files_are_included_once_and_never_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("krb5.conf");
        let more = folder.path().join("more.d");
        std::fs::create_dir(&more).unwrap();
        std::fs::write(more.join("a.conf"), "[libdefaults]\ndefault_realm = A\n").unwrap();
        std::fs::write(more.join("b~"), "[libdefaults]\ndefault_realm = B\n").unwrap();
        let itself = format!(
            "includedir {}\ninclude {}\n[libdefaults]\ndefault_realm = C\n",
            more.display(),
            main.display()
        );
        std::fs::write(&main, itself).unwrap();
        let mut settings = Settings::default();
        settings.take(&text(&main, &mut { MAX_FILES }, 1));
        assert_eq!(settings.default_realm.as_deref(), Some("A"));
    }
}
