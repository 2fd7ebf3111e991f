//! The compiler of body signatures: programs, guards and tables.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::quality::{FixedState, RandomState};
use scan::body_layout::{
    BODY_VERSION, HEADER_BYTES, TARGET_BYTES, TARGETS, UNKNOWN_DISTANCE, condition,
};

use super::encode::{Program, best_hint};
use super::frequency::Frequencies;
use super::guard::Chooser;
use super::lanes::Tables;
use super::logic;
use super::model::{Conditions, Pattern, Signature, Subsignature};
use super::surroundings::Surroundings;

/// The sections would have more bytes than their format can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "byte patterns are too large for one set: expected less than 4 GiB of them; use fewer sources"
)]
pub struct CompileError;

/// How often less than four bytes, a letter, or nothing in particular is to be expected.
const SHORT_HINT: f64 = 1e4;
const LETTER_HINT: f64 = 1e5;
const NO_HINT: f64 = 1e6;

/// Compiles body signatures one by one.
#[derive(Debug)]
pub struct Compiler {
    chooser: Chooser<'static>,
    programs: Program,
    guards: Program,
    guard_count: u32,
    tables: Vec<Tables>,
    /// Places and lengths of programs that several signatures share, by their hash. Of two with one
    /// hash only the first is shared, so that the seed must always be the same.
    shared: HashMap<u64, (u32, usize), RandomState>,
    count: u32,
    /// The program that is being written.
    scratch: Program,
}

impl Default for Compiler {
    fn default() -> Self {
        Self::new()
    }
}

impl Compiler {
    /// A compiler without signatures.
    #[must_use]
    pub fn new() -> Self {
        let mut programs = Program::default();
        programs.u32(BODY_VERSION);
        programs.u32(0);
        Self {
            chooser: Chooser::new(Frequencies::shipped()),
            programs,
            guards: Program::default(),
            guard_count: 0,
            tables: vec![Tables::default(); TARGETS],
            shared: HashMap::default(),
            count: 0,
            scratch: Program::default(),
        }
    }

    /// How many signatures there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Adds a signature that reports a rule.
    ///
    /// # Errors
    /// When the sections become too large.
    pub fn add(&mut self, signature: &Signature, rule: u32) -> Result<(), CompileError> {
        let mut places = Vec::new();
        let mut patterns: Vec<Vec<(u32, Vec<usize>)>> = Vec::new();
        for subsignature in &signature.subsignatures {
            let mut own = Vec::new();
            if let Subsignature::Patterns(all) = subsignature {
                for pattern in all {
                    own.push(self.pattern(pattern)?);
                }
            }
            let addresses: Vec<u32> = own.iter().map(|(at, _)| *at).collect();
            let mut program = Program::default();
            program.subsignature(subsignature, &addresses)?;
            places.push(self.share(&program.0)?);
            patterns.push(own);
        }
        let at = self.here()?;
        self.signature(signature, rule, &places)?;
        self.count = self.count.checked_add(1).ok_or(CompileError)?;

        let Some(tables) = self.tables.get_mut(usize::from(signature.target)) else {
            return Err(CompileError);
        };
        let Some(guards) = self.chooser.choose(signature) else {
            tables.always(at);
            return Ok(());
        };
        for (id, index, choice) in guards {
            let Some(Subsignature::Patterns(all)) = signature.subsignatures.get(usize::from(id))
            else {
                return Err(CompileError);
            };
            let program = patterns.get(usize::from(id)).and_then(|own| own.get(index));
            let (Some(pattern), Some((pattern_at, parts))) = (all.get(index), program) else {
                return Err(CompileError);
            };
            let part = parts.get(choice.part).copied().unwrap_or(0);
            self.guards.u32(at);
            self.guards
                .u32(*pattern_at + u32::try_from(part).map_err(|_| CompileError)?);
            self.guards.u32(match choice.distance {
                Some(distance) => u32::try_from(distance).map_err(|_| CompileError)?,
                None => UNKNOWN_DISTANCE,
            });
            self.guards.u32(*pattern_at);
            let part = pattern.parts.get(choice.part);
            let around = part.map_or(Surroundings::NONE, |part| {
                Surroundings::of(part, choice.element, &choice.lane)
            });
            tables.guard(self.guard_count, &choice, pattern.place, around)?;
            self.guard_count = self.guard_count.checked_add(1).ok_or(CompileError)?;
        }
        Ok(())
    }

    fn here(&self) -> Result<u32, CompileError> {
        u32::try_from(self.programs.0.len()).map_err(|_| CompileError)
    }

    /// The place of a program, which may be there already.
    fn share(&mut self, program: &[u8]) -> Result<u32, CompileError> {
        let here = self.here()?;
        let hash = FixedState::default().hash_one(program);
        let (at, length) = *self.shared.entry(hash).or_insert((here, program.len()));
        let known = usize::try_from(at).ok().and_then(|at| {
            let behind = self.programs.0.get(at..)?;
            behind.get(..length)
        });
        if known == Some(program) {
            return Ok(at);
        }
        self.programs.bytes(program);
        Ok(here)
    }

    fn pattern(&mut self, pattern: &Pattern) -> Result<(u32, Vec<usize>), CompileError> {
        self.scratch.0.clear();
        let parts = self.scratch.pattern(pattern)?;
        let program = std::mem::take(&mut self.scratch);
        let at = self.share(&program.0)?;
        self.scratch = program;
        Ok((at, parts))
    }

    fn signature(
        &mut self,
        signature: &Signature,
        rule: u32,
        places: &[u32],
    ) -> Result<(), CompileError> {
        self.programs.u32(rule);
        self.conditions(&signature.conditions)?;
        self.programs.u32(most(signature));
        let order = order(signature, Frequencies::shipped());
        self.programs
            .u8(u8::try_from(order.len()).map_err(|_| CompileError)?);
        self.programs.bytes(&order);
        for place in places {
            self.programs.u32(*place);
        }
        let mut nodes = Program::default();
        nodes.logic(&signature.logic);
        self.programs.u16(nodes.0.len())?;
        self.programs.bytes(&nodes.0);
        Ok(())
    }

    fn conditions(&mut self, conditions: &Conditions) -> Result<(), CompileError> {
        let ranges = [
            (condition::FILE_SIZE, conditions.file_size),
            (condition::ENTRY_POINT, conditions.entry_point),
            (condition::SECTIONS, conditions.sections),
        ];
        let mut flags = 0;
        for (flag, range) in ranges {
            flags |= if range.is_some() { flag } else { 0 };
        }
        if conditions.container.is_some() {
            flags |= condition::CONTAINER;
        }
        let intermediates = &conditions.intermediates;
        if !intermediates.is_empty() {
            flags |= condition::INTERMEDIATES;
        }
        self.programs.u8(flags);
        for (least, most) in ranges.iter().filter_map(|(_, range)| *range) {
            self.programs.u32(least);
            self.programs.u32(most);
        }
        if let Some(container) = conditions.container {
            self.programs.u8(container);
        }
        if !intermediates.is_empty() {
            self.programs
                .u8(u8::try_from(intermediates.len()).map_err(|_| CompileError)?);
            self.programs.bytes(intermediates);
        }
        Ok(())
    }

    /// Both sections, the hot one first; empty when there are no signatures.
    ///
    /// # Errors
    /// When they become too large.
    pub fn finish(mut self) -> Result<(Vec<u8>, Vec<u8>), CompileError> {
        if self.count == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        if let Some(count) = self.programs.0.get_mut(4..8) {
            count.copy_from_slice(&self.count.to_le_bytes());
        }
        let mut section = Program::default();
        section.0.resize(HEADER_BYTES + TARGETS * TARGET_BYTES, 0);
        let guards_at = section.0.len() as u64;
        section.bytes(&self.guards.0);
        let general = self.tables.first().cloned().unwrap_or_default();
        let general_row = general.clone().write(&mut section)?;
        let mut rows = Vec::new();
        for (target, mut tables) in self.tables.into_iter().enumerate() {
            if target == 0 || tables.is_empty() {
                rows.push(general_row.clone());
                continue;
            }
            tables.merge(&general);
            rows.push(tables.write(&mut section)?);
        }
        let mut header = Program::default();
        header.u32(BODY_VERSION);
        header.u32(self.guard_count);
        header.bytes(&guards_at.to_le_bytes());
        for row in rows {
            let at = header.0.len();
            header.bytes(&row);
            header.0.resize(at + TARGET_BYTES, 0);
        }
        if let Some(start) = section.0.get_mut(..header.0.len()) {
            start.copy_from_slice(&header.0);
        }
        Ok((section.0, self.programs.0))
    }
}

/// How many matches of a subsignature need to be counted; 0 for all, because a comparison asks
/// for the last.
fn most(signature: &Signature) -> u32 {
    let mut most = logic::most(&signature.logic);
    for subsignature in &signature.subsignatures {
        match subsignature {
            Subsignature::Comparison(_) => return 0,
            Subsignature::Expression { trigger, .. } => most = most.max(logic::most(trigger)),
            Subsignature::Patterns(_) => {}
        }
    }
    most
}

/// The order in which subsignatures are tried: first those without which the expression is false,
/// the rarest of them first, then the others; expressions and comparisons behind what they ask for.
fn order(signature: &Signature, frequencies: &Frequencies) -> Vec<u8> {
    if signature.subsignatures.len() == 1 {
        return vec![0];
    }
    let mut order: Vec<(bool, bool, f64, u8)> = Vec::new();
    for (id, subsignature) in (0..).zip(&signature.subsignatures) {
        let often = match subsignature {
            Subsignature::Patterns(patterns) => Some(
                patterns
                    .iter()
                    .map(|pattern| often(pattern, frequencies))
                    .sum(),
            ),
            Subsignature::Expression { .. } | Subsignature::Comparison(_) => None,
        };
        let spare = often.is_some() && !logic::needs(&signature.logic, id);
        order.push((often.is_none(), spare, often.unwrap_or(0.0), id));
    }
    order.sort_by(|left, right| {
        let key = |(late, spare, _, id): &(bool, bool, f64, u8)| (*late, *spare, *id);
        let (late, spare, left_id) = key(left);
        let (right_late, right_spare, right_id) = key(right);
        (late, spare)
            .cmp(&(right_late, right_spare))
            .then(left.2.total_cmp(&right.2))
            .then(left_id.cmp(&right_id))
    });
    order.into_iter().map(|(.., id)| id).collect()
}

/// How often a pattern is to be expected in a mebibyte, by what it is looked for by.
fn often(pattern: &Pattern, frequencies: &Frequencies) -> f64 {
    let hint = |part| match best_hint(part) {
        Some((_, Ok(bytes))) if bytes.len() >= 4 => {
            frequencies.windows(&bytes, 4).fold(SHORT_HINT, f64::min)
        }
        Some((_, Ok(_))) => SHORT_HINT,
        Some((_, Err(_))) => LETTER_HINT,
        None => NO_HINT,
    };
    pattern.parts.iter().map(hint).fold(NO_HINT, f64::min)
}
