//! Matching: the parts of the groups that can match a file, one after the other.

use std::time::Duration;

use super::gate::{Gate, PartSet};
use super::group::YaraRules;
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
}

struct Group<'d> {
    gate: Option<Gate<'d>>,
    scanners: Vec<Option<yara_x::Scanner<'d>>>,
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
        let groups = rules
            .parts()
            .enumerate()
            .map(|(number, parts)| Group {
                gate: rules.gate(number, file),
                scanners: (0..parts).map(|_| None).collect(),
            })
            .collect();
        Self {
            file,
            rules,
            groups,
        }
    }

    /// Makes all that any file may need.
    pub(crate) fn prepare(&mut self) {
        let parts: Vec<usize> = self.rules.parts().collect();
        for (group, parts) in parts.into_iter().enumerate() {
            for part in 0..parts {
                if let Some(scanner) = self.scanner(group, part) {
                    let _ = scanner.scan(b"");
                }
            }
        }
    }

    /// Has yara-x start the thread that counts its seconds; it does so in the first scan of a
    /// process that has a limit on its time, whatever the rules.
    pub(crate) fn start_clock(&mut self) {
        let parts: Vec<usize> = self.rules.parts().collect();
        let all = (0..).zip(parts);
        for (group, part) in
            all.flat_map(|(group, parts)| (0..parts).map(move |part| (group, part)))
        {
            // One that can't be loaded is passed over.
            if let Some(scanner) = self.scanner(group, part) {
                scanner.set_timeout(Duration::from_secs(1));
                let _ = scanner.scan(b"");
                return;
            }
        }
    }

    /// Matches bytes and adds the numbers of the rules. `left` says how much time there is still.
    pub(crate) fn matches(
        &mut self,
        bytes: &[u8],
        names: &FileNames,
        mut left: impl FnMut() -> Option<Duration>,
        found: &mut Vec<u32>,
    ) -> Matched {
        let start = Start::of(bytes);
        let file_type = file_type(start, Kind::of(bytes));
        let mut matched = Matched::Wholly;
        let wanted: Vec<usize> = self.rules.wanted(start, bytes.len() as u64).collect();
        let asks = |group: &usize| self.groups.get(*group).is_some_and(Group::asks_for_imports);
        let mut program = if wanted.iter().any(asks) {
            Program::parse(start, bytes)
        } else {
            None
        };
        let imports = program.as_ref().and_then(Program::imports_hash);
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for group in wanted {
            let open = self.open_parts(group, start, bytes, imports);
            parts.extend(open.into_iter().map(|part| (group, part)));
        }
        let readers = parts.iter().filter(|part| self.reads_pe(**part)).count();
        if readers > 1 && program.is_none() {
            program = Program::parse(start, bytes);
        }
        if let Some(program) = &mut program {
            program.readers = readers;
        }
        for (group, part) in parts {
            let Some(left) = left() else {
                return Matched::OutOfTime;
            };
            let (file, rules) = (self.file, self.rules);
            let Some(scanner) = self.scanner(group, part) else {
                matched = Matched::Damaged;
                continue;
            };
            // yara-x counts whole seconds.
            scanner.set_timeout(left.max(Duration::from_secs(1)));
            name(scanner, file_type, names);
            if let Some(program) = &mut program
                && rules.reads_pe(group, part, file)
                && let Some(parsed) = program.next()
            {
                // It is that of a module that there is.
                let _ = scanner.set_module_output(parsed);
            }
            match scanner.scan(bytes) {
                Ok(results) => found.extend(
                    results
                        .matching_rules()
                        .filter_map(|rule| rules.number(group, part, &rule, file)),
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

    fn reads_pe(&self, (group, part): (usize, usize)) -> bool {
        self.rules.reads_pe(group, part, self.file)
    }

    /// The parts of a group whose rules may match.
    fn open_parts(
        &self,
        number: usize,
        start: Start,
        bytes: &[u8],
        imports: Option<ImportsHash>,
    ) -> Vec<usize> {
        let Some(group) = self.groups.get(number) else {
            return Vec::new();
        };
        let gate = group.gate.as_ref();
        let open = gate.map_or(PartSet::ALL, |gate| gate.open_for(bytes, imports));
        let fits = |part: &usize| self.rules.fits(number, *part, start, bytes.len() as u64);
        (0..group.scanners.len())
            .filter(|part| open.contains(*part) && fits(part))
            .collect()
    }

    fn scanner(&mut self, group: usize, part: usize) -> Option<&mut yara_x::Scanner<'d>> {
        let place = self.groups.get_mut(group)?.scanners.get_mut(part)?;
        if place.is_none() {
            let loaded = self.rules.part(group, part, self.file)?;
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
