//! What holds for every format.

use super::sample::{catalogue, destinations, rendered, selection, text};
use super::*;

#[test]
fn two_runs_give_the_same_bytes() {
    for format in Format::available() {
        assert_eq!(rendered(format).bytes, rendered(format).bytes, "{format}");
    }
}

#[test]
fn every_destination_is_reported_once_and_in_order() {
    let selection = selection();
    let expected: Vec<(String, usize)> = selection
        .flows
        .iter()
        .flat_map(|selected| {
            (0..selected.endpoints.len()).map(|place| (selected.flow.id.to_string(), place))
        })
        .collect();
    for format in Format::available() {
        let report = rendered(format).report;
        let got: Vec<(String, usize)> = report
            .iter()
            .map(|entry| (entry.flow.to_string(), entry.endpoint))
            .collect();
        assert_eq!(got, expected, "{format}");
    }
}

#[test]
fn each_says_what_its_source_was_and_of_when() {
    for format in Format::available() {
        if format == Format::Xlsx {
            continue; // Its own test reads the sheet.
        }
        let text = text(format);
        for word in ["sample", "2024-11-11", "0123456789abcdef"] {
            assert!(text.contains(word), "{format} lacks {word:?}:\n{text}");
        }
    }
}

/// Formats that tell a program what may pass.
const RULES: [Format; 6] = [
    Format::M365,
    Format::SquidAllow,
    Format::SquidBypass,
    Format::Pac,
    Format::Plain,
    Format::Json,
];

#[test]
fn nothing_unknown_loopback_or_retired_becomes_a_rule() {
    for format in RULES {
        if format == Format::Json {
            continue; // A document: it says all, and says what is unknown.
        }
        let text = text(format);
        for host in ["127.0.0.1", "198.51.100.9", "old.example.com"] {
            assert!(!text.contains(host), "{format} has {host}:\n{text}");
        }
        let selection = selection();
        for ((selected, _), entry) in destinations(&selection).iter().zip(rendered(format).report) {
            if ["launcher", "lost", "everything", "old"].contains(&selected.flow.id.as_str()) {
                assert_ne!(entry.how, How::Exact, "{format}: {}", entry.flow);
            }
        }
    }
}

#[test]
fn strict_refuses_what_is_not_exact_and_says_what() {
    let options = Options {
        strict: true,
        ..Options::default()
    };
    let error = render(Format::SquidAllow, &selection(), &options).unwrap_err();
    assert!(
        matches!(&error, RenderError::NotExact { flow, .. } if flow.as_str() == "reputation"),
        "{error}"
    );
    assert!(render(Format::Markdown, &selection(), &options).is_ok());
}

#[test]
fn a_text_never_leaves_its_line() {
    // The purpose of the flow "update" holds a line end and a comment sign of most targets.
    for format in [
        Format::SquidAllow,
        Format::SquidBypass,
        Format::Pac,
        Format::Plain,
    ] {
        for line in text(format).lines() {
            assert!(
                !line.trim_start().starts_with("# a new line") && !line.starts_with("*/"),
                "{format}: {line}"
            );
        }
    }
}

#[test]
fn no_sign_turns_the_direction_in_which_a_reader_sees_a_rule() {
    let purpose = "A narrower host that";
    let source =
        include_str!("sample.toml").replace(purpose, "A narrower \u{202e}host\u{2066} that");
    let catalogue = crate::Catalogue::parse(&source).unwrap();
    assert!(
        catalogue
            .flows
            .iter()
            .any(|flow| flow.purpose.as_str().contains('\u{202e}'))
    );
    let selection = crate::select(&catalogue, &crate::Site::default()).unwrap();
    for format in Format::available() {
        // Facts for programs, and a container of compressed parts.
        if [Format::Json, Format::Xlsx].contains(&format) {
            continue;
        }
        let rendered = render(format, &selection, &Options::default()).unwrap();
        let text = String::from_utf8(rendered.bytes).unwrap();
        assert!(
            !text.contains(['\u{202e}', '\u{2066}']),
            "{format}:\n{text}"
        );
    }
}

#[test]
fn french_is_french_where_the_catalogue_has_it() {
    let options = Options {
        language: "fr".to_owned(),
        ..Options::default()
    };
    let page = render(Format::Html, &selection(), &options).unwrap().bytes;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("lang=\"fr\"") && page.contains("Définitions"));
    assert!(page.contains("Reputation of files."));
}

#[test]
fn a_proxy_is_host_and_port() {
    for text in [
        "proxy.example.com:8080",
        "192.0.2.1:3128",
        "[2001:db8::1]:8080",
    ] {
        assert_eq!(ProxyAddress::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "",
        "proxy",
        "proxy:0",
        "p;DIRECT:80",
        "\"+x+\":80",
        "a b:80",
        "http://p:80",
    ] {
        assert!(ProxyAddress::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn documents_escape_what_a_catalogue_brings() {
    let page = text(Format::Html);
    assert!(!page.contains("<b> Guard") && page.contains("&lt;b&gt; Guard"));
    assert!(!page.contains("</td> $(id)"));
    let table = text(Format::Markdown);
    for line in table.lines().filter(|line| line.starts_with("| update ")) {
        let cells = line.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 8, "{line}");
    }
    assert!(catalogue().vendor.contains("<b>"));
}

#[test]
fn readable_forms_are_the_agreed_ones() {
    for format in [
        Format::Markdown,
        Format::Csv,
        Format::Plain,
        Format::SquidAllow,
        Format::SquidBypass,
        Format::Pac,
        Format::M365,
    ] {
        insta::assert_snapshot!(format.as_str(), text(format));
    }
}

#[test]
fn a_format_that_is_not_built_in_is_not_offered() {
    for format in Format::ALL {
        let built_in = renderer(format);
        assert_eq!(Format::parse(format.as_str()).is_ok(), built_in.is_some());
        if let Some(built_in) = built_in {
            assert_eq!(built_in.format(), format, "the arm of {format}");
        }
    }
    assert!(Format::parse("word").is_err());
}

#[test]
fn strict_names_the_first_that_is_not_exact() {
    let entry = |how: How| Expressed {
        flow: FlowId::parse("a").unwrap(),
        endpoint: 0,
        how,
        note: None,
    };
    let fine = [
        entry(How::Exact),
        entry(How::NotNeeded("retired".to_owned())),
    ];
    assert!(refuse_inexact(Format::Pac, &fine).is_ok());
    let mixed = [
        entry(How::Exact),
        entry(How::Widened("w".to_owned())),
        entry(How::NotAtAll("n".to_owned())),
    ];
    let error = refuse_inexact(Format::Pac, &mixed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pac can't say flow a (destination 0) exactly: widened: w (1 more like it); leave --strict away to have it all the same"
    );
}
