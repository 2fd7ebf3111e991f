//! Binding a flow's listener, and which port it gets.

mod book;
mod holder;

use std::io;
use std::net::{IpAddr, SocketAddr};

use flows::{Flow, FlowId, PortProfile};
use tokio::net::{TcpListener, TcpSocket};

pub use book::{PortBook, PortBookError};
pub use holder::{HolderProcess, PortHolder};

/// Connections that wait to be accepted; the kernel may cap it lower.
const BACKLOG: u32 = 4096;

/// Which port a listener gets.
///
/// With the profile `auto`: the remembered port if it can be bound (agents hold the address of
/// their manager, so a stable one counts for more than a beautiful one), else the catalogue's,
/// else any free one. With every other profile: exactly the profile's port, or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortChoice {
    pub profile: PortProfile,
    /// From the last start; see [`PortBook`].
    pub remembered: Option<u16>,
}

/// A bound listener of a flow, to be served by [`crate::Server`].
#[derive(Debug)]
pub struct Listener {
    flow: FlowId,
    address: SocketAddr,
    pub(crate) socket: TcpListener,
}

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("flow {flow} has not exactly one port in the catalogue, so nothing can listen for it")]
    NoPort { flow: FlowId },
    #[error(
        "{flow}: port {} of {} is taken{}; stop what holds it, or use another port profile (\"--ports auto\" takes a free port)",
        address.port(), address.ip(), by(holder.as_ref())
    )]
    Taken {
        flow: FlowId,
        address: SocketAddr,
        holder: Option<PortHolder>,
    },
    #[error(
        "{flow}: this user may not bind port {} (below the system's limit for unprivileged users); run as root, give the program CAP_NET_BIND_SERVICE, or use \"--ports auto\"",
        address.port()
    )]
    Forbidden { flow: FlowId, address: SocketAddr },
    #[error("{flow}: {} is no address of this machine; choose one that \"ip address\" lists", address.ip())]
    NoSuchAddress { flow: FlowId, address: SocketAddr },
    #[error("{flow}: cannot listen on {address}")]
    Failed {
        flow: FlowId,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

impl Listener {
    /// Binds the flow's listener. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the port can't be bound; which one, who holds it and what to do is in the error.
    pub fn bind(flow: &Flow, address: IpAddr, choice: PortChoice) -> Result<Self, ListenError> {
        let Some(declared) = flow.port(choice.profile) else {
            return Err(ListenError::NoPort {
                flow: flow.id.clone(),
            });
        };
        match choice.profile {
            PortProfile::Garrison | PortProfile::Sep | PortProfile::Sangfor => {
                Self::bind_exactly(flow, SocketAddr::new(address, declared))
            }
            PortProfile::Auto => {
                let wishes = choice.remembered.into_iter().chain([declared, 0]);
                let mut last = None;
                for port in wishes {
                    match Self::bind_exactly(flow, SocketAddr::new(address, port)) {
                        Err(
                            error @ (ListenError::Taken { .. } | ListenError::Forbidden { .. }),
                        ) => {
                            last = Some(error);
                        }
                        settled => return settled,
                    }
                }
                Err(last.unwrap_or_else(|| ListenError::Failed {
                    flow: flow.id.clone(),
                    address: SocketAddr::new(address, 0),
                    source: io::Error::other("no port was tried"),
                }))
            }
        }
    }

    fn bind_exactly(flow: &Flow, address: SocketAddr) -> Result<Self, ListenError> {
        let flow = flow.id.clone();
        let bound = open(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        match bound {
            Ok((address, socket)) => Ok(Self {
                flow,
                address,
                socket,
            }),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::AddrInUse => {
                    let holder = holder::find(address.port());
                    ListenError::Taken {
                        flow,
                        address,
                        holder,
                    }
                }
                io::ErrorKind::PermissionDenied => ListenError::Forbidden { flow, address },
                io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress { flow, address },
                _ => ListenError::Failed {
                    flow,
                    address,
                    source: error,
                },
            }),
        }
    }

    /// The flow that it serves.
    #[must_use]
    pub fn flow(&self) -> &FlowId {
        &self.flow
    }

    /// The address and port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Binds the flow's listener with the port that the book remembers, and with the profile `auto`
/// lets the book remember the one that it got.
///
/// # Errors
/// When the port can't be bound, or the book can't be written.
pub fn listen(
    flow: &Flow,
    address: IpAddr,
    profile: PortProfile,
    book: &mut PortBook,
) -> Result<Listener, ListenOrBookError> {
    let remembered = book.remembered(&flow.id);
    let listener = Listener::bind(
        flow,
        address,
        PortChoice {
            profile,
            remembered,
        },
    )?;
    if profile == PortProfile::Auto {
        book.remember(&flow.id, listener.address.port())?;
    }
    Ok(listener)
}

/// Either of the two failures of [`listen`].
#[derive(Debug, thiserror::Error)]
pub enum ListenOrBookError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Book(#[from] PortBookError),
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where listeners are bound"
)]
fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A port in TIME_WAIT may be taken again at once. SO_REUSEPORT stays off: with it another
    // process of the same user could take over a part of the connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn by(holder: Option<&PortHolder>) -> String {
    holder
        .map(|holder| format!(" by {holder}"))
        .unwrap_or_default()
}
