//! Opens the containers among the sources.

use std::collections::HashMap;

use crate::archive::{Opened, open};
use crate::build::BuildOptions;
use crate::report::{Problem, Report, Why};
use crate::source::{ContainerKind, Format, Source, SourceKind};

/// The files of all containers. Of `main.cvd` and `main.cld` beside it, the newer one counts.
pub(crate) fn open_all(
    options: &BuildOptions,
    sources: &[Source],
    report: &mut Report,
) -> Vec<Source> {
    let mut newest: HashMap<&str, (&'static Format, &Source, Opened)> = HashMap::new();
    let mut files = Vec::new();
    for source in sources {
        let Some(format) = Format::of(&source.name) else {
            continue;
        };
        let SourceKind::Container(kind) = format.kind else {
            continue;
        };
        let opened = match open(kind, source, &options.trusted_containers) {
            Ok(opened) => opened,
            Err(problem) => {
                report.add(
                    &source.name.as_str().into(),
                    None,
                    format.extension,
                    problem,
                );
                continue;
            }
        };
        report.used(format.extension, 1);
        if kind == ContainerKind::Cud {
            files.extend(opened.files);
            continue;
        }
        let stem = source.name.rsplit_once('.').map_or("", |(stem, _)| stem);
        let older = match newest.remove(stem) {
            // A CLD was a CVD first: of the same version, either will do.
            Some(known) if known.2.version >= opened.version => {
                newest.insert(stem, known);
                Some((format, source))
            }
            Some((old_format, old_source, _)) => {
                newest.insert(stem, (format, source, opened));
                Some((old_format, old_source))
            }
            None => {
                newest.insert(stem, (format, source, opened));
                None
            }
        };
        if let Some((format, source)) = older {
            let problem = Problem::new(Why::Ignored, "a newer one of the same name is beside it");
            report.add(
                &source.name.as_str().into(),
                None,
                format.extension,
                problem,
            );
        }
    }
    // Their order is settled by names, where all sources are sorted.
    files.extend(newest.into_values().flat_map(|(_, _, opened)| opened.files));
    files
}
