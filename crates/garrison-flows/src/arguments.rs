//! Which catalogue, and which site.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use flows::{Catalogue, Date, FlowId, Host, IpNet, PortProfile, Site, Version, built_in};

use crate::file;

/// A catalogue: built in, or from a file.
#[derive(Debug, Args)]
pub struct CatalogueArgument {
    /// Catalogue: garrison, symantec-endpoint-protection (or sep), symantec-web-security-service
    /// (or wss), sangfor-endpoint-secure (or sangfor), or a file
    #[arg(long, value_name = "ID|FILE", default_value = built_in::GARRISON)]
    catalog: String,
}

impl CatalogueArgument {
    /// Reads it.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        load(&self.catalog)
    }
}

/// A catalogue that was read.
#[derive(Debug)]
pub(crate) enum Loaded {
    BuiltIn(&'static Catalogue),
    File(Box<Catalogue>),
}

impl std::ops::Deref for Loaded {
    type Target = Catalogue;

    fn deref(&self) -> &Catalogue {
        match self {
            Self::BuiltIn(catalogue) => catalogue,
            Self::File(catalogue) => catalogue,
        }
    }
}

/// Short names of catalogues that are built in.
const SHORT: [(&str, &str); 3] = [
    ("sep", built_in::SEP),
    ("wss", built_in::WSS),
    ("sangfor", built_in::SANGFOR),
];

/// The catalogue of that id or short name, or in that file.
pub(crate) fn load(name: &str) -> anyhow::Result<Loaded> {
    let short = SHORT.iter().find(|(short, _)| *short == name);
    let name = short.map_or(name, |(_, id)| id);
    if let Some(catalogue) = Catalogue::built_in(name) {
        return Ok(Loaded::BuiltIn(catalogue));
    }
    let path = Path::new(name);
    let is_id = FlowId::parse(name).is_ok();
    if is_id && !path.exists() {
        anyhow::bail!(
            "no catalogue {name:?} is built in, and there is no such file; {}",
            flows::advice(name, built_in::ids())
        );
    }
    let text = file::text(path, flows::catalogue::MAX_BYTES)?;
    let catalogue = Catalogue::parse(&text).with_context(|| name.to_owned())?;
    Ok(Loaded::File(Box::new(catalogue)))
}

/// What a site says.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Site")]
pub struct SiteArguments {
    /// Set a variable, several values with commas: --set manager=192.0.2.10
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// File that says all of this (TOML, the same keys); the command line goes before it
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// The product's version, such as 14.3 or "14.3 RU1"
    #[arg(long, value_name = "VERSION", value_parser = Version::parse)]
    version: Option<Version>,
    /// The service's region
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// The product's deployment, such as on-premises
    #[arg(long, value_name = "NAME")]
    deployment: Option<String>,
    /// A feature that is in use
    #[arg(long, value_name = "NAME", value_parser = FlowId::parse)]
    feature: Vec<FlowId>,
    /// A feature that is not in use
    #[arg(long, value_name = "NAME", value_parser = FlowId::parse)]
    without_feature: Vec<FlowId>,
    /// The day for which the flows are wanted: leaves out what is not yet, or no longer, used
    #[arg(long, value_name = "DATE", value_parser = Date::parse)]
    on: Option<Date>,
    /// Port numbers of Garrison's listeners [default: garrison]
    #[arg(long, value_name = "PROFILE", value_parser = profiles())]
    ports: Option<PortProfile>,
    /// Language of the words, where the catalogue has it (such as fr) [default: en]
    #[arg(long, value_name = "CODE")]
    lang: Option<String>,
}

impl SiteArguments {
    /// The site, for a catalogue. What its file says about another built-in catalogue is passed
    /// over: one file serves several products.
    pub(crate) fn site_of(&self, catalogue: &Catalogue) -> anyhow::Result<Site> {
        let mut site = self.of_file()?;
        drop_foreign(&mut site, catalogue);
        self.put_into(&mut site)?;
        Ok(site)
    }

    /// The site, for one catalogue of several: what is said about another is passed over.
    pub(crate) fn site_of_one_of_several(&self, catalogue: &Catalogue) -> anyhow::Result<Site> {
        let mut site = self.of_file()?;
        self.put_into(&mut site)?;
        drop_foreign(&mut site, catalogue);
        Ok(site)
    }

    fn of_file(&self) -> anyhow::Result<Site> {
        let Some(path) = &self.site else {
            return Ok(Site::default());
        };
        let text = file::text(path, flows::site::MAX_BYTES)?;
        Site::parse(&text).with_context(|| format!("{}", path.display()))
    }

    fn put_into(&self, site: &mut Site) -> anyhow::Result<()> {
        let mut typed = Site::default();
        for text in &self.set {
            typed.set(text)?;
        }
        site.values.extend(typed.values);
        for feature in &self.feature {
            site.features_off.remove(feature);
            site.features_on.insert(feature.clone());
        }
        for feature in &self.without_feature {
            if !self.feature.contains(feature) {
                site.features_on.remove(feature);
            }
            site.features_off.insert(feature.clone());
        }
        let or = |typed: &Option<String>, own: &mut Option<String>| {
            if typed.is_some() {
                own.clone_from(typed);
            }
        };
        or(&self.region, &mut site.region);
        or(&self.deployment, &mut site.deployment);
        site.version = self.version.clone().or(site.version.take());
        site.on = self.on.clone().or(site.on.take());
        site.profile = self.ports.unwrap_or(site.profile);
        if let Some(language) = &self.lang {
            site.language.clone_from(language);
        }
        Ok(())
    }
}

/// Takes out what this catalogue doesn't know and another built-in one does.
fn drop_foreign(site: &mut Site, catalogue: &Catalogue) {
    let others = || {
        built_in::ids()
            .filter(|id| *id != catalogue.id.as_str())
            .filter_map(Catalogue::built_in)
    };
    let has_variable = |catalogue: &Catalogue, name: &str| {
        let mut variables = catalogue.variables.iter();
        variables.any(|variable| variable.name == name)
    };
    let has_feature = |catalogue: &Catalogue, id: &FlowId| {
        let mut features = catalogue.features.iter();
        features.any(|feature| feature.id == *id)
    };
    site.values.retain(|name, _| {
        has_variable(catalogue, name) || !others().any(|other| has_variable(other, name))
    });
    for features in [&mut site.features_on, &mut site.features_off] {
        features.retain(|id| {
            has_feature(catalogue, id) || !others().any(|other| has_feature(other, id))
        });
    }
}

/// Addresses behind names, as `--address` gives them.
pub(crate) fn addresses(texts: &[String]) -> anyhow::Result<BTreeMap<String, Vec<IpNet>>> {
    let mut addresses: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
    for text in texts {
        let (name, values) = text.split_once('=').with_context(|| {
            format!("expected NAME=ADDRESS, such as a.example=192.0.2.1, got {text:?}")
        })?;
        for value in values.split(',') {
            let host = Host::parse(value.trim()).with_context(|| format!("--address {name}"))?;
            let network = match host {
                Host::Ip(address) => IpNet::from(address),
                Host::Cidr(network) => network,
                Host::Exact(_)
                | Host::OneLabel(_)
                | Host::AnyDepth(_)
                | Host::ApexAndSubdomains(_)
                | Host::Unset(_)
                | Host::Unknown => {
                    anyhow::bail!(
                        "--address {name}: expected an address or a network, got {value:?}"
                    )
                }
            };
            addresses.entry(name.to_owned()).or_default().push(network);
        }
    }
    Ok(addresses)
}

/// Port profiles as values of an argument.
pub fn profiles() -> impl TypedValueParser<Value = PortProfile> {
    let names = PortProfile::ALL.map(PortProfile::as_str);
    PossibleValuesParser::new(names).try_map(|name| PortProfile::parse(&name))
}
