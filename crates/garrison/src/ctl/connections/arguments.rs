//! What `garrison ctl connections` takes.

use clap::{Subcommand, ValueEnum};
use model::network::{FindingKey, Outcome, Who};

use crate::ctl::Limit;

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// Show how many devices are well, and how the manager's own connections are
    Summary {
        /// Only of this group's devices (identifier or name)
        #[arg(long)]
        group: Option<String>,
    },
    /// List what is wrong, one line for each cause
    Causes {
        /// Only what devices of this group report (identifier or name)
        #[arg(long)]
        group: Option<String>,
        /// Only what they can mend
        #[arg(long)]
        who: Option<WhoArgument>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one cause, with the lines that mend it
    Show {
        /// Identifier
        #[arg(value_parser = parse_cause)]
        cause: FindingKey,
    },
    /// List features, and on how many devices each is lost
    Features {
        /// Only of this group's devices (identifier or name)
        #[arg(long)]
        group: Option<String>,
    },
    /// List devices by how their connections are
    Devices {
        /// Only those of this group (identifier or name)
        #[arg(long)]
        group: Option<String>,
        /// Only those that are so
        #[arg(long)]
        state: Option<StateArgument>,
        /// Only those that have this cause
        #[arg(long, value_parser = parse_cause)]
        cause: Option<FindingKey>,
        #[command(flatten)]
        limit: Limit,
    },
    /// List what was mended, device by device, the latest first
    Mended {
        /// Only of this device (identifier or host name)
        #[arg(long)]
        device: Option<String>,
        /// Only this cause
        #[arg(long, value_parser = parse_cause)]
        cause: Option<FindingKey>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Ask devices to check their network now, and to report what it comes to
    Check {
        /// A device (identifier or host name); may be repeated
        #[arg(long, required_unless_present = "group", conflicts_with = "group")]
        device: Vec<String>,
        /// A group (identifier or name)
        #[arg(long)]
        group: Option<String>,
    },
}

/// Who can mend something.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WhoArgument {
    Proxy,
    Firewall,
    Dns,
    Certificate,
    Host,
}

impl WhoArgument {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Proxy => Who::Proxy.as_str(),
            Self::Firewall => Who::Firewall.as_str(),
            Self::Dns => Who::Dns.as_str(),
            Self::Certificate => Who::Certificate.as_str(),
            Self::Host => Who::Host.as_str(),
        }
    }
}

/// How a device's connections are.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum StateArgument {
    Ok,
    Degraded,
    Broken,
    Unknown,
}

impl StateArgument {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => Outcome::Ok.as_str(),
            Self::Degraded => Outcome::Degraded.as_str(),
            Self::Broken => Outcome::Broken.as_str(),
            Self::Unknown => Outcome::Unknown.as_str(),
        }
    }
}

pub(super) fn parse_cause(text: &str) -> Result<FindingKey, String> {
    FindingKey::parse(text).map_err(|error| error.to_string())
}
