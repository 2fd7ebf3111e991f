use scan::yara::{Start, Starts};
use yara_x_parser::ast::AST;

use super::condition::{Names, Scope};
use super::*;

fn sources(of: &[(&str, &[u8])]) -> Vec<Source> {
    of.iter()
        .map(|(name, bytes)| Source {
            name: (*name).to_owned(),
            bytes: bytes.to_vec(),
        })
        .collect()
}

/// The number of rules, and the errors as text.
fn compiled(of: &[(&str, &[u8])]) -> (u64, Vec<String>) {
    let sources = sources(of);
    let mut compiler = Compiler::new();
    for source in &sources {
        compiler.add(source);
    }
    let mut errors = Vec::new();
    let sections = compiler
        .finish(&mut RuleSet::default(), &mut errors)
        .unwrap();
    let text = |error: &SourceError| {
        let line = error.line.map_or_else(String::new, |line| line.to_string());
        format!("{}:{line}: {}", error.source, error.reason)
    };
    (sections.count, errors.iter().map(text).collect())
}

#[test]
fn a_bad_rule_costs_one_rule() {
    let text = b"rule one { condition: true }\n\
        rule two { strings: $a = /x(/ condition: $a }\n\
        rule three { condition: one and nothing }\n\
        rule four { condition: one }\n\
        rule five { strings: $a = \"x\" condition: }\n\
        rule six { condition: filesize < 10 }\n";
    let (count, errors) = compiled(&[("a.yar", text)]);
    assert_eq!(count, 3, "{errors:?}");
    let lines: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.split(": ").next())
        .collect();
    assert!(lines.contains(&"a.yar:2"), "{errors:?}");
    assert!(lines.contains(&"a.yar:3"), "{errors:?}");
    assert!(lines.contains(&"a.yar:5"), "{errors:?}");
    assert_eq!(lines.len(), 3, "{errors:?}");
}

/// With them yara-x 1.22.1 panics, or goes on for ever.
#[test]
fn an_expression_that_repeats_nothing_costs_one_rule() {
    let text = b"import \"pe\"\n\
        rule one { strings: $a = /+x y/ wide condition: $a }\n\
        rule two { strings: $a = /a{2}b(+c)/ condition: $a }\n\
        rule three { condition: pe.pdb_path matches /(*x)/ }\n\
        rule four { condition: for any i in (1..2) : (i == 1 and filename matches /a|+/) }\n\
        rule five { strings: $a = /x{}+y\\R{/ condition: $a }\n\
        rule six { condition: filename matches /x{2}/ }\n";
    let (count, errors) = compiled(&[("a.yar", text)]);
    let lines: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.split(": ").next())
        .collect();
    assert_eq!(
        lines,
        ["a.yar:2", "a.yar:3", "a.yar:4", "a.yar:5"],
        "{errors:?}"
    );
    assert_eq!(count, 2, "{errors:?}");
    assert!(
        errors
            .iter()
            .all(|error| error.contains("invalid regular expression: ")),
        "{errors:?}"
    );
}

#[test]
fn an_include_is_one_of_the_sources_given_and_shares_their_names() {
    let (count, errors) = compiled(&[
        (
            "sub/a.yar",
            b"include \"./b.yar\"\nrule a { condition: b and c }",
        ),
        (
            "sub/b.yar",
            b"include \"../c.yar\" rule b { condition: true }",
        ),
        ("c.yar", b"rule c { condition: true }"),
    ]);
    assert_eq!((count, errors), (3, Vec::new()));
}

#[test]
fn an_include_from_elsewhere_is_reported_and_costs_nothing_else() {
    let (count, errors) = compiled(&[(
        "a.yar",
        b"rule a { condition: true }\ninclude \"../../etc/passwd\"\nrule b { condition: true }",
    )]);
    assert_eq!(count, 2);
    assert_eq!(
        errors,
        [
            "a.yar:2: include is left out: expected one of the sources given, got \"../../etc/passwd\""
        ]
    );
}

#[test]
fn includes_in_a_circle_end() {
    let (count, errors) = compiled(&[
        ("a.yar", b"include \"b.yar\"\nrule a { condition: true }"),
        ("b.yar", b"include \"a.yar\"\nrule b { condition: true }"),
        ("c.yar", b"include \"c.yar\"\nrule c { condition: true }"),
    ]);
    assert_eq!(count, 3, "{errors:?}");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors.iter().all(|error| error.contains("in a circle")));
}

#[test]
fn the_same_name_twice_costs_the_second_within_a_source_and_nothing_across_them() {
    let rule: &[u8] = b"rule same { condition: true }";
    let (count, errors) = compiled(&[("a.yar", rule), ("b.yar", rule)]);
    assert_eq!((count, errors), (2, Vec::new()));
    let twice = [rule, b"\n", rule].concat();
    let (count, errors) = compiled(&[("a.yar", &twice)]);
    assert_eq!(count, 1);
    assert!(errors[0].starts_with("a.yar:"), "{errors:?}");
    assert!(errors[0].contains("duplicate"), "{errors:?}");
}

#[test]
fn the_variables_of_loki_and_thor_are_defined() {
    let text = b"rule a { condition: filename == \"x\" or filepath contains \"y\" or \
        extension == \".z\" or filetype == \"EXE\" or owner == \"root\" }";
    assert_eq!(compiled(&[("a.yar", text)]), (1, Vec::new()));
}

#[test]
fn a_condition_may_begin_with_a_module_s_function() {
    let text = b"import \"pe\"\nrule a { condition: pe.imphash() == \"0\" }\n\
        rule b { condition: pe.is_dll() }";
    assert_eq!(compiled(&[("a.yar", text)]), (2, Vec::new()));
}

#[test]
fn bytes_that_are_no_text_cost_only_the_rules_that_match_by_them() {
    let text = b"// caf\xe9\nrule a { meta: author = \"Ren\xe9\" condition: true }\n\
        rule b { strings: $a = \"\xe9t\xe9\" condition: $a }";
    let (count, errors) = compiled(&[("a.yar", text)]);
    assert_eq!(count, 1, "{errors:?}");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("a.yar:3: rule b"), "{errors:?}");
}

#[test]
fn a_rule_goes_with_what_it_needs_whatever_files_those_match() {
    let text = b"private global rule g { condition: filesize < 1MB }\n\
        rule every { condition: true }\n\
        rule pe { condition: uint16(0) == 0x5a4d and every }";
    let sources = sources(&[("a.yar", text)]);
    let mut compiler = Compiler::new();
    compiler.add(&sources[0]);
    let mut errors = Vec::new();
    let sections = compiler
        .finish(&mut RuleSet::default(), &mut errors)
        .unwrap();
    assert_eq!((sections.count, errors), (2, Vec::new()));
    // The index, and a group: neither rule has a literal.
    assert_eq!(sections.sections.len(), 2);
}

fn scope(rule: &str) -> Scope {
    let text = format!(
        "rule r {{ strings: $mz = \"MZ\" $wide = \"MZ\" wide $elf = {{ 7f 45 4c 46 ?? [2] 01 }} \
         condition: {rule} }}"
    );
    let ast = AST::from(text.as_str());
    assert_eq!(ast.errors(), []);
    let rule = ast.rules().next().unwrap();
    let known = [("known".to_owned(), Scope::new(Starts::only(Start::Pdf), 7))];
    Names {
        patterns: rule.patterns.as_deref().unwrap(),
        rules: &known.into_iter().collect(),
    }
    .scope(&rule.condition)
}

#[test]
fn the_files_that_a_rule_can_match_are_read_from_its_condition() {
    let pe = Starts::only(Start::Pe);
    let elf = Starts::only(Start::Elf);
    for (condition, starts) in [
        ("uint16(0) == 0x5a4d and $wide", pe),
        ("0x4d5a == uint16be(0)", pe),
        ("$mz at 0", pe),
        ("$elf at 0 and filesize < 10", elf),
        ("uint32(0) == 0x464c457f or uint16(0) == 0x5a4d", pe.or(elf)),
        ("not uint16(0) == 0x5a4d", pe.complement()),
        (
            "not (uint16(0) == 0x5a4d or $wide or uint32be(0) == 0x7f454c46)",
            pe.or(elf).complement(),
        ),
        (
            "not (uint16(0) == 0x5a4d and uint32be(0) == 0x7f454c46)",
            Starts::ALL,
        ),
        (
            "uint16(0) != 0x5a4d and uint32be(0) != 0x7f454c46",
            pe.or(elf).complement(),
        ),
        ("pe.imphash() == \"x\" and $wide", pe),
        ("pe.is_pe", pe),
        ("pe.number_of_sections > 3 and pe.exports(\"x\")", pe),
        (
            "any of them and for any s in pe.sections: (s.name == \"x\")",
            pe,
        ),
        ("elf.type == elf.ET_EXEC", elf),
        ("known", Starts::only(Start::Pdf)),
        // What says nothing.
        ("$wide at 0", Starts::ALL),
        ("$mz at 1", Starts::ALL),
        ("$mz", Starts::ALL),
        ("uint16(8) == 0x5a4d", Starts::ALL),
        ("pe.is_pe == 0", Starts::ALL),
        ("not pe.is_pe", Starts::ALL),
        ("uint16(4) == pe.MACHINE_AMD64", Starts::ALL),
        ("pe.calculate_checksum() == 4", Starts::ALL),
        ("uint16(0) == 0x5a4d or $wide", Starts::ALL),
    ] {
        assert_eq!(scope(condition).starts(), starts, "{condition}");
    }
}

#[test]
fn the_largest_file_that_a_rule_can_match_is_read_from_its_condition() {
    for (condition, most) in [
        ("filesize < 100", 99),
        ("filesize <= 2KB and $mz", 2048),
        ("100 > filesize", 99),
        ("filesize < 10 or filesize < 20", 19),
        ("filesize == 5", 5),
        ("known and filesize < 100", 7),
        ("filesize > 10", u64::MAX),
        ("filesize < 10 or $mz", u64::MAX),
        ("not filesize < 10", u64::MAX),
        ("filesize < 10 or $mz at 0", u64::MAX),
    ] {
        assert_eq!(
            scope(condition).most_bytes(Starts::ALL),
            most,
            "{condition}"
        );
    }
    let scope = scope("filesize < 10 or ($mz at 0 and filesize < 100)");
    assert_eq!(scope.most_bytes(Starts::only(Start::Elf)), 9);
    assert_eq!(scope.most_bytes(Starts::only(Start::Pe)), 99);
}
