//! What the manifests say: versions stand in the workspace's root, once.

use std::path::PathBuf;

use anyhow::Context;
use cargo_metadata::Metadata;
use toml::{Table, Value};

use crate::workspace::Workspace;

#[derive(Debug)]
pub(super) struct Manifest {
    /// Relative to the root.
    pub(super) path: PathBuf,
    pub(super) text: Table,
}

impl Manifest {
    /// The root's manifest and every member's.
    pub(super) fn read_all(
        workspace: &Workspace,
        metadata: &Metadata,
    ) -> anyhow::Result<Vec<Manifest>> {
        let members = metadata
            .workspace_packages()
            .into_iter()
            .map(|package| package.manifest_path.clone().into_std_path_buf());
        std::iter::once(workspace.root.join("Cargo.toml"))
            .chain(members)
            .map(|path| {
                let text =
                    std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                let text = text.parse().with_context(|| path.display().to_string())?;
                let path = path
                    .strip_prefix(&workspace.root)
                    .unwrap_or(&path)
                    .to_path_buf();
                Ok(Manifest { path, text })
            })
            .collect()
    }
}

const SECTIONS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(manifests: &[Manifest]) -> Vec<String> {
    manifests.iter().flat_map(check_one).collect()
}

fn check_one(manifest: &Manifest) -> Vec<String> {
    let path = manifest.path.display();
    let mut complaints = Vec::new();
    if let Some(table) = manifest
        .text
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
    {
        for (name, value) in table.as_table().into_iter().flatten() {
            complaints.extend(root_entry(value).map(|wrong| format!("{path}: {name} {wrong}")));
        }
    }
    let platforms = manifest.text.get("target").and_then(Value::as_table);
    let tables = std::iter::once(&manifest.text).chain(
        platforms
            .into_iter()
            .flatten()
            .filter_map(|(_, table)| table.as_table()),
    );
    for table in tables {
        for (name, value) in SECTIONS
            .iter()
            .filter_map(|section| table.get(*section).and_then(Value::as_table))
            .flatten()
        {
            complaints.extend(member_entry(value).map(|wrong| format!("{path}: {name} {wrong}")));
        }
    }
    for replaced in ["patch", "replace"] {
        if manifest.text.contains_key(replaced) {
            complaints.push(format!(
                "{path}: [{replaced}] swaps a dependency for another; expected none"
            ));
        }
    }
    complaints
}

fn root_entry(value: &Value) -> Option<String> {
    let version = match value {
        Value::String(version) => Some(version.as_str()),
        other => other.get("version").and_then(Value::as_str),
    };
    if value.get("git").is_some() {
        return Some("comes from a git address; expected a version from crates.io".to_owned());
    }
    match version {
        Some(version) if version.contains('*') => Some(format!(
            "has the wildcard version {version:?}; name the version that was tested"
        )),
        Some(_) => None,
        None if value.get("path").is_some() => None,
        None => Some("has neither version nor path".to_owned()),
    }
}

fn member_entry(value: &Value) -> Option<String> {
    let inherits = value.get("workspace").and_then(Value::as_bool) == Some(true);
    (!inherits).then(|| {
        "does not say `workspace = true`; versions stand in the root's [workspace.dependencies] alone".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        check(&[Manifest {
            path: "Cargo.toml".into(),
            text: text.parse().unwrap(),
        }])
    }

    #[test]
    fn a_member_that_inherits_passes() {
        assert_eq!(
            complaints(
                "[dependencies]\nserde.workspace = true\ntokio = { workspace = true, features = [\"fs\"] }"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_version_in_a_member_is_refused_in_every_section() {
        for section in [
            "dependencies",
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let found = complaints(&format!("[{section}]\nserde = \"1\""));
            assert_eq!(found.len(), 1, "{section}");
            assert!(found[0].starts_with("Cargo.toml: serde does not say"));
        }
    }

    #[test]
    fn wildcards_and_git_addresses_are_refused_in_the_root() {
        assert_eq!(
            complaints("[workspace.dependencies]\nserde = \"*\"").len(),
            1
        );
        assert_eq!(
            complaints("[workspace.dependencies]\nserde = { version = \"1.*\" }").len(),
            1
        );
        assert_eq!(complaints("[workspace.dependencies]\nserde = { git = \"https://example.org\", version = \"1\" }").len(), 1);
        assert!(
            complaints(
                "[workspace.dependencies]\nserde = \"1\"\nmodel = { path = \"crates/model\" }"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_patch_section_is_refused() {
        assert_eq!(
            complaints("[patch.crates-io]\nserde = { path = \"x\" }").len(),
            1
        );
    }
}
