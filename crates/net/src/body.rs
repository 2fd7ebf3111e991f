//! Bodies of requests and responses.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::dial::{Driver, HttpError};

/// What a request carries. Make one with [`empty`], [`full`] or [`stream`].
pub type RequestBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// No body.
#[must_use]
pub fn empty() -> RequestBody {
    full(Bytes::new())
}

/// A body that is in memory.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that is made while it is sent.
#[must_use]
pub fn stream<B>(body: B) -> RequestBody
where
    B: Body<Data = Bytes, Error = std::io::Error> + Send + 'static,
{
    body.boxed_unsync()
}

/// The body of a response as it arrives. Holds the connection open until dropped.
#[derive(Debug)]
pub struct ResponseBody {
    incoming: Incoming,
    driver: Arc<Driver>,
}

impl ResponseBody {
    pub(crate) fn new(incoming: Incoming, driver: Arc<Driver>) -> Self {
        Self { incoming, driver }
    }

    /// The next piece, never an empty one; `None` at the end. Waits without limit: a notification stream is silent
    /// for as long as there is nothing to say, and the caller knows how long that may be.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        while let Some(frame) = self.frame().await {
            if let Ok(data) = frame?.into_data()
                && !data.is_empty()
            {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        polled.map(|frame| frame.map(|result| result.map_err(|error| self.driver.explain(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Reads a whole body into memory, at most `max` bytes of it, within `limit`.
///
/// # Errors
/// When the body is larger, takes longer, or the connection breaks.
pub async fn read_limited(
    response: Response<ResponseBody>,
    max: usize,
    limit: Duration,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, mut body) = response.into_parts();
    let announced = body.size_hint().lower();
    if u64::try_from(max).is_ok_and(|max| announced > max) {
        return Err(HttpError::BodyTooLarge { limit: max });
    }
    let read = async {
        let mut buffer = BytesMut::new();
        while let Some(piece) = body.chunk().await? {
            if buffer.len() + piece.len() > max {
                return Err(HttpError::BodyTooLarge { limit: max });
            }
            buffer.extend_from_slice(&piece);
        }
        Ok(buffer.freeze())
    };
    let bytes = tokio::time::timeout(limit, read)
        .await
        .map_err(|_| HttpError::TimedOut {
            waiting_for: "the end of the response",
            limit,
        })??;
    Ok(Response::from_parts(parts, bytes))
}
