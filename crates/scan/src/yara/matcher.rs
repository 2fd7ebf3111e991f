//! Matching: the parts of the groups that can match a file, one after the other.

use std::time::Duration;

use super::gate::{Gate, PartSet};
use super::group::{RulePart, YaraRules};
use super::names::{FileNames, file_type};
use super::program::{ImportsHash, Program};
use super::start::Start;
use crate::definitions::file::DefinitionsFile;
use crate::kind::Kind;

/// What matching needs between files: a scanner for each part that was needed so far.
pub(crate) struct Matcher<'d> {
    file: &'d DefinitionsFile,
    rules: &'d YaraRules,
    groups: Vec<Group<'d>>,
    /// Parts that were not loaded before a file needed them.
    late: Vec<RulePart>,
}

struct Group<'d> {
    gate: Option<Gate<'d>>,
    scanners: Vec<Option<yara_x::Scanner<'d>>>,
}

/// The parts that are run on a file, and what they are told of it.
pub(crate) struct Open {
    start: Start,
    parts: Vec<RulePart>,
    program: Option<Program>,
}

/// How far a file was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matched {
    Wholly,
    /// The time was over.
    OutOfTime,
    /// Rules could not be loaded: the definitions are damaged.
    Damaged,
}

impl Group<'_> {
    fn asks_for_imports(&self) -> bool {
        self.gate.as_ref().is_some_and(Gate::asks_for_imports)
    }
}

impl<'d> Matcher<'d> {
    pub(crate) fn new(file: &'d DefinitionsFile, rules: &'d YaraRules) -> Self {
        let groups = (0..rules.groups())
            .map(|number| Group {
                gate: rules.gate(number, file),
                scanners: rules.parts_of(number).map(|_| None).collect(),
            })
            .collect();
        Self {
            file,
            rules,
            groups,
            late: Vec::new(),
        }
    }

    /// Makes all that a file may need of the parts that are loaded.
    pub(crate) fn prepare(&mut self) {
        let rules = self.rules;
        for part in rules.parts() {
            if !self.has_scanner(part)
                && let Some(scanner) = self.scanner(part)
            {
                let _ = scanner.scan(b"");
            }
        }
    }

    /// Has yara-x start the thread that counts its seconds; it does so in the first scan of a
    /// process that has a limit on its time, whatever the rules. Those of some part must be loaded.
    pub(crate) fn start_clock(&mut self) {
        let loaded = |part: &RulePart| self.rules.loaded(*part).is_some();
        let part = self.rules.parts().find(loaded);
        if let Some(scanner) = part.and_then(|part| self.scanner(part)) {
            scanner.set_timeout(Duration::from_secs(1));
            let _ = scanner.scan(b"");
        }
    }

    /// The parts to be run on a file.
    pub(crate) fn open(&self, bytes: &[u8]) -> Open {
        let start = Start::of(bytes);
        let wanted: Vec<usize> = self.rules.wanted(start, bytes.len() as u64).collect();
        let asks = |group: &usize| self.groups.get(*group).is_some_and(Group::asks_for_imports);
        let program = if wanted.iter().any(asks) {
            Program::parse(start, bytes)
        } else {
            None
        };
        let imports = program.as_ref().and_then(Program::imports_hash);
        let mut parts = Vec::new();
        for group in wanted {
            self.open_parts(group, start, bytes, imports, &mut parts);
        }
        Open {
            start,
            parts,
            program,
        }
    }

    /// Whether parts have to be loaded first.
    pub(crate) fn lacks(&self, open: &Open) -> bool {
        !open.parts.iter().all(|part| self.rules.is_settled(*part))
    }

    /// Loads what a file needs. A part that can't be is none of the late ones.
    pub(crate) fn load(&mut self, open: &Open) {
        for part in &open.parts {
            if !self.rules.is_settled(*part) && self.rules.load(*part, self.file).is_ok() {
                self.late.push(*part);
            }
        }
    }

    /// The parts that had to be loaded for files since this was last asked.
    pub(crate) fn take_late(&mut self) -> Vec<RulePart> {
        std::mem::take(&mut self.late)
    }

    /// Matches bytes and adds the numbers of the rules. `left` says how much time there is still.
    pub(crate) fn matches(
        &mut self,
        open: Open,
        bytes: &[u8],
        names: &FileNames,
        mut left: impl FnMut() -> Option<Duration>,
        found: &mut Vec<u32>,
    ) -> Matched {
        let Open {
            start,
            parts,
            mut program,
        } = open;
        let file_type = file_type(start, Kind::of(bytes));
        let mut matched = Matched::Wholly;
        let readers = parts.iter().filter(|part| self.reads_pe(**part)).count();
        if readers > 1 && program.is_none() {
            program = Program::parse(start, bytes);
        }
        if let Some(program) = &mut program {
            program.readers = readers;
        }
        for part in parts {
            let Some(left) = left() else {
                return Matched::OutOfTime;
            };
            let reads_pe = self.reads_pe(part);
            let (file, rules) = (self.file, self.rules);
            let Some(scanner) = self.scanner(part) else {
                matched = Matched::Damaged;
                continue;
            };
            // yara-x counts whole seconds.
            scanner.set_timeout(left.max(Duration::from_secs(1)));
            name(scanner, file_type, names);
            if let Some(program) = &mut program
                && reads_pe
                && let Some(parsed) = program.next()
            {
                // It is that of a module that there is.
                let _ = scanner.set_module_output(parsed);
            }
            match scanner.scan(bytes) {
                Ok(results) => found.extend(
                    results
                        .matching_rules()
                        .filter_map(|rule| rules.number(part, &rule, file)),
                ),
                Err(yara_x::ScanError::Timeout) => return Matched::OutOfTime,
                // The others concern files and modules' data: what is handed over is whole.
                Err(_) => matched = Matched::Damaged,
            }
        }
        // A rule may stand in several parts.
        found.sort_unstable();
        found.dedup();
        matched
    }

    /// Whether the rules of a part ask for what a Windows program says of itself.
    fn reads_pe(&self, part: RulePart) -> bool {
        let loaded = self.rules.loaded(part);
        loaded.is_some_and(|loaded| loaded.reads_pe)
    }

    /// Adds the parts of a group whose rules may match.
    fn open_parts(
        &self,
        number: usize,
        start: Start,
        bytes: &[u8],
        imports: Option<ImportsHash>,
        parts: &mut Vec<RulePart>,
    ) {
        let gate = self
            .groups
            .get(number)
            .and_then(|group| group.gate.as_ref());
        let open = gate.map_or(PartSet::ALL, |gate| gate.open_for(bytes, imports));
        let fits = |part: &RulePart| self.rules.fits(*part, start, bytes.len() as u64);
        let of_group = self.rules.parts_of(number);
        parts.extend(of_group.filter(|part| open.contains(part.place()) && fits(part)));
    }

    fn has_scanner(&self, part: RulePart) -> bool {
        let group = self.groups.get(part.group());
        group.is_some_and(|group| matches!(group.scanners.get(part.place()), Some(Some(_))))
    }

    /// What matches the rules of a part, if they are loaded.
    fn scanner(&mut self, part: RulePart) -> Option<&mut yara_x::Scanner<'d>> {
        let group = self.groups.get_mut(part.group())?;
        let place = group.scanners.get_mut(part.place())?;
        if place.is_none() {
            let loaded = self.rules.loaded(part)?;
            let mut scanner = yara_x::Scanner::new(&loaded.rules);
            scanner.fast_scan(true);
            *place = Some(scanner);
        }
        place.as_mut()
    }
}

/// Tells a scanner what the file is called. Each group was compiled with all of these.
fn name(scanner: &mut yara_x::Scanner<'_>, file_type: &str, names: &FileNames) {
    let extension = names.extension();
    for (external, value) in [
        ("filename", names.name.as_str()),
        ("filepath", names.folder.as_str()),
        ("extension", extension.as_str()),
        ("filetype", file_type),
        ("owner", names.owner.as_str()),
    ] {
        let _ = scanner.set_global(external, value);
    }
}
