//! Style sheet, scripts and icons, built into the program. Each is served under a name that holds
//! its hash, and may therefore be kept by browsers for ever.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

#[derive(rust_embed::RustEmbed)]
#[folder = "assets"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[include = "vendor/*.js"]
struct Files;

/// One asset.
#[derive(Debug)]
pub struct Asset {
    /// The name in the source tree, such as `console.css`.
    pub name: String,
    /// The name in addresses, such as `console.3f9a2b71c0de.css`.
    pub hashed: String,
    pub media_type: &'static str,
    pub plain: Vec<u8>,
    pub gzip: Vec<u8>,
}

/// All assets, read and compressed once.
pub fn all() -> &'static [Asset] {
    static ALL: LazyLock<Vec<Asset>> = LazyLock::new(|| {
        Files::iter()
            .filter_map(|path| {
                let file = Files::get(&path)?;
                Some(asset(&path, file.data.into_owned()))
            })
            .collect()
    });
    &ALL
}

/// The address of an asset by its name in the source tree.
#[must_use]
pub fn address(name: &str) -> String {
    all()
        .iter()
        .find(|asset| asset.name == name)
        .map_or_else(String::new, |asset| format!("/assets/{}", asset.hashed))
}

/// The asset of a hashed name.
#[must_use]
pub fn find(hashed: &str) -> Option<&'static Asset> {
    all().iter().find(|asset| asset.hashed == hashed)
}

fn asset(path: &str, plain: Vec<u8>) -> Asset {
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let hash: String = hex::encode(Sha256::digest(&plain))
        .chars()
        .take(12)
        .collect();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    let media_type = match ending {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Asset {
        hashed: format!("{stem}.{hash}.{ending}"),
        gzip: compressed(&plain),
        name,
        media_type,
        plain,
    }
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail; an empty result is answered by the plain form.
    match encoder.write_all(plain) {
        Ok(()) => encoder.finish().unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_assets_together_are_at_most_100_kb_compressed() {
        let names: Vec<&str> = all().iter().map(|asset| asset.name.as_str()).collect();
        for name in ["console.css", "console.js", "icons.svg", "htmx.min.js"] {
            assert!(names.contains(&name), "{names:?}");
        }
        let bytes: usize = all().iter().map(|asset| asset.gzip.len()).sum();
        assert!(bytes <= 100_000, "{bytes} bytes");
        assert!(all().iter().all(|asset| !asset.gzip.is_empty()));
    }

    #[test]
    fn a_changed_asset_has_another_address() {
        let one = asset("a.css", b"a".to_vec());
        let two = asset("a.css", b"b".to_vec());
        assert_ne!(one.hashed, two.hashed);
        assert!(find(&address("console.css").replace("/assets/", "")).is_some());
        assert!(find("console.css").is_none());
    }

    #[test]
    fn vendored_files_are_those_that_the_note_names() {
        let note = include_str!("../../assets/vendor/README.md");
        let script = all()
            .iter()
            .find(|asset| asset.name == "htmx.min.js")
            .unwrap();
        assert!(note.contains(&hex::encode(Sha256::digest(&script.plain))));
    }
}
