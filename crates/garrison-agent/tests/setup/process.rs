//! The real program, as a child process.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use std::io::Write as _;

const PROGRAM: &str = env!("CARGO_BIN_EXE_garrison-agent");

/// An agent that runs. Dropping it ends it.
pub struct Agent {
    child: Child,
    pub data: PathBuf,
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env("GARRISON_LOG", "warn")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a command said.
pub fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Writes a token where only its owner reads it.
pub fn token_file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("token");
    let _ = fs::remove_file(&path);
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

impl Agent {
    pub fn start(data: &Path, token: Option<&Path>) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--lifeline", "--data"]).arg(data);
        if let Some(token) = token {
            command.arg("--token-file").arg(token);
        }
        let ready = data.with_extension("ready");
        let _ = fs::remove_file(&ready);
        command.arg("--ready-file").arg(&ready);
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(data.with_extension("log"))
            .unwrap();
        let child = command
            .env("GARRISON_LOG", "debug,h2=warn,hyper=warn,rustls=warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let agent = Self {
            child,
            data: data.to_owned(),
        };
        super::wait_for("the agent's ready file", || ready.exists().then_some(()));
        agent
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a parent that ends: the lifeline is closed. Answers whether it ended well.
    pub fn stop(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().success()
    }

    /// A local command to this agent.
    pub fn local(&self, arguments: &[&str]) -> Output {
        let data = self.data.to_str().unwrap();
        let mut all: Vec<&str> = arguments.to_vec();
        let at = all
            .iter()
            .position(|word| word.starts_with('/'))
            .unwrap_or(all.len());
        all.splice(at..at, ["--data", data]);
        run(&all)
    }

    pub fn status(&self) -> serde_json::Value {
        let output = self.local(&["status", "--json"]);
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
