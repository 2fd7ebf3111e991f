//! Files made for rules: what a rule's condition seems to ask of the beginning, then all the
//! literals that it looks for. Whether it matches is the judge's to say.

use definitions::Source;
use yara_x_parser::ast::{AST, HexSubPattern, HexToken, Pattern, WithSpan as _};

/// One for each rule.
pub(crate) fn files(sources: &[Source]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for source in sources {
        let text = String::from_utf8_lossy(&source.bytes);
        for rule in AST::from(text.as_ref()).rules() {
            let condition = &text[rule.condition.span().range()].to_lowercase();
            let mut content = beginning(condition);
            for pattern in rule.patterns.iter().flatten() {
                literal(pattern, &mut content);
            }
            files.push(content);
        }
    }
    files
}

fn beginning(condition: &str) -> Vec<u8> {
    let asks = |texts: &[&str]| texts.iter().any(|text| condition.contains(text));
    if asks(&["0x5a4d", "pe."]) {
        program()
    } else if asks(&["464c457f", "7f454c46", "elf."]) {
        [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 57]].concat()
    } else if asks(&["0xcfd0", "d0cf"]) {
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec()
    } else if asks(&["0x4b50"]) {
        b"PK\x03\x04".to_vec()
    } else if asks(&["0x3c25", "0x253c"]) {
        b"<%".to_vec()
    } else {
        Vec::new()
    }
}

/// A small PE file with one section.
fn program() -> Vec<u8> {
    let mut file = vec![0; 0x400];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80u32.to_le_bytes());
    put(0x80, b"PE\0\0\x4c\x01\x01\0");
    put(0x94, &[0xe0, 0, 0x02, 0x01, 0x0b, 0x01]);
    let optional = 0x98;
    put(optional + 28, &0x40_0000u32.to_le_bytes());
    put(optional + 32, &0x1000u32.to_le_bytes());
    put(optional + 36, &0x200u32.to_le_bytes());
    put(optional + 56, &0x2000u32.to_le_bytes());
    put(optional + 60, &0x200u32.to_le_bytes());
    put(optional + 92, &16u32.to_le_bytes());
    let section = optional + 0xe0;
    put(section, b".text");
    for (place, value) in [0x1000u32, 0x1000, 0x200, 0x200].iter().enumerate() {
        put(section + 8 + place * 4, &value.to_le_bytes());
    }
    file
}

fn literal(pattern: &Pattern<'_>, content: &mut Vec<u8>) {
    match pattern {
        Pattern::Text(text) if text.modifiers.xor().is_none() => {
            let wide = text.modifiers.wide().is_some();
            if wide {
                content.extend_from_slice(b"\n\0");
                content.extend(text.text.value.iter().flat_map(|byte| [*byte, 0]));
                content.extend_from_slice(b"\n\0");
            }
            if !wide || text.modifiers.ascii().is_some() {
                content.push(b'\n');
                content.extend_from_slice(&text.text.value);
                content.push(b'\n');
            }
        }
        Pattern::Hex(hex) => {
            content.push(b'\n');
            bytes(&hex.sub_patterns, content);
            content.push(b'\n');
        }
        Pattern::Text(_) | Pattern::Regexp(_) => {}
    }
}

fn bytes(pattern: &HexSubPattern, content: &mut Vec<u8>) {
    for token in pattern.iter() {
        match token {
            HexToken::Byte(byte) => content.push(byte.value),
            HexToken::NotByte(byte) => content.push(!byte.value),
            HexToken::Alternative(either) => bytes(&either.alternatives[0], content),
            HexToken::Jump(jump) => {
                let length = jump.start.unwrap_or(0).min(4096);
                content.resize(content.len() + length as usize, 0);
            }
        }
    }
}
