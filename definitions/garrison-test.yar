rule garrison_test_eicar
{
    meta:
        name = "Garrison.Test.EICAR"
        description = "The EICAR test file: harmless, made to try out protection."
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
    strings:
        // In hexadecimal, so that this file is not one itself.
        $eicar = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 
            29 37 7D 24 45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 
            49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45 21 24 48 2B 48 2A
        }
        // After the 68 bytes only white space may follow, 128 bytes in all: space, tab, line
        // feed, carriage return, and the end-of-file mark of DOS.
        $tail = /[^ \t\n\r\x1a]/
    condition:
        filesize >= 68 and filesize <= 128 and $eicar at 0 and
        not $tail in (68..filesize)
}

rule garrison_test_file
{
    meta:
        name = "Garrison.Test.File"
        description = "Garrison's own test file: harmless, made to try out protection."
    strings:
        // "GARRISON-HARMLESS-TEST-FILE-", then 16 digits.
        $mark = { 47 41 52 52 49 53 4F 4E 2D 48 41 52 4D 4C 45 53 53 2D 54 45 53 54 2D 46 49 4C 45 2D }
    condition:
        filesize < 128 and $mark at 0
}
