//! Bodies and queries of requests, with problems that name the field.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use proto::problem::ProblemKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::nearest;
use crate::refusal::Refusal;

/// Bytes of a JSON body: a full batch of pings with the longest names fits.
pub const MAX_JSON: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// A JSON body, read with a limit; as an answer it is 200 with a JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("none")
            .to_owned();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::new(
                ProblemKind::UnsupportedMedia,
                format!("expected a body of type application/json, got {content_type:?}"),
            ));
        }
        let bytes = read_body(request).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Refusal::invalid(format!("the body: {}", explain(&error.to_string()))))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        super::json_response(StatusCode::OK, &self.0)
    }
}

async fn read_body(request: Request) -> Result<Bytes, Refusal> {
    let body = Limited::new(request.into_body(), MAX_JSON);
    match tokio::time::timeout(BODY_LIMIT, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Refusal::new(
            ProblemKind::TooLarge,
            format!("expected a body of at most {MAX_JSON} bytes"),
        )),
        Ok(Err(error)) => Err(Refusal::invalid(format!("the body broke off: {error}"))),
        Err(_) => Err(Refusal::invalid(format!(
            "the body took longer than {} seconds",
            BODY_LIMIT.as_secs()
        ))),
    }
}

/// The query, read into a struct; unknown keys are refused where the struct refuses them.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                Err(Refusal::invalid(format!("the query: {}", explain(&text))))
            }
        }
    }
}

/// serde's message, with the nearest known name where one is unknown.
fn explain(message: &str) -> String {
    let Some((_, list)) = message.split_once("unknown ") else {
        return message.to_owned();
    };
    let mut names = list.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    match nearest(unknown, &known) {
        Some(name) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
    }
}
