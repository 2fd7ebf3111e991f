//! Whether something in between breaks TLS open, by weight of evidence.
//!
//! No payload is sent for it; our own servers alone are asked how they see the connection. Each
//! sign has a weight; a connection counts as inspected from [`THRESHOLD`] on. The weights are ours:
//! a sign that only inspection explains reaches the threshold alone, one that has other
//! explanations needs a second. That both ends have the same value takes nothing from any sign:
//! what opens the connection could write so into the answer.
//!
//! | sign | weight | what else explains it |
//! |---|---|---|
//! | exporter values differ at both ends (RFC 9266) | 100 | nothing |
//! | this host trusts the chain and the public roots do not | 80 | nothing, where the trust is public |
//! | the pinned authority is not presented | 50 | another server; a replaced authority |
//! | one private issuer's key on names of different owners | 60 | nothing we know of |
//! | another leaf key on another way, of a private issuer | 60 | nothing we know of |
//! | the issuer is named like an inspecting product | 50 | a server of that product |
//! | one private issuer's key on several names of one owner | 30 | the owner's private authority |
//! | a public chain without certificate timestamps (RFC 6962) | 30 | timestamps outside the certificate |
//! | another leaf key on another way, of public issuers | 10 | many servers behind one name |

use std::collections::{BTreeMap, BTreeSet};

/// From this weight on a connection counts as inspected.
pub const THRESHOLD: u32 = 60;

/// Something that speaks for inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    ExporterDiffers,
    HostAlone,
    PinMissing,
    OneIssuerManyOwners,
    OtherPrivateLeaf,
    ProductNamed,
    OneIssuerOneOwner,
    NoTimestamps,
    OtherPublicLeaf,
}

impl Sign {
    /// Every sign.
    pub const ALL: [Self; 9] = [
        Self::ExporterDiffers,
        Self::HostAlone,
        Self::PinMissing,
        Self::OneIssuerManyOwners,
        Self::OtherPrivateLeaf,
        Self::ProductNamed,
        Self::OneIssuerOneOwner,
        Self::NoTimestamps,
        Self::OtherPublicLeaf,
    ];

    /// How much it weighs.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::ExporterDiffers => 100,
            Self::HostAlone => 80,
            Self::OneIssuerManyOwners | Self::OtherPrivateLeaf => 60,
            Self::PinMissing | Self::ProductNamed => 50,
            Self::OneIssuerOneOwner | Self::NoTimestamps => 30,
            Self::OtherPublicLeaf => 10,
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ExporterDiffers => "the exporter values differ at both ends",
            Self::HostAlone => "this host trusts the chain and the public roots do not",
            Self::PinMissing => "the pinned authority is not presented",
            Self::OneIssuerManyOwners => "one private issuer's key signs names of different owners",
            Self::OtherPrivateLeaf => "another way shows another key for the same name",
            Self::ProductNamed => "the issuer is named like an inspecting product",
            Self::OneIssuerOneOwner => "one private issuer's key signs several names",
            Self::NoTimestamps => "the certificate has no timestamps of public logs",
            Self::OtherPublicLeaf => "another way shows another public key for the same name",
        }
    }
}

/// What one handshake showed, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// The host that was dialed.
    pub name: String,
    /// What tells the ways apart, such as the proxy's URL; empty: directly.
    pub way: String,
    pub issuer: String,
    pub issuer_key: String,
    pub leaf_key: [u8; 32],
    pub host_trusts: bool,
    pub public_trusts: bool,
    /// Whether the row says that the trust is public.
    pub expects_public: bool,
    /// `None` where nothing is pinned.
    pub pin_matches: Option<bool>,
    pub timestamps: usize,
    /// Whether our server saw the same exporter value; `None` where it did not say.
    pub exporter_matches: Option<bool>,
}

/// What speaks for inspection of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspicion {
    /// In their order.
    pub signs: BTreeSet<Sign>,
}

impl Suspicion {
    /// The sum of the signs' weights.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.signs.iter().map(|sign| sign.weight()).sum()
    }

    /// Whether it is enough.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.weight() >= THRESHOLD
    }
}

/// Words of issuers' names of products that break TLS open, in lower case.
const PRODUCTS: [&str; 22] = [
    "squid",
    "blue coat",
    "bluecoat",
    "proxysg",
    "cloud services ca",
    "fortigate",
    "fortinet",
    "zscaler",
    "netskope",
    "palo alto",
    "forcepoint",
    "websense",
    "sophos",
    "checkpoint",
    "check point",
    "mcafee web gateway",
    "cisco umbrella",
    "mitmproxy",
    "sangfor",
    "kaspersky",
    "eset ssl filter",
    "web anti-virus",
];

/// The part of a name that one owner registers: the last two labels, or three below suffixes such
/// as `co.uk`. An address is its own.
#[must_use]
pub fn owner(name: &str) -> String {
    const SECOND: [&str; 7] = ["co", "com", "net", "org", "gov", "ac", "edu"];
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    let labels: Vec<&str> = name.rsplit('.').collect();
    let of = match labels.as_slice() {
        _ if is_address => return name.to_owned(),
        [top, second, _, ..] if top.len() == 2 && SECOND.contains(second) => 3,
        _ => 2,
    };
    let mut kept: Vec<&str> = labels.into_iter().take(of).collect();
    kept.reverse();
    kept.join(".")
}

/// What speaks for inspection of each connection, in their order.
#[must_use]
pub fn weigh(sights: &[Sight]) -> Vec<Suspicion> {
    let mut owners: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let mut names: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for sight in sights.iter().filter(|sight| !sight.public_trusts) {
        let key = (sight.way.as_str(), sight.issuer_key.as_str());
        owners.entry(key).or_default().insert(owner(&sight.name));
        names.entry(key).or_default().insert(&sight.name);
    }
    sights
        .iter()
        .map(|sight| {
            let key = (sight.way.as_str(), sight.issuer_key.as_str());
            let several = |count: Option<usize>| count.unwrap_or(0) > 1;
            let mut signs = BTreeSet::new();
            if sight.exporter_matches == Some(false) {
                signs.insert(Sign::ExporterDiffers);
            }
            if sight.pin_matches == Some(false) {
                signs.insert(Sign::PinMissing);
            }
            // A connection that shows what it is expected to show needs no more looking at.
            let is_expected = sight.pin_matches == Some(true)
                || (!sight.expects_public && sight.pin_matches.is_none());
            if !is_expected {
                if sight.public_trusts {
                    if sight.timestamps == 0 && sight.expects_public {
                        signs.insert(Sign::NoTimestamps);
                    }
                } else {
                    of_private_issuer(sight, &mut signs);
                    if several(owners.get(&key).map(BTreeSet::len)) {
                        signs.insert(Sign::OneIssuerManyOwners);
                    } else if several(names.get(&key).map(BTreeSet::len)) {
                        signs.insert(Sign::OneIssuerOneOwner);
                    }
                }
                for other in sights {
                    let same_name = other.name == sight.name && other.way != sight.way;
                    if same_name && other.leaf_key != sight.leaf_key {
                        signs.insert(if sight.public_trusts {
                            Sign::OtherPublicLeaf
                        } else {
                            Sign::OtherPrivateLeaf
                        });
                    }
                }
            }
            Suspicion { signs }
        })
        .collect()
}

fn of_private_issuer(sight: &Sight, signs: &mut BTreeSet<Sign>) {
    if sight.host_trusts && sight.expects_public {
        signs.insert(Sign::HostAlone);
    }
    let issuer = sight.issuer.to_lowercase();
    if PRODUCTS.iter().any(|product| issuer.contains(product)) {
        signs.insert(Sign::ProductNamed);
    }
}

#[cfg(test)]
mod tests;
