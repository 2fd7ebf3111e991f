//! The compiler: sources to sections.

use std::convert::Infallible;

use model::{DefinitionRevision, DefinitionType, Maturity};
use scan::Counts;
use scan::layout::{HASH_BYTES, SectionKind};

use crate::body::{self, Refusal, Signature, read_ldb, read_ndb};
use crate::clam::hash::{read, read_plain};
use crate::clam::ignore::Ignored;
use crate::error::{BuildError, SourceError};
use crate::hashes::HashTables;
use crate::lines::Lines;
use crate::report::{Problem, Report, Why};
use crate::rule_set::RuleSet;
use crate::source::{Format, HashedThing, Source, SourceKind};
use crate::write::{Section, write};
use crate::{containers, yara};

/// How far a build is, for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of sources done.
    pub done: u64,
    /// Bytes of sources in all.
    pub total: u64,
    /// The source that is read, or what is done after the last.
    pub step: String,
}

/// What is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Also what finds the merely unwanted: `.hdu`, `.hsu`, `.mdu`, `.msu`, `.ndu`, `.ldu`.
    pub unwanted: bool,
    /// SHA-256 of containers that the user vouches for, because nobody signed them.
    pub trusted_containers: Vec<[u8; 32]>,
}

/// A set that was compiled and is not signed yet. The same sources with the same revision make
/// the same bytes, wherever and whenever that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    unsigned: Vec<u8>,
    root: [u8; HASH_BYTES],
    revision: DefinitionRevision,
    counts: Counts,
    report: Report,
}

impl Compiled {
    /// The file without its trailer.
    #[must_use]
    pub fn unsigned(&self) -> &[u8] {
        &self.unsigned
    }

    /// The file without its trailer.
    #[must_use]
    pub fn into_unsigned(self) -> Vec<u8> {
        self.unsigned
    }

    /// The root of the tree of hashes, which is what gets signed.
    #[must_use]
    pub const fn root(&self) -> &[u8; HASH_BYTES] {
        &self.root
    }

    /// The revision.
    #[must_use]
    pub const fn revision(&self) -> DefinitionRevision {
        self.revision
    }

    /// How many rules of each kind.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// What of the sources was used, and what was not.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }
}

/// Compiles sources, without what finds the merely unwanted. What can't be used stops nothing:
/// see [`Compiled::report`].
///
/// # Errors
/// As [`build_with`].
pub fn build(
    sources: &[Source],
    revision: DefinitionRevision,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Compiled, BuildError> {
    build_with(&BuildOptions::default(), sources, revision, progress)
}

/// Compiles sources. `progress` hears of each before it is read, and of long ones now and then.
///
/// # Errors
/// When nothing in the sources can be used, or they are more than a file can hold.
pub fn build_with(
    options: &BuildOptions,
    sources: &[Source],
    revision: DefinitionRevision,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Compiled, BuildError> {
    let mut report = Report::default();
    let unpacked = containers::open_all(options, sources, &mut report);
    let mut build = Build::read(options, sources.iter().chain(&unpacked), report, progress)?;
    build.told.step = "compiling".into();
    (build.progress)(&build.told);
    let mut rules = build.rules;
    let mut errors = Vec::new();
    let yara = build.yara.finish(&mut rules, &mut errors)?;
    build.report.used("yar", yara.count);
    note(&mut build.report, errors);
    let (tables, counted) = build.hashes.into_sections(&mut rules)?;
    let mut counts = Counts {
        yara: yara.count,
        patterns: build.patterns.count().into(),
        ..Counts::default()
    };
    for (kind, count) in counted {
        *place(&mut counts, kind) += count;
    }
    if counts.total() == 0 {
        return Err(BuildError::Empty);
    }
    let names = rules.into_sections()?;
    let mut sections = vec![
        Section::new(SectionKind::Rules, names.rules),
        Section::new(SectionKind::Names, names.names),
        Section::new(SectionKind::Families, names.families),
    ];
    let (patterns, programs) = build.patterns.finish()?;
    if !patterns.is_empty() {
        sections.push(Section::new(SectionKind::Patterns, patterns));
        sections.push(Section::new(SectionKind::PatternPrograms, programs));
    }
    sections.extend(tables);
    sections.extend(yara.sections);
    let (unsigned, root) = write(revision, sections)?;
    build.told.step = "done".into();
    (build.progress)(&build.told);
    Ok(Compiled {
        unsigned,
        root,
        revision,
        counts,
        report: build.report,
    })
}

/// Reads sources as a build does, and tells what came of them. Nothing is compiled but YARA rules.
///
/// # Errors
/// When there are more names than a file can hold.
pub fn lint(
    options: &BuildOptions,
    sources: &[Source],
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, BuildError> {
    let mut report = Report::default();
    let unpacked = containers::open_all(options, sources, &mut report);
    let build = Build::read(options, sources.iter().chain(&unpacked), report, progress)?;
    let (mut rules, mut report) = (build.rules, build.report);
    let mut errors = Vec::new();
    let yara = build.yara.finish(&mut rules, &mut errors)?;
    report.used("yar", yara.count);
    note(&mut report, errors);
    Ok(report)
}

/// The counter of a table's records.
fn place(counts: &mut Counts, kind: SectionKind) -> &mut u64 {
    match kind {
        SectionKind::Md5 => &mut counts.md5,
        SectionKind::Sha1 => &mut counts.sha1,
        SectionKind::Sha256 => &mut counts.sha256,
        SectionKind::SectionMd5 | SectionKind::SectionSha1 | SectionKind::SectionSha256 => {
            &mut counts.section_hashes
        }
        SectionKind::ImportMd5 | SectionKind::ImportSha1 | SectionKind::ImportSha256 => {
            &mut counts.import_hashes
        }
        _ => &mut counts.allowed,
    }
}

fn note(report: &mut Report, errors: Vec<SourceError>) {
    for error in errors {
        let line = error.line.map(|line| line as u64);
        let problem = Problem::malformed(error.reason);
        report.add(&error.source.as_str().into(), line, "yar", problem);
    }
}

/// Sources on their way.
struct Build<'s, 'p> {
    options: &'s BuildOptions,
    ignored: Ignored,
    rules: RuleSet,
    hashes: HashTables,
    patterns: body::Compiler,
    yara: yara::Compiler<'s>,
    report: Report,
    progress: &'p mut dyn FnMut(&Progress),
    told: Progress,
}

impl<'s, 'p> Build<'s, 'p> {
    fn read(
        options: &'s BuildOptions,
        sources: impl Iterator<Item = &'s Source>,
        report: Report,
        progress: &'p mut dyn FnMut(&Progress),
    ) -> Result<Self, BuildError> {
        let mut sources: Vec<&Source> = sources.collect();
        sources.sort_by(|left, right| (&left.name, &left.bytes).cmp(&(&right.name, &right.bytes)));
        sources.dedup();
        let mut build = Self {
            options,
            ignored: Ignored::default(),
            rules: RuleSet::default(),
            hashes: HashTables::default(),
            patterns: body::Compiler::new(),
            yara: yara::Compiler::new(),
            report,
            progress,
            told: Progress {
                done: 0,
                total: sources.iter().map(|source| source.bytes.len() as u64).sum(),
                step: String::new(),
            },
        };
        // What is to be left out must be known before the first signature is read.
        for source in &sources {
            build.ignore(source);
        }
        for source in sources {
            build.told.step.clone_from(&source.name);
            (build.progress)(&build.told);
            let done = build.told.done + source.bytes.len() as u64;
            build.source(source)?;
            build.told.done = done;
        }
        Ok(build)
    }

    fn ignore(&mut self, source: &'s Source) {
        let Some(format) = Format::of(&source.name) else {
            return;
        };
        if format.kind == SourceKind::Ignored {
            let ignored = &mut self.ignored;
            let lines = Lines {
                source,
                format,
                report: &mut self.report,
            };
            let Ok(()) =
                lines.read::<Infallible>(|line| Ok(ignored.add(line).map(|()| false)), |_| ());
        }
    }

    fn source(&mut self, source: &'s Source) -> Result<(), BuildError> {
        let Some(format) = Format::of(&source.name) else {
            return Ok(());
        };
        match format.kind {
            SourceKind::Hashes(of) => self.hash_list(source, format, of)?,
            SourceKind::PlainHashes => self.plain_hashes(source, format)?,
            SourceKind::Patterns => self.signatures(source, format, read_ndb)?,
            SourceKind::Expressions => self.signatures(source, format, read_ldb)?,
            SourceKind::FileTypes => {
                self.unsupported(source, format, "file types are told by this program", true);
            }
            SourceKind::Yara => self.yara.add(source),
            SourceKind::Unsupported { what, lines } => {
                self.unsupported(source, format, what, lines);
            }
            // Opened or read before all others.
            SourceKind::Container(_) | SourceKind::Ignored => {}
        }
        Ok(())
    }

    fn hash_list(
        &mut self,
        source: &'s Source,
        format: &'static Format,
        of: HashedThing,
    ) -> Result<(), BuildError> {
        let (ignored, rules, hashes) = (&self.ignored, &mut self.rules, &mut self.hashes);
        let left_out = format.unwanted && !self.options.unwanted;
        let lines = Lines {
            source,
            format,
            report: &mut self.report,
        };
        let (told, progress) = (&mut self.told, &mut *self.progress);
        let done = told.done;
        lines.read(
            |line| {
                let entry = match read(of, line) {
                    Ok(Some(entry)) => entry,
                    Ok(None) => return Ok(Ok(false)),
                    Err(problem) => return Ok(Err(problem)),
                };
                if left_out {
                    return Ok(Err(unwanted()));
                }
                if ignored.has(entry.name.as_bytes(), line) {
                    return Ok(Err(Problem::new(Why::Ignored, "an ignore list names it")));
                }
                let name = rules.name(entry.name)?;
                hashes.add(of, entry.hash, entry.size, name);
                Ok(Ok(true))
            },
            |bytes| {
                told.done = done + bytes;
                progress(told);
            },
        )
    }

    fn signatures(
        &mut self,
        source: &'s Source,
        format: &'static Format,
        read: fn(&str) -> Result<Option<Signature>, Refusal>,
    ) -> Result<(), BuildError> {
        let (ignored, rules, patterns) = (&self.ignored, &mut self.rules, &mut self.patterns);
        let left_out = format.unwanted && !self.options.unwanted;
        let lines = Lines {
            source,
            format,
            report: &mut self.report,
        };
        let (told, progress) = (&mut self.told, &mut *self.progress);
        let done = told.done;
        lines.read(
            |line| {
                let signature = match read(&body::text(line)) {
                    Ok(Some(signature)) => signature,
                    Ok(None) => return Ok(Ok(false)),
                    Err(refusal) => return Ok(Err(refusal.into())),
                };
                if left_out {
                    return Ok(Err(unwanted()));
                }
                if ignored.has(signature.name.as_bytes(), line) {
                    return Ok(Err(Problem::new(Why::Ignored, "an ignore list names it")));
                }
                let rule =
                    rules.number(&signature.name, DefinitionType::Av, Maturity::Enforcing)?;
                patterns.add(&signature, rule)?;
                Ok(Ok(true))
            },
            |bytes| {
                told.done = done + bytes;
                progress(told);
            },
        )
    }

    fn plain_hashes(
        &mut self,
        source: &'s Source,
        format: &'static Format,
    ) -> Result<(), BuildError> {
        let file = source.name.rsplit('/').next().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let printable: String = stem
            .chars()
            .filter(|character| !character.is_control())
            .take(100)
            .collect();
        let name = self.rules.name(&format!("List.{printable}"))?;
        let hashes = &mut self.hashes;
        let lines = Lines {
            source,
            format,
            report: &mut self.report,
        };
        let Ok(()) = lines.read::<Infallible>(
            |line| {
                Ok(read_plain(line).map(|hash| {
                    hash.is_some_and(|hash| {
                        hashes.add(HashedThing::File, hash, None, name);
                        true
                    })
                }))
            },
            |_| (),
        );
        Ok(())
    }

    fn unsupported(
        &mut self,
        source: &'s Source,
        format: &'static Format,
        what: &'static str,
        by_line: bool,
    ) {
        let problem = || Problem::new(Why::Unsupported, what);
        if !by_line {
            let name = source.name.as_str().into();
            self.report.add(&name, None, format.extension, problem());
            return;
        }
        let lines = Lines {
            source,
            format,
            report: &mut self.report,
        };
        let Ok(()) = lines.read::<Infallible>(
            |line| {
                let line = line.trim_ascii();
                let signature = !line.is_empty() && !line.starts_with(b"#");
                Ok(if signature { Err(problem()) } else { Ok(false) })
            },
            |_| (),
        );
    }
}

impl From<body::CompileError> for BuildError {
    fn from(_: body::CompileError) -> Self {
        Self::TooLarge {
            what: "byte patterns beyond 4 GiB",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let why = match &refusal {
            Refusal::Malformed(_) | Refusal::Expression(_) => Why::Malformed,
            Refusal::OtherLevel { .. } => Why::Level,
            Refusal::UnknownTarget(_)
            | Refusal::UnknownAttribute(_)
            | Refusal::UnknownFileType(_)
            | Refusal::Icon
            | Refusal::HandlerType
            | Refusal::FuzzyImage
            | Refusal::Macro => Why::Unsupported,
            Refusal::TooLarge(_) => Why::Limit,
        };
        Self::new(why, refusal.to_string())
    }
}

fn unwanted() -> Problem {
    Problem::new(
        Why::Unwanted,
        "it finds what is merely unwanted; ask for that with --pua",
    )
}
