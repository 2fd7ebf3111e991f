//! Revocation: OCSP judged by a real responder, and lists.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use net::probe::{
    ProbePlan, ProbeReport, ProbeRequest, ProbeRoots, ProbeTransport, RevocationCheck,
    RevocationService, RevocationStatus,
};
use net::{StageFailure, TlsError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::probing::{plan, prober};
use crate::stranger::{Stranger, drain};

/// The leaf's number.
const SERIAL: u8 = 0x42;

struct Ca {
    der: CertificateDer<'static>,
    pem: String,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Made {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Ca {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, params: &CertificateParams) -> Made {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Made {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }

    fn leaf(&self, ocsp: Option<SocketAddr>, crl: Option<SocketAddr>) -> Made {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(vec![SERIAL]));
        if let Some(address) = ocsp {
            params.custom_extensions = vec![responder_at(address)];
        }
        params.crl_distribution_points = crl
            .map(|address| CrlDistributionPoint {
                uris: vec![format!("http://{address}/list.crl")],
            })
            .into_iter()
            .collect();
        self.issue(&params)
    }

    fn list(&self, revoked: &[u8], days: i64) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(vec![*serial]),
            revocation_time: now - time::Duration::days(9),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now - time::Duration::days(8),
            next_update: now + time::Duration::days(days),
            crl_number: SerialNumber::from(vec![1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// Authority information access with one OCSP responder (RFC 5280, section 4.2.2.1).
fn responder_at(address: SocketAddr) -> CustomExtension {
    let url = format!("http://{address}/");
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let mut access = vec![
        0x06,
        8,
        0x2b,
        6,
        1,
        5,
        5,
        7,
        0x30,
        1,
        0x86,
        length(url.as_bytes()),
    ];
    access.extend(url.as_bytes());
    let mut inner = vec![0x30, length(&access)];
    inner.extend(access);
    let mut content = vec![0x30, length(&inner)];
    content.extend(inner);
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

/// A server with this leaf, and whether it was asked for anything.
async fn server(leaf: &Made, ca: &Ca) -> (Stranger, Arc<AtomicBool>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der.clone(), ca.der.clone()], key)
        .unwrap();
    let asked = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&asked);
    let server = Stranger::over_tls(config, move |mut stream| {
        let noted = Arc::clone(&noted);
        async move {
            if stream.read_u8().await.is_ok() {
                noted.store(true, Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    })
    .await;
    (server, asked)
}

async fn ask(server: &Stranger, ca: &Ca) -> ProbeReport {
    let mut plan: ProbePlan = plan(
        server.address,
        ProbeTransport::Https {
            ask: ProbeRequest::Get,
        },
    );
    plan.revocation = RevocationCheck::Ask;
    let roots = ProbeRoots::of(vec![ca.der.clone()], Vec::new());
    prober(roots).probe(&plan).await
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn openssl_is_missing(test: &str) -> bool {
    let version = Command::new("openssl")
        .arg("version")
        .stdout(Stdio::null())
        .status();
    if version.is_err() {
        skip::skip(test, "openssl is not installed");
    }
    version.is_err()
}

/// A responder whose answers OpenSSL makes, signed by this certificate and key (PEM).
async fn responder(ca: &Ca, signer: (&str, &str), revoked: bool) -> Stranger {
    let folder = tempfile::tempdir().unwrap();
    let state = if revoked {
        "R\t491231235959Z\t250101000000Z"
    } else {
        "V\t491231235959Z\t"
    };
    let index = format!("{state}\t{SERIAL:02X}\tunknown\t/CN=leaf\n");
    for (name, text) in [
        ("index", index.as_str()),
        ("ca", &ca.pem),
        ("signer", signer.0),
        ("key", signer.1),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let folder = Arc::new(folder);
    Stranger::new(move |mut stream| {
        let folder = Arc::clone(&folder);
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("post / http/1.1\r\n"), "{head}");
            assert!(
                head.contains("content-type: application/ocsp-request\r\n"),
                "{head}"
            );
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length = length.split_once('\r').unwrap().0.parse().unwrap();
            let mut question = vec![0u8; length];
            stream.read_exact(&mut question).await.unwrap();
            fs::write(folder.path().join("question"), question).unwrap();
            let made = Command::new("timeout")
                .args(["60", "openssl", "ocsp", "-ndays", "1", "-index", "index"])
                .args(["-CA", "ca", "-rsigner", "signer", "-rkey", "key"])
                .args(["-reqin", "question", "-respout", "answer"])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
            let answer = fs::read(folder.path().join("answer")).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    })
    .await
}

fn check(report: &ProbeReport, status: RevocationStatus, services: &[RevocationService]) {
    let seen = report.revocation.as_ref().unwrap();
    assert_eq!(seen.status, status, "{seen:?}");
    let asked: Vec<RevocationService> = seen.tries.iter().map(|tried| tried.service).collect();
    assert_eq!(asked, services);
    if status == RevocationStatus::Revoked {
        assert!(matches!(
            report.failure,
            Some(StageFailure::Tls(TlsError::Revoked))
        ));
        assert!(report.http.is_none());
    } else {
        assert!(report.failure.is_none(), "{:?}", report.failure);
        assert!(report.http.is_some());
    }
}

#[tokio::test]
async fn openssls_responder_tells_good_from_revoked_whoever_of_the_appointed_signs() {
    let test = "openssls_responder_tells_good_from_revoked_whoever_of_the_appointed_signs";
    if openssl_is_missing(test) {
        return;
    }
    let ca = Ca::new("site");
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    params
        .distinguished_name
        .push(DnType::CommonName, "responder");
    let appointed = ca.issue(&params);
    let appointed = (appointed.pem.as_str(), appointed.key.serialize_pem());
    for (signer, key) in [(ca.pem.as_str(), &ca.key_pem), (appointed.0, &appointed.1)] {
        for revoked in [false, true] {
            let responder = responder(&ca, (signer, key), revoked).await;
            let leaf = ca.leaf(Some(responder.address), None);
            let (server, asked) = server(&leaf, &ca).await;
            let report = ask(&server, &ca).await;
            let status = if revoked {
                RevocationStatus::Revoked
            } else {
                RevocationStatus::Good
            };
            check(&report, status, &[RevocationService::Ocsp]);
            drop(server);
            assert_eq!(asked.load(Ordering::SeqCst), !revoked);
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_appointed_signed_counts_as_none() {
    let test = "an_answer_that_nobody_appointed_signed_counts_as_none";
    if openssl_is_missing(test) {
        return;
    }
    let (ca, other) = (Ca::new("site"), Ca::new("other"));
    let server_alone = ca.leaf(None, None);
    let server_alone = (server_alone.pem.as_str(), server_alone.key.serialize_pem());
    for (signer, key) in [
        (other.pem.as_str(), &other.key_pem),
        (server_alone.0, &server_alone.1),
    ] {
        let responder = responder(&ca, (signer, key), false).await;
        let leaf = ca.leaf(Some(responder.address), None);
        let (server, _) = server(&leaf, &ca).await;
        let report = ask(&server, &ca).await;
        check(
            &report,
            RevocationStatus::Unreachable,
            &[RevocationService::Ocsp],
        );
        let seen = report.revocation.unwrap();
        let reason = seen.tries[0].outcome.as_ref().unwrap_err();
        assert!(reason.contains("not signed by the issuer"), "{reason}");
    }
}

/// Serves these bytes to everybody.
async fn serving(bytes: Vec<u8>) -> Stranger {
    Stranger::new(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            let mut heard = [0u8; 4096];
            let _ = stream.read(&mut heard).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&bytes).await;
            drain(&mut stream).await;
        }
    })
    .await
}

#[tokio::test]
async fn lists_are_taken_from_the_issuer_alone_and_while_they_last() {
    let (ca, other) = (Ca::new("site"), Ca::new("site"));
    let crl = [RevocationService::Crl];
    for (list, status) in [
        (ca.list(&[7], 1), RevocationStatus::Good),
        (ca.list(&[7, SERIAL], 1), RevocationStatus::Revoked),
        // Out of date, of a namesake, and nothing at all.
        (ca.list(&[7], -1), RevocationStatus::Unreachable),
        (other.list(&[7], 1), RevocationStatus::Unreachable),
        (b"nothing".to_vec(), RevocationStatus::Unreachable),
    ] {
        let lists = serving(list).await;
        let leaf = ca.leaf(None, Some(lists.address));
        let (server, _) = server(&leaf, &ca).await;
        check(&ask(&server, &ca).await, status, &crl);
    }
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_counts_as_none() {
    let ca = Ca::new("site");
    for (answer, reason) in [
        // tryLater and unauthorized (RFC 6960, section 4.2.1).
        (&b"\x30\x03\x0a\x01\x03"[..], "busy"),
        (b"\x30\x03\x0a\x01\x06", "may not ask"),
        (b"\x30\x03\x0a\x01\x00", "not OCSP"),
        (b"<html>", "not OCSP"),
        (b"", "not OCSP"),
    ] {
        let responder = serving(answer.to_vec()).await;
        let (server, _) = server(&ca.leaf(Some(responder.address), None), &ca).await;
        let report = ask(&server, &ca).await;
        check(
            &report,
            RevocationStatus::Unreachable,
            &[RevocationService::Ocsp],
        );
        let seen = report.revocation.unwrap();
        let told = seen.tries[0].outcome.as_ref().unwrap_err();
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn where_the_responder_is_away_the_list_is_asked_and_both_are_told() {
    let ca = Ca::new("site");
    let lists = serving(ca.list(&[SERIAL], 1)).await;
    let leaf = ca.leaf(Some(free_address()), Some(lists.address));
    let (revoked, _) = server(&leaf, &ca).await;
    let report = ask(&revoked, &ca).await;
    let both = [RevocationService::Ocsp, RevocationService::Crl];
    check(&report, RevocationStatus::Revoked, &both);
    let seen = report.revocation.unwrap();
    assert!(
        seen.tries[0]
            .outcome
            .as_ref()
            .unwrap_err()
            .contains("refused")
    );

    let leaf = ca.leaf(Some(free_address()), None);
    let (unknown, _) = server(&leaf, &ca).await;
    check(
        &ask(&unknown, &ca).await,
        RevocationStatus::Unreachable,
        &both[..1],
    );
    let (silent, _) = server(&ca.leaf(None, None), &ca).await;
    check(&ask(&silent, &ca).await, RevocationStatus::NotOffered, &[]);
}
