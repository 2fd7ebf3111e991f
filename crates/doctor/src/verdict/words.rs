//! What pages say that stand between a host and its destination.

/// Words of pages of proxies and firewalls that block something, in lower case.
const BLOCKED: [&str; 18] = [
    "web page blocked",
    "page blocked",
    "has been blocked",
    "is blocked",
    "was blocked",
    "access denied",
    "access to this site",
    "access to the requested",
    "url filter",
    "web filter",
    "content filter",
    "blocked by",
    "blocked category",
    "category:",
    "fortiguard",
    "your organization's policy",
    "violates",
    "accès refusé",
];

/// Words of pages at which one signs in to a network, in lower case.
const PORTAL: [&str; 14] = [
    "captive",
    "hotspot",
    "wispaccessgatewayparam",
    "portal",
    "guest network",
    "guest wi-fi",
    "wlan",
    "wi-fi login",
    "accept the terms",
    "terms of use",
    "log in to the network",
    "network login",
    "network authentication",
    "sign in to the network",
];

/// The first word of a list in a text.
fn first<'w>(words: &[&'w str], text: &str) -> Option<&'w str> {
    let text = text.to_lowercase();
    words.iter().find(|word| text.contains(**word)).copied()
}

pub(super) fn of_block_page(text: &str) -> Option<&'static str> {
    first(&BLOCKED, text)
}

pub(super) fn of_portal(text: &str) -> Option<&'static str> {
    first(&PORTAL, text)
}
