//! The house's floors: each crate depends only on crates of the floors above
//! its own, or on earlier ones of its own floor.

use super::graph::{EVERY_KIND, Graph, Kind, Package};

/// From the top of the picture (words) to its bottom (doors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    /// What any test may say; no part of the house leans on it outside its tests.
    Aids,
    /// No I/O, no clock, no async.
    Words,
    /// Decisions without I/O.
    Brains,
    /// I/O.
    Hands,
    /// What a process does. They never import each other.
    Roles,
    /// Executables: wiring only. They never import each other.
    Doors,
    /// Whole-system tests: they drive the executables, and use hands at most.
    Tests,
    /// Tools that know nothing of the house.
    Tools,
}

/// Every crate of the workspace, in order.
const HOUSE: &[(&str, Floor)] = &[
    ("skip", Floor::Aids),
    ("model", Floor::Words),
    ("flows", Floor::Words),
    ("proto", Floor::Words),
    ("scan", Floor::Brains),
    ("definitions", Floor::Brains),
    ("trust", Floor::Brains),
    ("pac", Floor::Brains),
    ("net", Floor::Hands),
    ("store", Floor::Hands),
    ("sandbox", Floor::Hands),
    ("doctor", Floor::Hands),
    ("agent", Floor::Roles),
    ("manager", Floor::Roles),
    ("cloud", Floor::Roles),
    ("garrison-flows", Floor::Doors),
    ("garrison", Floor::Doors),
    ("garrison-agent", Floor::Doors),
    ("garrison-sim", Floor::Doors),
    ("system-tests", Floor::Tests),
    ("fuzz", Floor::Tests),
    ("xtask", Floor::Tools),
];

/// Doors whose command line is a part of another's: who, of whom.
const WITHIN: &[(&str, &str)] = &[
    ("garrison", "garrison-flows"),
    ("garrison-agent", "garrison-flows"),
];

/// Libraries that only these rooms may name in their manifests, and why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "rquickjs",
        &["pac"],
        "scripts of others are run in one room",
    ),
    ("tokio-rustls", &["net"], "net owns every IP socket"),
    ("hyper", &["net"], "net owns every IP socket"),
    ("hyper-util", &["net"], "net owns every IP socket"),
    ("socket2", &["net"], "net owns every IP socket"),
    (
        "reqwest",
        &[],
        "net's dialer has one typed error a stage; this has not",
    ),
    (
        "yara-x",
        &["scan", "definitions"],
        "the largest compile stays in two rooms",
    ),
    (
        "seccompiler",
        &["sandbox"],
        "sandbox owns the workers' rights",
    ),
    ("landlock", &["sandbox"], "sandbox owns the workers' rights"),
    (
        "sqlx",
        &["store", "manager", "cloud"],
        "the agent carries no database server code",
    ),
    ("redb", &["agent"], "it is the agent's store"),
    ("askama", &["manager"], "the console is the manager's"),
    ("rust-embed", &["manager"], "the console is the manager's"),
    (
        "rcgen",
        &["trust", "fuzz"],
        "trust issues certificates, and fuzzing makes seeds",
    ),
    (
        "argon2",
        &["trust", "manager"],
        "passwords are hashed in one place",
    ),
];

/// What must not be linked into the privileged agent.
const NOT_IN_AGENT: &[&str] = &[
    "askama",
    "rust-embed",
    "sqlx",
    "sqlx-core",
    "sqlx-sqlite",
    "sqlx-postgres",
    "libsqlite3-sys",
    "utoipa-axum",
    "store",
    "manager",
    "cloud",
];

fn place(name: &str) -> Option<(usize, Floor)> {
    HOUSE
        .iter()
        .position(|(room, _)| *room == name)
        .and_then(|order| HOUSE.get(order).map(|(_, floor)| (order, *floor)))
}

fn allowed(from: (usize, Floor), to: (usize, Floor)) -> bool {
    match from.1 {
        Floor::Aids | Floor::Words | Floor::Brains | Floor::Hands => {
            to.1 < from.1 || (to.1 == from.1 && to.0 < from.0)
        }
        Floor::Roles | Floor::Doors => to.1 < from.1,
        Floor::Tests => to.1 <= Floor::Hands,
        Floor::Tools => false,
    }
}

/// Each arrow between our crates, of any kind, against the table.
pub(super) fn arrows(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for (id, package) in graph.members() {
        let Some(from) = place(&package.name) else {
            continue;
        };
        for target in graph.direct(id, EVERY_KIND).filter(|target| target.member) {
            let Some(to) = place(&target.name) else {
                continue;
            };
            let within = WITHIN.contains(&(package.name.as_str(), target.name.as_str()));
            if !within && !allowed(from, to) {
                complaints.push(format!(
                    "{} ({:?}) depends on {} ({:?}): a crate may use the floors above its own, or earlier rooms of its floor; roles and doors never each other",
                    package.name, from.1, target.name, to.1
                ));
            }
        }
        if from.1 < Floor::Tests {
            for aid in outside_tests(graph, id) {
                complaints.push(format!(
                    "{} depends on {aid} outside its tests: name it under [dev-dependencies]",
                    package.name
                ));
            }
        }
    }
    complaints
}

/// The aids of tests that a crate's own code depends on.
fn outside_tests<'g>(graph: &'g Graph, id: &str) -> impl Iterator<Item = &'g str> {
    graph
        .direct(id, &[Kind::Normal, Kind::Build])
        .map(|target| target.name.as_str())
        .filter(|name| place(name).is_some_and(|(_, floor)| floor == Floor::Aids))
}

/// The table names every crate, and no crate that isn't there.
pub(super) fn table(graph: &Graph) -> Vec<String> {
    let names: Vec<&str> = graph
        .members()
        .map(|(_, package)| package.name.as_str())
        .collect();
    let missing = names
        .iter()
        .filter(|name| place(name).is_none())
        .map(|name| {
            format!("{name} has no floor: give it a row of HOUSE in xtask/src/check/floors.rs")
        });
    let stale = HOUSE
        .iter()
        .filter(|(room, _)| !names.contains(room))
        .map(|(room, _)| {
            format!(
                "{room} has a floor but is no crate of the workspace: take its row out of HOUSE"
            )
        });
    missing.chain(stale).collect()
}

/// Libraries that only some rooms may name. A room's tests may take what they need.
pub(super) fn reserved(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for (id, package) in graph.members() {
        for target in graph.direct(id, &[Kind::Normal, Kind::Build]) {
            for (library, rooms, reason) in RESERVED {
                if target.name == *library && !rooms.contains(&package.name.as_str()) {
                    complaints.push(format!(
                        "{} depends on {library}, which is for {}: {reason}",
                        package.name,
                        if rooms.is_empty() {
                            "nobody".to_owned()
                        } else {
                            rooms.join(", ")
                        }
                    ));
                }
            }
        }
    }
    complaints
}

/// The agent's executable carries no console and no database server code.
pub(super) fn agent_binary(graph: &Graph) -> Vec<String> {
    let banned = |package: &Package| NOT_IN_AGENT.contains(&package.name.as_str());
    graph
        .members()
        .filter(|(_, package)| package.name == "garrison-agent")
        .flat_map(|(id, _)| graph.ways(id, banned))
        .map(|way| format!("{way}: the privileged agent must not link this"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_to_a_floor_above_is_allowed() {
        let graph = Graph::fixture(&[
            "manager -> net",
            "net -> model",
            "proto -> model",
            "definitions -> scan",
        ]);
        assert_eq!(arrows(&graph), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_to_a_floor_below_names_both_crates() {
        let complaints = arrows(&Graph::fixture(&["model -> store"]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("model (Words) depends on store (Hands)"));
    }

    #[test]
    fn an_arrow_to_a_later_room_of_the_same_floor_is_refused() {
        assert_eq!(arrows(&Graph::fixture(&["scan -> definitions"])).len(), 1);
    }

    #[test]
    fn roles_never_import_each_other() {
        assert_eq!(arrows(&Graph::fixture(&["cloud -> manager"])).len(), 1);
        assert_eq!(arrows(&Graph::fixture(&["manager -> cloud"])).len(), 1);
    }

    #[test]
    fn doors_never_import_each_other() {
        assert_eq!(
            arrows(&Graph::fixture(&["garrison-agent -> garrison"])).len(),
            1
        );
    }

    #[test]
    fn the_operators_door_has_the_command_line_of_the_flows() {
        assert!(arrows(&Graph::fixture(&["garrison -> garrison-flows"])).is_empty());
        assert_eq!(
            arrows(&Graph::fixture(&["garrison-flows -> garrison"])).len(),
            1
        );
    }

    #[test]
    fn a_test_dependency_counts_as_an_arrow() {
        assert_eq!(arrows(&Graph::fixture(&["trust -dev-> net"])).len(), 1);
    }

    #[test]
    fn an_aid_of_tests_is_refused_outside_tests() {
        assert_eq!(arrows(&Graph::fixture(&["net -> skip"])).len(), 1);
        assert!(arrows(&Graph::fixture(&["net -dev-> skip"])).is_empty());
        assert!(arrows(&Graph::fixture(&["system-tests -> skip"])).is_empty());
    }

    #[test]
    fn whole_system_tests_import_no_role() {
        assert_eq!(
            arrows(&Graph::fixture(&["system-tests -> manager"])).len(),
            1
        );
        assert!(arrows(&Graph::fixture(&["system-tests -> net"])).is_empty());
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        let complaints = table(&Graph::fixture(&["attic"]));
        assert!(
            complaints
                .iter()
                .any(|text| text.starts_with("attic has no floor"))
        );
    }

    #[test]
    fn a_row_without_a_crate_is_named() {
        let complaints = table(&Graph::fixture(&["model"]));
        assert!(
            complaints
                .iter()
                .any(|text| text.starts_with("store has a floor but is no crate"))
        );
    }

    #[test]
    fn a_reserved_library_is_refused_elsewhere() {
        assert_eq!(reserved(&Graph::fixture(&["agent -> /hyper"])).len(), 1);
        assert!(reserved(&Graph::fixture(&["net -> /hyper"])).is_empty());
        assert!(reserved(&Graph::fixture(&["net -dev-> /rcgen"])).is_empty());
    }

    #[test]
    fn the_agent_links_no_database_even_through_another_crate() {
        let complaints = agent_binary(&Graph::fixture(&[
            "garrison-agent -> trust",
            "trust -> /sqlx",
        ]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("garrison-agent → trust → sqlx"));
    }

    #[test]
    fn the_console_in_another_binary_is_no_concern_of_the_agent() {
        assert!(
            agent_binary(&Graph::fixture(&[
                "garrison -> manager",
                "manager -> /askama",
                "garrison-agent -> net"
            ]))
            .is_empty()
        );
    }
}
