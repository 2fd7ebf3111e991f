//! Programs of patterns, expressions and comparisons, as `scan::body` runs them.

use scan::body_layout::{hint, logic, step, subsignature};

use super::compile::CompileError;
use super::model::{
    Comparison, Element, Logic, Masked, Neighbour, Operator, Part, Pattern, Place, Subsignature,
};
use scan::body_layout::marker;

/// Bytes of the longest string that a part is looked for by.
const MAX_HINT: usize = 32;
/// Room for what stands beside the bytes of a part.
const SPARE_BYTES: usize = 32;

/// Bytes that grow to a program.
#[derive(Debug, Default)]
pub(super) struct Program(pub(super) Vec<u8>);

impl Program {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: usize) -> Result<(), CompileError> {
        let value = u16::try_from(value).map_err(|_| CompileError)?;
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn size(&mut self, value: usize) -> Result<(), CompileError> {
        self.u32(u32::try_from(value).map_err(|_| CompileError)?);
        Ok(())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn counted(&mut self, bytes: &[u8]) -> Result<(), CompileError> {
        self.u16(bytes.len())?;
        self.bytes(bytes);
        Ok(())
    }

    pub(super) fn place(&mut self, place: Place) {
        self.u8(place.kind);
        self.bytes(&place.section.to_le_bytes());
        self.u32(place.value);
        self.u32(place.shift);
    }

    pub(super) fn logic(&mut self, expression: &Logic) {
        match expression {
            Logic::Leaf { id, count: None } => {
                self.u8(logic::LEAF);
                self.u8(*id);
            }
            Logic::Leaf {
                id,
                count: Some((operator, number)),
            } => {
                self.u8(logic::LEAF_COUNT);
                self.u8(*id);
                self.u8(operator_number(*operator));
                self.u32(*number);
            }
            Logic::Both {
                all,
                left,
                right,
                count,
            } => {
                self.u8(match (all, count) {
                    (true, None) => logic::AND,
                    (false, None) => logic::OR,
                    (true, Some(_)) => logic::AND_COUNT,
                    (false, Some(_)) => logic::OR_COUNT,
                });
                if let Some((operator, number, subsignatures)) = count {
                    self.u8(operator_number(*operator));
                    self.u32(*number);
                    self.u32(*subsignatures);
                }
                self.logic(left);
                self.logic(right);
            }
        }
    }

    /// Writes a pattern. Returns where each part begins in it.
    pub(super) fn pattern(&mut self, pattern: &Pattern) -> Result<Vec<usize>, CompileError> {
        self.place(pattern.place);
        self.u16(pattern.parts.len())?;
        let mut places = Vec::with_capacity(pattern.parts.len());
        for part in &pattern.parts {
            places.push(self.0.len());
            self.part(part)?;
        }
        Ok(places)
    }

    fn part(&mut self, part: &Part) -> Result<(), CompileError> {
        self.u32(part.gap.0);
        self.u32(part.gap.1);
        self.size(part.elements.iter().map(|element| element.length().0).sum())?;
        let mut markers = part.markers;
        if part.left.is_some() {
            markers |= marker::CHARACTER_LEFT;
        }
        if part.right.is_some() {
            markers |= marker::CHARACTER_RIGHT;
        }
        self.bytes(&markers.to_le_bytes());
        for neighbour in [part.left, part.right].into_iter().flatten() {
            self.neighbour(neighbour);
        }
        self.hint(part)?;
        let mut steps = Self(Vec::with_capacity(part.elements.len() + SPARE_BYTES));
        steps.elements(&part.elements)?;
        self.size(steps.0.len())?;
        self.bytes(&steps.0);
        Ok(())
    }

    fn neighbour(&mut self, neighbour: Neighbour) {
        let Neighbour { byte, least, most } = neighbour;
        self.bytes(&[byte.value, byte.mask, least, most]);
    }

    fn hint(&mut self, part: &Part) -> Result<(), CompileError> {
        match best_hint(part) {
            Some((distance, Ok(bytes))) => {
                self.u8(hint::BYTES);
                self.size(distance)?;
                self.u8(u8::try_from(bytes.len()).map_err(|_| CompileError)?);
                self.bytes(&bytes);
            }
            Some((distance, Err(letter))) => {
                self.u8(hint::LETTER);
                self.size(distance)?;
                self.u8(letter);
            }
            None => self.u8(hint::NONE),
        }
        Ok(())
    }

    fn elements(&mut self, elements: &[Element]) -> Result<(), CompileError> {
        let mut rest = elements;
        while let Some((first, behind)) = rest.split_first() {
            match first {
                Element::Byte(byte) => {
                    let kind = kind_of(*byte);
                    let same = |element: &&Element| matches!(element, Element::Byte(byte) if fits(kind, *byte));
                    let most = usize::from(u16::MAX);
                    let length = rest.iter().take_while(same).take(most).count();
                    let (own, behind) = rest.split_at_checked(length.max(1)).unwrap_or((rest, &[]));
                    let mut run = Vec::with_capacity(own.len());
                    run.extend(own.iter().filter_map(|element| match element {
                        Element::Byte(byte) => Some(*byte),
                        _ => None,
                    }));
                    self.run(kind, &run)?;
                    rest = behind;
                    continue;
                }
                Element::Alternatives { negative, choices } => {
                    self.alternatives(*negative, choices)?;
                }
                Element::Boundary { negative } => self.bytes(&[step::BOUNDARY, (*negative).into()]),
                Element::Line { negative } => self.bytes(&[step::LINE, (*negative).into()]),
                Element::Word { negative } => self.bytes(&[step::WORD, (*negative).into()]),
            }
            rest = behind;
        }
        Ok(())
    }

    fn run(&mut self, kind: u8, run: &[Masked]) -> Result<(), CompileError> {
        self.u8(kind);
        self.u16(run.len())?;
        match kind {
            step::SKIP => {}
            step::BYTES => self.0.extend(run.iter().map(|byte| byte.value)),
            step::LETTERS => self
                .0
                .extend(run.iter().map(|byte| byte.value.to_ascii_lowercase())),
            _ => {
                self.0.extend(run.iter().map(|byte| byte.value));
                self.0.extend(run.iter().map(|byte| byte.mask));
            }
        }
        Ok(())
    }

    fn alternatives(
        &mut self,
        negative: bool,
        choices: &[Vec<Masked>],
    ) -> Result<(), CompileError> {
        self.u8(if negative {
            step::NONE_OF
        } else {
            step::ALTERNATIVES
        });
        self.u16(choices.len())?;
        let end_at = self.0.len();
        self.u32(0);
        for choice in choices {
            self.u16(choice.len())?;
            self.0.extend(choice.iter().map(|byte| byte.value));
            self.0.extend(choice.iter().map(|byte| byte.mask));
        }
        let end = u32::try_from(self.0.len()).map_err(|_| CompileError)?;
        if let Some(slot) = self.0.get_mut(end_at..end_at + 4) {
            slot.copy_from_slice(&end.to_le_bytes());
        }
        Ok(())
    }

    /// Writes a subsignature; `patterns` are the places of its patterns' programs.
    pub(super) fn subsignature(
        &mut self,
        subsignature: &Subsignature,
        patterns: &[u32],
    ) -> Result<(), CompileError> {
        match subsignature {
            Subsignature::Patterns(_) => {
                self.u8(subsignature::PATTERNS);
                self.u8(u8::try_from(patterns.len()).map_err(|_| CompileError)?);
                for place in patterns {
                    self.u32(*place);
                }
            }
            Subsignature::Expression {
                trigger,
                place,
                flags,
                text,
            } => {
                self.u8(subsignature::EXPRESSION);
                let mut nodes = Self::default();
                nodes.logic(trigger);
                self.counted(&nodes.0)?;
                self.place(*place);
                self.bytes(&flags.to_le_bytes());
                self.counted(text)?;
            }
            Subsignature::Comparison(comparison) => {
                self.u8(subsignature::COMPARISON);
                self.comparison(comparison)?;
            }
        }
        Ok(())
    }

    fn comparison(&mut self, comparison: &Comparison) -> Result<(), CompileError> {
        self.u8(comparison.id);
        self.bytes(&comparison.distance.to_le_bytes());
        self.u8(comparison.options);
        self.u16(comparison.length.into())?;
        self.u8(u8::try_from(comparison.conditions.len()).map_err(|_| CompileError)?);
        for (operator, number) in &comparison.conditions {
            self.u8(operator_number(*operator));
            self.bytes(&number.to_le_bytes());
        }
        Ok(())
    }
}

const fn operator_number(operator: Operator) -> u8 {
    match operator {
        Operator::Equal => logic::EQUAL,
        Operator::Less => logic::LESS,
        Operator::More => logic::MORE,
    }
}

const fn kind_of(byte: Masked) -> u8 {
    match byte.mask {
        0 => step::SKIP,
        0xff => step::BYTES,
        0xdf if byte.is_fixed() => step::LETTERS,
        _ => step::MASKED,
    }
}

/// Whether a byte can stand in a run of a kind. Digits and the like have no case, so they may stand
/// among letters, but a run of plain bytes is kept plain.
const fn fits(kind: u8, byte: Masked) -> bool {
    kind_of(byte) == kind
        || (kind == step::LETTERS && byte.mask == 0xff && !byte.value.is_ascii_alphabetic())
}

/// What a part is best looked for by: bytes, or a letter, and how far behind its beginning.
pub(super) fn best_hint(part: &Part) -> Option<(usize, Result<Vec<u8>, u8>)> {
    let mut rigid = Vec::with_capacity(part.elements.len());
    for element in &part.elements {
        match element {
            Element::Byte(byte) => rigid.push(*byte),
            other => match other.length() {
                (least, most) if least == most => {
                    rigid.extend(std::iter::repeat_n(Masked::ANY, least))
                }
                _ => break,
            },
        }
    }
    let mut best: Option<(usize, &[Masked])> = None;
    let mut at = 0;
    for run in rigid.chunk_by(|left, right| (left.mask == 0xff) == (right.mask == 0xff)) {
        let plain = run.first().is_some_and(|byte| byte.mask == 0xff);
        let worth = |run: &[Masked]| {
            let zeros = run.iter().filter(|byte| byte.value == 0).count();
            (run.len() * 2 - zeros).min(MAX_HINT * 2)
        };
        if plain && best.is_none_or(|(_, have)| worth(run) > worth(have)) {
            best = Some((at, run));
        }
        at += run.len();
    }
    let letter = rigid
        .iter()
        .enumerate()
        .filter(|(_, byte)| byte.mask == 0xdf && byte.is_fixed())
        .max_by_key(|(_, byte)| rarity(byte.value));
    match (best, letter) {
        (Some((at, run)), letter) if run.len() > 2 || letter.is_none() => {
            let bytes = run.iter().take(MAX_HINT).map(|byte| byte.value).collect();
            Some((at, Ok(bytes)))
        }
        (_, Some((at, letter))) => Some((at, Err(letter.value.to_ascii_lowercase()))),
        _ => None,
    }
}

/// Letters by how rare they are in text and names.
fn rarity(letter: u8) -> usize {
    const COMMON_FIRST: &[u8] = b"etaoinsrlcdumpfgbhvywkxzjq";
    COMMON_FIRST
        .iter()
        .position(|have| *have == letter.to_ascii_lowercase())
        .unwrap_or(0)
}
