//! What the tests of the formats render.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{Format, Options, Rendered, render};
use crate::catalogue::Catalogue;
use crate::select::{ResolvedEndpoint, Selected, Selection, select};
use crate::site::Site;

pub(super) fn catalogue() -> &'static Catalogue {
    static SAMPLE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::parse(include_str!("sample.toml")).unwrap());
    &SAMPLE
}

pub(super) fn selection() -> Selection<'static> {
    select(catalogue(), &Site::default()).unwrap()
}

pub(super) fn rendered(format: Format) -> Rendered {
    render(format, &selection(), &Options::default()).unwrap()
}

pub(super) fn text(format: Format) -> String {
    String::from_utf8(rendered(format).bytes).unwrap()
}

/// The selection's destinations with their flows, in the order of reports.
pub(super) fn destinations<'s>(
    selection: &'s Selection<'_>,
) -> Vec<(&'s Selected<'s>, &'s ResolvedEndpoint)> {
    selection
        .flows
        .iter()
        .flat_map(|selected| selected.endpoints.iter().map(move |one| (selected, one)))
        .collect()
}

/// Names and addresses in, around and outside of the sample's hosts.
pub(super) fn hosts() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec![
        "update.example.com",
        "cdn.example.com",
        "rep.example.net",
        "example.org",
        "mirror.example.org",
        "old.example.com",
        "example.com",
        "com",
    ]);
    let label = "[a-z0-9]{1,3}(-[a-z0-9]{1,2})?";
    let named = (prop::collection::vec(label, 0..3), base, any::<bool>()).prop_map(
        |(labels, base, glued)| {
            let mut name = labels.join(".");
            if !name.is_empty() && !glued {
                name.push('.');
            }
            name.push_str(base);
            name
        },
    );
    let addressed = prop_oneof![
        (76u8..80).prop_map(|last| format!("192.0.2.{last}")),
        any::<u8>().prop_map(|last| format!("203.0.113.{last}")),
        any::<u8>().prop_map(|last| format!("198.51.100.{last}")),
    ];
    prop_oneof![3 => named, 1 => addressed]
}

pub(super) fn ports() -> impl Strategy<Value = u16> {
    prop_oneof![
        9 => prop::sample::select(vec![80u16, 443, 8000, 8005, 8010, 8011, 8014, 4500]),
        1 => 1u16..=u16::MAX,
    ]
}
