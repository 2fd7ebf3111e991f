//! Speaking with domain controllers (RFC 4120, section 7.2; the flow `domain-controller`).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::answer::{self, Refused, Reply, Sealed};
use super::error::{KerberosError, Refusal};

use super::settings::{PORT, Settings};
use crate::dial::{tcp, within};
use crate::dns::Resolver;
use crate::endpoint::{Endpoint, Host};

/// More domain controllers of one realm are not asked.
const MAX_ASKED: usize = 3;
/// More addresses of one of them are not tried.
const MAX_ADDRESSES: usize = 2;
/// A longer answer is none.
const MAX_ANSWER: u32 = 256 * 1024;

/// The domain controllers of one realm, and how long they may take.
#[derive(Debug)]
pub(super) struct Kdcs<'a> {
    pub(super) realm: &'a str,
    pub(super) settings: &'a Settings,
    pub(super) resolver: &'a Resolver,
    /// For one question, whoever is asked.
    pub(super) limit: Duration,
}

/// An answer, and who gave it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) kdc: Endpoint,
    pub(super) said: Said,
}

#[derive(Debug)]
pub(super) enum Said {
    Ticket(Sealed),
    Refused(Refused),
}

impl Kdcs<'_> {
    /// Asks one after the other until one answers.
    pub(super) async fn ask(&self, question: &[u8]) -> Result<Answered, KerberosError> {
        let kdcs = self.find().await;
        let Ok(count @ 1..) = u32::try_from(kdcs.len()) else {
            return Err(KerberosError::NoKdc {
                realm: self.realm.to_owned(),
            });
        };
        let each = self.limit / count;
        let mut last = None;
        for kdc in kdcs {
            let asking = within(each, self.exchange(&kdc, question, each)).await;
            let reason = match asking {
                Some(Ok(answer)) => return read(&answer, kdc),
                Some(Err(reason)) => reason,
                None => format!("no answer within {} s", each.as_secs_f32()),
            };
            last = Some(KerberosError::KdcUnreachable {
                realm: self.realm.to_owned(),
                kdc,
                reason,
            });
        }
        Err(last.unwrap_or_else(|| KerberosError::NoKdc {
            realm: self.realm.to_owned(),
        }))
    }

    /// As krb5.conf says, else as DNS does (RFC 4120, section 7.2.3.2).
    async fn find(&self) -> Vec<Endpoint> {
        let mut kdcs = self.settings.kdcs(self.realm);
        if kdcs.is_empty() {
            let name = format!("_kerberos._tcp.{}", self.realm.to_ascii_lowercase());
            let found = self.resolver.services(&name, self.limit / 2).await;
            kdcs.extend(found.into_iter().filter_map(|(host, port)| {
                let host = Host::parse(&host).ok()?;
                Some(Endpoint { host, port })
            }));
        }
        if kdcs.is_empty() {
            // A realm of Active Directory is a name of its domain controllers too.
            let name = self.realm.to_ascii_lowercase();
            let (_, found) = self.resolver.lookup(&name, self.limit / 2).await;
            kdcs.extend(found.into_iter().flatten().map(|address| Endpoint {
                host: Host::Address(address),
                port: PORT,
            }));
        }
        kdcs.truncate(MAX_ASKED);
        kdcs
    }

    async fn exchange(
        &self,
        kdc: &Endpoint,
        question: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, String> {
        let addresses = match &kdc.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let (_, found) = self.resolver.lookup(name, limit).await;
                found.map_err(|error| error.to_string())?
            }
        };
        let addresses: Vec<SocketAddr> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, kdc.port))
            .take(MAX_ADDRESSES)
            .collect();
        // The outer limit tells by name what this one would tell by address.
        let connected = tcp::connect(&addresses, limit).await;
        let (mut stream, _) = connected.map_err(|error| error.to_string())?;
        let speaking = async {
            let length = u32::try_from(question.len()).map_err(std::io::Error::other)?;
            let mut framed = length.to_be_bytes().to_vec();
            framed.extend(question);
            stream.write_all(&framed).await?;
            let length = stream.read_u32().await?;
            if length > MAX_ANSWER {
                return Err(std::io::Error::other("its answer is too long"));
            }
            let mut answer = Vec::new();
            let mut rest = (&mut stream).take(length.into());
            rest.read_to_end(&mut answer).await?;
            Ok(answer)
        };
        speaking
            .await
            .map_err(|error| format!("it broke the connection: {error}"))
    }
}

fn read(answer: &[u8], kdc: Endpoint) -> Result<Answered, KerberosError> {
    let said = match answer::reply(answer) {
        Some(Reply::Ticket(sealed)) => Said::Ticket(sealed),
        Some(Reply::Refused(refused)) => Said::Refused(refused),
        None => {
            let reason = "its answer is malformed";
            return Err(KerberosError::Malformed { kdc, reason });
        }
    };
    Ok(Answered { kdc, said })
}

/// What a refusal means; `about` is whom or what was asked for.
pub(super) fn refusal(refused: &Refused, kdc: Endpoint, about: String, now: u64) -> KerberosError {
    if refused.code == Refusal::CLOCK_SKEW {
        let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        let ahead = signed(now).saturating_sub(signed(refused.time));
        return KerberosError::ClockSkew { kdc, ahead };
    }
    let code = refused.code;
    let refusal = Refusal { code, about };
    KerberosError::Refused { kdc, refusal }
}
