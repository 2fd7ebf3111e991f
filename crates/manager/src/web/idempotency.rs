//! `Idempotency-Key`: the same key, caller and request within 24 hours give the same answer again,
//! and nothing is done twice.
//!
//! A line is written before the work begins and completed after it, so that also a manager that
//! died meanwhile doesn't do it again: the caller is then told to look. Answers may hold secrets
//! (a fresh token); they are kept sealed under a key that is not in the database.

use std::sync::Arc;
use std::time::Duration;

use ::store::{StoreError, Transaction};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Limited};
use model::Timestamp;
use proto::problem::ProblemKind;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::extract::{MAX_JSON, read_body};
use crate::access::Caller;
use crate::refusal::Refusal;
use crate::site::Site;

pub(crate) const TABLES: &str = "
CREATE TABLE idempotency (
    name TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    created BIGINT NOT NULL,
    status BIGINT,
    answer TEXT
);
CREATE INDEX idempotency_created ON idempotency (created);
";

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Lines that are kept; beyond it, requests with a new key are told to wait.
const MAX_LINES: i64 = 100_000;
/// Bytes of an answer that is kept.
const MAX_ANSWER: usize = 1 << 20;

/// What is known of a key.
enum Known {
    New,
    /// Another request had this key.
    Mismatch,
    /// The work began and its end is not known.
    Begun,
    Done(StatusCode, String),
    Full,
}

/// The middleware: lets everything through that carries no key or is no `POST`.
pub async fn once(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    // A file is too large to be compared; publishing it twice is refused by its revision.
    let is_file = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/octet-stream");
    let key = match request.headers().get("idempotency-key") {
        Some(key) if *request.method() == Method::POST && !is_file => key.clone(),
        Some(_) | None => return next.run(request).await,
    };
    match answer(&site, &key, request, next).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(
    site: &Arc<Site>,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| {
            (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .ok_or_else(|| Refusal::invalid("idempotency-key: expected 1 to 128 visible characters"))?;
    let (mut parts, body) = request.into_parts();
    // Who is unknown has no answer kept for it, and fills no table.
    Caller::from_request_parts(&mut parts, site).await?;
    let credential = parts.headers.get(header::AUTHORIZATION).cloned();
    let credential = credential.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
    let place = Place::new(site, credential, key);
    let line = format!("{} {}", parts.method, parts.uri);
    let bytes = read_body(Request::from_parts(parts.clone(), body), MAX_JSON).await?;
    let mut digest = Sha256::new();
    digest.update(line.as_bytes());
    digest.update([0]);
    digest.update(&bytes);
    let digest = hex::encode(digest.finalize());
    match begin(site, &place.name, digest).await? {
        Known::New => {}
        Known::Mismatch => {
            return Err(Refusal::new(
                ProblemKind::IdempotencyMismatch,
                "this key came with another request before; use a new key for a new request",
            ));
        }
        Known::Begun => {
            return Err(Refusal::conflict(
                "the request with this key is under way, or the manager stopped while it was; look whether it was done, then use a new key",
            ));
        }
        Known::Done(status, sealed) => return place.open(status, &sealed),
        Known::Full => {
            return Err(Refusal::new(
                ProblemKind::TooMany,
                "too many requests with idempotency keys today; repeat it without one",
            ));
        }
    }
    let response = next
        .run(Request::from_parts(parts, Body::from(bytes)))
        .await;
    finish(site, &place, response).await
}

/// Where one caller's key has its line, and what its answer is sealed with.
struct Place {
    name: String,
    seal: hmac::Tag,
}

impl Place {
    fn new(site: &Site, credential: &[u8], key: &str) -> Self {
        let chain = hmac::Key::new(hmac::HMAC_SHA256, &site.keys.chain);
        let derive = |purpose: &[u8]| {
            let mut context = hmac::Context::with_key(&chain);
            for part in [purpose, credential, key.as_bytes()] {
                context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                context.update(part);
            }
            context.sign()
        };
        Self {
            name: hex::encode(derive(b"garrison idempotency name 1")),
            seal: derive(b"garrison idempotency seal 1"),
        }
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, Refusal> {
        RandomizedNonceKey::new(&AES_256_GCM, self.seal.as_ref())
            .map_err(|_| Refusal::internal("sealing an answer")("no key"))
    }

    /// The nonce, then the sealed answer with its tag.
    fn close(&self, answer: &[u8]) -> Result<String, Refusal> {
        let mut bytes = answer.to_vec();
        let nonce = self
            .cipher()?
            .seal_in_place_append_tag(Aad::empty(), &mut bytes)
            .map_err(|_| Refusal::internal("sealing an answer")("refused"))?;
        Ok(STANDARD.encode([nonce.as_ref().as_slice(), &bytes].concat()))
    }

    fn open(&self, status: StatusCode, sealed: &str) -> Result<Response, Refusal> {
        let damaged = || StoreError::content("a kept answer", "it can't be unsealed");
        let mut bytes = STANDARD.decode(sealed).map_err(|_| damaged())?;
        let (nonce, answer) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let plain = self
            .cipher()?
            .open_in_place(nonce, Aad::empty(), answer)
            .map_err(|_| damaged())?;
        let mut response = Response::new(Body::from(plain.to_vec()));
        *response.status_mut() = status;
        let content_type = if status.is_success() {
            "application/json"
        } else {
            "application/problem+json"
        };
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
            .headers_mut()
            .insert("idempotency-replayed", HeaderValue::from_static("true"));
        Ok(response)
    }
}

async fn begin(site: &Site, name: &str, request: String) -> Result<Known, Refusal> {
    let now = site.now();
    let name = name.to_owned();
    site.database
        .write(|tx| Box::pin(async move { begin_in(tx, &name, &request, now).await }))
        .await
}

async fn begin_in(
    tx: &mut Transaction,
    name: &str,
    request: &str,
    now: Timestamp,
) -> Result<Known, Refusal> {
    sqlx::query("DELETE FROM idempotency WHERE name = $1 AND created <= $2")
        .bind(name)
        .bind(now.minus(KEPT).millis())
        .execute(&mut *tx)
        .await?;
    let found = sqlx::query("SELECT request, status, answer FROM idempotency WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *tx)
        .await?;
    if let Some(row) = found {
        if row.try_get::<&str, _>("request")? != request {
            return Ok(Known::Mismatch);
        }
        let status: Option<i64> = row.try_get("status")?;
        let answer: Option<String> = row.try_get("answer")?;
        let status = status
            .and_then(|status| u16::try_from(status).ok())
            .and_then(|status| StatusCode::from_u16(status).ok());
        return Ok(match (status, answer) {
            (Some(status), Some(answer)) => Known::Done(status, answer),
            (Some(_), None) | (None, _) => Known::Begun,
        });
    }
    let lines: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM idempotency")
        .fetch_one(&mut *tx)
        .await?;
    if lines >= MAX_LINES {
        return Ok(Known::Full);
    }
    sqlx::query("INSERT INTO idempotency (name, request, created) VALUES ($1, $2, $3)")
        .bind(name)
        .bind(request)
        .bind(now.millis())
        .execute(tx)
        .await?;
    Ok(Known::New)
}

/// Keeps the answer. What failed on our side, or was not let in, may be tried again.
async fn finish(site: &Site, place: &Place, response: Response) -> Result<Response, Refusal> {
    let status = response.status();
    let forget = status.is_server_error()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        );
    let name = place.name.clone();
    if forget {
        site.database
            .write(|tx| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM idempotency WHERE name = $1")
                        .bind(name)
                        .execute(tx)
                        .await?;
                    Ok::<_, Refusal>(())
                })
            })
            .await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .map_err(Refusal::internal("keeping an answer"))?
        .to_bytes();
    let sealed = place.close(&bytes)?;
    site.database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("UPDATE idempotency SET status = $2, answer = $3 WHERE name = $1")
                    .bind(name)
                    .bind(i64::from(status.as_u16()))
                    .bind(sealed)
                    .execute(tx)
                    .await?;
                Ok::<_, Refusal>(())
            })
        })
        .await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Forgets answers that are older than a day.
pub(crate) async fn prune(site: &Site) -> Result<(), Refusal> {
    let before = site.now().minus(KEPT);
    site.database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("DELETE FROM idempotency WHERE created <= $1")
                    .bind(before.millis())
                    .execute(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}
