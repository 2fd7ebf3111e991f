//! What a source is, by the end of its name. The endings are ClamAV's, as its manual ("Creating
//! signatures") lists them.

use std::path::Path;

/// What the hashes of a list are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HashedThing {
    File,
    /// A section of a PE file.
    Section,
    /// The imports of a PE file.
    Imports,
    /// A file that nothing is reported of.
    Allowed,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// Hashes with names.
    Hashes(HashedThing),
    /// Hashes alone, as `sha256sum` and its kin print them.
    PlainHashes,
    /// Byte patterns with an offset (`ndb`).
    Patterns,
    /// Logical expressions over byte patterns (`ldb`).
    Expressions,
    /// Types of files by content (`ftm`).
    FileTypes,
    /// Names of signatures to leave out.
    Ignored,
    /// A container of other sources.
    Container(ContainerKind),
    Yara,
    /// One that this program has no use for.
    Unsupported {
        what: &'static str,
        /// Each line is one signature.
        lines: bool,
    },
}

/// The containers that ClamAV's databases come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerKind {
    /// As published.
    Cvd,
    /// As published and then updated in place.
    Cld,
    /// Made by a user, without a signature.
    Cud,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// The end of a source's name, and the format's name in reports.
    pub(crate) extension: &'static str,
    pub(crate) kind: SourceKind,
    /// Its rules are about what is merely unwanted.
    pub(crate) unwanted: bool,
}

const fn format(extension: &'static str, kind: SourceKind) -> Format {
    Format {
        extension,
        kind,
        unwanted: false,
    }
}

const fn unwanted(extension: &'static str, kind: SourceKind) -> Format {
    Format {
        extension,
        kind,
        unwanted: true,
    }
}

const fn lines(extension: &'static str, what: &'static str) -> Format {
    format(extension, SourceKind::Unsupported { what, lines: true })
}

const fn whole(extension: &'static str, what: &'static str) -> Format {
    format(extension, SourceKind::Unsupported { what, lines: false })
}

/// Each format once.
const FORMATS: [Format; 44] = [
    format("hdb", SourceKind::Hashes(HashedThing::File)),
    format("hsb", SourceKind::Hashes(HashedThing::File)),
    unwanted("hdu", SourceKind::Hashes(HashedThing::File)),
    unwanted("hsu", SourceKind::Hashes(HashedThing::File)),
    format("mdb", SourceKind::Hashes(HashedThing::Section)),
    format("msb", SourceKind::Hashes(HashedThing::Section)),
    unwanted("mdu", SourceKind::Hashes(HashedThing::Section)),
    unwanted("msu", SourceKind::Hashes(HashedThing::Section)),
    format("imp", SourceKind::Hashes(HashedThing::Imports)),
    format("fp", SourceKind::Hashes(HashedThing::Allowed)),
    format("sfp", SourceKind::Hashes(HashedThing::Allowed)),
    format("md5", SourceKind::PlainHashes),
    format("sha1", SourceKind::PlainHashes),
    format("sha256", SourceKind::PlainHashes),
    format("ndb", SourceKind::Patterns),
    unwanted("ndu", SourceKind::Patterns),
    format("ldb", SourceKind::Expressions),
    unwanted("ldu", SourceKind::Expressions),
    format("ftm", SourceKind::FileTypes),
    format("ign", SourceKind::Ignored),
    format("ign2", SourceKind::Ignored),
    format("cvd", SourceKind::Container(ContainerKind::Cvd)),
    format("cld", SourceKind::Container(ContainerKind::Cld)),
    format("cud", SourceKind::Container(ContainerKind::Cud)),
    format("yar", SourceKind::Yara),
    format("yara", SourceKind::Yara),
    whole("cbc", "bytecode is not run"),
    lines("idb", "icons of programs are not compared"),
    lines("cdb", "rules about members of containers are not read"),
    lines("crb", "certificates of programs are not checked"),
    whole("cat", "catalogues of signed programs are not read"),
    lines("pdb", "links in mail are not compared with their text"),
    lines("gdb", "links are not looked up"),
    lines("wdb", "links in mail are not compared with their text"),
    lines("db", "the oldest form of byte patterns is not read"),
    lines("sdb", "the oldest form of byte patterns is not read"),
    lines("zmd", "rules about members of containers are not read"),
    lines("rmd", "rules about members of containers are not read"),
    lines("pwdb", "passwords of archives are not tried"),
    lines("cfg", "settings of ClamAV's engine have no meaning here"),
    whole("ioc", "OpenIOC documents are not read"),
    whole("cdiff", "differences between databases are not applied"),
    whole("info", "it means nothing outside of its container"),
    whole("sign", "a signature beside a database is not checked"),
];

impl Format {
    /// The format of a source with this name.
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        let extension = Path::new(name).extension()?.to_str()?;
        FORMATS
            .iter()
            .find(|format| format.extension.eq_ignore_ascii_case(extension))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_has_one_format() {
        for format in &FORMATS {
            let name = format!("main.{}", format.extension.to_uppercase());
            assert_eq!(Format::of(&name), Some(format));
        }
        assert_eq!(Format::of("README.md"), None);
        assert_eq!(Format::of("hdb"), None);
    }
}
