//! Byte patterns, as `docs/patterns-format.md` has them: guards are looked up as it says, and what they
//! arm is evaluated without any haste.

use std::collections::BTreeSet;

use pcre2::bytes::RegexBuilder;

use super::{index, u16_at, u32_at, u64_at};

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Bytes that are matched, and what is known of the file that they are of.
pub(crate) struct Subject<'f> {
    pub(crate) bytes: &'f [u8],
    pub(crate) headers: Option<Headers>,
}

/// Places in the file.
#[derive(Clone)]
pub(crate) struct Headers {
    pub(crate) entry: u64,
    /// Where each section begins and how many bytes it has.
    pub(crate) sections: Vec<(u64, u64)>,
}

impl Headers {
    /// Those of a PE file.
    pub(crate) fn of_pe(file: &[u8]) -> Option<Self> {
        let at = index(u32_at(file.get(..64)?, 60));
        let header = file.get(at..)?.strip_prefix(b"PE\0\0")?;
        let count = index(u16_at(header, 2));
        let optional = index(u16_at(header, 16));
        let entry = u32_at(header, 20 + 16);
        let rows = header.get(20 + optional..20 + optional + 40 * count)?;
        let rows: Vec<[u64; 4]> = rows
            .chunks_exact(40)
            .map(|row| [8, 12, 16, 20].map(|at| u32_at(row, at)))
            .collect();
        let entry = rows
            .iter()
            .find(|[size, address, raw, _]| (*address..address + size.max(raw)).contains(&entry))
            .map(|[_, address, _, place]| entry - address + place)?;
        let sections = rows.iter().map(|[_, _, raw, place]| (*place, *raw));
        Some(Self {
            entry,
            sections: sections.collect(),
        })
    }
}

/// Reads a program from front to back.
#[derive(Clone, Copy)]
struct Program<'d> {
    bytes: &'d [u8],
    at: usize,
}

impl<'d> Program<'d> {
    fn take(&mut self, length: u64) -> &'d [u8] {
        let from = self.at;
        self.at += index(length);
        &self.bytes[from..self.at]
    }

    fn u8(&mut self) -> u64 {
        self.take(1)[0].into()
    }

    fn u16(&mut self) -> u64 {
        u16_at(self.take(2), 0)
    }

    fn u32(&mut self) -> u64 {
        u32_at(self.take(4), 0)
    }

    fn i64(&mut self) -> i64 {
        u64_at(self.take(8), 0).cast_signed()
    }
}

/// Both sections.
pub(crate) struct Patterns<'d> {
    pub(crate) tables: &'d [u8],
    pub(crate) programs: &'d [u8],
}

impl<'d> Patterns<'d> {
    /// The numbers of the rules that match with a target's row.
    pub(crate) fn matches(&self, target: u64, subject: &Subject<'_>) -> BTreeSet<u64> {
        let (tables, programs) = (self.tables, self.programs);
        assert_eq!((u32_at(tables, 0), u32_at(programs, 0)), (7, 7));
        let row = &tables[16 + 256 * index(target)..][..256];
        let always = self.area(row, 224, 4);
        let mut armed: BTreeSet<u64> = always.chunks(4).map(|at| u32_at(at, 0)).collect();
        for lane in 0..4 {
            self.look_up(row, lane, subject, &mut armed);
        }
        self.look_at_anchors(row, subject, &mut armed);
        let rules = armed.into_iter();
        rules.filter_map(|at| self.signature(at, subject)).collect()
    }

    fn area(&self, row: &[u8], at: usize, bytes: u64) -> &'d [u8] {
        let from = index(u64_at(row, at));
        &self.tables[from..][..index(u64_at(row, at + 8) * bytes)]
    }

    fn look_up(&self, row: &[u8], lane: usize, subject: &Subject<'_>, armed: &mut BTreeSet<u64>) {
        let file = subject.bytes;
        let filter = self.area(row, 48 * lane, 8);
        let buckets = self.area(row, 48 * lane + 16, 4);
        let entries = self.area(row, 48 * lane + 32, 12);
        let triples = self.area(row, 240, 8);
        if entries.is_empty() {
            return;
        }
        let width = [8, 4, 4, 2][lane];
        for at in 0..(file.len() + 1).saturating_sub(width) {
            let window = &file[at..at + width];
            let looked_at = match lane {
                0 => window[0].wrapping_sub(window[1]) % 4 == 2,
                1 => at % 4 == 0,
                2 => has_triple(triples, file, at + at % 2),
                _ => has_triple(triples, file, at - at % 2),
            };
            if !looked_at || !passes(filter, lane, window) {
                continue;
            }
            let hash = hash(window);
            let count = buckets.len() / 4 - 1;
            let bucket = upper(hash, 64, count as u64);
            let bound = |number: usize| index(u32_at(buckets, 4 * number) * 12);
            for entry in entries[bound(bucket)..bound(bucket + 1)].chunks(12) {
                let behind = index(u32_at(entry, 8) % 4);
                if u16_at(entry, 0) == hash >> 12 & 0xffff
                    && at >= behind
                    && surrounded(entry, file, at - behind)
                {
                    self.try_guard(u32_at(entry, 8) / 4, at - behind, subject, armed);
                }
            }
        }
    }

    fn look_at_anchors(&self, row: &[u8], subject: &Subject<'_>, armed: &mut BTreeSet<u64>) {
        let entries = self.area(row, 208, 8);
        for anchor in self.area(row, 192, 24).chunks(24) {
            let place = Place {
                kind: anchor[0],
                section: u16_at(anchor, 2),
                value: u32_at(anchor, 4),
                shift: u32_at(anchor, 8),
            };
            let Some((first, last)) = place.range(subject) else {
                continue;
            };
            let own = &entries[index(u32_at(anchor, 16)) * 8..][..index(u32_at(anchor, 20)) * 8];
            for start in first..=last {
                let at = start + index(u32_at(anchor, 12));
                let wanted = match subject.bytes.get(at..at + usize::from(anchor[1])) {
                    None => continue,
                    Some([]) => 0xffff_ffff,
                    Some(bytes) => hash(bytes) >> 8 & 0x7fff_ffff,
                };
                for entry in own.chunks(8).filter(|entry| u32_at(entry, 0) == wanted) {
                    self.try_guard(u32_at(entry, 4) / 4, at, subject, armed);
                }
            }
        }
    }

    fn try_guard(
        &self,
        number: u64,
        literal: usize,
        subject: &Subject<'_>,
        armed: &mut BTreeSet<u64>,
    ) {
        assert!(number < u32_at(self.tables, 4));
        let at = index(u64_at(self.tables, 8) + 16 * number);
        let guard = &self.tables[at..at + 16];
        let distance = u32_at(guard, 8);
        let stands = distance == 0xffff_ffff
            || literal.checked_sub(index(distance)).is_some_and(|start| {
                let part = Part::read(&mut self.program(u32_at(guard, 4)));
                part.end(subject.bytes, start).is_some()
            });
        if stands {
            armed.insert(u32_at(guard, 0));
        }
    }

    const fn program(&self, at: u64) -> Program<'d> {
        Program {
            bytes: self.programs,
            at: at as usize,
        }
    }

    /// The rule of the signature at a place, if it matches.
    fn signature(&self, at: u64, subject: &Subject<'_>) -> Option<u64> {
        let mut program = self.program(at);
        let rule = program.u32();
        let conditions = program.u8();
        let mut holds = true;
        for (bit, value) in [
            (0, Some(subject.bytes.len() as u64)),
            (1, subject.headers.as_ref().map(|headers| headers.entry)),
            (
                2,
                subject
                    .headers
                    .as_ref()
                    .map(|headers| headers.sections.len() as u64),
            ),
        ] {
            if conditions >> bit & 1 == 1 {
                let (least, most) = (program.u32(), program.u32());
                holds &= value.is_some_and(|value| (least..=most).contains(&value));
            }
        }
        // Whatever is asked here is no member of a container.
        if conditions & 8 != 0 {
            holds &= program.u8() == 0;
        }
        if conditions & 16 != 0 {
            let count = program.u8();
            program.take(count);
            holds &= count == 0;
        }
        let _most = program.u32();
        let count = program.u8();
        let order = program.take(count);
        let places = program.take(4 * count);
        let length = program.u16();
        let logic = program.take(length);
        let mut found = vec![(0, 0); index(count)];
        for id in order.iter().filter(|_| holds) {
            let place = u32_at(places, 4 * usize::from(*id));
            found[usize::from(*id)] = self.subsignature(place, &found, subject);
        }
        (holds && is_true(logic, &found)).then_some(rule)
    }

    /// How often a subsignature matches, and where its last match begins.
    fn subsignature(&self, at: u64, found: &[(u64, usize)], subject: &Subject<'_>) -> (u64, usize) {
        let mut program = self.program(at);
        match program.u8() {
            0 => {
                let count = program.u8();
                let all: Vec<_> = (0..count)
                    .map(|_| self.pattern(program.u32(), subject))
                    .collect();
                let last = all.iter().map(|(_, last)| *last).max();
                (all.iter().map(|(count, _)| count).sum(), last.unwrap())
            }
            1 => {
                let length = program.u16();
                let trigger = program.take(length);
                let place = Place::read(&mut program);
                let flags = program.u16();
                let length = program.u16();
                let text = program.take(length);
                if is_true(trigger, found) {
                    expression(place, flags, text, subject)
                } else {
                    (0, 0)
                }
            }
            2 => (compared(&mut program, found, subject.bytes).into(), 0),
            other => panic!("a subsignature of kind {other}"),
        }
    }

    fn pattern(&self, at: u64, subject: &Subject<'_>) -> (u64, usize) {
        let mut program = self.program(at);
        let place = Place::read(&mut program);
        let count = program.u16();
        let parts: Vec<Part<'_>> = (0..count).map(|_| Part::read(&mut program)).collect();
        let Some((first, last)) = place.range(subject) else {
            return (0, 0);
        };
        let file = subject.bytes;
        // Where each match of the part before ends, and where the first part of its chain began.
        let mut before: Vec<(usize, usize)> = (first..=last)
            .filter_map(|start| Some((parts[0].end(file, start)?, start)))
            .collect();
        for part in &parts[1..] {
            if part.most_gap == 0 {
                before.truncate(1);
            }
            before.sort_unstable();
            let mut next = Vec::new();
            for start in 0..=file.len() {
                let near = before
                    .iter()
                    .rev()
                    .find(|(end, _)| end + part.least_gap <= start);
                if let Some((previous, began)) = near
                    && (part.most_gap == 0 || start - previous <= part.most_gap)
                    && let Some(end) = part.end(file, start)
                {
                    next.push((end, *began));
                }
            }
            before = next;
        }
        let last = before.last().map_or(0, |(_, began)| *began);
        (before.len() as u64, last)
    }
}

/// A number's upper bits, as many as a power of two says.
fn upper(hash: u64, bits: u32, power: u64) -> usize {
    assert!(power.is_power_of_two());
    index(hash.checked_shr(bits - power.trailing_zeros()).unwrap_or(0))
}

fn hash(window: &[u8]) -> u64 {
    let number = window
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    let m = (number | 0x2020_2020_2020_2020).wrapping_mul(MULTIPLIER);
    (m ^ (m >> 29)).wrapping_mul(MULTIPLIER)
}

fn bits(words: &[u8], word: usize, wanted: [u64; 2]) -> bool {
    let have = u64_at(words, 8 * word);
    wanted.iter().all(|bit| have >> bit & 1 == 1)
}

fn passes(filter: &[u8], lane: usize, window: &[u8]) -> bool {
    if lane == 3 {
        let window = u16_at(window, 0);
        return bits(filter, index(window >> 6), [window & 63; 2]);
    }
    let (first, second) = filter.split_at(filter.len() / 2);
    let words = first.len() as u64 / 8;
    let hash = hash(window);
    bits(first, upper(hash, 64, words), [hash & 63, hash >> 6 & 63])
        && bits(
            second,
            index((hash >> 28) % words),
            [hash >> 12 & 63, hash >> 18 & 63],
        )
}

fn has_triple(triples: &[u8], file: &[u8], at: usize) -> bool {
    let byte = |at: usize| u64::from(file.get(at).copied().unwrap_or(0));
    let t = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
    let h = ((t << 8) | 0x2020_2000).wrapping_mul(0x9E37_79B1) & 0xffff_ffff;
    let words = triples.len() as u64 / 8;
    let n = words.trailing_zeros();
    bits(triples, upper(h, 32, words), [h >> (26 - n) & 63; 2])
}

fn surrounded(entry: &[u8], file: &[u8], literal: usize) -> bool {
    let mask = u16_at(entry, 4);
    let place = i64::from(entry[6].cast_signed());
    let half = |from: i64| {
        (0..8).rev().fold(0, |number, byte| {
            let byte = from + byte;
            let at = i64::try_from(literal).unwrap() + place + byte;
            let own = usize::try_from(at).ok().and_then(|at| file.get(at));
            let known = mask >> byte & 1 == 1;
            let own = if known {
                own.map_or(0, |own| *own) | 0x20
            } else {
                0
            };
            number << 8 | u64::from(own)
        })
    };
    let m = half(0).wrapping_mul(MULTIPLIER);
    let hash = (m ^ (m >> 29) ^ half(8)).wrapping_mul(MULTIPLIER) >> 48;
    mask == 0 || hash == u16_at(entry, 2)
}

/// Where a pattern may begin.
struct Place {
    kind: u8,
    section: u64,
    value: u64,
    shift: u64,
}

impl Place {
    fn read(program: &mut Program<'_>) -> Self {
        Self {
            kind: program.take(1)[0],
            section: program.u16(),
            value: program.u32(),
            shift: program.u32(),
        }
    }

    fn range(&self, subject: &Subject<'_>) -> Option<(usize, usize)> {
        let length = subject.bytes.len() as u64;
        let headers = subject.headers.as_ref();
        let mut shift = self.shift;
        let first = match self.kind {
            0 => return Some((0, subject.bytes.len())),
            1 => self.value,
            2 => length.checked_sub(self.value)?,
            3 => headers?.entry + self.value,
            4 => headers?.entry.checked_sub(self.value)?,
            5 => headers?.sections.last()?.0 + self.value,
            6 => headers?.sections.get(index(self.section))?.0 + self.value,
            9 => {
                let (place, size) = *headers?.sections.get(index(self.section))?;
                shift += size;
                place
            }
            other => panic!("a range of kind {other}"),
        };
        (first <= length).then(|| (index(first), index((first + shift).min(length))))
    }
}

/// Whether a logical expression is true.
fn is_true(logic: &[u8], found: &[(u64, usize)]) -> bool {
    let mut program = Program {
        bytes: logic,
        at: 0,
    };
    let (outcome, ..) = node(&mut program, found);
    assert_eq!(program.at, logic.len());
    outcome
}

/// Whether a node is true, what it counts, and a bit for each subsignature that it counts.
fn node(program: &mut Program<'_>, found: &[(u64, usize)]) -> (bool, u64, u64) {
    let outcome = match program.u8() {
        kind @ (0 | 1) => {
            let id = program.u8();
            let (count, _) = found[index(id)];
            let holds = if kind == 0 {
                count > 0
            } else {
                let operator = program.u8();
                holds(operator, count, program.u32())
            };
            (holds, count, 1 << id)
        }
        kind @ 2..=5 => {
            let condition = (kind > 3).then(|| (program.u8(), program.u32(), program.u32()));
            let (left, right) = (node(program, found), node(program, found));
            let both = if kind % 2 == 0 {
                left.0 && right.0
            } else {
                left.0 || right.0
            };
            let (count, ids) = if both {
                (left.1 + right.1, left.2 | right.2)
            } else {
                (0, 0)
            };
            match condition {
                None => (both, count, ids),
                Some((operator, number, least)) => {
                    let enough = least == 0 || u64::from(ids.count_ones()) >= least;
                    (holds(operator, count, number) && enough, count, 0)
                }
            }
        }
        other => panic!("a node of kind {other}"),
    };
    if outcome.0 { outcome } else { (false, 0, 0) }
}

fn holds<T: Ord>(operator: u64, value: T, number: T) -> bool {
    match operator {
        0 => value == number,
        1 => value < number,
        2 => value > number,
        other => panic!("an operator {other}"),
    }
}

/// Matches of a regular expression.
fn expression(place: Place, flags: u64, text: &[u8], subject: &Subject<'_>) -> (u64, usize) {
    let has = |flag: u64| flags & flag != 0;
    let anywhere = place.kind == 0;
    let Some((first, last)) = place
        .range(subject)
        .filter(|(first, _)| *first < subject.bytes.len())
    else {
        return (0, 0);
    };
    let shift = index(place.shift).max(last - first);
    let right_there = has(128) || (!anywhere && shift == 0 && !has(2));
    let mut pattern = "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=2000)".to_owned();
    if right_there {
        pattern.push_str("\\G");
    }
    if has(512) {
        pattern.push_str("(?U)");
    }
    pattern.push_str("(?:");
    let (mut escaped, mut class) = (false, false);
    for byte in text {
        match byte {
            b'$' if has(256) && !has(32) && !escaped && !class => pattern.push_str("\\z"),
            0x80.. => pattern.push_str(&format!("\\x{byte:02x}")),
            _ => pattern.push(char::from(*byte)),
        }
        if !escaped && matches!(byte, b'[' | b']') {
            class = *byte == b'[';
        }
        escaped = *byte == b'\\' && !escaped;
    }
    pattern.push_str(if has(64) { "\n)" } else { ")" });
    let regex = RegexBuilder::new()
        .caseless(has(8))
        .dotall(has(16))
        .multi_line(has(32))
        .extended(has(64))
        .build(&pattern)
        .unwrap();
    let mut rest = &subject.bytes[first..];
    if has(4) && !anywhere && shift != 0 {
        rest = &rest[..shift.min(rest.len())];
    }
    let (mut count, mut last, mut from) = (0, 0, 0);
    while let Ok(Some(hit)) = regex.find_at(rest, from) {
        let too_far = !anywhere && shift != 0 && !has(4) && hit.start() > shift;
        if too_far {
            break;
        }
        count += 1;
        last = first + hit.start();
        if !has(1) || hit.end() <= from || hit.end() >= rest.len() {
            break;
        }
        from = hit.end();
    }
    (count, last)
}

/// Whether a comparison holds.
fn compared(program: &mut Program<'_>, found: &[(u64, usize)], file: &[u8]) -> bool {
    let (count, last) = found[index(program.u8())];
    let distance = program.i64();
    let options = program.u8();
    let length = index(program.u16());
    let conditions = program.u8();
    let has = |option: u64| options & option != 0;
    let at = i64::try_from(last).unwrap() + distance;
    let bytes = usize::try_from(at)
        .ok()
        .filter(|at| *at > 0)
        .and_then(|at| file.get(at..at + length));
    let value = bytes.and_then(|bytes| {
        if has(4) {
            let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            let value = if has(16) {
                bytes.iter().rev().fold(0, add)
            } else {
                bytes.iter().fold(0, add)
            };
            return [1, 2, 4, 8].contains(&length).then(|| value.cast_signed());
        }
        text_number(bytes, options)
    });
    let all = (0..conditions).fold(true, |all, _| {
        let operator = program.u8();
        let number = program.i64();
        all & value.is_some_and(|value| holds(operator, value, number))
    });
    count > 0 && all
}

fn text_number(bytes: &[u8], options: u64) -> Option<i64> {
    let has = |option: u64| options & option != 0;
    let text = String::from_utf8_lossy(bytes);
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let prefixed = trimmed.starts_with("0x") || trimmed.starts_with("0X");
    let radix = if has(1) || (has(8) && prefixed) {
        16
    } else {
        10
    };
    let mut digits = trimmed.to_owned();
    if has(16) {
        let mut all: Vec<char> = digits.chars().collect();
        if all.len() > 1 && all.len() % 2 == 1 {
            all.insert(all.len() - 1, '0');
        }
        digits = all.chunks(2).rev().flatten().collect();
    }
    let unsigned = digits.trim_start_matches(['-', '+']);
    let sign = &digits[..digits.len() - unsigned.len()];
    let bare = if radix == 16 {
        unsigned.trim_start_matches("0x").trim_start_matches("0X")
    } else {
        unsigned
    };
    let end = bare
        .find(|digit: char| !digit.is_digit(radix))
        .unwrap_or(bare.len());
    if has(32) && (end != bare.len() || end == 0 || trimmed.len() != text.len()) {
        return None;
    }
    let value = i64::from_str_radix(&bare[..end], radix).unwrap_or(0);
    Some(if sign == "-" { -value } else { value })
}

/// A part of a pattern.
struct Part<'d> {
    least_gap: usize,
    most_gap: usize,
    markers: u64,
    left: Option<&'d [u8]>,
    right: Option<&'d [u8]>,
    steps: &'d [u8],
}

impl<'d> Part<'d> {
    fn read(program: &mut Program<'d>) -> Self {
        let (least_gap, most_gap) = (index(program.u32()), index(program.u32()));
        let _least = program.u32();
        let markers = program.u16();
        let left = (markers & 1024 != 0).then(|| program.take(4));
        let right = (markers & 2048 != 0).then(|| program.take(4));
        match program.u8() {
            0 => {}
            1 => {
                program.u32();
                let length = program.u8();
                program.take(length);
            }
            2 => {
                program.take(5);
            }
            other => panic!("a hint {other}"),
        }
        let length = program.u32();
        Self {
            least_gap,
            most_gap,
            markers,
            left,
            right,
            steps: program.take(length),
        }
    }

    /// Where the part ends if it matches at a place.
    fn end(&self, file: &[u8], start: usize) -> Option<usize> {
        if !self.left_holds(file, start) {
            return None;
        }
        self.run(file, start, 0)
    }

    fn run(&self, file: &[u8], mut at: usize, step: usize) -> Option<usize> {
        let mut program = Program {
            bytes: self.steps,
            at: step,
        };
        while program.at < self.steps.len() {
            let kind = program.u8();
            let here = |length: usize| file.get(at..at + length);
            at += match kind {
                0 | 1 => {
                    let length = program.u16();
                    let (own, wanted) = (here(index(length)), program.take(length));
                    let same = if kind == 0 {
                        own? == wanted
                    } else {
                        own?.to_ascii_lowercase() == wanted
                    };
                    same.then_some(index(length))?
                }
                2 => here(index(program.u16()))?.len(),
                3 => {
                    let length = program.u16();
                    let (values, masks) = (program.take(length), program.take(length));
                    is_masked(here(index(length))?, values, masks).then_some(index(length))?
                }
                4 | 5 => {
                    let count = program.u16();
                    let end = index(program.u32());
                    let choices: Vec<_> = (0..count)
                        .map(|_| {
                            let length = program.u16();
                            (program.take(length), program.take(length))
                        })
                        .collect();
                    let stands = |(values, masks): &(&[u8], &[u8])| {
                        let own = here(values.len());
                        own.is_some_and(|own| is_masked(own, values, masks))
                    };
                    if kind == 4 {
                        let mut standing = choices.iter().filter(|choice| stands(choice));
                        return standing
                            .find_map(|(values, _)| self.run(file, at + values.len(), end));
                    }
                    let length = here(choices[0].0.len())?.len();
                    program.at = end;
                    (!choices.iter().any(stands)).then_some(length)?
                }
                6..=8 => {
                    let not = program.u8() == 1;
                    let byte = *file.get(at)?;
                    let (is, length) = match kind {
                        6 => (b" -/_.<@\n\r\"'=>".contains(&byte), 1),
                        7 if file[at..].starts_with(b"\r\n") => (true, 2),
                        7 => (byte == b'\n', 1),
                        _ => (!byte.is_ascii_alphanumeric(), 1),
                    };
                    (is != not).then_some(length)?
                }
                other => panic!("a step {other}"),
            };
        }
        self.right_holds(file, at).then_some(at)
    }

    fn left_holds(&self, file: &[u8], start: usize) -> bool {
        let has = |marker: u64| self.markers & marker != 0;
        let before = |behind: usize| Some(*file.get(start.checked_sub(behind)?)?);
        let letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let in_word = if has(512) {
            before(1) == Some(0) && letter(before(2))
        } else {
            letter(before(1))
        };
        let Some(byte) = before(1) else {
            return self.left.is_none();
        };
        !(has(1) && !b" -/_.<@".contains(&byte) || has(8) && byte != b'\n' || has(64) && in_word)
            && self.left.is_none_or(|left| {
                let gaps = usize::from(left[2])..=usize::from(left[3]);
                gaps.filter_map(|gap| before(gap + 1))
                    .any(|byte| byte & left[1] == left[0])
            })
    }

    fn right_holds(&self, file: &[u8], end: usize) -> bool {
        let has = |marker: u64| self.markers & marker != 0;
        let rest = &file[end..];
        let bounds = rest
            .first()
            .is_none_or(|byte| b" -/_\n\r\"'=>".contains(byte));
        let line = rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n");
        let letter = rest.first().is_some_and(u8::is_ascii_alphanumeric);
        let in_word = letter && (!has(512) || rest.get(1).is_none_or(|next| *next == 0));
        !(has(2) && bounds == has(4)
            || has(16) && line == has(32)
            || has(128) && in_word != has(256))
            && self.right.is_none_or(|right| {
                let gaps = usize::from(right[2])..=usize::from(right[3]);
                gaps.filter_map(|gap| rest.get(gap))
                    .any(|byte| byte & right[1] == right[0])
            })
    }
}

fn is_masked(own: &[u8], values: &[u8], masks: &[u8]) -> bool {
    own.iter()
        .zip(values.iter().zip(masks))
        .all(|(own, (value, mask))| own & mask == *value)
}
