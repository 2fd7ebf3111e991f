//! Every route of the table, from the outside.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use model::Role;
use proto::api::access::NewUser;
use tower::ServiceExt as _;

use super::{Entry, Route, router, routes};
use crate::access;
use crate::site::Site;

const PASSWORD: &str = "correct horse battery staple";

struct Stage {
    site: Arc<Site>,
    _running: crate::Running,
    _folder: tempfile::TempDir,
    router: Router,
}

impl Stage {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = crate::Config {
            folder: folder.path().join("manager"),
            ..crate::Config::default()
        };
        let running = crate::Manager::start(config).await.unwrap();
        let site = Arc::clone(running.site());
        Self {
            router: router(Arc::clone(&site)),
            site,
            _running: running,
            _folder: folder,
        }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A session of a new person of that role.
    async fn session(&self, role: Role) -> String {
        let name = format!("a-{role}");
        let by = access::Caller::manager().permit().unwrap();
        let new = NewUser {
            name: name.clone(),
            role,
            password: PASSWORD.to_owned(),
        };
        access::create_user(&self.site, &by, new).await.unwrap();
        access::sign_in(&self.site, &name, PASSWORD, None)
            .await
            .unwrap()
            .token
    }

    async fn page(&self, session: &str, path: &str) -> (StatusCode, String) {
        let request = with_session(Method::GET, path, session, Body::empty());
        let response = self.send(request).await;
        let status = response.status();
        (status, text(response).await)
    }
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn with_session(method: Method, path: &str, session: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::COOKIE, format!("__Host-garrison={session}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .unwrap()
}

fn filled(path: &str) -> String {
    path.replace("{id}", &uuid::Uuid::now_v7().to_string())
        .replace("{name}", "none.css")
        .replace("{flow}", "console")
        .replace("{cause}", "0123456789abcdef")
        .replace("{format}", "nftables")
}

/// Routes that lead nowhere without a session.
fn closed() -> Vec<Route> {
    let closed: Vec<Route> = routes()
        .into_iter()
        .filter(|route| route.entry != Entry::Open)
        .collect();
    assert!(closed.len() > 20);
    closed
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_every_route_leads_to_sign_in_or_is_refused() {
    let stage = Stage::set().await;
    for route in closed() {
        let request = Request::builder()
            .method(route.method.clone())
            .uri(filled(route.path))
            .body(Body::empty())
            .unwrap();
        let response = stage.send(request).await;
        let to = response.headers().get(header::LOCATION).cloned();
        match response.status() {
            StatusCode::SEE_OTHER => {
                let to = to.unwrap();
                assert!(to.to_str().unwrap().starts_with("/sign-in?"), "{to:?}");
            }
            status => assert_eq!(status, StatusCode::UNAUTHORIZED, "{route:?}"),
        }
    }
    let made_up = with_session(Method::GET, "/devices", "made-up", Body::empty());
    assert_eq!(stage.send(made_up).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_pages_token_no_form_is_taken() {
    let stage = Stage::set().await;
    let session = stage.session(Role::Administrator).await;
    let mut forms = 0;
    for route in closed() {
        if route.method == Method::GET {
            continue;
        }
        forms += 1;
        for body in ["", "csrf=", "csrf=00ff"] {
            let request = with_session(
                route.method.clone(),
                &filled(route.path),
                &session,
                Body::from(body),
            );
            let status = stage.send(request).await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{} {body:?}", route.path);
        }
        let mut request = with_session(
            route.method.clone(),
            &filled(route.path),
            &session,
            Body::from(format!("csrf={}", access::csrf_token(&session))),
        );
        request
            .headers_mut()
            .insert("sec-fetch-site", "cross-site".parse().unwrap());
        let status = stage.send(request).await.status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{} cross-site", route.path);
    }
    assert!(forms > 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_is_closed_to_smaller_roles() {
    let stage = Stage::set().await;
    for role in [Role::Viewer, Role::Operator] {
        let session = stage.session(role).await;
        let form = format!("csrf={}", access::csrf_token(&session));
        for route in closed() {
            let Entry::Role(needed) = route.entry else {
                continue;
            };
            if needed <= role {
                continue;
            }
            let request = with_session(
                route.method.clone(),
                &filled(route.path),
                &session,
                Body::from(form.clone()),
            );
            let status = stage.send(request).await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{role} {}", route.path);
        }
    }
}

#[test]
fn what_changes_something_needs_more_than_a_viewer() {
    for route in closed() {
        if route.method == Method::GET || ["/theme", "/sign-out"].contains(&route.path) {
            continue;
        }
        assert!(
            matches!(
                route.entry,
                Entry::Role(Role::Operator | Role::Administrator)
            ),
            "{route:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_new_site_opens_for_those_who_may() {
    let stage = Stage::set().await;
    for role in [Role::Administrator, Role::Viewer] {
        let session = stage.session(role).await;
        for route in closed() {
            let is_list = route.method == Method::GET && !route.path.contains('{');
            if !is_list || route.path == "/changes" || route.entry > Entry::Role(role) {
                continue;
            }
            let (status, body) = stage.page(&session, route.path).await;
            assert_eq!(status, StatusCode::OK, "{} {body}", route.path);
            assert!(!body.is_empty());
            if role == Role::Viewer && body.contains("<html") {
                let forms = body.matches("<form method=\"post\"").count()
                    + body.matches("<form class=\"form\" method=\"post\"").count();
                assert_eq!(forms, 2, "{}: theme and sign-out alone", route.path);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_that_is_on_and_every_file_of_the_network_has_a_page() {
    let stage = Stage::set().await;
    let session = stage.session(Role::Viewer).await;
    let on = flows::GarrisonFlow::ALL.into_iter();
    for flow in on.filter(|flow| flow.flow().default_on) {
        let path = format!("/network/flows/{}", flow.id());
        let (status, body) = stage.page(&session, &path).await;
        assert_eq!(status, StatusCode::OK, "{path} {body}");
        assert!(body.contains(&flow.flow().breaks[0].feature.to_string()));
    }
    let query = "agents=198.51.100.0%2F24&resolver=192.0.2.53";
    for format in flows::Format::available() {
        let path = format!("/network/renderings/{format}?{query}");
        let (status, body) = stage.page(&session, &path).await;
        assert_eq!(status, StatusCode::OK, "{path} {body}");
        let path = format!("/network/renderings/{format}/file?{query}");
        let request = with_session(Method::GET, &path, &session, Body::empty());
        let response = stage.send(request).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_TYPE], format.media_type());
        assert_eq!(
            headers[header::CONTENT_DISPOSITION],
            format!(
                "attachment; filename=\"garrison-{format}.{}\"",
                format.file_ending()
            )
        );
    }
    for nowhere in ["/network/flows/telnet", "/network/renderings/telnet"] {
        let (status, _) = stage.page(&session, nowhere).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{nowhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_are_none_are_told_and_the_flows_stay() {
    let stage = Stage::set().await;
    let session = stage.session(Role::Viewer).await;
    for place in ["/network", "/network/renderings/pac"] {
        let path = format!("{place}?agents=%3Cscript%3E");
        let (status, body) = stage.page(&session, &path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(
            body.contains("role=\"alert\"") && !body.contains("<script>\""),
            "{body}"
        );
        assert_eq!(place != "/network", !body.contains("agent-channel"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_to_what_was_wanted_and_nowhere_else() {
    let stage = Stage::set().await;
    let _ = stage.session(Role::Viewer).await;
    for (wanted, reached) in [
        ("%2Fdevices%3Fsearch%3Da", "/devices?search=a"),
        ("%2F%2Fevil.example", "/"),
        ("https%3A%2F%2Fevil.example", "/"),
    ] {
        let shown = stage
            .send(
                Request::get(format!("/sign-in?to={wanted}"))
                    .body(Body::empty())
                    .unwrap(),
            )
            .await;
        let cookie = shown.headers()[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .to_owned();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let html = text(shown).await;
        let csrf = html.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let csrf = csrf.split('"').next().unwrap();
        let attempt = |password: &str, csrf: &str| {
            Request::post("/sign-in")
                .header(header::COOKIE, &cookie)
                .body(Body::from(format!(
                    "csrf={csrf}&to={wanted}&name=a-viewer&password={password}"
                )))
                .unwrap()
        };
        let refused = stage.send(attempt("wrong-password", csrf)).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let foreign = stage.send(attempt(&PASSWORD.replace(' ', "+"), "00")).await;
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
        let done = stage.send(attempt(&PASSWORD.replace(' ', "+"), csrf)).await;
        assert_eq!(done.status(), StatusCode::SEE_OTHER);
        assert_eq!(done.headers()[header::LOCATION], reached);
        assert!(
            done.headers()[header::SET_COOKIE]
                .to_str()
                .unwrap()
                .starts_with("__Host-garrison=")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let stage = Stage::set().await;
    let _ = stage.session(Role::Viewer).await;
    let mut answers = Vec::new();
    for name in ["a-viewer", "nobody-x"] {
        let shown = stage
            .send(Request::get("/sign-in").body(Body::empty()).unwrap())
            .await;
        let cookie = shown.headers()[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .to_owned();
        let html = text(shown).await;
        let csrf = html.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let csrf = csrf.split('"').next().unwrap();
        let request = Request::post("/sign-in")
            .header(header::COOKIE, cookie.split(';').next().unwrap())
            .body(Body::from(format!(
                "csrf={csrf}&to=/&name={name}&password=wrong-password"
            )))
            .unwrap();
        let answer = stage.send(request).await;
        let status = answer.status();
        let html = text(answer).await;
        let (before, after) = html.split_once("name=\"csrf\" value=\"").unwrap();
        let after = after.split_once('"').unwrap().1.replace(name, "NAME");
        answers.push((status, before.to_owned(), after));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers_and_assets_may_be_kept() {
    let stage = Stage::set().await;
    for path in ["/sign-in", "/devices", "/nowhere", "/changes"] {
        let response = stage
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        let headers = response.headers();
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    let address = super::assets::address("console.css");
    let request = Request::get(&address)
        .header(header::ACCEPT_ENCODING, "br, gzip")
        .body(Body::empty())
        .unwrap();
    let response = stage.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    let kept = response.headers()[header::CACHE_CONTROL].to_str().unwrap();
    assert!(kept.contains("immutable"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_says_comes_back_escaped() {
    let stage = Stage::set().await;
    let session = stage.session(Role::Administrator).await;
    let csrf = access::csrf_token(&session);
    let hostile = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27";
    let body = format!("csrf={csrf}&name={hostile}&role=viewer&valid_seconds=3600");
    let request = with_session(Method::POST, "/api-tokens", &session, Body::from(body));
    let response = stage.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let html = text(response).await;
    assert!(
        html.contains("alert(1)") && !html.contains("<script>alert"),
        "{html}"
    );
    let (_, html) = stage
        .page(&session, &format!("/devices?search={hostile}"))
        .await;
    assert!(
        !html.contains("<script>alert") && !html.contains("\"'>"),
        "{html}"
    );
    let (status, html) = stage.page(&session, "/%3Cscript%3Ealert(1)").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!html.contains("<script>alert"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session() {
    let stage = Stage::set().await;
    let session = stage.session(Role::Viewer).await;
    let csrf = access::csrf_token(&session);
    let request = with_session(
        Method::POST,
        "/sign-out",
        &session,
        Body::from(format!("csrf={csrf}")),
    );
    assert_eq!(stage.send(request).await.status(), StatusCode::SEE_OTHER);
    let (status, _) = stage.page(&session, "/devices").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}
