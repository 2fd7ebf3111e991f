//! Renderings as files: what a program that is handed one must know.

use super::Format;

impl Format {
    /// The media type of the file.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Json | Self::M365 => "application/json",
            Self::Pac => "application/x-ns-proxy-autoconfig",
            Self::Nftables
            | Self::Iptables
            | Self::Powershell
            | Self::Fortigate
            | Self::PanOs
            | Self::SquidAllow
            | Self::SquidBypass
            | Self::Plain
            | Self::Terraform => "text/plain; charset=utf-8",
        }
    }

    /// The end of the file's name, without the dot.
    #[must_use]
    pub const fn file_ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Json | Self::M365 => "json",
            Self::Nftables => "nft",
            Self::Iptables => "rules",
            Self::Powershell => "ps1",
            Self::Fortigate | Self::SquidAllow | Self::SquidBypass => "conf",
            Self::Pac => "pac",
            Self::PanOs | Self::Plain => "txt",
            Self::Terraform => "tf",
        }
    }

    /// Whether it can be the whole ruleset of a host in one role
    /// ([`Options::role`](super::Options::role)).
    #[must_use]
    pub const fn has_roles(self) -> bool {
        match self {
            Self::Nftables | Self::Iptables | Self::Powershell => true,
            Self::Markdown
            | Self::Html
            | Self::Csv
            | Self::Xlsx
            | Self::Json
            | Self::M365
            | Self::Fortigate
            | Self::PanOs
            | Self::SquidAllow
            | Self::SquidBypass
            | Self::Pac
            | Self::Plain
            | Self::Terraform => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::party::PartyId;
    use crate::render::{Options, render};
    use crate::select::select;
    use crate::site::Site;

    #[test]
    fn a_role_changes_the_files_that_say_so_and_no_others() {
        let mut site = Site::default();
        for value in ["manager=192.0.2.10", "agents=198.51.100.0/24"] {
            site.set(value).unwrap();
        }
        let selection = select(Catalogue::garrison(), &site).unwrap();
        let with_role = Options {
            role: Some(PartyId::parse("manager").unwrap()),
            ..Options::default()
        };
        for format in Format::available() {
            let plain = render(format, &selection, &Options::default()).unwrap();
            match render(format, &selection, &with_role) {
                Ok(whole) => assert_eq!(whole != plain, format.has_roles(), "{format}"),
                Err(error) => assert!(!format.has_roles(), "{format}: {error}"),
            }
        }
    }
}
