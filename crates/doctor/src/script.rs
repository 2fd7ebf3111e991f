//! PAC files: read within limits, run in a child that can be killed.
//!
//! The child is this very program, started again with [`WORKER`] as its only argument. Before it
//! reads the script it takes from itself the right to open any file or socket, and bounds its
//! memory and processor time; the parent kills it when its time is over.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use flows::audit::{PacAnswer, PacQuestion, PacWorld};
use pac::{Order, Quick};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The hidden subcommand under which a program runs [`work`].
pub const WORKER: &str = "pac-worker";
/// A longer PAC file is refused.
pub const MAX_SCRIPT: usize = 1024 * 1024;
/// A longer order or answer is refused.
const MAX_MESSAGE: u64 = 16 * 1024 * 1024;
/// Of the child's address space.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;
/// Seconds of the processor's time that the child may use.
const MAX_SECONDS: u64 = 10;
/// How long the child may take.
pub const TIME: Duration = Duration::from_secs(5);

/// The child's side: answers the order on standard input on standard output.
#[must_use]
pub fn work() -> ExitCode {
    if confine().is_err() {
        return ExitCode::FAILURE;
    }
    let mut order = Vec::new();
    let read = std::io::stdin().take(MAX_MESSAGE).read_to_end(&mut order);
    if read.is_err() {
        return ExitCode::FAILURE;
    }
    let answer = pac::serve(&order, &Quick::default());
    match std::io::stdout().write_all(&answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// No new rights, no file or socket beside standard input, output and error, no child, no core.
fn confine() -> rustix::io::Result<()> {
    let limit = |resource, most: u64| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        )
    };
    rustix::thread::set_no_new_privs(true)?;
    limit(Resource::As, MAX_MEMORY)?;
    limit(Resource::Cpu, MAX_SECONDS)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nproc, 0)?;
    // Descriptors 0 to 2 are in use, and 3 is the first that there can't be.
    limit(Resource::Nofile, 3)
}

/// Asks a script in a child.
///
/// # Errors
/// When the child can't be started, takes too long, dies, or the script can't be loaded.
pub fn ask(
    program: &Path,
    script: &str,
    questions: &[PacQuestion],
    world: &PacWorld,
    time: Duration,
) -> Result<Vec<PacAnswer>, String> {
    let order = serde_json::to_vec(&Order {
        script: script.to_owned(),
        questions: questions.to_vec(),
        world: world.clone(),
    })
    .map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .arg(WORKER)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            format!(
                "the PAC file could not be run in a process of its own ({}): {error}",
                program.display()
            )
        })?;
    let answer = exchange(&mut child, order, time);
    // It may have ended by itself; in either case nothing of it stays.
    let _ = child.kill();
    let status = child.wait();
    let answer = answer?;
    if answer.is_empty() {
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        return Err(format!(
            "the PAC file used up its memory or its time ({how})"
        ));
    }
    serde_json::from_slice::<Result<Vec<PacAnswer>, String>>(&answer).map_err(|error| {
        format!("the PAC file's process gave no answer that can be read: {error}")
    })?
}

/// Writes the order and reads the answer, both within the time.
fn exchange(child: &mut Child, order: Vec<u8>, time: Duration) -> Result<Vec<u8>, String> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the PAC file's process has no pipes".to_owned());
    };
    std::thread::spawn(move || {
        // A child that died early shows by its answer.
        let _ = input.write_all(&order);
    });
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = output.take(MAX_MESSAGE).read_to_end(&mut answer);
        // Nobody waits any more when the time is over.
        let _ = send.send(read.map(|_| answer));
    });
    match receive.recv_timeout(time) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("the PAC file's process broke off: {error}")),
        Err(_) => Err(format!(
            "the PAC file did not answer within {} s; it may loop for ever",
            time.as_secs_f32()
        )),
    }
}

/// The names whose addresses a script asked for and was not told.
#[must_use]
pub fn names_asked(answers: &[PacAnswer]) -> Vec<String> {
    let mut names: Vec<String> = answers
        .iter()
        .flat_map(|answer| &answer.missing)
        .filter_map(|what| what.strip_prefix("the addresses of "))
        .map(|name| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What a script may know: names that were resolved, this host's address, and the hour.
#[must_use]
pub fn world(
    addresses: BTreeMap<String, Vec<IpAddr>>,
    my_address: Option<IpAddr>,
    now_milliseconds: f64,
) -> PacWorld {
    PacWorld {
        addresses,
        my_address,
        now_milliseconds: Some(now_milliseconds),
    }
}

/// Reads the text of a PAC file.
///
/// # Errors
/// When it is too long or no text.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > MAX_SCRIPT {
        return Err(format!(
            "the PAC file has {} bytes, and {MAX_SCRIPT} are the limit",
            bytes.len()
        ));
    }
    // Old files are in other encodings; what matters in them is ASCII.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
