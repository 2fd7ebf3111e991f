use std::time::Instant;

use super::*;

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A check that a shell script makes.
fn script(text: &str) -> CheckCommand {
    CheckCommand {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), text.into()],
    }
}

/// Longer than a pipe takes at once.
fn order() -> Vec<u8> {
    let mut order = b"\"manager.example:443\"".to_vec();
    order.resize(100_000, b'x');
    order
}

async fn made(command: &CheckCommand, limit: Duration) -> Result<Report, CheckError> {
    check(command, CheckEnvironment::Empty, &order(), limit).await
}

async fn outcome(text: &str) -> Result<Report, CheckError> {
    made(&script(text), LIMIT).await
}

const EMPTY: &str =
    r#"{"version":1,"result":"ok","checked":0,"took_ms":1,"checks":[],"findings":[]}"#;

#[tokio::test]
async fn a_report_is_read_and_the_order_reaches_the_child() {
    let heard = format!("grep -q '\"manager.example:443\"' && echo '{EMPTY}'");
    assert_eq!(outcome(&heard).await.unwrap().version, 1);
    // One that doesn't listen, and one that says more than is kept, answer all the same.
    let loud = format!("echo '{EMPTY}'; head -c 100000 /dev/zero >&2");
    assert!(outcome(&loud).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_that_says_so() {
    for (text, wanted) in [
        ("exit 3", "no report"),
        ("echo 'no CA'; exit 3", "expected a report"),
        ("printf 'no\\033[31m CA' >&2; exit 3", "no [31m CA"),
        (
            &EMPTY
                .replace(":1,", ":2,")
                .replace('{', "echo '{")
                .replace('}', "}'"),
            "version 2",
        ),
        ("kill -9 $$", "signal: 9"),
        ("echo '['; yes '[' | head -c 200000", "expected a report"),
    ] {
        let error = outcome(text).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
        assert!(!error.chars().any(char::is_control), "{error}");
    }
    let missing = CheckCommand {
        program: "/nonexistent".into(),
        arguments: Vec::new(),
    };
    let error = made(&missing, LIMIT).await;
    assert!(matches!(error, Err(CheckError::Start { .. })), "{error:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let begin = Instant::now();
    let error = outcome("yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await;
    assert!(matches!(error, Err(CheckError::TooLarge)), "{error:?}");
    assert!(begin.elapsed() < LIMIT);
}

#[tokio::test]
async fn a_child_that_does_not_end_is_killed_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let text = format!("echo $$ > {}; exec sleep 1000", file.display());
    let error = made(&script(&text), Duration::from_secs(2)).await;
    assert!(matches!(error, Err(CheckError::TooLong(_))), "{error:?}");
    let process = std::fs::read_to_string(&file).unwrap();
    let folder = format!("/proc/{}", process.trim());
    assert!(!std::path::Path::new(&folder).exists());
}
