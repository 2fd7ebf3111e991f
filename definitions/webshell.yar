// Pages that run what a visitor sends. A rule asks for the visitor's input inside the call that
// runs it: code that only has both somewhere is honest more often than not.

private rule php_page
{
    strings:
        $open = /<\?(php\s|=)/ nocase
    condition:
        filesize < 1MB and $open
}

rule php_runs_input
{
    meta:
        name = "Garrison.Web.Shell.PhpInput"
        description = "A PHP page that runs a request's field as code or as a command, with nothing in between."
        reference = "ATT&CK T1505.003"
    strings:
        $run = /[^\w$>:](eval|assert|system|shell_exec|passthru|popen|proc_open|pcntl_exec)\s{0,4}\(\s{0,4}@?(stripslashes\(|trim\(|base64_decode\(|gzinflate\(|str_rot13\(|urldecode\(|hex2bin\(){0,4}\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE|SERVER)\s{0,4}\[/ nocase
    condition:
        php_page and $run
}

rule php_input_as_function
{
    meta:
        name = "Garrison.Web.Shell.PhpCallback"
        description = "A PHP page that calls a function named by one field of a request with another field."
        reference = "ATT&CK T1505.003"
    strings:
        $call = /@?\$_(GET|POST|REQUEST|COOKIE)\[[^\]\n]{1,24}\]\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\[/ nocase
        $map = /(array_map|array_filter|call_user_func|usort)\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\[[^\]\n]{1,24}\]\s{0,4},\s{0,4}(array\(\s{0,4})?@?\$_(GET|POST|REQUEST|COOKIE)\[/ nocase
    condition:
        php_page and any of them
}

rule php_hidden_in_image
{
    meta:
        name = "Garrison.Web.Shell.PhpInImage"
        description = "An image that holds PHP which runs a request's field."
        reference = "ATT&CK T1505.003"
    strings:
        $run = /<\?php[^?]{0,200}(eval|assert|system|shell_exec|passthru)\s{0,4}\(\s{0,4}@?[^)\n]{0,60}\$_(GET|POST|REQUEST|COOKIE)/ nocase
    condition:
        filesize < 8MB and
        (uint32be(0) == 0x89504E47 or uint16be(0) == 0xFFD8 or uint32be(0) == 0x47494638) and $run
}

rule php_decodes_and_runs
{
    meta:
        name = "Garrison.Web.Shell.PhpPacked"
        description = "A PHP page that unpacks a long text step by step and runs it; some licence checks do so, too."
        reference = "ATT&CK T1027.013"
        maturity = "observing"
    strings:
        $run = /(eval|assert)\s{0,4}\(\s{0,4}@?(gzinflate|gzuncompress|str_rot13|base64_decode)\s{0,4}\(\s{0,4}(gzinflate|gzuncompress|str_rot13|base64_decode|strrev)\s{0,4}\(\s{0,4}['"][A-Za-z0-9+\/=]{200}/ nocase
    condition:
        php_page and $run
}

rule jsp_runs_input
{
    meta:
        name = "Garrison.Web.Shell.Jsp"
        description = "A JSP page that starts a process named by a request's field."
        reference = "ATT&CK T1505.003"
    strings:
        $page = "<%"
        $run = /(Runtime\.getRuntime\(\)\.exec|new\s{1,4}ProcessBuilder)\s{0,4}\(\s{0,4}[^;\n]{0,80}request\.getParameter\s{0,4}\(/
    condition:
        filesize < 256KB and all of them
}

rule aspx_runs_input
{
    meta:
        name = "Garrison.Web.Shell.Aspx"
        description = "An ASP page that evaluates a request's field."
        reference = "ATT&CK T1505.003"
    strings:
        $page = /<%@\s{0,4}(Page|WebHandler|WebService)|<%\s{0,4}(eval|execute)/ nocase
        $run = /\b(eval|execute|executeglobal)\s{0,4}\(?\s{0,4}(Request\s{0,4}(\.Item|\.Form|\.QueryString)?\s{0,4}[\[(]\s{0,4}['"])/ nocase
    condition:
        filesize < 256KB and all of them
}
