//! The JSON Schemas (draft 2020-12) of what is read and printed.

/// Of a catalogue, as it is written.
pub const CATALOGUE: &str = include_str!("../../../docs/schemas/catalogue.schema.json");

/// Of the selected rows, as `list --json` and the rendering `json` print them.
pub const LIST: &str = include_str!("../../../docs/schemas/flows.schema.json");

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use crate::built_in;

    /// Prints the paths of what the schema (first line) refuses in the catalogue (second line).
    const JUDGE: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema, catalogue = (json.loads(line) for line in sys.stdin)
Draft202012Validator.check_schema(schema)
for error in Draft202012Validator(schema).iter_errors(catalogue):
    print(error.json_path, error.message[:200])
";

    /// What the schema has against a catalogue; `None` where there is no validator.
    fn complaints(catalogue: &str) -> Option<String> {
        let there = Command::new("/usr/bin/python3")
            .args(["-c", "import jsonschema"])
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            return None;
        }
        let schema: serde_json::Value = serde_json::from_str(super::CATALOGUE).unwrap();
        let catalogue: toml::Value = toml::from_str(catalogue).unwrap();
        let catalogue = serde_json::to_string(&catalogue).unwrap();
        let mut judge = Command::new("timeout")
            .args(["60", "/usr/bin/python3", "-c", JUDGE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = judge.stdin.take().unwrap();
        writeln!(input, "{schema}\n{catalogue}").unwrap();
        drop(input);
        let output = judge.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn every_built_in_catalogue_is_what_the_schema_says_and_other_things_are_not() {
        for id in built_in::ids() {
            let Some(said) = complaints(built_in::text(id).unwrap()) else {
                skip::skip(
                    "every_built_in_catalogue_is_what_the_schema_says_and_other_things_are_not",
                    "python3 with jsonschema is not installed",
                );
                return;
            };
            assert_eq!(said, "", "{id}");
        }
        let own = built_in::text(built_in::GARRISON).unwrap();
        for (from, to) in [
            ("vendor = ", "vendr = "),
            ("default_on = true", "default_on = 1"),
            ("direction = \"internal\"", "direction = \"inside\""),
            ("ports = [\"443\"]", "ports = [443]"),
            ("trust = \"site-ca\"", "trusts = \"site-ca\""),
            (
                "match = \"variable\", value = \"manager\"",
                "match = \"variable\"",
            ),
            (
                "match = \"variable\", value = \"manager\"",
                "match = \"exact\", value = \"*.a\"",
            ),
            ("severity = \"critical\"", "severity = \"bad\""),
            ("id = \"console\"", "id = \"Console\""),
        ] {
            assert!(own.contains(from), "{from}");
            let said = complaints(&own.replacen(from, to, 1)).unwrap();
            assert_ne!(said, "", "{from} became {to}");
        }
    }

    #[test]
    fn the_schema_knows_every_key_of_a_flow() {
        let schema: serde_json::Value = serde_json::from_str(super::CATALOGUE).unwrap();
        let keys = schema["$defs"]["flow"]["properties"].as_object().unwrap();
        let mut known: Vec<&str> = keys.keys().map(String::as_str).collect();
        known.sort_unstable();
        assert_eq!(known, crate::check::FLOW_KEYS);
    }
}
