//! Writes the gate of a group: what a file must hold for which of its rules to match.

use std::collections::BTreeMap;

use scan::yara::gate::{
    BITMAP_BYTES, BUCKETS, EXACT, MASKED, WINDOW_BYTES, bitmap_place, bucket, fold, hash,
};

use super::literal::{Literal, masked_windows};
use super::needed::Needed;
use crate::body::Frequencies;

/// A rule behind a gate.
pub(super) struct Rule<'n> {
    pub(super) part: u16,
    pub(super) needed: &'n Needed,
    /// Bytes of the largest file.
    pub(super) most_bytes: u64,
}

/// Writes a gate for rules. `None` when it grows too large.
pub(super) fn write(rules: &[Rule<'_>]) -> Option<Vec<u8>> {
    let mut used_by: BTreeMap<&Literal, Vec<u32>> = BTreeMap::new();
    let mut clause_rows = Vec::new();
    let mut rule_rows = Vec::new();
    let mut clauses = 0_u32;
    for (rule, number) in rules.iter().zip(0_u32..) {
        rule_rows.extend_from_slice(&rule.part.to_le_bytes());
        let count = u16::try_from(rule.needed.clauses.len()).ok()?;
        rule_rows.extend_from_slice(&count.to_le_bytes());
        rule_rows.extend_from_slice(&rule.most_bytes.to_le_bytes());
        for clause in &rule.needed.clauses {
            for literal in &clause.literals {
                used_by.entry(literal).or_default().push(clauses);
            }
            clause_rows.extend_from_slice(&number.to_le_bytes());
            clause_rows.extend_from_slice(&u16::try_from(clause.least).ok()?.to_le_bytes());
            clause_rows.extend_from_slice(&[0; 2]);
            clauses = clauses.checked_add(1)?;
        }
    }
    let mut tables = Tables::default();
    let (mut literals, mut imports) = (Vec::new(), Vec::new());
    for (literal, used_by) in &used_by {
        match literal {
            Literal::Plain(_) | Literal::Masked(..) | Literal::Exact(_) => {
                literals.push((*literal, used_by));
            }
            Literal::Imports(hash) => imports.push((hash, used_by)),
        }
    }
    let found_by = tables.literals(&literals)?;
    let mut hashes = Vec::new();
    for (hash, used_by) in &imports {
        hashes.extend_from_slice(*hash);
        tables.used_by(used_by)?;
    }
    let uses = tables.end_uses()?;

    let mut gate = Vec::new();
    for count in [literals.len(), imports.len()] {
        gate.extend_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
    }
    for count in [uses, clauses, u32::try_from(rules.len()).ok()?] {
        gate.extend_from_slice(&count.to_le_bytes());
    }
    for table in [
        found_by,
        hashes,
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

/// What grows with each literal.
#[derive(Default)]
struct Tables {
    uses: Vec<u8>,
    used_by: Vec<u8>,
    pool: Vec<u8>,
}

impl Tables {
    /// The bitmap, the buckets and the rows of literals with the clauses that use each.
    fn literals(&mut self, literals: &[(&Literal, &Vec<u32>)]) -> Option<Vec<u8>> {
        let mut bitmap = vec![0_u8; BITMAP_BYTES];
        let mut buckets: Vec<Vec<(Row<'_>, &[u32])>> = vec![Vec::new(); BUCKETS];
        for (literal, used_by) in literals {
            let row = Row::of(literal)?;
            let (byte, bit) = bitmap_place(row.hash);
            *bitmap.get_mut(byte)? |= bit;
            buckets.get_mut(bucket(row.hash))?.push((row, used_by));
        }
        let mut rows = Vec::new();
        let mut starts = Vec::new();
        let mut count = 0_u32;
        for bucket in buckets {
            starts.extend_from_slice(&count.to_le_bytes());
            for (row, used_by) in bucket {
                self.literal(&row, used_by, &mut rows)?;
                count = count.checked_add(1)?;
            }
        }
        starts.extend_from_slice(&count.to_le_bytes());
        Some([bitmap, starts, rows].concat())
    }

    fn literal(&mut self, row: &Row<'_>, used_by: &[u32], rows: &mut Vec<u8>) -> Option<()> {
        let at = u32::try_from(self.pool.len()).ok()?;
        rows.extend_from_slice(&at.to_le_bytes());
        rows.push(u8::try_from(row.bytes.len()).ok()?);
        rows.push(u8::try_from(row.window).ok()?);
        rows.extend_from_slice(&[row.form, 0]);
        self.pool.extend_from_slice(row.bytes);
        self.pool.extend_from_slice(row.mask);
        self.used_by(used_by)
    }

    /// The clauses of the next literal.
    fn used_by(&mut self, used_by: &[u32]) -> Option<()> {
        self.end_uses()?;
        for clause in used_by {
            self.used_by.extend_from_slice(&clause.to_le_bytes());
        }
        Some(())
    }

    /// Where the uses of the literals so far end.
    fn end_uses(&mut self) -> Option<u32> {
        let uses = u32::try_from(self.used_by.len() / 4).ok()?;
        self.uses.extend_from_slice(&uses.to_le_bytes());
        Some(uses)
    }
}

#[derive(Clone)]
struct Row<'l> {
    bytes: &'l [u8],
    /// Empty when all bits count.
    mask: &'l [u8],
    /// What the row of the literal says of it.
    form: u8,
    /// The place of the window that is looked for.
    window: usize,
    hash: u32,
}

impl<'l> Row<'l> {
    fn of(literal: &'l Literal) -> Option<Self> {
        match literal {
            Literal::Plain(bytes) => {
                let (window, quad) = rarest(bytes)?;
                Some(Self {
                    bytes,
                    mask: &[],
                    form: 0,
                    window,
                    hash: hash(quad),
                })
            }
            Literal::Masked(bytes, mask) => {
                let both: Vec<(u8, u8)> = bytes.iter().copied().zip(mask.iter().copied()).collect();
                let (window, quad) = rarest_of(masked_windows(&both))?;
                Some(Self {
                    bytes,
                    mask,
                    form: MASKED,
                    window,
                    hash: hash(quad),
                })
            }
            Literal::Exact(bytes) => {
                let folded: Vec<u8> = bytes.iter().copied().map(fold).collect();
                let (window, quad) = rarest(&folded)?;
                Some(Self {
                    bytes,
                    mask: &[],
                    form: EXACT,
                    window,
                    hash: hash(quad),
                })
            }
            Literal::Imports(_) => None,
        }
    }
}

/// The window of a literal that files are the least likely to hold.
fn rarest(literal: &[u8]) -> Option<(usize, [u8; WINDOW_BYTES])> {
    let windows = literal.windows(WINDOW_BYTES).enumerate();
    rarest_of(
        windows.filter_map(|(place, window)| Some((place, *window.first_chunk::<WINDOW_BYTES>()?))),
    )
}

fn rarest_of(
    windows: impl Iterator<Item = (usize, [u8; WINDOW_BYTES])>,
) -> Option<(usize, [u8; WINDOW_BYTES])> {
    let frequencies = Frequencies::shipped();
    windows.min_by(|(_, left), (_, right)| {
        let often = |window: &[u8; WINDOW_BYTES]| frequencies.quad(*window);
        often(left).total_cmp(&often(right))
    })
}
