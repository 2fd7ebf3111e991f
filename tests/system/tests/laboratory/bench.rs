//! The laboratory: one network on which every case has a name and an address of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::{Value, json};
use system_tests::lab::certificates::{Authority, Certificate, Special};
use system_tests::lab::dns::{Answer, NameServer, Names};
use system_tests::lab::dnsmasq::Dnsmasq;
use system_tests::lab::ocsp::Responder;
use system_tests::lab::squid::{Manner, Squid};
use system_tests::lab::web::WebServers;
use system_tests::lab::{Host, Network};
use system_tests::places;
use tempfile::TempDir;

use crate::cases::{Case, On};

/// The host of the second name server, and that of the authority's responder.
const SECOND: u8 = 54;
const RESPONDER: u8 = 90;
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
    /// What the guarded host does not let out.
    held_back: String,
    /// What the doubtful host's second name server knows.
    second: Vec<(String, Ipv4Addr)>,
    /// Lines of the doubtful host's hosts file, and of the proxies'.
    hosts: [String; 2],
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
            held_back: String::new(),
            second: Vec::new(),
            hosts: [String::new(), String::new()],
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

    /// The guarded host's own filter drops what it sends to this address.
    pub(crate) fn hold_back(&mut self, address: Ipv4Addr) {
        self.held_back
            .push_str(&format!("ip daddr {address} drop\n"));
    }

    /// The doubtful host's second name server knows this name.
    pub(crate) fn second_name(&mut self, name: &str, address: Ipv4Addr) {
        self.second.push((name.to_owned(), address));
    }

    /// The hosts file of the doubtful host knows this name.
    pub(crate) fn known_to_the_doubtful(&mut self, name: &str, address: Ipv4Addr) {
        self.hosts[0].push_str(&format!("{address} {name}\n"));
    }

    /// The hosts file of the proxies' host knows this name.
    pub(crate) fn known_to_proxies(&mut self, name: &str, address: Ipv4Addr) {
        self.hosts[1].push_str(&format!("{address} {name}\n"));
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
        let (guarded, doubtful) = (host("guarded", 32), host("doubtful", 33));
        let (second, responding) = (host("second", SECOND), host("responder", RESPONDER));
        let (proxies, resolving) = (host("proxies", 31), host("resolver", 53));
        let own = format!(
            "table inet own {{ chain output {{ type filter hook output priority filter;\n{}}}\n}}\n",
            self.held_back
        );
        let namespace = guarded.namespace();
        namespace.feed(&["nft", "-f", "-"], &own).unwrap();
        let servers_of_two = format!("nameserver {resolver}\nnameserver {}\n", second.address());
        std::fs::write(doubtful.folder().join("resolv.conf"), servers_of_two).unwrap();
        for (host, lines) in [&doubtful, &proxies].into_iter().zip(&self.hosts) {
            let text = format!("127.0.0.1 localhost\n{lines}");
            std::fs::write(host.folder().join("hosts"), text).unwrap();
        }
        let dnsmasq = Dnsmasq::start(&second, &self.second).unwrap();
        let responder = Responder::start(&responding, 80, &self.good).unwrap();
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
            guarded,
            doubtful,
            trusted,
            public: self.good.certificate(),
            cases: self.cases,
            name_server,
            network,
            folder: self.folder,
            _squids: squids,
            _web: web,
            _dnsmasq: dnsmasq,
            _responder: responder,
            _hosts: [servers, proxies, resolving, second, responding],
        }
    }
}

/// Where the good authority tells what it revoked.
pub(crate) fn responder() -> Ipv4Addr {
    Network::address(RESPONDER)
}

/// The address of a proxy.
pub(crate) fn proxy(port: u16) -> SocketAddr {
    SocketAddr::from((Network::address(31), port))
}

/// The laboratory, open.
pub(crate) struct Bench {
    pub(crate) client: Host,
    guarded: Host,
    doubtful: Host,
    pub(crate) trusted: PathBuf,
    pub(crate) cases: Vec<Case>,
    /// In place of the public's roots.
    public: PathBuf,
    pub(crate) name_server: NameServer,
    pub(crate) network: Network,
    pub(crate) folder: TempDir,
    _squids: Vec<Squid>,
    _web: WebServers,
    _dnsmasq: Dnsmasq,
    _responder: Responder,
    _hosts: [Host; 5],
}

impl Bench {
    /// What the doctor says of a case.
    pub(crate) fn examine(&self, case: &Case) -> Value {
        let host = match case.on {
            On::Client => &self.client,
            On::Guarded => &self.guarded,
            On::Doubtful => &self.doubtful,
        };
        let output = host
            .command("garrison-flows")
            .unwrap()
            .args(["doctor", "--json", "--public-roots"])
            .arg(&self.public)
            .args(&case.arguments)
            .env("SSL_CERT_FILE", &self.trusted)
            .env_remove("SSL_CERT_DIR")
            .env_remove("https_proxy")
            .env_remove("http_proxy")
            // No tickets and settings but the case's own.
            .env("KRB5CCNAME", self.folder.path().join("no-tickets"))
            .env("KRB5_CONFIG", self.folder.path().join("no-settings"))
            .envs(case.environment.iter().cloned())
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
