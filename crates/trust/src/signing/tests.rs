//! Envelopes: whose are opened, and whose are refused.

use super::*;

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    device: u32,
    what: String,
}

fn order() -> Order {
    Order {
        device: 7,
        what: "scan".to_owned(),
    }
}

fn signed() -> (SigningKey, Signed) {
    let key = SigningKey::generate().unwrap();
    let signed = sign(&key, Signed::COMMAND, &order()).unwrap();
    (key, signed)
}

fn opened(signed: &Signed, trusted: &[VerifyingKey]) -> Result<Order, EnvelopeError> {
    verify(signed, Signed::COMMAND, trusted)
}

#[test]
fn a_signed_document_opens_with_the_key_that_signed_it() {
    let (key, signed) = signed();
    let other = SigningKey::generate().unwrap().verifying_key();
    for trusted in [vec![key.verifying_key()], vec![other, key.verifying_key()]] {
        assert_eq!(opened(&signed, &trusted).unwrap(), order());
    }
}

#[test]
fn an_altered_payload_is_refused() {
    let (key, mut signed) = signed();
    signed.payload = STANDARD.encode(r#"{"device":8,"what":"scan"}"#);
    let error = opened(&signed, &[key.verifying_key()]).unwrap_err();
    assert!(
        matches!(error, EnvelopeError::BadSignature { .. }),
        "{error}"
    );
}

#[test]
fn a_document_cannot_be_passed_off_as_another_type() {
    let (key, mut signed) = signed();
    let trusted = [key.verifying_key()];
    let error = verify::<Order>(&signed, Signed::POLICY, &trusted).unwrap_err();
    assert!(matches!(error, EnvelopeError::WrongType { .. }), "{error}");
    signed.payload_type = Signed::POLICY.to_owned();
    let error = verify::<Order>(&signed, Signed::POLICY, &trusted).unwrap_err();
    assert!(
        matches!(error, EnvelopeError::BadSignature { .. }),
        "{error}"
    );
}

#[test]
fn a_strangers_document_is_refused_and_the_key_is_named() {
    let (stranger, signed) = signed();
    let own = SigningKey::generate().unwrap().verifying_key();
    for trusted in [vec![own], vec![]] {
        let error = opened(&signed, &trusted).unwrap_err();
        assert!(matches!(error, EnvelopeError::Stranger { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&stranger.verifying_key().key_id()), "{text}");
    }
}

#[test]
fn the_key_id_decides_nothing() {
    let (key, mut signed) = signed();
    let own = SigningKey::generate().unwrap().verifying_key();
    signed.signature.keyid = own.key_id();
    assert!(opened(&signed, &[own]).is_err());
    assert_eq!(opened(&signed, &[key.verifying_key()]).unwrap(), order());
}

#[test]
fn no_single_bit_of_a_signature_can_be_altered() {
    let (key, signed) = signed();
    let signature = STANDARD.decode(&signed.signature.sig).unwrap();
    for bit in 0..signature.len() * 8 {
        let mut altered = signature.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let mut forged = signed.clone();
        forged.signature.sig = STANDARD.encode(altered);
        assert!(
            opened(&forged, &[key.verifying_key()]).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn damaged_envelopes_are_refused() {
    let (key, signed) = signed();
    let trusted = [key.verifying_key()];
    let mut no_base64 = signed.clone();
    no_base64.payload.push('%');
    assert!(matches!(
        opened(&no_base64, &trusted),
        Err(EnvelopeError::NotBase64("payload"))
    ));
    let mut short = signed.clone();
    short.signature.sig = STANDARD.encode([1; 10]);
    assert!(matches!(
        opened(&short, &trusted),
        Err(EnvelopeError::BadSignature { .. })
    ));
    let mut large = signed;
    large.payload = "A".repeat(MAX_PAYLOAD * 2);
    assert!(matches!(
        opened(&large, &trusted),
        Err(EnvelopeError::TooLarge)
    ));
}

#[test]
fn the_largest_document_that_can_be_signed_can_be_opened() {
    let key = SigningKey::generate().unwrap();
    let text = "x".repeat(MAX_PAYLOAD - 2);
    let signed = sign(&key, Signed::POLICY, &text).unwrap();
    let read: String = verify(&signed, Signed::POLICY, &[key.verifying_key()]).unwrap();
    assert_eq!(read.len(), text.len());
    let error = sign(&key, Signed::POLICY, &format!("{text}x")).unwrap_err();
    assert!(matches!(error, SignError::TooLarge(_)), "{error}");
}

#[test]
fn unexpected_content_is_refused_after_the_signature() {
    let key = SigningKey::generate().unwrap();
    let signed = sign(&key, Signed::COMMAND, &"not an order").unwrap();
    let error = opened(&signed, &[key.verifying_key()]).unwrap_err();
    assert!(matches!(error, EnvelopeError::Content(_)), "{error}");
}

#[test]
fn keys_are_those_of_the_standard() {
    // RFC 8032, section 7.1, test 2.
    let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    let mut bytes = [0; 32];
    hex::decode_to_slice(seed, &mut bytes).unwrap();
    let key = SigningKey::from_seed(&bytes).unwrap();
    assert_eq!(
        key.public_hex(),
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    );
    assert_eq!(
        hex::encode(key.sign_bytes(&[0x72])),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
}

#[test]
fn keys_read_back() {
    let key = SigningKey::generate().unwrap();
    let read = SigningKey::from_secret_text(&format!("  {}", key.to_secret_text())).unwrap();
    assert_eq!(read.verifying_key(), key.verifying_key());
    assert_eq!(
        VerifyingKey::parse(&key.public_hex()),
        Ok(key.verifying_key())
    );
}

#[test]
fn damaged_keys_are_refused_and_secrets_are_not_repeated() {
    let text = SigningKey::generate().unwrap().to_secret_text();
    let body = text.trim().strip_prefix(SECRET_PREFIX).unwrap().to_owned();
    for bad in [
        "hello",
        SECRET_PREFIX,
        text.get(..50).unwrap(),
        &format!("{}A", text.trim()),
        &body,
    ] {
        let error = SigningKey::from_secret_text(bad).unwrap_err();
        assert_eq!(error, KeyError::Secret);
        assert!(!error.to_string().contains(&body[..8]), "{error}");
    }
    for bad in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
        assert!(VerifyingKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn debug_output_keeps_the_key() {
    let key = SigningKey::generate().unwrap();
    let secret = key.to_secret_text();
    let body = secret.trim().strip_prefix(SECRET_PREFIX).unwrap();
    let debug = format!("{key:?}");
    assert!(
        !debug.contains(body) && !debug.contains(&hex::encode(key.seed)),
        "{debug}"
    );
    assert!(
        debug.contains(&key.public_hex()) && debug.len() < 110,
        "{debug}"
    );
}
