//! Settings in TOML files, where a wrong key is named with the nearest right one.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::cli::nearest;
use crate::failure::Failure;

/// A file above this many bytes holds no settings.
const MAX_BYTES: u64 = 1 << 20;

/// The settings in a file.
///
/// # Errors
/// When it can't be read, is no TOML, has a key that is unknown, or a value that doesn't fit.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let misuse = |what: String| Failure::misuse(format!("{}: {what}", path.display()));
    let length = path
        .metadata()
        .map_err(|error| misuse(error.to_string()))?
        .len();
    if length > MAX_BYTES {
        return Err(misuse(format!(
            "expected settings of at most {MAX_BYTES} bytes, got {length}"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| misuse(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.matches('\n').count() + 1
        });
        Failure::misuse(format!("{}:{line}: {}", path.display(), explain(&error)))
    })
}

fn explain(error: &toml::de::Error) -> String {
    let message = error.message();
    let Some((key, known)) = unknown_key(message) else {
        return error.message().to_owned();
    };
    match nearest(key, &known) {
        Some(near) => format!("unknown key {key:?}; did you mean {near:?}?"),
        None => format!("unknown key {key:?}; the keys are {}", known.join(", ")),
    }
}

/// The key and the known ones, out of serde's words for an unknown field.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((key, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its keys matter")]
    struct Example {
        bind: Option<String>,
        ports: Option<u16>,
    }

    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        read::<Example>(&path)
            .unwrap_err()
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_nearest_neighbour() {
        assert_eq!(
            error_of("bind = \"::1\"\nprots = 3\n"),
            "/policy.toml:2: unknown key \"prots\"; did you mean \"ports\"?"
        );
    }

    #[test]
    fn a_key_like_no_other_is_answered_with_the_list() {
        assert_eq!(
            error_of("zzzz = 3"),
            "/policy.toml:1: unknown key \"zzzz\"; the keys are bind, ports"
        );
    }

    #[test]
    fn what_is_no_toml_is_shown_where_it_breaks() {
        let error = error_of("ports = 1\nbind = [1,\n");
        assert!(error.starts_with("/policy.toml:"), "{error}");
    }
}
