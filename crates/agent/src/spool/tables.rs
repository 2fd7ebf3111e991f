//! The tables of the agent's database, and what happens inside one transaction.

use model::event::{EventBody, Gap, Sequence, SpoolId};
use model::health::LossCounters;
use model::{Event, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::store::StoreError;

/// Sequence → event without its sequence, as JSON.
pub(super) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Sequences of events that the budget evicts first.
const DISPOSABLE: TableDefinition<'_, u64, ()> = TableDefinition::new("disposable");
/// First sequence of a gap → its last.
pub(super) const GAPS: TableDefinition<'_, u64, u64> = TableDefinition::new("gaps");
/// Counters, by the names below.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
/// Texts, by name.
const TEXTS: TableDefinition<'_, &str, &str> = TableDefinition::new("texts");

const NEXT: &str = "next_sequence";
const ACKNOWLEDGED: &str = "acknowledged_through";
const BYTES: &str = "spooled_bytes";
const EVICTED: &str = "events_evicted";
const UNWRITTEN: &str = "events_unwritten";
const SPOOL_ID: &str = "spool_id";

/// Bytes that the database takes for an event beside its text: key, tree and page overhead.
const OVERHEAD: u64 = 64;

/// An event as it lies in the spool; its key is the sequence.
#[derive(Serialize, Deserialize)]
struct Stored {
    time: Timestamp,
    #[serde(flatten)]
    body: EventBody,
}

/// Where the spool stands.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) spool: SpoolId,
    pub(super) next: u64,
    pub(super) acknowledged: u64,
    pub(super) bytes: u64,
    pub(super) events: u64,
    pub(super) losses: LossCounters,
}

/// Makes the tables and the spool's name where they are missing, and says where the spool stands.
pub(super) fn prepare(transaction: &WriteTransaction) -> Result<Standing, StoreError> {
    transaction.open_table(EVENTS)?;
    transaction.open_table(DISPOSABLE)?;
    transaction.open_table(GAPS)?;
    {
        let mut counters = transaction.open_table(COUNTERS)?;
        if counters.get(NEXT)?.is_none() {
            counters.insert(NEXT, 1)?;
        }
    }
    {
        let mut texts = transaction.open_table(TEXTS)?;
        if texts.get(SPOOL_ID)?.is_none() {
            texts.insert(SPOOL_ID, new_spool_id().as_str())?;
        }
    }
    standing(transaction)
}

/// Where the spool stands.
pub(super) fn standing(transaction: &WriteTransaction) -> Result<Standing, StoreError> {
    let counters = transaction.open_table(COUNTERS)?;
    let texts = transaction.open_table(TEXTS)?;
    let spool = texts
        .get(SPOOL_ID)?
        .map(|text| SpoolId(text.value().to_owned()))
        .ok_or(StoreError::Damaged("the spool has no name"))?;
    Ok(Standing {
        spool,
        next: read(&counters, NEXT)?.max(1),
        acknowledged: read(&counters, ACKNOWLEDGED)?,
        bytes: read(&counters, BYTES)?,
        events: transaction.open_table(EVENTS)?.len()?,
        losses: LossCounters {
            events_evicted: read(&counters, EVICTED)?,
            events_unwritten: read(&counters, UNWRITTEN)?,
        },
    })
}

/// Appends events, evicts what the budget doesn't hold, and answers the sequence of the first.
pub(super) fn append(
    transaction: &WriteTransaction,
    texts: &[Vec<u8>],
    kept_longest: &[bool],
    budget: u64,
) -> Result<u64, StoreError> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let mut events = transaction.open_table(EVENTS)?;
    let mut disposable = transaction.open_table(DISPOSABLE)?;
    let first = read(&counters, NEXT)?.max(1);
    let mut bytes = read(&counters, BYTES)?;
    let mut next = first;
    for (text, kept) in texts.iter().zip(kept_longest) {
        events.insert(next, text.as_slice())?;
        if !kept {
            disposable.insert(next, ())?;
        }
        bytes += text.len() as u64 + OVERHEAD;
        next += 1;
    }
    let mut gaps = transaction.open_table(GAPS)?;
    let mut evicted = 0;
    while bytes > budget {
        let first_disposable = disposable.pop_first()?.map(|(key, _)| key.value());
        let victim = match first_disposable {
            Some(sequence) => Some(sequence),
            None => events.first()?.map(|(key, _)| key.value()),
        };
        let Some(sequence) = victim else { break };
        if let Some(text) = events.remove(sequence)? {
            bytes = bytes.saturating_sub(text.value().len() as u64 + OVERHEAD);
        }
        add_gap(&mut gaps, sequence)?;
        evicted += 1;
    }
    counters.insert(NEXT, next)?;
    counters.insert(BYTES, bytes)?;
    if evicted > 0 {
        let before = read(&counters, EVICTED)?;
        counters.insert(EVICTED, before + evicted)?;
    }
    Ok(first)
}

/// Adds to the count of events that could not be written.
pub(super) fn add_unwritten(transaction: &WriteTransaction, more: u64) -> Result<(), StoreError> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let before = read(&counters, UNWRITTEN)?;
    counters.insert(UNWRITTEN, before.saturating_add(more))?;
    Ok(())
}

/// Forgets everything up to and with `through`.
pub(super) fn acknowledge(transaction: &WriteTransaction, through: u64) -> Result<(), StoreError> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let mut events = transaction.open_table(EVENTS)?;
    let mut disposable = transaction.open_table(DISPOSABLE)?;
    let mut gaps = transaction.open_table(GAPS)?;
    let mut freed = 0;
    events.retain_in(..=through, |_, text| {
        freed += text.len() as u64 + OVERHEAD;
        false
    })?;
    disposable.retain_in(..=through, |_, ()| false)?;
    let mut cut = None;
    gaps.retain_in(..=through, |_, last| {
        if last > through {
            cut = Some(last);
        }
        false
    })?;
    if let Some(last) = cut {
        gaps.insert(through + 1, last)?;
    }
    let bytes = read(&counters, BYTES)?;
    counters.insert(BYTES, bytes.saturating_sub(freed))?;
    counters.insert(ACKNOWLEDGED, through)?;
    Ok(())
}

/// Gives the spool a new name; what is undelivered keeps its order and is counted from 1 again.
pub(super) fn begin_anew(transaction: &WriteTransaction) -> Result<SpoolId, StoreError> {
    let shift = {
        let mut counters = transaction.open_table(COUNTERS)?;
        let shift = read(&counters, ACKNOWLEDGED)?;
        let next = read(&counters, NEXT)?.max(1);
        counters.insert(ACKNOWLEDGED, 0)?;
        counters.insert(NEXT, next.saturating_sub(shift).max(1))?;
        shift
    };
    if shift > 0 {
        let mut events = transaction.open_table(EVENTS)?;
        while let Some(sequence) = key_above(&events, shift)? {
            let text = events.remove(sequence)?.map(|text| text.value().to_vec());
            if let Some(text) = text {
                events.insert(sequence - shift, text.as_slice())?;
            }
        }
        let mut disposable = transaction.open_table(DISPOSABLE)?;
        let old: Vec<u64> = disposable
            .iter()?
            .map(|entry| entry.map(|(sequence, _)| sequence.value()))
            .collect::<Result<_, _>>()?;
        disposable.retain(|_, ()| false)?;
        for sequence in old {
            disposable.insert(sequence.saturating_sub(shift), ())?;
        }
        let mut gaps = transaction.open_table(GAPS)?;
        let old: Vec<(u64, u64)> = gaps
            .iter()?
            .map(|entry| entry.map(|(first, last)| (first.value(), last.value())))
            .collect::<Result<_, _>>()?;
        gaps.retain(|_, _| false)?;
        for (first, last) in old {
            gaps.insert(first.saturating_sub(shift), last.saturating_sub(shift))?;
        }
    }
    let name = new_spool_id();
    transaction
        .open_table(TEXTS)?
        .insert(SPOOL_ID, name.as_str())?;
    Ok(SpoolId(name))
}

/// Reads what comes after the acknowledged sequence, in order and without holes, until `items` or
/// `plain_bytes` is reached.
pub(super) fn undelivered(
    transaction: &WriteTransaction,
    items: usize,
    plain_bytes: usize,
) -> Result<(Vec<Event>, Vec<Gap>), StoreError> {
    let start = standing(transaction)?.acknowledged + 1;
    let events = transaction.open_table(EVENTS)?;
    let gaps = transaction.open_table(GAPS)?;
    let mut event_rows = events.range(start..)?.peekable();
    let mut gap_rows = gaps.range(start..)?.peekable();
    let (mut found, mut holes) = (Vec::new(), Vec::<Gap>::new());
    let mut plain = 0;
    let mut at = start;
    while found.len() + holes.len() < items {
        if let Some(Ok((first, last))) = gap_rows.peek()
            && first.value() == at
        {
            let last = last.value();
            holes.push(Gap {
                first: Sequence(at),
                last: Sequence(last),
            });
            at = last + 1;
            gap_rows.next();
            continue;
        }
        let Some(row) = event_rows.next() else { break };
        let (sequence, text) = row?;
        if sequence.value() != at {
            return Err(StoreError::Damaged("the spool has a hole"));
        }
        plain += text.value().len() + 64;
        if plain > plain_bytes && !found.is_empty() {
            break;
        }
        let stored: Stored = serde_json::from_slice(text.value())
            .map_err(|_| StoreError::Damaged("an event can't be read"))?;
        found.push(Event {
            sequence: Sequence(at),
            time: stored.time,
            body: stored.body,
        });
        at += 1;
    }
    Ok((found, holes))
}

/// The form in which an event lies in the spool.
pub(super) fn encode(time: Timestamp, body: &EventBody) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Stored {
        time,
        body: body.clone(),
    })
}

fn key_above(events: &Table<'_, u64, &'static [u8]>, low: u64) -> Result<Option<u64>, StoreError> {
    match events.range(low + 1..)?.next() {
        Some(row) => Ok(Some(row?.0.value())),
        None => Ok(None),
    }
}

fn add_gap(gaps: &mut Table<'_, u64, u64>, sequence: u64) -> Result<(), StoreError> {
    let before = gaps
        .range(..sequence)?
        .next_back()
        .transpose()?
        .map(|(first, last)| (first.value(), last.value()));
    let first = match before {
        Some((first, last)) if last + 1 == sequence => first,
        _ => sequence,
    };
    let last = match gaps.remove(sequence + 1)? {
        Some(last) => last.value(),
        None => sequence,
    };
    gaps.insert(first, last)?;
    Ok(())
}

fn read(table: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, StoreError> {
    Ok(table.get(name)?.map_or(0, |value| value.value()))
}

fn new_spool_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
