use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// A network namespace that lasts as long as this.
struct Namespace(Child);

impl Namespace {
    /// Makes one and moves this thread into it; `None` where that isn't possible.
    fn enter(test: &str) -> Option<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo made; exec sleep 60"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = String::new();
        let mut output = holder.stdout.take().unwrap();
        let mut made = [0; 5];
        let is_made = output.read_exact(&mut made).is_ok();
        let namespace = Self(holder);
        if !is_made {
            skip::skip(test, "no network namespace can be made here");
            return None;
        }
        said.push_str(std::str::from_utf8(&made).unwrap());
        assert_eq!(said, "made\n");
        let file = File::open(format!("/proc/{}/ns/net", namespace.0.id())).unwrap();
        let entered = move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&file),
            Some(LinkNameSpaceType::Network),
        );
        if entered.is_err() || !ip("link show lo") {
            skip::skip(test, "needs root and iproute2");
            return None;
        }
        Some(namespace)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `ip` in this thread's namespace.
fn ip(words: &str) -> bool {
    let status = Command::new("timeout")
        .args(["10", "ip"])
        .args(words.split(' '))
        .stdout(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

async fn told(watch: &mut RoutesWatch) -> NetworkChange {
    tokio::time::timeout(LIMIT, watch.changed())
        .await
        .expect("the change is noticed")
        .unwrap()
}

/// On a thread of its own, which is the one in the namespace.
fn in_a_namespace(test: &'static str, work: impl AsyncFn() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let Some(_namespace) = Namespace::enter(test) else {
            return;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work());
    });
    thread.join().unwrap();
}

#[test]
fn links_addresses_and_routes_are_noticed_as_the_kernel_tells_of_them() {
    in_a_namespace(
        "links_addresses_and_routes_are_noticed_as_the_kernel_tells_of_them",
        async || {
            let mut watch = RoutesWatch::begin().unwrap();
            assert!(ip("link set lo up"));
            // The address of a link that goes up is told of, too.
            assert_eq!(told(&mut watch).await, NetworkChange::Link);
            assert!(ip("address add 192.0.2.1/24 dev lo"));
            while told(&mut watch).await != NetworkChange::Address {}
            assert!(ip("route add 198.51.100.0/24 dev lo"));
            while told(&mut watch).await != NetworkChange::Route {}
            assert!(ip("route del 198.51.100.0/24 dev lo"));
            assert_eq!(told(&mut watch).await, NetworkChange::Route);
            assert!(ip("address del 192.0.2.1/24 dev lo"));
            while told(&mut watch).await != NetworkChange::Address {}
        },
    );
}

#[test]
fn a_lease_that_is_renewed_is_no_change() {
    in_a_namespace("a_lease_that_is_renewed_is_no_change", async || {
        assert!(ip("link set lo up"));
        let mut watch = RoutesWatch::begin().unwrap();
        assert!(ip(
            "address add 192.0.2.1/32 dev lo valid_lft 900 preferred_lft 900"
        ));
        assert_eq!(told(&mut watch).await, NetworkChange::Address);
        for life in ["800", "700"] {
            let words =
                format!("address change 192.0.2.1/32 dev lo valid_lft {life} preferred_lft {life}");
            assert!(ip(&words));
        }
        // The next that is told is this one.
        assert!(ip("route add 198.51.100.0/24 dev lo"));
        assert_eq!(told(&mut watch).await, NetworkChange::Route);
    });
}

/// Bytes that differ from run to run only by the seed (xorshift64*).
fn random(seed: &mut u64, bytes: &mut [u8]) {
    for byte in bytes {
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        *byte = seed.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0];
    }
}

#[test]
fn any_bytes_are_read_to_their_end() {
    let mut seed = u64::from(std::process::id()) << 20 | 1;
    println!("seed {seed}");
    for length in 0..600 {
        let mut bytes = vec![0; length];
        random(&mut seed, &mut bytes);
        if let Some(head) = bytes.get_mut(..6) {
            // A plausible length and kind, so that more than the header is read.
            let claimed = u32::try_from(length - length % 7).unwrap();
            head[..4].copy_from_slice(&claimed.to_ne_bytes());
            let kind = [16u16, 17, 20, 21, 24, 25][length % 6];
            head[4..].copy_from_slice(&kind.to_ne_bytes());
        }
        let notices = notice::read(&bytes);
        assert!(notices.len() <= length / 16);
    }
}

#[test]
fn more_things_than_are_remembered_are_forgotten_and_not_kept() {
    let mut known = Known::default();
    let mut message = Vec::new();
    for index in 0..(MAX_KNOWN as u32 + 10) {
        message.clear();
        message.extend_from_slice(&32u32.to_ne_bytes());
        message.extend_from_slice(&16u16.to_ne_bytes());
        message.extend_from_slice(&[0; 10]);
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&index.to_ne_bytes());
        message.extend_from_slice(&0x1_0041u32.to_ne_bytes());
        message.extend_from_slice(&[0; 4]);
        let notices = notice::read(&message);
        assert_eq!(known.take(&notices), Some(NetworkChange::Link));
        assert_eq!(known.take(&notices), None);
        assert!(known.0.len() <= MAX_KNOWN);
    }
}
