//! The output against its schema, by a real validator (python3 with jsonschema).

use std::process::{Command, Stdio};

use serde_json::Value;

use super::super::sample::{rendered, selection};
use super::*;

const VALIDATOR: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
for path in sys.argv[2:]:
    for error in Draft202012Validator(schema).iter_errors(json.load(open(path))):
        print("/".join(str(step) for step in error.absolute_path), error.message)
"#;

/// What the validator complains about; `None` when it isn't here.
fn complaints(document: &[u8]) -> Option<String> {
    let schema = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/schemas/flows.schema.json"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), document).unwrap();
    let output = Command::new("/usr/bin/python3")
        .args(["-c", VALIDATOR, schema])
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("ModuleNotFoundError") {
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_output_is_what_its_schema_says_and_the_schema_refuses_other_things() {
    let good = rendered(Format::Json).bytes;
    let Some(said) = complaints(&good) else {
        skip::skip(
            "the_output_is_what_its_schema_says_and_the_schema_refuses_other_things",
            "python3 with jsonschema is not installed",
        );
        return;
    };
    assert_eq!(said, "");
    let text = String::from_utf8(good).unwrap();
    for (from, to) in [
        ("\"443\"", "443"),
        ("\"one-label\"", "\"star\""),
        ("\"required\"", "\"maybe\""),
        ("\"sample\"", "\"Sample!\""),
    ] {
        assert!(text.contains(from));
        let said = complaints(text.replacen(from, to, 1).as_bytes()).unwrap();
        assert_ne!(said, "", "{from} became {to}");
    }
}

#[test]
fn the_shape_is_the_agreed_one() {
    let value: Value = value(&selection()).unwrap();
    assert_eq!(value["catalog"], "sample");
    let endpoint = &value["flows"][1]["endpoints"][0];
    assert_eq!(endpoint["match"], "any-depth");
    assert_eq!(endpoint["value"], "rep.example.net");
    assert_eq!(endpoint["transport"], "tcp");
    assert_eq!(endpoint["ports"], serde_json::json!(["443", "8000-8010"]));
}
