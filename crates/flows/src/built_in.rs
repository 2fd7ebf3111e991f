//! The catalogues inside this library; each is read when it is first asked for.

use std::sync::OnceLock;

use crate::catalogue::Catalogue;

/// Garrison's own flows.
pub const GARRISON: &str = "garrison";
/// Symantec Endpoint Protection, whose port numbers the profile `sep` takes.
pub const SEP: &str = "symantec-endpoint-protection";
/// Symantec Web Security Service.
pub const WSS: &str = "symantec-web-security-service";
/// Sangfor Endpoint Secure, whose port numbers the profile `sangfor` takes.
pub const SANGFOR: &str = "sangfor-endpoint-secure";

/// A catalogue's text, and its reading once it was asked for.
struct BuiltIn {
    id: &'static str,
    text: &'static str,
    read: OnceLock<Catalogue>,
}

impl BuiltIn {
    const fn new(id: &'static str, text: &'static str) -> Self {
        Self {
            id,
            text,
            read: OnceLock::new(),
        }
    }
}

static BUILT_IN: [BuiltIn; 4] = [
    BuiltIn::new(GARRISON, include_str!("../catalogue/garrison.toml")),
    BuiltIn::new(
        SEP,
        include_str!("../catalogue/symantec-endpoint-protection.toml"),
    ),
    BuiltIn::new(
        WSS,
        include_str!("../catalogue/symantec-web-security-service.toml"),
    ),
    BuiltIn::new(
        SANGFOR,
        include_str!("../catalogue/sangfor-endpoint-secure.toml"),
    ),
];

/// The ids, in the order of lists.
pub fn ids() -> impl Iterator<Item = &'static str> + Clone {
    BUILT_IN.iter().map(|built_in| built_in.id)
}

/// The text of a catalogue.
#[must_use]
pub fn text(id: &str) -> Option<&'static str> {
    find(id).map(|built_in| built_in.text)
}

/// A catalogue, read once. That it is valid is checked by a test and not again at each start.
#[must_use]
pub fn catalogue(id: &str) -> Option<&'static Catalogue> {
    let built_in = find(id)?;
    #[expect(
        clippy::expect_used,
        reason = "the texts are built in, and a test reads each of them"
    )]
    let read = built_in.read.get_or_init(|| {
        toml::from_str(built_in.text).expect("a built-in catalogue is of the shape")
    });
    Some(read)
}

fn find(id: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{Reason, select};
    use crate::site::Site;

    #[test]
    fn every_built_in_catalogue_is_valid_and_has_its_id() {
        for id in ids() {
            let read = Catalogue::parse(text(id).unwrap()).unwrap_or_else(|error| {
                panic!("{id}: {error}");
            });
            assert_eq!(read.id.as_str(), id);
            assert_eq!(&read, catalogue(id).unwrap());
        }
        assert!(catalogue("acme").is_none());
    }

    #[test]
    fn nothing_unknown_loopback_or_retired_of_any_catalogue_passes_the_perimeter() {
        use crate::endpoint::Transport;
        use crate::flow::Direction;
        use crate::host::Host;

        for catalogue in ids().filter_map(catalogue) {
            let mut everything = Site::default();
            for feature in &catalogue.features {
                everything.features_on.insert(feature.id.clone());
            }
            let mut all_set = everything.clone();
            for variable in &catalogue.variables {
                let value = match variable.kind {
                    crate::party::VariableKind::Hosts => "192.0.2.10",
                    crate::party::VariableKind::Port => "8443",
                };
                all_set.add(&variable.name, [value]).unwrap();
            }
            for site in [everything, all_set] {
                let selection = select(catalogue, &site).unwrap();
                assert_eq!(selection.flows.len(), catalogue.flows.len());
                for selected in &selection.flows {
                    let never = selected.flow.retired.is_some()
                        || matches!(
                            selected.flow.direction,
                            Direction::Loopback | Direction::Unknown
                        );
                    let gate = selected.perimeter();
                    assert!(!(never && gate.is_ok()), "{}", selected.flow.id);
                    for (_, endpoint) in gate.iter().flat_map(|gate| &gate.passing) {
                        let known = !matches!(endpoint.host, Host::Unknown | Host::Unset(_))
                            && endpoint.transport != Transport::Unknown
                            && (!endpoint.transport.has_ports() || !endpoint.ports.is_empty());
                        assert!(known, "{}: {endpoint:?}", selected.flow.id);
                    }
                    if let Err(Reason::Unset(name)) = gate {
                        assert!(!site.values.contains_key(&name));
                    }
                }
            }
        }
    }
}
