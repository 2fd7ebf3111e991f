//! Packet filters: rules over sets of packets, and what becomes of a set that is sent through.
//!
//! A set of packets is a box: for each field a range of which every value is meant, a range of
//! which some value is meant that nobody knows, or nothing. Rules cut boxes. Where a rule depends
//! on a value that nobody knows, both ways are gone, and what comes of either is in doubt.

pub(in crate::audit) mod index;
pub(in crate::audit) mod ranges;
pub(in crate::audit) mod walk;

use std::net::IpAddr;
use std::rc::Rc;

pub(in crate::audit) use ranges::{Lies, Ranges};

/// What rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::audit) enum Field {
    /// 2 or 10, as Linux numbers IPv4 and IPv6.
    Family,
    SourceV4,
    SourceV6,
    DestinationV4,
    DestinationV6,
    /// The number of the protocol above IP.
    Protocol,
    SourcePort,
    DestinationPort,
    /// One of [`state`].
    State,
    IcmpType,
    /// Interfaces by numbers that the reader of the rules gives; 0 is the loopback.
    In,
    Out,
}

/// Connection states as numbers.
pub(in crate::audit) mod state {
    pub(in crate::audit) const INVALID: u128 = 0;
    pub(in crate::audit) const ESTABLISHED: u128 = 1;
    pub(in crate::audit) const RELATED: u128 = 2;
    pub(in crate::audit) const NEW: u128 = 3;
    pub(in crate::audit) const UNTRACKED: u128 = 4;
}

pub(in crate::audit) const FAMILY_V4: u128 = 2;
pub(in crate::audit) const FAMILY_V6: u128 = 10;
pub(in crate::audit) const LOOPBACK: u128 = 0;
/// What is compared where packets have no interface on that side. No name stands for it: Linux
/// compares the index 0 and an empty name (nft_meta.c), so that "is not" holds.
pub(in crate::audit) const NO_INTERFACE: u128 = u32::MAX as u128;

impl Field {
    /// The largest value.
    pub(in crate::audit) const fn largest(self) -> u128 {
        match self {
            Self::Family | Self::Protocol | Self::IcmpType | Self::State => u8::MAX as u128,
            Self::SourceV4 | Self::DestinationV4 | Self::In | Self::Out => u32::MAX as u128,
            Self::SourceV6 | Self::DestinationV6 => u128::MAX,
            Self::SourcePort | Self::DestinationPort => u16::MAX as u128,
        }
    }
}

/// What is known about a field of a set of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::audit) enum Value {
    /// Each value from the first to the last is meant.
    Each(u128, u128),
    /// Some value between them, nobody knows which.
    Some(u128, u128),
    /// The packets have no such field.
    Absent,
}

impl Value {
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Each(first, last), Self::Each(begin, end))
            | (Self::Some(first, last), Self::Some(begin, end)) => first <= begin && end <= last,
            (own, other) => own == other,
        }
    }

    fn lies(self, ranges: &Ranges) -> Lies {
        match self {
            Self::Each(first, last) | Self::Some(first, last) => ranges.lies(first, last),
            Self::Absent => Lies::Outside,
        }
    }
}

/// A set of packets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::audit) struct Packets {
    pub(in crate::audit) family: u128,
    pub(in crate::audit) source: Value,
    pub(in crate::audit) destination: Value,
    pub(in crate::audit) protocol: u128,
    pub(in crate::audit) source_port: Value,
    pub(in crate::audit) destination_port: Value,
    pub(in crate::audit) state: u128,
    pub(in crate::audit) icmp_type: Value,
    pub(in crate::audit) interface_in: Value,
    pub(in crate::audit) interface_out: Value,
    pub(in crate::audit) tcp_flags: Option<u8>,
    /// Why it is not sure that these packets come here.
    pub(in crate::audit) doubt: Option<Rc<str>>,
}

impl Packets {
    pub(in crate::audit) const fn get(&self, field: Field) -> Value {
        let v4 = self.family == FAMILY_V4;
        match field {
            Field::Family => Value::Each(self.family, self.family),
            Field::SourceV4 if v4 => self.source,
            Field::SourceV6 if !v4 => self.source,
            Field::DestinationV4 if v4 => self.destination,
            Field::DestinationV6 if !v4 => self.destination,
            Field::SourceV4 | Field::SourceV6 | Field::DestinationV4 | Field::DestinationV6 => {
                Value::Absent
            }
            Field::Protocol => Value::Each(self.protocol, self.protocol),
            Field::SourcePort => self.source_port,
            Field::DestinationPort => self.destination_port,
            Field::State => Value::Each(self.state, self.state),
            Field::IcmpType => self.icmp_type,
            Field::In => self.interface_in,
            Field::Out => self.interface_out,
        }
    }

    /// The same with a part of a field's range.
    fn with(&self, field: Field, value: Value) -> Self {
        let mut narrowed = self.clone();
        match field {
            Field::SourceV4 | Field::SourceV6 => narrowed.source = value,
            Field::DestinationV4 | Field::DestinationV6 => narrowed.destination = value,
            Field::SourcePort => narrowed.source_port = value,
            Field::DestinationPort => narrowed.destination_port = value,
            Field::IcmpType => narrowed.icmp_type = value,
            Field::In => narrowed.interface_in = value,
            Field::Out => narrowed.interface_out = value,
            // One value each: never cut.
            Field::Family | Field::Protocol | Field::State => {}
        }
        narrowed
    }

    /// Whether whatever may become of the others may become of these, too: both are in doubt or
    /// neither, and no value of the others is missing here.
    fn covers(&self, other: &Self) -> bool {
        let fields = [
            (self.destination, other.destination),
            (self.source, other.source),
            (self.destination_port, other.destination_port),
            (self.source_port, other.source_port),
            (self.interface_in, other.interface_in),
            (self.interface_out, other.interface_out),
            (self.icmp_type, other.icmp_type),
        ];
        let same = self.family == other.family
            && self.protocol == other.protocol
            && self.state == other.state
            && self.tcp_flags == other.tcp_flags;
        match (&self.doubt, &other.doubt) {
            (None, None) => same && fields.iter().all(|(own, others)| own == others),
            (Some(_), Some(_)) => same && fields.iter().all(|(own, others)| own.covers(*others)),
            _ => false,
        }
    }

    fn doubted(&self, reason: &Rc<str>) -> Self {
        let mut doubted = self.clone();
        doubted.doubt.get_or_insert_with(|| Rc::clone(reason));
        doubted
    }

    fn lies(&self, field: Field, ranges: &Ranges) -> Lies {
        self.get(field).lies(ranges)
    }

    /// Cuts along a field: those within the ranges, and the others.
    fn cut(&self, field: Field, ranges: &Ranges, reason: &Rc<str>) -> (Vec<Self>, Vec<Self>) {
        match self.lies(field, ranges) {
            Lies::Inside => (vec![self.clone()], Vec::new()),
            Lies::Outside => (Vec::new(), vec![self.clone()]),
            Lies::Across => match self.get(field) {
                Value::Each(first, last) => {
                    let (inside, outside) = ranges.cut(first, last);
                    let make = |parts: Vec<(u128, u128)>| {
                        parts
                            .into_iter()
                            .map(|(first, last)| self.with(field, Value::Each(first, last)))
                            .collect()
                    };
                    (make(inside), make(outside))
                }
                Value::Some(first, last) => {
                    // Whatever the value is, it lies between the ends of the parts.
                    let (inside, outside) = ranges.hulls(first, last);
                    let make = |part: Option<(u128, u128)>| {
                        part.map(|(first, last)| {
                            self.with(field, Value::Some(first, last)).doubted(reason)
                        })
                        .into_iter()
                        .collect()
                    };
                    (make(inside), make(outside))
                }
                Value::Absent => (Vec::new(), vec![self.clone()]),
            },
        }
    }
}

/// A condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) enum Test {
    /// The field is in the ranges.
    In(Field, Rc<Ranges>),
    /// The fields together are in one of the elements (or, negated, in none).
    Tuple {
        fields: Vec<Field>,
        elements: Vec<Vec<Ranges>>,
        negated: bool,
    },
    /// The TCP flags under the mask are one of the values (or, negated, none of them).
    Flags {
        mask: u8,
        values: Vec<u8>,
        negated: bool,
    },
    /// Not known whether it holds: the reason.
    Maybe(Rc<str>),
}

/// What a rule does with packets that meet its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) enum Action {
    Accept,
    Drop,
    /// To the chain of that number, and back behind this rule.
    Jump(usize),
    /// To the chain of that number, and back to where this chain was jumped to from.
    Goto(usize),
    Return,
    Continue,
    /// The address or port it goes to becomes another.
    Rewrite,
    /// Not known: anything may happen.
    Anything(Rc<str>),
}

/// What comes behind the conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) enum Then {
    Do(Action),
    /// The first element that the fields are in says it; without one the rule does nothing.
    Map {
        fields: Vec<Field>,
        elements: Vec<(Vec<Ranges>, Action)>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) struct Rule {
    /// In the file, counted from 1; the number of the rule where the format has no lines.
    pub(in crate::audit) line: usize,
    pub(in crate::audit) text: Rc<str>,
    pub(in crate::audit) tests: Vec<Test>,
    pub(in crate::audit) then: Then,
}

/// Rules in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::audit) struct Chain {
    pub(in crate::audit) rules: Vec<Rule>,
}

pub(in crate::audit) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}
