//! What a file is that looks like no format of rules.

use super::AuditError;

/// The error that helps most.
pub(super) fn error(bytes: &[u8]) -> AuditError {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']) && !line.starts_with("//"))
        .peekable();
    if lines.peek().is_none() {
        return AuditError::NoRules;
    }
    let of_iptables = |line: &str| {
        [
            "*filter",
            "*nat",
            "*mangle",
            "*raw",
            "-A ",
            "-4 -A ",
            "-6 -A ",
            "iptables ",
        ]
        .iter()
        .any(|begin| line.starts_with(begin))
    };
    if lines.any(of_iptables) {
        AuditError::Iptables
    } else {
        AuditError::Format
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_what_the_file_is() {
        assert!(matches!(error(b"# nothing\n\n"), AuditError::NoRules));
        assert!(matches!(error(b"hello\n"), AuditError::Format));
        for text in [
            "# x\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n",
            "-4 -A f -j ACCEPT\n",
            "iptables -A INPUT -j DROP\n",
        ] {
            let error = error(text.as_bytes());
            assert!(matches!(error, AuditError::Iptables), "{error}");
            assert!(error.to_string().contains("iptables-restore-translate"));
        }
    }
}
