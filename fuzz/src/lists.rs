//! The readers of lists that others keep and of the flows' own files: what is taken reads back
//! from its TOML.

use flows::import::{ImportError, ImportOptions, Imported, aerleon, csv, m365, page};
use flows::{Catalogue, Site};

use crate::Target;

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &[],
        most_bytes: 8 << 10,
        short: 150,
    }
}

fn reads_back(imported: Result<Imported, ImportError>) {
    if let Ok(imported) = imported {
        let text = imported.toml().expect("a catalogue is TOML");
        let back = Catalogue::parse(&text).expect("what was written reads back");
        assert_eq!(back, imported.catalogue);
        assert!(!imported.report.text().is_empty());
    }
}

pub(crate) const CSV: Target = Target {
    words: &[
        "host",
        "port",
        "protocol",
        "tcp",
        "udp",
        ";",
        ",",
        "\"",
        "443/tcp",
        "*.example.com",
        "192.0.2.0/24",
        "https://",
        "any",
        "1-65535",
        "\n",
    ],
    ..target(
        "list-csv",
        |bytes| reads_back(csv(bytes, &ImportOptions::default())),
        || {
            vec![
                b"Source;Host name;Protocol / Port;Purpose;Owner\nagents;update.example.com, *.cdn.example.net;\"TCP: 443, 80\";definitions;ops\n198.51.100.0/24;https://licence.example.com/check;;licences;\nagents;;443/tcp;no host;\nagents;console.example.com;ALL;cut off;\nagents;any;UDP 53;names;\n".to_vec(),
                b"name,fqdn,port,protocol,direction\nx,a.example.com,443,tcp,outbound\ny,2001:db8::/32,1-65535,udp,inbound\n".to_vec(),
            ]
        },
    )
};

pub(crate) const M365: Target = Target {
    words: &[
        "\"id\":",
        "\"urls\":[",
        "\"ips\":[",
        "\"tcpPorts\":\"80,443\"",
        "\"category\":",
        "\"required\":true",
        "\"serviceArea\":",
    ],
    ..target(
        "list-m365",
        |bytes| reads_back(m365(bytes, &ImportOptions::default())),
        || {
            vec![br#"[{"id":1,"serviceArea":"Exchange","serviceAreaDisplayName":"Exchange Online","urls":["outlook.example.com","*.mail.example.com"],"ips":["192.0.2.0/24","2001:db8::/32"],"tcpPorts":"80,443","udpPorts":"3478-3481","expressRoute":true,"category":"Optimize","required":true},{"id":2,"serviceArea":"Common","urls":["a.example"],"tcpPorts":"443","expressRoute":false,"category":"Default","required":false,"notes":"text"}]"#.to_vec()]
        },
    )
};

pub(crate) const AERLEON: Target = Target {
    words: &[
        "filters:",
        "- header:",
        "targets:",
        "terms:",
        "- name: ",
        "destination-port: ",
        "action: accept",
        "protocol: tcp",
        "*a",
        "&a",
        "<<:",
        "  ",
        "- ",
        ": |\n",
    ],
    ..target(
        "list-aerleon",
        |bytes| reads_back(aerleon(bytes, &ImportOptions::default())),
        || {
            vec![b"filters:\n- header:\n    targets:\n      cisco: test-filter extended\n    kvs: a\n  terms:\n  - name: one\n    source-address: INTERNAL\n    destination-address: NET\n    destination-port: HTTPS\n    protocol: [tcp, udp]\n    action: accept\n  - name: two\n    action: deny\n".to_vec()]
        },
    )
};

pub(crate) const PAGE: Target = Target {
    words: &[
        "<td>",
        "</td>",
        "<tr>",
        "<li>",
        "&nbsp;",
        "&amp;",
        "&#x41;",
        "443 (TCP)",
        "TCP/UDP",
        "https://",
        ".example.com",
        "<!--",
        "-->",
        "<script>",
    ],
    ..target(
        "list-page",
        |bytes| {
            let _ = page::read(&String::from_utf8_lossy(bytes));
        },
        || {
            vec![b"<html><table><tr><td>update.example.com</td><td>TCP 443, 80</td></tr><tr><td>*.cdn.example.net</td><td>UDP 1024-65535</td></tr></table><p>https://a.example/x?y and 192.0.2.1:8443</p></html>".to_vec()]
        },
    )
};

pub(crate) const CATALOGUE: Target = Target {
    most_bytes: 24 << 10,
    short: 60,
    words: &[
        "[[flow]]",
        "[[party]]",
        "[[flow.endpoint]]",
        "id = ",
        "ports = [443]",
        "transport = \"tcp\"",
        "\"\"\"",
        "= [",
    ],
    ..target(
        "catalogue",
        |bytes| {
            if let Ok(catalogue) = Catalogue::parse(&String::from_utf8_lossy(bytes)) {
                let _ = catalogue.check();
            }
        },
        || {
            vec![
                include_bytes!("../../crates/flows/catalogue/garrison.toml").to_vec(),
                include_bytes!("../../crates/flows/tests/catalogues/sample.toml").to_vec(),
            ]
        },
    )
};

pub(crate) const SITE: Target = target(
    "site",
    |bytes| {
        let _ = Site::parse(&String::from_utf8_lossy(bytes));
    },
    || {
        vec![b"region = \"eu\"\nversion = \"14.3\"\nfeature = [\"a\"]\nports = \"sep\"\nlang = \"en\"\n[set]\nmanager = \"192.0.2.10,192.0.2.11\"\nport = 443\nrelay = [\"a.example\"]\n".to_vec()]
    },
);
