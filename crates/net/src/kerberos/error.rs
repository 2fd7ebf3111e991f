//! Why there is no ticket.

use std::fmt;

use crate::endpoint::Endpoint;

/// Why Kerberos gave no ticket for a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KerberosError {
    /// Something is missing on this side, before anybody was asked.
    #[error("{0}")]
    NotPossible(String),
    #[error(
        "no domain controller of {realm} is known: neither krb5.conf nor DNS (SRV _kerberos._tcp.{name}) names one",
        name = realm.to_ascii_lowercase()
    )]
    NoKdc { realm: String },
    #[error(
        "the domain controller {kdc} of {realm} can't be reached ({reason}); Kerberos needs TCP port {port} there",
        port = kdc.port
    )]
    KdcUnreachable {
        realm: String,
        kdc: Endpoint,
        reason: String,
    },
    /// KRB_AP_ERR_SKEW.
    #[error(
        "the domain controller {kdc} refuses this host's clock, which is {} {} its own; set it right",
        span(*ahead), if *ahead < 0 { "behind" } else { "ahead of" }
    )]
    ClockSkew {
        kdc: Endpoint,
        /// Seconds by which this host's clock is ahead.
        ahead: i64,
    },
    #[error("the domain controller {kdc} refuses: {refusal}")]
    Refused { kdc: Endpoint, refusal: Refusal },
    #[error("expected an answer of Kerberos from {kdc}, got something else ({reason})")]
    Malformed { kdc: Endpoint, reason: &'static str },
}

/// A refusal of a domain controller (RFC 4120, section 7.5.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: u32,
    /// Whom or what it concerns.
    pub about: String,
}

/// Numbers, names and meanings of those refusals that people meet.
const KNOWN: [(u32, &str, &str); 12] = [
    (
        6,
        "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        "it does not know the user",
    ),
    (
        7,
        "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        "no account has this service's name (setspn -S adds it)",
    ),
    (12, "KDC_ERR_POLICY", "its policy forbids it"),
    (
        14,
        "KDC_ERR_ETYPE_NOSUPP",
        "the account has no AES key (set its msDS-SupportedEncryptionTypes, then its password)",
    ),
    (
        18,
        "KDC_ERR_CLIENT_REVOKED",
        "the account is disabled or locked",
    ),
    (23, "KDC_ERR_KEY_EXPIRED", "the password has expired"),
    (24, "KDC_ERR_PREAUTH_FAILED", "the password is wrong"),
    (
        31,
        "KRB_AP_ERR_BAD_INTEGRITY",
        "the password or key is wrong",
    ),
    (32, "KRB_AP_ERR_TKT_EXPIRED", "the ticket has expired"),
    (33, "KRB_AP_ERR_TKT_NYV", "the ticket is not valid yet"),
    (60, "KRB_ERR_GENERIC", "it gives no reason"),
    (
        68,
        "KDC_ERR_WRONG_REALM",
        "the user belongs to another realm",
    ),
];

impl Refusal {
    pub(super) const PREAUTHENTICATION_REQUIRED: u32 = 25;
    pub(super) const CLOCK_SKEW: u32 = 37;
    pub(super) const WRONG_PASSWORD: u32 = 24;
    pub(super) const NO_COMMON_ENCRYPTION: u32 = 14;
    const SERVICE_UNKNOWN: u32 = 7;
    const USER_UNKNOWN: u32 = 6;
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.iter().find(|known| known.0 == self.code) {
            Some((_, name, meaning)) => write!(f, "{meaning}: {} ({name})", self.about),
            None => write!(f, "{} (error {} of Kerberos)", self.about, self.code),
        }
    }
}

impl KerberosError {
    /// Whether nothing was decided about the user, so that another scheme may be tried without
    /// spending one more proof of a password that is wrong.
    #[must_use]
    pub const fn leaves_other_schemes(&self) -> bool {
        match self {
            Self::NotPossible(_)
            | Self::NoKdc { .. }
            | Self::KdcUnreachable { .. }
            | Self::Malformed { .. } => true,
            Self::ClockSkew { .. } => false,
            Self::Refused { refusal, .. } => matches!(
                refusal.code,
                Refusal::SERVICE_UNKNOWN | Refusal::USER_UNKNOWN | Refusal::NO_COMMON_ENCRYPTION
            ),
        }
    }
}

/// A span in the unit that fits it, rounded: what is measured over a network is seldom exact.
fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let rounded = |unit: u64| seconds.saturating_add(unit / 2) / unit;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", rounded(60)),
        _ => format!("{} h", rounded(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_domain_controllers_word_and_a_meaning() {
        let refused = |code| KerberosError::Refused {
            kdc: Endpoint::parse("dc.corp.test:88").unwrap(),
            refusal: Refusal {
                code,
                about: "eve@CORP.TEST".into(),
            },
        };
        assert_eq!(
            refused(24).to_string(),
            "the domain controller dc.corp.test:88 refuses: the password is wrong: eve@CORP.TEST (KDC_ERR_PREAUTH_FAILED)"
        );
        assert!(refused(99).to_string().contains("error 99"));
        assert!(!refused(24).leaves_other_schemes() && refused(7).leaves_other_schemes());
    }

    #[test]
    fn a_clock_is_said_to_be_ahead_or_behind() {
        let skew = |ahead| {
            let kdc = Endpoint::parse("dc:88").unwrap();
            KerberosError::ClockSkew { kdc, ahead }.to_string()
        };
        assert!(
            skew(-7300).contains("2 h behind its own"),
            "{}",
            skew(-7300)
        );
        for nearly in [1199, 1200, 1201] {
            let told = skew(nearly);
            assert!(told.contains("20 min ahead of its own"), "{told}");
        }
        assert!(
            skew(600).contains("10 min ahead of its own"),
            "{}",
            skew(600)
        );
    }
}
