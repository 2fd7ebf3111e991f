//! As much of DER (X.690) as seeds are made of.

/// An element with this content, shorter than 64 KiB.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("a seed is short");
    let mut whole = vec![tag];
    match length.to_be_bytes() {
        [0, short] if short < 0x80 => whole.push(short),
        [0, short] => whole.extend([0x81, short]),
        long => whole.extend([&[0x82], long.as_slice()].concat()),
    }
    whole.extend(content);
    whole
}

/// An element within the context-specific tag of this number.
pub(crate) fn numbered(number: u8, content: &[u8]) -> Vec<u8> {
    der(0xa0 | number, &[content])
}

/// A number below 256.
pub(crate) fn small(value: u8) -> Vec<u8> {
    der(2, &[&[0, value][usize::from(value < 0x80)..]])
}
