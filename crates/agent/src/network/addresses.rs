//! The manager's addresses stand for one another, as do this host's name servers and its time
//! servers: while one of them works, nothing is lost that another one doesn't. Pure.

use doctor::report::Check;
use doctor::{Outcome, Report};

/// The rows whose servers stand for one another, whatever their addresses are.
const OF_THE_HOST: [&str; 2] = ["dns", "time"];

/// Sets aside what failed at one of the manager's addresses (`hosts`) and works at another, on the
/// same way: a name that only some networks know, an address that only some can reach. Likewise of
/// several name servers, and of several time servers.
pub(crate) fn any_is_enough(mut report: Report, hosts: &[String]) -> Report {
    let has_others = |check: &Check| {
        hosts.contains(&check.endpoint.host) || OF_THE_HOST.contains(&check.flow.as_str())
    };
    let works: Vec<Check> = report
        .checks
        .iter()
        .filter(|check| check.result == Outcome::Ok && has_others(check))
        .cloned()
        .collect();
    for check in &mut report.checks {
        let works_elsewhere = works.iter().any(|other| {
            (&other.flow, other.path, &other.endpoint.transport)
                == (&check.flow, check.path, &check.endpoint.transport)
        });
        if check.result > Outcome::Ok && has_others(check) && works_elsewhere {
            check.result = Outcome::Skipped;
        }
    }
    let checks = &report.checks;
    report.findings.retain(|finding| {
        checks.iter().any(|check| {
            check.result > Outcome::Ok
                && check.stage == Some(finding.stage)
                && check.verdict == Some(finding.verdict)
                && finding.flows.contains(&check.flow)
        })
    });
    report.result = Report::worst(&report.checks);
    report
}

#[cfg(test)]
mod tests {
    use doctor::report::{CheckedEndpoint, VERSION};
    use doctor::{Finding, PathKind, Stage, Verdict};
    use model::network::{FindingKey, Mend, Who};

    use super::*;

    fn check(host: &str, path: PathKind, result: Outcome) -> Check {
        let broken = result == Outcome::Broken;
        Check {
            flow: "agent-channel".to_owned(),
            endpoint: CheckedEndpoint {
                host: host.to_owned(),
                port: Some(443),
                transport: "tcp".to_owned(),
            },
            path,
            via: None,
            result,
            stage: broken.then_some(Stage::Dns),
            verdict: broken.then_some(Verdict::NoSuchName),
            detail: String::new(),
            evidence: Vec::new(),
            stages: Vec::new(),
        }
    }

    fn report(checks: Vec<Check>) -> Report {
        Report {
            version: VERSION,
            result: Outcome::Broken,
            checked: checks.len(),
            took_ms: 1,
            findings: vec![Finding {
                key: FindingKey::of(Stage::Dns, Verdict::NoSuchName, "x"),
                verdict: Verdict::NoSuchName,
                stage: Stage::Dns,
                cause: String::new(),
                result: Outcome::Broken,
                flows: vec!["agent-channel".to_owned()],
                endpoints: Vec::new(),
                features: Vec::new(),
                evidence: Vec::new(),
                who: Who::Dns,
                mend: Mend {
                    product: String::new(),
                    lines: Vec::new(),
                },
            }],
            checks,
        }
    }

    fn hosts() -> Vec<String> {
        vec!["manager.test".to_owned(), "vm".to_owned()]
    }

    #[test]
    fn an_address_that_fails_costs_nothing_while_another_works() {
        let report = any_is_enough(
            report(vec![
                check("manager.test", PathKind::Direct, Outcome::Ok),
                check("vm", PathKind::Direct, Outcome::Broken),
            ]),
            &hosts(),
        );
        assert_eq!((report.result, report.findings.len()), (Outcome::Ok, 0));
    }

    #[test]
    fn a_name_server_that_is_silent_costs_nothing_while_another_answers() {
        let of = |host, flow: &str, result| Check {
            flow: flow.to_owned(),
            ..check(host, PathKind::Direct, result)
        };
        for (flow, left) in [("dns", 0), ("time", 1)] {
            let mut report = report(vec![
                of("192.0.2.53", flow, Outcome::Ok),
                of("192.0.2.54", "dns", Outcome::Broken),
            ]);
            report.findings[0].flows = vec!["dns".to_owned()];
            let report = any_is_enough(report, &hosts());
            assert_eq!(report.findings.len(), left, "{flow}");
        }
    }

    #[test]
    fn what_works_on_another_way_or_at_another_host_is_no_excuse() {
        for other in [
            check("manager.test", PathKind::Proxy, Outcome::Ok),
            check("cloud.test", PathKind::Direct, Outcome::Ok),
            check("manager.test", PathKind::Direct, Outcome::Unknown),
        ] {
            let report = any_is_enough(
                report(vec![other, check("vm", PathKind::Direct, Outcome::Broken)]),
                &hosts(),
            );
            assert_eq!((report.result, report.findings.len()), (Outcome::Broken, 1));
        }
    }
}
