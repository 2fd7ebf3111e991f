//! Sectors and their chains.

use std::io::{self, Read};

use super::{HEADER_TABLES, MAX_SECTOR, numbers};
use crate::definitions::bytes::{slice, u32_at};

/// Sectors of one size, and the table that chains them.
pub(super) struct Sectors<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) size: usize,
    pub(super) table: Vec<u32>,
}

impl<'a> Sectors<'a> {
    fn start(&self, sector: u32) -> Option<usize> {
        if sector >= MAX_SECTOR {
            return None;
        }
        usize::try_from(sector).ok()?.checked_mul(self.size)
    }

    /// A sector; the last one may be cut.
    pub(super) fn get(&self, sector: u32) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.start(sector)?..)?;
        Some(rest.get(..self.size).unwrap_or(rest)).filter(|sector| !sector.is_empty())
    }

    pub(super) fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.size)
    }

    fn next(&self, sector: u32) -> Option<u32> {
        let next = self.table.get(usize::try_from(sector).ok()?)?;
        (*next < MAX_SECTOR).then_some(*next)
    }

    /// The table of chains, from the sectors that the header and its own chain name.
    pub(super) fn read_table(&self, header: &[u8]) -> Option<Vec<u32>> {
        let mut places: Vec<u32> = (0..HEADER_TABLES)
            .filter_map(|index| u32_at(header, 76 + 4 * index))
            .collect();
        let mut more = u32_at(header, 68)?;
        // No table is longer than there are sectors.
        while places.len() < HEADER_TABLES + self.count() {
            let Some(sector) = self.get(more) else {
                break;
            };
            let mut listed: Vec<u32> = numbers(sector).collect();
            more = listed.pop().unwrap_or(u32::MAX);
            places.extend(listed);
        }
        let mut table = Vec::new();
        for sector in places.into_iter().filter_map(|place| self.get(place)) {
            if table.len() >= self.count() {
                break;
            }
            table.extend(numbers(sector));
        }
        Some(table)
    }

    /// A stream whose sectors stand one after the other.
    pub(super) fn contiguous(&self, start: u32, size: u64) -> Option<&'a [u8]> {
        let size = usize::try_from(size).ok()?;
        let content = slice(self.bytes, self.start(start)?, size)?;
        let count = u32::try_from(size.div_ceil(self.size)).ok()?;
        let chained = (start..start.checked_add(count)?.checked_sub(1)?)
            .all(|sector| self.next(sector) == Some(sector + 1));
        chained.then_some(content)
    }
}

/// The sectors of a chain. A ring ends after as many sectors as there are.
pub(super) struct Chain<'s, 'a> {
    sectors: &'s Sectors<'a>,
    next: Option<u32>,
    left: usize,
}

impl<'s, 'a> Chain<'s, 'a> {
    pub(super) fn new(sectors: &'s Sectors<'a>, start: u32) -> Self {
        Self {
            sectors,
            next: Some(start),
            left: sectors.count(),
        }
    }

    /// How many bytes there are, up to so many.
    pub(super) fn length(self, most: usize) -> usize {
        let mut length = 0;
        for sector in self {
            if length >= most {
                break;
            }
            length += sector.len();
        }
        length.min(most)
    }

    pub(super) const fn reader(self, size: u64) -> ChainReader<'s, 'a> {
        ChainReader {
            chain: self,
            current: &[],
            left: size,
        }
    }
}

impl<'a> Iterator for Chain<'_, 'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let sector = self.next?;
        self.left = self.left.checked_sub(1)?;
        self.next = self.sectors.next(sector);
        self.sectors.get(sector)
    }
}

/// A stream of a stated size.
pub(super) struct ChainReader<'s, 'a> {
    chain: Chain<'s, 'a>,
    current: &'a [u8],
    left: u64,
}

impl Read for ChainReader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        if self.current.is_empty() {
            // The chain ends before the stream does.
            let next = self.chain.next();
            self.current = next.ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let current = self.current.get(..most).unwrap_or(self.current);
        let mut from = current;
        let read = from.read(buffer)?;
        self.current = self.current.get(read..).unwrap_or_default();
        self.left -= read as u64;
        Ok(read)
    }
}
