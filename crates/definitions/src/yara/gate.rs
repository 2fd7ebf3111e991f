//! Writes the gate of a group: what a file must hold for which of its rules to match.

use std::collections::BTreeMap;

use scan::yara::gate::{BITMAP_BYTES, BUCKETS, WINDOW_BYTES, bitmap_place, bucket, hash};

use super::needed::Needed;
use crate::body::Frequencies;

/// Writes a gate for rules: the part of each, and what it needs. `None` when it grows too large.
pub(super) fn write(rules: &[(u16, &Needed)]) -> Option<Vec<u8>> {
    let mut used_by: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
    let mut clause_rows = Vec::new();
    let mut rule_rows = Vec::new();
    let mut clauses = 0_u32;
    for ((part, needed), rule) in rules.iter().zip(0_u32..) {
        rule_rows.extend_from_slice(&part.to_le_bytes());
        let count = u16::try_from(needed.clauses.len()).ok()?;
        rule_rows.extend_from_slice(&count.to_le_bytes());
        for clause in &needed.clauses {
            for literal in &clause.literals {
                used_by.entry(literal).or_default().push(clauses);
            }
            clause_rows.extend_from_slice(&rule.to_le_bytes());
            clause_rows.extend_from_slice(&u16::try_from(clause.least).ok()?.to_le_bytes());
            clause_rows.extend_from_slice(&[0; 2]);
            clauses = clauses.checked_add(1)?;
        }
    }
    let mut bitmap = vec![0_u8; BITMAP_BYTES];
    let mut buckets: Vec<Vec<(&[u8], usize)>> = vec![Vec::new(); BUCKETS];
    for literal in used_by.keys() {
        let (place, window) = rarest(literal)?;
        let hash = hash(window);
        let (byte, bit) = bitmap_place(hash);
        *bitmap.get_mut(byte)? |= bit;
        buckets.get_mut(bucket(hash))?.push((literal, place));
    }
    let mut tables = Tables::default();
    for bucket in buckets {
        tables
            .buckets
            .extend_from_slice(&tables.count.to_le_bytes());
        for (literal, place) in bucket {
            tables.literal(literal, place, used_by.get(literal)?)?;
        }
    }
    tables
        .buckets
        .extend_from_slice(&tables.count.to_le_bytes());
    let uses = u32::try_from(tables.used_by.len() / 4).ok()?;
    tables.uses.extend_from_slice(&uses.to_le_bytes());

    let rules = u32::try_from(rules.len()).ok()?;
    let mut gate = Vec::new();
    for count in [tables.count, uses, clauses, rules] {
        gate.extend_from_slice(&count.to_le_bytes());
    }
    for table in [
        bitmap,
        tables.buckets,
        tables.literals,
        tables.uses,
        tables.used_by,
        clause_rows,
        rule_rows,
        tables.pool,
    ] {
        gate.extend_from_slice(&table);
    }
    Some(gate)
}

#[derive(Default)]
struct Tables {
    count: u32,
    buckets: Vec<u8>,
    literals: Vec<u8>,
    uses: Vec<u8>,
    used_by: Vec<u8>,
    pool: Vec<u8>,
}

impl Tables {
    fn literal(&mut self, literal: &[u8], place: usize, used_by: &[u32]) -> Option<()> {
        let at = u32::try_from(self.pool.len()).ok()?;
        self.literals.extend_from_slice(&at.to_le_bytes());
        self.literals.push(u8::try_from(literal.len()).ok()?);
        self.literals.push(u8::try_from(place).ok()?);
        self.literals.extend_from_slice(&[0; 2]);
        self.pool.extend_from_slice(literal);
        let uses = u32::try_from(self.used_by.len() / 4).ok()?;
        self.uses.extend_from_slice(&uses.to_le_bytes());
        for clause in used_by {
            self.used_by.extend_from_slice(&clause.to_le_bytes());
        }
        self.count = self.count.checked_add(1)?;
        Some(())
    }
}

/// The window of a literal that files are the least likely to hold.
fn rarest(literal: &[u8]) -> Option<(usize, [u8; WINDOW_BYTES])> {
    let frequencies = Frequencies::shipped();
    literal
        .windows(WINDOW_BYTES)
        .enumerate()
        .filter_map(|(place, window)| Some((place, *window.first_chunk::<WINDOW_BYTES>()?)))
        .min_by(|(_, left), (_, right)| {
            let often = |window: &[u8; WINDOW_BYTES]| frequencies.quad(*window);
            often(left).total_cmp(&often(right))
        })
}
