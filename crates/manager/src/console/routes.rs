//! Every address of the console, and who may enter. The router is built from this table, and the
//! tests walk over it, so that no route is forgotten.

use std::sync::Arc;

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post};
use model::Role;

use super::guard::Entry;
use super::{live, page, sign_in};
use crate::site::Site;

/// One route.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub entry: Entry,
    pub(super) handler: MethodRouter<Arc<Site>>,
}

fn read<H, T>(path: &'static str, role: Role, handler: H) -> Route
where
    H: Handler<T, Arc<Site>>,
    T: 'static,
{
    Route {
        method: Method::GET,
        path,
        entry: Entry::Role(role),
        handler: get(handler),
    }
}

fn write<H, T>(path: &'static str, role: Role, handler: H) -> Route
where
    H: Handler<T, Arc<Site>>,
    T: 'static,
{
    Route {
        method: Method::POST,
        path,
        entry: Entry::Role(role),
        handler: post(handler),
    }
}

fn open(method: Method, path: &'static str, handler: MethodRouter<Arc<Site>>) -> Route {
    Route {
        method,
        path,
        entry: Entry::Open,
        handler,
    }
}

/// The table.
#[must_use]
pub fn routes() -> Vec<Route> {
    use Role::{Administrator, Operator, Viewer};
    vec![
        open(Method::GET, "/assets/{name}", get(live::asset)),
        open(Method::GET, "/sign-in", get(sign_in::show)),
        open(Method::POST, "/sign-in", post(sign_in::sign_in)),
        write("/sign-out", Viewer, sign_in::sign_out),
        write("/theme", Viewer, sign_in::theme),
        read("/changes", Viewer, live::changes),
        read("/", Viewer, page::overview::show),
        read("/search", Viewer, page::search::show),
        read("/definitions", Viewer, page::definitions::show),
        read("/definitions.csv", Viewer, page::definitions::csv),
        read("/definitions.json", Viewer, page::definitions::json),
        read("/network", Viewer, page::network::show),
        read("/network.csv", Viewer, page::network::csv),
        read("/network.json", Viewer, page::network::json),
        read("/network/flows/{flow}", Viewer, page::network::flow),
        read(
            "/network/renderings/{format}",
            Viewer,
            page::network::rendering,
        ),
        read(
            "/network/renderings/{format}/file",
            Viewer,
            page::network::download,
        ),
        read("/network/connections", Viewer, page::connections::show),
        write(
            "/network/connections/check",
            Operator,
            page::connections::check,
        ),
        read("/network/connections.csv", Viewer, page::connections::csv),
        read("/network/connections.json", Viewer, page::connections::json),
        read(
            "/network/connections/causes/{cause}",
            Viewer,
            page::connections::cause,
        ),
        read(
            "/network/connections/devices",
            Viewer,
            page::connections::devices,
        ),
        read(
            "/network/connections/devices.csv",
            Viewer,
            page::connections::devices_csv,
        ),
        read(
            "/network/connections/devices.json",
            Viewer,
            page::connections::devices_json,
        ),
        read("/devices", Viewer, page::devices::list),
        read("/devices.csv", Viewer, page::devices::csv),
        read("/devices.json", Viewer, page::devices::json),
        read("/devices/{id}", Viewer, page::device::show),
        write("/devices/{id}/scan", Operator, page::device::scan),
        write("/devices/{id}/check-in", Operator, page::device::check_in),
        write(
            "/devices/{id}/check-network",
            Operator,
            page::device::check_network,
        ),
        write(
            "/devices/{id}/approve",
            Administrator,
            page::device::approve,
        ),
        write("/devices/{id}/group", Administrator, page::device::move_to),
        read(
            "/devices/{id}/revoke",
            Administrator,
            page::device::confirm_revoke,
        ),
        write("/devices/{id}/revoke", Administrator, page::device::revoke),
        read("/detections", Viewer, page::detections::list),
        read("/detections.csv", Viewer, page::detections::csv),
        read("/detections.json", Viewer, page::detections::json),
        write("/detections/act", Operator, page::detections::act),
        read("/detections/{id}", Viewer, page::detection::show),
        write("/detections/{id}/triage", Operator, page::detection::judge),
        write(
            "/detections/{id}/quarantine",
            Operator,
            page::detection::quarantine,
        ),
        write(
            "/detections/{id}/restore",
            Operator,
            page::detection::restore,
        ),
        read(
            "/detections/{id}/delete",
            Operator,
            page::detection::confirm_delete,
        ),
        write("/detections/{id}/delete", Operator, page::detection::delete),
        read("/quarantine", Viewer, page::quarantine::list),
        read("/quarantine.csv", Viewer, page::quarantine::csv),
        read("/quarantine.json", Viewer, page::quarantine::json),
        write(
            "/quarantine/{id}/restore",
            Operator,
            page::quarantine::restore,
        ),
        read("/groups", Viewer, page::groups::list),
        read("/groups.csv", Viewer, page::groups::csv),
        read("/groups.json", Viewer, page::groups::json),
        write("/groups", Administrator, page::groups::create),
        read("/enrolment", Viewer, page::enrolment::list),
        read("/enrolment.csv", Viewer, page::enrolment::csv),
        read("/enrolment.json", Viewer, page::enrolment::json),
        write("/enrolment", Administrator, page::enrolment::create),
        write(
            "/enrolment/{id}/revoke",
            Administrator,
            page::enrolment::revoke,
        ),
        read("/policies", Viewer, page::policies::list),
        read("/policies.csv", Viewer, page::policies::csv),
        read("/policies.json", Viewer, page::policies::json),
        read("/policies/{id}", Viewer, page::policies::show),
        write("/policies/{id}", Administrator, page::policies::save),
        read("/audit", Viewer, page::audit::list),
        read("/audit.csv", Viewer, page::audit::csv),
        read("/audit.json", Viewer, page::audit::json),
        read("/users", Administrator, page::users::list),
        read("/users.csv", Administrator, page::users::csv),
        read("/users.json", Administrator, page::users::json),
        write("/users", Administrator, page::users::create),
        write("/users/{id}/state", Administrator, page::users::state),
        read("/api-tokens", Administrator, page::api_tokens::list),
        read("/api-tokens.csv", Administrator, page::api_tokens::csv),
        read("/api-tokens.json", Administrator, page::api_tokens::json),
        write("/api-tokens", Administrator, page::api_tokens::create),
        write(
            "/api-tokens/{id}/revoke",
            Administrator,
            page::api_tokens::revoke,
        ),
    ]
}
