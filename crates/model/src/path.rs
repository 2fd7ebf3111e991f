//! Paths as they stand on an endpoint.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A path on an endpoint, in a text form that loses nothing: bytes that are not UTF-8 and control
/// characters stand as `\xNN`, a backslash as `\\`, all else as itself.
///
/// ```
/// use model::EndpointPath;
/// let path = EndpointPath::from_bytes(b"/srv/caf\xe9.txt");
/// assert_eq!(path.to_string(), r"/srv/caf\xe9.txt");
/// assert_eq!(path.to_bytes(), b"/srv/caf\xe9.txt");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct EndpointPath(String);

/// An escape in a path's text form that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {path:?}: after a backslash expected a backslash or xNN, at character {at}")]
pub struct PathError {
    path: String,
    at: usize,
}

impl EndpointPath {
    /// From the operating system's bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => text.push_str("\\\\"),
                    c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", c as u32)),
                    c => text.push(c),
                }
            }
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self(text)
    }

    /// From a path of this machine.
    #[must_use]
    pub fn from_path(path: &Path) -> Self {
        Self::from_bytes(path.as_os_str().as_bytes())
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// When a backslash is followed by neither a backslash nor `xNN`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        decode(text).map(|_| Self(text.to_owned()))
    }

    /// The operating system's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        decode(&self.0).unwrap_or_default()
    }

    /// The path on this machine.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.to_bytes()))
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn decode(text: &str) -> Result<Vec<u8>, PathError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let error = || PathError {
            path: text.to_owned(),
            at: text.len() - escape.len(),
        };
        if let Some(tail) = escape.strip_prefix("\\\\") {
            bytes.push(b'\\');
            rest = tail;
        } else if let Some(tail) = escape.strip_prefix("\\x") {
            let digits = tail.get(..2).ok_or_else(error)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| error())?);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            return Err(error());
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

impl TryFrom<String> for EndpointPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        decode(&text)?;
        Ok(Self(text))
    }
}

impl From<EndpointPath> for String {
    fn from(path: EndpointPath) -> Self {
        path.0
    }
}

impl From<&OsStr> for EndpointPath {
    fn from(path: &OsStr) -> Self {
        Self::from_bytes(path.as_bytes())
    }
}

impl fmt::Display for EndpointPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EndpointPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_the_text_form() {
        let every: Vec<u8> = (1..=255).collect();
        for bytes in [
            every.as_slice(),
            b"/plain",
            b"/back\\slash",
            b"/new\nline",
            "/été".as_bytes(),
        ] {
            let path = EndpointPath::from_bytes(bytes);
            assert_eq!(path.to_bytes(), bytes);
            assert_eq!(EndpointPath::parse(path.as_str()), Ok(path));
        }
    }

    #[test]
    fn half_an_escape_is_refused() {
        for text in ["a\\", "a\\x", "a\\x4", "a\\xzz", "a\\q", "\\xé"] {
            assert!(EndpointPath::parse(text).is_err(), "{text}");
        }
    }
}
