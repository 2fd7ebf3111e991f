//! A name server that answers as a test tells it to, over UDP and TCP (RFC 1035, RFC 7766).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use super::Host;

const PORT: u16 = 53;
/// How soon a server notices that it is to end.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(2);
const TYPE_A: u16 = 1;
const TYPE_SRV: u16 = 33;
const CLASS_IN: u16 = 1;

/// What is said of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These addresses, and none of IPv6.
    Addresses(Vec<Ipv4Addr>),
    /// As [`Answer::Addresses`], but only over TCP: over UDP the answer is cut short.
    OverTcp(Vec<Ipv4Addr>),
    /// Hosts and ports of a service (SRV, RFC 2782).
    Services(Vec<(String, u16)>),
    /// The name exists and has no address.
    NoAddress,
    /// There is no such name.
    NoSuchName,
    /// The server failed.
    Failure,
    /// The server won't answer this question.
    Refused,
    /// Nothing is said.
    Silence,
}

/// By name, in lower case, what is said of it; of others that they don't exist.
pub type Names = BTreeMap<String, Answer>;

/// A name server that serves until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    names: Arc<Mutex<Names>>,
    asked: Arc<Mutex<Vec<String>>>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    /// Serves on this host.
    ///
    /// # Errors
    /// Where port 53 can't be had there.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own peer inside its own namespace"
    )]
    pub fn start(host: &Host, names: Names) -> anyhow::Result<NameServer> {
        let address = SocketAddr::from((host.address(), PORT));
        let (udp, tcp) = host
            .namespace()
            .inside(|| {
                std::io::Result::Ok((UdpSocket::bind(address)?, TcpListener::bind(address)?))
            })?
            .with_context(|| format!("port {PORT} on {}", host.name()))?;
        udp.set_read_timeout(Some(LOOK_AGAIN))?;
        tcp.set_nonblocking(true)?;
        let names = Arc::new(Mutex::new(names));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let end = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            names: Arc::clone(&names),
            asked: Arc::clone(&asked),
            end: Arc::clone(&end),
        };
        let other = desk.clone();
        let threads = vec![
            std::thread::spawn(move || desk.serve_udp(&udp)),
            std::thread::spawn(move || other.serve_tcp(&tcp)),
        ];
        Ok(NameServer {
            names,
            asked,
            end,
            threads,
        })
    }

    /// From now on this is said of a name.
    pub fn say(&self, name: &str, answer: Answer) {
        lock(&self.names).insert(name.to_ascii_lowercase(), answer);
    }

    /// The names that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Udp,
    Tcp,
}

#[derive(Debug, Clone)]
struct Desk {
    names: Arc<Mutex<Names>>,
    asked: Arc<Mutex<Vec<String>>>,
    end: Arc<AtomicBool>,
}

impl Desk {
    fn ends(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut question = [0; 1500];
        while !self.ends() {
            let Ok((length, from)) = socket.recv_from(&mut question) else {
                continue;
            };
            let question = question.get(..length).unwrap_or_default();
            if let Some(answer) = self.answer(question, Carrier::Udp) {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn serve_tcp(&self, listener: &TcpListener) {
        while !self.ends() {
            match listener.accept() {
                Ok((stream, _)) => {
                    let desk = self.clone();
                    std::thread::spawn(move || desk.converse(stream));
                }
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }

    /// Each message has two bytes of length before it.
    fn converse(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length).ok()?;
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).ok()?;
            let answer = self.answer(&question, Carrier::Tcp)?;
            let length = u16::try_from(answer.len()).ok()?;
            stream.write_all(&length.to_be_bytes()).ok()?;
            stream.write_all(&answer).ok()?;
        }
    }

    fn answer(&self, message: &[u8], carrier: Carrier) -> Option<Vec<u8>> {
        let question = Question::parse(message)?;
        lock(&self.asked).push(question.name.clone());
        let said = lock(&self.names).get(&question.name).cloned();
        let mut addresses = Vec::new();
        let mut services = Vec::new();
        let mut is_cut = false;
        let code: u8 = match said.unwrap_or(Answer::NoSuchName) {
            Answer::Addresses(those) => {
                addresses = those;
                0
            }
            Answer::OverTcp(those) => {
                is_cut = carrier == Carrier::Udp;
                addresses = if is_cut { Vec::new() } else { those };
                0
            }
            Answer::Services(those) => {
                services = those;
                0
            }
            Answer::NoAddress => 0,
            Answer::Failure => 2,
            Answer::NoSuchName => 3,
            Answer::Refused => 5,
            Answer::Silence => return None,
        };
        let records: Vec<Vec<u8>> = match (question.kind, question.class) {
            (TYPE_A, CLASS_IN) => addresses.iter().map(|one| one.octets().to_vec()).collect(),
            (TYPE_SRV, CLASS_IN) => services.iter().map(service).collect(),
            _ => Vec::new(),
        };
        Some(question.answered(&records, code, is_cut))
    }
}

/// Of no priority and weight.
fn service((host, port): &(String, u16)) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(port.to_be_bytes());
    for label in host.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

struct Question<'m> {
    id: [u8; 2],
    is_recursion_desired: bool,
    name: String,
    kind: u16,
    class: u16,
    /// As it came: name, type and class.
    bytes: &'m [u8],
}

impl<'m> Question<'m> {
    fn parse(message: &'m [u8]) -> Option<Question<'m>> {
        let (header, rest) = message.split_at_checked(12)?;
        let [first, second, flags, ..] = *header else {
            return None;
        };
        let mut name = Vec::new();
        let mut at = 0;
        loop {
            let length = usize::from(*rest.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = rest.get(at..at.checked_add(length)?)?;
            name.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let [kind_high, kind_low, class_high, class_low] = *rest.get(at..at + 4)? else {
            return None;
        };
        Some(Question {
            id: [first, second],
            is_recursion_desired: flags & 1 == 1,
            name: name.join("."),
            kind: u16::from_be_bytes([kind_high, kind_low]),
            class: u16::from_be_bytes([class_high, class_low]),
            bytes: rest.get(..at + 4)?,
        })
    }

    fn answered(&self, records: &[Vec<u8>], code: u8, is_cut: bool) -> Vec<u8> {
        let flags = 0x84 | u8::from(is_cut) << 1 | u8::from(self.is_recursion_desired);
        let count = u8::try_from(records.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![
            self.id[0],
            self.id[1],
            flags,
            0x80 | code,
            0,
            1,
            0,
            count,
            0,
            0,
            0,
            0,
        ];
        bytes.extend(self.bytes);
        for record in records.iter().take(usize::from(count)) {
            // The name is the question's, 12 bytes from the start; good for no time.
            bytes.extend([0xC0, 12]);
            bytes.extend(self.kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 0]);
            bytes.extend(u16::try_from(record.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(record);
        }
        bytes
    }
}
