//! Objects by identifier or by name.

use model::{DeviceId, GroupId, PolicyId, UserId};
use proto::api::access::User;
use proto::api::device::Device;
use proto::api::group::{Group, NamedPolicy};

use super::session::{Query, Session};

pub(super) async fn device(session: &Session, text: &str) -> anyhow::Result<DeviceId> {
    if let Ok(id) = DeviceId::parse(text) {
        return Ok(id);
    }
    let devices: Vec<Device> = session.all(&Query::of("/api/v1/devices")).await?;
    let named = devices
        .iter()
        .filter(|device| device.hostname.eq_ignore_ascii_case(text))
        .map(|device| device.id.to_string());
    DeviceId::parse(&only("device", text, named.collect())?).map_err(Into::into)
}

pub(super) async fn group(session: &Session, text: &str) -> anyhow::Result<GroupId> {
    if let Ok(id) = GroupId::parse(text) {
        return Ok(id);
    }
    let groups: Vec<Group> = session.all(&Query::of("/api/v1/groups")).await?;
    let named = groups
        .iter()
        .filter(|group| group.name.eq_ignore_ascii_case(text))
        .map(|group| group.id.to_string());
    GroupId::parse(&only("group", text, named.collect())?).map_err(Into::into)
}

pub(super) async fn policy(session: &Session, text: &str) -> anyhow::Result<PolicyId> {
    if let Ok(id) = PolicyId::parse(text) {
        return Ok(id);
    }
    let policies: Vec<NamedPolicy> = session.all(&Query::of("/api/v1/policies")).await?;
    let named = policies
        .iter()
        .filter(|policy| policy.name.eq_ignore_ascii_case(text))
        .map(|policy| policy.id.to_string());
    PolicyId::parse(&only("policy", text, named.collect())?).map_err(Into::into)
}

pub(super) async fn user(session: &Session, text: &str) -> anyhow::Result<UserId> {
    if let Ok(id) = UserId::parse(text) {
        return Ok(id);
    }
    let users: Vec<User> = session.all(&Query::of("/api/v1/users")).await?;
    let named = users
        .iter()
        .filter(|user| user.name == text)
        .map(|user| user.id.to_string());
    UserId::parse(&only("user", text, named.collect())?).map_err(Into::into)
}

fn only(kind: &str, text: &str, ids: Vec<String>) -> anyhow::Result<String> {
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => anyhow::bail!("no {kind} has the identifier or name {text:?}"),
        several => anyhow::bail!(
            "{} {kind}s are called {text:?}; say which by its identifier: {}",
            several.len(),
            several.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_an_object_only_when_no_other_has_it() {
        assert_eq!(only("group", "Lab", vec!["1".into()]).unwrap(), "1");
        let none = only("group", "Lab", Vec::new()).unwrap_err().to_string();
        assert!(none.contains("no group") && none.contains("Lab"), "{none}");
        let two = only("device", "web", vec!["1".into(), "2".into()])
            .unwrap_err()
            .to_string();
        assert!(two.contains("1, 2"), "{two}");
    }
}
