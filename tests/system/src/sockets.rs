//! The IP sockets that processes hold, as the kernel lists them in /proc.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::tree::Process;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// A socket's state, as far as a list of flows asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// TCP waits for callers, or UDP is bound to a port without a peer.
    Listening,
    /// A peer is named: a TCP connection from its first packet to its last, or a connected UDP socket.
    Connected,
    /// Made, but neither bound nor connected.
    Idle,
}

/// One socket, and one process that holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    pub process: u32,
    pub command: String,
    pub protocol: Protocol,
    pub state: State,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// The sockets of these processes, each in the network namespace of its holder.
/// A process that has ended since it was listed holds none.
///
/// # Errors
/// Where the lists of a process that runs can't be read or understood.
pub fn of(processes: &[Process]) -> anyhow::Result<Vec<Socket>> {
    let mut found = Vec::new();
    for process in processes {
        match of_one(process) {
            Ok(sockets) => found.extend(sockets),
            Err(_) if has_ended(process.id) => {}
            Err(error) => {
                return Err(error.context(format!(
                    "sockets of process {} ({})",
                    process.id, process.command
                )));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn has_ended(id: u32) -> bool {
    crate::tree::of(id).is_ok_and(|tree| tree.is_empty())
}

fn of_one(process: &Process) -> anyhow::Result<Vec<Socket>> {
    let folder = format!("/proc/{}", process.id);
    let folder = Path::new(&folder);
    // Its descriptors first: a socket that is in no list is of another family.
    let held = held_inodes(folder)?;
    let mut listed = BTreeMap::new();
    for (name, protocol) in [
        ("tcp", Protocol::Tcp),
        ("tcp6", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("udp6", Protocol::Udp),
    ] {
        let path = folder.join("net").join(name);
        // A kernel without IPv6 has no such list.
        if !path.exists() && name.ends_with('6') {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for line in text.lines().skip(1) {
            let entry = parse_line(protocol, line)
                .with_context(|| format!("{}: {line:?}", path.display()))?;
            listed.insert(entry.inode, entry);
        }
    }
    Ok(held
        .iter()
        .filter_map(|inode| listed.get(inode))
        .map(|entry| Socket {
            process: process.id,
            command: process.command.clone(),
            protocol: entry.protocol,
            state: entry.state,
            local: entry.local,
            remote: entry.remote,
        })
        .collect())
}

/// The numbers of `socket:[N]` among a process's descriptors.
fn held_inodes(folder: &Path) -> anyhow::Result<Vec<u64>> {
    let path = folder.join("fd");
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())? {
        let entry = entry.with_context(|| path.display().to_string())?;
        // A descriptor may be closed between the listing and the look.
        let Ok(target) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let target = target.to_string_lossy();
        let number = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        inodes.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    inodes.sort_unstable();
    inodes.dedup();
    Ok(inodes)
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    inode: u64,
    protocol: Protocol,
    state: State,
    local: SocketAddr,
    remote: SocketAddr,
}

/// `proc(5)`, /proc/net/tcp: number, local, remote, state, queues, timer,
/// retransmits, user, timeout, inode.
fn parse_line(protocol: Protocol, line: &str) -> anyhow::Result<Entry> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, remote, state, _, _, _, _, _, inode, ..] = fields.as_slice() else {
        bail!("expected ten fields, came {}", fields.len());
    };
    let (local, remote) = (parse_address(local)?, parse_address(remote)?);
    // TCP_LISTEN is 10; UDP has 7 (unconnected) and 1 (connected).
    let number = u8::from_str_radix(state, 16).context("a state")?;
    let state = match (protocol, number) {
        (Protocol::Tcp, 10) => State::Listening,
        (Protocol::Tcp, _) | (Protocol::Udp, 1) => {
            if remote.port() == 0 {
                State::Idle
            } else {
                State::Connected
            }
        }
        (Protocol::Udp, _) => {
            if local.port() == 0 {
                State::Idle
            } else {
                State::Listening
            }
        }
    };
    let inode = inode.parse().context("an inode")?;
    Ok(Entry {
        inode,
        protocol,
        state,
        local,
        remote,
    })
}

/// `0100007F:1F90`: 32-bit words as the machine holds them, then the port.
fn parse_address(text: &str) -> anyhow::Result<SocketAddr> {
    let (address, port) = text.split_once(':').context("expected ADDRESS:PORT")?;
    let port = u16::from_str_radix(port, 16).context("a port")?;
    let mut bytes = Vec::with_capacity(16);
    for word in address.as_bytes().chunks(8) {
        let word = std::str::from_utf8(word).context("a word of an address")?;
        ensure!(
            word.len() == 8,
            "a word of an address has 8 digits, came {word:?}"
        );
        let word = u32::from_str_radix(word, 16).context("a word of an address")?;
        bytes.extend(word.to_ne_bytes());
    }
    let address = if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        IpAddr::V4(Ipv4Addr::from(four))
    } else if let Ok(sixteen) = <[u8; 16]>::try_from(bytes.as_slice()) {
        IpAddr::V6(Ipv6Addr::from(sixteen)).to_canonical()
    } else {
        bail!("an address of {} bytes", bytes.len());
    };
    Ok(SocketAddr::new(address, port))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the list of sockets is tested with sockets of its own"
)]
mod tests {
    use super::*;
    use crate::{Launch, places, tree};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    /// This process's alone: for a moment, a child that another test starts holds them too.
    fn own() -> Vec<Socket> {
        let tree = tree::of(std::process::id()).unwrap();
        of(&tree[..1]).unwrap()
    }

    fn has(protocol: Protocol, state: State, local: SocketAddr) -> bool {
        own()
            .iter()
            .any(|socket| (socket.protocol, socket.state, socket.local) == (protocol, state, local))
    }

    #[test]
    fn a_listener_is_listed_until_it_is_closed() {
        // No other test binds this address, so its port is nobody else's afterwards.
        let listener = TcpListener::bind("127.0.0.9:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(has(Protocol::Tcp, State::Listening, address));
        drop(listener);
        assert!(!has(Protocol::Tcp, State::Listening, address));
    }

    #[test]
    fn a_connection_is_listed_with_its_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let wanted = |socket: &Socket| {
            socket.local == local && socket.remote == remote && socket.state == State::Connected
        };
        assert!(own().iter().any(wanted));
    }

    #[test]
    fn a_bound_udp_socket_is_listed() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(has(
            Protocol::Udp,
            State::Listening,
            socket.local_addr().unwrap()
        ));
    }

    #[test]
    fn another_process_does_not_hold_our_sockets() {
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = places::temporary().unwrap();
        let child = Launch::new("/bin/sleep", folder.path().join("log"))
            .arguments(["600"])
            .start()
            .unwrap();
        assert_eq!(of(&child.tree().unwrap()).unwrap(), Vec::new());
    }

    #[test]
    fn a_line_of_the_kernels_list_is_read() {
        let loopback = u32::from_ne_bytes([127, 0, 0, 1]);
        let line = format!(
            "   0: {loopback:08X}:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0"
        );
        let entry = parse_line(Protocol::Tcp, &line).unwrap();
        assert_eq!((entry.inode, entry.state), (4711, State::Listening));
        assert_eq!(entry.local, "127.0.0.1:8080".parse().unwrap());
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_undressed() {
        let words = [[0; 4], [0; 4], [0, 0, 255, 255], [127, 0, 0, 2]].map(u32::from_ne_bytes);
        let text: String = words.iter().map(|word| format!("{word:08X}")).collect();
        assert_eq!(
            parse_address(&format!("{text}:01BB")).unwrap(),
            "127.0.0.2:443".parse().unwrap()
        );
    }

    #[test]
    fn a_short_line_is_an_error() {
        assert!(parse_line(Protocol::Tcp, "0: 00000000:0000").is_err());
        assert!(parse_address("0100007F").is_err());
        assert!(parse_address("01007F:0000").is_err());
    }
}
