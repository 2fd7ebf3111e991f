//! A text that a Perl-compatible expression matches, for the simple ones.

/// The shortest text that the expression can take, as far as this reader understands it.
pub(crate) fn sample(text: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader {
        text,
        at: 0,
        groups: Vec::new(),
        depth: 0,
    };
    let made = reader.branches()?;
    (reader.at == text.len()).then_some(made)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    groups: Vec<Vec<u8>>,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The first branch; the others are passed over.
    fn branches(&mut self) -> Option<Vec<u8>> {
        self.depth += 1;
        if self.depth > 50 {
            return None;
        }
        let first = self.sequence()?;
        while self.peek() == Some(b'|') {
            self.at += 1;
            self.sequence()?;
        }
        self.depth -= 1;
        Some(first)
    }

    fn sequence(&mut self) -> Option<Vec<u8>> {
        let mut made = Vec::new();
        while let Some(byte) = self.peek() {
            if byte == b'|' || byte == b')' {
                break;
            }
            let atom = self.atom()?;
            let (least, most) = self.quantifier()?;
            // A class may be named once more often than it must, which does no harm.
            let times = if least == 0 && most == Some(0) {
                0
            } else {
                least
            };
            for _ in 0..times {
                made.extend_from_slice(&atom);
            }
        }
        Some(made)
    }

    fn quantifier(&mut self) -> Option<(usize, Option<usize>)> {
        let range = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') if self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) => {
                let end = self.text[self.at..].iter().position(|byte| *byte == b'}')?;
                let inside = std::str::from_utf8(&self.text[self.at + 1..self.at + end]).ok()?;
                let least = inside.split(',').next()?.parse().ok()?;
                self.at += end;
                (least, None)
            }
            _ => return Some((1, Some(1))),
        };
        self.at += 1;
        if matches!(self.peek(), Some(b'?' | b'+')) {
            self.at += 1;
        }
        Some(range)
    }

    fn atom(&mut self) -> Option<Vec<u8>> {
        match self.next()? {
            b'(' => self.group(),
            b'[' => self.class().map(|byte| vec![byte]),
            b'.' => Some(vec![b'a']),
            b'^' | b'$' => Some(Vec::new()),
            b'\\' => self.escape(),
            byte => Some(vec![byte]),
        }
    }

    fn group(&mut self) -> Option<Vec<u8>> {
        let mut capturing = true;
        let mut empty = false;
        if self.peek() == Some(b'?') {
            self.at += 1;
            capturing = false;
            match self.next()? {
                b':' => {}
                b'!' => empty = true,
                b'=' => return None,
                b'P' | b'<' => {
                    if matches!(self.peek(), Some(b'!' | b'=')) {
                        empty = true;
                        self.at += 1;
                    } else {
                        while self.next()? != b'>' {}
                        capturing = true;
                    }
                }
                b'i' | b's' | b'm' | b'x' => {
                    while matches!(self.peek(), Some(b'i' | b's' | b'm' | b'x' | b'-')) {
                        self.at += 1;
                    }
                    if self.next()? == b')' {
                        return Some(Vec::new());
                    }
                }
                _ => return None,
            }
        }
        let place = self.groups.len();
        if capturing {
            self.groups.push(Vec::new());
        }
        let made = self.branches()?;
        if self.next()? != b')' {
            return None;
        }
        if capturing {
            self.groups[place].clone_from(&made);
        }
        Some(if empty { Vec::new() } else { made })
    }

    fn escape(&mut self) -> Option<Vec<u8>> {
        let byte = self.next()?;
        Some(match byte {
            b'b' | b'B' | b'A' | b'Z' | b'z' | b'G' => Vec::new(),
            b'1'..=b'9' => self.groups.get(usize::from(byte - b'1'))?.clone(),
            b'x' => vec![self.hexadecimal()?],
            _ => vec![stands_for(byte)?],
        })
    }

    fn hexadecimal(&mut self) -> Option<u8> {
        let digits = self.text.get(self.at..self.at + 2)?;
        self.at += 2;
        u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    /// A byte of a class.
    fn class(&mut self) -> Option<u8> {
        let negative = self.peek() == Some(b'^');
        if negative {
            self.at += 1;
        }
        let mut have = [false; 256];
        let mut first = true;
        loop {
            let byte = self.next()?;
            if byte == b']' && !first {
                break;
            }
            first = false;
            let low = match byte {
                b'\\' => match self.next()? {
                    b'x' => self.hexadecimal()?,
                    letter @ (b'd' | b'w' | b's' | b'D' | b'W' | b'S') => {
                        for byte in 0..=255_u8 {
                            have[usize::from(byte)] |= in_class(letter, byte);
                        }
                        continue;
                    }
                    letter => stands_for(letter)?,
                },
                b'[' if self.peek() == Some(b':') => return None,
                byte => byte,
            };
            let range = self.peek() == Some(b'-')
                && self.text.get(self.at + 1).is_some_and(|byte| *byte != b']');
            let high = if range {
                self.at += 1;
                match self.next()? {
                    b'\\' => match self.next()? {
                        b'x' => self.hexadecimal()?,
                        letter => stands_for(letter)?,
                    },
                    byte => byte,
                }
            } else {
                low
            };
            for byte in low..=high {
                have[usize::from(byte)] = true;
            }
        }
        b"a0A _-./\nxyz"
            .iter()
            .copied()
            .chain(1..=255)
            .find(|byte| have[usize::from(*byte)] != negative)
    }
}

fn in_class(letter: u8, byte: u8) -> bool {
    let inside = match letter.to_ascii_lowercase() {
        b'd' => byte.is_ascii_digit(),
        b'w' => byte.is_ascii_alphanumeric() || byte == b'_',
        _ => byte.is_ascii_whitespace(),
    };
    inside == letter.is_ascii_lowercase()
}

fn stands_for(letter: u8) -> Option<u8> {
    Some(match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'f' => 12,
        b'e' => 27,
        b'd' => b'1',
        b'w' => b'a',
        b's' => b' ',
        b'D' | b'S' => b'a',
        b'W' => b' ',
        letter if letter.is_ascii_alphanumeric() => return None,
        other => other,
    })
}
