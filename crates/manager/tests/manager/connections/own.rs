//! What the manager finds itself.

use std::path::{Path, PathBuf};

use manager::connections::{Destination, check_own};

use super::*;

/// A doctor that says what it is told to, where nobody may come and run it: the folder of other
/// temporary files may be root's alone.
fn doctor(folder: &Path, says: &Value) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.join(format!("doctor-{}", uuid::Uuid::new_v4()));
    let script = format!("#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit 2\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn checked(result: &str) -> Value {
    json!({
        "flow": "manager-cloud", "path": "direct", "via": null, "result": result,
        "endpoint": {"host": "cloud.example", "port": 443, "transport": "tcp"},
        "stage": null, "verdict": null, "detail": "", "evidence": [], "stages": [],
    })
}

#[tokio::test]
async fn the_managers_own_connections_are_one_reporter_more() {
    let stand = Stand::new().await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let destination = Destination {
        cloud: "cloud.example:443".to_owned(),
        ca_pin: "00".repeat(32),
    };
    let key = FindingKey::of(Stage::Dns, Verdict::NoSuchName, "cloud.example");
    let broken = json!({
        "version": 1, "result": "broken", "checked": 1, "took_ms": 3,
        "checks": [checked("broken")],
        "findings": [{
            "key": key, "verdict": "no_such_name", "stage": "dns", "cause": "no such name",
            "result": "broken", "flows": ["manager-cloud"], "endpoints": ["cloud.example:443"],
            "features": ["pings"], "evidence": [], "who": "dns",
            "mend": {"product": "unbound", "lines": []},
        }],
    });
    let path = doctor(folder.path(), &broken);
    check_own(&stand.site, &path, &destination).await.unwrap();
    stand.clock.advance(HOUR);
    check_own(&stand.site, &path, &destination).await.unwrap();
    let sums = counts(&stand).await;
    assert_eq!(sums["manager"]["state"], "broken", "{sums}");
    assert_eq!(sums["devices"]["total"], 0);
    let cause = &causes(&stand).await[0];
    assert_eq!(
        (&cause["devices"], &cause["manager"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(cause["since"], json!(START), "it did not begin anew");
    let pings = feature(&stand, "pings").await;
    assert_eq!(
        (&pings["state"], &pings["manager"]),
        (&json!("broken"), &json!("broken"))
    );
    assert_eq!(pings["since"], json!(START));

    let fine = json!({
        "version": 1, "result": "ok", "checked": 1, "took_ms": 3,
        "checks": [checked("ok")], "findings": [],
    });
    check_own(&stand.site, &doctor(folder.path(), &fine), &destination)
        .await
        .unwrap();
    assert_eq!(counts(&stand).await["manager"]["state"], "ok");
    assert_eq!(feature(&stand, "pings").await["state"], "ok");

    // One that says nothing of use leaves the last report, which grows old.
    let odd = doctor(folder.path(), &json!("odd"));
    assert!(check_own(&stand.site, &odd, &destination).await.is_err());
    stand.clock.advance(HOUR * 4);
    assert_eq!(counts(&stand).await["manager"]["state"], "unknown");
}
