//! Signing in at a proxy, judged by a real one.

use std::process::Command;

use axum::Router;
use axum::routing::get;
use md5::{Digest as _, Md5};
use net::probe::{
    ProbePlan, ProbeReport, ProbeRequest, ProbeRoots, ProbeRoute, ProbeTransport, ProxySeen,
    SignInScheme,
};
use net::{
    ClientIdentity, Endpoint, Proxy, ProxyCredentials, ProxyError, ProxySetting, StageFailure,
};

use crate::probing::{plan, prober};
use crate::site::{Running, Setup};
use crate::squid::{self, Squid, program};
use crate::stranger::Stranger;

const PLAIN: ProbeTransport = ProbeTransport::Http {
    ask: ProbeRequest::Get,
};
const SECURE: ProbeTransport = ProbeTransport::Https {
    ask: ProbeRequest::Get,
};
const SIGNED_IN: &str =
    "acl signed proxy_auth REQUIRED\nhttp_access allow signed\nhttp_access deny all";

/// Servers behind the proxy, and the proxy.
struct Stand {
    setup: Setup,
    secure: Running,
    plain: Stranger,
    squid: Squid,
}

impl Stand {
    /// `None` where there can be no such Squid; the test is then skipped.
    async fn new(
        test: &str,
        helpers: &[&str],
        rules: impl FnOnce(&tempfile::TempDir) -> String,
    ) -> Option<Self> {
        if let Some(missing) = squid::missing(helpers) {
            skip::skip(test, &missing);
            return None;
        }
        let setup = Setup::new();
        let secure = setup.serve(Router::new().route("/", get(|| async { "secure" })));
        let plain = Stranger::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain").await;
        let folder = squid::folder();
        let rules = rules(&folder);
        Some(Self {
            setup,
            secure,
            plain,
            squid: Squid::start(folder, &rules),
        })
    }

    fn proxy(&self, credentials: Option<(&str, &str)>) -> Proxy {
        Proxy {
            endpoint: Endpoint::from(self.squid.address),
            credentials: credentials.map(|(user, password)| ProxyCredentials {
                user: user.into(),
                password: password.into(),
            }),
        }
    }

    async fn probe(&self, mut plan: ProbePlan, credentials: Option<(&str, &str)>) -> ProbeReport {
        plan.route = ProbeRoute::Proxy(self.proxy(credentials));
        let roots = ProbeRoots::of(vec![self.setup.ca.der.clone()], Vec::new());
        prober(roots).probe(&plan).await
    }

    /// One with TLS through a tunnel, one without as a whole request.
    fn plans(&self) -> [(ProbePlan, &'static [u8]); 2] {
        [
            (plan(self.secure.address, SECURE), b"secure"),
            (plan(self.plain.address, PLAIN), b"plain"),
        ]
    }

    async fn lets_in(&self, credentials: (&str, &str), scheme: SignInScheme) {
        for (plan, body) in self.plans() {
            let report = self.probe(plan, Some(credentials)).await;
            assert!(report.failure.is_none(), "{scheme:?}: {:?}", report.failure);
            assert_eq!(report.http.as_ref().unwrap().head_of_body, body);
            assert_eq!(report.proxy.unwrap().signed_in_with, Some(scheme));
        }
        // And the dialer too.
        let dialer = self
            .setup
            .dialer(self.secure.address, &ClientIdentity::none())
            .with_proxy(ProxySetting::Explicit(self.proxy(Some(credentials))));
        dialer.connect().await.unwrap();
    }

    async fn keeps_out(&self, credentials: Option<(&str, &str)>, scheme: SignInScheme) {
        for (plan, _) in self.plans() {
            let report = self.probe(plan, credentials).await;
            let seen = report.proxy.unwrap();
            assert_eq!(seen.status, Some(407));
            assert_eq!(seen.signed_in_with, credentials.map(|_| scheme));
            match report.failure {
                Some(StageFailure::Proxy(ProxyError::SignInRequired {
                    offered, tried, ..
                })) => {
                    assert_eq!(offered, [scheme.as_str()]);
                    assert_eq!(tried, credentials.is_some());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn squid_takes_basic_with_the_right_password_alone() {
    let test = "squid_takes_basic_with_the_right_password_alone";
    let stand = Stand::new(test, &["basic_ncsa_auth"], |folder| {
        let hash = Command::new("openssl")
            .args(["passwd", "-apr1", "p:w"])
            .output()
            .unwrap();
        let hash = String::from_utf8(hash.stdout).unwrap();
        let users = squid::file(folder, "users", &format!("ann:{hash}"));
        let program = program("basic_ncsa_auth");
        format!("auth_param basic program {program} {users}\n{SIGNED_IN}")
    });
    let Some(stand) = stand.await else { return };
    stand.lets_in(("ann", "p:w"), SignInScheme::Basic).await;
    stand
        .keeps_out(Some(("ann", "wrong")), SignInScheme::Basic)
        .await;
    stand.keeps_out(None, SignInScheme::Basic).await;
}

#[tokio::test]
async fn squid_takes_digest_with_the_right_password_alone() {
    let test = "squid_takes_digest_with_the_right_password_alone";
    let stand = Stand::new(test, &["digest_file_auth"], |folder| {
        let hash = hex::encode(Md5::digest(b"ann:judge:p:w"));
        let users = squid::file(folder, "users", &format!("ann:judge:{hash}\n"));
        let program = program("digest_file_auth");
        format!(
            "auth_param digest program {program} -c {users}\nauth_param digest realm judge\n{SIGNED_IN}"
        )
    });
    let Some(stand) = stand.await else { return };
    stand.lets_in(("ann", "p:w"), SignInScheme::Digest).await;
    stand
        .keeps_out(Some(("ann", "wrong")), SignInScheme::Digest)
        .await;
    stand.keeps_out(None, SignInScheme::Digest).await;
}

#[tokio::test]
async fn squid_takes_ntlm_over_one_connection() {
    let test = "squid_takes_ntlm_over_one_connection";
    let stand = Stand::new(test, &["ntlm_fake_auth"], |_| {
        let program = program("ntlm_fake_auth");
        format!("auth_param ntlm program {program}\nauth_param ntlm keep_alive on\n{SIGNED_IN}")
    });
    let Some(stand) = stand.await else { return };
    stand
        .lets_in(("DOMAIN\\ann", "p:w"), SignInScheme::Ntlm)
        .await;
    stand.keeps_out(None, SignInScheme::Ntlm).await;
}

#[tokio::test]
async fn squid_takes_ntlm_within_negotiate() {
    let test = "squid_takes_ntlm_within_negotiate";
    let helpers = [
        "negotiate_wrapper_auth",
        "ntlm_fake_auth",
        "negotiate_kerberos_auth",
    ];
    let stand = Stand::new(test, &helpers, |_| {
        let [wrapper, ntlm, kerberos] = helpers.map(program);
        format!(
            "auth_param negotiate program {wrapper} --ntlm {ntlm} --kerberos {kerberos}\nauth_param negotiate keep_alive on\n{SIGNED_IN}"
        )
    });
    let Some(stand) = stand.await else { return };
    stand
        .lets_in(("DOMAIN\\ann", "p:w"), SignInScheme::Negotiate)
        .await;
    stand.keeps_out(None, SignInScheme::Negotiate).await;
}

#[tokio::test]
async fn a_destination_that_squid_denies_or_does_not_reach_is_told_with_its_reason() {
    let test = "a_destination_that_squid_denies_or_does_not_reach_is_told_with_its_reason";
    let stand = Stand::new(test, &[], |_| {
        "acl closed port 9\nhttp_access deny closed\nhttp_access allow all".to_owned()
    });
    let Some(stand) = stand.await else { return };
    let refused = async |port: u16| -> (u16, ProxySeen) {
        let plan = plan(([127, 0, 0, 1], port).into(), SECURE);
        let report = stand.probe(plan, None).await;
        match report.failure {
            Some(StageFailure::Proxy(ProxyError::Refused { status, .. })) => {
                (status, report.proxy.unwrap())
            }
            other => panic!("{other:?}"),
        }
    };
    let (status, seen) = refused(9).await;
    assert_eq!(status, 403);
    assert!(seen.reason.unwrap().starts_with("ERR_ACCESS_DENIED"));
    assert!(seen.server.unwrap().starts_with("squid"));
    assert!(seen.head_of_body.starts_with(b"<!DOCTYPE html"));
    let (status, seen) = refused(1).await;
    assert_eq!(status, 503);
    assert!(seen.reason.unwrap().starts_with("ERR_CONNECT_FAIL"));
}
