//! Which product it is that has to change.

use crate::finding::Cased;

/// A product that can be told apart by what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    Squid,
    Fortigate,
    PanOs,
    Other(&'static str),
    Unknown,
}

/// Words by which products name themselves in `Via` and `Server` and in their issuers, in lower
/// case.
const NAMES: [(&str, Product); 17] = [
    ("squid", Product::Squid),
    ("fortigate", Product::Fortigate),
    ("fortinet", Product::Fortigate),
    ("fortiproxy", Product::Fortigate),
    ("palo alto", Product::PanOs),
    ("globalprotect", Product::PanOs),
    ("zscaler", Product::Other("Zscaler")),
    ("blue coat", Product::Other("Symantec ProxySG")),
    ("bluecoat", Product::Other("Symantec ProxySG")),
    ("proxysg", Product::Other("Symantec ProxySG")),
    ("mwg", Product::Other("Skyhigh Web Gateway")),
    ("mcafee", Product::Other("Skyhigh Web Gateway")),
    ("netskope", Product::Other("Netskope")),
    ("sophos", Product::Other("Sophos")),
    ("forcepoint", Product::Other("Forcepoint")),
    ("check point", Product::Other("Check Point")),
    ("sangfor", Product::Other("Sangfor")),
];

pub(super) fn product(group: &[Cased<'_, '_>]) -> Product {
    let says = group.iter().flat_map(|one| &one.check.evidence);
    let says = says.filter(|one| names_product(&one.kind));
    for one in says {
        let text = one.value.to_lowercase();
        if let Some((_, product)) = NAMES.iter().find(|(name, _)| text.contains(name)) {
            return *product;
        }
    }
    Product::Unknown
}

/// Whether products name themselves in evidence of this kind.
pub(crate) fn names_product(kind: &str) -> bool {
    matches!(kind, "via" | "proxy_server" | "server" | "issuer" | "page")
}
