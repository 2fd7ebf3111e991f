//! Short names and identifiers that are the same in every run.

/// FNV-1a of 64 bits (RFC 9923), from a start of its own for each seed. It keeps names apart; it
/// protects nothing.
pub(crate) fn fnv(bytes: &[u8], seed: u8) -> u64 {
    std::iter::once(&seed)
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// An identifier of words with hyphens, in at most so many bytes: the longest words are
/// shortened first.
pub(crate) fn shortened(id: &str, most: usize) -> String {
    let mut words: Vec<String> = id.split('-').map(str::to_owned).collect();
    let length = |words: &[String]| {
        words
            .iter()
            .map(|word| word.len().saturating_add(1))
            .sum::<usize>()
            .saturating_sub(1)
    };
    while length(&words) > most && !words.is_empty() {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        match words.iter_mut().rev().find(|word| word.len() == longest) {
            Some(word) if longest > 1 => {
                word.pop();
            }
            Some(_) | None => {
                words.pop();
            }
        }
    }
    words.join("-")
}

/// An ASCII text in at most so many bytes; what is cut keeps its difference in a hash.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let hash = format!("~{:08x}", fnv(text.as_bytes(), 0) & 0xffff_ffff);
    let kept: String = text.chars().take(most.saturating_sub(hash.len())).collect();
    format!("{kept}{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_and_stay_apart() {
        assert_eq!(shortened("garrison", 22), "garrison");
        let sep = shortened("symantec-endpoint-protection", 22);
        let wss = shortened("symantec-web-security-service", 22);
        assert!(
            sep.len() <= 22 && wss.len() <= 22 && sep != wss,
            "{sep} {wss}"
        );
        assert!(shortened("a-b-c-d-e-f-g-h", 5).len() <= 5);
        let long = "a".repeat(300);
        assert_eq!(cut(&long, 40).len(), 40);
        assert_ne!(cut(&long, 40), cut(&format!("{long}b"), 40));
        assert_eq!(cut("short", 40), "short");
    }
}
