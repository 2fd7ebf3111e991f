//! Folders: coders whose streams are bound to each other, and the decoder that they make.

use std::io::{BufReader, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::DeflateDecoder;
use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};
use model::Limit;
use model::verdict::Remark;

use crate::containers::zstd;
use crate::definitions::bytes::{slice, u32_at};
use crate::limits::LZMA_MEMORY_BYTES;

/// Why a folder can't be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    Remark(Remark),
    Limit(Limit),
}

impl Trouble {
    pub(super) const MALFORMED: Self = Self::Remark(Remark::Malformed);
}

#[derive(Debug)]
pub(super) struct Coder {
    pub(super) method: Vec<u8>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) properties: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) coders: Vec<Coder>,
    /// An input, and the output that feeds it; both counted through all coders.
    pub(super) bonds: Vec<(usize, usize)>,
    /// Inputs that packed streams feed.
    pub(super) packed_streams: Vec<usize>,
    /// Which packed stream of the archive is this folder's first.
    pub(super) first_packed: usize,
    /// Unpacked sizes, one an output.
    pub(super) sizes: Vec<u64>,
    /// Sizes of the files.
    pub(super) files: Vec<u64>,
}

/// The first of so many that is not among the bound ones.
pub(super) fn first_free(count: usize, bound: impl Iterator<Item = usize>) -> Option<usize> {
    let mut free = vec![true; count];
    for bound in bound {
        if let Some(free) = free.get_mut(bound) {
            *free = false;
        }
    }
    free.iter().position(|free| *free)
}

impl Folder {
    pub(super) fn input_count(&self) -> usize {
        self.coders.iter().map(|coder| coder.inputs).sum()
    }

    pub(super) fn output_count(&self) -> usize {
        self.coders.iter().map(|coder| coder.outputs).sum()
    }

    /// The output that feeds no input: what comes out of the folder.
    fn last_output(&self) -> Option<usize> {
        first_free(
            self.output_count(),
            self.bonds.iter().map(|(_, bound)| *bound),
        )
    }

    /// Bytes that come out.
    pub(super) fn size(&self) -> u64 {
        self.last_output()
            .and_then(|output| self.sizes.get(output))
            .copied()
            .unwrap_or(0)
    }

    /// Bytes that the folder takes in the archive.
    pub(super) fn packed_bytes(&self, packed: &[(u64, u64)]) -> u64 {
        packed
            .iter()
            .skip(self.first_packed)
            .take(self.packed_streams.len())
            .fold(0, |sum, (_, size)| sum.saturating_add(*size))
    }

    /// The decoder.
    pub(super) fn reader<'a>(
        &self,
        data: &'a [u8],
        packed: &[(u64, u64)],
    ) -> Result<Box<dyn Read + 'a>, Trouble> {
        let output = self.last_output().ok_or(Trouble::MALFORMED)?;
        let mut used = vec![false; self.coders.len()];
        let mut memory = LZMA_MEMORY_BYTES;
        self.output(output, data, packed, &mut used, &mut memory)
    }

    /// What comes out of an output. Each coder is used once, so that none feeds itself.
    fn output<'a>(
        &self,
        output: usize,
        data: &'a [u8],
        packed: &[(u64, u64)],
        used: &mut [bool],
        memory: &mut u64,
    ) -> Result<Box<dyn Read + 'a>, Trouble> {
        let (mut first_input, mut first_output) = (0, 0);
        for (index, coder) in self.coders.iter().enumerate() {
            if output < first_output + coder.outputs {
                let free = used.get_mut(index).filter(|used| !**used);
                *free.ok_or(Trouble::MALFORMED)? = true;
                let inputs = (first_input..first_input + coder.inputs)
                    .map(|input| self.input(input, data, packed, used, memory))
                    .collect::<Result<Vec<_>, _>>()?;
                let size = self.sizes.get(output).copied().unwrap_or(0);
                return coder.decoder(inputs, size, memory);
            }
            first_input += coder.inputs;
            first_output += coder.outputs;
        }
        Err(Trouble::MALFORMED)
    }

    fn input<'a>(
        &self,
        input: usize,
        data: &'a [u8],
        packed: &[(u64, u64)],
        used: &mut [bool],
        memory: &mut u64,
    ) -> Result<Box<dyn Read + 'a>, Trouble> {
        if let Some((_, output)) = self.bonds.iter().find(|(bound, _)| *bound == input) {
            return self.output(*output, data, packed, used, memory);
        }
        let place = self
            .packed_streams
            .iter()
            .position(|stream| *stream == input)
            .and_then(|index| packed.get(self.first_packed + index));
        let bytes = place.and_then(|(offset, size)| {
            let start = usize::try_from(*offset).ok()?;
            slice(data, start, usize::try_from(*size).ok()?).or_else(|| data.get(start..))
        });
        Ok(Box::new(bytes.ok_or(Trouble::MALFORMED)?))
    }
}

impl Coder {
    fn decoder<'a>(
        &self,
        inputs: Vec<Box<dyn Read + 'a>>,
        size: u64,
        memory: &mut u64,
    ) -> Result<Box<dyn Read + 'a>, Trouble> {
        if self.method == [0x03, 0x03, 0x01, 0x1b] {
            if inputs.len() != 4 {
                return Err(Trouble::MALFORMED);
            }
            return Ok(Box::new(Bcj2Reader::new(inputs, size)));
        }
        let one: Result<[Box<dyn Read + 'a>; 1], _> = inputs.try_into();
        let [input] = one.map_err(|_| Trouble::MALFORMED)?;
        let broken = |_| Trouble::MALFORMED;
        let packed = BufReader::with_capacity(1 << 16, input);
        Ok(match self.method.as_slice() {
            [0x00] => Box::new(packed),
            [0x03, 0x01, 0x01] => {
                let dictionary = u32_at(&self.properties, 1).ok_or(Trouble::MALFORMED)?;
                let properties = *self.properties.first().ok_or(Trouble::MALFORMED)?;
                let dictionary = usable(dictionary, size, memory)?;
                let reader = LzmaReader::new_with_props(packed, size, properties, dictionary, None);
                Box::new(reader.map_err(broken)?)
            }
            [0x21] => {
                let bits = *self.properties.first().ok_or(Trouble::MALFORMED)?;
                let dictionary = match bits {
                    0..40 => (2 | u32::from(bits & 1)) << (bits / 2 + 11),
                    _ => u32::MAX,
                };
                Box::new(Lzma2Reader::new(
                    packed,
                    usable(dictionary, size, memory)?,
                    None,
                ))
            }
            [0x03] => {
                let distance = self.properties.first().copied().unwrap_or(0);
                Box::new(DeltaReader::new(packed, usize::from(distance) + 1))
            }
            [0x04] | [0x03, 0x03, 0x01, 0x03] => Box::new(BcjReader::new_x86(packed, 0)),
            [0x05] | [0x03, 0x03, 0x02, 0x05] => Box::new(BcjReader::new_ppc(packed, 0)),
            [0x06] | [0x03, 0x03, 0x04, 0x01] => Box::new(BcjReader::new_ia64(packed, 0)),
            [0x07] | [0x03, 0x03, 0x05, 0x01] => Box::new(BcjReader::new_arm(packed, 0)),
            [0x08] | [0x03, 0x03, 0x07, 0x01] => Box::new(BcjReader::new_arm_thumb(packed, 0)),
            [0x09] | [0x03, 0x03, 0x08, 0x05] => Box::new(BcjReader::new_sparc(packed, 0)),
            [0x0a] => Box::new(BcjReader::new_arm64(packed, 0)),
            [0x04, 0x01, 0x08] => Box::new(DeflateDecoder::new(packed)),
            [0x04, 0x02, 0x02] => Box::new(BzDecoder::new(packed)),
            [0x04, 0xf7, 0x11, 0x01] => Box::new(zstd::reader(packed).map_err(broken)?),
            // AES-256 with a key from a password.
            [0x06, 0xf1, 0x07, 0x01] => return Err(Trouble::Remark(Remark::Encrypted)),
            _ => return Err(Trouble::Remark(Remark::UnknownMethod)),
        })
    }
}

/// The dictionary to take: no larger than what comes out, and within what memory is left.
fn usable(stated: u32, size: u64, memory: &mut u64) -> Result<u32, Trouble> {
    let needed = u64::from(stated).min(size).max(4096);
    *memory = memory
        .checked_sub(needed)
        .ok_or(Trouble::Limit(Limit::Memory))?;
    u32::try_from(needed).map_err(|_| Trouble::Limit(Limit::Memory))
}
