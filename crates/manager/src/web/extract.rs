//! Bodies, queries and identifiers of requests, with problems that name the field.

use std::str::FromStr;
use std::time::Duration;

use axum::RequestPartsExt as _;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
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

/// Bytes of a JSON body on the API.
pub const MAX_JSON: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// The same for files.
const LARGE_BODY_LIMIT: Duration = Duration::from_secs(600);

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
        let bytes = read_body(request, MAX_JSON).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        super::json_response(StatusCode::OK, &self.0)
    }
}

/// Reads a whole body of at most `max` bytes.
///
/// # Errors
/// When it is larger, breaks off or takes too long.
pub async fn read_body(request: Request, max: usize) -> Result<Bytes, Refusal> {
    read_within(request, max, BODY_LIMIT).await
}

/// As [`read_body`], with more time.
///
/// # Errors
/// Those of [`read_body`].
pub async fn read_large_body(request: Request, max: usize) -> Result<Bytes, Refusal> {
    read_within(request, max, LARGE_BODY_LIMIT).await
}

async fn read_within(request: Request, max: usize, limit: Duration) -> Result<Bytes, Refusal> {
    let too_large = || {
        Refusal::new(
            ProblemKind::TooLarge,
            format!("expected a body of at most {max} bytes"),
        )
    };
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if declared.is_some_and(|length| length > u64::try_from(max).unwrap_or(u64::MAX)) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), max);
    match tokio::time::timeout(limit, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::invalid(format!("the body broke off: {error}"))),
        Err(_) => Err(Refusal::invalid(format!(
            "the body took longer than {} seconds",
            limit.as_secs()
        ))),
    }
}

/// Reads JSON; an error names the field, and the nearest known one where it is unknown.
///
/// # Errors
/// When the bytes are not what is expected.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::invalid(format!("the body: {}", explain(&error.to_string()))))
}

/// serde's message, with the nearest known name where one is unknown.
fn explain(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let is_unknown = message.contains("unknown field") || message.contains("unknown variant");
    let (Some(unknown), true) = (names.next(), is_unknown) else {
        return message.to_owned();
    };
    let known: Vec<&str> = names.collect();
    match nearest(unknown, &known) {
        Some(name) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
    }
}

/// The query, read into a struct; unknown keys are refused where the struct refuses them.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let raw = parts.uri.query().unwrap_or_default();
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let message = text
                    .rsplit_once("query string: ")
                    .map_or(text.as_str(), |(_, rest)| rest);
                let raw: String = raw.chars().take(200).collect();
                Err(Refusal::invalid(format!(
                    "the query {raw:?}: {}",
                    explain(message)
                )))
            }
        }
    }
}

/// The identifier in a path of one identifier.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<T, S> FromRequestParts<S> for PathId<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let Path(text) = parts
            .extract::<Path<String>>()
            .await
            .map_err(|error| Refusal::invalid(format!("the path: {}", error.body_text())))?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| Refusal::invalid(format!("the path: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use proto::api::access::NewApiToken;

    use super::*;

    #[test]
    fn an_unknown_field_is_named_with_its_nearest_neighbour() {
        let body = br#"{"name":"x","roles":"viewer","valid_seconds":60}"#;
        let error = parse::<NewApiToken>(body).unwrap_err().to_string();
        assert!(
            error.contains("`roles`") && error.contains("did you mean `role`?"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = parse::<NewApiToken>(b"{}").unwrap_err().to_string();
        assert!(error.contains("missing field `name`"), "{error}");
    }
}
