//! Text and machine code that many clean files hold, though their bytes seldom stand together
//! elsewhere: nothing is told by finding them.

use scan::yara::gate::fold;

/// Letters of what is left of a literal without such text that tell something.
const LEAST_LEFT: usize = 5;
/// Machine code of so many bytes is not what most programs have.
const LONG_CODE: usize = 20;

const TEXTS: [&str; 143] = [
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
    "gdi32.dll",
    "ole32.dll",
    "namedpipe",
    "base class descriptor at (",
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
    "pause",
    "hello",
    "time: ",
    "window: ",
    "_time64",
    "invalid parameter",
    "dllregisterserver",
    "dllunregisterserver",
    "oleaut32.dll",
    "wsock32.dll",
    "iphlpapi.dll",
    "create user",
    "convertsidtostringsidw",
    "accept-encoding",
    "http/1.1",
    "http/1.0",
    "bypass",
    "createbitmap",
    "insecure",
    "getnativesysteminfo",
    "inuser",
    "getupdate",
    "no command",
    "vmware",
    "get_screen",
    "kill_process",
    "streamwriter",
    "result.html",
    "connection: keep-alive",
    "content-transfer-encoding:",
    "base64_decode",
    "\",\"version\":\"",
    "__dec",
    "crypt(",
    "microsoft corporation. all rights reserved.",
    "32.exe",
    "go build",
    "nullsoftinst",
    "__security_check_cookie",
    "content-encoding: ",
    "getlastactivepopup",
    "getmodulefilename",
    "getcommandline",
    "heapalloc",
    "getprocessheap",
    "postthreadmessagea",
    "peekmessagea",
    "software\\microsoft\\windows\\currentversion\\run",
    "host: %s:%d",
    "shift+",
    "ctrl+",
];

/// What Microsoft's compilers begin functions with that have handlers of exceptions or guard the
/// stack, and what the 64-bit FNV hash begins with, folded.
const CODE: [&[u8]; 5] = [
    b"\xab\xff\x75\xab\xec",
    b"\x64\xa3\x20\x20\x20\x20",
    b"\x33\xe5\x70\xad\x65\xf0",
    b"\x31\x65\xf8\x33\xe5",
    b"\x25\x23\x22\xa4\xe4\xbc\xf2\xeb",
];

/// Whether a literal has machine code that most programs have.
pub(super) fn is_code(literal: &[u8]) -> bool {
    let folded: Vec<u8> = literal.iter().copied().map(fold).collect();
    let holds = |code: &&[u8]| folded.windows(code.len()).any(|part| part == *code);
    literal.len() < LONG_CODE && CODE.iter().any(holds)
}

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
