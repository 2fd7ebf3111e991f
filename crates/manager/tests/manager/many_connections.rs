//! Many devices with three findings each: what the sums say, and how long they take. Short here;
//! a hundred thousand devices where GARRISON_SOAK is set.

use std::ops::Range;
use std::time::Instant;

use axum::http::StatusCode;
use model::DeviceId;
use model::network::{FindingKey, NetworkState, Outcome, Stage, Verdict};
use store::{StoreError, Transaction};

use crate::stand::{START, Stand};

const FINDINGS: usize = 3;
/// Causes that the findings are of, in all.
const CAUSES: usize = 60;
/// Devices that are written in one transaction.
const AT_ONCE: usize = 10_000;

fn devices() -> usize {
    match std::env::var_os("GARRISON_SOAK") {
        Some(_) => 100_000,
        None => 1_000,
    }
}

fn key(number: usize) -> FindingKey {
    FindingKey::of(Stage::Tls, Verdict::Inspected, &number.to_string())
}

async fn fill_accounts(tx: &mut Transaction) -> Result<(), StoreError> {
    for number in 0..CAUSES {
        let content = serde_json::json!({
            "key": key(number), "stage": "tls", "verdict": "inspected",
            "cause": format!("TLS is inspected by CN=Proxy {number}"),
            "features": ["enrolment", "central management"], "flows": ["agent-channel"],
            "endpoints": ["manager.example:443"], "evidence": [], "who": "proxy",
            "product": "squid", "lines": ["acl x"],
        });
        sqlx::query("INSERT INTO network_account (id, cause, content) VALUES ($1, $2, $3)")
            .bind(number.to_string())
            .bind(key(number).as_str())
            .bind(content.to_string())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn fill_devices(tx: &mut Transaction, numbers: Range<usize>) -> Result<(), StoreError> {
    let group: String = sqlx::query_scalar("SELECT id FROM device_group LIMIT 1")
        .fetch_one(&mut *tx)
        .await?;
    let network = NetworkState {
        result: Outcome::Broken,
        checked: START,
        reported: START,
    };
    let state = serde_json::json!({ "network": network }).to_string();
    let lost = format!("[[\"central management\",{}]]", START.millis());
    for number in numbers {
        let id = DeviceId::generate().to_string();
        sqlx::query(
            "INSERT INTO device (id, hostname, device_group, standing, enrolled,
                certificate_expires, last_seen, clock_skew, counter, attempt, policy_floor,
                policy_in_force, critical, state, events_lost)
             VALUES ($1, $2, $3, 'approved', $4, $4, $4, 0, 1, '', 0, 0, 0, $5, 0)",
        )
        .bind(&id)
        .bind(format!("web-{number}"))
        .bind(&group)
        .bind(START.millis())
        .bind(&state)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO network_report (reporter, number, named, checked, received, result,
                set_off_by, omitted, flows)
             VALUES ($1, 1, $2, $2, $2, 'broken', 'schedule', 0, '[\"agent-channel\",\"dns\"]')",
        )
        .bind(&id)
        .bind(START.millis())
        .execute(&mut *tx)
        .await?;
        for finding in 0..FINDINGS {
            let cause = (number + finding * 20) % CAUSES;
            sqlx::query(
                "INSERT INTO network_finding (reporter, cause, account, result, since, lost)
                 VALUES ($1, $2, $3, 'broken', $4, $5)",
            )
            .bind(&id)
            .bind(key(cause).as_str())
            .bind(cause.to_string())
            .bind(START.millis())
            .bind(&lost)
            .execute(&mut *tx)
            .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn many_devices_with_one_cause_each_are_few_lines() {
    let stand = Stand::new().await;
    let database = stand.site.database.clone();
    database
        .write(|tx| Box::pin(fill_accounts(tx)))
        .await
        .unwrap();
    for start in (0..devices()).step_by(AT_ONCE) {
        let numbers = start..devices().min(start + AT_ONCE);
        database
            .write(|tx| Box::pin(fill_devices(tx, numbers)))
            .await
            .unwrap();
    }
    drop(database);
    let began = Instant::now();
    let stand = stand.restarted().await;
    println!("start with {} devices: {:?}", devices(), began.elapsed());
    for path in [
        "/api/v1/connections",
        "/api/v1/connections/causes",
        "/api/v1/connections/features",
        "/api/v1/connections/devices?state=broken",
        "/api/v1/connections/mended",
        "/api/v1/overview",
    ] {
        let began = Instant::now();
        let answer = stand.get(path).await.expect(StatusCode::OK);
        println!("{path}: {:?}", began.elapsed());
        match path {
            "/api/v1/connections" => {
                assert_eq!(answer["devices"]["broken"], devices());
                assert_eq!(answer["causes"], CAUSES);
            }
            "/api/v1/connections/causes" => {
                let items = answer["items"].as_array().unwrap();
                let named: u64 = items.iter().filter_map(|one| one["devices"].as_u64()).sum();
                let all = devices() * FINDINGS * items.len() / CAUSES;
                assert!(named >= all as u64, "{named} of {all}");
            }
            _ => {}
        }
    }
}
