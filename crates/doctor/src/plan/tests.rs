use super::*;
use crate::way::PacSource;
use flows::audit::PacAnswer;
use flows::{Site, built_in};

fn sep() -> &'static Catalogue {
    Catalogue::built_in(built_in::SEP).unwrap()
}

fn no_pac(_: &PacSource, _: &[flows::audit::PacQuestion]) -> Result<Vec<PacAnswer>, String> {
    panic!("no PAC file is asked");
}

fn planned(site: &Site, ways: &Ways, targets: &[&str]) -> Plan<'static> {
    let selection = flows::select(sep(), site).unwrap();
    let targets: Vec<Target> = targets
        .iter()
        .map(|text| Target::parse(text).unwrap())
        .collect();
    let own: &'static Catalogue = Box::leak(Box::new(targets_catalogue(&targets).unwrap()));
    let of_targets = flows::select(own, &Site::default()).unwrap();
    let settings = Settings::default();
    plan(
        &[selection],
        &targets,
        Some(&of_targets),
        ways,
        &settings,
        &no_pac,
    )
    .unwrap()
}

fn through() -> Ways {
    Ways::new(
        None,
        Some(Proxy::parse("http://proxy.test:3128").unwrap()),
        None,
    )
}

fn direct() -> Ways {
    Ways::new(None, None, None)
}

#[test]
fn every_row_is_probed_or_skipped_with_a_reason() {
    let plan = planned(&Site::default(), &direct(), &[]);
    let mut flows: Vec<&str> = plan
        .checks
        .iter()
        .map(|check| plan.destinations[check.destination].flow.id.as_str())
        .collect();
    flows.dedup();
    assert_eq!(flows.len(), sep().flows.len());
    for check in &plan.checks {
        match &check.work {
            Work::Probe(at) => assert!(plan.probes.get(*at).is_some()),
            Work::Skip(why) => assert!(!why.is_empty()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_wildcard_is_skipped_and_says_what_it_needs() {
    let target = Target::parse("https://example.com").unwrap();
    let mut catalogue = targets_catalogue(&[target]).unwrap();
    for kind in [
        flows::MatchKind::OneLabel,
        flows::MatchKind::AnyDepth,
        flows::MatchKind::ApexAndSubdomains,
    ] {
        catalogue.flows[0].endpoints[0].kind = kind;
        let selection = flows::select(&catalogue, &Site::default()).unwrap();
        let rows = of_rows(&selection, &Settings::default());
        let why = rows[0].ask.as_ref().unwrap_err();
        assert_eq!(
            why,
            "it stands for many names; needs a concrete name: --target"
        );
    }
}

#[test]
fn the_same_connection_is_probed_once_for_all_its_flows() {
    let plan = planned(&Site::default(), &direct(), &[]);
    let probing = plan
        .checks
        .iter()
        .filter(|check| matches!(check.work, Work::Probe(_)))
        .count();
    assert!(plan.probes.len() < probing);
    let mut keys: Vec<String> = plan
        .probes
        .iter()
        .map(|probe| {
            let (what, path) = (&probe.transport, &probe.path);
            format!(
                "{} {what:?} {path:?} {:?}",
                probe.endpoint, probe.revocation
            )
        })
        .collect();
    keys.sort();
    let before = keys.len();
    keys.dedup();
    assert_eq!(before, keys.len());
    // They are of another vendor's servers, which know nothing of our question.
    assert!(plan.probes.iter().all(|probe| probe.binding_path.is_none()));
}

#[test]
fn behind_a_proxy_the_direct_way_is_only_a_reference() {
    let plan = planned(&Site::default(), &through(), &[]);
    for check in &plan.checks {
        let destination = &plan.destinations[check.destination];
        let through = plan
            .checks
            .iter()
            .any(|other| other.destination == check.destination && other.via.is_some());
        assert_eq!(
            check.reference,
            through && check.path == PathKind::Direct,
            "{} {}",
            destination.flow.id,
            destination.host
        );
    }
    assert!(plan.checks.iter().any(|check| check.reference));
}

#[test]
fn flows_inside_the_site_do_not_go_through_the_proxy() {
    let mut site = Site::default();
    site.set("manager=192.0.2.10").unwrap();
    let plan = planned(&site, &through(), &[]);
    for check in plan.checks.iter().filter(|check| check.via.is_some()) {
        let flow = plan.destinations[check.destination].flow;
        assert_ne!(flow.direction, Direction::Internal, "{}", flow.id);
    }
}

#[test]
fn a_target_is_known_by_the_rows_that_want_it_and_else_has_its_own() {
    let plan = planned(
        &Site::default(),
        &direct(),
        &["https://ent-shasta-rrs.symantec.com", "tls://a.test:8443"],
    );
    let ids: Vec<&str> = plan
        .destinations
        .iter()
        .map(|one| one.flow.id.as_str())
        .collect();
    assert!(ids.contains(&"client-reputation"), "{ids:?}");
    assert!(ids.contains(&"target-2"), "{ids:?}");
    let own = plan
        .destinations
        .iter()
        .find(|one| one.flow.id.as_str() == "target-2")
        .unwrap();
    assert_eq!(
        own.flow.breaks[0].feature.as_str(),
        "reaching tls://a.test:8443"
    );
    assert_eq!(own.dial().unwrap().to_string(), "a.test:8443");
}

#[test]
fn a_role_opens_its_own_rows_and_those_of_anyone() {
    let selection = flows::select(Catalogue::garrison(), &Site::default()).unwrap();
    let settings = Settings {
        role: Some(PartyId::parse("agent").unwrap()),
        ..Settings::default()
    };
    let plan = plan(&[selection], &[], None, &direct(), &settings, &no_pac).unwrap();
    let mut flows: Vec<&str> = plan
        .destinations
        .iter()
        .map(|destination| destination.flow.id.as_str())
        .collect();
    flows.dedup();
    assert_eq!(flows, ["agent-channel", "dns", "time"]);
}

#[test]
fn our_own_servers_alone_are_asked_how_they_see_the_connection() {
    let mut site = Site::default();
    site.set("manager=manager.test").unwrap();
    site.set("cloud=cloud.test").unwrap();
    let asked = |catalogue: &'static Catalogue, targets: &[&str]| {
        let selection = flows::select(catalogue, &site).unwrap();
        let targets: Vec<Target> = targets
            .iter()
            .map(|text| Target::parse(text).unwrap())
            .collect();
        let own = targets_catalogue(&targets).unwrap();
        let of_targets = flows::select(&own, &Site::default()).unwrap();
        let settings = Settings::default();
        let plan = plan(
            &[selection],
            &targets,
            Some(&of_targets),
            &direct(),
            &settings,
            &no_pac,
        )
        .unwrap();
        let probes = plan.probes.iter();
        let mut asked: Vec<(String, String)> = probes
            .filter_map(|probe| Some((probe.flow.to_string(), probe.binding_path.clone()?)))
            .collect();
        asked.sort();
        asked
    };
    let agents = ("agent-channel", "/agent/v1/channel-binding");
    let sites = ("manager-cloud", "/site/v1/channel-binding");
    let pair = |(flow, path): (&str, &str)| (flow.to_owned(), path.to_owned());
    let own = Catalogue::garrison();
    assert_eq!(asked(own, &[]), [pair(agents), pair(sites)]);
    // A target that a row covers is that row; another is a stranger.
    assert_eq!(asked(own, &["https://manager.test"]), [pair(agents)]);
    assert!(asked(own, &["tcp://manager.test:443"]).is_empty());
    assert!(asked(own, &["https://elsewhere.test"]).is_empty());
}

#[test]
fn an_unknown_role_is_named_with_those_that_exist() {
    let selection = flows::select(sep(), &Site::default()).unwrap();
    let settings = Settings {
        role: Some(PartyId::parse("nobody").unwrap()),
        ..Settings::default()
    };
    let error = plan(&[selection], &[], None, &direct(), &settings, &no_pac).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("nobody") && text.contains("client"), "{text}");
}

#[test]
fn a_pac_file_leads_each_destination_its_own_way() {
    let selection = flows::select(sep(), &Site::default()).unwrap();
    let ways = Ways::new(
        None,
        None,
        Some(PacSource {
            name: "p.pac".to_owned(),
            script: Ok("ignored".to_owned()),
            credentials: None,
        }),
    );
    let answer = |question: &flows::audit::PacQuestion| PacAnswer {
        result: match question.host.as_str() {
            "ent-shasta-rrs.symantec.com" => Ok("PROXY one.test:3128".to_owned()),
            "telemetry.broadcom.com" => Err("the script fails: x is not defined".to_owned()),
            "tses.broadcom.com" => Ok("SOCKS s.test:1080".to_owned()),
            _ => Ok("DIRECT".to_owned()),
        },
        missing: Vec::new(),
    };
    let asked = |_: &PacSource, questions: &[flows::audit::PacQuestion]| {
        Ok(questions.iter().map(answer).collect())
    };
    let plan = plan(&[selection], &[], None, &ways, &Settings::default(), &asked).unwrap();
    let work_of = |host: &str| {
        plan.checks
            .iter()
            .find(|check| {
                check.path == PathKind::Pac && plan.destinations[check.destination].host == host
            })
            .unwrap()
    };
    let through = work_of("ent-shasta-rrs.symantec.com");
    assert_eq!(
        through.via.as_ref().unwrap().endpoint.to_string(),
        "one.test:3128"
    );
    assert!(matches!(
        work_of("telemetry.broadcom.com").work,
        Work::Ended {
            verdict: Verdict::PacError,
            ..
        }
    ));
    assert!(matches!(
        work_of("tses.broadcom.com").work,
        Work::Unknown(_)
    ));
    assert!(work_of("bds.securitycloud.symantec.com").via.is_none());
}

#[test]
fn a_pac_file_that_can_not_be_had_is_unreachable_for_all() {
    let selection = flows::select(sep(), &Site::default()).unwrap();
    let ways = Ways::new(
        None,
        None,
        Some(PacSource {
            name: "http://nowhere.test/wpad.dat".to_owned(),
            script: Err("no such name".to_owned()),
            credentials: None,
        }),
    );
    let plan = plan(
        &[selection],
        &[],
        None,
        &ways,
        &Settings::default(),
        &no_pac,
    )
    .unwrap();
    let by_pac: Vec<&Planned> = plan
        .checks
        .iter()
        .filter(|check| check.path == PathKind::Pac)
        .collect();
    assert!(!by_pac.is_empty());
    for check in by_pac {
        assert!(matches!(
            check.work,
            Work::Ended {
                verdict: Verdict::PacUnreachable,
                ..
            }
        ));
    }
}
