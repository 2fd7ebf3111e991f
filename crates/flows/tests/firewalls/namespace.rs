//! Network namespaces of a test's own, gone with the test.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How long a packet may take before it counts as lost.
const LOST: Duration = Duration::from_secs(4);

/// A network namespace; a child that waits for the end of its input holds it.
pub(crate) struct Namespace {
    holder: Child,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                // Addresses of IPv6 are usable at once.
                "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad \
                 && ip link set lo up && echo ready && exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "the namespace did not come up");
        Self { holder }
    }

    pub(crate) fn id(&self) -> String {
        self.holder.id().to_string()
    }

    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// Runs a program inside, with a text as its input.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new("nsenter")
            .arg(format!("--net={}", self.path()))
            .args(["timeout", "60"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that stops early closes its input; its status tells.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// Runs a program inside that must succeed, and hands back what it printed.
    pub(crate) fn must(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{input}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a line of the shell inside that must succeed.
    pub(crate) fn shell(&self, line: &str) -> String {
        self.must(&["sh", "-ec", line], "")
    }

    /// Joins two namespaces by a cable whose ends are called as said.
    pub(crate) fn cable(&self, end: &str, other: &Self, other_end: &str) {
        self.shell(&format!(
            "ip link add {end} type veth peer name {other_end} netns {}; ip link set dev {end} up",
            other.id()
        ));
        other.shell(&format!("ip link set dev {other_end} up"));
    }

    /// Sends to ports where nobody listens: a refusal shows that the packet arrived, silence that
    /// it was lost. All at once.
    pub(crate) fn arrive(&self, targets: &[Packet]) -> Vec<bool> {
        let namespace = File::open(self.path()).unwrap();
        std::thread::scope(|scope| {
            let threads: Vec<_> = targets
                .iter()
                .map(|packet| {
                    let namespace = &namespace;
                    scope.spawn(move || {
                        use std::os::fd::AsFd;
                        move_into_link_name_space(
                            namespace.as_fd(),
                            Some(LinkNameSpaceType::Network),
                        )
                        .unwrap();
                        packet.arrives()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A packet to send.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packet {
    Tcp(SocketAddr),
    /// To an address, from a port of one's own; 0 is any.
    Udp(SocketAddr, u16),
}

pub(crate) fn tcp(address: &str) -> Packet {
    Packet::Tcp(address.parse().unwrap())
}

pub(crate) fn udp(address: &str, from: u16) -> Packet {
    Packet::Udp(address.parse().unwrap(), from)
}

impl Packet {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own packets inside its own namespaces"
    )]
    fn arrives(self) -> bool {
        let outcome = match self {
            Self::Tcp(address) => TcpStream::connect_timeout(&address, LOST).map(drop),
            Self::Udp(address, port) => {
                let any = if address.is_ipv4() { "0.0.0.0" } else { "::" };
                let socket = UdpSocket::bind((any, port)).unwrap();
                socket.connect(address).unwrap();
                socket.set_read_timeout(Some(LOST)).unwrap();
                socket
                    .send(b"?")
                    .and_then(|_| socket.recv(&mut [0; 1]))
                    .map(drop)
            }
        };
        match outcome {
            Ok(()) => true,
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused => true,
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::PermissionDenied => false,
                _ => panic!("{self:?}: {error}"),
            },
        }
    }
}

/// Three hosts in a row: clients, a router, and everyone else.
pub(crate) struct Row {
    pub(crate) client: Namespace,
    pub(crate) router: Namespace,
    pub(crate) server: Namespace,
}

impl Row {
    /// `servers` are the addresses of the far host, each with its prefix length.
    pub(crate) fn new(servers: &[&str]) -> Self {
        let row = Self {
            client: Namespace::new(),
            router: Namespace::new(),
            server: Namespace::new(),
        };
        row.router.cable("near", &row.client, "wire");
        row.router.cable("far", &row.server, "wire");
        row.router.shell(
            "echo 1 > /proc/sys/net/ipv4/ip_forward
             echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
             ip addr add 198.51.100.1/24 dev near; ip addr add 2001:db8:51::1/64 dev near nodad
             ip addr add 10.9.9.1/24 dev far; ip addr add fd09::1/64 dev far nodad",
        );
        row.client.shell(
            "ip addr add 198.51.100.5/24 dev wire; ip addr add 2001:db8:51::5/64 dev wire nodad
             ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:51::1",
        );
        row.server
            .shell("ip addr add 10.9.9.2/24 dev wire; ip addr add fd09::2/64 dev wire nodad");
        for address in servers {
            let family = if address.contains(':') { "-6" } else { "-4" };
            let usable = if address.contains(':') { "nodad" } else { "" };
            let via = if address.contains(':') {
                "fd09::2"
            } else {
                "10.9.9.2"
            };
            row.server
                .shell(&format!("ip addr add {address} dev lo {usable}"));
            row.router
                .shell(&format!("ip {family} route add {address} via {via}"));
        }
        // From the first of its addresses in each family.
        let first = |v6: bool| servers.iter().find(|one| one.contains(':') == v6);
        if let Some(address) = first(false).and_then(|one| one.split('/').next()) {
            row.server
                .shell(&format!("ip route add default via 10.9.9.1 src {address}"));
        }
        if let Some(address) = first(true).and_then(|one| one.split('/').next()) {
            row.server.shell(&format!(
                "ip -6 route add default via fd09::1 src {address}"
            ));
        }
        row.wait(servers);
        row
    }

    /// Until every server answers the client: before there are rules, everything arrives.
    fn wait(&self, servers: &[&str]) {
        let targets: Vec<Packet> = servers
            .iter()
            .filter_map(|one| one.split('/').next())
            .map(|address| Packet::Tcp(SocketAddr::new(address.parse().unwrap(), 22)))
            .collect();
        for _ in 0..10 {
            if self.client.arrive(&targets).iter().all(|arrived| *arrived) {
                return;
            }
        }
        panic!("{servers:?} do not answer");
    }
}
