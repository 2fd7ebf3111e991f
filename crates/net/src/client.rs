//! A warm connection that is dialed again when it is gone.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::Mutex;

use crate::body::{RequestBody, ResponseBody};
use crate::dial::{Connection, DialError, Dialer, HttpError, StageFailure};

/// Sends requests on one connection, which it opens with the first request and whenever the last
/// one is gone. It sends a request again only if none of it had been sent; everything else
/// (waiting, backing off, giving up) is the caller's.
#[derive(Debug)]
pub struct HttpClient {
    dialer: Dialer,
    // An async lock: requests that come while one dials wait for its connection.
    current: Mutex<Option<Arc<Connection>>>,
}

impl HttpClient {
    /// Dials nothing yet.
    #[must_use]
    pub fn new(dialer: Dialer) -> Self {
        Self {
            dialer,
            current: Mutex::new(None),
        }
    }

    /// Where it dials.
    #[must_use]
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Sends a request (its URI needs a path only) and waits for the head of the response, at
    /// most as long as the dialer's limit for responses.
    ///
    /// # Errors
    /// When the server can't be reached, the connection breaks, or the limit passes.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, DialError> {
        self.send_within(request, self.dialer.timeouts().response)
            .await
    }

    /// As [`HttpClient::send`], with a limit of the caller's for the response's head.
    ///
    /// # Errors
    /// When the server can't be reached, the connection breaks, or the limit passes.
    pub async fn send_within(
        &self,
        request: Request<RequestBody>,
        limit: Duration,
    ) -> Result<Response<ResponseBody>, DialError> {
        let connection = self.connection().await?;
        let unsent = match connection.try_send(request, limit).await {
            Ok(response) => return Ok(response),
            Err(unsent) => unsent,
        };
        self.forget(&connection, &unsent.error).await;
        let Some(request) = unsent.request else {
            return Err(unsent.error);
        };
        let connection = self.connection().await?;
        let outcome = connection.send_within(request, limit).await;
        if let Err(error) = &outcome {
            self.forget(&connection, error).await;
        }
        outcome
    }

    /// Lets go of the connection: the next request dials anew, with what the identity holds then.
    /// Responses that are under way go on.
    pub async fn disconnect(&self) {
        *self.current.lock().await = None;
    }

    async fn connection(&self) -> Result<Arc<Connection>, DialError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current
            .as_ref()
            .filter(|connection| !connection.is_closed())
        {
            return Ok(Arc::clone(connection));
        }
        *current = None;
        let connection = Arc::new(self.dialer.connect().await?);
        *current = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// A connection on which a request failed is not used again, unless the request itself was
    /// at fault.
    async fn forget(&self, failed: &Arc<Connection>, error: &DialError) {
        if matches!(error.failure, StageFailure::Http(HttpError::Request(_))) {
            return;
        }
        let mut current = self.current.lock().await;
        if current
            .as_ref()
            .is_some_and(|connection| Arc::ptr_eq(connection, failed))
        {
            *current = None;
        }
    }
}
