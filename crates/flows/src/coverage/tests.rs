use super::*;

#[test]
fn the_built_in_ledger_is_valid() {
    assert_eq!(&Ledger::parse(TEXT).unwrap(), Ledger::built_in());
    let problems = Ledger::built_in().problems();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_paper_is_what_the_ledger_says() {
    let paper = include_str!("../../../../docs/coverage.md");
    assert!(
        paper == markdown(),
        "docs/coverage.md is stale: run cargo xtask coverage"
    );
}

#[test]
fn a_row_for_every_flow_of_every_vendor_cites_its_lines() {
    let rows = rows();
    let flows: usize = crate::built_in::ids()
        .filter_map(Catalogue::built_in)
        .filter(|catalogue| !catalogue.is_own())
        .map(|catalogue| catalogue.flows.len())
        .sum();
    assert_eq!(rows.len(), flows);
    for row in &rows {
        assert!(!row.cited.is_empty(), "{} cites nothing", row.flow);
    }
}

#[test]
fn a_row_works_with_a_listener_and_a_test_alone() {
    let rows = rows();
    let row = |id: &str| rows.iter().find(|row| row.flow.as_str() == id).unwrap();
    let channel = row("client-https");
    assert_eq!(channel.state, State::Works);
    assert_eq!(channel.listeners[0].flow.as_str(), "agent-channel");
    assert_eq!(channel.listeners[0].port, 443);
    assert!(
        channel
            .tests
            .contains(&"sockets_match_the_catalogue".to_owned())
    );
    assert_eq!(row("console").state, State::Partly);
    let shell = row("agent-live-shell");
    assert_eq!(shell.state, State::NotYet);
    assert!(shell.reason.is_some() && shell.tests.is_empty());
}

#[test]
fn what_claims_too_much_is_told() {
    let mut ledger = Ledger::built_in().clone();
    let claim = |text: &str| Ledger::parse(text).unwrap();
    ledger.systems[0].state = State::Works;
    ledger.systems[0].tests.clear();
    let mended = claim(
        "[[document]]\nnumber = \"000\"\ncatalogue = \"x\"\nsource = \"y\"\n\
         [[system]]\nid = \"a\"\nname = \"a\"\ndocuments = [\"007\"]\nstate = \"not-yet\"\n",
    );
    let problems = ledger.problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("no test shows it"));
    let problems = mended.problems();
    for words in [
        "no document with \"007\"",
        "x has no source y",
        "told of nowhere",
        "no system ",
    ] {
        assert!(
            problems.iter().any(|problem| problem.contains(words)),
            "{words}: {problems:#?}"
        );
    }
}
