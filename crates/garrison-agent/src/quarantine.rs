//! `quarantine list`, `restore`, `delete`.

use agent::local::{Client, ClientError};
use anyhow::bail;
use comfy_table::{Table, presets};
use model::QuarantineId;
use proto::local::{Answer, QuarantineItem, Request};

use crate::cli::{AgentArguments, QuarantineArguments, QuarantineCommand, StatusArguments};

pub(crate) fn quarantine(arguments: &QuarantineArguments) -> anyhow::Result<()> {
    match &arguments.command {
        QuarantineCommand::List(arguments) => list(arguments),
        QuarantineCommand::Restore(item) => {
            let question = Request::QuarantineRestore {
                quarantine: item.id,
            };
            act(&item.agent, &question, item.id, "was put back")
        }
        QuarantineCommand::Delete(item) => {
            let question = Request::QuarantineDelete {
                quarantine: item.id,
            };
            act(&item.agent, &question, item.id, "was deleted")
        }
    }
}

fn list(arguments: &StatusArguments) -> anyhow::Result<()> {
    let mut client = Client::connect(arguments.agent.data.as_deref(), None)?;
    let (Answer::Quarantine { items }, _) = client.ask(&Request::QuarantineList, None)? else {
        bail!(ClientError::Unexpected);
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&items)?);
        return Ok(());
    }
    if items.is_empty() {
        println!("Nothing is in quarantine.");
        return Ok(());
    }
    println!("{}", table(&items));
    Ok(())
}

fn table(items: &[QuarantineItem]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["id", "quarantined", "owner", "bytes", "rules", "path"]);
    for item in items {
        table.add_row([
            item.id.to_string(),
            item.quarantined.to_string(),
            item.owner_uid.to_string(),
            item.size.to_string(),
            item.rules.join(", "),
            item.path.to_string(),
        ]);
    }
    table
}

fn act(
    agent: &AgentArguments,
    question: &Request,
    id: QuarantineId,
    done: &str,
) -> anyhow::Result<()> {
    let mut client = Client::connect(agent.data.as_deref(), None)?;
    client.ask(question, None)?;
    println!("{id} {done}.");
    Ok(())
}
