//! Text that many clean files hold, though its letters seldom stand together elsewhere: nothing is
//! told by finding it.

/// Letters of what is left of a literal without such text that tell something.
const LEAST_LEFT: usize = 5;

const TEXTS: [&str; 88] = [
    "!this program cannot be run in dos mode.\r\r\n$",
    "this program must be run under win32",
    "microsoft corporation",
    "microsoft visual c++ runtime library",
    "<requestedprivileges>",
    "requestedexecutionlevel",
    "<assembly xmlns=\"urn:schemas-microsoft-com:asm.v1\" manifestversion=\"1.0\">",
    "vs_version_info",
    "stringfileinfo",
    "originalfilename",
    "filedescription",
    "legalcopyright",
    "legaltrademarks",
    "internalname",
    "companyname",
    "productname",
    "productversion",
    "fileversion",
    "translation",
    "kernel32.dll",
    "user32.dll",
    "advapi32.dll",
    "shell32.dll",
    "ntdll.dll",
    "msvcrt.dll",
    "mscoree.dll",
    "ws2_32.dll",
    "wininet.dll",
    "virtualalloc",
    "virtualprotect",
    "virtualquery",
    "getprocaddress",
    "loadlibrarya",
    "loadlibraryw",
    "loadlibraryexw",
    "getmodulehandle",
    "createprocessa",
    "createprocessw",
    "shellexecute",
    "pathremovefilespecw",
    "writeprocessmemory",
    "isdebuggerpresent",
    "gettickcount",
    "currentversion",
    "software\\microsoft\\windows",
    "system32",
    "content-type",
    "content-length",
    "user-agent",
    "mozilla/5.0",
    "application/x-www-form-urlencoded",
    "password",
    "username",
    "https://",
    "localhost",
    "127.0.0.1",
    "/bin/bash",
    "/bin/sh",
    "/usr/bin/",
    "/usr/lib/",
    "/proc/self/",
    "/dev/null",
    "/etc/passwd",
    "python",
    "import os",
    "subprocess",
    "<?php",
    "<script",
    "</script>",
    "javascript",
    "document.write",
    "function",
    "eval(",
    "fromcharcode",
    "powershell",
    "cmd.exe",
    "base64",
    "loaded",
    "window.open(",
    "path=",
    "<svg xmlns=\"http://www.w3.org/2000/svg\"",
    "location.href",
    "operator \"\" ",
    "operator co_await",
    "deleteobject",
    "appdata",
    "fwrite",
    "fread",
];

/// Whether a literal, wide or not, is hardly more than such text.
pub(super) fn is_common(literal: &[u8]) -> bool {
    let letters: Vec<u8> = literal
        .iter()
        .filter(|byte| **byte != 0)
        .map(u8::to_ascii_lowercase)
        .collect();
    TEXTS.iter().any(|text| {
        let text = text.as_bytes();
        if letters.len() <= text.len() {
            return text
                .windows(letters.len().max(1))
                .any(|part| part == letters);
        }
        letters.len() < text.len() + LEAST_LEFT
            && letters.windows(text.len()).any(|part| part == text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_common_text_and_little_more_than_it_is_common() {
        assert!(is_common(b"SER32.dll"));
        assert!(is_common(b"u\0s\0e\0r\x003\x002\0.\0d\0l\0l\0"));
        assert!(is_common(b"\"user32.dll\""));
        assert!(!is_common(b"user32.dll of mine"));
        assert!(!is_common(b"uncommon"));
    }
}
