//! What rules may ask of a file besides its bytes.

use super::start::Start;
use crate::kind::Kind;

/// The variables that rules for Loki and THOR expect to be defined, all of them text.
pub const EXTERNALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// A file's names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileNames {
    /// Its own name, without the folder: `filename`.
    pub name: String,
    /// The folder that it is in, without its own name: `filepath`.
    pub folder: String,
    /// The user that it belongs to: `owner`. Empty when nobody knows.
    pub owner: String,
}

impl FileNames {
    /// Splits a path, at slashes of either kind.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let (folder, name) = path.rsplit_once(['/', '\\']).unwrap_or(("", path));
        let root = folder.is_empty() && path.starts_with(['/', '\\']);
        Self {
            name: name.to_owned(),
            folder: if root { "/" } else { folder }.to_owned(),
            owner: String::new(),
        }
    }

    /// The name's end from its last dot on, in small letters: `extension`.
    #[must_use]
    pub fn extension(&self) -> String {
        self.name
            .rfind('.')
            .and_then(|dot| self.name.get(dot..))
            .map_or_else(String::new, str::to_lowercase)
    }
}

/// `filetype`, in the words that Loki and THOR use. Empty for what they have no word for.
pub(super) const fn file_type(start: Start, kind: Kind) -> &'static str {
    match (start, kind) {
        (Start::Pe, _) => "EXE",
        (Start::Elf, _) => "ELF",
        (Start::MachO, _) => "MACH-O",
        (Start::Zip, _) => "ZIP",
        (Start::Rtf, _) => "RTF",
        (Start::Pdf, _) => "PDF",
        (_, Kind::Rar) => "RAR",
        (_, Kind::Gzip) => "GZIP",
        (_, Kind::SevenZip) => "7ZIP",
        (_, Kind::Cab) => "CAB",
        (_, Kind::Gif) => "GIF",
        (_, Kind::Png) => "PNG",
        (_, Kind::Jpeg) => "JPEG",
        (Start::Ole2 | Start::Other, _) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_as_rules_expect() {
        let of = |path: &str| {
            let names = FileNames::of_path(path);
            (names.folder.clone(), names.name.clone(), names.extension())
        };
        let parts = |folder: &str, name: &str, extension: &str| {
            (folder.to_owned(), name.to_owned(), extension.to_owned())
        };
        assert_eq!(of("/var/log/a.B.LOG"), parts("/var/log", "a.B.LOG", ".log"));
        assert_eq!(of("C:\\x\\cmd.exe"), parts("C:\\x", "cmd.exe", ".exe"));
        assert_eq!(of("/vmlinuz"), parts("/", "vmlinuz", ""));
        assert_eq!(of("sudoers"), parts("", "sudoers", ""));
    }
}
