//! Who listens on a port, by the kernel's own tables.

use std::fmt;
use std::path::Path;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// The user that opened the socket.
    pub user_id: u32,
    /// Known where this user may look into the process.
    pub process: Option<HolderProcess>,
}

/// The process, as the system names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderProcess {
    pub id: u32,
    pub name: String,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(process) => write!(f, "process {} ({})", process.id, process.name),
            None => write!(f, "a process of user {}", self.user_id),
        }
    }
}

/// A listening socket of the kernel's table.
struct ListeningSocket {
    user_id: u32,
    inode: u64,
}

/// Looks for the listener on that port, whatever its address. `None` where the system has no
/// such tables, or the listener is in another network namespace.
pub(super) fn find(port: u16) -> Option<PortHolder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let socket = tables.iter().find_map(|table| {
        let text = std::fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| listening(line, port))
    })?;
    Some(PortHolder {
        user_id: socket.user_id,
        process: owner(socket.inode),
    })
}

/// Reads a line of proc(5)'s /proc/net/tcp: the local address is its 2nd field, the state its
/// 4th (0A is LISTEN), the user its 8th, the inode its 10th.
fn listening(line: &str, port: u16) -> Option<ListeningSocket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    if u16::from_str_radix(local_port, 16).ok()? != port || *fields.get(3)? != "0A" {
        return None;
    }
    Some(ListeningSocket {
        user_id: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

fn owner(inode: u64) -> Option<HolderProcess> {
    let wanted = format!("socket:[{inode}]");
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        if holds(&entry.path().join("fd"), &wanted) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(HolderProcess {
                id,
                name: name.trim().to_owned(),
            });
        }
    }
    None
}

fn holds(descriptors: &Path, wanted: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(descriptors) else {
        return false;
    };
    entries.flatten().any(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "   0: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000000000000000 100 0 0 10 0";

    #[test]
    fn a_listening_line_is_found_by_its_port() {
        let socket = listening(LINE, 443).unwrap();
        assert_eq!((socket.user_id, socket.inode), (1000, 4242));
        assert!(listening(LINE, 444).is_none());
    }

    #[test]
    fn an_established_connection_is_no_listener() {
        assert!(listening(&LINE.replace(" 0A ", " 01 "), 443).is_none());
        assert!(listening("damaged", 443).is_none());
    }
}
