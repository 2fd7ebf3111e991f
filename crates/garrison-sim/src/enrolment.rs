//! Agents become devices.

use anyhow::{Context, Result};
use net::Endpoint;
use proto::EnrolmentToken;
use proto::agent::{EnrolAnswer, EnrolRequest};
use trust::KeyPair;

use crate::identity::Identity;
use crate::manager::{self, Manager, RequestError};

/// A token, read and understood.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) endpoint: Endpoint,
    ca_pin: [u8; 32],
    token: EnrolmentToken,
}

impl Entrance {
    pub(crate) fn from_file(path: &std::path::Path) -> Result<Self> {
        let text = trust::keyfile::read_text(path)?;
        let token = EnrolmentToken::parse(&text).with_context(|| path.display().to_string())?;
        let address = token
            .addresses
            .first()
            .context("the token has no address")?;
        let mut ca_pin = [0; 32];
        hex::decode_to_slice(&token.ca_pin, &mut ca_pin)?;
        Ok(Self {
            endpoint: Endpoint::parse(address)?,
            ca_pin,
            token,
        })
    }

    /// A connection for enrolling.
    pub(crate) fn connection(&self) -> Result<Manager> {
        Manager::stranger(&self.endpoint, self.ca_pin)
    }

    /// Makes a key and enrols it.
    pub(crate) async fn enrol(
        &self,
        connection: &Manager,
        number: u32,
    ) -> Result<Identity, RequestError> {
        let failed = |error: &dyn std::fmt::Display| RequestError::Request(error.to_string());
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let request = EnrolRequest {
            secret: self.token.secret.clone(),
            certificate_request: key.certificate_request().map_err(|error| failed(&error))?,
            host: manager::host(number),
        };
        let answer: EnrolAnswer = connection.enrol(&request).await?;
        Ok(Identity {
            device: answer.device,
            key_pem: key.to_pem(),
            certificate: answer.certificate,
            ca_certificate: answer.ca_certificate,
            site_key: answer.site_key,
            counter: 0,
            nonce: String::new(),
            pending: None,
            spool: uuid::Uuid::new_v4().simple().to_string(),
            delivered: 0,
        })
    }
}
