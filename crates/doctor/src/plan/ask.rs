//! What a probe asks of a destination.

use flows::{Flow, Host, PortRange, ResolvedEndpoint, Transport};
use net::probe::{ProbeRequest, ProbeTransport};

use crate::target::Scheme;

/// A query for the root's name servers (RFC 1035, section 4.1): no name is asked that somebody
/// would keep.
const DNS_QUESTION: [u8; 17] = [
    0x47, 0x41, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1,
];
/// The first byte of a client's request for the time (RFC 5905, version 4, mode 3).
const TIME_QUESTION: u8 = 0x23;

/// What to send to an endpoint of a row, or why nothing can be sent.
pub(super) fn of_row(
    flow: &Flow,
    endpoint: &ResolvedEndpoint,
    port: Option<PortRange>,
) -> Result<ProbeTransport, String> {
    match &endpoint.host {
        Host::Exact(_) | Host::Ip(_) => {}
        Host::OneLabel(_) | Host::AnyDepth(_) | Host::ApexAndSubdomains(_) => {
            return Err("it stands for many names; needs a concrete name: --target".to_owned());
        }
        Host::Cidr(_) => {
            return Err("it stands for a network; needs a concrete address: --target".to_owned());
        }
        Host::Unset(_) | Host::Unknown => {
            return Err("the host is not known".to_owned());
        }
    }
    let protocol = endpoint
        .protocol
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match endpoint.transport {
        Transport::Tcp => {}
        Transport::Udp => {
            single(port)?;
            return Ok(datagram(&protocol));
        }
        Transport::Esp | Transport::Icmp => {
            return Err(format!(
                "{} needs raw packets, which a program without root can't send",
                endpoint.transport.as_str()
            ));
        }
        Transport::Unknown => return Err("the transport is not known".to_owned()),
    }
    single(port)?;
    let asks_head = flow
        .probe
        .as_ref()
        .is_some_and(|probe| probe.path.is_some());
    let ask = if asks_head {
        ProbeRequest::Head
    } else {
        ProbeRequest::Get
    };
    Ok(if protocol.contains("websocket") || protocol == "wss" {
        ProbeTransport::Https {
            ask: ProbeRequest::WebSocket,
        }
    } else if protocol.contains("https") || protocol.starts_with("http/") {
        ProbeTransport::Https { ask }
    } else if protocol == "http" {
        ProbeTransport::Http { ask }
    } else if protocol.contains("tls") || (protocol.is_empty() && flow.tls.is_some()) {
        ProbeTransport::Tls
    } else {
        ProbeTransport::Tcp
    })
}

fn single(port: Option<PortRange>) -> Result<(), String> {
    match port {
        Some(port) if port.only().is_some() => Ok(()),
        Some(port) => Err(format!(
            "any of the ports {port} may be in use; needs a concrete port: --target"
        )),
        None => Err("the port is not known".to_owned()),
    }
}

fn datagram(protocol: &str) -> ProbeTransport {
    let payload = match protocol {
        "dns" => DNS_QUESTION.to_vec(),
        "ntp" => {
            let mut question = vec![0; 48];
            if let Some(first) = question.first_mut() {
                *first = TIME_QUESTION;
            }
            question
        }
        _ => Vec::new(),
    };
    ProbeTransport::Udp { payload }
}

/// What to send to a target.
pub(super) fn of_scheme(scheme: Scheme, port: u16) -> ProbeTransport {
    match scheme {
        Scheme::Https => ProbeTransport::Https {
            ask: ProbeRequest::Get,
        },
        Scheme::Http => ProbeTransport::Http {
            ask: ProbeRequest::Get,
        },
        Scheme::Wss => ProbeTransport::Https {
            ask: ProbeRequest::WebSocket,
        },
        Scheme::Tls => ProbeTransport::Tls,
        Scheme::Tcp => ProbeTransport::Tcp,
        Scheme::Udp => datagram(match port {
            53 => "dns",
            123 => "ntp",
            _ => "",
        }),
    }
}
