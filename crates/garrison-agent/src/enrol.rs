//! `enrol`: makes this machine a device of a site.

use crate::cli::EnrolArguments;

pub(crate) fn enrol(arguments: &EnrolArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(agent::enrol(&arguments.data, &arguments.token_file))?;
    println!("Enrolled as device {}.", answer.device);
    println!(
        "Start it with: garrison-agent run --data {}",
        arguments.data.display()
    );
    Ok(())
}
