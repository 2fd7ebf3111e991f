//! The console: what people see of their site in a browser.
//!
//! Pages are rendered here, from the same functions of the slices that the API calls; nothing
//! here touches a table. Every page reads well and every form works without script; htmx and one
//! small script add filtering in place and live changes.
//!
//! Start reading at [`routes`] (every address and who may enter), then [`guard`] (what stands
//! before each), `page` (one file a room: handlers), `view` (one file a room: what its template
//! shows) and `words/en.toml` (every word).

pub mod address;
mod answer;
pub mod assets;
mod cookies;
mod export;
pub mod frame;
mod guard;
pub mod html;
mod live;
pub mod meaning;
pub mod moment;
mod page;
pub mod routes;
mod sign_in;
pub mod view;
mod visit;
pub mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

pub use guard::Entry;
pub use routes::{Route, routes};

use crate::site::Site;

/// The console of a site.
pub fn router(site: Arc<Site>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let guard = from_fn_with_state((Arc::clone(&site), route.entry), guard::guard);
        router = router.route(route.path, route.handler.layer(guard));
    }
    router
        .fallback(guard::nowhere)
        .layer(from_fn(crate::web::run::to_the_end))
        .layer(from_fn(guard::harden))
        .with_state(site)
}
