//! TLS: not spoken, cut off, or with a certificate that is not the server's.

use net::TlsError;
use net::probe::{CertificateFacts, TlsEnd, TlsSeen};

use super::{Input, Judged, plain, words};
use crate::plan::Destination;
use crate::report::{Outcome, Stage, Verdict};

/// What a failed handshake means, or one that a server broke off afterwards.
pub(super) fn failed(input: Input<'_>, error: &TlsError) -> Judged {
    let Some(seen) = &input.seen.tls else {
        return by_error(input, error);
    };
    let judged = match &seen.ended {
        TlsEnd::Established | TlsEnd::Failed => by_error(input, error),
        TlsEnd::Refused => certificate(input, seen).unwrap_or_else(|| by_error(input, error)),
        TlsEnd::ResetAfterHello => cut(input, "reset right after the TLS hello"),
        TlsEnd::ClosedAfterHello => cut(input, "closed right after the TLS hello"),
        TlsEnd::Cut if seen.client_certificate_wanted => wants_certificate(input, error),
        TlsEnd::Cut => cut(input, "cut off within the TLS handshake"),
        TlsEnd::Alert(alert) => by_alert(input, seen, alert, error),
        TlsEnd::NotTls => not_tls(input, seen),
        TlsEnd::TimedOut => silent(input),
    };
    with_certificate(seen, judged)
}

fn port(input: Input<'_>) -> u16 {
    input.destination.port.unwrap_or_default()
}

/// Whose matter it is that TLS gets nowhere: what stands on the way, else the host.
fn way(input: Input<'_>) -> String {
    match &input.planned.via {
        Some(proxy) => crate::way::shown(proxy),
        None => format!("port {}", port(input)),
    }
}

fn cut(input: Input<'_>, how: &str) -> Judged {
    Judged::broken(
        Stage::Tls,
        Verdict::ResetAfterHello,
        format!(
            "port {} is open but HTTPS is not allowed: the connection is {how}",
            port(input)
        ),
    )
    .caused_by(way(input))
}

fn silent(input: Input<'_>) -> Judged {
    Judged::broken(
        Stage::Tls,
        Verdict::TimeOut,
        format!(
            "port {} is open but HTTPS is not allowed: the TLS hello gets no answer",
            port(input)
        ),
    )
    .caused_by(way(input))
}

fn not_tls(input: Input<'_>, seen: &TlsSeen) -> Judged {
    let first = plain(&String::from_utf8_lossy(&seen.first_bytes), 80);
    let said = if first.is_empty() {
        String::new()
    } else {
        format!(" ({first:?})")
    };
    let judged = Judged::broken(
        Stage::Tls,
        Verdict::NotTls,
        format!(
            "port {} is open but HTTPS is not allowed, or another service listens there: something else than TLS answers{said}",
            port(input)
        ),
    )
    .caused_by(way(input))
    .seen("first_bytes", first.clone());
    match words::of_block_page(&first) {
        Some(word) => judged.seen("block_page", word),
        None => judged,
    }
}

fn wants_certificate(input: Input<'_>, error: &TlsError) -> Judged {
    Judged::broken(
        Stage::Tls,
        Verdict::ClientCertificateRequired,
        plain(&error.to_string(), 400),
    )
    .caused_by(input.destination.host.clone())
}

fn by_alert(input: Input<'_>, seen: &TlsSeen, alert: &str, error: &TlsError) -> Judged {
    let broken = |verdict| {
        Judged::broken(
            Stage::Tls,
            verdict,
            format!(
                "the other side ends TLS with the alert {}",
                plain(alert, 60)
            ),
        )
        .caused_by(input.destination.host.clone())
        .seen("alert", plain(alert, 60))
    };
    match alert {
        "CertificateRequired"
        | "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateExpired"
        | "CertificateUnknown"
        | "UnknownCA" => wants_certificate(input, error),
        "HandshakeFailure" | "AccessDenied" | "DecryptError" if seen.client_certificate_wanted => {
            wants_certificate(input, error)
        }
        "UnrecognizedName" | "UnrecognisedName" => broken(Verdict::NameMismatch),
        "AccessDenied" | "UserCanceled" | "CloseNotify" => {
            cut(input, "ended with an alert right after the TLS hello")
        }
        _ => broken(Verdict::VersionOrCipher),
    }
}

fn by_error(input: Input<'_>, error: &TlsError) -> Judged {
    let verdict = match error {
        TlsError::PinMismatch { .. } => Verdict::PinMismatch,
        TlsError::Untrusted { .. } => Verdict::Untrusted,
        TlsError::NameMismatch { .. } => Verdict::NameMismatch,
        TlsError::Expired { .. } => Verdict::Expired,
        TlsError::NotYetValid { .. } => Verdict::ClockSkew,
        TlsError::NotTls => Verdict::NotTls,
        TlsError::Incompatible { .. } | TlsError::Alert { .. } | TlsError::Protocol { .. } => {
            Verdict::VersionOrCipher
        }
        TlsError::Closed { .. } => Verdict::ResetAfterHello,
        TlsError::ClientCertificateRequired | TlsError::ClientCertificateRefused { .. } => {
            Verdict::ClientCertificateRequired
        }
        TlsError::TimedOut { .. } => Verdict::TimeOut,
        TlsError::Revoked => {
            return Judged::broken(
                Stage::Revocation,
                Verdict::Revoked,
                plain(&error.to_string(), 400),
            )
            .caused_by(input.destination.host.clone());
        }
    };
    Judged::broken(Stage::Tls, verdict, plain(&error.to_string(), 400))
        .caused_by(input.destination.host.clone())
}

/// What is wrong with a connection that was agreed on; `None` where nothing is.
pub(super) fn established(input: Input<'_>, seen: &TlsSeen) -> Option<Judged> {
    certificate(input, seen).map(|judged| with_certificate(seen, judged))
}

/// What the chain shows, beyond what the handshake made of it.
fn certificate(input: Input<'_>, seen: &TlsSeen) -> Option<Judged> {
    let leaf = CertificateFacts::read(seen.chain.first()?)?;
    let private = !input.destination.has_public_trust() || input.private_trust_known;
    match seen.pin_matches {
        Some(false) => return Some(pin(input, &leaf)),
        Some(true) => return None,
        None => {}
    }
    if seen.ended == TlsEnd::Established && input.private_trust_known {
        return None;
    }
    let public = seen.public_trusts.as_ref();
    let host = seen.host_trusts.as_ref();
    if matches!(public, Some(Ok(()))) {
        return None;
    }
    if matches!(host, Some(Ok(()))) {
        return (!private).then(|| inspected(input, &leaf));
    }
    let text = |error: &TlsError| plain(&error.to_string(), 400);
    let broken = |verdict, detail: String| {
        Some(Judged::broken(Stage::Tls, verdict, detail).caused_by(input.destination.host.clone()))
    };
    let errors = [public, host].into_iter().flatten();
    let errors: Vec<&TlsError> = errors.filter_map(|trusts| trusts.as_ref().err()).collect();
    if leaf.not_after < input.now {
        let seconds = u64::try_from(input.now.saturating_sub(leaf.not_after)).unwrap_or(0);
        return broken(Verdict::Expired, text(&TlsError::Expired { seconds }));
    }
    if leaf.not_before > input.now {
        let seconds = u64::try_from(leaf.not_before.saturating_sub(input.now)).unwrap_or(0);
        return broken(Verdict::ClockSkew, text(&TlsError::NotYetValid { seconds }));
    }
    let named = errors
        .iter()
        .find(|error| matches!(error, TlsError::NameMismatch { .. }));
    if let Some(error) = named {
        return broken(Verdict::NameMismatch, text(error));
    }
    if !is_for(&leaf.names, &input.destination.host) {
        return broken(
            Verdict::NameMismatch,
            format!(
                "the server's certificate is not for {} (it is for {})",
                input.destination.host,
                plain(&leaf.names.join(", "), 200)
            ),
        );
    }
    if private && !input.private_trust_known {
        // Nobody said whom to trust here; name and dates are right.
        return Some(Judged::ok(format!(
            "the certificate is of a private authority ({}), which was not checked; --ca checks it",
            plain(&leaf.issuer, 120)
        )));
    }
    let why = errors.first().map(|error| text(error)).unwrap_or_default();
    Some(
        Judged::broken(Stage::Tls, Verdict::Untrusted, why)
            .caused_by(format!("issuer {}", issuer_key(&leaf))),
    )
}

fn pin(input: Input<'_>, leaf: &CertificateFacts) -> Judged {
    Judged::broken(
        Stage::Tls,
        Verdict::PinMismatch,
        format!(
            "{} does not present the authority that is expected there; its certificate is by {}",
            input.destination.host,
            plain(&leaf.issuer, 120)
        ),
    )
    .caused_by(format!("issuer {}", issuer_key(leaf)))
}

/// What a flow loses by being inspected, where its connections work otherwise.
pub(crate) fn cost_of_inspection(destination: &Destination<'_>) -> Outcome {
    let tls = destination.flow.tls;
    let inspection = tls.map(|tls| tls.inspection).unwrap_or_default();
    let pinned = tls.is_some_and(|tls| tls.pinned == flows::Known::Yes);
    match inspection {
        flows::Inspection::Forbidden => Outcome::Broken,
        flows::Inspection::Unknown if pinned => Outcome::Broken,
        flows::Inspection::Unknown | flows::Inspection::Tolerated => Outcome::Degraded,
    }
}

fn inspected(input: Input<'_>, leaf: &CertificateFacts) -> Judged {
    let mut judged = Judged::new(
        cost_of_inspection(input.destination),
        Stage::Tls,
        Verdict::Inspected,
        format!(
            "TLS is inspected by {}, which this host trusts and the public roots do not",
            plain(&leaf.issuer, 120)
        ),
    );
    judged.cause = format!("issuer {}", issuer_key(leaf));
    judged
}

/// The issuer's key as the certificate names it, else its name.
pub(crate) fn issuer_key(leaf: &CertificateFacts) -> String {
    leaf.issuer_key_id
        .as_ref()
        .map_or_else(|| leaf.issuer.clone(), hex::encode)
}

/// Whether a certificate for these names is for this host (RFC 6125, section 6.4).
pub(crate) fn is_for(names: &[String], host: &str) -> bool {
    let host = host.trim_matches(|sign| sign == '[' || sign == ']');
    names.iter().any(|name| {
        if name.eq_ignore_ascii_case(host) {
            return true;
        }
        let below = name
            .strip_prefix("*.")
            .zip(host.split_once('.').map(|(_, rest)| rest));
        below.is_some_and(|(pattern, rest)| pattern.eq_ignore_ascii_case(rest))
    })
}

fn with_certificate(seen: &TlsSeen, judged: Judged) -> Judged {
    let Some(leaf) = seen
        .chain
        .first()
        .and_then(|der| CertificateFacts::read(der))
    else {
        return judged;
    };
    judged
        .seen("issuer", plain(&leaf.issuer, 200))
        .seen("subject", plain(&leaf.subject, 200))
        .seen("names", plain(&leaf.names.join(", "), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        let names = ["*.example.com".to_owned(), "192.0.2.1".to_owned()];
        for (host, expected) in [
            ("a.example.com", true),
            ("A.Example.Com", true),
            ("example.com", false),
            ("a.b.example.com", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
        ] {
            assert_eq!(is_for(&names, host), expected, "{host}");
        }
    }
}
