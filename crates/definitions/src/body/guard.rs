//! Choosing guards: the literals without which a signature can't match, those that clean files
//! hold least often.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use scan::body_layout::{FOLD, Lane, is_sampled, offset, window_hash};

use super::frequency::{Frequencies, RARE};
use super::model::{
    Element, Logic, Masked, Operator, Part, Pattern, Place, Signature, Subsignature,
};

/// An offset with a greater shift than this is searched for instead of tried.
const MAX_ANCHOR_SHIFT: u32 = 64;
/// What a lane costs for each of its guards beyond what it finds: the rarer lanes make the whole
/// file be read once more.
const LANE_COST: [f64; 4] = [0.0, 0.2, SHORT_LANE_COST, TINY_LANE_COST];
const SHORT_LANE_COST: f64 = 2.0;
const TINY_LANE_COST: f64 = 2000.0;
/// Windows of one guard of two bytes.
const MOST_PAIRS: usize = 4;
/// What a guard costs that stands in a clean file, against a candidate: the file is searched for the
/// rest of its signature.
const ARM_COST: f64 = 50.0;
/// Runs of four bytes of a part by which it is told how often it stands in clean files.
const MOST_QUADS: usize = 8;
/// A guard that stands in a file again and again arms its signature once.
const MOST_ARMED: f64 = 8.0;
/// Positions in a mebibyte.
const POSITIONS: f64 = 1_048_576.0;
/// How often two bytes stand in a mebibyte beside where they begin what is frequent.
const PAIR_OFTEN: f64 = 32.0;
/// What looking up one more pair of bytes costs, against a candidate.
const PAIR_COST: f64 = 0.01;
/// What trying a place costs, measured in candidates in a mebibyte.
const ANCHOR_COST: f64 = 0.05;
/// What each try costs, whatever stands there: it is made for each file. Those that share a place share
/// it.
const TRY_COST: f64 = 0.5;
/// What a place costs at which all files of a type hold the same.
const COMMON_ANCHOR_COST: f64 = 100.0;
/// What a place costs at which fewer than four bytes are compared.
const SHORT_ANCHOR_COST: f64 = 0.5;
/// The beginning of a file, in bytes.
const FILE_START: u32 = 64;
/// What many files begin with.
const MAGICS: [&[u8]; 6] = [b"MZ", b"\x7fE", b"PK", b"\xd0\xcf", b"%P", b"<h"];
/// The longest literal that windows are chosen from.
const MAX_LITERAL: usize = 512;

/// Where a guard stands in a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) part: usize,
    /// From the part's beginning to the literal, if that is the same in every match.
    pub(super) distance: Option<usize>,
    pub(super) lane: ChosenLane,
    /// Which of the part's elements the literal begins with.
    pub(super) element: usize,
    cost: f64,
}

/// How a guard is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ChosenLane {
    /// By these windows, the first of which begins with the literal.
    Search(Lane, Vec<u64>),
    /// At the pattern's offset, by at most four bytes.
    Anchor(Vec<u8>),
}

impl ChosenLane {
    const fn is_tiny(&self) -> bool {
        matches!(self, Self::Search(Lane::Tiny, _))
    }
}

/// Guards of one signature: subsignature, place of the pattern in it, guard.
pub(super) type Guards = Vec<(u8, usize, Choice)>;

/// Chooses guards.
#[derive(Debug)]
pub(super) struct Chooser<'f> {
    frequencies: &'f Frequencies,
    /// How many guards have a window already.
    taken: HashMap<u64, u32, BuildHasherDefault<WindowHasher>>,
    /// How many patterns were to begin at a place until now.
    places: HashMap<Place, u32>,
}

impl<'f> Chooser<'f> {
    pub(super) fn new(frequencies: &'f Frequencies) -> Self {
        Self {
            frequencies,
            taken: HashMap::default(),
            places: HashMap::new(),
        }
    }

    /// The guards of a signature; `None` when it can match a file with none of its literals.
    pub(super) fn choose(&mut self, signature: &Signature) -> Option<Guards> {
        for subsignature in &signature.subsignatures {
            if let Subsignature::Patterns(patterns) = subsignature {
                for pattern in patterns
                    .iter()
                    .filter(|pattern| pattern.place != Place::ANY)
                {
                    *self.places.entry(pattern.place).or_default() += 1;
                }
            }
        }
        let leaves: Vec<Option<Guards>> = signature
            .subsignatures
            .iter()
            .enumerate()
            .map(|(id, subsignature)| match subsignature {
                Subsignature::Patterns(patterns) => self.patterns(u8::try_from(id).ok()?, patterns),
                Subsignature::Expression { .. } | Subsignature::Comparison(_) => None,
            })
            .collect();
        let guards = self.logic(&signature.logic, signature, &leaves, 0)?;
        for (_, _, choice) in &guards {
            if let ChosenLane::Search(_, windows) = &choice.lane {
                for window in windows {
                    *self.taken.entry(*window).or_default() += 1;
                }
            }
        }
        Some(guards)
    }

    /// Guards without which an expression is false.
    fn logic(
        &self,
        logic: &Logic,
        signature: &Signature,
        leaves: &[Option<Guards>],
        depth: usize,
    ) -> Option<Guards> {
        match logic {
            Logic::Leaf { id, count } => {
                if !wants_match(count.map(|(operator, number)| (operator, number))) {
                    return None;
                }
                self.leaf(*id, signature, leaves, depth)
            }
            Logic::Both {
                all,
                left,
                right,
                count,
            } => {
                let counted = count.map(|(operator, number, _)| (operator, number));
                if !wants_match(counted) {
                    return None;
                }
                let left = self.logic(left, signature, leaves, depth);
                let right = self.logic(right, signature, leaves, depth);
                if *all {
                    cheaper(left, right)
                } else {
                    let mut both = left?;
                    both.extend(right?);
                    Some(both)
                }
            }
        }
    }

    fn leaf(
        &self,
        id: u8,
        signature: &Signature,
        leaves: &[Option<Guards>],
        depth: usize,
    ) -> Option<Guards> {
        if depth > usize::from(u8::MAX) {
            return None;
        }
        match signature.subsignatures.get(usize::from(id))? {
            Subsignature::Patterns(_) => leaves.get(usize::from(id)).cloned().flatten(),
            Subsignature::Expression { trigger, .. } => {
                self.logic(trigger, signature, leaves, depth + 1)
            }
            Subsignature::Comparison(comparison) if comparison.id < id => {
                self.leaf(comparison.id, signature, leaves, depth + 1)
            }
            Subsignature::Comparison(_) => None,
        }
    }

    fn patterns(&self, id: u8, patterns: &[Pattern]) -> Option<Guards> {
        patterns
            .iter()
            .enumerate()
            .map(|(index, pattern)| Some((id, index, self.pattern(pattern)?)))
            .collect()
    }

    fn pattern(&self, pattern: &Pattern) -> Option<Choice> {
        let shared = self.places.get(&pattern.place).copied().unwrap_or(1);
        let mut best = anchor(pattern, self.frequencies, f64::from(shared));
        for (index, part) in pattern.parts.iter().enumerate() {
            let armed = self.whole(part).min(MOST_ARMED) * ARM_COST;
            let mut choices = self.part(index, part);
            if choices.iter().all(|choice| choice.lane.is_tiny()) {
                choices.extend(self.pairs(index, part));
            }
            for mut choice in choices {
                choice.cost += armed;
                if best.as_ref().is_none_or(|best| choice.cost < best.cost) {
                    best = Some(choice);
                }
            }
        }
        best
    }

    /// How often a whole part is to be expected in a mebibyte of clean files, about: what stands
    /// beside a run of bytes depends on it, so that each one more tells half of what it would alone.
    fn whole(&self, part: &Part) -> f64 {
        let fixed = |element: &Element| match element {
            Element::Byte(byte) if byte.is_fixed() => Some(byte.value),
            Element::Byte(_)
            | Element::Alternatives { .. }
            | Element::Boundary { .. }
            | Element::Line { .. }
            | Element::Word { .. } => None,
        };
        let runs = part
            .elements
            .chunk_by(|left, right| fixed(left).is_some() == fixed(right).is_some());
        let mut rarest = f64::INFINITY;
        let mut rest = 1.0;
        let quads = runs.flat_map(|run| {
            let (quads, _) = run.as_chunks::<4>();
            quads.iter()
        });
        for quad in quads
            .filter_map(|[a, b, c, d]| Some([fixed(a)?, fixed(b)?, fixed(c)?, fixed(d)?]))
            .take(MOST_QUADS)
        {
            let often = self.frequencies.quad(quad);
            rest *= (often / POSITIONS).sqrt();
            rarest = rarest.min(often);
        }
        if rarest.is_infinite() {
            return MOST_ARMED;
        }
        rarest * rest / (rarest / POSITIONS).sqrt()
    }

    /// The best literal of each run of fixed bytes.
    fn part(&self, index: usize, part: &Part) -> Vec<Choice> {
        let mut choices = Vec::new();
        let mut distance = Some(0);
        let mut run: Vec<Masked> = Vec::with_capacity(part.elements.len());
        for (at, element) in part.elements.iter().map(Some).chain([None]).enumerate() {
            if let Some(Element::Byte(byte)) = element
                && byte.is_fixed()
            {
                run.push(*byte);
                continue;
            }
            let start: Option<usize> = distance;
            choices.extend(self.run(index, start, at - run.len(), &run));
            let (least, most) = element.map_or((0, 0), Element::length);
            distance = distance
                .filter(|_| least == most)
                .map(|distance| distance + run.len() + least);
            run.clear();
        }
        choices
    }

    /// Pairs of bytes one of which may have a few values.
    fn pairs(&self, index: usize, part: &Part) -> Vec<Choice> {
        let mut choices = Vec::new();
        let mut distance = 0;
        for (element, pair) in part.elements.windows(2).enumerate() {
            let [first, second] = pair else {
                continue;
            };
            let start = distance;
            let (least, most) = first.length();
            if least != most {
                break;
            }
            distance += least;
            let (firsts, seconds) = (values(first), values(second));
            let count = firsts.len() * seconds.len();
            // With one value each they are part of a run.
            if !(2..=MOST_PAIRS).contains(&count) {
                continue;
            }
            let all = firsts
                .iter()
                .flat_map(|first| seconds.iter().map(|second| [*first, *second]));
            let (windows, often): (Vec<u64>, Vec<f64>) = all
                .map(|pair| self.expected(self.often(pair), &pair, Lane::Tiny))
                .unzip();
            choices.push(Choice {
                part: index,
                distance: Some(start),
                cost: often.iter().sum::<f64>() + TINY_LANE_COST,
                lane: ChosenLane::Search(Lane::Tiny, windows),
                element,
            });
        }
        choices
    }

    /// How often two bytes stand in a mebibyte of clean files, about.
    fn often(&self, pair: [u8; 2]) -> f64 {
        PAIR_OFTEN + self.frequencies.pair(pair)
    }

    /// A window, and how often it stands in clean files and in other guards.
    fn expected(&self, often: f64, bytes: &[u8], lane: Lane) -> (u64, f64) {
        let window = window(bytes);
        let taken = self.taken.get(&window).copied().unwrap_or(0);
        let pair = bytes
            .first_chunk::<2>()
            .filter(|_| lane.is_everywhere())
            .map_or(0.0, |pair| self.frequencies.pair(*pair));
        (window, often * f64::from(taken + 1) + pair * PAIR_COST)
    }

    /// The best literal in a run of fixed bytes.
    fn run(
        &self,
        part: usize,
        start: Option<usize>,
        element: usize,
        run: &[Masked],
    ) -> Option<Choice> {
        let sampled = self.literal(part, start, element, run, Lane::Long);
        if sampled
            .as_ref()
            .is_some_and(|choice| choice.cost <= SHORT_LANE_COST)
        {
            return sampled;
        }
        let lane = Lane::of(run.len())?;
        let of_length = self.literal(part, start, element, run, lane);
        // One rare window is better than four of which some are frequent.
        let shorter = (lane < Lane::Short)
            .then(|| self.literal(part, start, element, run, Lane::Short))
            .flatten();
        [sampled, of_length, shorter]
            .into_iter()
            .flatten()
            .min_by(|left, right| left.cost.total_cmp(&right.cost))
    }

    /// The best literal for a lane in a run of fixed bytes.
    fn literal(
        &self,
        part: usize,
        start: Option<usize>,
        element: usize,
        run: &[Masked],
        lane: Lane,
    ) -> Option<Choice> {
        let bytes: Vec<u8> = run
            .iter()
            .take(MAX_LITERAL)
            .map(|byte| byte.value)
            .collect();
        let width = lane.width();
        let mean = |windows: &[(u64, f64)]| {
            let sum: f64 = windows.iter().map(|(_, often)| often).sum();
            #[expect(clippy::cast_precision_loss, reason = "at most four windows")]
            let count = windows.len() as f64;
            sum / count
        };
        let mut expected: Vec<(u64, f64)> = Vec::new();
        let mut best: Option<(usize, f64)> = None;
        let often = self.frequencies.windows(&bytes, width);
        for (often, bytes) in often.zip(bytes.windows(width)) {
            let often = match bytes.first_chunk::<2>() {
                Some(pair) if width == 2 => self.often(*pair),
                Some(_) | None => often,
            };
            expected.push(self.expected(often, bytes, lane));
            let Some(at) = expected.len().checked_sub(lane.windows()) else {
                continue;
            };
            if let (Lane::Long, [first, second, ..]) = (lane, bytes)
                && !is_sampled(*first, *second)
            {
                continue;
            }
            let found = mean(expected.get(at..).unwrap_or_default());
            if best.is_none_or(|(_, least)| found < least) {
                best = Some((at, found));
            }
            // Nothing can be rarer.
            if found <= RARE {
                break;
            }
        }
        let (at, found) = best?;
        let windows = expected.get(at..at + lane.windows())?;
        let windows = windows.iter().map(|(window, _)| *window).collect();
        Some(Choice {
            part,
            distance: start.map(|start| start + at),
            cost: found
                + LANE_COST
                    .get(usize::from(lane as u8))
                    .copied()
                    .unwrap_or(0.0),
            lane: ChosenLane::Search(lane, windows),
            element: element + at,
        })
    }
}

/// A window as an integer without case.
pub(super) fn window(bytes: &[u8]) -> u64 {
    let value = bytes
        .iter()
        .rev()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    value | FOLD
}

/// Whether a condition on a count needs a match.
fn wants_match(count: Option<(Operator, u32)>) -> bool {
    match count {
        None | Some((Operator::More, _)) => true,
        Some((Operator::Equal, number)) => number > 0,
        Some((Operator::Less, _)) => false,
    }
}

fn cheaper(left: Option<Guards>, right: Option<Guards>) -> Option<Guards> {
    let cost = |guards: &Guards| guards.iter().map(|(_, _, choice)| choice.cost).sum::<f64>();
    match (left, right) {
        (Some(left), Some(right)) if cost(&right) < cost(&left) => Some(right),
        (Some(left), _) => Some(left),
        (None, right) => right,
    }
}

/// A pattern that may begin at few places only is tried there, together with others that share its
/// place.
fn anchor(pattern: &Pattern, frequencies: &Frequencies, shared: f64) -> Option<Choice> {
    let fixed = matches!(
        pattern.place.kind,
        offset::ABSOLUTE
            | offset::END_MINUS
            | offset::ENTRY_PLUS
            | offset::ENTRY_MINUS
            | offset::LAST_SECTION
            | offset::SECTION
    );
    if !fixed || pattern.place.shift > MAX_ANCHOR_SHIFT {
        return None;
    }
    let first = pattern.parts.first()?;
    let mut distance = 0;
    let mut run: Vec<Masked> = Vec::new();
    let mut chosen = None;
    // The longest run of fewer than four bytes, for patterns without a longer one.
    let mut short: (usize, Vec<u8>) = (0, Vec::new());
    for element in &first.elements {
        match element {
            Element::Byte(byte) if byte.is_fixed() => run.push(*byte),
            other => {
                let (least, most) = other.length();
                if least != most {
                    break;
                }
                distance += run.len() + least;
                run.clear();
            }
        }
        if let [.., first, second, third, fourth] = run.as_slice() {
            let window = [first.value, second.value, third.value, fourth.value];
            let better = window.iter().any(|byte| *byte != 0);
            if chosen.is_none() || better {
                chosen = Some((distance + run.len() - 4, window));
            }
            if better {
                break;
            }
        } else if run.len() > short.1.len() {
            short = (distance, run.iter().map(|byte| byte.value).collect());
        }
    }
    let tries = f64::from(pattern.place.shift + 1);
    // What stands at the very beginning stands in each file of a type.
    let first: Vec<u8> = first
        .elements
        .iter()
        .map_while(fixed_value)
        .take(2)
        .collect();
    let start = pattern.place.kind == offset::ABSOLUTE
        && pattern.place.value < FILE_START
        && MAGICS.iter().any(|magic| first == *magic);
    Some(match chosen {
        Some((distance, window)) => Choice {
            part: 0,
            distance: Some(distance),
            lane: ChosenLane::Anchor(window.to_vec()),
            element: 0,
            cost: if start {
                COMMON_ANCHOR_COST
            } else {
                let found = ANCHOR_COST * tries * frequencies.quad(window).min(100.0);
                found + TRY_COST * tries / shared
            },
        },
        None => Choice {
            part: 0,
            distance: Some(short.0),
            lane: ChosenLane::Anchor(short.1),
            element: 0,
            cost: if start {
                COMMON_ANCHOR_COST
            } else {
                SHORT_ANCHOR_COST * tries
            },
        },
    })
}

/// What an element of one byte may be, if that is told; few values are.
fn values(element: &Element) -> Vec<u8> {
    match element {
        Element::Byte(byte) if byte.is_fixed() => vec![byte.value],
        Element::Alternatives {
            negative: false,
            choices,
        } => {
            let values = choices.iter().map(|choice| match choice.as_slice() {
                [byte] if byte.is_fixed() => Some(byte.value),
                _ => None,
            });
            let mut values: Vec<u8> = values.collect::<Option<_>>().unwrap_or_default();
            values.sort_unstable();
            // Windows know no case.
            values.dedup_by_key(|value| u64::from(*value) | FOLD & 0xff);
            values
        }
        Element::Byte(_)
        | Element::Alternatives { .. }
        | Element::Boundary { .. }
        | Element::Line { .. }
        | Element::Word { .. } => Vec::new(),
    }
}

fn fixed_value(element: &Element) -> Option<u8> {
    match element {
        Element::Byte(byte) if byte.mask == 0xff => Some(byte.value),
        Element::Byte(_)
        | Element::Alternatives { .. }
        | Element::Boundary { .. }
        | Element::Line { .. }
        | Element::Word { .. } => None,
    }
}

/// Spreads windows as the tables do: each is asked for many times. Sources whose windows meet in
/// one bucket make their own build slow.
#[derive(Debug, Default)]
struct WindowHasher(u64);

impl Hasher for WindowHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, window: u64) {
        self.0 = window_hash(self.0 ^ window);
    }
}
