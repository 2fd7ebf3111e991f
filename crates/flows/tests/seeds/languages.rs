//! What comes from a French document is told in French, too.

use flows::{Catalogue, Need, Text};

use crate::texts::vendors;

#[test]
fn rows_from_french_documents_speak_french() {
    let mut french = 0;
    for catalogue in vendors().map(|id| Catalogue::built_in(id).unwrap()) {
        for flow in &catalogue.flows {
            let from_french = flow.facts.iter().any(|fact| {
                let source = catalogue
                    .sources
                    .iter()
                    .find(|source| source.id == fact.source);
                source.unwrap().language == "fr"
            });
            if !from_french {
                continue;
            }
            french += 1;
            let breaks = flow.breaks.iter().flat_map(|broken| {
                [
                    Some(&broken.feature),
                    Some(&broken.symptom),
                    broken.fallback.as_ref(),
                ]
            });
            let condition = match &flow.need {
                Need::Conditional(condition) => Some(condition),
                Need::Required | Need::Optional | Need::Unknown => None,
            };
            let texts = [
                Some(&flow.purpose),
                condition,
                flow.notes.as_ref(),
                flow.consent.as_ref(),
                flow.shared_tenancy.as_ref(),
                flow.retired.as_ref().map(|retired| &retired.reason),
            ];
            let all = texts.into_iter().chain(breaks).flatten();
            for text in all.chain(&flow.caveats) {
                assert!(has_french(text), "{}: {text}", flow.id);
            }
        }
    }
    assert!(french > 50, "{french} rows");
}

fn has_french(text: &Text) -> bool {
    text.languages().any(|language| language == "fr")
}
