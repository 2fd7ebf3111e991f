//! Every dependency's licence lets us ship under Apache-2.0.

use super::graph::Graph;
use super::spdx::Expression;

const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// One crate, one licence beyond the list, and why it fits all the same.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "libbz2-rs-sys",
        "bzip2-1.0.6",
        "bzip2's own BSD-style licence: keep its notice, mark changed sources",
    ),
    (
        "libfuzzer-sys",
        "NCSA",
        "LLVM's old BSD-style licence; it is linked into fuzzing programs alone",
    ),
    (
        "webpki-roots",
        "CDLA-Permissive-2.0",
        "data alone, Mozilla's list of CAs: pass the licence's text on with it",
    ),
];

pub(super) fn check(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in graph.packages.values() {
        let Some(licence) = &package.licence else {
            complaints.push(format!(
                "{} {} names no licence",
                package.name, package.version
            ));
            continue;
        };
        let allowed = |name: &str| {
            ALLOWED.contains(&name)
                || EXCEPTIONS.iter().any(|(crate_name, exception, _)| {
                    *crate_name == package.name && *exception == name
                })
        };
        match Expression::parse(licence) {
            Ok(expression) if expression.is_satisfied(&allowed) => {}
            Ok(_) => complaints.push(format!(
                "{} {} is under {licence}; choose another crate, or give it a row with a reason in xtask/src/check/licences.rs",
                package.name, package.version
            )),
            Err(error) => complaints.push(format!("{} {}: licence {licence:?}: {error}", package.name, package.version)),
        }
    }
    let stale = EXCEPTIONS.iter().filter(|(crate_name, _, _)| {
        !graph
            .packages
            .values()
            .any(|package| package.name == *crate_name)
    });
    complaints.extend(stale.map(|(crate_name, _, reason)| {
        format!("{crate_name} has an exception ({reason}) but is no dependency: take its row out")
    }));
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One library under this licence, and the crates that have an exception.
    fn complaints(licence: Option<&str>) -> Vec<String> {
        let mut graph = Graph::fixture(&[
            "net -> /library",
            "net -> /libbz2-rs-sys",
            "net -> /libfuzzer-sys",
            "net -> /webpki-roots",
        ]);
        graph.packages.get_mut("library").unwrap().licence = licence.map(str::to_owned);
        graph.packages.get_mut("libbz2-rs-sys").unwrap().licence = Some("bzip2-1.0.6".to_owned());
        graph.packages.get_mut("libfuzzer-sys").unwrap().licence = Some("NCSA".to_owned());
        graph.packages.get_mut("webpki-roots").unwrap().licence =
            Some("CDLA-Permissive-2.0".to_owned());
        check(&graph)
    }

    #[test]
    fn a_permissive_licence_passes() {
        assert_eq!(complaints(Some("MIT/Apache-2.0")), Vec::<String>::new());
    }

    #[test]
    fn a_copyleft_licence_is_refused_by_name() {
        let found = complaints(Some("GPL-3.0-or-later"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("library 0.1.0 is under GPL-3.0-or-later"));
    }

    #[test]
    fn a_crate_without_a_licence_is_refused() {
        assert_eq!(complaints(None).len(), 1);
    }

    #[test]
    fn an_exception_holds_for_its_crate_alone() {
        assert_eq!(complaints(Some("bzip2-1.0.6")).len(), 1);
    }

    #[test]
    fn an_exception_for_an_absent_crate_is_named() {
        let found = check(&Graph::fixture(&["net"]));
        assert_eq!(found.len(), EXCEPTIONS.len());
        assert!(found[0].contains("is no dependency"));
    }
}
