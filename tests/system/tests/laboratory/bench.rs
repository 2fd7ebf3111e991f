//! The laboratory: one network on which every case has a name and an address of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::{Value, json};
use system_tests::lab::certificates::{Authority, Certificate, Special};
use system_tests::lab::dns::{Answer, NameServer, Names};
use system_tests::lab::squid::{Manner, Squid};
use system_tests::lab::web::WebServers;
use system_tests::lab::{Host, Network};
use system_tests::places;
use tempfile::TempDir;

use crate::cases::Case;

/// Addresses from here on are the cases' own.
const FIRST: u8 = 100;

/// What is put up, until it is opened.
pub(crate) struct Plan {
    folder: TempDir,
    /// The client trusts it.
    pub(crate) good: Authority,
    /// Nobody trusts it.
    pub(crate) strange: Authority,
    /// It opens TLS on a proxy, and the client trusts it.
    pub(crate) inspecting: Authority,
    names: Names,
    listeners: Vec<Value>,
    filter: String,
    squids: Vec<(u16, Manner)>,
    next: u8,
    pub(crate) cases: Vec<Case>,
}

impl Plan {
    pub(crate) fn new() -> Plan {
        let folder = places::temporary().unwrap();
        let authority = |name: &str| Authority::new(folder.path(), name).unwrap();
        Plan {
            good: authority("good"),
            strange: authority("strange"),
            inspecting: authority("inspecting"),
            names: Names::new(),
            listeners: Vec::new(),
            filter: String::new(),
            squids: Vec::new(),
            next: FIRST,
            cases: Vec::new(),
            folder,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An address of the servers' host that is nobody else's.
    pub(crate) fn address(&mut self) -> Ipv4Addr {
        let address = Network::address(self.next);
        self.next += 1;
        address
    }

    /// What the name server says of a name.
    pub(crate) fn name(&mut self, name: &str, answer: Answer) {
        self.names.insert(name.to_owned(), answer);
    }

    /// A name with an address of its own.
    pub(crate) fn named(&mut self, name: &str) -> Ipv4Addr {
        let address = self.address();
        self.name(name, Answer::Addresses(vec![address]));
        address
    }

    pub(crate) fn listen(&mut self, address: Ipv4Addr, port: u16, more: Value) {
        let mut listener = json!({"address": address.to_string(), "port": port});
        for (key, value) in more.as_object().unwrap() {
            listener[key] = value.clone();
        }
        self.listeners.push(listener);
    }

    /// A server of HTTPS under this name, with what is special about it.
    pub(crate) fn https(&mut self, name: &str, certificate: &Certificate, more: Value) -> Ipv4Addr {
        let address = self.named(name);
        let mut listener = json!({
            "how": "https",
            "certificate": certificate.chain,
            "key": certificate.key,
            "answers": [{"body": "as it should be"}],
        });
        for (key, value) in more.as_object().unwrap() {
            listener[key] = value.clone();
        }
        self.listen(address, 443, listener);
        address
    }

    /// A certificate that the client trusts.
    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let file = name.replace('.', "-");
        self.good.issue(&file, name, &Special::default()).unwrap()
    }

    /// Rules of the servers' host for what comes to an address.
    pub(crate) fn filter(&mut self, address: Ipv4Addr, verdict: &str) {
        self.filter
            .push_str(&format!("ip daddr {address} {verdict}\n"));
    }

    pub(crate) fn squid(&mut self, port: u16, manner: Manner) {
        self.squids.push((port, manner));
    }

    /// Puts everything up.
    pub(crate) fn open(self) -> Bench {
        let network = Network::new().unwrap();
        let resolver = Network::address(53);
        let host = |name: &str, number: u8| {
            Host::new(&network, name, number, resolver, self.folder.path()).unwrap()
        };
        let (client, servers) = (host("client", 30), host("servers", 80));
        let (proxies, resolving) = (host("proxies", 31), host("resolver", 53));
        let mut script = String::new();
        for number in FIRST..self.next {
            let address = Network::address(number);
            script.push_str(&format!("ip addr add {address}/24 dev wire\n"));
        }
        servers.namespace().shell(&script).unwrap();
        let table = format!(
            "table inet lab {{ chain input {{ type filter hook input priority filter;\n{}}}\n}}\n",
            self.filter
        );
        let namespace = servers.namespace();
        namespace.feed(&["nft", "-f", "-"], &table).unwrap();
        let name_server = NameServer::start(&resolving, self.names).unwrap();
        let web = WebServers::start(&servers, &self.listeners).unwrap();
        let mut squids: Vec<Squid> = self
            .squids
            .iter()
            .map(|(port, manner)| Squid::start(&proxies, *port, manner).unwrap())
            .collect();
        for squid in &mut squids {
            squid.wait(&proxies).unwrap();
        }
        let trusted = self.folder.path().join("trusted.pem");
        let mut text = std::fs::read_to_string(self.good.certificate()).unwrap();
        text.push_str(&std::fs::read_to_string(self.inspecting.certificate()).unwrap());
        std::fs::write(&trusted, text).unwrap();
        Bench {
            client,
            trusted,
            public: self.good.certificate(),
            cases: self.cases,
            _squids: squids,
            _web: web,
            _name_server: name_server,
            _hosts: [servers, proxies, resolving],
            _network: network,
            _folder: self.folder,
        }
    }
}

/// The address of a proxy.
pub(crate) fn proxy(port: u16) -> SocketAddr {
    SocketAddr::from((Network::address(31), port))
}

/// The laboratory, open.
pub(crate) struct Bench {
    pub(crate) client: Host,
    pub(crate) trusted: PathBuf,
    pub(crate) cases: Vec<Case>,
    /// In place of the public's roots.
    public: PathBuf,
    _squids: Vec<Squid>,
    _web: WebServers,
    _name_server: NameServer,
    _hosts: [Host; 3],
    _network: Network,
    _folder: TempDir,
}

impl Bench {
    /// What the doctor says of a case.
    pub(crate) fn examine(&self, case: &Case) -> Value {
        let output = self
            .client
            .command("garrison-flows")
            .unwrap()
            .args(["doctor", "--json", "--public-roots"])
            .arg(&self.public)
            .args(&case.arguments)
            .env("SSL_CERT_FILE", &self.trusted)
            .env_remove("SSL_CERT_DIR")
            .env_remove("https_proxy")
            .env_remove("http_proxy")
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: {}",
                case.name,
                system_tests::system::said(&output)
            )
        })
    }
}
