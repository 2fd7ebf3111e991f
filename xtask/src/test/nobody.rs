//! As root, everything again as `nobody`: what works only for root is a defect.
//!
//! The checkout and the build may be out of nobody's reach, so executables,
//! programs and sources are laid into the run's own folder first.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::build::{Built, Executable};
use super::environment::{Environment, Identity};
use super::tally::Tally;
use crate::workspace::Workspace;

const PART: &str = "the suite as nobody";

pub(super) fn run(
    workspace: &Workspace,
    built: &Built,
    environment: &Environment,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        tally.skip_part(
            PART,
            "only root can become nobody; it runs as the caller alone",
        );
        return Ok(());
    }
    let accounts = std::fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
    let Some((user, group)) = account(&accounts, "nobody") else {
        tally.skip_part(PART, "/etc/passwd names no user nobody");
        return Ok(());
    };
    let laid = lay_out(workspace, built, &environment.scratch.join("nobody"))?;
    let corpus = environment
        .corpus
        .clone()
        .filter(|corpus| can_read(corpus, user, group));
    let environment = Environment {
        identity: Identity::Nobody { user, group },
        programs: laid.programs,
        sources: laid.sources,
        corpus,
        ..environment.clone()
    };
    super::run_all(&laid.executables, &environment, tally);
    Ok(())
}

struct Laid {
    executables: Vec<Executable>,
    programs: PathBuf,
    sources: PathBuf,
}

fn lay_out(workspace: &Workspace, built: &Built, folder: &Path) -> anyhow::Result<Laid> {
    let (programs, tests, sources) = (
        folder.join("programs"),
        folder.join("tests"),
        folder.join("sources"),
    );
    for new in [&programs, &tests, &sources] {
        open_folder(new, folder)?;
    }
    for program in &built.programs {
        lay(
            program,
            &programs.join(program.file_name().unwrap_or_default()),
        )?;
    }
    for file in workspace.files()? {
        let to = sources.join(&file);
        if let Some(parent) = to.parent() {
            open_folder(parent, folder)?;
        }
        copy(&workspace.root.join(&file), &to)?;
    }
    let mut executables = Vec::new();
    for executable in &built.executables {
        let path = tests.join(&executable.label);
        lay(&executable.path, &path)?;
        let inside = executable
            .folder
            .strip_prefix(&workspace.root)
            .unwrap_or(Path::new(""));
        let folder = sources.join(inside);
        executables.push(Executable {
            path,
            folder,
            ..executable.clone()
        });
    }
    Ok(Laid {
        executables,
        programs,
        sources,
    })
}

/// Makes a folder that all can enter, and those between it and `base`, whatever the umask is.
fn open_folder(path: &Path, base: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    for made in path.ancestors().take_while(|made| made.starts_with(base)) {
        std::fs::set_permissions(made, std::fs::Permissions::from_mode(0o755))
            .with_context(|| made.display().to_string())?;
    }
    Ok(())
}

/// Links a large file where the file system can, and copies it otherwise.
fn lay(from: &Path, to: &Path) -> anyhow::Result<()> {
    let readable = from
        .metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o005 == 0o005);
    if readable && std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let context = || format!("{} to {}", from.display(), to.display());
    std::fs::copy(from, to).with_context(context)?;
    let mode = to.metadata().with_context(context)?.permissions().mode();
    let world = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(world)).with_context(context)
}

/// User and group id of an account, from the text of /etc/passwd.
fn account(text: &str, name: &str) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some((user, group))
    })
}

fn can_read(path: &Path, user: u32, group: u32) -> bool {
    Command::new("test")
        .arg("-r")
        .arg(path)
        .uid(user)
        .gid(group)
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:7::/:\nnobody:x:65534:65533:nobody:/nonexistent:/bin/false\n";
        assert_eq!(account(text, "nobody"), Some((65534, 65533)));
        assert_eq!(account(text, "no"), None);
    }

    #[test]
    fn what_is_laid_out_can_be_read_and_run_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::write(&from, "x").unwrap();
        std::fs::set_permissions(&from, std::fs::Permissions::from_mode(0o700)).unwrap();
        let to = folder.path().join("to");
        lay(&from, &to).unwrap();
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(from.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
