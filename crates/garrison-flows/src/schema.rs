//! `schema`: the JSON Schemas of what is read and printed.

use clap::{Args, ValueEnum};

use crate::outcome::Answer;
use crate::output::Output;

/// What `schema` takes.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// Of what
    #[arg(value_name = "OF", default_value = "catalog")]
    of: Of,
    #[command(flatten)]
    output: Output,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    /// A catalogue, as it is written (in TOML)
    Catalog,
    /// What "list --json" and "render json" print
    List,
    /// What "doctor --json" prints
    Doctor,
}

pub(crate) fn run(arguments: &SchemaArguments) -> anyhow::Result<Answer> {
    let text = match arguments.of {
        Of::Catalog => flows::schema::CATALOGUE,
        Of::List => flows::schema::LIST,
        Of::Doctor => doctor::output::SCHEMA,
    };
    arguments.output.write(text)?;
    Ok(Answer::Done)
}
