// Programs that nobody installs on purpose, or not where they are found.

import "elf"

private rule elf_file
{
    condition:
        uint32be(0) == 0x7F454C46
}

rule miner_configuration
{
    meta:
        name = "Garrison.Linux.Miner.Configuration"
        description = "The settings of a Monero miner with a pool and a wallet in them."
        reference = "ATT&CK T1496.001"
    strings:
        $open = /^\s{0,16}\{/
        $pools = "\"pools\""
        $algorithm = /"(algo|coin)"\s*:\s*(null|"(rx\/0|monero|cn\/r)")/
        $url = /"url"\s*:\s*"(stratum\+(tcp|ssl):\/\/)?[\w.-]{4,80}:[0-9]{2,5}"/
        $wallet = /"user"\s*:\s*"[48][0-9A-Za-z]{90,110}[^"]{0,40}"/
    condition:
        filesize < 64KB and $open and $pools and $url and $wallet and $algorithm
}

rule miner_program
{
    meta:
        name = "Garrison.Linux.Miner.Program"
        description = "A program that mines Monero for a pool; some people run one for themselves."
        reference = "ATT&CK T1496.001"
        maturity = "observing"
    strings:
        $login = "\"method\":\"login\",\"params\":{\"login\":"
        $stratum_tcp = "stratum+tcp://"
        $stratum_ssl = "stratum+ssl://"
        $donate = "donate-level"
        $random_x = "randomx"
        $nicehash = "nicehash"
    condition:
        elf_file and filesize < 32MB and #stratum_tcp > 0 and 4 of them
}

rule upx_with_tampered_header
{
    meta:
        name = "Garrison.Linux.Packer.TamperedUpx"
        description = "An ELF program packed by UPX whose marks were overwritten, so that tools can't unpack it."
        reference = "ATT&CK T1027.002"
    strings:
        $info = "$Info: This file is packed with the UPX executable packer"
        $id = "$Id: UPX "
        $prot_failed = "PROT_EXEC|PROT_WRITE failed."
        $mark = "UPX!"
    condition:
        elf_file and filesize < 16MB and $prot_failed in (0..filesize) and
        elf.number_of_sections == 0 and
        ($info or $id) and #mark == 0
}

rule upx_stub_without_any_mark
{
    meta:
        name = "Garrison.Linux.Packer.HiddenUpx"
        description = "An ELF program with the stub of UPX and none of its texts."
        reference = "ATT&CK T1027.002"
        maturity = "observing"
    strings:
        $prot_failed = "PROT_EXEC|PROT_WRITE failed."
        $exe = "/proc/self/exe"
        $upx = "UPX"
    condition:
        elf_file and filesize < 16MB and $prot_failed and $exe and not $upx and
        elf.number_of_sections == 0
}

rule preload_rootkit
{
    meta:
        name = "Garrison.Linux.Rootkit.Preload"
        description = "A library that replaces the calls that list folders and accept connections, and hides itself by the loader's list."
        reference = "ATT&CK T1014"
    strings:
        $list = "/etc/ld.so.preload"
        $next = "dlsym"
        $a1 = "readdir64"
        $a2 = "readdir"
        $b1 = "__lxstat"
        $b2 = "__xstat"
        $b3 = "fopen64"
        $c1 = "accept"
        $c2 = "pam_authenticate"
        $c3 = "pcap_loop"
        $proc = "/proc/net/tcp"
        $shell = "/bin/sh"
    condition:
        elf_file and elf.type == elf.ET_DYN and filesize < 2MB and $list and $next and $proc and $shell and
        all of ($a*) and 2 of ($b*) and any of ($c*)
}

rule mirai_like_scanner
{
    meta:
        name = "Garrison.Linux.Botnet.TelnetScanner"
        description = "A program that tries well-known passwords of devices over telnet and starts itself on them."
        reference = "ATT&CK T1110.001"
    strings:
        $w1 = "/dev/watchdog"
        $w2 = "/dev/misc/watchdog"
        $b1 = "/bin/busybox "
        $b2 = ": applet not found"
        $s1 = "enable\x00"
        $s2 = "system\x00"
        $s3 = "linuxshell\x00"
        $u1 = "assword:"
        $u2 = "ogin:"
        $f1 = "/proc/net/tcp"
        $x1 = /(tftp|wget)[^\x00\n]{1,60}(chmod|\/bin\/busybox)[^\x00\n]{1,60}777/
    condition:
        elf_file and filesize < 1MB and all of ($w*) and all of ($b*) and all of ($u*) and
        ($f1 or $x1) and 2 of ($s*)
}
