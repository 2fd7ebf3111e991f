//! Bytes that every match of a regular expression holds, read from its text. Only what stands
//! outside of brackets counts; what is unclear ends a run, or gives up.

/// The runs of bytes; `None` where the expression is not understood.
pub(super) fn of_regexp(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut rest = text.as_bytes();
    let mut runs = vec![Vec::new()];
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => {
                let (byte, after) = escaped(rest)?;
                rest = after;
                match byte {
                    Some(byte) => push(&mut runs, byte),
                    None => runs.push(Vec::new()),
                }
            }
            b'[' => {
                rest = after_class(rest)?;
                runs.push(Vec::new());
            }
            b'(' => {
                // Flags may change what the rest means.
                if rest.starts_with(b"?") && !rest.starts_with(b"?:") {
                    return None;
                }
                rest = after_group(rest)?;
                runs.push(Vec::new());
            }
            b')' | b'|' => return None,
            // What stands before may be missing.
            b'*' | b'?' | b'{' => {
                if let Some(run) = runs.last_mut() {
                    run.pop();
                }
                if *byte == b'{' {
                    let end = rest.iter().position(|byte| *byte == b'}')?;
                    let (inside, after) = rest.split_at_checked(end)?;
                    let counts = inside
                        .iter()
                        .all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b' '));
                    if !counts {
                        return None;
                    }
                    rest = after.get(1..)?;
                }
                runs.push(Vec::new());
            }
            b'+' | b'.' | b'^' | b'$' => runs.push(Vec::new()),
            byte if byte.is_ascii() => push(&mut runs, *byte),
            _ => runs.push(Vec::new()),
        }
    }
    Some(runs)
}

fn push(runs: &mut [Vec<u8>], byte: u8) {
    if let Some(run) = runs.last_mut() {
        run.push(byte);
    }
}

/// The byte that an escape stands for, if it is one alone, and what follows.
fn escaped(rest: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let (byte, rest) = rest.split_first()?;
    let one = match byte {
        b'x' => {
            let (digits, after) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            return Some((Some(u8::from_str_radix(digits, 16).ok()?), after));
        }
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'b' | b'B' | b'f' | b'a' => None,
        byte if byte.is_ascii_alphanumeric() || !byte.is_ascii() => return None,
        byte => Some(*byte),
    };
    Some((one, rest))
}

/// What follows a class whose bracket was read.
fn after_class(rest: &[u8]) -> Option<&[u8]> {
    let mut rest = rest.strip_prefix(b"^").unwrap_or(rest);
    rest = rest.strip_prefix(b"]").unwrap_or(rest);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => rest = rest.get(1..)?,
            // A named class within, or a bracket: not worth telling apart.
            b'[' => return None,
            b']' => return Some(rest),
            _ => {}
        }
    }
    None
}

/// What follows a group whose bracket was read.
fn after_group(rest: &[u8]) -> Option<&[u8]> {
    let mut rest = rest;
    let mut depth = 1_usize;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => rest = rest.get(1..)?,
            b'[' => rest = after_class(rest)?,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(rest);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Vec<String>> {
        let runs = of_regexp(text)?;
        let runs = runs.into_iter().filter(|run| !run.is_empty());
        Some(
            runs.map(|run| String::from_utf8_lossy(&run).into_owned())
                .collect(),
        )
    }

    fn some(runs: &[&str]) -> Option<Vec<String>> {
        Some(runs.iter().map(|run| (*run).to_owned()).collect())
    }

    #[test]
    fn a_run_holds_only_what_every_match_holds() {
        assert_eq!(of(r"abcd\.e\x41"), some(&["abcd.eA"]));
        assert_eq!(of("abc?de*f+g{0,3}h"), some(&["ab", "d", "f", "h"]));
        assert_eq!(
            of(r"ab[^]\]x]cd(e|f\))gh.ij\dk"),
            some(&["ab", "cd", "gh", "ij", "k"])
        );
        assert_eq!(of("ab(c(d|e)[)]f)?gh"), some(&["ab", "gh"]));
        assert_eq!(of("ab+?cd*?e"), some(&["ab", "c", "e"]));
    }

    #[test]
    fn what_is_not_understood_gives_no_run() {
        for text in [
            "ab|cd",
            "ab(",
            "ab)",
            "[ab",
            r"ab\",
            r"a\1",
            "a{b}",
            "(?i)abcd",
            "a(?x: b)c",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
