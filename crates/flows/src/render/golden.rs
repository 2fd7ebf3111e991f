//! Golden files of the packet filters' formats: the sample catalogue in full, the built-in ones
//! as they are for a site that has said nothing.

use super::trial::{selected, site, small};
use super::{Format, Options, render};
use crate::catalogue::Catalogue;
use crate::party::PartyId;
use crate::select::Selection;
use crate::site::Site;

const FORMATS: [Format; 6] = [
    Format::Nftables,
    Format::Iptables,
    Format::Powershell,
    Format::Fortigate,
    Format::PanOs,
    Format::Terraform,
];

fn text(selection: &Selection<'_>, format: Format, options: &Options) -> String {
    let first = render(format, selection, options).unwrap();
    let second = render(format, selection, options).unwrap();
    assert_eq!(first, second, "two runs give the same bytes");
    let mut text = String::from_utf8(first.bytes).unwrap();
    // Golden files show line ends and marks as words.
    text = text.replace('\u{feff}', "[BOM]").replace('\r', "[CR]");
    text
}

#[test]
fn the_sample_is_rendered_as_its_golden_files_say() {
    let catalogue = small();
    let selection = selected(&catalogue, &site());
    for format in FORMATS {
        let text = text(&selection, format, &Options::default());
        insta::assert_snapshot!(format!("sample-{format}"), text);
    }
}

#[test]
fn a_role_is_rendered_as_its_golden_files_say() {
    let catalogue = small();
    let selection = selected(&catalogue, &site());
    let options = Options {
        role: Some(PartyId::parse("manager").unwrap()),
        language: "fr".to_owned(),
        ..Options::default()
    };
    for format in FORMATS {
        if render(format, &selection, &options).is_ok() {
            let text = text(&selection, format, &options);
            insta::assert_snapshot!(format!("sample-manager-{format}"), text);
        }
    }
}

#[test]
fn garrison_is_rendered_as_its_golden_files_say() {
    let mut site = Site::default();
    site.set("manager=192.0.2.10").unwrap();
    site.set("agents=198.51.100.0/24").unwrap();
    site.set("resolver=192.0.2.53").unwrap();
    site.set("time-servers=192.0.2.12").unwrap();
    let selection = selected(Catalogue::garrison(), &site);
    for format in FORMATS {
        let text = text(&selection, format, &Options::default());
        insta::assert_snapshot!(format!("garrison-{format}"), text);
    }
}

#[test]
fn each_host_of_garrison_has_its_golden_ruleset() {
    let mut site = Site::default();
    for text in [
        "manager=192.0.2.10",
        "cloud=203.0.113.20",
        "agents=198.51.100.0/24",
        "administrators=198.51.100.7",
        "resolver=192.0.2.53",
        "time-servers=192.0.2.12",
    ] {
        site.set(text).unwrap();
    }
    let selection = selected(Catalogue::garrison(), &site);
    for role in ["agent", "manager", "cloud"] {
        let options = Options {
            role: Some(PartyId::parse(role).unwrap()),
            ..Options::default()
        };
        let text = text(&selection, Format::Nftables, &options);
        insta::assert_snapshot!(format!("garrison-{role}-nftables"), text);
    }
}

#[test]
fn every_built_in_catalogue_is_rendered_in_every_format() {
    for id in crate::built_in::ids() {
        let catalogue = Catalogue::built_in(id).unwrap();
        let selection = selected(catalogue, &Site::default());
        for format in FORMATS {
            let text = text(&selection, format, &Options::default());
            assert!(text.contains(id), "{format} names {id}");
        }
    }
}
