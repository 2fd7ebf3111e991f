//! The lines for dnsmasq at the head of an nftables rendering, as dnsmasq obeys them.

use std::process::{Child, Command, Stdio};

use flows::{Catalogue, Format, Options, Site};

use crate::namespace::{Namespace, Row, tcp};
use crate::needs::can_load;
use crate::{selection, text};

/// Names in several sets: with other ports, and below a wildcard.
const NAMES: &str = r#"
id = "names"
version = "1"
vendor = "Example"
product = "Names"
[[party]]
id = "client"
name = "client"
place = "site"
[[party]]
id = "server"
name = "server"
place = "outside"
"#;

fn catalogue() -> Catalogue {
    let mut all = NAMES.to_owned();
    for (id, kind, value, port) in [
        ("update", "exact", "update.example.com", 443),
        ("plain", "exact", "update.example.com", 80),
        ("cdn", "any-depth", "cdn.example.net", 443),
        ("edge", "exact", "edge.cdn.example.net", 8443),
        ("label", "one-label", "example.org", 443),
    ] {
        all.push_str(&format!(
            "[[flow]]\nid = \"{id}\"\npurpose = \"test\"\nfrom = [\"client\"]\nto = \"server\"\ndirection = \"outbound\"\nneed = \"required\"\nendpoints = [{{ match = \"{kind}\", value = \"{value}\", transport = \"tcp\", ports = [\"{port}\"] }}]\n"
        ));
    }
    Catalogue::parse(&all).unwrap()
}

/// A dnsmasq inside a namespace, gone with the test.
struct Dnsmasq(Child);

impl Dnsmasq {
    fn start(host: &Namespace, configuration: &str, folder: &std::path::Path, name: &str) -> Self {
        let file = folder.join(name);
        let common = "no-daemon\nno-resolv\nno-hosts\nbind-interfaces\npid-file=\nuser=root\ngroup=root\nexcept-interface=lo\n";
        std::fs::write(&file, format!("{common}{configuration}")).unwrap();
        // It ends with the thread that started it, too.
        let child = Command::new("nsenter")
            .arg(format!("--net={}", host.path()))
            .args(["setpriv", "--pdeathsig", "KILL", "dnsmasq"])
            .arg(format!("--conf-file={}", file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks a name server until it answers, and prints how many records there are.
const ASK: &str = r#"
import socket, struct, sys
server, name, kind = sys.argv[1], sys.argv[2], {"A": 1, "AAAA": 28}[sys.argv[3]]
question = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
packet = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + question + struct.pack(">2H", kind, 1)
for _ in range(40):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.5)
        try:
            one.connect((server, 53))
            one.send(packet)
            answer = one.recv(4096)
        except OSError:
            continue
    if answer[3] & 15 == 0:
        print(struct.unpack(">H", answer[6:8])[0])
        sys.exit(0)
sys.exit("no answer")
"#;

#[test]
fn sets_of_names_are_filled_by_dnsmasq_from_its_own_answers() {
    let name = "sets_of_names_are_filled_by_dnsmasq_from_its_own_answers";
    if !can_load(name, &["nft", "dnsmasq", "setpriv", "python3"]) {
        return;
    }
    let version = Command::new("dnsmasq").arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.contains("no-nftset") || !version.contains("nftset") {
        skip::skip(name, "this dnsmasq was built without nftset");
        return;
    }
    let row = Row::new(&[
        "192.0.2.80/32",
        "192.0.2.81/32",
        "192.0.2.82/32",
        "192.0.2.83/32",
        "192.0.2.84/32",
        "2001:db8::80/128",
    ]);
    let catalogue = catalogue();
    let rules = text(
        &selection(&catalogue, &Site::default()),
        Format::Nftables,
        &Options::default(),
    );
    row.router.must(&["nft", "-f", "-"], &rules);
    row.router.must(
        &["nft", "-f", "-"],
        "table inet filter {
            chain forward {
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                ct state new jump flows-names
            }
        }",
    );
    let lines: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .filter(|line| line.starts_with("nftset="))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let upstream = "listen-address=10.9.9.2
address=/update.example.com/192.0.2.80
address=/update.example.com/2001:db8::80
address=/edge.cdn.example.net/192.0.2.81
address=/deep.one.cdn.example.net/192.0.2.82
address=/one.example.org/192.0.2.83
address=/stranger.example/192.0.2.84
";
    let _upstream = Dnsmasq::start(&row.server, upstream, folder.path(), "upstream");
    let resolver = format!(
        "listen-address=198.51.100.1\nserver=10.9.9.2\n{}\n",
        lines.join("\n")
    );
    let _resolver = Dnsmasq::start(&row.router, &resolver, folder.path(), "resolver");

    let asked = [
        tcp("192.0.2.80:443"),
        tcp("192.0.2.80:80"),
        tcp("[2001:db8::80]:443"),
        tcp("192.0.2.81:443"),
        tcp("192.0.2.81:8443"),
        tcp("192.0.2.82:443"),
        tcp("192.0.2.83:443"),
    ];
    let strangers = [
        tcp("192.0.2.84:443"),
        tcp("192.0.2.82:8443"),
        tcp("192.0.2.83:80"),
    ];
    assert_eq!(row.client.arrive(&asked), [false; 7], "before the look-ups");
    for (name, kind) in [
        ("update.example.com", "A"),
        ("update.example.com", "AAAA"),
        ("edge.cdn.example.net", "A"),
        ("deep.one.cdn.example.net", "A"),
        ("one.example.org", "A"),
        ("stranger.example", "A"),
    ] {
        let records = row
            .client
            .must(&["python3", "-c", ASK, "198.51.100.1", name, kind], "");
        assert_eq!(records.trim(), "1", "{name} {kind}");
    }
    let sets = row.router.shell("nft list sets");
    assert_eq!(row.client.arrive(&asked), [true; 7], "{sets}\n{rules}");
    assert_eq!(row.client.arrive(&strangers), [false; 3], "{sets}");
}
