//! What happens to a file: match it, tell its type, open it if it is a container, and do the same
//! to each member.

use std::cmp::min;
use std::fmt;
use std::time::Duration;

use model::verdict::{LimitHit, Remark, RemarkAt};
use model::{Limit, Maturity, RuleMatch, Verdict};

use crate::body::{Patterns, State};
use crate::containers::Container;
use crate::definitions::Definitions;
use crate::executable::ExecutableFormat;
use crate::facts::Facts;
use crate::file_type::FileType;
use crate::kind::Kind;
use crate::limits::{Limits, MAX_DEPTH, MAX_NOTES, MAX_TEXTS};
use crate::watch::Watch;
use crate::yara::{FileNames, Matched, Matcher, RulePart};

mod body;
mod digest;
mod hashes;
mod md5_pairs;
mod members;

use digest::Digests;

/// A file, or as much of it as was read.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    bytes: &'a [u8],
    size: u64,
    names: Option<&'a FileNames>,
}

impl<'a> Input<'a> {
    /// All of a file.
    #[must_use]
    pub const fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            size: bytes.len() as u64,
            names: None,
        }
    }

    /// The beginning of a file of `size` bytes.
    #[must_use]
    pub const fn prefix(bytes: &'a [u8], size: u64) -> Self {
        Self {
            bytes,
            size,
            names: None,
        }
    }

    /// With what the file is called, for rules that ask for it.
    #[must_use]
    pub const fn named(mut self, names: &'a FileNames) -> Self {
        self.names = Some(names);
        self
    }
}

/// Matches files against one set of definitions. Make one and keep it: it holds what matching
/// needs between files.
pub struct Scanner<'d> {
    definitions: &'d Definitions,
    yara: Option<Matcher<'d>>,
    patterns: Option<Patterns<'d>>,
    state: State,
}

impl<'d> Scanner<'d> {
    /// A scanner for these definitions.
    #[must_use]
    pub fn new(definitions: &'d Definitions) -> Self {
        Self {
            definitions,
            yara: definitions.yara(),
            patterns: definitions.patterns(),
            state: State::default(),
        }
    }

    /// Makes now what a scan would otherwise make when it first needs it, of the YARA rules that are
    /// loaded.
    pub fn prepare(&mut self) {
        if let Some(yara) = &mut self.yara {
            yara.prepare();
        }
    }

    /// Starts what a scan would otherwise start when it first needs it: a thread, where there are
    /// YARA rules. A process that may not make one later calls this first.
    pub fn start_clock(&mut self) {
        if let Some(yara) = &mut self.yara {
            yara.start_clock();
        }
    }

    /// The parts of the YARA rules that had to be loaded for files since this was last asked,
    /// because nobody had loaded them before.
    pub fn take_late_parts(&mut self) -> Vec<RulePart> {
        let late = self.yara.as_mut().map(Matcher::take_late);
        late.unwrap_or_default()
    }

    /// Scans one file and everything inside it.
    pub fn scan(&mut self, input: Input<'_>, limits: &Limits, watch: &mut dyn Watch) -> Verdict {
        let most = usize::try_from(limits.file_bytes).unwrap_or(usize::MAX);
        let bytes = input.bytes.get(..most).unwrap_or(input.bytes);
        let whole = bytes.len() as u64 == input.size;
        let started = watch.now();
        let definitions = self.definitions;
        let facts = Facts::of(bytes);
        let mut run = Run {
            definitions,
            yara: &mut self.yara,
            names: input.names,
            patterns: self.patterns,
            state: &mut self.state,
            limits,
            watch,
            started,
            unpacked: 0,
            held: 0,
            depth: 0,
            embedded: false,
            texts: 0,
            path: Vec::new(),
            containers: Vec::new(),
            allowed: 0,
            stopped: false,
            overfull: false,
            verdict: Verdict {
                file_type: facts.kind.name().to_owned(),
                size: input.size,
                hashes: None,
                matches: Vec::new(),
                limits: Vec::new(),
                remarks: Vec::new(),
                members: 0,
                scanned_bytes: 0,
                definitions: definitions.revision(),
            },
        };
        if !whole {
            run.hit(Limit::FileSize);
        }
        run.visit_known(bytes, whole, &facts);
        if definitions.is_damaged() {
            run.note_damage();
        }
        run.verdict
    }
}

impl fmt::Debug for Scanner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("definitions", &self.definitions)
            .finish_non_exhaustive()
    }
}

/// One scan.
struct Run<'r, 'd> {
    definitions: &'d Definitions,
    yara: &'r mut Option<Matcher<'d>>,
    /// What the file is called.
    names: Option<&'r FileNames>,
    patterns: Option<Patterns<'d>>,
    state: &'r mut State,
    limits: &'r Limits,
    watch: &'r mut dyn Watch,
    started: Duration,
    /// Bytes unpacked so far, and those of them that are still held.
    unpacked: u64,
    held: u64,
    depth: u32,
    /// What is looked at goes on to the end of the file that it stands in.
    embedded: bool,
    /// How many mails that are text in each other stand directly around what is looked at.
    texts: u32,
    path: Vec<String>,
    /// The types of the containers around what is looked at, outermost first.
    containers: Vec<FileType>,
    /// How many of the containers around what is looked at are on an allow-list.
    allowed: u32,
    /// Nothing more is read: a limit on the whole scan was reached.
    stopped: bool,
    /// Something was left out of the verdict's lists.
    overfull: bool,
    verdict: Verdict,
}

impl Run<'_, '_> {
    fn visit(&mut self, bytes: &[u8], whole: bool) {
        self.visit_known(bytes, whole, &Facts::of(bytes));
    }

    fn visit_known(&mut self, bytes: &[u8], whole: bool, facts: &Facts) {
        self.verdict.scanned_bytes = self
            .verdict
            .scanned_bytes
            .saturating_add(bytes.len() as u64);
        let mut digests = Digests::new(bytes);
        let mut found = Vec::new();
        if facts.executable.as_ref().is_some_and(|read| read.cut_short) {
            // Work stands for time, so that the same file always ends at the same place.
            self.hit(Limit::Time);
        }
        if whole {
            let program = facts.executable.as_ref();
            let program = program.filter(|found| found.format == ExecutableFormat::Pe);
            let mut sections = self.sections(bytes, program);
            self.hash_ahead(&mut digests, &mut sections);
            self.match_hashes(&mut digests, &mut found);
            self.match_imports(bytes, program, &mut found);
            self.match_sections(sections, &mut found);
        }
        self.match_patterns(bytes, facts, &mut found);
        self.match_yara(self.own(bytes, facts), &mut found);
        if !found.is_empty() && (self.allowed > 0 || whole && self.is_allowed(&mut digests)) {
            self.remark_here(Remark::Allowed);
            found.clear();
        }
        for rule in found {
            self.report(rule, &mut digests);
        }
        if self.depth == 0 && whole && !self.verdict.matches.is_empty() {
            self.verdict.hashes = Some(digests.all());
        }
        let kind = facts.kind;
        if self.stopped {
            return;
        }
        let Some(container) = Container::of(kind, bytes) else {
            return;
        };
        // What a carrier has in it, it has whole: everything in there was found with it.
        if container.is_carrier && self.embedded {
            return;
        }
        // A text with headers of mail in it, again and again, is no mail in mail in mail.
        if kind == Kind::Mail && self.texts >= MAX_TEXTS {
            return;
        }
        if self.depth >= min(self.limits.depth, MAX_DEPTH) {
            self.hit(Limit::Depth);
            return;
        }
        let allowed = u32::from(whole && self.is_allowed(&mut digests));
        self.allowed += allowed;
        self.depth += 1;
        self.containers.push(facts.file_type);
        let embedded = std::mem::replace(&mut self.embedded, false);
        container.walk(bytes, self);
        self.embedded = embedded;
        self.containers.pop();
        self.depth -= 1;
        self.allowed -= allowed;
        // What is inside decides, too, whether a person will ask for the file's own hashes.
        if self.depth == 0 && whole && !self.verdict.matches.is_empty() {
            self.verdict.hashes = Some(digests.all());
        }
    }

    /// What rules are told of: an embedded program without what only follows it in the file that it
    /// stands in, which was looked through with that.
    fn own<'b>(&self, bytes: &'b [u8], facts: &Facts) -> &'b [u8] {
        let end = facts.executable.as_ref().filter(|_| self.embedded);
        end.and_then(|program| bytes.get(..usize::try_from(program.end).ok()?))
            .filter(|own| !own.is_empty())
            .unwrap_or(bytes)
    }

    fn match_yara(&mut self, bytes: &[u8], found: &mut Vec<u32>) {
        let names = self.names_here();
        let limit = self.limits.time;
        let (Some(yara), watch) = (self.yara.as_mut(), &mut *self.watch) else {
            return;
        };
        let open = yara.open(bytes);
        if yara.lacks(&open) {
            // Loading rules is no work that the file makes: it takes nothing from the file's time.
            let before = watch.now();
            yara.load(&open);
            let took = watch.now().saturating_sub(before);
            self.started = self.started.saturating_add(took);
        }
        let started = self.started;
        let left = || {
            let used = watch.now().saturating_sub(started);
            limit.checked_sub(used).filter(|left| !left.is_zero())
        };
        match yara.matches(open, bytes, &names, left, found) {
            Matched::Wholly => {}
            Matched::OutOfTime => self.stop(Limit::Time),
            Matched::Damaged => self.note_damage(),
        }
    }

    /// What the bytes that are looked at are called.
    fn names_here(&self) -> FileNames {
        let file = self.names.cloned().unwrap_or_default();
        let Some(member) = self.path.last() else {
            return file;
        };
        let mut names = FileNames::of_path(member);
        let within = self.path.len() - 1;
        let mut folder = vec![file.folder.as_str(), file.name.as_str()];
        folder.extend(self.path.iter().take(within).map(String::as_str));
        folder.push(&names.folder);
        folder.retain(|step| !step.is_empty());
        names.folder = folder.join("/");
        names
    }

    fn report(&mut self, rule: u32, digests: &mut Digests<'_>) {
        let rule = match self.definitions.rule(rule) {
            Ok(Some(rule)) => rule,
            Ok(None) => return,
            Err(_) => return self.note_damage(),
        };
        let known = |have: &RuleMatch| have.rule == rule.name && have.member == self.path;
        if rule.maturity == Maturity::Withdrawn || self.verdict.matches.iter().any(known) {
            return;
        }
        if self.verdict.matches.len() >= self.limits.matches {
            self.overflow();
            return;
        }
        self.verdict.matches.push(RuleMatch {
            rule: rule.name,
            definition_type: rule.definition_type,
            maturity: rule.maturity,
            member: self.path.clone(),
            hashes: digests.all(),
        });
    }

    /// `None` when the time is used up.
    fn time_left(&mut self) -> Option<Duration> {
        let used = self.watch.now().saturating_sub(self.started);
        self.limits
            .time
            .checked_sub(used)
            .filter(|left| !left.is_zero())
    }

    fn stop(&mut self, limit: Limit) {
        if !self.stopped {
            self.stopped = true;
            self.hit(limit);
        }
    }

    fn hit(&mut self, limit: Limit) {
        self.hit_by(limit, None);
    }

    /// A limit that one rule reached.
    fn hit_by_rule(&mut self, limit: Limit, rule: u32) {
        match self.definitions.rule(rule) {
            Ok(Some(rule)) if rule.maturity == Maturity::Withdrawn => {}
            Ok(rule) => self.hit_by(limit, rule.map(|rule| rule.name)),
            Err(_) => {
                self.note_damage();
                self.hit_by(limit, None);
            }
        }
    }

    fn hit_by(&mut self, limit: Limit, rule: Option<String>) {
        let hit = LimitHit {
            limit,
            member: self.path.clone(),
            rule,
        };
        if self.verdict.limits.contains(&hit) {
            return;
        }
        if self.verdict.limits.len() >= MAX_NOTES {
            self.overflow();
            return;
        }
        self.verdict.limits.push(hit);
    }

    fn remark_here(&mut self, remark: Remark) {
        if self.verdict.remarks.len() >= MAX_NOTES {
            self.overflow();
            return;
        }
        self.verdict.remarks.push(RemarkAt {
            remark,
            member: self.path.clone(),
        });
    }

    fn overflow(&mut self) {
        if !self.overfull {
            self.overfull = true;
            self.verdict.limits.push(LimitHit {
                limit: Limit::Matches,
                member: self.path.clone(),
                rule: None,
            });
        }
    }
}
