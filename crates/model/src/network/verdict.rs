//! The words of a check of the network: how it came out, at which layer, what is wrong, and who
//! can mend it. The doctor decides them; everybody else passes them on.

use serde::{Deserialize, Serialize};

/// How a check, a finding or a run came out; the worse, the greater.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = NetworkOutcome)]
pub enum Outcome {
    Skipped,
    Ok,
    /// Nobody can tell.
    Unknown,
    Degraded,
    Broken,
}

/// The layer that a verdict is about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = NetworkStage)]
pub enum Stage {
    Dns,
    Proxy,
    Transport,
    Tls,
    Upper,
    Revocation,
}

/// What is wrong. Some names serve two stages.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = NetworkVerdict)]
pub enum Verdict {
    NoSuchName,
    ServerFailure,
    TimeOut,
    NoAddress,
    Sinkholed,
    SplitHorizon,
    SkippedByProxy,
    PacUnreachable,
    PacError,
    Refused,
    SignInRequired,
    SignInFailed,
    Denied,
    Reset,
    Unreachable,
    UdpUnconfirmed,
    OpenThoughClosed,
    ResetAfterHello,
    NotTls,
    VersionOrCipher,
    NameMismatch,
    Expired,
    ClockSkew,
    Untrusted,
    Inspected,
    PinMismatch,
    ClientCertificateRequired,
    NotTheProtocol,
    BlockPage,
    CaptivePortal,
    MethodBlocked,
    UserAgentBlocked,
    UpgradeBlocked,
    Truncated,
    UnexpectedStatus,
    Revoked,
}

/// Who can mend it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = NetworkMender)]
pub enum Who {
    Proxy,
    Firewall,
    Dns,
    Certificate,
    Host,
}

impl Outcome {
    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Broken => "broken",
        }
    }

    /// The exit code of a run that came out so: 0 ok, 1 degraded, 2 broken, 3 undetermined.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Degraded => 1,
            Self::Broken => 2,
            Self::Unknown | Self::Skipped => 3,
        }
    }
}

impl Stage {
    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Proxy => "proxy",
            Self::Transport => "transport",
            Self::Tls => "tls",
            Self::Upper => "upper",
            Self::Revocation => "revocation",
        }
    }
}

impl Verdict {
    /// Every verdict, in the order of the stages.
    pub const ALL: [Self; 36] = [
        Self::NoSuchName,
        Self::ServerFailure,
        Self::TimeOut,
        Self::NoAddress,
        Self::Sinkholed,
        Self::SplitHorizon,
        Self::SkippedByProxy,
        Self::PacUnreachable,
        Self::PacError,
        Self::Refused,
        Self::SignInRequired,
        Self::SignInFailed,
        Self::Denied,
        Self::Reset,
        Self::Unreachable,
        Self::UdpUnconfirmed,
        Self::OpenThoughClosed,
        Self::ResetAfterHello,
        Self::NotTls,
        Self::VersionOrCipher,
        Self::NameMismatch,
        Self::Expired,
        Self::ClockSkew,
        Self::Untrusted,
        Self::Inspected,
        Self::PinMismatch,
        Self::ClientCertificateRequired,
        Self::NotTheProtocol,
        Self::BlockPage,
        Self::CaptivePortal,
        Self::MethodBlocked,
        Self::UserAgentBlocked,
        Self::UpgradeBlocked,
        Self::Truncated,
        Self::UnexpectedStatus,
        Self::Revoked,
    ];

    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchName => "no_such_name",
            Self::ServerFailure => "server_failure",
            Self::TimeOut => "time_out",
            Self::NoAddress => "no_address",
            Self::Sinkholed => "sinkholed",
            Self::SplitHorizon => "split_horizon",
            Self::SkippedByProxy => "skipped_by_proxy",
            Self::PacUnreachable => "pac_unreachable",
            Self::PacError => "pac_error",
            Self::Refused => "refused",
            Self::SignInRequired => "sign_in_required",
            Self::SignInFailed => "sign_in_failed",
            Self::Denied => "denied",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::UdpUnconfirmed => "udp_unconfirmed",
            Self::OpenThoughClosed => "open_though_closed",
            Self::ResetAfterHello => "reset_after_hello",
            Self::NotTls => "not_tls",
            Self::VersionOrCipher => "version_or_cipher",
            Self::NameMismatch => "name_mismatch",
            Self::Expired => "expired",
            Self::ClockSkew => "clock_skew",
            Self::Untrusted => "untrusted",
            Self::Inspected => "inspected",
            Self::PinMismatch => "pin_mismatch",
            Self::ClientCertificateRequired => "client_certificate_required",
            Self::NotTheProtocol => "not_the_protocol",
            Self::BlockPage => "block_page",
            Self::CaptivePortal => "captive_portal",
            Self::MethodBlocked => "method_blocked",
            Self::UserAgentBlocked => "user_agent_blocked",
            Self::UpgradeBlocked => "upgrade_blocked",
            Self::Truncated => "truncated",
            Self::UnexpectedStatus => "unexpected_status",
            Self::Revoked => "revoked",
        }
    }

    /// The name, as people read it.
    #[must_use]
    pub fn words(self) -> String {
        self.as_str().replace('_', " ")
    }
}

impl Who {
    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Firewall => "firewall",
            Self::Dns => "dns",
            Self::Certificate => "certificate",
            Self::Host => "host",
        }
    }

    /// The person, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Proxy => "whoever runs the proxy",
            Self::Firewall => "whoever runs the firewall",
            Self::Dns => "whoever runs the name servers",
            Self::Certificate => "whoever runs the server and its certificate",
            Self::Host => "whoever runs this host",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_is_listed_once_and_reads_back() {
        for verdict in Verdict::ALL {
            let json = serde_json::to_string(&verdict).unwrap();
            assert_eq!(json, format!("{:?}", verdict.as_str()));
            assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        }
        let mut names = Verdict::ALL.map(Verdict::as_str);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn exit_codes_are_as_documented() {
        let codes = [
            Outcome::Ok,
            Outcome::Degraded,
            Outcome::Broken,
            Outcome::Unknown,
            Outcome::Skipped,
        ]
        .map(Outcome::exit_code);
        assert_eq!(codes, [0, 1, 2, 3, 3]);
    }
}
