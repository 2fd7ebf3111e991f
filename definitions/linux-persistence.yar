// What attackers leave behind so that they come back. Each rule asks for the place (how a cron
// table, a unit or a login file looks) and for a command that honest ones don't hold.

// Two strings and a look at the first bytes, not one expression: what can begin at any digit or
// blank is tried everywhere, and made a scan nine times slower.
private rule cron_table
{
    strings:
        $named = /@(reboot|hourly|daily|weekly)[ \t]+[^\n]{3}/
        $fields = /\n[ \t]*([0-9*\/,-]+[ \t]+){4}[0-9*\/,-]+[ \t]+[^\n]{3}/
    condition:
        filesize < 64KB and (
            any of them
            // The first line: "* ", "*/" or a number of one or two digits and a blank.
            or uint16(0) == 0x202a or uint16(0) == 0x092a or uint16(0) == 0x2f2a
            or (
                uint8(0) >= 0x30 and uint8(0) <= 0x39
                and (uint8(1) == 0x20 or uint8(1) == 0x09 or uint8(2) == 0x20 or uint8(2) == 0x09)
            )
        )
}

private rule systemd_unit
{
    strings:
        $section = /(^|\n)\[(Service|Timer)\]/
        $start = /\nExec(Start|StartPre|StartPost|Reload|Stop)=/
    condition:
        filesize < 64KB and all of them
}

private rule reverse_shell
{
    strings:
        $bash = /\b(ba|z|k)?sh[ \t]+-i[ \t]*(>&|&>|>)[ \t]*\/dev\/(tcp|udp)\/[\w.:-]{3,64}\/[0-9]{1,5}[ \t]+0>&1/
        $exec = /exec[ \t]+[0-9]{1,3}<>[ \t]*\/dev\/tcp\/[\w.:-]{3,64}\/[0-9]{1,5}/
        $nc = /\bn(c|cat|etcat)[ \t]+(-[a-z]+[ \t]+){0,3}[\w.:-]{3,64}[ \t]+[0-9]{1,5}[ \t]+(-[a-z]*e|--exec)[ \t]*\/?[\w\/]{0,16}sh\b/
        $fifo = /mkfifo[ \t]+(\/\S{1,64});[ \t]*(cat|tail)[^\n]{1,80}\|[ \t]*[\w\/]{0,16}sh[ \t]+-i[^\n]{1,40}\|[ \t]*n(c|cat)\b/
        $socat = /socat[^\n]{1,120}exec:['"]?[\w\/]{0,16}sh[^\n]{0,40}(pty|stderr|setsid)/ nocase
    condition:
        any of them
}

private rule fetched_and_run
{
    strings:
        $pipe = /(curl|wget)[ \t][^\n|;]{4,200}https?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[^\n|;]{0,200}\|[ \t]*(sudo[ \t]+)?[\w\/]{0,16}sh\b/
        $encoded = /echo[ \t]+['"]?[A-Za-z0-9+\/=]{40,}['"]?[ \t]*\|[ \t]*base64[ \t]+(-d|--decode)[ \t]*\|[ \t]*[\w\/]{0,16}sh\b/
    condition:
        any of them
}

rule reverse_shell_in_cron
{
    meta:
        name = "Garrison.Linux.ReverseShell.Cron"
        description = "A cron table that opens a shell to another machine."
        reference = "ATT&CK T1053.003"
    condition:
        cron_table and reverse_shell
}

rule reverse_shell_in_unit
{
    meta:
        name = "Garrison.Linux.ReverseShell.Unit"
        description = "A systemd unit that opens a shell to another machine."
        reference = "ATT&CK T1543.002"
    condition:
        systemd_unit and reverse_shell
}

rule fetched_and_run_in_cron
{
    meta:
        name = "Garrison.Linux.Dropper.Cron"
        description = "A cron table that fetches a script from a bare address, or decodes one, and runs it."
        reference = "ATT&CK T1053.003"
    condition:
        cron_table and fetched_and_run
}

rule fetched_and_run_in_unit
{
    meta:
        name = "Garrison.Linux.Dropper.Unit"
        description = "A systemd unit that fetches a script from a bare address, or decodes one, and runs it."
        reference = "ATT&CK T1543.002"
    condition:
        systemd_unit and fetched_and_run
}

rule reverse_shell_script
{
    meta:
        name = "Garrison.Linux.ReverseShell.Script"
        description = "A short text that opens a shell to another machine; a manual may show one, too."
        reference = "ATT&CK T1059.004"
        maturity = "observing"
    condition:
        filesize < 4KB and reverse_shell
}

rule python_reverse_shell
{
    meta:
        name = "Garrison.Linux.ReverseShell.Python"
        description = "Python that connects out, hands the socket to a shell's three streams, and starts it."
        reference = "ATT&CK T1059.006"
    strings:
        $connect = /\.connect\(\(['"][\w.:-]{3,64}['"],[ ]?[0-9]{1,5}\)\)/
        $in = /os\.dup2\([ ]?\w{1,16}\.fileno\(\),[ ]?0\)/
        $out = /os\.dup2\([ ]?\w{1,16}\.fileno\(\),[ ]?1\)/
        $shell = /(subprocess\.call|subprocess\.Popen|pty\.spawn|os\.system)\(\[?['"][\w\/]{0,16}sh['"]/
    condition:
        filesize < 32KB and all of them
}

rule preload_from_writable_folder
{
    meta:
        name = "Garrison.Linux.Preload.Hook"
        description = "A loader list (ld.so.preload) that names a library in a folder anyone may write to, or a hidden one."
        reference = "ATT&CK T1574.006"
    strings:
        $library = /(^|\n)\/(tmp|var\/tmp|dev\/shm|[\w\/]{0,64}\/\.[\w.-]{1,32})\/?[\w.\/-]{0,64}\.so[\w.]{0,8}[ \t]*(\n|$)/
        $other = /(^|\n)[^\/#\n]/
    condition:
        filesize < 512 and $library and not $other
}

rule authorized_keys_with_command_shell
{
    meta:
        name = "Garrison.Linux.AuthorizedKeys.Backdoor"
        description = "A key for signing in that runs a shell to another machine or a fetched script."
        reference = "ATT&CK T1098.004"
    strings:
        $key = /(^|\n)[^#\n]{0,200}command="[^\n"]{4,300}"[^\n]{0,80}(ssh-(rsa|ed25519)|ecdsa-sha2-nistp256) AAAA/
    condition:
        filesize < 64KB and $key and (reverse_shell or fetched_and_run)
}
