use super::*;
use crate::profile::PortProfile;
use crate::site::Site;

const CATALOGUE: &str = r#"
id = "acme"
version = "1"
vendor = "Acme"
product = "Shield"
product_versions = { from = "11" }

[[variable]]
name = "server"
kind = "hosts"
description = "The server."

[[variable]]
name = "clients"
kind = "hosts"
description = "The clients."

[[variable]]
name = "console-port"
kind = "port"
description = "The console's port."

[[feature]]
id = "sandbox"
name = "sandbox"
default_on = false

[[party]]
id = "client"
name = "client"
place = "site"
variable = "clients"

[[party]]
id = "visitor"
name = "visitor"
place = "anywhere"

[[party]]
id = "server"
name = "server"
place = "site"
variable = "server"

[[party]]
id = "vendor"
name = "vendor"
place = "outside"

[[flow]]
id = "update"
purpose = "Clients fetch updates."
from = ["client"]
to = "vendor"
direction = "outbound"
need = "required"
regions = ["eu"]
caveats = ["The page lost a host."]
endpoints = [
    { match = "exact", value = "old.example.com", transport = "tcp", ports = ["80"], versions = { before = "12" } },
    { match = "any-depth", value = "example.com", transport = "tcp", ports = ["443"] },
    { match = "unknown", transport = "tcp", ports = ["443"] },
]

[[flow]]
id = "console"
purpose = "People sign in."
from = ["client", "visitor"]
to = "server"
direction = "internal"
need = "required"
deployments = ["on-premises"]
endpoints = [
    { match = "variable", value = "server", transport = "tcp", ports = ["8443"], port_variable = "console-port" },
]

[[flow]]
id = "detonate"
purpose = "Files are run elsewhere."
from = ["server"]
to = "vendor"
direction = "outbound"
need = "optional"
features = ["sandbox"]
effective = "2024-03"
endpoints = [
    { match = "ip", value = "192.0.2.7", transport = "esp" },
]

[[flow]]
id = "helper"
purpose = "Two processes of one host."
from = ["client"]
to = "client"
direction = "loopback"
need = "required"
versions = { before = "14" }
endpoints = [
    { match = "ip", value = "127.0.0.1", transport = "tcp", ports = ["9000"] },
]

[[flow]]
id = "gone"
purpose = "Was used once."
from = ["client"]
to = "vendor"
direction = "outbound"
need = "required"
retired = { since = "2020", reason = "replaced by update" }
endpoints = [
    { match = "exact", value = "gone.example.com", transport = "tcp", ports = ["443"] },
]
"#;

fn catalogue() -> Catalogue {
    Catalogue::parse(CATALOGUE).unwrap()
}

fn site(change: impl FnOnce(&mut Site)) -> Site {
    let mut site = Site::default();
    change(&mut site);
    site
}

fn version(text: &str) -> Option<Version> {
    Some(Version::parse(text).unwrap())
}

fn ids(selection: &Selection<'_>) -> Vec<String> {
    let id = |selected: &Selected<'_>| selected.flow.id.to_string();
    selection.flows.iter().map(id).collect()
}

fn left_out(site: &Site) -> Vec<(String, Reason)> {
    let catalogue = catalogue();
    select(&catalogue, site)
        .unwrap()
        .left_out
        .into_iter()
        .map(|(flow, reason)| (flow.id.to_string(), reason))
        .collect()
}

#[test]
fn a_site_that_says_nothing_gets_every_row_but_features_that_are_off() {
    let catalogue = catalogue();
    let selection = select(&catalogue, &Site::default()).unwrap();
    assert_eq!(ids(&selection), ["update", "console", "helper", "gone"]);
    assert_eq!(
        selection.flows[1].endpoints[0].host,
        Host::Unset("server".to_owned())
    );
    let sandbox = FlowId::parse("sandbox").unwrap();
    assert_eq!(
        left_out(&Site::default()),
        [(
            "detonate".to_owned(),
            Reason::FeatureOff(vec![sandbox.clone()])
        )]
    );
    let on = site(|site| {
        site.features_on.insert(sandbox);
    });
    assert!(left_out(&on).is_empty());
}

#[test]
fn what_the_site_says_leaves_rows_out_with_the_reason() {
    let reasons = left_out(&site(|site| site.version = version("14")));
    assert!(
        matches!(&reasons[..], [_, (id, Reason::Version { .. })] if id == "helper"),
        "{reasons:?}"
    );
    let mut catalogue = catalogue();
    catalogue.flows[1].regions = vec!["us".to_owned()];
    catalogue.flows[2].deployments = vec!["saas".to_owned()];
    let site = site(|site| {
        site.region = Some("us".to_owned());
        site.deployment = Some("on-premises".to_owned());
    });
    let reasons: Vec<Reason> = select(&catalogue, &site)
        .unwrap()
        .left_out
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert!(
        matches!(
            &reasons[..],
            [Reason::Region { .. }, Reason::Deployment { .. }]
        ),
        "{reasons:?}"
    );
}

#[test]
fn a_day_leaves_out_what_is_not_yet_or_no_longer_used() {
    let on = |day: &str| {
        left_out(&site(|site| {
            site.features_on.insert(FlowId::parse("sandbox").unwrap());
            site.on = Some(Date::parse(day).unwrap());
        }))
    };
    assert!(matches!(
        &on("2024-02-28")[..],
        [(_, Reason::NotYet(_)), (_, Reason::RetiredSince(_))]
    ));
    assert!(matches!(
        &on("2024-03-01")[..],
        [(_, Reason::RetiredSince(_))]
    ));
    assert!(matches!(&on("2019-12-31")[..], [(_, Reason::NotYet(_))]));
}

#[test]
fn variables_become_the_hosts_and_ports_of_the_site() {
    let catalogue = catalogue();
    let site = site(|site| {
        site.set("server=192.0.2.10,server.example").unwrap();
        site.set("clients=198.51.100.0/24").unwrap();
        site.set("console-port=9443").unwrap();
        site.version = version("12");
    });
    let selection = select(&catalogue, &site).unwrap();
    let update = &selection.flows[0].endpoints;
    assert_eq!(update.len(), 2, "the row of older versions is gone");
    assert_eq!(update[0].row, 1);
    assert_eq!(update[0].from, [Host::parse("198.51.100.0/24").unwrap()]);
    let console = &selection.flows[1].endpoints;
    let hosts: Vec<String> = console.iter().map(|end| end.host.value()).collect();
    assert_eq!(hosts, ["192.0.2.10", "server.example"]);
    assert_eq!(console[0].ports, [PortRange::single(9443).unwrap()]);
    assert!(console[0].from.is_empty(), "a visitor comes from anywhere");
}

#[test]
fn what_the_catalogue_does_not_know_is_named_with_what_it_knows() {
    let catalogue = catalogue();
    for (site, words) in [
        (
            site(|site| site.set("severs=192.0.2.1").unwrap()),
            "did you mean \"server\"?",
        ),
        (
            site(|site| site.set("server=*.example.com").unwrap()),
            "the variable server",
        ),
        (
            site(|site| site.set("console-port=80-90").unwrap()),
            "one port",
        ),
        (
            site(|site| site.region = Some("mars".to_owned())),
            "there are: eu",
        ),
        (
            site(|site| site.deployment = Some("on-premise".to_owned())),
            "did you mean \"on-premises\"?",
        ),
        (
            site(|site| {
                site.features_on.insert(FlowId::parse("sandbx").unwrap());
            }),
            "did you mean \"sandbox\"?",
        ),
        (
            site(|site| site.version = version("9")),
            "is about versions from 11",
        ),
    ] {
        let error = select(&catalogue, &site).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_profile_moves_the_ports() {
    let site = site(|site| site.profile = PortProfile::Sangfor);
    let selection = select(Catalogue::garrison(), &site).unwrap();
    assert_eq!(
        selection.flows[0].endpoints[0].ports,
        [PortRange::single(8083).unwrap()]
    );
}

#[test]
fn nothing_unknown_unset_loopback_or_retired_passes_the_perimeter() {
    let catalogue = catalogue();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let gates: Vec<Result<Perimeter<'_>, Reason>> =
        selection.flows.iter().map(Selected::perimeter).collect();
    let update = gates[0].as_ref().unwrap();
    assert_eq!(update.passing.len(), 2);
    assert_eq!(update.held_back, [(2, Reason::HostUnknown)]);
    assert_eq!(
        gates[1].as_ref().unwrap_err(),
        &Reason::Unset("server".to_owned())
    );
    assert_eq!(gates[2].as_ref().unwrap_err(), &Reason::Loopback);
    assert!(matches!(gates[3], Err(Reason::Retired(_))));
}

#[test]
fn a_missing_transport_or_port_is_held_back() {
    let mut catalogue = catalogue();
    catalogue.flows[0].endpoints[0].transport = Transport::Unknown;
    catalogue.flows[0].endpoints[1].ports.clear();
    let selection = select(&catalogue, &Site::default()).unwrap();
    assert_eq!(
        selection.flows[0].perimeter(),
        Err(Reason::TransportUnknown)
    );
    catalogue.flows[0].direction = Direction::Unknown;
    let selection = select(&catalogue, &Site::default()).unwrap();
    assert_eq!(
        selection.flows[0].perimeter(),
        Err(Reason::DirectionUnknown)
    );
}

#[test]
fn what_a_version_still_uses_passes_the_perimeter_for_that_version_alone() {
    let catalogue = Catalogue::built_in("sangfor-endpoint-secure").unwrap();
    let passes = |release: Option<&str>| {
        let site = site(|site| site.version = release.map(|text| Version::parse(text).unwrap()));
        let selection = select(catalogue, &site).unwrap();
        selection.flows.iter().any(|flow| {
            flow.flow.id.as_str() == "saas-rule-databases-cn" && flow.perimeter().is_ok()
        })
    };
    assert!(passes(Some("6.0.3")));
    assert!(!passes(Some("6.0.4")) && !passes(None));
}

#[test]
fn a_site_fills_in_the_host_that_a_source_lost() {
    let catalogue = Catalogue::built_in("symantec-web-security-service").unwrap();
    let forwarding = |site: &Site| {
        let selection = select(catalogue, site).unwrap();
        let flow = selection
            .flows
            .iter()
            .find(|flow| flow.flow.id.as_str() == "proxy-forwarding")
            .unwrap();
        flow.perimeter().map(|perimeter| perimeter.passing.len())
    };
    let missing = forwarding(&Site::default()).unwrap_err();
    assert_eq!(missing, Reason::HostToBeSet("wss-forwarding".to_owned()));
    assert!(missing.to_string().contains("--set wss-forwarding=HOST"));
    let filled = site(|site| site.set("wss-forwarding=192.0.2.0/24").unwrap());
    assert_eq!(forwarding(&filled), Ok(1));
}
