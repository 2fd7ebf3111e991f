//! What is heard on the network: name servers, proxies, servers; and what the doctor's child says.

use doctor::Report;
use net::fuzzing::{
    HttpForm, dns_answer, http_answer, ntlm_answer, proxy_answer, resolver_files, sign_in,
    told_binding,
};
use net::probe::{MAX_BODY, MAX_HEADERS};
use net::{Endpoint, Proxy};

use crate::Target;

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &[],
        most_bytes: 4 << 10,
        short: 600,
    }
}

pub(crate) const DNS: Target = target(
    "dns-answers",
    |bytes| {
        if let Some((addresses, aliases, services)) = dns_answer(bytes) {
            assert!(addresses <= 64 && aliases <= 16 && services <= 32);
        }
    },
    || {
        let question = b"\x03www\x07example\x04test\0\0\x01\0\x01".as_slice();
        let head = |answers: u8| [0, 7, 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0];
        let alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01a\xc0\x10".as_slice();
        let address = b"\xc0\x2e\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01".as_slice();
        let service =
            b"\xc0\x0c\0\x21\0\x01\0\0\0\x3c\0\x0b\0\0\0\x64\0\x58\x02dc\xc0\x10".as_slice();
        vec![
            [&head(2), question, alias, address].concat(),
            [&head(1), question, service].concat(),
            [&head(0), question].concat(),
        ]
    },
);

pub(crate) const RESOLVER: Target = Target {
    words: &["nameserver ", "search ", "options ndots:", "\n", "fe80::1%"],
    ..target(
        "resolver-files",
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let (resolv_conf, hosts) = text.split_once("---").unwrap_or((&text, ""));
            let (servers, names) = resolver_files(resolv_conf, hosts);
            assert!((1..=3).contains(&servers.len()) && names.len() <= 7);
        },
        || {
            vec![b"nameserver 192.0.2.1\nnameserver fe80::1%3 # near\nsearch a.example b.example\noptions ndots:2\n---\n192.0.2.7 m.example m # ours\n::1 localhost\n".to_vec()]
        },
    )
};

/// The password of the one who signs in is `p:w`, and is to be read in no header but Basic's.
pub(crate) const SIGN_IN: Target = Target {
    words: &[
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"n\", qop=\"auth\"",
        "algorithm=SHA-256-sess",
        "userhash=true",
        "stale=true",
        "NTLM",
        "Negotiate ",
        "\n\n",
        ", ",
        "\\\"",
    ],
    ..target(
        "proxy-sign-in",
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            // As header values can be.
            let value = |line: &str| line.replace(|sign: char| sign.is_control(), "");
            let rounds: Vec<Vec<String>> = text
                .split("\n\n")
                .map(|round| round.lines().map(value).collect())
                .collect();
            let sent = sign_in(&rounds);
            assert!(sent.len() <= 6);
            let proofs = sent
                .iter()
                .filter(|value| value.starts_with("Basic "))
                .count();
            assert!(proofs <= 1, "{sent:?}");
            for value in sent {
                assert!(!value.chars().any(char::is_control), "{value:?}");
                assert!(!value.contains("p:w"), "{value:?}");
            }
        },
        || {
            [
                "Basic realm=\"a, \\\"b\\\"\"",
                "Digest realm=\"x\", nonce=\"n=\", qop=\"auth,auth-int\", algorithm=SHA-256, opaque=\"o\", userhash=true\nDigest realm=\"x\", nonce=\"m\"\n\nDigest realm=\"x\", nonce=\"k\", stale=TRUE, qop=auth",
                "NTLM, Negotiate\nBasic realm=\"x\"\n\nNTLM TlRMTVNTUAACAAAABAAEADgAAAAFgoiiASNFZ4mrze8AAAAAAAAAAAgACAA8AAAABgBxFwAAAA9EAE0ABwAIAAAAAAAAAAAA\n\nNTLM",
            ]
            .map(|text| text.as_bytes().to_vec())
            .into()
        },
    )
};

pub(crate) const NTLM: Target = Target {
    words: &["NTLMSSP\0"],
    ..target(
        "ntlm-challenges",
        |bytes| {
            let Some(answer) = ntlm_answer(bytes) else {
                return;
            };
            assert!(answer.starts_with(b"NTLMSSP\0\x03\0\0\0"));
            // Each of the six parts lies within the answer.
            for field in answer[12..60].chunks(8) {
                let length = usize::from(u16::from_le_bytes([field[0], field[1]]));
                let offset = u32::from_le_bytes([field[4], field[5], field[6], field[7]]) as usize;
                assert!(offset + length <= answer.len());
            }
        },
        || {
            let head = |flags: u32| {
                let mut head = b"NTLMSSP\0\x02\0\0\0\x04\0\x04\0\x38\0\0\0".to_vec();
                head.extend(flags.to_le_bytes());
                head.extend([1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
                head.extend([20, 0, 20, 0, 0x3c, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 15]);
                head
            };
            let rest = b"D\0M\0\x02\0\x04\0D\0M\0\x07\0\x08\0\x01\x02\x03\x04\x05\x06\x07\x08";
            [0x0080_0205, 0x0000_0205]
                .map(|flags| [head(flags), rest.to_vec(), vec![0; 4]].concat())
                .into()
        },
    )
};

pub(crate) const PROXY: Target = Target {
    words: &[
        "HTTP/1.1 407 ",
        "\r\n",
        "Proxy-Authenticate: ",
        "Connection: close",
        "Via: ",
        "Content-Length: ",
    ],
    ..target(
        "proxy-answers",
        |bytes| {
            if let Some((_, schemes)) = proxy_answer(bytes) {
                assert!(schemes.len() <= 16);
            }
        },
        || {
            vec![
                b"HTTP/1.1 407 Proxy Authentication Required\r\nServer: squid\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n".to_vec(),
                b"HTTP/1.0 200 OK\r\nVia: 1.1 p\r\n\r\n".to_vec(),
            ]
        },
    )
};

fn http(bytes: &[u8], form: HttpForm) {
    if let Ok(seen) = http_answer(bytes, form) {
        assert!(seen.headers.len() <= MAX_HEADERS);
        assert!(seen.head_of_body.len() <= MAX_BODY);
        let _ = told_binding(&seen);
    }
}

pub(crate) const HTTP: Target = Target {
    words: &[
        "HTTP/1.1 200 OK\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: ",
        "Connection: Upgrade\r\n",
        "\r\n\r\n",
        "{\"tls_exporter\":\"",
    ],
    ..target(
        "http-answers",
        |bytes| {
            http(bytes, HttpForm::Http1);
            http(bytes, HttpForm::Upgrade);
        },
        || {
            let told = format!("{{\"tls_exporter\":\"{}\"}}", "0f".repeat(32));
            vec![
                format!("HTTP/1.1 200 OK\r\nContent-Length: 83\r\n\r\n{told}").into_bytes(),
                b"HTTP/1.1 302 Found\r\nLocation: http://portal.test/\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n".to_vec(),
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec(),
                b"SSH-2.0-other\r\n".to_vec(),
            ]
        },
    )
};

pub(crate) const HTTP2: Target = target(
    "http2-answers",
    |bytes| http(bytes, HttpForm::Http2),
    || {
        // SETTINGS, HEADERS with `:status 200` alone, and DATA that ends the stream.
        let frames =
            b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x02\0\x01\0\0\0\x01{}";
        let away = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d";
        vec![frames.to_vec(), away.to_vec()]
    },
);

pub(crate) const ENDPOINTS: Target = Target {
    words: &[
        "https://",
        "tcp://",
        "udp://",
        "[2001:db8::1]",
        ":443",
        "%40",
        "@",
    ],
    ..target(
        "endpoints",
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(endpoint) = Endpoint::parse(&text) {
                let again = Endpoint::parse(&endpoint.to_string());
                assert_eq!(again.ok(), Some(endpoint));
            }
            let _ = (Proxy::parse(&text), doctor::Target::parse(&text));
        },
        || {
            [
                "a.example:443",
                "[2001:db8::1]:8443",
                "http://ann:p%3Aw@proxy.example:3128",
                "https://www.example.com/path?query",
                "udp://192.0.2.1:53",
            ]
            .map(|text| text.as_bytes().to_vec())
            .into()
        },
    )
};

/// What the doctor's child writes, for who has rights to read; and all that is printed of it.
pub(crate) const REPORT: Target = Target {
    most_bytes: 16 << 10,
    words: &[
        "\"verdict\":",
        "\"inspected\"",
        "\"result\":\"broken\"",
        "\"findings\":[",
        "\"lines\":[",
        "\\u0000",
        "\\u202e",
        "1e99",
        "null",
    ],
    ..target(
        "doctor-reports",
        |bytes| {
            let Ok(report) = serde_json::from_slice::<Report>(bytes) else {
                return;
            };
            let written = serde_json::to_vec(&report).expect("a report is JSON");
            let again: Report = serde_json::from_slice(&written).expect("what was written reads");
            assert_eq!(again, report);
            use doctor::output::{junit, prometheus, sarif, text};
            let xml = junit::junit(&report);
            let plain = |sign: char| !sign.is_control() || sign == '\n' || sign == '\t';
            assert!(xml.chars().all(plain));
            let _ = prometheus::prometheus(&report);
            let _ = sarif::sarif(&report, "0").to_string();
            let _ = (text::findings(&report), text::skipped(&report));
        },
        || {
            vec![
                br#"{"version":1,"result":"ok","checked":0,"took_ms":1,"checks":[],"findings":[]}"#.to_vec(),
                br#"{"version":1,"result":"broken","checked":1,"took_ms":9,"checks":[{"flow":"agent-channel","endpoint":{"host":"manager.test","port":443,"transport":"tcp"},"path":"proxy","via":"http://proxy.test:3128","result":"broken","stage":"tls","verdict":"inspected","detail":"TLS is inspected by CN=x","evidence":[{"kind":"issuer","value":"CN=x"}],"stages":[{"stage":"tls","result":"passed","took_ms":3,"detail":""}]}],"findings":[]}"#.to_vec(),
            ]
        },
    )
};
