//! The list of imported functions that hashes of imports are made of (Mandiant's imphash, with
//! ClamAV's way through the tables).

use model::Limit;

use super::{Addresses, Directory};
use crate::definitions::bytes::{slice, u32_at};
use crate::executable::Section;

const DESCRIPTOR_BYTES: usize = 20;
/// Libraries, and bytes of one name, that count: ClamAV's numbers.
const MAX_LIBRARIES: usize = 1024;
const MAX_NAME_BYTES: usize = 256;
/// Functions of all libraries that are looked at: those whose address leads nowhere don't make the
/// list longer.
const MAX_FUNCTIONS: usize = 1 << 20;
/// A list longer than this is not made: tables that overlap can name the same functions again and
/// again.
const MAX_LIST_BYTES: usize = 4 << 20;
const BY_NUMBER: u32 = 1 << 31;

/// Functions that libraries are known to export under a number, as lists of `number name`, each
/// behind the library's name.
const NUMBERED: &str = include_str!("ordinals.txt");

/// Where the import table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::executable) struct Imports {
    directory: Directory,
    header_bytes: u32,
}

impl Imports {
    pub(super) const fn new(directory: Directory, header_bytes: u32) -> Self {
        Self {
            directory,
            header_bytes,
        }
    }
}

/// The list; `None` when the table can't be read.
///
/// # Errors
/// The limit that the table reached.
pub(in crate::executable) fn import_list(
    imports: &Imports,
    sections: &[Section],
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, Limit> {
    let addresses = Addresses {
        sections,
        header_bytes: imports.header_bytes,
        file_bytes: bytes.len() as u64,
    };
    let mut listing = Listing {
        bytes,
        addresses,
        left: addresses.most(MAX_FUNCTIONS),
        limit: None,
        list: Vec::new(),
    };
    let read = listing.libraries(imports.directory);
    match listing.limit {
        Some(limit) => Err(limit),
        None => Ok(read.map(|()| listing.list)),
    }
}

/// A list in the making.
struct Listing<'a> {
    bytes: &'a [u8],
    addresses: Addresses<'a>,
    /// Functions that may still be looked at.
    left: usize,
    /// Why the list was given up.
    limit: Option<Limit>,
    list: Vec<u8>,
}

impl<'a> Listing<'a> {
    fn libraries(&mut self, directory: Directory) -> Option<()> {
        if directory.address == 0 || directory.size == 0 {
            return None;
        }
        let (bytes, addresses) = (self.bytes, self.addresses);
        let at = addresses.index(directory.address)?;
        let mut table = slice(bytes, at, usize::try_from(directory.size).ok()?)?;
        for _ in 0..MAX_LIBRARIES {
            if table.len() <= DESCRIPTOR_BYTES {
                break;
            }
            let (descriptor, rest) = table.split_at_checked(DESCRIPTOR_BYTES)?;
            let name = u32_at(descriptor, 12)?;
            if name == 0 {
                break;
            }
            table = rest;
            let library = name_at(bytes, addresses.index(name)?)?;
            let thunks = Some(u32_at(descriptor, 0)?)
                .filter(|address| *address != 0)
                .and_then(|address| addresses.index(address))
                .filter(|at| *at != 0)
                .or_else(|| addresses.index(u32_at(descriptor, 16)?))?;
            self.functions(library, thunks)?;
        }
        Some(())
    }

    /// Gives the list up.
    fn give_up<T>(&mut self, limit: Limit) -> Option<T> {
        self.limit = Some(limit);
        None
    }

    /// Appends the functions of one library.
    fn functions(&mut self, library: &'a [u8], mut thunks: usize) -> Option<()> {
        let (bytes, stem) = (self.bytes, stem(library));
        while let Some(thunk) = u32_at(bytes, thunks).filter(|thunk| *thunk != 0) {
            thunks += 4;
            let Some(left) = self.left.checked_sub(1) else {
                // Work stands for time, so that the same file always ends at the same place.
                return self.give_up(Limit::Time);
            };
            self.left = left;
            let numbered;
            let function = if thunk & BY_NUMBER != 0 {
                numbered = numbered_name(library, thunk & 0xffff);
                numbered.as_bytes()
            } else {
                // An address that leads nowhere counts as 0. A hint of two bytes precedes the
                // name.
                let at = self.addresses.index(thunk).unwrap_or(0);
                let length = bytes.len().saturating_sub(at).min(MAX_NAME_BYTES);
                let Some(field) = slice(bytes, at.checked_add(2)?, length).filter(|_| length > 0)
                else {
                    continue;
                };
                until_zero(field)
            };
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
            if !function.iter().all(allowed) {
                return None;
            }
            if self.list.len() + stem.len() + function.len() > MAX_LIST_BYTES {
                return self.give_up(Limit::Memory);
            }
            if !self.list.is_empty() {
                self.list.push(b',');
            }
            self.list.extend(stem.iter().map(u8::to_ascii_lowercase));
            self.list.push(b'.');
            self.list
                .extend(function.iter().map(u8::to_ascii_lowercase));
        }
        Some(())
    }
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn name_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    Some(until_zero(rest.get(..MAX_NAME_BYTES).unwrap_or(rest)))
}

/// A library's name without what usually follows it, from its first dot on.
fn stem(library: &[u8]) -> &[u8] {
    let Some(dot) = library.iter().position(|byte| *byte == b'.') else {
        return library;
    };
    let (name, extension) = library.split_at_checked(dot).unwrap_or((library, &[]));
    let usual = [b".ocx".as_slice(), b".sys", b".dll"]
        .iter()
        .any(|known| starts_with_any_case(extension, known));
    if usual { name } else { library }
}

fn starts_with_any_case(bytes: &[u8], start: &[u8]) -> bool {
    bytes
        .get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// The name of a function that is imported by its number.
fn numbered_name(library: &[u8], number: u32) -> String {
    let list = if [b"ws2_32.dll".as_slice(), b"wsock32.dll"]
        .iter()
        .any(|name| starts_with_any_case(library, name))
    {
        Some("ws2_32")
    } else if starts_with_any_case(library, b"oleaut32.dll") {
        Some("oleaut32")
    } else {
        None
    };
    let known = list.and_then(|list| {
        NUMBERED
            .lines()
            .skip_while(|line| *line != list)
            .skip(1)
            .map_while(|line| line.split_once(' '))
            .find(|(listed, _)| listed.parse() == Ok(number))
    });
    known.map_or_else(|| format!("ord{number}"), |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of the addresses is looked for in all sections, and none makes the list longer.
    #[test]
    fn a_table_of_addresses_that_lead_nowhere_is_given_up() {
        let table = 0x100;
        let mut bytes = vec![0; 1 << 20];
        let size = bytes.len() as u32;
        let mut put = |at: usize, word: u32| {
            for (place, byte) in bytes.iter_mut().skip(at).zip(word.to_le_bytes()) {
                *place = byte;
            }
        };
        put(table, 0x200);
        put(table + 12, 0x80);
        for at in (0x200..0xf_0000).step_by(4) {
            put(at, size - 1);
        }
        let imports = Imports::new(
            Directory {
                address: 0x100,
                size: 1000,
            },
            size,
        );
        let sections = |count| vec![Section::default(); count];
        assert!(matches!(
            import_list(&imports, &sections(1), &bytes),
            Ok(Some(_))
        ));
        let given_up = import_list(&imports, &sections(60_000), &bytes);
        assert_eq!(given_up, Err(Limit::Time));
    }
}
