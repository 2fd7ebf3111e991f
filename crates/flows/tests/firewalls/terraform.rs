//! The Terraform rendering, as python-hcl2 reads it.

use std::collections::BTreeSet;

use flows::{Format, Host, Options, Site};
use serde_json::Value;

use crate::reader::{python, read};
use crate::{sample, selection, site, text};

/// Prints what the parser made of its input as JSON; some versions keep the quotes of strings.
const READ: &str = r#"
import json, sys, hcl2
def plain(value):
    if isinstance(value, str):
        return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    return value
json.dump(plain(hcl2.load(sys.stdin)), sys.stdout)
"#;

/// Every string under a key, at any depth.
fn strings(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                if name == key
                    && let Value::Array(all) = inner
                {
                    found.extend(all.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                strings(inner, key, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|inner| strings(inner, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_parser_of_hcl_finds_every_name_and_rule() {
    let Some(python) = python("hcl2") else {
        return skip::skip(
            "a_parser_of_hcl_finds_every_name_and_rule",
            "python-hcl2 is not there; scripts/python-tools installs it",
        );
    };
    let mut sample = sample();
    for flow in &mut sample.flows {
        flow.purpose =
            flows::Text::english("a \"b\" ${file(\"/etc/shadow\")} %{ if x } \\\n}\n<<E");
    }
    for catalogue in crate::catalogues(&sample) {
        let site = if catalogue.id.as_str() == "sample" {
            site()
        } else {
            Site::default()
        };
        let selection = selection(catalogue, &site);
        let terraform = text(&selection, Format::Terraform, &Options::default());
        let value = read(&python, READ, &terraform);
        let resources = value
            .get("resource")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        assert_eq!(resources, terraform.matches("\nresource ").count());
        let mut expected = BTreeSet::new();
        for selected in &selection.flows {
            if let Ok(perimeter) = selected.perimeter() {
                expected.extend(perimeter.passing.iter().filter_map(|(_, endpoint)| {
                    match &endpoint.host {
                        Host::Exact(name) => Some(name.to_string()),
                        _ => None,
                    }
                }));
            }
        }
        let mut names = BTreeSet::new();
        strings(&value, "dest_fqdns", &mut names);
        assert_eq!(names, expected, "{}", catalogue.id);
    }
}
