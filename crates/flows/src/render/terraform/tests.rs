use std::collections::BTreeMap;

use super::*;
use crate::render::judged::{
    Attempt, endpoints_together_keep_what_each_has, in_networks, reports_are_true,
    texts_stay_in_their_place,
};

/// The lines of a file that Terraform obeys; no string holds a template or a quote.
fn bare(text: &str) -> Vec<String> {
    text.split('\n')
        .map(str::trim)
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            for template in ["${", "%{", "\\", "<<"] {
                assert!(!line.contains(template), "{line}");
            }
            match line.strip_prefix("description ") {
                Some(text) => {
                    assert_eq!(text.matches('"').count(), 2, "{line}");
                    "description".to_owned()
                }
                None => line.to_owned(),
            }
        })
        .collect()
}

/// The settings of each resource, all strings of a setting in a list.
fn resources(text: &str) -> Vec<BTreeMap<String, Vec<String>>> {
    let mut resources = Vec::new();
    for line in bare(text) {
        if line.starts_with("resource ") {
            resources.push(BTreeMap::new());
        }
        if let (Some(resource), Some((key, value))) = (resources.last_mut(), line.split_once(" = "))
        {
            let strings = value.split('"').skip(1).step_by(2).map(str::to_owned);
            resource.insert(key.trim().to_owned(), strings.collect());
        }
    }
    resources
}

/// How Google Cloud judges an attempt, with the name's addresses resolved.
fn model(text: &str, attempt: &Attempt) -> bool {
    resources(text)
        .iter()
        .any(|resource: &BTreeMap<String, Vec<String>>| {
            let list = |key: &str| resource.get(key);
            let words =
                |all: &Vec<String>, host: &str| in_networks(all.iter().map(String::as_str), host);
            let port = |range: &String| PortRange::parse(range).unwrap().contains(attempt.port);
            resource["direction"] == ["EGRESS"]
                && resource["ip_protocol"] == [attempt.transport.as_str()]
                && list("ports").is_none_or(|ranges| ranges.iter().any(port))
                && list("src_ip_ranges").is_none_or(|all| words(all, &attempt.dialer))
                && list("dest_ip_ranges").is_none_or(|all| words(all, &attempt.host))
                && list("dest_fqdns").is_none_or(|all| all.contains(&attempt.host))
        })
}

#[test]
fn what_the_report_says_is_true() {
    reports_are_true(Format::Terraform, model);
}

#[test]
fn several_endpoints_keep_what_each_has() {
    endpoints_together_keep_what_each_has(Format::Terraform, model);
}

#[test]
fn no_text_of_a_catalogue_becomes_a_setting() {
    texts_stay_in_their_place(Format::Terraform, bare);
}
