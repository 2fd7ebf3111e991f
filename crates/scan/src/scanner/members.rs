//! What happens to a member of a container: it is read up to the nearest limit, and visited.

use std::cmp::min;
use std::io::{self, Read};
use std::ops::ControlFlow;

use model::verdict::Remark;
use model::{EndpointPath, Limit};

use super::Run;
use super::digest::Digests;
use crate::containers::{Content, Members};
use crate::facts::Facts;
use crate::limits::{MAX_NAME_BYTES, RATIO_FLOOR_BYTES};

/// A member grows by at most this many bytes between two looks at the clock.
const CHUNK_BYTES: usize = 1 << 20;

impl Run<'_, '_> {
    /// Reads a member up to the nearest limit. Returns its bytes, and whether these are all.
    fn unpack(&mut self, reader: &mut dyn Read, packed_bytes: u64) -> (Vec<u8>, bool) {
        let (limit, most) = self.room(packed_bytes);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            if self.time_left().is_none() {
                self.stop(Limit::Time);
                return (bytes, false);
            }
            // One byte beyond the limit tells "reached" from "exactly as large".
            let left = most.saturating_add(1).saturating_sub(bytes.len());
            let wanted = min(CHUNK_BYTES, left);
            let grown = min(bytes.len().max(wanted), left);
            if bytes.capacity() - bytes.len() < wanted && bytes.try_reserve_exact(grown).is_err() {
                self.hit(Limit::Memory);
                return (bytes, false);
            }
            match reader.take(wanted as u64).read_to_end(&mut bytes) {
                Ok(_) if bytes.len() > most => {
                    bytes.truncate(most);
                    self.hit_or_stop(limit);
                    return (bytes, false);
                }
                Ok(read) if read < wanted => return (bytes, true),
                Ok(_) => {}
                Err(error) => {
                    bytes.truncate(most);
                    match error.kind() {
                        io::ErrorKind::OutOfMemory => self.hit(Limit::Memory),
                        io::ErrorKind::QuotaExceeded => self.hit(Limit::Members),
                        _ => self.remark_here(Remark::Malformed),
                    }
                    return (bytes, false);
                }
            }
        }
    }

    /// The nearest limit for a member, and how many bytes it leaves.
    fn room(&self, packed_bytes: u64) -> (Limit, u64) {
        let ratio = packed_bytes
            .saturating_mul(self.limits.ratio)
            .max(RATIO_FLOOR_BYTES);
        let rooms = [
            (Limit::MemberSize, self.limits.member_bytes),
            (Limit::Ratio, ratio),
            (
                Limit::Memory,
                self.limits.memory_bytes.saturating_sub(self.held),
            ),
            (
                Limit::TotalSize,
                self.limits.total_bytes.saturating_sub(self.unpacked),
            ),
        ];
        rooms
            .into_iter()
            .min_by_key(|(_, room)| *room)
            .unwrap_or((Limit::MemberSize, 0))
    }

    fn hit_or_stop(&mut self, limit: Limit) {
        if limit == Limit::TotalSize {
            self.stop(limit);
        } else {
            self.hit(limit);
        }
    }

    fn plain(&mut self, content: &[u8]) {
        // What stands in the container as it is takes no memory and can't grow.
        let rooms = [
            (Limit::MemberSize, self.limits.member_bytes),
            (
                Limit::TotalSize,
                self.limits.total_bytes.saturating_sub(self.unpacked),
            ),
        ];
        let (limit, most) = match rooms {
            [member, total] if member.1 <= total.1 => member,
            [_, total] => total,
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let seen = content.get(..most).unwrap_or(content);
        let whole = seen.len() == content.len();
        self.unpacked = self.unpacked.saturating_add(seen.len() as u64);
        if !whole && limit == Limit::MemberSize {
            self.hit(limit);
        }
        self.visit(seen, whole);
        if !whole && limit == Limit::TotalSize {
            self.stop(limit);
        }
    }
}

impl Members for Run<'_, '_> {
    fn member(&mut self, name: &[u8], content: Content<'_>) -> ControlFlow<()> {
        if !self.goes_on() {
            return ControlFlow::Break(());
        }
        if self.verdict.members >= self.limits.members {
            self.hit(Limit::Members);
            return ControlFlow::Break(());
        }
        self.verdict.members += 1;
        let shown = name.get(..MAX_NAME_BYTES).unwrap_or(name);
        self.path.push(EndpointPath::from_bytes(shown).into());
        self.watch.opening(&self.path);
        let texts = std::mem::replace(&mut self.texts, 0);
        match content {
            Content::Plain(content) => self.plain(content),
            Content::Text(content) => {
                self.texts = texts + 1;
                self.plain(content);
            }
            Content::Embedded(content) => {
                self.embedded = true;
                self.plain(content);
                self.embedded = false;
            }
            Content::Packed {
                reader,
                packed_bytes,
            } => {
                let (bytes, whole) = self.unpack(reader, packed_bytes);
                let stopped = std::mem::replace(&mut self.stopped, false);
                let size = bytes.len() as u64;
                self.unpacked = self.unpacked.saturating_add(size);
                self.held = self.held.saturating_add(size);
                self.visit_last(&bytes, whole, stopped);
                self.held = self.held.saturating_sub(size);
            }
            Content::Unreadable(remark) => self.remark_here(remark),
        }
        self.texts = texts;
        self.path.pop();
        if self.stopped {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn remark(&mut self, remark: Remark) {
        self.remark_here(remark);
    }

    fn limit(&mut self, limit: Limit) {
        self.hit(limit);
    }

    fn goes_on(&mut self) -> bool {
        if !self.stopped && self.time_left().is_none() {
            self.stop(Limit::Time);
        }
        !self.stopped
    }

    fn take_memory(&mut self, bytes: u64) -> bool {
        let held = self.held.saturating_add(bytes);
        if held > self.limits.memory_bytes {
            self.hit(Limit::Memory);
            return false;
        }
        self.held = held;
        true
    }

    fn give_back(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }
}

impl Run<'_, '_> {
    /// Visits a member; when its reading stopped the scan, it is matched and nothing in it is
    /// opened.
    fn visit_last(&mut self, bytes: &[u8], whole: bool, stopped: bool) {
        if !stopped {
            self.visit(bytes, whole);
            return;
        }
        if self.time_left().is_none() {
            self.stopped = true;
            return;
        }
        let mut digests = Digests::new(bytes);
        let mut found = Vec::new();
        self.verdict.scanned_bytes = self
            .verdict
            .scanned_bytes
            .saturating_add(bytes.len() as u64);
        self.match_patterns(bytes, &Facts::of(bytes), &mut found);
        self.match_yara(bytes, &mut found);
        for rule in found {
            self.report(rule, &mut digests);
        }
        self.stopped = true;
    }
}
