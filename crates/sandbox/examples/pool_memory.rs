//! What a pool takes of memory: all its processes together, one more worker, and a reload.
//!
//!     cargo run --release -p sandbox --example pool_memory -- \
//!         target/release/garrison-agent DEFINITIONS KEY FOLDER…
//!
//! Prints lines of a name and mebibytes, for each of several reloads one. Proportional set size (PSS): what several processes map
//! counts in part for each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sandbox::{Pool, PoolConfig, Sealed, WorkerCommand};
use scan::{Limits, PublicKey, TrustedKeys};

type Failure = Box<dyn std::error::Error>;

const MAX_DEFINITIONS: u64 = 2 << 30;
/// As a pool has them.
const WORKERS: usize = 2;
/// Files that are scanned again, and how often at most.
const AGAIN: usize = 500;
const TIMES: usize = 5;
/// Looks at all processes until none begins or ends meanwhile.
const TRIES: usize = 1000;
/// Definitions are loaded again so often.
const RELOADS: usize = 5;
/// Longer than workers wait until they give back what they don't need.
const REST: Duration = Duration::from_secs(3);

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(agent), Some(definitions), Some(key)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("expected the agent's program, definitions, their key and folders".into());
    };
    let limits = Limits::default();
    let worker = WorkerCommand {
        program: agent.into(),
        arguments: vec!["worker".into()],
    };
    let trusted = TrustedKeys::none().with(PublicKey::parse(&key)?);
    let open = || -> Result<Sealed, Failure> {
        Ok(Sealed::from_file(
            File::open(&definitions)?.into(),
            MAX_DEFINITIONS,
        )?)
    };
    let mut files = Vec::new();
    for folder in arguments {
        walk(Path::new(&folder), &mut files)?;
    }
    let pool = Pool::new(PoolConfig::new(worker, &limits), open()?, &trusted)?;
    scan(&pool, &files, &limits);
    // What is private shows beside another one alone, and a worker that had to load rules is ended:
    // once more for those that come after it.
    let last = files.get(files.len().saturating_sub(AGAIN)..);
    for _ in 0..TIMES {
        if pool.idle_processes().len() < WORKERS {
            scan(&pool, last.unwrap_or_default(), &limits);
        }
    }
    let workers = pool.idle_processes();
    let least = |workers: &[u32]| -> Result<f64, Failure> {
        let private = workers.iter().map(|worker| memory(*worker));
        let private = private.collect::<Result<Vec<_>, _>>()?;
        Ok(private
            .iter()
            .map(|memory| memory.1)
            .fold(f64::MAX, f64::min))
    };
    println!("scanned {:.2}", family()?);
    println!("worker {:.2}", least(&workers)?);
    std::thread::sleep(REST);
    println!("resting {:.2}", family()?);
    println!("resting_worker {:.2}", least(&workers)?);
    for _ in 0..RELOADS {
        println!("reload {:.2}", reload(&pool, open()?, &trusted)?);
        // As before the first: workers that have scanned, and rest.
        scan(&pool, last.unwrap_or_default(), &limits);
        std::thread::sleep(REST);
    }
    println!("in_place {}", u8::from(open()?.is_in_place()));
    Ok(())
}

/// How many mebibytes more there are at most while definitions are loaded again.
fn reload(pool: &Pool, again: Sealed, trusted: &TrustedKeys) -> Result<f64, Failure> {
    let before = family()?;
    let done = AtomicBool::new(false);
    let (reloaded, most) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !done.load(Ordering::Relaxed) {
                most = most.max(family().unwrap_or(0.0));
            }
            most
        });
        let reloaded = pool.reload(again, trusted);
        done.store(true, Ordering::Relaxed);
        (reloaded, watch.join().unwrap_or(f64::MAX))
    });
    reloaded?;
    Ok(most - before)
}

/// Scans files with all workers.
fn scan(pool: &Pool, files: &[PathBuf], limits: &Limits) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Ok(file) = File::open(path) {
                        pool.scan(std::os::fd::AsFd::as_fd(&file), limits);
                    }
                }
            });
        }
    });
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Mebibytes of this process and all below it, of one moment: what a process shared counts in
/// full for the others once it has ended, so no process may begin or end between the first that is
/// asked and the last.
fn family() -> Result<f64, Failure> {
    for _ in 0..TRIES {
        let processes = processes()?;
        // One that ended meanwhile has none.
        let each = processes.iter().map(|process| memory(*process));
        let sum = each
            .map(|memory| memory.map_or(0.0, |memory| memory.0))
            .sum();
        if self::processes()? == processes {
            return Ok(sum);
        }
    }
    Err("processes begin and end all the time".into())
}

/// This process and all below it.
fn processes() -> Result<Vec<u32>, Failure> {
    let mut all = Vec::new();
    let mut next = vec![std::process::id()];
    while let Some(process) = next.pop() {
        all.push(process);
        for thread in fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
        {
            let children = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
            next.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
    }
    Ok(all)
}

/// Proportional and private mebibytes of a process.
fn memory(process: u32) -> Result<(f64, f64), Failure> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let field = |name: &str| -> Option<f64> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
    };
    let fields = [field("Pss"), field("Private_Clean"), field("Private_Dirty")];
    let [Some(proportional), Some(clean), Some(dirty)] = fields else {
        return Err("the kernel says nothing of memory".into());
    };
    Ok((proportional, clean + dirty))
}
