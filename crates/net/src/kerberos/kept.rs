//! The tickets of this process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::error::KerberosError;
use super::message::Credential;
use super::{MARGIN, Wanted, fetch, fresh};
use crate::crypto::sha256;
use crate::dial::within;

/// More tickets are not kept.
const MAX_KEPT: usize = 64;
/// How long a failure is told again before it is tried again.
const FAILURES: Duration = Duration::from_secs(60);

type Cell = Arc<OnceCell<Result<Credential, KerberosError>>>;

struct Kept {
    since: Instant,
    cell: Cell,
}

static KEPT: LazyLock<Mutex<HashMap<[u8; 32], Kept>>> = LazyLock::new(Mutex::default);

/// Who asks for the same at the same time waits for the same answer.
pub(super) async fn or_fetched(wanted: Wanted<'_>) -> Result<Credential, KerberosError> {
    let cell = cell(wanted, fresh()?.now);
    let asking = cell.get_or_init(|| fetch(wanted));
    match within(wanted.limit, asking).await {
        Some(answer) => answer.clone(),
        None => Err(KerberosError::NotPossible(format!(
            "there was no ticket within {} s",
            wanted.limit.as_secs_f32()
        ))),
    }
}

fn cell(wanted: Wanted<'_>, now: u64) -> Cell {
    let name = name(wanted);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|_, one| is_good(one, now));
    if let Some(one) = kept.get(&name) {
        return Arc::clone(&one.cell);
    }
    let cell = Cell::default();
    if kept.len() < MAX_KEPT {
        let since = Instant::now();
        let cell = Arc::clone(&cell);
        kept.insert(name, Kept { since, cell });
    }
    cell
}

fn is_good(kept: &Kept, now: u64) -> bool {
    match kept.cell.get() {
        Some(Ok(credential)) => credential.ends > now + MARGIN,
        Some(Err(_)) => kept.since.elapsed() < FAILURES,
        // Somebody fetches it.
        None => Arc::strong_count(&kept.cell) > 1,
    }
}

/// No password is kept: only what one can't tell it from.
fn name(wanted: Wanted<'_>) -> [u8; 32] {
    let host = wanted.host.to_string();
    let (user, password) = wanted
        .credentials
        .map_or(("", ""), |one| (one.user.as_str(), one.password.as_str()));
    let mut text = Vec::new();
    for part in [&host, user, password] {
        text.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        text.extend(part.as_bytes());
    }
    sha256(&text)
}
