//! What the program does before libFuzzer begins: choose a target, or answer `cargo xtask fuzz`.

use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

use crate::{ALL, Target, find};

/// Names the target.
const TARGET: &str = "GARRISON_FUZZ_TARGET";
/// Names a folder for the target's seeds and its dictionary; nothing is run.
const SEEDS: &str = "GARRISON_FUZZ_SEEDS";

static CHOSEN: OnceLock<&Target> = OnceLock::new();

/// Chooses the target. Without one, or when its seeds are asked for, the process ends here.
pub fn start() {
    let Ok(name) = std::env::var(TARGET) else {
        for target in ALL {
            println!("{} {}", target.name, target.most_bytes);
        }
        exit(0);
    };
    let Some(target) = find(&name) else {
        eprintln!("expected the name of a target in {TARGET}, got {name:?}");
        exit(2);
    };
    if let Some(folder) = std::env::var_os(SEEDS) {
        match write_seeds(target, Path::new(&folder)) {
            Ok(count) => println!("{count}"),
            Err(error) => {
                eprintln!("the seeds of {name}: {error}");
                exit(2);
            }
        }
        exit(0);
    }
    CHOSEN.get_or_init(|| target);
}

/// Runs the chosen target.
pub fn run(bytes: &[u8]) {
    let target = CHOSEN.get().expect("libFuzzer starts before it runs");
    (target.run)(bytes);
}

fn write_seeds(target: &Target, folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder.join("seeds"))?;
    let seeds = target.all_seeds();
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seeds/{number:04}")), seed)?;
    }
    std::fs::write(folder.join("words"), dictionary(target.words))?;
    Ok(seeds.len())
}

/// A dictionary in libFuzzer's form.
fn dictionary(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| {
            let escaped: String = word
                .bytes()
                .map(|byte| match byte {
                    b'"' | b'\\' => format!("\\{}", char::from(byte)),
                    0x20..=0x7e => char::from(byte).to_string(),
                    _ => format!("\\x{byte:02x}"),
                })
                .collect();
            format!("\"{escaped}\"\n")
        })
        .collect()
}
