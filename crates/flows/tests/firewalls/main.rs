//! Renderings loaded into the programs that they are for, and lists of others read by the programs
//! that they are from.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at a broken expectation"
)]

mod aerleon;
mod dnsmasq;
mod iptables;
mod namespace;
mod needs;
mod nftables;
mod powershell;
mod reader;
mod terraform;

use flows::{Catalogue, Format, Options, Selection, Site, render, select};

const SAMPLE: &str = include_str!("../catalogues/sample.toml");

fn sample() -> Catalogue {
    Catalogue::parse(SAMPLE).unwrap()
}

/// The site of documents: the manager at two addresses, the clients in two networks.
fn site() -> Site {
    let mut site = Site::default();
    site.set("manager=192.0.2.10,2001:db8::10").unwrap();
    site.set("clients=198.51.100.0/24,2001:db8:51::/64")
        .unwrap();
    site
}

/// A site that has said all that the sample or Garrison's catalogue asks for.
fn site_of(catalogue: &Catalogue) -> Site {
    let mut own = Site::default();
    match catalogue.id.as_str() {
        "sample" => return site(),
        "garrison" => {
            for text in [
                "manager=192.0.2.10,2001:db8::10",
                "cloud=203.0.113.20",
                "agents=198.51.100.0/24,2001:db8:51::/64",
                "administrators=198.51.100.7",
                "resolver=192.0.2.53",
                "time-servers=192.0.2.12",
            ] {
                own.set(text).unwrap();
            }
        }
        _ => {}
    }
    own
}

fn selection<'c>(catalogue: &'c Catalogue, site: &Site) -> Selection<'c> {
    select(catalogue, site).unwrap()
}

fn text(selection: &Selection<'_>, format: Format, options: &Options) -> String {
    let rendered = render(format, selection, options).unwrap();
    String::from_utf8(rendered.bytes).unwrap()
}

/// The sample and the built-in catalogues.
fn catalogues(sample: &Catalogue) -> Vec<&Catalogue> {
    let mut all = vec![sample];
    for id in flows::built_in::ids() {
        all.extend(Catalogue::built_in(id));
    }
    all
}
