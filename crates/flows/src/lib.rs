//! The flow catalogue: every network flow is a row of data, and the program follows the data.
//!
//! This crate holds the model of a catalogue, Garrison's own catalogue (built in), the port
//! profiles, the selection of the rows that apply to a site, and the plain list that the console
//! and the API show. It opens no socket, reads no file and asks no clock: `net` binds and dials
//! from these rows.
//!
//! Start reading at `catalogue/garrison.toml` (the rows), then [`flow`] (what a row says),
//! [`catalogue`] (a set of rows and its invariants) and [`garrison`] (our own rows by name).

pub mod audit;
pub mod built_in;
pub mod catalogue;
pub mod check;
pub mod coverage;
pub mod diff;
pub mod endpoint;
pub mod flow;
pub mod garrison;
pub mod host;
pub mod id;
pub mod import;
pub mod list;
pub mod matching;
mod nearest;
pub mod origin;
pub mod party;
pub mod profile;
pub mod render;
pub mod schema;
pub mod select;
pub mod site;
pub mod text;
pub mod tls;
pub mod version;

pub use catalogue::{Catalogue, CatalogueError};
pub use check::Problem;
pub use endpoint::{Endpoint, MatchKind, PortRange, Transport};
pub use flow::{
    Break, Counterpart, DataClass, Direction, Flow, Need, Process, ProxyKind, Severity,
};
pub use garrison::GarrisonFlow;
pub use host::{Host, HostError, Name, NameError};
pub use id::{FlowId, FlowIdError};
pub use ipnet::IpNet;
pub use list::{FlowList, FlowRow, LeftOut, list};
pub use nearest::advice;
pub use origin::{Change, ChangeKind, Confidence, Date, Fact, Source};
pub use party::{Party, PartyId, Place, Variable, VariableKind};
pub use profile::{PortProfile, PortProfileError};
pub use render::{Expressed, Format, How, Options, RenderError, Rendered, Renderer, render};
pub use select::{Perimeter, Reason, ResolvedEndpoint, SelectError, Selected, Selection, select};
pub use site::{Site, SiteError};
pub use text::Text;
pub use tls::{ClientCertificate, Inspection, Known, Tls, Trust};
pub use version::{Version, VersionRange};
