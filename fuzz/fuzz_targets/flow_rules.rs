//! Readers of existing rules: each ends with a report or an error.
#![no_main]

use std::sync::LazyLock;

use flows::audit::{AuditFormat, AuditOptions, audit};
use flows::{Catalogue, Selection, Site, select};
use libfuzzer_sys::fuzz_target;

static SELECTION: LazyLock<Selection<'static>> =
    LazyLock::new(|| select(Catalogue::garrison(), &Site::default()).expect("an empty site"));

fuzz_target!(|bytes: &[u8]| {
    let runner = pac::Quick::default();
    let options = AuditOptions {
        pac: Some(&runner),
        ..AuditOptions::default()
    };
    for format in AuditFormat::ALL {
        if let Ok(report) = audit(bytes, Some(format), &SELECTION, &options) {
            assert!(!report.text().is_empty());
        }
    }
});
