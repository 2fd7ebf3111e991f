//! Proxies whose users are a domain's: sign-in by Kerberos, NTLM and Basic, and what can stand in
//! its way. curl judges too.

use std::path::PathBuf;

use serde_json::{Value, json};
use system_tests::clock;
use system_tests::lab::dns::Answer;
use system_tests::lab::domain::{
    self, CONTROLLER, Domain, DomainController, Membership, PROGRAMS, User,
};
use system_tests::lab::squid::{DomainScheme, Manner, Squid};
use system_tests::lab::{Host, Network, can_make};

use crate::bench::{Bench, Plan};
use crate::cases::{Case, Expected, On};

const EVE: User<'_> = User {
    name: "eve",
    password: "Battery-Staple9",
};
/// The domain controller's host, which is the proxies' too: they ask it through a socket of its
/// own.
const HOST: u8 = 60;
/// Another address of it, where nobody answers Kerberos.
const CLOSED: u8 = 61;
const PROXY: &str = "proxy.corp.test";
/// The same host, by a name that no account has.
const NAMELESS: &str = "other.corp.test";
/// What a vendor's product asks for the reputation of files.
const REPUTATION: &str = "ent-shasta-rrs.symantec.com";

const KERBEROS: u16 = 3140;
const NEGOTIATE: u16 = 3141;
const NTLM: u16 = 3142;
const BASIC: u16 = 3143;

/// A domain that nobody serves yet.
pub(crate) struct Laid {
    host: Host,
    domain: Domain,
    membership: Membership,
}

/// The domain and its proxies.
pub(crate) struct Open {
    pub(crate) cases: Vec<Case>,
    _squids: Vec<Squid>,
    _controller: DomainController,
    _host: Host,
}

/// What stands behind the proxies.
pub(crate) fn reputation(plan: &mut Plan) {
    let certificate = plan.certificate(REPUTATION);
    plan.https(REPUTATION, &certificate, json!({}));
}

/// `None` where there can't be a domain here.
pub(crate) fn lay_out(bench: &Bench) -> Option<Laid> {
    if !can_make("users_of_a_domain_sign_in_at_its_proxies", &PROGRAMS) {
        return None;
    }
    let addresses = Answer::Addresses(vec![Network::address(HOST)]);
    for name in [CONTROLLER, PROXY, NAMELESS] {
        bench.name_server.say(name, addresses.clone());
    }
    let services = Answer::Services(vec![(CONTROLLER.to_owned(), 88)]);
    bench.name_server.say("_kerberos._tcp.corp.test", services);
    let resolver = Network::address(53);
    let folder = bench.folder.path();
    let host = Host::new(&bench.network, "domain", HOST, resolver, folder).unwrap();
    let closed = Network::address(CLOSED);
    host.namespace()
        .shell(&format!("ip addr add {closed}/24 dev wire"))
        .unwrap();
    let table = format!(
        "table inet lab {{ chain input {{ type filter hook input priority filter;\n\
         ip daddr {closed} tcp dport 88 drop\n}}\n}}\n"
    );
    host.namespace().feed(&["nft", "-f", "-"], &table).unwrap();
    let domain = Domain::new(&host, &[EVE]).unwrap();
    let service = format!("HTTP/{PROXY}");
    let membership = domain.service(&host, "squid", &service).unwrap();
    Some(Laid {
        host,
        domain,
        membership,
    })
}

impl Laid {
    /// Starts the domain controller and the proxies.
    pub(crate) fn open(self, bench: &Bench) -> Open {
        let controller = self.domain.serve(&self.host, EVE).unwrap();
        let mut squids: Vec<Squid> = [
            (KERBEROS, DomainScheme::Kerberos),
            (NEGOTIATE, DomainScheme::Negotiate),
            (NTLM, DomainScheme::Ntlm),
            (BASIC, DomainScheme::Basic),
        ]
        .into_iter()
        .map(|(port, scheme)| {
            let manner = Manner::Domain(self.membership.clone(), vec![scheme]);
            Squid::start(&self.host, port, &manner).unwrap()
        })
        .collect();
        for squid in &mut squids {
            squid.wait(&self.host).unwrap();
        }
        let path = |name: &str| bench.folder.path().join(name);
        std::fs::write(path("krb5.conf"), domain::settings("")).unwrap();
        let blocked = domain::settings(&format!("kdc = {}", Network::address(CLOSED)));
        std::fs::write(path("blocked.conf"), blocked).unwrap();
        std::fs::write(path("password"), format!("{}\n", EVE.password)).unwrap();
        assert!(domain::ticket(&bench.client, EVE, &tickets(bench)).unwrap());
        Open {
            cases: cases(bench),
            _squids: squids,
            _controller: controller,
            _host: self.host,
        }
    }
}

fn tickets(bench: &Bench) -> PathBuf {
    bench.folder.path().join("eve.tickets")
}

fn text(path: &std::path::Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// With everything that is in the way of a sign-in at the proxy.
fn cases(bench: &Bench) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |name, user: &str, host: &str, port: u16, expected| {
        let user = user.replace('@', "%40").replace('\\', "%5C");
        let proxy = if user.is_empty() {
            format!("http://{host}:{port}")
        } else {
            format!("http://{user}@{host}:{port}")
        };
        cases.push(Case {
            name,
            arguments: ["--target", "https://healthy.lab.test/", "--proxy", &proxy]
                .map(str::to_owned)
                .to_vec(),
            environment: Vec::new(),
            on: On::Client,
            path: "proxy",
            expected,
        });
    };
    let sick = |verdict| Expected::Sick("proxy", verdict);
    let (healthy, failed) = (Expected::Healthy, sick("sign_in_failed"));
    let right = |user: &str| format!("{user}:{}", EVE.password);
    let (eve, old) = (right("eve@corp.test"), right("CORP\\eve"));
    let address = Network::address(HOST).to_string();
    case("kerberos", &eve, PROXY, KERBEROS, healthy);
    case("kerberos_by_domain", &old, PROXY, KERBEROS, healthy);
    case("kerberos_or_ntlm", &eve, PROXY, NEGOTIATE, healthy);
    case("kerberos_own_tickets", "", PROXY, KERBEROS, healthy);
    case(
        "kerberos_without_user",
        "",
        PROXY,
        KERBEROS,
        sick("sign_in_required"),
    );
    let wrong = "eve@corp.test:wrong";
    case("kerberos_wrong_word", wrong, PROXY, KERBEROS, failed);
    let nobody = "mallory@corp.test:wrong";
    case("kerberos_unknown_user", nobody, PROXY, KERBEROS, failed);
    case("kerberos_unknown_proxy", &eve, NAMELESS, KERBEROS, failed);
    case("kerberos_by_address", &eve, &address, KERBEROS, failed);
    let nowhere = right("eve@nowhere.test");
    case("kerberos_unknown_realm", &nowhere, PROXY, KERBEROS, failed);
    case("controller_blocked", &eve, PROXY, KERBEROS, failed);
    case("clock_off_for_kerberos", &eve, PROXY, KERBEROS, CLOCK_OFF);
    // Kerberos needs a name.
    case("negotiated_ntlm", &old, &address, NEGOTIATE, healthy);
    case(
        "negotiated_ntlm_wrong_word",
        "CORP\\eve:wrong",
        &address,
        NEGOTIATE,
        failed,
    );
    case("domain_ntlm", &old, PROXY, NTLM, healthy);
    case(
        "domain_ntlm_wrong_word",
        "CORP\\eve:wrong",
        PROXY,
        NTLM,
        failed,
    );
    case("domain_basic", &right("eve"), PROXY, BASIC, healthy);
    case("domain_basic_wrong_word", "eve:wrong", PROXY, BASIC, failed);
    let settings = |name: &str| text(&bench.folder.path().join(name));
    let off = clock::off_by("+1200s").expect("libfaketime (package faketime)");
    for case in &mut cases {
        case.environment = match case.name {
            "kerberos_own_tickets" => vec![("KRB5CCNAME", text(&tickets(bench)))],
            "controller_blocked" => vec![("KRB5_CONFIG", settings("blocked.conf"))],
            "clock_off_for_kerberos" => off.to_vec(),
            _ => Vec::new(),
        };
    }
    cases
}

/// What no other case of the laboratory meets.
pub(crate) const CLOCK_OFF: Expected = Expected::Sick("proxy", "clock_skew");

/// What the doctor is to tell besides the verdict.
const SAYS: [(&str, &str); 9] = [
    ("kerberos", "Negotiate (Kerberos)"),
    ("kerberos_own_tickets", "Negotiate (Kerberos)"),
    ("kerberos_wrong_word", "KDC_ERR_PREAUTH_FAILED"),
    ("kerberos_unknown_user", "KDC_ERR_C_PRINCIPAL_UNKNOWN"),
    ("kerberos_unknown_proxy", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
    ("kerberos_by_address", "needs the proxy's name"),
    ("kerberos_unknown_realm", "_kerberos._tcp.nowhere.test"),
    (
        "controller_blocked",
        "ip daddr 10.77.0.61 tcp dport 88 accept",
    ),
    ("clock_off_for_kerberos", "20 min ahead of its own"),
];

/// What is missing of that.
pub(crate) fn unsaid(case: &Case, report: &Value) -> Option<String> {
    let words = SAYS.iter().find(|row| row.0 == case.name)?.1;
    let said = report.to_string().contains(words);
    (!said).then(|| format!("{}: it does not say {words:?}\n{report:#}", case.name))
}

impl Open {
    /// The seed's sentence: the reputation of files is lost behind a proxy with sign-in that a PAC
    /// file names.
    pub(crate) fn reputation_is_lost_behind_the_proxy(&self, bench: &Bench) {
        let script = bench.folder.path().join("domain.pac");
        let body = format!("return 'PROXY {PROXY}:{KERBEROS}';");
        let whole = format!("function FindProxyForURL(url, host) {{ {body} }}\n");
        std::fs::write(&script, whole).unwrap();
        let password = text(&bench.folder.path().join("password"));
        let case = Case {
            name: "reputation_behind_a_proxy_with_sign_in",
            arguments: [
                "--catalog",
                "sep",
                "--pac",
                &text(&script),
                "--proxy-user",
                "eve@corp.test",
                "--proxy-password-file",
                &password,
            ]
            .map(str::to_owned)
            .to_vec(),
            environment: Vec::new(),
            on: On::Client,
            path: "pac",
            expected: Expected::Sick("proxy", "sign_in_required"),
        };
        let report = bench.examine(&case);
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| {
            finding["stage"] == "proxy" && finding["verdict"] == "sign_in_required"
        });
        let finding = finding.unwrap_or_else(|| panic!("{report:#}")).to_string();
        for words in [
            "client-reputation",
            "file reputation (Insight)",
            "Negotiate (Kerberos)",
        ] {
            assert!(finding.contains(words), "{words}: {finding}");
        }
    }

    /// The same proxies, with curl and the tickets that kinit fetched.
    pub(crate) fn curl_agrees(&self, bench: &Bench) {
        let (own, none) = (text(&tickets(bench)), "no-tickets".to_owned());
        let password = EVE.password;
        for (port, scheme, user, cache, expected) in [
            (KERBEROS, "--proxy-negotiate", ":", &own, 0),
            (KERBEROS, "--proxy-negotiate", ":", &none, 56),
            (NEGOTIATE, "--proxy-negotiate", ":", &own, 0),
            (
                NTLM,
                "--proxy-ntlm",
                &format!("CORP\\eve:{password}"),
                &none,
                0,
            ),
            (NTLM, "--proxy-ntlm", "CORP\\eve:wrong", &none, 56),
            (BASIC, "--proxy-basic", &format!("eve:{password}"), &none, 0),
            (BASIC, "--proxy-basic", "eve:wrong", &none, 56),
        ] {
            let status = bench
                .client
                .namespace()
                .command("curl")
                .args(["--silent", "--output", "/dev/null", "--max-time", "20"])
                .args(["--proxy", &format!("http://{PROXY}:{port}")])
                .args([scheme, "--proxy-user", user, "--cacert"])
                .arg(&bench.trusted)
                .arg("https://healthy.lab.test/")
                .env("KRB5CCNAME", cache)
                .env("KRB5_CONFIG", bench.folder.path().join("krb5.conf"))
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(expected), "{port} {scheme} {user}");
        }
    }
}
