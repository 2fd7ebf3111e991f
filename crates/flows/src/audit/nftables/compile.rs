//! From a ruleset as it is written to chains that packets are sent through.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::interfaces::Interfaces;
use super::words;
use super::{Element, Hook, Key, Operator, Right, RuleSource, Source, Statement, Table, Verdict};
use crate::audit::packet::{Action, Chain, FAMILY_V4, FAMILY_V6, Field, Ranges, Rule, Test, Then};
use crate::audit::{AuditError, AuditOptions, Note};

/// Elements of sets, each counted as often as a rule uses it.
const MAX_ELEMENTS: usize = 4_000_000;

/// A chain that packets come to by themselves.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// `inet filter forward`, as commands name it.
    pub(super) name: String,
    pub(super) hook: Hook,
    pub(super) chain: usize,
    pub(super) v4: bool,
    pub(super) v6: bool,
}

/// A chain without a hook.
#[derive(Debug, Clone)]
pub(super) struct Unhooked {
    /// `inet filter allowed`, as commands name it.
    pub(super) name: String,
    pub(super) chain: usize,
    pub(super) v4: bool,
    pub(super) v6: bool,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) chains: Vec<Chain>,
    pub(super) bases: Vec<Base>,
    /// Chains that packets come to from others alone.
    pub(super) unhooked: Vec<Unhooked>,
    pub(super) notes: Vec<Note>,
    /// Named sets without an element that rules use.
    pub(super) empty_sets: BTreeSet<String>,
    pub(super) interface_in: Option<u128>,
    pub(super) interface_out: Option<u128>,
    pub(super) rules: usize,
}

pub(super) fn compile(source: &Source, options: &AuditOptions<'_>) -> Result<Compiled, AuditError> {
    let mut compiler = Compiler {
        notes: source.notes.clone(),
        interfaces: Interfaces::new(options),
        cache: HashMap::new(),
        elements: 0,
    };
    let mut compiled = Compiled {
        chains: Vec::new(),
        bases: Vec::new(),
        unhooked: Vec::new(),
        notes: Vec::new(),
        empty_sets: BTreeSet::new(),
        interface_in: options
            .interface_in
            .as_deref()
            .map(|name| compiler.interfaces.id(name)),
        interface_out: options
            .interface_out
            .as_deref()
            .map(|name| compiler.interfaces.id(name)),
        rules: 0,
    };
    for (number, table) in source.tables.iter().enumerate() {
        let (v4, v6) = match table.family.as_str() {
            "ip" => (true, false),
            "ip6" => (false, true),
            "inet" => (true, true),
            other => {
                if table.chains.iter().any(|chain| !chain.rules.is_empty()) {
                    compiler.note(
                        0,
                        format!(
                            "table {other} {} is not judged: only ip, ip6 and inet are",
                            table.name
                        ),
                    );
                }
                continue;
            }
        };
        if table.dormant {
            compiler.note(
                0,
                format!(
                    "table {} {} is dormant: its rules do nothing",
                    table.family, table.name
                ),
            );
            continue;
        }
        let first = compiled.chains.len();
        let names: BTreeMap<&str, usize> = table
            .chains
            .iter()
            .enumerate()
            .map(|(at, chain)| (chain.name.as_str(), first + at))
            .collect();
        for (at, chain) in table.chains.iter().enumerate() {
            let mut rules = Vec::with_capacity(chain.rules.len());
            for rule in &chain.rules {
                compiled.rules += 1;
                compiled.empty_sets.extend(empty_sets(table, rule));
                rules.extend(compiler.rule(number, table, &names, rule)?);
            }
            compiled.chains.push(Chain { rules });
            let name = format!("{} {} {}", table.family, table.name, chain.name);
            let Some(hook) = chain.hook.clone() else {
                compiled.unhooked.push(Unhooked {
                    name,
                    chain: first + at,
                    v4,
                    v6,
                });
                continue;
            };
            if !["filter", "nat", "route"].contains(&hook.kind.as_str())
                || ["ingress", "egress"].contains(&hook.hook.as_str())
            {
                compiler.note(
                    0,
                    format!("chain {name} at the hook {} is not judged", hook.hook),
                );
                continue;
            }
            compiled.bases.push(Base {
                name,
                hook,
                chain: first + at,
                v4,
                v6,
            });
        }
    }
    compiled.bases.sort_by_key(|base| base.hook.priority);
    compiled.notes = compiler.notes;
    Ok(compiled)
}

struct Compiler {
    notes: Vec<Note>,
    interfaces: Interfaces,
    cache: HashMap<(usize, String, Field, bool), Rc<Ranges>>,
    elements: usize,
}

/// The named sets without elements that a rule looks into.
fn empty_sets<'t>(table: &'t Table, rule: &'t RuleSource) -> impl Iterator<Item = String> + 't {
    rule.statements.iter().filter_map(|statement| {
        let (Statement::Match {
            right: Right::Set(name),
            ..
        }
        | Statement::Map {
            right: Right::Set(name),
            ..
        }) = statement
        else {
            return None;
        };
        let set = table.sets.get(name)?;
        (set.elements.is_empty() && !set.changes)
            .then(|| format!("{} {} {name}", table.family, table.name))
    })
}

/// What a key is, for the judge.
enum Meaning {
    Field(Field),
    /// Holds or not; the words say what it depends on.
    Unknown(String),
    /// Which kind of address the destination has: never a broadcast or multicast one.
    Cast,
}

fn is(field: Field, values: &[u128]) -> Test {
    Test::In(
        field,
        Rc::new(Ranges::new(
            values.iter().map(|value| (*value, *value)).collect(),
        )),
    )
}

/// The conditions that a key brings with it, and what it means.
fn meaning(key: &Key) -> (Vec<Test>, Meaning) {
    let (header, field) = (key.0.as_str(), key.1.as_str());
    let v4 = || is(Field::Family, &[FAMILY_V4]);
    let v6 = || is(Field::Family, &[FAMILY_V6]);
    let unknown = || Meaning::Unknown(format!("{header} {field}"));
    match (header, field) {
        ("ip", "saddr") => (vec![v4()], Meaning::Field(Field::SourceV4)),
        ("ip", "daddr") => (vec![v4()], Meaning::Field(Field::DestinationV4)),
        ("ip", "protocol") => (vec![v4()], Meaning::Field(Field::Protocol)),
        ("ip", _) => (vec![v4()], unknown()),
        ("ip6", "saddr") => (vec![v6()], Meaning::Field(Field::SourceV6)),
        ("ip6", "daddr") => (vec![v6()], Meaning::Field(Field::DestinationV6)),
        ("ip6", "nexthdr") => (vec![v6()], Meaning::Field(Field::Protocol)),
        ("ip6", _) => (vec![v6()], unknown()),
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th", _) => {
            let protocols: Vec<u128> = match header {
                "th" => vec![6, 17, 33, 132, 136],
                name => words::protocol(name).map(u128::from).into_iter().collect(),
            };
            let meaning = match field {
                "sport" => Meaning::Field(Field::SourcePort),
                "dport" => Meaning::Field(Field::DestinationPort),
                _ => unknown(),
            };
            (vec![is(Field::Protocol, &protocols)], meaning)
        }
        ("icmp", "type") => (
            vec![v4(), is(Field::Protocol, &[1])],
            Meaning::Field(Field::IcmpType),
        ),
        ("icmp", _) => (vec![v4(), is(Field::Protocol, &[1])], unknown()),
        ("icmpv6", _) => (vec![v6(), is(Field::Protocol, &[58])], unknown()),
        ("esp" | "ah" | "comp", _) => {
            let protocol = words::protocol(header)
                .map(u128::from)
                .into_iter()
                .collect::<Vec<_>>();
            (vec![is(Field::Protocol, &protocol)], unknown())
        }
        ("meta", "l4proto") => (Vec::new(), Meaning::Field(Field::Protocol)),
        ("meta", "nfproto" | "protocol") => (Vec::new(), Meaning::Field(Field::Family)),
        ("meta", "iif" | "iifname") => (Vec::new(), Meaning::Field(Field::In)),
        ("meta", "oif" | "oifname") => (Vec::new(), Meaning::Field(Field::Out)),
        ("meta", "pkttype") | ("fib", "type") => (Vec::new(), Meaning::Cast),
        ("ct", "state") => (Vec::new(), Meaning::Field(Field::State)),
        _ => (Vec::new(), unknown()),
    }
}

impl Compiler {
    fn note(&mut self, line: usize, text: String) {
        self.notes.push(Note { line, text });
    }

    fn spend(&mut self, elements: usize) -> Result<(), AuditError> {
        self.elements += elements;
        if self.elements > MAX_ELEMENTS {
            return Err(AuditError::TooMuch {
                what: "elements of sets",
                most: MAX_ELEMENTS,
            });
        }
        Ok(())
    }

    /// `None` for a rule that decides nothing.
    fn rule(
        &mut self,
        number: usize,
        table: &Table,
        names: &BTreeMap<&str, usize>,
        source: &RuleSource,
    ) -> Result<Option<Rule>, AuditError> {
        let mut tests = Vec::new();
        let mut then = None;
        for statement in &source.statements {
            match statement {
                Statement::Match {
                    keys,
                    operator,
                    right,
                } => {
                    tests.extend(self.compare(number, table, keys, *operator, right)?);
                }
                Statement::Flags {
                    mask,
                    values,
                    negated,
                } => {
                    let bits = |names: &[String]| {
                        names
                            .iter()
                            .filter_map(|name| words::flag(name))
                            .fold(0, |all, bit| all | bit)
                    };
                    tests.push(is(Field::Protocol, &[6]));
                    tests.push(Test::Flags {
                        mask: bits(mask),
                        values: values.iter().map(|value| bits(value)).collect(),
                        negated: *negated,
                    });
                }
                Statement::Map { keys, right } => {
                    let (more, map) = self.map(table, names, keys, right, source)?;
                    tests.extend(more);
                    then = Some(map);
                    break;
                }
                Statement::Verdict(verdict) => {
                    then = Some(Then::Do(action(verdict, names)));
                    break;
                }
                Statement::Maybe(reason) => tests.push(Test::Maybe(reason.as_str().into())),
                Statement::Rewrite => {
                    then = Some(Then::Do(Action::Rewrite));
                    break;
                }
                Statement::Silent => {}
                Statement::Strange(text) => {
                    self.note(
                        source.line,
                        format!("not understood, so the rule may do anything: {text}"),
                    );
                    let reason = format!("line {} is not understood: {}", source.line, source.text);
                    then = Some(Then::Do(Action::Anything(reason.into())));
                    break;
                }
            }
        }
        Ok(then.map(|then| Rule {
            line: source.line,
            text: source.text.as_str().into(),
            tests,
            then,
        }))
    }

    fn elements<'t>(table: &'t Table, right: &'t Right) -> Option<(&'t [Element], bool)> {
        match right {
            Right::Elements(elements) => Some((elements, false)),
            Right::Set(name) => table
                .sets
                .get(name)
                .map(|set| (set.elements.as_slice(), set.changes)),
        }
    }

    fn compare(
        &mut self,
        number: usize,
        table: &Table,
        keys: &[Key],
        operator: Operator,
        right: &Right,
    ) -> Result<Vec<Test>, AuditError> {
        let maybe = |reason: &str| Test::Maybe(reason.into());
        let mut tests = Vec::new();
        let mut fields = Vec::new();
        for key in keys {
            let (needed, meaning) = meaning(key);
            tests.extend(needed);
            match meaning {
                Meaning::Field(field) => fields.push(field),
                Meaning::Unknown(what) => {
                    tests.push(maybe(&what));
                    return Ok(tests);
                }
                Meaning::Cast => {
                    tests.extend(cast(table, operator, right));
                    return Ok(tests);
                }
            }
        }
        let Some((elements, changes)) = Self::elements(table, right) else {
            tests.push(maybe("a set that the file doesn't have"));
            return Ok(tests);
        };
        if changes {
            tests.push(maybe("a set that changes while the firewall runs"));
            return Ok(tests);
        }
        let negated = operator == Operator::IsNot;
        if let [field] = fields.as_slice() {
            let cached = match right {
                Right::Set(name) => Some((number, name.clone(), *field, negated)),
                Right::Elements(_) => None,
            };
            if let Some(known) = cached.as_ref().and_then(|key| self.cache.get(key)) {
                tests.push(Test::In(*field, Rc::clone(known)));
                return Ok(tests);
            }
            self.spend(elements.len())?;
            match self.single(*field, elements, operator) {
                Ok(ranges) => {
                    let ranges = Rc::new(ranges);
                    if let Some(key) = cached {
                        self.cache.insert(key, Rc::clone(&ranges));
                    }
                    tests.push(Test::In(*field, ranges));
                }
                Err(word) => tests.push(maybe(&format!("what {word:?} means"))),
            }
            return Ok(tests);
        }
        self.spend(elements.len())?;
        let mut tuples = Vec::with_capacity(elements.len());
        for element in elements {
            match self.tuple(&fields, element) {
                Some(tuple) => tuples.push(tuple),
                None => {
                    tests.push(maybe(&format!("what {:?} means", element.key.join(" . "))));
                    return Ok(tests);
                }
            }
        }
        tests.push(Test::Tuple {
            fields,
            elements: tuples,
            negated,
        });
        Ok(tests)
    }

    fn range(&mut self, field: Field, word: &str) -> Option<Vec<(u128, u128)>> {
        match field {
            Field::In | Field::Out => Some(self.interfaces.ranges(word)),
            Field::Family
            | Field::SourceV4
            | Field::SourceV6
            | Field::DestinationV4
            | Field::DestinationV6
            | Field::Protocol
            | Field::SourcePort
            | Field::DestinationPort
            | Field::State
            | Field::IcmpType => words::range(field, word).map(|range| vec![range]),
        }
    }

    fn single(
        &mut self,
        field: Field,
        elements: &[Element],
        operator: Operator,
    ) -> Result<Ranges, String> {
        let mut ranges = Vec::with_capacity(elements.len());
        for element in elements {
            let word = element.key.first().map_or("", String::as_str);
            if element.key.len() != 1 {
                return Err(element.key.join(" . "));
            }
            ranges.extend(self.range(field, word).ok_or_else(|| word.to_owned())?);
        }
        let bound = ranges.first().copied().unwrap_or((0, 0)).0;
        let largest = field.largest();
        Ok(match operator {
            Operator::Is => Ranges::new(ranges),
            Operator::IsNot => Ranges::new(ranges).complement(largest),
            Operator::AtMost => Ranges::new(vec![(0, bound)]),
            Operator::AtLeast => Ranges::new(vec![(bound, largest)]),
            Operator::Less => Ranges::new(
                bound
                    .checked_sub(1)
                    .map(|last| (0, last))
                    .into_iter()
                    .collect(),
            ),
            Operator::More => Ranges::new(
                bound
                    .checked_add(1)
                    .map(|first| (first, largest))
                    .into_iter()
                    .collect(),
            ),
        })
    }

    fn tuple(&mut self, fields: &[Field], element: &Element) -> Option<Vec<Ranges>> {
        // `*` is the element for everything else.
        if element.key.len() == 1 && element.key.first().is_some_and(|word| word == "*") {
            return Some(
                fields
                    .iter()
                    .map(|field| Ranges::new(vec![(0, field.largest())]))
                    .collect(),
            );
        }
        if element.key.len() != fields.len() {
            return None;
        }
        fields
            .iter()
            .zip(&element.key)
            .map(|(field, word)| self.range(*field, word).map(Ranges::new))
            .collect()
    }

    fn map(
        &mut self,
        table: &Table,
        names: &BTreeMap<&str, usize>,
        keys: &[Key],
        right: &Right,
        source: &RuleSource,
    ) -> Result<(Vec<Test>, Then), AuditError> {
        let mut tests = Vec::new();
        let mut fields = Vec::new();
        let anything = |what: &str| {
            let reason = format!("line {} depends on {what}: {}", source.line, source.text);
            Then::Do(Action::Anything(reason.into()))
        };
        for key in keys {
            let (needed, meaning) = meaning(key);
            tests.extend(needed);
            match meaning {
                Meaning::Field(field) => fields.push(field),
                Meaning::Unknown(what) => return Ok((tests, anything(&what))),
                Meaning::Cast => return Ok((tests, anything("the kind of address"))),
            }
        }
        let Some((elements, false)) = Self::elements(table, right) else {
            return Ok((
                tests,
                anything("a map that the file doesn't have, or that changes"),
            ));
        };
        self.spend(elements.len())?;
        let mut found = Vec::with_capacity(elements.len());
        let mut for_the_rest = Vec::new();
        for element in elements {
            let Some(verdict) = &element.verdict else {
                return Ok((tests, anything("an element without a verdict")));
            };
            let Some(tuple) = self.tuple(&fields, element) else {
                return Ok((
                    tests,
                    anything(&format!("what {:?} means", element.key.join(" . "))),
                ));
            };
            let action = action(verdict, names);
            if element.key.iter().all(|word| word == "*") {
                for_the_rest.push((tuple, action));
            } else {
                found.push((tuple, action));
            }
        }
        found.extend(for_the_rest);
        Ok((
            tests,
            Then::Map {
                fields,
                elements: found,
            },
        ))
    }
}

/// The kind of address that the packets of a flow go to is unicast.
fn cast(table: &Table, operator: Operator, right: &Right) -> Vec<Test> {
    const OTHER: &[&str] = &[
        "broadcast",
        "multicast",
        "anycast",
        "blackhole",
        "unreachable",
        "prohibit",
    ];
    let other = Compiler::elements(table, right).is_some_and(|(elements, _)| {
        elements
            .iter()
            .flat_map(|element| &element.key)
            .all(|word| OTHER.contains(&word.as_str()))
    });
    match (other, operator) {
        (true, Operator::Is) => vec![is(Field::Family, &[])],
        (true, Operator::IsNot) => Vec::new(),
        _ => vec![Test::Maybe("the host's routes".into())],
    }
}

fn action(verdict: &Verdict, names: &BTreeMap<&str, usize>) -> Action {
    let chain = |name: &str| names.get(name).copied();
    let missing =
        |name: &str| Action::Anything(format!("the chain {name} is not in the file").into());
    match verdict {
        Verdict::Accept => Action::Accept,
        Verdict::Drop => Action::Drop,
        Verdict::Return => Action::Return,
        Verdict::Continue => Action::Continue,
        Verdict::Jump(name) => chain(name).map_or_else(|| missing(name), Action::Jump),
        Verdict::Goto(name) => chain(name).map_or_else(|| missing(name), Action::Goto),
    }
}
