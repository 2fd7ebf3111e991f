//! The first 512 bytes of a container.

/// Bytes of the header.
pub(super) const BYTES: usize = 512;

/// What a header says: `ClamAV-VDB:time:version:signatures:level:md5:signature:builder:seconds`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header<'h> {
    pub(super) version: u64,
    /// MD5 of everything after the header, as 32 digits.
    pub(super) md5: &'h str,
    pub(super) signature: &'h str,
}

impl<'h> Header<'h> {
    /// Reads a header; `None` when it is none.
    pub(super) fn read(container: &'h [u8]) -> Option<Self> {
        let text = std::str::from_utf8(container.get(..BYTES)?).ok()?;
        let mut fields = text.trim_end().split(':');
        (fields.next()? == "ClamAV-VDB").then_some(())?;
        let mut fields = fields.skip(1);
        let version = fields.next()?.parse().ok()?;
        let mut fields = fields.skip(2);
        Some(Self {
            version,
            md5: fields.next()?,
            signature: fields.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_anything_else_is_none() {
        let mut bytes = b"ClamAV-VDB:22 Jun 2021 14-58 -0400:7:81:9:abc:def:me:1".to_vec();
        bytes.resize(BYTES, b' ');
        let header = Header::read(&bytes).unwrap();
        assert_eq!(header.version, 7);
        assert_eq!((header.md5, header.signature), ("abc", "def"));
        assert_eq!(Header::read(&bytes[1..]), None);
        assert_eq!(Header::read(&bytes[..511]), None);
        assert_eq!(Header::read(&[b' '; BYTES]), None);
    }
}
