//! What a notice says, as far as connections depend on it. Layout: netlink(7), rtnetlink(7),
//! linux/rtnetlink.h, linux/if_addr.h, linux/if_link.h; numbers are in the machine's byte order.

use crate::change::NetworkChange;

/// Notices in one message that are read; the rest is passed over.
const MAX_NOTICES: usize = 1024;

const HEADER: usize = 16;
const NEW_LINK: u16 = 16;
const DELETED_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const DELETED_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DELETED_ROUTE: u16 = 25;

/// Sizes of `ifinfomsg`, `ifaddrmsg` and `rtmsg`.
const LINK_HEAD: usize = 16;
const ADDRESS_HEAD: usize = 8;
const ROUTE_HEAD: usize = 12;

/// `IFF_UP`, `IFF_RUNNING` and `IFF_LOWER_UP`.
const CARRIES: u32 = 0x1 | 0x40 | 0x1_0000;
/// `IFA_F_DADFAILED` and `IFA_F_TENTATIVE`: an address that can't be used, or not yet.
const NOT_USABLE: u8 = 0x08 | 0x40;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// `RTM_F_CLONED`: a cache's entry.
const CLONED: u32 = 0x200;
/// `RT_TABLE_LOCAL`: follows the addresses.
const LOCAL_TABLE: u8 = 255;
/// `RTA_DST`, `RTA_OIF`, `RTA_GATEWAY`, `RTA_PRIORITY`, `RTA_MULTIPATH`, `RTA_TABLE`, `RTA_VIA`:
/// what tells routes apart, and not how long they are good for.
const OF_ROUTE: [u16; 7] = [1, 4, 5, 6, 9, 15, 18];

/// A link, an address or a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing {
    pub(super) kind: NetworkChange,
    name: Vec<u8>,
}

/// A thing and how it is: 0 when it is gone or can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) thing: Thing,
    pub(super) state: u32,
}

/// Reads a message from the kernel. What it can't make out is passed over.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Notice> {
    let mut notices = Vec::new();
    while let (Some(length), Some(kind)) = (u32_at(bytes, 0), u16_at(bytes, 4)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(payload) = bytes.get(HEADER..length) else {
            break;
        };
        notices.extend(notice(kind, payload));
        let Some(rest) = bytes.get(aligned(length)..) else {
            break;
        };
        if notices.len() >= MAX_NOTICES {
            break;
        }
        bytes = rest;
    }
    notices
}

fn notice(kind: u16, payload: &[u8]) -> Option<Notice> {
    match kind {
        NEW_LINK | DELETED_LINK => link(payload, kind == NEW_LINK),
        NEW_ADDRESS | DELETED_ADDRESS => address(payload, kind == NEW_ADDRESS),
        NEW_ROUTE | DELETED_ROUTE => route(payload, kind == NEW_ROUTE),
        _ => None,
    }
}

fn link(payload: &[u8], is_there: bool) -> Option<Notice> {
    let index = payload.get(4..8)?;
    let flags = u32_at(payload, 8)?;
    payload.get(..LINK_HEAD)?;
    Some(Notice {
        thing: Thing {
            kind: NetworkChange::Link,
            name: index.to_vec(),
        },
        state: if is_there { flags & CARRIES } else { 0 },
    })
}

fn address(payload: &[u8], is_there: bool) -> Option<Notice> {
    let [family, prefix, flags, _scope, index @ ..] = payload.get(..ADDRESS_HEAD)? else {
        return None;
    };
    let mut name = vec![*family, *prefix];
    name.extend_from_slice(index);
    add_attributes(
        &mut name,
        payload.get(ADDRESS_HEAD..)?,
        &[IFA_ADDRESS, IFA_LOCAL],
    );
    Some(Notice {
        thing: Thing {
            kind: NetworkChange::Address,
            name,
        },
        state: u32::from(is_there && flags & NOT_USABLE == 0),
    })
}

fn route(payload: &[u8], is_there: bool) -> Option<Notice> {
    let [
        family,
        to_bits,
        from_bits,
        service,
        table,
        _protocol,
        _scope,
        kind,
        ..,
    ] = payload.get(..ROUTE_HEAD)?
    else {
        return None;
    };
    let flags = u32_at(payload, 8)?;
    if flags & CLONED != 0 || *table == LOCAL_TABLE {
        return None;
    }
    let mut name = vec![*family, *to_bits, *from_bits, *service, *table, *kind];
    add_attributes(&mut name, payload.get(ROUTE_HEAD..)?, &OF_ROUTE);
    Some(Notice {
        thing: Thing {
            kind: NetworkChange::Route,
            name,
        },
        state: u32::from(is_there),
    })
}

/// Adds the attributes of these kinds, in the order in which they come.
fn add_attributes(name: &mut Vec<u8>, mut bytes: &[u8], wanted: &[u16]) {
    while let (Some(length), Some(kind)) = (u16_at(bytes, 0), u16_at(bytes, 2)) {
        let length = usize::from(length);
        let Some(value) = bytes.get(4..length) else {
            return;
        };
        if wanted.contains(&kind) {
            name.extend_from_slice(&kind.to_ne_bytes());
            name.extend_from_slice(value);
        }
        let Some(rest) = bytes.get(aligned(length)..) else {
            return;
        };
        bytes = rest;
    }
}

/// `NLMSG_ALIGN` and `RTA_ALIGN`; a length of at least a header is never 0.
const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}
