use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use definitions::{SigningKey, Source};
use model::DefinitionRevision;
use proto::problem::ProblemKind;
use scan::{DefinitionsFile, PublicKey, TrustedKeys, VerifyMode};

use crate::stand::{Answer, Stand};

/// A file that a stranger signed.
fn file(revision: u64) -> Vec<u8> {
    let source = Source {
        name: "test.hsb".to_owned(),
        bytes: format!("{}:68:Garrison.Test.Sample\n", "ab".repeat(32)).into_bytes(),
    };
    let compiled =
        definitions::build(&[source], DefinitionRevision(revision), &mut |_| {}).unwrap();
    definitions::sign(&compiled, &SigningKey::from_seed(&[9; 32]).unwrap())
}

async fn upload(stand: &Stand, file: Vec<u8>) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/definitions")
        .header(header::AUTHORIZATION, format!("Bearer {}", stand.token))
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(Body::from(file))
        .unwrap();
    stand.send_api(request).await
}

async fn fetch(stand: &Stand, device: &crate::stand::Agent, revision: u64) -> Answer {
    let request = Request::builder()
        .uri(format!("/agent/v1/definitions/{revision}"))
        .body(Body::empty())
        .unwrap();
    Answer::read(stand.send_agent(Some(&device.peer), request).await).await
}

#[tokio::test]
async fn an_upload_is_signed_by_the_site_offered_and_fetched() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    assert!(device.check_in(&stand).await.definitions.is_none());
    let info = upload(&stand, file(7)).await.expect(StatusCode::CREATED);
    assert_eq!(info["revision"], 7);
    assert_eq!(info["hashes"], 1);
    let offer = device.check_in(&stand).await.definitions.unwrap();
    assert_eq!(offer.revision, DefinitionRevision(7));
    let fetched = fetch(&stand, &device, 7).await;
    assert_eq!(fetched.status, StatusCode::OK);
    assert_eq!(u64::try_from(fetched.body.len()).unwrap(), offer.bytes);
    let site_key = PublicKey::parse(&stand.site.keys.signing.public_hex()).unwrap();
    let trusted = TrustedKeys::none().with(site_key);
    let opened = DefinitionsFile::open(fetched.body, &trusted, VerifyMode::EveryPage).unwrap();
    assert_eq!(opened.revision(), DefinitionRevision(7));
    device.state.definitions = Some(DefinitionRevision(7));
    assert!(device.check_in(&stand).await.definitions.is_none());
    let current = stand.get("/api/v1/definitions/current").await;
    assert_eq!(current.expect(StatusCode::OK)["devices"], 1);
    let stand = stand.restarted().await;
    device.state.definitions = None;
    assert_eq!(
        device.check_in(&stand).await.definitions.unwrap().sha256,
        offer.sha256
    );
}

#[tokio::test]
async fn an_upload_with_a_flipped_bit_is_refused_wherever_the_bit_is() {
    let stand = Stand::new().await;
    upload(&stand, file(3)).await.expect(StatusCode::CREATED);
    let whole = file(4);
    for place in [
        0,
        20,
        70,
        4100,
        whole.len() - 5000,
        whole.len() - 120,
        whole.len() - 90,
        whole.len() - 1,
    ] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        let answer = upload(&stand, damaged).await;
        assert_eq!(answer.problem(), ProblemKind::Invalid, "byte {place}");
    }
    for length in [0, 10, 104, whole.len() - 1] {
        let answer = upload(&stand, whole[..length].to_vec()).await;
        assert_eq!(answer.problem(), ProblemKind::Invalid, "{length} bytes");
    }
    let current = stand.get("/api/v1/definitions/current").await;
    assert_eq!(current.expect(StatusCode::OK)["revision"], 3);
}

#[tokio::test]
async fn an_upload_that_is_not_newer_is_refused_and_the_old_one_stays() {
    let stand = Stand::new().await;
    upload(&stand, file(5)).await.expect(StatusCode::CREATED);
    for revision in [5, 4] {
        let answer = upload(&stand, file(revision)).await;
        assert_eq!(answer.problem(), ProblemKind::Conflict);
        assert!(answer.detail().contains("newer than revision 5"));
    }
    assert_eq!(stand.get("/api/v1/definitions").await.json()["total"], 1);
}

#[tokio::test]
async fn old_files_are_removed_and_asking_for_one_says_so() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    for revision in 1..=4 {
        upload(&stand, file(revision))
            .await
            .expect(StatusCode::CREATED);
    }
    assert_eq!(
        fetch(&stand, &device, 1).await.problem(),
        ProblemKind::NotFound
    );
    assert_eq!(fetch(&stand, &device, 2).await.status, StatusCode::OK);
    assert_eq!(stand.get("/api/v1/definitions").await.json()["total"], 4);
}
