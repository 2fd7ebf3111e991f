//! The flow catalogue's command line: what `garrison-flows` and `garrison flows` can be asked.
//!
//! It parses words, reads the files that they name (each within a limit), asks `flows`, and
//! prints. It needs no server, no root and no configuration, opens no socket itself, and decides
//! nothing about flows; [`doctor`] wires the doctor to it.
//!
//! Start reading at [`FlowsCommand`] (what can be typed), then [`arguments`] (which catalogue,
//! which site).

pub mod arguments;
mod audit;
mod coverage;
mod difference;
pub mod doctor;
mod file;
mod import;
mod list;
mod matching;
mod outcome;
mod output;
mod render;
mod schema;
mod show;
pub mod table;

use std::process::ExitCode;

use clap::Subcommand;

use crate::audit::AuditArguments;
use crate::coverage::CoverageArguments;
use crate::difference::DiffArguments;
use crate::doctor::{DoctorArguments, Identity};
use crate::import::ImportCommand;
use crate::list::ListArguments;
use crate::matching::MatchArguments;
use crate::render::RenderArguments;
use crate::schema::SchemaArguments;
use crate::show::ShowArguments;

/// What stands below the help of every door.
pub const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 the answer is no (nothing matches, something is blocked, something
differs, --strict refuses); 2 the command line or a file can't be used.";

/// What the catalogue can be asked.
#[derive(Debug, Subcommand)]
pub enum FlowsCommand {
    /// List flows: who dials whom, on which port, and what for
    List(ListArguments),
    /// Show all that is known about one flow
    Show(ShowArguments),
    /// Draw firewall rules, proxy lists or documents from a catalogue
    Render(RenderArguments),
    /// Say which flows want a host and port
    Match(MatchArguments),
    /// Say what changed between two catalogues, and what that means for rules
    Diff(DiffArguments),
    /// Make a catalogue of a list that somebody else keeps
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Say which flows existing rules block or would inspect, and what to add
    Audit(AuditArguments),
    /// Say which rows of the vendors Garrison has an answer to, and how far
    Coverage(CoverageArguments),
    /// Check which flows work from here: what is broken, why, and the line that mends it
    Doctor(Box<DoctorArguments>),
    /// Print a JSON Schema
    Schema(SchemaArguments),
}

/// The process in which a PAC file is run: when the program was started as one, what it returns.
/// Every program with the doctor asks this before anything else.
#[must_use]
pub fn pac_worker() -> Option<ExitCode> {
    let first = std::env::args_os().nth(1)?;
    (first == ::doctor::script::WORKER).then(::doctor::script::work)
}

/// Runs a command. What fails is told on standard error, after the program's name.
#[must_use]
pub fn run(program: &str, command: &FlowsCommand) -> ExitCode {
    let outcome = match command {
        FlowsCommand::List(arguments) => list::run(arguments),
        FlowsCommand::Show(arguments) => show::run(arguments),
        FlowsCommand::Render(arguments) => render::run(arguments),
        FlowsCommand::Match(arguments) => matching::run(arguments),
        FlowsCommand::Diff(arguments) => difference::run(arguments),
        FlowsCommand::Import { command } => import::run(command),
        FlowsCommand::Audit(arguments) => audit::run(arguments),
        FlowsCommand::Coverage(arguments) => coverage::run(arguments),
        FlowsCommand::Doctor(arguments) => {
            return doctor::run(program, arguments, &Identity::default());
        }
        FlowsCommand::Schema(arguments) => schema::run(arguments),
    };
    outcome::code(program, outcome)
}
