//! A time server and its client (SNTP, RFC 4330): what keeps a host's clock.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};

use super::Host;

const PORT: u16 = 123;
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Seconds from 1900, where this clock begins, to 1970.
const SINCE_1900: u64 = 2_208_988_800;

/// A time server that serves until it is dropped.
#[derive(Debug)]
pub struct TimeServer {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TimeServer {
    /// Serves on this host.
    ///
    /// # Errors
    /// Where port 123 can't be had there.
    pub fn start(host: &Host) -> anyhow::Result<TimeServer> {
        let socket = bind(host, PORT)?;
        socket.set_read_timeout(Some(LOOK_AGAIN))?;
        let end = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let mut request = [0; 48];
            while !told.load(Ordering::Relaxed) {
                if let Ok((48, from)) = socket.recv_from(&mut request) {
                    let _ = socket.send_to(&answer(&request), from);
                }
            }
        });
        Ok(TimeServer {
            end,
            thread: Some(thread),
        })
    }
}

impl Drop for TimeServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own peer inside its own namespace"
)]
fn bind(host: &Host, port: u16) -> anyhow::Result<UdpSocket> {
    let address = SocketAddr::from((host.address(), port));
    host.namespace()
        .inside(|| UdpSocket::bind(address))?
        .with_context(|| format!("UDP port {port} on {}", host.name()))
}

/// Version 4, mode server, stratum 1; the client's time goes back to it.
fn answer(request: &[u8; 48]) -> [u8; 48] {
    let mut answer = [0; 48];
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() + SINCE_1900);
    let [.., a, b, c, d] = seconds.to_be_bytes();
    if let Some(head) = answer.first_chunk_mut() {
        *head = [0x24, 1, 6, 0xEC];
    }
    for (place, byte) in answer.iter_mut().skip(24).zip(request.iter().skip(40)) {
        *place = *byte;
    }
    for start in [32, 40] {
        for (place, byte) in answer.iter_mut().skip(start).zip([a, b, c, d]) {
            *place = byte;
        }
    }
    answer
}

/// Asks a server from this host, as whatever keeps its clock would.
///
/// # Errors
/// Where no answer comes within the limit, or one that is none.
pub fn ask(host: &Host, server: &Host, limit: Duration) -> anyhow::Result<()> {
    let socket = bind(host, 0)?;
    socket.set_read_timeout(Some(limit))?;
    let mut request = [0; 48];
    request[0] = 0x23;
    request[47] = 77;
    socket.send_to(&request, (server.address(), PORT))?;
    let mut answer = [0; 48];
    let (length, _) = socket
        .recv_from(&mut answer)
        .with_context(|| format!("{} has no time from {}", host.name(), server.name()))?;
    ensure!(
        length == 48 && answer[0] & 7 == 4 && answer[31] == 77,
        "no answer of a time server: {answer:?}"
    );
    Ok(())
}
