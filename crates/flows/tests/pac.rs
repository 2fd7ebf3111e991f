//! The rendered PAC file in a real browser: which way Chromium goes for a page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at a broken expectation, and serves the browser that it started"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use flows::render::ProxyAddress;
use flows::{Catalogue, Format, Options, Site, render, select};

/// Only catches a browser that hangs.
const LIMIT_SECONDS: &str = "90";

/// Answers every request with one word.
struct Page {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Page {
    fn serve(word: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let serving = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                answer(stream, word);
            }
        });
        Self {
            address,
            stop,
            serving: Some(serving),
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

fn answer(mut stream: TcpStream, word: &str) {
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut request = [0; 4096];
    if stream.read(&mut request).unwrap_or(0) > 0 {
        let page = format!("<p>went {word}</p>");
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
    }
}

const CATALOGUE: &str = r#"
id = "browsed"
version = "1"
vendor = "Example"
product = "Browsed"

[[source]]
id = "doc"
title = "A list"
language = "en"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

[[party]]
id = "client"
name = "client"
place = "site"

[[party]]
id = "vendor"
name = "vendor"
place = "outside"

[[flow]]
id = "update"
purpose = "Updates."
from = ["client"]
to = "vendor"
direction = "outbound"
need = "required"
facts = [{ source = "doc", lines = "1", confidence = "stated" }]
endpoints = [
    { match = "exact", value = "update.example.com", transport = "tcp", ports = ["80"] },
    { match = "one-label", value = "cdn.example.com", transport = "tcp", ports = ["80"] },
    { match = "any-depth", value = "rep.example.net", transport = "tcp", ports = ["8000-8010"] },
]
"#;

#[test]
fn chromium_goes_directly_where_the_catalogue_says_and_else_through_the_proxy() {
    let name = "chromium_goes_directly_where_the_catalogue_says_and_else_through_the_proxy";
    if Command::new("chromium")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        skip::skip(name, "chromium is not installed");
        return;
    }
    let direct = Page::serve("directly");
    let proxy = Page::serve("through the proxy");
    let catalogue = Catalogue::parse(CATALOGUE).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let options = Options {
        proxy: Some(ProxyAddress::parse(&proxy.address.to_string()).unwrap()),
        ..Options::default()
    };
    let file = render(Format::Pac, &selection, &options).unwrap().bytes;
    let file = base64::engine::general_purpose::STANDARD.encode(file);
    let profile = tempfile::tempdir().unwrap();
    for (url, way) in [
        ("http://update.example.com/", "directly"),
        ("http://UPDATE.example.com:80/x", "directly"),
        ("http://a.cdn.example.com/", "directly"),
        ("http://b.a.rep.example.net:8005/", "directly"),
        ("http://update.example.com:8080/", "through the proxy"),
        ("http://cdn.example.com/", "through the proxy"),
        ("http://rep.example.net:8005/", "through the proxy"),
        ("http://elsewhere.example/", "through the proxy"),
    ] {
        let output = Command::new("timeout")
            .args(["--kill-after=5", LIMIT_SECONDS, "chromium"])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!(
                "--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{file}"
            ))
            .arg(format!(
                "--host-resolver-rules=MAP * {}, EXCLUDE 127.0.0.1",
                direct.address
            ))
            .arg("--dump-dom")
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&output.stdout);
        assert!(page.contains(&format!("went {way}")), "{url}: {page}");
    }
}
