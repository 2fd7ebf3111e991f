//! What an authority issues, and what it refuses.

use model::{DeviceId, SiteId};
use x509_parser::extensions::GeneralName;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_123)
}

fn device() -> Subject {
    Subject::Device(DeviceId::generate())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn an_authority_reads_back_from_its_files() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let read = CertificateAuthority::from_pem(ca.certificate_pem(), &ca.key_pem()).unwrap();
    assert_eq!(read.pin_hex(), ca.pin_hex());
    assert_eq!(read.certificate_der(), ca.certificate_der());
    assert_eq!(read.expires(), ca.expires());
    assert_eq!(certificate::spki_sha256(ca.certificate_der()), Ok(ca.pin()));
}

#[test]
fn files_of_two_authorities_do_not_go_together() {
    let one = CertificateAuthority::create("Lyon", now()).unwrap();
    let other = CertificateAuthority::create("Lyon", now()).unwrap();
    let error =
        CertificateAuthority::from_pem(one.certificate_pem(), &other.key_pem()).unwrap_err();
    assert!(matches!(error, CaError::Mismatch), "{error}");
}

#[test]
fn an_end_certificate_is_no_authority() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let key = KeyPair::generate().unwrap();
    let request = key.certificate_request().unwrap();
    let leaf = ca.issue_client(&request, device(), DAY, now()).unwrap();
    let error = CertificateAuthority::from_pem(&leaf.pem, &key.to_pem()).unwrap_err();
    assert!(matches!(error, CaError::NotACa), "{error}");
}

#[test]
fn an_authority_signs_ends_only_and_lives_ten_years() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let parsed = certificate::parse_x509(ca.certificate_der()).unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = parsed.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    assert_eq!(ca.expires().since(now()).as_secs() / 86_400, 3651);
}

#[test]
fn a_server_certificate_is_for_its_names_and_for_servers() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let wanted = names(&["127.0.0.1", "::1", "manager.example"]);
    let server = ca.issue_server(&wanted, DAY, now()).unwrap();
    assert_eq!(server.chain_der.len(), 2);
    assert_eq!(server.chain_der[1], ca.certificate_der());
    let leaf = certificate::parse_x509(&server.chain_der[0]).unwrap();
    let found = &leaf
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names;
    let v6 = {
        let mut bytes = [0u8; 16];
        bytes[15] = 1;
        bytes
    };
    assert_eq!(
        *found,
        vec![
            GeneralName::IPAddress(&[127, 0, 0, 1]),
            GeneralName::IPAddress(&v6),
            GeneralName::DNSName("manager.example"),
        ]
    );
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    assert!(!leaf.is_ca());
}

#[test]
fn a_peer_whose_clock_is_an_hour_behind_takes_the_certificate() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let server = ca.issue_server(&names(&["a.example"]), DAY, now()).unwrap();
    for der in &server.chain_der {
        let leaf = certificate::parse_x509(der).unwrap();
        let begin = leaf.validity().not_before.timestamp();
        assert!(begin <= now().seconds() - 3600);
    }
}

#[test]
fn no_certificate_outlives_its_authority() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let late = ca.expires().minus(DAY);
    let request = KeyPair::generate().unwrap().certificate_request().unwrap();
    let issued = ca.issue_client(&request, device(), DAY * 90, late).unwrap();
    assert_eq!(issued.expires, ca.expires());
    let error = ca
        .issue_client(&request, device(), DAY, ca.expires())
        .unwrap_err();
    assert!(matches!(error, CaError::Expired(_)), "{error}");
}

#[test]
fn serials_are_random_and_positive() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let request = KeyPair::generate().unwrap().certificate_request().unwrap();
    let serials: std::collections::HashSet<String> = (0..50)
        .map(|_| {
            let issued = ca.issue_client(&request, device(), DAY, now()).unwrap();
            assert_eq!(issued.serial_hex.len(), 32);
            assert!(('4'..'8').contains(&issued.serial_hex.chars().next().unwrap()));
            issued.serial_hex
        })
        .collect();
    assert_eq!(serials.len(), 50);
}

#[test]
fn nothing_but_the_key_is_taken_over_from_a_request() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut greedy = CertificateParams::new(names(&["manager.example"])).unwrap();
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    greedy.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    greedy.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    greedy.distinguished_name = named("root");
    let request = greedy.serialize_request(&key).unwrap().pem().unwrap();
    let subject = Subject::Site(SiteId::generate());
    let issued = ca.issue_client(&request, subject, DAY, now()).unwrap();
    let der = certificate::der_from_pem(&issued.pem).unwrap();
    let leaf = certificate::parse_x509(&der).unwrap();
    assert!(!leaf.is_ca());
    let usage = leaf.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && !usage.key_cert_sign());
    let extended = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.client_auth && !extended.server_auth);
    assert_eq!(subject_name(&leaf), "Garrison site");
    let peer = crate::PeerCertificate::parse(&der).unwrap();
    assert_eq!(peer.subject, subject);
}

fn subject_name(leaf: &x509_parser::certificate::X509Certificate<'_>) -> String {
    let name = leaf.subject().iter_common_name().next().unwrap();
    name.as_str().unwrap().to_owned()
}

#[test]
fn names_that_no_certificate_can_carry_are_named() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    for name in [
        "",
        "a b",
        "*.example",
        "host:443",
        "a..b",
        "é.example",
        &"a".repeat(64),
    ] {
        let error = ca.issue_server(&names(&[name]), DAY, now()).unwrap_err();
        assert!(
            matches!(error, CaError::ServerName { .. }),
            "{name:?}: {error}"
        );
    }
    for count in [0, MAX_NAMES + 1] {
        let many = vec!["a.example".to_owned(); count];
        let error = ca.issue_server(&many, DAY, now()).unwrap_err();
        assert!(matches!(error, CaError::NameCount(_)), "{error}");
    }
}

#[test]
fn debug_output_keeps_the_keys() {
    let ca = CertificateAuthority::create("Lyon", now()).unwrap();
    let server = ca.issue_server(&names(&["a.example"]), DAY, now()).unwrap();
    let debug = format!("{ca:?}");
    assert!(
        debug.contains(&ca.pin_hex()) && debug.len() < 200,
        "{debug}"
    );
    let debug = format!("{server:?}");
    assert!(debug.len() < 100 && !debug.contains('['), "{debug}");
}
