//! The doctor's command, against servers of this host that misbehave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Serves connections, one after the other, as long as the test runs.
#[allow(clippy::disallowed_methods)]
fn server(each: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            each(stream.unwrap());
        }
    });
    port
}

#[allow(clippy::disallowed_methods)]
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn doctor(arguments: &[&str]) -> Output {
    Command::new("timeout")
        .arg("120")
        .arg(env!("CARGO_BIN_EXE_garrison-flows"))
        .arg("doctor")
        .args(arguments)
        .env_remove("https_proxy")
        .env_remove("HTTPS_PROXY")
        .env_remove("all_proxy")
        .env_remove("ALL_PROXY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn judged(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = doctor(&[arguments, &["--json"]].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (report, output.status.code())
}

fn target(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

#[test]
fn a_port_without_a_service_is_refused_and_the_exit_code_says_broken() {
    let (report, code) = judged(&["--target", &target("https", closed_port())]);
    assert_eq!(code, Some(2));
    assert_eq!(report["result"], "broken");
    assert_eq!(report["checks"][0]["stage"], "transport");
    assert_eq!(report["findings"][0]["verdict"], "refused");
    assert_eq!(report["findings"][0]["flows"][0], "target-1");
}

#[test]
fn a_service_that_talks_something_else_is_not_tls() {
    let port = server(|mut stream| {
        let _ = stream.write_all(b"220 mail.test ESMTP\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let (report, code) = judged(&["--target", &target("https", port)]);
    assert_eq!(code, Some(2));
    assert_eq!(report["findings"][0]["verdict"], "not_tls", "{report}");
    let cause = report["findings"][0]["cause"].as_str().unwrap();
    assert!(
        cause.contains("is open but HTTPS is not allowed"),
        "{cause}"
    );
}

#[test]
fn a_service_that_hangs_up_at_the_hello_is_told_apart() {
    let port = server(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
    });
    let (report, code) = judged(&["--target", &target("https", port)]);
    assert_eq!(code, Some(2));
    assert_eq!(
        report["findings"][0]["verdict"], "reset_after_hello",
        "{report}"
    );
}

#[test]
fn a_healthy_service_is_ok_and_has_no_finding() {
    let port = server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let (report, code) = judged(&["--target", &target("http", port)]);
    assert_eq!(report["findings"], serde_json::json!([]), "{report}");
    assert_eq!(code, Some(0));
    let output = doctor(&["--target", &target("http", port)]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("RESULT") && text.contains("ok: 1 checks"),
        "{text}"
    );
}

#[test]
fn a_portal_in_place_of_the_service_is_named() {
    let port = server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(
            b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/portal/login\r\nContent-Length: 0\r\n\r\n",
        );
    });
    let (report, _) = judged(&["--target", &target("http", port)]);
    assert_eq!(
        report["findings"][0]["verdict"], "captive_portal",
        "{report}"
    );
}

#[test]
fn what_should_be_closed_and_is_open_is_broken() {
    let port = server(drop);
    let (report, code) = judged(&["--closed", &target("tcp", port)]);
    assert_eq!(code, Some(2));
    assert_eq!(report["findings"][0]["verdict"], "open_though_closed");
    let (_, code) = judged(&["--closed", &target("tcp", closed_port())]);
    assert_eq!(code, Some(0));
}

fn by_pac(folder: &Path, script: &str) -> Value {
    let path = folder.join("proxy.pac");
    std::fs::write(&path, script).unwrap();
    let port = closed_port();
    let (report, _) = judged(&[
        "--target",
        &target("https", port),
        "--pac",
        path.to_str().unwrap(),
    ]);
    let checks = report["checks"].as_array().unwrap();
    let by_pac = checks.iter().find(|check| check["path"] == "pac");
    by_pac.unwrap_or_else(|| panic!("{report}")).clone()
}

#[test]
fn a_pac_file_that_fails_loops_or_eats_memory_is_an_error_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (script, reason) in [
        (
            "function FindProxyForURL(u, h) { return nothing; }",
            "fails",
        ),
        (
            "function FindProxyForURL(u, h) { while (true) {} }",
            "steps",
        ),
        ("while (true) {}", "steps"),
        (
            "function FindProxyForURL(u, h) { var a = []; while (true) a.push(new Array(10000).join('x')); }",
            "",
        ),
        ("var x = 1;", "no function FindProxyForURL"),
        (
            "function FindProxyForURL(u, h) { return 'NOWHERE a:1'; }",
            "neither",
        ),
    ] {
        let check = by_pac(folder.path(), script);
        assert_eq!(check["verdict"], "pac_error", "{script}: {check}");
        assert_eq!(check["stage"], "proxy");
        let detail = check["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{script}: {detail}");
    }
}

#[test]
fn a_pac_file_says_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = closed_port();
    let script =
        format!("function FindProxyForURL(url, host) {{ return 'PROXY 127.0.0.1:{proxy}'; }}");
    let check = by_pac(folder.path(), &script);
    assert_eq!(check["via"], format!("http://127.0.0.1:{proxy}"));
    let direct = "function FindProxyForURL(url, host) { return 'DIRECT'; }";
    let check = by_pac(folder.path(), direct);
    assert_eq!(check["via"], Value::Null);
    assert_eq!(check["verdict"], "refused");
}

#[test]
fn a_run_that_can_not_begin_is_undetermined_and_says_why() {
    for (arguments, reason) in [
        (["--catalog", "symantec-endpoint-protectio"], "built in"),
        (["--pac", "no/such/file.pac"], "no/such/file.pac"),
        (["--ca-pin", "12"], "64 hexadecimal digits"),
        (["--role", "nobody"], "nobody"),
    ] {
        let output = doctor(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}
