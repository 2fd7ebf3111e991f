//! Reads the kernel's notices of links, addresses and routes (rtnetlink(7)).

mod notice;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};
use tokio::io::unix::AsyncFd;

use super::NetworkChange;
use notice::{Notice, Thing};

/// `RTMGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE` of
/// linux/rtnetlink.h.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// The kernel's notices are smaller (NLMSG_GOODSIZE); several may come in one.
const BUFFER: usize = 32 << 10;
/// Things that are remembered; past it all are forgotten, and seen anew.
const MAX_KNOWN: usize = 4096;

#[derive(Debug)]
pub(super) struct RoutesWatch {
    socket: AsyncFd<OwnedFd>,
    known: Known,
}

/// What the notices said so far.
#[derive(Debug, Default)]
struct Known(BTreeMap<Thing, u32>);

impl RoutesWatch {
    pub(super) fn begin() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        #[expect(
            deprecated,
            reason = "unsound for types that close their descriptor early; an OwnedFd keeps it"
        )]
        let socket = AsyncFd::new(socket)?;
        Ok(Self {
            socket,
            known: Known::default(),
        })
    }

    pub(super) async fn changed(&mut self) -> io::Result<NetworkChange> {
        let mut buffer = vec![0u8; BUFFER];
        loop {
            let mut ready = self.socket.readable().await?;
            let received = match ready.try_io(|socket| receive(socket.get_ref(), &mut buffer)) {
                Ok(received) => received?,
                Err(_) => continue,
            };
            drop(ready);
            let change = match received {
                Received::Bytes(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.known.take(&notice::read(bytes))
                }
                Received::Lost => {
                    self.known.0.clear();
                    Some(NetworkChange::Many)
                }
                Received::NotFromTheKernel => None,
            };
            if let Some(change) = change {
                return Ok(change);
            }
        }
    }
}

enum Received {
    Bytes(usize),
    /// There were more notices than the socket holds.
    Lost,
    NotFromTheKernel,
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Received> {
    match recvfrom(socket, buffer, RecvFlags::TRUNC) {
        Ok((_, length, _)) if length > BUFFER => Ok(Received::Lost),
        Ok((_, length, from)) => {
            let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
            Ok(match from {
                Some(from) if from.pid() == 0 => Received::Bytes(length),
                Some(_) | None => Received::NotFromTheKernel,
            })
        }
        Err(Errno::NOBUFS) => Ok(Received::Lost),
        Err(error) => Err(error.into()),
    }
}

impl Known {
    /// Takes notices over, and answers what they change: of several the first.
    ///
    /// A thing that was there before the watch began is a change when it is first named; the
    /// second time it is known.
    fn take(&mut self, notices: &[Notice]) -> Option<NetworkChange> {
        let mut change = None;
        for notice in notices {
            if self.0.len() >= MAX_KNOWN && !self.0.contains_key(&notice.thing) {
                self.0.clear();
            }
            let kind = notice.thing.kind;
            let before = self.0.insert(notice.thing.clone(), notice.state);
            if before != Some(notice.state) {
                change = change.or(Some(kind));
            }
        }
        change
    }
}

#[cfg(test)]
mod tests;
