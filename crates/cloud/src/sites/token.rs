//! Site tokens: made on the cloud's machine, by whoever may read its folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{SiteId, Timestamp};
use proto::EnrolmentToken;
use store::{Database, StoreError};
use trust::keyfile::{self, KeyFileError};
use trust::secret::{self, SecretError};

use super::store::{self as rows, TokenRow};
use crate::authority::{self, AuthorityError};
use crate::folder::{CLOUD_DB, FIRST_TOKEN, Folder, FolderError};

/// What tokens name as their group, so that nobody takes one for a device's.
const GROUP: &str = "sites";
/// The first token lets one site in, within this time.
const FIRST_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
const MAX_USES: u32 = 10_000;
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// What a new site token should be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The file to write it to (mode 0600); what is there before is replaced.
    pub file: PathBuf,
    /// How many sites it lets in, 1 to 10,000.
    pub uses: u32,
    /// At most a year.
    pub lifetime: Duration,
    /// An enrolled site whose lost key it may replace.
    pub replaces: Option<SiteId>,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeToken {
    pub file: PathBuf,
    pub expires: Timestamp,
    /// Where managers will dial.
    pub addresses: Vec<String>,
}

/// A site token can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("uses: expected 1 to {MAX_USES}, got {0}")]
    Uses(u32),
    #[error("lifetime: expected 1 second to 365 days, got {} seconds", .0.as_secs())]
    Lifetime(Duration),
    #[error(
        "{folder}: no cloud has worked in this folder yet; start it once (\"garrison cloud\"), or name the right folder",
        folder = .0.display()
    )]
    NoCloud(PathBuf),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a secret for the token")]
    Secret(#[from] SecretError),
    #[error("the token's file")]
    File(#[from] KeyFileError),
}

/// Makes a site token for the cloud of that folder, which may run meanwhile.
///
/// # Errors
/// When no cloud has worked in the folder yet, the wishes are outside of their ranges, or
/// something can't be written.
pub async fn new_token(
    folder: &Path,
    wishes: NewToken,
    now: Timestamp,
) -> Result<MadeToken, TokenError> {
    let folder = Folder::at(folder);
    let path = folder.path(CLOUD_DB);
    if !path.exists() {
        return Err(TokenError::NoCloud(folder.root().to_owned()));
    }
    let authority = authority::open(&folder)?;
    let database = Database::open(&path, crate::tables::MIGRATIONS).await?;
    let made = make(&database, &authority.pin_hex(), wishes, now).await;
    database.close().await;
    made
}

/// At the first start: a token for the first site, until one has enrolled. Says whether it wrote
/// one. A token that waits there follows the cloud to another address.
pub(crate) async fn write_first_token(
    database: &Database,
    folder: &Folder,
    ca_pin: &str,
    now: Timestamp,
) -> Result<Option<MadeToken>, TokenError> {
    let file = folder.path(FIRST_TOKEN);
    if rows::site_count(database.read()).await? > 0 {
        return Ok(None);
    }
    if file.exists() {
        let addresses = rows::addresses(database.read()).await?;
        let text = keyfile::read_text(&file)?;
        match EnrolmentToken::parse(&text) {
            Ok(token) if token.addresses != addresses => {
                let moved = EnrolmentToken { addresses, ..token };
                write(&file, &moved)?;
            }
            // What is no token was put there by somebody, and is theirs.
            Ok(_) | Err(_) => {}
        }
        return Ok(None);
    }
    let wishes = NewToken {
        file,
        uses: 1,
        lifetime: FIRST_LIFETIME,
        replaces: None,
    };
    make(database, ca_pin, wishes, now).await.map(Some)
}

/// Remembers where managers reach this cloud, for the tokens to come.
pub(crate) async fn keep_addresses(
    database: &Database,
    addresses: Vec<String>,
) -> Result<(), StoreError> {
    if rows::addresses(database.read()).await? == addresses {
        return Ok(());
    }
    database
        .write(|tx| Box::pin(rows::set_addresses(tx, addresses)))
        .await
}

async fn make(
    database: &Database,
    ca_pin: &str,
    wishes: NewToken,
    now: Timestamp,
) -> Result<MadeToken, TokenError> {
    if !(1..=MAX_USES).contains(&wishes.uses) {
        return Err(TokenError::Uses(wishes.uses));
    }
    if wishes.lifetime < Duration::from_secs(1) || wishes.lifetime > MAX_LIFETIME {
        return Err(TokenError::Lifetime(wishes.lifetime));
    }
    let secret = secret::random_text()?;
    let expires = now.plus(wishes.lifetime);
    let row = TokenRow {
        id: uuid::Uuid::now_v7().to_string(),
        digest: secret::digest(&secret),
        max_uses: wishes.uses,
        expires,
        replaces: wishes.replaces,
    };
    let addresses = rows::addresses(database.read()).await?;
    let token = EnrolmentToken {
        addresses: addresses.clone(),
        ca_pin: ca_pin.to_owned(),
        secret,
        group: GROUP.to_owned(),
        expires,
    };
    // The row first: a file with a token that nobody knows would mislead, a row without a file
    // only expires.
    database
        .write(|tx| Box::pin(rows::insert_token(tx, row, now)))
        .await?;
    write(&wishes.file, &token)?;
    Ok(MadeToken {
        file: wishes.file,
        expires,
        addresses,
    })
}

fn write(file: &Path, token: &EnrolmentToken) -> Result<(), KeyFileError> {
    keyfile::write(file, format!("{}\n", token.to_text()).as_bytes())
}
