//! A manager of our own, which tells how it sees a connection: what opens TLS on the way is found
//! although its authority is trusted.

use serde_json::Value;
use system_tests::Running;
use system_tests::estate::serve;
use system_tests::lab::dns::Answer;
use system_tests::lab::{Host, Network};

use crate::bench::{Bench, proxy};
use crate::cases::{BUMPING, Case, Expected, On, PLAIN};

/// The manager's host.
const HOST: u8 = 62;
const NAME: &str = "manager.lab.test";

/// The manager, running.
pub(crate) struct Own {
    pub(crate) cases: Vec<Case>,
    _manager: Running,
    _host: Host,
}

/// Starts the manager.
pub(crate) fn open(bench: &Bench) -> Own {
    let address = Network::address(HOST);
    bench
        .name_server
        .say(NAME, Answer::Addresses(vec![address]));
    let folder = bench.folder.path();
    let resolver = Network::address(53);
    let host = Host::new(&bench.network, "manager", HOST, resolver, folder).unwrap();
    let manager = serve(&host, "manager", NAME, &[]).unwrap();
    let site = host.folder().join("garrison/manager/ca.pem");
    let inspecting = folder.join("inspecting/ca.pem");
    let [site, inspecting] = [site, inspecting].map(|path| path.to_str().unwrap().to_owned());
    let case = |name, path, ca: Option<&String>, by: Option<u16>, expected| {
        let mut arguments = vec![
            "--set".to_owned(),
            format!("manager={NAME}"),
            "--target".to_owned(),
            format!("https://{NAME}/"),
        ];
        if let Some(ca) = ca {
            arguments.extend(["--ca".to_owned(), ca.clone()]);
        }
        if let Some(port) = by {
            arguments.extend(["--proxy".to_owned(), format!("http://{}", proxy(port))]);
        }
        Case {
            name,
            arguments,
            environment: Vec::new(),
            path,
            expected,
            on: On::Client,
        }
    };
    let inspected = Expected::Sick("tls", "inspected");
    let cases = vec![
        case("own_server", "direct", Some(&site), None, Expected::Healthy),
        case(
            "own_server_by_proxy",
            "proxy",
            Some(&site),
            Some(PLAIN),
            Expected::Healthy,
        ),
        // The site trusts who opens TLS.
        case(
            "own_server_inspected",
            "proxy",
            Some(&inspecting),
            Some(BUMPING),
            inspected,
        ),
        // And here the host alone does.
        case(
            "own_server_inspected_for_the_host",
            "proxy",
            None,
            Some(BUMPING),
            inspected,
        ),
    ];
    Own {
        cases,
        _manager: manager,
        _host: host,
    }
}

/// What is missing of what the doctor is to tell besides the verdict.
pub(crate) fn unsaid(case: &Case, report: &Value) -> Option<String> {
    let words = match case.name {
        "own_server" | "own_server_by_proxy" => "both ends have the same value",
        "own_server_inspected" | "own_server_inspected_for_the_host" => {
            "the exporter values differ at both ends"
        }
        _ => return None,
    };
    let said = report.to_string().contains(words);
    (!said).then(|| format!("{}: it does not say {words:?}\n{report:#}", case.name))
}
