//! A saved page against the catalogue that an earlier state of it became.

use flows::Catalogue;
use flows::import::page::{self, PageDiff, compare};

use crate::texts::{Document, documents};

fn diff(document: &Document, text: &str) -> PageDiff {
    let page = page::read(text).unwrap();
    compare(&page, document.catalogue, None).unwrap()
}

/// The documents but the two that lost nearly all that could be compared.
fn pages(test: &str) -> Option<Vec<Document>> {
    let whole = |document: &Document| document.source.id.as_str() != "sep-urls-en";
    documents(test).map(|all| all.into_iter().filter(whole).collect())
}

fn page_of<'d>(documents: &'d [Document], source: &str) -> &'d Document {
    let found = documents
        .iter()
        .find(|document| document.source.id.as_str() == source);
    found.unwrap()
}

#[test]
fn a_document_is_recognised_and_differs_in_nothing_from_its_rows() {
    let Some(pages) = pages("a_document_is_recognised_and_differs_in_nothing_from_its_rows") else {
        return;
    };
    for document in &pages {
        let mut diff = diff(document, &document.text);
        assert_eq!(diff.source, document.source.id);
        // The page where people ask for support is no flow.
        diff.new
            .retain(|row| row.host.as_deref() != Some("www.sangfor.com"));
        assert!(diff.is_empty(), "{diff:#?}");
        assert!(diff.same > 5, "{}: {}", diff.source, diff.same);
    }
}

#[test]
fn a_host_that_was_added_is_new_with_its_ports_and_line() {
    let Some(pages) = pages("a_host_that_was_added_is_new_with_its_ports_and_line") else {
        return;
    };
    for (source, after, added, ports) in [
        (
            "sep-urls-fr",
            "https://sp.cwfservice.net\n",
            "https://new.example.com\n",
            "tcp 443",
        ),
        (
            "sangfor-addresses",
            "version information of rule databases such as vulnerability databases.\t\n",
            "\tnew.example.com\tTCP: 8443\tNew.\t\n",
            "tcp 8443",
        ),
    ] {
        let document = page_of(&pages, source);
        let text = document.text.replacen(after, &format!("{after}{added}"), 1);
        assert_ne!(text, document.text, "{source}");
        let line = 1 + text
            .lines()
            .position(|line| line.contains("new.example.com"))
            .unwrap();
        let diff = diff(document, &text);
        let new: Vec<_> = diff
            .new
            .iter()
            .filter(|row| row.host.as_deref() == Some("new.example.com"))
            .collect();
        assert_eq!(new.len(), 1, "{diff:#?}");
        assert_eq!(new[0].ports, [ports]);
        assert_eq!(new[0].lines, [line]);
        assert!(diff.gone.is_empty() && diff.changed.is_empty(), "{diff:#?}");
    }
}

#[test]
fn a_host_that_was_removed_is_gone_with_its_flows() {
    let Some(pages) = pages("a_host_that_was_removed_is_gone_with_its_flows") else {
        return;
    };
    let document = page_of(&pages, "sep-urls-fr");
    let text = document.text.replace("https://sp.cwfservice.net\n", "");
    let gone = diff(document, &text).gone;
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert_eq!(gone[0].host.as_deref(), Some("sp.cwfservice.net"));
    assert_eq!(gone[0].flows[0].as_str(), "client-url-reputation");
}

#[test]
fn a_host_that_left_one_of_its_rows_is_changed() {
    let Some(pages) = pages("a_host_that_left_one_of_its_rows_is_changed") else {
        return;
    };
    let document = page_of(&pages, "sep-urls-fr");
    let text = document
        .text
        .replacen("https://us.spoc.securitycloud.symantec.com\n", "", 1);
    let changed = diff(document, &text).changed;
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!((changed[0].rows_before, changed[0].rows_now), (2, 1));
}

#[test]
fn a_port_that_changed_is_told_before_and_after() {
    let Some(pages) = pages("a_port_that_changed_is_told_before_and_after") else {
        return;
    };
    let document = page_of(&pages, "sangfor-addresses");
    let text = document.text.replace(
        "license.sangfor.com\tTCP: 443",
        "license.sangfor.com\tTCP: 8443",
    );
    let changed = diff(document, &text).changed;
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0].host, "license.sangfor.com");
    assert_eq!(changed[0].ports_before, ["tcp 443"]);
    assert_eq!(changed[0].ports_now, ["tcp 8443"]);

    let document = page_of(&pages, "sep-urls-fr");
    let cell = "https://sp.cwfservice.net\n443\n";
    let text = document.text.replace(cell, &cell.replace("443", "8443"));
    let changed = diff(document, &text).changed;
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0].ports_now, ["tcp 8443"]);

    let document = page_of(&pages, "sep-ports-fr");
    let text = document.text.replace("9090", "9191");
    let changed = diff(document, &text);
    assert_eq!(changed.new[0].ports, ["tcp 9191"]);
    assert_eq!(changed.gone[0].ports, ["tcp 9090"]);
    assert_eq!(changed.gone[0].flows[0].as_str(), "web-console-first");
}

#[test]
fn a_page_of_something_else_is_refused() {
    let page = page::read("nothing.example.com\nTCP 7").unwrap();
    let catalogue = Catalogue::built_in(flows::built_in::SANGFOR).unwrap();
    let error = compare(&page, catalogue, None).unwrap_err().to_string();
    assert!(error.contains("is it the page"), "{error}");
    let error = compare(&page, catalogue, Some("sangfor")).unwrap_err();
    assert!(error.to_string().contains("sangfor-addresses"), "{error}");
}

#[test]
fn a_page_needs_no_document_to_be_compared() {
    let catalogue = Catalogue::built_in(flows::built_in::SANGFOR).unwrap();
    let text = "upd.sangfor.com\tTCP: 443, 80\nupd.sangfor.com\tTCP: 443, 8080";
    let diff = compare(&page::read(text).unwrap(), catalogue, None).unwrap();
    assert_eq!(diff.source.as_str(), "sangfor-addresses");
    assert_eq!(diff.changed.len(), 1);
    assert_eq!(diff.changed[0].ports_now, ["tcp 80", "tcp 443", "tcp 8080"]);
    assert!(diff.gone.len() > 20 && diff.new.is_empty());
}
