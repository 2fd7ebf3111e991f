//! Broader tuples take over what narrower ones ask for.

use std::collections::BTreeSet;

use super::Asker;
use super::collect::Tuple;
use super::ports::{include, merged};
use crate::endpoint::PortRange;
use crate::host::Host;

/// Removes hosts that others of the list include, and puts the rest in order.
pub(super) fn reduce(hosts: &mut Vec<Host>) {
    hosts.sort_unstable();
    hosts.dedup();
    let all = hosts.clone();
    let mut place = 0;
    hosts.retain(|host| {
        let own = place;
        place += 1;
        !all.iter().enumerate().any(|(other, broad)| {
            // Of two that include each other the first stays.
            other != own && broad.includes(host) && (other < own || !host.includes(broad))
        })
    });
}

/// Joins tuples of a flow that differ in ports alone, then lets the broader take over from the narrower.
/// The union of what all permit stays the same.
pub(super) fn absorb(tuples: Vec<Tuple>) -> Vec<Tuple> {
    let mut joined: Vec<Tuple> = Vec::new();
    for tuple in tuples {
        let same = joined.iter_mut().find(|known| {
            known.way == tuple.way
                && known.from == tuple.from
                && known.to == tuple.to
                && known.transport == tuple.transport
                && known.source_ports == tuple.source_ports
                && known.web == tuple.web
                && known.hollow == tuple.hollow
                // A line keeps its reason: ports of other flows stay apart.
                && flow_of(known) == flow_of(&tuple)
        });
        match same {
            Some(known) => {
                known.ports.extend(tuple.ports);
                known.ports = merged(&known.ports);
                known.asked.extend(tuple.asked);
            }
            None => joined.push(tuple),
        }
    }
    // What one has taken may make the rest small enough for another; every change leaves less.
    let mut changed = true;
    while changed {
        changed = false;
        for narrow in 0..joined.len() {
            for broad in 0..joined.len() {
                changed |= narrow != broad && take_over(&mut joined, broad, narrow);
            }
        }
    }
    joined.retain(|tuple| !is_empty(tuple));
    joined
}

/// The flow of a tuple as it was asked for.
fn flow_of(tuple: &Tuple) -> Option<usize> {
    tuple.asked.first().map(|asker| asker.0)
}

/// What nothing is left of: a list that became empty means "any" and must not stay.
fn is_empty(tuple: &Tuple) -> bool {
    tuple.asked.is_empty()
}

/// Whether the first took something over from the second.
fn take_over(tuples: &mut [Tuple], broad: usize, narrow: usize) -> bool {
    let (Some(from), Some(of)) = (tuples.get(broad), tuples.get(narrow)) else {
        return false;
    };
    if is_empty(from) || is_empty(of) || !reaches(from, of) {
        return false;
    }
    let everyone = covers_all(&from.from, &of.from);
    let (inside, outside): (Vec<PortRange>, Vec<PortRange>) = of
        .ports
        .iter()
        .partition(|range| include(&from.ports, **range));
    let asked = of.asked.clone();
    if everyone && outside.is_empty() {
        move_over(tuples, broad, narrow, asked, Tuple::clear);
    } else if everyone && !inside.is_empty() {
        move_over(tuples, broad, narrow, asked, |tuple| tuple.ports = outside);
    } else if outside.is_empty() {
        let rest: Vec<Host> = of
            .from
            .iter()
            .filter(|host| !from.from.iter().any(|broad| broad.includes(host)))
            .cloned()
            .collect();
        if rest.len() == of.from.len() {
            return false;
        }
        move_over(tuples, broad, narrow, asked, |tuple| tuple.from = rest);
    } else {
        return false;
    }
    true
}

/// Whether the first permits the way, the destination, the transport and the source ports of the
/// second.
fn reaches(broad: &Tuple, narrow: &Tuple) -> bool {
    let destination = match (&broad.to, &narrow.to) {
        (Some(broad), Some(narrow)) => broad.includes(narrow),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let source_ports = broad.source_ports.is_empty()
        || (!narrow.source_ports.is_empty()
            && narrow
                .source_ports
                .iter()
                .all(|range| include(&broad.source_ports, *range)));
    // What waits for addresses takes over nothing that has them.
    let filled = !broad.hollow || narrow.hollow;
    destination
        && filled
        && source_ports
        && broad.way == narrow.way
        && broad.transport == narrow.transport
        && broad.web == narrow.web
}

/// Whether all who may dial by the second list may by the first; an empty list is anyone.
fn covers_all(broad: &[Host], narrow: &[Host]) -> bool {
    broad.is_empty()
        || broad == narrow
        || (!narrow.is_empty()
            && narrow
                .iter()
                .all(|host| broad.iter().any(|broad| broad.includes(host))))
}

fn move_over(
    tuples: &mut [Tuple],
    broad: usize,
    narrow: usize,
    asked: BTreeSet<Asker>,
    change: impl FnOnce(&mut Tuple),
) {
    if let Some(broad) = tuples.get_mut(broad) {
        broad.asked.extend(asked);
    }
    if let Some(narrow) = tuples.get_mut(narrow) {
        change(narrow);
    }
}

impl Tuple {
    fn clear(&mut self) {
        self.asked.clear();
    }
}
