//! The table: a name, what is broken, and what the doctor is to say of it.

mod more;

use serde_json::json;
use system_tests::lab::Network;
use system_tests::lab::certificates::Special;
use system_tests::lab::dns::Answer;
use system_tests::lab::squid::Manner;

use crate::bench::{Plan, proxy};

/// What the doctor is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nothing.
    Healthy,
    /// That it can't tell.
    Unknown,
    /// This stage and verdict.
    Sick(&'static str, &'static str),
}

/// Where the doctor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Client,
    /// Its own packet filter holds things back.
    Guarded,
    /// It has two name servers, and names in its hosts file.
    Doubtful,
}

/// One way in which a network can be.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Arguments of `doctor --json`.
    pub(crate) arguments: Vec<String>,
    /// For the doctor.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The path whose checks count.
    pub(crate) path: &'static str,
    pub(crate) expected: Expected,
    pub(crate) on: On,
}

const USER: &str = "eve";
const PASSWORD: &str = "correct horse";

/// Ports of the proxies' host.
pub(crate) const PLAIN: u16 = 3128;
const BASIC: u16 = 3129;
const DIGEST: u16 = 3130;
const DENYING: u16 = 3131;
const NTLM: u16 = 3134;
pub(crate) const BUMPING: u16 = 3132;
const BUMPING_STRANGELY: u16 = 3133;
pub(crate) const NOBODY: u16 = 3199;

impl Plan {
    pub(crate) fn case(
        &mut self,
        name: &'static str,
        path: &'static str,
        arguments: &[String],
        expected: Expected,
    ) {
        self.cases.push(Case {
            name,
            arguments: arguments.to_vec(),
            environment: Vec::new(),
            path,
            expected,
            on: On::Client,
        });
    }

    /// The case that was put down last is one of this host.
    pub(crate) fn on(&mut self, on: On) {
        self.cases.last_mut().unwrap().on = on;
    }

    /// A target that is reached directly.
    pub(crate) fn direct(
        &mut self,
        name: &'static str,
        scheme: &str,
        at: &str,
        expected: Expected,
    ) {
        let target = format!("{scheme}://{at}");
        self.case(name, "direct", &["--target".to_owned(), target], expected);
    }

    /// A good server, reached by a proxy.
    pub(crate) fn by_proxy(&mut self, name: &'static str, address: &str, expected: Expected) {
        let arguments = [
            "--target".to_owned(),
            "https://healthy.lab.test/".to_owned(),
            "--proxy".to_owned(),
            address.to_owned(),
        ];
        self.case(name, "proxy", &arguments, expected);
    }

    /// A good server, reached as a PAC file says.
    pub(crate) fn by_pac(&mut self, name: &'static str, source: &str, expected: Expected) {
        let arguments = [
            "--target".to_owned(),
            "https://healthy.lab.test/".to_owned(),
            "--pac".to_owned(),
            source.to_owned(),
        ];
        self.case(name, "pac", &arguments, expected);
    }

    pub(crate) fn script(&self, name: &str, body: &str) -> String {
        let path = self.path(&format!("{name}.pac"));
        let text = format!("function FindProxyForURL(url, host) {{ {body} }}\n");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Puts all cases onto a plan.
pub(crate) fn lay_out(plan: &mut Plan) {
    healthy(plan);
    names(plan);
    transport(plan);
    tls(plan);
    certificates(plan);
    upper(plan);
    proxies(plan);
    scripts(plan);
    more::lay_out(plan);
}

fn healthy(plan: &mut Plan) {
    let certificate = plan.certificate("healthy.lab.test");
    let address = plan.https("healthy.lab.test", &certificate, json!({}));
    let answers = json!({"how": "http", "answers": [{"body": "as it should be"}]});
    plan.listen(address, 80, answers);
    let certificate = plan.certificate("*.many.lab.test");
    let address = plan.https("many.lab.test", &certificate, json!({}));
    for name in many() {
        plan.name(&name, Answer::Addresses(vec![address]));
    }
    let healthy = Expected::Healthy;
    plan.direct("healthy", "https", "healthy.lab.test/", healthy);
    plan.direct("healthy_tls", "tls", "healthy.lab.test:443", healthy);
    plan.direct("healthy_tcp", "tcp", "healthy.lab.test:443", healthy);
    plan.direct("healthy_http", "http", "healthy.lab.test/", healthy);
}

/// Names for [`BUMPING`] to stand before, all of one good server.
pub(crate) fn many() -> impl Iterator<Item = String> {
    (0..30).map(|number| format!("host{number}.many.lab.test"))
}

fn names(plan: &mut Plan) {
    for (name, at, answer, verdict) in [
        (
            "no_such_name",
            "gone.lab.test",
            Answer::NoSuchName,
            "no_such_name",
        ),
        (
            "name_server_fails",
            "fails.lab.test",
            Answer::Failure,
            "server_failure",
        ),
        (
            "name_server_refuses",
            "refuses.lab.test",
            Answer::Refused,
            "server_failure",
        ),
        (
            "name_server_is_silent",
            "silent.lab.test",
            Answer::Silence,
            "time_out",
        ),
        (
            "name_without_address",
            "empty.lab.test",
            Answer::NoAddress,
            "no_address",
        ),
        (
            "sinkholed_to_nowhere",
            "sunk.lab.test",
            Answer::Addresses(vec![[0, 0, 0, 0].into()]),
            "sinkholed",
        ),
        (
            "sinkholed_to_loopback",
            "looped.lab.test",
            Answer::Addresses(vec![[127, 0, 0, 1].into()]),
            "sinkholed",
        ),
    ] {
        plan.name(at, answer);
        plan.direct(
            name,
            "https",
            &format!("{at}/"),
            Expected::Sick("dns", verdict),
        );
    }
}

fn transport(plan: &mut Plan) {
    plan.named("closed.lab.test");
    let sick = |verdict| Expected::Sick("transport", verdict);
    plan.direct(
        "nobody_listens",
        "https",
        "closed.lab.test/",
        sick("refused"),
    );
    let address = plan.named("hole.lab.test");
    plan.filter(address, "drop");
    plan.direct("black_hole", "https", "hole.lab.test/", sick("time_out"));
    let address = plan.named("rejected.lab.test");
    plan.filter(address, "reject with icmp type admin-prohibited");
    plan.direct(
        "rejected",
        "https",
        "rejected.lab.test/",
        sick("unreachable"),
    );
    let address = plan.named("rejected-by-reset.lab.test");
    plan.filter(address, "meta l4proto tcp reject with tcp reset");
    plan.direct(
        "rejected_by_reset",
        "https",
        "rejected-by-reset.lab.test/",
        sick("refused"),
    );
    let far = Answer::Addresses(vec![[192, 0, 2, 1].into()]);
    plan.name("far.lab.test", far);
    plan.direct("no_route", "https", "far.lab.test/", sick("unreachable"));
    let address = plan.named("datagram-hole.lab.test");
    plan.filter(address, "drop");
    plan.direct(
        "datagram_without_answer",
        "udp",
        "datagram-hole.lab.test:5353",
        sick("udp_unconfirmed"),
    );
    plan.named("datagram-closed.lab.test");
    plan.direct(
        "datagram_refused",
        "udp",
        "datagram-closed.lab.test:5353",
        sick("refused"),
    );
}

fn tls(plan: &mut Plan) {
    let sick = |verdict| Expected::Sick("tls", verdict);
    for (name, at, how, verdict) in [
        (
            "reset_after_hello",
            "cut.lab.test",
            "reset_after_hello",
            "reset_after_hello",
        ),
        (
            "closed_after_hello",
            "shut.lab.test",
            "close_after_hello",
            "reset_after_hello",
        ),
        ("garbage_on_443", "garbage.lab.test", "garbage", "not_tls"),
    ] {
        let address = plan.named(at);
        plan.listen(address, 443, json!({"how": how}));
        plan.direct(name, "https", &format!("{at}/"), sick(verdict));
    }
    let address = plan.named("plain.lab.test");
    plan.listen(
        address,
        443,
        json!({"how": "http", "answers": [{"raw": "HTTP/1.1 400 Bad Request\r\n\r\n"}]}),
    );
    plan.direct("http_on_443", "https", "plain.lab.test/", sick("not_tls"));
    let certificate = plan.certificate("old.lab.test");
    let old = json!({"versions": ["TLSv1", "TLSv1_1"], "ciphers": "ALL:@SECLEVEL=0"});
    plan.https("old.lab.test", &certificate, old);
    plan.direct(
        "only_tls_1_1",
        "https",
        "old.lab.test/",
        sick("version_or_cipher"),
    );
    let certificate = plan.certificate("weak.lab.test");
    let weak = json!({"versions": ["TLSv1_2", "TLSv1_2"], "ciphers": "ECDHE-ECDSA-AES128-SHA"});
    plan.https("weak.lab.test", &certificate, weak);
    plan.direct(
        "only_a_weak_cipher",
        "https",
        "weak.lab.test/",
        sick("version_or_cipher"),
    );
    let certificate = plan.certificate("asks.lab.test");
    let asks = json!({"client_ca": plan.good.certificate()});
    plan.https("asks.lab.test", &certificate, asks);
    plan.direct(
        "client_certificate_wanted",
        "https",
        "asks.lab.test/",
        sick("client_certificate_required"),
    );
}

fn certificates(plan: &mut Plan) {
    let sick = |verdict| Expected::Sick("tls", verdict);
    let other = plan.certificate("other.lab.test");
    plan.https("misnamed.lab.test", &other, json!({}));
    plan.direct(
        "wrong_name",
        "https",
        "misnamed.lab.test/",
        sick("name_mismatch"),
    );
    for (name, at, validity, verdict) in [
        (
            "expired",
            "expired.lab.test",
            ("20200101000000Z", "20200201000000Z"),
            "expired",
        ),
        (
            "not_yet_valid",
            "early.lab.test",
            ("20480101000000Z", "20490101000000Z"),
            "clock_skew",
        ),
    ] {
        let special = Special {
            validity: Some(validity),
            ..Special::default()
        };
        let certificate = plan.good.issue(name, at, &special).unwrap();
        plan.https(at, &certificate, json!({}));
        plan.direct(name, "https", &format!("{at}/"), sick(verdict));
    }
    let strange = plan
        .strange
        .issue("strange", "strange.lab.test", &Special::default());
    plan.https("strange.lab.test", &strange.unwrap(), json!({}));
    plan.direct(
        "untrusted_authority",
        "https",
        "strange.lab.test/",
        sick("untrusted"),
    );

    let lists = plan.named("lists.lab.test");
    let special = Special {
        list: Some("http://lists.lab.test/good.crl"),
        ..Special::default()
    };
    let revoked = plan
        .good
        .issue("revoked", "revoked.lab.test", &special)
        .unwrap();
    plan.good.revoke(&revoked).unwrap();
    let list = plan.good.revoked().unwrap();
    plan.listen(
        lists,
        80,
        json!({"how": "http", "answers": [
            {"if": {"path": "/good.crl"}, "file": list,
             "headers": {"Content-Type": "application/pkix-crl"}}
        ]}),
    );
    plan.https("revoked.lab.test", &revoked, json!({}));
    let sick = |verdict| Expected::Sick("revocation", verdict);
    plan.direct("revoked", "https", "revoked.lab.test/", sick("revoked"));
    plan.named("no-lists.lab.test");
    let special = Special {
        list: Some("http://no-lists.lab.test/good.crl"),
        ..Special::default()
    };
    let unknown = plan
        .good
        .issue("unlisted", "unlisted.lab.test", &special)
        .unwrap();
    plan.https("unlisted.lab.test", &unknown, json!({}));
    plan.direct(
        "list_unreachable",
        "https",
        "unlisted.lab.test/",
        sick("unreachable"),
    );
}

fn upper(plan: &mut Plan) {
    let sick = |verdict| Expected::Sick("upper", verdict);
    let block = "<html><title>Access Denied</title><body><h1>Web page blocked</h1>\
                 Category: hacking. Contact your administrator.</body></html>";
    let portal = "http://portal.lab.test/login?back=x";
    for (name, at, answers, expected) in [
        (
            "not_http",
            "mute.lab.test",
            json!([{"raw": "220 mail.lab.test ESMTP\r\n"}]),
            sick("not_the_protocol"),
        ),
        (
            "server_error",
            "ill.lab.test",
            json!([{"status": "500 Internal Server Error"}]),
            sick("unexpected_status"),
        ),
        (
            "answer_cut_short",
            "short.lab.test",
            json!([{"body": "half", "missing": 4000}]),
            sick("truncated"),
        ),
        // Behind the right certificate nobody but the service says so.
        (
            "service_forbids_the_path",
            "closed-path.lab.test",
            json!([{"status": "403 Forbidden", "body": block}]),
            Expected::Healthy,
        ),
        (
            "service_wants_another_method",
            "post-only.lab.test",
            json!([{"status": "405 Method Not Allowed", "headers": {"Allow": "POST"}}]),
            Expected::Healthy,
        ),
    ] {
        let certificate = plan.certificate(at);
        plan.https(at, &certificate, json!({"answers": answers}));
        plan.direct(name, "https", &format!("{at}/"), expected);
    }
    for (name, at, answer, verdict) in [
        (
            "block_page",
            "blocked.lab.test",
            json!({
                "status": "403 Forbidden",
                "headers": {"Content-Type": "text/html", "Server": "FilterBox"},
                "body": block,
            }),
            "block_page",
        ),
        (
            "method_refused",
            "get-only.lab.test",
            json!({"status": "405 Method Not Allowed", "headers": {"Allow": "POST"}}),
            "method_blocked",
        ),
        (
            "captive_portal_redirects",
            "captive.lab.test",
            json!({"status": "302 Found", "headers": {"Location": portal}}),
            "captive_portal",
        ),
        (
            "captive_portal_says_so",
            "captive-too.lab.test",
            json!({"status": "511 Network Authentication Required", "body": "sign in"}),
            "captive_portal",
        ),
    ] {
        let address = plan.named(at);
        plan.listen(address, 80, json!({"how": "http", "answers": [answer]}));
        plan.direct(name, "http", &format!("{at}/"), sick(verdict));
    }
    let certificate = plan.certificate("flat.lab.test");
    let answers = json!({"answers": [{"status": "200 OK", "body": "no upgrade here"}]});
    plan.https("flat.lab.test", &certificate, answers);
    plan.direct(
        "upgrade_ignored",
        "wss",
        "flat.lab.test/",
        sick("upgrade_blocked"),
    );
}

fn proxies(plan: &mut Plan) {
    let (user, password) = (USER.to_owned(), PASSWORD.to_owned());
    plan.squid(PLAIN, Manner::Plain);
    plan.squid(
        BASIC,
        Manner::Basic {
            user: user.clone(),
            password: password.clone(),
        },
    );
    plan.squid(DIGEST, Manner::Digest { user, password });
    plan.squid(NTLM, Manner::Ntlm);
    plan.squid(DENYING, Manner::Denying);
    plan.squid(BUMPING, Manner::Bumping(plan.inspecting.clone()));
    plan.squid(BUMPING_STRANGELY, Manner::Bumping(plan.strange.clone()));
    let good = PASSWORD.replace(' ', "%20");
    let at = |port: u16| format!("http://{}", proxy(port));
    let as_user = |port: u16, word: &str| format!("http://{USER}:{word}@{}", proxy(port));
    let sick = |verdict| Expected::Sick("proxy", verdict);
    plan.by_proxy("proxy", &at(PLAIN), Expected::Healthy);
    plan.by_proxy("basic_sign_in", &as_user(BASIC, &good), Expected::Healthy);
    plan.by_proxy("digest_sign_in", &as_user(DIGEST, &good), Expected::Healthy);
    plan.by_proxy("ntlm_sign_in", &as_user(NTLM, &good), Expected::Healthy);
    plan.by_proxy("ntlm_without_user", &at(NTLM), sick("sign_in_required"));
    plan.by_proxy("basic_without_user", &at(BASIC), sick("sign_in_required"));
    plan.by_proxy("digest_without_user", &at(DIGEST), sick("sign_in_required"));
    plan.by_proxy(
        "basic_wrong_word",
        &as_user(BASIC, "wrong"),
        sick("sign_in_failed"),
    );
    // Another user: while Squid asks about the right word of one, it has let a wrong one in.
    let stranger = format!("http://mallory:wrong@{}", proxy(DIGEST));
    plan.by_proxy("digest_wrong_word", &stranger, sick("sign_in_failed"));
    plan.by_proxy("proxy_denies", &at(DENYING), sick("denied"));
    plan.by_proxy("proxy_refuses", &at(NOBODY), sick("refused"));
    plan.by_proxy(
        "inspected",
        &at(BUMPING),
        Expected::Sick("tls", "inspected"),
    );
    plan.by_proxy(
        "inspected_by_a_stranger",
        &at(BUMPING_STRANGELY),
        Expected::Sick("tls", "inspected"),
    );
}

fn scripts(plan: &mut Plan) {
    let to_plain = format!("return 'PROXY {}';", proxy(PLAIN));
    let good = plan.script("good", &to_plain);
    plan.by_pac("pac", &good, Expected::Healthy);
    let direct = plan.script("direct", "return 'DIRECT';");
    plan.by_pac("pac_direct", &direct, Expected::Healthy);
    let sick = |verdict| Expected::Sick("proxy", verdict);
    for (name, body) in [
        ("pac_throws", "throw new Error('no');".to_owned()),
        ("pac_loops", "for (;;) {}".to_owned()),
        ("pac_syntax", "return (;".to_owned()),
        ("pac_nonsense", "return 'SOMETIMES perhaps';".to_owned()),
    ] {
        let script = plan.script(name, &body);
        plan.by_pac(name, &script, sick("pac_error"));
    }
    let dead = plan.script("dead", &format!("return 'PROXY {}';", proxy(NOBODY)));
    plan.by_pac("pac_to_a_dead_proxy", &dead, sick("refused"));
    plan.by_pac(
        "pac_unreachable",
        "http://closed.lab.test/proxy.pac",
        sick("pac_unreachable"),
    );
    let address = plan.named("no-pac.lab.test");
    let answers = json!({"how": "http", "answers": [{"status": "404 Not Found"}]});
    plan.listen(address, 80, answers);
    plan.by_pac(
        "pac_missing",
        "http://no-pac.lab.test/proxy.pac",
        sick("pac_unreachable"),
    );
    // Left out of the servers' own addresses: nobody is there at all.
    let nobody = Answer::Addresses(vec![Network::address(99)]);
    plan.name("nobody.lab.test", nobody);
    plan.direct(
        "no_such_host",
        "https",
        "nobody.lab.test/",
        Expected::Sick("transport", "unreachable"),
    );
}
